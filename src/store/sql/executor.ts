/** What is bound to a statement, by position: text, numbers or `null`. Bytes travel as text. */
export type SqlValue = string | number | null;

/** A row as a driver gives it, by column name. */
export type SqlRow = Readonly<Record<string, unknown>>;

/** Runs statements: the part of a driver, a query builder or an ORM that the SQL stores call. */
export interface SqlQueries {
  /** Runs one statement with its parameters, in the dialect's own notation (`$1` in PostgreSQL, `?` in MySQL and MariaDB), and gives all rows, as objects by column name; none for a statement that has none. */
  query(sql: string, values: readonly SqlValue[]): Promise<readonly SqlRow[]>;
}

/** A database: statements on any connection, and transactions on one of their own. */
export interface SqlExecutor extends SqlQueries {
  /** Begins, does the work on one connection, commits; rolls back and throws on what the work throws. */
  transaction<T>(work: (queries: SqlQueries) => Promise<T>): Promise<T>;
}
