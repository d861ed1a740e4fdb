import { type Bytes, concat, copyBytes, equalBytes, isUint8Array, utf8 } from '../bytes.js';
import { encodeItem, hkdfInfo } from '../envelope/index.js';
import {
  AuthenticationError,
  DefinitionError,
  InvalidPassphraseError,
  KeyManagementRefusedError,
  KeyringDamagedError,
  PassphraseDamagedError,
  WrongSecretError,
} from '../errors.js';
import {
  DEFAULT_ITERATIONS,
  MAX_KEY_NAME_CHARACTERS,
  MAX_LABEL_CHARACTERS,
  MAX_WRAPPED_SECRET_BYTES,
} from '../limits.js';
import { damageOf, normOfNew, normalisePassphrase } from '../passphrase/index.js';
import type { AeadKey, DerivationKey, Engine } from '../ports/engine.js';
import type { KeyManagement, KeyManagementContext } from '../ports/key-management.js';
import { SUITE_1 } from '../suite.js';
import { isLine } from './checks.js';
import type { Environment } from './environment.js';
import {
  KDF,
  type KmsSlot,
  type PassphraseSlot,
  type RawSlot,
  SLOT_SALT_BYTES,
  type Slot,
  assertIterations,
} from './slot-entry.js';

/** What unlocks a keyring: exactly one of the three. */
export interface UnlockSecret {
  /** A passphrase. `undefined` (an environment variable that is not set) is refused with `InvalidPassphraseError`. */
  readonly passphrase?: string | undefined;
  /** 32 random bytes, for services that start without a person. */
  readonly rawKey?: Uint8Array | undefined;
  /** A key management service, or a hardware module. */
  readonly keyManagement?: KeyManagement | undefined;
}

/** A secret that gets a slot of its own. */
export interface NewSlot extends UnlockSecret {
  /** What people call the slot, for `listSlots`: up to 128 characters in one line, not a secret. Default: empty. */
  readonly label?: string;
  /** PBKDF2-HMAC-SHA-512 iterations of a passphrase slot, 1,000 to 10,000,000. Default: 250,000. Fewer weaken the passphrase. */
  readonly iterations?: number;
}

/** A slot that has been opened: its secret S, and what unwraps the root key. */
export interface OpenSlot {
  readonly id: string;
  readonly secret: DerivationKey;
  readonly wrapKey: AeadKey;
}

type Sealed = 'commitment' | 'wrapped';
type Described = Omit<PassphraseSlot, Sealed> | Omit<RawSlot, Sealed> | Omit<KmsSlot, Sealed>;

/** By its code: a service's adapter may come with a copy of this package of its own. */
const KMS_REFUSED = 'kms-refused';
const ROOT_REVISION = /_([1-9][0-9]{0,15})$/;
const SLOT_LABEL = concat(utf8('cellseal/slot'), Uint8Array.of(0x00, 0x01));

/** D: what a slot is, as bytes; the commitment and the wrapping are bound to it. */
export function slotDescription(
  keyringId: string,
  slot: Pick<Slot, 'id' | 'type'> & Partial<Pick<PassphraseSlot, 'norm' | 'kdf' | 'iterations' | 'salt'>>,
): Bytes {
  const items = [encodeItem(1, keyringId), encodeItem(2, slot.id), encodeItem(3, slot.type)];
  if (slot.type === 'passphrase') {
    const { norm, kdf, iterations, salt } = slot as PassphraseSlot;
    items.push(
      encodeItem(4, norm),
      encodeItem(5, kdf),
      encodeItem(6, BigInt(iterations)),
      encodeItem(7, salt),
    );
  }
  return concat(SLOT_LABEL, ...items);
}

/**
 * A slot's id ends with the revision that brought the root key which it wraps (`sl_…_7`), unless that is the first: D
 * covers the id, so who has an old copy, and with it an old root key, cannot make a slot for a newer one.
 */
export function slotIdFor(id: string, rootRevision: number): string {
  return rootRevision === 1 ? bareSlotId(id) : `${bareSlotId(id)}_${rootRevision}`;
}

/** The revision that brought the root key which a slot wraps. */
export function rootRevisionOf(id: string): number {
  return Number(ROOT_REVISION.exec(id)?.[1] ?? 1);
}

function bareSlotId(id: string): string {
  return id.replace(ROOT_REVISION, '');
}

/** A new slot that wraps `rootKey`. */
export async function makeSlot(
  environment: Environment,
  keyringId: string,
  slotId: string,
  secret: NewSlot,
  rootKey: Bytes,
): Promise<{ readonly slot: Slot; readonly open: OpenSlot }> {
  const { described, slotSecret } = await describeNew(environment, keyringId, slotId, secret);
  return sealSlot(environment, keyringId, described, slotSecret, rootKey);
}

/** A kept slot around a new root key: the same secret opens it, under a new id and with a new wrap key. */
export async function rewrapSlot(
  environment: Environment,
  keyringId: string,
  slot: Slot,
  { secret }: OpenSlot,
  keyManagement: KeyManagement | undefined,
  rootRevision: number,
  rootKey: Bytes,
): Promise<{ readonly slot: Slot; readonly open: OpenSlot }> {
  const id = slotIdFor(slot.id, rootRevision);
  const { commitment: _commitment, wrapped: _wrapped, ...described } = slot;
  if (described.type !== 'kms')
    return sealSlot(environment, keyringId, { ...described, id }, secret, rootKey);
  const service = keyManagement as KeyManagement;
  const bytes = await unwrapByService(service, described.wrappedSecret, { keyringId, slotId: slot.id });
  try {
    // A service that gives other bytes than before would leave a slot that nothing opens.
    const again = await imported(environment.engine, copyBytes(bytes));
    if (!(await openWith(environment.engine, keyringId, slot, again))) throw new KeyManagementRefusedError();
    const wrappedSecret = await wrapByService(service, bytes, { keyringId, slotId: id });
    return await sealSlot(environment, keyringId, { ...described, id, wrappedSecret }, secret, rootKey);
  } finally {
    bytes.fill(0);
  }
}

async function sealSlot(
  environment: Environment,
  keyringId: string,
  described: Described,
  secret: DerivationKey,
  rootKey: Bytes,
): Promise<{ readonly slot: Slot; readonly open: OpenSlot }> {
  const { engine } = environment;
  const description = slotDescription(keyringId, described);
  const commitment = await slotCommitment(engine, secret, description);
  const wrapKey = await slotWrapKey(engine, secret, description);
  const wrapped = await wrapRoot(environment, wrapKey, description, rootKey);
  const slot: Slot = { ...described, commitment, wrapped };
  return { slot, open: { id: described.id, secret, wrapKey } };
}

/** The slot that a slot opened before has become: kept by a change of the root key, with the same secret. */
export async function followSlot(
  engine: Engine,
  keyringId: string,
  slots: readonly Slot[],
  open: OpenSlot,
): Promise<{ readonly slot: Slot; readonly open: OpenSlot } | undefined> {
  for (const slot of slots) {
    if (bareSlotId(slot.id) !== bareSlotId(open.id)) continue;
    const followed = await openWith(engine, keyringId, slot, open.secret);
    if (followed) return { slot, open: followed };
  }
  return undefined;
}

async function wrapRoot(
  { engine, random }: Pick<Environment, 'engine' | 'random'>,
  wrapKey: AeadKey,
  description: Bytes,
  rootKey: Bytes,
): Promise<Bytes> {
  const iv = random(SUITE_1.ivBytes);
  return concat(iv, await engine.seal(wrapKey, iv, description, rootKey));
}

/** The first slot that the secret opens, or `undefined`. Slots of its type are tried in the list's order. */
export async function findSlot(
  engine: Engine,
  keyringId: string,
  slots: readonly Slot[],
  unlock: UnlockSecret,
): Promise<{ readonly slot: Slot; readonly open: OpenSlot } | undefined> {
  const type = slotType(unlock);
  let failure: { readonly error: unknown } | undefined;
  for (const slot of slots.filter((slot) => slot.type === type)) {
    try {
      const open = await tryOpen(engine, keyringId, slot, unlock);
      if (open) return { slot, open };
    } catch (error) {
      if (type !== 'kms') throw error;
      failure ??= { error }; // a service that is out of reach: another one's slot may still open
    }
  }
  if (failure) throw failure.error;
  return undefined;
}

/** {@link findSlot}, or the reason why there is none. */
export async function findSlotOrThrow(
  engine: Engine,
  keyringId: string,
  slots: readonly Slot[],
  unlock: UnlockSecret,
): Promise<{ readonly slot: Slot; readonly open: OpenSlot }> {
  const found = await findSlot(engine, keyringId, slots, unlock);
  if (found) return found;
  const hasGenerated = slots.some((slot) => slot.type === 'passphrase' && slot.norm !== 'opaque-1');
  const damage = hasGenerated && unlock.passphrase !== undefined ? damageOf(unlock.passphrase) : undefined;
  throw damage ? new PassphraseDamagedError(damage) : new WrongSecretError();
}

async function tryOpen(
  engine: Engine,
  keyringId: string,
  slot: Slot,
  unlock: UnlockSecret,
): Promise<OpenSlot | undefined> {
  const secret = await secretOf(engine, keyringId, slot, unlock);
  return secret && openWith(engine, keyringId, slot, secret);
}

/** `undefined` where this is not the slot's secret. */
async function openWith(
  engine: Engine,
  keyringId: string,
  slot: Slot,
  secret: DerivationKey,
): Promise<OpenSlot | undefined> {
  const description = slotDescription(keyringId, slot);
  // Before unwrapping: GCM alone does not commit to its key, and a wrong secret must not look like tampering.
  if (!equalBytes(await slotCommitment(engine, secret, description), slot.commitment)) return undefined;
  return { id: slot.id, secret, wrapKey: await slotWrapKey(engine, secret, description) };
}

/** The root key, inside the engine. */
export function unwrapRoot(
  engine: Engine,
  keyringId: string,
  slot: Slot,
  { wrapKey }: OpenSlot,
): Promise<DerivationKey> {
  const [iv, sealed] = halves(slot.wrapped);
  return genuine(async () => engine.unwrapKey(wrapKey, iv, sealed, slotDescription(keyringId, slot)));
}

/** The root key's bytes, to wrap them in another slot. The caller wipes them. */
export function openRoot(
  engine: Engine,
  keyringId: string,
  slot: Slot,
  { wrapKey }: OpenSlot,
): Promise<Bytes> {
  const [iv, sealed] = halves(slot.wrapped);
  return genuine(async () => engine.open(wrapKey, iv, slotDescription(keyringId, slot), sealed));
}

async function genuine<T>(unwrap: () => Promise<T>): Promise<T> {
  try {
    return await unwrap();
  } catch (error) {
    if (error instanceof AuthenticationError)
      throw new KeyringDamagedError('A slot was altered: its secret is right.');
    throw error;
  }
}

function halves(wrapped: Bytes): [iv: Bytes, sealed: Bytes] {
  return [wrapped.subarray(0, SUITE_1.ivBytes), wrapped.subarray(SUITE_1.ivBytes)];
}

/** The type of slot that this secret can open. */
export function slotType(unlock: UnlockSecret): Slot['type'] {
  const { passphrase, rawKey, keyManagement } = unlock;
  const given = [passphrase, rawKey, keyManagement].filter((secret) => secret !== undefined);
  if (given.length > 1) {
    throw new InvalidPassphraseError('Give one of a passphrase, a raw key and a key management service.');
  }
  if (keyManagement !== undefined) {
    if (typeof keyManagement?.wrap !== 'function' || typeof keyManagement.unwrap !== 'function')
      throw new InvalidPassphraseError('A key management service has the calls wrap and unwrap.');
    return 'kms';
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

/** Refuses a slot that cannot be made, before anything is derived or read. */
export function assertNewSlot(secret: NewSlot): void {
  const { label = '', iterations = DEFAULT_ITERATIONS } = secret;
  const type = slotType(secret);
  if (!isLine(label, 0, MAX_LABEL_CHARACTERS))
    throw new DefinitionError('A slot’s label is one line of at most 128 characters.');
  if (type === 'kms' && !isLine((secret.keyManagement as KeyManagement).keyName, 1, MAX_KEY_NAME_CHARACTERS))
    throw new DefinitionError('A key management service’s keyName is one line of 1 to 512 characters.');
  if (type !== 'passphrase') return;
  normOfNew(secret.passphrase as string);
  assertIterations(iterations);
}

async function describeNew(
  { engine, random, clock }: Environment,
  keyringId: string,
  id: string,
  secret: NewSlot,
): Promise<{ described: Described; slotSecret: DerivationKey }> {
  assertNewSlot(secret);
  const { label = '', iterations = DEFAULT_ITERATIONS, passphrase, rawKey, keyManagement } = secret;
  const base = { id, label, createdAt: new Date(clock.wallMs()).toISOString() };
  if (keyManagement !== undefined) {
    const { keyName } = keyManagement;
    const [wrappedSecret, slotSecret] = await newKmsSecret(engine, random, keyManagement, {
      keyringId,
      slotId: id,
    });
    return { described: { ...base, type: 'kms', keyName, wrappedSecret }, slotSecret };
  }
  if (rawKey !== undefined) {
    return { described: { ...base, type: 'raw' }, slotSecret: await imported(engine, copyBytes(rawKey)) };
  }
  const norm = normOfNew(passphrase as string);
  const salt = random(SLOT_SALT_BYTES);
  const slotSecret = await stretched(engine, norm, passphrase as string, salt, iterations);
  return { described: { ...base, type: 'passphrase', norm, kdf: KDF, iterations, salt }, slotSecret };
}

async function newKmsSecret(
  engine: Engine,
  random: Environment['random'],
  keyManagement: KeyManagement,
  context: KeyManagementContext,
): Promise<[wrapped: Bytes, secret: DerivationKey]> {
  const bytes = random(SUITE_1.keyBytes);
  try {
    return [await wrapByService(keyManagement, bytes, context), await engine.importKey(bytes)];
  } finally {
    bytes.fill(0);
  }
}

/** Wraps, and unwraps again as a reader will: a service that may only wrap would lock everybody out. */
async function wrapByService(
  keyManagement: KeyManagement,
  secret: Bytes,
  context: KeyManagementContext,
): Promise<Bytes> {
  const handed = copyBytes(secret);
  let again: Uint8Array | undefined;
  try {
    const wrapped = copyBytes(await keyManagement.wrap(handed, context));
    if (wrapped.length === 0 || wrapped.length > MAX_WRAPPED_SECRET_BYTES)
      throw new DefinitionError('A key management service’s wrapped secret has 1 byte to 8 KiB.');
    again = await keyManagement.unwrap(copyBytes(wrapped), context);
    if (!equalBytes(again, secret)) throw new KeyManagementRefusedError();
    return wrapped;
  } finally {
    handed.fill(0);
    again?.fill(0);
  }
}

/** In a buffer of ours, which the caller wipes; the service's is wiped here. */
async function unwrapByService(
  keyManagement: KeyManagement,
  wrapped: Bytes,
  context: KeyManagementContext,
): Promise<Bytes> {
  const secret = await keyManagement.unwrap(copyBytes(wrapped), context);
  const own = copyBytes(secret);
  secret.fill(0);
  return own;
}

/** S, or `undefined` where what was given cannot be this slot's secret. */
async function secretOf(
  engine: Engine,
  keyringId: string,
  slot: Slot,
  { passphrase, rawKey, keyManagement }: UnlockSecret,
): Promise<DerivationKey | undefined> {
  if (slot.type === 'raw') return imported(engine, copyBytes(rawKey as Uint8Array));
  if (slot.type === 'kms') {
    const context = { keyringId, slotId: slot.id };
    try {
      const own = await unwrapByService(keyManagement as KeyManagement, slot.wrappedSecret, context);
      return own.length === SUITE_1.keyBytes ? await imported(engine, own) : undefined;
    } catch (error) {
      if ((error as { code?: unknown } | null)?.code === KMS_REFUSED) return undefined;
      throw error;
    }
  }
  try {
    const { norm, salt, iterations } = slot;
    return await stretched(engine, norm, passphrase as string, salt, iterations);
  } catch (error) {
    if (error instanceof PassphraseDamagedError) return undefined; // not one that was generated for this slot
    throw error;
  }
}

async function stretched(
  engine: Engine,
  norm: PassphraseSlot['norm'],
  passphrase: string,
  salt: Bytes,
  iterations: number,
): Promise<DerivationKey> {
  const input = normalisePassphrase(norm, passphrase);
  try {
    return await engine.stretch(input, salt, iterations);
  } finally {
    input.fill(0);
  }
}

async function imported(engine: Engine, bytes: Bytes): Promise<DerivationKey> {
  try {
    return await engine.importKey(bytes);
  } finally {
    bytes.fill(0);
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
