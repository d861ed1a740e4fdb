/** The three databases as the processes of a torture use them: an application's connection, records and keyrings. */
import { join } from 'node:path';
import type { Pool as MariadbPool } from 'mysql2/promise';
import type { Pool as PostgresPool } from 'pg';
import type { Lookup } from '../../src/index.js';
import type { KeyringStore } from '../../src/ports/keyring-store.js';
import type { RecordStore } from '../../src/ports/record-store.js';
import { fileKeyring } from '../../src/store/file-keyring.js';
import {
  type Mysql2Client,
  type Mysql2Pool,
  mysql2Executor,
  mysqlKeyring,
  mysqlRecords,
  mysqlWhere,
} from '../../src/store/mysql.js';
import {
  type PgClient,
  type PgPool,
  pgExecutor,
  postgresKeyring,
  postgresRecords,
  postgresWhere,
} from '../../src/store/postgres.js';
import { type SqliteClient, sqliteKeyring, sqliteRecords, sqliteWhere } from '../../src/store/sqlite.js';
import { type Connection, DRIVERS } from '../stores/sqlite-drivers.js';
import { type Values, recordName } from './model.js';
import type { Statements } from './statements.js';
import { TABLES, type TableName, type World } from './world.js';

const HOST = '127.0.0.1';
const POSTGRES = { host: HOST, port: 5432, user: 'root', database: 'test' };
const MARIADB = { host: HOST, port: 3306, user: 'root', charset: 'utf8mb4' };
export const PORTS = { postgres: POSTGRES.port, mariadb: MARIADB.port } as const;

// Only what is needed: loading a driver is most of what starting a process takes.
const loadPostgres = async () => (await import('pg')).default;
const loadMariadb = async () => (await import('mysql2/promise')).default;

/** One connection of an application: statements with `?`, and how many records they changed. */
export interface Application {
  /** What the server calls the connection. */
  readonly connection: number | undefined;
  run(
    sql: string,
    values?: readonly unknown[],
  ): Promise<{ readonly rows: readonly Row[]; readonly changed: number }>;
  /** Whether a statement failed because of somebody else's lock: nothing came of it. */
  isBusy(error: unknown): boolean;
  /** Ends another connection, and waits until the server has forgotten it: what it was at is over. */
  end(connection: number): Promise<void>;
  close(): Promise<void>;
}

export type Row = Readonly<Record<string, unknown>>;

/** Something to let go of. */
export interface Held<T> {
  readonly value: T;
  close(): Promise<unknown>;
}

/** Opens an application's connection; `port` is a proxy's, where there is one. */
export async function openApplication(world: World, port?: number): Promise<Application> {
  if (world.store === 'postgres') return openPostgres(world, port);
  if (world.store === 'mariadb') return openMariadb(world, port);
  return openSqlite(world);
}

async function openPostgres(world: World, port = POSTGRES.port): Promise<Application> {
  const pg = await loadPostgres();
  const client = new pg.Client({ ...POSTGRES, port, ...searchPath(world) });
  client.on('error', () => undefined); // told by the statement that meets it
  await client.connect();
  const query = async (sql: string, values: readonly unknown[] = []) => {
    let place = 0;
    const { rows, rowCount } = await client.query(
      sql.replaceAll('?', () => `$${++place}`),
      [...values],
    );
    return { rows: rows as Row[], changed: rowCount ?? 0 };
  };
  const [own] = (await query('SELECT pg_backend_pid() AS id')).rows;
  return {
    connection: Number(own?.['id']),
    run: query,
    isBusy: (error) => ['55P03', '40P01', '40001'].includes(String((error as { code?: unknown }).code)),
    async end(connection) {
      await query('SELECT pg_terminate_backend(?)', [connection]);
      const left = async () =>
        (
          await query('SELECT 1 FROM pg_stat_activity WHERE pid = ? AND backend_type = ?', [
            connection,
            'client backend',
          ])
        ).rows.length;
      while ((await left()) > 0) await pause(5);
    },
    close: () => client.end(),
  };
}

async function openMariadb({ schema }: World, port = MARIADB.port): Promise<Application> {
  const mysql2 = await loadMariadb();
  const client = await mysql2.createConnection({ ...MARIADB, port, database: schema });
  client.on('error', () => undefined);
  const query = async (sql: string, values: readonly unknown[] = []) => {
    const [result] = await client.query(sql, [...values]);
    if (Array.isArray(result)) return { rows: result as Row[], changed: 0 };
    return { rows: [], changed: result.affectedRows };
  };
  const [own] = (await query('SELECT CONNECTION_ID() AS id')).rows;
  return {
    connection: Number(own?.['id']),
    run: query,
    isBusy: (error) => [1205, 1213, 1020].includes(Number((error as { errno?: unknown }).errno)),
    async end(connection) {
      await query(`KILL CONNECTION ${connection}`).catch((error: { errno?: number }) => {
        if (error.errno !== 1094) throw error; // there is none any more
      });
      const left = async () =>
        (await query('SELECT 1 FROM information_schema.processlist WHERE id = ?', [connection])).rows.length;
      while ((await left()) > 0) await pause(5);
    },
    close: () => client.end(),
  };
}

function openSqlite(world: World): Application {
  const connection = openDatabase(world);
  return {
    connection: undefined,
    async run(sql, values = []) {
      if (values.length === 0 && !sql.startsWith('SELECT')) {
        connection.exec(sql === 'BEGIN' ? 'BEGIN IMMEDIATE' : sql);
        return { rows: [], changed: 0 };
      }
      const statement = connection.prepare(sql);
      const bound = values as readonly (string | number | Uint8Array | null)[];
      if (sql.startsWith('SELECT')) return { rows: statement.all(...bound) as Row[], changed: 0 };
      return { rows: [], changed: Number(statement.run(...bound).changes) };
    },
    isBusy: isSqliteBusy,
    end: async () => undefined,
    close: async () => void connection.close(),
  };
}

function isSqliteBusy(error: unknown): boolean {
  const { code, errcode } = error as { code?: unknown; errcode?: unknown };
  return /^SQLITE_(BUSY|LOCKED)/.test(String(code)) || [5, 6].includes(Number(errcode) & 0xff);
}

/** A connection to the database file of a torture in SQLite. */
export function openDatabase({ folder }: World, name = 'records.db'): Connection {
  const driver = DRIVERS.at(-1); // node:sqlite where there is one
  if (!driver) throw new Error('This Node has no SQLite driver.');
  const connection = driver.open(join(folder, name));
  connection.exec('PRAGMA busy_timeout = 2000');
  connection.exec('PRAGMA journal_mode = WAL');
  return connection;
}

const COLUMNS = {
  postgres: { integer: 'integer', name: 'text', text: 'text', binary: 'bytea', token: 'text' },
  mariadb: {
    integer: 'INT',
    name: 'VARCHAR(64) CHARACTER SET ascii',
    text: 'TEXT',
    binary: 'BLOB',
    token: 'VARCHAR(32) CHARACTER SET ascii',
  },
  sqlite: { integer: 'INTEGER', name: 'TEXT', text: 'TEXT', binary: 'BLOB', token: 'TEXT' },
} as const;

/** Makes schema and tables anew. */
export async function prepareTables(world: World): Promise<void> {
  await dropTables(world);
  if (world.store === 'postgres') await administer(world, (run) => run(`CREATE SCHEMA ${world.schema}`));
  if (world.store === 'mariadb') await administer(world, (run) => run(`CREATE DATABASE ${world.schema}`));
  const { integer, name, text, binary, token } = COLUMNS[world.store];
  const application = await openApplication(world);
  await application.run(
    `CREATE TABLE people (id ${integer} NOT NULL PRIMARY KEY, name ${text}, email ${text}, notes ${text}, email_domain ${token})`,
  );
  await application.run(
    `CREATE TABLE parcels (id ${name} NOT NULL PRIMARY KEY, label ${text}, shelf ${text}, content ${binary}, label_shelf ${token})`,
  );
  await application.run('CREATE INDEX people_domain ON people (email_domain)');
  await application.run('CREATE INDEX parcels_place ON parcels (label_shelf)');
  await application.close();
}

/** Leaves nothing behind on a server; files are the folder's. */
export async function dropTables(world: World): Promise<void> {
  if (world.store === 'postgres')
    await administer(world, (run) => run(`DROP SCHEMA IF EXISTS ${world.schema} CASCADE`));
  if (world.store === 'mariadb')
    await administer(world, (run) => run(`DROP DATABASE IF EXISTS ${world.schema}`));
}

async function administer(world: World, work: (run: (sql: string) => Promise<unknown>) => Promise<unknown>) {
  if (world.store === 'postgres') {
    const pg = await loadPostgres();
    const client = new pg.Client({ ...POSTGRES, options: '-c client_min_messages=warning' });
    await client.connect();
    await work((sql) => client.query(sql)).finally(() => client.end());
    return;
  }
  const mysql2 = await loadMariadb();
  const client = await mysql2.createConnection(MARIADB);
  await work((sql) => client.query(sql)).finally(() => client.end());
}

/** What the server calls itself. */
export async function describeStore(world: World): Promise<string> {
  const application = await openApplication(world);
  const sql = world.store === 'sqlite' ? 'SELECT sqlite_version() AS version' : 'SELECT version() AS version';
  const { rows } = await application.run(sql);
  await application.close();
  const version = String(rows[0]?.['version']);
  if (world.store === 'sqlite') return `SQLite ${version} over ${DRIVERS.at(-1)?.name}`;
  return world.store === 'postgres'
    ? `${version.split(' ').slice(0, 2).join(' ')} over pg`
    : `${version} over mysql2`;
}

/** A rotator's records; each statement goes through `statements`. */
export async function openRecords(
  world: World,
  statements: Statements,
  port?: number,
): Promise<Held<RecordStore>> {
  if (world.store === 'sqlite') {
    const connection = openDatabase(world);
    return { value: sqliteRecords(tapSqlite(connection, statements)), close: async () => connection.close() };
  }
  if (world.store === 'postgres') {
    const pool = await postgresPool(world, port);
    return { value: postgresRecords(pgExecutor(tapPostgres(pool, statements))), close: () => pool.end() };
  }
  const pool = await mariadbPool(world, port);
  return { value: mysqlRecords(mysql2Executor(tapMariadb(pool, statements))), close: () => pool.end() };
}

/** The keyring, wherever it is. */
export async function openKeyringStore(world: World, port?: number): Promise<Held<Required<KeyringStore>>> {
  if (world.keyringIn === 'files')
    return { value: fileKeyring(join(world.folder, 'keyring')), close: async () => undefined };
  if (world.store === 'sqlite') {
    const connection = openDatabase(world, 'keyring.db');
    return { value: sqliteKeyring(connection), close: async () => connection.close() };
  }
  if (world.store === 'postgres') {
    const pool = await postgresPool(world, port);
    return { value: postgresKeyring(pgExecutor(pool)), close: () => pool.end() };
  }
  const pool = await mariadbPool(world, port);
  return { value: mysqlKeyring(mysql2Executor(pool)), close: () => pool.end() };
}

async function postgresPool(world: World, port = POSTGRES.port): Promise<PostgresPool> {
  const pg = await loadPostgres();
  const pool = new pg.Pool({ ...POSTGRES, port, max: 3, ...searchPath(world) });
  pool.on('error', () => undefined); // an idle connection was cut: the next statement takes another
  pool.on('connect', (client) => client.on('error', () => undefined));
  return pool;
}

function searchPath({ schema }: World): { readonly options: string } {
  return { options: `-c search_path=${schema} -c client_min_messages=warning` };
}

async function mariadbPool({ schema }: World, port = MARIADB.port): Promise<MariadbPool> {
  const mysql2 = await loadMariadb();
  return mysql2.createPool({ ...MARIADB, port, database: schema, connectionLimit: 3 });
}

function tapPostgres(pool: PgPool, statements: Statements): PgPool {
  const over = (client: PgClient): PgClient => ({
    query: (sql, values) => statements.around(sql, () => client.query(sql, values)),
  });
  return {
    ...over(pool),
    async connect() {
      const client = await pool.connect();
      return {
        ...over(client),
        release: (destroy) => client.release(destroy),
        on: (...listener) => client.on(...listener),
        removeListener: (...listener) => client.removeListener(...listener),
      };
    },
  };
}

function tapMariadb(pool: Mysql2Pool, statements: Statements): Mysql2Pool {
  const over = (client: Mysql2Client): Mysql2Client => ({
    query: (sql, values) => statements.around(sql, () => client.query(sql, values)),
  });
  return {
    ...over(pool),
    async getConnection() {
      const client = await pool.getConnection();
      return { ...over(client), release: () => client.release(), destroy: () => client.destroy() };
    },
  };
}

function tapSqlite(connection: Connection, statements: Statements): SqliteClient {
  return {
    exec: (sql) => statements.aroundSync(sql, () => connection.exec(sql)),
    prepare(sql) {
      const statement = connection.prepare(sql);
      return {
        all: (...values) => statements.aroundSync(sql, () => statement.all(...values)),
        run: (...values) => statements.aroundSync(sql, () => statement.run(...values)),
      };
    },
  };
}

const WHERE = { postgres: postgresWhere, mariadb: mysqlWhere, sqlite: sqliteWhere } as const;

/** Every record of a table as it is stored, by the name that the model has for it. */
export async function storedRows(application: Application, table: TableName): Promise<Map<string, Row>> {
  const columns = [...cellColumns(table), ...TABLES[table].indexes.map(({ column }) => column)];
  return named(table, await application.run(`SELECT ${columns.join(', ')} FROM ${table}`));
}

/** The candidates of a look-up, with their cells. */
export async function candidateRows(
  { store }: World,
  application: Application,
  table: TableName,
  asked: Lookup,
): Promise<Map<string, Row>> {
  const { sql, values } = WHERE[store](asked);
  const select = `SELECT ${cellColumns(table).join(', ')} FROM ${table} WHERE ${sql}`;
  return named(table, await application.run(select, values));
}

function cellColumns(table: TableName): string[] {
  return ['id', ...Object.keys(TABLES[table].encrypt)];
}

function named(table: TableName, { rows }: { readonly rows: readonly Row[] }): Map<string, Row> {
  return new Map(
    rows.map((row) => {
      const id = row['id'] as number | string;
      return [recordName(table, table === 'people' ? Number(id) : id), viewed(row)];
    }),
  );
}

/** Some drivers give bytes as an `ArrayBuffer`. */
export function viewed(row: Row): Row {
  return Object.fromEntries(
    Object.entries(row).map(([name, value]) => [
      name,
      Object.prototype.toString.call(value) === '[object ArrayBuffer]'
        ? new Uint8Array(value as ArrayBuffer)
        : value,
    ]),
  );
}

/** The values as `encryptRecord` takes them. */
export function plainOf(table: TableName, id: number | string, values: Values): Record<string, unknown> {
  const content = values['content'];
  const isBytes = table === 'parcels' && typeof content === 'string';
  return { id, ...values, ...(isBytes ? { content: Uint8Array.from(Buffer.from(content, 'hex')) } : {}) };
}

/** What `decryptRecord` gave, as the model writes it: without id and tokens. */
export function valuesOf(record: Row): Values {
  const { id: _, email_domain: __, label_shelf: ___, ...values } = record;
  return Object.fromEntries(
    Object.entries(values).map(([name, value]) => [
      name,
      value instanceof Uint8Array ? Buffer.from(value).toString('hex') : value,
    ]),
  ) as Values;
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
