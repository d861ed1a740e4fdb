/** `testKeyring`: a keyring at once, and the same one again wherever the same store is named. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { webCryptoEngine } from '../../src/engine/webcrypto.js';
import { decryptRecord, encryptRecord, listKeys, openKeyring, table, text, uuid } from '../../src/index.js';
import { fileKeyring } from '../../src/store/file-keyring.js';
import { memoryKeyring } from '../../src/store/memory.js';
import { testKeyring } from '../../src/testing/testing.js';

const notes = table('notes', { record: uuid('id'), encrypt: { body: text() } });
const note = { id: '6f1c2d3e-4b5a-4978-8a6b-0c1d2e3f4a5b', body: 'x' };

describe('testKeyring', () => {
  it('seals and opens, with an active data key and an active index key', async () => {
    const keyring = await testKeyring();
    const row = await encryptRecord(notes, note, keyring);
    expect(await decryptRecord(notes, row, keyring)).toEqual(note);
    const active = listKeys(keyring).filter(({ state }) => state === 'active');
    expect(active.map(({ kind }) => kind).sort()).toEqual(['data', 'index']);
  });

  it('derives nothing from a passphrase', async () => {
    const { subtle } = globalThis.crypto;
    const importKey = vi.spyOn(subtle, 'importKey');
    const deriveBits = vi.spyOn(subtle, 'deriveBits');
    await testKeyring({ engine: webCryptoEngine() });
    const algorithms = JSON.stringify([importKey.mock.calls, deriveBits.mock.calls]);
    expect(algorithms).toContain('"HKDF"');
    expect(algorithms).not.toContain('PBKDF2');
  });

  it('is another keyring at each call', async () => {
    const [one, two] = await Promise.all([testKeyring(), testKeyring()]);
    expect(one.id).not.toBe(two.id);
    const row = await encryptRecord(notes, note, one);
    await expect(decryptRecord(notes, row, two)).rejects.toMatchObject({ code: 'unknown-key' });
  });

  it('is the same keyring for the same store, as other processes have it', async () => {
    const store = memoryKeyring();
    const keyrings = await Promise.all([
      testKeyring({ store }),
      testKeyring({ store }),
      testKeyring({ store }),
    ]);
    keyrings.push(await testKeyring({ store }));
    expect(new Set(keyrings).size).toBe(4);
    expect(new Set(keyrings.map(({ id }) => id)).size).toBe(1);
    const row = await encryptRecord(notes, note, keyrings[0] as (typeof keyrings)[number]);
    for (const keyring of keyrings) expect(await decryptRecord(notes, row, keyring)).toEqual(note);
  });

  it('opens with the raw key that was named, also from another object of the store', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'cellseal-testing-'));
    try {
      const rawKey = new Uint8Array(32).fill(3);
      const here = await testKeyring({ store: fileKeyring(folder), rawKey });
      const there = await testKeyring({ store: fileKeyring(folder), rawKey });
      expect(there.id).toBe(here.id);
      expect((await openKeyring(fileKeyring(folder), { rawKey })).id).toBe(here.id);
      await expect(testKeyring({ store: fileKeyring(folder) })).rejects.toMatchObject({
        code: 'wrong-secret',
      });
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('passes on what the store says', async () => {
    const sound = memoryKeyring();
    const down = () => Promise.reject(new Error('no store'));
    await expect(testKeyring({ store: { ...sound, read: down } })).rejects.toThrow('no store');
    await expect(testKeyring({ store: { ...sound, write: down } })).rejects.toThrow('no store');
  });
});
