/** A table of records with three cells, twice in one database: one that is rotated, one that the floor swaps. */
import { join } from 'node:path';
import { integer, schema, table, text } from 'cellseal';
import { pgExecutor, postgresRecords } from 'cellseal/postgres';
import type { RecordStore } from 'cellseal/rotation';
import { type SqliteClient, sqliteRecords } from 'cellseal/sqlite';
import Libsql from 'libsql';
import pg from 'pg';
import { swapInPostgres, swapInSqlite } from '../floors.js';
import { benchFolder } from './places.js';

export const people = table('people', {
  from: 'cellseal_bench_three',
  record: integer('id'),
  encrypt: { email: text(), phone: text(), notes: text() },
});
export const everything = schema([people]);

export interface ThreeCells {
  readonly id: number;
  readonly email: string;
  readonly phone: string;
  readonly notes: string;
}

export interface ThreeCellPlace {
  readonly title: string;
  readonly records: RecordStore;
  /** Into both tables. */
  insert(rows: readonly ThreeCells[]): Promise<void>;
  /** The floor: swaps the next records after `id`; gives the last id, `undefined` at the end. */
  swap(id: number, limit: number): Promise<number | undefined>;
  close(): Promise<void>;
}

const FLOOR_TABLE = 'cellseal_bench_three_floor';
const JOB_TABLES = {
  jobTable: 'cellseal_bench_three_job',
  quarantineTable: 'cellseal_bench_three_quarantine',
};

export const PLACES: Readonly<Record<string, () => Promise<ThreeCellPlace>>> = {
  sqlite: openSqlite,
  postgres: openPostgres,
};

/** A file for each of the two tables, so that neither pays for the other's checkpoints. */
async function openSqlite(): Promise<ThreeCellPlace> {
  const folder = benchFolder();
  const open = (name: string): SqliteClient & { close(): void } => {
    const client = new Libsql(join(folder.path, name)) as unknown as SqliteClient & { close(): void };
    client.exec('PRAGMA journal_mode = WAL; PRAGMA busy_timeout = 5000; PRAGMA synchronous = NORMAL');
    return client;
  };
  const tables = [people.layout.from, FLOOR_TABLE];
  const clients = [open('rotated.db'), open('floor.db')] as const;
  const inserts = clients.map((client, i) => {
    client.exec(
      `CREATE TABLE ${tables[i]} (id INTEGER PRIMARY KEY, email TEXT NOT NULL, phone TEXT NOT NULL, notes TEXT NOT NULL)`,
    );
    return client.prepare(
      `INSERT INTO ${tables[i]} SELECT value ->> 'id', value ->> 'email', value ->> 'phone', value ->> 'notes' FROM json_each(?)`,
    );
  });
  return {
    title: 'SQLite',
    records: sqliteRecords(clients[0], JOB_TABLES),
    async insert(rows) {
      for (const insert of inserts) insert.run(JSON.stringify(rows));
    },
    swap: async (id, limit) => swapInSqlite(clients[1], FLOOR_TABLE, id, limit),
    async close() {
      for (const client of clients) client.close();
      folder.remove();
    },
  };
}

async function openPostgres(): Promise<ThreeCellPlace> {
  const pool = new pg.Pool({ host: '127.0.0.1', user: 'root', database: 'test', max: 4 });
  const tables = [people.layout.from, FLOOR_TABLE];
  const drop = () =>
    pool.query(`DROP TABLE IF EXISTS ${[...tables, ...Object.values(JOB_TABLES)].join(', ')}`);
  await drop();
  for (const name of tables)
    await pool.query(
      `CREATE TABLE ${name} (id bigint PRIMARY KEY, email text NOT NULL, phone text NOT NULL, notes text NOT NULL)`,
    );
  return {
    title: 'PostgreSQL',
    records: postgresRecords(pgExecutor(pool), JOB_TABLES),
    async insert(rows) {
      for (const name of tables)
        await pool.query(
          `INSERT INTO ${name} SELECT * FROM json_to_recordset($1::text::json) AS v(id bigint, email text, phone text, notes text)`,
          [JSON.stringify(rows)],
        );
    },
    swap: (id, limit) => swapInPostgres(pool, FLOOR_TABLE, id, limit),
    async close() {
      await drop();
      await pool.end();
    },
  };
}
