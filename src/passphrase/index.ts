export {
  type Norm,
  assertNewPassphrase,
  damageOf,
  isNorm,
  normOfNew,
  normalisePassphrase,
} from './normalise.js';
