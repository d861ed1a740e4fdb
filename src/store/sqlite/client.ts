/** What is bound to a statement, by position. */
export type SqliteValue = string | number | Uint8Array | null;

/** What running a statement gives. */
export interface SqliteChanges {
  /** Rows that it changed. */
  readonly changes: number | bigint;
}

/** The part of a prepared statement that this adapter calls. */
export interface SqliteStatement {
  /** All rows, as objects by column name. */
  all(...values: SqliteValue[]): unknown[];
  /** Runs it; says how many rows it changed. */
  run(...values: SqliteValue[]): SqliteChanges;
}

/** The part of a client that this adapter calls: `DatabaseSync` of `node:sqlite` (Node 22.13 and later) and `libsql` have it, and are tested. */
export interface SqliteClient {
  /** Prepares one statement with `?` parameters. */
  prepare(sql: string): SqliteStatement;
  /** Runs statements without parameters. */
  exec(sql: string): unknown;
}

/** A row as a client gives it. */
export type Row = Readonly<Record<string, unknown>>;
