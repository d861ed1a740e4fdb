import type {
  CellAddress,
  Disposition,
  JobWrite,
  QuarantineEntry,
  RefusedCell,
} from '../../ports/job-store.js';
import { dispositionOf, distinctCells } from '../quarantine.js';
import type { Dialect, OwnColumn } from './dialect.js';
import type { SqlExecutor, SqlQueries } from './executor.js';
import { OwnTable } from './own-table.js';

const CELL_COLUMNS = ['job', 'tbl', 'record', 'attribute', 'code', 'disposition'];
/** What names a cell is longer than a key may be: its digest is the key. */
const QUARANTINE_COLUMNS: readonly OwnColumn[] = [
  { name: 'cell', type: 'name' },
  ...CELL_COLUMNS.map((name) => ({ name, type: 'text' as const })),
];

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
    this.#quarantine = new OwnTable(
      executor,
      dialect,
      quarantineTable.split('.'),
      QUARANTINE_COLUMNS,
      'cell',
    );
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
      await queries.query(
        `DELETE FROM ${this.#quarantine.name} WHERE ${isSameText('job', parameter(1))} AND disposition = 'open'`,
        [id],
      );
    return true;
  }

  /** In the transaction of the chunk. One statement a cell: two that work on one job may note the same one at once. */
  async quarantine(queries: SqlQueries, id: string, cells: readonly RefusedCell[]): Promise<void> {
    const { parameter, digest } = this.#dialect;
    const columns = ['cell', ...CELL_COLUMNS];
    const values = [digest(parameter(1)), ...CELL_COLUMNS.map((_, i) => parameter(i + 2))];
    // What has become of a cell that was noted before stays so.
    const sql = this.#dialect.insertOrUpdate(this.#quarantine.name, 'cell', columns, values, () => [
      ['code', parameter(CELL_COLUMNS.length + 2)],
    ]);
    for (const cell of distinctCells(cells)) {
      const { table, key, column, code } = cell;
      await queries.query(sql, [nameIn(id, cell), id, table, key, column, code, 'open', code]);
    }
  }

  /** In a transaction of its own. Locked before they are counted: how many rows an UPDATE met, servers tell differently. */
  async settle(
    queries: SqlQueries,
    id: string,
    cells: readonly CellAddress[],
    to: Disposition | 'gone',
  ): Promise<number> {
    const { parameter, digest } = this.#dialect;
    const table = this.#quarantine.name;
    let met = 0;
    for (const cell of distinctCells(cells)) {
      const name = nameIn(id, cell);
      const found = await queries.query(
        `SELECT 1 AS found FROM ${table} WHERE cell = ${digest(parameter(1))} FOR UPDATE`,
        [name],
      );
      if (found.length === 0) continue;
      met++;
      if (to === 'gone')
        await queries.query(`DELETE FROM ${table} WHERE cell = ${digest(parameter(1))}`, [name]);
      else
        await queries.query(
          `UPDATE ${table} SET disposition = ${parameter(1)} WHERE cell = ${digest(parameter(2))}`,
          [to, name],
        );
    }
    return met;
  }

  async quarantined(id: string): Promise<readonly QuarantineEntry[]> {
    if (!(await this.#quarantine.isThere())) return [];
    const rows = await this.#executor.query(
      `SELECT tbl, record, attribute, code, disposition FROM ${this.#quarantine.name} WHERE ${this.#dialect.isSameText('job', this.#dialect.parameter(1))}`,
      [id],
    );
    return rows.map((row) => ({
      table: String(row['tbl']),
      key: String(row['record']),
      column: String(row['attribute']),
      code: String(row['code']),
      disposition: dispositionOf(row['disposition']),
    }));
  }
}

/** One text for each cell of each job. */
function nameIn(id: string, { table, key, column }: CellAddress): string {
  return JSON.stringify([id, table, key, column]);
}
