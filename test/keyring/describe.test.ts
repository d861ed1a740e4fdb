/** What there is to know of an open keyring without its secrets. */
import { createHash } from 'node:crypto';
import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import {
  activateKey,
  addKey,
  closeKeyring,
  describeKeyring,
  isActive,
  listKeys,
  listSlots,
  openKeyringIn,
  refreshKeyring,
  setPolicy,
} from '../../src/keyring/index.js';
import type { KeyringStore, StoredKeyring } from '../../src/ports/keyring-store.js';
import { memoryKeyring } from '../../src/store/memory.js';
import { openShelf, shelfStore, shelvedKeyring } from './paged.js';
import {
  PASSPHRASE,
  RAW_KEY,
  codeOf,
  environment,
  fakeClock,
  forge,
  holding,
  knownKeyring,
  payloadOf,
  payloadTextOf,
  reopened,
  settableStore,
  stored,
} from './support.js';

describe('describeKeyring', () => {
  it('tells what this process has read, and reads nothing', async () => {
    const inner = memoryKeyring();
    const clock = fakeClock();
    const known = await knownKeyring(undefined, inner, { clock });
    let calls = 0;
    const store: KeyringStore = {
      ...inner,
      read(maxBytes) {
        calls++;
        return inner.read(maxBytes);
      },
    };
    const openedAt = clock.wallMs();
    const keyring = await openKeyringIn(environment({ clock }), store, {
      rawKey: RAW_KEY,
      maxStaleMs: 10_000,
    });
    await setPolicy(known.keyring, { cryptoperiodDays: 90 });
    clock.advance(10_000);
    const payload = payloadTextOf((await stored(inner)).document);
    expect(describeKeyring(keyring)).toMatchObject({
      keyringId: known.keyring.id,
      revision: 1,
      readAt: new Date(openedAt),
      isStale: false,
      slots: listSlots(keyring),
      keys: listKeys(keyring),
      pages: 0,
      changeSince: undefined,
      policy: {},
    });
    clock.advance(1);
    expect(describeKeyring(keyring).isStale).toBe(true);
    expect(calls).toBe(1);
    await refreshKeyring(keyring);
    const now = describeKeyring(keyring);
    expect(now).toMatchObject({ revision: 2, isStale: false, readAt: new Date(openedAt + 10_001) });
    expect(now.policy).toEqual({ cryptoperiodDays: 90 });
    expect(now.hash).toBe(createHash('sha256').update(payload).digest('base64url'));
    expect(now.pin).toMatchObject({ keyringId: known.keyring.id, minimumRevision: 2, hash: now.hash });
  });

  it('is alike in two processes that have read the same, and not in two that have not', async () => {
    const known = await knownKeyring();
    const other = await reopened(known);
    const same = ({ readAt: _, ...description }: ReturnType<typeof describeKeyring>): unknown => description;
    expect(same(describeKeyring(other))).toEqual(same(describeKeyring(known.keyring)));
    await setPolicy(known.keyring, {});
    expect(describeKeyring(other).hash).not.toBe(describeKeyring(known.keyring).hash);
  });

  it('counts pages, and leaves their keys out', async () => {
    const { shelf } = await shelvedKeyring(140);
    const description = describeKeyring(await openShelf(shelfStore(shelf)));
    expect(description.pages).toBeGreaterThan(1);
    expect(description.keys).toHaveLength(2);
  });

  it('gives nothing that is secret, and nothing that changes the keyring', async () => {
    const known = await knownKeyring({ passphrase: PASSPHRASE });
    const { document } = await stored(known.store);
    const description = describeKeyring(known.keyring);
    const text =
      inspect(description, { depth: Number.POSITIVE_INFINITY, showHidden: true }) +
      JSON.stringify(description);
    const { slots, keys } = payloadOf(document);
    const secret = [
      PASSPHRASE,
      known.rootKey,
      slots[0].wrapped,
      slots[0].salt,
      keys[0].wrapped,
      keys[0].commitment,
    ];
    for (const part of secret) {
      const bytes = typeof part === 'string' ? Buffer.from(part, 'base64url') : Buffer.from(part);
      for (const spelling of ['hex', 'base64', 'base64url'] as const)
        expect(text).not.toContain(bytes.toString(spelling));
    }
    expect(text).not.toContain(PASSPHRASE);
    Object.assign(description.policy, { cryptoperiodDays: 1 });
    expect(describeKeyring(known.keyring).policy).toEqual({});
  });
});

describe('isActive', () => {
  it('says that values are encrypted, or that they are not: the keyring is stale, or closed', async () => {
    const clock = fakeClock();
    const { store } = await knownKeyring();
    const keyring = await openKeyringIn(environment({ clock }), store, {
      rawKey: RAW_KEY,
      maxStaleMs: 10_000,
    });
    expect(await isActive(keyring)).toBe(true);
    clock.advance(10_001);
    expect(await isActive(keyring)).toBe(false);
    await refreshKeyring(keyring);
    expect(await isActive(keyring)).toBe(true);
    await closeKeyring(keyring);
    expect(await isActive(keyring)).toBe(false);
  });

  it('says that they are not where no data key is active', async () => {
    const known = await knownKeyring();
    const payload = payloadOf((await stored(known.store)).document);
    payload.keys[0].state = 'deactivated';
    const keyring = await openKeyringIn(environment(), holding(forge(known.rootKey, payload)), {
      rawKey: RAW_KEY,
    });
    expect(await isActive(keyring)).toBe(false);
  });

  it('throws where the key that would encrypt is not what the document says', async () => {
    const store = settableStore();
    const known = await knownKeyring(undefined, store);
    const reader = await reopened(known);
    await activateKey(known.keyring, await addKey(known.keyring));
    const { revision, document } = (await stored(store)) as StoredKeyring;
    const payload = payloadOf(document);
    const broken = payload.keys.find(
      ({ kind, state }: { kind: string; state: string }) => kind === 'data' && state === 'active',
    );
    broken.wrapped = payload.keys[0].wrapped;
    store.set({ revision, document: forge(known.rootKey, payload) });
    expect(await isActive(reader)).toBe(true); // of what it has read
    await refreshKeyring(reader);
    expect(await codeOf(isActive(reader))).toBe('keyring-damaged');
  });
});
