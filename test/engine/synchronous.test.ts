/** The functions whose names end in `Sync`: what the others give, at once; and a typed error where that cannot be. */
import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import { nodeEngine } from '../../src/engine/node.js';
import { webCryptoEngine } from '../../src/engine/webcrypto.js';
import {
  AuthenticationError,
  KeyringClosedError,
  MissingTenantError,
  NotSynchronousError,
  type StandardSchema,
  type SynchronousKeyring,
  activateKey,
  addKey,
  addTenants,
  closeKeyring,
  createKeyring,
  decryptCell,
  decryptCellSync,
  decryptRecord,
  decryptRecordSync,
  encryptCellSync,
  encryptRecord,
  encryptRecordSync,
  integer,
  json,
  lookup,
  lookupSync,
  openKeyring,
  refreshKeyring,
  table,
  text,
} from '../../src/index.js';
import { openedOf } from '../../src/keyring/index.js';
import { memoryKeyring } from '../../src/store/memory.js';
import { testKeyring } from '../../src/testing/testing.js';
import { newKeyring } from '../cells/support.js';

const engine = nodeEngine();
const people = table('people', {
  record: integer('id'),
  encrypt: {
    email: text({ index: { transform: 'lower-1', bits: 64 } }),
    card: text({ form: 'binary' }),
    age: integer(),
  },
});
const notes = table('notes', { record: integer('id'), tenant: text('tenant'), encrypt: { body: text() } });

const onNode = (): Promise<SynchronousKeyring> => testKeyring({ engine });
const thrownBy = (work: () => unknown): unknown => {
  try {
    return work();
  } catch (error) {
    return error;
  }
};

describe('a synchronous function', () => {
  it('gives what the awaited one reads, and reads what that one gives', async () => {
    const keyring = await onNode();
    await fc.assert(
      fc.asyncProperty(
        fc.record({
          id: fc.integer(),
          email: fc.option(fc.string({ minLength: 1 })),
          card: fc.option(fc.string({ unit: 'binary', maxLength: 300 })),
          age: fc.option(fc.integer()),
        }),
        async (record) => {
          if (record.email !== null && record.email.trim() === '') return;
          const row = encryptRecordSync(people, record, keyring);
          expect(await decryptRecord(people, row, keyring)).toMatchObject(record);
          const awaited = await encryptRecord(people, record, keyring);
          expect(decryptRecordSync(people, awaited, keyring)).toMatchObject(record);
          expect(Object.keys(row)).toEqual(Object.keys(awaited));
          const { id, age } = record;
          if (age === null) return;
          const cell = encryptCellSync(people, 'age', age, { id }, keyring);
          expect(await decryptCell(people, 'age', cell, { id }, keyring)).toBe(age);
          expect(decryptCellSync(people, 'age', cell, { id }, keyring)).toBe(age);
        },
      ),
      { numRuns: 50 },
    );
  });

  it('looks up what the awaited one looks up', async () => {
    const keyring = await onNode();
    await activateKey(keyring, await addKey(keyring, { kind: 'index' }));
    const asked = lookupSync(people, 'email', ['Ada@example.com', 'ben@example.com'], keyring);
    const awaited = await lookup(people, 'email', ['Ada@example.com', 'ben@example.com'], keyring);
    expect(asked.columns).toEqual(awaited.columns);
    expect(asked.tokens).toHaveLength(4);
    expect(asked.matches({ email: 'ADA@example.com' })).toBe(true);
  });

  it('passes a function through that is called then, which the awaited one refuses', async () => {
    const keyring = await onNode();
    let calls = 0;
    // biome-ignore lint/suspicious/noThenProperty: that is the case here
    const record = { id: 1, email: 'ada@example.com', then: () => calls++ };
    const row = encryptRecordSync(people, record, keyring);
    expect(row.then).toBe(record.then);
    const { email, then } = decryptRecordSync(people, row, keyring);
    expect([email, then]).toEqual([record.email, record.then]);
    await expect(encryptRecord(people, record, keyring)).rejects.toMatchObject({
      code: 'definition',
      table: 'people',
    });
    await expect(decryptRecord(people, row, keyring)).rejects.toMatchObject({ code: 'definition' });
    expect(calls).toBe(0);
  });

  it('does not wait for large values either', async () => {
    const keyring = await onNode();
    const large = 'x'.repeat(600_000);
    const row = encryptRecordSync(people, { id: 1, card: large }, keyring);
    expect(decryptRecordSync(people, row, keyring).card).toBe(large);
    expect((await decryptRecord(people, row, keyring)).card).toBe(large);
  });

  it('throws what the awaited one rejects with', async () => {
    const keyring = await onNode();
    const cell = encryptCellSync(people, 'age', 7, { id: 1 }, keyring);
    expect(thrownBy(() => decryptCellSync(people, 'age', cell, { id: 2 }, keyring))).toBeInstanceOf(
      AuthenticationError,
    );
    expect(
      thrownBy(() => encryptRecordSync(notes, { id: 1, body: 'x' }, keyring, {} as never)),
    ).toBeInstanceOf(MissingTenantError);
    await closeKeyring(keyring);
    expect(thrownBy(() => encryptCellSync(people, 'age', 7, { id: 1 }, keyring))).toBeInstanceOf(
      KeyringClosedError,
    );
  });

  it('is refused with a keyring on WebCrypto, which is an error of types first', async () => {
    const keyring = await newKeyring({ engine: webCryptoEngine() });
    // @ts-expect-error a keyring that answers with promises
    const refused = thrownBy(() => encryptRecordSync(people, { id: 1, age: 7 }, keyring));
    expect(refused).toBeInstanceOf(NotSynchronousError);
    expect(refused).toMatchObject({ code: 'not-synchronous', reason: 'engine', table: 'people' });
    const without = await testKeyring({ engine: { ...engine, atOnce: undefined } as never });
    expect(thrownBy(() => encryptRecordSync(people, { id: 1, age: 7 }, without))).toMatchObject({
      reason: 'engine',
    });
    const store = memoryKeyring();
    const made = await createKeyring(store, { rawKey: new Uint8Array(32), engine });
    const opened = await openKeyring(store, { rawKey: new Uint8Array(32), engine });
    expect(decryptRecordSync(people, encryptRecordSync(people, { id: 1, age: 7 }, made), opened).age).toBe(7);
  });
});

describe('a process that cannot wait', () => {
  it('seals under a new data key what another process opens, though its salt stays', async () => {
    const store = memoryKeyring();
    const keyring = await testKeyring({ store, engine });
    for (const age of [1, 2, 3]) encryptCellSync(people, 'age', age, { id: 1 }, keyring); // its key is at hand
    await activateKey(keyring, await addKey(keyring));
    const cell = encryptCellSync(people, 'age', 2, { id: 1 }, keyring);
    expect(decryptCellSync(people, 'age', cell, { id: 1 }, await testKeyring({ store, engine }))).toBe(2);
  });

  it('has its keyring read when half of the time is over, by what must not be stale', async () => {
    const inner = memoryKeyring();
    let reads = 0;
    const store = {
      ...inner,
      read: (most: number) => {
        reads++;
        return inner.read(most);
      },
    };
    const keyring = await createKeyring(store, { rawKey: new Uint8Array(32), engine, maxStaleMs: 60_000 });
    const cell = encryptCellSync(people, 'age', 1, { id: 1 }, keyring);
    const before = reads;
    const clock = vi.spyOn(Date, 'now').mockReturnValue(Date.now() + 31_000);
    decryptCellSync(people, 'age', cell, { id: 1 }, keyring);
    expect(reads).toBe(before);
    encryptCellSync(people, 'age', 2, { id: 1 }, keyring);
    clock.mockRestore();
    await vi.waitFor(() => expect(reads).toBe(before + 1));
  });
});

describe('what would have to wait', () => {
  it('is a key of another process, which is there once the keyring was read again', async () => {
    const store = memoryKeyring();
    const [here, there] = [await testKeyring({ store, engine }), await testKeyring({ store, engine })];
    await activateKey(there, await addKey(there));
    const row = encryptRecordSync(people, { id: 1, age: 7 }, there);
    const refused = thrownBy(() => decryptRecordSync(people, row, here));
    expect(refused).toMatchObject({ code: 'not-synchronous', reason: 'waiting', table: 'people' });
    await refreshKeyring(here);
    expect(decryptRecordSync(people, row, here).age).toBe(7);
  });

  it('is a schema that validates with a promise', async () => {
    const keyring = await onNode();
    const slow: StandardSchema<unknown, string> = {
      '~standard': { version: 1, vendor: 'test', validate: async () => ({ issues: [{ message: 'never' }] }) },
    };
    const slowly = table('slowly', { record: integer('id'), encrypt: { body: json(slow) } });
    const refused = thrownBy(() => encryptRecordSync(slowly, { id: 1, body: 'x' }, keyring));
    expect(refused).toMatchObject({
      code: 'not-synchronous',
      reason: 'schema',
      table: 'slowly',
      column: 'body',
    });
    await expect(encryptRecord(slowly, { id: 1, body: 'x' }, keyring)).rejects.toMatchObject({
      code: 'invalid-value',
    });
  });

  it('is a page of tenants’ keys, until it has been read', async () => {
    const store = memoryKeyring();
    const writer = await testKeyring({ store, engine });
    await addTenants(
      writer,
      Array.from({ length: 1_200 }, (_, i) => `tenant-${i}`),
    );
    const keyring = await testKeyring({ store, engine });
    expect(openedOf(keyring).document.pages.length).toBeGreaterThan(0);
    const seal = () => encryptRecordSync(notes, { id: 1, body: 'x' }, keyring, { tenant: 'tenant-7' });
    expect(thrownBy(seal)).toMatchObject({ code: 'not-synchronous', reason: 'waiting' });
    const awaited = await encryptRecord(notes, { id: 1, body: 'x' }, keyring, { tenant: 'tenant-7' });
    expect(decryptRecordSync(notes, awaited, keyring, { tenant: 'tenant-7' }).body).toBe('x');
    expect(await decryptRecord(notes, seal(), keyring, { tenant: 'tenant-7' })).toMatchObject({ body: 'x' });
  });
});
