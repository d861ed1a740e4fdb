import { type Bytes, isBuffer, isUint8Array, viewBytes } from './bytes.js';
import { KEY_TAG_CHARACTERS, modeOfByte } from './key-tag.js';
import { SUITE_1 } from './suite.js';

/**
 * What a store gives in place of a value that it does not read (too long, or of a kind that drivers stumble over), where
 * plaintext may stand: it begins like a cell and is none, so it is refused and never adopted.
 */
export const NO_PLAINTEXT = 'cs1r.';
/** The same in a binary column, in hexadecimal. */
export const NO_PLAINTEXT_HEX = '637331722e';

/** How a cell of any suite begins: also after a change of letter case, and behind what a trim would take away. */
const BEGINS_LIKE_A_CELL = /^\s*cs[1-9][0-9]*[rd]\./i;
/** What is left of a cell of this version in a column of three or four characters. */
const STUMP = /^cs1[rd]?$/;
/** A cell in quotes, in JSON, in a sentence. */
const CONTAINS_A_KEY_TAG = /cs[1-9][0-9]*[rd]\.[a-z2-7]{26}\./i;

/**
 * Whether a stored value begins as cells do, or contains one: then it is a cell or was one, and must open as one. It is
 * never taken for plaintext, whatever becomes of it: a narrow column truncates, a trigger changes letters.
 */
export function looksLikeCell(stored: string | Uint8Array): boolean {
  if (typeof stored === 'string') {
    return BEGINS_LIKE_A_CELL.test(stored) || STUMP.test(stored) || CONTAINS_A_KEY_TAG.test(stored);
  }
  const isBinaryCell =
    stored[0] === SUITE_1.id && stored.length > 1 && modeOfByte(stored[1] as number) !== undefined;
  return isBinaryCell || looksLikeTextCell(stored);
}

/** Whether bytes begin as a cell in text form does: one that was stored in a binary column. */
export function looksLikeTextCell(bytes: Uint8Array): boolean {
  return BEGINS_LIKE_A_CELL.test(String.fromCharCode(...bytes.subarray(0, KEY_TAG_CHARACTERS)));
}

/**
 * A stored plaintext as text or bytes, whatever a driver makes of its column: a number as its digits, an instant as ISO
 * 8601 in UTC, parsed JSON as JSON. `null` for null, `undefined` for what has no such form.
 */
export function plainForm(stored: unknown): string | Bytes | null | undefined {
  const value = viewBytes(stored);
  if (value === null || typeof value === 'string') return value;
  if (isUint8Array(value)) return new Uint8Array(value);
  if (typeof value === 'number' || typeof value === 'bigint' || typeof value === 'boolean')
    return String(value);
  if (Object.prototype.toString.call(value) === '[object Date]') {
    const time = (value as Date).getTime();
    return Number.isNaN(time) ? undefined : new Date(time).toISOString();
  }
  if (typeof value !== 'object' || ArrayBuffer.isView(value) || isBuffer(value)) return undefined;
  try {
    return JSON.stringify(value);
  } catch {
    return undefined; // it contains itself, or a bigint
  }
}
