import { type Bytes, concat, equalBytes, isUint8Array, utf8 } from '../bytes.js';
import { encodeItem, hkdfInfo } from '../envelope/index.js';
import {
  AuthenticationError,
  InvalidPassphraseError,
  KeyringDamagedError,
  KeyringLimitError,
} from '../errors.js';
import { MAX_ITERATIONS, MIN_ITERATIONS } from '../limits.js';
import { assertNewPassphrase, normalisePassphrase } from '../passphrase/index.js';
import type { DerivationKey, Engine } from '../ports/engine.js';
import { SUITE_1 } from '../suite.js';
import { KDF, type PassphraseSlot, type RawSlot, SLOT_SALT_BYTES, type Slot } from './document.js';
import type { Environment } from './environment.js';

/** What unlocks a keyring: exactly one of the two. */
export interface UnlockSecret {
  /** A passphrase. `undefined` (an environment variable that is not set) is refused with `InvalidPassphraseError`. */
  readonly passphrase?: string | undefined;
  /** 32 random bytes, for services that start without a person. */
  readonly rawKey?: Uint8Array | undefined;
}

type Described = Omit<PassphraseSlot, 'commitment' | 'wrapped'> | Omit<RawSlot, 'commitment' | 'wrapped'>;

const SLOT_LABEL = concat(utf8('cellseal/slot'), Uint8Array.of(0x00, 0x01));

/** D: what a slot is, as bytes; the commitment and the wrapping are bound to it. */
export function slotDescription(keyringId: string, slot: Described): Bytes {
  const items = [encodeItem(1, keyringId), encodeItem(2, slot.id), encodeItem(3, slot.type)];
  if (slot.type === 'passphrase') {
    items.push(encodeItem(4, slot.norm), encodeItem(5, slot.kdf));
    items.push(encodeItem(6, BigInt(slot.iterations)), encodeItem(7, slot.salt));
  }
  return concat(SLOT_LABEL, ...items);
}

/** A new slot that wraps `rootKey`. */
export async function makeSlot(
  { engine, random }: Environment,
  keyringId: string,
  slotId: string,
  unlock: UnlockSecret,
  iterations: number,
  rootKey: Bytes,
): Promise<Slot> {
  const described = describeNew(random, slotId, unlock, iterations);
  const secret = await slotSecret(engine, described, unlock);
  const description = slotDescription(keyringId, described);
  const commitment = await slotCommitment(engine, secret, description);
  const iv = random(SUITE_1.ivBytes);
  const sealed = await engine.seal(await slotWrapKey(engine, secret, description), iv, description, rootKey);
  return { ...described, commitment, wrapped: concat(iv, sealed) };
}

/** The root key, or `undefined` where the secret is not this slot's. */
export async function openSlot(
  engine: Engine,
  keyringId: string,
  slot: Slot,
  unlock: UnlockSecret,
): Promise<DerivationKey | undefined> {
  const secret = await slotSecret(engine, slot, unlock);
  const description = slotDescription(keyringId, slot);
  // Before unwrapping: GCM alone does not commit to its key, and a wrong secret must not look like tampering.
  if (!equalBytes(await slotCommitment(engine, secret, description), slot.commitment)) return undefined;
  const wrapKey = await slotWrapKey(engine, secret, description);
  try {
    return await engine.unwrapKey(
      wrapKey,
      slot.wrapped.subarray(0, SUITE_1.ivBytes),
      slot.wrapped.subarray(SUITE_1.ivBytes),
      description,
    );
  } catch (error) {
    if (error instanceof AuthenticationError)
      throw new KeyringDamagedError('A slot was altered: its secret is right.');
    throw error;
  }
}

/** The type of slot that this secret can open. */
export function slotType(unlock: UnlockSecret): Slot['type'] {
  const { passphrase, rawKey } = unlock;
  if (passphrase !== undefined && rawKey !== undefined) {
    throw new InvalidPassphraseError('Give a passphrase or a raw key, not both.');
  }
  if (rawKey !== undefined) {
    // A string of 32 characters (an environment variable) would be copied as no bytes at all.
    if (!isUint8Array(rawKey) || rawKey.length !== SUITE_1.keyBytes)
      throw new InvalidPassphraseError('A raw key has exactly 32 bytes.');
    return 'raw';
  }
  if (typeof passphrase !== 'string') {
    throw new InvalidPassphraseError('No passphrase was given. Is the environment variable set?');
  }
  return 'passphrase';
}

function describeNew(
  random: Environment['random'],
  id: string,
  unlock: UnlockSecret,
  iterations: number,
): Described {
  const type = slotType(unlock);
  if (type === 'raw') return { id, type };
  assertNewPassphrase(unlock.passphrase as string);
  if (!Number.isSafeInteger(iterations) || iterations < MIN_ITERATIONS || iterations > MAX_ITERATIONS) {
    throw new KeyringLimitError('A passphrase slot has 1,000 to 10,000,000 iterations.');
  }
  return { id, type, norm: 'opaque-1', kdf: KDF, iterations, salt: random(SLOT_SALT_BYTES) };
}

async function slotSecret(engine: Engine, slot: Described, unlock: UnlockSecret): Promise<DerivationKey> {
  const input =
    slot.type === 'raw'
      ? new Uint8Array(unlock.rawKey as Uint8Array)
      : normalisePassphrase(slot.norm, unlock.passphrase as string);
  try {
    if (slot.type === 'raw') return await engine.importKey(input);
    return await engine.stretch(input, slot.salt, slot.iterations);
  } finally {
    input.fill(0);
  }
}

function slotCommitment(engine: Engine, secret: DerivationKey, description: Bytes) {
  return engine.deriveBytes(
    secret,
    hkdfInfo('cellseal/v1/slot-commitment', description),
    SUITE_1.commitmentBytes,
  );
}

function slotWrapKey(engine: Engine, secret: DerivationKey, description: Bytes) {
  return engine.deriveAead(secret, new Uint8Array(0), hkdfInfo('cellseal/v1/slot-wrap', description));
}
