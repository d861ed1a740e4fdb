/** keyring-v1.json through the insides of the keyring: what is made where salt and IV are given, and what opens. */
import { describe, expect, it } from 'vitest';
import { type Bytes, hex, utf8 } from '../../src/bytes.js';
import { webCryptoEngine } from '../../src/engine/index.js';
import { KeyringDamagedError } from '../../src/errors.js';
import type { KeyEntry } from '../../src/keyring/key-entry.js';
import { deriveRootKeys, keyCommitment, keyIdOf, loadKey, makeKey } from '../../src/keyring/keys.js';
import { KDF, type Slot } from '../../src/keyring/slot-entry.js';
import {
  type UnlockSecret,
  findSlot,
  makeSlot,
  openRoot,
  slotDescription,
  unwrapRoot,
} from '../../src/keyring/slots.js';
import { normalisePassphrase } from '../../src/passphrase/index.js';
import type { DerivationKey, Engine } from '../../src/ports/engine.js';
import { base32, unhex } from '../oracle/bytes.js';
import { hkdf } from '../oracle/cell.js';
import { keyAad, keyringMac } from '../oracle/keyring.js';
import { type KeyringVectors, type SlotCase, partOf, readVectors } from '../oracle/vectors.js';
import { environment } from './support.js';

const vectors = readVectors<KeyringVectors>('keyring-v1.json');
const engine = webCryptoEngine();
const bytes = (text: string): Bytes => Uint8Array.from(unhex(text));
const ROOT = bytes(vectors.rootKey);

/** The bytes of a key that shows none, as far as an HKDF of them tells. */
async function probe(key: DerivationKey): Promise<string> {
  return hex(await engine.deriveBytes(key, utf8('probe'), 32));
}
const probeOf = (key: Uint8Array): string => hex(hkdf(key, new Uint8Array(), utf8('probe')));

/** A random source that gives these, in this order. */
function giving(...parts: readonly Bytes[]): (length: number) => Bytes {
  const left = [...parts];
  return (length) => {
    const next = left.shift();
    if (next?.length !== length) throw new Error(`${length} bytes are wanted, ${next?.length} are next`);
    return Uint8Array.from(next);
  };
}

function slotOf(vector: SlotCase): Slot {
  const sealed = {
    id: vector.slotId,
    label: 'front office',
    createdAt: '2026-01-01T00:00:00.000Z', // the fake clock's
    commitment: bytes(vector.commitment),
    wrapped: bytes(vector.wrapped),
  };
  if (vector.type !== 'passphrase') return { ...sealed, type: 'raw' };
  const { iterations = 0, salt = '' } = vector;
  return { ...sealed, type: 'passphrase', norm: 'opaque-1', kdf: KDF, iterations, salt: bytes(salt) };
}

/** The root key behind a slot, if the secret opens it. */
async function openSlot(
  using: Engine,
  keyringId: string,
  slot: Slot,
  unlock: UnlockSecret,
): Promise<DerivationKey | undefined> {
  const found = await findSlot(using, keyringId, [slot], unlock);
  return found && unwrapRoot(using, keyringId, found.slot, found.open);
}

function unlockOf({ passphrase, secret }: SlotCase): UnlockSecret {
  return passphrase === undefined ? { rawKey: bytes(secret) } : { passphrase };
}

describe.each(vectors.slots)('slot $slotId of keyring-v1.json', (vector) => {
  const slot = slotOf(vector);

  it('has this description', () => {
    expect(hex(slotDescription(vector.keyringId, slot))).toBe(vector.description);
  });

  it('is made with this commitment and this wrapping', async () => {
    const salt = slot.type === 'passphrase' ? [slot.salt] : [];
    const random = giving(...salt, bytes(vector.iv));
    const made = await makeSlot(
      environment({ random }),
      vector.keyringId,
      vector.slotId,
      { ...unlockOf(vector), label: 'front office', iterations: vector.iterations ?? 1000 },
      Uint8Array.from(ROOT),
    );
    expect(made.slot).toEqual(slot);
    // What was just made unwraps what another administrator wraps later.
    expect(await probe(await unwrapRoot(engine, vector.keyringId, slot, made.open))).toBe(probeOf(ROOT));
  });

  it('opens to the root key', async () => {
    const rootKey = await openSlot(engine, vector.keyringId, slot, unlockOf(vector));
    expect(await probe(rootKey as DerivationKey)).toBe(probeOf(ROOT));
    const found = await findSlot(engine, vector.keyringId, [slot], unlockOf(vector));
    if (!found) throw new Error('the slot does not open');
    expect(hex(await openRoot(engine, vector.keyringId, slot, found.open))).toBe(vectors.rootKey);
  });

  it('does not open by another secret, nor in another keyring, nor under another id', async () => {
    const another: UnlockSecret =
      vector.passphrase === undefined
        ? { rawKey: new Uint8Array(32) }
        : { passphrase: `${vector.passphrase}.` };
    expect(await openSlot(engine, vector.keyringId, slot, another)).toBeUndefined();
    expect(await openSlot(engine, 'kr_7f6d', slot, unlockOf(vector))).toBeUndefined();
    const renamed = { ...slot, id: `${slot.id}x` };
    expect(await openSlot(engine, vector.keyringId, renamed, unlockOf(vector))).toBeUndefined();
  });

  it('says that it was altered where its secret is right and its wrapping is not', async () => {
    for (const place of [0, 12, slot.wrapped.length - 1]) {
      const wrapped = Uint8Array.from(slot.wrapped);
      wrapped[place] = (wrapped[place] as number) ^ 1;
      const opening = openSlot(engine, vector.keyringId, { ...slot, wrapped }, unlockOf(vector));
      await expect(opening).rejects.toBeInstanceOf(KeyringDamagedError);
    }
  });

  it('is what its id and its type say, and no label: that may be changed without its secret', async () => {
    const relabelled = { ...slot, label: 'back office', createdAt: '2027-01-01T00:00:00.000Z' };
    const rootKey = await openSlot(engine, vector.keyringId, relabelled, unlockOf(vector));
    expect(await probe(rootKey as DerivationKey)).toBe(probeOf(ROOT));
  });
});

describe('a passphrase slot of keyring-v1.json', () => {
  it.each(vectors.slots.filter(({ passphrase }) => passphrase !== undefined))(
    'stretches its passphrase to this secret: $slotId',
    async ({ passphrase = '', salt = '', iterations = 0, secret }) => {
      const normalised = normalisePassphrase('opaque-1', passphrase);
      expect(await probe(await engine.stretch(normalised, bytes(salt), iterations))).toBe(
        probeOf(unhex(secret)),
      );
    },
  );

  it('is bound by its salt, its iterations and its passphrase, one by one', async () => {
    const [vector] = vectors.slots as [SlotCase];
    const slot = slotOf(vector);
    if (slot.type !== 'passphrase') throw new Error('another slot was expected');
    const salt = Uint8Array.from(slot.salt, (byte) => byte ^ 1);
    for (const other of [
      { ...slot, salt },
      { ...slot, iterations: slot.iterations + 1 },
    ]) {
      expect(await openSlot(engine, vector.keyringId, other, unlockOf(vector))).toBeUndefined();
    }
  });
});

describe.each(vectors.keys)('the $kind key of tenant $tenant in keyring-v1.json', (vector) => {
  const { keyringId, kind } = vector;
  const part = vector.tenant === undefined ? undefined : partOf(vector.tenant);
  const tenant = part instanceof Uint8Array ? Uint8Array.from(part) : part;
  const key = bytes(vector.key);
  const commitment = bytes(vector.commitment);
  const entry = {
    kind,
    tenant,
    commitment,
    state: 'active',
    createdAt: '2026-01-01T00:00:00.000Z',
    addedIn: 7,
    wrapped: bytes(vector.wrapped),
  } as const satisfies KeyEntry;

  async function roots(keyring = keyringId) {
    return deriveRootKeys(engine, await engine.importKey(Uint8Array.from(ROOT)), keyring);
  }

  it('has this commitment, and its id from it', async () => {
    expect(hex(await keyCommitment(engine, kind, await engine.importKey(Uint8Array.from(key))))).toBe(
      vector.commitment,
    );
    expect(keyIdOf(entry)).toBe(base32(commitment.subarray(0, 16)));
  });

  it('is made with this wrapping, over this associated data', async () => {
    const seen: string[] = [];
    const watching = {
      ...engine,
      seal: (...given: Parameters<typeof engine.seal>) => {
        seen.push(hex(given[2]));
        return engine.seal(...given);
      },
    };
    const random = giving(key, bytes(vector.iv));
    const made = await makeKey(
      environment({ random, engine: watching }),
      await roots(),
      keyringId,
      kind,
      tenant,
      'active',
      7,
    );
    expect(made).toEqual(entry);
    const description = { keyringId, kind, ...(tenant !== undefined && { tenant }) };
    expect(seen).toEqual([hex(keyAad(description, commitment))]);
  });

  it('is loaded again', async () => {
    expect(await probe(await loadKey(engine, await roots(), keyringId, entry))).toBe(probeOf(key));
  });

  it('is damage under another keyring, kind, tenant, commitment or root key', async () => {
    const anotherRoot = await deriveRootKeys(engine, await engine.importKey(new Uint8Array(32)), keyringId);
    const flipped = Uint8Array.from(commitment);
    flipped[31] = (flipped[31] as number) ^ 1;
    const load = async (more: Partial<KeyEntry>, root = roots(), keyring = keyringId) =>
      loadKey(engine, await root, keyring, { ...entry, ...more, wrapped: entry.wrapped });
    for (const loading of [
      () => load({}, roots('kr_7f6d'), 'kr_7f6d'),
      () => load({}, roots(), 'kr_7f6d'),
      () => load({}, Promise.resolve(anotherRoot)),
      () => load({ kind: kind === 'data' ? 'index' : 'data' }),
      () => load({ tenant: tenant === undefined ? 'acme' : undefined }),
      () => load({ tenant: typeof tenant === 'bigint' ? tenant.toString() : 7n }),
      () => load({ commitment: flipped }),
    ]) {
      await expect(loading()).rejects.toBeInstanceOf(KeyringDamagedError);
    }
  });

  it('lets other failures of the engine through as they are', async () => {
    const broken = {
      ...engine,
      unwrapKey: () => {
        throw new TypeError('the engine is broken');
      },
    };
    const derived = await roots();
    const loading = async (): Promise<unknown> => loadKey(broken, derived, keyringId, entry);
    await expect(loading()).rejects.toBeInstanceOf(TypeError);
    const slot = slotOf(vectors.slots.at(-1) as SlotCase);
    const opening = openSlot(broken, 'kr_7f6c', slot, unlockOf(vectors.slots.at(-1) as SlotCase));
    await expect(opening).rejects.toBeInstanceOf(TypeError);
  });
});

describe('the MAC of keyring-v1.json', () => {
  const { payload, mac } = vectors.mac;
  const { keyringId } = JSON.parse(payload) as { keyringId: string };

  it('is this, made and verified', async () => {
    const root = await deriveRootKeys(engine, await engine.importKey(Uint8Array.from(ROOT)), keyringId);
    expect(hex(await engine.mac(root.mac, utf8(payload)))).toBe(mac);
    expect(await engine.verifyMac(root.mac, bytes(mac), utf8(payload))).toBe(true);
    expect(await engine.verifyMac(root.mac, bytes(mac), utf8(`${payload} `))).toBe(false);
  });

  it('is another one under another keyring id or root key, as the oracle has it', async () => {
    const other = await deriveRootKeys(engine, await engine.importKey(new Uint8Array(32)), 'kr_other');
    const made = hex(await engine.mac(other.mac, utf8(payload)));
    expect(made).toBe(hex(keyringMac(new Uint8Array(32), 'kr_other', utf8(payload))));
    expect(made).not.toBe(mac);
  });
});
