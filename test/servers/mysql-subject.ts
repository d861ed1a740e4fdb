/** MariaDB as tests use it: executors over two drivers, and tables of the suite's in a database of their own. */
import mariadb from 'mariadb';
import mysql2 from 'mysql2/promise';
import {
  type SqlExecutor,
  type SqlValue,
  mariadbExecutor,
  mysql2Executor,
  mysqlRecords,
} from '../../src/store/mysql.js';
import type { CaseColumn, CaseRow, CaseTable, OpenRecordStore } from '../../src/testing/conformance.js';
import type { Declaration, Server } from './postgres-subject.js';

/** In which all tables of these tests are made. */
export const DATABASE = process.env['CELLSEAL_TEST_SCHEMA'] ?? 'cellseal_test';

const ADDRESS = { host: '127.0.0.1', user: 'root', charset: 'utf8mb4', connectionLimit: 5 };

/** One connection pool a driver. Whoever runs these tests has a server there. */
export async function openServers(): Promise<Server[]> {
  const admin = await mysql2.createConnection({ host: ADDRESS.host, user: ADDRESS.user });
  await admin.query(`CREATE DATABASE IF NOT EXISTS ${DATABASE}`);
  await admin.end();
  const pool = mysql2.createPool({ ...ADDRESS, database: DATABASE });
  const other = mariadb.createPool({ ...ADDRESS, database: DATABASE });
  return [
    { name: 'mysql2', executor: mysql2Executor(pool), close: () => pool.end() },
    { name: 'mariadb', executor: mariadbExecutor(other), close: () => other.end() },
  ];
}

const KEY_TYPES = {
  uuid: 'CHAR(36) CHARACTER SET ascii COLLATE ascii_bin',
  text: 'VARCHAR(700) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin',
  integer: 'BIGINT',
  bytes: 'VARBINARY(255)',
} as const;
const TYPES = { ...KEY_TYPES, text: 'LONGTEXT', bytes: 'LONGBLOB' } as const;

export const DECLARATIONS: readonly Declaration[] = [
  {
    name: 'columns in the default collation, without letter case and trailing spaces',
    type: ({ type, isKey }) =>
      isKey
        ? KEY_TYPES[type]
        : `${TYPES[type]}${type === 'text' ? ' CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci' : ''}`,
  },
  {
    name: 'columns of type UUID, and text in a collation without accents',
    type: ({ type, isKey, maxCharacters }) => {
      if (type === 'uuid') return 'UUID';
      if (isKey) return KEY_TYPES[type];
      const text = maxCharacters === undefined ? TYPES.text : `VARCHAR(${maxCharacters})`;
      return type === 'text' ? `${text} CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_nopad_ci` : TYPES[type];
    },
  },
];

/** Records in tables that are made anew for each case. */
export function openMysql(executor: SqlExecutor, declaration: Declaration): OpenRecordStore {
  const run = (sql: string, values: readonly unknown[] = []) =>
    executor.query(sql, values as readonly SqlValue[]);
  const change = (sql: string, columns: readonly CaseColumn[], row: CaseRow) =>
    run(
      sql,
      columns.map(({ name }) => bound(row[name])),
    );
  return async (tables) => {
    await dropTables(executor);
    for (const table of tables) {
      const columns = table.columns.map(
        (column) => `${quoted(column.column)} ${declaration.type(column)}${column.isKey ? ' NOT NULL' : ''}`,
      );
      const key = keyOf(table).map(({ column }) => quoted(column));
      await run(`CREATE TABLE ${path(table)} (${columns.join(', ')}, PRIMARY KEY (${key.join(', ')}))`);
    }
    return {
      store: mysqlRecords(executor),
      insert(into, row) {
        const columns = into.columns.filter(({ name }) => row[name] !== undefined);
        const names = columns.map(({ column }) => quoted(column)).join(', ');
        const values = columns.map(() => '?').join(', ');
        return change(`INSERT INTO ${path(into)} (${names}) VALUES (${values})`, columns, row);
      },
      update(where, id, changes) {
        const changed = where.columns.filter(({ name }) => changes[name] !== undefined);
        const set = changed.map(({ column }) => `${quoted(column)} = ?`);
        const sql = `UPDATE ${path(where)} SET ${set.join(', ')} WHERE ${isKey(where)}`;
        return change(sql, [...changed, ...keyOf(where)], { ...changes, ...id });
      },
      remove: (from, id) => change(`DELETE FROM ${path(from)} WHERE ${isKey(from)}`, keyOf(from), id),
      async rows(of) {
        const columns = of.columns.map(({ column, type }, i) =>
          type === 'integer' ? `CAST(${quoted(column)} AS CHAR) AS r${i}` : `${quoted(column)} AS r${i}`,
        );
        const rows = await run(`SELECT ${columns.join(', ')} FROM ${path(of)}`);
        return rows.map((row) => Object.fromEntries(of.columns.map(({ name }, i) => [name, row[`r${i}`]])));
      },
      close: () => undefined,
    };
  };
}

/** Not the database itself: connections that use it would be left without one. */
export async function dropTables(executor: SqlExecutor): Promise<void> {
  const there = await executor.query(
    'SELECT table_name AS name FROM information_schema.tables WHERE table_schema = ?',
    [DATABASE],
  );
  for (const { name } of there) await executor.query(`DROP TABLE ${quoted(String(name))}`, []);
}

const path = ({ definition }: CaseTable): string => definition.layout.from.map(quoted).join('.');
const keyOf = ({ columns }: CaseTable): readonly CaseColumn[] => columns.filter(({ isKey }) => isKey);
const isKey = (of: CaseTable): string =>
  keyOf(of)
    .map(({ column }) => `${quoted(column)} = ?`)
    .join(' AND ');
const quoted = (name: string): string => `\`${name.replaceAll('`', '``')}\``;
const bound = (value: unknown): unknown =>
  typeof value === 'bigint'
    ? value.toString()
    : value instanceof Uint8Array
      ? Buffer.from(value)
      : (value ?? null);
