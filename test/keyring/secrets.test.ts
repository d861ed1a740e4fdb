/** Keys and passphrases do not come out, and their bytes do not stay. */

import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import type { Bytes } from '../../src/bytes.js';
import { webCryptoEngine } from '../../src/engine/webcrypto.js';
import { DefinitionError, KeyringExistsError } from '../../src/errors.js';
import { Keyring, createKeyring, listKeys, openKeyring } from '../../src/index.js';
import { addKey, createKeyringIn, openKeyringIn, openedOf } from '../../src/keyring/index.js';
import type { Engine } from '../../src/ports/engine.js';
import type { KeyringStore } from '../../src/ports/keyring-store.js';
import { memoryKeyring } from '../../src/store/memory.js';
import {
  ITERATIONS,
  PASSPHRASE,
  RAW_KEY,
  type RecordingRandom,
  codeOf,
  environment,
  holding,
  knownKeyring,
  recordingRandom,
  stored,
} from './support.js';
import { spellings, visible } from './visible.js';

describe('a Keyring', () => {
  it('shows no key and no passphrase, however it is looked at', async () => {
    const { random, given } = recordingRandom();
    const store = memoryKeyring();
    const passphrase = 'CANARY passphrase';
    const created = await createKeyringIn(environment({ random }), store, {
      passphrase,
      iterations: ITERATIONS,
    });
    await addKey(created);
    const opened = await openKeyringIn(environment({ random }), store, { passphrase });
    await openedOf(opened).sealingKey(undefined, {});
    const secrets = given.filter(({ was }) => was.length === 32).flatMap(({ was }) => spellings(was));
    for (const keyring of [created, opened]) {
      const text = visible(keyring);
      for (const secret of [...secrets, 'CANARY', ...spellings(Buffer.from(passphrase))])
        expect(text).not.toContain(secret);
    }
  });

  it('shows nothing but its name, and gives nothing but its id and revision', async () => {
    const { keyring } = await knownKeyring();
    expect(inspect(keyring)).toBe('Keyring {}');
    expect(JSON.stringify(keyring)).toBe('{}');
    expect(structuredClone(keyring)).toEqual({});
    expect(Reflect.ownKeys(keyring)).toEqual([]);
    expect(Reflect.ownKeys(Keyring.prototype)).toEqual(['constructor', 'id', 'revision']);
    expect(Reflect.ownKeys(Keyring).filter((name) => typeof name === 'symbol')).toEqual([]);
  });

  it('cannot be imitated by a copy, a clone, a proxy or a class that extends it', async () => {
    const { keyring } = await knownKeyring();
    const imitations: unknown[] = [
      { ...keyring },
      structuredClone(keyring),
      new Proxy(keyring, {}),
      Object.create(keyring),
      Object.create(Keyring.prototype),
      { id: keyring.id, revision: 1 },
      Promise.resolve(keyring),
      undefined,
      null,
    ];
    for (const imitation of imitations) {
      expect(() => listKeys(imitation as Keyring)).toThrow(DefinitionError);
      expect(await codeOf(addKey(imitation as Keyring))).toBe('definition');
    }
  });

  it('holds keys that the platform does not let out', async () => {
    const engine = webCryptoEngine();
    const { keyring } = await knownKeyring(undefined, undefined, { engine });
    const { root } = openedOf(keyring);
    const { key } = await openedOf(keyring).sealingKey(undefined, {});
    for (const held of [root.wrap, root.mac, key] as unknown as Parameters<
      typeof crypto.subtle.exportKey
    >[1][]) {
      expect(held.extractable).toBe(false);
      await expect(crypto.subtle.exportKey('raw', held)).rejects.toThrow();
      await expect(crypto.subtle.exportKey('jwk', held)).rejects.toThrow();
    }
  });

  it('lists its keys without anything that could unlock them', async () => {
    const { keyring, rootKey } = await knownKeyring();
    await addKey(keyring, { tenant: 'acme' });
    const text = visible(listKeys(keyring));
    for (const { wrapped, commitment } of openedOf(keyring).document.keys) {
      for (const hidden of [wrapped, commitment] as Bytes[])
        for (const spelled of spellings(hidden)) expect(text).not.toContain(spelled);
    }
    for (const spelled of spellings(rootKey)) expect(text).not.toContain(spelled);
  });
});

describe('the document', () => {
  it('contains no key and no passphrase', async () => {
    const { random, given } = recordingRandom();
    const store = memoryKeyring();
    const passphrase = 'CANARY passphrase';
    await createKeyringIn(environment({ random }), store, { passphrase, iterations: ITERATIONS });
    const { document } = await stored(store);
    const { payload } = JSON.parse(Buffer.from(document).toString()) as { payload: string };
    const text = `${Buffer.from(document)}${Buffer.from(payload, 'base64url').toString('latin1')}`;
    const drawn = given.map(({ was }) => was).filter(({ length }) => length === 32);
    // The salt is there, and is meant to be: that the search finds it says that the search works.
    const found = drawn.filter((secret) => spellings(secret).some((spelled) => text.includes(spelled)));
    expect(drawn).toHaveLength(4);
    expect(found).toHaveLength(1);
    expect(found[0]).toEqual(openedSalt(payload));
    expect(text).not.toContain('CANARY');
  });

  function openedSalt(payload: string): Uint8Array {
    const { slots } = JSON.parse(Buffer.from(payload, 'base64url').toString()) as {
      slots: { salt: string }[];
    };
    return Uint8Array.from(Buffer.from(slots[0]?.salt ?? '', 'base64url'));
  }
});

describe('errors of opening', () => {
  it('carry no passphrase, no key, no cause and nothing of the document', async () => {
    const passphrase = 'CANARY passphrase';
    const { store } = await knownKeyring({ passphrase: PASSPHRASE });
    const { document } = await stored(store);
    const spoiled = Uint8Array.from(document);
    spoiled[100] = 0x21;
    for (const opening of [
      () => openKeyring(store, { passphrase }),
      () => openKeyring(holding(spoiled), { passphrase }),
      () => openKeyring(store, { passphrase: `${passphrase}\ud800` }),
      () => openKeyring(store, { passphrase: passphrase.repeat(100) }),
      () => openKeyring(memoryKeyring(), { passphrase }),
      () => createKeyring(store, { passphrase }),
      () => createKeyring(memoryKeyring(), { passphrase: `${passphrase}\n` }),
    ]) {
      const error = (await opening().catch((caught: unknown) => caught)) as Error;
      expect(error).toBeInstanceOf(Error);
      const text = `${error.message}${error.stack}${inspect(error, { depth: null, showHidden: true })}${JSON.stringify(error)}`;
      expect(text).not.toContain('CANARY');
      expect(text).not.toContain(Buffer.from(document).toString().slice(20, 60));
      expect(error.cause).toBeUndefined();
    }
  });
});

describe('the bytes of new keys', () => {
  const zeros = new Uint8Array(32);

  /** What was drawn and is 32 bytes long, but for the salts: root, data and index keys. */
  function keyBuffers({ given }: RecordingRandom, document?: Uint8Array): Bytes[] {
    const payload = document && JSON.parse(Buffer.from(document).toString()).payload;
    const text = payload ? Buffer.from(payload, 'base64url').toString() : '';
    return given
      .filter(({ was }) => was.length === 32 && !text.includes(Buffer.from(was).toString('base64url')))
      .map(({ buffer }) => buffer);
  }

  it.each([
    ['a passphrase', { passphrase: PASSPHRASE }],
    ['a raw key', { rawKey: RAW_KEY }],
  ])('are wiped once a keyring is made with %s', async (_, unlock) => {
    const source = recordingRandom();
    const store = memoryKeyring();
    await createKeyringIn(environment({ random: source.random }), store, {
      ...unlock,
      iterations: ITERATIONS,
    });
    const buffers = keyBuffers(source, (await stored(store)).document);
    expect(buffers).toHaveLength(3);
    for (const buffer of buffers) expect(buffer).toEqual(zeros);
  });

  it('are wiped once a key is added', async () => {
    const known = await knownKeyring();
    const source = recordingRandom();
    const keyring = await openKeyringIn(environment({ random: source.random }), known.store, {
      rawKey: RAW_KEY,
    });
    await addKey(keyring);
    await addKey(keyring, { kind: 'index', tenant: 'acme' });
    expect(keyBuffers(source)).toEqual([zeros, zeros]);
  });

  it('are wiped where a keyring comes to nothing, wherever it fails', async () => {
    const inner = webCryptoEngine();
    const failing = (method: keyof Engine, call: number): Engine => {
      let calls = 0;
      const work = inner[method] as (...given: unknown[]) => unknown;
      return {
        ...inner,
        [method]: (...given: unknown[]) => {
          if (++calls === call) throw new RangeError('the module is away');
          return work(...given);
        },
      };
    };
    const attempts: readonly (readonly [keyof Engine, calls: number])[] = [
      ['importKey', 3],
      ['deriveAead', 2],
      ['deriveMac', 1],
      ['deriveBytes', 3],
      ['seal', 3],
      ['mac', 1],
      ['verifyMac', 1],
      ['digest', 1],
      ['stretch', 1],
    ];
    for (const [method, calls] of attempts) {
      for (let call = 1; call <= calls; call++) {
        const source = recordingRandom();
        const made = environment({ engine: failing(method, call), random: source.random });
        const store = memoryKeyring();
        const creating = createKeyringIn(made, store, { passphrase: PASSPHRASE, iterations: ITERATIONS });
        await expect(creating).rejects.toThrow(RangeError);
        // Root key first, then the salt; a data key and an index key where it came so far.
        const [root, , ...keys] = source.given.filter(({ was }) => was.length === 32);
        for (const { buffer } of [root, ...keys].flatMap((each) => each ?? [])) expect(buffer).toEqual(zeros);
        expect(root).toBeDefined();
        expect(await store.read(1024)).toBeUndefined();
      }
    }
  });

  it('are wiped where another process was faster', async () => {
    const known = await knownKeyring();
    const source = recordingRandom();
    const late: KeyringStore = { read: () => undefined, write: known.store.write };
    const creating = createKeyringIn(environment({ random: source.random }), late, { rawKey: RAW_KEY });
    await expect(creating).rejects.toBeInstanceOf(KeyringExistsError);
    expect(keyBuffers(source)).toEqual([zeros, zeros, zeros]);
  });

  it('are wiped where a key cannot be added', async () => {
    const known = await knownKeyring();
    const source = recordingRandom();
    const conflicting: KeyringStore = { read: known.store.read, write: () => false };
    const made = environment({ random: source.random });
    const keyring = await openKeyringIn(made, conflicting, { rawKey: RAW_KEY });
    expect(await codeOf(addKey(keyring))).toBe('keyring-conflict');
    expect(keyBuffers(source)).toEqual([zeros]);
  });

  it('are never drawn ahead of their use', async () => {
    const source = recordingRandom();
    const { store } = await knownKeyring();
    await openKeyringIn(environment({ random: source.random }), store, { rawKey: RAW_KEY });
    expect(source.given).toEqual([]);
  });
});

describe('the bytes that unlock', () => {
  it('are wiped when they have gone into the engine, whatever comes of it', async () => {
    const inner = webCryptoEngine();
    const seen: { buffer: Bytes; was: Bytes }[] = [];
    const watching = (fails: boolean): Engine => ({
      ...inner,
      stretch: (passphrase, salt, iterations) => {
        seen.push({ buffer: passphrase, was: Uint8Array.from(passphrase) });
        if (fails) throw new RangeError('the module is away');
        return inner.stretch(passphrase, salt, iterations);
      },
      importKey: (bytes) => {
        seen.push({ buffer: bytes, was: Uint8Array.from(bytes) });
        if (fails) throw new RangeError('the module is away');
        return inner.importKey(bytes);
      },
    });
    const [personal, raw] = [await knownKeyring({ passphrase: PASSPHRASE }), await knownKeyring()];
    for (const fails of [false, true]) {
      for (const [{ store }, unlock] of [
        [personal, { passphrase: PASSPHRASE }],
        [raw, { rawKey: RAW_KEY }],
      ] as const) {
        seen.length = 0;
        await codeOf(openKeyringIn(environment({ engine: watching(fails) }), store, unlock));
        expect(seen).toHaveLength(1);
        for (const { buffer, was } of seen) {
          expect(was.some((byte) => byte !== 0)).toBe(true);
          expect(buffer.every((byte) => byte === 0)).toBe(true);
        }
      }
    }
  });
});
