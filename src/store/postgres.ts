/**
 * Records, or a keyring, in PostgreSQL.
 *
 * @packageDocumentation
 */
import type { KeyringStore } from '../ports/keyring-store.js';
import type { RecordStore } from '../ports/record-store.js';
import type { TokenLookup } from '../ports/token-lookup.js';
import { type LookupWhere, type LookupWhereOptions, lookupWhere } from './lookup-where.js';
import { checkedExecutor } from './sql/checked-executor.js';
import type { SqlExecutor, SqlQueries, SqlRow, SqlValue } from './sql/executor.js';
import { type SqlKeyringOptions, sqlKeyring } from './sql/keyring.js';
import { POSTGRES } from './sql/postgres-dialect.js';
import { type SqlRecordsOptions, sqlRecords } from './sql/records.js';
import { onConnection } from './sql/transactions.js';

export type { LookupWhere, LookupWhereOptions } from './lookup-where.js';
export type { SqlExecutor, SqlQueries, SqlRow, SqlValue } from './sql/executor.js';
export type { SqlKeyringOptions } from './sql/keyring.js';
export type { SqlRecordsOptions } from './sql/records.js';

/**
 * Records in PostgreSQL 12 or later, over anything that runs statements: {@link pgExecutor}, {@link postgresExecutor},
 * or a few lines around a query builder or an ORM.
 *
 * Swaps run in READ COMMITTED, one transaction a chunk; records that somebody else has locked are left for later, so a
 * rotation never waits for an application. The role needs SELECT and UPDATE on the tables, and CREATE on the schema of
 * the job's tables, or these made beforehand.
 */
export function postgresRecords(executor: SqlExecutor, options: SqlRecordsOptions = {}): RecordStore {
  return sqlRecords(checkedExecutor(executor), POSTGRES, options);
}

/**
 * Keeps the keyring in PostgreSQL; its tables are made with the first write. The document is one row, locked while it is
 * compared and replaced: of two who write the same revision one succeeds. Pages, processes and usage have a table each.
 *
 * The keyring holds no secret in the clear, but it should not lie in the same backup as what it protects: give it a
 * database of its own. What is replaced stays on the server's disk until it is vacuumed or purged, and in its logs.
 */
export function postgresKeyring(
  executor: SqlExecutor,
  options: SqlKeyringOptions = {},
): Required<KeyringStore> {
  return sqlKeyring(checkedExecutor(executor), POSTGRES, options);
}

/**
 * A look-up as a condition for a statement of the application's own: `WHERE ${sql}`, with the values of its parameters.
 * The index of the token's column serves it. What it finds are candidates: decrypt them, and keep what `matches`.
 *
 * @throws NotAskableError if it has more tokens than a statement takes parameters, 65,535.
 */
export function postgresWhere(lookup: TokenLookup, options: LookupWhereOptions = {}): LookupWhere {
  return lookupWhere(lookup, options, POSTGRES);
}

/** What a statement gives in `pg`, as far as it is looked at. */
export interface PgResult {
  /** Objects by column name. */
  readonly rows: unknown[];
}

/** The part of a client of `pg` that is called. */
export interface PgClient {
  /** Runs one statement. */
  query(sql: string, values: unknown[]): Promise<PgResult>;
}

/** A connection that was taken from a `Pool` of `pg`. */
export interface PgPoolClient extends PgClient {
  /** Hears of a connection that breaks. */
  on(event: 'error', listener: () => void): unknown;
  /** Hears of it no more. */
  removeListener(event: 'error', listener: () => void): unknown;
  /** Gives it back, or ends it. */
  release(destroy?: boolean): void;
}

/** The part of a `Pool` of `pg` that is called. */
export interface PgPool extends PgClient {
  /** A connection of its own. */
  connect(): Promise<PgPoolClient>;
}

/** Statements through a `Pool` of `pg`. */
export function pgExecutor(pool: PgPool): SqlExecutor {
  const over = (client: PgClient): SqlQueries => ({
    query: async (sql, values) => (await client.query(sql, [...values])).rows as SqlRow[],
  });
  return {
    ...over(pool),
    async transaction(work) {
      const client = await pool.connect();
      // The statement under way says it too; unheard, this one would end the process.
      const ignore = (): void => undefined;
      client.on('error', ignore);
      const connection = {
        say: (sql: string) => client.query(sql, []),
        end(isBroken: boolean) {
          client.release(isBroken); // from here on its pool listens
          client.removeListener('error', ignore);
        },
      };
      return onConnection(connection, () => work(over(client)));
    },
  };
}

/** The part of `postgres` (Postgres.js) that is called. */
export interface PostgresJs extends PostgresJsQueries {
  /** Runs `work` in a transaction. */
  begin(work: (sql: PostgresJsQueries) => Promise<unknown>): Promise<unknown>;
}

/** The part of it that a transaction has, too. */
export interface PostgresJsQueries {
  /** Runs one statement. */
  unsafe(sql: string, values: never[]): PromiseLike<readonly unknown[]>;
}

/** Statements through `postgres` (Postgres.js). */
export function postgresExecutor(sql: PostgresJs): SqlExecutor {
  const over = (client: PostgresJsQueries): SqlQueries => ({
    query: async (text: string, values: readonly SqlValue[]) =>
      (await client.unsafe(text, [...values] as never[])) as readonly SqlRow[],
  });
  return {
    ...over(sql),
    async transaction(work) {
      let outcome:
        | { readonly value: Awaited<ReturnType<typeof work>> }
        | { readonly error: unknown }
        | undefined;
      try {
        await sql.begin(async (client) => {
          try {
            outcome = { value: await work(over(client)) };
          } catch (error) {
            outcome = { error };
            throw error;
          }
        });
      } catch (error) {
        // The work's own error, whatever the driver makes of it; else what COMMIT said.
        throw outcome && 'error' in outcome ? outcome.error : error;
      }
      return (outcome as { readonly value: Awaited<ReturnType<typeof work>> }).value;
    },
  };
}
