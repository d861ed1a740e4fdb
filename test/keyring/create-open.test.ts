/** Making a keyring and opening it: explicit, once, and each failure its own error. */
import { describe, expect, it } from 'vitest';
import { webCryptoEngine } from '../../src/engine/index.js';
import {
  KeyringDamagedError,
  KeyringExistsError,
  KeyringLimitError,
  KeyringNotFoundError,
  WrongSecretError,
} from '../../src/errors.js';
import { createKeyring, openKeyring } from '../../src/index.js';
import { createKeyringIn, listKeys, openKeyringIn } from '../../src/keyring/index.js';
import type { Engine } from '../../src/ports/engine.js';
import type { KeyringStore } from '../../src/ports/keyring-store.js';
import { memoryKeyring } from '../../src/store/memory.js';
import { readDocument } from '../oracle/keyring-document.js';
import {
  ITERATIONS,
  PASSPHRASE,
  RAW_KEY,
  codeOf,
  countingEngine,
  environment,
  fakeClock,
  forge,
  holding,
  knownKeyring,
  payloadOf,
  recordingRandom,
  stored,
} from './support.js';

describe('createKeyring', () => {
  it('makes one slot, an active data key and an active index key, for no tenant', async () => {
    const store = memoryKeyring();
    const keyring = await createKeyring(store, { passphrase: PASSPHRASE, iterations: ITERATIONS });
    expect(keyring.revision).toBe(1);
    expect(keyring.id).toMatch(/^kr_[a-z2-7]{26}$/);
    expect(listKeys(keyring)).toMatchObject([
      { kind: 'data', state: 'active', tenant: undefined },
      { kind: 'index', state: 'active', tenant: undefined },
    ]);
    const { document, revision } = await stored(store);
    const outcome = readDocument(document, revision, { passphrase: PASSPHRASE });
    expect(outcome).toMatchObject({ code: 'success', document: { keyringId: keyring.id, revision: 1 } });
    expect(outcome.code === 'success' && outcome.document.slots).toMatchObject([
      { type: 'passphrase', norm: 'opaque-1', kdf: 'PBKDF2-HMAC-SHA-512', iterations: ITERATIONS },
    ]);
    expect(outcome.code === 'success' && outcome.document.keys.every(({ key }) => key?.length === 32)).toBe(
      true,
    );
  });

  it('asks for 250,000 iterations unless it is told otherwise', async () => {
    const store = memoryKeyring();
    const inner = webCryptoEngine();
    const asked: number[] = [];
    const engine: Engine = {
      ...inner,
      // The real thing takes its time.
      stretch: (passphrase, salt, iterations) => {
        asked.push(iterations);
        return inner.stretch(passphrase, salt, 1);
      },
    };
    await createKeyringIn(environment({ engine }), store, { passphrase: PASSPHRASE });
    expect(asked).toEqual([250_000]);
    expect(payloadOf((await stored(store)).document).slots[0].iterations).toBe(250_000);
  });

  it('draws ids, keys, salt and IVs anew each time', async () => {
    const [one, two] = [memoryKeyring(), memoryKeyring()];
    for (const store of [one, two])
      await createKeyringIn(environment(), store, { passphrase: PASSPHRASE, iterations: ITERATIONS });
    const strings = async (store: KeyringStore): Promise<string[]> => {
      const { keyringId, slots, keys } = payloadOf((await stored(store)).document);
      return [
        keyringId,
        ...[...slots, ...keys].flatMap((each) => [each.id, each.salt, each.commitment, each.wrapped]),
      ];
    };
    const drawn = [...(await strings(one)), ...(await strings(two))].filter((each) => each !== undefined);
    expect(new Set(drawn).size).toBe(drawn.length);
  });

  it('takes nothing from anywhere but its environment', async () => {
    const make = async (): Promise<Uint8Array> => {
      let drawn = 0;
      const random = (length: number) => new Uint8Array(length).map((_, i) => (drawn++ * 31 + i) & 0xff);
      const store = memoryKeyring();
      await createKeyringIn(environment({ random, clock: fakeClock() }), store, {
        passphrase: PASSPHRASE,
        iterations: ITERATIONS,
      });
      return (await stored(store)).document;
    };
    expect(await make()).toEqual(await make());
  });

  it('refuses where there is a keyring, whoever asks and with whatever', async () => {
    const { store } = await knownKeyring();
    const before = await stored(store);
    for (const options of [{ rawKey: RAW_KEY }, { rawKey: new Uint8Array(32) }, { passphrase: PASSPHRASE }])
      await expect(createKeyringIn(environment(), store, options)).rejects.toBeInstanceOf(KeyringExistsError);
    expect(await stored(store)).toEqual(before);
  });

  it('refuses where there is something that is no keyring, or none of this version', async () => {
    const never: KeyringStore = {
      ...holding(new Uint8Array(8)),
      write: () => Promise.reject(new Error('written')),
    };
    await expect(createKeyringIn(environment(), never, { rawKey: RAW_KEY })).rejects.toBeInstanceOf(
      KeyringExistsError,
    );
  });

  it('derives nothing where it refuses', async () => {
    const { store } = await knownKeyring();
    const { engine, calls } = countingEngine();
    const { random, given } = recordingRandom();
    const creating = createKeyringIn(environment({ engine, random }), store, { passphrase: PASSPHRASE });
    await expect(creating).rejects.toBeInstanceOf(KeyringExistsError);
    expect([calls('stretch'), given.length]).toEqual([0, 0]);
  });

  it('makes exactly one of many that are begun at once', async () => {
    const store = memoryKeyring();
    const creating = Array.from({ length: 8 }, (_, i) =>
      createKeyringIn(environment(), store, { rawKey: new Uint8Array(32).fill(i) }),
    );
    const outcomes = await Promise.allSettled(creating);
    const made = outcomes.flatMap((outcome, i) => (outcome.status === 'fulfilled' ? [i] : []));
    expect(made).toHaveLength(1);
    for (const outcome of outcomes)
      if (outcome.status === 'rejected') expect(outcome.reason).toBeInstanceOf(KeyringExistsError);
    const opened = await openKeyringIn(environment(), store, {
      rawKey: new Uint8Array(32).fill(made[0] ?? 9),
    });
    expect(opened.revision).toBe(1);
  });

  it.each([0, 1, 999, 10_000_001, 1000.5, Number.NaN, Number.POSITIVE_INFINITY, -1000])(
    'refuses %d iterations before anything is derived or written',
    async (iterations) => {
      const store = memoryKeyring();
      const { engine, calls } = countingEngine();
      const making = createKeyringIn(environment({ engine }), store, { passphrase: PASSPHRASE, iterations });
      await expect(making).rejects.toBeInstanceOf(KeyringLimitError);
      expect(calls('stretch')).toBe(0);
      expect(await store.read(1024)).toBeUndefined();
    },
  );

  it('passes a failure of the store on, as it is', async () => {
    const failing = (method: 'read' | 'write'): KeyringStore => ({
      ...memoryKeyring(),
      [method]: () => Promise.reject(new RangeError(`cannot ${method}`)),
    });
    for (const method of ['read', 'write'] as const) {
      const making = createKeyringIn(environment(), failing(method), { rawKey: RAW_KEY });
      await expect(making).rejects.toThrow(new RangeError(`cannot ${method}`));
    }
  });
});

describe('openKeyring', () => {
  it('never makes a keyring', async () => {
    const written: unknown[] = [];
    const empty: KeyringStore = {
      read: () => undefined,
      write: (next) => {
        written.push(next);
        return true;
      },
    };
    await expect(openKeyring(empty, { rawKey: RAW_KEY })).rejects.toBeInstanceOf(KeyringNotFoundError);
    await expect(openKeyring(empty, { passphrase: PASSPHRASE })).rejects.toBeInstanceOf(KeyringNotFoundError);
    expect(written).toEqual([]);
  });

  it('writes nothing', async () => {
    const { store } = await knownKeyring();
    const silent: KeyringStore = { read: store.read, write: () => Promise.reject(new Error('written')) };
    await openKeyring(silent, { rawKey: RAW_KEY });
  });

  it('tells a wrong secret, damage, a bound, another format and nothing at all apart', async () => {
    const { store, rootKey } = await knownKeyring({ passphrase: PASSPHRASE });
    const { document } = await stored(store);
    const [altered, long] = [Uint8Array.from(document), new Uint8Array(2 ** 20 + 1)];
    altered[altered.length - 10] = (altered[altered.length - 10] as number) ^ 1;
    const newer = payloadOf(document);
    newer.format = 2;
    const open = (held: KeyringStore, passphrase = PASSPHRASE) =>
      codeOf(openKeyringIn(environment(), held, { passphrase }));
    expect(await open(store)).toBe('success');
    expect(await open(store, 'another')).toBe('wrong-secret');
    expect(await open(holding(altered))).toBe('keyring-damaged');
    expect(await open(holding(long))).toBe('keyring-limit');
    expect(await open(holding(forge(rootKey, newer)))).toBe('keyring-format');
    expect(await open(memoryKeyring())).toBe('keyring-not-found');
  });

  it('asks its store for no more than 1 MiB, and reads it once', async () => {
    const { store } = await knownKeyring();
    const asked: number[] = [];
    const watching: KeyringStore = {
      ...store,
      read: (maxBytes) => {
        asked.push(maxBytes);
        return store.read(maxBytes);
      },
    };
    await openKeyringIn(environment(), watching, { rawKey: RAW_KEY });
    expect(asked).toEqual([1_048_576]);
  });

  it('derives nothing from a document that is out of bounds or out of shape', async () => {
    const { store, rootKey } = await knownKeyring({ passphrase: PASSPHRASE });
    const payload = payloadOf((await stored(store)).document);
    for (const edit of [
      { slots: [{ ...payload.slots[0], iterations: 10_000_001 }] },
      { slots: Array(17).fill(payload.slots[0]) },
      { extra: 1 },
      { format: 2 },
      { keys: [{ ...payload.keys[0], state: 'lost' }] },
    ]) {
      const { engine, calls } = countingEngine();
      const opening = openKeyringIn(
        environment({ engine }),
        holding(forge(rootKey, { ...payload, ...edit })),
        {
          passphrase: PASSPHRASE,
        },
      );
      await expect(opening).rejects.toMatchObject({ code: expect.stringMatching(/^keyring-/) });
      expect(calls('stretch')).toBe(0);
    }
  });

  it('stretches a passphrase once for each passphrase slot up to the one that opens, and for no raw slot', async () => {
    const { store, rootKey } = await knownKeyring({ passphrase: PASSPHRASE });
    const payload = payloadOf((await stored(store)).document);
    const [slot] = payload.slots;
    const { norm: _n, kdf: _k, iterations: _i, salt: _s, ...raw } = { ...slot, type: 'raw' };
    const others = [
      { ...slot, id: 'other' },
      { ...raw, id: 'raw' },
    ];
    const { engine, calls } = countingEngine();
    const held = holding(forge(rootKey, { ...payload, slots: [...others, slot, { ...slot, id: 'after' }] }));
    await openKeyringIn(environment({ engine }), held, { passphrase: PASSPHRASE });
    expect(calls('stretch')).toBe(2);
  });

  it('says wrong-secret, not damage, where only the secret is wrong', async () => {
    const { store } = await knownKeyring({ passphrase: PASSPHRASE });
    for (const passphrase of ['', ' ', PASSPHRASE.toUpperCase(), `${PASSPHRASE}\n`, 'x'.repeat(1024)])
      await expect(openKeyringIn(environment(), store, { passphrase })).rejects.toBeInstanceOf(
        WrongSecretError,
      );
  });

  it('says damage where the secret is right', async () => {
    const { store } = await knownKeyring();
    const { document } = await stored(store);
    const text = new TextDecoder()
      .decode(document)
      .replace(/"mac":"(.)/, (_, first) => `"mac":"${first === 'A' ? 'B' : 'A'}`);
    const opening = openKeyringIn(environment(), holding(new TextEncoder().encode(text)), {
      rawKey: RAW_KEY,
    });
    await expect(opening).rejects.toBeInstanceOf(KeyringDamagedError);
  });

  it('passes a failure of the store on, as it is', async () => {
    const failing: KeyringStore = {
      ...memoryKeyring(),
      read: () => Promise.reject(new RangeError('cannot read')),
    };
    await expect(openKeyring(failing, { rawKey: RAW_KEY })).rejects.toThrow(new RangeError('cannot read'));
  });
});
