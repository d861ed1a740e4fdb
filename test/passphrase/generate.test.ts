/** Drawing a passphrase: known answers from given randomness, even odds, and what is asked for in vain. */
import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Bytes } from '../../src/bytes.js';
import { webCryptoEngine } from '../../src/engine/index.js';
import { InvalidPassphraseError } from '../../src/errors.js';
import { generatePassphrase, generateWith } from '../../src/passphrase/generate.js';
import { normOfNew, normalisePassphrase } from '../../src/passphrase/index.js';
import { recognise } from '../../src/passphrase/styles.js';
import { checksOf, kdfInput, mnemonicOf, writePassphrase } from '../oracle/passphrase.js';
import { FORMS, anyForm, drawn, nameOf } from './support.js';

const { digest } = webCryptoEngine();

/** Randomness that gives these 16-bit numbers, one after the other. */
function giving(...numbers: readonly number[]) {
  const queue = [...numbers];
  return Object.assign(
    (bytes: number): Bytes => {
      expect(bytes).toBe(2);
      const next = queue.shift() as number;
      return Uint8Array.of(next >> 8, next & 0xff);
    },
    { left: () => queue.length },
  );
}

describe('a passphrase', () => {
  it('of base32 is the symbols that were drawn, with their checks', async () => {
    const numbers = Array.from({ length: 26 }, (_, i) => i * 2_113);
    const random = giving(...numbers);
    const body = numbers.map((number) => number % 32);
    const { written } = await generateWith({ random, digest });
    expect(written).toBe(writePassphrase('base32', [...body, ...checksOf('base32', body)]));
    expect(random.left()).toBe(0);
  });

  it('of Unicode draws again what would favour some characters', async () => {
    // 62,706 is three times 20,902: from there on the first characters would come more often.
    const random = giving(62_706, 62_705, 65_535, 0, 20_901, 20_902, 1, 2, 3, 4, 5, 6);
    const body = [20_901, 0, 20_901, 0, 1, 2, 3, 4, 5, 6];
    const { written } = await generateWith({ random, digest }, { style: 'unicode' });
    expect(written).toBe(writePassphrase('unicode', [...body, ...checksOf('unicode', body)]));
    expect(random.left()).toBe(0);
  });

  it('of Unicode is drawn again where a check symbol is one that no character stands for', async () => {
    const unwritable = Array.from({ length: 20_902 }, (_, last) => [1, 2, 3, 4, 5, 6, 7, 8, 9, last]).find(
      (body) => hasUnwritable(body),
    ) as number[];
    const second = [9, 8, 7, 6, 5, 4, 3, 2, 1, 0];
    expect(checksOf('unicode', unwritable)).toContain(20_902);
    const random = giving(...unwritable, ...second);
    const { written } = await generateWith({ random, digest }, { style: 'unicode' });
    expect(written).toBe(writePassphrase('unicode', [...second, ...checksOf('unicode', second)]));
  });

  it.each([12, 24] as const)(
    'of %i words is the mnemonic of BIP 39, its checksum included',
    async (words) => {
      await fc.assert(
        fc.asyncProperty(
          fc.uint8Array({ minLength: (words * 4) / 3, maxLength: (words * 4) / 3 }),
          async (entropy) => {
            const random = (bytes: number): Bytes => {
              expect(bytes).toBe(entropy.length);
              return Uint8Array.from(entropy);
            };
            const body = mnemonicOf(entropy);
            const { body: carried, written } = await generateWith(
              { random, digest },
              { style: 'words', words },
            );
            expect(written).toBe(writePassphrase('words', [...body, ...checksOf('words', body)]));
            expect(carried).toBe(writePassphrase('words', body));
          },
        ),
      );
    },
  );

  it('of words wipes the entropy', async () => {
    const entropy = new Uint8Array(16).fill(7);
    await generateWith({ random: () => entropy, digest }, { style: 'words' });
    expect(entropy).toEqual(new Uint8Array(16));
  });

  it('is known for what it is, whatever was drawn, and goes into the derivation as the oracle has it', async () => {
    await fc.assert(
      fc.asyncProperty(anyForm, async ({ form, seed }) => {
        const generated = await drawn(form, seed);
        expect(recognise(generated.written)).toEqual(generated);
        expect(normOfNew(generated.written)).toBe(generated.norm);
        expect(normalisePassphrase(generated.norm, generated.written)).toEqual(
          kdfInput(generated.norm, generated.written),
        );
        for (const form of ['NFC', 'NFD', 'NFKC', 'NFKD'])
          expect(generated.written.normalize(form)).toBe(generated.written);
      }),
      { numRuns: 300 },
    );
  });

  it.each(FORMS.map((form) => ({ form, name: nameOf(form) })))(
    'is another every time: $name',
    async ({ form }) => {
      const many = await Promise.all(Array.from({ length: 50 }, () => generatePassphrase(form)));
      expect(new Set(many).size).toBe(50);
      for (const passphrase of many) expect(recognise(passphrase)?.style).toBe(form.style);
    },
  );

  it('is of base32 unless asked otherwise, and of 12 words', async () => {
    expect(await generatePassphrase()).toMatch(/^[0-9A-HJKMNP-TV-Z]{5}(?:-[0-9A-HJKMNP-TV-Z]{5}){5}$/);
    expect((await generatePassphrase({ style: 'words' })).split(' ')).toHaveLength(14);
    expect((await generatePassphrase({ style: 'words', words: 24 })).split(' ')).toHaveLength(26);
  });

  it('spreads over its alphabet: every symbol of base32 about as often', async () => {
    const counts = new Map<string, number>();
    for (let i = 0; i < 500; i++)
      for (const symbol of (await drawn({}, `even ${i}`)).body)
        counts.set(symbol, (counts.get(symbol) ?? 0) + 1);
    // 13,000 draws over 32: 406 each, with a deviation of 20.
    expect(counts.size).toBe(32);
    for (const count of counts.values()) expect(Math.abs(count - 406)).toBeLessThan(120);
  });

  it('is not drawn for a style, or a number of words, that there is not', async () => {
    for (const options of [
      { style: 'hex' },
      { style: 'toString' },
      { style: 'words', words: 15 },
      { style: 'unicode', words: 12 },
      { words: 24 },
    ])
      await expect(generatePassphrase(options as never)).rejects.toBeInstanceOf(InvalidPassphraseError);
  });
});

it('the checksum of BIP 39 is in the words: those of its own test vectors', async () => {
  const ofZeros = await generateWith(
    { random: (bytes) => new Uint8Array(bytes), digest },
    { style: 'words' },
  );
  expect(ofZeros.body).toBe(`${'abandon '.repeat(11)}about`);
  const ofOnes = await generateWith(
    { random: (bytes) => new Uint8Array(bytes).fill(0xff), digest },
    { style: 'words' },
  );
  expect(ofOnes.body).toBe(`${'zoo '.repeat(11)}wrong`);
  expect((createHash('sha256').update(new Uint8Array(16)).digest()[0] as number) >> 4).toBe(3); // 'about' is number 3
});

/** By the linearity of the code, cheaper than asking for every body. */
function hasUnwritable(body: readonly number[]): boolean {
  const [zero, one] = [baseChecks(0), baseChecks(1)];
  const last = body.at(-1) as number;
  return zero.some(
    (value, i) => (value + last * (((one[i] as number) - value + 20_903) % 20_903)) % 20_903 === 20_902,
  );
}

const known = new Map<number, number[]>();
function baseChecks(last: number): number[] {
  const found = known.get(last) ?? checksOf('unicode', [1, 2, 3, 4, 5, 6, 7, 8, 9, last]);
  known.set(last, found);
  return found;
}
