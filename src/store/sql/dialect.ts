import type { CellColumn, KeyColumn } from '../../ports/record-store.js';
import type { Catalog } from './catalog.js';
import type { DeclaredColumn } from './declared-column.js';
import type { SqlQueries, SqlValue } from './executor.js';

export type { DeclaredColumn } from './declared-column.js';

/** How long a transaction of ours waits for somebody's lock; records that are locked it does not wait for at all. */
export const LOCK_WAIT_SECONDS = 1;

export const UNCOMMITTED_UNFIT =
  'The session reads what others have not committed (READ UNCOMMITTED): a census would count what may be undone. Give this connection another isolation level.';

/** A column of a layout, and how the database declares it. */
export interface Placed<C extends KeyColumn | CellColumn> {
  readonly column: C;
  readonly declared: DeclaredColumn;
}

/** A column of a table of ours: a name of up to 255 characters that is compared by its bytes, text of any length, or a 64-bit integer. */
export interface OwnColumn {
  readonly name: string;
  readonly type: 'name' | 'text' | 'bytes' | 'integer';
}

/** An UPDATE of records by the rows of `v`. */
export interface BulkUpdate {
  /** The table, quoted; it is called `t`. */
  readonly table: string;
  /** What {@link Dialect.lookUp} gave. */
  readonly lookUp: string;
  /** What {@link Dialect.jsonRows} gave. */
  readonly rows: string;
  /** The condition that brings a record and a row together. */
  readonly on: string;
  /** Columns, quoted, and what they become. */
  readonly set: readonly (readonly [column: string, value: string])[];
}

/** What differs between databases: one object each. Everything else is written once, over this. */
export interface Dialect {
  /** What the database says of its own tables. */
  readonly catalog: Catalog;
  /** An identifier, quoted. */
  quote(identifier: string): string;
  /** The notation of the parameter at this place, from 1. */
  parameter(place: number): string;
  /** Parameters of one statement. */
  readonly maxParameters: number;
  /** The columns of a table; none where there is no such table. */
  declaredColumns(queries: SqlQueries, from: readonly string[]): Promise<readonly DeclaredColumn[]>;
  /** Why records in this table cannot be swept; `undefined` where they can. */
  tableFault(queries: SqlQueries, from: readonly string[]): Promise<string | undefined>;
  /** What stands behind the table's name to have records looked up by their keys, however small the table is. */
  lookUp(queries: SqlQueries, from: readonly string[], columns: readonly string[]): Promise<string>;
  /** Why such a column cannot be a record id's or a tenant's; `undefined` where it can. */
  keyFault(key: Placed<KeyColumn>): string | undefined;
  /** Why such a column cannot hold these cells; `undefined` where it can. */
  cellFault(cell: Placed<CellColumn>): string | undefined;

  /** A key to select: as text of any kind, or as bytes. */
  selectKey(sql: string, key: Placed<KeyColumn>): string;
  /** A key to compare a column with, out of an expression that gives it as text (bytes in hexadecimal). */
  keyValue(text: string, key: Placed<KeyColumn>): string;
  /** The condition for everything behind a place in key order; `value(i)` binds the place's value for a column, at every call anew. */
  isBehind(columns: readonly string[], value: (column: number) => string): string;
  /** The same for everything up to a place, itself included. */
  isUpTo(columns: readonly string[], value: (column: number) => string): string;

  /** A cell to select: what can be a cell, and something short that is none in place of everything else. */
  selectCell(sql: string, cell: Placed<CellColumn>): string;
  /** How many bytes a value takes; null where it is null. */
  byteLength(sql: string): string;
  /** A cell out of an expression that gives it as text (bytes in hexadecimal). */
  cellValue(text: string, cell: Placed<CellColumn>): string;
  /** Whether a cell is, to the byte, what a text expression gives. */
  isSameCell(sql: string, text: string, cell: Placed<CellColumn>): string;
  /**
   * A plaintext to select: bytes as they are, everything else as a text that depends on no setting of a session;
   * instants in ISO 8601, in UTC where the column knows time zones.
   */
  selectPlaintext(sql: string, declared: DeclaredColumn): string;
  /** Whether a column holds bytes, which travel as such. */
  isBinary(declared: DeclaredColumn): boolean;
  /** Whether a text that {@link selectPlaintext} gives is, to the byte, what a text expression gives. */
  isSamePlaintext(plaintext: string, text: string): string;
  /** Bytes out of an expression that gives them in hexadecimal. */
  bytesOf(text: string): string;
  /** The key tag of what has the shape of a cell: its text, or its bytes in hexadecimal; null for everything else. */
  selectTag(sql: string, cell: Placed<CellColumn>): string;
  /** The first characters of what has the form of a token; null for everything else. */
  selectTokenPrefix(sql: string, token: Placed<CellColumn>): string;

  /** A parameter that holds a JSON list of objects, as a table `v`: a column `i`, an integer, and these, all text. */
  jsonRows(parameter: string, columns: readonly string[]): string;
  /** Behind a SELECT of `v` and `t`: locks the records, and leaves out those that somebody else has locked. */
  readonly lockWhatIsFree: string;
  /** Joins `t` to `v`, row by row of `v`. */
  joinTo(table: string, lookUp: string, rows: string, on: string): string;
  /** One statement. */
  update(update: BulkUpdate): string;

  /** Makes a table of ours, if there is none. */
  createTable(table: string, columns: readonly OwnColumn[], primaryKey?: string): string;
  /** Adds a row; leaves a row alone that is there. */
  insertIfAbsent(table: string, columns: readonly string[], values: readonly string[]): string;
  /** Adds a row, or changes the one with this key; `own(column)` is what that one has. */
  insertOrUpdate(
    table: string,
    key: string,
    columns: readonly string[],
    values: readonly string[],
    change: (own: (column: string) => string) => readonly (readonly [column: string, value: string])[],
  ): string;
  /** Runs a statement that changes rows, in a transaction, and says how many it has changed. */
  change(queries: SqlQueries, sql: string, values: readonly SqlValue[]): Promise<number>;
  /** Bytes out of a parameter that gives them in hexadecimal. */
  bytesValue(parameter: string): string;
  /** A name in a table of ours to select, as text. */
  selectName(sql: string): string;
  /** Whether a statement failed because there is no such table. */
  isTableMissing(error: unknown): boolean;
  /** The same for a column. */
  isColumnMissing(error: unknown): boolean;
  /** A digest without collisions of a parameter's text, as a name. */
  digest(parameter: string): string;
  /** Whether text may hold U+0000. */
  readonly hasNul: boolean;
  /** Whether text in a table of ours is a parameter's, to the letter. */
  isSameText(sql: string, parameter: string): string;
  /** Behind a SELECT of `v` and `t`, in a transaction that writes: it sees records as they are now, not as they were when the transaction began. */
  readonly seeWhatIsNow: string;
  /** Said first in a transaction that writes. */
  readonly beginWriting: readonly string[];
  /** A statement in such a transaction: for locks it waits {@link LOCK_WAIT_SECONDS} at most. */
  waitingBriefly(sql: string): string;
  /** A condition: this session sees what others have not committed. */
  readonly seesUncommitted: string;
  /** How many records the database believes a table to have; `undefined` where it does not know. */
  believedRecords(queries: SqlQueries, from: readonly string[]): Promise<number | undefined>;
  /** Whether a UNIQUE constraint was broken. */
  isDuplicate(error: unknown): boolean;
  /** Whether what went wrong is somebody else's lock, or a deadlock that was solved at our cost. */
  isBusy(error: unknown): boolean;
}
