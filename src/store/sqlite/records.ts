import { viewBytes } from '../../bytes.js';
import { StoreUnfitError } from '../../errors.js';
import { LONGEST_CELL_BYTES, LONGEST_CELL_CHARACTERS } from '../../key-tag.js';
import type {
  CellColumn,
  CellSwap,
  Page,
  PageRequest,
  RecordKey,
  RecordSwap,
  StoredRecord,
  TableLayout,
  TokenColumn,
  TokenSwap,
} from '../../ports/record-store.js';
import { tokenColumn } from '../token-columns.js';
import type { Row, SqliteClient, SqliteStatement, SqliteValue } from './client.js';
import {
  type Collations,
  type KeyValue,
  exactColumns,
  keyColumns,
  readCollations,
  readExact,
  whereBeside,
  whereKey,
} from './keys.js';
import { assertReadable, plaintextColumns, readPlaintext, wherePlaintext } from './plaintext.js';
import { columnOf, quoted, tableName } from './sql.js';

/**
 * One page in key order: first the records' sizes, then as many records as the byte cap lets in. Both are read to their
 * end: a query that is left half-way (libsql cannot close one) holds its snapshot, and no transaction can begin behind
 * it once somebody else has written.
 */
export function readPage(
  client: SqliteClient,
  layout: TableLayout,
  { after, until, maxRecords, maxBytes }: PageRequest,
): Page {
  assertReadable(client, layout);
  const collations = readCollations(client, layout);
  const bounds = [
    ...(after === undefined ? [] : [whereBeside(layout, collations, '>', after)]),
    ...(until === undefined ? [] : [whereBeside(layout, collations, '<=', until)]),
  ];
  const where = bounds.map((bound) => bound.where).join(' AND ') || 'TRUE';
  const values = bounds.flatMap((bound) => bound.values);
  const order = keyColumns(layout, collations).join(', ');
  const read = (columns: string, limit: number): Row[] =>
    client
      .prepare(`SELECT ${columns} FROM ${tableName(layout)} WHERE ${where} ORDER BY ${order} LIMIT ?`)
      .all(...values, limit) as Row[];

  // One more tells whether it ends here.
  const sizes = read(recordBytes(layout), maxRecords + 1).map((row) => Number(row['bytes']));
  const count = countFitting(sizes.slice(0, maxRecords), maxBytes);
  const records = read(recordColumns(layout), count).map((row) => storedRecord(layout, row));
  return { records, next: records.at(-1)?.key, done: count === sizes.length };
}

/** The places of every so many records, but not of the last. */
export function readBoundaries(client: SqliteClient, layout: TableLayout, everyRecords: number): RecordKey[] {
  const order = keyColumns(layout, readCollations(client, layout)).join(', ');
  const columns = layout.key.map(({ column }, i) => exactColumns(column, `k${i}`)).join(', ');
  const counted = `SELECT ${columns}, ROW_NUMBER() OVER (ORDER BY ${order}) AS place, LEAD(1) OVER (ORDER BY ${order}) AS following FROM ${tableName(layout)}`;
  return client
    .prepare(`SELECT * FROM (${counted}) WHERE place % ? = 0 AND following IS NOT NULL ORDER BY place`)
    .all(everyRecords)
    .map((row) => JSON.stringify(readKey(layout, row as Row).map(({ key }) => key)));
}

/** How many of the sizes fit together, but one at least. */
function countFitting(sizes: readonly number[], maxBytes: number): number {
  let bytes = 0;
  const first = sizes.findIndex((size, i) => {
    bytes += size;
    return i > 0 && bytes > maxBytes;
  });
  return first === -1 ? sizes.length : first;
}

/** The records with these keys that are still there. */
export function rereadRecords(
  client: SqliteClient,
  layout: TableLayout,
  keys: readonly RecordKey[],
): StoredRecord[] {
  const statements = new KeyedStatements(client);
  const collations = readCollations(client, layout);
  return keys.flatMap((key) => {
    const { where, values } = whereKey(layout, collations, key);
    // The limit keeps a blob from being the only argument: libsql would take it for named parameters, and abort.
    const sql = `SELECT ${recordColumns(layout)} FROM ${tableName(layout)} WHERE ${where} LIMIT ?`;
    return statements
      .get(sql)
      .all(...values, 1)
      .map((row) => storedRecord(layout, row as Row));
  });
}

/** Swaps records one by one, inside the caller's transaction; an answer for each. */
export function swapRecords(
  client: SqliteClient,
  layout: TableLayout,
  swaps: readonly RecordSwap[],
): boolean[] {
  const statements = new KeyedStatements(client);
  const collations = readCollations(client, layout);
  return swaps.map((swap) => swapRecord(statements, layout, collations, swap));
}

function swapRecord(
  statements: KeyedStatements,
  layout: TableLayout,
  collations: Collations,
  { key, cells, tokens = [] }: RecordSwap,
): boolean {
  const { where, values } = whereKey(layout, collations, key);
  const changed = [
    ...cells
      .filter((swap) => swap.new !== swap.old)
      .map((swap) => [(layout.cells[swap.cell] as CellColumn).column, swap.new] as const),
    ...tokens.map((swap) => [tokenColumn(layout, swap.token).column, swap.new] as const),
  ];
  const unchanged = [
    ...cells.map((swap) => whereUnchanged(layout.cells[swap.cell] as CellColumn, swap)),
    ...tokens.map((swap) => whereToken(tokenColumn(layout, swap.token), swap)),
  ];
  const conditions = [where, ...unchanged.map((condition) => condition.where)].join(' AND ');
  const known = [...values, ...unchanged.flatMap((condition) => condition.values)];
  if (changed.length === 0) {
    const sql = `SELECT 1 FROM ${tableName(layout)} WHERE ${conditions} LIMIT ?`;
    return statements.get(sql).all(...known, 1).length > 0;
  }
  const set = changed.map(([column]) => `${quoted(column)} = ?`).join(', ');
  const { changes } = statements
    .get(`UPDATE ${tableName(layout)} SET ${set} WHERE ${conditions}`)
    .run(...changed.map(([, value]) => value), ...known);
  return Number(changes) > 0;
}

/** The condition that a token is as it was read: bytes decide, and a blob is no text. */
function whereToken({ column }: TokenColumn, { old }: TokenSwap): { where: string; values: SqliteValue[] } {
  return { where: `${columnOf(column)} IS ? COLLATE BINARY`, values: [old] };
}

/** The condition that a cell, and the plaintext that its new one is made of, are as they were read. */
function whereUnchanged(
  { column, adopting }: CellColumn,
  { old, plaintext }: CellSwap,
): { where: string; values: SqliteValue[] } {
  // Bytes decide, whatever the column's collation: under NOCASE another cell would look the same.
  const cell =
    old !== null && adopting !== 'in-place'
      ? { where: `${columnOf(column)} = ? COLLATE BINARY`, values: [old] }
      : wherePlaintext(column, old);
  if (plaintext === undefined || typeof adopting !== 'object') return cell;
  const source = wherePlaintext(adopting.column, plaintext);
  return { where: `${cell.where} AND ${source.where}`, values: [...cell.values, ...source.values] };
}

/** SQLite knows the length of a value without reading it. */
function recordBytes({ cells, tokens = [] }: TableLayout): string {
  const sources = cells.flatMap(({ adopting }) => (typeof adopting === 'object' ? adopting.column : []));
  const columns = [...cells, ...tokens].map(({ column }) => column).concat(sources);
  const sizes = columns.map((column) => `COALESCE(OCTET_LENGTH(${columnOf(column)}), 0)`);
  return `${sizes.join(' + ')} AS bytes`;
}

function recordColumns(layout: TableLayout): string {
  return [
    ...layout.key.map(({ column }, i) => exactColumns(column, `k${i}`)),
    ...(layout.tenant ? [exactColumns(layout.tenant.column, 'tenant')] : []),
    ...layout.cells.map((cell, i) =>
      cell.adopting === 'in-place'
        ? plaintextColumns(cell.column, `c${i}`)
        : `${cellOrStray(cell)} AS "c${i}"`,
    ),
    ...layout.cells.flatMap(({ adopting }, i) =>
      typeof adopting === 'object' ? plaintextColumns(adopting.column, `p${i}`) : [],
    ),
    ...(layout.tokens ?? []).map(({ column }, i) => `${cellOrStray({ column, form: 'text' })} AS "n${i}"`),
    ...(layout.formerKey ?? []).map(({ column }, i) => exactColumns(column, `f${i}`)),
  ].join(', ');
}

/**
 * What can be a cell, and for everything else something short that is none: a stray value may be longer than memory,
 * an integer that a driver refuses, or text over which it ends the process.
 */
function cellOrStray({ column, form }: Pick<CellColumn, 'column' | 'form'>): string {
  const value = columnOf(column);
  const [test, stray] =
    form === 'text'
      ? [
          `typeof(${value}) = 'text' AND octet_length(${value}) <= ${LONGEST_CELL_CHARACTERS} AND ${value} NOT GLOB '*[^ -~]*' AND instr(${value}, char(0)) = 0`,
          "''",
        ]
      : [`typeof(${value}) = 'blob' AND octet_length(${value}) <= ${LONGEST_CELL_BYTES}`, "X''"];
  return `CASE WHEN ${value} IS NULL THEN NULL WHEN ${test} THEN ${value} ELSE ${stray} END`;
}

function readKey(layout: TableLayout, row: Row): { key: KeyValue; value: unknown }[] {
  return layout.key.map((_, i) => {
    const { key, value } = readExact(row, `k${i}`);
    if (key) return { key, value };
    throw new StoreUnfitError('A record id in the database is neither integer, text nor blob.', {
      table: layout.name,
    });
  });
}

function storedRecord(layout: TableLayout, row: Row): StoredRecord {
  const id = readKey(layout, row);
  return {
    key: JSON.stringify(id.map(({ key }) => key)),
    id: id.map(({ value }) => value),
    ...(layout.tenant ? { tenant: readExact(row, 'tenant').value } : {}),
    cells: layout.cells.map(({ adopting }, i) =>
      adopting === 'in-place' ? readPlaintext(row, `c${i}`) : (viewBytes(row[`c${i}`]) ?? null),
    ),
    ...(layout.cells.some(({ adopting }) => typeof adopting === 'object')
      ? {
          plaintexts: layout.cells.map(({ adopting }, i) =>
            typeof adopting === 'object' ? readPlaintext(row, `p${i}`) : null,
          ),
        }
      : {}),
    ...(layout.tokens ? { tokens: layout.tokens.map((_, i) => row[`n${i}`] ?? null) } : {}),
    ...(layout.formerKey ? { formerId: layout.formerKey.map((_, i) => readExact(row, `f${i}`).value) } : {}),
  };
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
