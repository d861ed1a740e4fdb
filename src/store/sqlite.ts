/**
 * Records in an SQLite file.
 *
 * @packageDocumentation
 */
import { decodeHex, hex, isUint8Array, viewBytes } from '../bytes.js';
import { StoreBusyError, StoreUnfitError } from '../errors.js';
import { KEY_TAG_BYTES, KEY_TAG_CHARACTERS, keyTagOfBytes, parseKeyTag } from '../key-tag.js';
import { MIN_CELL_BYTES } from '../limits.js';
import type { JobWrite, QuarantineEntry } from '../ports/job-store.js';
import type {
  CellColumn,
  Chunk,
  ChunkOutcome,
  KeyColumn,
  Page,
  PageRequest,
  RecordKey,
  RecordStore,
  RecordSwap,
  StoredRecord,
  TableCount,
  TableLayout,
} from '../ports/record-store.js';

/** What is bound to a statement, by position. */
export type SqliteValue = string | number | Uint8Array | null;

/** What running a statement gives. */
export interface SqliteChanges {
  /** Rows that it changed. */
  readonly changes: number | bigint;
}

/** The part of a prepared statement that this adapter calls. */
export interface SqliteStatement {
  /** All rows, as objects by column name. */
  all(...values: SqliteValue[]): unknown[];
  /** Runs it; says how many rows it changed. */
  run(...values: SqliteValue[]): SqliteChanges;
  /** Rows one at a time, as objects by column name. */
  iterate(...values: SqliteValue[]): Iterable<unknown>;
}

/** The part of a client that this adapter calls: `DatabaseSync` of `node:sqlite` (Node 22.13 and later), `libsql` and `better-sqlite3` have it. */
export interface SqliteClient {
  /** Prepares one statement with `?` parameters. */
  prepare(sql: string): SqliteStatement;
  /** Runs statements without parameters. */
  exec(sql: string): unknown;
}

/** The options of {@link sqliteRecords}. */
export interface SqliteOptions {
  /** Where jobs keep their checkpoint; made when a rotation begins. Default: `cellseal_job`. */
  readonly jobTable?: string;
  /** Where cells that could not be read are listed; made when a rotation begins. Default: `cellseal_quarantine`. */
  readonly quarantineTable?: string;
}

/**
 * Records in SQLite, through a client that the application has opened.
 *
 * Give it a connection of its own: each chunk is one `BEGIN IMMEDIATE … COMMIT`, which fails inside a transaction that
 * somebody else has open on the same connection. With other writers, `PRAGMA journal_mode = WAL` and
 * `PRAGMA busy_timeout = 1000` let both wait; what is still locked then is told as `StoreBusyError`, and a rotation
 * tries again.
 */
export function sqliteRecords(client: SqliteClient, options: SqliteOptions = {}): RecordStore {
  const { jobTable = 'cellseal_job', quarantineTable = 'cellseal_quarantine' } = options;
  const jobs = new SqliteJobs(client, jobTable, quarantineTable);

  return {
    abilities: { compareAndSwap: true, transactions: true, snapshotCensus: true },

    page: (layout, request) => guarded(() => readPage(client, layout, request)),

    reread: (layout, keys) =>
      guarded(() => {
        const statement = new KeyedStatements(client);
        return keys.flatMap((key) => {
          const { where, values } = whereKey(layout, key);
          const rows = statement
            .get(`SELECT ${recordColumns(layout)} FROM ${tableName(layout)} WHERE ${where}`)
            .all(...values);
          return rows.map((row) => storedRecord(layout, row as Row));
        });
      }),

    commit: (layout, { swaps, quarantine, job }: Chunk): ChunkOutcome => {
      jobs.ensureTables();
      return (
        inTransaction(client, 'BEGIN IMMEDIATE', () => {
          const statements = new KeyedStatements(client);
          const swapped = swaps.map((swap) => swapRecord(statements, layout, swap));
          const write = job(swapped);
          if (!jobs.write(write)) return ROLL_BACK;
          jobs.quarantine(write.id, quarantine);
          return { committed: true, swapped };
        }) ?? { committed: false }
      );
    },

    census: (layouts) =>
      inTransaction(client, 'BEGIN', () =>
        layouts.map((layout) => countTable(client, layout)),
      ) as TableCount[],

    estimate: (layout) =>
      guarded(() => {
        const [row] = client.prepare(`SELECT COUNT(*) AS records FROM ${tableName(layout)}`).all();
        return { records: Number((row as Row)['records']), source: 'count' };
      }),

    readJob: (id) => guarded(() => jobs.read(id)),
    writeJob: (write) => {
      jobs.ensureTables();
      return inTransaction(client, 'BEGIN IMMEDIATE', () => jobs.write(write) || ROLL_BACK) ?? false;
    },
    listQuarantine: (id) => guarded(() => jobs.quarantined(id)),
  };
}

type Row = Readonly<Record<string, unknown>>;

// ── Jobs and quarantine ─────────────────────────────────────────────────────────────────────────────────────────────

class SqliteJobs {
  readonly #client: SqliteClient;
  readonly #jobs: string;
  readonly #quarantine: string;
  #made = false;

  constructor(client: SqliteClient, jobTable: string, quarantineTable: string) {
    this.#client = client;
    this.#jobs = quoted(jobTable);
    this.#quarantine = quoted(quarantineTable);
  }

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

// ── Pages and swaps ─────────────────────────────────────────────────────────────────────────────────────────────────

function readPage(
  client: SqliteClient,
  layout: TableLayout,
  { after, maxRecords, maxBytes }: PageRequest,
): Page {
  const { where, values } = after === undefined ? EVERYWHERE : whereAfter(layout, after);
  const order = layout.key.map(({ column }) => quoted(column)).join(', ');
  const rows = client
    .prepare(
      `SELECT ${recordColumns(layout)} FROM ${tableName(layout)} WHERE ${where} ORDER BY ${order} LIMIT ?`,
    )
    .iterate(...values, maxRecords + 1); // one more tells whether the table ends here

  const records: StoredRecord[] = [];
  let bytes = 0;
  let done = true;
  for (const row of rows) {
    const record = storedRecord(layout, row as Row);
    bytes += record.cells.reduce<number>((sum, cell) => sum + sizeOf(cell), 0);
    if (records.length === maxRecords || (records.length > 0 && bytes > maxBytes)) {
      done = false;
      break;
    }
    records.push(record);
  }
  return { records, next: records.at(-1)?.key, done };
}

function swapRecord(statements: KeyedStatements, layout: TableLayout, { key, cells }: RecordSwap): boolean {
  const columns = cells.map(({ cell }) => quoted((layout.cells[cell] as CellColumn).column));
  const { where, values } = whereKey(layout, key);
  const set = columns.map((column) => `${column} = ?`).join(', ');
  // Bytes decide, whatever the column's collation: under NOCASE another cell would look the same.
  const unchanged = columns.map((column) => `${column} = ? COLLATE BINARY`).join(' AND ');
  const { changes } = statements
    .get(`UPDATE ${tableName(layout)} SET ${set} WHERE ${where} AND ${unchanged}`)
    .run(...cells.map((cell) => cell.new), ...values, ...cells.map((cell) => cell.old));
  return Number(changes) > 0;
}

/** One statement a text, prepared once for the records of a chunk. */
class KeyedStatements {
  readonly #client: SqliteClient;
  readonly #statements = new Map<string, SqliteStatement>();

  constructor(client: SqliteClient) {
    this.#client = client;
  }

  get(sql: string): SqliteStatement {
    const known = this.#statements.get(sql);
    if (known) return known;
    const statement = this.#client.prepare(sql);
    this.#statements.set(sql, statement);
    return statement;
  }
}

// ── Keys: a list of [storage class, text], compared by the database only ────────────────────────────────────────────

type KeyValue = readonly [storage: 'integer' | 'text' | 'blob', value: string];

/** Integers travel as text: a driver would round those beyond 2^53, or refuse them. */
const BINDINGS: Readonly<Record<KeyValue[0], { sql: string; bind: (value: string) => SqliteValue }>> = {
  integer: { sql: 'CAST(? AS INTEGER)', bind: (value) => value },
  text: { sql: '?', bind: (value) => value },
  blob: { sql: '?', bind: decodeHex },
};

function recordColumns(layout: TableLayout): string {
  const exact = ({ column }: KeyColumn, name: string): string =>
    `typeof(${quoted(column)}) AS "t${name}", CASE typeof(${quoted(column)}) WHEN 'integer' THEN CAST(${quoted(column)} AS TEXT) ELSE ${quoted(column)} END AS "${name}"`;
  return [
    ...layout.key.map((part, i) => exact(part, `k${i}`)),
    ...(layout.tenant ? [exact(layout.tenant, 'tenant')] : []),
    ...layout.cells.map(({ column }, i) => `${quoted(column)} AS "c${i}"`),
  ].join(', ');
}

function storedRecord(layout: TableLayout, row: Row): StoredRecord {
  const id = layout.key.map((_, i) => viewBytes(row[`k${i}`]));
  const key = id.map((value, i): KeyValue => {
    const storage = row[`tk${i}`];
    if (storage === 'integer' || storage === 'text') return [storage, String(value)];
    if (storage === 'blob' && isUint8Array(value)) return [storage, hex(value)];
    throw new StoreUnfitError('A record id in the database is neither integer, text nor blob.', {
      table: layout.name,
    });
  });
  return {
    key: JSON.stringify(key),
    id,
    ...(layout.tenant ? { tenant: viewBytes(row['tenant']) } : {}),
    cells: layout.cells.map((_, i) => viewBytes(row[`c${i}`]) ?? null),
  };
}

function whereKey(layout: TableLayout, key: RecordKey): { where: string; values: SqliteValue[] } {
  const parts = JSON.parse(key) as KeyValue[];
  const where = layout.key
    .map(({ column }, i) => `${quoted(column)} = ${BINDINGS[storageOf(parts, i)].sql}`)
    .join(' AND ');
  return { where, values: bindKey(parts) };
}

const EVERYWHERE = { where: 'TRUE', values: [] as SqliteValue[] };

function whereAfter(layout: TableLayout, cursor: RecordKey): { where: string; values: SqliteValue[] } {
  const parts = JSON.parse(cursor) as KeyValue[];
  const columns = layout.key.map(({ column }) => quoted(column)).join(', ');
  const place = layout.key.map((_, i) => BINDINGS[storageOf(parts, i)].sql).join(', ');
  const where = layout.key.length === 1 ? `${columns} > ${place}` : `(${columns}) > (${place})`;
  return { where, values: bindKey(parts) };
}

function storageOf(parts: readonly KeyValue[], position: number): KeyValue[0] {
  return (parts[position] as KeyValue)[0];
}

function bindKey(parts: readonly KeyValue[]): SqliteValue[] {
  return parts.map(([storage, value]) => BINDINGS[storage].bind(value));
}

// ── Census ──────────────────────────────────────────────────────────────────────────────────────────────────────────

const TEXT_CELL = `cs1[rd].${'[a-z2-7]'.repeat(26)}.?*`;
const BINARY_CELL_BYTES = Math.min(...Object.values(MIN_CELL_BYTES));

/** Only what has the shape of a cell is grouped by its beginning: of a plaintext that strayed there, nothing is read out. */
function countTable(client: SqliteClient, layout: TableLayout): TableCount {
  const tags: Record<string, number> = {};
  let notCells = 0;
  for (const { column, form } of layout.cells) {
    const name = quoted(column);
    const tag =
      form === 'text'
        ? `CASE WHEN typeof(${name}) = 'text' AND ${name} GLOB '${TEXT_CELL}' THEN substr(${name}, 1, ${KEY_TAG_CHARACTERS}) END`
        : `CASE WHEN typeof(${name}) = 'blob' AND length(${name}) >= ${BINARY_CELL_BYTES} AND substr(${name}, 1, 2) IN (X'0100', X'0101') THEN substr(${name}, 1, ${KEY_TAG_BYTES}) END`;
    const rows = client
      .prepare(
        `SELECT ${tag} AS tag, COUNT(*) AS cells FROM ${tableName(layout)} WHERE ${name} IS NOT NULL GROUP BY 1`,
      )
      .all() as Row[];
    for (const row of rows) {
      const text = spellTag(viewBytes(row['tag']));
      if (text === undefined) notCells += Number(row['cells']);
      else tags[text] = (tags[text] ?? 0) + Number(row['cells']);
    }
  }
  const [row] = client.prepare(`SELECT COUNT(*) AS records FROM ${tableName(layout)}`).all();
  return { table: layout.name, records: Number((row as Row)['records']), tags, notCells };
}

function spellTag(tag: unknown): string | undefined {
  if (isUint8Array(tag)) return keyTagOfBytes(tag);
  return typeof tag === 'string' && parseKeyTag(tag) ? tag : undefined;
}

// ── SQL ─────────────────────────────────────────────────────────────────────────────────────────────────────────────

function tableName({ from }: TableLayout): string {
  return from.map(quoted).join('.');
}

function quoted(identifier: string): string {
  if (identifier.includes('\0'))
    throw new StoreUnfitError('A name in the database contains a NUL character.');
  return `"${identifier.replaceAll('"', '""')}"`;
}

function sizeOf(cell: unknown): number {
  return typeof cell === 'string' || isUint8Array(cell) ? cell.length : 0;
}

const ROLL_BACK = Symbol('roll back');

/** What `work` gives, committed; `undefined` where it asked to roll back. Synchronous: nothing else runs in between. */
function inTransaction<T>(
  client: SqliteClient,
  begin: string,
  work: () => T | typeof ROLL_BACK,
): T | undefined {
  return guarded(() => {
    client.exec(begin);
    try {
      const result = work();
      client.exec(result === ROLL_BACK ? 'ROLLBACK' : 'COMMIT');
      return result === ROLL_BACK ? undefined : result;
    } catch (error) {
      rollBack(client);
      throw error;
    }
  });
}

/** SQLite has rolled back by itself after some errors (a full disk); then there is nothing to roll back. */
function rollBack(client: SqliteClient): void {
  try {
    client.exec('ROLLBACK');
  } catch {
    // the error that brought us here is the one to tell
  }
}

const SQLITE_BUSY = 5;
const SQLITE_LOCKED = 6;

/** Tells a lock that somebody else holds from every other error. */
function guarded<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    const { code, errcode } = error as { code?: unknown; errcode?: unknown };
    const primary = typeof errcode === 'number' ? errcode & 0xff : undefined;
    const isLocked =
      primary === SQLITE_BUSY || primary === SQLITE_LOCKED || /^SQLITE_(BUSY|LOCKED)/.test(String(code));
    throw isLocked ? new StoreBusyError() : error;
  }
}
