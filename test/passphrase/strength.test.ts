/** The estimate of strength: what it must never do, and a few figures. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { estimateStrength } from '../../src/passphrase/strength.js';
import { FORMS, drawn } from './support.js';

const bitsOf = (text: string): number => estimateStrength(text).bits;
const BITS: Readonly<Record<string, number>> = { base32: 130, unicode: 143, '12': 128, '24': 256 };

// Letters that make patterns: words, runs, rows, years and repeats come of them by chance.
const telling = fc.oneof(
  fc.string({ unit: fc.constantFrom(...'abcdpasword1290qwetyASé中\u{1f600} '), maxLength: 24 }),
  fc.string({ unit: 'binary', maxLength: 24 }),
  fc
    .array(
      fc.constantFrom('password', 'qwerty', '2024', '19', 'abcd', '4321', 'zebra', 'Zoo', 'P4ss', 'xyx', ' '),
      { maxLength: 6 },
    )
    .map((parts) => parts.join('')),
);

describe('the estimate', () => {
  it('never falls with another character', () => {
    fc.assert(
      fc.property(
        telling,
        fc.oneof(fc.string({ unit: 'binary', minLength: 1, maxLength: 1 }), fc.constantFrom(...'abds19Q ')),
        (text, more) => {
          expect(bitsOf(text + more)).toBeGreaterThanOrEqual(bitsOf(text));
        },
      ),
      { numRuns: 3_000 },
    );
  });

  it('never falls while a common password, a word, a run, a row, a year or a repeat becomes whole', () => {
    for (const text of [
      'password',
      'Passw0rd2024',
      'abandonability',
      'abcdefgh',
      '87654321',
      'qwertyuiop',
      'poiuytrewq',
      '1984',
      'abcabcabcabc',
      'aaaaaaaa',
      'correct horse battery staple',
    ])
      for (let length = 0; length < text.length; length++)
        expect(bitsOf(text.slice(0, length + 1)), text.slice(0, length + 1)).toBeGreaterThanOrEqual(
          bitsOf(text.slice(0, length)),
        );
  });

  it('is exact for what was drawn, however it is spelled', async () => {
    for (const form of FORMS) {
      const { written } = await drawn(form, 'strength');
      const bits = BITS[form.words ?? (form.style as string)];
      expect(estimateStrength(written)).toEqual({ bits, hints: [] });
      expect(estimateStrength(` ${written.toLowerCase()}\n`)).toEqual({ bits, hints: [] });
    }
  });

  it('is never more than every character by itself, of all that can be typed', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme-ascii', maxLength: 40 }), (text) => {
        expect(bitsOf(text)).toBeLessThanOrEqual(text.length * Math.log2(95));
      }),
    );
  });

  it('is about as much as chance where there is nothing but chance', async () => {
    for (let i = 0; i < 20; i++) {
      const { body } = await drawn({}, `chance ${i}`);
      // 26 characters of 32, taken for characters of 36; a pattern or two come by themselves.
      expect(bitsOf(body)).toBeGreaterThan(120);
      expect(bitsOf(body)).toBeLessThanOrEqual(Math.floor(26 * Math.log2(36)));
    }
  });

  it.each([
    ['', 0, 0],
    ['password', 6, 11],
    ['P4ssw0rd!', 8, 19],
    ['password1', 8, 16],
    ['qwertyuiop', 6, 12],
    ['aaaaaaaaaaaaaaaaaaaa', 6, 14],
    ['abcdefghijklmnop', 6, 14],
    ['winter2024', 12, 21],
    ['1984', 8, 11],
    ['xK9$mQ2!vT7#', 65, 79],
  ])('of %s is from %i to %i bits', (text, least, most) => {
    expect(bitsOf(text)).toBeGreaterThanOrEqual(least);
    expect(bitsOf(text)).toBeLessThanOrEqual(most);
  });

  it('says what is weak, in words of its own', () => {
    const said = (text: string): string => estimateStrength(text).hints.join(' ');
    expect(said('password')).toMatch(/common passwords/);
    expect(said('zxcvbnm')).toMatch(/row of keys|common passwords/);
    expect(said('xq7xq7xq7xq7')).toMatch(/repeats itself/);
    expect(said('mnopqrst')).toMatch(/a run/);
    expect(said('Zq#1984')).toMatch(/a year/);
    expect(said('zebra')).toMatch(/Words of a list/);
    expect(said('x7')).toMatch(/can be guessed/);
    expect(estimateStrength('xK9$mQ2!vT7#').hints).toEqual([]);
    fc.assert(
      fc.property(telling, (text) => {
        for (const hint of estimateStrength(`${text}CANARY7`).hints) expect(hint).not.toContain('CANARY7');
      }),
    );
  });

  it('ends where passphrases do', () => {
    expect(bitsOf('xK9$mQ2!'.repeat(200))).toBe(bitsOf('xK9$mQ2!'.repeat(128)));
  });
});
