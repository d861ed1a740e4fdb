/** Reading the keyring again: what is newer is taken over, what is older or another one is refused. */
import { describe, expect, it } from 'vitest';
import type { Bytes } from '../../src/bytes.js';
import {
  KeyringDamagedError,
  KeyringNotFoundError,
  KeyringRolledBackError,
  WrongKeyringError,
} from '../../src/errors.js';
import {
  activateKey,
  addKey,
  listKeys,
  openKeyringIn,
  openedOf,
  refreshKeyring,
} from '../../src/keyring/index.js';
import type { StoredKeyring } from '../../src/ports/keyring-store.js';
import { memoryKeyring } from '../../src/store/memory.js';
import {
  type Known,
  RAW_KEY,
  type SettableStore,
  countingEngine,
  environment,
  forge,
  gatedStore,
  knownKeyring,
  payloadOf,
  reopened,
  settableStore,
  stored,
} from './support.js';

/** A keyring over a store that can be set, with its first documents, one a revision. */
async function withHistory(
  revisions: number,
): Promise<Known & { store: SettableStore; history: StoredKeyring[] }> {
  const store = settableStore();
  const known = await knownKeyring(undefined, store);
  const history = [await stored(store)];
  while (history.length < revisions) {
    await addKey(known.keyring);
    history.push(await stored(store));
  }
  return { ...known, store, history };
}

describe('refreshKeyring', () => {
  it('takes over what another process has changed', async () => {
    const known = await knownKeyring();
    const other = await reopened(known);
    const keyId = await addKey(other);
    expect(known.keyring.revision).toBe(1);
    await refreshKeyring(known.keyring);
    expect(known.keyring.revision).toBe(2);
    expect(listKeys(known.keyring).at(-1)?.keyId).toBe(keyId);
  });

  it('takes over many changes at once', async () => {
    const known = await knownKeyring();
    const other = await reopened(known);
    for (let i = 0; i < 5; i++) await activateKey(other, await addKey(other));
    await refreshKeyring(known.keyring);
    expect(known.keyring.revision).toBe(11);
    expect(listKeys(known.keyring)).toEqual(listKeys(other));
  });

  it('verifies nothing where nothing has changed', async () => {
    const { engine, calls } = countingEngine();
    const { keyring } = await knownKeyring(undefined, undefined, { engine });
    const before = calls('verifyMac');
    await refreshKeyring(keyring);
    expect(calls('verifyMac')).toBe(before);
  });

  it('refuses an older revision than it has seen, and says which', async () => {
    const { keyring, store, history } = await withHistory(4);
    for (const older of history.slice(0, 3)) {
      store.set(older);
      const error: unknown = await refreshKeyring(keyring).catch((caught: unknown) => caught);
      expect(error).toBeInstanceOf(KeyringRolledBackError);
      expect(error).toMatchObject({ seen: 4, found: older.revision });
    }
    expect(keyring.revision).toBe(4);
    store.set(history[3]);
    await refreshKeyring(keyring);
  });

  it('refuses another document of the revision that it has seen', async () => {
    const { keyring, store, history } = await withHistory(3);
    const [, second] = history as [StoredKeyring, StoredKeyring];
    const fork = settableStore();
    fork.set(second);
    const elsewhere = await openKeyringIn(environment(), fork, { rawKey: RAW_KEY });
    await addKey(elsewhere);
    store.set(await stored(fork));
    await expect(refreshKeyring(keyring)).rejects.toMatchObject({
      code: 'keyring-rolled-back',
      seen: 3,
      found: 3,
    });
    expect(keyring.revision).toBe(3);
  });

  it('refuses a next revision that does not follow from the one that it has seen', async () => {
    const { keyring, store, history, rootKey } = await withHistory(2);
    const payload = payloadOf((history[1] as StoredKeyring).document);
    for (const previous of ['A'.repeat(43), payload.previous]) {
      store.set({ revision: 3, document: forge(rootKey, { ...payload, revision: 3, previous }) });
      await expect(refreshKeyring(keyring)).rejects.toMatchObject({
        code: 'keyring-rolled-back',
        seen: 2,
        found: 3,
      });
    }
  });

  it('refuses the document that it knows under a revision that is not its own', async () => {
    const { keyring, store, history } = await withHistory(1);
    const [{ document }] = history as [StoredKeyring];
    store.set({ revision: 2, document });
    await expect(refreshKeyring(keyring)).rejects.toBeInstanceOf(KeyringDamagedError);
    store.set({ revision: 1, document });
    await refreshKeyring(keyring);
  });

  it('refuses another keyring, and none', async () => {
    const { keyring, store } = await withHistory(2);
    const other = await knownKeyring();
    for (let i = 0; i < 4; i++) await addKey(other.keyring);
    store.set(await stored(other.store));
    const refused = refreshKeyring(keyring);
    await expect(refused).rejects.toBeInstanceOf(WrongKeyringError);
    await expect(refused).rejects.toMatchObject({ expected: keyring.id, found: other.keyring.id });
    store.set(undefined);
    await expect(refreshKeyring(keyring)).rejects.toBeInstanceOf(KeyringNotFoundError);
    expect(keyring.revision).toBe(2);
  });

  it('refuses a document whose keys contradict each other, and keeps the one it has', async () => {
    const { keyring, store, history, rootKey } = await withHistory(1);
    const payload = payloadOf((history[0] as StoredKeyring).document);
    const previous = Buffer.from(await sha256((history[0] as StoredKeyring).document)).toString('base64url');
    const keys = [...payload.keys, payload.keys[0]];
    store.set({ revision: 2, document: forge(rootKey, { ...payload, revision: 2, previous, keys }) });
    await expect(refreshKeyring(keyring)).rejects.toBeInstanceOf(KeyringDamagedError);
    expect(await openedOf(keyring).sealingKey(undefined, {})).toBeDefined();
  });

  it('goes on after a refusal: the next document that fits is taken over', async () => {
    const { keyring, store, history, ...known } = await withHistory(2);
    const newest = history[1] as StoredKeyring;
    store.set(history[0]);
    await expect(refreshKeyring(keyring)).rejects.toBeInstanceOf(KeyringRolledBackError);
    store.set(newest);
    await addKey(await reopened({ ...known, keyring, store }));
    await refreshKeyring(keyring);
    expect(keyring.revision).toBe(3);
  });

  it('tolerates a newline that an editor has added', async () => {
    const { keyring, store, history } = await withHistory(2);
    const { document } = history[1] as StoredKeyring;
    store.set({ revision: 2, document: Uint8Array.of(...document, 10) });
    await refreshKeyring(keyring);
    expect(keyring.revision).toBe(2);
    await addKey(keyring);
    expect(keyring.revision).toBe(3);
  });

  it('refuses to change a keyring that was rolled back', async () => {
    const { keyring, store, history } = await withHistory(3);
    store.set(history[0]);
    await expect(addKey(keyring)).rejects.toBeInstanceOf(KeyringRolledBackError);
    expect(await stored(store)).toEqual(history[0]);
  });
});

describe('refreshes and changes at once', () => {
  it('give no error that has no cause, and leave what the store holds', async () => {
    const known = await knownKeyring();
    const writer = await reopened(known);
    const keyIds: string[] = [];
    const work: Promise<unknown>[] = [];
    for (let round = 0; round < 20; round++) {
      work.push(refreshKeyring(known.keyring));
      work.push(addKey(writer).then((keyId) => keyIds.push(keyId)));
      work.push(refreshKeyring(known.keyring), refreshKeyring(writer));
    }
    await Promise.all(work);
    await refreshKeyring(known.keyring);
    expect(known.keyring.revision).toBe(21);
    expect(
      listKeys(known.keyring)
        .slice(2)
        .map(({ keyId }) => keyId),
    ).toEqual(keyIds);
  });

  it('are done one after the other: a slow old read is no rollback beside a newer one', async () => {
    const inner = memoryKeyring();
    const made = await knownKeyring(undefined, inner);
    const gate = gatedStore(inner);
    const keyring = await reopened({ ...made, store: gate });
    gate.close();
    const slow = refreshKeyring(keyring); // has looked, and waits
    await addKey(made.keyring);
    const next = refreshKeyring(keyring);
    gate.open();
    await Promise.all([slow, next]);
    expect(keyring.revision).toBe(2);
  });

  it('of one object follow each other: none is a conflict', async () => {
    const { keyring } = await knownKeyring();
    const added = await Promise.all(Array.from({ length: 10 }, () => addKey(keyring)));
    expect(
      listKeys(keyring)
        .slice(2)
        .map(({ keyId }) => keyId),
    ).toEqual(added);
    expect(keyring.revision).toBe(11);
  });
});

async function sha256(document: Bytes): Promise<ArrayBuffer> {
  const { payload } = JSON.parse(new TextDecoder().decode(document)) as { payload: string };
  return crypto.subtle.digest('SHA-256', Buffer.from(payload, 'base64url'));
}
