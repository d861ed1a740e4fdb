/** Passphrases in files: what editors do to them, and what is left of them. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { hex } from '../../src/bytes.js';
import { InvalidPassphraseError, PassphraseDamagedError } from '../../src/errors.js';
import { MAX_PASSPHRASE_FILE_BYTES } from '../../src/limits.js';
import { encodePassphraseFile, readPassphraseFile } from '../../src/passphrase/file.js';
import { damageOf } from '../../src/passphrase/normalise.js';
import { mnemonicOf, writePassphrase } from '../oracle/passphrase.js';
import { ENCODINGS, FORMS, anyForm, drawn, nameOf, saved, seededRandom } from './support.js';

const NORMALISATIONS = ['NFC', 'NFD', 'NFKC', 'NFKD'] as const;
const WHITE = fc.string({
  unit: fc.constantFrom(' ', '\t', '\r\n', '\n', '\u00a0', '\u3000', '\u2028'),
  maxLength: 4,
});

/** The cause that reading these bytes ends with; `undefined` where they are read. */
function causeOf(bytes: Uint8Array): string | undefined {
  try {
    readPassphraseFile(bytes);
    return undefined;
  } catch (error) {
    if (error instanceof PassphraseDamagedError) return error.damage;
    throw error;
  }
}

describe('a generated passphrase survives', () => {
  it('every normalisation, encoding, byte order mark and line end, and white space around it', async () => {
    await fc.assert(
      fc.asyncProperty(
        anyForm,
        fc.constantFrom(...NORMALISATIONS),
        fc.constantFrom(...ENCODINGS),
        fc.boolean(),
        WHITE,
        WHITE,
        async ({ form, seed }, normalisation, encoding, byteOrderMark, before, after) => {
          const { style, written } = await drawn(form, seed);
          const text = `${before}${written.normalize(normalisation)}${after}`;
          expect(readPassphraseFile(saved(text, encoding, byteOrderMark))).toEqual({
            passphrase: written,
            style,
            encoding,
            byteOrderMark,
            trailingNewline: /[\r\n]$/.test(text),
          });
        },
      ),
      { numRuns: 500 },
    );
  });

  it.each(FORMS.filter(({ style }) => style !== 'unicode').map((form) => ({ form, name: nameOf(form) })))(
    'an ANSI save, being ASCII: $name',
    async ({ form }) => {
      const { written } = await drawn(form, 'ansi');
      const ansi = Buffer.from(`${written}\r\n`, 'latin1');
      expect(readPassphraseFile(ansi).passphrase).toBe(written);
    },
  );

  it('being read from a view on memory that belongs to others, which stays as it is', async () => {
    const { written } = await drawn({ style: 'unicode' }, 'view');
    const shared = Buffer.from(`before${written}after`);
    const view = shared.subarray(6, shared.length - 5);
    const was = hex(shared);
    expect(readPassphraseFile(view).passphrase).toBe(written);
    expect(hex(shared)).toBe(was);
  });
});

describe("a person's own passphrase", () => {
  const own = fc
    .string({ unit: 'binary', minLength: 1, maxLength: 60 })
    .filter((text) => !text.includes('\0'));
  /** Enough of these marks are what a wrong encoding leaves. */
  const isLost = (text: string): boolean => text.split('\ufffd').length > 3;

  it('is given back as it was saved, white space, line ends and second marks included', () => {
    const spaced = fc
      .tuple(WHITE, own, WHITE, fc.boolean())
      .map(([before, text, after, marked]) => `${marked ? '\ufeff' : ''}${before}${text}${after}`);
    fc.assert(
      fc.property(spaced, fc.constantFrom('utf-8' as const, 'utf-16le' as const), (text, encoding) => {
        fc.pre(!isLost(text));
        const read = readPassphraseFile(encodePassphraseFile(text, { encoding }));
        expect(read).toEqual({
          passphrase: text,
          style: 'own',
          encoding,
          byteOrderMark: encoding === 'utf-16le' || text.startsWith('\ufeff'),
          trailingNewline: /[\r\n]$/.test(text),
        });
      }),
      { numRuns: 500 },
    );
  });

  it('is read in UTF-16BE too, where a byte order mark says so', () => {
    const text = 'Zoë Straße 東京';
    expect(readPassphraseFile(saved(text, 'utf-16be', true))).toMatchObject({
      passphrase: text,
      style: 'own',
    });
  });

  it.each([
    'Are you sure?',
    '??????',
    'Was??? Wie??? Wo???',
    '東京は何？何時ですか??',
    '床前明月光疑是地上霜举头',
    '床前明月光疑是地上霜舉頭望明月低頭思故鄉',
    'correct horse battery staple',
    'correcthorsebatterystaple',
    'GREEN-HOUSE-PLANT-WATER-NIGHT-MUSIC',
    'BCDFG-HJKMP-QRTVW-XY234-6789B',
    'AB3DE-FGHJK',
    'ABCDEFGHJKMNPQRSTVWXYZ01234567',
    'abandon ability able about above absent absorb abstract absurd abuse access accident',
    'café au lait ï»¿',
    '\ufffd',
    'ÄÖÜäöüß',
    'ä½ å¥½',
  ])('is nobody else’s: %s', (text) => {
    expect(readPassphraseFile(saved(text, 'utf-8')).passphrase).toBe(text);
    expect(readPassphraseFile(saved(text, 'utf-16le', true)).passphrase).toBe(text);
  });

  it.each([12, 15, 18, 21, 24])('may be a mnemonic of %i words, as other programs write them', (words) => {
    for (let i = 0; i < 20; i++) {
      const text = writePassphrase(
        'words',
        mnemonicOf(seededRandom(`mnemonic ${words} ${i}`)((words * 4) / 3)),
      );
      expect(readPassphraseFile(saved(text, 'utf-8'))).toMatchObject({ passphrase: text, style: 'own' });
    }
  });

  it('that has no text in it is refused, and so is what is longer than any', () => {
    expect(() => readPassphraseFile(new Uint8Array(0))).toThrow(InvalidPassphraseError);
    const most = MAX_PASSPHRASE_FILE_BYTES;
    expect(readPassphraseFile(new Uint8Array(most).fill(0x61)).passphrase).toHaveLength(most);
    expect(() => readPassphraseFile(new Uint8Array(most + 1).fill(0x61))).toThrow(InvalidPassphraseError);
    expect(() => readPassphraseFile('text' as never)).toThrow(InvalidPassphraseError);
  });

  it('is encoded only where it can be given back', () => {
    for (const text of ['', 'a\ud800', 'x'.repeat(MAX_PASSPHRASE_FILE_BYTES + 1)])
      expect(() => encodePassphraseFile(text)).toThrow(InvalidPassphraseError);
    expect(() => encodePassphraseFile('????????????')).toThrow(PassphraseDamagedError);
    expect(() => encodePassphraseFile('a', { encoding: 'latin1' as never })).toThrow(InvalidPassphraseError);
  });

  it('is written without a mark in UTF-8, and with one in UTF-16', () => {
    expect(hex(encodePassphraseFile('aé'))).toBe('61c3a9');
    expect(hex(encodePassphraseFile('aé', { encoding: 'utf-16le' }))).toBe('fffe6100e900');
  });
});

describe('a copy of a generated passphrase is refused, and the cause told, when it', () => {
  const seeds = Array.from({ length: 40 }, (_, i) => i);
  const unicodes = () => Promise.all(seeds.map((seed) => drawn({ style: 'unicode' }, `damage ${seed}`)));

  it('was saved in an encoding without its characters', async () => {
    for (const { written } of await unicodes()) {
      const ansi = written.replace(/./gu, '?');
      for (const end of ['', '\r\n'])
        expect(causeOf(Buffer.from(ansi + end, 'latin1'))).toBe('question-marks');
      // A code page of East Asia has some of them.
      const some = Array.from(written, (character, i) => (i % 3 === 0 ? character : '?')).join('');
      expect(causeOf(saved(some, 'utf-8'))).toBe('question-marks');
    }
  });

  it.each(['latin1', 'windows-1252', 'windows-1251', 'windows-1250', 'macintosh', 'utf-16le', 'utf-16be'])(
    'was read as %s and saved as UTF-8',
    async (wrong) => {
      for (const { written } of await unicodes()) {
        const bytes = saved(written, 'utf-8');
        const text =
          wrong === 'latin1' ? Buffer.from(bytes).toString('latin1') : new TextDecoder(wrong).decode(bytes);
        for (const encoding of ENCODINGS) expect(causeOf(saved(text, encoding, true))).toBe('mojibake');
      }
    },
  );

  it('was read so twice', async () => {
    for (const { written } of await unicodes()) {
      const once = Buffer.from(written).toString('latin1');
      expect(causeOf(Buffer.from(Buffer.from(once).toString('latin1')))).toBe('mojibake');
    }
  });

  it('was read as Windows-1252, and what that lacks was lost', async () => {
    const windows1252 = new TextDecoder('windows-1252');
    for (const { written } of await unicodes()) {
      for (const lost of ['?', '\ufffd', '']) {
        const bytes = Array.from(saved(written, 'utf-8'));
        const text = bytes.map((byte) =>
          [0x81, 0x8d, 0x8f, 0x90, 0x9d].includes(byte) ? lost : windows1252.decode(Uint8Array.of(byte)),
        );
        expect(causeOf(saved(text.join(''), 'utf-8'))).toBe('mojibake');
      }
    }
  });

  it('stood in UTF-16 and was read byte for byte', async () => {
    for (const form of FORMS) {
      const { written } = await drawn(form, 'units');
      for (const mark of [true, false]) {
        const bytes = Buffer.from(saved(written, 'utf-16le', mark));
        expect(causeOf(saved(bytes.toString('latin1'), 'utf-8', true))).toBe('mojibake');
        if (form.style !== 'unicode')
          expect(causeOf(saved(bytes.toString('utf8'), 'utf-8', true))).toBe('mojibake');
      }
    }
  });

  it('is ASCII and was read as UTF-16, its last byte lost', async () => {
    for (const form of FORMS.filter(({ style }) => style !== 'unicode')) {
      const { written } = await drawn(form, 'odd');
      for (const encoding of ['utf-16le', 'utf-16be']) {
        const text = new TextDecoder(encoding).decode(Buffer.from(written));
        expect(causeOf(saved(text, 'utf-8'))).toBe('mojibake');
      }
    }
  });

  it('ends in the middle of a character', async () => {
    for (const { written } of await unicodes()) {
      const bytes = saved(written, 'utf-8');
      for (const cut of [1, 2]) {
        expect(causeOf(bytes.subarray(0, bytes.length - cut))).toBe('truncated');
        expect(causeOf(bytes.subarray(0, bytes.length - 9 - cut))).toBe('truncated');
      }
      for (const encoding of ['utf-16le', 'utf-16be'] as const)
        for (const mark of [true, false]) {
          const units = saved(written, encoding, mark);
          expect(causeOf(units.subarray(0, units.length - 1))).toBe('truncated');
        }
    }
  });

  it('ends anywhere in the second half, but where another program’s key could end', async () => {
    for (const form of FORMS) {
      for (const seed of seeds.slice(0, 10)) {
        const { style, written } = await drawn(form, `cut ${seed}`);
        for (let length = Math.ceil(written.length / 2) + 1; length < written.length; length++) {
          const text = written.slice(0, length);
          // Whole groups are a product key, whole words may be a mnemonic: told after no slot has opened.
          const isWhole = style === 'base32' ? length % 6 === 5 : written[length] === ' ';
          const cause = causeOf(saved(text, 'utf-8')) ?? damageOf(text);
          if (style === 'base32') expect(cause, text).toBe('truncated');
          if (style === 'base32' && isWhole) expect(causeOf(saved(text, 'utf-8'))).toBeUndefined();
          if (style === 'words' && text.trim().split(' ').length >= 8)
            expect(['truncated', 'altered', 'substituted'], text).toContain(cause);
        }
      }
    }
  });

  it('lacks its last character, or any one', async () => {
    for (const { written } of await unicodes()) {
      for (let place = 0; place < written.length; place++)
        expect(causeOf(saved(written.slice(0, place) + written.slice(place + 1), 'utf-8'))).toBe('truncated');
    }
    const { written } = await drawn({}, 'one missing');
    expect(causeOf(saved(written.slice(0, -1), 'utf-8'))).toBe('truncated');
    expect(causeOf(saved(written.slice(1), 'utf-8'))).toBe('truncated');
  });

  it.each(FORMS.map((form) => ({ form, name: nameOf(form) })))(
    'has something beside it: $name',
    async ({ form }) => {
      for (const seed of seeds.slice(0, 10)) {
        const { written } = await drawn(form, `beside ${seed}`);
        const notes = [
          `${written}${written}`,
          `${written}\r\n${written}\r\n`,
          `Passphrase of the shop: ${written}`,
          `${written} (keep it in the safe!)`,
          `# Keyring, 2026\n\n${written}\n`,
          `密码：${written}`,
        ].filter((text) => !(form.style === 'words' && text.startsWith('密码')));
        for (const text of notes) expect(causeOf(saved(text, 'utf-8')), text).toBe('lengthened');
      }
    },
  );

  it('has several other characters', async () => {
    for (const seed of seeds) {
      const { written } = await drawn({}, `altered ${seed}`);
      const altered = written
        .replace(/^./, other)
        .replace(/.$/, other)
        .replace(/(?<=-.)./, other);
      expect(causeOf(saved(altered, 'utf-8'))).toBe('altered');
    }
    for (const { written } of await unicodes())
      expect(causeOf(saved(`一丁丂${written.slice(3)}`, 'utf-8'))).toBe('altered');
    const { written } = await drawn({ style: 'words' }, 'altered');
    expect(causeOf(saved(written.replace(/^\w+ \w+ \w+/, 'zoo zoo zebra'), 'utf-8'))).toBe('altered');
  });

  it('is no text', () => {
    expect(causeOf(Uint8Array.of(0x5a, 0x6f, 0xeb))).toBe('undecodable');
    expect(causeOf(Uint8Array.of(0x5a, 0x6f, 0xeb, 0x21))).toBe('undecodable');
    expect(causeOf(saved('own, in UTF-16 without a mark', 'utf-16le'))).toBe('undecodable');
    expect(causeOf(saved('own, in UTF-16 without a mark', 'utf-16be'))).toBe('undecodable');
    expect(causeOf(Uint8Array.of(0xff, 0xfe, 0x00, 0xd8, 0x61, 0x00))).toBe('undecodable');
  });

  it('was cut, though a person’s own', () => {
    const bytes = saved('Zoë Straße', 'utf-8');
    expect(causeOf(bytes.subarray(0, 10))).toBe('truncated');
    const units = saved('Zoë', 'utf-16le', true);
    expect(causeOf(units.subarray(0, units.length - 1))).toBe('truncated');
    expect(causeOf(saved('a\u{1f600}', 'utf-16le', true).subarray(0, 6))).toBe('truncated');
  });
});

/** Another symbol of the base32 style, never the same. */
function other(symbol: string): string {
  return symbol === '7' ? 'K' : '7';
}
