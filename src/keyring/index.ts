export { type Census, type TableCensus, issueCensus } from './census.js';
export {
  type AddKeyOptions,
  type KeyInfo,
  activateKey,
  addKey,
  listKeys,
  refreshKeyring,
  resumeKey,
  suspendKey,
} from './change.js';
export type { Environment } from './environment.js';
export { Keyring, openedOf } from './keyring.js';
export {
  type CreateOptions,
  type OpenOptions,
  createKeyring,
  createKeyringIn,
  openKeyring,
  openKeyringIn,
} from './open.js';
export type { OpenedKeyring } from './opened.js';
export type { UnlockSecret } from './slots.js';
export type { KeyKind, KeyState } from './states.js';
