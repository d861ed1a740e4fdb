export {
  type BlindIndex,
  type BuiltInTransform,
  type CompoundIndexOptions,
  type IndexOptions,
  blindIndex,
  tokenCharacters,
} from './definition.js';
export { entropyWarning } from './entropy.js';
export {
  type IndexedValue,
  type TokenPlace,
  type TokenScope,
  indexToken,
  tokenScope,
} from './token.js';
export { TokenKeys } from './token-keys.js';
export { type OwnTransform, type Transform, assertTakes, transformOf } from './transforms.js';
