import { englishWords } from './bip39-english.js';
import { isIdeograph } from './everyday.js';
import { recognise } from './styles.js';

/** What {@link estimateStrength} says. */
export interface StrengthEstimate {
  /** An upper bound, in whole bits: a guesser needs no more than about 2^bits tries. Exact for a generated passphrase. */
  readonly bits: number;
  /** What makes it weaker than its length suggests; constant text, fit for showing. */
  readonly hints: readonly string[];
}

/** A piece that a guesser would try as one: from `start`, of `length` characters, at the price of `bits`. */
interface Piece {
  readonly length: number;
  readonly bits: number;
  /** Said where the piece is long enough to matter. */
  readonly hint?: string;
}

const HINTS = Object.freeze({
  common: 'It contains one of the most common passwords, or the beginning of one.',
  word: 'Words of a list count as little as their place in it. More words help, drawn by chance.',
  repeat: 'It repeats itself.',
  run: 'It contains a run such as abcd or 4321.',
  row: 'It contains neighbours from a row of keys, such as qwerty.',
  year: 'It contains a year.',
  short: 'It can be guessed by who has a copy of the keyring. Let generatePassphrase draw one, or add words.',
});
/** A piece of fewer characters is no pattern, but chance. */
const MIN_TOLD = 4;
/** What it costs to say which of the six kinds of pattern a piece is. */
const KIND_BITS = Math.log2(6);
/** Below it, a guesser with a copy of the keyring and time gets there: 250,000 iterations add 18 bits. */
const STRONG_BITS = 70;
/** No passphrase has more; what stands after it counts for nothing. */
const MAX_CHARACTERS = 1_024;

// The most common passwords of every list of leaked ones. Most are found as beginnings of longer ones too.
const COMMON =
  'password 123456 123456789 qwerty 111111 abc123 letmein iloveyou admin welcome monkey dragon football baseball sunshine princess master shadow superman batman michael jordan hunter trustno1 login starwars whatever freedom secret summer winter spring autumn hello changeme default root test guest access passwort hallo schatz motdepasse bonjour azerty contrasena hola senha parola geheim 123123 654321 666666 000000 121212 112233 1q2w3e4r 1qaz2wsx zaq12wsx qazwsx asdfgh zxcvbn mustang charlie thomas george jessica jennifer michelle daniel ashley nicole pepper ginger cookie cheese computer internet samsung google facebook liverpool chelsea arsenal ferrari yamaha corvette harley ranger soccer hockey killer flower lovely loveme angel jesus company database'.split(
    ' ',
  );
/** How common passwords are disguised. */
const DISGUISES: Readonly<Record<string, string>> = Object.freeze({
  '0': 'o',
  '1': 'i',
  '3': 'e',
  '4': 'a',
  '5': 's',
  '7': 't',
  '@': 'a',
  $: 's',
  '!': 'i',
});
const ROWS = ['qwertyuiop', 'qwertzuiop', 'azertyuiop', 'asdfghjkl', 'zxcvbnm', '1234567890', 'qazwsxedcrfv'];
const YEAR = /^(?:1|19|19[0-9]|19[0-9]{2}|2|20|20[0-9]|20[0-9]{2})$/;
const YEARS = 200;

// How many characters of each kind there are to choose from.
const ASCII_KINDS: readonly (readonly [kind: RegExp, size: number])[] = [
  [/[a-z]/, 26],
  [/[A-Z]/, 26],
  [/[0-9]/, 10],
  [/[ -/:-@[-`{-~]/, 33],
];
const OTHER_LETTERS = 100;
const EVERYDAY_IDEOGRAPHS = 2_500;
const OTHER_CHARACTERS = 1_000;

/**
 * How strong a new passphrase is at most. For the moment when one is chosen: opening never asks, so that a passphrase
 * that was accepted once opens its keyring for ever.
 *
 * The bound is the price of the cheapest way to write the text as common passwords, words of a list, repeats, runs,
 * rows of keys, years, and single characters. A guesser who knows more (a quotation, a name, another password of the
 * same person) needs less. Generated passphrases give exactly what was drawn: 130, 143, 128 or 256 bits.
 * Another character never makes it less, but where it completes a generated passphrase.
 *
 * @example
 * ```ts
 * import { estimateStrength } from 'cellseal/passphrase';
 *
 * estimateStrength('Passw0rd2024').bits < 25; // → true
 * ```
 */
export function estimateStrength(passphrase: string): StrengthEstimate {
  const generated = recognise(passphrase);
  if (generated) return { bits: generated.bits, hints: [] };
  const characters = Array.from(passphrase).slice(0, MAX_CHARACTERS);
  const pieces = cheapest(characters);
  const bits = Math.floor(pieces.reduce((sum, piece) => sum + piece.bits, 0));
  const told = pieces.flatMap(({ hint, length }) => (hint !== undefined && length >= MIN_TOLD ? [hint] : []));
  return { bits, hints: [...new Set([...told, ...(bits < STRONG_BITS ? [HINTS.short] : [])])] };
}

/**
 * The cheapest pieces that make up the text. For every piece that is offered, each of its beginnings is offered too and
 * costs no more: so another character at the end never makes the whole cheaper.
 */
function cheapest(characters: readonly string[]): Piece[] {
  const prices = new Array<number>(characters.length + 1).fill(Number.POSITIVE_INFINITY);
  const ways = new Array<Piece | undefined>(characters.length + 1);
  const single = singlePrices(characters);
  const copied = longestCopies(characters);
  prices[0] = 0;
  for (let start = 0; start < characters.length; start++) {
    for (const piece of piecesAt(characters, start, single, copied[start] as number)) {
      const price = (prices[start] as number) + piece.bits;
      if (price >= (prices[start + piece.length] as number)) continue;
      prices[start + piece.length] = price;
      ways[start + piece.length] = piece;
    }
  }
  const path: Piece[] = [];
  for (let end = characters.length; end > 0; end -= (ways[end] as Piece).length)
    path.push(ways[end] as Piece);
  return path.reverse();
}

function* piecesAt(
  characters: readonly string[],
  start: number,
  single: readonly number[],
  copied: number,
): Generator<Piece> {
  const own = single[start] as number;
  yield { length: 1, bits: own };
  for (const piece of patternsAt(characters, start, own, copied))
    yield { ...piece, bits: piece.bits + KIND_BITS };
}

function* patternsAt(
  characters: readonly string[],
  start: number,
  own: number,
  copied: number,
): Generator<Piece> {
  for (let length = 1; length <= copied; length++)
    yield { length, bits: Math.log2(start) + Math.log2(length) + 1, hint: HINTS.repeat };
  for (let length = 2; length <= runAt(characters, start); length++)
    yield { length, bits: own + 1 + Math.log2(length), hint: HINTS.run };
  yield* wordsAt(characters, start);
  for (let length = 1; length <= 4 && start + length <= characters.length; length++)
    if (YEAR.test(characters.slice(start, start + length).join('')))
      yield { length, bits: Math.log2(YEARS), hint: HINTS.year };
}

/** Common passwords, rows of keys and words of BIP 39's list, and every beginning of one. */
function* wordsAt(characters: readonly string[], start: number): Generator<Piece> {
  const common = Math.log2(COMMON.length);
  for (const word of COMMON) yield* beginnings(characters, start, word, common, HINTS.common);
  for (const row of ROWS) {
    for (let from = 0; from < row.length; from++) {
      const forwards = row.slice(from);
      const backwards = Array.from(row.slice(0, from + 1))
        .reverse()
        .join('');
      for (const keys of [forwards, backwards])
        yield* beginnings(characters, start, keys, Math.log2(2 * ROWS.length * 10), HINTS.row);
    }
  }
  for (const word of wordsLike(characters, start))
    yield* beginnings(characters, start, word, Math.log2(englishWords().length), HINTS.word);
}

/** What the text and a word have in common, from their first characters on; capitals and disguises cost a bit each. */
function* beginnings(
  characters: readonly string[],
  start: number,
  word: string,
  price: number,
  hint: string,
): Generator<Piece> {
  let bits = price;
  for (let length = 1; length <= word.length; length++) {
    const character = characters[start + length - 1];
    const wanted = word[length - 1] as string;
    if (character === undefined) return;
    if (character !== wanted) {
      if (character.toLowerCase() !== wanted && DISGUISES[character] !== wanted) return;
      bits += 1;
    }
    yield { length, bits, hint };
  }
}

/** The words of the list with the longest beginning that stands here: one is enough, and no other is longer. */
function wordsLike(characters: readonly string[], start: number): readonly string[] {
  const text = characters
    .slice(start, start + 8)
    .map((character) => DISGUISES[character] ?? character.toLowerCase())
    .join('');
  const words = englishWords();
  let low = 0;
  let high = words.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((words[middle] as string) < text) low = middle + 1;
    else high = middle;
  }
  // In the order of the alphabet, the longest common beginning is with a neighbour.
  return words.slice(Math.max(0, low - 1), low + 1);
}

/** What each character costs that belongs to nothing: the kinds of ASCII that the whole text has count together. */
function singlePrices(characters: readonly string[]): number[] {
  const ascii = characters.filter((character) => character <= '\x7f').join('');
  const pool = ASCII_KINDS.reduce((sum, [kind, size]) => sum + (kind.test(ascii) ? size : 0), 0);
  return characters.map((character) => {
    if (character <= '\x7f') return Math.log2(Math.max(pool, 1));
    if (isIdeograph(character)) return Math.log2(EVERYDAY_IDEOGRAPHS);
    return Math.log2(/\p{L}/u.test(character) ? pool + OTHER_LETTERS : OTHER_CHARACTERS);
  });
}

/** From each place on, how many characters have stood before, one after the other. */
function longestCopies(characters: readonly string[]): number[] {
  const longest = new Array<number>(characters.length).fill(0);
  let next = new Array<number>(characters.length + 1).fill(0);
  for (let start = characters.length - 1; start > 0; start--) {
    const here = new Array<number>(characters.length + 1).fill(0);
    for (let earlier = 0; earlier < start; earlier++) {
      if (characters[earlier] !== characters[start]) continue;
      // `next` has the pair after this one; it begins before `start + 1`, as this one begins before `start`.
      here[earlier] = (next[earlier + 1] as number) + 1;
      longest[start] = Math.max(longest[start] as number, here[earlier] as number);
    }
    next = here;
  }
  return longest;
}

/** How many characters, from here on, follow each other in their code points, up or down. */
function runAt(characters: readonly string[], start: number): number {
  const code = (place: number): number => characters[place]?.codePointAt(0) ?? Number.NaN;
  const step = code(start + 1) - code(start);
  if (Math.abs(step) !== 1) return 1;
  let length = 2;
  while (code(start + length) - code(start + length - 1) === step) length++;
  return length;
}
