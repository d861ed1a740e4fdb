/** What a passphrase becomes under each norm, which norm a new slot takes, and what is told of one that opens nothing. */
import { inspect } from 'node:util';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { InvalidPassphraseError, PassphraseDamagedError } from '../../src/errors.js';
import { readPassphraseFile } from '../../src/passphrase/file.js';
import { type Norm, damageOf, isNorm, normOfNew, normalisePassphrase } from '../../src/passphrase/index.js';
import { checkPassphrase } from '../../src/passphrase/normalise.js';
import { normForNew } from '../oracle/passphrase.js';
import { FORMS, anyForm, drawn, nameOf, saved } from './support.js';

const NORMS: readonly Norm[] = ['opaque-1', 'crockford-1', 'cjk-1', 'words-1'];

function errorOf(work: () => unknown): PassphraseDamagedError | InvalidPassphraseError {
  try {
    work();
  } catch (error) {
    return error as PassphraseDamagedError;
  }
  throw new Error('nothing was refused');
}

describe('a norm', () => {
  it('is known by its own name', () => {
    expect(NORMS.every(isNorm)).toBe(true);
    for (const name of ['', 'crockford-2', 'CJK-1', 'toString', '__proto__'])
      expect(isNorm(name)).toBe(false);
  });

  it('of one style takes no passphrase of another, and opaque-1 takes every one as it stands', async () => {
    for (const form of FORMS) {
      const { norm: own, written } = await drawn(form, 'other norm');
      for (const norm of NORMS.filter((other) => other !== own && other !== 'opaque-1'))
        expect(errorOf(() => normalisePassphrase(norm, written))).toBeInstanceOf(PassphraseDamagedError);
      expect(Buffer.from(normalisePassphrase('opaque-1', written)).toString()).toBe(written);
    }
  });

  it('refuses ill-formed text before all else, and text that is far too long', () => {
    for (const norm of NORMS) {
      expect(errorOf(() => normalisePassphrase(norm, 'a\ud800'))).toBeInstanceOf(InvalidPassphraseError);
      expect(['invalid-passphrase', 'passphrase-damaged']).toContain(
        errorOf(() => normalisePassphrase(norm, 'x'.repeat(100_000))).code,
      );
    }
  });

  it('always tells a cause where it refuses', () => {
    const any = fc.string({ unit: 'binary', maxLength: 60 });
    fc.assert(
      fc.property(any, fc.constantFrom<Norm>('crockford-1', 'cjk-1', 'words-1'), (text, norm) => {
        const error = errorOf(() => normalisePassphrase(norm, text));
        expect(error).toBeInstanceOf(PassphraseDamagedError);
        expect((error as PassphraseDamagedError).damage).toMatch(/^[a-z-]+$/);
        expect(error.message).not.toBe('undefined');
      }),
    );
  });
});

describe('a new slot', () => {
  it('takes the norm that the oracle names, for whatever a person chose', () => {
    const text = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 40 }),
      fc.stringMatching(/^[0-9A-Za-z]{5}(-[0-9A-Za-z]{5}){5}$/),
      fc.stringMatching(/^[0-9A-Z]{5}(-[0-9A-Z]{5}){5}$/),
      fc.stringMatching(/^[A-Z]{5}(-[A-Z]{5}){5}$/),
    );
    fc.assert(
      fc.property(text, (passphrase) => {
        let norm: string;
        try {
          norm = normOfNew(passphrase);
        } catch (error) {
          norm = (error as InvalidPassphraseError).code;
        }
        expect(norm).toBe(normForNew(passphrase));
      }),
      { numRuns: 500 },
    );
  });

  it('is not made for base32 whose check fails, but is for what only looks a little like it', async () => {
    const { written } = await drawn({}, 'creation');
    const wrong = written.replace(/.$/, (last) => (last === '2' ? '3' : '2'));
    expect(errorOf(() => normOfNew(wrong))).toMatchObject({
      code: 'passphrase-damaged',
      damage: 'substituted',
    });
    expect(errorOf(() => normOfNew(` ${wrong.toLowerCase()}\n`))).toMatchObject({ damage: 'substituted' });
    expect(normOfNew(wrong.slice(0, -1))).toBe('opaque-1');
    expect(normOfNew('????????????')).toBe('opaque-1');
  });
});

describe('what is told of a damaged one', () => {
  it('is nothing of a whole one, and nothing of what people choose', async () => {
    await fc.assert(
      fc.asyncProperty(anyForm, async ({ form, seed }) => {
        expect(damageOf((await drawn(form, seed)).written)).toBeUndefined();
      }),
    );
    for (const text of [
      '',
      'correct horse battery staple',
      'tr0ub4dor&3',
      'Was???',
      '密码很长很长很长',
      'a'.repeat(20_000),
    ])
      expect(damageOf(text), text).toBeUndefined();
  });

  it('may be said after no slot has opened, though a file would still be read', () => {
    for (const [text, style] of [
      ['BCDFG-HJKMP-QRTVW-XY234-6789B', 'base32'],
      ['abandon ability able about above absent absorb abstract absurd abuse access accident', 'words'],
    ] as const) {
      expect(damageOf(text), style).toBe('truncated');
      expect(checkPassphrase(text)).toEqual({ style: 'own' });
      expect(readPassphraseFile(saved(text, 'utf-8')).style).toBe('own');
    }
  });

  it.each(FORMS.map((form) => ({ form, name: nameOf(form) })))(
    'holds nothing of the passphrase: $name',
    async ({ form }) => {
      const { norm, style, written } = await drawn(form, 'canary');
      const damages = [
        written.slice(0, -1),
        `${written[1]}${written[0]}${written.slice(2)}`,
        written + written,
        `CANARY ${written}`,
      ];
      for (const damaged of damages) {
        for (const work of [
          () => normalisePassphrase(norm, damaged),
          () => readPassphraseFile(saved(damaged, 'utf-8', true)),
        ]) {
          const error = errorOf(work);
          const told = [
            error.message,
            error.stack,
            inspect(error, { depth: 9 }),
            JSON.stringify(error),
            error.cause,
          ].join(' ');
          const secrets =
            style === 'words' ? [written.slice(0, 20)] : written.split('-').map((part) => part.slice(0, 4));
          for (const secret of [...secrets, 'CANARY']) expect(told).not.toContain(secret);
          expect(Object.keys(error).sort()).toEqual(['code', 'damage']);
        }
      }
    },
  );
});
