import type { Bytes } from '../bytes.js';
import { ENCODINGS, decode, encode, startsWith } from './encodings.js';
import { decodeAs } from './everyday.js';
import { type PassphraseStyle, recognise } from './styles.js';

/** Windows-1252 from 0x80 to 0x9F; the five that it lacks are the controls that Windows makes of them. */
const WINDOWS_1252 = '€\x81‚ƒ„…†‡ˆ‰Š‹Œ\x8dŽ\x8f\x90‘’“”•–—˜™š›œ\x9džŸ';
/** Other encodings of one byte a character that programs have taken UTF-8 for. */
const OTHERS = [
  'windows-1250',
  'windows-1251',
  'windows-1253',
  'windows-1254',
  'macintosh',
  'ibm866',
  'koi8-r',
];
/** Bytes that mark a loss: what stood there has no character in the encoding. */
const LOST = /[?\ufffd]/;
/** A passphrase that went wrong twice has at most this many characters. */
const MAX_CHARACTERS = 1_024;
/** Three bytes for each of twelve characters, some of them lost: E4 to E9 leads, and at most two follow. */
const IDEOGRAPHS_AS_BYTES = /^(?:[\xe4-\xe9][\x80-\xbf?\ufffd]{0,2}){12}$/;
/** Of the 24 bytes that follow, so many must be there. */
const MIN_FOLLOWING = 12;

/** Tells the style of a text that is right, or as right as it can be. */
type StyleOf = (text: string) => PassphraseStyle | undefined;

/**
 * The style of a generated passphrase whose bytes were read in another encoding than they were written in; `undefined`
 * where the text is none. `styleOfCut` also knows one that has lost its last byte, an odd one.
 */
export function styleBehind(text: string, styleOfCut: StyleOf): PassphraseStyle | undefined {
  if (text.length > MAX_CHARACTERS) return undefined;
  return styleOfMarked(text) ?? styleOfUndone(text, styleOfCut) ?? styleOfLost(text);
}

/** What is left of UTF-16, or of a byte order mark, in the midst of a passphrase that is otherwise whole. */
function styleOfMarked(text: string): PassphraseStyle | undefined {
  const rest = text.replace(/^(?:ï»¿|ÿþ|þÿ)|[\0\ufffd]/g, '');
  return rest === text ? undefined : recognise(rest)?.style;
}

/** The bytes that the wrong reading was made from, read in the right way; twice, where it went wrong twice. */
function styleOfUndone(text: string, styleOfCut: StyleOf): PassphraseStyle | undefined {
  const once = readingsBehind(text).filter((read) => read !== text);
  for (const read of once) {
    const style = recognise(read)?.style ?? styleOfCut(read);
    if (style) return style;
  }
  const twice = once.flatMap(readingsBehind).map((read) => recognise(read)?.style);
  return twice.find((style) => style !== undefined);
}

function readingsBehind(text: string): string[] {
  const readings = bytesBehind(text).flatMap((bytes) =>
    ENCODINGS.map(({ encoding, mark }) =>
      decode(encoding, startsWith(bytes, mark) ? bytes.subarray(mark.length) : bytes),
    ),
  );
  return [...new Set(readings.filter((read) => read !== undefined))];
}

/** Every byte string that this text may be a wrong reading of. */
function bytesBehind(text: string): Bytes[] {
  const tables = [windows1252Bytes, ...OTHERS.map((name) => bytesIn(name))];
  const single = tables.map((byteOf) => bytesOf(text, byteOf)).filter((bytes) => bytes !== undefined);
  // An odd byte at the end has become nothing, or a mark that something was lost.
  const units = text.replace(/\ufffd$/, '');
  return [...single, encode('utf-16le', units), encode('utf-16be', units)];
}

/** UTF-8 of Chinese characters as Windows-1252, where some bytes have no character and were lost. */
function styleOfLost(text: string): PassphraseStyle | undefined {
  const bytes = Array.from(text.trim(), (character) => {
    const byte = windows1252Bytes(character);
    return LOST.test(character) || byte === undefined ? character : String.fromCharCode(byte);
  }).join('');
  const following = bytes.match(/[\x80-\xbf]/g)?.length ?? 0;
  const isThese = IDEOGRAPHS_AS_BYTES.test(bytes.replace(/^\xef\xbb\xbf/, '')) && following >= MIN_FOLLOWING;
  return isThese ? 'unicode' : undefined;
}

function bytesOf(text: string, byteOf: (character: string) => number | undefined): Bytes | undefined {
  const bytes = Array.from(text, byteOf);
  return bytes.includes(undefined) ? undefined : Uint8Array.from(bytes as number[]);
}

/** Windows-1252, and ISO 8859-1 where the two differ: no character is in both. */
function windows1252Bytes(character: string): number | undefined {
  const place = WINDOWS_1252.indexOf(character);
  if (place >= 0) return 0x80 + place;
  const code = character.codePointAt(0) as number;
  return code <= 0xff ? code : undefined;
}

function bytesIn(encoding: string): (character: string) => number | undefined {
  const all =
    decodeAs(
      encoding,
      Uint8Array.from({ length: 256 }, (_, byte) => byte),
    ) ?? '';
  const bytes = new Map(Array.from(all, (character, byte) => [character, byte]));
  return (character) => bytes.get(character);
}
