/** Values as framed bytes (docs/format.md §5). */
import { runInNewContext } from 'node:vm';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { AttributeOptions } from '../../src/attribute.js';
import { integer, json, text } from '../../src/attribute.js';
import { type Bytes, hex } from '../../src/bytes.js';
import { BrokenFrameError, type ValueSpec, decodeFramed, encodeFramed } from '../../src/codec/index.js';
import { decodeFrame, encodeFrame } from '../oracle/frame.js';
import { TYPES, type TypeUnderTest, codeOf, errorOf, expectSame } from './support.js';

const WHERE = { table: 'customers', column: 'email' };
const MIB = 1_048_576;

const byName = (type: string): TypeUnderTest => {
  const found = TYPES.find((candidate) => candidate.type === type);
  if (!found) throw new Error(`no type ${type}`);
  return found;
};

function specOf(
  { attribute, type }: TypeUnderTest,
  pad: number | undefined,
  options: AttributeOptions = {},
): ValueSpec {
  const padded = pad ?? (type === 'null' ? 16 : undefined);
  return attribute({ ...(padded !== undefined && { pad: padded }), ...options }).spec;
}

/** The value, or `undefined` where the bytes are refused as a broken frame. */
function decodedOf(spec: ValueSpec, framed: Bytes): { value: unknown } | undefined {
  try {
    return { value: decodeFramed(spec, framed) };
  } catch (error) {
    if (error instanceof BrokenFrameError) return undefined;
    throw error;
  }
}

const pads = fc.constantFrom(undefined, 2, 3, 8, 256, 4096);

describe.each(TYPES)('$type', (type) => {
  const { values, corners, forOracle, read } = type;
  const anyValue = fc.oneof(values, fc.constantFrom(...corners));

  it('is read as it was written, padded and not', () => {
    fc.assert(
      fc.property(anyValue, pads, (value, pad) => {
        const spec = specOf(type, pad);
        expectSame(decodeFramed(spec, encodeFramed(spec, value, WHERE)), read(value));
      }),
    );
  });

  it.each(corners.map((value) => [value]))('keeps %o', (value) => {
    const spec = specOf(type, undefined);
    expectSame(decodeFramed(spec, encodeFramed(spec, value, WHERE)), read(value));
  });

  it('is written as the oracle writes it', () => {
    fc.assert(
      fc.property(anyValue, pads, (value, pad) => {
        const spec = specOf(type, pad);
        const expected = encodeFrame(type.type, forOracle(value), spec.pad);
        expect(hex(encodeFramed(spec, value, WHERE))).toBe(hex(expected));
      }),
    );
  });

  it('with padding is a multiple of the block, and no longer than it must be', () => {
    fc.assert(
      fc.property(anyValue, fc.integer({ min: 2, max: 4096 }), (value, pad) => {
        const spec = specOf(type, pad);
        const framed = encodeFramed(spec, value, WHERE).length;
        const bare = type.type === 'null' ? 1 : encodeFramed(specOf(type, undefined), value, WHERE).length;
        expect(framed % pad).toBe(0);
        expect(framed - bare).toBeGreaterThanOrEqual(1);
        expect(framed - bare).toBeLessThanOrEqual(pad);
      }),
    );
  });

  it('is read from any bytes exactly where the oracle reads them, and as the same', () => {
    const written = anyValue.map((value) => encodeFramed(specOf(type, undefined), value, WHERE));
    const edited = fc.tuple(written, fc.nat(), fc.nat(255), fc.nat(3)).map(([framed, at, byte, how]) => {
      const edit = Uint8Array.from(framed);
      const position = at % edit.length;
      if (how === 0) edit[position] = byte;
      if (how === 1) return edit.slice(0, position);
      if (how === 2) return Uint8Array.of(...edit, byte);
      if (how === 3) edit[0] = byte;
      return edit;
    });
    const random = fc.uint8Array({ maxLength: 24 }).map((bytes) => new Uint8Array(bytes));
    fc.assert(
      fc.property(fc.oneof(edited, random), fc.constantFrom(undefined, 2, 4, 8), (framed, pad) => {
        const spec = specOf(type, pad);
        const expected = decodeFrame(framed, {
          type: type.type === 'null' ? 'text' : type.type,
          ...(spec.pad !== undefined && { pad: spec.pad }),
          hideNull: spec.hideNull,
        });
        const found = decodedOf(spec, framed);
        expect(found === undefined).toBe(expected === undefined);
        if (!found || !expected) return;
        const asOracle = found.value instanceof Date ? BigInt(found.value.getTime()) : found.value;
        expectSame(asOracle, expected.value);
      }),
      { numRuns: 1_000 },
    );
  });

  it('is refused as any other type', () => {
    fc.assert(
      fc.property(
        anyValue,
        pads,
        fc.constantFrom(...TYPES.filter((other) => other !== type)),
        (value, pad, other) => {
          const spec = specOf(type, pad);
          const framed = encodeFramed(spec, value, WHERE);
          // A text attribute that hides its nulls reads text too.
          const reader = specOf(
            other.type === 'null' && type.type === 'text' ? byName('json') : other,
            spec.pad,
          );
          expect(decodedOf(reader, framed)).toBeUndefined();
        },
      ),
    );
  });

  // a hidden null is always padded
  if (type.type === 'null') return;
  it('is refused where one side pads and the other does not', () => {
    fc.assert(
      fc.property(anyValue, fc.integer({ min: 2, max: 64 }), (value, pad) => {
        const [padded, bare] = [specOf(type, pad), specOf(type, undefined)];
        expect(decodedOf(bare, encodeFramed(padded, value, WHERE))).toBeUndefined();
        expect(decodedOf(padded, encodeFramed(bare, value, WHERE))).toBeUndefined();
      }),
    );
  });
});

describe('a value that is not of its type', () => {
  const none: readonly [string, readonly unknown[]][] = [
    ['bytes', ['ab', [1, 2], new Uint16Array(2), new ArrayBuffer(2), null, 7]],
    ['text', [7, new String('a'), null, undefined, 'a\ud800', '\udc00', '\ude00\ud83d', Symbol('a')]],
    ['integer', [1, '1', 1.5, true, null, Number.NaN]],
    ['float', ['1', 1n, null, new Number(1)]],
    ['boolean', [0, 1, 'true', null, new Boolean(true)]],
    ['timestamp', [new Date(Number.NaN), 0, '1970-01-01', null, { getTime: () => 0 }]],
    ['decimal', [1, '', '-', '01', '+1', '1.', '.5', '1e3', ' 1', '1\n', '1,5', '１', 'NaN', null]],
    [
      'date',
      [
        '',
        '2023-02-29',
        '1900-02-29',
        '2024-04-31',
        '2024-13-01',
        '2024-00-01',
        '2024-01-00',
        '2024-1-1',
        '10000-01-01',
        '-0001-01-01',
        '2024-01-01\n',
        '2024-01-01T00:00:00Z',
        new Date(0),
        null,
      ],
    ],
  ];
  const cases = none.flatMap(([type, values]) => values.map((value) => [type, value] as const));

  it.each(cases)('is refused with its table and column: %s %o', async (type, value) => {
    const error = await errorOf(() => encodeFramed(specOf(byName(type), undefined), value, WHERE));
    expect({ ...error }).toMatchObject({ code: 'invalid-value', ...WHERE, expected: type });
  });

  it('takes and gives a safe number as an integer, and no other', async () => {
    const { spec } = integer();
    fc.assert(
      fc.property(fc.maxSafeInteger(), (value) => {
        expectSame(decodeFramed(spec, encodeFramed(spec, value, WHERE)), value);
      }),
    );
    for (const value of [2 ** 53, -(2 ** 53), 1.5, Number.NaN, Number.POSITIVE_INFINITY, 1n, '1']) {
      expect(await codeOf(() => encodeFramed(spec, value, WHERE))).toBe('invalid-value');
    }
    const large = encodeFramed(integer({ as: 'bigint' }).spec, 2n ** 53n, WHERE);
    expect(decodedOf(spec, large)).toBeUndefined();
  });

  it('reads −0 as an integer back as 0', () => {
    const { spec } = integer();
    expectSame(decodeFramed(spec, encodeFramed(spec, -0, WHERE)), 0);
  });
});

describe('json', () => {
  class Point {
    readonly x = 1;
  }
  const circular: Record<string, unknown> = {};
  circular['self'] = circular;
  const deep = JSON.parse(`${'['.repeat(4_000)}${']'.repeat(4_000)}`) as unknown;

  it.each<[string, unknown]>([
    ['undefined', undefined],
    ['undefined within', { a: undefined }],
    ['undefined in an array', [undefined]],
    ['a hole in an array', Array(1)],
    ['a function', () => 1],
    ['a symbol', Symbol('a')],
    ['a bigint', 1n],
    ['NaN', Number.NaN],
    ['an infinity within', { a: [Number.NEGATIVE_INFINITY] }],
    ['a Date', new Date(0)],
    ['a Map', new Map([['a', 1]])],
    ['bytes', Uint8Array.of(1)],
    ['an instance of a class', new Point()],
    ['a boxed string', new String('a')],
    ['what contains itself', circular],
    ['a toJSON of its own', { toJSON: () => 'another' }],
    ['a toJSON that is hidden', Object.defineProperty({ a: 1 }, 'toJSON', { value: () => 'another' })],
    ['an array with a toJSON', Object.assign([1], { toJSON: () => 'another' })],
    ['an array with a further member', Object.assign([1], { unit: 'kg' })],
    ['an array with as many holes as further members', Object.assign(Array(1), { unit: 'kg' })],
    ['a class of arrays', new (class extends Array<number> {})(1, 2)],
    ['a member whose name is a symbol', { a: 1, [Symbol('b')]: 2 }],
  ])('refuses %s', async (_, value) => {
    expect(await codeOf(() => encodeFramed(json().spec, value, WHERE))).toBe('invalid-value');
  });

  it('takes what nests 4,000 deep, or refuses it: it never breaks', async () => {
    try {
      const framed = encodeFramed(json().spec, deep, WHERE);
      expect(JSON.stringify(decodeFramed(json().spec, framed))).toBe(JSON.stringify(deep));
    } catch (error) {
      expect((error as { code?: string }).code).toBe('invalid-value');
    }
  });

  it.each<[string, unknown]>([
    ['without a prototype', Object.assign(Object.create(null) as object, { a: [1, {}] })],
    ['of another realm', runInNewContext('({ a: [1, {}] })')],
  ])('takes objects %s', (_, value) => {
    expect(hex(encodeFramed(json().spec, value, WHERE))).toBe(
      hex(encodeFramed(json().spec, { a: [1, {}] }, WHERE)),
    );
  });

  it('gives an own member __proto__ back as one, and no prototype', () => {
    const value = JSON.parse('{"__proto__":{"admin":true}}') as object;
    const back = decodeFramed(json().spec, encodeFramed(json().spec, value, WHERE)) as object;
    expect(Object.getOwnPropertyNames(back)).toEqual(['__proto__']);
    expect(Object.getPrototypeOf(back)).toBe(Object.prototype);
    expect((back as { admin?: unknown }).admin).toBeUndefined();
  });

  it('stores −0 as 0, as JSON does', () => {
    expectSame(decodeFramed(json().spec, encodeFramed(json().spec, [-0], WHERE)), [0]);
  });
});

describe('lengths', () => {
  it('go up to the limit of the attribute, frame byte and padding included', async () => {
    const limit = 100;
    const bare = text({ maxBytes: limit }).spec;
    expect(encodeFramed(bare, 'a'.repeat(limit - 1), WHERE).length).toBe(limit);
    const error = await errorOf(() => encodeFramed(bare, 'a'.repeat(limit), WHERE));
    expect({ ...error }).toMatchObject({
      code: 'value-too-long',
      ...WHERE,
      maxBytes: limit,
    });
    const padded = text({ maxBytes: limit, pad: 30 }).spec;
    expect(encodeFramed(padded, 'a'.repeat(88), WHERE).length).toBe(90);
    expect(await codeOf(() => encodeFramed(padded, 'a'.repeat(89), WHERE))).toBe('value-too-long');
  });

  it('are bytes, not characters', async () => {
    expect(await codeOf(() => encodeFramed(text({ maxBytes: 100 }).spec, 'é'.repeat(50), WHERE))).toBe(
      'value-too-long',
    );
  });

  it('are 1 MiB unless the definition says otherwise', async () => {
    const spec = text().spec;
    expect(encodeFramed(spec, 'a'.repeat(MIB - 1), WHERE).length).toBe(MIB);
    expect(await codeOf(() => encodeFramed(spec, 'a'.repeat(MIB), WHERE))).toBe('value-too-long');
  });
});

describe('padding', () => {
  const spec = text({ pad: 8 }).spec;
  const bytes = (...given: number[]): Bytes => Uint8Array.from(given);

  it.each<[string, Bytes]>([
    ['no byte', bytes()],
    ['the frame byte alone', bytes(0x81)],
    ['no marker', bytes(0x81, 0x61, 0, 0, 0, 0, 0, 0)],
    ['another marker', bytes(0x81, 0x61, 0x40, 0, 0, 0, 0, 0)],
    ['something after the marker', bytes(0x81, 0x61, 0x80, 0, 0, 1, 0, 0)],
    ['a length off the block', bytes(0x81, 0x61, 0x80)],
    ['two blocks where the frame byte ends the marker', bytes(0x81, 0, 0, 0, 0, 0, 0, 0)],
    ['a block of zeros', bytes(0, 0, 0, 0, 0, 0, 0, 0)],
    ['the reserved bit 5', bytes(0xa1, 0x61, 0x80, 0, 0, 0, 0, 0)],
    ['the reserved bit 6', bytes(0xc1, 0x61, 0x80, 0, 0, 0, 0, 0)],
  ])('with %s is refused', (_, framed) => {
    expect(decodedOf(spec, framed)).toBeUndefined();
  });

  it('of a whole block more than it must be is taken: the format wants a multiple', () => {
    const framed = bytes(0x81, 0x61, 0x80, ...Array<number>(13).fill(0));
    expect(decodedOf(spec, framed)).toEqual({ value: 'a' });
  });

  it('makes a hidden null as long as any short value', () => {
    const hiding = text({ pad: 32, hideNull: true }).spec;
    const lengths = [null, '', 'a', 'a'.repeat(30)].map((value) => encodeFramed(hiding, value, WHERE).length);
    expect(new Set(lengths)).toEqual(new Set([32]));
  });

  it('of a hidden null holds nothing', () => {
    const hiding = text({ pad: 8, hideNull: true }).spec;
    expect(decodedOf(hiding, bytes(0x88, 0x80, 0, 0, 0, 0, 0, 0))).toEqual({ value: null });
    expect(decodedOf(hiding, bytes(0x88, 0x61, 0x80, 0, 0, 0, 0, 0))).toBeUndefined();
    expect(decodedOf(spec, bytes(0x88, 0x80, 0, 0, 0, 0, 0, 0))).toBeUndefined();
  });
});

describe('what was decoded', () => {
  it('is a copy: bytes are not a view on the frame', () => {
    const { spec } = byName('bytes').attribute();
    const framed = encodeFramed(spec, Uint8Array.of(1, 2, 3), WHERE);
    const value = decodeFramed(spec, framed) as Bytes;
    framed.fill(0);
    expect([hex(value), value.buffer.byteLength]).toEqual(['010203', 3]);
  });

  it('is not what is encoded: the frame is not a view on the bytes', () => {
    const { spec } = byName('bytes').attribute();
    const value = Uint8Array.of(1, 2, 3);
    const framed = encodeFramed(spec, value, WHERE);
    value.fill(0);
    expect(hex(framed)).toBe('00010203');
  });
});
