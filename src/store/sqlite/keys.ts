import { decodeHex, decodeUtf8, hex, isUint8Array, utf8, viewBytes } from '../../bytes.js';
import { InvalidCursorError } from '../../errors.js';
import type { RecordKey, TableLayout } from '../../ports/record-store.js';
import type { Row, SqliteClient, SqliteValue } from './client.js';
import { columnOf, pathOf, quoted } from './sql.js';

/**
 * One part of a key: its storage class, and its value as text. `octets` is text that is no UTF-8, in hexadecimal, as
 * blobs are.
 */
export type KeyValue = readonly [storage: 'integer' | 'text' | 'octets' | 'blob', value: string];

/**
 * Nothing is left to a driver: integers beyond 2^53 would be rounded or refused, text is cut at a NUL by some and ends
 * the process of others where it is no UTF-8. The plus takes the cast's affinity away, for which SQLite would not use
 * the index of a column without a type.
 */
const BINDINGS: Readonly<Record<KeyValue[0], { sql: string; bind: (value: string) => SqliteValue }>> = {
  integer: { sql: '+CAST(? AS INTEGER)', bind: (value) => value },
  // Node 22 binds no bytes as NULL.
  text: { sql: '+CAST(? AS TEXT)', bind: (value) => (value === '' ? value : utf8(value)) },
  octets: { sql: '+CAST(? AS TEXT)', bind: decodeHex },
  blob: { sql: '?', bind: decodeHex },
};

/** A value's storage class, and the value as {@link readExact} wants it, as two columns of a result. */
export function exactColumns(column: string, name: string): string {
  const value = columnOf(column);
  return `typeof(${value}) AS "t${name}", CASE typeof(${value}) WHEN 'integer' THEN CAST(${value} AS TEXT) WHEN 'text' THEN hex(CAST(${value} AS BLOB)) WHEN 'blob' THEN ${value} END AS "${name}"`;
}

/** What {@link exactColumns} selected: an integer as its digits; `undefined` for text that is no UTF-8, and for reals. */
export function readExact(row: Row, name: string): { key: KeyValue | undefined; value: unknown } {
  const storage = row[`t${name}`];
  const given = viewBytes(row[name]);
  if (storage === 'integer') return { key: [storage, String(given)], value: String(given) };
  if (storage === 'blob' && isUint8Array(given)) return { key: [storage, hex(given)], value: given };
  if (storage !== 'text') return { key: undefined, value: undefined };
  const octets = decodeHex(String(given));
  const value = decodeUtf8(octets);
  return { key: value === undefined ? ['octets', hex(octets)] : [storage, value], value };
}

/** The condition that finds the record with this key, with {@link bindKey}. */
export function whereKey(layout: TableLayout, collations: Collations, parts: readonly KeyValue[]): string {
  return keyColumns(layout, collations)
    .map((column, i) => `${column} = ${BINDINGS[storageOf(parts, i)].sql}`)
    .join(' AND ');
}

/** The condition for everything behind a place in key order, or for everything up to it. */
export function whereBeside(
  layout: TableLayout,
  collations: Collations,
  side: '>' | '<=',
  cursor: RecordKey,
): { where: string; values: SqliteValue[] } {
  const parts = parseKey(layout, cursor);
  const columns = keyColumns(layout, collations).join(', ');
  const place = layout.key.map((_, i) => BINDINGS[storageOf(parts, i)].sql).join(', ');
  const where = layout.key.length === 1 ? `${columns} ${side} ${place}` : `(${columns}) ${side} (${place})`;
  return { where, values: bindKey(parts) };
}

/** The columns of the key, to be compared and ordered by. */
export function keyColumns(layout: TableLayout, collations: Collations): string[] {
  return layout.key.map(({ column }, i) => {
    const collation = collations[i];
    return collation === undefined ? columnOf(column) : `${columnOf(column)} COLLATE ${quoted(collation)}`;
  });
}

/** What each part of a key is compared by; `undefined`: as its column says. */
export type Collations = readonly (string | undefined)[];

/**
 * A column's own collation may be wider than the index that makes it unique: under NOCASE a page that ends with 'a'
 * would go on behind 'A'. The index of a PRIMARY KEY or UNIQUE constraint follows its columns; where only an index made
 * later is unique, pages follow that, and where there is none, the bytes.
 */
export function readCollations(client: SqliteClient, layout: TableLayout): Collations {
  const { schema, name } = pathOf(layout.from);
  const columns = layout.key.map(({ column }) => column.toLowerCase());
  const [table] = client
    .prepare(`SELECT sql FROM ${quoted(schema)}.sqlite_master WHERE name = ? COLLATE NOCASE`)
    .all(name) as Row[];
  if (!/\bcollate\b/i.test(String(table?.['sql']))) return [];

  const indexes = new Map<unknown, Map<string, Row>>();
  const rows = client
    .prepare(
      'SELECT l.name AS unique_index, l.origin AS origin, x.name AS part, x.coll AS collation FROM pragma_index_list(?, ?) AS l, pragma_index_xinfo(l.name, ?) AS x WHERE l."unique" = 1 AND l.partial = 0 AND x.key = 1',
    )
    .all(name, schema, schema) as Row[];
  for (const row of rows) {
    const parts = indexes.get(row['unique_index']) ?? new Map<string, Row>();
    indexes.set(row['unique_index'], parts.set(String(row['part']).toLowerCase(), row));
  }
  const fitting = [...indexes.values()]
    .filter((parts) => parts.size === columns.length && columns.every((column) => parts.has(column)))
    .map((parts) => columns.map((column) => parts.get(column) as Row));
  if (fitting.some((parts) => parts.every((part) => part['origin'] !== 'c'))) return [];
  const [made] = fitting;
  return columns.map((_, i) => String(made?.[i]?.['collation'] ?? 'BINARY'));
}

function storageOf(parts: readonly KeyValue[], position: number): KeyValue[0] {
  return (parts[position] as KeyValue)[0];
}

/** What stands for a key's parameters. */
export function bindKey(parts: readonly KeyValue[]): SqliteValue[] {
  return parts.map(([storage, value]) => BINDINGS[storage].bind(value));
}

/** Cursors come from a job record, which may be damaged. */
export function parseKey(layout: TableLayout, text: string): KeyValue[] {
  let parts: unknown;
  try {
    parts = JSON.parse(text);
  } catch {
    // not even JSON
  }
  const isKey = Array.isArray(parts) && parts.length === layout.key.length && parts.every(isKeyValue);
  if (!isKey) throw new InvalidCursorError({ table: layout.name });
  return parts as KeyValue[];
}

function isKeyValue(part: unknown): part is KeyValue {
  if (!Array.isArray(part) || part.length !== 2) return false;
  const [storage, value] = part as unknown[];
  return typeof storage === 'string' && Object.hasOwn(BINDINGS, storage) && typeof value === 'string';
}
