export { CellKeys, type DataKey, type Scope, assertScopeFits, cellKeyInfo } from './cell-keys.js';
export { openDeterministic, sealDeterministic } from './deterministic.js';
export { Lru } from './lru.js';
export { openRandomized, randomizedContext, sealRandomized } from './randomized.js';
