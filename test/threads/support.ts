import { setTimeout as pause } from 'node:timers/promises';
import { onTestFinished } from 'vitest';
import { type NodeEngine, nodeEngine } from '../../src/engine/node.js';
import { giveThreads, threadsOf } from '../../src/engine/threads/registry.js';
import type { CellBundle, CellThreads } from '../../src/ports/cell-threads.js';

/** How many cells went to other threads. */
export interface Sent {
  seal: number;
  open: number;
  renew: number;
}

/** An engine whose threads have started, with what goes to them counted. Ended with the test. */
export async function threadedEngine(
  threads = 1,
): Promise<{ readonly engine: NodeEngine; readonly sent: Sent }> {
  const engine = nodeEngine({ threads });
  onTestFinished(() => engine.close());
  await started(engine);
  return counted(engine);
}

export function counted(engine: NodeEngine): { readonly engine: NodeEngine; readonly sent: Sent } {
  const sent = { seal: 0, open: 0, renew: 0 };
  const inner = threadsOf(engine) as CellThreads;
  const count = <T>(work: keyof Sent, result: T): T => {
    if (result !== undefined) sent[work]++;
    return result;
  };
  const threads: CellThreads = {
    count: inner.count,
    forgetKeys: () => inner.forgetKeys(),
    send: (fill) =>
      inner.send((bundle) => {
        const counting: CellBundle = {
          seal: (...given) => count('seal', bundle.seal(...given)),
          open: (...given) => count('open', bundle.open(...given)),
          renew: (...given) => count('renew', bundle.renew(...given)),
          hasRoomFor: (bytes) => bundle.hasRoomFor(bytes),
          get isFull() {
            return bundle.isFull;
          },
        };
        fill(counting);
      }),
  };
  const counting: NodeEngine = { ...engine };
  giveThreads(counting, threads);
  return { engine: counting, sent };
}

/** Waits until every thread takes bundles. */
export async function started(engine: NodeEngine): Promise<void> {
  for (let tries = 0; !isFree(engine); tries++) {
    if (tries > 2_000) throw new Error('No thread has started.');
    await pause(5);
  }
  await pause(20); // the others
}

function isFree(engine: NodeEngine): boolean {
  let isTaken = false;
  threadsOf(engine)?.send(() => {
    isTaken = true;
  });
  return isTaken;
}

/** What was made of each; throws what the first one that failed says. */
export function valuesOf<T>(outcomes: readonly PromiseSettledResult<T>[]): T[] {
  return outcomes.map((outcome) => {
    if (outcome.status === 'rejected') throw outcome.reason;
    return outcome.value;
  });
}
