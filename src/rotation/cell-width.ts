import type { Attribute } from '../attribute.js';
import { type ValueSpec, framedBytes } from '../codec/index.js';
import { DefinitionError } from '../errors.js';
import { cellCharacters } from '../key-tag.js';
import { maxCellBytes } from '../limits.js';

/** How long the values of an attribute become; the larger of the two counts. */
export interface ValueSize {
  /** Unicode characters, as databases count them in a column: of text, of JSON as it is written, of a number's digits. */
  readonly characters?: number;
  /** Bytes: of `bytes`, of text in UTF-8, of an integer in two's complement. */
  readonly bytes?: number;
}

/** UTF-8 takes so many for a character at most. */
const BYTES_A_CHARACTER = 4;
const BITS_A_DIGIT = Math.log2(10);
/** A safe integer needs no more. */
const SAFE_INTEGER_BYTES = 7;
const FIXED_BYTES: Partial<Record<ValueSpec['type'], number>> = {
  float: 8,
  boolean: 1,
  timestamp: 8,
  date: 10,
};

/**
 * How wide a column must be for the attribute's cells: in characters where they are text (each one byte), in bytes where
 * they are binary. For values up to `size`; without one, for the longest that the definition allows (`maxBytes`).
 *
 * @throws DefinitionError if the size is no whole number from 0, or values of that size are longer than `maxBytes`.
 */
export function cellWidth({ spec, form }: Attribute, size: ValueSize = {}): number {
  const value = valueBytes(spec, size);
  const framed = value === undefined ? longestFramed(spec) : framedBytes(spec, value);
  if (framed > spec.maxBytes)
    throw new DefinitionError('Values of this size are longer than the attribute allows: raise maxBytes.');
  const cell = maxCellBytes('randomized', framed);
  return form === 'text' ? cellCharacters(cell) : cell;
}

function longestFramed({ maxBytes, pad }: ValueSpec): number {
  return pad === undefined ? maxBytes : Math.floor(maxBytes / pad) * pad;
}

/** `undefined`: as long as it may be. */
function valueBytes({ type, integers }: ValueSpec, { characters, bytes }: ValueSize): number | undefined {
  for (const count of [characters, bytes]) {
    if (count !== undefined && !(Number.isSafeInteger(count) && count >= 0))
      throw new DefinitionError('A size is a whole number from 0.');
  }
  const fixed =
    FIXED_BYTES[type] ?? (type === 'integer' && integers === 'number' ? SAFE_INTEGER_BYTES : undefined);
  if (fixed !== undefined) return fixed;
  if (characters === undefined) return bytes;
  const written =
    type === 'integer'
      ? Math.floor(Math.ceil(characters * BITS_A_DIGIT) / 8) + 1 // one bit more, for the sign
      : type === 'decimal'
        ? characters
        : characters * BYTES_A_CHARACTER;
  return Math.max(written, bytes ?? 0);
}
