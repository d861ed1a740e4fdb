/** Hex, base32, base64url, big-endian integers and strict UTF-8, one character or byte at a time. */

const BASE32 = 'abcdefghijklmnopqrstuvwxyz234567';
const BASE64URL = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';

/** Bytes as lower-case hex. */
export function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** The bytes of a hex string; throws on anything else. */
export function unhex(text: string): Uint8Array {
  if (!/^([0-9a-f]{2})*$/.test(text)) throw new Error('not lower-case hex');
  return Uint8Array.from(text.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
}

/** Several byte strings as one. */
export function concat(...parts: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(Buffer.concat(parts));
}

/** The bytes of an ASCII string. */
export function ascii(text: string): Uint8Array {
  if (!/^[\0-\x7f]*$/.test(text)) throw new Error('not ASCII');
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

/** The UTF-8 of well-formed text; throws on a lone surrogate (format.md §2). */
export function utf8(text: string): Uint8Array {
  if (/\p{Cs}/u.test(text)) throw new Error('ill-formed text');
  return Uint8Array.from(Buffer.from(text, 'utf8'));
}

/** Strict UTF-8 decoding that keeps a leading U+FEFF; undefined when the bytes are not UTF-8 (format.md §5). */
export function fromUtf8(bytes: Uint8Array): string | undefined {
  const text = Buffer.from(bytes).toString('utf8');
  return Buffer.from(text, 'utf8').equals(bytes) ? text : undefined;
}

/** An unsigned integer in so many bytes, big-endian. */
export function uint(value: number | bigint, bytes: number): Uint8Array {
  return unhex(
    BigInt(value)
      .toString(16)
      .padStart(2 * bytes, '0'),
  );
}

/** RFC 4648 base32 in lower case, not padded. */
export function base32(bytes: Uint8Array): string {
  return encodeBits(bytes, BASE32, 5);
}

/** The bytes of base32; undefined where re-encoding would give another text. */
export function fromBase32(text: string): Uint8Array | undefined {
  return decodeBits(text, BASE32, 5);
}

/** RFC 4648 base64url, not padded. */
export function base64url(bytes: Uint8Array): string {
  return encodeBits(bytes, BASE64URL, 6);
}

/** The bytes of base64url; undefined where re-encoding would give another text. */
export function fromBase64url(text: string): Uint8Array | undefined {
  return decodeBits(text, BASE64URL, 6);
}

function encodeBits(bytes: Uint8Array, alphabet: string, width: number): string {
  const bits = Array.from(bytes, (byte) => byte.toString(2).padStart(8, '0'));
  const groups = bits.join('').match(new RegExp(`.{1,${width}}`, 'g')) ?? [];
  return groups.map((group) => alphabet.charAt(Number.parseInt(group.padEnd(width, '0'), 2))).join('');
}

function decodeBits(text: string, alphabet: string, width: number): Uint8Array | undefined {
  const indexes = text.split('').map((character) => alphabet.indexOf(character));
  if (indexes.includes(-1)) return undefined;
  const bits = indexes.map((index) => index.toString(2).padStart(width, '0')).join('');
  const bytes = Uint8Array.from(bits.match(/.{8}/g) ?? [], (group) => Number.parseInt(group, 2));
  return encodeBits(bytes, alphabet, width) === text ? bytes : undefined;
}
