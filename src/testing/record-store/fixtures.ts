import { type Bytes, type Table, bytes, integer, table, text, uuid } from '../../index.js';
import type { CaseColumn, CaseRow, CaseTable, RecordStoreSubject } from './subject.js';

/** Characters; longer than any token. */
export const LONGEST_IN_TOKEN_COLUMN = 120;

function caseTable(definition: Table): CaseTable {
  const { key, tenant, cells, tokens = [], formerKey = [] } = definition.layout;
  const others = tenant && !key.some(({ column }) => column === tenant.column) ? [tenant] : [];
  const plaintexts = cells.flatMap(({ adopting }) => (typeof adopting === 'object' ? adopting : []));
  return {
    definition,
    columns: [
      ...key.map((part): CaseColumn => ({ ...part, isKey: true })),
      ...others.map((part): CaseColumn => ({ ...part, isKey: false })),
      ...cells.map(
        ({ attribute, column, form }): CaseColumn => ({
          name: attribute,
          column,
          type: form === 'text' ? 'text' : 'bytes',
          isKey: false,
        }),
      ),
      ...plaintexts.map((column): CaseColumn => ({ ...column, type: 'text', isKey: false })),
      ...tokens.map(
        ({ index, column }): CaseColumn => ({
          name: index,
          column,
          type: 'text',
          isKey: false,
          maxCharacters: LONGEST_IN_TOKEN_COLUMN,
        }),
      ),
      ...formerKey.map((part): CaseColumn => ({ ...part, isKey: false })),
      { name: 'note', column: 'note', type: 'text', isKey: false },
    ],
  };
}

export const people = caseTable(
  table('people', {
    record: uuid('id'),
    tenant: text('owner'),
    encrypt: { email: text(), phone: text(), photo: bytes({ form: 'binary' }) },
  }),
);
export const counters = caseTable(table('counters', { record: integer('id'), encrypt: { value: text() } }));
export const names = caseTable(table('names', { record: text('id'), encrypt: { value: text() } }));
export const parts = caseTable(
  table('parts', { record: [text('series'), integer('number')], encrypt: { value: text() } }),
);
export const hashes = caseTable(
  table('hashes', { record: bytes('id'), encrypt: { value: bytes({ form: 'binary' }) } }),
);
// Integers whose order as text is another one, in columns whose names an adapter may have taken for its own.
const tenants = caseTable(
  table('tenants', {
    record: [integer('tenant'), integer('key')],
    tenant: integer('tenant'),
    encrypt: { cells: text() },
  }),
);
export const quoted = caseTable(
  table('quoted', {
    from: ['an "odd" table, isn\'t it; --'],
    record: [integer('first', { column: 'k0' }), text('second', { column: 'Select "x"' })],
    tenant: text('owner', { column: 'order by' }),
    encrypt: { value: text({ column: 'c1' }), other: text({ column: "it's % ` [é]" }) },
  }),
);

// For stores that adopt plaintext and read former record ids.
export const adopted = caseTable(
  table('adopted', {
    record: integer('id'),
    encrypt: {
      name: text({ adopting: true }),
      mail: text({ column: 'mail cell', adopting: { from: 'plain', column: 'the "plain" one' } }),
    },
  }),
);
export const renumbered = caseTable(
  table('renumbered', {
    record: uuid('uid'),
    encrypt: { value: text() },
    rebinding: { record: [integer('id'), text('series')] },
  }),
);

// For stores that heed tokens.
export const indexed = caseTable(
  table('indexed', {
    record: uuid('id'),
    tenant: text('owner'),
    encrypt: {
      email: text({ index: { bits: 32 } }),
      phone: text(),
      photo: bytes({
        form: 'binary',
        index: { name: 'picture', column: 'the "picture" \'s token', bits: 256 },
      }),
    },
    indexes: { both: { attributes: ['email', 'phone'], bits: 8, column: 'both of them' } },
  }),
);
/** Their positions. */
export const [BY_EMAIL, BY_PICTURE, BY_BOTH] = [0, 1, 2] as const;
export const numbered = caseTable(
  table('numbered', {
    record: [text('series'), integer('number')],
    encrypt: { value: text({ index: { bits: 128, unique: true, next: 'following' } }) },
  }),
);

/** Rows of one table: their ids, and how a row looks. */
export interface Sample {
  readonly of: string;
  readonly table: CaseTable;
  readonly ids: readonly CaseRow[];
  /** Whether `ids` stand in the order that every database agrees on. */
  readonly inOrder: boolean;
}

const INTEGERS = [
  -(2n ** 63n),
  -100n,
  -9n,
  -1n,
  0n,
  1n,
  2n,
  9n,
  10n,
  11n,
  99n,
  100n,
  2n ** 53n - 1n,
  2n ** 53n,
  2n ** 53n + 1n,
  2n ** 53n + 2n,
  2n ** 62n + 1n,
  2n ** 63n - 2n,
  2n ** 63n - 1n,
];
const TEXTS = [
  '',
  ' ',
  'a',
  'A',
  'a ',
  'aa',
  'b',
  '1',
  '9',
  '10',
  '1.0',
  "o'brien",
  '"quoted"',
  '`',
  '\\',
  '%',
  '_',
  '?',
  '$1',
  ':id',
  '--',
  'null',
  '["text","a"]',
  '\u00e9', // é in one code point and in two
  'e\u0301',
  'ss',
  'ß',
  'i',
  'İ',
  '\uff5e', // in UTF-16 it stands behind the next one, in UTF-8 before it
  '\u{1f600}',
  'x'.repeat(500),
];
const HASHES = [[0], [0, 0], [0, 1], [1], [0x31], [0x7f], [0x80], [0xc3, 0x28], [0xff], [0xff, 0]];

export const SAMPLES: readonly Sample[] = [
  {
    of: 'UUIDs',
    table: people,
    ids: Array.from({ length: 23 }, (_, i) => ({ id: uuidOf(i) })),
    inOrder: false,
  },
  { of: 'integers up to 64 bits', table: counters, ids: INTEGERS.map((id) => ({ id })), inOrder: true },
  { of: 'texts', table: names, ids: TEXTS.map((id) => ({ id })), inOrder: false },
  {
    of: 'pairs of text and integer',
    table: parts,
    ids: ['a', 'A', 'a ', 'b'].flatMap((series) =>
      [-1n, 2n, 10n, 2n ** 60n + 1n].map((number) => ({ series, number })),
    ),
    inOrder: false,
  },
  {
    of: 'bytes',
    table: hashes,
    ids: HASHES.map((id) => ({ id: Uint8Array.from(id) })),
    inOrder: true,
  },
  {
    of: 'pairs of integers, one of them the tenant',
    table: tenants,
    ids: [2n, 9n, 10n, 100n].flatMap((tenant) => [3n, 20n, 100n].map((key) => ({ tenant, key }))),
    inOrder: true,
  },
  {
    of: 'pairs in columns whose names must be quoted',
    table: quoted,
    ids: [2n, 9n, 10n].flatMap((first) => ["'", '"', 'x'].map((second) => ({ first, second }))),
    inOrder: false,
  },
];

export function inSchema(schemaName: string): Sample {
  const definition = table('scheduled', {
    from: [schemaName, 'in a schema'],
    record: integer('id'),
    encrypt: { value: text() },
  });
  return {
    of: 'integers in a table that is named with its schema',
    table: caseTable(definition),
    ids: INTEGERS.map((id) => ({ id })),
    inOrder: true,
  };
}

export function uuidOf(i: number): string {
  const digits = ((i + 1) * 2_654_435_761).toString(16).padStart(12, '0').slice(-12);
  return `${digits.slice(4, 12)}-${digits.slice(0, 4)}-4abc-8def-${digits}`;
}

const BASE32 = 'abcdefghijklmnopqrstuvwxyz234567';
export const REST = 'Qm9keQ-Zz_'.repeat(5); // base64url of 37 bytes has 50 characters: the shortest cell of today

/** Key ids: 16 bytes of one value. */
export const OLD = 0x5a;
export const NEW = 0xc3;
export const OTHER = 0x00;

/** The 32 characters by which a key's cells are counted. */
export function tagOf(key: number, mode: 'r' | 'd' = 'r'): string {
  let bits = 0n;
  for (let i = 0; i < 16; i++) bits = (bits << 8n) | BigInt(key);
  bits <<= 2n; // 26 characters have 130 bits
  const characters = Array.from(
    { length: 26 },
    (_, i) => BASE32[Number((bits >> BigInt(125 - 5 * i)) & 31n)],
  );
  return `cs1${mode}.${characters.join('')}.`;
}

export function textCell(key: number, n = 0, mode: 'r' | 'd' = 'r'): string {
  return `${tagOf(key, mode)}${REST}${String(n).padStart(4, '0')}`;
}

export function binaryCell(key: number, n = 0, length = 60): Bytes {
  const cell = new Uint8Array(length).fill(n);
  cell.set([1, 0, ...new Array<number>(16).fill(key)].slice(0, length));
  return cell;
}

/** A token under an index key: the first 8 characters of its id, a dot, and the digits of `n`. */
export function tokenOf(key: 'old' | 'new' | 'other', n = 0, digits = 8): string {
  const prefix = { old: 'aaaa2222', new: 'zzzz7777', other: '22334455' }[key];
  return `${prefix}.${(n * 2_654_435_761).toString(16).padStart(digits, '0').slice(-digits)}`;
}

/** A row with a cell in every column that holds one. */
export function rowOf({ definition }: CaseTable, id: CaseRow, key = OLD, n = 0): CaseRow {
  const { cells, tenant } = definition.layout;
  return {
    note: `note ${n}`,
    ...(tenant ? { [tenant.name]: `owner ${n}` } : {}),
    ...id, // the tenant may be a part of it
    ...Object.fromEntries(
      cells.map(({ attribute, form }, i) => [
        attribute,
        form === 'text' ? textCell(key, 10 * n + i) : binaryCell(key, (10 * n + i) % 256),
      ]),
    ),
  };
}

/** In another order than the ids', and always the same. */
function scattered<T>(items: readonly T[]): T[] {
  return items
    .map((item, i): [number, T] => [(i * 7_919) % 1_009, item])
    .sort(([left], [right]) => left - right)
    .map(([, item]) => item);
}

export async function insertAll(subject: RecordStoreSubject, into: CaseTable, ids: readonly CaseRow[]) {
  const rows = ids.map((id, i) => rowOf(into, id, OLD, i));
  for (const row of scattered(rows)) await subject.insert(into, row);
  return rows;
}

export const ANN: CaseRow = { id: uuidOf(1) };
export const BOB: CaseRow = { id: uuidOf(2) };
export const CLEO: CaseRow = { id: uuidOf(3) };

export const EMAIL = 0;
export const PHONE = 1;
export const PHOTO = 2;
