/** PostgreSQL as tests use it: executors over two drivers, and tables of the suite's in a schema of their own. */
import pg from 'pg';
import postgres from 'postgres';
import {
  type SqlExecutor,
  type SqlValue,
  pgExecutor,
  postgresExecutor,
  postgresRecords,
} from '../../src/store/postgres.js';
import type { CaseColumn, CaseRow, CaseTable, OpenRecordStore } from '../../src/testing/conformance.js';

/** In which all tables of these tests are made. */
export const SCHEMA = process.env['CELLSEAL_TEST_SCHEMA'] ?? 'cellseal_test';

const ADDRESS = { host: '127.0.0.1', user: 'root', database: 'test' };

/** A driver, and how to let go of it. */
export interface Server {
  readonly name: string;
  readonly executor: SqlExecutor;
  close(): Promise<void>;
}

/** One connection pool a driver. Whoever runs these tests has a server there. */
export function openServers(): Server[] {
  const pool = new pg.Pool({ ...ADDRESS, options: `-c search_path=${SCHEMA},public` });
  const sql = postgres({ ...ADDRESS, connection: { search_path: `${SCHEMA},public` }, onnotice: () => {} });
  return [
    { name: 'pg', executor: pgExecutor(pool), close: () => pool.end() },
    { name: 'postgres', executor: postgresExecutor(sql), close: () => sql.end() },
  ];
}

/** How a test declares columns. */
export interface Declaration {
  readonly name: string;
  type(column: CaseColumn): string;
}

const TYPES = { uuid: 'uuid', text: 'text', integer: 'bigint', bytes: 'bytea' } as const;

export const DECLARATIONS: readonly Declaration[] = [
  {
    name: 'plain columns',
    type: ({ type, maxCharacters }) =>
      maxCharacters === undefined ? TYPES[type] : `varchar(${maxCharacters})`,
  },
  {
    name: 'columns whose collation calls other letters the same',
    type: ({ type, isKey }) =>
      type === 'text' && !isKey ? 'varchar COLLATE public.cellseal_blind' : TYPES[type],
  },
];

/** Records in a schema that is made anew for each case. */
export function openPostgres(executor: SqlExecutor, declaration: Declaration): OpenRecordStore {
  const run = (sql: string, values: readonly unknown[] = []) =>
    executor.query(sql, values as readonly SqlValue[]);
  const change = (sql: string, columns: readonly CaseColumn[], row: CaseRow) =>
    run(
      sql,
      columns.map(({ name }) => bound(row[name])),
    );
  return async (tables) => {
    await run(`DROP SCHEMA IF EXISTS ${SCHEMA} CASCADE`);
    await run(`CREATE SCHEMA ${SCHEMA}`);
    await run(
      "CREATE COLLATION IF NOT EXISTS public.cellseal_blind (provider = icu, locale = 'und-u-ks-level1', deterministic = false)",
    );
    for (const table of tables) {
      const columns = table.columns.map(
        (column) => `${quoted(column.column)} ${declaration.type(column)}${column.isKey ? ' NOT NULL' : ''}`,
      );
      const key = keyOf(table).map(({ column }) => quoted(column));
      await run(`CREATE TABLE ${path(table)} (${columns.join(', ')}, PRIMARY KEY (${key.join(', ')}))`);
    }
    return {
      store: postgresRecords(executor),
      insert(into, row) {
        const columns = into.columns.filter(({ name }) => row[name] !== undefined);
        const names = columns.map(({ column }) => quoted(column)).join(', ');
        const values = columns.map((_, i) => `$${i + 1}`).join(', ');
        return change(`INSERT INTO ${path(into)} (${names}) VALUES (${values})`, columns, row);
      },
      update(where, id, changes) {
        const changed = where.columns.filter(({ name }) => changes[name] !== undefined);
        const set = changed.map(({ column }, i) => `${quoted(column)} = $${i + 1}`);
        const sql = `UPDATE ${path(where)} SET ${set.join(', ')} WHERE ${isKey(where, changed.length)}`;
        return change(sql, [...changed, ...keyOf(where)], { ...changes, ...id });
      },
      remove: (from, id) => change(`DELETE FROM ${path(from)} WHERE ${isKey(from, 0)}`, keyOf(from), id),
      async rows(of) {
        const columns = of.columns.map(({ column }, i) => `${quoted(column)} AS r${i}`);
        const rows = await run(`SELECT ${columns.join(', ')} FROM ${path(of)}`);
        return rows.map((row) => Object.fromEntries(of.columns.map(({ name }, i) => [name, row[`r${i}`]])));
      },
      close: () => undefined,
    };
  };
}

const path = ({ definition }: CaseTable): string => definition.layout.from.map(quoted).join('.');
const keyOf = ({ columns }: CaseTable): readonly CaseColumn[] => columns.filter(({ isKey }) => isKey);
const isKey = (of: CaseTable, before: number): string =>
  keyOf(of)
    .map(({ column }, i) => `${quoted(column)} = $${before + i + 1}`)
    .join(' AND ');
const quoted = (name: string): string => `"${name.replaceAll('"', '""')}"`;
const bound = (value: unknown): unknown =>
  typeof value === 'bigint'
    ? value.toString()
    : value instanceof Uint8Array
      ? Buffer.from(value)
      : (value ?? null);
