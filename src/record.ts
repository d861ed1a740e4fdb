import type { AdoptingRule } from './attribute.js';
import { type CellPlace, openAdopted, openValue, sealValue, withIvs } from './cell.js';
import { DefinitionError, InvalidValueError } from './errors.js';
import { type Keyring, openedOf } from './keyring/index.js';
import { type MaybePromise, andThen, ignore, isPromise, mapEach } from './maybe.js';
import { contextTenant } from './record-id.js';
import { placeOf, presentPlaces } from './record-places.js';
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
import { Sent, SentWork } from './sent.js';
import type { Table } from './table.js';
import { sealTokens } from './tokens.js';

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
  const tenant = contextTenant(definition, tenantOf(options), { table: definition.name });
  const places = presentPlaces(definition, record, tenant);
  const seal = (): MaybePromise<Record<string, unknown>> =>
    withIvs(openedOf(keyring), places.length, () =>
      withChanged(record, places, (place, value) =>
        value === null && !place.attribute.spec.hideNull ? null : sealValue(keyring, place, value),
      ),
    );
  if (definition.indexes.length === 0) return seal() as MaybePromise<EncryptedRecord<T, R>>;
  const parts = mapEach(
    [
      () => sealTokens(keyring, definition, record, tenant),
      () => kept(seal()),
    ] as (() => MaybePromise<unknown>)[],
    (part) => part(),
  );
  return andThen(parts, ([tokens, cells]) => {
    const joined = (copy: object): EncryptedRecord<T, R> =>
      Object.assign(copy, Object.fromEntries(tokens as [string, unknown][])) as EncryptedRecord<T, R>;
    return cells instanceof Kept ? cells.sent.map(joined) : joined(cells as object);
  });
}

/** Cells that other threads make, where they are not to be taken for a promise. */
class Kept {
  readonly sent: Sent<Record<string, unknown>>;
  constructor(sent: Sent<Record<string, unknown>>) {
    this.sent = sent;
  }
}

function kept(cells: MaybePromise<Record<string, unknown>>): unknown {
  return cells instanceof Sent ? new Kept(cells) : cells;
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
  const tenant = contextTenant(definition, tenantOf(options), { table: definition.name });
  const places = presentPlaces(definition, row, tenant);
  return withChanged(row, places, (place, stored) =>
    place.attribute.adopting?.from
      ? openOrAdopt(keyring, place, place.attribute.adopting, stored, row)
      : stored === null
        ? null
        : openValue(keyring, place, stored),
  ) as MaybePromise<DecryptedRecord<T, R>>;
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

/** A copy of the record in which `change` has replaced the values of these places. */
function withChanged(
  record: object,
  places: readonly CellPlace[],
  change: (place: CellPlace, value: unknown) => MaybePromise<unknown>,
): MaybePromise<Record<string, unknown>> {
  const copy: Record<string, unknown> = { ...record };
  let sent: Sent<unknown> | undefined;
  const waiting: PromiseLike<unknown>[] = [];
  try {
    for (const place of places) {
      const column = place.where.column as string;
      const changed = change(place, copy[column]);
      copy[column] = changed;
      if (changed instanceof Sent) sent ??= changed;
      else if (isPromise(changed)) waiting.push(changed);
    }
  } catch (error) {
    for (const promise of waiting) ignore(promise);
    if (!sent) throw error;
    // What other threads say of cells before this one comes first, as it would without them.
    return new SentWork(sent.bundle, () => andThen(taken(copy, places), (): never => rethrow(error)));
  }
  if (waiting.length > 0) return sent ? settledAfter(sent, copy, places, waiting) : settledIn(copy, places);
  return sent ? new SentWork(sent.bundle, () => taken(copy, places)) : copy;
}

function rethrow(error: unknown): never {
  throw error;
}

/** What other threads refuse comes first, as it would without them: that needs no promise. */
async function settledAfter(
  sent: Sent<unknown>,
  copy: Record<string, unknown>,
  places: readonly CellPlace[],
  waiting: readonly PromiseLike<unknown>[],
): Promise<Record<string, unknown>> {
  for (const promise of waiting) ignore(promise);
  await sent.bundle.arrived;
  return settledIn(await taken(copy, places), places);
}

async function settledIn(
  copy: Record<string, unknown>,
  places: readonly CellPlace[],
): Promise<Record<string, unknown>> {
  const values = await Promise.all(places.map(({ where }) => copy[where.column as string]));
  places.forEach(({ where }, i) => {
    copy[where.column as string] = values[i];
  });
  return copy;
}

/** With what has arrived in its place. */
function taken(
  copy: Record<string, unknown>,
  places: readonly CellPlace[],
): MaybePromise<Record<string, unknown>> {
  let isWaiting = false;
  for (const { where } of places) {
    const column = where.column as string;
    const value = copy[column];
    if (!(value instanceof Sent)) continue;
    copy[column] = value.take();
    isWaiting ||= isPromise(copy[column]);
  }
  return isWaiting ? settledIn(copy, places) : copy;
}

/** What an async function gives back is waited for where it has a function called `then`: that would be called, and the record never come. */
function assertNoPromise({ name: table }: Table, record: object): void {
  if (typeof (record as { then?: unknown }).then !== 'function' || !Object.hasOwn(record, 'then')) return;
  throw new DefinitionError(
    'The record has a function as its property then, so that JavaScript takes it for a promise. Leave it out, or call the function with Sync in its name.',
    { table },
  );
}

function tenantOf(options: readonly unknown[]): unknown {
  return (options[0] as Partial<TenantOptions> | undefined)?.tenant;
}
