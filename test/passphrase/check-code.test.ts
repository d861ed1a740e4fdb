/** The codes behind the check symbols: what they must notice is shown for every passphrase there can be. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { NO_SYMBOL, checkSymbols, isCodeWord, placeOfOneError } from '../../src/passphrase/check-code.js';
import { type Field, binaryField, primeField } from '../../src/passphrase/field.js';
import { STYLES, lengthsOf } from '../../src/passphrase/styles.js';

const FIELDS: readonly (readonly [name: string, field: Field, generator: number])[] = STYLES.map(
  ({ code: { field, generator }, style }) => [style, field, generator],
);

describe.each(FIELDS)('the field of %s', (_, field, generator) => {
  const element = fc.nat({ max: field.size - 1 });

  it('adds and multiplies as a field does', () => {
    const { add, multiply, subtract } = field;
    fc.assert(
      fc.property(element, element, element, (a, b, c) => {
        expect(add(a, b)).toBe(add(b, a));
        expect(multiply(a, b)).toBe(multiply(b, a));
        expect(add(add(a, b), c)).toBe(add(a, add(b, c)));
        expect(multiply(multiply(a, b), c)).toBe(multiply(a, multiply(b, c)));
        expect(multiply(a, add(b, c))).toBe(add(multiply(a, b), multiply(a, c)));
        expect(subtract(add(a, b), b)).toBe(a);
        expect([add(a, 0), multiply(a, 1), multiply(a, 0)]).toEqual([a, a, 0]);
      }),
    );
  });

  it('is run through, but for 0, by the powers of its generator: so every element but 0 has an inverse', () => {
    const seen = new Set<number>();
    for (let power = 1; !seen.has(power); power = field.multiply(power, generator)) seen.add(power);
    expect(seen.size).toBe(field.size - 1);
    expect(seen.has(0)).toBe(false);
  });
});

it('the small fields are those of the books', () => {
  const bits = binaryField(5, 0b100101);
  // (x⁴ + x)·(x³ + 1) = x⁷ + x, and x⁷ = x⁴ + x².
  expect(bits.multiply(0b10010, 0b01001)).toBe(0b10110);
  expect(primeField(7).multiply(5, 6)).toBe(2);
  expect(primeField(7).subtract(2, 5)).toBe(4);
});

// The codes are linear: an error is noticed in all passphrases or in none, and it is a code word itself if it is not.
describe.each(STYLES)('the code of $style', (style) => {
  const { code } = style;
  const { field } = code;

  it.each(lengthsOf(style))('of %i symbols notices every symbol that is another one', (length) => {
    const error = new Array<number>(length).fill(0);
    let missed = 0;
    for (let place = 0; place < length; place++)
      for (let by = 1; by < field.size; by++) if (isCodeWord(code, error.with(place, by))) missed++;
    expect(missed).toBe(0);
  });

  it.each(lengthsOf(style))(
    'of %i symbols notices every two that are other ones, neighbours that swapped among them',
    (length) => {
      // A multiple of an error is noticed where the error is: the first of the two may always be 1.
      const error = new Array<number>(length).fill(0);
      let missed = 0;
      for (let first = 0; first < length; first++) {
        for (let second = first + 1; second < length; second++) {
          error[first] = 1;
          for (let by = 1; by < field.size; by++) {
            error[second] = by;
            if (isCodeWord(code, error)) missed++;
          }
          error[second] = 0;
        }
        error[first] = 0;
      }
      expect(missed).toBe(0);
    },
  );

  it('is linear, which the two tests above rest on', () => {
    const { symbols } = style.bodies[0] as { symbols: number };
    const body = fc.array(fc.nat({ max: field.size - 1 }), { minLength: symbols, maxLength: symbols });
    fc.assert(
      fc.property(body, body, fc.nat({ max: field.size - 1 }), (left, right, factor) => {
        const whole = (given: readonly number[]): number[] => [...given, ...checkSymbols(code, given)];
        const sum = whole(left).map((symbol, i) =>
          field.add(symbol, field.multiply(factor, whole(right)[i] as number)),
        );
        expect(isCodeWord(code, whole(left))).toBe(true);
        expect(sum).toEqual(whole(sum.slice(0, symbols)));
      }),
    );
  });

  it('finds the place of any one error, also where the symbol cannot be read, and of none', () => {
    const { symbols } = style.bodies[0] as { symbols: number };
    const body = fc.array(fc.nat({ max: field.size - 1 }), { minLength: symbols, maxLength: symbols });
    fc.assert(
      fc.property(body, fc.nat(), fc.integer({ min: 1, max: field.size - 1 }), (given, somewhere, by) => {
        const whole = [...given, ...checkSymbols(code, given)];
        const place = somewhere % whole.length;
        expect(placeOfOneError(code, whole)).toBeUndefined();
        expect(placeOfOneError(code, whole.with(place, field.add(whole[place] as number, by)))).toBe(place);
        expect(placeOfOneError(code, whole.with(place, NO_SYMBOL))).toBe(place);
      }),
    );
  });
});
