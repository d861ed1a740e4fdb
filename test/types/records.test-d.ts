/** The types of records on their way through encryption and decryption. Checked by `tsc`; nothing here is run. */
import {
  type BinaryCell,
  type Bytes,
  type Cell,
  type DecryptedRecord,
  type EncryptedRecord,
  type JsonValue,
  type Keyring,
  type RecordIdOf,
  type RecordInput,
  type RecordOf,
  type StandardSchema,
  type StoredOf,
  type UuidValue,
  type ValueOf,
  boolean,
  bytes,
  date,
  decimal,
  decryptCell,
  decryptEach,
  decryptRecord,
  decryptRecords,
  encryptCell,
  encryptEach,
  encryptRecord,
  encryptRecords,
  float,
  integer,
  json,
  lookup,
  table,
  text,
  timestamp,
  uuid,
} from '../../src/index.js';
import { type Equal, type Flat, holds } from './equal.js';

interface Notes {
  readonly tags: readonly string[];
}
declare const notesSchema: StandardSchema<unknown, Notes>;
declare const keyring: Keyring;

const customers = table('customers', {
  record: uuid('id'),
  encrypt: {
    email: text(),
    photo: bytes({ form: 'binary' }),
    secret: text({ pad: 16, hideNull: true }),
    count: integer(),
    total: integer({ as: 'bigint' }),
    ratio: float(),
    vip: boolean(),
    seen: timestamp(),
    price: decimal(),
    born: date(),
    anything: json(),
    notes: json(notesSchema),
  },
});
type Customers = typeof customers;

// ── Values ──────────────────────────────────────────────────────────────────────────────────────────────────────────

holds<Equal<ValueOf<Customers['encrypt']['email']>, string>>();
holds<Equal<ValueOf<Customers['encrypt']['photo']>, Bytes>>();
holds<Equal<ValueOf<Customers['encrypt']['count']>, number>>();
holds<Equal<ValueOf<Customers['encrypt']['total']>, bigint>>();
holds<Equal<ValueOf<Customers['encrypt']['ratio']>, number>>();
holds<Equal<ValueOf<Customers['encrypt']['vip']>, boolean>>();
holds<Equal<ValueOf<Customers['encrypt']['seen']>, Date>>();
holds<Equal<ValueOf<Customers['encrypt']['price']>, string>>();
holds<Equal<ValueOf<Customers['encrypt']['born']>, string>>();
holds<Equal<ValueOf<Customers['encrypt']['anything']>, JsonValue>>();
holds<Equal<ValueOf<Customers['encrypt']['notes']>, Notes>>();

const adopting = table('adopting', {
  record: uuid('id'),
  encrypt: { email: text({ adopting: true }), born: date({ adopting: { from: 'bornPlain' } }) },
  rebinding: { record: integer('no'), columns: { email: 'mail' } },
});

export async function whatIsAdoptedIsOfTheDeclaredType(row: {
  id: string;
  no: number;
  email: string;
  born: string | null;
  bornPlain: Date;
}) {
  const found = await decryptRecord(adopting, row, keyring);
  holds<
    Equal<Flat<typeof found>, { id: string; no: number; email: string; born: string | null; bornPlain: Date }>
  >();
  const { email } = await encryptRecord(adopting, { id: 'u', email: 'a' }, keyring);
  holds<Equal<typeof email, Cell>>();
  // @ts-expect-error rebinding names attributes that are there
  table('t', { record: uuid('id'), encrypt: { email: text() }, rebinding: { columns: { mail: 'email' } } });
}

// ── Encryption ──────────────────────────────────────────────────────────────────────────────────────────────────────

export async function cellsTakeThePlaceOfValues() {
  const row = await encryptRecord(
    customers,
    { id: 'u', email: 'a', photo: new Uint8Array(1), total: 7n, plan: 'pro', since: new Date(0) },
    keyring,
  );
  holds<
    Equal<
      Flat<typeof row>,
      { id: string; plan: string; since: Date; email: Cell; photo: BinaryCell; total: Cell }
    >
  >();
  // @ts-expect-error an attribute that the record does not have has no cell
  row.born;
}

export async function nullStaysNullUnlessItIsHidden() {
  const record: { id: string; email: string | null; secret: string | null; born: null } = {
    id: 'u',
    email: null,
    secret: null,
    born: null,
  };
  const row = await encryptRecord(customers, record, keyring);
  holds<Equal<Flat<typeof row>, { id: string; email: Cell | null; secret: Cell; born: null }>>();
}

export async function undefinedStaysUndefined(patch: {
  id: string;
  email?: string;
  vip: boolean | undefined;
}) {
  const row = await encryptRecord(customers, patch, keyring);
  holds<Equal<(typeof row)['vip'], Cell | undefined>>();
  holds<Equal<Flat<Pick<typeof row, 'email'>>, { email?: Cell }>>();
}

export async function aCellIsAStringAndAStringIsNoCell() {
  const { email, photo } = await encryptRecord(
    customers,
    { id: 'u', email: 'a', photo: new Uint8Array(1) },
    keyring,
  );
  const stored: string = email;
  const bytesStored: Uint8Array = photo;
  // @ts-expect-error a string is no cell
  const cell: Cell = 'cs1r.';
  // @ts-expect-error bytes are no cell
  const binary: BinaryCell = new Uint8Array(1);
  return [stored, bytesStored, cell, binary];
}

export async function wrongValuesAreErrors() {
  // @ts-expect-error a number is no text
  await encryptRecord(customers, { id: 'u', email: 7 }, keyring);
  // @ts-expect-error text is no bytes
  await encryptRecord(customers, { id: 'u', photo: 'abc' }, keyring);
  // @ts-expect-error a bigint is declared
  await encryptRecord(customers, { id: 'u', total: 7 }, keyring);
  // @ts-expect-error a number is declared
  await encryptRecord(customers, { id: 'u', count: 7n }, keyring);
  // @ts-expect-error a Date is declared
  await encryptRecord(customers, { id: 'u', seen: '2024-01-01' }, keyring);
  // @ts-expect-error a string is declared
  await encryptRecord(customers, { id: 'u', born: new Date() }, keyring);
  // @ts-expect-error a function is no JSON
  await encryptRecord(customers, { id: 'u', anything: () => 1 }, keyring);
  // @ts-expect-error the schema's type is declared
  await encryptRecord(customers, { id: 'u', notes: { tags: [1] } }, keyring);
  // @ts-expect-error a UUID is text or bytes
  await encryptRecord(customers, { id: 7, email: 'a' }, keyring);
}

// ── The id ──────────────────────────────────────────────────────────────────────────────────────────────────────────

const byColumn = table('customers', {
  record: integer('id'),
  bind: 'column',
  encrypt: { email: text(), vip: boolean() },
});
const oneByRecord = table('customers', {
  record: integer('id'),
  bind: 'column',
  encrypt: { email: text(), vip: boolean({ bind: 'record' }) },
});
const allByColumn = table('customers', {
  record: integer('id'),
  encrypt: { email: text({ bind: 'column' }), vip: boolean({ bind: 'column' }) },
});
const composite = table('lines', { record: [text('region'), integer('no')], encrypt: { note: text() } });

export async function anIdIsWantedWhereCellsAreBoundToIt() {
  // @ts-expect-error the id is missing
  await encryptRecord(customers, { email: 'a' }, keyring);
  // @ts-expect-error one attribute is bound to its record
  await encryptRecord(oneByRecord, { email: 'a' }, keyring);
  // @ts-expect-error half an id is missing
  await encryptRecord(composite, { region: 'north', note: 'a' }, keyring);
  await encryptRecord(composite, { region: 'north', no: 7, note: 'a' }, keyring);
  await encryptRecord(byColumn, { email: 'a' }, keyring);
  await encryptRecord(allByColumn, { email: 'a' }, keyring);
  await encryptRecord(byColumn, { id: 7, email: 'a' }, keyring);
  // @ts-expect-error an id that is there is of its type all the same
  await encryptRecord(byColumn, { id: new Date(), email: 'a' }, keyring);
}

export async function everySpellingOfAnIdIsTaken() {
  await encryptRecord(customers, { id: new Uint8Array(16), email: 'a' }, keyring);
  await encryptRecord(oneByRecord, { id: 7, vip: true }, keyring);
  await encryptRecord(oneByRecord, { id: 7n, vip: true }, keyring);
  await encryptRecord(oneByRecord, { id: '7', vip: true }, keyring);
}

holds<Equal<Flat<RecordIdOf<Customers>>, { readonly id: UuidValue }>>();
holds<
  Equal<
    Flat<RecordIdOf<typeof composite>>,
    { readonly region: string; readonly no: number | bigint | string }
  >
>();

// ── Decryption ──────────────────────────────────────────────────────────────────────────────────────────────────────

export async function declaredTypesComeBack() {
  const row = await encryptRecord(
    customers,
    { id: 'u', email: 'a', photo: new Uint8Array(1), total: 7n, seen: new Date(0), plan: 'pro' },
    keyring,
  );
  const read = await decryptRecord(customers, row, keyring);
  holds<
    Equal<
      Flat<Omit<typeof read, 'secret'>>,
      { id: string; plan: string; email: string; photo: Bytes; total: bigint; seen: Date }
    >
  >();
}

export async function aHiddenNullComesBackAsOne() {
  const row = await encryptRecord(customers, { id: 'u', secret: 'a' }, keyring);
  const read = await decryptRecord(customers, row, keyring);
  holds<Equal<(typeof read)['secret'], string | null>>();
}

export async function rowsOfADriver(row: Record<string, unknown>) {
  const read = await decryptRecord(customers, row, keyring);
  holds<Equal<(typeof read)['email'], string | null | undefined>>();
  holds<Equal<(typeof read)['total'], bigint | null | undefined>>();
  holds<Equal<(typeof read)['notes'], Notes | null | undefined>>();
  holds<Equal<(typeof read)['plan'], unknown>>();
}

// biome-ignore lint/suspicious/noExplicitAny: many drivers give rows as any
export async function rowsOfADriverThatSaysAny(row: any, one: { id: string; email: any; plan: string }) {
  const read = await decryptRecord(customers, row, keyring);
  holds<Equal<(typeof read)['email'], string | null | undefined>>();
  const partly = await decryptRecord(customers, one, keyring);
  holds<Equal<Flat<typeof partly>, { id: string; plan: string; email: string | null }>>();
  const sealed = await encryptRecord(customers, one, keyring);
  holds<Equal<(typeof sealed)['email'], Cell | null>>();
}

export async function typedRowsKeepTheirNulls(row: {
  id: string;
  email: string | null;
  born: string;
  vip: null;
  plan: string;
}) {
  const read = await decryptRecord(customers, row, keyring);
  holds<
    Equal<Flat<typeof read>, { id: string; plan: string; email: string | null; born: string; vip: null }>
  >();
}

export async function aProjectionHasNoMoreThanItsRow(row: { id: string; email?: string | null }) {
  const read = await decryptRecord(customers, row, keyring);
  holds<Equal<Flat<typeof read>, { id: string; email?: string | null }>>();
  // @ts-expect-error it was not selected
  read.born;
}

// ── Many records, one cell ──────────────────────────────────────────────────────────────────────────────────────────

export async function manyRecordsHaveAnOutcomeEach() {
  const [first] = await encryptRecords(customers, [{ id: 'u', email: 'a' }], keyring, { concurrency: 4 });
  if (first?.status !== 'fulfilled') return;
  holds<Equal<Flat<typeof first.value>, { id: string; email: Cell }>>();
  const [read] = await decryptRecords(customers, [first.value], keyring);
  if (read?.status === 'fulfilled') holds<Equal<Flat<typeof read.value>, { id: string; email: string }>>();
  // @ts-expect-error no such option
  await encryptRecords(customers, [{ id: 'u', email: 'a' }], keyring, { concurrent: 4 });
}

export async function eachRecordHasAnOutcomeOfItsType(
  patches: AsyncIterable<{ id: string; email?: string }>,
  // biome-ignore lint/suspicious/noExplicitAny: many drivers give rows as any
  cursor: AsyncIterable<any>,
) {
  for await (const outcome of encryptEach(customers, patches, keyring, { concurrency: 4 }))
    if (outcome.status === 'fulfilled')
      holds<Equal<Flat<typeof outcome.value>, { id: string; email?: Cell }>>();
  for await (const outcome of encryptEach(customers, new Set([{ id: 'u', born: '1985-02-28' }]), keyring))
    if (outcome.status === 'fulfilled')
      holds<Equal<Flat<typeof outcome.value>, { id: string; born: Cell }>>();
  for await (const outcome of decryptEach(customers, cursor, keyring))
    if (outcome.status === 'fulfilled')
      holds<Equal<(typeof outcome.value)['total'], bigint | null | undefined>>();
  // @ts-expect-error a number is no text
  encryptEach(customers, [{ id: 'u', email: 7 }], keyring);
  // @ts-expect-error the id is missing
  encryptEach(customers, [{ email: 'a' }], keyring);
  // @ts-expect-error no such option
  encryptEach(customers, patches, keyring, { concurrent: 4 });
  // @ts-expect-error a promise of records is none
  encryptEach(customers, Promise.resolve([{ id: 'u', email: 'a' }]), keyring);
}

export async function oneCell() {
  const cell = await encryptCell(customers, 'photo', new Uint8Array(1), { id: 'u' }, keyring);
  holds<Equal<typeof cell, BinaryCell>>();
  const value = await decryptCell(customers, 'photo', cell, { id: 'u' }, keyring);
  holds<Equal<typeof value, Bytes | null>>();
  // @ts-expect-error no such attribute
  await encryptCell(customers, 'nickname', 'a', { id: 'u' }, keyring);
  // @ts-expect-error not of its type
  await encryptCell(customers, 'email', 7, { id: 'u' }, keyring);
}

// ── Tenants ─────────────────────────────────────────────────────────────────────────────────────────────────────────

const ofTenants = table('invoices', {
  record: uuid('id'),
  tenant: integer('org'),
  encrypt: { memo: text() },
});

export async function aTenantIsWanted() {
  const row = await encryptRecord(ofTenants, { id: 'u', memo: 'a' }, keyring, { tenant: 7 });
  await decryptRecord(ofTenants, row, keyring, { tenant: 7n });
  await encryptRecords(ofTenants, [{ id: 'u', memo: 'a' }], keyring, { tenant: '7', concurrency: 2 });
  await encryptCell(ofTenants, 'memo', 'a', { id: 'u' }, keyring, { tenant: 7 });
  // @ts-expect-error the tenant is missing
  await encryptRecord(ofTenants, { id: 'u', memo: 'a' }, keyring);
  // @ts-expect-error the tenant is missing
  await decryptRecord(ofTenants, row, keyring);
  // @ts-expect-error the tenant is missing
  await decryptRecords(ofTenants, [row], keyring, { concurrency: 2 });
  encryptEach(ofTenants, [{ id: 'u', memo: 'a' }], keyring, { tenant: '7', concurrency: 2 });
  // @ts-expect-error the tenant is missing
  encryptEach(ofTenants, [{ id: 'u', memo: 'a' }], keyring);
  // @ts-expect-error the tenant is missing
  decryptEach(ofTenants, [row], keyring, { concurrency: 2 });
  // @ts-expect-error the tenant is missing
  await encryptCell(ofTenants, 'memo', 'a', { id: 'u' }, keyring);
  // @ts-expect-error the tenant is an integer
  await encryptRecord(ofTenants, { id: 'u', memo: 'a' }, keyring, { tenant: new Date() });
  // @ts-expect-error the table has no tenant
  await encryptRecord(customers, { id: 'u', email: 'a' }, keyring, { tenant: 7 });
}

// ── Names for whole records ─────────────────────────────────────────────────────────────────────────────────────────

const small = table('small', {
  record: integer('id'),
  encrypt: { a: text(), b: bytes({ form: 'binary' }), c: text({ pad: 8, hideNull: true }) },
});
holds<
  Equal<
    Flat<RecordOf<typeof small>>,
    {
      readonly id: number | bigint | string;
      readonly a: string | null;
      readonly b: Bytes | null;
      readonly c: string | null;
    }
  >
>();
holds<
  Equal<
    Flat<StoredOf<typeof small>>,
    {
      readonly id: number | bigint | string;
      readonly a: Cell | null;
      readonly b: BinaryCell | null;
      readonly c: Cell;
    }
  >
>();

export async function wholeRecordsGoBothWays(record: RecordOf<typeof small>) {
  const stored: StoredOf<typeof small> = await encryptRecord(small, record, keyring);
  const back: RecordOf<typeof small> = await decryptRecord(small, stored, keyring);
  return back;
}

export async function genericCodeCompiles<R extends RecordInput<typeof small>>(record: R) {
  const row: EncryptedRecord<typeof small, R> = await encryptRecord(small, record, keyring);
  return row;
}

export type Read = DecryptedRecord<typeof small, { id: number; a: string }>;
holds<Equal<Flat<Read>, { id: number; a: string }>>();

// ── Definitions ─────────────────────────────────────────────────────────────────────────────────────────────────────

// @ts-expect-error a binding is 'record' or 'column'
table('t', { record: uuid('id'), bind: 'none', encrypt: { a: text() } });
// @ts-expect-error a form is 'text' or 'binary'
text({ form: 'base64' });
// @ts-expect-error an integer is a number or a bigint
integer({ as: 'string' });
// @ts-expect-error an attribute has no name
table('t', { record: uuid('id'), encrypt: { a: text('a') } });
// @ts-expect-error an id part has a name
table('t', { record: text(), encrypt: { a: text() } });
// @ts-expect-error a table has a record
table('t', { encrypt: { a: text() } });
// @ts-expect-error a record has at least one part
table('t', { record: [], encrypt: { a: text() } });
// @ts-expect-error no such option
text({ padding: 8 });

// ── Blind indexes ───────────────────────────────────────────────────────────────────────────────────────────────────

declare const someName: string;
const indexed = table('indexed', {
  record: integer('id'),
  encrypt: {
    email: text({ index: { bits: 16, transform: 'email-1' } }),
    badge: integer({ index: { name: 'badge_key', bits: 128, unique: true, next: 'badge_key_2' } }),
    loose: text({ index: { name: someName, bits: 16 } }),
  },
  indexes: { both: { attributes: ['email', 'badge'], bits: 16 } },
});

export async function tokensAreTyped() {
  const record = { id: 1, email: 'a@b', badge: 7, plan: 'pro' };
  const row = await encryptRecord(indexed, record, keyring);
  holds<Equal<typeof row.email_index, string | null>>();
  holds<Equal<typeof row.badge_key_2, string | null>>();
  holds<Equal<typeof row.both, string | null>>();
  // A name that is only known to be one takes no other property away.
  holds<Equal<typeof row.plan, string>>();
  const patch = await encryptRecord(indexed, { id: 1, email: 'a@b' }, keyring);
  // @ts-expect-error of a compound index only where all of its attributes are there
  void patch.both;
  await lookup(indexed, 'both', { email: 'a@b', badge: 7 }, keyring);
  // @ts-expect-error a value of the attribute's type
  await lookup(indexed, 'badge', 'seven', keyring);
  // @ts-expect-error no such index, and no attribute that has one
  await lookup(indexed, 'plan', 'pro', keyring);
}
