/** The four drivers as tests of locks, connections and plans use them: pools of their own, with sessions as they want them. */
import mariadb from 'mariadb';
import mysql2 from 'mysql2/promise';
import pg from 'pg';
import postgres from 'postgres';
import type { RecordStore } from '../../src/rotation/index.js';
import { mariadbExecutor, mysql2Executor, mysqlRecords } from '../../src/store/mysql.js';
import { pgExecutor, postgresExecutor, postgresRecords } from '../../src/store/postgres.js';
import type { SqlExecutor, SqlQueries } from '../../src/store/sql/executor.js';
import { DATABASE, dropTables } from './mysql-subject.js';
import { SCHEMA, type Server } from './postgres-subject.js';

/** How a pool is to connect. */
export interface Connecting {
  /** Default: the server's own. */
  readonly port?: number;
  /** Settings of each session: `default_transaction_isolation` in PostgreSQL, `tx_isolation` in MariaDB, and the like. */
  readonly settings?: Readonly<Record<string, string>>;
  /** Connections. Default: 4. */
  readonly max?: number;
}

export interface Database {
  readonly name: string;
  readonly kind: 'PostgreSQL' | 'MariaDB';
  readonly port: number;
  /** The name of the setting for the isolation of a session. */
  readonly isolation: string;
  connect(connecting?: Connecting): Promise<Server>;
  open(executor: SqlExecutor): RecordStore;
  /** An empty schema. */
  clear(queries: SqlExecutor): Promise<void>;
  parameter(place: number): string;
  /** Whether a statement that has this in it waits for a lock. */
  isWaiting(queries: SqlQueries, text: string): Promise<boolean>;
}

const HOST = '127.0.0.1';

const POSTGRES = {
  kind: 'PostgreSQL',
  port: 5432,
  isolation: 'default_transaction_isolation',
  // With its schema, so that a statement can be told from those of others.
  open: (executor: SqlExecutor) =>
    postgresRecords(executor, {
      jobTable: `${SCHEMA}.cellseal_job`,
      quarantineTable: `${SCHEMA}.cellseal_quarantine`,
    }),
  async clear(queries: SqlQueries) {
    await queries.query(`DROP SCHEMA IF EXISTS ${SCHEMA} CASCADE`, []);
    await queries.query(`CREATE SCHEMA ${SCHEMA}`, []);
  },
  parameter: (place: number) => `$${place}`,
  async isWaiting(queries: SqlQueries, text: string) {
    const found = await queries.query(
      "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND pid <> pg_backend_pid() AND strpos(query, $1) > 0",
      [text],
    );
    return found.length > 0;
  },
} as const;

const MARIADB = {
  kind: 'MariaDB',
  port: 3306,
  isolation: 'tx_isolation',
  open: (executor: SqlExecutor) =>
    mysqlRecords(executor, {
      jobTable: `${DATABASE}.cellseal_job`,
      quarantineTable: `${DATABASE}.cellseal_quarantine`,
    }),
  clear: (executor: SqlExecutor) => dropTables(executor),
  parameter: () => '?',
  async isWaiting(queries: SqlQueries, text: string) {
    const found = await queries.query(
      "SELECT 1 FROM information_schema.innodb_trx WHERE trx_state = 'LOCK WAIT' AND LOCATE(?, trx_query) > 0",
      [text],
    );
    return found.length > 0;
  },
} as const;

export const DATABASES: readonly Database[] = [
  {
    ...POSTGRES,
    name: 'PostgreSQL over pg',
    async connect({ port = POSTGRES.port, settings = {}, max = 4 } = {}) {
      const options = Object.entries({ search_path: `${SCHEMA},public`, ...settings })
        .map(([name, value]) => `-c ${name}=${value.replaceAll(' ', '\\ ')}`)
        .join(' ');
      const pool = new pg.Pool({ host: HOST, port, user: 'root', database: 'test', options, max });
      pool.on('error', () => undefined); // of connections that nobody uses
      return { name: 'pg', executor: pgExecutor(pool), close: () => pool.end() };
    },
  },
  {
    ...POSTGRES,
    name: 'PostgreSQL over postgres',
    async connect({ port = POSTGRES.port, settings = {}, max = 4 } = {}) {
      const connection = { search_path: `${SCHEMA},public`, ...settings };
      const onnotice = (): void => undefined;
      const sql = postgres({ host: HOST, port, user: 'root', database: 'test', connection, max, onnotice });
      return { name: 'postgres', executor: postgresExecutor(sql), close: () => sql.end({ timeout: 1 }) };
    },
  },
  {
    ...MARIADB,
    name: 'MariaDB over mysql2',
    async connect({ port = MARIADB.port, settings = {}, max = 4 } = {}) {
      await makeDatabase();
      const address = { host: HOST, port, user: 'root', charset: 'utf8mb4', database: DATABASE };
      const pool = mysql2.createPool({ ...address, connectionLimit: max });
      pool.on('connection', (connection) => {
        for (const [name, value] of Object.entries(settings))
          (connection as unknown as { query(sql: string): unknown }).query(
            `SET SESSION ${name} = '${value}'`,
          );
      });
      return { name: 'mysql2', executor: mysql2Executor(pool), close: () => pool.end() };
    },
  },
  {
    ...MARIADB,
    name: 'MariaDB over mariadb',
    async connect({ port = MARIADB.port, settings = {}, max = 4 } = {}) {
      await makeDatabase();
      const address = { host: HOST, port, user: 'root', charset: 'utf8mb4', database: DATABASE };
      const initSql = Object.entries(settings).map(([name, value]) => `SET SESSION ${name} = '${value}'`);
      const pool = mariadb.createPool({ ...address, connectionLimit: max, minimumIdle: 0, initSql });
      return { name: 'mariadb', executor: mariadbExecutor(pool), close: () => pool.end() };
    },
  },
];

async function makeDatabase(): Promise<void> {
  const admin = await mysql2.createConnection({ host: HOST, user: 'root' });
  await admin.query(`CREATE DATABASE IF NOT EXISTS ${DATABASE}`);
  await admin.end();
}
