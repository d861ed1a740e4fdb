import { type Bytes, plaintextBytes } from '../bytes.js';
import { InvalidValueError, ValueTooLongError, type Where } from '../errors.js';
import { BrokenFrameError, NotOfTypeError } from './failures.js';
import { type IntegerForm, NULL_TYPE_ID, VALUE_TYPES, type ValueTypeName } from './value-types.js';

/** What the definition says of an attribute's values. It decides, never the cell. */
export interface ValueSpec {
  readonly type: ValueTypeName;
  /** How integers are handed back. */
  readonly integers: IntegerForm;
  /** The padding block in bytes; `undefined`: not padded. */
  readonly pad: number | undefined;
  /** Whether null is sealed like a value (type 8). */
  readonly hideNull: boolean;
  /** For the framed value. */
  readonly maxBytes: number;
}

const TYPE_BITS = 0x1f;
const PADDED_BIT = 0x80;
const PADDING_MARKER = 0x80;
/** Up to here a loop is quicker than an encoder, in UTF-16 units. */
const SHORT_TEXT = 256;

/** `u8 frame ‖ value` (docs/format.md §5). */
export function encodeFramed(spec: ValueSpec, value: unknown, where: Where): Bytes {
  if (spec.type === 'text' && typeof value === 'string' && value.length <= SHORT_TEXT) {
    const framed = framedAscii(spec, value, where);
    if (framed) return framed;
  }
  const hidden = value === null && spec.hideNull;
  const typeId = hidden ? NULL_TYPE_ID : VALUE_TYPES[spec.type].id;
  const bytes = hidden ? new Uint8Array(0) : encodeValue(spec, value, where);
  const framed = frame(spec, typeId, bytes.length, where);
  framed.set(bytes, 1);
  return framed;
}

/** A frame of the type, padded, with nothing yet in the place of so many bytes of value. */
function frame(spec: ValueSpec, typeId: number, valueBytes: number, where: Where): Bytes {
  const length = framedLength(valueBytes, spec.pad);
  if (length > spec.maxBytes) throw new ValueTooLongError(spec.maxBytes, where);
  const framed = plaintextBytes(length);
  framed[0] = typeId | (spec.pad === undefined ? 0 : PADDED_BIT);
  if (spec.pad !== undefined) framed[1 + valueBytes] = PADDING_MARKER;
  return framed;
}

/** Short texts are written as they are read: quicker than an encoder. `undefined` where a character is not ASCII. */
function framedAscii(spec: ValueSpec, text: string, where: Where): Bytes | undefined {
  const framed = frame(spec, VALUE_TYPES.text.id, text.length, where);
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code >= 0x80) return undefined;
    framed[i + 1] = code;
  }
  return framed;
}

/** The value, or `BrokenFrameError`. */
export function decodeFramed(spec: ValueSpec, framed: Bytes): unknown {
  const frame = framed[0] ?? TYPE_BITS;
  const padded = spec.pad === undefined ? 0 : PADDED_BIT;
  if ((frame & ~TYPE_BITS) !== padded) throw new BrokenFrameError();
  const bytes = spec.pad === undefined ? framed.subarray(1) : unpad(framed, spec.pad);

  const typeId = frame & TYPE_BITS;
  if (typeId === NULL_TYPE_ID && spec.hideNull && bytes.length === 0) return null;
  const type = VALUE_TYPES[spec.type];
  if (typeId !== type.id) throw new BrokenFrameError();
  return type.decode(bytes, spec.integers);
}

/** Refuses what is no value of the type, whatever its length. Throws `InvalidValueError`. */
export function assertOfType(spec: ValueSpec, value: unknown, where: Where): void {
  encodeValue(spec, value, where);
}

/** How long a framed value is whose value has so many bytes. */
export function framedBytes(spec: ValueSpec, valueBytes: number): number {
  return framedLength(valueBytes, spec.pad);
}

function encodeValue(spec: ValueSpec, value: unknown, where: Where): Bytes {
  try {
    return VALUE_TYPES[spec.type].encode(value, spec.integers);
  } catch (error) {
    if (!(error instanceof NotOfTypeError)) throw error;
    throw new InvalidValueError(error.message, { ...where, expected: spec.type, received: kindOf(value) });
  }
}

/** With padding: value ‖ 0x80 ‖ zeros, to a multiple of the block (ISO/IEC 7816-4), the frame byte included. */
function framedLength(valueBytes: number, pad: number | undefined): number {
  return pad === undefined ? 1 + valueBytes : Math.ceil((1 + valueBytes + 1) / pad) * pad;
}

function unpad(framed: Bytes, pad: number): Bytes {
  if (framed.length % pad !== 0) throw new BrokenFrameError();
  let end = framed.length - 1;
  while (end > 0 && framed[end] === 0) end--;
  if (end === 0 || framed[end] !== PADDING_MARKER) throw new BrokenFrameError();
  return framed.subarray(1, end);
}

/** A type's name, never a value. */
function kindOf(value: unknown): string {
  if (value === null) return 'null';
  return Array.isArray(value) ? 'array' : typeof value;
}
