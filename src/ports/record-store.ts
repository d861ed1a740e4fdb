import type { Bytes } from '../bytes.js';
import type { MaybePromise } from '../maybe.js';
import type { CellForm } from './cell-form.js';
import type { JobStore, JobWrite, RefusedCell } from './job-store.js';
import type {
  ColumnPlace,
  DescribeOptions,
  FindOptions,
  FoundCells,
  StoreDescription,
} from './table-description.js';

export type { CellForm } from './cell-form.js';

/** A column that identifies a record. */
export interface KeyColumn {
  /** The name in the definition. */
  readonly name: string;
  /** The name in the database. */
  readonly column: string;
  /** What it is bound as: a UUID is 16 bytes, however the database spells it. */
  readonly type: 'uuid' | 'text' | 'integer' | 'bytes';
}

/** A column that holds plaintext until it is dropped, of whatever type. */
export interface PlaintextColumn {
  /** The property of a record that holds it. */
  readonly name: string;
  /** The name in the database. */
  readonly column: string;
}

/** A column that holds cells. */
export interface CellColumn {
  /** The attribute's name in the definition. */
  readonly attribute: string;
  /** The name in the database. */
  readonly column: string;
  /** How its cells are stored. */
  readonly form: CellForm;
  /**
   * Only while plaintext is adopted. `'in-place'`: plaintext may stand in this column, and is read and compared as it
   * is. A column: plaintext stands there, and is read and compared as a text that does not depend on the session (bytes
   * where the column holds bytes).
   */
  readonly adopting?: 'in-place' | PlaintextColumn;
}

/** A column that holds the tokens of a blind index: text, or null. */
export interface TokenColumn {
  /** The index's name in the definition. */
  readonly index: string;
  /** The name in the database. */
  readonly column: string;
  /** How long its tokens are. */
  readonly characters: number;
  /** The cells that its tokens are made from, by their positions in `layout.cells`. At least one. */
  readonly cells: readonly number[];
  /** The column, by its position in `layout.tokens`, that it takes the place of (docs/search.md): it has a token wherever that one has. */
  readonly follows?: number;
  /** Whether the database holds its tokens unique; where it `follows`, once it is filled. */
  readonly isUnique?: boolean;
}

/** What a store needs to know of a table. No key, no type of a value: a store sees ciphertext only. */
export interface TableLayout {
  /** The table's name in its definition. */
  readonly name: string;
  /** Its path in the database: `['crm', 'clients']`. */
  readonly from: readonly string[];
  /** The record's id, unique and never null, in the order of the definition. */
  readonly key: readonly KeyColumn[];
  /** The column that names the record's tenant, where the definition has one. */
  readonly tenant?: KeyColumn;
  /** At least one. */
  readonly cells: readonly CellColumn[];
  /** Only where the definition has an index. At least one then. */
  readonly tokens?: readonly TokenColumn[];
  /** Only while cells are bound anew to another record id: the columns of the former one, which may hold nulls. */
  readonly formerKey?: readonly KeyColumn[];
}

/** A record's key as its store writes it: opaque to everybody else, equal for equal keys. */
export type RecordKey = string;
/** A place between two records, in the order of the store: opaque, compared by the database only. */
export type Cursor = string;

/** A record as a sweep sees it. */
export interface StoredRecord {
  /** What {@link RecordStore.reread} and {@link RecordSwap} name it by. */
  readonly key: RecordKey;
  /** The values of `layout.key`, in that order, as the database gives them: an integer may come as text. */
  readonly id: readonly unknown[];
  /** The value of `layout.tenant`. */
  readonly tenant?: unknown;
  /**
   * The values of `layout.cells`, in that order: cells, `null`, or what does not belong there. In place of a value that
   * cannot be a cell a store may give anything else that is none, such as `''`: it may be too long to be read. In a
   * column that is adopted in place what it gives instead begins like a cell: `'cs1r.'`, or that in bytes.
   */
  readonly cells: readonly unknown[];
  /**
   * The values of `adopting` columns, in the order of `layout.cells`: text or bytes, `null` also where there is no such
   * column. Where the layout has any.
   */
  readonly plaintexts?: readonly unknown[];
  /**
   * The values of `layout.tokens`, in that order: text or `null`. In place of what cannot be a token a store may give
   * any other text that is none, such as `''`. Where the layout has any.
   */
  readonly tokens?: readonly unknown[];
  /** The values of `layout.formerKey`, where there is one. */
  readonly formerId?: readonly unknown[];
}

/** One page of a table, in key order. */
export interface Page {
  /** At most `maxRecords`; fewer where `maxBytes` was reached, but at least one unless there is no more. */
  readonly records: readonly StoredRecord[];
  /** The place after the last record; `undefined` where the page is empty. */
  readonly next: Cursor | undefined;
  /** Whether the table, or the range that was asked for, ends here. Only this says so: a short page does not, and an error never does. */
  readonly done: boolean;
}

/** Which page is wanted. */
export interface PageRequest {
  /** `undefined`: from the beginning. */
  readonly after: Cursor | undefined;
  /** The last place that is wanted, itself included; `undefined`: to the end of the table. */
  readonly until?: Cursor | undefined;
  /** At least 1. */
  readonly maxRecords: number;
  /** Over the cells' bytes; one record may exceed it. */
  readonly maxBytes: number;
}

/** New bytes for one cell, if it still holds exactly the old ones. */
export interface CellSwap {
  /** Its position in `layout.cells`. */
  readonly cell: number;
  /** What was read, to the byte; `null` only while plaintext is adopted, or where `new` is `null`. */
  readonly old: string | Bytes | null;
  /** What was read from its `adopting` column and must still be there, where the new cell depends on it. */
  readonly plaintext?: string | Bytes | null;
  /** What takes its place; the same as `old` where the cell stays, and only must be what a new token was made from. */
  readonly new: string | Bytes | null;
}

/** A new token, if the old one is still there. */
export interface TokenSwap {
  /** Its position in `layout.tokens`. */
  readonly token: number;
  /** What was read. */
  readonly old: string | null;
  /** What takes its place. */
  readonly new: string | null;
}

/** The swaps of one record: all of them, or none. */
export interface RecordSwap {
  /** As a page or a reread gave it. */
  readonly key: RecordKey;
  /** At least one; all or none is swapped, tokens included. */
  readonly cells: readonly CellSwap[];
  /** Tokens that change with them. Default: none. */
  readonly tokens?: readonly TokenSwap[];
}

/** What is committed together. */
export interface Chunk {
  /** The job's name: under it the quarantine stands. */
  readonly id: string;
  /** One for each record that changes. */
  readonly swaps: readonly RecordSwap[];
  /** Cells that were refused: noted, never changed. What has become of one that was noted before stays so. */
  readonly quarantine: readonly RefusedCell[];
  /**
   * Called once all swaps are made, with one answer for each, in their order: the job record that goes with them.
   * It must be synchronous, so that a store may hold a transaction open around it. Without it nothing but swaps and
   * quarantine is written: who works on a part of a table keeps its place elsewhere.
   */
  readonly job?: ((swapped: readonly boolean[]) => JobWrite) | undefined;
}

/** What became of a chunk. */
export type ChunkOutcome = CommittedChunk | RefusedChunk;

/** All of it was written. */
export interface CommittedChunk {
  /** It was. */
  readonly committed: true;
  /** For each swap, in order, whether the record still had the old bytes. */
  readonly swapped: readonly boolean[];
}

/** The job record was not the expected one: nothing was written. */
export interface RefusedChunk {
  /** It was not. */
  readonly committed: false;
}

/** What a store can do. */
export interface StoreAbilities {
  /** Compare-and-swap on exact bytes. Without it an online rotation is refused. */
  readonly compareAndSwap: boolean;
  /** Swaps and job record in one transaction. Without it the job record is written strictly after the swaps. */
  readonly transactions: boolean;
  /** The census of several tables sees one instant. */
  readonly snapshotCensus: boolean;
  /** It heeds `adopting` and `formerKey` of a layout, and swaps on nulls and plaintexts. Without it nothing is adopted, and no record id changed. */
  readonly adopting?: boolean;
  /** It heeds `tokens` of a layout. Without it no table with an index is rotated or counted. */
  readonly tokens?: boolean;
}

/** What is in a table, by key tag. Nothing but counts: no plaintext that strayed there comes back. */
export interface TableCount {
  /** The table's name in its definition. */
  readonly table: string;
  /** All of the table. */
  readonly records: number;
  /** Cells by their 32-character key tag, for binary columns too. */
  readonly tags: Readonly<Record<string, number>>;
  /** Values, not null, that begin with no key tag of this format. */
  readonly notCells: number;
  /** Values of `adopting` columns, not null, whose cell is null. Where the layout has any. */
  readonly unadopted?: number;
  /** A count for each of `layout.tokens`, in that order. Where the layout has any. */
  readonly tokens?: readonly TokenCount[];
}

/** What is in the column of an index. */
export interface TokenCount {
  /** Tokens by the first 8 characters, which name their key. Only values of the form 8 base32 characters, `.`, hexadecimal digits. */
  readonly prefixes: Readonly<Record<string, number>>;
  /** Values, not null, that have no such form. */
  readonly notTokens: number;
  /** Records without a token though every cell that it is made from is there, or with `follows`: though the followed column has one. */
  readonly missing: number;
}

/** How many records a sweep will meet. */
export interface RecordEstimate {
  /** 0 or more. */
  readonly records: number;
  /** `count`: counted just now. `statistics`: what the database believes. */
  /** How it is known. */
  readonly source: 'count' | 'statistics';
}

/**
 * Where records live. Adapters implement it; `recordStoreCases` in `cellseal/conformance` tests an implementation.
 * A store updates; it never inserts a record, and it never sees a key or a plaintext.
 * A lock that somebody else holds is told as `StoreBusyError`, a UNIQUE constraint that a commit would break as
 * `DuplicateTokenError`, both without the database's words; any other error is passed on as it is.
 */
export interface RecordStore extends JobStore {
  /** What it can do: a rotation refuses a store that cannot compare and swap. */
  readonly abilities: StoreAbilities;
  /** One page in key order, by keyset: never by offset. A cursor that is none of its own is `InvalidCursorError`. */
  page(layout: TableLayout, request: PageRequest): MaybePromise<Page>;
  /**
   * The places of every `everyRecords`-th record (at least 1) in key order, but not of the table's last: they divide it
   * into ranges of that many records. Reads keys only, once each, and never by offset.
   */
  boundaries(layout: TableLayout, everyRecords: number): MaybePromise<readonly Cursor[]>;
  /** The records with these keys that are still there, with what they hold now. */
  reread(layout: TableLayout, keys: readonly RecordKey[]): MaybePromise<readonly StoredRecord[]>;
  /** Swaps, quarantine and job record: together where the store has transactions. */
  commit(layout: TableLayout, chunk: Chunk): MaybePromise<ChunkOutcome>;
  /** Counts by key tag, ignoring every checkpoint, in the tables' order. */
  census(layouts: readonly TableLayout[]): MaybePromise<readonly TableCount[]>;
  /** How many records a sweep of the table will meet, for progress only. */
  estimate(layout: TableLayout): MaybePromise<RecordEstimate>;
  /**
   * The tables of these layouts as the database declares them: what `checkSchema` compares definitions with, and a
   * rotation before it begins. Reads no record. A store without it throws by itself what does not fit.
   */
  describe?(layouts: readonly TableLayout[], options?: DescribeOptions): MaybePromise<StoreDescription>;
  /** Looks for cells in these columns, whatever they are declared for; an answer for each, in their order. A column that is not there, or cannot hold a cell, has none. */
  findCells?(places: readonly ColumnPlace[], options?: FindOptions): MaybePromise<readonly FoundCells[]>;
}
