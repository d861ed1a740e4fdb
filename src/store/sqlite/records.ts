import { decodeUtf8, isUint8Array, viewBytes } from '../../bytes.js';
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
  bindKey,
  exactColumns,
  keyColumns,
  parseKey,
  readCollations,
  readExact,
  whereBeside,
  whereKey,
} from './keys.js';
import { assertReadable, plaintextColumns, readPlaintext, wherePlaintext } from './plaintext.js';
import { columnOf, isUtf8, quoted, tableName } from './sql.js';

/**
 * One page in key order: first how long the records are (each of them, where all together are too long), then as many
 * as the byte cap lets in. All of it is read to its end: a query that is left half-way (libsql cannot close one) holds its snapshot, and no transaction can begin behind
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
  const select = (columns: string): string =>
    `SELECT ${columns} FROM ${tableName(layout)} WHERE ${where} ORDER BY ${order} LIMIT ?`;
  const read = (columns: string, limit: number): Row[] =>
    client.prepare(select(columns)).all(...values, limit) as Row[];

  const records = (limit: number): StoredRecord[] =>
    read(recordColumns(client, layout), limit).map(recordReader(layout));

  // One more tells whether it ends here.
  const [whole] = client
    .prepare(`SELECT COUNT(*) AS records, TOTAL(bytes) AS bytes FROM (${select(recordBytes(layout))})`)
    .all(...values, maxRecords + 1) as [Row];
  if (Number(whole['bytes']) <= maxBytes)
    return pageOf(records(maxRecords), Number(whole['records']) <= maxRecords);
  const sizes = read(recordBytes(layout), maxRecords + 1).map((row) => Number(row['bytes']));
  const count = countFitting(sizes.slice(0, maxRecords), maxBytes);
  return pageOf(records(count), count === sizes.length);
}

function pageOf(records: readonly StoredRecord[], done: boolean): Page {
  return { records, next: records.at(-1)?.key, done };
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
  const columns = recordColumns(client, layout);
  const storedRecord = recordReader(layout);
  return keys.flatMap((key) => {
    const parts = parseKey(layout, key);
    const where = whereKey(layout, collations, parts);
    // The limit keeps a blob from being the only argument: libsql would take it for named parameters, and abort.
    const sql = `SELECT ${columns} FROM ${tableName(layout)} WHERE ${where} LIMIT ?`;
    return statements
      .get(sql)
      .all(...bindKey(parts), 1)
      .map((row) => storedRecord(row as Row));
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
  const alike = new Map<string, SqliteStatement>();
  return swaps.map((swap) => {
    const key = parseKey(layout, swap.key);
    const shape = shapeOf(layout, key, swap);
    const known = shape === undefined ? undefined : alike.get(shape);
    if (known) return Number(known.run(...usualValues(key, swap)).changes) > 0;
    const { sql, values, isUpdate } = statementOf(layout, collations, key, swap);
    const statement = statements.get(sql);
    if (!isUpdate) return statement.all(...values, 1).length > 0;
    if (shape !== undefined) alike.set(shape, statement);
    return Number(statement.run(...values).changes) > 0;
  });
}

/**
 * Equal for swaps that {@link statementOf} writes the same statement for, with {@link usualValues}: nearly all of a
 * chunk. `undefined` where a plaintext or a null is compared, or nothing changes.
 */
function shapeOf(
  layout: TableLayout,
  key: readonly KeyValue[],
  { cells, tokens = [] }: RecordSwap,
): string | undefined {
  let shape = '';
  let changes = tokens.length;
  for (const [storage] of key) shape += storage;
  for (const { cell, old, plaintext, new: fresh } of cells) {
    if (old === null || plaintext !== undefined || layout.cells[cell]?.adopting === 'in-place')
      return undefined;
    if (fresh !== old) changes++;
    shape += fresh === old ? ` =${cell}` : ` ${cell}`;
  }
  for (const { token } of tokens) shape += ` t${token}`;
  return changes === 0 ? undefined : shape;
}

function usualValues(key: readonly KeyValue[], { cells, tokens = [] }: RecordSwap): SqliteValue[] {
  const values: SqliteValue[] = [];
  for (const cell of cells) if (cell.new !== cell.old) values.push(cell.new);
  for (const token of tokens) values.push(token.new);
  values.push(...bindKey(key));
  for (const { old } of cells) values.push(old);
  for (const { old } of tokens) values.push(old);
  return values;
}

function statementOf(
  layout: TableLayout,
  collations: Collations,
  key: readonly KeyValue[],
  { cells, tokens = [] }: RecordSwap,
): { readonly sql: string; readonly values: readonly SqliteValue[]; readonly isUpdate: boolean } {
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
  const wheres = unchanged.map((condition) => condition.where);
  const conditions = [whereKey(layout, collations, key), ...wheres].join(' AND ');
  const known = [...bindKey(key), ...unchanged.flatMap((condition) => condition.values)];
  if (changed.length === 0) {
    const sql = `SELECT 1 FROM ${tableName(layout)} WHERE ${conditions} LIMIT ?`;
    return { sql, values: known, isUpdate: false };
  }
  const set = changed.map(([column]) => `${quoted(column)} = ?`).join(', ');
  return {
    sql: `UPDATE ${tableName(layout)} SET ${set} WHERE ${conditions}`,
    values: [...changed.map(([, value]) => value), ...known],
    isUpdate: true,
  };
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

function recordColumns(client: SqliteClient, layout: TableLayout): string {
  const asOctets = isUtf8(client);
  const text = (column: string, name: string): string =>
    `${asOctets ? octetsOrStray(column) : textOrStray(column)} AS "${name}"`;
  return [
    ...layout.key.map(({ column }, i) => exactColumns(column, `k${i}`)),
    ...(layout.tenant ? [exactColumns(layout.tenant.column, 'tenant')] : []),
    ...layout.cells.map(({ column, form, adopting }, i) => {
      if (adopting === 'in-place') return plaintextColumns(column, `c${i}`);
      return form === 'text' ? text(column, `c${i}`) : `${blobOrStray(column)} AS "c${i}"`;
    }),
    ...layout.cells.flatMap(({ adopting }, i) =>
      typeof adopting === 'object' ? plaintextColumns(adopting.column, `p${i}`) : [],
    ),
    ...(layout.tokens ?? []).map(({ column }, i) => text(column, `n${i}`)),
    ...(layout.formerKey ?? []).map(({ column }, i) => exactColumns(column, `f${i}`)),
  ].join(', ');
}

/**
 * What can be a cell, and for everything else something short that is none: a stray value may be longer than memory,
 * an integer that a driver refuses, or text over which it ends the process. Octets are looked at by {@link readText},
 * which is much quicker than a pattern.
 */
function octetsOrStray(column: string): string {
  return orStray(
    column,
    `CAST(${columnOf(column)} AS BLOB)`,
    `typeof(${columnOf(column)}) = 'text' AND octet_length(${columnOf(column)}) <= ${LONGEST_CELL_CHARACTERS}`,
    "''",
  );
}

/** The same where the octets of a text are not those of UTF-8. */
function textOrStray(column: string): string {
  const value = columnOf(column);
  const test = `typeof(${value}) = 'text' AND octet_length(${value}) <= ${LONGEST_CELL_CHARACTERS} AND ${value} NOT GLOB '*[^ -~]*' AND instr(${value}, char(0)) = 0`;
  return orStray(column, value, test, "''");
}

function blobOrStray(column: string): string {
  const value = columnOf(column);
  const test = `typeof(${value}) = 'blob' AND octet_length(${value}) <= ${LONGEST_CELL_BYTES}`;
  return orStray(column, value, test, "X''");
}

function orStray(column: string, read: string, test: string, stray: string): string {
  return `CASE WHEN ${columnOf(column)} IS NULL THEN NULL WHEN ${test} THEN ${read} ELSE ${stray} END`;
}

const PRINTABLE = /^[ -~]*$/;

/** A text, whether it was read as one or as its octets; `''` where it is none that a cell can be. */
function readText(given: unknown): unknown {
  const octets = viewBytes(given);
  if (!isUint8Array(octets)) return octets ?? null;
  const text = decodeUtf8(octets);
  return text !== undefined && PRINTABLE.test(text) ? text : '';
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

/** How a row of {@link recordColumns} is read. */
function recordReader(layout: TableLayout): (row: Row) => StoredRecord {
  const { tenant, tokens, formerKey } = layout;
  const cells = layout.cells.map(({ form, adopting }, i) => {
    const name = `c${i}`;
    if (adopting === 'in-place') return (row: Row) => readPlaintext(row, name);
    return form === 'text' ? (row: Row) => readText(row[name]) : (row: Row) => viewBytes(row[name]) ?? null;
  });
  const hasPlaintexts = layout.cells.some(({ adopting }) => typeof adopting === 'object');
  return (row) => {
    const id = readKey(layout, row);
    return {
      key: JSON.stringify(id.map(({ key }) => key)),
      id: id.map(({ value }) => value),
      ...(tenant ? { tenant: readExact(row, 'tenant').value } : {}),
      cells: cells.map((read) => read(row)),
      ...(hasPlaintexts
        ? {
            plaintexts: layout.cells.map(({ adopting }, i) =>
              typeof adopting === 'object' ? readPlaintext(row, `p${i}`) : null,
            ),
          }
        : {}),
      ...(tokens ? { tokens: tokens.map((_, i) => readText(row[`n${i}`])) } : {}),
      ...(formerKey ? { formerId: formerKey.map((_, i) => readExact(row, `f${i}`).value) } : {}),
    };
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
