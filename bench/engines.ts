/** The engine that answers at once. */
import type { SynchronousEngine } from 'cellseal';
import { nodeEngine as makeEngine } from 'cellseal/node';

export const nodeEngine: SynchronousEngine = makeEngine();
