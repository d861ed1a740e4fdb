import type { Field } from './field.js';

/**
 * A systematic Reed-Solomon code: the symbols as written, first to last, are the coefficients of a polynomial, highest
 * power first, and it is zero at a, a², … a^checks. Two code words of one length differ in more than `checks` symbols.
 */
export interface CheckCode {
  readonly field: Field;
  /** a: a generator of the field's multiplicative group. Its order bounds the length. */
  readonly generator: number;
  /** Symbols at the end. */
  readonly checks: number;
}

/** Stands where something is written that is no symbol. */
export const NO_SYMBOL = -1;

/** The check symbols of a body: the remainder that makes the whole divisible by (x − a)(x − a²)…, negated. */
export function checkSymbols({ field, generator, checks }: CheckCode, body: readonly number[]): number[] {
  const { add, multiply, subtract } = field;
  const divisor = [1];
  for (let j = 0, root = generator; j < checks; j++, root = multiply(root, generator)) {
    divisor.push(0);
    for (let i = divisor.length - 1; i > 0; i--)
      divisor[i] = subtract(at(divisor, i), multiply(root, at(divisor, i - 1)));
  }
  const remainder = new Array<number>(checks).fill(0);
  for (const symbol of body) {
    const factor = add(symbol, remainder.shift() as number);
    remainder.push(0);
    remainder.forEach((value, i) => {
      remainder[i] = subtract(value, multiply(factor, at(divisor, i + 1)));
    });
  }
  return remainder.map((value) => subtract(0, value));
}

/** Whether every symbol is one, and the check symbols agree. */
export function isCodeWord(code: CheckCode, symbols: readonly number[]): boolean {
  return !symbols.includes(NO_SYMBOL) && syndromes(code, symbols).every((value) => value === 0);
}

/**
 * The one place at which another symbol would make a code word of this, or `undefined`. What is no symbol counts as the
 * wrong one. For the cause of a damage only: nobody is told the place, and nothing is corrected.
 */
export function placeOfOneError(code: CheckCode, symbols: readonly number[]): number | undefined {
  const unread = symbols.indexOf(NO_SYMBOL);
  if (unread !== symbols.lastIndexOf(NO_SYMBOL)) return undefined;
  const read = symbols.map((symbol) => (symbol === NO_SYMBOL ? 0 : symbol));
  const values = syndromes(code, read);
  // Nothing wrong but that one: it is the symbol 0 that cannot be read.
  if (values.every((value) => value === 0)) return unread < 0 ? undefined : unread;
  const { field, generator } = code;
  // An error e at the power d makes the values e·a^d, e·a^2d, …: each is the one before, times a^d.
  for (let place = symbols.length - 1, ratio = 1; place >= 0; place--) {
    const current = ratio;
    const isHere =
      values[0] !== 0 &&
      values.every((value, j) => j === 0 || value === field.multiply(at(values, j - 1), current));
    if (isHere) return unread < 0 || unread === place ? place : undefined;
    ratio = field.multiply(ratio, generator);
  }
  return undefined;
}

/** The polynomial's values at a, a², …: all zero for a code word. */
function syndromes({ field, generator, checks }: CheckCode, symbols: readonly number[]): number[] {
  const { add, multiply } = field;
  const values: number[] = [];
  for (let j = 0, point = generator; j < checks; j++, point = multiply(point, generator)) {
    let value = 0;
    for (const symbol of symbols) value = add(multiply(value, point), symbol);
    values.push(value);
  }
  return values;
}

function at(numbers: readonly number[], place: number): number {
  return numbers[place] as number;
}
