import { decodeHex } from '../../bytes.js';
import { InvalidCursorError } from '../../errors.js';
import type { RecordKey, TableLayout } from '../../ports/record-store.js';
import type { SqliteValue } from './client.js';
import { columnOf } from './sql.js';

/** One part of a key: its storage class, and its value as text (a blob in hexadecimal). */
export type KeyValue = readonly [storage: 'integer' | 'text' | 'blob', value: string];

/**
 * Integers travel as text: a driver would round those beyond 2^53, or refuse them. The plus takes the cast's affinity
 * away, for which SQLite would not use the index of a column without a type.
 */
const BINDINGS: Readonly<Record<KeyValue[0], { sql: string; bind: (value: string) => SqliteValue }>> = {
  integer: { sql: '+CAST(? AS INTEGER)', bind: (value) => value },
  text: { sql: '?', bind: (value) => value },
  blob: { sql: '?', bind: decodeHex },
};

/** The condition that finds the record with this key. */
export function whereKey(layout: TableLayout, key: RecordKey): { where: string; values: SqliteValue[] } {
  const parts = parseKey(layout, key);
  const where = layout.key
    .map(({ column }, i) => `${columnOf(column)} = ${BINDINGS[storageOf(parts, i)].sql}`)
    .join(' AND ');
  return { where, values: bindKey(parts) };
}

/** No condition: from the beginning. */
export const EVERYWHERE = { where: 'TRUE', values: [] as SqliteValue[] };

/** The condition for everything after a place in key order. */
export function whereAfter(layout: TableLayout, cursor: RecordKey): { where: string; values: SqliteValue[] } {
  const parts = parseKey(layout, cursor);
  const columns = layout.key.map(({ column }) => columnOf(column)).join(', ');
  const place = layout.key.map((_, i) => BINDINGS[storageOf(parts, i)].sql).join(', ');
  const where = layout.key.length === 1 ? `${columns} > ${place}` : `(${columns}) > (${place})`;
  return { where, values: bindKey(parts) };
}

function storageOf(parts: readonly KeyValue[], position: number): KeyValue[0] {
  return (parts[position] as KeyValue)[0];
}

function bindKey(parts: readonly KeyValue[]): SqliteValue[] {
  return parts.map(([storage, value]) => BINDINGS[storage].bind(value));
}

/** Cursors come from a job record, which may be damaged. */
function parseKey(layout: TableLayout, text: string): KeyValue[] {
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
