import { hex, isUint8Array, viewBytes } from '../../bytes.js';
import { StoreUnfitError } from '../../errors.js';
import type {
  CellColumn,
  KeyColumn,
  Page,
  PageRequest,
  RecordKey,
  RecordSwap,
  StoredRecord,
  TableLayout,
} from '../../ports/record-store.js';
import type { Row, SqliteClient, SqliteStatement } from './client.js';
import { EVERYWHERE, type KeyValue, whereAfter, whereKey } from './keys.js';
import { columnOf, quoted, tableName } from './sql.js';

/**
 * One page in key order: first the records' sizes, then as many records as the byte cap lets in. Both are read to their
 * end: a query that is left half-way (libsql cannot close one) holds its snapshot, and no transaction can begin behind
 * it once somebody else has written.
 */
export function readPage(
  client: SqliteClient,
  layout: TableLayout,
  { after, maxRecords, maxBytes }: PageRequest,
): Page {
  const { where, values } = after === undefined ? EVERYWHERE : whereAfter(layout, after);
  const order = layout.key.map(({ column }) => columnOf(column)).join(', ');
  const read = (columns: string, limit: number): Row[] =>
    client
      .prepare(`SELECT ${columns} FROM ${tableName(layout)} WHERE ${where} ORDER BY ${order} LIMIT ?`)
      .all(...values, limit) as Row[];

  // One more tells whether the table ends here.
  const sizes = read(recordBytes(layout), maxRecords + 1).map((row) => Number(row['bytes']));
  const count = countFitting(sizes.slice(0, maxRecords), maxBytes);
  const records = read(recordColumns(layout), count).map((row) => storedRecord(layout, row));
  return { records, next: records.at(-1)?.key, done: count === sizes.length };
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
  return keys.flatMap((key) => {
    const { where, values } = whereKey(layout, key);
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
  return swaps.map((swap) => swapRecord(statements, layout, swap));
}

function swapRecord(statements: KeyedStatements, layout: TableLayout, { key, cells }: RecordSwap): boolean {
  const columns = cells.map(({ cell }) => (layout.cells[cell] as CellColumn).column);
  const { where, values } = whereKey(layout, key);
  const set = columns.map((column) => `${quoted(column)} = ?`).join(', ');
  // Bytes decide, whatever the column's collation: under NOCASE another cell would look the same.
  const unchanged = columns.map((column) => `${columnOf(column)} = ? COLLATE BINARY`).join(' AND ');
  const { changes } = statements
    .get(`UPDATE ${tableName(layout)} SET ${set} WHERE ${where} AND ${unchanged}`)
    .run(...cells.map((cell) => cell.new), ...values, ...cells.map((cell) => cell.old));
  return Number(changes) > 0;
}

/** SQLite knows the length of a value without reading it. */
function recordBytes({ cells }: TableLayout): string {
  const sizes = cells.map(({ column }) => `COALESCE(OCTET_LENGTH(${columnOf(column)}), 0)`);
  return `${sizes.join(' + ')} AS bytes`;
}

function recordColumns(layout: TableLayout): string {
  const exact = ({ column }: KeyColumn, name: string): string =>
    `typeof(${columnOf(column)}) AS "t${name}", CASE typeof(${columnOf(column)}) WHEN 'integer' THEN CAST(${columnOf(column)} AS TEXT) ELSE ${columnOf(column)} END AS "${name}"`;
  return [
    ...layout.key.map((part, i) => exact(part, `k${i}`)),
    ...(layout.tenant ? [exact(layout.tenant, 'tenant')] : []),
    ...layout.cells.map(({ column }, i) => `${columnOf(column)} AS "c${i}"`),
  ].join(', ');
}

function storedRecord(layout: TableLayout, row: Row): StoredRecord {
  const id = layout.key.map((_, i) => viewBytes(row[`k${i}`]));
  const key = id.map((value, i): KeyValue => {
    const storage = row[`tk${i}`];
    if (storage === 'integer' || storage === 'text') return [storage, String(value)];
    if (storage === 'blob' && isUint8Array(value)) return [storage, hex(value)];
    throw new StoreUnfitError('A record id in the database is neither integer, text nor blob.', {
      table: layout.name,
    });
  });
  return {
    key: JSON.stringify(key),
    id,
    ...(layout.tenant ? { tenant: viewBytes(row['tenant']) } : {}),
    cells: layout.cells.map((_, i) => viewBytes(row[`c${i}`]) ?? null),
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
