export { CellKeys, type DataKey, type Scope, cellKeyInfo } from './cell-keys.js';
export { openDeterministic, sealDeterministic } from './deterministic.js';
export { Lru } from './lru.js';
export { openRandomized, randomizedContext, sealRandomized } from './randomized.js';
