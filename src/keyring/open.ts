import { base64url } from '../bytes.js';
import { webCryptoEngine } from '../engine/index.js';
import {
  KeyringExistsError,
  KeyringNotFoundError,
  KeyringRolledBackError,
  WrongKeyringError,
} from '../errors.js';
import { DEFAULT_MAX_STALE_MS, MAX_KEYRING_BYTES } from '../limits.js';
import type { MaybePromise } from '../maybe.js';
import { platformRandom, systemClock } from '../platform.js';
import type { Engine, SynchronousEngine } from '../ports/engine.js';
import type { KeyringStore } from '../ports/keyring-store.js';
import { SUITE_1 } from '../suite.js';
import { type KeyringDocument, decodePayload, splitDocument } from './document.js';
import type { Environment } from './environment.js';
import type { KeyringListener } from './events.js';
import { HeldDocument, type Holding, momentOf, sealDocument, unlockedBy } from './held-document.js';
import { type Keyring, type SynchronousKeyring, keyringOf } from './keyring.js';
import { deriveRootKeys, makeKey } from './keys.js';
import { OpenedKeyring, randomName } from './opened.js';
import { assertPolicy } from './policy.js';
import {
  type NewSlot,
  type UnlockSecret,
  assertNewSlot,
  findSlotOrThrow,
  makeSlot,
  rootRevisionOf,
  slotIdFor,
  slotType,
} from './slots.js';

/** What a process knows of its keyring from elsewhere than the keyring's store. */
export interface KeyringPin {
  /** The keyring's id: another one is refused. */
  readonly keyringId: string;
  /** An older revision is refused. */
  readonly minimumRevision: number;
  /** SHA-256 of the document of exactly that revision, as `describeKeyring` gives it: another one is refused. Default: any. */
  readonly hash?: string | undefined;
  /** The revision that brought the root key: a document under an older one is refused, whatever its revision. After `changeKey`, only this keeps out who has an old copy and can write to the store. Default: any. */
  readonly rootRevision?: number | undefined;
}

/** How a keyring is held by its process. */
export interface HoldOptions {
  /** The engine that does the cryptography. Default: WebCrypto. */
  readonly engine?: Engine;
  /** A keyring that has not been read for this long decrypts but does not encrypt, unless reading it succeeds first: it is read again by itself when a value is to be encrypted. The keyring's policy may ask for less. `Infinity` is no limit: a process that has lost its keyring's store then writes under replaced keys for ever. Default: 900,000 (15 minutes). */
  readonly maxStaleMs?: number;
  /** Hears what happens to the keyring: changes, limits that come near. What it throws is dropped. Default: nobody. */
  readonly onEvent?: KeyringListener;
  /** Asked for the secret when `changeKey` was called elsewhere and has dropped the one that this process was opened with. Default: `KeyringRekeyedError`. */
  readonly renewSecret?: () => MaybePromise<UnlockSecret>;
}

/** An engine that answers at once, so that the keyring does. */
export interface SynchronousOptions {
  /** `nodeEngine()` of cellseal/node. */
  readonly engine: SynchronousEngine;
}

/** What {@link openKeyring} takes: a secret, and how to hold what it opens. */
export interface OpenOptions extends UnlockSecret, HoldOptions {
  /** What the document must be, whatever the store gives: an older one, or another keyring's, is refused. Default: whatever the store gives. */
  readonly pin?: KeyringPin;
}

/** What {@link createKeyring} takes: the secret of its first slot, and how to hold it. */
export interface CreateOptions extends NewSlot, HoldOptions {}

const KEYRING_ID_BYTES = 16;
const SLOT_ID_BYTES = 8;

/**
 * Makes the keyring of a new installation, with one slot, an active data key and an active index key. Call it once, by
 * hand or in a set-up step; {@link openKeyring} never makes one.
 *
 * @throws KeyringExistsError if there is one already, or another process made one at the same moment: of two, exactly one succeeds.
 * @throws InvalidPassphraseError if the passphrase is empty, ill-formed, over 1 KiB, or has characters that get lost when it is saved.
 * @throws PassphraseDamagedError if it looks like a generated one of which a character has changed.
 */
export function createKeyring(
  store: KeyringStore,
  options: CreateOptions & SynchronousOptions,
): Promise<SynchronousKeyring>;
export function createKeyring(store: KeyringStore, options: CreateOptions): Promise<Keyring>;
export async function createKeyring(store: KeyringStore, options: CreateOptions): Promise<Keyring> {
  return createKeyringIn(environmentOf(options), store, options);
}

/**
 * Opens a keyring with a passphrase, a raw key or a key management service, and proves it: the document's MAC, and the
 * keys that new cells and tokens need. A wrong keyring or a wrong secret fails here, not at the first cell.
 *
 * @throws KeyringNotFoundError if there is none.
 * @throws WrongSecretError if no slot opens with what was given; PassphraseDamagedError if that is a generated passphrase that was damaged.
 * @throws KeyringDamagedError if the document was altered; KeyringLimitError if it is out of bounds; KeyringFormatError if it is of a newer format.
 * @throws WrongKeyringError if it is not the pinned keyring; KeyringRolledBackError if it is older than the pin.
 * @throws InvalidPassphraseError if nothing was given, or it is ill-formed.
 */
export function openKeyring(
  store: KeyringStore,
  options: OpenOptions & SynchronousOptions,
): Promise<SynchronousKeyring>;
export function openKeyring(store: KeyringStore, options: OpenOptions): Promise<Keyring>;
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
  assertNewSlot(options); // refuses before anything is read or derived
  if (await store.read(MAX_KEYRING_BYTES)) throw new KeyringExistsError();

  const keyringId = `kr_${randomName(environment, KEYRING_ID_BYTES)}`;
  const slotId = newSlotId(environment);
  const rootKey = random(SUITE_1.keyBytes);
  try {
    const readAt = momentOf(environment);
    const root = await deriveRootKeys(engine, await engine.importKey(rootKey), keyringId);
    const { slot, open } = await makeSlot(environment, keyringId, slotId, options, rootKey);
    const document: KeyringDocument = {
      keyringId,
      revision: 1,
      previous: undefined,
      slots: [slot],
      keys: [
        await makeKey(environment, root, keyringId, 'data', undefined, 'active', 1),
        await makeKey(environment, root, keyringId, 'index', undefined, 'active', 1),
      ],
      pages: [],
      change: undefined,
      policy: {},
      extensions: {},
    };
    const stored = await sealDocument(environment, root, document);
    const unlocked = { root, slot: open };
    const newest = await HeldDocument.open(environment, store, unlocked, stored, holdingOf(options), readAt);
    if (!(await store.write(stored))) throw new KeyringExistsError();
    return keyringOf(new OpenedKeyring(newest));
  } finally {
    rootKey.fill(0);
  }
}

/** @internal The same with clock and randomness as arguments. */
export async function openKeyringIn(
  environment: Environment,
  store: KeyringStore,
  options: Omit<OpenOptions, 'engine' | 'onEvent'>,
): Promise<Keyring> {
  slotType(options); // refuses before anything is read
  const readAt = momentOf(environment);
  const stored = await store.read(MAX_KEYRING_BYTES);
  if (!stored) throw new KeyringNotFoundError();
  const { keyringId, slots, revision } = decodePayload(splitDocument(stored.document).payload);
  const { pin } = options;
  if (pin && keyringId !== pin.keyringId) throw new WrongKeyringError(pin.keyringId, keyringId);
  if (pin && revision < pin.minimumRevision) throw new KeyringRolledBackError(pin.minimumRevision, revision);
  const { slot, open } = await findSlotOrThrow(environment.engine, keyringId, slots, options);
  if (pin?.rootRevision !== undefined && rootRevisionOf(slot.id) < pin.rootRevision)
    throw new KeyringRolledBackError(pin.minimumRevision, revision);
  const unlocked = await unlockedBy(environment, keyringId, slot, open);
  const newest = await HeldDocument.open(environment, store, unlocked, stored, holdingOf(options), readAt);
  if (pin?.hash !== undefined && revision === pin.minimumRevision && base64url(newest.held.hash) !== pin.hash)
    throw new KeyringRolledBackError(pin.minimumRevision, revision);
  const opened = new OpenedKeyring(newest);
  await opened.proveActiveKeys();
  return keyringOf(opened);
}

/** `sl_` and 13 characters; behind a change of the root key, its revision too. */
export function newSlotId(environment: Environment, rootRevision = 1): string {
  return slotIdFor(`sl_${randomName(environment, SLOT_ID_BYTES)}`, rootRevision);
}

/** What the public functions compute with. */
export function environmentOf({ engine = webCryptoEngine(), onEvent }: HoldOptions): Environment {
  return { engine, random: platformRandom, clock: systemClock, onEvent };
}

function holdingOf({
  maxStaleMs = DEFAULT_MAX_STALE_MS,
  renewSecret,
}: Omit<HoldOptions, 'engine' | 'onEvent'>): Holding {
  if (maxStaleMs !== Number.POSITIVE_INFINITY) assertPolicy({ maxStaleMs });
  return { maxStaleMs, renewSecret };
}
