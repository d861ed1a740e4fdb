/** Blind-index tokens of values that are already transformed (format.md §7). */
import { base32, hex } from './bytes.js';
import { hkdf, hmac, keyId } from './cell.js';
import { type ContextValue, type Part, encodeContext, encodeInfo, item } from './context.js';

/** Which index a token belongs to; `column` is the attributes' names joined by `,`, `bits` is L. */
export interface BlindIndex {
  readonly tenant?: Part;
  readonly table: string;
  readonly column: string;
  readonly name: string;
  readonly transform: string;
  readonly bits: number;
}

/** context("index", {tenant?, table, column, extra}) (§7). */
export function indexContext(index: BlindIndex): Uint8Array {
  const { tenant, table, column, name, transform, bits } = index;
  const fields = { table, column, extra: [name, transform, BigInt(bits)] };
  return encodeContext('index', tenant === undefined ? fields : { tenant, ...fields });
}

/** The token of a transformed value; null for null and for a tuple with a null part (§7). */
export function indexToken(
  indexKey: Uint8Array,
  index: BlindIndex,
  value: Part | null | readonly (Part | null)[],
): string | null {
  if (!Number.isInteger(index.bits) || index.bits < 8 || index.bits > 256) throw new Error('L is 8 to 256');
  const context = indexContext(index);
  const key = hkdf(indexKey, new Uint8Array(), encodeInfo('cellseal/v1/blind-index', context));
  const indexed = withoutNull(value);
  if (indexed === null) return null;
  const digest = hmac(key, context, item(0, indexed));
  return `${base32(keyId('index', indexKey)).slice(0, 8)}.${hex(truncate(digest, index.bits))}`;
}

/** trunc_L: the leftmost L bits in ⌈L/8⌉ bytes, the unused low bits zero (§7). */
export function truncate(digest: Uint8Array, bits: number): Uint8Array {
  const all = Array.from(digest, (byte) => byte.toString(2).padStart(8, '0')).join('');
  const kept = all.slice(0, bits).padEnd(8 * Math.ceil(bits / 8), '0');
  return Uint8Array.from(kept.match(/.{8}/g) ?? [], (group) => Number.parseInt(group, 2));
}

function withoutNull(value: Part | null | readonly (Part | null)[]): ContextValue | null {
  if (value === null || typeof value !== 'object' || value instanceof Uint8Array) return value;
  const parts = value.filter((part) => part !== null);
  return parts.length === value.length ? parts : null;
}
