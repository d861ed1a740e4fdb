export { type AcknowledgementOptions, awaitAcknowledgement, processesBehind } from './acknowledgement.js';
export { exportKeyring, importKeyring, keyringArchive } from './archive.js';
export { type Census, type IndexCensus, type TableCensus, issueCensus } from './census.js';
export {
  type AddKeyOptions,
  type KeyInfo,
  activateKey,
  addKey,
  addTenants,
  keyInfo,
  listKeys,
  listTenantKeys,
  refreshKeyring,
  setPolicy,
} from './change.js';
export {
  type KeyUsage,
  type KeyringDescription,
  describeKeyring,
  isActive,
  listKeyUsage,
} from './describe.js';
export {
  type DestroyOptions,
  type DestructionReceipt,
  type DestructionUnknown,
  type ScheduleOptions,
  cancelDestruction,
  destroyKey,
  scheduleDestruction,
  withdrawKey,
} from './destroy.js';
export type { Environment } from './environment.js';
export type {
  CompromisedKeyEvent,
  DestructionScheduledEvent,
  KeyAgeEvent,
  KeyUsageEvent,
  KeyringChangedEvent,
  KeyringEvent,
  KeyringFailureEvent,
  KeyringListener,
} from './events.js';
export { type Abandoned, type HoldChoice, countUnderKey, holdOf } from './hold.js';
export { Keyring, type SynchronousKeyring, openedOf } from './keyring.js';
export { keyIdOf } from './keys.js';
export {
  type CreateOptions,
  type HoldOptions,
  type KeyringPin,
  type OpenOptions,
  type SynchronousOptions,
  createKeyring,
  createKeyringIn,
  openKeyring,
  openKeyringIn,
} from './open.js';
export type { OpenedKeyring, TokenKeyChoice, TokenKeyPlace } from './opened.js';
export type { KeyringPolicy } from './policy.js';
export {
  type KeyringProcess,
  type KeyringWatch,
  type WatchOptions,
  closeKeyring,
  forgetProcess,
  listProcesses,
  watchKeyring,
} from './processes.js';
export {
  type MissingKey,
  type RestoreKeyOptions,
  type RestoredKeys,
  listMissingKeys,
  restoreKey,
} from './restore.js';
export {
  type ChangeKeyOptions,
  type KeyChange,
  changeKey,
  finishKeyChange,
} from './root-change.js';
export {
  type AddSlotOptions,
  type CalibrateOptions,
  type ChangePassphraseOptions,
  type SlotInfo,
  addSlot,
  calibrateIterations,
  changePassphrase,
  listSlots,
  removeSlot,
  verifyCopy,
} from './slot-change.js';
export type { NewSlot, UnlockSecret } from './slots.js';
export { KEY_STATES, type KeyKind, type KeyState } from './states.js';
export {
  type NoteCensusOptions,
  type SuspendManyOptions,
  type SuspendOptions,
  markCompromised,
  noteCensus,
  resumeKey,
  suspendKey,
  suspendKeys,
} from './suspend.js';
