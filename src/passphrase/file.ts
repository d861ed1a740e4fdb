import { type Bytes, concat, copyBytes, isUint8Array, isWellFormed } from '../bytes.js';
import { InvalidPassphraseError, PassphraseDamagedError } from '../errors.js';
import { MAX_PASSPHRASE_FILE_BYTES } from '../limits.js';
import { type Finding, findDamage } from './damage.js';
import { ENCODINGS, type PassphraseEncoding, decode, decodeCut, encode, startsWith } from './encodings.js';
import { type PassphraseStyle, recognise } from './styles.js';

/** What a passphrase file holds. */
export interface PassphraseFile {
  /** A generated one as it is written; a person's own exactly as it stands there, white space and line ends included. */
  readonly passphrase: string;
  /** `own` where no check symbols agree: a person chose it, or another program. */
  readonly style: PassphraseStyle | 'own';
  /** How the file is encoded. */
  readonly encoding: PassphraseEncoding;
  /** Whether a byte order mark stands at its beginning. It is never part of the passphrase. */
  readonly byteOrderMark: boolean;
  /**
   * Whether the text ends with a line end. In a generated passphrase it counts for nothing. In a person's own it is a
   * part of {@link passphrase}, put there by an editor as a rule: ask, then cut it off.
   */
  readonly trailingNewline: boolean;
}

/** What {@link encodePassphraseFile} takes. */
export interface EncodeOptions {
  /** Default: `utf-8`, without a byte order mark. `utf-16le` has one, for editors that expect it. */
  readonly encoding?: 'utf-8' | 'utf-16le';
}

const LATIN = /^[^\u0250-\uffff]*$/;

interface Reading {
  readonly encoding: PassphraseEncoding;
  readonly byteOrderMark: boolean;
  readonly text: string;
}

/**
 * Reads a passphrase from the bytes of a file, whatever an editor has done to it.
 *
 * A generated one is found in UTF-8, UTF-16LE and UTF-16BE, with and without a byte order mark: the only reading counts
 * whose check symbols agree, and white space around it is dropped. Anything else is a person's own, in UTF-8, or in
 * UTF-16 with a byte order mark, and nothing is trimmed.
 *
 * @throws PassphraseDamagedError if it is a generated passphrase that was damaged, with the cause; or no text.
 * @throws InvalidPassphraseError if there is nothing in the file, or more than 16 KiB.
 * @example
 * ```ts
 * import { encodePassphraseFile, readPassphraseFile } from 'cellseal/passphrase';
 *
 * const { passphrase, style } = readPassphraseFile(encodePassphraseFile('correct horse'));
 * console.log(passphrase, style); // → correct horse own
 * ```
 */
export function readPassphraseFile(bytes: Uint8Array): PassphraseFile {
  if (!isUint8Array(bytes))
    throw new InvalidPassphraseError('The content of a passphrase file is a Uint8Array.');
  if (bytes.length > MAX_PASSPHRASE_FILE_BYTES)
    throw new InvalidPassphraseError('The file is longer than 16 KiB: it is no passphrase file.');
  const content = copyBytes(bytes);
  try {
    return generatedIn(content) ?? ownIn(content);
  } finally {
    content.fill(0);
  }
}

/**
 * The bytes of a passphrase file: the text as it is, and no line end. {@link readPassphraseFile} gives it back.
 *
 * @throws InvalidPassphraseError if the passphrase is empty or ill-formed, or longer than a file may be.
 * @throws PassphraseDamagedError if it is a generated passphrase that is damaged: no such copy is made.
 */
export function encodePassphraseFile(passphrase: string, options: EncodeOptions = {}): Bytes {
  const { encoding = 'utf-8' } = options;
  if (encoding !== 'utf-8' && encoding !== 'utf-16le')
    throw new InvalidPassphraseError('A passphrase file is written in utf-8 or utf-16le.');
  if (!isWellFormed(passphrase)) throw new InvalidPassphraseError('It contains a lone surrogate.');
  // The first of two marks is the file's, so that one which is a part of the text stays in it.
  const isMarked = encoding !== 'utf-8' || passphrase.startsWith('\ufeff');
  const mark = ENCODINGS.find((row) => row.encoding === encoding)?.mark as readonly number[];
  const bytes = concat(Uint8Array.from(isMarked ? mark : []), encode(encoding, passphrase));
  readPassphraseFile(bytes); // refuses what it could not give back
  return bytes;
}

/** The file's generated passphrase, whole. */
function generatedIn(bytes: Bytes): PassphraseFile | undefined {
  for (const reading of readings(bytes)) {
    const generated = recognise(reading.text);
    if (generated) return fileOf(reading, generated.written, generated.style);
  }
  return undefined;
}

/** A person's own passphrase, once it is clear that it is not a generated one that was damaged. */
function ownIn(bytes: Bytes): PassphraseFile {
  const declared = declaredReading(bytes);
  if (declared?.text === '') throw new InvalidPassphraseError('The file is empty.');
  // NUL is in no passphrase that was ever accepted: such a file is UTF-16 without its mark.
  const own = declared && (declared.byteOrderMark || !declared.text.includes('\0')) ? declared : undefined;
  const found = certainDamage(own ? [own.text] : likelyTexts(bytes));
  if (found) throw new PassphraseDamagedError(found);
  if (own) return fileOf(own, own.text, 'own');
  throw new PassphraseDamagedError(isCut(bytes) ? 'truncated' : 'undecodable');
}

/** What a file without a mark that is not UTF-8 may say. */
function likelyTexts(bytes: Bytes): string[] {
  return latinFirst(readings(bytes).flatMap(({ text }) => (text.includes('\0') ? [] : [text])));
}

/** Latin letters in UTF-16 are Chinese characters with the bytes the other way round, never the reverse. */
function latinFirst(texts: readonly string[]): string[] {
  const latin = texts.filter((text) => LATIN.test(text));
  return latin.length > 0 ? latin : [...texts];
}

function certainDamage(texts: readonly string[]): Finding['damage'] | undefined {
  return texts.map(findDamage).find((finding) => finding?.isCertain)?.damage;
}

/** The one reading that the file itself declares: by its byte order mark, or UTF-8. */
function declaredReading(bytes: Bytes): Reading | undefined {
  const { encoding, mark } = declaredEncoding(bytes);
  const text = decode(encoding, bytes.subarray(mark.length));
  return text === undefined ? undefined : { encoding, byteOrderMark: mark.length > 0, text };
}

function declaredEncoding(bytes: Bytes): { encoding: PassphraseEncoding; mark: readonly number[] } {
  return ENCODINGS.find(({ mark }) => startsWith(bytes, mark)) ?? { encoding: 'utf-8', mark: [] };
}

/** Every reading that is text, that of a byte order mark first. */
function readings(bytes: Bytes): Reading[] {
  const declared = declaredReading(bytes);
  const others = ENCODINGS.map(({ encoding }) => ({ encoding, text: decode(encoding, bytes) }));
  const unmarked = others.flatMap(({ encoding, text }) =>
    text === undefined ? [] : [{ encoding, byteOrderMark: false, text }],
  );
  return declared ? [declared, ...unmarked] : unmarked;
}

/** Whether the file ends in the middle of a character. */
function isCut(bytes: Bytes): boolean {
  const { encoding, mark } = declaredEncoding(bytes);
  const rest = bytes.subarray(mark.length);
  const text = decodeCut(encoding, rest);
  // One such byte after nothing but ASCII is a letter with an accent in an old encoding.
  const isOldLetter =
    mark.length === 0 && rest.length - (text ?? '').length === 1 && /^[\0-\x7f]*$/.test(text ?? '');
  if (text !== undefined && !isOldLetter) return true;
  if (mark.length > 0) return false;
  const beginnings = ENCODINGS.slice(1).flatMap(({ encoding: other }) => decodeCut(other, rest) ?? []);
  return latinFirst(beginnings).some((beginning) => findDamage(beginning)?.damage === 'truncated');
}

function fileOf(reading: Reading, passphrase: string, style: PassphraseFile['style']): PassphraseFile {
  const { byteOrderMark, encoding, text } = reading;
  return { passphrase, style, encoding, byteOrderMark, trailingNewline: /[\r\n]$/.test(text) };
}
