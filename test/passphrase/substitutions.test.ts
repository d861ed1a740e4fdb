/** Every character that is another one and every two neighbours that changed places, in 1,000 passphrases of each style. */
import { beforeAll, describe, expect, it } from 'vitest';
import { wordNumber } from '../../src/passphrase/bip39-english.js';
import { isCodeWord } from '../../src/passphrase/check-code.js';
import { checkPassphrase, damageOf, normalisePassphrase } from '../../src/passphrase/normalise.js';
import { type Generated, type Style, readGenerated, styleNamed } from '../../src/passphrase/styles.js';
import { FORMS, joined, manyDrawn, nameOf, partsOf } from './support.js';

const COUNT = 1_000;
const CROCKFORD = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
const LETTERS = 'abcdefghijklmnopqrstuvwxyz';
/** What stands in for a character, beside those of the style's own alphabet. */
const STRANGERS = [' ', '-', '?', '*', 'u', 'U', 'é', '\ufffd', '中', '\u{20000}', '\n'];

const known = new Map<string, string[]>();

/** The letters that make another word of the list of this one, in this place. */
function lettersThatCount(word: string, place: number): string[] {
  const asked = `${word} ${place}`;
  const found =
    known.get(asked) ??
    [...LETTERS].filter((letter) => wordNumber(replaced(word, place, letter)) !== undefined);
  known.set(asked, found);
  return found;
}

function replaced(text: string, place: number, by: string): string {
  return text.slice(0, place) + by + text.slice(place + 1);
}

function swapped<T>(list: readonly T[], place: number): T[] {
  return list.toSpliced(place, 2, list[place + 1] as T, list[place] as T);
}

describe.each(FORMS.map((form) => ({ form, name: nameOf(form) })))(
  'of 1,000 passphrases: $name',
  ({ form }) => {
    const row: Style = styleNamed(form.style as Generated['style']);
    let all: Generated[];
    beforeAll(async () => {
      all = await manyDrawn(form, COUNT);
    });

    /** Whether the text would be taken for a passphrase, and another than this one. */
    const isMissed = (text: string, generated: Generated): boolean => {
      const read = readGenerated(row, text);
      return read !== undefined && read.body !== generated.body;
    };

    it('no character that is another one is missed', () => {
      const missed: string[] = [];
      all.forEach((generated, i) => {
        const { written } = generated;
        for (let place = 0; place < written.length; place++)
          // What is no symbol is refused in one passphrase as in the other: a few are enough for all that it can be.
          for (const other of i < 10
            ? [...everyOther(i), ...STRANGERS]
            : othersThatCount(written, place, i)) {
            const text = replaced(written, place, other);
            if (isMissed(text, generated)) missed.push(text);
          }
      });
      expect(missed).toEqual([]);
    }, 120_000);

    const everyOther = (i: number): string[] => {
      if (form.style === 'words') return [...LETTERS];
      if (form.style === 'base32') return [...CROCKFORD];
      // Another 40 of the 20,901; all of them for one passphrase, below.
      return Array.from({ length: 40 }, (_, n) =>
        String.fromCharCode(0x4e00 + ((i * 7919 + n * 523) % 20_902)),
      );
    };

    /** Characters that make a symbol of what stands there: of a word, those that make another word of the list. */
    const othersThatCount = (written: string, place: number, i: number): string[] => {
      if (form.style !== 'words') return everyOther(i);
      const start = written.lastIndexOf(' ', place) + 1;
      const word = written.slice(start).split(' ')[0] as string;
      return lettersThatCount(word, place - start);
    };

    it('no symbol that is any other one is missed', () => {
      const [first] = all as [Generated];
      const symbols = row.read(first.written);
      let missed = 0;
      for (let place = 0; place < symbols.length; place++)
        for (let other = 0; other < row.code.field.size; other++)
          if (other !== symbols[place] && isCodeWord(row.code, symbols.with(place, other))) missed++;
      expect(missed).toBe(0);
    });

    it('no two neighbours that changed places are missed: characters as they are written, and symbols', () => {
      const missed: string[] = [];
      for (const generated of all) {
        const characters = Array.from(generated.written);
        const parts = partsOf(generated.style, generated.written);
        const texts = [
          ...characters.slice(1).map((_, place) => swapped(characters, place).join('')),
          ...parts.slice(1).map((_, place) => joined(generated.style, swapped(parts, place))),
        ];
        missed.push(...texts.filter((text) => isMissed(text, generated)));
      }
      expect(missed).toEqual([]);
    });

    it('two symbols that changed places are called so, and a symbol that is another one is called so', () => {
      const told = new Set<string | undefined>();
      for (const { style, written } of all.slice(0, form.style === 'words' ? 5 : 25)) {
        const parts = partsOf(style, written);
        for (let place = 0; place + 1 < parts.length; place++) {
          if (parts[place] === parts[place + 1]) continue;
          const text = joined(style, swapped(parts, place));
          expect(checkPassphrase(text)).toEqual({ style, damage: 'swapped' });
          expect(damageOf(text)).toBe('swapped');
        }
        for (let place = 0; place < parts.length; place++) {
          const other = (parts.find((part) => part !== parts[place]) as string) ?? '';
          told.add(checkPassphrase(joined(style, parts.with(place, other))).damage);
        }
      }
      expect([...told]).toEqual(['substituted']);
    });

    it('every single change is told for sure, in whatever words: no form field and no file takes it for a person’s own', () => {
      const alphabet = form.style === 'words' ? 'aeorz ' : '0123456789AKZ ';
      const missed: string[] = [];
      for (const generated of all.slice(0, form.style === 'words' ? 1 : 10)) {
        const { norm, written } = generated;
        const changed = new Set<string>();
        for (let place = 0; place < written.length; place++) {
          for (const other of form.style === 'unicode' ? ['一', '龥', '?', 'a', ' '] : alphabet)
            changed.add(replaced(written, place, other));
          if (place > 0) changed.add(swapped(Array.from(written), place - 1).join(''));
        }
        for (const text of changed) {
          if (readGenerated(row, text)) continue; // a hyphen that has moved, a space beside another
          if (checkPassphrase(text).damage === undefined) missed.push(text);
          expect(() => normalisePassphrase(norm, text)).toThrow(
            expect.objectContaining({ code: 'passphrase-damaged' }),
          );
        }
      }
      expect(missed).toEqual([]);
    }, 120_000);
  },
);
