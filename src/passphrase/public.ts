/**
 * Passphrases: generating them with check characters, saving and reading them, telling what has damaged a copy, and how
 * strong one that a person chose is at most. The errors are those of the root entry.
 *
 * @packageDocumentation
 */
export type { Bytes } from '../bytes.js';
export type { PassphraseDamage } from '../errors.js';
export type { PassphraseEncoding } from './encodings.js';
export { type EncodeOptions, type PassphraseFile, encodePassphraseFile, readPassphraseFile } from './file.js';
export { type GenerateOptions, generatePassphrase } from './generate.js';
export { type PassphraseCheck, checkPassphrase } from './normalise.js';
export { type StrengthEstimate, estimateStrength } from './strength.js';
export type { PassphraseStyle } from './styles.js';
