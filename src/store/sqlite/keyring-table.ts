import type { Row, SqliteClient, SqliteValue } from './client.js';
import { type SqlitePath, guarded, inTransaction, isTableThere, pathOf, quoted } from './sql.js';

/** Settings under which a keyring is written; their values in words, because SQLite takes 2 for ON where it means FAST. */
const SETTINGS = {
  synchronous: { words: ['OFF', 'NORMAL', 'FULL', 'EXTRA'], full: 2, suffices: (set: number) => set >= 2 },
  // FAST leaves the content of pages that have become free.
  secure_delete: { words: ['OFF', 'ON', 'FAST'], full: 1, suffices: (set: number) => set === 1 },
} as const;

/** One table of a keyring, which is made with the first write. */
export class KeyringTable {
  readonly #client: SqliteClient;
  readonly #path: SqlitePath;
  readonly #columns: string;
  /** Its path, quoted. */
  readonly name: string;

  constructor(client: SqliteClient, keyring: string, suffix: string, columns: string) {
    const { schema, name } = pathOf(keyring.split('.'));
    this.#client = client;
    this.#path = { schema, name: `${name}${suffix}` };
    this.#columns = columns;
    this.name = `${quoted(schema)}.${quoted(this.#path.name)}`;
  }

  /** What a query gives; nothing where there is no table yet. */
  all(sql: string, values: readonly SqliteValue[] = []): Row[] {
    return guarded(() =>
      isTableThere(this.#client, this.#path) ? (this.#client.prepare(sql).all(...values) as Row[]) : [],
    );
  }

  /** Within {@link writing}: how many rows the statement has changed. */
  run(sql: string, values: readonly SqliteValue[]): number {
    return Number(this.#client.prepare(sql).run(...values).changes);
  }

  /** What `work` writes, in one transaction. */
  writing<T>(work: () => T): T {
    return inTransaction(this.#client, 'BEGIN IMMEDIATE', () => {
      // Each time: what was made in a transaction that was undone is not there.
      this.#client.exec(`CREATE TABLE IF NOT EXISTS ${this.name} (${this.#columns})`);
      return work();
    }) as T;
  }

  /** The same, and there after a power failure. */
  writingDurably<T>(work: () => T): T {
    return this.#under('synchronous', () => this.writing(work));
  }

  /** The same, and what it replaces or removes is overwritten. */
  erasing<T>(work: () => T): T {
    const result = this.#under('secure_delete', () => this.writingDurably(work));
    this.#emptyWriteAheadLog();
    return result;
  }

  /** The connection may be the application's: its settings come back. */
  #under<T>(name: keyof typeof SETTINGS, work: () => T): T {
    const { words, full, suffices } = SETTINGS[name];
    const pragma = `PRAGMA ${quoted(this.#path.schema)}.${name}`;
    const [row] = guarded(() => this.#client.prepare(pragma).all()) as Row[];
    const before = Number(row?.[name]);
    if (suffices(before)) return work();
    guarded(() => this.#client.exec(`${pragma} = ${words[full]}`));
    try {
      return work();
    } finally {
      this.#client.exec(`${pragma} = ${words[before]}`);
    }
  }

  /** Its frames hold pages as they were before. */
  #emptyWriteAheadLog(): void {
    try {
      this.#client.prepare(`PRAGMA ${quoted(this.#path.schema)}.wal_checkpoint(TRUNCATE)`).all();
    } catch {
      // What was written stays written, and the next write tries again.
    }
  }
}
