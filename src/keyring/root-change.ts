import { mapAll } from '../concurrency.js';
import {
  CensusStaleError,
  DefinitionError,
  InvalidPassphraseError,
  KeyChangeUnderWayError,
  KeyringConflictError,
  KeyringLimitError,
  KeyringRekeyedError,
  WrongSecretError,
} from '../errors.js';
import { DEFAULT_CONCURRENCY, MAX_SLOTS } from '../limits.js';
import { SUITE_1 } from '../suite.js';
import { type AcknowledgementOptions, acknowledged } from './acknowledgement.js';
import type { Census } from './census.js';
import { newKey } from './change.js';
import type { KeyringDocument, RootChange } from './document.js';
import type { Edit, Unlocked } from './held-document.js';
import { assertAbandoned, assertHoldChoice, proofOf } from './hold.js';
import { type KeyEntry, inState } from './key-entry.js';
import { type Keyring, openedOf } from './keyring.js';
import { deriveRootKeys, rewrapKey, tenantId } from './keys.js';
import { newSlotId } from './open.js';
import type { OpenedKeyring } from './opened.js';
import { KeyNames } from './roster.js';
import type { Slot } from './slot-entry.js';
import {
  type NewSlot,
  type OpenSlot,
  type UnlockSecret,
  assertNewSlot,
  findSlot,
  makeSlot,
  rewrapSlot,
  slotType,
} from './slots.js';
import { KEY_STATES } from './states.js';
import { type SuspendManyOptions, suspended } from './suspend.js';

/** Who is outrun this often in a row is told. */
const MAX_TRIES = 8;

/** What {@link changeKey} takes: the secret that opens the keyring from now on, and which others still do. */
export interface ChangeKeyOptions extends NewSlot {
  /** Secrets of slots that are kept: a raw key of a service, a key management service. Every slot whose secret is not here is dropped. Default: none is kept. */
  readonly keep?: readonly UnlockSecret[];
  /** How long to wait for the processes that are written down (`watchKeyring`) to read the new keys before they are made active. Default: 60 seconds. */
  readonly acknowledgement?: AcknowledgementOptions;
}

/** What {@link changeKey} has done. */
export interface KeyChange {
  /** `false` where an earlier call had made the change already, and this one has gone on from there. */
  readonly isNew: boolean;
  /** The keyring's revision. */
  readonly revision: number;
}

/**
 * Changes the key: what administrators do at any time, and what helps when an old copy of the keyring and its
 * passphrase may have leaked. In this order:
 *
 * 1. A new root key, under the new secret and those in `keep`; all other slots are dropped. A successor for every
 *    active data and index key, not used yet. One change of the document: it is there whole, or not at all.
 * 2. Every process that is written down reads it (`watchKeyring`). A process that was opened with a secret that was
 *    dropped needs the new one: `renewSecret`, or `refreshKeyring(keyring, secret)`.
 * 3. The successors are made active: new cells are under them. Every process that is written down reads that too.
 *
 * Then `rotate` brings every record under the new keys, `census` counts, and {@link finishKeyChange} suspends the old
 * ones. One at a time. Safe to repeat after a crash at any step, with the same secret: open the keyring with it (or
 * with the old one, if the new one does not open it yet) and call this again.
 *
 * @throws InvalidPassphraseError if the new secret opens the keyring today, or cannot be one; WrongSecretError if one in `keep` opens no slot.
 * @throws KeyChangeUnderWayError if another change is not finished; KeyringRekeyedError if another one was just made, and dropped the secret that this process was opened with.
 * @throws NotAcknowledgedError if a process has not read the new keys, or that they are active, in time: nothing is undone. Call it again.
 * @throws KeyringConflictError if somebody else changed the keyring at the same moment: nothing was changed, or (where others kept changing it) the new keys are there and not active. Call it again.
 */
export async function changeKey(keyring: Keyring, options: ChangeKeyOptions): Promise<KeyChange> {
  const { keep = [], acknowledgement = {}, ...secret } = options;
  assertNewSlot(secret);
  for (const kept of keep) slotType(kept);
  if (keep.length >= MAX_SLOTS) throw new KeyringLimitError('A keyring has at most 16 slots.');
  const opened = openedOf(keyring);
  const isNew = await begin(opened, secret, keep);
  const { change } = opened.document;
  if (change) {
    await acknowledged(opened, change.revision, acknowledgement);
    await activateSuccessors(opened, change);
    // From here on nobody writes under the old keys: what is counted after this stays counted.
    await acknowledged(opened, opened.document.revision, acknowledgement);
  }
  return { isNew, revision: opened.document.revision };
}

/** Whether the new root key was made by this call, and not by an earlier one. */
async function begin(
  opened: OpenedKeyring,
  secret: NewSlot,
  keep: readonly UnlockSecret[],
): Promise<boolean> {
  // With the new secret: an earlier call may have got as far as dropping the one that this process was opened with.
  await opened.newest.refresh().catch((error: unknown) => {
    if (!(error instanceof KeyringRekeyedError)) throw error;
    return opened.newest.refresh(secret);
  });
  const { held, keys } = await opened.newest.look('all');
  const document = { ...held.document, keys };
  if (await isBegun(opened, document, secret)) return false;
  // Before the change itself: with many tenants this takes its time, and the keyring is read and used meanwhile.
  const edit = await nextRoot(opened, held.unlocked, document, secret, keep);
  await opened.newest.change('all', ({ revision }) => {
    if (revision !== document.revision) throw new KeyringConflictError();
    return edit;
  });
  return true;
}

/**
 * Ends a change of the key: suspends every key that `changeKey` has replaced, all in one change, and each as
 * `suspendKey` does: after two censuses of zero, of which `noteCensus` has written down the first, with the hold between
 * them. What is written from then on is under keys that no old copy of the keyring holds, with its passphrase or
 * without.
 *
 * Safe to repeat; without a change under way it does nothing.
 *
 * @throws KeyInUseError if the census found cells or tokens under a replaced key, other than exactly as many as are abandoned; CensusStaleError if it was not counted at this revision of this keyring.
 * @throws HoldError if a replaced key was not marked as empty, or not for long enough; `until` is the first moment that a count may begin.
 * @throws NotAcknowledgedError if a process had not read this revision when the count began. Wait with `awaitAcknowledgement`, then count again.
 */
export async function finishKeyChange(
  keyring: Keyring,
  census: Census,
  options: SuspendManyOptions = {},
): Promise<void> {
  const { abandon = {}, ...hold } = options;
  assertHoldChoice(hold);
  assertAbandoned(abandon);
  const { newest, environment } = openedOf(keyring);
  await newest.change('all', (document) => {
    const { change, keys } = document;
    if (!change) return undefined;
    if (keys.some((entry) => isSuccessor(entry, change))) {
      throw new CensusStaleError('The new keys are not active yet. Call changeKey again, rotate, and count.');
    }
    const proof = proofOf(document, census, hold, abandon);
    const isReplaced = ({ state, addedIn }: KeyEntry): boolean =>
      addedIn < change.revision && KEY_STATES[state].canSuspend;
    const chosen = new Set(keys.filter(isReplaced));
    return {
      change: undefined,
      removePages: change.pages,
      keys: suspended(document, chosen, proof, environment.clock.wallMs()),
    };
  });
}

/** Whether this very change has been made already. Throws where it cannot be made. */
async function isBegun(
  { environment }: OpenedKeyring,
  { keyringId, slots, change }: KeyringDocument,
  secret: NewSlot,
): Promise<boolean> {
  // A service wraps a secret of its own for each slot: the same service again is another secret.
  if (!change && slotType(secret) === 'kms') return false;
  const asked = slots.filter((slot) => slot.type !== 'kms' || slot.keyName === secret.keyManagement?.keyName);
  const there = await findSlot(environment.engine, keyringId, asked, secret);
  if (change && !there) throw new KeyChangeUnderWayError(change.startedAt);
  if (there && !change) {
    throw new InvalidPassphraseError(
      'It opens this keyring today: whoever has an old copy may know it. Choose another one.',
    );
  }
  return change !== undefined;
}

async function nextRoot(
  opened: OpenedKeyring,
  before: Unlocked,
  document: KeyringDocument,
  secret: NewSlot,
  keep: readonly UnlockSecret[],
): Promise<Edit> {
  const { environment } = opened;
  const { keyringId } = document;
  const revision = document.revision + 1;
  const kept = await keptSlots(opened, document, keep);
  const rootKey = environment.random(SUITE_1.keyBytes);
  try {
    const { engine } = environment;
    const root = await deriveRootKeys(engine, await engine.importKey(rootKey), keyringId);
    const made = [await makeSlot(environment, keyringId, newSlotId(environment, revision), secret, rootKey)];
    for (const { slot, open, secret } of kept) {
      made.push(
        await rewrapSlot(environment, keyringId, slot, open, secret.keyManagement, revision, rootKey),
      );
    }
    const own = kept.findIndex(({ slot }) => slot.id === before.slot.id) + 1; // 0 is the new one

    const [from, to] = [
      { root: before.root, keyringId },
      { root, keyringId },
    ];
    const rewrapped = await mapAll(document.keys, DEFAULT_CONCURRENCY, async (entry) => {
      const next = await rewrapKey(environment, from, to, entry);
      // An old copy of the keyring holds it: it must never come to be written with.
      return entry.state === 'pre-active' ? inState(next, 'deactivated') : next;
    });
    const names = new KeyNames(document.keys);
    const active = document.keys.filter(({ state }) => state === 'active');
    const successors = await mapAll(active, DEFAULT_CONCURRENCY, ({ kind, tenant }) =>
      newKey(environment, root, document, names, kind, tenant, 'pre-active'),
    );
    const startedAt = new Date(environment.clock.wallMs()).toISOString();
    return {
      slots: made.map(({ slot }) => slot),
      keys: [...rewrapped, ...successors],
      change: { revision, startedAt, pages: [] },
      unlocked: { root, slot: (made[own] as (typeof made)[number]).open },
    };
  } finally {
    rootKey.fill(0);
  }
}

async function keptSlots(
  { environment }: OpenedKeyring,
  { keyringId, slots }: KeyringDocument,
  keep: readonly UnlockSecret[],
): Promise<{ slot: Slot; open: OpenSlot; secret: UnlockSecret }[]> {
  const kept: { slot: Slot; open: OpenSlot; secret: UnlockSecret }[] = [];
  for (const secret of keep) {
    const found = await findSlot(environment.engine, keyringId, slots, secret);
    if (!found) throw new WrongSecretError();
    if (kept.some(({ slot }) => slot.id === found.slot.id))
      throw new DefinitionError('Two secrets in keep open one slot.');
    kept.push({ ...found, secret });
  }
  return kept;
}

/** Whoever else changes the keyring meanwhile does not matter: this is tried again. */
async function activateSuccessors(opened: OpenedKeyring, change: RootChange): Promise<void> {
  for (let tries = 1; ; tries++) {
    try {
      await opened.newest.change('all', ({ keys }) => activated(keys, change));
      return;
    } catch (error) {
      if (!(error instanceof KeyringConflictError) || tries === MAX_TRIES) throw error;
    }
  }
}

function activated(keys: readonly KeyEntry[], change: RootChange): Edit | undefined {
  const roles = new Set(keys.filter((entry) => isSuccessor(entry, change)).map(roleOf));
  if (roles.size === 0) return undefined; // another call has done it
  return {
    keys: keys.map((entry): KeyEntry => {
      if (isSuccessor(entry, change)) return inState(entry, 'active');
      const isPredecessor = entry.state === 'active' && roles.has(roleOf(entry));
      return isPredecessor ? inState(entry, 'deactivated') : entry;
    }),
  };
}

/** A key that the change has brought, and that nobody writes with yet. */
function isSuccessor(entry: KeyEntry, change: RootChange): boolean {
  return entry.addedIn === change.revision && entry.state === 'pre-active';
}

function roleOf({ kind, tenant }: KeyEntry): string {
  return `${kind} ${tenantId(tenant)}`;
}
