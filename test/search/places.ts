/** The databases that are searched: one table each, as an application and as a rotation have it. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Libsql from 'libsql';
import mysql from 'mysql2/promise';
import pg from 'pg';
import type { Lookup } from '../../src/index.js';
import type { RecordStore } from '../../src/rotation/index.js';
import { mysql2Executor, mysqlRecords, mysqlWhere } from '../../src/store/mysql.js';
import { pgExecutor, postgresRecords, postgresWhere } from '../../src/store/postgres.js';
import { type SqliteClient, sqliteRecords, sqliteWhere } from '../../src/store/sqlite.js';

export interface SearchRow {
  readonly id: number;
  readonly email: string;
  readonly email_index: string | null;
  /** The same address in the clear, in lower case, under an index of its own. */
  readonly plain: string;
}

export interface SearchPlace {
  readonly records: RecordStore;
  insert(rows: readonly SearchRow[]): Promise<void>;
  update(row: SearchRow): Promise<void>;
  remove(id: number): Promise<void>;
  find(lookup: Lookup): Promise<readonly { readonly id: unknown; readonly email: string }[]>;
  findPlain(email: string): Promise<readonly { readonly id: unknown }[]>;
  /** How the database answers a look-up, in its own words. */
  plan(lookup: Lookup): Promise<string>;
  /** Whether such words say that the token's index is used. */
  usesIndex(plan: string): boolean;
  analyze(): Promise<void>;
  close(): Promise<void>;
}

export const SEARCH_PLACES = ['postgres', 'mariadb', 'sqlite'] as const;
export type SearchPlaceName = (typeof SEARCH_PLACES)[number];

const TABLE = 'cellseal_search_people';
const JOBS = { jobTable: 'cellseal_search_job', quarantineTable: 'cellseal_search_quarantine' };
const ALL = [TABLE, JOBS.jobTable, JOBS.quarantineTable].join(', ');

/** Makes the table anew; `schema` is a schema or a database of the server's. */
export async function openSearchPlace(name: SearchPlaceName, schema: string): Promise<SearchPlace> {
  if (name === 'sqlite') return openSqlite();
  return name === 'postgres' ? openPostgres(schema) : openMariadb(schema);
}

async function openPostgres(schema: string): Promise<SearchPlace> {
  const pool = new pg.Pool({
    host: '127.0.0.1',
    user: 'root',
    database: 'test',
    max: 8,
    options: `-c search_path=${schema}`,
  });
  await pool.query(`CREATE SCHEMA IF NOT EXISTS ${schema}`);
  await pool.query(`DROP TABLE IF EXISTS ${ALL}`);
  await pool.query(
    `CREATE TABLE ${TABLE} (id bigint PRIMARY KEY, email text NOT NULL, email_token varchar(32), plain text NOT NULL)`,
  );
  await pool.query(`CREATE INDEX search_token ON ${TABLE} (email_token)`);
  await pool.query(`CREATE INDEX search_plain ON ${TABLE} (plain)`);
  const select = (where: string): string => `SELECT id, email FROM ${TABLE} WHERE ${where}`;
  return {
    records: postgresRecords(pgExecutor(pool), JOBS),
    async insert(rows) {
      await pool.query(
        `INSERT INTO ${TABLE} SELECT * FROM json_to_recordset($1::text::json) AS v(id bigint, email text, email_index text, plain text)`,
        [JSON.stringify(rows)],
      );
    },
    async update({ email, email_index, id, plain }) {
      await pool.query(`UPDATE ${TABLE} SET email = $1, email_token = $2, plain = $3 WHERE id = $4`, [
        email,
        email_index,
        plain,
        id,
      ]);
    },
    async remove(id) {
      await pool.query(`DELETE FROM ${TABLE} WHERE id = $1`, [id]);
    },
    async find(lookup) {
      const { sql, values } = postgresWhere(lookup);
      return (await pool.query(select(sql), values)).rows;
    },
    findPlain: async (email) => (await pool.query(select('plain = $1'), [email])).rows,
    async plan(lookup) {
      const { sql, values } = postgresWhere(lookup);
      const { rows } = await pool.query(`EXPLAIN ${select(sql)}`, values);
      return rows.map((row) => row['QUERY PLAN']).join('\n');
    },
    usesIndex: (plan) => plan.includes('search_token') && !plan.includes('Seq Scan'),
    async analyze() {
      await pool.query(`VACUUM ANALYZE ${TABLE}`);
    },
    async close() {
      await pool.query(`DROP TABLE IF EXISTS ${ALL}`);
      await pool.query(`DROP SCHEMA IF EXISTS ${schema}`).catch(() => undefined); // somebody else's
      await pool.end();
    },
  };
}

async function openMariadb(schema: string): Promise<SearchPlace> {
  const pool = mysql.createPool({ host: '127.0.0.1', user: 'root', charset: 'utf8mb4', connectionLimit: 8 });
  const table = `${schema}.${TABLE}`;
  const all = ALL.split(', ')
    .map((name) => `${schema}.${name}`)
    .join(', ');
  await pool.query(`CREATE DATABASE IF NOT EXISTS ${schema}`);
  await pool.end();
  const own = mysql.createPool({
    host: '127.0.0.1',
    user: 'root',
    database: schema,
    charset: 'utf8mb4',
    connectionLimit: 8,
  });
  await own.query(`DROP TABLE IF EXISTS ${all}`);
  // The default collation knows no letter case: what it finds too much is left out after decryption.
  await own.query(
    `CREATE TABLE ${table} (id BIGINT PRIMARY KEY, email TEXT NOT NULL, email_token VARCHAR(32), plain VARCHAR(200) NOT NULL, KEY search_token (email_token), KEY search_plain (plain)) CHARACTER SET utf8mb4`,
  );
  const select = (where: string): string => `SELECT id, email FROM ${table} WHERE ${where}`;
  const ask = async (sql: string, values: readonly unknown[]) =>
    (await own.query(sql, [...values]))[0] as { readonly id: unknown; readonly email: string }[];
  return {
    records: mysqlRecords(mysql2Executor(own), JOBS),
    async insert(rows) {
      await own.query(`INSERT INTO ${table} (id, email, email_token, plain) VALUES ?`, [
        rows.map(({ email, email_index, id, plain }) => [id, email, email_index, plain]),
      ]);
    },
    async update({ email, email_index, id, plain }) {
      await own.query(`UPDATE ${table} SET email = ?, email_token = ?, plain = ? WHERE id = ?`, [
        email,
        email_index,
        plain,
        id,
      ]);
    },
    async remove(id) {
      await own.query(`DELETE FROM ${table} WHERE id = ?`, [id]);
    },
    find(lookup) {
      const { sql, values } = mysqlWhere(lookup);
      return ask(select(sql), values);
    },
    findPlain: (email) => ask(select('plain = ?'), [email]),
    async plan(lookup) {
      const { sql, values } = mysqlWhere(lookup);
      return JSON.stringify(await ask(`EXPLAIN ${select(sql)}`, values));
    },
    usesIndex: (plan) => plan.includes('"key":"search_token"'),
    async analyze() {
      await own.query(`ANALYZE TABLE ${table}`);
    },
    async close() {
      await own.query(`DROP TABLE IF EXISTS ${all}`);
      await own.query(`DROP DATABASE IF EXISTS ${schema}`);
      await own.end();
    },
  };
}

async function openSqlite(): Promise<SearchPlace> {
  const folder = mkdtempSync(join(tmpdir(), 'cellseal-search-'));
  const open = () => {
    const client = new Libsql(join(folder, 'people.db')) as unknown as SqliteClient & { close(): void };
    client.exec('PRAGMA journal_mode = WAL; PRAGMA busy_timeout = 5000; PRAGMA synchronous = NORMAL');
    return client;
  };
  // A connection for each: a prepared query of libsql may hold its snapshot until it is asked again.
  const [client, reading, rotating, explaining] = [open(), open(), open(), open()];
  client.exec(
    `CREATE TABLE ${TABLE} (id INTEGER PRIMARY KEY, email TEXT NOT NULL, email_token TEXT, plain TEXT NOT NULL); CREATE INDEX search_token ON ${TABLE} (email_token); CREATE INDEX search_plain ON ${TABLE} (plain)`,
  );
  const insert = client.prepare(
    `INSERT INTO ${TABLE} SELECT json_extract(value, '$.id'), json_extract(value, '$.email'), json_extract(value, '$.email_index'), json_extract(value, '$.plain') FROM json_each(?)`,
  );
  const update = client.prepare(`UPDATE ${TABLE} SET email = ?, email_token = ?, plain = ? WHERE id = ?`);
  const remove = client.prepare(`DELETE FROM ${TABLE} WHERE id = ? AND id = ?`);
  const select = (where: string): string => `SELECT id, email FROM ${TABLE} WHERE ${where}`;
  const plain = reading.prepare(select('plain = ?'));
  const statements = new Map<string, ReturnType<SqliteClient['prepare']>>();
  const prepared = (sql: string): ReturnType<SqliteClient['prepare']> => {
    const statement = statements.get(sql) ?? reading.prepare(sql);
    statements.set(sql, statement);
    return statement;
  };
  return {
    records: sqliteRecords(rotating, JOBS),
    insert: async (rows) => void insert.run(JSON.stringify(rows)),
    update: async ({ email, email_index, id, plain }) => void update.run(email, email_index, plain, id),
    remove: async (id) => void remove.run(id, id),
    async find(lookup) {
      const { sql, values } = sqliteWhere(lookup);
      return prepared(select(sql)).all(...values) as { id: unknown; email: string }[];
    },
    findPlain: async (email) => plain.all(email) as { id: unknown }[],
    async plan(lookup) {
      const { sql, values } = sqliteWhere(lookup);
      const rows = explaining.prepare(`EXPLAIN QUERY PLAN ${select(sql)}`).all(...values);
      return (rows as { detail: string }[]).map(({ detail }) => detail).join('\n');
    },
    usesIndex: (plan) => plan.includes('USING INDEX search_token') && !plan.includes('SCAN'),
    analyze: async () => void client.exec('ANALYZE'),
    async close() {
      for (const one of [client, reading, rotating, explaining]) one.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
