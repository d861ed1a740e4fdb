import type { SqliteClient, SqliteValue } from 'cellseal/sqlite';
import type { Row, Shape } from './records.js';

/** The part of `node:sqlite` and of `libsql` that the story calls. */
export interface Database extends SqliteClient {
  close(): void;
}

type Client = new (path: string) => Database;

const BUSY_TIMEOUT_MS = 10_000;
const PAGE_RECORDS = 500;

/** Opens the file for one process among several: readers and a writer side by side, and who finds it locked waits. */
export async function openDatabase(path: string): Promise<Database> {
  const database = await openFile(path);
  database.exec(`PRAGMA journal_mode = WAL; PRAGMA busy_timeout = ${BUSY_TIMEOUT_MS}`);
  return database;
}

/** Opens the file for this process alone: no other file is beside it once all is committed, so that it can be renamed. */
export async function openFile(path: string): Promise<Database> {
  const Client = (await builtInClient()) ?? (await installedClient());
  return new Client(path);
}

/** The client: what this Node has in it, from 22.13 on; before, what is installed. */
export function clientName(): string {
  return hasBuiltIn() ? 'node:sqlite' : 'libsql';
}

async function builtInClient(): Promise<Client | undefined> {
  if (!hasBuiltIn()) return undefined;
  const name: string = 'node:sqlite'; // unknown to the types of Node 20
  const { DatabaseSync } = (await import(name)) as { DatabaseSync: Client };
  return DatabaseSync;
}

async function installedClient(): Promise<Client> {
  const { default: Libsql } = await import('libsql');
  return Libsql as unknown as Client;
}

function hasBuiltIn(): boolean {
  return process.getBuiltinModule?.('node:sqlite') !== undefined;
}

// ── SQL ─────────────────────────────────────────────────────────────────────────────────────────────────────────────

/** The table of a shape in SQL. */
export function tableName({ source }: Shape): string {
  return quoted(source === 'people' ? 'people' : 'records');
}

/** Everything is text: ids, cells, and what passes through. */
export function createTable(database: Database, shape: Shape): void {
  const columns = shape.columns.map((name) =>
    name === shape.id ? `${quoted(name)} TEXT NOT NULL PRIMARY KEY` : `${quoted(name)} TEXT`,
  );
  database.exec(`CREATE TABLE ${tableName(shape)} (${columns.join(', ')})`);
}

/** Prepares what inserts a row of this shape. */
export function prepareInsert(database: Database, shape: Shape): (row: Row) => void {
  const names = shape.columns.map(quoted).join(', ');
  const marks = shape.columns.map(() => '?').join(', ');
  const statement = database.prepare(`INSERT INTO ${tableName(shape)} (${names}) VALUES (${marks})`);
  return (row) => {
    statement.run(...shape.columns.map((name) => row[name] as SqliteValue));
  };
}

/** Changes the columns of `patch` in one row; says whether there was one. */
export function updateRow(database: Database, shape: Shape, id: string, patch: Row): boolean {
  const names = Object.keys(patch).filter((name) => name !== shape.id);
  const set = names.map((name) => `${quoted(name)} = ?`).join(', ');
  const { changes } = database
    .prepare(`UPDATE ${tableName(shape)} SET ${set} WHERE ${quoted(shape.id)} = ?`)
    .run(...names.map((name) => patch[name] as SqliteValue), id);
  return Number(changes) === 1;
}

/** Deletes one row; says whether there was one. */
export function deleteRow(database: Database, shape: Shape, id: string): boolean {
  const { changes } = database
    .prepare(`DELETE FROM ${tableName(shape)} WHERE ${quoted(shape.id)} = ?`)
    .run(id);
  return Number(changes) === 1;
}

/** The row as it is stored: what a thief reads. */
export function readRow(database: Database, shape: Shape, id: string): Row {
  const [row] = database
    .prepare(`SELECT * FROM ${tableName(shape)} WHERE ${quoted(shape.id)} = ?`)
    .all(id) as Row[];
  if (!row) throw new Error('A row that was inserted is not there.');
  return { ...row };
}

export function readIds(database: Database, shape: Shape): string[] {
  const rows = database.prepare(`SELECT ${quoted(shape.id)} AS id FROM ${tableName(shape)}`).all() as Row[];
  return rows.map(({ id }) => String(id));
}

/** All rows as they are stored, a page at a time. */
export function* readPages(database: Database, shape: Shape): Generator<Row[]> {
  const id = quoted(shape.id);
  const statement = database.prepare(
    `SELECT * FROM ${tableName(shape)} WHERE ${id} > ? ORDER BY ${id} LIMIT ${PAGE_RECORDS}`,
  );
  let after = ''; // no id is empty
  for (;;) {
    const page = statement.all(after) as Row[];
    const last = page.at(-1);
    if (!last) return;
    yield page.map((row) => ({ ...row }));
    after = String(last[shape.id]);
  }
}

function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
