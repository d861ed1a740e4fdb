import { StoreUnfitError } from '../../errors.js';
import type {
  CellAddress,
  Disposition,
  JobWrite,
  QuarantineEntry,
  RefusedCell,
} from '../../ports/job-store.js';
import type { TableLayout } from '../../ports/record-store.js';
import { OWN_TABLE_UNFIT, dispositionOf, distinctCells } from '../quarantine.js';
import type { Row, SqliteClient, SqliteValue } from './client.js';
import { type SqlitePath, isTableThere, pathOf, quoted } from './sql.js';

const JOB_COLUMNS = ['id', 'record'];
const QUARANTINE_KEY = ['job', 'tbl', 'record', 'attribute'];
const QUARANTINE_COLUMNS = [...QUARANTINE_KEY, 'code', 'disposition'];

/** The job records and what jobs have in quarantine, in two tables that are made with the first write. */
export class SqliteJobs {
  readonly #client: SqliteClient;
  readonly #jobTable: SqlitePath;
  readonly #quarantineTable: SqlitePath;
  readonly #jobs: string;
  readonly #quarantine: string;

  constructor(client: SqliteClient, jobTable: string, quarantineTable: string) {
    this.#client = client;
    this.#jobTable = pathOf(jobTable.split('.'));
    this.#quarantineTable = pathOf(quarantineTable.split('.'));
    this.#jobs = `${quoted(this.#jobTable.schema)}.${quoted(this.#jobTable.name)}`;
    this.#quarantine = `${quoted(this.#quarantineTable.schema)}.${quoted(this.#quarantineTable.name)}`;
  }

  /** SQLite commits attached files one after the other: a crash in between would leave the checkpoint ahead. */
  assertBeside({ name, from }: TableLayout): void {
    const { schema } = pathOf(from);
    if ([this.#jobTable, this.#quarantineTable].every((path) => path.schema === schema)) return;
    throw new StoreUnfitError(
      "The table is in another database file than the job's tables, and one transaction cannot hold both. Name them there: { jobTable: 'crm.cellseal_job', quarantineTable: 'crm.cellseal_quarantine' }.",
      { table: name },
    );
  }

  /** Called inside the transaction that writes, and each time: what it makes is there only if that is committed. */
  ensureTables(): void {
    this.#client.exec(`CREATE TABLE IF NOT EXISTS ${this.#jobs} (id TEXT PRIMARY KEY, record TEXT NOT NULL)`);
    const columns = QUARANTINE_COLUMNS.map((column) => `${column} TEXT NOT NULL`);
    this.#client.exec(
      `CREATE TABLE IF NOT EXISTS ${this.#quarantine} (${columns.join(', ')}, PRIMARY KEY (${QUARANTINE_KEY.join(', ')}))`,
    );
    this.#isThere(this.#jobTable, JOB_COLUMNS);
    this.#isThere(this.#quarantineTable, QUARANTINE_COLUMNS);
  }

  /** Looks at its columns too: another version may have made it. */
  #isThere(path: SqlitePath, columns: readonly string[]): boolean {
    if (!isTableThere(this.#client, path)) return false;
    const rows = this.#client
      .prepare('SELECT name FROM pragma_table_info(?, ?)')
      .all(path.name, path.schema) as Row[];
    const lacking = columns.find((column) => !rows.some((row) => row['name'] === column));
    if (lacking === undefined) return true;
    throw new StoreUnfitError(OWN_TABLE_UNFIT, { table: path.name, column: lacking });
  }

  read(id: string): string | undefined {
    if (!this.#isThere(this.#jobTable, JOB_COLUMNS)) return undefined;
    const [row] = this.#client.prepare(`SELECT record FROM ${this.#jobs} WHERE id = ?`).all(id);
    return row === undefined ? undefined : String((row as Row)['record']);
  }

  write({ id, previous, next, forgetQuarantine }: JobWrite): boolean {
    const { changes } =
      previous === undefined
        ? this.#client
            .prepare(`INSERT INTO ${this.#jobs} (id, record) VALUES (?, ?) ON CONFLICT DO NOTHING`)
            .run(id, next)
        : this.#client
            .prepare(`UPDATE ${this.#jobs} SET record = ? WHERE id = ? AND record = ?`)
            .run(next, id, previous);
    if (Number(changes) !== 1) return false;
    if (forgetQuarantine)
      this.#client.prepare(`DELETE FROM ${this.#quarantine} WHERE job = ? AND disposition = 'open'`).run(id);
    return true;
  }

  quarantine(id: string, cells: readonly RefusedCell[]): void {
    if (cells.length === 0) return;
    const statement = this.#client.prepare(
      `INSERT INTO ${this.#quarantine} (job, tbl, record, attribute, code, disposition) VALUES (?, ?, ?, ?, ?, 'open') ON CONFLICT (job, tbl, record, attribute) DO UPDATE SET code = excluded.code`,
    );
    for (const { table, key, column, code } of cells) statement.run(id, table, key, column, code);
  }

  quarantined(id: string): QuarantineEntry[] {
    if (!this.#isThere(this.#quarantineTable, QUARANTINE_COLUMNS)) return [];
    const rows = this.#client
      .prepare(`SELECT tbl, record, attribute, code, disposition FROM ${this.#quarantine} WHERE job = ?`)
      .all(id) as Row[];
    return rows.map((row) => ({
      table: String(row['tbl']),
      key: String(row['record']),
      column: String(row['attribute']),
      code: String(row['code']),
      disposition: dispositionOf(row['disposition']),
    }));
  }

  settle(id: string, cells: readonly CellAddress[], to: Disposition | 'gone'): number {
    const sql =
      to === 'gone' ? `DELETE FROM ${this.#quarantine}` : `UPDATE ${this.#quarantine} SET disposition = ?`;
    const where = QUARANTINE_KEY.map((column) => `${column} = ?`).join(' AND ');
    const statement = this.#client.prepare(`${sql} WHERE ${where}`);
    const before: SqliteValue[] = to === 'gone' ? [] : [to];
    return distinctCells(cells).reduce(
      (met, { table, key, column }) => met + Number(statement.run(...before, id, table, key, column).changes),
      0,
    );
  }
}
