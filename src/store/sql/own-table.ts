import type { Dialect, OwnColumn } from './dialect.js';
import type { SqlExecutor } from './executor.js';

/** Makes a table of ours, if there is none. Outside every transaction: MySQL would commit it. */
export async function ensureTable(
  executor: SqlExecutor,
  dialect: Dialect,
  path: readonly string[],
  columns: readonly OwnColumn[],
  primaryKey?: string,
): Promise<void> {
  if (await isTableThere(executor, dialect, path)) return;
  try {
    await executor.query(dialect.createTable(path.map(dialect.quote).join('.'), columns, primaryKey), []);
  } catch (error) {
    // PostgreSQL lets IF NOT EXISTS fail where two make a table at once.
    if (!(await isTableThere(executor, dialect, path))) throw error;
  }
}

/** By asking the table itself: who has lost the right to see it must not take it for one that is not there. */
export async function isTableThere(
  executor: SqlExecutor,
  dialect: Dialect,
  path: readonly string[],
): Promise<boolean> {
  try {
    await executor.query(`SELECT 1 FROM ${path.map(dialect.quote).join('.')} LIMIT 0`, []);
    return true;
  } catch (error) {
    if (dialect.isTableMissing(error)) return false;
    throw error;
  }
}

/** A table of ours that is made with the first write. */
export class OwnTable {
  readonly #executor: SqlExecutor;
  readonly #dialect: Dialect;
  readonly #path: readonly string[];
  readonly #columns: readonly OwnColumn[];
  /** Its path, quoted. */
  readonly name: string;
  #isThere = false;

  constructor(
    executor: SqlExecutor,
    dialect: Dialect,
    path: readonly string[],
    columns: readonly [OwnColumn, ...OwnColumn[]],
  ) {
    this.#executor = executor;
    this.#dialect = dialect;
    this.#path = path;
    this.#columns = columns;
    this.name = path.map(dialect.quote).join('.');
  }

  /** Whether there is something to read. */
  async isThere(): Promise<boolean> {
    this.#isThere ||= await isTableThere(this.#executor, this.#dialect, this.#path);
    return this.#isThere;
  }

  /** Makes it; the first column is its primary key. */
  async ensure(): Promise<void> {
    if (await this.isThere()) return;
    await ensureTable(this.#executor, this.#dialect, this.#path, this.#columns, this.#columns[0]?.name);
    this.#isThere = true;
  }
}
