/** Who has an old copy of the keyring, or can write to its store, and what a store that answers wrongly could do. */
import { describe, expect, it } from 'vitest';
import {
  type Census,
  KeyStateError,
  type Keyring,
  activateKey,
  addKey,
  addSlot,
  addTenants,
  changeKey,
  createKeyring,
  describeKeyring,
  encryptRecord,
  exportKeyring,
  finishKeyChange,
  importKeyring,
  keyringArchive,
  listKeys,
  listTenantKeys,
  openKeyring,
  refreshKeyring,
  restoreKey,
  resumeKey,
  suspendKey,
  table,
  text,
  uuid,
  watchKeyring,
} from '../../src/index.js';
import { decodePayload, splitDocument } from '../../src/keyring/document.js';
import { sealDocument } from '../../src/keyring/held-document.js';
import { issueCensus, openedOf } from '../../src/keyring/index.js';
import { deriveRootKeys, keyIdOf, makeKey } from '../../src/keyring/keys.js';
import { findSlot, openRoot } from '../../src/keyring/slots.js';
import type { KeyringStore, StoredKeyring } from '../../src/ports/keyring-store.js';
import { memoryKeyring } from '../../src/store/memory.js';
import { fakeKeyManagement } from '../../src/testing/testing.js';
import { ITERATIONS, RAW_KEY, codeOf, environment, stored } from './support.js';

const OLD = 'the passphrase that has leaked';
const NEXT = 'the passphrase of today';
const customers = table('customers', { record: uuid('id'), encrypt: { name: text() } });
const aCustomer = () => ({ id: crypto.randomUUID(), name: 'Jane' });

/** A census that found nothing, counted at the keyring's present revision. */
const nothing = (keyring: Keyring, cells: Record<string, number> = {}, behind: string[] = []): Census =>
  issueCensus({
    keyringId: keyring.id,
    revision: keyring.revision,
    countedAt: new Date(),
    behind,
    tables: [],
    records: 0,
    cells,
    tokens: {},
    notCells: 0,
  });

/** A store in which an attacker can put a document. */
function plantable(inner = memoryKeyring()): Required<KeyringStore> & { planted: StoredKeyring | undefined } {
  const store = { ...inner, planted: undefined as StoredKeyring | undefined };
  store.read = (maxBytes) => store.planted ?? inner.read(maxBytes);
  return store as Required<KeyringStore> & { planted: StoredKeyring | undefined };
}

/** The next document but one that whoever knows an old root key can write: with a key of his own. */
async function forgedBy(copy: StoredKeyring, passphrase: string, revision: number) {
  const made = environment();
  const old = decodePayload(splitDocument(copy.document).payload);
  const found = await findSlot(made.engine, old.keyringId, old.slots, { passphrase });
  if (!found) throw new Error('the copy does not open');
  const rootKey = await openRoot(made.engine, old.keyringId, found.slot, found.open);
  const root = await deriveRootKeys(made.engine, await made.engine.importKey(rootKey), old.keyringId);
  const evil = await makeKey(made, root, old.keyringId, 'data', undefined, 'active', revision);
  const keys = old.keys.map((entry) => ({ ...entry, state: 'deactivated' as const }));
  const document = { ...old, revision, previous: new Uint8Array(32), keys: [...keys, evil] };
  return { planted: await sealDocument(made, root, document), evilId: keyIdOf(evil) };
}

describe('who has an old copy, its passphrase, and the store to write to', () => {
  it.each([
    ['raw key', { rawKey: RAW_KEY }],
    ['key management service', { keyManagement: fakeKeyManagement() }],
    ['second passphrase', { passphrase: 'that of the operators' }],
  ])('is followed by no process whose %s was kept', async (_name, kept) => {
    const store = plantable();
    const keyring = await createKeyring(store, { passphrase: OLD, iterations: ITERATIONS });
    await addSlot(keyring, { current: { passphrase: OLD }, ...kept, iterations: ITERATIONS });
    const copy = await stored(store);
    const service = await openKeyring(store, kept);
    await changeKey(keyring, { passphrase: NEXT, iterations: ITERATIONS, keep: [kept] });
    await refreshKeyring(service); // follows by itself
    await finishKeyChange(keyring, nothing(keyring), { withoutHold: true });
    await refreshKeyring(service);
    const { pin } = describeKeyring(service);

    const { planted, evilId } = await forgedBy(copy, OLD, keyring.revision + 2);
    store.planted = planted;
    expect(await codeOf(refreshKeyring(service))).toBe('keyring-rolled-back');
    expect(await codeOf(refreshKeyring(service, kept))).toBe('keyring-rolled-back');
    expect(await codeOf(openKeyring(store, { ...kept, pin }))).toBe('keyring-rolled-back');
    expect(listKeys(service).map(({ keyId }) => keyId)).not.toContain(evilId);

    store.planted = undefined;
    await refreshKeyring(service);
    expect(describeKeyring(await openKeyring(store, { ...kept, pin })).pin).toEqual(pin);
  });

  it('cannot put an export in the place of the keyring', async () => {
    const store = plantable();
    const keyring = await createKeyring(store, { passphrase: OLD, iterations: ITERATIONS });
    const service = await openKeyring(store, { passphrase: OLD });
    const exported = await exportKeyring(keyring, { passphrase: 'the export’s own', iterations: ITERATIONS });
    store.planted = await stored(keyringArchive(exported));
    expect(await codeOf(refreshKeyring(service))).toBe('keyring-rekeyed');
    expect(await codeOf(openKeyring(keyringArchive(exported), { passphrase: OLD }))).toBe('wrong-secret');
  });

  it('and the export opens with its own secret only, also beside a copy that somebody can open', async () => {
    const keyring = await createKeyring(memoryKeyring(), { passphrase: OLD, iterations: ITERATIONS });
    const copy = await stored(openedOf(keyring).newest.store);
    const exported = await exportKeyring(keyring, { passphrase: NEXT, iterations: ITERATIONS });
    const { engine } = environment();
    const old = decodePayload(splitDocument(copy.document).payload);
    const found = await findSlot(engine, old.keyringId, old.slots, { passphrase: OLD });
    if (!found) throw new Error('the copy does not open');
    const rootKey = await openRoot(engine, old.keyringId, found.slot, found.open);
    const root = await deriveRootKeys(engine, await engine.importKey(rootKey), old.keyringId);
    const { payload, mac } = splitDocument((await stored(keyringArchive(exported))).document);
    expect(await engine.verifyMac(root.mac, mac, payload)).toBe(false);
  });
});

describe('a key that changeKey has replaced', () => {
  it('is never made active again: not by hand, not after it was resumed, nor brought back from a copy', async () => {
    const store = memoryKeyring();
    const keyring = await createKeyring(store, { passphrase: OLD, iterations: ITERATIONS });
    const unused = await addKey(keyring);
    const archive = keyringArchive((await stored(store)).document);
    const replaced = listKeys(keyring);
    await changeKey(keyring, { passphrase: NEXT, iterations: ITERATIONS });
    const refusals = async (): Promise<void> => {
      for (const { keyId } of replaced) {
        await expect(activateKey(keyring, keyId), keyId).rejects.toBeInstanceOf(KeyStateError);
      }
    };
    await refusals();
    await restoreKey(keyring, { archive, passphrase: OLD, keyIds: replaced.map(({ keyId }) => keyId) });
    await refusals();
    await finishKeyChange(keyring, nothing(keyring), { withoutHold: true });
    await refusals();
    await resumeKey(keyring, unused);
    const [data] = replaced;
    await restoreKey(keyring, { archive, passphrase: OLD, keyIds: [String(data?.keyId)] });
    await refusals();
  });
});

describe('a census beside which old keys were in use', () => {
  it('suspends no key and finishes no change', async () => {
    const keyring = await createKeyring(memoryKeyring(), { passphrase: OLD, iterations: ITERATIONS });
    const [first] = listKeys(keyring);
    await activateKey(keyring, await addKey(keyring));
    const census = nothing(keyring, {}, ['web-1 (revision 1)']);
    expect(await codeOf(suspendKey(keyring, String(first?.keyId), census, { withoutHold: true }))).toBe(
      'not-acknowledged',
    );
    await changeKey(keyring, { passphrase: NEXT, iterations: ITERATIONS });
    const late = nothing(keyring, {}, ['web-1 (revision 3)']);
    expect(await codeOf(finishKeyChange(keyring, late, { withoutHold: true }))).toBe('not-acknowledged');
    await finishKeyChange(keyring, nothing(keyring), { withoutHold: true });
  });

  it('is what a process that cannot follow makes of every census: it stays written down', async () => {
    const store = memoryKeyring();
    const keyring = await createKeyring(store, { passphrase: OLD, iterations: ITERATIONS });
    const left = await openKeyring(store, { passphrase: OLD });
    const watch = await watchKeyring(left, { everyMs: 100, name: 'left behind' });
    const change = changeKey(keyring, {
      passphrase: NEXT,
      iterations: ITERATIONS,
      acknowledgement: { timeoutMs: 500 },
    });
    expect(await codeOf(change)).toBe('not-acknowledged');
    await store.processes.forget(String(watch.processId));
    await expect.poll(() => store.processes.list()).toHaveLength(1);
    await watch.stop();
  });
});

describe('a service that wraps and does not unwrap', () => {
  it('becomes no slot: not at the making, not beside others, not in their place', async () => {
    const store = memoryKeyring();
    const refused = Object.assign(new Error('AccessDenied'), { code: 'AccessDenied' });
    const service = fakeKeyManagement();
    const wrapsOnly = {
      keyName: 'wraps only',
      wrap: service.wrap.bind(service),
      unwrap: () => Promise.reject(refused),
    };
    await expect(createKeyring(store, { keyManagement: wrapsOnly })).rejects.toBe(refused);
    expect(await store.read(2 ** 20)).toBeUndefined();

    const keyring = await createKeyring(store, { passphrase: OLD, iterations: ITERATIONS });
    const added = addSlot(keyring, { current: { passphrase: OLD }, keyManagement: wrapsOnly });
    await expect(added).rejects.toBe(refused);
    await expect(changeKey(keyring, { keyManagement: wrapsOnly })).rejects.toBe(refused);
    await openKeyring(store, { passphrase: OLD });
    expect(keyring.revision).toBe(1);
  });
});

describe('a store that answers wrongly', () => {
  const TENANTS = Array.from({ length: 1_500 }, (_, i) => `tenant-${i}`);

  it.each([
    ['says no although it has written', async () => false],
    [
      'fails although it has written',
      async () => {
        throw new Error('connection lost');
      },
    ],
  ])('and %s has written: the change stands, with its pages', async (_name, answer) => {
    const inner = memoryKeyring();
    let isDoubtful = false;
    const store: KeyringStore = {
      ...inner,
      write: async (next) => {
        const written = await inner.write(next);
        return isDoubtful ? answer() : written;
      },
    };
    const keyring = await createKeyring(store, { rawKey: RAW_KEY });
    await addTenants(keyring, TENANTS);
    expect(describeKeyring(keyring).pages).toBeGreaterThan(0);
    isDoubtful = true;
    await addTenants(keyring, ['another']);
    const again = await openKeyring(inner, { rawKey: RAW_KEY });
    for (const tenant of [...TENANTS.slice(0, 20), 'another']) {
      expect((await listTenantKeys(again, tenant)).length, tenant).toBe(2);
    }
  });

  it('and has lost a page is told so, and mended from an export', async () => {
    const inner = memoryKeyring();
    const lost = new Set<string>();
    const store: KeyringStore = {
      ...inner,
      pages: {
        ...inner.pages,
        read: (name, most) => (lost.has(name) ? undefined : inner.pages.read(name, most)),
      },
    };
    const keyring = await createKeyring(store, { rawKey: RAW_KEY });
    await addTenants(keyring, TENANTS);
    const before = new Map<string, readonly string[]>();
    const idsOf = async (under: Keyring, tenant: string) =>
      (await listTenantKeys(under, tenant)).map(({ keyId, state }) => `${keyId} ${state}`).sort();
    for (const tenant of TENANTS.slice(0, 60)) before.set(tenant, await idsOf(keyring, tenant));
    const exported = keyringArchive(
      await exportKeyring(keyring, { passphrase: NEXT, iterations: ITERATIONS }),
    );

    for (const { name } of openedOf(keyring).document.pages.slice(0, 2)) lost.add(name);
    const again = await openKeyring(store, { rawKey: RAW_KEY });
    expect(await codeOf(changeKey(again, { passphrase: NEXT, iterations: ITERATIONS }))).toBe(
      'keyring-damaged',
    );
    await restoreKey(again, { archive: exported, passphrase: NEXT, salvage: true });
    for (const [tenant, ids] of before) expect(await idsOf(again, tenant), tenant).toEqual(ids);
    await changeKey(again, { passphrase: 'now it can be changed', iterations: ITERATIONS });
  }, 60_000);

  it('and has lost a page since the key was changed gets no replaced key back to write with', async () => {
    const inner = memoryKeyring();
    const lost = new Set<string>();
    const read: typeof inner.pages.read = (name, most) =>
      lost.has(name) ? undefined : inner.pages.read(name, most);
    const store: KeyringStore = { ...inner, pages: { ...inner.pages, read } };
    const keyring = await createKeyring(store, { passphrase: OLD, iterations: ITERATIONS });
    await addTenants(keyring, TENANTS);
    const archive = keyringArchive(await exportKeyring(keyring, { rawKey: RAW_KEY }));
    await changeKey(keyring, { passphrase: NEXT, iterations: ITERATIONS });
    for (const { name } of openedOf(keyring).document.pages) lost.add(name);
    const again = await openKeyring(store, { passphrase: NEXT });
    await restoreKey(again, { archive, rawKey: RAW_KEY, salvage: true });
    for (const tenant of TENANTS.slice(0, 20)) {
      const states = (await listTenantKeys(again, tenant)).map(({ state }) => state);
      expect(states, tenant).toEqual(['deactivated', 'deactivated']);
    }
  }, 60_000);

  it('is not given a keyring whose pages are damaged', async () => {
    const keyring = await createKeyring(memoryKeyring(), { rawKey: RAW_KEY });
    await addTenants(keyring, TENANTS);
    const archive = keyringArchive(await exportKeyring(keyring, { rawKey: RAW_KEY }));
    const damaged: KeyringStore = {
      ...archive,
      pages: {
        read: async (name, most) => {
          const page = await archive.pages?.read(name, most);
          if (page) page[page.length >> 1] = (page[page.length >> 1] as number) ^ 1;
          return page;
        },
        write: () => undefined,
        remove: () => undefined,
      },
    };
    const target = memoryKeyring();
    expect(await codeOf(importKeyring(target, damaged, { rawKey: RAW_KEY }))).toBe('keyring-damaged');
    expect(await target.read(2 ** 20)).toBeUndefined();
  });

  it('while the root key changes, keeps the pages of those who have not followed', async () => {
    const store = memoryKeyring();
    const keyring = await createKeyring(store, { passphrase: OLD, iterations: ITERATIONS });
    await addTenants(keyring, TENANTS);
    const left = await openKeyring(store, { passphrase: OLD });
    await changeKey(keyring, { passphrase: NEXT, iterations: ITERATIONS });
    expect((await listTenantKeys(left, TENANTS[7] as string)).map(({ state }) => state)).toEqual([
      'active',
      'active',
    ]);
    const replaced = openedOf(left).document.pages.map(({ name }) => name);
    expect(openedOf(keyring).document.change?.pages).toEqual(replaced);
    await finishKeyChange(keyring, nothing(keyring), { withoutHold: true });
    for (const name of replaced) expect(await store.pages.read(name, 2 ** 20)).toBeUndefined();
  });
});

describe('a process', () => {
  it('whose secret is asked for may use the keyring meanwhile', async () => {
    const store = memoryKeyring();
    const admin = await createKeyring(store, { passphrase: OLD, iterations: ITERATIONS });
    const renewed: unknown[] = [];
    const web: Keyring = await openKeyring(store, {
      passphrase: OLD,
      renewSecret: async () => {
        await encryptRecord(customers, aCustomer(), web);
        renewed.push(await codeOf(refreshKeyring(web)));
        return { passphrase: NEXT };
      },
    });
    await changeKey(admin, { passphrase: NEXT, iterations: ITERATIONS });
    await refreshKeyring(web);
    expect(renewed).toEqual(['keyring-rekeyed']);
    expect(web.revision).toBe(admin.revision);
  });

  it('whose listener fails later goes on', async () => {
    const keyring = await createKeyring(memoryKeyring(), {
      rawKey: RAW_KEY,
      onEvent: () => Promise.reject(new Error('the log is full')),
    });
    await addKey(keyring);
    await new Promise((resolve) => setTimeout(resolve, 10)); // an unhandled rejection would fail this file
  });
});
