import { InputError } from './input-error.js';

/**
 * The text of a file: UTF-8 with or without a byte order mark, UTF-16 with one. Nothing is guessed and nothing replaced:
 * what is not valid is refused.
 */
export function decodeText(bytes: Buffer): string {
  const text = bytes.length % 2 === 0 || !startsUtf16(bytes) ? decode(bytes) : undefined;
  if (text === undefined) throw new InputError('The file is UTF-16, and its last character is incomplete.');
  const nul = text.indexOf('\0');
  if (nul >= 0) {
    const line = text.slice(0, nul).split('\n').length;
    throw new InputError(
      `Line ${line}: there is a NUL character. Is the file UTF-16 without a byte order mark? Save it as UTF-8.`,
    );
  }
  return text;
}

function decode(bytes: Buffer): string {
  if (isLittleEndian(bytes)) return decodeUtf16(bytes);
  // A copy: swap16 works in place.
  if (isBigEndian(bytes)) return decodeUtf16(Buffer.from(bytes).swap16());
  return decodeUtf8(bytes);
}

function startsUtf16(bytes: Buffer): boolean {
  return isLittleEndian(bytes) || isBigEndian(bytes);
}

function isLittleEndian(bytes: Buffer): boolean {
  return bytes[0] === 0xff && bytes[1] === 0xfe;
}

function isBigEndian(bytes: Buffer): boolean {
  return bytes[0] === 0xfe && bytes[1] === 0xff;
}

function decodeUtf16(bytes: Buffer): string {
  const text = strict('utf-16le', bytes);
  if (text === undefined) throw new InputError('The file begins as UTF-16, but is not valid UTF-16.');
  return text;
}

function decodeUtf8(bytes: Buffer): string {
  const text = strict('utf-8', bytes);
  if (text === undefined) {
    throw new InputError(
      `Line ${firstInvalidLine(bytes)}: this is not valid UTF-8. Save the file as UTF-8, or as UTF-16 with a byte order mark.`,
    );
  }
  return text;
}

/** Without its byte order mark. */
function strict(encoding: string, bytes: Buffer): string | undefined {
  try {
    return new TextDecoder(encoding, { fatal: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

/** No character but the newline has its byte, so lines can be tried one by one. */
function firstInvalidLine(bytes: Buffer): number {
  let line = 1;
  let begin = 0;
  for (;;) {
    const end = bytes.indexOf(0x0a, begin);
    if (end < 0 || strict('utf-8', bytes.subarray(begin, end)) === undefined) return line;
    begin = end + 1;
    line++;
  }
}
