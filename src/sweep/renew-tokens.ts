import { openStored } from '../cell.js';
import type { ContextPart } from '../envelope/index.js';
import type { OpenedKeyring } from '../keyring/index.js';
import type { MaybePromise } from '../maybe.js';
import type { RefusedCell } from '../ports/job-store.js';
import type { CellSwap, StoredRecord, TokenColumn, TokenSwap } from '../ports/record-store.js';
import { contextTenant } from '../record-id.js';
import type { Table } from '../table.js';
import { TOKEN_PREFIX_CHARACTERS, tokenPrefixOf } from '../token-form.js';
import { type TokenPlace, indexedValue, sealToken, tokenPlaces } from '../tokens.js';
import { isRefusal, placeInRecord } from './place.js';

/** What becomes of a record's tokens. */
export interface TokenWork {
  readonly tokens: readonly TokenSwap[];
  /** Indexes whose token was left as it is, with why. */
  readonly refused: readonly RefusedCell[];
  /** Indexes that were not looked at, because a cell could not be read. */
  readonly unjudged: readonly string[];
}

const NO_TOKENS: TokenWork = Object.freeze({ tokens: [], refused: [], unjudged: [] });

/** A token is no cell, and a cell of the record cannot be read: both are left. */
const NOT_A_TOKEN = 'not-a-token';
const OTHER_GENERATION = 'unique-index-key';

/**
 * Brings the tokens of a record to what its cells will be: made with the key that its column is under, null where a cell
 * is null, and there where none was. What a token is made from must still be there when it is written: the cells go
 * with it into the swap. A value that is no token is somebody's, and left.
 *
 * @param changed - the cells that are swapped, each with what takes its place
 * @param unread - cells that were refused: nothing is known of tokens over them
 */
export function renewTokens(
  opened: OpenedKeyring,
  definition: Table,
  record: StoredRecord,
  changed: readonly CellSwap[],
  unread: readonly RefusedCell[],
): MaybePromise<TokenWork> {
  const columns = definition.layout.tokens ?? [];
  if (columns.length === 0) return NO_TOKENS;
  return renewEach(columns, opened, definition, record, changed, unread);
}

async function renewEach(
  columns: readonly TokenColumn[],
  opened: OpenedKeyring,
  definition: Table,
  record: StoredRecord,
  changed: readonly CellSwap[],
  unread: readonly RefusedCell[],
): Promise<TokenWork> {
  const look = new TokenLook(opened, definition, record, changed);
  const names = Object.keys(definition.encrypt);
  const isUnread = ({ cells }: TokenColumn): boolean =>
    cells.some((cell) => unread.some(({ column }) => column === names[cell]));
  const tokens: TokenSwap[] = [];
  const refused: RefusedCell[] = [];
  const unjudged: string[] = [];
  for (const [token, place] of tokenPlaces(definition).entries()) {
    const column = columns[token] as TokenColumn;
    if (isUnread(column)) {
      unjudged.push(place.name);
      continue;
    }
    const found = record.tokens?.[token] ?? null;
    const refuse = (code: string): void => {
      refused.push({ table: definition.name, key: record.key, column: place.name, code });
    };
    try {
      const next = await look.next(place, column, found);
      if (typeof next === 'object' && next !== null) refuse(next.refused);
      else if (next !== found) tokens.push({ token, old: found as string | null, new: next });
    } catch (error) {
      if (!isRefusal(error)) throw error;
      refuse(error.code);
    }
  }
  return { tokens, refused, unjudged };
}

class TokenLook {
  readonly #opened: OpenedKeyring;
  readonly #definition: Table;
  readonly #record: StoredRecord;
  /** What stands in each column once the cells are swapped. */
  readonly #cells: readonly unknown[];
  /** Whether what stands there may be another value than before. */
  readonly #isNew: readonly boolean[];
  readonly #values = new Map<string, unknown>();

  constructor(opened: OpenedKeyring, definition: Table, record: StoredRecord, changed: readonly CellSwap[]) {
    this.#opened = opened;
    this.#definition = definition;
    this.#record = record;
    const changes = new Map(changed.map((swap) => [swap.cell, swap.new]));
    const { cells } = definition.layout;
    this.#cells = cells.map((_, i) => (changes.has(i) ? changes.get(i) : record.cells[i]) ?? null);
    this.#isNew = cells.map(({ adopting }, i) => adopting !== undefined && changes.has(i));
  }

  /** The token that belongs there: the same where it is right, or why it is left. */
  async next(
    { index, key }: TokenPlace,
    { cells, characters }: TokenColumn,
    found: unknown,
  ): Promise<string | null | { readonly refused: string }> {
    const prefix = tokenPrefixOf(found);
    if (found !== null && prefix === undefined) return { refused: NOT_A_TOKEN };
    const tenant = this.#tenant(index.attributes[0] as string);
    const keyId = await this.#opened.tokenKeyId(tenant, key);
    const isUnderKey = prefix !== undefined && prefix === keyId?.slice(0, TOKEN_PREFIX_CHARACTERS);
    // Two keys in one column would let two equal values in: a unique index changes its key by a second column.
    if (prefix !== undefined && !isUnderKey && key !== 'active' && key === index.generation)
      return { refused: OTHER_GENERATION };
    if (cells.some((cell) => this.#cells[cell] === null)) return null;
    const isWhole = isUnderKey && (found as string).length === characters;
    // While an index is filled, writers that know nothing of it may have changed a value beside its token.
    const isTrusted = !index.isFilling && (key === 'active' || key === index.generation);
    if (isWhole && isTrusted && !this.#definition.rebinding && !cells.some((cell) => this.#isNew[cell]))
      return found as string;
    const values: Record<string, unknown> = {};
    for (const attribute of index.attributes) values[attribute] = await this.#value(attribute, tenant);
    const value = indexedValue(this.#definition, index, values);
    return sealToken(this.#opened, this.#definition, { index, key }, tenant, value);
  }

  #tenant(column: string): ContextPart | undefined {
    return contextTenant(this.#definition, this.#record.tenant, { table: this.#definition.name, column });
  }

  /** What a reader of the swapped cell will see. */
  async #value(column: string, tenant: ContextPart | undefined): Promise<unknown> {
    if (this.#values.has(column)) return this.#values.get(column);
    const { encrypt } = this.#definition;
    const position = Object.keys(encrypt).indexOf(column);
    const attribute = encrypt[column] as Table['encrypt'][string];
    const place = placeInRecord(this.#definition, column, attribute, this.#record, tenant);
    const value = await openStored(this.#opened, place, this.#cells[position]);
    this.#values.set(column, value);
    return value;
  }
}
