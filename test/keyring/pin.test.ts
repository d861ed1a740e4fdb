/** What a process knows of its keyring from its configuration: an older one, or another one, is refused. */
import { beforeAll, describe, expect, it } from 'vitest';
import {
  type KeyringPin,
  addKey,
  describeKeyring,
  openKeyringIn,
  refreshKeyring,
} from '../../src/keyring/index.js';
import type { StoredKeyring } from '../../src/ports/keyring-store.js';
import {
  RAW_KEY,
  type SettableStore,
  codeOf,
  countingEngine,
  environment,
  holding,
  knownKeyring,
  settableStore,
  stored,
} from './support.js';

const REVISIONS = 5;
let store: SettableStore;
let history: StoredKeyring[];
let pins: KeyringPin[];
beforeAll(async () => {
  store = settableStore();
  const { keyring } = await knownKeyring(undefined, store);
  [history, pins] = [[await stored(store)], [describeKeyring(keyring).pin]];
  while (history.length < REVISIONS) {
    await addKey(keyring);
    history.push(await stored(store));
    pins.push(describeKeyring(keyring).pin);
  }
});

/** What comes of opening a document with a pin. */
function opened({ document, revision }: StoredKeyring, pin: KeyringPin): Promise<unknown> {
  return codeOf(openKeyringIn(environment(), holding(document, revision), { rawKey: RAW_KEY, pin }));
}

describe('a pin', () => {
  it('opens its own document and every later one, and refuses every earlier one', async () => {
    for (const [i, pin] of pins.entries()) {
      for (const [j, document] of history.entries())
        expect([i, j, await opened(document, pin)]).toEqual([
          i,
          j,
          j < i ? 'keyring-rolled-back' : 'success',
        ]);
    }
  });

  it('tells what it wants, and what there is', async () => {
    const pin = pins[3] as KeyringPin;
    expect(pin).toMatchObject({ keyringId: expect.stringMatching(/^kr_[a-z2-7]{26}$/), minimumRevision: 4 });
    const { document, revision } = history[1] as StoredKeyring;
    const opening = openKeyringIn(environment(), holding(document, revision), { rawKey: RAW_KEY, pin });
    await expect(opening).rejects.toMatchObject({ code: 'keyring-rolled-back', seen: 4, found: 2 });
  });

  it('refuses another keyring, whatever its revision, and whoever can open it', async () => {
    const other = await knownKeyring();
    for (let i = 0; i < REVISIONS; i++) await addKey(other.keyring);
    expect(await opened(await stored(other.store), pins[0] as KeyringPin)).toBe('wrong-keyring');
  });

  it('refuses another document of its very revision, and lets one without a hash pass', async () => {
    const fork = settableStore();
    fork.set(history[1]);
    const forked = await openKeyringIn(environment(), fork, { rawKey: RAW_KEY });
    await addKey(forked);
    const { hash: _, ...without } = pins[2] as KeyringPin;
    expect(await opened(await stored(fork), pins[2] as KeyringPin)).toBe('keyring-rolled-back');
    expect(await opened(await stored(fork), without)).toBe('success');
    // Of a later revision nothing is known.
    await addKey(forked);
    expect(await opened(await stored(fork), pins[2] as KeyringPin)).toBe('success');
  });

  it('refuses before anything is derived', async () => {
    const { engine, calls } = countingEngine();
    const { document, revision } = history[0] as StoredKeyring;
    const given = { passphrase: 'whatever', pin: pins[1] as KeyringPin };
    expect(await codeOf(openKeyringIn(environment({ engine }), holding(document, revision), given))).toBe(
      'keyring-rolled-back',
    );
    for (const method of ['stretch', 'importKey', 'unwrapKey', 'deriveBytes', 'deriveAead'] as const)
      expect(calls(method)).toBe(0);
  });

  it('is not the only guard: what was read once is not gone back from, nor forked', async () => {
    const own = settableStore();
    own.set(history[3]);
    const keyring = await openKeyringIn(environment(), own, { rawKey: RAW_KEY, pin: pins[1] as KeyringPin });
    own.set(history[2]); // within the pin, and older than what was read
    expect(await codeOf(refreshKeyring(keyring))).toBe('keyring-rolled-back');
    const fork = settableStore();
    fork.set(history[2]);
    const forked = await openKeyringIn(environment(), fork, { rawKey: RAW_KEY });
    for (const revision of [4, 5]) {
      await addKey(forked);
      own.set(await stored(fork));
      expect([revision, await codeOf(refreshKeyring(keyring))]).toEqual([
        forked.revision,
        'keyring-rolled-back',
      ]);
    }
    expect(keyring.revision).toBe(4);
    own.set(history[4]);
    await refreshKeyring(keyring);
    expect(keyring.revision).toBe(5);
  });
});
