import { CensusStaleError, NotAcknowledgedError } from '../errors.js';

/** What a census found in one column of tokens. */
export interface IndexCensus {
  /** The index's name; of a second column (`next`) that column's. */
  readonly index: string;
  /** Tokens by the first 8 characters of their key's id. */
  readonly tokens: Readonly<Record<string, number>>;
  /** Values that are no tokens. They are left as they are. */
  readonly notTokens: number;
  /** Records without a token although the values that it is made from are there: not filled yet, or there is nothing in them that the transform indexes. */
  readonly missing: number;
}

/** What a census found in one table. */
export interface TableCensus {
  /** The table's name in its definition. */
  readonly table: string;
  /** All of the table. */
  readonly records: number;
  /** Cells by the id of their key. A key that is not listed has none. */
  readonly cells: Readonly<Record<string, number>>;
  /** Values in encrypted attributes that are no cells: plaintext, perhaps. They depend on no key. */
  readonly notCells: number;
  /** What is in the columns of its blind indexes; absent where it has none. */
  readonly indexes?: readonly IndexCensus[];
  /** Plaintexts in columns that are adopted (`adopting: { from }`) whose cell is not there yet; absent where the table has no such column. */
  readonly unadopted?: number;
}

/** How many cells there are under each key, counted over the whole schema without regard to any checkpoint. */
export interface Census {
  /** The keyring whose tables were counted. */
  readonly keyringId: string;
  /** The keyring's revision when the count began. A later change of the keyring makes the census stale. */
  readonly revision: number;
  /** When the count began, by the wall clock of the process that counted. */
  readonly countedAt: Date;
  /** Processes that are written down and had not read that revision when the count began, as they call themselves: they may have written under an older key since. */
  readonly behind: readonly string[];
  /** Each table of the schema, in its order. */
  readonly tables: readonly TableCensus[];
  /** Over all tables. */
  readonly records: number;
  /** Cells by the id of their key, over all tables. A key that is not listed has none. */
  readonly cells: Readonly<Record<string, number>>;
  /** Tokens of blind indexes by the first 8 characters of their key's id, over all tables. A key that is not listed has none. */
  readonly tokens: Readonly<Record<string, number>>;
  /** Ids of index keys that unique indexes name by their generation: they are needed, whatever was counted. Default: none. */
  readonly needed?: readonly string[];
  /** Values in encrypted attributes that are no cells, over all tables. */
  readonly notCells: number;
  /** Plaintexts in columns that are adopted whose cell is not there yet, over all tables; absent where none has such a column. */
  readonly unadopted?: number;
}

/** When each began: the `Date` that a census shows can be set. */
const issued = new WeakMap<Census, number>();

/** Marks a census as counted here; a look-alike does not suspend a key. */
export function issueCensus(census: Census): Census {
  issued.set(Object.freeze(census), census.countedAt.getTime());
  return census;
}

/**
 * When the census began, by the wall clock. Refuses one of another keyring, of another revision, one that nobody
 * counted, or one beside which old keys were in use.
 */
export function assertCurrentCensus(census: Census, keyringId: string, revision: number): number {
  const countedAtMs = issued.get(census);
  if (countedAtMs === undefined || Number.isNaN(countedAtMs)) {
    throw new CensusStaleError(
      'This is not a census as census() counted it in this process. Count here, then ask again.',
    );
  }
  if (census.keyringId !== keyringId) {
    throw new CensusStaleError('The census was counted for another keyring. Count again with this one.');
  }
  if (census.revision !== revision) {
    throw new CensusStaleError(
      'The keyring has changed since the census was counted. Count again, then ask again.',
    );
  }
  if (census.behind.length > 0) throw new NotAcknowledgedError(revision, census.behind);
  return countedAtMs;
}
