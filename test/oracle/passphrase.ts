/**
 * Generated passphrases, written and verified as docs/passphrases.md has them: fields from tables of powers, check
 * symbols by solving the equations that must hold, separators one character at a time.
 */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { utf8 } from './bytes.js';
import { createOpaque1 } from './keyring.js';

export type PassphraseStyle = 'base32' | 'unicode' | 'words';
export type GeneratedNorm = 'crockford-1' | 'cjk-1' | 'words-1';

/** A field as a logarithm makes it: `powers[i]` is the i-th power of its generator. */
interface Field {
  readonly size: number;
  readonly powers: readonly number[];
  add(left: number, right: number): number;
  negate(value: number): number;
}

interface Rules {
  readonly norm: GeneratedNorm;
  readonly field: Field;
  readonly bodies: readonly number[];
  readonly checks: number;
}

/** BIP 39's English list, in its order. */
export const WORDS: readonly string[] = readFileSync(
  new URL('../vectors/bip39-english.txt', import.meta.url),
  'utf8',
)
  .split('\n')
  .filter((word) => word !== '');

const RULES: Readonly<Record<PassphraseStyle, Rules>> = {
  base32: { norm: 'crockford-1', field: polynomials('100101'), bodies: [26], checks: 4 },
  unicode: { norm: 'cjk-1', field: integers(leastPrimeFrom(20_902), 5), bodies: [10], checks: 2 },
  words: { norm: 'words-1', field: polynomials('100000000101'), bodies: [12, 24], checks: 2 },
};

export const STYLES: readonly PassphraseStyle[] = ['base32', 'unicode', 'words'];

const CROCKFORD = [...'0123456789ABCDEFGHJKMNPQRSTVWXYZ'];
const WHITE_SPACE = /^[\t-\r \u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000\ufeff]$/;

/** The norm of a style. */
export function normOfStyle(style: PassphraseStyle): GeneratedNorm {
  return RULES[style].norm;
}

/** The check symbols that make every equation hold, first to last. */
export function checksOf(style: PassphraseStyle, body: readonly number[]): number[] {
  const { checks, field } = RULES[style];
  const blank = [...body, ...Array<number>(checks).fill(0)];
  const rows = range(checks).map((j) => [
    ...range(checks).map((k) => power(field, (j + 1) * (checks - 1 - k))),
    field.negate(valueAt(field, blank, j + 1)),
  ]);
  return solve(field, rows);
}

/** Whether the symbols are as many as a passphrase has, and every equation holds. */
export function agrees(style: PassphraseStyle, symbols: readonly number[]): boolean {
  const { bodies, checks, field } = RULES[style];
  if (!bodies.some((body) => body + checks === symbols.length)) return false;
  return range(checks).every((j) => valueAt(field, symbols, j + 1) === 0);
}

/** The passphrase as it is shown, from all its symbols. */
export function writePassphrase(style: PassphraseStyle, symbols: readonly number[]): string {
  if (style === 'words') return symbols.map((symbol) => WORDS[symbol]).join(' ');
  if (style === 'unicode') return symbols.map((symbol) => String.fromCodePoint(0x4e00 + symbol)).join('');
  return range(6)
    .map((group) =>
      symbols
        .slice(5 * group, 5 * group + 5)
        .map((symbol) => CROCKFORD[symbol])
        .join(''),
    )
    .join('-');
}

/** The symbols of a text, or `undefined` where something in it is none. */
export function readSymbols(style: PassphraseStyle, text: string): number[] | undefined {
  const symbols = style === 'words' ? readWords(text) : readCharacters(style, text);
  return symbols.includes(-1) ? undefined : symbols;
}

/** What the key derivation takes; throws where the passphrase is not one of this norm. */
export function kdfInput(norm: GeneratedNorm, text: string): Uint8Array {
  const style = STYLES.find((name) => RULES[name].norm === norm) as PassphraseStyle;
  const symbols = readSymbols(style, text);
  if (!symbols || !agrees(style, symbols)) throw new Error('no passphrase of this norm');
  const body = symbols.slice(0, -RULES[style].checks);
  return utf8(
    style === 'base32' ? body.map((symbol) => CROCKFORD[symbol]).join('') : writePassphrase(style, body),
  );
}

/** The norm that a new slot takes, or the code of the refusal. */
export function normForNew(
  text: string,
): GeneratedNorm | 'opaque-1' | 'passphrase-damaged' | 'invalid-passphrase' {
  for (const style of STYLES) {
    const symbols = readSymbols(style, text);
    if (symbols && agrees(style, symbols)) return RULES[style].norm;
  }
  const trimmed = text.trim();
  const groups = trimmed.split('-');
  const isInGroups =
    groups.length === 6 && groups.every((group) => /^(?:[0-9A-Z]{5}|[0-9a-z]{5})$/.test(group));
  const isOneCase = !(/[a-z]/.test(trimmed) && /[A-Z]/.test(trimmed));
  if (isInGroups && isOneCase && /[0-9]/.test(trimmed)) return 'passphrase-damaged';
  try {
    createOpaque1(text);
    return 'opaque-1';
  } catch {
    return 'invalid-passphrase';
  }
}

/** BIP 39: entropy and the first bits of its hash, as numbers of eleven bits. */
export function mnemonicOf(entropy: Uint8Array): number[] {
  const bits = (bytes: Uint8Array): string =>
    Array.from(bytes, (byte) => byte.toString(2).padStart(8, '0')).join('');
  const hash = createHash('sha256').update(entropy).digest();
  const all = bits(entropy) + bits(hash).slice(0, entropy.length / 4);
  return (all.match(/.{11}/g) ?? []).map((eleven) => Number.parseInt(eleven, 2));
}

function readWords(text: string): number[] {
  const spaced = Array.from(text.normalize('NFKD'), (character) =>
    WHITE_SPACE.test(character) ? ' ' : character,
  );
  const words = spaced.join('').toLowerCase().split(' ');
  return words.filter((word) => word !== '').map((word) => WORDS.indexOf(word));
}

function readCharacters(style: PassphraseStyle, text: string): number[] {
  const kept = Array.from(text).filter((character) => !WHITE_SPACE.test(character));
  if (style === 'unicode')
    return kept.map((character) =>
      /^[\u4e00-\u9fa5]$/.test(character) ? character.charCodeAt(0) - 0x4e00 : -1,
    );
  return kept
    .filter((character) => !/^[-\u2010-\u2015\u2212]$/.test(character))
    .map((character) => {
      if (/^[Oo]$/.test(character)) return 0;
      if (/^[IiLl]$/.test(character)) return 1;
      return CROCKFORD.indexOf(/^[a-z]$/.test(character) ? character.toUpperCase() : character);
    });
}

/** The polynomial with these coefficients, highest power first, at the j-th power of the generator. */
function valueAt(field: Field, symbols: readonly number[], j: number): number {
  return symbols
    .map((symbol, i) => multiply(field, symbol, power(field, j * (symbols.length - 1 - i))))
    .reduce((sum, term) => field.add(sum, term), 0);
}

/** Gauss and Jordan: each row is an equation, its last number the right side. */
function solve(field: Field, equations: readonly (readonly number[])[]): number[] {
  const rows = equations.map((row) => [...row]);
  for (const column of range(rows.length)) {
    const found = rows.findIndex((row, i) => i >= column && row[column] !== 0);
    const [pivot] = rows.splice(found, 1) as [number[]];
    const scale = inverse(field, pivot[column] as number);
    const scaled = pivot.map((value) => multiply(field, value, scale));
    rows.splice(column, 0, scaled);
    for (const [i, row] of rows.entries()) {
      if (i === column) continue;
      const factor = field.negate(row[column] as number);
      rows[i] = row.map((value, k) => field.add(value, multiply(field, factor, scaled[k] as number)));
    }
  }
  return rows.map((row) => row.at(-1) as number);
}

function multiply(field: Field, left: number, right: number): number {
  if (left === 0 || right === 0) return 0;
  return power(field, field.powers.indexOf(left) + field.powers.indexOf(right));
}

function inverse(field: Field, value: number): number {
  return power(field, field.size - 1 - field.powers.indexOf(value));
}

function power(field: Field, exponent: number): number {
  return field.powers[exponent % (field.size - 1)] as number;
}

/** Polynomials over two elements, modulo this one; the generator is x. */
function polynomials(modulus: string): Field {
  const size = 2 ** (modulus.length - 1);
  const powers = [1];
  while (powers.length < size - 1) {
    const doubled = (powers.at(-1) as number) * 2;
    powers.push(doubled < size ? doubled : doubled ^ Number.parseInt(modulus, 2));
  }
  return fieldOf(
    size,
    powers,
    (left, right) => left ^ right,
    (value) => value,
  );
}

/** Integers modulo a prime. */
function integers(prime: number, generator: number): Field {
  const powers = [1];
  while (powers.length < prime - 1) powers.push(((powers.at(-1) as number) * generator) % prime);
  return fieldOf(
    prime,
    powers,
    (left, right) => (left + right) % prime,
    (value) => (prime - value) % prime,
  );
}

function fieldOf(size: number, powers: readonly number[], add: Field['add'], negate: Field['negate']): Field {
  if (new Set(powers).size !== size - 1) throw new Error('the generator does not generate the field');
  return { size, powers, add, negate };
}

function leastPrimeFrom(least: number): number {
  const isPrime = (n: number): boolean =>
    range(Math.floor(Math.sqrt(n)) + 1).every((d) => d < 2 || n % d !== 0);
  return isPrime(least) ? least : leastPrimeFrom(least + 1);
}

function range(count: number): number[] {
  return Array.from({ length: count }, (_, i) => i);
}
