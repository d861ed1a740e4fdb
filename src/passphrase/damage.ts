import type { PassphraseDamage } from '../errors.js';
import { englishWords, wordNumber } from './bip39-english.js';
import { NO_SYMBOL, isCodeWord, placeOfOneError } from './check-code.js';
import { isIdeograph, looksDrawn } from './everyday.js';
import { styleBehind } from './mojibake.js';
import {
  type PassphraseStyle,
  STYLES,
  type Style,
  isGenerated,
  lengthsOf,
  recognise,
  wordsOf,
} from './styles.js';

/** What has become of a generated passphrase. Nothing is said of where, or of what it was. */
export interface Finding {
  readonly style: PassphraseStyle;
  readonly damage: PassphraseDamage;
  /**
   * Nothing else explains the text, so a file that holds it may be refused. Otherwise it may be a person's own, and
   * the finding is worth saying only after no slot has opened.
   */
  readonly isCertain: boolean;
}

/** Longer than any passphrase with a note beside it. */
const MAX_CHARACTERS = 16_384;
const GROUPS = /^[0-9A-Z]{5}(?:-[0-9A-Z]{5}){5}$/;
const CROCKFORD_GROUP = /^[0-9A-HJKMNP-TV-Z]*$/;
const LETTERS = 'abcdefghijklmnopqrstuvwxyz';
const GROUP_SYMBOLS = 5;
const BASE32_SYMBOLS = 30;
const UNICODE_SYMBOLS = 12;
/** Fewer words than these are a person's own, whatever list they are from. */
const MIN_WORDS = 8;
/** The last of them being half a word. */
const MIN_WORDS_CUT = 6;
/** More words than a short mnemonic has: somebody's own, of this list alone, is not to be expected. */
const MANY_WORDS = 13;
/** How many words BIP 39's own mnemonics have, which other programs write. */
const MNEMONICS = [12, 15, 18, 21, 24];
/** So many marks that something was lost (U+FFFD) may be in a passphrase of a person's own. */
const FEW_LOST = 2;
/** So many words of 14 or 26 may be on no list. */
const MAX_UNLISTED = 2;

// What the check symbols say stands before what the mere shape does, and what is ASCII before what it may have been.
const LOOKS = [inQuestionMarks, ofCode, inGroups, inWords, inMojibake, inIdeographs];

/** What has become of a generated passphrase that the text once was; `undefined` for a whole one, and for a person's own. */
export function findDamage(text: string): Finding | undefined {
  if (text.length > MAX_CHARACTERS || recognise(text)) return undefined;
  let likely: Finding | undefined;
  for (const look of LOOKS) {
    const found = look(text);
    if (found?.isCertain) return found;
    likely ??= found;
  }
  return likely;
}

/** Whether it is written as the base32 style is, six groups of five, at least one digit, and is not right. */
export function isDamagedInGroups(text: string): boolean {
  const written = text.trim();
  const capitals = written.toUpperCase();
  const isOneCase = written === capitals || written === written.toLowerCase();
  return isOneCase && GROUPS.test(capitals) && /[0-9]/.test(written) && !recognise(text);
}

/** An encoding without Chinese characters (ANSI) writes a question mark for each. */
function inQuestionMarks(text: string): Finding | undefined {
  const characters = Array.from(text.replace(/\s/g, ''));
  const lost = characters.filter((character) => character === '?').length;
  if (lost === 0 || !characters.every((character) => character === '?' || isIdeograph(character)))
    return undefined;
  if (lost === characters.length)
    return { style: 'unicode', damage: 'question-marks', isCertain: lost >= UNICODE_SYMBOLS };
  // A code page of East Asia has some of them.
  if (characters.length !== UNICODE_SYMBOLS) return undefined;
  const isCertain = lost >= UNICODE_SYMBOLS / 2 || looksDrawn(characters);
  return { style: 'unicode', damage: 'question-marks', isCertain };
}

/** What the check symbols themselves can tell: a step away from a passphrase, or one with something beside it. */
function ofCode(text: string): Finding | undefined {
  const twice = recognise(text.slice(text.length / 2));
  if (twice && recognise(text.slice(0, text.length / 2))?.written === twice.written)
    return { style: twice.style, damage: 'lengthened', isCertain: true };
  for (const style of STYLES) {
    const symbols = style.read(text);
    const damage =
      (style.style === 'words' ? ofLetters(style, text) : undefined) ??
      lengthsOf(style)
        .map((length) => ofSymbols(style, symbols, length))
        .find((found) => found !== undefined);
    if (damage) return { style: style.style, damage, isCertain: true };
  }
  return undefined;
}

function ofSymbols(style: Style, symbols: readonly number[], length: number): PassphraseDamage | undefined {
  const { code } = style;
  if (symbols.length === length) {
    if (symbols.some((_, place) => isCodeWord(code, swapped(symbols, place)))) return 'swapped';
    return placeOfOneError(code, symbols) === undefined ? undefined : 'substituted';
  }
  if (symbols.length === length - 1) {
    const fits = (place: number): boolean =>
      placeOfOneError(code, symbols.toSpliced(place, 0, NO_SYMBOL)) === place;
    return Array.from({ length }, (_, place) => place).some(fits) ? 'truncated' : undefined;
  }
  if (symbols.length < length) return undefined;
  const isOneMore = symbols.length === length + 1;
  if (isOneMore && symbols.some((_, place) => isCodeWord(code, symbols.toSpliced(place, 1))))
    return 'lengthened';
  for (let from = 0; from + length <= symbols.length; from++)
    if (isCodeWord(code, symbols.slice(from, from + length))) return 'lengthened';
  return undefined;
}

/** Words are damaged by letters, and by the spaces between them. */
function ofLetters(style: Style, text: string): PassphraseDamage | undefined {
  const words = wordsOf(text);
  const lengths = lengthsOf(style);
  const isNear = lengths.some((length) => Math.abs(words.length - length) <= 1);
  if (!isNear) return undefined;
  const isWhole = (candidate: string): boolean => isGenerated(style, style.read(candidate));
  const characters = Array.from(words.join(' '));
  for (let place = 1; place < characters.length; place++)
    if (isWhole(swapped(characters, place - 1).join(''))) return 'swapped';
  for (const [place, word] of words.entries()) {
    // A letter that became a space has made two words of one …
    const joined = (letter: string): string =>
      words.toSpliced(place, 2, word + letter + words[place + 1]).join(' ');
    if (lengths.includes(words.length - 1) && Array.from(LETTERS).some((letter) => isWhole(joined(letter))))
      return 'substituted';
    // … and a space that became a letter, or went, one of two.
    for (let cut = 1; cut < word.length; cut++) {
      if (!isListed(word.slice(0, cut))) continue;
      const split = (next: number): string =>
        words.toSpliced(place, 1, word.slice(0, cut), word.slice(next)).join(' ');
      if (isWhole(split(cut + 1))) return 'substituted';
      if (isWhole(split(cut))) return 'truncated';
    }
  }
  return undefined;
}

/** Read in one encoding and saved in another. */
function inMojibake(text: string): Finding | undefined {
  const style = styleBehind(text, styleOfShape);
  if (style) return { style, damage: 'mojibake', isCertain: true };
  const lost = text.split('\ufffd').length - 1;
  return lost > 0 ? { style: 'unicode', damage: 'mojibake', isCertain: lost > FEW_LOST } : undefined;
}

/** The wrong reading loses the last byte of an odd number. */
function styleOfShape(text: string): PassphraseStyle | undefined {
  const found = inGroups(text) ?? inWords(text);
  return found?.isCertain ? found.style : undefined;
}

/** The shape of the base32 style, several symbols being wrong or missing. */
function inGroups(text: string): Finding | undefined {
  const found = (damage: PassphraseDamage, isCertain: boolean): Finding => ({
    style: 'base32',
    damage,
    isCertain,
  });
  if (isDamagedInGroups(text)) return found('altered', true);
  const groups = text.trim().split('-');
  const inner = groups.slice(1, -1);
  const symbols = groups.join('').length;
  const isInGroups =
    groups.length > 1 &&
    groups.every((group) => group.length <= GROUP_SYMBOLS && CROCKFORD_GROUP.test(group)) &&
    inner.every((group) => group.length === GROUP_SYMBOLS) &&
    /[0-9]/.test(text);
  if (!isInGroups || symbols <= GROUP_SYMBOLS) return undefined;
  if (symbols > BASE32_SYMBOLS) return found('lengthened', false);
  // Other programs write keys in whole groups of five; none ends in the middle of one, or with a hyphen.
  const isWhole = groups.every((group) => group.length === GROUP_SYMBOLS);
  return found('truncated', inner.length > 0 && !isWhole);
}

/** The Unicode style, several characters being wrong or missing: only by how rare the characters are. */
function inIdeographs(text: string): Finding | undefined {
  const characters = Array.from(text.replace(/\s/g, ''));
  if (!characters.every(isIdeograph) || !looksDrawn(characters)) return undefined;
  const more = characters.length - UNICODE_SYMBOLS;
  return {
    style: 'unicode',
    damage: more < 0 ? 'truncated' : more > 0 ? 'lengthened' : 'altered',
    isCertain: true,
  };
}

/** Words of the list, several being wrong or missing. */
function inWords(text: string): Finding | undefined {
  const found = (damage: PassphraseDamage, isCertain: boolean): Finding => ({
    style: 'words',
    damage,
    isCertain,
  });
  const words = wordsOf(text);
  const unlisted = words.filter((word) => !isListed(word));
  if ([14, 26].includes(words.length))
    return unlisted.length <= MAX_UNLISTED ? found('altered', true) : undefined;
  if (unlisted.length === 0) {
    if (words.length < MIN_WORDS) return undefined;
    if (words.length > 26) return found('lengthened', false);
    return found('truncated', words.length >= MANY_WORDS && !MNEMONICS.includes(words.length));
  }
  const isCut = unlisted.length === 1 && words.length >= MIN_WORDS_CUT && words.length < 26;
  return isCut && isCutWord(words.at(-1) as string) ? found('truncated', true) : undefined;
}

function isListed(word: string): boolean {
  return wordNumber(word) !== undefined;
}

function isCutWord(word: string): boolean {
  return !isListed(word) && englishWords().some((listed) => listed.startsWith(word));
}

function swapped<T>(list: readonly T[], place: number): T[] {
  return place + 1 < list.length
    ? list.toSpliced(place, 2, list[place + 1] as T, list[place] as T)
    : [...list];
}
