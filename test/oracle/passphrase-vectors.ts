/**
 * Makes test/vectors/passphrases.json: `npx tsx test/oracle/passphrase-vectors.ts`.
 * What a case expects follows from the fault that is planted here; the oracle writes the passphrases that are right.
 */
import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { argv } from 'node:process';
import { fileURLToPath } from 'node:url';
import { hex } from './bytes.js';
import { toAsciiJson } from './make-vectors.js';
import {
  type GeneratedNorm,
  type PassphraseStyle,
  WORDS,
  checksOf,
  kdfInput,
  mnemonicOf,
  normForNew,
  normOfStyle,
  writePassphrase,
} from './passphrase.js';

export interface GeneratedCase {
  readonly name: string;
  readonly style: PassphraseStyle;
  readonly norm: GeneratedNorm;
  readonly symbols: readonly number[];
  readonly passphrase: string;
  readonly kdfInput: string;
}

export interface SpellingCase {
  readonly name: string;
  readonly norm: GeneratedNorm;
  readonly passphrase: string;
  readonly kdfInput: string;
}

export interface DamagedCase {
  readonly name: string;
  readonly norm: GeneratedNorm;
  readonly passphrase: string;
  readonly damage: string;
}

export interface CreationCase {
  readonly name: string;
  readonly passphrase: string;
  readonly norm: string;
}

export interface FileCase {
  readonly name: string;
  readonly bytes: string;
  readonly read?: {
    readonly passphrase: string;
    readonly style: PassphraseStyle | 'own';
    readonly encoding: 'utf-8' | 'utf-16le' | 'utf-16be';
    readonly byteOrderMark: boolean;
    readonly trailingNewline: boolean;
  };
  readonly expect: 'success' | 'passphrase-damaged' | 'invalid-passphrase';
  readonly damage?: string;
}

export interface GeneratedVectors {
  readonly description: string;
  readonly generated: readonly GeneratedCase[];
  readonly spellings: readonly SpellingCase[];
  readonly refused: readonly DamagedCase[];
  readonly creation: readonly CreationCase[];
  readonly files: readonly FileCase[];
}

const DESCRIPTION = [
  'Generated passphrases, as docs/passphrases.md has them. Byte strings are lowercase hex.',
  '"generated": "symbols" are the body and the check symbols, "passphrase" is how they are written, "kdfInput" the UTF-8 that the key derivation takes.',
  '"spellings": other ways to write the first of each style, which mean the same.',
  '"refused": under this norm, passphrase-damaged, for one fault. "damage" is the cause that this library tells; another implementation need not tell any.',
  '"creation": the norm that a new slot takes, or the code of the refusal.',
  '"files": the content of a passphrase file and what is read of it, or the code of the refusal, with the cause that this library tells.',
].join(' ');

/** The whole file as an object. */
export function makeGeneratedVectors(): GeneratedVectors {
  const generated = makeGenerated();
  return {
    description: DESCRIPTION,
    generated,
    spellings: makeSpellings(generated),
    refused: makeDamaged(generated),
    creation: makeCreation(generated),
    files: makeFiles(generated),
  };
}

function makeGenerated(): GeneratedCase[] {
  const entropy = (byte: number, bytes: number): Uint8Array => new Uint8Array(bytes).fill(byte);
  const drawn = (name: string, count: number, below: number): number[] =>
    Array.from(
      { length: count },
      (_, i) => createHash('sha256').update(`${name} ${i}`).digest().readUInt32BE() % below,
    );
  return [
    generatedCase('base32_drawn', 'base32', drawn('base32', 26, 32)),
    generatedCase('base32_all_zero', 'base32', Array(26).fill(0)),
    generatedCase('base32_all_last', 'base32', Array(26).fill(31)),
    generatedCase(
      'base32_in_order',
      'base32',
      Array.from({ length: 26 }, (_, i) => i),
    ),
    generatedCase('unicode_drawn', 'unicode', drawn('unicode', 10, 20_902)),
    generatedCase('unicode_first_character', 'unicode', Array(10).fill(0)),
    generatedCase('unicode_last_character', 'unicode', Array(10).fill(20_901)),
    generatedCase(
      'words_drawn',
      'words',
      mnemonicOf(createHash('sha256').update('words').digest().subarray(0, 16)),
    ),
    generatedCase('words_entropy_of_zeros', 'words', mnemonicOf(entropy(0, 16))),
    generatedCase('words_entropy_of_7f', 'words', mnemonicOf(entropy(0x7f, 16))),
    generatedCase('words_entropy_of_ones', 'words', mnemonicOf(entropy(0xff, 16))),
    generatedCase('words_24_drawn', 'words', mnemonicOf(createHash('sha256').update('24 words').digest())),
    generatedCase('words_24_entropy_of_zeros', 'words', mnemonicOf(entropy(0, 32))),
  ];
}

function generatedCase(name: string, style: PassphraseStyle, body: readonly number[]): GeneratedCase {
  const symbols = [...body, ...checksOf(style, body)];
  const passphrase = writePassphrase(style, symbols);
  const norm = normOfStyle(style);
  return { name, style, norm, symbols, passphrase, kdfInput: hex(kdfInput(norm, passphrase)) };
}

function makeSpellings(generated: readonly GeneratedCase[]): SpellingCase[] {
  const spelled = (of: string, name: string, write: (passphrase: string) => string): SpellingCase => {
    const given = named(generated, of);
    const passphrase = write(given.passphrase);
    if (passphrase === given.passphrase) throw new Error(`${name} changes nothing`);
    return { name, norm: given.norm, passphrase, kdfInput: given.kdfInput };
  };
  return [
    spelled('base32_drawn', 'lower_case', (text) => text.toLowerCase()),
    spelled('base32_drawn', 'no_hyphens', (text) => text.replaceAll('-', '')),
    spelled('base32_drawn', 'spaces_for_hyphens', (text) => text.replaceAll('-', ' ')),
    spelled('base32_drawn', 'hyphen_elsewhere', (text) => text.replace(/^(.)(.{4})-/, '$1-$2')),
    spelled('base32_drawn', 'non_breaking_hyphens', (text) => text.replaceAll('-', '\u2011')),
    spelled('base32_drawn', 'en_dashes', (text) => text.replaceAll('-', '\u2013')),
    spelled('base32_drawn', 'line_break_in_the_middle', (text) => text.replace(/-(.{5}-.{5})$/, '-\r\n$1')),
    spelled('base32_all_zero', 'letter_o_for_zero', (text) => text.replaceAll('0', 'O')),
    spelled('base32_in_order', 'small_o_for_zero', (text) => text.replace('0', 'o')),
    spelled('base32_in_order', 'letter_i_for_one', (text) => text.replace('1', 'I')),
    spelled('base32_in_order', 'small_l_for_one', (text) => text.replace('1', 'l')),
    spelled('unicode_drawn', 'spaced_out', (text) => [...text].join(' ')),
    spelled('unicode_drawn', 'ideographic_spaces_around', (text) => `\u3000${text}\u3000`),
    spelled('unicode_drawn', 'line_end', (text) => `${text}\n`),
    spelled('words_drawn', 'upper_case', (text) => text.toUpperCase()),
    spelled('words_drawn', 'double_spaces', (text) => text.replaceAll(' ', '  ')),
    spelled('words_drawn', 'one_word_a_line', (text) => `${text.replaceAll(' ', '\r\n')}\r\n`),
    spelled('words_drawn', 'no_break_spaces', (text) => text.replaceAll(' ', '\u00a0')),
    spelled('words_drawn', 'fullwidth', (text) =>
      text.replace(/[a-z]/g, (letter) => String.fromCharCode(letter.charCodeAt(0) + 0xfee0)),
    ),
  ];
}

function makeDamaged(generated: readonly GeneratedCase[]): DamagedCase[] {
  const damaged = (
    of: string,
    fault: string,
    damage: string,
    plant: (symbols: number[]) => unknown[],
  ): DamagedCase => {
    const { norm, style, symbols } = named(generated, of);
    const planted = plant([...symbols]);
    const separator = style === 'words' ? ' ' : '';
    const written = planted.map((symbol) =>
      typeof symbol === 'number' ? writeSymbol(style, symbol) : symbol,
    );
    const text = written.join(separator);
    const passphrase = style === 'base32' ? text.replace(/.{5}(?=.)/g, '$&-') : text;
    return { name: `${of}_${fault}`, norm, passphrase, damage };
  };
  const families = ['base32_drawn', 'unicode_drawn', 'words_drawn', 'words_24_drawn'].flatMap((of) => {
    const last = named(generated, of).symbols.length - 1;
    return [
      damaged(of, 'first_symbol_another', 'substituted', (all) => all.with(0, ((all[0] as number) + 1) % 32)),
      damaged(of, 'last_check_symbol_another', 'substituted', (all) =>
        all.with(last, (all[last] as number) ^ 1),
      ),
      damaged(of, 'first_two_swapped', 'swapped', (all) => [all[1], all[0], ...all.slice(2)]),
      damaged(of, 'last_two_swapped', 'swapped', (all) => [...all.slice(0, -2), all[last], all[last - 1]]),
      damaged(of, 'body_and_check_swapped', 'swapped', (all) => {
        const checks = of.startsWith('base32') ? 4 : 2;
        const place = all.length - checks - 1;
        return [...all.slice(0, place), all[place + 1], all[place], ...all.slice(place + 2)];
      }),
      damaged(of, 'last_symbol_missing', 'truncated', (all) => all.slice(0, -1)),
      damaged(of, 'a_symbol_twice', 'lengthened', (all) => [...all.slice(0, 3), all[2], ...all.slice(3)]),
      damaged(of, 'twice', 'lengthened', (all) => [...all, ...all]),
      damaged(of, 'two_symbols_others', 'altered', (all) =>
        all.with(1, ((all[1] as number) + 1) % 32).with(7, ((all[7] as number) + 3) % 32),
      ),
      damaged(of, 'a_symbol_that_is_none', 'substituted', (all) => (all as unknown[]).with(4, '*')),
    ];
  });
  const unicode = named(generated, 'unicode_drawn').passphrase;
  const words = named(generated, 'words_drawn').passphrase;
  return [
    ...families,
    { name: 'unicode_in_ansi', norm: 'cjk-1', passphrase: '?'.repeat(12), damage: 'question-marks' },
    {
      name: 'unicode_as_latin_1',
      norm: 'cjk-1',
      passphrase: Buffer.from(unicode).toString('latin1'),
      damage: 'mojibake',
    },
    {
      name: 'words_in_capitals_without_spaces',
      norm: 'words-1',
      passphrase: words.replaceAll(' ', ''),
      damage: 'truncated',
    },
    {
      name: 'words_of_a_mnemonic_alone',
      norm: 'words-1',
      passphrase: words.split(' ').slice(0, 12).join(' '),
      damage: 'truncated',
    },
  ];
}

function makeCreation(generated: readonly GeneratedCase[]): CreationCase[] {
  const base32 = named(generated, 'base32_drawn').passphrase;
  const mnemonic = named(generated, 'words_entropy_of_7f').passphrase.split(' ').slice(0, 12).join(' ');
  const cases: readonly (readonly [name: string, passphrase: string])[] = [
    ...generated.map(({ name, passphrase }) => [name, passphrase] as const),
    ['generated_with_a_line_end', `${base32}\r\n`],
    ['base32_with_another_symbol', base32.replace(/.$/, (last) => (last === 'Z' ? 'Y' : 'Z'))],
    ['base32_with_a_letter_that_is_none', base32.replace(/.$/, 'U')],
    [
      'base32_in_small_letters_with_another_symbol',
      base32.replace(/.$/, (last) => (last === 'Z' ? 'Y' : 'Z')).toLowerCase(),
    ],
    ['five_groups_of_five', base32.slice(0, 29)],
    ['six_words_of_five_letters', 'GREEN-HOUSE-PLANT-WATER-NIGHT-MUSIC'],
    ['mnemonic_without_check_words', mnemonic],
    ['question_marks', 'Who? What? When?'],
    ['own', 'correct horse battery staple'],
    ['own_with_a_line_end', 'correct horse battery staple\n'],
    ['empty', ''],
  ];
  return cases.map(([name, passphrase]) => ({ name, passphrase, norm: normForNew(passphrase) }));
}

type Encoding = 'utf-8' | 'utf-16le' | 'utf-16be';

function makeFiles(generated: readonly GeneratedCase[]): FileCase[] {
  const encodings: readonly Encoding[] = ['utf-8', 'utf-16le', 'utf-16be'];
  const right = ['base32_drawn', 'unicode_drawn', 'words_drawn', 'words_24_drawn'].flatMap((of) => {
    const { passphrase, style } = named(generated, of);
    return encodings.flatMap((encoding) =>
      [true, false].flatMap((byteOrderMark) =>
        ['', '\r\n'].map((end): FileCase => {
          const mark = byteOrderMark ? '\ufeff' : '';
          const trailingNewline = end !== '';
          return {
            name: `${of}_${encoding}${byteOrderMark ? '_marked' : ''}${trailingNewline ? '_line_end' : ''}`,
            bytes: hex(bytesIn(encoding, mark + passphrase + end)),
            read: { passphrase, style, encoding, byteOrderMark, trailingNewline },
            expect: 'success',
          };
        }),
      ),
    );
  });
  const own = (name: string, text: string, encoding: Encoding, byteOrderMark: boolean): FileCase => ({
    name: `own_${name}`,
    bytes: hex(bytesIn(encoding, (byteOrderMark ? '\ufeff' : '') + text)),
    read: { passphrase: text, style: 'own', encoding, byteOrderMark, trailingNewline: /\n$/.test(text) },
    expect: 'success',
  });
  const damaged = (name: string, bytes: Uint8Array, damage: string): FileCase => ({
    name,
    bytes: hex(bytes),
    expect: 'passphrase-damaged',
    damage,
  });
  const { passphrase: unicode } = named(generated, 'unicode_drawn');
  const { passphrase: base32 } = named(generated, 'base32_drawn');
  const utf8 = bytesIn('utf-8', unicode);
  const marked = bytesIn('utf-16le', `\ufeff${unicode}`);
  return [
    ...right,
    own('in_utf_8', 'correct horse', 'utf-8', false),
    own('in_utf_8_marked', 'correct horse', 'utf-8', true),
    own('in_utf_16le', 'Zo\u00eb Stra\u00dfe', 'utf-16le', true),
    own('in_utf_16be', 'Zo\u00eb Stra\u00dfe', 'utf-16be', true),
    own('line_end_kept', 'correct horse\n', 'utf-8', false),
    own('white_space_kept', '\t two  spaces \u3000', 'utf-8', false),
    own('second_mark_kept', '\ufeffx', 'utf-8', true),
    own('question_marks', 'Why not? Who knows??', 'utf-8', false),
    own('eleven_question_marks', '???????????', 'utf-8', false),
    own('of_letters_that_are_ideographs_in_utf_16', 'abcdefghijklmnopqrstuvwx', 'utf-8', false),
    own('of_everyday_ideographs', '床前明月光疑是地上霜举头', 'utf-8', false),
    own('product_key', 'BCDFG-HJKMP-QRTVW-XY234-6789B', 'utf-8', false),
    own('mnemonic', [...WORDS.slice(100, 112)].join(' '), 'utf-8', false),
    damaged('unicode_saved_as_ansi', bytesIn('utf-8', '?'.repeat(12)), 'question-marks'),
    damaged(
      'unicode_saved_as_ansi_with_line_end',
      bytesIn('utf-8', `${'?'.repeat(12)}\r\n`),
      'question-marks',
    ),
    damaged('unicode_as_latin_1', bytesIn('utf-8', Buffer.from(utf8).toString('latin1')), 'mojibake'),
    damaged('unicode_cut_in_a_character', utf8.subarray(0, utf8.length - 1), 'truncated'),
    damaged('unicode_cut_in_a_unit', marked.subarray(0, marked.length - 1), 'truncated'),
    damaged('unicode_cut_in_an_unmarked_unit', marked.subarray(2, marked.length - 1), 'truncated'),
    damaged('unicode_without_its_last', bytesIn('utf-8', unicode.slice(0, -1)), 'truncated'),
    damaged('unicode_last_two_swapped', bytesIn('utf-8', swapLast(unicode)), 'swapped'),
    damaged('base32_cut', bytesIn('utf-8', base32.slice(0, 20)), 'truncated'),
    damaged('base32_last_two_swapped', bytesIn('utf-16le', swapLast(base32)), 'swapped'),
    damaged('base32_with_a_note', bytesIn('utf-8', `keyring of the shop: ${base32}`), 'lengthened'),
    damaged('own_in_latin_1', Uint8Array.from(Buffer.from('Zo\u00eb Stra\u00dfe', 'latin1')), 'undecodable'),
    damaged('own_in_utf_16_unmarked', bytesIn('utf-16le', 'correct horse'), 'undecodable'),
    { name: 'empty', bytes: '', expect: 'invalid-passphrase' },
    { name: 'empty_but_for_a_mark', bytes: 'efbbbf', expect: 'invalid-passphrase' },
  ];
}

function bytesIn(encoding: Encoding, text: string): Uint8Array {
  const bytes = Buffer.from(text, encoding === 'utf-8' ? 'utf8' : 'utf16le');
  return Uint8Array.from(encoding === 'utf-16be' ? bytes.swap16() : bytes);
}

function swapLast(text: string): string {
  return text.replace(/(.)(.)$/, '$2$1');
}

function writeSymbol(style: PassphraseStyle, symbol: number): string {
  if (style === 'base32') return '0123456789ABCDEFGHJKMNPQRSTVWXYZ'[symbol] as string;
  return style === 'words' ? (WORDS[symbol] as string) : String.fromCharCode(0x4e00 + symbol);
}

function named(generated: readonly GeneratedCase[], name: string): GeneratedCase {
  return generated.find((one) => one.name === name) as GeneratedCase;
}

if (argv[1] === fileURLToPath(import.meta.url)) {
  writeFileSync(new URL('../vectors/passphrases.json', import.meta.url), toAsciiJson(makeGeneratedVectors()));
}
