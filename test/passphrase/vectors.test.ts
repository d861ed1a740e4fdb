/** passphrases.json through the library and through the oracle; both agree, also on what neither has seen. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeHex, hex } from '../../src/bytes.js';
import { CellsealError, PassphraseDamagedError } from '../../src/errors.js';
import { englishWords } from '../../src/passphrase/bip39-english.js';
import { readPassphraseFile } from '../../src/passphrase/file.js';
import { damageOf, normOfNew, normalisePassphrase } from '../../src/passphrase/index.js';
import { readGenerated, styleNamed, withChecks } from '../../src/passphrase/styles.js';
import { toAsciiJson } from '../oracle/make-vectors.js';
import {
  STYLES,
  WORDS,
  agrees,
  checksOf,
  kdfInput,
  normForNew,
  normOfStyle,
  readSymbols,
  writePassphrase,
} from '../oracle/passphrase.js';
import { type GeneratedVectors, makeGeneratedVectors } from '../oracle/passphrase-vectors.js';
import { readVectors } from '../oracle/vectors.js';

const vectors = readVectors<GeneratedVectors>('passphrases.json');

/** The error that the work ends with; `success` where it does not. */
function refusalOf(work: () => unknown): string | { readonly code: string; readonly damage?: string } {
  try {
    work();
    return 'success';
  } catch (error) {
    if (error instanceof PassphraseDamagedError) return { code: error.code, damage: error.damage };
    if (error instanceof CellsealError) return { code: error.code };
    throw error;
  }
}

describe('passphrases.json', () => {
  it('is what passphrase-vectors.ts makes', () => {
    const file = readFileSync(new URL('../vectors/passphrases.json', import.meta.url), 'utf8');
    expect(file).toBe(toAsciiJson(makeGeneratedVectors()));
  });

  it.each(vectors.generated)('$name is written so, and goes into the derivation so', (vector) => {
    const { kdfInput: expected, norm, passphrase, style, symbols } = vector;
    const row = styleNamed(style);
    const body = symbols.slice(0, -row.code.checks);
    expect(withChecks(row, body)).toMatchObject({ written: passphrase, norm, style });
    expect(row.read(passphrase)).toEqual(symbols);
    expect(hex(normalisePassphrase(norm, passphrase))).toBe(expected);
    expect(normOfNew(passphrase)).toBe(norm);
    expect(damageOf(passphrase)).toBeUndefined();
  });

  it.each(vectors.spellings)('$name is another spelling', ({ kdfInput: expected, norm, passphrase }) => {
    expect(hex(normalisePassphrase(norm, passphrase))).toBe(expected);
    expect(hex(kdfInput(norm, passphrase))).toBe(expected);
  });

  it.each(vectors.refused)('$name is refused, with the cause', ({ damage, norm, passphrase }) => {
    const refusal = { code: 'passphrase-damaged', damage };
    expect(refusalOf(() => normalisePassphrase(norm, passphrase))).toEqual(refusal);
    expect(() => kdfInput(norm, passphrase)).toThrow();
  });

  it.each(vectors.creation)('$name becomes a slot of this norm, or none', ({ norm, passphrase }) => {
    const refusal = refusalOf(() => normOfNew(passphrase));
    expect(typeof refusal === 'string' ? normOfNew(passphrase) : refusal.code).toBe(norm);
    expect(normForNew(passphrase)).toBe(norm);
  });

  it.each(vectors.files)('$name is read so', ({ bytes, damage, expect: code, read }) => {
    const content = decodeHex(bytes);
    if (read) expect(readPassphraseFile(content)).toEqual(read);
    else if (damage) expect(refusalOf(() => readPassphraseFile(content))).toEqual({ code, damage });
    else expect(refusalOf(() => readPassphraseFile(content))).toEqual({ code });
  });

  it('has a case of every damage, of every norm, and of every encoding', () => {
    const damages = new Set([...vectors.refused, ...vectors.files].flatMap(({ damage }) => damage ?? []));
    expect([...damages].sort()).toEqual([
      'altered',
      'lengthened',
      'mojibake',
      'question-marks',
      'substituted',
      'swapped',
      'truncated',
      'undecodable',
    ]);
    expect([...new Set(vectors.creation.map(({ norm }) => norm))].sort()).toEqual([
      'cjk-1',
      'crockford-1',
      'invalid-passphrase',
      'opaque-1',
      'passphrase-damaged',
      'words-1',
    ]);
    const encodings = new Set(
      vectors.files.flatMap(({ read }) => (read ? [`${read.style} ${read.encoding}`] : [])),
    );
    expect(encodings.size).toBe(12);
  });
});

describe('the oracle', () => {
  it.each(vectors.generated)('writes $name, and derives from it', (vector) => {
    const { kdfInput: expected, norm, passphrase, style, symbols } = vector;
    expect(writePassphrase(style, symbols)).toBe(passphrase);
    expect(readSymbols(style, passphrase)).toEqual(symbols);
    expect(agrees(style, symbols)).toBe(true);
    expect(hex(kdfInput(norm, passphrase))).toBe(expected);
    expect(normOfStyle(style)).toBe(norm);
  });

  it('has the list of BIP 39, and so has the library', () => {
    const hash = createHash('sha256')
      .update(`${WORDS.join('\n')}\n`)
      .digest('hex');
    expect(hash).toBe('2f5eed53a4727b4bf8880d8f3f199efc90e58503646d9ff8eff3a2ed3b24dbda');
    expect(englishWords()).toEqual(WORDS);
  });

  it.each(STYLES)('makes the same check symbols of any body: %s', (style) => {
    const row = styleNamed(style);
    const below = { base32: 32, unicode: 20_902, words: 2048 }[style];
    const lengths = row.bodies.map(({ symbols }) => symbols);
    const body = fc
      .constantFrom(...lengths)
      .chain((length) => fc.array(fc.nat({ max: below - 1 }), { minLength: length, maxLength: length }));
    fc.assert(
      fc.property(body, (symbols) => {
        const checks = checksOf(style, symbols);
        const isWritable = checks.every((symbol) => symbol < below);
        const written = isWritable ? writePassphrase(style, [...symbols, ...checks]) : undefined;
        expect(withChecks(row, symbols)?.written).toBe(written);
      }),
    );
  });

  it.each(STYLES)('accepts and refuses the same symbols: %s', (style) => {
    const row = styleNamed(style);
    const right = vectors.generated.filter((vector) => vector.style === style);
    fc.assert(
      fc.property(
        fc.constantFrom(...right),
        fc.array(fc.record({ place: fc.nat({ max: 25 }), by: fc.nat({ max: 31 }) }), { maxLength: 3 }),
        ({ symbols }, errors) => {
          const changed = [...symbols];
          for (const { place, by } of errors) {
            const at = place % changed.length;
            changed[at] = ((changed[at] as number) + by) % 32;
          }
          const text = writePassphrase(style, changed);
          expect(readGenerated(row, text) !== undefined).toBe(agrees(style, changed));
        },
      ),
    );
  });
});
