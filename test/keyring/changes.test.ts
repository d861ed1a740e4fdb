/** Changes of the keyring: by compare-and-swap, all or nothing. */
import { describe, expect, it } from 'vitest';
import type { Bytes } from '../../src/bytes.js';
import { KeyringConflictError, KeyringDamagedError, KeyringLimitError } from '../../src/errors.js';
import {
  activateKey,
  addKey,
  listKeys,
  openKeyringIn,
  openedOf,
  refreshKeyring,
} from '../../src/keyring/index.js';
import type { KeyringStore } from '../../src/ports/keyring-store.js';
import { memoryKeyring } from '../../src/store/memory.js';
import { payloadHash, readDocument } from '../oracle/keyring-document.js';
import {
  RAW_KEY,
  bytesOf,
  codeOf,
  environment,
  forge,
  holding,
  knownKeyring,
  payloadOf,
  payloadTextOf,
  reopened,
  settableStore,
  stored,
} from './support.js';

describe('a change', () => {
  it('adds one to the revision and names the payload before', async () => {
    const { keyring, store } = await knownKeyring();
    for (let revision = 2; revision <= 5; revision++) {
      const before = payloadTextOf((await stored(store)).document);
      await addKey(keyring);
      const { document, revision: written } = await stored(store);
      const outcome = readDocument(document, written, { rawKey: RAW_KEY });
      expect(outcome).toMatchObject({ code: 'success', document: { revision } });
      expect(outcome.code === 'success' && outcome.document.previous).toEqual(payloadHash(bytesOf(before)));
      expect([written, keyring.revision]).toEqual([revision, revision]);
    }
  });

  it('keeps slots, other keys and extensions as they were, to the byte', async () => {
    const { store, rootKey } = await knownKeyring();
    const payload = payloadOf((await stored(store)).document);
    payload.extensions = { 7: ['seven'], name: { é: '\u2028\ud800' } };
    const set = settableStore();
    set.set({ revision: 1, document: forge(rootKey, payload) });
    const keyring = await openKeyringIn(environment(), set, { rawKey: RAW_KEY });
    await addKey(keyring, { tenant: 'acme' });
    const after = payloadOf((await stored(set)).document);
    expect(after).toEqual({
      ...payload,
      revision: 2,
      previous: after.previous,
      keys: [...payload.keys, after.keys[2]],
    });
    expect(JSON.stringify(after.extensions)).toBe(JSON.stringify(payload.extensions));
  });

  it('is made on the newest document, whoever wrote it', async () => {
    const known = await knownKeyring();
    const other = await reopened(known);
    const first = await addKey(other);
    const second = await addKey(known.keyring); // has not seen the other's change
    expect(
      listKeys(known.keyring)
        .slice(2)
        .map(({ keyId }) => keyId),
    ).toEqual([first, second]);
    expect(known.keyring.revision).toBe(3);
  });

  it('is not seen by its own process before it is written', async () => {
    const inner = memoryKeyring();
    const known = await knownKeyring(undefined, inner);
    const seen: number[] = [];
    const watching: KeyringStore = {
      read: inner.read,
      write: (next) => {
        seen.push(keyring.revision);
        return inner.write(next);
      },
    };
    const keyring = await reopened({ ...known, store: watching });
    await addKey(keyring);
    expect([seen, keyring.revision]).toEqual([[1], 2]);
  });

  it('that the store fails to write leaves everything as it was, and can be made again', async () => {
    const inner = memoryKeyring();
    const known = await knownKeyring(undefined, inner);
    let isBroken = true;
    const broken: KeyringStore = {
      read: inner.read,
      write: (next) => {
        if (isBroken) throw new RangeError('the disk is full');
        return inner.write(next);
      },
    };
    const keyring = await reopened({ ...known, store: broken });
    const before = listKeys(keyring);
    await expect(addKey(keyring)).rejects.toThrow(new RangeError('the disk is full'));
    expect([keyring.revision, listKeys(keyring)]).toEqual([1, before]);
    isBroken = false;
    await addKey(keyring);
    expect(keyring.revision).toBe(2);
  });

  it('that was written although the store failed is there, and the error is not told', async () => {
    const inner = memoryKeyring();
    const known = await knownKeyring(undefined, inner);
    const broken: KeyringStore = {
      read: inner.read,
      write: async (next) => {
        await inner.write(next);
        throw new RangeError('the connection was lost');
      },
    };
    const keyring = await reopened({ ...known, store: broken });
    const keyId = await addKey(keyring);
    expect([keyring.revision, listKeys(keyring).length]).toEqual([2, 3]);
    expect(listKeys(await reopened(known)).at(-1)?.keyId).toBe(keyId);
  });

  it('of which nobody can say whether it was written is refused, and found by the next one', async () => {
    const inner = memoryKeyring();
    const known = await knownKeyring(undefined, inner);
    let isAway = false;
    const broken: KeyringStore = {
      read: (maxBytes) => {
        if (isAway) throw new RangeError('no route');
        return inner.read(maxBytes);
      },
      write: async (next) => {
        await inner.write(next);
        isAway = true;
        throw new RangeError('the connection was lost');
      },
    };
    const keyring = await reopened({ ...known, store: broken });
    await expect(addKey(keyring)).rejects.toThrow('the connection was lost');
    expect(keyring.revision).toBe(1);
    isAway = false;
    await refreshKeyring(keyring);
    expect([keyring.revision, listKeys(keyring).length]).toEqual([2, 3]);
  });

  it('that makes the document too long is refused, and nothing is written', async () => {
    const { store, rootKey } = await knownKeyring();
    const payload = payloadOf((await stored(store)).document);
    payload.extensions = { filler: 'x'.repeat(785_000) };
    const set = settableStore();
    set.set({ revision: 1, document: forge(rootKey, payload) });
    const keyring = await openKeyringIn(environment(), set, { rawKey: RAW_KEY });
    const outcomes: unknown[] = [];
    for (let i = 0; i < 8; i++) outcomes.push(await codeOf(addKey(keyring)));
    const fitting = outcomes.indexOf('keyring-limit');
    expect(fitting).toBeGreaterThan(0);
    expect(outcomes).toEqual([
      ...Array(fitting).fill('success'),
      ...Array(8 - fitting).fill('keyring-limit'),
    ]);
    expect(keyring.revision).toBe(1 + fitting);
    expect(await codeOf(openKeyringIn(environment(), set, { rawKey: RAW_KEY }))).toBe('success');
  });

  it('after the last exact revision is refused, and nothing is written', async () => {
    const { store, rootKey } = await knownKeyring();
    const payload = payloadOf((await stored(store)).document);
    const revision = Number.MAX_SAFE_INTEGER;
    const document = forge(rootKey, { ...payload, revision, previous: 'A'.repeat(43) });
    const keyring = await openKeyringIn(environment(), holding(document, revision), { rawKey: RAW_KEY });
    await expect(addKey(keyring)).rejects.toBeInstanceOf(KeyringDamagedError);
    expect(keyring.revision).toBe(revision);
  });
});

describe('two who change a keyring at once', () => {
  /** A store whose writes wait until as many have come. */
  function meeting(inner: KeyringStore, writers: number): KeyringStore {
    const waiting: (() => void)[] = [];
    return {
      read: inner.read,
      async write(next) {
        await new Promise<void>((go) => {
          waiting.push(go);
          if (waiting.length === writers) for (const each of waiting.splice(0)) each();
        });
        return inner.write(next);
      },
    };
  }

  it.each([2, 5])(
    '%d of them: exactly one succeeds, the others are told of the conflict',
    async (writers) => {
      const known = await knownKeyring();
      const store = meeting(known.store, writers);
      const keyrings = await Promise.all(
        Array.from({ length: writers }, () => reopened({ ...known, store })),
      );
      const outcomes = await Promise.allSettled(keyrings.map((keyring) => addKey(keyring)));
      const added = outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []));
      expect(added).toHaveLength(1);
      for (const outcome of outcomes)
        if (outcome.status === 'rejected') expect(outcome.reason).toBeInstanceOf(KeyringConflictError);
      for (const [i, keyring] of keyrings.entries()) {
        // Who lost has changed nothing here either.
        expect(keyring.revision).toBe(outcomes[i]?.status === 'fulfilled' ? 2 : 1);
        await refreshKeyring(keyring);
        expect(
          listKeys(keyring)
            .map(({ keyId }) => keyId)
            .slice(2),
        ).toEqual(added);
      }
    },
  );

  it('lose nothing if those who are told try again', async () => {
    const known = await knownKeyring();
    const store = meeting(known.store, 2);
    const keyrings = await Promise.all([reopened({ ...known, store }), reopened({ ...known, store })]);
    const rounds = 6;
    const added: string[] = [];
    for (let round = 0; round < rounds; round++) {
      const outcomes = await Promise.allSettled(keyrings.map((keyring) => addKey(keyring)));
      for (const outcome of outcomes) if (outcome.status === 'fulfilled') added.push(outcome.value);
    }
    const final = await reopened(known);
    expect(
      listKeys(final)
        .slice(2)
        .map(({ keyId }) => keyId),
    ).toEqual(added);
    expect([added.length, final.revision]).toEqual([rounds, rounds + 1]);
  });

  it('activate two keys: one is active, the other was told', async () => {
    const known = await knownKeyring();
    const keyIds = [await addKey(known.keyring), await addKey(known.keyring)];
    const store = meeting(known.store, 2);
    const keyrings = await Promise.all([reopened({ ...known, store }), reopened({ ...known, store })]);
    const outcomes = await Promise.all(
      keyrings.map((keyring, i) => codeOf(activateKey(keyring, keyIds[i] as string))),
    );
    expect(outcomes.sort()).toEqual(['keyring-conflict', 'success']);
    const final = await reopened(known);
    const active = listKeys(final).filter(({ kind, state }) => kind === 'data' && state === 'active');
    expect(active).toHaveLength(1);
  });
});

describe('a new key', () => {
  /** A random source that gives these 32 bytes whenever 32 are asked for, and counts how often. */
  function repeating(...keys: readonly Bytes[]) {
    let drawn = 0;
    return {
      get drawn() {
        return drawn;
      },
      random(length: number): Bytes {
        if (length !== 32) return globalThis.crypto.getRandomValues(new Uint8Array(length));
        return Uint8Array.from(keys[Math.min(drawn++, keys.length - 1)] as Bytes);
      },
    };
  }

  const one = new Uint8Array(32).fill(1);
  const two = new Uint8Array(32).fill(2);

  it('is drawn again where there is one with its id', async () => {
    const known = await knownKeyring();
    const source = repeating(one, one, one, two);
    const keyring = await reopened(known, { random: source.random });
    const first = await addKey(keyring);
    const second = await addKey(keyring, { tenant: 'acme' });
    expect(second).not.toBe(first);
    expect(source.drawn).toBe(4);
  });

  it('is given up where the random source has nothing else to give', async () => {
    const known = await knownKeyring();
    const keyring = await reopened(known, { random: repeating(one).random });
    await addKey(keyring);
    await expect(addKey(keyring)).rejects.toBeInstanceOf(KeyringLimitError);
    expect(keyring.revision).toBe(2);
  });

  it('of an index is drawn again where its tokens would begin like those of another, destroyed ones too', async () => {
    // What the first draw will give: its commitment is known beforehand.
    const probe = await reopened(await knownKeyring(), { random: repeating(one).random });
    await addKey(probe, { kind: 'index' });
    const commitment = Buffer.from(openedOf(probe).document.keys.at(-1)?.commitment ?? []);
    const alike = Buffer.concat([commitment.subarray(0, 5), Buffer.alloc(27, 9)]).toString('base64url');

    const { store, rootKey } = await knownKeyring();
    const payload = payloadOf((await stored(store)).document);
    const { wrapped: _, ...destroyed } = { ...payload.keys[1], state: 'destroyed', commitment: alike };
    payload.keys.push(destroyed);
    const set = settableStore();
    set.set({ revision: 1, document: forge(rootKey, payload) });
    const source = repeating(one, two);
    const keyring = await openKeyringIn(environment({ random: source.random }), set, { rawKey: RAW_KEY });
    await addKey(keyring, { kind: 'index' });
    expect(source.drawn).toBe(2);
    // A data key makes no tokens.
    const data = repeating(one, two);
    const another = await openKeyringIn(environment({ random: data.random }), set, { rawKey: RAW_KEY });
    await addKey(another);
    expect(data.drawn).toBe(1);
  });

  it('is pre-active, made at the time of the clock, and of the kind and tenant that were asked', async () => {
    const { keyring, environment: made } = await knownKeyring();
    const asked = [{}, { kind: 'index' }, { tenant: 'acme' }, { tenant: 7n, kind: 'index' }] as const;
    for (const options of asked) {
      const keyId = await addKey(keyring, options);
      expect(listKeys(keyring).at(-1)).toEqual({
        keyId,
        kind: 'data',
        tenant: undefined,
        ...options,
        state: 'pre-active',
        createdAt: new Date(made.clock.wallMs()),
      });
    }
  });

  it.each([
    ['empty text', ''],
    ['no bytes', new Uint8Array()],
    ['a lone surrogate', 'a\ud800'],
    ['1,025 bytes of text', 'x'.repeat(1025)],
    ['1,025 bytes', new Uint8Array(1025)],
    ['an integer of 1,025 digits', 10n ** 1024n],
  ])('has no tenant that is %s', async (_, tenant) => {
    const { keyring } = await knownKeyring();
    expect(await codeOf(addKey(keyring, { tenant }))).toBe('invalid-context');
    expect(keyring.revision).toBe(1);
  });
});
