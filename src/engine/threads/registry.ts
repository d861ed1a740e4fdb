import type { CellThreads } from '../../ports/cell-threads.js';
import type { Engine } from '../../ports/engine.js';

const threads = new WeakMap<Engine, CellThreads>();

/** The other threads of an engine. An engine that is made of one that has some has none: they know nothing of what it does otherwise. */
export function threadsOf(engine: Engine): CellThreads | undefined {
  return threads.get(engine);
}

export function giveThreads(engine: Engine, own: CellThreads): void {
  threads.set(engine, own);
}
