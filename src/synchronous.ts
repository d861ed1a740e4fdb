import { NotSynchronousError } from './errors.js';
import { type Keyring, type SynchronousKeyring, openedOf } from './keyring/index.js';
import { type Lookup, tokensToAsk } from './lookup.js';
import { type MaybePromise, ignore, isPromise } from './maybe.js';
import type { SynchronousEngine } from './ports/engine.js';
import { openOne, openRecord, sealOne, sealRecord } from './record.js';
import type {
  AttributeName,
  AttributeNamed,
  CellNamed,
  DecryptedRecord,
  EncryptedRecord,
  LookupName,
  LookupValue,
  RecordArguments,
  RecordIdOf,
  RecordInput,
  StoredInput,
  ValueOf,
} from './record-types.js';
import type { Table } from './table.js';

/**
 * `encryptRecord` without a promise, for callers that cannot wait: hooks and getters of an ORM. The keyring is one that
 * was opened with an engine that answers at once (`nodeEngine()` of cellseal/node). Have it watched (`watchKeyring`), so
 * that it is not older than it may be when it is needed.
 *
 * @throws NotSynchronousError: it would have to wait after all, or the engine is another. `reason` says which. Otherwise as `encryptRecord` does.
 */
export function encryptRecordSync<T extends Table, R extends RecordInput<T>>(
  definition: T,
  record: R,
  keyring: SynchronousKeyring,
  ...options: RecordArguments<T>
): EncryptedRecord<T, R> {
  return atOnce(keyring, definition, () => sealRecord(definition, record, keyring, options));
}

/**
 * `decryptRecord` without a promise; see {@link encryptRecordSync}.
 *
 * @throws NotSynchronousError: it would have to wait after all, or the engine is another. `reason` says which. Otherwise as `decryptRecord` does.
 */
export function decryptRecordSync<T extends Table, R extends StoredInput<T>>(
  definition: T,
  row: R,
  keyring: SynchronousKeyring,
  ...options: RecordArguments<T>
): DecryptedRecord<T, R> {
  return atOnce(keyring, definition, () => openRecord(definition, row, keyring, options));
}

/**
 * `encryptCell` without a promise; see {@link encryptRecordSync}.
 *
 * @throws NotSynchronousError: it would have to wait after all, or the engine is another. `reason` says which. Otherwise as `encryptCell` does.
 */
export function encryptCellSync<T extends Table, K extends AttributeName<T>>(
  definition: T,
  attribute: K,
  value: ValueOf<AttributeNamed<T, K>> | null,
  id: Partial<RecordIdOf<T>>,
  keyring: SynchronousKeyring,
  ...options: RecordArguments<T>
): CellNamed<T, K> {
  const cell = atOnce(keyring, definition, () => sealOne(definition, attribute, value, id, keyring, options));
  return cell as CellNamed<T, K>;
}

/**
 * `decryptCell` without a promise; see {@link encryptRecordSync}.
 *
 * @throws NotSynchronousError: it would have to wait after all, or the engine is another. `reason` says which. Otherwise as `decryptCell` does.
 */
export function decryptCellSync<T extends Table, K extends AttributeName<T>>(
  definition: T,
  attribute: K,
  cell: string | Uint8Array,
  id: Partial<RecordIdOf<T>>,
  keyring: SynchronousKeyring,
  ...options: RecordArguments<T>
): ValueOf<AttributeNamed<T, K>> | null {
  const value = atOnce(keyring, definition, () => openOne(definition, attribute, cell, id, keyring, options));
  return value as ValueOf<AttributeNamed<T, K>> | null;
}

/**
 * `lookup` without a promise; see {@link encryptRecordSync}.
 *
 * @throws NotSynchronousError: it would have to wait after all, or the engine is another. `reason` says which. Otherwise as `lookup` does.
 */
export function lookupSync<T extends Table, N extends LookupName<T>>(
  definition: T,
  name: N,
  values: LookupValue<T, N> | readonly LookupValue<T, N>[],
  keyring: SynchronousKeyring,
  ...options: RecordArguments<T>
): Lookup {
  return atOnce(keyring, definition, () => tokensToAsk(definition, name, values, keyring, options));
}

function atOnce<T>(keyring: Keyring, { name: table }: Table, work: () => MaybePromise<T>): T {
  const opened = openedOf(keyring);
  const { engine } = opened.environment;
  if (typeof (engine as Partial<SynchronousEngine>).atOnce !== 'function')
    throw new NotSynchronousError('engine', { table });
  const result = opened.atOnce(engine as SynchronousEngine, work);
  if (!isPromise(result)) return result;
  ignore(result); // an engine that shares what another call has begun
  throw new NotSynchronousError('waiting', { table });
}
