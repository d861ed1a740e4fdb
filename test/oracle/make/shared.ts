/** What the makers of vectors share. */
import { ascii, concat, uint, utf8 } from '../bytes.js';
import { hmac } from '../cell.js';
import type { JsonContext, JsonPart } from '../vectors.js';

export const RECORD: JsonPart = { bytes: '8a1901e4671b431a871ceadb2942e9ee' };
export const EMAIL: JsonContext = { table: 'customers', column: 'email', record: RECORD };
export const PHONE: JsonContext = { table: 'customers', column: 'phone' };
export const MIB = 1024 * 1024;

/** Bytes that look random and are the same on every run: HMAC-SHA-256 in counter mode over a label. */
export function random(label: string, bytes: number): Uint8Array {
  const seed = ascii('cellseal cell-v1-more');
  const blocks = Math.ceil(bytes / 32);
  const parts = Array.from({ length: blocks }, (_, counter) => hmac(seed, utf8(label), uint(counter, 4)));
  return concat(...parts).subarray(0, bytes);
}

/** Throws unless the act does. */
export function mustThrow(name: string, act: () => unknown): void {
  try {
    act();
  } catch {
    return;
  }
  throw new Error(`${name}: not refused`);
}
