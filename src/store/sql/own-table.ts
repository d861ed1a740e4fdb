import { StoreUnfitError } from '../../errors.js';
import { OWN_TABLE_UNFIT } from '../quarantine.js';
import type { Dialect, OwnColumn } from './dialect.js';
import type { SqlExecutor } from './executor.js';

/** A table of ours that is made with the first write. */
export class OwnTable {
  readonly #executor: SqlExecutor;
  readonly #dialect: Dialect;
  readonly #path: readonly string[];
  readonly #columns: readonly OwnColumn[];
  readonly #primaryKey: string | undefined;
  /** Its path, quoted. */
  readonly name: string;
  #isThere = false;

  constructor(
    executor: SqlExecutor,
    dialect: Dialect,
    path: readonly string[],
    columns: readonly OwnColumn[],
    primaryKey?: string,
  ) {
    this.#executor = executor;
    this.#dialect = dialect;
    this.#path = path;
    this.#columns = columns;
    this.#primaryKey = primaryKey;
    this.name = path.map(dialect.quote).join('.');
  }

  /** By asking the table itself: who has lost the right to see it must not take it for one that is not there. */
  async isThere(): Promise<boolean> {
    if (this.#isThere) return true;
    try {
      const columns = this.#columns.map(({ name }) => this.#dialect.quote(name));
      await this.#executor.query(`SELECT ${columns.join(', ')} FROM ${this.name} LIMIT 0`, []);
    } catch (error) {
      if (this.#dialect.isTableMissing(error)) return false;
      if (this.#dialect.isColumnMissing(error))
        throw new StoreUnfitError(OWN_TABLE_UNFIT, { table: this.#path.join('.') });
      throw error;
    }
    this.#isThere = true;
    return true;
  }

  /** Makes it, if there is none. Outside every transaction: MySQL would commit it. */
  async ensure(): Promise<void> {
    if (await this.isThere()) return;
    try {
      await this.#executor.query(this.#dialect.createTable(this.name, this.#columns, this.#primaryKey), []);
    } catch (error) {
      // PostgreSQL lets IF NOT EXISTS fail where two make a table at once.
      if (!(await this.isThere())) throw error;
    }
    this.#isThere = true;
  }
}
