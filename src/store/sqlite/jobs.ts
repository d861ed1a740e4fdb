import { StoreUnfitError } from '../../errors.js';
import type { JobWrite, QuarantineEntry } from '../../ports/job-store.js';
import type { TableLayout } from '../../ports/record-store.js';
import type { Row, SqliteClient } from './client.js';
import { type SqlitePath, isTableThere, pathOf, quoted } from './sql.js';

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
    this.#client.exec(
      `CREATE TABLE IF NOT EXISTS ${this.#quarantine} (job TEXT NOT NULL, tbl TEXT NOT NULL, record TEXT NOT NULL, attribute TEXT NOT NULL, code TEXT NOT NULL, PRIMARY KEY (job, tbl, record, attribute))`,
    );
  }

  read(id: string): string | undefined {
    if (!isTableThere(this.#client, this.#jobTable)) return undefined;
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
    if (forgetQuarantine) this.#client.prepare(`DELETE FROM ${this.#quarantine} WHERE job = ?`).run(id);
    return true;
  }

  quarantine(id: string, entries: readonly QuarantineEntry[]): void {
    if (entries.length === 0) return;
    const statement = this.#client.prepare(
      `INSERT INTO ${this.#quarantine} (job, tbl, record, attribute, code) VALUES (?, ?, ?, ?, ?) ON CONFLICT (job, tbl, record, attribute) DO UPDATE SET code = excluded.code`,
    );
    for (const { table, key, column, code } of entries) statement.run(id, table, key, column, code);
  }

  quarantined(id: string): QuarantineEntry[] {
    if (!isTableThere(this.#client, this.#quarantineTable)) return [];
    const rows = this.#client
      .prepare(`SELECT tbl, record, attribute, code FROM ${this.#quarantine} WHERE job = ?`)
      .all(id) as Row[];
    return rows.map((row) => ({
      table: String(row['tbl']),
      key: String(row['record']),
      column: String(row['attribute']),
      code: String(row['code']),
    }));
  }
}
