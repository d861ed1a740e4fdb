/** Numbers and texts as they are shown. */

export function count(value: number): string {
  return Math.round(value).toLocaleString('en');
}

export function seconds(ms: number): string {
  return `${(ms / 1000).toLocaleString('en', { minimumFractionDigits: 1, maximumFractionDigits: 1 })} s`;
}

/** A duration that is only guessed: no fractions. */
export function about(ms: number): string {
  const whole = Math.ceil(ms / 1000);
  return whole < 60 ? `${whole} s` : `${Math.floor(whole / 60)} min ${whole % 60} s`;
}

export function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toLocaleString('en', { minimumFractionDigits: 1, maximumFractionDigits: 1 })} MB`;
}

export function perSecond(things: number, ms: number): string {
  return `${count(things / (ms / 1000))} a second`;
}

/** A key's id, as far as it takes to tell it from the others. */
export function shortKey(keyId: string): string {
  return `${keyId.slice(0, 8)}…`;
}

/** One line of text that cannot command a terminal, whatever was in the value. */
export function printable(value: unknown): string {
  if (value === null || value === undefined) return '(null)';
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  // Control characters, and those that turn the direction of what follows.
  return text === '' ? '(empty)' : text.replace(/[\p{Cc}\p{Bidi_Control}\p{Zl}\p{Zp}]/gu, '·');
}

/** Cuts or pads a text to so many columns of a terminal. */
export function fitText(text: string, columns: number): string {
  if (widthOf(text) <= columns) return text + ' '.repeat(columns - widthOf(text));
  let cut = '';
  let width = 0;
  for (const character of text) {
    width += widthOf(character);
    if (width > columns - 1) break;
    cut += character;
  }
  return fitText(`${cut}…`, columns);
}

/** Breaks a text into lines of at most so many columns. */
export function wrap(text: string, columns: number): string[] {
  const lines: string[] = [];
  for (const word of text.split(' ')) {
    const line = lines.at(-1);
    if (line !== undefined && widthOf(`${line} ${word}`) <= columns)
      lines[lines.length - 1] = `${line} ${word}`;
    else lines.push(word);
  }
  return lines;
}

/** Columns that a text takes in a terminal: Chinese, Japanese and Korean characters take two, marks none. */
function widthOf(text: string): number {
  let width = 0;
  for (const character of text) width += MARK.test(character) ? 0 : WIDE.test(character) ? 2 : 1;
  return width;
}

const MARK = /[\p{Mn}\p{Me}\p{Cf}]/u;
const WIDE =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{1f300}-\u{1faff}\u{20000}-\u{3fffd}]/u;
