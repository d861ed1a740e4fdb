/** Decryption inverts encryption: every type, form, binding, padding, tenant and id. */
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { bytes, integer, json, text, uuid } from '../../src/attribute.js';
import { isUint8Array } from '../../src/bytes.js';
import { webCryptoEngine } from '../../src/engine/index.js';
import { nodeEngine } from '../../src/engine/node.js';
import type { Keyring } from '../../src/keyring/index.js';
import { decryptCell, encryptCell } from '../../src/record.js';
import { memoryKeyring } from '../../src/store/memory.js';
import { type Table, table } from '../../src/table.js';
import {
  type Place,
  TYPES,
  codeOf,
  definitionOf,
  expectSame,
  newKeyring,
  open,
  places,
  reopened,
  seal,
} from './support.js';

const MIB = 1_048_576;

// A null that is not hidden has no cell: not as JSON either.
const CELLS = TYPES.map((type) => {
  const hasCell = (value: unknown): boolean => value !== null || type.type === 'null';
  return { ...type, values: type.values.filter(hasCell), corners: type.corners.filter(hasCell) };
});

// One law, over both engines: each sees the same keyring.
describe.each([
  { name: 'WebCrypto', engine: webCryptoEngine() },
  { name: 'the Node engine', engine: nodeEngine() },
])('with $name', ({ engine }) => {
  const store = memoryKeyring();
  let writer: Keyring;
  let reader: Keyring;
  beforeAll(async () => {
    writer = await newKeyring({ engine, store });
    reader = await reopened(store, { engine });
  });

  describe.each(CELLS)('$type', ({ attribute, values, corners, read, type }) => {
    const shaped = places.map(
      (place): Place => ({ ...place, pad: place.pad ?? (type === 'null' ? 16 : undefined) }),
    );

    it('is read as it was written, whatever the cell is bound to', async () => {
      await fc.assert(
        fc.asyncProperty(shaped, fc.oneof(values, fc.constantFrom(...corners)), async (place, value) => {
          const definition = definitionOf(place, attribute);
          const cell = await seal(writer, place, definition, value);
          expect(typeof cell === 'string').toBe(place.form === 'text');
          expectSame(await open(reader, place, definition, cell), read(value));
        }),
      );
    });

    it.each(corners.map((value) => [value]))('keeps %o', async (value) => {
      for (const form of ['text', 'binary'] as const) {
        const [place] = fc.sample(shaped, 1) as [Place];
        const definition = definitionOf({ ...place, form }, attribute);
        const cell = await seal(writer, { ...place, form }, definition, value);
        expectSame(await open(reader, place, definition, cell), read(value));
      }
    });

    it('is another cell each time, of the same length', async () => {
      const [place] = fc.sample(shaped, 1) as [Place];
      const definition = definitionOf(place, attribute);
      const cells = await Promise.all(
        Array.from({ length: 20 }, () => seal(writer, place, definition, corners[0])),
      );
      expect(new Set(cells.map(String)).size).toBe(20);
      expect(new Set(cells.map((cell) => cell.length)).size).toBe(1);
    });
  });

  it.each(['text', 'binary'] as const)('a value that fills its 1 MiB is kept, as %s', async (form) => {
    const long = 'a\u{1f469}é'.repeat(MIB).slice(0, 500_000);
    const many = new Uint8Array(MIB - 1).map((_, i) => i * 31);
    const definition = table('documents', {
      record: integer('no'),
      encrypt: { body: text({ form, maxBytes: 4 * MIB }), scan: bytes({ form }) },
    });
    const body = await encryptCell(definition, 'body', long, { no: 1 }, writer);
    expect((await decryptCell(definition, 'body', body, { no: 1 }, reader)) === long).toBe(true);
    const scan = await encryptCell(definition, 'scan', many, { no: 1 }, writer);
    expectSame(await decryptCell(definition, 'scan', scan, { no: 1 }, reader), many);
    const more = encryptCell(definition, 'scan', new Uint8Array(MIB), { no: 1 }, writer);
    expect(await codeOf(() => more)).toBe('value-too-long');
  });

  it('a value of 16 MiB is kept where the definition raises the limit so far', async () => {
    const definition = table('films', {
      record: integer('no'),
      encrypt: { frames: bytes({ form: 'binary', maxBytes: 16 * MIB }) },
    });
    const frames = new Uint8Array(16 * MIB - 1).fill(7);
    const cell = await encryptCell(definition, 'frames', frames, { no: 1 }, writer);
    const back = await decryptCell(definition, 'frames', cell, { no: 1 }, reader);
    expect(Buffer.compare(back as Uint8Array, frames)).toBe(0);
  });
});

describe('one id in several spellings', () => {
  const ID = '8a1901e4-671b-431a-871c-eadb2942e9ee';
  const AS_BYTES = Buffer.from(ID.replaceAll('-', ''), 'hex');
  let keyring: Keyring;
  beforeAll(async () => {
    keyring = await newKeyring();
  });

  async function opensAs(definition: Table, written: unknown, read: unknown): Promise<unknown> {
    const cell = await encryptCell(definition, 'email', 'jane', { id: written } as never, keyring);
    return decryptCell(definition, 'email', cell, { id: read } as never, keyring);
  }
  const of = (record: ReturnType<typeof uuid<'id'>>) =>
    table('customers', { record, encrypt: { email: text() } }) as Table;

  it.each<[string, unknown]>([
    ['in upper case', ID.toUpperCase()],
    ['as 16 bytes', new Uint8Array(AS_BYTES)],
    ['as a Buffer', AS_BYTES],
  ])('a UUID %s is the same record', async (_, read) => {
    expect(await opensAs(of(uuid('id')), ID, read)).toBe('jane');
    expect(await opensAs(of(uuid('id')), read, ID)).toBe('jane');
  });

  it.each<[string, unknown]>([
    ['a bigint', 42n],
    ['its digits', '42'],
  ])('an integer as %s is the same record', async (_, read) => {
    expect(await opensAs(of(integer('id') as never), 42, read)).toBe('jane');
  });

  it.each<[string, unknown, unknown]>([
    ['text in another case', 'Ab', 'ab'],
    ['text composed and decomposed', 'é', 'e\u{301}'],
    ['digits with a leading zero', '042', '42'],
  ])('%s is another record', async (_, written, read) => {
    expect(await codeOf(() => opensAs(of(text('id') as never), written, read))).toBe('authentication');
  });
});

describe('what drivers give', () => {
  let keyring: Keyring;
  beforeAll(async () => {
    keyring = await newKeyring();
  });
  const definition = table('customers', {
    record: integer('id'),
    encrypt: { photo: bytes({ form: 'binary' }) },
  });
  const photo = Uint8Array.of(1, 2, 3);

  it.each<[string, (cell: Uint8Array) => unknown]>([
    ['a Buffer', (cell) => Buffer.from(cell)],
    ['an ArrayBuffer', (cell) => new Uint8Array(cell).buffer],
    [
      'a view in the middle of a pool',
      (cell) => Buffer.concat([Buffer.alloc(9), cell, Buffer.alloc(9)]).subarray(9, 9 + cell.length),
    ],
  ])('a binary cell as %s opens', async (_, as) => {
    const cell = await encryptCell(definition, 'photo', photo, { id: 1 }, keyring);
    expectSame(await decryptCell(definition, 'photo', as(cell) as Uint8Array, { id: 1 }, keyring), photo);
  });

  it('bytes in a text column are no cell, nor is text in a binary one', async () => {
    const inText = table('customers', { record: integer('id'), encrypt: { photo: bytes() } });
    const binary = await encryptCell(definition, 'photo', photo, { id: 1 }, keyring);
    const asText = await encryptCell(inText, 'photo', photo, { id: 1 }, keyring);
    expect(await codeOf(() => decryptCell(inText, 'photo', binary, { id: 1 }, keyring))).toBe('not-a-cell');
    expect(await codeOf(() => decryptCell(definition, 'photo', asText, { id: 1 }, keyring))).toBe(
      'not-a-cell',
    );
  });

  it("what comes out is the caller's own: changing it changes nothing else", async () => {
    const cell = await encryptCell(definition, 'photo', photo, { id: 1 }, keyring);
    const first = (await decryptCell(definition, 'photo', cell, { id: 1 }, keyring)) as Uint8Array;
    first.fill(9);
    const second = await decryptCell(definition, 'photo', cell, { id: 1 }, keyring);
    expect(isUint8Array(second)).toBe(true);
    expectSame(second, photo);
  });
});

describe('json with a schema', () => {
  const trimmed = {
    '~standard': {
      version: 1 as const,
      vendor: 'test',
      validate: (value: unknown) =>
        typeof value === 'string' ? { value: value.trim() } : { issues: [{ message: 'not text' }] },
    },
  };
  const definition = table('customers', { record: integer('id'), encrypt: { name: json(trimmed) } });

  it('stores what the schema gives back', async () => {
    const keyring = await newKeyring();
    const cell = await encryptCell(definition, 'name', ' jane ', { id: 1 }, keyring);
    expect(await decryptCell(definition, 'name', cell, { id: 1 }, keyring)).toBe('jane');
  });

  it('refuses what the schema refuses, without its issues', async () => {
    const keyring = await newKeyring();
    const attempt = encryptCell(definition, 'name', 7 as never, { id: 1 }, keyring);
    await expect(attempt).rejects.toMatchObject({
      code: 'invalid-value',
      table: 'customers',
      column: 'name',
    });
    await expect(attempt).rejects.not.toHaveProperty('issues');
  });

  it('does not validate again when it reads: what was valid once is still read', async () => {
    const keyring = await newKeyring();
    const never = { '~standard': { ...trimmed['~standard'], validate: () => ({ issues: [{}] }) } };
    const stricter = table('customers', { record: integer('id'), encrypt: { name: json(never) } });
    const cell = await encryptCell(definition, 'name', 'jane', { id: 1 }, keyring);
    expect(await decryptCell(stricter, 'name', cell, { id: 1 }, keyring)).toBe('jane');
  });
});

describe('ids and tenants that cannot be', () => {
  const place = {
    table: 't',
    column: 'c',
    form: 'text',
    pad: undefined,
    isTuple: false,
    bind: 'record',
    tenant: undefined,
  } as const;
  const attempt = async (type: 'uuid' | 'text' | 'integer' | 'bytes', given: unknown): Promise<string> => {
    const keyring = await newKeyring();
    const whole: Place = { ...place, id: [{ type, given: given as never, bound: '' }] };
    return codeOf(() => seal(keyring, whole, definitionOf(whole, text), 'a'));
  };

  it.each<[Parameters<typeof attempt>[0], unknown]>([
    ['uuid', '8a1901e4671b431a871ceadb2942e9ee'],
    ['uuid', '{8a1901e4-671b-431a-871c-eadb2942e9ee}'],
    ['uuid', '8a1901e4-671b-431a-871c-eadb2942e9eg'],
    ['uuid', '8a1901e4-671b-431a-871c-eadb2942e9ee\n'],
    ['uuid', new Uint8Array(15)],
    ['uuid', 7],
    ['text', ''],
    ['text', 7],
    ['text', 'a\ud800'],
    ['text', 'a'.repeat(1_025)],
    ['integer', 1.5],
    ['integer', 2 ** 53],
    ['integer', Number.NaN],
    ['integer', '042'],
    ['integer', '-0'],
    ['integer', '+1'],
    ['integer', ' 1'],
    ['integer', '1\n'],
    ['integer', '0x1'],
    ['integer', ''],
    ['integer', true],
    ['bytes', 'ab'],
    ['bytes', new Uint8Array(0)],
    ['bytes', new Uint8Array(1_025)],
    ['bytes', [1, 2]],
  ])('a %s id is never %o', async (type, given) => {
    expect(await attempt(type, given)).toBe('invalid-context');
  });

  it.each([[undefined], [null]])('an id is never %o', async (given) => {
    expect(await attempt('text', given)).toBe('missing-record-id');
  });
});
