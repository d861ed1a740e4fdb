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
  if (await dialect.isTableThere(executor, path)) return;
  try {
    await executor.query(dialect.createTable(path.map(dialect.quote).join('.'), columns, primaryKey), []);
  } catch (error) {
    // PostgreSQL lets IF NOT EXISTS fail where two make a table at once.
    if (!(await dialect.isTableThere(executor, path))) throw error;
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
    this.#isThere ||= await this.#dialect.isTableThere(this.#executor, this.#path);
    return this.#isThere;
  }

  /** Makes it; the first column is its primary key. */
  async ensure(): Promise<void> {
    if (await this.isThere()) return;
    await ensureTable(this.#executor, this.#dialect, this.#path, this.#columns, this.#columns[0]?.name);
    this.#isThere = true;
  }
}
