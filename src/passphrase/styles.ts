import { englishWords, wordNumber } from './bip39-english.js';
import { type CheckCode, NO_SYMBOL, checkSymbols, isCodeWord } from './check-code.js';
import { binaryField, primeField } from './field.js';

/** How a generated passphrase is written: docs/passphrases.md. */
export type PassphraseStyle = 'base32' | 'unicode' | 'words';

/** The norms of generated passphrases. */
export type GeneratedNorm = 'crockford-1' | 'cjk-1' | 'words-1';

/** A generated passphrase whose check symbols agree. */
export interface Generated {
  readonly style: PassphraseStyle;
  readonly norm: GeneratedNorm;
  /** As it is written: what is shown and saved. */
  readonly written: string;
  /** What goes into the key derivation, as text: no check symbols. */
  readonly body: string;
  /** How much was drawn. */
  readonly bits: number;
}

/** One style: a row of {@link STYLES}. Everything about passphrases as symbols is written once, over these. */
export interface Style {
  readonly style: PassphraseStyle;
  readonly norm: GeneratedNorm;
  readonly code: CheckCode;
  /** How many symbols the bodies have, and how many bits were drawn for them. */
  readonly bodies: readonly { readonly symbols: number; readonly bits: number }[];
  /** The symbols of a text, separators dropped; `NO_SYMBOL` for what is none. */
  read(text: string): number[];
  /** A body's symbols as they go into the key derivation. */
  bodyText(symbols: readonly number[]): string;
  /** All symbols as they are shown and saved. */
  writtenText(symbols: readonly number[]): string;
}

const CROCKFORD = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
/** Five symbols that are not the last. */
const GROUP = /.{5}(?=.)/g;
/** What Crockford's base32 takes for a digit. */
const ALIASES = { O: 0, I: 1, L: 1 };
// Hyphens as editors and word processors make them of the one that was written.
const HYPHENS = /[-\u2010-\u2015\u2212]/g;
// What ECMAScript's \s has, a byte order mark among it.
const WHITE_SPACE = /\s+/g;

const FIRST_IDEOGRAPH = 0x4e00;
const IDEOGRAPHS = 0x9fa5 - 0x4e00 + 1;

const base32: Style = Object.freeze({
  style: 'base32',
  norm: 'crockford-1',
  code: { field: binaryField(5, 0b100101), generator: 2, checks: 4 }, // x⁵ + x² + 1
  bodies: [{ symbols: 26, bits: 130 }],
  read: (text) =>
    Array.from(
      text.replace(WHITE_SPACE, '').replace(HYPHENS, ''),
      (character) => crockfordSymbols().get(character) ?? NO_SYMBOL,
    ),
  bodyText: crockford,
  writtenText: (symbols) => crockford(symbols).replace(GROUP, '$&-'),
} satisfies Style);

const unicode: Style = Object.freeze({
  style: 'unicode',
  norm: 'cjk-1',
  code: { field: primeField(20_903), generator: 5, checks: 2 }, // the least prime that is not below 20,902
  bodies: [{ symbols: 10, bits: 143 }],
  read: (text) =>
    Array.from(text.replace(WHITE_SPACE, ''), (character) => {
      const symbol = (character.codePointAt(0) as number) - FIRST_IDEOGRAPH;
      return symbol >= 0 && symbol < IDEOGRAPHS ? symbol : NO_SYMBOL;
    }),
  bodyText: ideographs,
  writtenText: ideographs,
} satisfies Style);

const words: Style = Object.freeze({
  style: 'words',
  norm: 'words-1',
  code: { field: binaryField(11, 0b100000000101), generator: 2, checks: 2 }, // x¹¹ + x² + 1
  bodies: [
    { symbols: 12, bits: 128 },
    { symbols: 24, bits: 256 },
  ],
  read: (text) => wordsOf(text).map((word) => wordNumber(word) ?? NO_SYMBOL),
  bodyText: listed,
  writtenText: listed,
} satisfies Style);

/** All styles. Their written forms have no text in common. */
export const STYLES: readonly Style[] = Object.freeze([base32, unicode, words]);

/** The style's row. */
export function styleNamed(name: PassphraseStyle): Style {
  return STYLES.find(({ style }) => style === name) as Style;
}

/** The style's row, by its norm. */
export function styleOfNorm(name: GeneratedNorm): Style {
  return STYLES.find(({ norm }) => norm === name) as Style;
}

/** How many symbols a style's passphrases have, check symbols included. */
export function lengthsOf({ bodies, code }: Style): readonly number[] {
  return bodies.map(({ symbols }) => symbols + code.checks);
}

/** The lower-case words of a text, whatever white space is between and around them. */
export function wordsOf(text: string): string[] {
  return text
    .normalize('NFKD')
    .toLowerCase()
    .split(WHITE_SPACE)
    .filter((word) => word !== '');
}

/** Whether these are all symbols of a generated passphrase, and its check symbols agree. */
export function isGenerated(style: Style, symbols: readonly number[]): boolean {
  return lengthsOf(style).includes(symbols.length) && isCodeWord(style.code, symbols);
}

/** The passphrase of this style that the text is a spelling of, or `undefined`. */
export function readGenerated(style: Style, text: string): Generated | undefined {
  const symbols = style.read(text);
  return isGenerated(style, symbols) ? generatedOf(style, symbols) : undefined;
}

/** The generated passphrase that the text is a spelling of, or `undefined`: a person's own, or damaged. */
export function recognise(text: string): Generated | undefined {
  for (const style of STYLES) {
    const generated = readGenerated(style, text);
    if (generated) return generated;
  }
  return undefined;
}

/**
 * The passphrase with this body, or `undefined` where a check symbol is none that can be written: the prime field has
 * one element more than there are ideographs.
 */
export function withChecks(style: Style, body: readonly number[]): Generated | undefined {
  const symbols = [...body, ...checkSymbols(style.code, body)];
  return style === unicode && symbols.some((symbol) => symbol >= IDEOGRAPHS)
    ? undefined
    : generatedOf(style, symbols);
}

function generatedOf(style: Style, symbols: readonly number[]): Generated {
  const body = symbols.slice(0, symbols.length - style.code.checks);
  const { bits } = style.bodies.find((form) => form.symbols === body.length) as Style['bodies'][number];
  return {
    style: style.style,
    norm: style.norm,
    written: style.writtenText(symbols),
    body: style.bodyText(body),
    bits,
  };
}

let symbolsOfCrockford: ReadonlyMap<string, number> | undefined;

/** Every character that stands for a symbol: ASCII alone, whatever has an I for its capital elsewhere. */
function crockfordSymbols(): ReadonlyMap<string, number> {
  if (symbolsOfCrockford) return symbolsOfCrockford;
  const capitals = [
    ...Array.from(CROCKFORD, (capital, symbol) => [capital, symbol] as const),
    ...Object.entries(ALIASES),
  ];
  symbolsOfCrockford = new Map(
    capitals.flatMap(([capital, symbol]) => [
      [capital, symbol],
      [capital.toLowerCase(), symbol],
    ]),
  );
  return symbolsOfCrockford;
}

function crockford(symbols: readonly number[]): string {
  return symbols.map((symbol) => CROCKFORD[symbol]).join('');
}

function ideographs(symbols: readonly number[]): string {
  return String.fromCharCode(...symbols.map((symbol) => FIRST_IDEOGRAPH + symbol));
}

function listed(symbols: readonly number[]): string {
  return symbols.map((symbol) => englishWords()[symbol]).join(' ');
}
