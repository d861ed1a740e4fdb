import { base32 } from '../bytes.js';
import { webCryptoEngine } from '../engine/index.js';
import { KeyringExistsError, KeyringNotFoundError, WrongSecretError } from '../errors.js';
import { DEFAULT_ITERATIONS, MAX_KEYRING_BYTES } from '../limits.js';
import { platformRandom, systemClock } from '../platform.js';
import type { Engine } from '../ports/engine.js';
import type { KeyringStore } from '../ports/keyring-store.js';
import { SUITE_1 } from '../suite.js';
import { type KeyringDocument, decodePayload, splitDocument } from './document.js';
import type { Environment } from './environment.js';
import { type Keyring, keyringOf } from './keyring.js';
import { type RootKeys, deriveRootKeys, makeKey } from './keys.js';
import { OpenedKeyring, sealDocument } from './opened.js';
import { type UnlockSecret, makeSlot, openSlot, slotType } from './slots.js';

/** What {@link openKeyring} takes: a passphrase or a raw key, and what to compute with. */
export interface OpenOptions extends UnlockSecret {
  /** The engine that does the cryptography. Default: WebCrypto. */
  readonly engine?: Engine;
}

/** What {@link createKeyring} takes. */
export interface CreateOptions extends OpenOptions {
  /** PBKDF2-HMAC-SHA-512 iterations of the passphrase slot, 1,000 to 10,000,000. Default: 250,000. Fewer weaken the passphrase. */
  readonly iterations?: number;
}

const KEYRING_ID_BYTES = 16;
const SLOT_ID_BYTES = 8;

/**
 * Makes the keyring of a new installation, with one slot, an active data key and an active index key. Call it once, by
 * hand or in a set-up step; {@link openKeyring} never makes one.
 *
 * @throws KeyringExistsError if there is one already, or another process made one at the same moment: of two, exactly one succeeds.
 * @throws InvalidPassphraseError if the passphrase is empty, ill-formed, over 1 KiB, or has characters that get lost when it is saved.
 */
export async function createKeyring(store: KeyringStore, options: CreateOptions): Promise<Keyring> {
  return createKeyringIn(environmentOf(options), store, options);
}

/**
 * Opens a keyring with a passphrase or a raw key.
 *
 * @throws KeyringNotFoundError if there is none.
 * @throws WrongSecretError if no slot opens with what was given.
 * @throws KeyringDamagedError if the document was altered; KeyringLimitError if it is out of bounds; KeyringFormatError if it is of a newer format.
 * @throws InvalidPassphraseError if nothing was given, or it is ill-formed.
 */
export async function openKeyring(store: KeyringStore, options: OpenOptions): Promise<Keyring> {
  return openKeyringIn(environmentOf(options), store, options);
}

/** @internal The same with clock and randomness as arguments. */
export async function createKeyringIn(
  environment: Environment,
  store: KeyringStore,
  options: CreateOptions,
): Promise<Keyring> {
  const { engine, random } = environment;
  slotType(options); // refuses before anything is read or derived
  if (await store.read(MAX_KEYRING_BYTES)) throw new KeyringExistsError();

  const keyringId = `kr_${base32(random(KEYRING_ID_BYTES))}`;
  const slotId = newSlotId(random);
  const rootKey = random(SUITE_1.keyBytes);
  try {
    const root = await deriveRootKeys(engine, await engine.importKey(rootKey), keyringId);
    const document: KeyringDocument = {
      keyringId,
      revision: 1,
      previous: undefined,
      slots: [
        await makeSlot(
          environment,
          keyringId,
          slotId,
          options,
          options.iterations ?? DEFAULT_ITERATIONS,
          rootKey,
        ),
      ],
      keys: [
        await makeKey(environment, root, keyringId, 'data', undefined, 'active'),
        await makeKey(environment, root, keyringId, 'index', undefined, 'active'),
      ],
      extensions: {},
    };
    const stored = await sealDocument(environment, root, document);
    const opened = await OpenedKeyring.open(environment, store, root, stored);
    if (!(await store.write(stored))) throw new KeyringExistsError();
    return keyringOf(opened);
  } finally {
    rootKey.fill(0);
  }
}

/** @internal The same with clock and randomness as arguments. */
export async function openKeyringIn(
  environment: Environment,
  store: KeyringStore,
  unlock: UnlockSecret,
): Promise<Keyring> {
  slotType(unlock); // refuses before anything is read
  const stored = await store.read(MAX_KEYRING_BYTES);
  if (!stored) throw new KeyringNotFoundError();
  const document = decodePayload(splitDocument(stored.document).payload);
  const root = await unlockRoot(environment, document, unlock);
  return keyringOf(await OpenedKeyring.open(environment, store, root, stored));
}

async function unlockRoot(
  { engine }: Environment,
  { keyringId, slots }: KeyringDocument,
  unlock: UnlockSecret,
): Promise<RootKeys> {
  const wanted = slotType(unlock);
  for (const slot of slots) {
    if (slot.type !== wanted) continue;
    const rootKey = await openSlot(engine, keyringId, slot, unlock);
    if (rootKey) return deriveRootKeys(engine, rootKey, keyringId);
  }
  throw new WrongSecretError();
}

function newSlotId(random: Environment['random']): string {
  return `sl_${base32(random(SLOT_ID_BYTES))}`;
}

function environmentOf({ engine = webCryptoEngine() }: OpenOptions): Environment {
  return { engine, random: platformRandom, clock: systemClock };
}
