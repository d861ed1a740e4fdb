/** What a user's file must be, and what is said where it is not. */
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { readCsv } from '../../examples/story/csv-file.js';
import { InputError } from '../../examples/story/input-error.js';
import { type CsvOptions, parseOptions } from '../../examples/story/options.js';
import { makeRoom, runStory } from './run-story.js';

const folder = mkdtempSync(join(tmpdir(), 'cellseal-test-csv-'));
const file = join(folder, 'people.csv');
afterAll(() => rmSync(folder, { recursive: true }));

const OPTIONS: CsvOptions = { file, id: 'id', encrypt: ['name'], delimiter: ',' };

function read(bytes: string | Uint8Array, options: Partial<CsvOptions> = {}) {
  writeFileSync(file, bytes);
  return readCsv({ ...OPTIONS, ...options });
}

function refusal(bytes: string | Uint8Array, options: Partial<CsvOptions> = {}): string {
  try {
    read(bytes, options);
  } catch (error) {
    expect(error).toBeInstanceOf(InputError);
    expect((error as Error).message).not.toContain('\n');
    return (error as Error).message;
  }
  return 'nothing was refused';
}

const GREEK = 'id,name\r\n1,Ωμέγα 🌊\r\n2,""\r\n';
const GREEK_ROWS = [
  { id: '1', name: 'Ωμέγα 🌊' },
  { id: '2', name: '' },
];

describe('a file is read as it is', () => {
  it.each([
    ['UTF-8', Buffer.from(GREEK)],
    ['UTF-8 with a byte order mark', Buffer.from(`\ufeff${GREEK}`)],
    ['UTF-16LE with a byte order mark', Buffer.from(`\ufeff${GREEK}`, 'utf16le')],
    ['UTF-16BE with a byte order mark', Buffer.from(`\ufeff${GREEK}`, 'utf16le').swap16()],
  ])('in %s', (_, bytes) => {
    expect(read(bytes).rows).toEqual(GREEK_ROWS);
  });

  it('with quotes, delimiters and newlines inside quoted fields, and any line ends', () => {
    const { rows } = read('id,name\n1,"a ""b"", c\r\nd"\r2,x\r\n\n');
    expect(rows).toEqual([
      { id: '1', name: 'a "b", c\r\nd' },
      { id: '2', name: 'x' },
    ]);
  });

  it('with another delimiter', () => {
    expect(read('id;name\n1;a,b\n', { delimiter: ';' }).rows).toEqual([{ id: '1', name: 'a,b' }]);
  });

  it('with a column of any name', () => {
    const { rows } = read('id,name,__proto__\n1,a,b\n');
    expect(Object.entries(rows[0] ?? {})).toContainEqual(['__proto__', 'b']);
  });

  it('with ids that are UUIDs only if all of them are', () => {
    const uuid = '8a1901e4-671b-431a-871c-eadb2942e9ee';
    expect(read(`id,name\n${uuid},a\n`).shape.idType).toBe('uuid');
    expect(read(`id,name\n${uuid},a\n7,b\n`).shape.idType).toBe('text');
  });

  it('and a record is named by the line on which it begins', () => {
    const { nameOf } = read('id,name\n1,"a\r\nb"\n\n2,c\n');
    expect([nameOf(0), nameOf(1)]).toEqual(['Line 2', 'Line 5']);
  });
});

describe('a file is refused', () => {
  it.each([
    ['that is empty', '', 'The file is empty.'],
    ['that has only a byte order mark', '\ufeff', 'The file is empty.'],
    ['that has only a header', 'id,name\n', 'The file has a header and no records.'],
    ['without the id', 'a,name\n1,b\n', 'There is no column "id". The columns are "a", "name".'],
    [
      'without the columns to encrypt',
      'id,a\n1,b\n',
      'There is no column "name". The columns are "id", "a".',
    ],
    ['with a nameless column', 'id,name,\n1,b,c\n', 'Column 3 of the header has no name.'],
    ['with a doubled column', 'id,name,Name\n1,b,c\n', 'The header names the column "Name" twice'],
    ['with a doubled id', 'id,name\n1,a\n2,"b\nc"\n1,d\n', 'Lines 2 and 5 have the same id.'],
    ['with an empty id', 'id,name\n1,a\n,b\n', 'Line 3: the record has no id.'],
    ['with a quote that is never closed', 'id,name\n1,a\n2,"b\n3,c\n', 'Line 3: a field of the record'],
    ['with a quote inside a field', 'id,name\n1,a"b\n', 'Line 2: a quote stands inside a field'],
    [
      'with text after a closing quote',
      'id,name\n1,"a"b\n',
      'Line 2: a quoted field goes on after its closing',
    ],
    [
      'with too few fields',
      'id,name\n1,a\n2\n',
      'Line 3: the number of fields is 1 in this record, and 2 in the header.',
    ],
    ['with too many fields', 'id,name\n1,a,b\n', 'Line 2: the number of fields is 3 in this record'],
    ['with another delimiter', 'id;name\n1;a\n', 'Perhaps the file wants --delimiter ";".'],
  ])('%s', (_, text, message) => {
    expect(refusal(text)).toContain(message);
  });

  it('with two spellings of one UUID', () => {
    const uuid = '8a1901e4-671b-431a-871c-eadb2942e9ee';
    expect(refusal(`id,name\n${uuid},a\n${uuid.toUpperCase()},b\n`)).toContain('Lines 2 and 3');
  });

  it('that is not UTF-8, with the first line that is not', () => {
    expect(refusal(Buffer.from('id,name\n1,a\n2,caf\xe9\n', 'latin1'))).toMatch(
      /^Line 3: this is not valid UTF-8/,
    );
  });

  it('that is UTF-16 without a byte order mark', () => {
    expect(refusal(Buffer.from('id,name\n1,a\n', 'utf16le'))).toContain('UTF-16 without a byte order mark?');
  });

  it('that is UTF-16 and was cut or is broken', () => {
    const whole = Buffer.from('\ufeffid,name\n1,a\n', 'utf16le');
    expect(refusal(whole.subarray(0, -1))).toContain('its last character is incomplete');
    const lone = Buffer.from('\ufeffid,name\n1,\ud800x\n', 'utf16le');
    expect(refusal(lone)).toContain('not valid UTF-16');
  });

  it('that is not there, or is a folder', () => {
    expect(refusal('', { file: join(folder, 'none.csv') })).toContain('There is no file');
    expect(refusal('', { file: folder })).toContain('this is a folder');
  });
});

describe('the options', () => {
  it.each([
    [['--bogus'], "Unknown option '--bogus'"],
    [['people.csv'], "Unexpected argument 'people.csv'"],
    [['--csv'], "Option '--csv <value>' argument missing"],
    [['--csv', 'a', '--encrypt', 'b'], '--csv wants --id COLUMN'],
    [['--csv', 'a', '--id', 'b'], '--csv wants --encrypt'],
    [['--csv', 'a', '--id', 'b', '--encrypt', 'b'], 'identifies the record'],
    [['--csv', 'a', '--id', 'b', '--encrypt', 'c,c'], 'twice'],
    [['--csv', 'a', '--id', 'b', '--encrypt', 'c,'], 'empty name'],
    [['--csv', 'a', '--id', 'b', '--encrypt', 'c', '--delimiter', '::'], '--delimiter is one character'],
    [['--csv', 'a', '--id', 'b', '--encrypt', 'c', '--records', '9'], 'does not go with --csv'],
    [['--id', 'b'], '--id goes with --csv FILE'],
    [['--records', '0'], '--records is a whole number'],
    [['--fault', 'fire'], '--fault is one of'],
  ])('%j are refused', (args, message) => {
    expect(() => parseOptions(args)).toThrow(InputError);
    expect(() => parseOptions(args)).toThrow(message);
  });

  it('take a tab as the delimiter by its name', () => {
    const options = parseOptions(['--csv', 'a', '--id', 'b', '--encrypt', 'c', '--delimiter', 'tab']);
    expect(options.csv?.delimiter).toBe('\t');
  });
});

describe.concurrent('the story says what is wrong with a file, and leaves nothing behind', {
  timeout: 120_000,
}, () => {
  it.each([
    ['a missing column', 'id,a\n1,b\n', /^There is no column "name"\. The columns are "id", "a"\.\n$/],
    ['duplicate ids', 'id,name\n1,a\n1,b\n', /^Lines 2 and 3 have the same id\. .*\n$/],
    ['broken quotes', 'id,name\n1,"a\n', /^Line 2: .* never closed\.\n$/],
    // Found only after the folder was made.
    [
      'a value that is a cell already',
      `id,name\n1,a\n2,cs1r.${'a'.repeat(26)}.${'A'.repeat(80)}\n`,
      /^Line 3, column "name": .*\(already-a-cell\)\n$/,
    ],
  ])('%s', async (_, text, message) => {
    const room = makeRoom();
    writeFileSync(join(room.path, 'a.csv'), text);
    const args = ['--csv', join(room.path, 'a.csv'), '--id', 'id', '--encrypt', 'name'];
    const { code, stderr } = await runStory(join(room.path, 'run'), args);
    const left = room.names();
    room.remove();
    expect(stderr).toMatch(message);
    expect(code).toBe(2);
    expect(left).toEqual(['a.csv']);
  });
});

const ADVENTURE = fileURLToPath(new URL('../../../shared/data/adventureworks-people.csv', import.meta.url));

describe.skipIf(!existsSync(ADVENTURE))('the shared file', () => {
  it('has 19,972 people with UUIDs', () => {
    const encrypt = ['email', 'phone', 'card_number', 'address'];
    const { rows, shape } = readCsv({ file: ADVENTURE, id: 'rowguid', encrypt, delimiter: ',' });
    expect(rows).toHaveLength(19_972);
    expect(shape.idType).toBe('uuid');
  });
});
