import type { SynchronousEngine } from 'cellseal';
import { nodeEngine as makeEngine } from 'cellseal/node';

/** The engine that answers at once. */
export const nodeEngine: SynchronousEngine = makeEngine();
/** The same with another thread for rotations. */
export const threadedEngine: SynchronousEngine = makeEngine({ threads: 1 });
