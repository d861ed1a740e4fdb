import { decodeHex, hex, isUint8Array, viewBytes } from '../../bytes.js';
import { InvalidCursorError } from '../../errors.js';
import type { CellColumn, KeyColumn, RecordKey } from '../../ports/record-store.js';
import type { Placed } from './dialect.js';
import type { SqlRow } from './executor.js';
import type { PlacedLayout } from './placed.js';

/** A key's part as a cursor has it: text, or bytes in hexadecimal. */
export type KeyPart = readonly [form: 't' | 'b', text: string];

function keyPart(value: unknown): KeyPart {
  return isUint8Array(value) ? ['b', hex(value)] : ['t', String(value)];
}

export function readKey({ key }: PlacedLayout, row: SqlRow): KeyPart[] {
  return key.map((_, i) => keyPart(viewBytes(row[`k${i}`])));
}

export function idValue([form, text]: KeyPart): unknown {
  return form === 'b' ? decodeHex(text) : text;
}

export function tenantValue(value: unknown): unknown {
  return value === null || value === undefined ? null : idValue(keyPart(value));
}

/** Cursors come from a job record, which may be damaged: what the database would refuse is refused here. */
export function parseKey({ layout, key, dialect }: PlacedLayout, text: string): readonly KeyPart[] {
  let parts: unknown;
  try {
    parts = JSON.parse(text);
  } catch {
    // not even JSON
  }
  const isSound =
    Array.isArray(parts) &&
    parts.length === key.length &&
    parts.every((part, i) => isKeyPart(part, key[i] as Placed<KeyColumn>, dialect.hasNul));
  if (!isSound) throw new InvalidCursorError({ table: layout.name });
  return parts as readonly KeyPart[];
}

function isKeyPart(part: unknown, { column, declared }: Placed<KeyColumn>, hasNul: boolean): part is KeyPart {
  if (!Array.isArray(part) || part.length !== 2) return false;
  const [form, text] = part as unknown[];
  if (typeof text !== 'string' || (!hasNul && text.includes('\0'))) return false;
  if (form === 'b') return /^([0-9a-f]{2})*$/.test(text);
  if (form !== 't') return false;
  if (column.type === 'integer') return /^-?[0-9]{1,30}$/.test(text);
  return declared.type !== 'uuid' || /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(text);
}

export function columnOf({ dialect }: PlacedLayout, { column }: KeyColumn | CellColumn): string {
  return `t.${dialect.quote(column)}`;
}

export function keyColumns(placed: PlacedLayout): string[] {
  return placed.key.map(({ column }) => columnOf(placed, column));
}

export function keyNames({ key }: PlacedLayout): string[] {
  return key.map((_, i) => `k${i}`);
}

export function keyFields(placed: PlacedLayout, key: RecordKey): Record<string, string> {
  return Object.fromEntries(parseKey(placed, key).map(([, text], i) => [`k${i}`, text]));
}

/** The condition that brings a row of `v` and its record together. */
export function isKey(placed: PlacedLayout): string {
  return placed.key
    .map((part, i) => `${columnOf(placed, part.column)} = ${placed.dialect.keyValue(`v.k${i}`, part)}`)
    .join(' AND ');
}
