import type { JobWrite, QuarantineEntry } from '../../ports/job-store.js';
import type { Dialect, OwnColumn } from './dialect.js';
import type { SqlExecutor, SqlQueries } from './executor.js';
import { OwnTable } from './own-table.js';

const QUARANTINE_KEY = ['job', 'tbl', 'record', 'attribute'] as const;
const QUARANTINE_COLUMNS = [...QUARANTINE_KEY, 'code'].map((name) => ({ name, type: 'text' as const }));

/** The job records and what jobs have in quarantine, in two tables that are made with the first write. */
export class SqlJobs {
  readonly #executor: SqlExecutor;
  readonly #dialect: Dialect;
  readonly #jobs: OwnTable;
  readonly #quarantine: OwnTable;

  constructor(executor: SqlExecutor, dialect: Dialect, jobTable: string, quarantineTable: string) {
    this.#executor = executor;
    this.#dialect = dialect;
    const columns: readonly OwnColumn[] = [
      { name: 'id', type: 'name' },
      { name: 'record', type: 'text' },
    ];
    this.#jobs = new OwnTable(executor, dialect, jobTable.split('.'), columns, 'id');
    this.#quarantine = new OwnTable(executor, dialect, quarantineTable.split('.'), QUARANTINE_COLUMNS);
  }

  /** Outside every transaction. */
  async ensureTables(): Promise<void> {
    await this.#jobs.ensure();
    await this.#quarantine.ensure();
  }

  async read(id: string): Promise<string | undefined> {
    if (!(await this.#jobs.isThere())) return undefined;
    const [row] = await this.#executor.query(
      `SELECT record FROM ${this.#jobs.name} WHERE id = ${this.#dialect.parameter(1)}`,
      [id],
    );
    return row === undefined ? undefined : String(row['record']);
  }

  /** Inside a transaction. The row is locked before it is compared, and the text is compared here, to the letter. */
  async write(queries: SqlQueries, { id, previous, next, forgetQuarantine }: JobWrite): Promise<boolean> {
    const { parameter, insertIfAbsent, isSameText } = this.#dialect;
    if (previous === undefined)
      await queries.query(insertIfAbsent(this.#jobs.name, ['id', 'record'], [parameter(1), parameter(2)]), [
        id,
        next,
      ]);
    const [row] = await queries.query(
      `SELECT record FROM ${this.#jobs.name} WHERE id = ${parameter(1)} FOR UPDATE`,
      [id],
    );
    if (row === undefined || String(row['record']) !== (previous ?? next)) return false;
    if (previous !== undefined) {
      await queries.query(
        `UPDATE ${this.#jobs.name} SET record = ${parameter(1)} WHERE id = ${parameter(2)}`,
        [next, id],
      );
    }
    if (forgetQuarantine)
      await queries.query(`DELETE FROM ${this.#quarantine.name} WHERE ${isSameText('job', parameter(1))}`, [
        id,
      ]);
    return true;
  }

  /** Behind {@link write}, in its transaction: the job's row is locked, so nobody else writes here for this job. */
  async quarantine(queries: SqlQueries, id: string, entries: readonly QuarantineEntry[]): Promise<void> {
    const place = QUARANTINE_KEY.map((column, i) =>
      this.#dialect.isSameText(column, this.#dialect.parameter(i + 1)),
    );
    const values = QUARANTINE_COLUMNS.map((_, i) => this.#dialect.parameter(i + 1));
    for (const { table, key, column, code } of entries) {
      const named = [id, table, key, column];
      await queries.query(`DELETE FROM ${this.#quarantine.name} WHERE ${place.join(' AND ')}`, named);
      await queries.query(`INSERT INTO ${this.#quarantine.name} VALUES (${values.join(', ')})`, [
        ...named,
        code,
      ]);
    }
  }

  async quarantined(id: string): Promise<readonly QuarantineEntry[]> {
    if (!(await this.#quarantine.isThere())) return [];
    const rows = await this.#executor.query(
      `SELECT tbl, record, attribute, code FROM ${this.#quarantine.name} WHERE ${this.#dialect.isSameText('job', this.#dialect.parameter(1))}`,
      [id],
    );
    return rows.map((row) => ({
      table: String(row['tbl']),
      key: String(row['record']),
      column: String(row['attribute']),
      code: String(row['code']),
    }));
  }
}
