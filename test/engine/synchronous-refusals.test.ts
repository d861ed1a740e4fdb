/** What a synchronous function refuses: it says why, a later call can succeed, and a call that was refused is not made. */
import { describe, expect, it, vi } from 'vitest';
import { nodeEngine } from '../../src/engine/node.js';
import {
  type KeyringEvent,
  type StandardSchema,
  activateKey,
  addKey,
  bytes,
  changeKey,
  createKeyring,
  decryptCell,
  decryptCellSync,
  decryptRecordSync,
  encryptCellSync,
  json,
  listKeys,
  openKeyring,
  table,
  text,
} from '../../src/index.js';
import { openedOf } from '../../src/keyring/index.js';
import { memoryKeyring } from '../../src/store/memory.js';
import { testKeyring } from '../../src/testing/testing.js';

const engine = nodeEngine();
const rawKey = new Uint8Array(32).fill(5);
const files = table('files', {
  record: text('id'),
  encrypt: { name: text(), blob: bytes({ form: 'binary' }) },
});
const id = { id: '1' };

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
const refusalBy = (work: () => unknown): unknown => {
  try {
    return work();
  } catch (error) {
    return error;
  }
};
const codeBy = (work: () => unknown): unknown => {
  try {
    work();
    return undefined;
  } catch (error) {
    return (error as { code?: unknown }).code ?? error;
  }
};

describe('a synchronous function', () => {
  it('encrypts bytes that begin like a cell, and refuses those that are one', async () => {
    const keyring = await testKeyring({ engine });
    const blob = new Uint8Array(64);
    blob[0] = 1; // 01 00: a 16-bit number, little-endian
    const cell = encryptCellSync(files, 'blob', blob, id, keyring);
    expect(decryptCellSync(files, 'blob', cell, id, keyring)).toEqual(blob);
    expect(codeBy(() => encryptCellSync(files, 'blob', cell, id, keyring))).toBe('already-a-cell');
  });

  it('knows the key of a cell that is to be encrypted once the keyring was read, which such bytes see to', async () => {
    const store = memoryKeyring();
    const [here, there] = [await testKeyring({ store, engine }), await testKeyring({ store, engine })];
    await activateKey(there, await addKey(there));
    const cell = encryptCellSync(files, 'blob', Uint8Array.of(1), id, there);
    expect(codeBy(() => encryptCellSync(files, 'blob', cell, id, here))).toBe(undefined);
    await vi.waitFor(() => expect(here.revision).toBe(there.revision));
    expect(codeBy(() => encryptCellSync(files, 'blob', cell, id, here))).toBe('already-a-cell');
  });

  it('says of a key that nobody has that it is unknown, once the keyring was read for it', async () => {
    const keyring = await testKeyring({ engine });
    const cell = encryptCellSync(files, 'name', 'a.txt', id, keyring);
    const forged = `cs1r.${'a'.repeat(26)}.${cell.slice(32)}`;
    await expect(decryptCell(files, 'name', forged, id, keyring)).rejects.toMatchObject({
      code: 'unknown-key',
    });
    expect(codeBy(() => decryptCellSync(files, 'name', forged, id, keyring))).toBe('unknown-key');
  });

  it('tells why its keyring stays stale', async () => {
    const inner = memoryKeyring();
    let isDown = false;
    const store = {
      ...inner,
      read: (most: number) => {
        if (isDown) throw new Error('down');
        return inner.read(most);
      },
    };
    const events: KeyringEvent['type'][] = [];
    const onEvent = ({ type }: KeyringEvent): unknown => events.push(type);
    const keyring = await createKeyring(store, { rawKey, engine, maxStaleMs: 1_000, onEvent });
    isDown = true;
    const codes: unknown[] = [];
    for (let i = 0; i < 2; i++) {
      await sleep(1_100);
      codes.push(codeBy(() => encryptCellSync(files, 'name', 'a.txt', id, keyring)));
    }
    expect(codes).toEqual(['not-synchronous', 'keyring-stale']);
    expect(events).toContain('read-failed');
  }, 10_000);

  it('tells that the key of its keyring was changed', async () => {
    const store = memoryKeyring();
    const keyring = await createKeyring(store, { rawKey, engine, maxStaleMs: 1_000 });
    await changeKey(await openKeyring(store, { rawKey }), { rawKey: new Uint8Array(32).fill(6) });
    await sleep(1_100);
    expect(codeBy(() => encryptCellSync(files, 'name', 'a.txt', id, keyring))).toBe('not-synchronous');
    await vi.waitFor(() =>
      expect(codeBy(() => encryptCellSync(files, 'name', 'a.txt', id, keyring))).toBe('keyring-rekeyed'),
    );
  });

  it('does not seal, nor count, later what it has refused', async () => {
    const store = memoryKeyring();
    const keyring = await createKeyring(store, { rawKey, engine, maxStaleMs: 1_000 });
    const keyId = listKeys(keyring).find(({ kind }) => kind === 'data')?.keyId as string;
    await sleep(1_100);
    for (let i = 0; i < 500; i++)
      expect(codeBy(() => encryptCellSync(files, 'name', 'a.txt', id, keyring))).toBe('not-synchronous');
    await vi.waitFor(() => expect(openedOf(keyring).newest.isStale).toBe(false));
    await sleep(50);
    expect(openedOf(keyring).usage.cells(keyId)).toBe(0);
  });

  it('does not seal later what it has refused for its schema', async () => {
    const keyring = await testKeyring({ engine });
    const keyId = listKeys(keyring).find(({ kind }) => kind === 'data')?.keyId as string;
    const slow: StandardSchema<unknown, string> = {
      '~standard': { version: 1, vendor: 'test', validate: async (value) => ({ value: value as string }) },
    };
    const slowly = table('slowly', { record: text('id'), encrypt: { body: json(slow) } });
    expect(codeBy(() => encryptCellSync(slowly, 'body', 'x', id, keyring))).toBe('not-synchronous');
    await sleep(20);
    expect(openedOf(keyring).usage.cells(keyId)).toBe(0);
  });

  it('says that it is the schema also where that validates plaintext which is adopted', async () => {
    const keyring = await testKeyring({ engine });
    const slow: StandardSchema<unknown, string> = {
      '~standard': { version: 1, vendor: 'test', validate: async () => ({ issues: [{ message: 'never' }] }) },
    };
    const beside = { adopting: { from: 'plain' } } as const;
    const slowly = table('slowly', {
      record: text('id'),
      encrypt: { body: json(slow, { adopting: true }), other: json(slow, beside) },
    });
    for (const row of [
      { id: '1', body: '"x"' },
      { id: '1', other: null, plain: '"x"' },
    ])
      expect(refusalBy(() => decryptRecordSync(slowly, row, keyring))).toMatchObject({
        reason: 'schema',
        table: 'slowly',
      });
  });
});
