import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type MemoryRecords, memoryRecords } from '../../src/store/memory.js';
import { type SqliteValue, sqliteRecords } from '../../src/store/sqlite.js';
import type {
  CaseColumn,
  CaseRow,
  CaseTable,
  OpenRecordStore,
  RecordStoreSubject,
} from '../../src/testing/conformance.js';
import type { Connection, Driver } from './sqlite-drivers.js';

/** A store in memory, perhaps with a fault planted into it. */
export function memorySubject(store: MemoryRecords, tested = store): RecordStoreSubject {
  return {
    store: tested,
    insert: ({ definition }, row) => store.insert(definition, row),
    update: ({ definition }, id, changes) => store.update(definition, id, changes),
    remove: ({ definition }, id) => store.remove(definition, id),
    rows: ({ definition }) => store.rows(definition),
    close: () => undefined,
  };
}

export const openMemory: OpenRecordStore = () => memorySubject(memoryRecords());

/** How a test declares the columns of its tables. */
export interface SqliteDeclaration {
  readonly name: string;
  type(column: CaseColumn): string;
  /** What stands behind the columns. */
  readonly tail: string;
}

const TYPES = { uuid: 'TEXT', text: 'TEXT', integer: 'INTEGER', bytes: 'BLOB' } as const;

const PLAIN: SqliteDeclaration = {
  name: 'plain columns',
  type: ({ type }) => TYPES[type],
  tail: '',
};

/** Collations that call other cells the same, and storage that has other indexes. */
export const DECLARATIONS: readonly SqliteDeclaration[] = [
  PLAIN,
  {
    name: 'columns without letter case, in tables without row ids',
    type: ({ type, isKey: isExact }) => `${TYPES[type]}${isExact ? '' : ' COLLATE NOCASE'}`,
    tail: 'WITHOUT ROWID',
  },
  {
    name: 'columns without a type that compare without trailing spaces',
    type: ({ isKey: isExact }) => (isExact ? '' : 'COLLATE RTRIM'),
    tail: '',
  },
];

/** Records in a file, with one connection for the store and one for the application. */
export function openSqlite(driver: Driver, declaration = PLAIN): OpenRecordStore {
  return (tables) => {
    const folder = mkdtempSync(join(tmpdir(), 'cellseal-cases-'));
    const [client, application] = [0, 1].map(() => {
      const connection = driver.open(join(folder, 'records.db'));
      connection.exec('PRAGMA journal_mode = WAL');
      connection.exec('PRAGMA synchronous = OFF'); // nobody pulls the plug here
      return connection;
    }) as [Connection, Connection];
    for (const made of tables) application.exec(createTable(made, declaration));
    const close = (): void => {
      application.close();
      client.close();
      rmSync(folder, { recursive: true });
    };
    return { store: sqliteRecords(client), ...applicationOf(application), close };
  };
}

/** What an application does beside the store. */
export type Application = Omit<RecordStoreSubject, 'store' | 'close'>;

export function applicationOf(connection: Connection): Application {
  // `run` would look at the last row id, which some of the rows here have made larger than a number.
  const change = (sql: string, columns: readonly CaseColumn[], row: CaseRow): void => {
    connection.prepare(`${sql} AND ? = 1 RETURNING 1`).all(...columns.map(({ name }) => bound(row[name])), 1);
  };
  return {
    insert(into, row) {
      const columns = into.columns.filter(({ name }) => row[name] !== undefined);
      const list = columns.map(({ column }) => quoted(column)).join(', ');
      const values = columns.map(binding).join(', ');
      change(`INSERT INTO ${path(into)} (${list}) SELECT ${values} WHERE TRUE`, columns, row);
    },
    update(where, id, changes) {
      const changed = where.columns.filter(({ name }) => changes[name] !== undefined);
      const set = changed.map((column) => `${quoted(column.column)} = ${binding(column)}`).join(', ');
      const sql = `UPDATE ${path(where)} SET ${set} WHERE ${isKey(where)}`;
      change(sql, [...changed, ...keyOf(where)], { ...changes, ...id });
    },
    remove: (from, id) => change(`DELETE FROM ${path(from)} WHERE ${isKey(from)}`, keyOf(from), id),
    rows: (of) =>
      connection
        .prepare(`SELECT ${of.columns.map(selected).join(', ')} FROM ${path(of)}`)
        .all()
        .map((row) => named(of, row as CaseRow)),
  };
}

export function createTable(made: CaseTable, { type, tail }: SqliteDeclaration = PLAIN): string {
  const columns = made.columns.map(
    (column) => `${quoted(column.column)} ${type(column)}${column.isKey ? ' NOT NULL' : ''}`,
  );
  const key = keyOf(made).map(({ column }) => quoted(column));
  return `CREATE TABLE ${path(made)} (${columns.join(', ')}, PRIMARY KEY (${key.join(', ')})) ${tail}`;
}

const keyOf = ({ columns }: CaseTable): readonly CaseColumn[] => columns.filter((column) => column.isKey);

const isKey = (of: CaseTable): string =>
  keyOf(of)
    .map((column) => `${quoted(column.column)} = ${binding(column)}`)
    .join(' AND ');

const path = ({ definition }: CaseTable): string => definition.layout.from.map(quoted).join('.');

const quoted = (name: string): string => `"${name.replaceAll('"', '""')}"`;

const binding = ({ type }: CaseColumn): string => (type === 'integer' ? 'CAST(? AS INTEGER)' : '?');

// A driver rounds integers beyond 2^53, or refuses them; one of them ends a text at its first NUL.
const selected = ({ column, type }: CaseColumn, i: number): string =>
  type === 'integer' ? `CAST(${quoted(column)} AS TEXT) AS "r${i}"` : `${quoted(column)} AS "r${i}"`;

const named = ({ columns }: CaseTable, row: CaseRow): CaseRow =>
  Object.fromEntries(columns.map(({ name }, i) => [name, viewed(row[`r${i}`])]));

const bound = (value: unknown): SqliteValue =>
  typeof value === 'bigint' ? value.toString() : (value as SqliteValue);

const viewed = (value: unknown): unknown =>
  value instanceof ArrayBuffer || Object.prototype.toString.call(value) === '[object ArrayBuffer]'
    ? new Uint8Array(value as ArrayBuffer)
    : value;
