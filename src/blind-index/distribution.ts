import { DefinitionError } from '../errors.js';

/** How many values there are, and how common the most common ones are. */
export interface TopValues {
  /** Different values. */
  readonly values: number;
  /** The shares of the most common ones, from the largest; the others are taken to share the rest alike. */
  readonly top: readonly number[];
}

/**
 * What values an attribute can have, after the index's transform:
 *
 * - a number: so many, all of them as frequent;
 * - a list: the relative frequency of every one, in any unit and order;
 * - `values` and `top`: how many there are, and the shares (of 1) of the most frequent; the others divide what is left;
 * - a name: one of {@link ValueKind}.
 */
export type PossibleValues = number | readonly number[] | TopValues | ValueKind;

/**
 * Kinds of values that are much alike everywhere. Measure your own data where you can.
 *
 * - `boolean`: two, evenly, which is the best case.
 * - `pin4`: four digits that people choose, as in 3.4 million passwords of four digits (N. Berry, 2012): one in nine is the same.
 * - `last4`: the last four digits of what a machine numbers: 10,000, evenly.
 * - `birth-date`: the days of 82 years, evenly.
 * - `surname`: 88,799 names, as frequent as in the United States (census of 1990). Some countries have far fewer.
 * - `email`: 2^32 addresses, evenly.
 * - `uuid`: 122 random bits.
 */
export type ValueKind = keyof typeof KINDS;

/** Values that are as frequent as one another. */
export interface ValueClass {
  /** How many. */
  readonly count: number;
  /** Of all records, that of all of them together. */
  readonly share: number;
}

/** Shares of 1, count by count; the last class has what is left. */
const KINDS = Object.freeze({
  boolean: [[2, 1]],
  pin4: [
    [1, 0.107],
    [1, 0.06],
    [1, 0.019],
    [17, 0.0823],
    [9_980, 0.7317],
  ],
  last4: [[10_000, 1]],
  'birth-date': [[29_950, 1]],
  surname: [
    [1, 0.01006],
    [2, 0.01509],
    [7, 0.03108],
    [20, 0.04849],
    [70, 0.08353],
    [200, 0.10669],
    [700, 0.13894],
    [2_000, 0.13648],
    [7_000, 0.14068],
    [78_799, 0.28896],
  ],
  email: [[2 ** 32, 1]],
  uuid: [[2 ** 122, 1]],
}) satisfies Readonly<Record<string, readonly (readonly [count: number, share: number])[]>>;

const ROUNDING = 1e-9;

/** The classes of values, the most frequent value's first. Shares add up to 1. */
export function classesOf(given: PossibleValues): readonly ValueClass[] {
  if (typeof given === 'string') return kind(given);
  if (typeof given === 'number') return [{ count: atLeastTwo(given), share: 1 }];
  if (Array.isArray(given)) return measured(given);
  if (typeof given === 'object' && given !== null && 'top' in given) return withTop(given);
  throw unknownValues();
}

/** How many values there are in all: 2^K of docs/format.md §7. */
export function countOf(classes: readonly ValueClass[]): number {
  return classes.reduce((sum, { count }) => sum + count, 0);
}

function kind(name: string): readonly ValueClass[] {
  const found = Object.hasOwn(KINDS, name) ? KINDS[name as ValueKind] : undefined;
  if (!found) throw unknownValues();
  return found.map(([count, share]) => ({ count, share }));
}

function measured(frequencies: readonly number[]): readonly ValueClass[] {
  const total = frequencies.reduce((sum, frequency) => sum + frequency, 0);
  const areSound = frequencies.every((frequency) => Number.isFinite(frequency) && frequency >= 0);
  const present = frequencies.filter((frequency) => frequency > 0);
  if (!areSound || !Number.isFinite(total) || present.length < 2) {
    throw new DefinitionError('Frequencies are numbers, none of them negative, at least two of them not 0.');
  }
  return present.sort((a, b) => b - a).map((frequency) => ({ count: 1, share: frequency / total }));
}

function withTop({ values, top }: TopValues) {
  const shares = Array.isArray(top) ? (top as readonly number[]) : [Number.NaN];
  const others = atLeastTwo(values) - shares.length;
  const left = 1 - shares.reduce((sum, share) => sum + share, 0);
  const fits = others === 0 ? Math.abs(left) < ROUNDING : others > 0 && left > ROUNDING;
  if (!fits || !shares.every((share) => share > 0)) {
    throw new DefinitionError(
      'top has the shares of the most frequent values: each over 0, together less than 1, and fewer of them than values (or 1, and as many).',
    );
  }
  const classes = shares.map((share) => ({ count: 1, share }));
  if (others > 0) classes.push({ count: others, share: left });
  return classes.sort((a, b) => b.share / b.count - a.share / a.count);
}

function atLeastTwo(values: number): number {
  if (Number.isFinite(values) && values >= 2) return values;
  throw new DefinitionError('The number of possible values is 2 or more.');
}

function unknownValues(): DefinitionError {
  return new DefinitionError(
    `values is a number, a list of frequencies, { values, top }, or one of ${Object.keys(KINDS).join(', ')}.`,
  );
}
