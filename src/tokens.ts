import type { Attribute } from './attribute.js';
import { type BlindIndex, type IndexedValue, type TokenScope, tokenScope } from './blind-index/index.js';
import { type DataKey, Lru } from './cipher/index.js';
import type { ContextPart } from './envelope/index.js';
import { IncompleteIndexError } from './errors.js';
import {
  type Keyring,
  type OpenedKeyring,
  type TokenKeyChoice,
  type TokenKeyPlace,
  openedOf,
} from './keyring/index.js';
import { type MaybePromise, andThen, mapEach } from './maybe.js';
import type { Table } from './table.js';

/** A column of tokens: an index's own, or the second one of an index that is changing its key. */
export interface TokenPlace {
  readonly index: BlindIndex;
  /** The property of a record that holds the token. */
  readonly name: string;
  /** Which key its tokens are made with. */
  readonly key: TokenKeyChoice;
}

const TENANTS_AN_INDEX = 1_024;
const scopes = new WeakMap<BlindIndex, Lru<TokenScope>>();
const places = new WeakMap<Table, readonly TokenPlace[]>();

/** The columns of tokens, in the order of `layout.tokens`. */
export function tokenPlaces(definition: Table): readonly TokenPlace[] {
  const known = places.get(definition);
  if (known) return known;
  const made = definition.indexes.flatMap((index): TokenPlace[] => {
    const { generation, isUnique, name, next, nextGeneration } = index;
    const own: TokenPlace = { index, name, key: isUnique ? generation : 'active' };
    return next === undefined ? [own] : [own, { index, name: next, key: nextGeneration }];
  });
  places.set(definition, made);
  return made;
}

/**
 * The tokens that go with a record or a patch, by their names: of every index whose attributes are in it. Throws
 * `IncompleteIndexError` where only some of them are.
 */
export function sealTokens(
  keyring: Keyring,
  definition: Table,
  record: Readonly<Record<string, unknown>>,
  tenant: ContextPart | undefined,
): MaybePromise<[name: string, token: string | null][]> {
  if (definition.indexes.length === 0) return [];
  const isThere = (attribute: string): boolean =>
    Object.hasOwn(record, attribute) && record[attribute] !== undefined;
  const touched = definition.indexes.filter(({ attributes }) => attributes.some(isThere));
  for (const { name, attributes } of touched) {
    const missing = attributes.filter((attribute) => !isThere(attribute));
    if (missing.length > 0)
      throw new IncompleteIndexError(name, missing, { table: definition.name, column: attributes.join(',') });
  }
  const names = new Set(touched.map(({ name }) => name));
  const places = tokenPlaces(definition).filter(({ index }) => names.has(index.name));
  const values = new Map(touched.map((index) => [index, indexedValue(definition, index, record)]));
  const opened = openedOf(keyring);
  return mapEach(places, (place) =>
    andThen(
      sealToken(opened, definition, place, tenant, values.get(place.index) ?? null),
      (token): [string, string | null] => [place.name, token],
    ),
  );
}

/** The token that belongs into a column; null for a value that has none. */
export function sealToken(
  opened: OpenedKeyring,
  definition: Table,
  { index, key }: Pick<TokenPlace, 'index' | 'key'>,
  tenant: ContextPart | undefined,
  value: IndexedValue | null,
): MaybePromise<string | null> {
  if (value === null) return null;
  const where = placeOf(definition, index, key);
  const scope = tokenScopeOf(definition, index, tenant);
  return andThen(opened.tokenKey(tenant, key, where), (indexKey) =>
    opened.tokenKeys.token(indexKey, scope, value),
  );
}

/** For errors: where it is, and which option has chosen the key. */
function placeOf(
  definition: Table,
  { attributes, generation }: BlindIndex,
  key: TokenKeyChoice,
): TokenKeyPlace {
  const named = key === generation ? 'generation' : 'nextGeneration';
  const option = key === 'active' ? undefined : named;
  return { table: definition.name, column: attributes.join(','), option };
}

/** Every token that the values may have in a column: of each one for every index key that is alive, that for new tokens first. */
export function lookupTokens(
  opened: OpenedKeyring,
  definition: Table,
  { index, key }: TokenPlace,
  tenant: ContextPart | undefined,
  values: Iterable<IndexedValue>,
): MaybePromise<string[]> {
  const where = placeOf(definition, index, key);
  const keys: MaybePromise<readonly DataKey[]> =
    key === 'active'
      ? opened.lookupKeys(tenant, where)
      : andThen(opened.tokenKey(tenant, key, where), (one) => [one]);
  const scopes = [tokenScopeOf(definition, index, tenant)];
  const former = formerIndex(definition, index);
  if (former) scopes.push(tokenScopeOf(former.definition, former.index, tenant));
  return andThen(keys, (keys) => {
    const wanted = [...values].flatMap((value) =>
      scopes.flatMap((scope) => keys.map((key) => ({ key, scope, value }))),
    );
    return mapEach(wanted, ({ key, scope, value }) => opened.tokenKeys.token(key, scope, value));
  });
}

/** What an index makes of a record's values: null where one of them is null, or has nothing to index. */
export function indexedValue(
  { name: table, encrypt }: Table,
  { attributes, transform }: BlindIndex,
  record: Readonly<Record<string, unknown>>,
): IndexedValue | null {
  const parts: ContextPart[] = [];
  let isNull = false;
  for (const column of attributes) {
    // Of every part, also behind a null: what an index refuses does not depend on the others.
    const part = transform.apply(record[column], (encrypt[column] as Attribute).spec, { table, column });
    if (part === null) isNull = true;
    else parts.push(part);
  }
  if (isNull) return null;
  return attributes.length === 1 ? (parts[0] as ContextPart) : parts;
}

/** The index under the names that its tokens were made with, while the definition is rebinding. */
function formerIndex(
  { indexes, rebinding }: Table,
  index: BlindIndex,
): { readonly definition: Table; readonly index: BlindIndex } | undefined {
  const former = rebinding?.definition.indexes[indexes.indexOf(index)];
  return rebinding && former && { definition: rebinding.definition, index: former };
}

function tokenScopeOf(definition: Table, index: BlindIndex, tenant: ContextPart | undefined): TokenScope {
  // An index is of one definition: `table()` makes it anew.
  let ofIndex = scopes.get(index);
  if (!ofIndex) {
    ofIndex = new Lru(TENANTS_AN_INDEX);
    scopes.set(index, ofIndex);
  }
  const id = tenant === undefined ? '' : `${typeof tenant}:${String(tenant)}`;
  const known = ofIndex.get(id);
  if (known) return known;
  const scope = tokenScope({
    tenant,
    table: definition.name,
    column: index.attributes.join(','),
    name: index.name,
    transform: index.transform.name,
    bits: index.bits,
  });
  ofIndex.set(id, scope);
  return scope;
}
