/** Byte strings as every room of cellseal passes them: plain `ArrayBuffer` behind them, never a shared one. */
export type Bytes = Uint8Array<ArrayBuffer>;

const BASE32_ALPHABET = 'abcdefghijklmnopqrstuvwxyz234567';
const BASE64URL_ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
const NOT_IN_ALPHABET = 0xff;

interface Radix {
  readonly bits: number;
  readonly codes: Bytes;
  readonly values: Bytes;
}

const encoder = new TextEncoder();
// `ignoreBOM: true` keeps a leading U+FEFF: the name says the opposite of what it does.
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const ascii = new TextDecoder('utf-8');

const BASE32 = radix(5, BASE32_ALPHABET);
const BASE64URL = radix(6, BASE64URL_ALPHABET);

// A bundler's stand-in for it may lack the encoding.
const foundBuffer = (globalThis as { Buffer?: NodeBufferClass }).Buffer;
const nodeBuffer = foundBuffer?.isEncoding?.('base64url') ? foundBuffer : undefined;
/** Every byte in hexadecimal. */
const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));
/** The value of each hexadecimal digit, by its code; negative for what is none. */
const HEX_DIGITS = Int8Array.from({ length: 128 }, (_, code) =>
  '0123456789abcdef'.indexOf(String.fromCharCode(code).toLowerCase()),
);
const NO_BYTES = new Uint8Array(0);

/** The parts, one after the other. */
export function concat(...parts: readonly Uint8Array[]): Bytes {
  let length = 0;
  for (const part of parts) length += part.length;
  const joined = new Uint8Array(length);
  let offset = 0;
  for (const part of parts) {
    joined.set(part, offset);
    offset += part.length;
  }
  return joined;
}

/** A copy whose buffer is its own: what came from outside may be a view on a pool, or shared memory. */
export function copyBytes(source: Uint8Array): Bytes {
  return new Uint8Array(source);
}

/** Also of another realm (a test runner's sandbox), where `instanceof` says no. Not bytes whose buffer was transferred away: they are none any more. */
export function isUint8Array(value: unknown): value is Uint8Array {
  if (!ArrayBuffer.isView(value)) return false;
  const isOne =
    value instanceof Uint8Array || Object.prototype.toString.call(value) === '[object Uint8Array]';
  return isOne && !(value.byteLength === 0 && isGone(value as Uint8Array));
}

/** Bytes as drivers give them: some (libsql) give an `ArrayBuffer`. Anything else comes back as it is. */
export function viewBytes(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value) || !isBuffer(value))
    return value;
  return value.byteLength === 0 && isGone(value) ? value : new Uint8Array(value);
}

/** An `ArrayBuffer`, of whatever realm. */
export function isBuffer(value: unknown): value is ArrayBuffer {
  return Object.prototype.toString.call(value) === '[object ArrayBuffer]';
}

/** Whether there is nothing left of it, not even its emptiness: every use throws. */
function isGone(empty: Uint8Array | ArrayBuffer): boolean {
  try {
    new Uint8Array(empty);
    return false;
  } catch {
    return true;
  }
}

/** Big-endian, 4 bytes. */
export function u32(value: number): Bytes {
  return Uint8Array.of(value >>> 24, value >>> 16, value >>> 8, value);
}

/** Big-endian, 8 bytes. */
export function u64(value: number): Bytes {
  const out = new Uint8Array(8);
  new DataView(out.buffer).setBigUint64(0, BigInt(value));
  return out;
}

/** UTF-8 of well-formed text. `TextEncoder` alone would turn a lone surrogate into U+FFFD: ask {@link isWellFormed} first. */
export function utf8(text: string): Bytes {
  return encoder.encode(text);
}

/** The text, or `undefined` where the bytes are not UTF-8. A leading U+FEFF is kept. */
export function decodeUtf8(bytes: Uint8Array): string | undefined {
  try {
    return decoder.decode(bytes);
  } catch {
    return undefined; // the decoder's own message says nothing that the caller does not
  }
}

/** No lone surrogate in it. */
export function isWellFormed(text: string): boolean {
  return text.isWellFormed();
}

/** Compares every byte, whatever differs first. */
export function equalBytes(left: Uint8Array, right: Uint8Array): boolean {
  if (left.length !== right.length) return false;
  let difference = 0;
  for (let i = 0; i < left.length; i++) difference |= (left[i] as number) ^ (right[i] as number);
  return difference === 0;
}

/** RFC 4648 base32, lower case, not padded. */
export function base32(bytes: Uint8Array): string {
  return encodeRadix(BASE32, bytes);
}

/** The bytes, or `undefined` unless `text` is exactly what {@link base32} writes for them. */
export function decodeBase32(text: string): Bytes | undefined {
  return decodeRadix(BASE32, text);
}

/** RFC 4648 base64url, not padded. */
export function base64url(bytes: Uint8Array): string {
  return base64urlFrom(0, bytes);
}

/** {@link base64url} of the bytes from `start` on. */
export function base64urlFrom(start: number, { buffer, byteOffset, length }: Uint8Array): string {
  const [offset, rest] = [byteOffset + start, length - start];
  if (!nodeBuffer) return encodeRadix(BASE64URL, new Uint8Array(buffer, offset, rest));
  return nodeBuffer.from(buffer as ArrayBuffer, offset, rest).toString('base64url');
}

/** The bytes, or `undefined` unless `text` is exactly what {@link base64url} writes for them. */
export function decodeBase64url(text: string): Bytes | undefined {
  if (!nodeBuffer) return decodeRadix(BASE64URL, text);
  const decoded = decodeBase64urlBehind(NO_BYTES, text);
  return decoded && copyBytes(decoded);
}

/** `head` and behind it the bytes of {@link decodeBase64url}: {@link publicBytes}. */
export function decodeBase64urlBehind(head: Bytes, text: string): Bytes | undefined {
  if (!nodeBuffer) {
    const decoded = decodeRadix(BASE64URL, text);
    return decoded && concat(head, decoded);
  }
  const length = (text.length * 3) >> 2;
  const out = nodeBuffer.allocUnsafe(head.length + length);
  out.set(head);
  // Node reads other spellings too: only the one that it writes is taken.
  const isWhole = out.write(text, head.length, 'base64url') === length;
  return isWhole && out.toString('base64url', head.length) === text ? plain(out) : undefined;
}

/** Of a slab: 8 KiB, of which a piece is at most an eighth. */
const SLAB_BYTES = 8_192;
const ALIGNED = 8;

/** Hands out memory in pieces, each once and full of zeros: it costs a fraction of an `ArrayBuffer` of its own. */
function slab(): (length: number) => Bytes {
  let memory = new ArrayBuffer(0);
  let used = 0;
  return (length) => {
    if (length > SLAB_BYTES / 8) return new Uint8Array(length);
    if (used + length > memory.byteLength) {
      memory = new ArrayBuffer(SLAB_BYTES);
      used = 0;
    }
    const piece = new Uint8Array(memory, used, length);
    used = (used + length + ALIGNED - 1) & -ALIGNED;
    return piece;
  };
}

/**
 * Bytes full of zeros, of what anybody may see and nobody keeps: a piece of a slab. Never for plaintext or keys, and never
 * handed out: a view on its `buffer` sees its neighbours.
 */
export const publicBytes = slab();

/** {@link publicBytes} for plaintext that is about to be encrypted: a slab of its own. Never for keys, and never handed out. */
export const plaintextBytes = slab();

/** A `Buffer` has methods that do something else: its `slice` copies nothing. */
function plain({ buffer, byteOffset, length }: NodeBuffer): Bytes {
  return new Uint8Array(buffer, byteOffset, length);
}

/** Lower-case hexadecimal. */
export function hex(bytes: Uint8Array): string {
  let out = '';
  for (let i = 0; i < bytes.length; i++) out += HEX[bytes[i] as number];
  return out;
}

/** The reverse of {@link hex}, in either case, of what the caller knows to be digits. */
export function decodeHex(text: string): Bytes {
  const out = new Uint8Array(text.length >> 1);
  for (let i = 0; i < out.length; i++) out[i] = hexByte(text, 2 * i);
  return out;
}

/** The byte of two hexadecimal digits in either case; negative where one is none. */
export function hexByte(text: string, at: number): number {
  const [high, low] = [text.charCodeAt(at), text.charCodeAt(at + 1)];
  if (!(high < HEX_DIGITS.length && low < HEX_DIGITS.length)) return -1;
  return ((HEX_DIGITS[high] as number) << 4) | (HEX_DIGITS[low] as number);
}

/** What of Node's `Buffer` is used: its pool, and its codecs, which are several times as quick. */
type NodeBuffer = Bytes & {
  toString(encoding: 'base64url', start?: number): string;
  write(text: string, offset: number, encoding: 'base64url'): number;
};
interface NodeBufferClass {
  allocUnsafe(length: number): NodeBuffer;
  from(buffer: ArrayBuffer, byteOffset: number, length: number): NodeBuffer;
  isEncoding?(encoding: string): boolean;
}

function radix(bits: number, alphabet: string): Radix {
  const codes = encoder.encode(alphabet);
  const values = new Uint8Array(128).fill(NOT_IN_ALPHABET);
  codes.forEach((code, value) => {
    values[code] = value;
  });
  return { bits, codes, values };
}

function encodeRadix({ bits, codes }: Radix, bytes: Uint8Array): string {
  const mask = (1 << bits) - 1;
  const out = new Uint8Array(Math.ceil((bytes.length * 8) / bits));
  let buffer = 0;
  let held = 0;
  let written = 0;
  for (let i = 0; i < bytes.length; i++) {
    buffer = ((buffer << 8) | (bytes[i] as number)) & 0xffff;
    held += 8;
    while (held >= bits) {
      held -= bits;
      out[written++] = codes[(buffer >> held) & mask] as number;
    }
  }
  if (held > 0) out[written] = codes[(buffer << (bits - held)) & mask] as number;
  return ascii.decode(out);
}

function decodeRadix({ bits, values }: Radix, text: string): Bytes | undefined {
  const length = Math.floor((text.length * bits) / 8);
  // Re-encoding must give the same length (base64url has no single last character) and the same stray bits: none.
  if (Math.ceil((length * 8) / bits) !== text.length) return undefined;
  const out = new Uint8Array(length);
  let buffer = 0;
  let held = 0;
  let written = 0;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    const value = code < 128 ? (values[code] as number) : NOT_IN_ALPHABET;
    if (value === NOT_IN_ALPHABET) return undefined;
    buffer = ((buffer << bits) | value) & 0xffff;
    held += bits;
    if (held >= 8) {
      held -= 8;
      out[written++] = (buffer >> held) & 0xff;
    }
  }
  return (buffer & ((1 << held) - 1)) === 0 ? out : undefined;
}
