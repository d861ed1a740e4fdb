export { type IndexedValue, type TokenPlace, indexToken } from './token.js';
export { type OwnTransform, type Transform, assertTakes, transformOf } from './transforms.js';
