import type { ValueSpec, ValueTypeName } from '../codec/index.js';
import { KEY_TAG_BYTES, KEY_TAG_CHARACTERS, cellCharacters } from '../key-tag.js';
import { maxCellBytes } from '../limits.js';
import type { CellForm } from '../ports/record-store.js';

/** Values of these types have one length (docs/format.md §5); a safe integer has at most seven bytes. */
const FIXED_BYTES: Readonly<Partial<Record<ValueTypeName, number>>> = {
  boolean: 1,
  float: 8,
  timestamp: 8,
  date: 10,
};
const SAFE_INTEGER_BYTES = 7;

/** The framed value of the shortest value that is not empty, frame byte and padding included. */
export function leastFramedBytes({ pad, type }: ValueSpec): number {
  return padded(1 + (FIXED_BYTES[type] ?? 1), pad);
}

/** The longest framed value that the attribute lets through. */
export function mostFramedBytes({ integers, maxBytes, pad, type }: ValueSpec): number {
  const fixed = type === 'integer' && integers === 'number' ? SAFE_INTEGER_BYTES : FIXED_BYTES[type];
  if (fixed !== undefined) return Math.min(maxBytes, padded(1 + fixed, pad));
  return pad === undefined ? maxBytes : maxBytes - (maxBytes % pad);
}

/** Bytes of value in a framed value of this length. */
export function valueBytes(framedBytes: number, { pad }: ValueSpec): number {
  return framedBytes - 1 - (pad === undefined ? 0 : 1);
}

/** How long the cell of a framed value is: in characters as text, in bytes as bytes. */
export function cellLength(form: CellForm, framedBytes: number): number {
  const bytes = maxCellBytes('randomized', framedBytes);
  return form === 'text' ? cellCharacters(bytes) : bytes;
}

/** The longest framed value whose cell fits into so many characters, or bytes; less than 1 where none does. */
export function framedBytesIn(form: CellForm, length: number, { pad = 1 }: ValueSpec): number {
  const bytes =
    form === 'text' ? KEY_TAG_BYTES + Math.floor(((length - KEY_TAG_CHARACTERS) * 3) / 4) : length;
  const framed = bytes - maxCellBytes('randomized', 0);
  return framed < pad ? 0 : framed - (framed % pad);
}

/** ISO/IEC 7816-4: one byte at least is added. */
function padded(bytes: number, pad: number | undefined): number {
  return pad === undefined ? bytes : Math.ceil((bytes + 1) / pad) * pad;
}
