import { describe, expect, it } from 'vitest';
import {
  AlreadyACellError,
  InvalidValueError,
  type StandardSchema,
  activateKey,
  addKey,
  bytes,
  createKeyring,
  decryptRecord,
  encryptRecord,
  integer,
  json,
  openKeyring,
  table,
  tenantOf,
  text,
  uuid,
} from '../../src/index.js';
import { memoryKeyring } from '../../src/store/memory.js';

const unlock = { rawKey: new Uint8Array(32).fill(3) };
const id = '8a1901e4-671b-431a-871c-eadb2942e9ee';

describe('a property that is called like the column of an attribute', () => {
  const patients = table('patients', {
    record: uuid('id'),
    encrypt: { diagnosis: text({ column: 'diagnosis_enc' }) },
  });

  it('is refused on its way in, where it would pass through as plaintext', async () => {
    const keyring = await createKeyring(memoryKeyring(), unlock);
    const record = { id, diagnosis_enc: 'influenza' };
    await expect(encryptRecord(patients, record, keyring)).rejects.toMatchObject({
      code: 'definition',
      table: 'patients',
      column: 'diagnosis',
    });
  });

  it('is refused on its way out, where its cell would stay a cell', async () => {
    const keyring = await createKeyring(memoryKeyring(), unlock);
    const { diagnosis } = await encryptRecord(patients, { id, diagnosis: 'influenza' }, keyring);
    const row: Record<string, unknown> = { id, diagnosis_enc: diagnosis };
    await expect(decryptRecord(patients, row, keyring)).rejects.toMatchObject({
      code: 'definition',
    });
  });

  it('is another attribute where the definition says so', async () => {
    const swapped = table('swapped', {
      record: uuid('id'),
      encrypt: { a: text({ column: 'b' }), b: text({ column: 'a' }) },
    });
    const keyring = await createKeyring(memoryKeyring(), unlock);
    const row = await encryptRecord(swapped, { id, a: '1', b: '2' }, keyring);
    expect(await decryptRecord(swapped, row, keyring)).toEqual({ id, a: '1', b: '2' });
  });
});

describe('bytes that are a cell', () => {
  const files = table('files', { record: uuid('id'), encrypt: { body: bytes({ form: 'binary' }) } });

  it('are not encrypted again by a process that has not read the newest keyring', async () => {
    const store = memoryKeyring();
    const keyring = await createKeyring(store, unlock);
    const stale = await openKeyring(store, unlock);
    await activateKey(keyring, await addKey(keyring));
    const { body } = await encryptRecord(files, { id, body: Uint8Array.of(1, 2) }, keyring);
    await expect(encryptRecord(files, { id, body }, stale)).rejects.toBeInstanceOf(AlreadyACellError);
  });

  it('perhaps, of which none is, are not encrypted at one a second', async () => {
    const keyring = await createKeyring(memoryKeyring(), unlock);
    const start = performance.now();
    for (let i = 0; i < 3; i++) {
      const body = new Uint8Array(64).fill(i);
      body.set([1, 0]);
      await encryptRecord(files, { id, body }, keyring);
    }
    expect(performance.now() - start).toBeLessThan(900);
  });

  it('of somebody else are bytes like others', async () => {
    const keyring = await createKeyring(memoryKeyring(), unlock);
    const other = await createKeyring(memoryKeyring(), unlock);
    const { body } = await encryptRecord(files, { id, body: Uint8Array.of(1, 2) }, other);
    const row = await encryptRecord(files, { id, body }, keyring);
    expect((await decryptRecord(files, row, keyring)).body).toEqual(new Uint8Array(body));
  });
});

describe('a schema that throws', () => {
  it.each([
    [
      'at once',
      () => {
        throw new Error('boom 123-45-6789');
      },
    ],
    ['later', () => Promise.reject(new Error('boom 123-45-6789'))],
  ])('%s becomes InvalidValueError, and what it said is not passed on', async (_when, validate) => {
    const schema: StandardSchema = { '~standard': { version: 1, vendor: 'test', validate } };
    const people = table('people', { record: uuid('id'), encrypt: { notes: json(schema) } });
    const keyring = await createKeyring(memoryKeyring(), unlock);
    const refused = await encryptRecord(people, { id, notes: '123-45-6789' }, keyring).catch(
      (error: unknown) => error,
    );
    expect(refused).toBeInstanceOf(InvalidValueError);
    expect(String((refused as Error).stack)).not.toContain('6789');
    expect((refused as Error).cause).toBeUndefined();
  });
});

describe("a tenant's key", () => {
  it('is of the type that the table declares, as tenantOf gives it', async () => {
    const byUuid = table('a', { record: integer('no'), tenant: uuid('tenant'), encrypt: { iban: text() } });
    const keyring = await createKeyring(memoryKeyring(), unlock);
    const keyId = await addKey(keyring, { tenant: tenantOf(byUuid, id) });
    await activateKey(keyring, keyId);
    const row = await encryptRecord(byUuid, { no: 1, iban: 'DE02' }, keyring, { tenant: id.toUpperCase() });
    expect(row.iban.slice(5, 31)).toBe(keyId);
  });

  it('that was added under another type stops the first encryption, instead of never being used', async () => {
    const byInteger = table('a', {
      record: integer('no'),
      tenant: integer('tenant'),
      encrypt: { iban: text() },
    });
    const keyring = await createKeyring(memoryKeyring(), unlock);
    await activateKey(keyring, await addKey(keyring, { tenant: '7' }));
    await expect(
      encryptRecord(byInteger, { no: 1, iban: 'DE02' }, keyring, { tenant: 7 }),
    ).rejects.toMatchObject({
      code: 'invalid-context',
    });
  });

  it('is asked for where a table has tenants', () => {
    const shared = table('a', { record: integer('no'), encrypt: { iban: text() } });
    expect(() => tenantOf(shared, 'acme')).toThrow(/no tenant/);
  });
});
