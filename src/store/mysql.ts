/**
 * Records, or a keyring, in MariaDB and MySQL.
 *
 * @packageDocumentation
 */
import type { KeyringStore } from '../ports/keyring-store.js';
import type { RecordStore } from '../ports/record-store.js';
import type { TokenLookup } from '../ports/token-lookup.js';
import { type LookupWhere, type LookupWhereOptions, lookupWhere } from './lookup-where.js';
import { checkedExecutor } from './sql/checked-executor.js';
import type { SqlExecutor, SqlQueries, SqlRow } from './sql/executor.js';
import { type SqlKeyringOptions, sqlKeyring } from './sql/keyring.js';
import { MYSQL } from './sql/mysql-dialect.js';
import { type SqlRecordsOptions, sqlRecords } from './sql/records.js';
import { onConnection } from './sql/transactions.js';

export type { LookupWhere, LookupWhereOptions } from './lookup-where.js';
export type { SqlExecutor, SqlQueries, SqlRow, SqlValue } from './sql/executor.js';
export type { SqlKeyringOptions } from './sql/keyring.js';
export type { SqlRecordsOptions } from './sql/records.js';

/**
 * Records in MariaDB 10.6 or later (MySQL 8.0 has what is needed too, and was not tested), in InnoDB tables, over
 * anything that runs statements: {@link mysql2Executor}, {@link mariadbExecutor}, or a few lines around a query builder
 * or an ORM.
 *
 * Cells are compared by their bytes, whatever a column's collation says. Records that somebody else has locked are left
 * for later, so a rotation never waits for an application. A column with `ON UPDATE CURRENT_TIMESTAMP` keeps its value.
 * Connect with the character set utf8mb4.
 */
export function mysqlRecords(executor: SqlExecutor, options: SqlRecordsOptions = {}): RecordStore {
  return sqlRecords(checkedExecutor(executor), MYSQL, options);
}

/**
 * Keeps the keyring in MariaDB or MySQL; its tables are made with the first write. The document is one row, locked while it is
 * compared and replaced: of two who write the same revision one succeeds. Pages, processes and usage have a table each.
 *
 * The keyring holds no secret in the clear, but it should not lie in the same backup as what it protects: give it a
 * database of its own. What is replaced stays on the server's disk until it is vacuumed or purged, and in its logs.
 */
export function mysqlKeyring(executor: SqlExecutor, options: SqlKeyringOptions = {}): Required<KeyringStore> {
  return sqlKeyring(checkedExecutor(executor), MYSQL, options);
}

/**
 * A look-up as a condition for a statement of the application's own: `WHERE ${sql}`, with the values of its parameters.
 * The index of the token's column serves it. What it finds are candidates: decrypt them, and keep what `matches`.
 *
 * @throws NotAskableError if it has more tokens than a statement takes parameters, 65,535.
 */
export function mysqlWhere(lookup: TokenLookup, options: LookupWhereOptions = {}): LookupWhere {
  return lookupWhere(lookup, options, MYSQL);
}

/** The part of a promise client of `mysql2` that is called. */
export interface Mysql2Client {
  /** Runs one statement. */
  query(sql: string, values: unknown[]): Promise<[rows: unknown, fields: unknown]>;
}

/** A connection that was taken from a pool of `mysql2`. */
export interface Mysql2Connection extends Mysql2Client {
  /** Gives it back. */
  release(): void;
  /** Ends it. */
  destroy(): void;
}

/** The part of a promise pool of `mysql2` that is called. */
export interface Mysql2Pool extends Mysql2Client {
  /** A connection of its own. */
  getConnection(): Promise<Mysql2Connection>;
}

/** Statements through a pool of `mysql2/promise`. */
export function mysql2Executor(pool: Mysql2Pool): SqlExecutor {
  const over = (client: Mysql2Client): SqlQueries => ({
    query: async (sql, values) => rowsOf((await client.query(sql, [...values]))[0]),
  });
  return {
    ...over(pool),
    async transaction(work) {
      const client = await pool.getConnection();
      const connection = {
        say: (sql: string) => client.query(sql, []),
        end: (isBroken: boolean) => (isBroken ? client.destroy() : client.release()),
      };
      return onConnection(connection, () => work(over(client)));
    },
  };
}

/** The part of a connection of `mariadb` that is called. */
export interface MariadbClient {
  /** Runs one statement. */
  query(sql: string, values: unknown[]): Promise<unknown>;
}

/** A connection that was taken from a pool of `mariadb`. */
export interface MariadbConnection extends MariadbClient {
  /** Gives it back. */
  release(): unknown;
  /** Ends it. */
  destroy(): void;
}

/** The part of a pool of `mariadb` that is called. */
export interface MariadbPool extends MariadbClient {
  /** A connection of its own. */
  getConnection(): Promise<MariadbConnection>;
}

/** Statements through a pool of `mariadb`. */
export function mariadbExecutor(pool: MariadbPool): SqlExecutor {
  const over = (client: MariadbClient): SqlQueries => ({
    query: async (sql, values) => rowsOf(await client.query(sql, [...values])),
  });
  return {
    ...over(pool),
    async transaction(work) {
      const client = await pool.getConnection();
      const connection = {
        say: (sql: string) => client.query(sql, []),
        end: (isBroken: boolean) => (isBroken ? client.destroy() : client.release()),
      };
      return onConnection(connection, () => work(over(client)));
    },
  };
}

/** A statement without rows gives a summary. */
function rowsOf(result: unknown): readonly SqlRow[] {
  return Array.isArray(result) ? (result as readonly SqlRow[]) : [];
}
