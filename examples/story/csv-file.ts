import { readFileSync, statSync } from 'node:fs';
import { basename } from 'node:path';
import { type CsvError, type Info, parse } from 'csv-parse/sync';
import { decodeText } from './csv-text.js';
import { InputError, quote } from './input-error.js';
import type { CsvOptions } from './options.js';
import type { Records, Row, Shape } from './records.js';

/** The story holds all records in memory, twice. */
const MAX_FILE_MIB = 256;

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

interface Line {
  readonly fields: readonly string[];
  /** Where the record begins, as an editor counts. */
  readonly line: number;
}

/**
 * Reads the user's file whole, before anything is made of it. The ids are UUIDs if all of them are, and text otherwise.
 * An empty value stays an empty text.
 *
 * @throws InputError with one line that says what is wrong, and where.
 */
export function readCsv({ file, id, encrypt, delimiter }: CsvOptions): Records {
  const text = decodeText(readBytes(file));
  const [header, ...lines] = parseLines(text, delimiter);
  if (!header) throw new InputError('The file is empty.');
  assertHeader(header.fields, [id, ...encrypt], delimiter);
  if (lines.length === 0) throw new InputError('The file has a header and no records.');

  const columns = header.fields;
  const ids = lines.map(({ fields }) => fields[columns.indexOf(id)] as string);
  const idType = ids.every((value) => UUID.test(value)) ? 'uuid' : 'text';
  assertIds(ids, lines, idType);
  return {
    shape: { source: 'csv', id, idType, columns, encrypt },
    origin: `from ${basename(file)}, each identified by its ${id} (${idType === 'uuid' ? 'UUIDs' : 'text'})`,
    rows: lines.map(({ fields }): Row => Object.fromEntries(columns.map((name, i) => [name, fields[i]]))),
    nameOf: (index) => `Line ${lines[index]?.line}`,
  };
}

function readBytes(file: string): Buffer {
  try {
    const found = statSync(file);
    if (found.isDirectory()) throw new InputError('--csv wants a file, and this is a folder.');
    if (found.size > MAX_FILE_MIB * 2 ** 20) {
      throw new InputError(`The file has more than ${MAX_FILE_MIB} MiB: too much for this story.`);
    }
    return readFileSync(file);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') throw new InputError(`There is no file ${quote(file)}.`);
    if (code === undefined) throw error;
    throw new InputError(`The file ${quote(file)} cannot be read (${code}).`);
  }
}

// ── Lines ───────────────────────────────────────────────────────────────────────────────────────────────────────────

/** RFC 4180, strictly: no quote inside an unquoted field, as many fields in every record as in the header. */
function parseLines(text: string, delimiter: string): Line[] {
  const bytes = Buffer.from(text);
  const lineAt = countLines(bytes);
  const lines: Line[] = [];
  let end = 0; // of the last whole record, in bytes
  try {
    parse(bytes, {
      delimiter,
      record_delimiter: ['\r\n', '\n', '\r'],
      skip_empty_lines: true,
      encoding: 'utf8',
      on_record: (fields: string[], { bytes: offset }: Info) => {
        lines.push({ fields, line: lineAt(end) });
        end = offset;
        return null; // kept above
      },
    });
    return lines;
  } catch (error) {
    const { code, record = [] } = error as CsvError & { record?: unknown[] };
    const explain = BROKEN[code as string];
    if (!explain) throw error;
    throw new InputError(`Line ${lineAt(end)}: ${explain(record.length, lines[0]?.fields.length)}`);
  }
}

/** By csv-parse's codes. Its own messages quote the file, which may be personal. */
const BROKEN: Readonly<Record<string, (fields: number, columns: number | undefined) => string>> = {
  CSV_QUOTE_NOT_CLOSED: () => 'a field of the record that begins here has a quote that is never closed.',
  INVALID_OPENING_QUOTE: () =>
    'a quote stands inside a field that is not quoted. Quote the whole field and double the quotes in it.',
  CSV_INVALID_CLOSING_QUOTE: () =>
    'a quoted field goes on after its closing quote. Quotes inside a quoted field are doubled.',
  CSV_RECORD_INCONSISTENT_FIELDS_LENGTH: (fields, columns) =>
    `the number of fields is ${fields} in this record, and ${columns} in the header.`,
};

/** Gives the number of the line at which a record begins that follows `offset`: ascending offsets only. */
function countLines(bytes: Buffer): (offset: number) => number {
  let line = 1;
  let place = 0;
  const newline = (): number => {
    if (bytes[place] === 0x0d) return bytes[place + 1] === 0x0a ? 2 : 1;
    return bytes[place] === 0x0a ? 1 : 0;
  };
  const pass = (): void => {
    const width = newline();
    if (width > 0) line++;
    place += width || 1;
  };
  return (offset) => {
    while (place < offset) pass();
    while (newline() > 0) pass(); // empty lines
    return line;
  };
}

// ── What a file must have ───────────────────────────────────────────────────────────────────────────────────────────

function assertHeader(columns: readonly string[], wanted: readonly string[], delimiter: string): void {
  const list = columns.map(quote).join(', ');
  const missing = wanted.filter((name) => !columns.includes(name));
  if (missing.length > 0) {
    const none = `There is no column ${missing.map(quote).join(' and no ')}.`;
    const hint = columns.length === 1 ? otherDelimiter(columns[0] as string, delimiter) : '';
    throw new InputError(`${none} The columns are ${list}.${hint}`);
  }
  const unnamed = columns.indexOf('');
  if (unnamed >= 0) throw new InputError(`Column ${unnamed + 1} of the header has no name.`);
  // SQLite takes names that differ only in the case of A to Z for one.
  const folded = columns.map((name) => name.replace(/[A-Z]/g, (letter) => letter.toLowerCase()));
  const doubled = columns.find((_, place) => folded.indexOf(folded[place] as string) !== place);
  if (doubled !== undefined) {
    throw new InputError(
      `The header names the column ${quote(doubled)} twice (capital letters do not count).`,
    );
  }
}

function otherDelimiter(header: string, delimiter: string): string {
  const other = [',', ';', '\t', '|'].find((sign) => sign !== delimiter && header.includes(sign));
  if (other === undefined) return '';
  return ` Perhaps the file wants --delimiter ${other === '\t' ? 'tab' : quote(other)}.`;
}

function assertIds(ids: readonly string[], lines: readonly Line[], type: Shape['idType']): void {
  const seen = new Map<string, number>();
  ids.forEach((id, place) => {
    const { line } = lines[place] as Line;
    if (id === '') throw new InputError(`Line ${line}: the record has no id.`);
    // Two spellings of a UUID are one id.
    const same = type === 'uuid' ? id.toLowerCase() : id;
    const earlier = seen.get(same);
    if (earlier !== undefined) {
      throw new InputError(`Lines ${earlier} and ${line} have the same id. Every record needs its own.`);
    }
    seen.set(same, line);
  });
}
