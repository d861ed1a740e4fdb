/**
 * Cell-level encryption: keys from passphrases, authenticated encryption of attribute values, bound to where they live.
 *
 * @packageDocumentation
 */
export {
  type Attribute,
  type AttributeOptions,
  type Binding,
  type IdOptions,
  type IdPart,
  type IntegerId,
  type IntegerOptions,
  type UuidValue,
  boolean,
  bytes,
  date,
  decimal,
  float,
  integer,
  json,
  text,
  timestamp,
  uuid,
} from './attribute.js';
export type { Bytes } from './bytes.js';
export type { IntegerForm, JsonValue } from './codec/index.js';
export type { ContextPart } from './envelope/index.js';
export * from './errors.js';
export { keyTagOf } from './key-tag.js';
export {
  type AcknowledgementOptions,
  type AddKeyOptions,
  type AddSlotOptions,
  type CalibrateOptions,
  type Census,
  type ChangeKeyOptions,
  type ChangePassphraseOptions,
  type CompromisedKeyEvent,
  type CreateOptions,
  type HoldOptions,
  type KeyAgeEvent,
  type KeyChange,
  type KeyInfo,
  type KeyKind,
  type KeyState,
  type KeyUsage,
  type KeyUsageEvent,
  Keyring,
  type KeyringChangedEvent,
  type KeyringDescription,
  type KeyringEvent,
  type KeyringFailureEvent,
  type KeyringListener,
  type KeyringPin,
  type KeyringPolicy,
  type KeyringProcess,
  type KeyringWatch,
  type MissingKey,
  type NewSlot,
  type OpenOptions,
  type RestoreKeyOptions,
  type RestoredKeys,
  type SlotInfo,
  type TableCensus,
  type UnlockSecret,
  type WatchOptions,
  activateKey,
  addKey,
  addSlot,
  addTenants,
  awaitAcknowledgement,
  calibrateIterations,
  changeKey,
  changePassphrase,
  closeKeyring,
  createKeyring,
  describeKeyring,
  exportKeyring,
  finishKeyChange,
  forgetProcess,
  importKeyring,
  isActive,
  keyringArchive,
  listKeyUsage,
  listKeys,
  listMissingKeys,
  listProcesses,
  listSlots,
  listTenantKeys,
  openKeyring,
  refreshKeyring,
  removeSlot,
  restoreKey,
  resumeKey,
  setPolicy,
  suspendKey,
  verifyCopy,
  watchKeyring,
} from './keyring/index.js';
export type { MaybePromise } from './maybe.js';
export type * from './ports/engine.js';
export type * from './ports/key-management.js';
export type * from './ports/keyring-store.js';
export type { CellForm, TableLayout } from './ports/record-store.js';
export {
  type ManyOptions,
  decryptCell,
  decryptRecord,
  decryptRecords,
  encryptCell,
  encryptRecord,
  encryptRecords,
} from './record.js';
export { tenantOf } from './record-id.js';
export type {
  AttributeName,
  AttributeNamed,
  BinaryCell,
  Cell,
  CellNamed,
  DecryptedRecord,
  EncryptedRecord,
  RecordArguments,
  RecordIdOf,
  RecordInput,
  RecordOf,
  Sealed,
  StoredInput,
  StoredOf,
  TenantOptions,
  ValueOf,
} from './record-types.js';
export { type Schema, schema } from './schema.js';
export type {
  StandardFailure,
  StandardProperties,
  StandardResult,
  StandardSchema,
  StandardSuccess,
  StandardTypes,
} from './standard-schema.js';
export { type Attributes, type RecordId, type Table, type TableOptions, table } from './table.js';
