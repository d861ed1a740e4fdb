/** Records: what is encrypted, what passes through, and what is refused before anything is. */
import { beforeAll, describe, expect, it } from 'vitest';
import { boolean, bytes, integer, json, text, uuid } from '../../src/attribute.js';
import type { Bytes } from '../../src/bytes.js';
import { webCryptoEngine } from '../../src/engine/index.js';
import { type Keyring, activateKey, addKey } from '../../src/keyring/index.js';
import type { Engine } from '../../src/ports/engine.js';
import { decryptCell, decryptRecord, encryptCell, encryptRecord } from '../../src/record.js';
import { memoryKeyring } from '../../src/store/memory.js';
import { type Table, table } from '../../src/table.js';
import { codeOf, errorOf, newKeyring, reopened } from './support.js';

const ID = '8a1901e4-671b-431a-871c-eadb2942e9ee';
const customers = table('customers', {
  record: uuid('id'),
  encrypt: {
    email: text(),
    photo: bytes({ form: 'binary' }),
    secret: text({ pad: 16, hideNull: true }),
    vip: boolean(),
    notes: json(),
  },
});

let keyring: Keyring;
beforeAll(async () => {
  keyring = await newKeyring();
});

const isCell = (value: unknown): boolean => typeof value === 'string' && /^cs1r\.[a-z2-7]{26}\./.test(value);

describe('a record', () => {
  it('comes back whole: cells in between, everything else as it was', async () => {
    const tags = new Set(['a']);
    const record = {
      id: ID,
      email: 'jane@example.com',
      photo: Uint8Array.of(1, 2, 3),
      secret: 's',
      vip: false,
      notes: { a: [1, null] },
      plan: 'pro',
      tags,
    };
    const row = await encryptRecord(customers, record, keyring);
    expect(isCell(row.email)).toBe(true);
    expect(row.photo).toBeInstanceOf(Uint8Array);
    expect([row.id, row.plan]).toEqual([ID, 'pro']);
    expect(row.tags).toBe(tags);
    expect(Object.keys(row)).toEqual(Object.keys(record));
    expect(await decryptRecord(customers, row, keyring)).toStrictEqual(record);
  });

  it('is a new plain object: what was handed in is not changed', async () => {
    const record = Object.freeze({ id: ID, email: 'jane@example.com', plan: 'pro' });
    const row = await encryptRecord(customers, record, keyring);
    expect(row).not.toBe(record);
    expect(record.email).toBe('jane@example.com');
    expect(Object.getPrototypeOf(row)).toBe(Object.prototype);
    expect(row.plan).toBe('pro');
  });

  it('may be an instance of a class: its own properties count, and what comes back is plain', async () => {
    class Customer {
      readonly id = ID;
      readonly email = 'jane@example.com';
      readonly #hidden = 'x';
      greet(): string {
        return this.#hidden;
      }
    }
    const row = await encryptRecord(customers, new Customer(), keyring);
    expect(Object.keys(row).sort()).toEqual(['email', 'id']);
    expect(isCell(row.email)).toBe(true);
    expect(Object.getPrototypeOf(row)).toBe(Object.prototype);
  });

  it('is never bound to an id that it only inherits', async () => {
    const inherited = Object.create({ id: ID }, { email: { value: 'jane', enumerable: true } }) as {
      id: string;
    };
    expect(await codeOf(() => encryptRecord(customers, inherited, keyring))).toBe('missing-record-id');
  });

  it('without a prototype is one like any other', async () => {
    const bare = Object.assign(Object.create(null) as object, { id: ID, email: 'jane' });
    const row = await encryptRecord(customers, bare, keyring);
    expect(await decryptRecord(customers, row, keyring)).toEqual({ id: ID, email: 'jane' });
  });

  it('with an own property __proto__ keeps it as one', async () => {
    const record = JSON.parse(`{"id":"${ID}","email":"jane","__proto__":{"admin":true}}`) as { id: string };
    const row = (await encryptRecord(customers, record, keyring)) as object;
    expect(Object.getOwnPropertyNames(row).sort()).toEqual(['__proto__', 'email', 'id']);
    expect(Object.getPrototypeOf(row)).toBe(Object.prototype);
  });
});

describe('undefined and null', () => {
  it('stay what they are: undefined is untouched, null is stored as null', async () => {
    const patch = { id: ID, email: undefined, photo: null, plan: undefined };
    const row = await encryptRecord(customers, patch, keyring);
    expect(row).toStrictEqual({ id: ID, email: undefined, photo: null, plan: undefined });
    expect(await decryptRecord(customers, row, keyring)).toStrictEqual(patch);
  });

  it('are not there where the record has none: a patch stays a patch', async () => {
    const row = await encryptRecord(customers, { id: ID, vip: true }, keyring);
    expect(Object.keys(row)).toEqual(['id', 'vip']);
  });

  it('a hidden null is a cell as long as that of a short value, and comes back as null', async () => {
    const [hidden, shown] = await Promise.all(
      [null, 'a'].map((secret) => encryptRecord(customers, { id: ID, secret }, keyring)),
    );
    expect(isCell(hidden?.secret)).toBe(true);
    expect(hidden?.secret?.length).toBe(shown?.secret?.length);
    expect((await decryptRecord(customers, hidden as object, keyring)) as object).toEqual({
      id: ID,
      secret: null,
    });
  });

  it('a row with nothing encrypted in it needs no id', async () => {
    expect(await encryptRecord(customers, { plan: 'pro' } as never, keyring)).toEqual({ plan: 'pro' });
    expect(await decryptRecord(customers, { email: undefined, plan: 'pro' }, keyring)).toEqual({
      email: undefined,
      plan: 'pro',
    });
  });

  it('a null wants its id as a value does: whether a record is taken does not hang on what is in it', async () => {
    for (const email of ['jane', null]) {
      expect(await codeOf(() => encryptRecord(customers, { email } as never, keyring))).toBe(
        'missing-record-id',
      );
    }
    expect(await codeOf(() => decryptRecord(customers, { email: null }, keyring))).toBe('missing-record-id');
  });

  it.each([undefined, null])('a cell of %s is refused: there is none', async (value) => {
    expect(await codeOf(() => encryptCell(customers, 'email', value as never, { id: ID }, keyring))).toBe(
      'invalid-value',
    );
  });
});

describe('a projection', () => {
  it('decrypts what is there, with the id among it', async () => {
    const row = await encryptRecord(customers, { id: ID, email: 'jane', vip: true }, keyring);
    expect(await decryptRecord(customers, { id: row.id, vip: row.vip }, keyring)).toStrictEqual({
      id: ID,
      vip: true,
    });
  });

  it('without the id is refused, and says which part is missing', async () => {
    const row = await encryptRecord(customers, { id: ID, email: 'jane' }, keyring);
    const error = await errorOf(() => decryptRecord(customers, { email: row.email }, keyring));
    expect({ ...error }).toEqual({
      code: 'missing-record-id',
      table: 'customers',
      column: 'email',
      part: 'id',
    });
  });

  it('of a table bound to columns needs no id', async () => {
    const byColumn = table('customers', {
      record: integer('id'),
      bind: 'column',
      encrypt: { email: text() },
    });
    const row = await encryptRecord(byColumn, { email: 'jane' }, keyring);
    expect(await decryptRecord(byColumn, { email: row.email }, keyring)).toEqual({ email: 'jane' });
    expect(await decryptRecord(byColumn, { id: 7, email: row.email }, keyring)).toEqual({
      id: 7,
      email: 'jane',
    });
  });
});

describe('attributes named like members of Object', () => {
  const NAMES = ['constructor', 'toString', 'hasOwnProperty', 'valueOf', 'length'] as const;
  const odd = table('odd', {
    record: integer('isPrototypeOf'),
    encrypt: {
      constructor: text(),
      toString: text(),
      hasOwnProperty: text(),
      valueOf: text(),
      length: text(),
    },
  });

  it('are encrypted where the record has them', async () => {
    const record = { isPrototypeOf: 1, ...Object.fromEntries(NAMES.map((name) => [name, `the ${name}`])) };
    const row = (await encryptRecord(odd, record as never, keyring)) as Record<string, unknown>;
    for (const name of NAMES) expect(isCell(row[name])).toBe(true);
    expect(await decryptRecord(odd, row as never, keyring)).toEqual(record);
  });

  it('are not found where the record only inherits them', async () => {
    expect(await encryptRecord(odd, { isPrototypeOf: 1 } as never, keyring)).toEqual({ isPrototypeOf: 1 });
  });

  it('that the table does not have are passed through, and no cell is made of them', async () => {
    const record = { id: ID, constructor: 'x', toString: 'y', email: 'jane' };
    const row = (await encryptRecord(customers, record as never, keyring)) as Record<string, unknown>;
    expect([row['constructor'], row['toString'], isCell(row['email'])]).toEqual(['x', 'y', true]);
    expect(
      await codeOf(() => encryptCell(customers, 'constructor' as never, 'x' as never, { id: ID }, keyring)),
    ).toBe('definition');
  });

  it('an id is not taken from the prototype either', async () => {
    expect(await codeOf(() => encryptRecord(odd, { length: 'x' } as never, keyring))).toBe(
      'missing-record-id',
    );
  });

  it('__proto__ is no attribute', async () => {
    const make = () => table('odd', { record: integer('id'), encrypt: { ['__proto__']: text() } });
    expect(await codeOf(make)).toBe('definition');
  });
});

describe('nothing is encrypted twice', () => {
  it('a row that is encrypted already is refused, with its table and column', async () => {
    const row = await encryptRecord(customers, { id: ID, email: 'jane' }, keyring);
    const error = await errorOf(() => encryptRecord(customers, row as never, keyring));
    expect({ ...error }).toEqual({ code: 'already-a-cell', table: 'customers', column: 'email' });
  });

  it('a binary cell under a key of this keyring is refused', async () => {
    const row = await encryptRecord(customers, { id: ID, photo: Uint8Array.of(1) }, keyring);
    const photo: Uint8Array = row.photo;
    expect(await codeOf(() => encryptRecord(customers, { id: ID, photo: photo as Bytes }, keyring))).toBe(
      'already-a-cell',
    );
    expect(
      await codeOf(() =>
        encryptRecord(customers, { id: ID, photo: Buffer.from(photo) as unknown as Bytes }, keyring),
      ),
    ).toBe('already-a-cell');
  });

  it('bytes that look like a cell under a key that nobody has are bytes', async () => {
    const foreign = await newKeyring();
    const { photo } = await encryptRecord(customers, { id: ID, photo: Uint8Array.of(1) }, foreign);
    const row = await encryptRecord(customers, { id: ID, photo: photo as Bytes }, keyring);
    expect((await decryptRecord(customers, row, keyring)).photo).toEqual(photo);
  });

  it.each<[string, (cell: string) => string]>([
    ['of another keyring', (cell) => cell],
    ['of a suite yet to come', (cell) => cell.replace('cs1r', 'cs2r')],
    ['of the other mode', (cell) => cell.replace('cs1r', 'cs1d')],
  ])('a text cell %s is refused', async (_, as) => {
    const foreign = await newKeyring();
    const { email } = await encryptRecord(customers, { id: ID, email: 'jane' }, foreign);
    expect(await codeOf(() => encryptRecord(customers, { id: ID, email: as(email) }, keyring))).toBe(
      'already-a-cell',
    );
  });

  it('a cell as a json value is refused; a cell within one is not its whole', async () => {
    const { email } = await encryptRecord(customers, { id: ID, email: 'jane' }, keyring);
    const notes: string = email;
    expect(await codeOf(() => encryptRecord(customers, { id: ID, notes }, keyring))).toBe('already-a-cell');
    const row = await encryptRecord(customers, { id: ID, notes: [notes] }, keyring);
    expect((await decryptRecord(customers, row, keyring)).notes).toEqual([notes]);
  });

  it.each(['cs1r.', 'cs1r.aaaaaaaaaaaaaaaaaaaaaaaaaa.', 'cs1r. is how a cell begins'])(
    'the text %j only begins like one, and is text',
    async (email) => {
      const row = await encryptRecord(customers, { id: ID, email }, keyring);
      expect((await decryptRecord(customers, row, keyring)).email).toBe(email);
    },
  );
});

describe('plaintext where a cell belongs', () => {
  it.each([['jane@example.com'], [''], [7], [true], [{}], [new Uint8Array(80)], [new Date(0)]])(
    'is an error, never handed back: %o',
    async (email) => {
      const error = await errorOf(() => decryptRecord(customers, { id: ID, email, plan: 'pro' }, keyring));
      expect({ ...error }).toEqual({ code: 'not-a-cell', table: 'customers', column: 'email' });
    },
  );

  it('is an error for one attribute where the others are cells', async () => {
    const row = await encryptRecord(customers, { id: ID, email: 'jane', vip: true }, keyring);
    expect(await codeOf(() => decryptRecord(customers, { ...row, vip: true }, keyring))).toBe('not-a-cell');
  });
});

describe('refusals of arguments', () => {
  it('come before anything is encrypted: not one call to the engine', async () => {
    const store = memoryKeyring();
    await newKeyring({ store });
    let seals = 0;
    const counting: Engine = {
      ...webCryptoEngine(),
      seal: (...args) => {
        seals++;
        return webCryptoEngine().seal(...args);
      },
    };
    const counted = await reopened(store, { engine: counting });
    const mixed = table('mixed', {
      record: uuid('id'),
      encrypt: { loose: text({ bind: 'column' }), bound: text() },
    });
    const attempt = encryptRecord(mixed, { loose: 'a', bound: 'b' } as never, counted);
    await expect(attempt).rejects.toMatchObject({ code: 'missing-record-id' });
    expect(seals).toBe(0);
    await encryptRecord(mixed, { loose: 'a' } as never, counted);
    expect(seals).toBe(1);
  });

  it.each([
    [{ email: 7 }, 'email', 'text', 'number'],
    [{ vip: 'yes' }, 'vip', 'boolean', 'string'],
    [{ photo: 'abc' }, 'photo', 'bytes', 'string'],
    [{ photo: [1] }, 'photo', 'bytes', 'array'],
    [{ notes: { a: undefined } }, 'notes', 'json', 'object'],
    [{ email: 'a\ud800' }, 'email', 'text', 'string'],
  ])(
    'a value that is not of its type says where, and not what: %o',
    async (values, column, expected, received) => {
      const error = await errorOf(() => encryptRecord(customers, { id: ID, ...values } as never, keyring));
      expect({ ...error }).toEqual({ code: 'invalid-value', table: 'customers', column, expected, received });
    },
  );

  it('a value that is too long says where, and the limit', async () => {
    const short = table('t', { record: uuid('id'), encrypt: { a: text({ maxBytes: 10 }) } });
    const error = await errorOf(() => encryptRecord(short, { id: ID, a: 'a'.repeat(10) }, keyring));
    expect({ ...error }).toEqual({ code: 'value-too-long', table: 't', column: 'a', maxBytes: 10 });
  });

  it('a tenant is wanted where the table has one, and is none where it has not', async () => {
    const tenants = table('t', { record: uuid('id'), tenant: text('tenant'), encrypt: { a: text() } });
    const record = { id: ID, tenant: 'acme', a: 'x' };
    expect(await codeOf(() => encryptRecord(tenants as Table, record, keyring))).toBe('missing-tenant');
    expect(
      await codeOf(() =>
        encryptRecord(customers as unknown as Table, { id: ID }, keyring, { tenant: 'acme' } as never),
      ),
    ).toBe('invalid-context');
  });

  it('the tenant comes from the caller, never from the row', async () => {
    const tenants = table('t', { record: uuid('id'), tenant: text('tenant'), encrypt: { a: text() } });
    const row = await encryptRecord(tenants, { id: ID, tenant: 'umbrella', a: 'x' }, keyring, {
      tenant: 'acme',
    });
    expect((await decryptRecord(tenants, { ...row, tenant: 'other' }, keyring, { tenant: 'acme' })).a).toBe(
      'x',
    );
    expect(await codeOf(() => decryptRecord(tenants, row, keyring, { tenant: 'umbrella' }))).toBe(
      'authentication',
    );
  });

  it.each([undefined, null, {}, 'keyring', Promise.resolve()])('a keyring is never %o', async (none) => {
    expect(await codeOf(() => encryptRecord(customers, { id: ID, email: 'a' }, none as never))).toBe(
      'definition',
    );
  });
});

describe('what is changed after the call', () => {
  it('does not change what is encrypted: neither properties nor bytes nor json', async () => {
    const fresh = await newKeyring(); // its key is not loaded yet, so the call waits
    const photo = Uint8Array.of(1, 2, 3);
    const notes = { a: 1 };
    const record = { id: ID, email: 'before', photo, notes };
    const encrypting = encryptRecord(customers, record, fresh);
    record.email = 'after';
    record.id = '00000000-0000-0000-0000-000000000000';
    photo.fill(9);
    notes.a = 2;
    const row = await encrypting;
    expect(await decryptRecord(customers, row, fresh)).toEqual({
      id: ID,
      email: 'before',
      photo: Uint8Array.of(1, 2, 3),
      notes: { a: 1 },
    });
  });

  it('does not change what is decrypted', async () => {
    const store = memoryKeyring();
    const row = await encryptRecord(
      customers,
      { id: ID, photo: Uint8Array.of(1, 2, 3) },
      await newKeyring({ store }),
    );
    const stored = Buffer.from(row.photo);
    const decrypting = decryptRecord(customers, { id: ID, photo: stored }, await reopened(store));
    stored.fill(0);
    expect((await decrypting).photo).toEqual(Uint8Array.of(1, 2, 3));
  });

  it('does not change a binary id or tenant', async () => {
    const tenants = table('t', { record: bytes('id'), tenant: bytes('tenant'), encrypt: { a: text() } });
    const fresh = await newKeyring();
    const [id, tenant] = [Uint8Array.of(1), Uint8Array.of(2)];
    const encrypting = encryptRecord(tenants, { id, a: 'x' }, fresh, { tenant });
    id.fill(7);
    tenant.fill(7);
    const { a } = await encrypting;
    const read = decryptCell(tenants, 'a', a, { id: Uint8Array.of(1) }, fresh, { tenant: Uint8Array.of(2) });
    expect(await read).toBe('x');
  });

  it('does not change a binary tenant while the keyring is read again', async () => {
    const tenants = table('t', { record: integer('id'), tenant: bytes('tenant'), encrypt: { a: text() } });
    const store = memoryKeyring();
    const writer = await newKeyring({ store });
    const reader = await reopened(store); // before the key is there
    const tenant = Uint8Array.of(2);
    await activateKey(writer, await addKey(writer, { tenant: tenant.slice() }));
    const row = await encryptRecord(tenants, { id: 1, a: 'x' }, writer, { tenant });
    const decrypting = decryptRecord(tenants, row, reader, { tenant });
    tenant.fill(7);
    expect(await decrypting).toEqual({ id: 1, a: 'x' });
  });
});
