import { parseArgs } from 'node:util';
import { InputError, quote } from './input-error.js';

export const HELP = `npm start [-- OPTION…]

Encrypts 20,000 invented people in an SQLite file, rotates the key while another
process writes, kills the rotation, resumes it, and compares every row.

  --csv FILE         your own records instead of invented people
  --id COLUMN        the column that identifies a record          (with --csv)
  --encrypt A,B,C    the columns to encrypt                       (with --csv)
  --delimiter CHAR   what stands between two fields, or "tab"; default: a comma

  --dir FOLDER       a new folder to work in; default: one for temporary files
  --keep             keeps the folder; without it nothing stays behind
  --help             this text

For tests:
  --records N        this many invented people instead of 20,000
  --fault NAME       breaks something on purpose, which the comparison must find:
                     lost-write, returned-record or changed-record; may be repeated
`;

/** What the story can break on purpose. */
export const FAULTS = ['lost-write', 'returned-record', 'changed-record'] as const;
export type Fault = (typeof FAULTS)[number];

/** The user's own file, and what to make of it. */
export interface CsvOptions {
  readonly file: string;
  readonly id: string;
  readonly encrypt: readonly string[];
  readonly delimiter: string;
}

export interface StoryOptions {
  readonly help: boolean;
  readonly csv: CsvOptions | undefined;
  /** Invented people, where there is no file. */
  readonly records: number;
  readonly dir: string | undefined;
  readonly keep: boolean;
  readonly faults: readonly Fault[];
}

const DEFAULT_RECORDS = 20_000;
const MAX_RECORDS = 1_000_000;

/** @throws InputError with one line that says what to change. */
export function parseOptions(args: readonly string[]): StoryOptions {
  const { help, keep, dir, records, fault: faults, ...csv } = parseStrictly(args);
  return {
    help,
    keep,
    dir,
    csv: csvOptions(csv, records),
    records: recordCount(records),
    faults: faults.map(faultNamed),
  };
}

function parseStrictly(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        csv: { type: 'string' },
        id: { type: 'string' },
        encrypt: { type: 'string' },
        delimiter: { type: 'string' },
        records: { type: 'string' },
        dir: { type: 'string' },
        keep: { type: 'boolean', default: false },
        fault: { type: 'string', multiple: true, default: [] },
        help: { type: 'boolean', short: 'h', default: false },
      },
    }).values;
  } catch (error) {
    // Node's message may go on with advice for the programmer; its first sentence says what was given.
    const [what] = (error as Error).message.split(/\. |\n/);
    throw new InputError(`${what}. See npm start -- --help.`);
  }
}

function csvOptions(
  given: { csv?: string; id?: string; encrypt?: string; delimiter?: string },
  records: string | undefined,
): CsvOptions | undefined {
  const { csv: file, id, encrypt, delimiter } = given;
  if (file === undefined) {
    const alone = Object.keys(given)[0];
    if (alone !== undefined) throw new InputError(`--${alone} goes with --csv FILE.`);
    return undefined;
  }
  if (file === '') throw new InputError('--csv wants the name of a file.');
  if (records !== undefined) throw new InputError('--records invents people; it does not go with --csv.');
  if (!id) throw new InputError('--csv wants --id COLUMN as well: the column that identifies a record.');
  if (!encrypt) throw new InputError('--csv wants --encrypt COLUMN,COLUMN as well: what to encrypt.');
  return { file, id, encrypt: columnNames(encrypt, id), delimiter: delimiterOf(delimiter) };
}

function columnNames(list: string, id: string): readonly string[] {
  const names = list.split(',');
  const doubled = names.find((name, place) => names.indexOf(name) !== place);
  if (names.includes('')) throw new InputError('--encrypt has an empty name in its list of columns.');
  if (doubled !== undefined) throw new InputError(`--encrypt names the column ${quote(doubled)} twice.`);
  if (names.includes(id)) {
    throw new InputError(`The column ${quote(id)} identifies the record, so it cannot be encrypted as well.`);
  }
  return names;
}

function delimiterOf(given = ','): string {
  const delimiter = given === 'tab' || given === '\\t' ? '\t' : given;
  if ([...delimiter].length === 1 && !/["\r\n]/.test(delimiter)) return delimiter;
  throw new InputError('--delimiter is one character, or the word "tab".');
}

function recordCount(given: string | undefined): number {
  if (given === undefined) return DEFAULT_RECORDS;
  const count = /^[0-9]+$/.test(given) ? Number(given) : 0;
  if (count >= 1 && count <= MAX_RECORDS) return count;
  throw new InputError('--records is a whole number from 1 to 1,000,000.');
}

function faultNamed(given: string): Fault {
  const fault = FAULTS.find((name) => name === given);
  if (fault) return fault;
  throw new InputError(`--fault is one of ${FAULTS.join(', ')}.`);
}
