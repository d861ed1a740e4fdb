import { StoreUnfitError } from '../../errors.js';
import type { SqlExecutor, SqlQueries, SqlRow } from './executor.js';

const NO_ROWS =
  'The executor’s query does not give rows: it must resolve to a list of objects by column name, without what a driver gives beside them.';
const NO_OUTCOME =
  'The executor’s transaction does not give what its work gives, or hides what its work throws.';

/** The same executor. One that breaks a rule is refused by name, before anybody takes its mistake for the database's answer. */
export function checkedExecutor(executor: SqlExecutor): SqlExecutor {
  const over = (queries: SqlQueries): SqlQueries => ({
    query: async (sql, values) => assertRows(await queries.query(sql, values)),
  });
  return {
    ...over(executor),
    async transaction(work) {
      let outcome:
        | { readonly value: Awaited<ReturnType<typeof work>> }
        | { readonly error: unknown }
        | undefined;
      const given = await executor
        .transaction(async (queries) => {
          try {
            const value = await work(over(queries));
            outcome = { value };
            return value;
          } catch (error) {
            outcome = { error };
            throw error;
          }
        })
        .catch((error: unknown) => {
          // The work's own, whatever a library has put around it; else what BEGIN or COMMIT said.
          throw outcome && 'error' in outcome ? outcome.error : error;
        });
      if (!outcome || !('value' in outcome) || outcome.value !== given) throw new StoreUnfitError(NO_OUTCOME);
      return given;
    },
  };
}

function assertRows(rows: unknown): readonly SqlRow[] {
  if (!Array.isArray(rows) || !rows.every(isRow)) throw new StoreUnfitError(NO_ROWS);
  return rows;
}

function isRow(row: unknown): row is SqlRow {
  return typeof row === 'object' && row !== null && !Array.isArray(row);
}
