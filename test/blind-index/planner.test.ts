/** What the planner says of widths: the rule of docs/format.md §7, laws, and what is counted in tables drawn at random. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { classesOf } from '../../src/blind-index/distribution.js';
import {
  type IndexPlan,
  type PlanOptions,
  type PossibleValues,
  type ValueKind,
  entropyWarning,
  planIndex,
} from '../../src/blind-index/public.js';
import { transformOf } from '../../src/blind-index/transforms.js';
import { codeOf } from '../cells/support.js';
import { countedTable, mean, seeded, sum } from './population.js';

const KINDS: readonly ValueKind[] = ['boolean', 'pin4', 'last4', 'birth-date', 'surname', 'email', 'uuid'];
const MILLION = 1_000_000;

const codesOf = ({ warnings }: IndexPlan) => warnings.map(({ code }) => code);

/** The shares one by one, the most frequent first. */
function sharesOf(values: PossibleValues): number[] {
  return classesOf(values).flatMap(({ count, share }) => Array.from({ length: count }, () => share / count));
}

/** Shares that fall like 1, 1/2, 1/3 … */
const zipf = (values: number): number[] => Array.from({ length: values }, (_, rank) => 1 / (rank + 1));

// ── The rule ────────────────────────────────────────────────────────────────────────────────────────────────────────

/** Safe widths, in whole numbers: with P = 2^Σmin(L_i, K_i), 2 ≤ R/P < √R is 2P ≤ R < P². */
function byTheRule(
  records: number,
  values: number,
  others: readonly (readonly [number, number])[],
): number[] {
  const least = (a: bigint, b: bigint) => (a < b ? a : b);
  const apart = (bits: number, count: number) => least(2n ** BigInt(bits), BigInt(count));
  const beside = others.reduce((product, [bits, count]) => product * apart(bits, count), 1n);
  const widths: number[] = [];
  for (let bits = 8; bits <= 256; bits++) {
    const product = beside * apart(bits, values);
    if (2n * product <= BigInt(records) && BigInt(records) < product ** 2n) widths.push(bits);
  }
  return widths;
}

describe('the rule', () => {
  it.each([
    [1_000, 'email', [], { from: 8, to: 8 }],
    [50_000, 'email', [], { from: 8, to: 14 }],
    [2 ** 20, 'email', [], { from: 11, to: 19 }],
    [MILLION, 'email', [], { from: 10, to: 18 }],
    [2 ** 30, 'email', [], { from: 16, to: 29 }],
    [MILLION, 'last4', [], { from: 10, to: 256 }],
    [MILLION, 'boolean', [], undefined],
    [511, 'email', [], undefined],
    [512, 'email', [], { from: 8, to: 8 }],
    [MILLION, 'email', [{ bits: 8, values: 'email' }], { from: 8, to: 10 }],
    [MILLION, 'email', [{ bits: 200, values: 1_024 }], { from: 8, to: 8 }],
    [MILLION, 'email', [{ bits: 11, values: 'email' }], undefined],
    [MILLION, 'email', [{ bits: 128, values: 'uuid', unique: true }], { from: 10, to: 18 }],
    [MILLION, 'email', [{ bits: 128, values: 'email', unique: true }], undefined],
  ] as const)('%d records, %s, beside %j: %j', (records, values, others, safe) => {
    expect(planIndex({ records, values, others }).safe).toEqual(safe);
  });

  it('is what the format says, for all tables', () => {
    const other = fc.tuple(fc.integer({ min: 8, max: 40 }), fc.integer({ min: 2, max: 1e6 }));
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 1e12 }),
        fc.oneof(fc.integer({ min: 2, max: 1e6 }), fc.integer({ min: 2, max: 2 ** 50 })),
        fc.array(other, { maxLength: 2 }),
        (records, values, given) => {
          const others = given.map(([bits, possible]) => ({ bits, values: possible }));
          const { safe, recommended } = planIndex({ records, values, others });
          const widths = byTheRule(records, values, given);
          expect(safe && [safe.from, safe.to]).toEqual(
            widths.length === 0 ? undefined : [widths[0], widths.at(-1)],
          );
          expect(safe === undefined ? recommended : widths).toEqual(
            safe === undefined ? undefined : expect.arrayContaining([recommended]),
          );
        },
      ),
      { numRuns: 500 },
    );
  });

  it('read the other way round says how many records a width is safe for', () => {
    fc.assert(
      fc.property(fc.integer({ min: 8, max: 20 }), fc.integer({ min: 4, max: 1e6 }), (bits, values) => {
        const { safeRecords } = planIndex({ records: 1, values, bits });
        const isSafe = (records: number) => byTheRule(records, values, []).includes(bits);
        expect(safeRecords && isSafe(safeRecords.from)).toBe(true);
        expect(safeRecords && isSafe(safeRecords.from - 1)).toBe(false);
        expect(safeRecords && isSafe(safeRecords.to - 1)).toBe(true);
        expect(safeRecords && isSafe(safeRecords.to)).toBe(false);
      }),
    );
    expect(planIndex({ records: MILLION, values: 'boolean' }).safeRecords).toBeUndefined();
  });

  it('lets unique values of high entropy have any width from 128 bits, and other unique ones none', () => {
    const open = planIndex({ records: MILLION, values: 'uuid', unique: true });
    expect(open).toMatchObject({ safe: { from: 128, to: 256 }, recommended: 128, bits: 128, warnings: [] });
    const guessable = planIndex({ records: MILLION, values: 'email', unique: true });
    expect([guessable.safe, guessable.recommended, guessable.bits]).toEqual([undefined, undefined, 128]);
    expect(codesOf(guessable)).toEqual(['guessable']);
    expect(planIndex({ records: 1, values: 2 ** 80, unique: true }).safe).toBeDefined();
    expect(planIndex({ records: 1, values: 2 ** 80 - 2 ** 40, unique: true }).safe).toBeUndefined();
  });
});

describe('the recommended width', () => {
  it.each([
    ['the middle', { records: MILLION, values: 'email' }, 14],
    ['no wider than the values', { records: MILLION, values: 'last4' }, 12],
    ['the middle of what is safe now already', { records: MILLION, recordsNow: 50_000, values: 'email' }, 12],
    ['the middle, where nothing is safe now', { records: MILLION, recordsNow: 10, values: 'email' }, 14],
  ] as const)('is %s', (_, options, bits) => {
    expect(planIndex(options)).toMatchObject({ recommended: bits, bits });
  });

  it.each([
    ['a boolean', { records: MILLION, values: 'boolean' }, 8],
    ['a small table', { records: 100, values: 'email' }, 8],
    ['few values in a very large table', { records: 1e12, values: 'last4' }, 14],
  ] as const)('is none, and the least bad is looked at: %s', (_, options, bits) => {
    expect(planIndex(options)).toMatchObject({ safe: undefined, recommended: undefined, bits });
  });

  it('stays safe while the table doubles and halves as often as it can', () => {
    fc.assert(
      fc.property(fc.integer({ min: 12, max: 50 }), (power) => {
        const { recommended } = planIndex({ records: 2 ** power, values: 'uuid' });
        const room = (bits: number) => {
          const { from, to } = planIndex({ records: 1, values: 'uuid', bits }).safeRecords as NonNullable<
            IndexPlan['safeRecords']
          >;
          return Math.min(power - Math.log2(from), (Math.log2(to) - power) / 2);
        };
        for (let bits = 8; bits < power; bits++) {
          expect(room(bits)).toBeLessThanOrEqual(room(recommended as number) + 1);
        }
      }),
    );
  });
});

// ── Warnings ────────────────────────────────────────────────────────────────────────────────────────────────────────

describe('warnings', () => {
  it.each([
    ['none', { records: MILLION, values: 'email' }, []],
    ['two values', { records: MILLION, values: 'boolean' }, ['no-safe-width', 'low-entropy']],
    ['two uneven values', { records: MILLION, values: [9, 1] }, ['no-safe-width', 'low-entropy', 'skew']],
    ['uneven values', { records: MILLION, values: 'surname' }, ['low-entropy', 'skew']],
    ['skew that few records do not show', { records: 1_000, values: { values: 1e9, top: [0.001] } }, []],
    ['2^20 values', { records: MILLION, values: 2 ** 20 }, []],
    ['one less', { records: MILLION, values: 2 ** 20 - 1 }, ['low-entropy']],
    ['too wide', { records: MILLION, values: 'email', bits: 19 }, ['too-wide']],
    ['too narrow', { records: MILLION, values: 'email', bits: 9 }, ['too-narrow']],
    ['the narrowest safe one', { records: MILLION, values: 'email', bits: 10 }, []],
    ['the widest safe one', { records: MILLION, values: 'email', bits: 18 }, []],
    ['a small table', { records: 511, values: 'email' }, ['no-safe-width', 'table-too-small']],
    ['still a small table', { records: MILLION, recordsNow: 511, values: 'email' }, ['table-too-small']],
    ['an empty one', { records: MILLION, recordsNow: 0, values: 'email' }, ['table-too-small']],
    [
      'no longer a small one',
      { records: MILLION, recordsNow: 512, values: 'email', bits: 8 },
      ['too-narrow'],
    ],
    [
      'another index',
      { records: MILLION, values: 'email', others: [{ bits: 14, values: 'email' }] },
      ['no-safe-width', 'several-indexes'],
    ],
    [
      'another index, and a width that would be safe without',
      { records: MILLION, values: 'email', others: [{ bits: 8, values: 'email' }], bits: 11 },
      ['too-wide', 'several-indexes'],
    ],
    [
      'too few bits for UNIQUE',
      { records: MILLION, values: 'uuid', unique: true, bits: 50 },
      ['false-collisions'],
    ],
    ['bits enough', { records: MILLION, values: 'uuid', unique: true, bits: 60 }, []],
    ['unique, and few', { records: 100, values: 9_999, unique: true }, ['guessable', 'low-entropy']],
  ] as const)('%s', (_, options, codes) => {
    expect(codesOf(planIndex(options as PlanOptions))).toEqual(codes);
  });

  it('say what it means, and are plain values', () => {
    const { warnings } = planIndex({ records: MILLION, values: [9, 1] });
    for (const warning of warnings) {
      expect(Object.keys(warning)).toEqual(['code', 'message']);
      expect(warning.message).toMatch(/^[A-Z].*\.$/);
    }
    expect(JSON.parse(JSON.stringify(warnings))).toEqual(warnings);
  });

  it('of a definition speak of types and transforms that have few or uneven values, and of no others', () => {
    const all = ['bytes', 'text', 'integer', 'boolean', 'timestamp', 'decimal', 'date'] as const;
    const warned = [
      ...['exact-1', 'lower-1', 'email-1', 'email-domain-1', 'digits-1', 'last4-1', 'soundex-1'],
    ]
      .flatMap((transform) => all.map((type) => [type, transform] as const))
      .filter(([type, transform]) => transform === 'soundex-1' || transformOf(transform).takes.includes(type))
      .filter(([type, transform]) => entropyWarning(type, transform) !== undefined);
    expect(warned.map((pair) => pair.join(' '))).toEqual([
      'boolean exact-1',
      'date exact-1',
      'text email-domain-1',
      'text last4-1',
      'boolean soundex-1',
      'date soundex-1',
    ]);
    expect(entropyWarning('text', 'constructor')).toBeUndefined();
  });

  it('of a definition are the planner’s, too, at any width', () => {
    for (const values of ['boolean', 'last4', 'birth-date'] as const) {
      for (const bits of [8, 12, 64]) {
        expect(codesOf(planIndex({ records: MILLION, values, bits }))).toContain('low-entropy');
      }
    }
  });
});

// ── Bad input ───────────────────────────────────────────────────────────────────────────────────────────────────────

describe('what cannot be is refused', () => {
  it.each([
    ['no records', { records: 0 }],
    ['a fraction of records', { records: 1.5 }],
    ['records that are no number', { records: '9' }],
    ['endless records', { records: Number.POSITIVE_INFINITY }],
    ['fewer than no records', { recordsNow: -1 }],
    ['one value', { values: 1 }],
    ['NaN values', { values: Number.NaN }],
    ['no values', { values: undefined }],
    ['null values', { values: null }],
    ['an unknown kind', { values: 'shoe-size' }],
    ['a kind that every object has', { values: 'constructor' }],
    ['one frequency', { values: [3] }],
    ['one frequency and nothing', { values: [3, 0] }],
    ['a negative frequency', { values: [3, -1, 2] }],
    ['a frequency that is none', { values: [3, Number.NaN] }],
    ['an infinite frequency', { values: [3, Number.POSITIVE_INFINITY] }],
    ['shares over 1', { values: { values: 9, top: [0.6, 0.6] } }],
    ['a share of 0', { values: { values: 9, top: [0.5, 0] } }],
    ['a negative share', { values: { values: 9, top: [0.5, -0.1] } }],
    ['shares of 1 and more values', { values: { values: 9, top: [0.5, 0.5] } }],
    ['less than 1 and no more values', { values: { values: 2, top: [0.5, 0.4] } }],
    ['more shares than values', { values: { values: 2, top: [0.3, 0.3, 0.3] } }],
    ['top that is no list', { values: { values: 2, top: 0.5 } }],
    ['7 bits', { bits: 7 }],
    ['257 bits', { bits: 257 }],
    ['half a bit', { bits: 8.5 }],
    ['another index of 7 bits', { others: [{ bits: 7, values: 'email' }] }],
    ['another index of no values', { others: [{ bits: 8, values: 0 }] }],
    ['fewer unique values than records', { values: 999, unique: true }],
  ])('%s', async (_, wrong) => {
    const options = { records: 1_000, values: 'email', ...wrong } as PlanOptions;
    expect(await codeOf(() => planIndex(options))).toBe('definition');
  });

  it('but not what only just can', () => {
    planIndex({ records: 1_000, values: 1_000, unique: true });
    planIndex({ records: 1, recordsNow: 0, values: 2, bits: 8 });
    planIndex({ records: 1, values: { values: 2, top: [0.5, 0.5] }, bits: 256 });
    planIndex({ records: 1, values: { values: 9, top: [] } });
  });
});

// ── Laws ────────────────────────────────────────────────────────────────────────────────────────────────────────────

const possible: fc.Arbitrary<PossibleValues> = fc.oneof(
  fc.constantFrom(...KINDS),
  fc.integer({ min: 2, max: 2 ** 50 }),
  fc.array(fc.integer({ min: 1, max: 1_000 }), { minLength: 2, maxLength: 40 }),
  fc
    .tuple(fc.integer({ min: 4, max: 1e6 }), fc.array(fc.integer({ min: 1, max: 30 }), { maxLength: 3 }))
    .map(([values, top]) => ({ values, top: top.map((share) => share / 100) })),
);
const tables = fc.record({ records: fc.integer({ min: 1, max: 1e9 }), values: possible });
const widths = fc.integer({ min: 8, max: 255 });

describe('laws', () => {
  it('more bits: never more candidates, coincidences or doubt, never fewer groups', () => {
    fc.assert(
      fc.property(tables, widths, (table, bits) => {
        const [less, more] = [planIndex({ ...table, bits }), planIndex({ ...table, bits: bits + 1 })];
        expect(more.coincidences).toBeLessThanOrEqual(less.coincidences);
        expect(more.lookup.candidates).toBeLessThanOrEqual(less.lookup.candidates);
        expect(more.lookup.atMost).toBeLessThanOrEqual(less.lookup.atMost);
        expect(more.lookup.matches).toBe(less.lookup.matches);
        expect(more.observer.groups * (1 + 1e-9)).toBeGreaterThanOrEqual(less.observer.groups);
        expect(more.guesser.bitsLeft).toBeLessThanOrEqual(less.guesser.bitsLeft + 1e-9);
        expect(more.guesser.bitsBefore).toBe(less.guesser.bitsBefore);
      }),
    );
  });

  it('more records: never fewer candidates, groups or coincidences, and the same doubt', () => {
    fc.assert(
      fc.property(tables, fc.integer({ min: 1, max: 1e9 }), widths, ({ records, values }, growth, bits) => {
        const less = planIndex({ records, values, bits });
        const more = planIndex({ records: records + growth, values, bits });
        expect(more.coincidences).toBeGreaterThanOrEqual(less.coincidences);
        expect(more.lookup.candidates).toBeGreaterThanOrEqual(less.lookup.candidates);
        expect(more.observer.groups * (1 + 1e-9)).toBeGreaterThanOrEqual(less.observer.groups);
        expect(more.guesser).toEqual(less.guesser);
      }),
    );
  });

  it('the parts agree with the whole, and with what must be', () => {
    fc.assert(
      fc.property(tables, widths, (table, bits) => {
        const { lookup, observer, guesser } = planIndex({ ...table, bits });
        const most = Math.min(table.records, 2 ** bits) * (1 + 1e-9);
        expect(lookup.candidates).toBe(lookup.matches + lookup.others);
        expect(lookup.atMost * (1 + 1e-9)).toBeGreaterThanOrEqual(lookup.candidates);
        expect(lookup.matches).toBeGreaterThanOrEqual(1);
        expect(observer.groups).toBeLessThanOrEqual(most);
        expect(observer.largestGroup).toBe(lookup.atMost);
        expect(observer.groups * observer.recordsPerGroup).toBeCloseTo(table.records, -3);
        // A token of L bits takes L bits of min-entropy at most, and none is given back.
        expect(guesser.bitsLeft).toBeLessThanOrEqual(guesser.bitsBefore + 1e-9);
        expect(guesser.bitsLeft).toBeGreaterThanOrEqual(guesser.bitsBefore - bits - 1e-9);
      }),
    );
  });

  it('another index never widens what is safe', () => {
    fc.assert(
      fc.property(tables, widths, possible, (table, bits, values) => {
        const alone = planIndex(table).safe;
        const beside = planIndex({ ...table, others: [{ bits, values }] }).safe;
        if (alone && beside) expect(beside.to).toBeLessThanOrEqual(alone.to);
        if (alone && beside) expect(beside.from).toBeLessThanOrEqual(alone.from);
      }),
    );
  });

  it('frequencies count in any unit and order; evenly they are a number', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 1, max: 99 }), { minLength: 2, maxLength: 30 }),
        fc.integer({ min: 1, max: 1e6 }),
        widths,
        (frequencies, records, bits) => {
          const plan = (values: PossibleValues) => planIndex({ records, values, bits });
          const close = (one: IndexPlan, two: IndexPlan) => {
            expect(one.lookup.candidates / two.lookup.candidates).toBeCloseTo(1, 9);
            expect(one.observer.groups / two.observer.groups).toBeCloseTo(1, 9);
            expect(one.guesser.bitsLeft).toBeCloseTo(two.guesser.bitsLeft, 9);
            expect(one.coincidences / two.coincidences).toBeCloseTo(1, 9);
          };
          close(plan(frequencies), plan(frequencies.map((frequency) => frequency / 7).reverse()));
          const count = frequencies.length;
          close(plan(count), plan(frequencies.map(() => 3)));
          close(plan(count), plan({ values: count, top: frequencies.map(() => 1 / count) }));
          close(plan(count), plan({ values: count, top: [1 / count] }));
        },
      ),
    );
  });

  it('the shares of the most frequent values may be less than others have', () => {
    const plan = (values: PossibleValues) => planIndex({ records: 500, values, bits: 8 });
    const one = plan({ values: 4, top: [0.1, 0.3] });
    expect(one).toEqual(plan([0.3, 0.1, 0.3, 0.3]));
    expect(one.guesser.bitsBefore).toBeCloseTo(-Math.log2(0.3), 12);
  });

  it('no token helps to guess what nobody can try, unless some of it is frequent', () => {
    const guesser = (values: PossibleValues) => planIndex({ records: 9, values, bits: 128 }).guesser;
    expect(guesser(2 ** 80)).toEqual({ bitsBefore: 80, bitsLeft: 80 });
    expect(guesser(2 ** 79).bitsLeft).toBeCloseTo(0, 9);
    expect(guesser({ values: 2 ** 90, top: [0.25] }).bitsLeft).toBeCloseTo(0, 9);
  });

  it('unique values are each there once, whatever their shares', () => {
    for (const values of [1_000, { values: 1_000, top: [0.5] }]) {
      const { lookup, observer, guesser } = planIndex({ records: 1_000, values, unique: true, bits: 12 });
      const others = 999 / 4_096;
      expect(lookup).toEqual({ matches: 1, others, candidates: 1 + others, atMost: 1 + others });
      expect(observer.groups).toBeCloseTo(4_096 * (1 - (1 - 1 / 4_096) ** 1_000), 6);
      expect([observer.largestGroup, observer.skewShows]).toEqual([1 + others, false]);
      expect(guesser.bitsBefore).toBeCloseTo(Math.log2(1_000), 12);
    }
  });

  it('is finite and itself at the ends of what can be asked', () => {
    for (const values of [2, 2 ** 122, 1e300, ...KINDS]) {
      for (const records of [1, 2, Number.MAX_SAFE_INTEGER]) {
        for (const bits of [8, 256]) {
          const { coincidences, lookup, observer, guesser } = planIndex({ records, values, bits });
          const { skewShows: _, ...groups } = observer;
          const figures = [coincidences, ...[lookup, groups, guesser].flatMap((part) => Object.values(part))];
          expect(figures.every((figure) => Number.isFinite(figure) && figure >= 0)).toBe(true);
          expect(observer.groups).toBeGreaterThanOrEqual(1 - 1e-9);
        }
      }
    }
  });

  it('kinds have shares that add up to 1, the most frequent first', () => {
    for (const kind of KINDS) {
      const classes = classesOf(kind);
      expect(sum(classes.map(({ share }) => share)), kind).toBeCloseTo(1, 12);
      const each = classes.map(({ count, share }) => share / count);
      expect(each, kind).toEqual([...each].sort((a, b) => b - a));
    }
  });
});

// ── Against tables drawn at random ──────────────────────────────────────────────────────────────────────────────────

const POPULATIONS: readonly (readonly [
  name: string,
  values: PossibleValues,
  records: number,
  bits: number,
])[] = [
  ['many values, evenly', 50_000, 300, 9],
  ['few values, evenly', 1_000, 500, 8],
  ['two values', 2, 50, 8],
  ['two uneven values', [9, 1], 200, 8],
  ['more bits than values', 100, 400, 16],
  ['1, 1/2, 1/3 …', zipf(300), 400, 8],
  ['a frequent one among many', { values: 5_000, top: [0.1, 0.05] }, 1_000, 10],
  ['chosen PINs', 'pin4', 1_000, 9],
  ['surnames', 'surname', 1_000, 10],
  ['hardly any records', zipf(20), 3, 8],
];

describe('what is foretold is counted in tables drawn at random', () => {
  it.each(POPULATIONS)('%s', (_, values, records, bits) => {
    const random = seeded(20_260_101);
    const shares = sharesOf(values);
    const trials = Math.min(4_000, Math.round(3e6 / (shares.length + records)));
    const counted = Array.from({ length: trials }, () => countedTable(random, shares, records, bits));
    const { lookup, observer, guesser } = planIndex({ records, values, bits });

    const checks: [name: string, foretold: number, counted: number[]][] = [
      ['matches', lookup.matches, counted.map(({ matches }) => matches)],
      ['candidates', lookup.candidates, counted.map(({ candidates }) => candidates)],
      ['groups', observer.groups, counted.map(({ groups }) => groups)],
      ['guessed', 2 ** -guesser.bitsLeft, counted.map(({ guessed }) => guessed)],
      // Weighted by the records that have the value: a table without it has no such group.
      ['largest group', 0, counted.map(({ top, topGroup }) => top * (topGroup - observer.largestGroup))],
    ];
    for (const [name, foretold, values] of checks) {
      const { mean: found, error } = mean(values);
      expect(
        Math.abs(found - foretold),
        `${name}: ${foretold} foretold, ${found} counted`,
      ).toBeLessThanOrEqual(error + 1e-9 * Math.abs(foretold));
    }
  });

  it('an uneven share begins to show where its group is three standard deviations over the others', () => {
    const [records, bits] = [2_000, 8];
    const values = (share: number) => ({ values: 600, top: [share] });
    const shows = (share: number) => planIndex({ records, values: values(share), bits }).observer.skewShows;
    let [hidden, shown] = [1 / 600, 0.5];
    while (shown - hidden > 1e-6) {
      const middle = (hidden + shown) / 2;
      if (shows(middle)) shown = middle;
      else hidden = middle;
    }
    const random = seeded(7);
    const shares = sharesOf(values(shown));
    const counted = Array.from({ length: 1_500 }, () => countedTable(random, shares, records, bits));
    const tops = mean(counted.map(({ topGroup }) => topGroup));
    const topVariance = (tops.error / 5) ** 2 * counted.length;
    const groups = sum(counted.map(({ otherGroups }) => otherGroups));
    const average = sum(counted.map(({ top }) => records - top)) / groups;
    const variance = sum(counted.map(({ otherSquares }) => otherSquares)) / groups - average ** 2;
    const deviations = (tops.mean - average) / Math.sqrt(topVariance + variance);
    // The error of a standard deviation of n draws is its own (2n)^-1/2; that of the mean adds to it.
    expect(Math.abs(deviations - 3)).toBeLessThan(
      5 * (3 / Math.sqrt(2 * counted.length) + 1 / Math.sqrt(counted.length)),
    );
  });

  it('even values never show, however few or many', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 2, max: 1e9 }),
        fc.integer({ min: 1, max: 1e9 }),
        widths,
        (values, records, bits) => {
          expect(planIndex({ records, values, bits }).observer.skewShows).toBe(false);
        },
      ),
      { numRuns: 1_000 },
    );
  });

  it.each([
    [20, 10],
    [100, 12],
    [300, 16],
    [40, 8],
  ])('%d unique values collide in %d bits as often as foretold', (values, bits) => {
    const random = seeded(values * bits);
    const pairs = Array.from({ length: 4_000 }, () => {
      const sizes = new Map<number, number>();
      for (let value = 0; value < values; value++) {
        const token = Math.floor(random() * 2 ** bits);
        sizes.set(token, (sizes.get(token) ?? 0) + 1);
      }
      return sum([...sizes.values()].map((size) => (size * (size - 1)) / 2));
    });
    const { falseCollisions, lookup, observer } = planIndex({
      records: values,
      values: 'uuid',
      unique: true,
      bits,
    });
    const { probability, expected } = falseCollisions as NonNullable<IndexPlan['falseCollisions']>;
    const [mostly, ever] = [mean(pairs), mean(pairs.map((found) => Math.sign(found)))];
    expect(Math.abs(mostly.mean - expected)).toBeLessThan(mostly.error);
    // 1 − e^−x for 1 − Π(1 − i/2^L): what is left out is of the order n³/2^2L.
    expect(Math.abs(ever.mean - probability)).toBeLessThan(ever.error + values ** 3 / 2 ** (2 * bits));
    expect(lookup.candidates).toBeCloseTo(1 + (2 * expected) / values, 9);
    expect(observer.groups).toBeCloseTo(2 ** bits * (1 - (1 - 2 ** -bits) ** values), 6);
  });
});
