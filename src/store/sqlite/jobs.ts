import type { JobWrite, QuarantineEntry } from '../../ports/job-store.js';
import type { Row, SqliteClient } from './client.js';
import { guarded, quoted } from './sql.js';

/** The job records and what jobs have in quarantine, in two tables that are made at the first use. */
export class SqliteJobs {
  readonly #client: SqliteClient;
  readonly #jobs: string;
  readonly #quarantine: string;
  #made = false;

  constructor(client: SqliteClient, jobTable: string, quarantineTable: string) {
    this.#client = client;
    this.#jobs = quoted(jobTable);
    this.#quarantine = quoted(quarantineTable);
  }

  /** Called outside a transaction: making a table inside one would hold its locks. */
  ensureTables(): void {
    if (this.#made) return;
    guarded(() => {
      this.#client.exec(
        `CREATE TABLE IF NOT EXISTS ${this.#jobs} (id TEXT PRIMARY KEY, record TEXT NOT NULL)`,
      );
      this.#client.exec(
        `CREATE TABLE IF NOT EXISTS ${this.#quarantine} (job TEXT NOT NULL, tbl TEXT NOT NULL, record TEXT NOT NULL, attribute TEXT NOT NULL, code TEXT NOT NULL, PRIMARY KEY (job, tbl, record, attribute))`,
      );
    });
    this.#made = true;
  }

  read(id: string): string | undefined {
    this.ensureTables();
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
    this.ensureTables();
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
