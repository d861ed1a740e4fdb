import { base32, decodeBase32, isUint8Array } from './bytes.js';
import { MAX_FRAMED_BYTES, MIN_CELL_BYTES, maxCellBytes } from './limits.js';
import { MODES, type Mode, PREFIX_BYTES, SUITE_1 } from './suite.js';

/**
 * The key tag: the first 32 characters of a cell as text, the first 18 bytes as bytes (docs/format.md §6). It is what
 * lets anybody, SQL too, tell a cell and its key without having a key.
 */
export const KEY_TAG_CHARACTERS = 32;
/** The same in a binary column. */
export const KEY_TAG_BYTES = PREFIX_BYTES;

/** What is shorter is no cell of either mode, whatever it begins with. */
export const SHORTEST_CELL_BYTES = Math.min(...Object.values(MIN_CELL_BYTES));
/** What is longer is none either, whatever the definition says. */
export const LONGEST_CELL_BYTES = maxCellBytes('randomized', MAX_FRAMED_BYTES);
/** The same as text. */
export const SHORTEST_CELL_CHARACTERS = cellCharacters(SHORTEST_CELL_BYTES);
export const LONGEST_CELL_CHARACTERS = cellCharacters(LONGEST_CELL_BYTES);

const TAG = /^cs1([rd])\.([a-z2-7]{26})\.$/;

/** `cs1r.` + key id + `.` */
export function keyTag(mode: Mode, keyId: string): string {
  return `cs${SUITE_1.id}${MODES[mode].letter}.${keyId}.`;
}

/** suite ‖ mode ‖ key id, as the tag of a binary cell; the text spelling, or `undefined` where the bytes are none. */
export function keyTagOfBytes(bytes: Uint8Array): string | undefined {
  if (bytes.length < KEY_TAG_BYTES || bytes[0] !== SUITE_1.id) return undefined;
  const mode = modeOfByte(bytes[1] as number);
  return mode && keyTag(mode, base32(bytes.subarray(2, KEY_TAG_BYTES)));
}

/**
 * The key tag of a stored cell, text or bytes, as 32 characters of text; `undefined` where the value is no cell of this
 * format, or is shorter than any. Needs no key: for a census, and for adapters. Nothing is verified.
 */
export function keyTagOf(stored: unknown): string | undefined {
  if (isUint8Array(stored)) return stored.length < SHORTEST_CELL_BYTES ? undefined : keyTagOfBytes(stored);
  if (typeof stored !== 'string' || stored.length < SHORTEST_CELL_CHARACTERS) return undefined;
  const tag = stored.slice(0, KEY_TAG_CHARACTERS);
  return parseKeyTag(tag) && tag;
}

/** What a tag says, or `undefined` where the text is none. */
export function parseKeyTag(tag: string): { mode: Mode; keyId: string } | undefined {
  const match = TAG.exec(tag);
  if (!match) return undefined;
  const [, letter, keyId] = match as unknown as [string, string, string];
  if (!decodeBase32(keyId)) return undefined;
  return { mode: letter === MODES.randomized.letter ? 'randomized' : 'deterministic', keyId };
}

/** The mode whose byte this is. */
export function modeOfByte(byte: number): Mode | undefined {
  if (byte === MODES.randomized.byte) return 'randomized';
  return byte === MODES.deterministic.byte ? 'deterministic' : undefined;
}

/** How long a cell of so many bytes is as text: the key tag, and base64url of the rest. */
export function cellCharacters(bytes: number): number {
  return KEY_TAG_CHARACTERS + Math.ceil(((bytes - KEY_TAG_BYTES) * 4) / 3);
}
