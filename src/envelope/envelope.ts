import {
  type Bytes,
  base32,
  base64urlFrom,
  concat,
  decodeBase32,
  decodeBase64urlBehind,
  isUint8Array,
} from '../bytes.js';
import {
  type CellRefusedError,
  CellTooLongError,
  CellTooShortError,
  NotACellError,
  UnknownSuiteError,
  type Where,
  WrongModeError,
} from '../errors.js';
import { KEY_TAG_CHARACTERS, modeOfByte } from '../key-tag.js';
import { MIN_CELL_BYTES, maxCellBytes } from '../limits.js';
import { HEADER_BYTES, MODES, type Mode, PREFIX_BYTES, SUITE_1 } from '../suite.js';

/** A cell taken apart (docs/format.md §3, §4): bytes only, nothing has been verified. */
export interface Envelope {
  readonly mode: Mode;
  /** 26 characters of base32. */
  readonly keyId: string;
  /** The whole cell in binary. */
  readonly bytes: Bytes;
}

const TEXT_START = `cs${SUITE_1.id}${MODES.randomized.letter}.`;
const SHAPE = /^cs([1-9][0-9]*)([rd])\.([a-z2-7]{26})\.([A-Za-z0-9_-]+)$/;

type Refusal = new (where?: Where) => CellRefusedError;

/** suite ‖ mode ‖ key id. */
export function prefixBytes(mode: Mode, keyId: Uint8Array): Bytes {
  return concat(Uint8Array.of(SUITE_1.id, MODES[mode].byte), keyId);
}

/** The salt of a randomized cell. */
export function saltOf(cell: Bytes): Bytes {
  return cell.subarray(PREFIX_BYTES, PREFIX_BYTES + SUITE_1.saltBytes);
}

/** The IV of a randomized cell. */
export function ivOf(cell: Bytes): Bytes {
  return cell.subarray(PREFIX_BYTES + SUITE_1.saltBytes, HEADER_BYTES);
}

/** The parts of a deterministic cell. */
export function deterministicParts(cell: Bytes): { prefix: Bytes; syntheticIv: Bytes; ciphertext: Bytes } {
  const vEnd = PREFIX_BYTES + SUITE_1.syntheticIvBytes;
  return {
    prefix: cell.subarray(0, PREFIX_BYTES),
    syntheticIv: cell.subarray(PREFIX_BYTES, vEnd),
    ciphertext: cell.subarray(vEnd),
  };
}

/** The text form of a cell in binary: `cs1r.` + base32(key id) + `.` + base64url of the rest. */
export function cellText(cell: Bytes): string {
  const letter = cell[1] === MODES.randomized.byte ? MODES.randomized.letter : MODES.deterministic.letter;
  const keyId = base32(cell.subarray(2, PREFIX_BYTES));
  return `cs${SUITE_1.id}${letter}.${keyId}.${base64urlFrom(PREFIX_BYTES, cell)}`;
}

/** {@link cellText} of a randomized cell of the key `keyId`. */
export function cellTextOf(keyId: string, cell: Bytes): string {
  return `${TEXT_START}${keyId}.${base64urlFrom(PREFIX_BYTES, cell)}`;
}

/** Refuses in the order of docs/format.md §8: not a cell, unknown suite, mode, too short, too long. */
export function parseCell(stored: unknown, mode: Mode, maxFramedBytes: number, where: Where): Envelope {
  const parsed = dissect(stored);
  if (typeof parsed === 'function') throw new parsed(where);
  const refusal = misfit(parsed, mode, maxFramedBytes);
  if (refusal) throw new refusal({ ...where, keyId: parsed.keyId });
  return parsed;
}

function misfit(parsed: Envelope, mode: Mode, maxFramedBytes: number): Refusal | undefined {
  if (parsed.mode !== mode) return WrongModeError;
  if (parsed.bytes.length < MIN_CELL_BYTES[mode]) return CellTooShortError;
  return parsed.bytes.length > maxCellBytes(mode, maxFramedBytes) ? CellTooLongError : undefined;
}

/**
 * The key id under which `value` would be a cell, whatever its mode; `undefined` where it is none. For "nothing is
 * encrypted twice": a text that has a cell's whole shape in a suite yet unknown counts, with an empty id.
 */
export function keyIdIfCell(value: unknown): string | undefined {
  const parsed = dissect(value);
  if (parsed === UnknownSuiteError) return typeof value === 'string' ? '' : undefined;
  if (typeof parsed === 'function') return undefined;
  return parsed.bytes.length >= MIN_CELL_BYTES[parsed.mode] ? parsed.keyId : undefined;
}

function dissect(stored: unknown): Envelope | Refusal {
  if (typeof stored === 'string') return dissectText(stored);
  return isUint8Array(stored) ? dissectBytes(stored) : NotACellError;
}

function dissectText(text: string): Envelope | Refusal {
  // Nearly every cell begins so; whatever it is that does not fit is told apart below.
  if (
    text.startsWith(TEXT_START) &&
    text[KEY_TAG_CHARACTERS - 1] === '.' &&
    text.length > KEY_TAG_CHARACTERS
  ) {
    const keyId = text.slice(TEXT_START.length, KEY_TAG_CHARACTERS - 1);
    const prefix = prefixOf('randomized', keyId);
    const bytes = prefix && decodeBase64urlBehind(prefix, text.slice(KEY_TAG_CHARACTERS));
    if (bytes) return { mode: 'randomized', keyId, bytes };
  }
  if (!text.startsWith('cs')) return NotACellError;
  const match = SHAPE.exec(text);
  if (!match) return NotACellError;
  const [, suite, letter, keyId] = match as unknown as [string, string, string, string];
  if (suite !== String(SUITE_1.id)) return UnknownSuiteError;
  const mode: Mode = letter === MODES.randomized.letter ? 'randomized' : 'deterministic';
  const prefix = prefixOf(mode, keyId);
  const bytes = prefix && decodeBase64urlBehind(prefix, text.slice(KEY_TAG_CHARACTERS));
  return bytes ? { mode, keyId, bytes } : NotACellError; // a cell has one spelling
}

interface Prefix {
  readonly mode: Mode;
  readonly keyId: string;
  readonly bytes: Bytes;
}

/** The prefixes of cells that were met last: most are of one key, or in a rotation of two. */
let lastPrefix: Prefix | undefined;
let prefixBefore: Prefix | undefined;

function prefixOf(mode: Mode, keyId: string): Bytes | undefined {
  if (lastPrefix?.keyId === keyId && lastPrefix.mode === mode) return lastPrefix.bytes;
  const known = prefixBefore;
  prefixBefore = lastPrefix;
  if (known?.keyId === keyId && known.mode === mode) {
    lastPrefix = known;
  } else {
    const keyIdBytes = decodeBase32(keyId);
    if (!keyIdBytes) return undefined;
    lastPrefix = { mode, keyId, bytes: prefixBytes(mode, keyIdBytes) };
  }
  return lastPrefix.bytes;
}

function dissectBytes(source: Uint8Array): Envelope | Refusal {
  if (source.length < 2) return NotACellError;
  if (source[0] !== SUITE_1.id) return UnknownSuiteError;
  const mode = modeOfByte(source[1] as number);
  if (!mode) return WrongModeError;
  const bytes = new Uint8Array(source);
  return { mode, keyId: base32(bytes.subarray(2, PREFIX_BYTES)), bytes };
}
