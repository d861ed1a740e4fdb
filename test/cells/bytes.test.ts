/** Bytes as text, and numbers as bytes. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  base32,
  base64url,
  concat,
  copyBytes,
  decodeBase32,
  decodeBase64url,
  decodeHex,
  decodeUtf8,
  equalBytes,
  hex,
  isUint8Array,
  isWellFormed,
  u32,
  u64,
  utf8,
  viewBytes,
} from '../../src/bytes.js';
import * as oracle from '../oracle/bytes.js';

const bytes = fc.uint8Array({ maxLength: 100 }).map((given) => new Uint8Array(given));

const RADICES = [
  {
    name: 'base32',
    encode: base32,
    decode: decodeBase32,
    oracle: { encode: oracle.base32, decode: oracle.fromBase32 },
    // RFC 4648 §10, in lower case and without padding
    known: ['', 'my', 'mzxq', 'mzxw6', 'mzxw6yq', 'mzxw6ytb', 'mzxw6ytboi'],
    alphabet: /^[a-z2-7]*$/,
    // stray bits, lengths that no bytes have, upper case, padding, digits that are none
    misspelled: ['mz', 'm', 'mzx', 'mzxw6yr', 'MY', 'my======', 'm1', 'm8', 'm ', ' my', 'mÿ', 'm\u{16d}'],
  },
  {
    name: 'base64url',
    encode: base64url,
    decode: decodeBase64url,
    oracle: { encode: oracle.base64url, decode: oracle.fromBase64url },
    known: ['', 'Zg', 'Zm8', 'Zm9v', 'Zm9vYg', 'Zm9vYmE', 'Zm9vYmFy'],
    alphabet: /^[A-Za-z0-9_-]*$/,
    misspelled: ['Zh', 'Z', 'Zm9', 'Zm9vY', 'Zg==', 'Zm+v', 'Zm/v', 'Zg\n', ' Zg', 'Zÿ', 'Z\u{167}'],
  },
];

describe.each(RADICES)('$name', ({ encode, decode, oracle: other, known, alphabet, misspelled }) => {
  it('writes what RFC 4648 §10 does', () => {
    const words = ['', 'f', 'fo', 'foo', 'foob', 'fooba', 'foobar'].map(utf8);
    expect(words.map(encode)).toEqual(known);
    expect(known.map(decode)).toEqual(words);
  });

  it('gives back any bytes', () => {
    fc.assert(
      fc.property(bytes, (given) => {
        expect(decode(encode(given))).toEqual(given);
      }),
    );
  });

  it('agrees with the oracle, and stays within its alphabet', () => {
    fc.assert(
      fc.property(bytes, (given) => {
        expect(encode(given)).toBe(other.encode(given));
        expect(encode(given)).toMatch(alphabet);
      }),
    );
  });

  it('reads a text only where it would write the same', () => {
    const almost = fc
      .tuple(bytes, fc.nat(), fc.string({ unit: 'binary', maxLength: 2 }))
      .map(([given, at, inserted]) => {
        const text = encode(given);
        const position = at % (text.length + 1);
        return text.slice(0, position) + inserted + text.slice(position + (at % 3));
      });
    fc.assert(
      fc.property(fc.oneof(almost, fc.string({ unit: 'binary' })), (text) => {
        const decoded = decode(text);
        expect(decoded === undefined ? undefined : encode(decoded)).toBe(decoded && text);
        expect(decoded).toEqual(other.decode(text));
      }),
      { numRuns: 500 },
    );
  });

  it.each(misspelled)('refuses %j', (text) => {
    expect(decode(text)).toBeUndefined();
  });
});

describe('hex', () => {
  it('is given back, in either case', () => {
    fc.assert(
      fc.property(bytes, (given) => {
        expect(hex(given)).toBe(oracle.hex(given));
        expect(decodeHex(hex(given))).toEqual(given);
        expect(decodeHex(hex(given).toUpperCase())).toEqual(given);
      }),
    );
  });
});

describe('UTF-8', () => {
  it('gives back any well-formed text, a leading U+FEFF too', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.boolean(), (given, marked) => {
        const text = marked ? `\u{feff}${given}` : given;
        expect(isWellFormed(text)).toBe(true);
        expect(decodeUtf8(utf8(text))).toBe(text);
      }),
    );
  });

  it('is read exactly where the bytes are UTF-8', () => {
    const nearly = fc
      .tuple(fc.string({ unit: 'binary', minLength: 1 }), fc.nat(), fc.nat(255))
      .map(([text, at, byte]) => {
        const encoded = utf8(text);
        encoded[at % encoded.length] = byte;
        return encoded;
      });
    fc.assert(
      fc.property(fc.oneof(nearly, bytes), (given) => {
        expect(decodeUtf8(given)).toBe(oracle.fromUtf8(given));
      }),
      { numRuns: 500 },
    );
  });

  it.each(['\ud800', 'a\udfff', '\ude00\ud83d', '\ud83d'])('%j is not well-formed', (text) => {
    expect(isWellFormed(text)).toBe(false);
  });
});

describe('numbers', () => {
  it('are big-endian', () => {
    fc.assert(
      fc.property(fc.nat(2 ** 32 - 1), fc.maxSafeNat(), (small, large) => {
        expect(u32(small)).toEqual(oracle.uint(small, 4));
        expect(u64(large)).toEqual(oracle.uint(large, 8));
      }),
    );
    expect(hex(u32(0xffffffff))).toBe('ffffffff');
  });
});

describe('byte strings', () => {
  it('are equal where they have the same bytes, and only there', () => {
    fc.assert(
      fc.property(bytes, bytes, (left, right) => {
        expect(equalBytes(left, right)).toBe(hex(left) === hex(right));
        expect(equalBytes(left, left.slice())).toBe(true);
      }),
    );
  });

  it('differ where one bit does', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1 }), fc.nat(), fc.nat(7), (given, at, bit) => {
        const other = given.slice();
        const position = at % given.length;
        other[position] = (other[position] as number) ^ (1 << bit);
        expect(equalBytes(given, other)).toBe(false);
      }),
    );
  });

  it('join in order, into a buffer of their own', () => {
    fc.assert(
      fc.property(fc.array(bytes, { maxLength: 5 }), (parts) => {
        const joined = concat(...parts);
        expect(hex(joined)).toBe(parts.map(hex).join(''));
        expect(joined.buffer.byteLength).toBe(joined.length);
      }),
    );
  });

  it('are copied, so that what is done to the one does not show in the other', () => {
    const pooled = Buffer.from('abc');
    const copy = copyBytes(pooled);
    pooled.fill(0);
    expect([hex(copy), copy.buffer.byteLength, Buffer.isBuffer(copy)]).toEqual(['616263', 3, false]);
  });

  it('are known in any spelling of a driver: a Buffer, an ArrayBuffer', () => {
    expect(isUint8Array(Buffer.from('abc'))).toBe(true);
    expect(viewBytes(Uint8Array.of(1, 2).buffer)).toEqual(Uint8Array.of(1, 2));
  });

  it.each([
    [new Uint16Array(2)],
    [new Int8Array(2)],
    [new DataView(new ArrayBuffer(2))],
    ['ab'],
    [[1, 2]],
    [null],
  ])('are not what only looks like them: %o', (value) => {
    expect(isUint8Array(value)).toBe(false);
    expect(viewBytes(value)).toBe(value);
  });
});
