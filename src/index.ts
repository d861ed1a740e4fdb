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
  type AddKeyOptions,
  type Census,
  type CreateOptions,
  type KeyInfo,
  type KeyKind,
  type KeyState,
  Keyring,
  type OpenOptions,
  type TableCensus,
  type UnlockSecret,
  activateKey,
  addKey,
  createKeyring,
  listKeys,
  openKeyring,
  refreshKeyring,
  resumeKey,
  suspendKey,
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
