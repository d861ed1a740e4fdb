/** What the tests of passphrases share: passphrases that are drawn the same way every time, and damage to do to them. */
import { createHash } from 'node:crypto';
import fc from 'fast-check';
import type { Bytes } from '../../src/bytes.js';
import { webCryptoEngine } from '../../src/engine/index.js';
import { type GenerateOptions, generateWith } from '../../src/passphrase/generate.js';
import type { Generated, PassphraseStyle } from '../../src/passphrase/styles.js';
import type { RandomSource } from '../../src/ports/engine.js';

/** What `generatePassphrase` can be asked for. */
export const FORMS: readonly GenerateOptions[] = [
  { style: 'base32' },
  { style: 'unicode' },
  { style: 'words', words: 12 },
  { style: 'words', words: 24 },
];

/** Bytes that look random and are the same for the same seed. */
export function seededRandom(seed: string): RandomSource {
  let drawn = 0;
  let left: number[] = [];
  return (count: number): Bytes => {
    while (left.length < count)
      left = [...left, ...createHash('sha512').update(`${seed} ${drawn++}`).digest()];
    const [given, rest] = [left.slice(0, count), left.slice(count)];
    left = rest;
    return Uint8Array.from(given);
  };
}

/** A passphrase of this form; the same for the same seed. */
export function drawn(form: GenerateOptions, seed: string | number): Promise<Generated> {
  return generateWith({ random: seededRandom(String(seed)), digest: webCryptoEngine().digest }, form);
}

/** So many passphrases of a form. */
export function manyDrawn(form: GenerateOptions, count: number): Promise<Generated[]> {
  return Promise.all(Array.from({ length: count }, (_, i) => drawn(form, `${JSON.stringify(form)} ${i}`)));
}

/** Any form with any seed. */
export const anyForm = fc.record({ form: fc.constantFrom(...FORMS), seed: fc.nat() });

/** What `form` is called in a test's name. */
export function nameOf({ style, words }: GenerateOptions): string {
  return words === undefined ? String(style) : `${words} words`;
}

export type Encoding = 'utf-8' | 'utf-16le' | 'utf-16be';

export const ENCODINGS: readonly Encoding[] = ['utf-8', 'utf-16le', 'utf-16be'];

/** Text as an editor saves it. */
export function saved(text: string, encoding: Encoding, byteOrderMark = false): Uint8Array {
  const marked = byteOrderMark ? `\ufeff${text}` : text;
  const bytes = Buffer.from(marked, encoding === 'utf-8' ? 'utf8' : 'utf16le');
  return Uint8Array.from(encoding === 'utf-16be' ? bytes.swap16() : bytes);
}

/** The symbols of a style as they are written, first to last: characters or words. */
export function partsOf(style: PassphraseStyle, written: string): string[] {
  return style === 'words' ? written.split(' ') : Array.from(written.replaceAll('-', ''));
}

/** The reverse. */
export function joined(style: PassphraseStyle, parts: readonly string[]): string {
  if (style === 'words') return parts.join(' ');
  return style === 'unicode' ? parts.join('') : parts.join('').replace(/.{5}(?=.)/g, '$&-');
}
