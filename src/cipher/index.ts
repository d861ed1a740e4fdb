export { CellKeys, type DataKey, type Scope, assertScopeFits, cellKeyInfo } from './cell-keys.js';
export { openDeterministic, sealDeterministic } from './deterministic.js';
export { Lru } from './lru.js';
export { type CellContext, openRandomized, sealRandomized } from './randomized.js';
