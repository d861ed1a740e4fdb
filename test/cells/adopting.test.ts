/** What a reader makes of plaintext while an attribute is adopting it. */
import { describe, expect, it } from 'vitest';
import {
  type Attribute,
  boolean,
  bytes,
  createKeyring,
  date,
  decimal,
  decryptCell,
  decryptRecord,
  encryptCell,
  encryptRecord,
  float,
  integer,
  json,
  table,
  text,
  timestamp,
} from '../../src/index.js';
import { looksLikeCell } from '../../src/plaintext.js';
import { memoryKeyring } from '../../src/store/memory.js';

const keyring = await createKeyring(memoryKeyring(), { rawKey: new Uint8Array(32).fill(4) });
const record = integer('id');
const REFUSED = Symbol('refused');
const adopting = { from: 'plain' };

async function read(attribute: Attribute, plain: unknown): Promise<unknown> {
  const definition = table('t', { record, encrypt: { value: attribute } });
  try {
    return (await decryptRecord(definition, { id: 1, value: null, plain }, keyring)).value;
  } catch (error) {
    expect(error).toMatchObject({ code: 'not-adoptable', table: 't', column: 'value' });
    expect(JSON.stringify(error) + String(error)).not.toContain('secret');
    return REFUSED;
  }
}

const READS: readonly (readonly [Attribute, ...(readonly [stored: unknown, value: unknown])[]])[] = [
  [
    text({ adopting }),
    ['x', 'x'],
    ['', ''],
    [7, '7'],
    [true, 'true'],
    [Uint8Array.of(0xc3, 0xa9), 'é'],
    [Uint8Array.of(0xc3), REFUSED],
    ['\ud800', REFUSED],
  ],
  [
    bytes({ adopting }),
    [Uint8Array.of(1, 0, 2), Uint8Array.of(1, 0, 2)],
    ['00ff', REFUSED],
    [Uint8Array.of(), new Uint8Array(0)],
  ],
  [
    integer({ adopting }),
    ['-7', -7],
    [7, 7],
    [7n, 7],
    ['', REFUSED],
    ['7.0', REFUSED],
    ['1e3', REFUSED],
    ['secret', REFUSED],
    ['9007199254740992', REFUSED],
  ],
  [integer({ adopting, as: 'bigint' }), ['9007199254740993', 9007199254740993n], [7, 7n]],
  [
    float({ adopting }),
    ['1.5', 1.5],
    ['-.5e-3', -0.0005],
    ['+2', 2],
    ['NaN', Number.NaN],
    ['-Infinity', Number.NEGATIVE_INFINITY],
    ['1e999', REFUSED],
    ['', REFUSED],
    ['0x10', REFUSED],
    [' 1', REFUSED],
    [0.1, 0.1],
  ],
  [
    boolean({ adopting }),
    ['t', true],
    ['F', false],
    ['TRUE', true],
    [0, false],
    [true, true],
    ['yes', REFUSED],
    ['', REFUSED],
  ],
  [decimal({ adopting }), ['12.50', '12.50'], [1.5, '1.5'], ['1e3', REFUSED], ['', REFUSED], ['.5', REFUSED]],
  [
    date({ adopting }),
    ['2024-02-29', '2024-02-29'],
    ['2023-02-29', REFUSED],
    [new Date(0), REFUSED],
    ['', REFUSED],
    ['infinity', REFUSED],
  ],
  [
    timestamp({ adopting }),
    ['2024-02-03T04:05:06Z', new Date('2024-02-03T04:05:06Z')],
    ['2024-02-03 04:05:06.123999', new Date('2024-02-03T04:05:06.123Z')],
    ['2024-02-03 04:05:06+01', new Date('2024-02-03T03:05:06Z')],
    ['2024-02-03 04:05:06.5 +0530', new Date('2024-02-02T22:35:06.500Z')],
    ['2024-02-03 04:05', new Date('2024-02-03T04:05:00Z')],
    [new Date(5), new Date(5)],
    ['2024-02-30 00:00:00', REFUSED],
    ['2024-01-01 24:00:00', REFUSED],
    ['0000-00-00 00:00:00', REFUSED],
    ['03/02/2024 04:05:06', REFUSED],
    ['2024-02-03', REFUSED],
    [1706962800, REFUSED],
    [new Date(Number.NaN), REFUSED],
    ['', REFUSED],
  ],
  [
    json({ adopting }),
    [
      '{"a":[1,1.50,1e2,"12345678901234567890",0.30000000000000004]}',
      { a: [1, 1.5, 100, '12345678901234567890', 0.1 + 0.2] },
    ],
    [{ a: [1] }, { a: [1] }],
    ['null', null],
    ['[12345678901234567890]', REFUSED],
    ['[0.1234567890123456789]', REFUSED],
    ['[1e400]', REFUSED],
    ['{secret', REFUSED],
    ['', REFUSED],
  ],
];

describe('a plaintext beside a cell that is null', () => {
  it.each(READS.map(([attribute, ...cases]) => [attribute.spec.type, attribute, cases] as const))(
    'is read as %s',
    async (_type, attribute, cases) => {
      for (const [stored, value] of cases)
        expect(await read(attribute, stored), String(stored)).toEqual(value);
    },
  );

  it('is read by the definition’s own parser, which may refuse but tells nothing', async () => {
    const epoch = timestamp({
      adopting: { from: 'plain', parse: (stored) => new Date(Number(stored) * 1000) },
    });
    expect(await read(epoch, 1706962800)).toEqual(new Date('2024-02-03T12:20:00Z'));
    const throwing = text({
      adopting: {
        from: 'plain',
        parse: (stored) => {
          throw new Error(String(stored));
        },
      },
    });
    expect(await read(throwing, 'secret')).toBe(REFUSED);
    expect(await read(text({ adopting: { from: 'plain', parse: () => undefined } }), 'x')).toBe(REFUSED);
    expect(await read(text({ adopting: { from: 'plain', parse: () => null } }), 'x')).toBe(REFUSED);
    expect(await read(text({ adopting: { from: 'plain', parse: () => 7 } }), 'x')).toBe(REFUSED);
  });

  it('satisfies the attribute’s schema, as what is encrypted does', async () => {
    const positive = {
      '~standard': {
        version: 1,
        vendor: 'test',
        validate: (value: unknown) =>
          typeof value === 'number' && value > 0
            ? { value: value * 10 }
            : { issues: [{ message: String(value) }] },
      },
    } as const;
    expect(await read(json(positive, { adopting }), '4')).toBe(40);
    expect(await read(json(positive, { adopting }), '-4')).toBe(REFUSED);
  });

  it('is looked at only where it was selected, and never where there is a cell', async () => {
    const definition = table('t', { record, encrypt: { value: text({ adopting }) } });
    expect((await decryptRecord(definition, { id: 1, value: null }, keyring)).value).toBe(null);
    const projection: Record<string, unknown> = { id: 1, plain: 'x' };
    expect(await decryptRecord(definition, projection, keyring)).toEqual(projection);
    const { value } = await encryptRecord(definition, { id: 1, value: 'sealed' }, keyring);
    expect((await decryptRecord(definition, { id: 1, value, plain: 'x' }, keyring)).value).toBe('sealed');
    const moved = decryptRecord(definition, { id: 2, value, plain: 'x' }, keyring);
    await expect(moved).rejects.toMatchObject({ code: 'authentication' });
    const stray = decryptRecord(definition, { id: 2, value: 'stray', plain: 'x' }, keyring);
    await expect(stray).rejects.toMatchObject({ code: 'not-a-cell' });
  });
});

describe('a plaintext in place', () => {
  const definition = table('t', { record, encrypt: { value: text({ adopting: true }), other: text() } });

  it('is read by decryptRecord and decryptCell, of its own attribute only', async () => {
    expect((await decryptRecord(definition, { id: 1, value: 'plain' }, keyring)).value).toBe('plain');
    expect(await decryptCell(definition, 'value', 'plain', { id: 1 }, keyring)).toBe('plain');
    await expect(decryptRecord(definition, { id: 1, other: 'plain' }, keyring)).rejects.toMatchObject({
      code: 'not-a-cell',
    });
  });

  it('is never made of a cell that does not open, whatever is done to it', async () => {
    const cell = await encryptCell(definition, 'value', 'secret', { id: 1 }, keyring);
    const tampered = [
      `${cell.slice(0, -1)}${cell.endsWith('A') ? 'B' : 'A'}`,
      cell.toUpperCase(),
      ` ${cell}`,
      `${cell}\n`,
      `"${cell}"`,
      JSON.stringify({ cell }),
      cell.replace('cs1', 'cs2'),
      ...Array.from({ length: cell.length - 3 }, (_, i) => cell.slice(0, i + 3)),
    ];
    for (const stored of tampered) {
      const reading = decryptRecord(definition, { id: 1, value: stored }, keyring);
      await expect(reading, stored).rejects.toMatchObject({
        code: expect.stringMatching(/^(not-a-cell|too-short|authentication|unknown-suite)$/),
      });
    }
    const moved = decryptRecord(definition, { id: 2, value: cell }, keyring);
    await expect(moved).rejects.toMatchObject({ code: 'authentication' });
  });

  it.each([
    ['cs', false],
    ['css1r.', false],
    ['cs1', true],
    ['cs101', false],
    ['cs1r', true],
    ['cs1r.', true],
    ['cs99d.x', true],
    ['cs0r.x', false],
    ['CS1R.abc', true],
    [' \ncs1r.x', true],
    ['a cs1r.', false],
    [`see cs1r.${'a'.repeat(26)}.`, true],
    [Uint8Array.of(1, 0), true],
    [Uint8Array.of(1, 1, 9), true],
    [Uint8Array.of(1, 2), false],
    [Uint8Array.of(1), false],
    [new TextEncoder().encode('cs1r.abc'), true],
  ])('%j looks like a cell: %s', (stored, looks) => {
    expect(looksLikeCell(stored)).toBe(looks);
  });

  it('leaves writers as they are: cells only', async () => {
    const row = await encryptRecord(definition, { id: 1, value: 'x', other: null }, keyring);
    expect(row.value).toMatch(/^cs1r\./);
    await expect(encryptRecord(definition, { id: 1, value: row.value }, keyring)).rejects.toMatchObject({
      code: 'already-a-cell',
    });
  });
});

describe('a definition', () => {
  const define = (options: object) => () =>
    table('t', { record, encrypt: { value: text({ adopting: options as never }), other: text() } });
  it.each([
    ['false', false],
    ['null', null],
    ['text', 'plain'],
    ['an empty column', { from: '' }],
    ['a column without from', { column: 'x' }],
    ['newer without from', { newer: 'cell' }],
    ['newer than what', { from: 'p', newer: 'both' }],
    ['a parser that is none', { parse: 'x' }],
    ['a date that is none', { until: new Date(Number.NaN) }],
    ['another attribute', { from: 'other' }],
    ['its own column', { from: 'p', column: 'value' }],
    ['the record id', { from: 'id' }],
  ])('that adopts from %s is refused', (_what, options) => {
    expect(define(options as object)).toThrow(expect.objectContaining({ code: 'definition' }));
  });
});
