/** Databases in which the benchmarks of a rotation keep one table: a person an id, a cell in text form. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { mysql2Executor, mysqlRecords } from 'cellseal/mysql';
import { pgExecutor, postgresRecords } from 'cellseal/postgres';
import type { RecordStore } from 'cellseal/rotation';
import { type SqliteClient, sqliteRecords } from 'cellseal/sqlite';
import Libsql from 'libsql';
import mysql from 'mysql2/promise';
import pg from 'pg';

/** A row of the table. */
export interface PersonRow {
  readonly id: number;
  readonly email: string;
}

/** One table in one database, as an application and as a rotation have it. */
export interface Place {
  readonly records: RecordStore;
  insert(rows: readonly PersonRow[]): Promise<void>;
  read(id: number): Promise<string | undefined>;
  update(row: PersonRow): Promise<void>;
  /** Gives the database's planner its statistics. */
  analyze(): Promise<void>;
  close(): Promise<void>;
}

/** A database that benchmarks can use. */
export type PlaceName = 'postgres' | 'mariadb' | 'sqlite';

/** The table's name in every database; it is made anew by whoever says so, and removed at the end. */
const TABLE = 'cellseal_bench_people';

/** Servers are looked for on this machine; `path` is the file of an SQLite database. */
export async function openPlace(name: PlaceName, path: string, isNew: boolean): Promise<Place> {
  if (name === 'postgres') return openPostgres(isNew);
  return name === 'mariadb' ? openMariadb(isNew) : openSqlite(path, isNew);
}

/** A folder for the files of one run, and how to remove it. */
export function benchFolder(): { readonly path: string; remove(): void } {
  const path = mkdtempSync(join(tmpdir(), 'cellseal-bench-'));
  return { path, remove: () => rmSync(path, { recursive: true }) };
}

async function openPostgres(isNew: boolean): Promise<Place> {
  const pool = new pg.Pool({ host: '127.0.0.1', user: 'root', database: 'test', max: 8 });
  if (isNew) {
    await pool.query(`DROP TABLE IF EXISTS ${TABLE}, cellseal_bench_job, cellseal_bench_quarantine`);
    await pool.query(`CREATE TABLE ${TABLE} (id bigint PRIMARY KEY, email text NOT NULL)`);
  }
  return {
    records: postgresRecords(pgExecutor(pool), JOB_TABLES),
    async insert(rows) {
      await pool.query(
        `INSERT INTO ${TABLE} SELECT * FROM json_to_recordset($1::text::json) AS v(id bigint, email text)`,
        [JSON.stringify(rows)],
      );
    },
    async read(id) {
      return (await pool.query(`SELECT email FROM ${TABLE} WHERE id = $1`, [id])).rows[0]?.email;
    },
    async update({ id, email }) {
      await pool.query(`UPDATE ${TABLE} SET email = $1 WHERE id = $2`, [email, id]);
    },
    async analyze() {
      await pool.query(`VACUUM ANALYZE ${TABLE}`);
    },
    async close() {
      if (isNew)
        await pool.query(`DROP TABLE IF EXISTS ${TABLE}, cellseal_bench_job, cellseal_bench_quarantine`);
      await pool.end();
    },
  };
}

async function openMariadb(isNew: boolean): Promise<Place> {
  const pool = mysql.createPool({ host: '127.0.0.1', user: 'root', database: 'test', charset: 'utf8mb4' });
  const drop = () =>
    pool.query(`DROP TABLE IF EXISTS ${TABLE}, cellseal_bench_job, cellseal_bench_quarantine`);
  if (isNew) {
    await drop();
    await pool.query(
      `CREATE TABLE ${TABLE} (id BIGINT PRIMARY KEY, email VARCHAR(255) CHARACTER SET ascii COLLATE ascii_bin NOT NULL)`,
    );
  }
  return {
    records: mysqlRecords(mysql2Executor(pool), JOB_TABLES),
    async insert(rows) {
      await pool.query(`INSERT INTO ${TABLE} (id, email) VALUES ?`, [
        rows.map(({ id, email }) => [id, email]),
      ]);
    },
    async read(id) {
      const [rows] = await pool.query(`SELECT email FROM ${TABLE} WHERE id = ?`, [id]);
      return (rows as PersonRow[])[0]?.email;
    },
    async update({ id, email }) {
      await pool.query(`UPDATE ${TABLE} SET email = ? WHERE id = ?`, [email, id]);
    },
    async analyze() {
      await pool.query(`ANALYZE TABLE ${TABLE}`);
    },
    async close() {
      if (isNew) await drop();
      await pool.end();
    },
  };
}

async function openSqlite(path: string, isNew: boolean): Promise<Place> {
  const client = new Libsql(path) as unknown as SqliteClient & { close(): void };
  client.exec('PRAGMA journal_mode = WAL; PRAGMA busy_timeout = 5000; PRAGMA synchronous = NORMAL');
  if (isNew) client.exec(`CREATE TABLE ${TABLE} (id INTEGER PRIMARY KEY, email TEXT NOT NULL)`);
  const read = client.prepare(`SELECT email FROM ${TABLE} WHERE id = ?`);
  const update = client.prepare(`UPDATE ${TABLE} SET email = ? WHERE id = ?`);
  const insert = client.prepare(
    `INSERT INTO ${TABLE} SELECT json_extract(value, '$.id'), json_extract(value, '$.email') FROM json_each(?)`,
  );
  return {
    records: sqliteRecords(client, JOB_TABLES),
    insert: async (rows) => void insert.run(JSON.stringify(rows)),
    read: async (id) => (read.all(id)[0] as PersonRow | undefined)?.email,
    update: async ({ id, email }) => void update.run(email, id),
    analyze: async () => void client.exec('ANALYZE'),
    close: async () => client.close(),
  };
}

const JOB_TABLES = { jobTable: 'cellseal_bench_job', quarantineTable: 'cellseal_bench_quarantine' };
