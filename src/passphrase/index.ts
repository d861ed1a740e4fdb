export { type Norm, assertNewPassphrase, isNorm, normalisePassphrase } from './normalise.js';
