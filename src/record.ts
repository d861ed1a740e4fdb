import type { AdoptingRule } from './attribute.js';
import { type CellPlace, cellPlace, openAdopted, openValue, sealValue } from './cell.js';
import { settleAll } from './concurrency.js';
import type { ContextValue } from './envelope/index.js';
import { DefinitionError, InvalidValueError } from './errors.js';
import { withFormer } from './former.js';
import type { Keyring } from './keyring/index.js';
import { DEFAULT_CONCURRENCY, MAX_CONCURRENCY } from './limits.js';
import { type MaybePromise, andThen, mapEach } from './maybe.js';
import { contextRecord, contextTenant, idValues } from './record-id.js';
import type {
  AttributeName,
  AttributeNamed,
  CellNamed,
  DecryptedRecord,
  EncryptedRecord,
  RecordArguments,
  RecordIdOf,
  RecordInput,
  StoredInput,
  TenantOptions,
  ValueOf,
} from './record-types.js';
import { type Table, bindingOf } from './table.js';
import { sealTokens } from './tokens.js';

/** The options of the functions that take many records. */
export interface ManyOptions {
  /** Records under way at once, 1 to 1,024. Default: 32. */
  readonly concurrency?: number;
}

/**
 * Encrypts the attributes of a record: ready to INSERT or to UPDATE. Whole records and patches alike: an attribute that
 * is `undefined` or not there stays so, `null` stays `null` (unless the attribute hides its nulls), and all other
 * properties pass through. The token of every blind index comes with the attributes that it is over. Gives back a new
 * plain object.
 *
 * @throws MissingRecordIdError, MissingTenantError, InvalidContextError: what the cells are bound to is missing or is none.
 * @throws InvalidValueError, ValueTooLongError, AlreadyACellError: a value is not the attribute's.
 * @throws NotIndexableError: a transform of an index refuses it. IncompleteIndexError: a patch has a part of a compound index only.
 * @throws NoActiveKeyError: the keyring has no active data key, or index key.
 */
export async function encryptRecord<T extends Table, R extends RecordInput<T>>(
  definition: T,
  record: R,
  keyring: Keyring,
  ...options: RecordArguments<T>
): Promise<EncryptedRecord<T, R>> {
  assertNoPromise(definition, record);
  return await sealRecord(definition, record, keyring, options);
}

/** {@link encryptRecord}, as far as the engine answers at once. */
export function sealRecord<T extends Table, R extends RecordInput<T>>(
  definition: T,
  record: R,
  keyring: Keyring,
  options: readonly unknown[],
): MaybePromise<EncryptedRecord<T, R>> {
  const given = tenantOf(options);
  const places = presentPlaces(definition, record, given);
  const seal = (): MaybePromise<Record<string, unknown>> =>
    withChanged(record, places, (place, value) =>
      value === null && !place.attribute.spec.hideNull ? null : sealValue(keyring, place, value),
    );
  if (definition.indexes.length === 0) return seal() as MaybePromise<EncryptedRecord<T, R>>;
  const tenant = contextTenant(definition, given, { table: definition.name });
  const parts = mapEach(
    [() => sealTokens(keyring, definition, record, tenant), seal] as (() => MaybePromise<unknown>)[],
    (part) => part(),
  );
  return andThen(parts, ([tokens, cells]) =>
    Object.assign(cells as object, Object.fromEntries(tokens as [string, unknown][])),
  ) as MaybePromise<EncryptedRecord<T, R>>;
}

/**
 * Decrypts the attributes of a row, or of a projection of one: the reverse of {@link encryptRecord}. The id must be
 * among the columns, because the cells are bound to it.
 *
 * While an attribute is `adopting`, plaintext in its place is handed back as a value of its type; while a table is
 * `rebinding`, a cell may be bound to what it was bound to before.
 *
 * @throws CellRefusedError (one of its classes) if a cell is refused. A value that is no cell is an error, never handed back.
 * @throws MissingRecordIdError, MissingTenantError, InvalidContextError: what the cells are bound to is missing or is none.
 */
export async function decryptRecord<T extends Table, R extends StoredInput<T>>(
  definition: T,
  row: R,
  keyring: Keyring,
  ...options: RecordArguments<T>
): Promise<DecryptedRecord<T, R>> {
  assertNoPromise(definition, row);
  return await openRecord(definition, row, keyring, options);
}

/** {@link decryptRecord}, as far as the engine answers at once. */
export function openRecord<T extends Table, R extends StoredInput<T>>(
  definition: T,
  row: R,
  keyring: Keyring,
  options: readonly unknown[],
): MaybePromise<DecryptedRecord<T, R>> {
  const places = presentPlaces(definition, row, tenantOf(options));
  return withChanged(row, places, (place, stored) =>
    place.attribute.adopting?.from
      ? openOrAdopt(keyring, place, place.attribute.adopting, stored, row)
      : stored === null
        ? null
        : openValue(keyring, place, stored),
  ) as MaybePromise<DecryptedRecord<T, R>>;
}

/** Many records, a bounded number at once: an outcome each, in their order. One that fails leaves the others alone. */
export async function encryptRecords<T extends Table, R extends RecordInput<T>>(
  definition: T,
  records: Iterable<R>,
  keyring: Keyring,
  ...options: RecordArguments<T, ManyOptions>
): Promise<PromiseSettledResult<EncryptedRecord<T, R>>[]> {
  const one = options as unknown as RecordArguments<T>;
  return settleAll([...records], concurrencyOf(options), (record) =>
    encryptRecord(definition, record, keyring, ...one),
  );
}

/** Many rows, a bounded number at once: an outcome each, in their order. One that fails leaves the others alone. */
export async function decryptRecords<T extends Table, R extends StoredInput<T>>(
  definition: T,
  rows: Iterable<R>,
  keyring: Keyring,
  ...options: RecordArguments<T, ManyOptions>
): Promise<PromiseSettledResult<DecryptedRecord<T, R>>[]> {
  const one = options as unknown as RecordArguments<T>;
  return settleAll([...rows], concurrencyOf(options), (row) =>
    decryptRecord(definition, row, keyring, ...one),
  );
}

/**
 * Encrypts one value. `id` names the record that the cell will stand in; it may be empty where the attribute is bound to
 * its column. Throws as {@link encryptRecord} does; a null that is not hidden is refused: it has no cell.
 */
export async function encryptCell<T extends Table, K extends AttributeName<T>>(
  definition: T,
  attribute: K,
  value: ValueOf<AttributeNamed<T, K>> | null,
  id: Partial<RecordIdOf<T>>,
  keyring: Keyring,
  ...options: RecordArguments<T>
): Promise<CellNamed<T, K>> {
  return (await sealOne(definition, attribute, value, id, keyring, options)) as CellNamed<T, K>;
}

/** {@link encryptCell}, as far as the engine answers at once. */
export function sealOne(
  definition: Table,
  attribute: string,
  value: unknown,
  id: object,
  keyring: Keyring,
  options: readonly unknown[],
): MaybePromise<unknown> {
  const place = placeOf(definition, attribute, id, tenantOf(options));
  if (value === undefined || (value === null && !place.attribute.spec.hideNull)) {
    throw new InvalidValueError('A null that is not hidden has no cell: store null.', { ...place.where });
  }
  return sealValue(keyring, place, value);
}

/** Decrypts one cell: the reverse of {@link encryptCell}. Throws as {@link decryptRecord} does. */
export async function decryptCell<T extends Table, K extends AttributeName<T>>(
  definition: T,
  attribute: K,
  cell: string | Uint8Array,
  id: Partial<RecordIdOf<T>>,
  keyring: Keyring,
  ...options: RecordArguments<T>
): Promise<ValueOf<AttributeNamed<T, K>> | null> {
  const value = await openOne(definition, attribute, cell, id, keyring, options);
  return value as ValueOf<AttributeNamed<T, K>> | null;
}

/** {@link decryptCell}, as far as the engine answers at once. */
export function openOne(
  definition: Table,
  attribute: string,
  cell: string | Uint8Array,
  id: object,
  keyring: Keyring,
  options: readonly unknown[],
): MaybePromise<unknown> {
  return openValue(keyring, placeOf(definition, attribute, id, tenantOf(options)), cell);
}

/** The cell; where there is none, the plaintext beside it, if it was selected. */
function openOrAdopt(
  keyring: Keyring,
  place: CellPlace,
  { from, newer }: AdoptingRule,
  stored: unknown,
  row: object,
): MaybePromise<unknown> {
  const name = from?.name as string;
  const plaintext = Object.hasOwn(row, name) ? (row as Record<string, unknown>)[name] : undefined;
  if (plaintext !== undefined && (stored === null || newer === 'plaintext'))
    return plaintext === null ? null : openAdopted(keyring, place, plaintext);
  return stored === null ? null : openValue(keyring, place, stored);
}

/** The places of the attributes that are in the record. Every place is known, and every argument refused, before the first value is touched. */
function presentPlaces(definition: Table, record: object, tenantGiven: unknown): CellPlace[] {
  const where = { table: definition.name };
  const tenant = contextTenant(definition, tenantGiven, where);
  const values = idValues(definition, record);
  assertNamedByAttribute(definition, record);
  let bound: ContextValue | undefined;
  const places: CellPlace[] = [];
  for (const [column, attribute] of Object.entries(definition.encrypt)) {
    if (!Object.hasOwn(record, column) || (record as Record<string, unknown>)[column] === undefined) continue;
    const isBoundToRecord = bindingOf(definition, attribute) === 'record';
    if (isBoundToRecord) bound ??= contextRecord(definition, values, { ...where, column });
    const place = cellPlace(definition, column, attribute, isBoundToRecord ? bound : undefined, tenant);
    places.push(rebindable(definition, place, record));
  }
  return places;
}

/** A copy of the record in which `change` has replaced the values of these places. */
function withChanged(
  record: object,
  places: readonly CellPlace[],
  change: (place: CellPlace, value: unknown) => MaybePromise<unknown>,
): MaybePromise<Record<string, unknown>> {
  const copy: Record<string, unknown> = { ...record };
  const changed = mapEach(places, (place) => change(place, copy[place.where.column as string]));
  return andThen(changed, (values) => {
    places.forEach((place, i) => {
      copy[place.where.column as string] = values[i];
    });
    return copy;
  });
}

/** A value under its column's name would pass through: plaintext on its way in, a cell that is not opened on its way out. */
function assertNamedByAttribute({ name: table, layout }: Table, record: object): void {
  const { key, tenant, cells } = layout;
  const names = new Set([...key, ...(tenant ? [tenant] : [])].map(({ name }) => name));
  for (const { attribute, column } of cells) {
    if (column === attribute || names.has(column) || !Object.hasOwn(record, column)) continue;
    if (cells.some((other) => other.attribute === column)) continue;
    throw new DefinitionError(
      'The record has a property that is called like the column of an attribute. Records are named as in the definition: rename it to the attribute, in the SELECT for instance.',
      { table, column: attribute },
    );
  }
}

/** What an async function gives back is waited for where it has a function called `then`: that would be called, and the record never come. */
function assertNoPromise({ name: table }: Table, record: object): void {
  if (typeof (record as { then?: unknown }).then !== 'function' || !Object.hasOwn(record, 'then')) return;
  throw new DefinitionError(
    'The record has a function as its property then, so that JavaScript takes it for a promise. Leave it out, or call the function with Sync in its name.',
    { table },
  );
}

function placeOf(definition: Table, column: string, id: object, tenantGiven: unknown): CellPlace {
  const where = { table: definition.name, column };
  const attribute = Object.hasOwn(definition.encrypt, column) ? definition.encrypt[column] : undefined;
  if (!attribute) throw new DefinitionError('The table encrypts no attribute of this name.', where);
  const tenant = contextTenant(definition, tenantGiven, where);
  const record =
    bindingOf(definition, attribute) === 'record'
      ? contextRecord(definition, idValues(definition, id), where)
      : undefined;
  return rebindable(definition, cellPlace(definition, column, attribute, record, tenant), id);
}

function rebindable(definition: Table, place: CellPlace, record: object): CellPlace {
  const { rebinding } = definition;
  return rebinding ? withFormer(place, definition, idValues(rebinding.definition, record)) : place;
}

function tenantOf(options: readonly unknown[]): unknown {
  return (options[0] as Partial<TenantOptions> | undefined)?.tenant;
}

function concurrencyOf(options: readonly unknown[]): number {
  const { concurrency = DEFAULT_CONCURRENCY } = (options[0] as ManyOptions | undefined) ?? {};
  if (Number.isInteger(concurrency) && concurrency >= 1 && concurrency <= MAX_CONCURRENCY) return concurrency;
  throw new DefinitionError('concurrency is a whole number from 1 to 1,024.');
}
