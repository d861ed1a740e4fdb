/** A secret appears in no error and not in the keyring, however they are printed. */
import { format, inspect } from 'node:util';
import { beforeAll, describe, expect, it } from 'vitest';
import {
  boolean,
  bytes,
  date,
  decimal,
  float,
  integer,
  json,
  text,
  timestamp,
  uuid,
} from '../../src/attribute.js';
import { type Bytes, base32, concat, utf8 } from '../../src/bytes.js';
import { webCryptoEngine } from '../../src/engine/index.js';
import { encodeContext } from '../../src/envelope/index.js';
import {
  type Keyring,
  activateKey,
  addKey,
  createKeyring,
  createKeyringIn,
  openKeyring,
  openedOf,
  resumeKey,
  suspendKey,
} from '../../src/keyring/index.js';
import type { KeyringStore } from '../../src/ports/keyring-store.js';
import { decryptCell, decryptRecord, encryptCell, encryptRecord } from '../../src/record.js';
import { encryptRecords } from '../../src/records.js';
import { memoryKeyring } from '../../src/store/memory.js';
import { type Table, table } from '../../src/table.js';
import { givenRandom, newKeyring, patientClock } from './support.js';

// Not a word of it stands anywhere else.
const TEXT = 'zq7kxwHepzibahvbn4jplm';
const PASSPHRASE = `${TEXT} as a passphrase`;
const NUMBER = 918_273_645_546;
const FLOAT = 0.918273645546;
const DAY = '1871-11-29';
const MOMENT = new Date('1871-11-29T07:53:41.618Z');
const DECIMAL = '918273.645546';
const UUID = '7a71376b-7877-4361-8e61-727976626e34';
const key = (fill: string): Bytes => utf8(`${fill}7kxwHepzibahvbn4jplmzq7kxwHepziba`).slice(0, 32);
const [RAW, ROOT, DATA] = [key('r'), key('o'), key('d')];

/** Every spelling in which a printed thing could show one of them. */
const SPELLINGS: readonly string[] = [
  'epzibah',
  String(NUMBER),
  '918_273',
  '918273',
  '0.91827',
  DAY,
  '1871',
  String(MOMENT.getTime()),
  UUID,
  UUID.replaceAll('-', ''),
  ...[TEXT, 'Hepzibahvbn4'].map(utf8).concat(RAW, ROOT, DATA).flatMap(spellings),
  ...spellings(Buffer.from(UUID.replaceAll('-', ''), 'hex')),
];

function spellings(secret: Uint8Array): string[] {
  const buffer = Buffer.from(secret);
  const some = [...buffer.subarray(0, 6)];
  return [
    buffer.toString('hex'),
    buffer.toString('base64').slice(0, 10),
    buffer.toString('base64url').slice(0, 10),
    base32(buffer).slice(0, 12),
    some.join(','), // String(uint8array), JSON of an array
    some.join(', '), // inspect of a Uint8Array
    some.map((byte) => byte.toString(16).padStart(2, '0')).join(' '), // inspect of a Buffer
    some.map((byte, i) => `"${i}":${byte}`).join(','), // JSON of a Uint8Array
  ];
}

/** Whatever anybody might print of a thing. */
function printed(thing: unknown): string {
  const all: string[] = [
    String(thing),
    format('%o %O %s', thing, thing, thing),
    inspect(thing, {
      depth: 10,
      showHidden: true,
      showProxy: true,
      getters: true,
      maxArrayLength: null,
      maxStringLength: null,
    }),
    JSON.stringify(thing, (_, value: unknown) => (typeof value === 'bigint' ? String(value) : value)) ?? '',
  ];
  if (typeof thing === 'object' && thing !== null) {
    for (const name of Reflect.ownKeys(thing)) {
      const value: unknown = Reflect.get(thing, name);
      all.push(String(name), inspect(value, { depth: 10, showHidden: true }));
      if (typeof value === 'string') all.push(value);
    }
    const { message, stack, cause } = thing as Partial<Error>;
    all.push(String(message), String(stack));
    if (cause !== undefined) all.push(printed(cause));
  }
  return all.join('\n');
}

function leaks(thing: unknown): string[] {
  // inspect aligns the numbers of an array with spaces
  const text = printed(thing).replace(/\s+/g, ' ');
  return SPELLINGS.filter((spelling) => text.includes(spelling));
}

const people = table('people', {
  record: text('id'),
  tenant: text('tenant'),
  encrypt: {
    name: text({ maxBytes: 200 }),
    photo: bytes({ maxBytes: 200 }),
    notes: json(),
    amount: integer(),
    big: integer({ as: 'bigint' }),
    ratio: float(),
    vip: boolean(),
    seen: timestamp(),
    price: decimal(),
    born: date(),
    short: text({ maxBytes: 4 }),
    checked: json(schemaThat({ issues: [{ message: TEXT }] })),
  },
});
const byUuid = table('by_uuid', { record: uuid('id'), encrypt: { name: text() } });
const byNumber = table('by_number', { record: integer('id'), encrypt: { name: text() } });
const byBytes = table('by_bytes', { record: bytes('id'), encrypt: { name: text() } });
const ofTenants = table('of_tenants', {
  record: integer('id'),
  tenant: integer('tenant'),
  encrypt: { name: text() },
});

function schemaThat(result: { issues: unknown[] }) {
  return { '~standard': { version: 1 as const, vendor: 'test', validate: () => result } };
}

let store: KeyringStore;
let keyring: Keyring;
let cell: string;
let other: Keyring;
beforeAll(async () => {
  store = memoryKeyring();
  const random = givenRandom(ROOT, new Uint8Array(32).fill(7), DATA); // the second is the slot's salt
  const environment = { engine: webCryptoEngine(), random, clock: patientClock() };
  keyring = await createKeyringIn(environment, store, { passphrase: PASSPHRASE, iterations: 1_000 });
  expect(random.left()).toBe(0);
  cell = await encryptCell(people, 'name', TEXT, { id: TEXT }, keyring, { tenant: TEXT });
  const elsewhere = memoryKeyring();
  await createKeyring(elsewhere, { rawKey: RAW });
  other = await openKeyring(elsewhere, { rawKey: RAW });
});

const record = (values: object) =>
  encryptRecord(people, { id: TEXT, ...values } as never, keyring, { tenant: TEXT });
const read = (stored: unknown, id = TEXT, tenant = TEXT) =>
  decryptRecord(people, { id, name: stored }, keyring, { tenant });
const bitFlipped = (): string => cell.slice(0, -6) + (cell.at(-6) === 'A' ? 'B' : 'A') + cell.slice(-5);

/** Everything that can go wrong with a secret at hand. */
const FAILURES: readonly (readonly [name: string, code: string, provoke: () => unknown])[] = [
  ['text where bytes are wanted', 'invalid-value', () => record({ photo: TEXT })],
  ['bytes where text is wanted', 'invalid-value', () => record({ name: utf8(TEXT) })],
  ['a Buffer where text is wanted', 'invalid-value', () => record({ name: Buffer.from(TEXT) })],
  ['an object where text is wanted', 'invalid-value', () => record({ name: { secret: TEXT } })],
  ['ill-formed text', 'invalid-value', () => record({ name: `${TEXT}\ud800` })],
  ['text where an integer is wanted', 'invalid-value', () => record({ amount: String(NUMBER) })],
  ['a fraction where an integer is wanted', 'invalid-value', () => record({ amount: NUMBER + 0.5 })],
  ['a bigint where a number is wanted', 'invalid-value', () => record({ amount: BigInt(NUMBER) })],
  ['a number where a bigint is wanted', 'invalid-value', () => record({ big: NUMBER })],
  ['text where a float is wanted', 'invalid-value', () => record({ ratio: String(FLOAT) })],
  ['text where a boolean is wanted', 'invalid-value', () => record({ vip: TEXT })],
  ['text where a timestamp is wanted', 'invalid-value', () => record({ seen: MOMENT.toISOString() })],
  ['a number where a timestamp is wanted', 'invalid-value', () => record({ seen: MOMENT.getTime() })],
  ['no decimal', 'invalid-value', () => record({ price: `${DECIMAL}x` })],
  ['no date', 'invalid-value', () => record({ born: `${DAY}T` })],
  ['a Date where a date is wanted', 'invalid-value', () => record({ born: MOMENT })],
  ['json that is none', 'invalid-value', () => record({ notes: { [TEXT]: undefined } })],
  ['json of a class', 'invalid-value', () => record({ notes: [MOMENT, new Map([[TEXT, TEXT]])] })],
  ['json that nests too deeply', 'invalid-value', () => record({ notes: nested(TEXT) })],
  ['json that its schema refuses', 'invalid-value', () => record({ checked: TEXT })],
  ['text that is too long', 'value-too-long', () => record({ short: TEXT })],
  [
    'bytes that are too long',
    'value-too-long',
    () => record({ photo: concat(...Array<Bytes>(20).fill(utf8(TEXT))) }),
  ],
  ['a cell where a value is wanted', 'already-a-cell', () => record({ name: cell })],
  ['plaintext where a cell is wanted', 'not-a-cell', () => read(TEXT)],
  ['plaintext bytes where a cell is wanted', 'not-a-cell', () => read(utf8(TEXT))],
  ['an object where a cell is wanted', 'not-a-cell', () => read({ secret: TEXT })],
  ['plaintext after a key tag', 'not-a-cell', () => read(`${cell.slice(0, 32)}${TEXT} `)],
  ['a cell that is cut off', 'too-short', () => read(cell.slice(0, 60))],
  ['a cell of another record', 'authentication', () => read(cell, `${TEXT}2`)],
  ['a cell of another tenant', 'authentication', () => read(cell, TEXT, `${TEXT}2`)],
  ['a cell that was altered', 'authentication', () => read(bitFlipped())],
  [
    'a cell of another type',
    'authentication',
    () => decryptCell(people, 'born', cell, { id: TEXT }, keyring, { tenant: TEXT }),
  ],
  [
    'a cell of another keyring',
    'unknown-key',
    async () => {
      const foreign = await encryptCell(people, 'name', TEXT, { id: TEXT }, other, { tenant: TEXT });
      return decryptRecord(people, { id: TEXT, name: foreign }, await newKeyring(), { tenant: TEXT });
    },
  ],
  [
    'an id that is no UUID',
    'invalid-context',
    () => encryptCell(byUuid, 'name', TEXT, { id: TEXT }, keyring),
  ],
  [
    'an id of 15 bytes for a UUID',
    'invalid-context',
    () => encryptCell(byUuid, 'name', TEXT, { id: utf8(TEXT).slice(0, 15) }, keyring),
  ],
  [
    'an id that is no integer',
    'invalid-context',
    () => encryptCell(byNumber, 'name', TEXT, { id: TEXT }, keyring),
  ],
  [
    'an id that is no safe integer',
    'invalid-context',
    () => encryptCell(byNumber, 'name', TEXT, { id: NUMBER * 2 ** 30 }, keyring),
  ],
  [
    'an id that is no bytes',
    'invalid-context',
    () => encryptCell(byBytes, 'name', TEXT, { id: TEXT as never }, keyring),
  ],
  ['an id that is too long', 'invalid-context', () => record({ id: TEXT.repeat(100), name: TEXT })],
  ['an id that is ill-formed', 'invalid-context', () => record({ id: `${TEXT}\udc00`, name: TEXT })],
  ['an id that is missing', 'missing-record-id', () => record({ id: undefined, name: TEXT })],
  [
    'a tenant that is missing',
    'missing-tenant',
    () => encryptRecord(people, { id: TEXT, name: TEXT }, keyring, {} as never),
  ],
  [
    'a tenant that is too long',
    'invalid-context',
    () => encryptRecord(people, { id: TEXT, name: TEXT }, keyring, { tenant: TEXT.repeat(100) }),
  ],
  [
    'a tenant that is ill-formed',
    'invalid-context',
    () => encryptRecord(people, { id: TEXT, name: TEXT }, keyring, { tenant: `${TEXT}\ud800` }),
  ],
  [
    'a tenant that is no integer',
    'invalid-context',
    () => encryptCell(ofTenants, 'name', TEXT, { id: 1 }, keyring, { tenant: TEXT }),
  ],
  [
    'a tenant where there is none',
    'invalid-context',
    () =>
      encryptCell(byUuid as unknown as Table, 'name', TEXT, { id: UUID }, keyring, {
        tenant: TEXT,
      } as never),
  ],
  [
    'a key for a tenant that is too long',
    'invalid-context',
    () => addKey(keyring, { tenant: TEXT.repeat(100) }),
  ],
  [
    'a context that cannot be',
    'invalid-context',
    () => encodeContext('cell', { table: 't', record: [TEXT, ''] }),
  ],
  ['a wrong passphrase', 'wrong-secret', () => openKeyring(store, { passphrase: `${PASSPHRASE}!` })],
  ['a wrong raw key', 'wrong-secret', () => openKeyring(store, { rawKey: RAW })],
  [
    'an ill-formed passphrase',
    'invalid-passphrase',
    () => openKeyring(store, { passphrase: `${PASSPHRASE}\ud800` }),
  ],
  [
    'a passphrase that is too long',
    'invalid-passphrase',
    () => openKeyring(store, { passphrase: PASSPHRASE.repeat(100) }),
  ],
  [
    'a passphrase with a line break',
    'invalid-passphrase',
    () => createKeyring(memoryKeyring(), { passphrase: `${PASSPHRASE}\n`, iterations: 1_000 }),
  ],
  ['a raw key that is too short', 'invalid-passphrase', () => openKeyring(store, { rawKey: RAW.slice(1) })],
  [
    'a raw key that is text',
    'invalid-passphrase',
    () => openKeyring(store, { rawKey: TEXT.repeat(2).slice(0, 32) as never }),
  ],
  ['both secrets', 'invalid-passphrase', () => openKeyring(store, { passphrase: PASSPHRASE, rawKey: RAW })],
  ['a second keyring', 'keyring-exists', () => createKeyring(store, { passphrase: PASSPHRASE })],
  ['no keyring', 'keyring-not-found', () => openKeyring(memoryKeyring(), { passphrase: PASSPHRASE })],
  [
    'a document that was altered',
    'keyring-damaged',
    () => openKeyring(altered(), { passphrase: PASSPHRASE }),
  ],
  ['a key that is not there', 'unknown-key', () => activateKey(keyring, 'a'.repeat(26))],
  ['a key that is not suspended', 'key-state', () => resumeKey(keyring, activeKeyId())],
  [
    'a census that nobody counted',
    'census-stale',
    () => suspendKey(keyring, activeKeyId(), { secret: TEXT } as never, { withoutHold: true }),
  ],
  [
    'an attribute that the table does not have',
    'definition',
    () => encryptCell(people, 'nickname' as never, TEXT as never, { id: TEXT }, keyring, { tenant: TEXT }),
  ],
  [
    'a keyring that is none',
    'definition',
    () => encryptRecord(byUuid, { id: UUID, name: TEXT }, { passphrase: PASSPHRASE } as never),
  ],
  [
    'a concurrency that is none',
    'definition',
    () => encryptRecords(byUuid, [{ id: UUID, name: TEXT }], keyring, { concurrency: TEXT as never }),
  ],
];

function nested(secret: string): unknown {
  let value: unknown = secret;
  for (let depth = 0; depth < 50_000; depth++) value = [value];
  return value;
}

function activeKeyId(): string {
  return openedOf(keyring).activeKeys(false)[0] as string;
}

function altered(): KeyringStore {
  return {
    read: async () => {
      const stored = await store.read(2 ** 20);
      if (!stored) throw new Error('nothing stored');
      const document = stored.document.slice();
      const at = document.length - 10; // in the MAC
      document[at] = document[at] === 0x41 ? 0x42 : 0x41;
      return { ...stored, document };
    },
    write: () => false,
  };
}

async function provoked(provoke: () => unknown): Promise<Error> {
  try {
    await provoke();
  } catch (error) {
    if (error instanceof Error) return error;
    throw new Error('what was thrown is no error');
  }
  throw new Error('nothing went wrong');
}

describe('the look-out', () => {
  it('sees a secret wherever it could stand', () => {
    const holders: unknown[] = [
      new Error(`for ${TEXT}`),
      Object.assign(new Error('quiet'), { value: TEXT }),
      Object.defineProperty(new Error('quiet'), 'value', { value: utf8(TEXT), enumerable: false }),
      Object.defineProperty(new Error('quiet'), Symbol('value'), { value: MOMENT }),
      new Error('quiet', { cause: new Error('quiet', { cause: { deep: [PASSPHRASE] } }) }),
      new Error('quiet', { cause: Buffer.from(RAW) }),
      { a: { b: { c: { d: { e: DATA } } } } },
      Object.assign(new Error('quiet'), { id: UUID }),
      Object.assign(new Error('quiet'), { value: NUMBER }),
      Object.assign(new Error('quiet'), { value: BigInt(NUMBER) }),
      Object.assign(new Error('quiet'), { value: FLOAT }),
      Object.assign(new Error('quiet'), { value: DECIMAL }),
      Object.assign(new Error('quiet'), { value: DAY }),
      { key: [...ROOT] },
      { key: Buffer.from(ROOT).toString('base64url') },
    ];
    expect(holders.filter((holder) => leaks(holder).length === 0)).toEqual([]);
  });

  it('sees none where there is none', () => {
    expect(leaks(new Error('quiet'))).toEqual([]);
  });
});

describe('a secret', () => {
  it.each(FAILURES)('does not show where the failure is %s', async (_, code, provoke) => {
    const error = await provoked(provoke);
    expect((error as { code?: unknown }).code).toBe(code);
    expect(error.cause).toBeUndefined();
    expect(leaks(error)).toEqual([]);
  });

  it('was at hand in more than 25 failures, of more than 12 kinds', () => {
    expect(FAILURES.length).toBeGreaterThan(25);
    expect(new Set(FAILURES.map(([, code]) => code)).size).toBeGreaterThan(12);
  });

  it('does not show in a keyring, which prints as its name alone', () => {
    expect(leaks(keyring)).toEqual([]);
    expect(leaks(other)).toEqual([]);
    expect(inspect(keyring)).toBe('Keyring {}');
    expect(JSON.stringify(keyring)).toBe('{}');
    expect(JSON.stringify({ ...keyring })).toBe('{}');
  });

  it('does not show in what stands behind a keyring either', () => {
    expect(leaks(openedOf(keyring))).toEqual([]);
    expect(leaks(openedOf(other))).toEqual([]);
  });

  it('does not show in what is stored: neither the document nor a cell', async () => {
    const stored = await store.read(2 ** 20);
    const document = Buffer.from(stored?.document ?? []).toString();
    const payload = Buffer.from(document.split('"')[3] ?? '', 'base64url').toString();
    expect(payload).toContain('"format":1');
    expect(leaks(document)).toEqual([]);
    expect(leaks(payload)).toEqual([]);
    expect(leaks(cell)).toEqual([]);
    expect(leaks(Buffer.from(cell.slice(32), 'base64url').toString('latin1'))).toEqual([]);
  });

  it('is not copied by structuredClone: a keyring cannot be sent anywhere', () => {
    expect(leaks(structuredClone(keyring))).toEqual([]);
  });
});
