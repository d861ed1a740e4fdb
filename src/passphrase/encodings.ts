import { type Bytes, decodeUtf8, isWellFormed, utf8 } from '../bytes.js';

/** An encoding in which a passphrase may stand in a file. */
export type PassphraseEncoding = 'utf-8' | 'utf-16le' | 'utf-16be';

/** The encodings, with their byte order marks. */
export const ENCODINGS: readonly {
  readonly encoding: PassphraseEncoding;
  readonly mark: readonly number[];
}[] = Object.freeze([
  { encoding: 'utf-8', mark: [0xef, 0xbb, 0xbf] },
  { encoding: 'utf-16le', mark: [0xff, 0xfe] },
  { encoding: 'utf-16be', mark: [0xfe, 0xff] },
]);

/** Whether the bytes begin with a byte order mark. */
export function startsWith(bytes: Uint8Array, mark: readonly number[]): boolean {
  return mark.every((byte, place) => bytes[place] === byte);
}

/** The text in an encoding, no byte order mark looked for; `undefined` where it is none. */
export function decode(encoding: PassphraseEncoding, bytes: Uint8Array): string | undefined {
  if (encoding === 'utf-8') return decodeUtf8(bytes);
  if (bytes.length % 2 !== 0) return undefined;
  const text = utf16Text(bytes, encoding === 'utf-16le');
  return isWellFormed(text) ? text : undefined;
}

/** The bytes of well-formed text, without a byte order mark. */
export function encode(encoding: PassphraseEncoding, text: string): Bytes {
  if (encoding === 'utf-8') return utf8(text);
  const bytes = new Uint8Array(text.length * 2);
  const view = new DataView(bytes.buffer);
  for (let i = 0; i < text.length; i++) view.setUint16(2 * i, text.charCodeAt(i), encoding === 'utf-16le');
  return bytes;
}

/** What can be read of bytes that end in the middle of a character, or `undefined` where that is not what is wrong. */
export function decodeCut(encoding: PassphraseEncoding, bytes: Uint8Array): string | undefined {
  if (decode(encoding, bytes) !== undefined) return undefined;
  const most = 3; // a character has at most four bytes, and one of them is missing
  for (let cut = 1; cut <= most && cut <= bytes.length; cut++) {
    const end = bytes.length - cut;
    const text = decode(encoding, bytes.subarray(0, end));
    if (text !== undefined) return isBegun(encoding, bytes.subarray(end)) ? text : undefined;
  }
  return undefined;
}

/** Whether these are the first bytes of a character, and not all of them. */
function isBegun(encoding: PassphraseEncoding, rest: Uint8Array): boolean {
  if (encoding !== 'utf-8') return true; // a byte too few, or the first half of a pair
  const [lead = 0, ...others] = rest;
  const wanted =
    lead >= 0xc2 && lead <= 0xdf
      ? 2
      : lead >= 0xe0 && lead <= 0xef
        ? 3
        : lead >= 0xf0 && lead <= 0xf4
          ? 4
          : 0;
  return rest.length < wanted && others.every((byte) => byte >= 0x80 && byte <= 0xbf);
}

function utf16Text(bytes: Uint8Array, littleEndian: boolean): string {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let text = '';
  for (let i = 0; i < bytes.length; i += 2) text += String.fromCharCode(view.getUint16(i, littleEndian));
  return text;
}
