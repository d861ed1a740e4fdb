import type { JobWrite, QuarantineEntry } from '../../ports/job-store.js';
import type { Dialect, OwnColumn } from './dialect.js';
import type { SqlExecutor, SqlQueries } from './executor.js';
import { ensureTable, isTableThere } from './own-table.js';

const JOB_COLUMNS: readonly OwnColumn[] = [
  { name: 'id', type: 'name' },
  { name: 'record', type: 'text' },
];
const QUARANTINE_KEY = ['job', 'tbl', 'record', 'attribute'];
const QUARANTINE_COLUMNS: readonly OwnColumn[] = [
  { name: 'job', type: 'text' },
  { name: 'tbl', type: 'text' },
  { name: 'record', type: 'text' },
  { name: 'attribute', type: 'text' },
  { name: 'code', type: 'text' },
];

/** The job records and what jobs have in quarantine, in two tables that are made with the first write. */
export class SqlJobs {
  readonly #dialect: Dialect;
  readonly #jobPath: readonly string[];
  readonly #quarantinePath: readonly string[];
  readonly #jobs: string;
  readonly #quarantine: string;
  #isThere = false;

  constructor(dialect: Dialect, jobTable: string, quarantineTable: string) {
    this.#dialect = dialect;
    this.#jobPath = jobTable.split('.');
    this.#quarantinePath = quarantineTable.split('.');
    this.#jobs = this.#jobPath.map(dialect.quote).join('.');
    this.#quarantine = this.#quarantinePath.map(dialect.quote).join('.');
  }

  /** Outside every transaction: MySQL would commit it. */
  async ensureTables(executor: SqlExecutor): Promise<void> {
    if (this.#isThere) return;
    await ensureTable(executor, this.#dialect, this.#jobPath, JOB_COLUMNS, 'id');
    await ensureTable(executor, this.#dialect, this.#quarantinePath, QUARANTINE_COLUMNS);
    this.#isThere = true;
  }

  async read(executor: SqlExecutor, id: string): Promise<string | undefined> {
    if (!this.#isThere && !(await isTableThere(executor, this.#dialect, this.#jobPath))) return undefined;
    const [row] = await executor.query(
      `SELECT record FROM ${this.#jobs} WHERE id = ${this.#dialect.parameter(1)}`,
      [id],
    );
    return row === undefined ? undefined : String(row['record']);
  }

  /** Inside a transaction. The row is locked before it is compared, and the text is compared here, to the letter. */
  async write(queries: SqlQueries, { id, previous, next, forgetQuarantine }: JobWrite): Promise<boolean> {
    const { parameter, insertIfAbsent, isSameText } = this.#dialect;
    if (previous === undefined)
      await queries.query(insertIfAbsent(this.#jobs, ['id', 'record'], [parameter(1), parameter(2)]), [
        id,
        next,
      ]);
    const [row] = await queries.query(
      `SELECT record FROM ${this.#jobs} WHERE id = ${parameter(1)} FOR UPDATE`,
      [id],
    );
    if (row === undefined || String(row['record']) !== (previous ?? next)) return false;
    if (previous !== undefined) {
      await queries.query(`UPDATE ${this.#jobs} SET record = ${parameter(1)} WHERE id = ${parameter(2)}`, [
        next,
        id,
      ]);
    }
    if (forgetQuarantine)
      await queries.query(`DELETE FROM ${this.#quarantine} WHERE ${isSameText('job', parameter(1))}`, [id]);
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
      await queries.query(`DELETE FROM ${this.#quarantine} WHERE ${place.join(' AND ')}`, named);
      await queries.query(`INSERT INTO ${this.#quarantine} VALUES (${values.join(', ')})`, [...named, code]);
    }
  }

  async quarantined(executor: SqlExecutor, id: string): Promise<readonly QuarantineEntry[]> {
    if (!this.#isThere && !(await isTableThere(executor, this.#dialect, this.#quarantinePath))) return [];
    const rows = await executor.query(
      `SELECT tbl, record, attribute, code FROM ${this.#quarantine} WHERE ${this.#dialect.isSameText('job', this.#dialect.parameter(1))}`,
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
