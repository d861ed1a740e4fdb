import type { BlindIndex, IndexedValue } from './blind-index/index.js';
import { hex } from './bytes.js';
import { encodeIndexed } from './envelope/index.js';
import { DefinitionError, NotAskableError, NotIndexableError } from './errors.js';
import { type Keyring, openedOf } from './keyring/index.js';
import { MAX_LOOKUP_VALUES } from './limits.js';
import { type MaybePromise, andThen, mapEach } from './maybe.js';
import type { LookupColumn, TokenLookup } from './ports/token-lookup.js';
import { contextTenant } from './record-id.js';
import type { LookupName, LookupValue, RecordArguments, TenantOptions } from './record-types.js';
import type { Table } from './table.js';
import { indexedValue, lookupTokens, tokenPlaces } from './tokens.js';

/** Tokens to ask a database for, and what tells its answers from the candidates. */
export interface Lookup extends TokenLookup {
  /** The tokens of the index's own column: for `WHERE column IN (…)` while it has but one. */
  readonly tokens: readonly string[];
  /** Whether a decrypted record is one that was looked for. A token is shared by several values: leave out the others. */
  readonly matches: (record: Readonly<Record<string, unknown>>) => boolean;
}

/** What somebody may want to ask of an encrypted attribute. */
export type Question = 'equal' | 'order' | 'range' | 'like' | 'join' | 'aggregate';

/**
 * What to ask a database for the records whose attribute has a value, or one of several (an array): one token for each
 * value and each index key that is alive, so that records are found before, while and after the key changes.
 *
 * By the index's name, or by the attribute's where it has one index. The value is an object of all its attributes where
 * the index is a compound one. What comes back are candidates: decrypt them, and keep those that `matches`.
 *
 * @throws NotAskableError: there is no such index, or the value is no value but a condition, or null.
 * @throws InvalidValueError, NotIndexableError: it is not the attribute's, or its transform finds nothing to look up in it.
 * @throws NoActiveKeyError, KeyringStaleError: the keyring has no index key, or is older than it may be.
 */
export async function lookup<T extends Table, N extends LookupName<T>>(
  definition: T,
  name: N,
  values: LookupValue<T, N> | readonly LookupValue<T, N>[],
  keyring: Keyring,
  ...options: RecordArguments<T>
): Promise<Lookup> {
  return await tokensToAsk(definition, name, values, keyring, options);
}

/** {@link lookup}, as far as the engine answers at once. */
export function tokensToAsk(
  definition: Table,
  name: string,
  values: unknown,
  keyring: Keyring,
  options: readonly unknown[],
): MaybePromise<Lookup> {
  const index = indexNamed(definition, name);
  const where = { table: definition.name, column: index.attributes.join(',') };
  const given = (options[0] as Partial<TenantOptions> | undefined)?.tenant;
  const tenant = contextTenant(definition, given, where);
  const list: readonly unknown[] = Array.isArray(values) ? values : [values];
  if (list.length === 0 || list.length > MAX_LOOKUP_VALUES)
    throw new NotAskableError('A look-up takes 1 to 10,000 values.', where);
  const wanted = new Map<string, IndexedValue>();
  for (const one of list) {
    const value = valueToLookUp(definition, index, one);
    wanted.set(hex(encodeIndexed(value)), value);
  }
  const places = tokenPlaces(definition).filter((one) => one.index === index);
  const asked = mapEach(places, (place) =>
    andThen(
      lookupTokens(openedOf(keyring), definition, place, tenant, wanted.values()),
      (tokens): LookupColumn => {
        const column = place.name === index.name ? index.column : place.name;
        return Object.freeze({ index: place.name, column, tokens: Object.freeze([...new Set(tokens)]) });
      },
    ),
  );
  return andThen(asked, (columns) => {
    const [own] = columns as [LookupColumn];
    return Object.freeze({
      from: definition.layout.from,
      columns: Object.freeze(columns as [LookupColumn, ...LookupColumn[]]),
      isFilling: index.isFilling,
      tokens: own.tokens,
      matches: (record: Readonly<Record<string, unknown>>) => {
        const value = indexableValue(definition, index, record);
        return value !== null && wanted.has(hex(encodeIndexed(value)));
      },
    });
  });
}

/**
 * Refuses what the database cannot be asked of an encrypted attribute, with an error that says what can: for plugins and
 * query builders, before a query is made. `'equal'` passes where the attribute has an index of its own.
 *
 * @throws NotAskableError
 */
export function assertAskable(definition: Table, attribute: string, question: Question): void {
  const where = { table: definition.name, column: attribute };
  if (!Object.hasOwn(definition.encrypt, attribute))
    throw new DefinitionError('The table encrypts no attribute of this name.', where);
  const own = definition.indexes.filter(({ attributes }) => attributes.includes(attribute));
  if (question === 'equal' && own.some(({ attributes }) => attributes.length === 1)) return;
  throw new NotAskableError(`${REFUSALS[question]} ${whatCan(own)}`, where);
}

const REFUSALS: Readonly<Record<Question, string>> = Object.freeze({
  equal: 'A cell is another one each time, so that no value is found by comparing cells.',
  order: 'Cells have no order that says anything of their values: sort after decryption.',
  range: 'Cells have no order that says anything of their values, so that there is no smaller and greater.',
  like: 'A part of a value is not found in its cell.',
  join: 'Cells of equal values differ, and tokens of different columns never equal: join by keys, or after decryption.',
  aggregate: 'A database can count cells and nothing more: group and sum after decryption.',
});

function whatCan(indexes: readonly BlindIndex[]): string {
  if (indexes.length === 0)
    return 'The attribute has no index; with one in its definition lookup() finds equal values (docs/search.md).';
  const names = indexes.map(
    ({ name, transform, attributes }) =>
      `${name} (${transform.name}${attributes.length > 1 ? ` of ${attributes.join(' and ')}` : ''})`,
  );
  return `lookup() finds equal values by ${names.join(', ')}.`;
}

function indexNamed(definition: Table, name: string): BlindIndex {
  const where = { table: definition.name, column: name };
  const exact = definition.indexes.find((index) => index.name === name);
  if (exact) return exact;
  const own = definition.indexes.filter(
    ({ attributes }) => attributes.length === 1 && attributes[0] === name,
  );
  if (own[0] && own.length === 1) return own[0];
  if (own.length > 1)
    throw new NotAskableError(`The attribute has several indexes: name one. ${whatCan(own)}`, where);
  if (!Object.hasOwn(definition.encrypt, name))
    throw new NotAskableError('The table has no index, and no attribute with an index, of this name.', where);
  throw new NotAskableError(
    `${REFUSALS.equal} ${whatCan(definition.indexes.filter(({ attributes }) => attributes.includes(name)))}`,
    where,
  );
}

function valueToLookUp(definition: Table, index: BlindIndex, given: unknown): IndexedValue {
  const { name: table } = definition;
  const { attributes } = index;
  const where = { table, column: attributes.join(',') };
  const isCompound = attributes.length > 1;
  if (isCompound && (typeof given !== 'object' || given === null))
    throw new NotAskableError(
      `A compound index is looked up by an object with a value for each: ${attributes.join(', ')}.`,
      where,
    );
  const record: Record<string, unknown> = isCompound
    ? (given as Record<string, unknown>)
    : { [attributes[0] as string]: given };
  for (const column of attributes) {
    const value = Object.hasOwn(record, column) ? record[column] : undefined;
    if (value === undefined)
      throw new NotAskableError(
        'A value is missing. A compound index is looked up by all of its attributes, never by some.',
        { table, column },
      );
    if (value === null)
      throw new NotAskableError(
        'A null has no token. Ask the database where the cell is null: that is not hidden.',
        { table, column },
      );
    if (isCondition(value))
      throw new NotAskableError(
        `An index takes values, not conditions: no ranges, patterns or orders. ${whatCan([index])}`,
        { table, column },
      );
  }
  const value = indexedValue(definition, index, record);
  if (value === null)
    throw new NotAskableError('The value has nothing in it that the transform indexes.', where);
  return value;
}

/** What an index makes of a record that is stored: null, too, where its value was stored before there was an index and is refused by it. */
function indexableValue(
  definition: Table,
  index: BlindIndex,
  record: Readonly<Record<string, unknown>>,
): IndexedValue | null {
  try {
    return indexedValue(definition, index, record);
  } catch (error) {
    if (error instanceof NotIndexableError) return null;
    throw error;
  }
}

/** An operator of a query builder, a pattern: no attribute that can be indexed has such values. */
function isCondition(value: unknown): boolean {
  if (typeof value === 'function') return true;
  return typeof value === 'object' && !ArrayBuffer.isView(value) && !(value instanceof Date);
}
