import type { Dialect } from './dialect.js';
import type { SqlExecutor, SqlQueries } from './executor.js';

/** A connection that was taken from a pool for one transaction. */
export interface TakenConnection {
  /** Runs a statement without values. */
  say(sql: string): Promise<unknown>;
  /** Gives it back, or ends it where it is broken. */
  end(isBroken: boolean): unknown;
}

/** Begins, works, commits; rolls back and throws on what the work throws. Whatever happens, the connection is given back. */
export async function onConnection<T>(connection: TakenConnection, work: () => Promise<T>): Promise<T> {
  let isBroken = false;
  try {
    await connection.say('BEGIN');
    try {
      const result = await work();
      await connection.say('COMMIT');
      return result;
    } catch (error) {
      await connection.say('ROLLBACK').catch(() => {
        isBroken = true; // not a connection to give back
      });
      throw error;
    }
  } finally {
    await connection.end(isBroken);
  }
}

/** A transaction that writes what must stay. */
export function writing<T>(
  executor: SqlExecutor,
  dialect: Dialect,
  work: (queries: SqlQueries) => Promise<T>,
): Promise<T> {
  return executor.transaction(async (queries) => {
    for (const statement of dialect.beginWriting) await queries.query(statement, []);
    return work({ query: (sql, values) => queries.query(dialect.waitingBriefly(sql), values) });
  });
}
