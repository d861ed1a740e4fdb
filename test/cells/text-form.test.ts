/** The text form: one spelling for a cell (docs/format.md §6), and the refusals before cryptography in their order (§8). */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Bytes, base32, concat, hex } from '../../src/bytes.js';
import { cellText, keyIdIfCell, parseCell } from '../../src/envelope/index.js';
import { CellRefusedError, type CellsealError } from '../../src/errors.js';
import { keyTag, keyTagOfBytes, parseKeyTag } from '../../src/key-tag.js';
import { MIN_CELL_BYTES, maxCellBytes } from '../../src/limits.js';
import { MODES, type Mode } from '../../src/suite.js';
import { fromText, toText } from '../oracle/cell.js';
import { codeOf } from './support.js';

const WHERE = { table: 'customers', column: 'email' };
const MAX_FRAMED = 4_096;

const mode = fc.constantFrom<Mode>('randomized', 'deterministic');
/** Bytes of a cell's shape: nothing in them is verified here. */
const shaped: fc.Arbitrary<{ mode: Mode; cell: Bytes }> = mode.chain((given) =>
  fc
    .uint8Array({ minLength: MIN_CELL_BYTES[given] - 2, maxLength: 200 })
    .map((rest) => ({ mode: given, cell: concat(Uint8Array.of(1, MODES[given].byte), rest) })),
);

function parsedOf(text: string, as: Mode): Bytes | undefined {
  try {
    return parseCell(text, as, MAX_FRAMED, WHERE).bytes;
  } catch (error) {
    if (error instanceof CellRefusedError) return undefined;
    throw error;
  }
}

describe('the text form', () => {
  it('is given back as the bytes that it was made of', () => {
    fc.assert(
      fc.property(shaped, ({ mode: as, cell }) => {
        expect(parseCell(cellText(cell), as, MAX_FRAMED, WHERE).bytes).toEqual(cell);
        expect(parseCell(cell, as, MAX_FRAMED, WHERE).bytes).toEqual(cell);
      }),
    );
  });

  it('is what the oracle writes', () => {
    fc.assert(
      fc.property(shaped, ({ cell }) => {
        expect(cellText(cell)).toBe(toText(cell));
      }),
    );
  });

  it('has the shape that is documented', () => {
    fc.assert(
      fc.property(shaped, ({ cell }) => {
        expect(cellText(cell)).toMatch(/^cs1[rd]\.[a-z2-7]{26}\.[A-Za-z0-9_-]+$/);
      }),
    );
  });

  it('has no second spelling: what is read is what would be written', () => {
    const edited = fc
      .tuple(shaped, fc.nat(), fc.nat(2), fc.string({ unit: 'binary', maxLength: 2 }))
      .map(([{ mode: as, cell }, at, dropped, inserted]) => {
        const text = cellText(cell);
        const position = at % (text.length + 1);
        return { as, text: text.slice(0, position) + inserted + text.slice(position + dropped) };
      });
    fc.assert(
      fc.property(edited, ({ as, text }) => {
        const bytes = parsedOf(text, as);
        if (bytes) expect(cellText(bytes)).toBe(text);
        // and the oracle reads the same, or does not read it either
        const other = fromText(text);
        if (bytes) expect(other).toEqual(bytes);
        else if (typeof other !== 'string')
          expect(other[1] !== MODES[as].byte || other.length < MIN_CELL_BYTES[as]).toBe(true);
      }),
      { numRuns: 2_000 },
    );
  });

  it('changes with each single character: another cell, or none', () => {
    const cell = concat(
      Uint8Array.of(1, 0),
      Uint8Array.from({ length: 60 }, (_, i) => i * 37),
    );
    const text = cellText(cell);
    const others = [...'abz27AZ089_-.+/= \n\0é'];
    for (let at = 0; at < text.length; at++) {
      for (const other of others) {
        if (other === text[at]) continue;
        const bytes = parsedOf(text.slice(0, at) + other + text.slice(at + 1), 'randomized');
        expect(bytes && hex(bytes)).not.toBe(hex(cell));
      }
    }
  });

  const good = cellText(concat(Uint8Array.of(1, 0), new Uint8Array(60).fill(0xa5)));
  it.each([
    ['upper case', good.toUpperCase()],
    ['a leading space', ` ${good}`],
    ['a trailing newline', `${good}\n`],
    ['a trailing carriage return and newline', `${good}\r\n`],
    ['a leading U+FEFF', `\u{feff}${good}`],
    ['padding', `${good}=`],
    ['a newline within', good.replace('.', '.\n')],
    ['no key id', 'cs1r..AAAA'],
    ['a key id of 25 characters', good.replace(/\.[a-z2-7]/, '.')],
    ['a key id of 27 characters', good.replace(/^cs1r\./, 'cs1r.a')],
    ['stray bits in the key id', good.replace(/^(cs1r\..{25})./, '$1b')],
    ['nothing after the tag', good.slice(0, 32)],
    ['another mode letter', good.replace('cs1r', 'cs1x')],
    ['a suite with a leading zero', good.replace('cs1r', 'cs01r')],
    ['suite 0', good.replace('cs1r', 'cs0r')],
    ['no suite', good.replace('cs1r', 'csr')],
    ['a full-width digit', good.replace('cs1r', 'cs１r')],
    ['a space before a suite yet unknown', ` ${good.replace('cs1r', 'cs2r')}`],
    ['a line before a suite yet unknown', `plain\n${good.replace('cs1r', 'cs2r')}`],
    ['a newline after a suite yet unknown', `${good.replace('cs1r', 'cs2r')}\n`],
    ['two cells', `${good}${good}`],
    ['a cell in JSON', JSON.stringify(good)],
  ])('with %s is not a cell', async (_, text) => {
    expect(await codeOf(() => parseCell(text, 'randomized', MAX_FRAMED, WHERE))).toBe('not-a-cell');
    expect(keyIdIfCell(text)).toBeUndefined();
  });

  it.each(['cs2r', 'cs10r', 'cs11d', 'cs99999999999999999999r'])(
    'with %s is of an unknown suite',
    async (head) => {
      const text = good.replace('cs1r', head);
      expect(await codeOf(() => parseCell(text, 'randomized', MAX_FRAMED, WHERE))).toBe('unknown-suite');
    },
  );

  it.each([undefined, null, 7, 7n, true, {}, [], new Date(0), Symbol('cell'), new Uint16Array(40)])(
    'is never %o',
    async (value) => {
      expect(await codeOf(() => parseCell(value, 'randomized', MAX_FRAMED, WHERE))).toBe('not-a-cell');
    },
  );
});

describe('the refusals before cryptography', () => {
  const code = (stored: unknown, as: Mode = 'randomized'): Promise<string> =>
    codeOf(() => parseCell(stored, as, MAX_FRAMED, WHERE));

  it.each<[string, Bytes, Mode, string]>([
    ['no byte', new Uint8Array(0), 'randomized', 'not-a-cell'],
    ['one byte', Uint8Array.of(1), 'randomized', 'not-a-cell'],
    ['suite 0', Uint8Array.of(0, 0), 'randomized', 'unknown-suite'],
    ['suite 2, of another mode and too short', Uint8Array.of(2, 1), 'randomized', 'unknown-suite'],
    ['mode 1 where mode 0 is declared, too short', Uint8Array.of(1, 1), 'randomized', 'mode'],
    ['mode 0 where mode 1 is declared, too short', Uint8Array.of(1, 0), 'deterministic', 'mode'],
    ['mode 2', Uint8Array.of(1, 2), 'randomized', 'mode'],
    ['mode 255', Uint8Array.of(1, 255), 'deterministic', 'mode'],
    ['mode 1, too long', concat(Uint8Array.of(1, 1), new Uint8Array(9_000)), 'randomized', 'mode'],
    ['two bytes', Uint8Array.of(1, 0), 'randomized', 'too-short'],
    ['54 bytes', concat(Uint8Array.of(1, 0), new Uint8Array(52)), 'randomized', 'too-short'],
    ['50 bytes of mode 1', concat(Uint8Array.of(1, 1), new Uint8Array(48)), 'deterministic', 'too-short'],
    [
      'a byte more than the longest',
      concat(Uint8Array.of(1, 0), new Uint8Array(54 + MAX_FRAMED - 1)),
      'randomized',
      'too-long',
    ],
    [
      'a byte more than the longest of mode 1',
      concat(Uint8Array.of(1, 1), new Uint8Array(50 + MAX_FRAMED - 1)),
      'deterministic',
      'too-long',
    ],
  ])('%s', async (_, bytes, as, expected) => {
    expect(await code(bytes, as)).toBe(expected);
  });

  it('are the same for both forms, whatever the bytes', async () => {
    const anyBytes = fc
      .tuple(fc.constantFrom(0, 1), fc.uint8Array({ minLength: 17, maxLength: 90 }))
      .map(([byte, rest]) => concat(Uint8Array.of(1, byte), rest));
    const outcome = (stored: unknown, as: Mode): string => {
      try {
        return parseCell(stored, as, 20, WHERE).keyId;
      } catch (error) {
        return (error as CellsealError).code;
      }
    };
    fc.assert(
      fc.property(anyBytes, mode, (bytes, as) => {
        expect(outcome(cellText(bytes), as)).toBe(outcome(bytes, as));
      }),
      { numRuns: 500 },
    );
  });

  it('leave the shortest and the longest cell alone', () => {
    for (const as of ['randomized', 'deterministic'] as const) {
      for (const length of [MIN_CELL_BYTES[as], maxCellBytes(as, MAX_FRAMED)]) {
        const cell = concat(Uint8Array.of(1, MODES[as].byte), new Uint8Array(length - 2));
        expect(parseCell(cell, as, MAX_FRAMED, WHERE).bytes).toEqual(cell);
      }
    }
    expect([MIN_CELL_BYTES.randomized, MIN_CELL_BYTES.deterministic]).toEqual([55, 51]);
  });

  it('carry table, column and key id', () => {
    const short = concat(Uint8Array.of(1, 0), new Uint8Array(20).fill(7));
    try {
      parseCell(short, 'randomized', MAX_FRAMED, WHERE);
      expect.unreachable();
    } catch (error) {
      expect({ ...(error as object) }).toMatchObject({ ...WHERE, keyId: base32(short.subarray(2, 18)) });
    }
  });

  it('keep a copy of the bytes, not a view on what was handed in', () => {
    const stored = Buffer.from(concat(Uint8Array.of(1, 0), new Uint8Array(60).fill(7)));
    const { bytes } = parseCell(stored, 'randomized', MAX_FRAMED, WHERE);
    stored.fill(0);
    expect(bytes[10]).toBe(7);
  });
});

describe('the key tag', () => {
  it('is the first 32 characters of any cell as text, and says its mode and key', () => {
    fc.assert(
      fc.property(shaped, ({ mode: as, cell }) => {
        const tag = cellText(cell).slice(0, 32);
        const keyId = base32(cell.subarray(2, 18));
        expect(keyTag(as, keyId)).toBe(tag);
        expect(keyTagOfBytes(cell)).toBe(tag);
        expect(parseKeyTag(tag)).toEqual({ mode: as, keyId });
      }),
    );
  });

  it('has nothing that LIKE or a case-insensitive collation would change', () => {
    fc.assert(
      fc.property(shaped, ({ cell }) => {
        expect(cellText(cell).slice(0, 32)).toMatch(/^[a-z0-9.]{32}$/);
      }),
    );
  });

  it.each([
    '',
    'cs1r.',
    `cs1r.${'b'.repeat(26)}`,
    `cs1r.${'b'.repeat(26)}.`,
    `cs2r.${'a'.repeat(26)}.`,
    `CS1R.${'a'.repeat(26)}.`,
    `cs1r.${'a'.repeat(26)}.x`,
  ])('is not %j', (text) => {
    expect(parseKeyTag(text)).toBeUndefined();
  });

  it.each([
    [0, 0],
    [2, 0],
    [1, 2],
    [1, 255],
  ])('is not of bytes that begin with %i, %i', (suite, byte) => {
    expect(keyTagOfBytes(concat(Uint8Array.of(suite, byte), new Uint8Array(60)))).toBeUndefined();
  });

  it('is not of fewer than 18 bytes', () => {
    expect(keyTagOfBytes(concat(Uint8Array.of(1, 0), new Uint8Array(15)))).toBeUndefined();
    expect(keyTagOfBytes(concat(Uint8Array.of(1, 0), new Uint8Array(16)))).toBeDefined();
  });
});

describe('what looks like a cell', () => {
  it('is any cell, in either form and mode, by the id of its key', () => {
    fc.assert(
      fc.property(shaped, ({ cell }) => {
        const keyId = base32(cell.subarray(2, 18));
        expect(keyIdIfCell(cell)).toBe(keyId);
        expect(keyIdIfCell(cellText(cell))).toBe(keyId);
      }),
    );
  });

  it('is a text of a suite yet unknown, but not bytes of one', () => {
    const cell = concat(Uint8Array.of(1, 0), new Uint8Array(60));
    expect(keyIdIfCell(cellText(cell).replace('cs1r', 'cs7r'))).toBe('');
    expect(keyIdIfCell(concat(Uint8Array.of(7, 0), new Uint8Array(60)))).toBeUndefined();
  });

  it('is not what is shorter than any cell', () => {
    const short = concat(Uint8Array.of(1, 0), new Uint8Array(52));
    expect([keyIdIfCell(short), keyIdIfCell(cellText(short))]).toEqual([undefined, undefined]);
  });
});
