export { type IndexedValue, type TokenPlace, indexToken } from './token.js';
