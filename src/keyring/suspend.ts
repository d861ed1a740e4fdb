import { KeyStateError } from '../errors.js';
import type { Census } from './census.js';
import { type KeyInfo, keyInfo } from './change.js';
import type { KeyringDocument } from './document.js';
import {
  type Abandoned,
  type EmptinessProof,
  type HoldChoice,
  assertAbandoned,
  assertEmpty,
  assertHoldChoice,
  countUnderKey,
  emptyFromMs,
  isoTime,
  proofOf,
} from './hold.js';
import { type KeyEntry, inState, without } from './key-entry.js';
import { type Keyring, openedOf } from './keyring.js';
import { entryOf, keyIdOf, withEntry } from './keys.js';
import { KEY_STATES } from './states.js';

/** What {@link noteCensus} takes. */
export interface NoteCensusOptions {
  /** Cells that are given up, by the id of their key: a key that the census found exactly so many under counts as empty. Default: none. */
  readonly abandon?: Abandoned;
}

/** What {@link suspendKey} takes. */
export interface SuspendOptions extends HoldChoice {
  /** Exactly so many cells under the key are given up: what a rotation has quarantined, and nobody can bring back. Default: 0. */
  readonly abandon?: number;
}

/** What {@link suspendKeys} and `finishKeyChange` take. */
export interface SuspendManyOptions extends HoldChoice {
  /** Cells that are given up, by the id of their key: exactly so many as the census counts. Default: none. */
  readonly abandon?: Abandoned;
}

/**
 * Writes down which keys a census has found empty: the first of the two counts that a key is suspended after. Every
 * deactivated or compromised key without cells, or without tokens, gets `emptySince`, the moment at which the count began, and keeps
 * an earlier one; where there are cells, the mark is taken away. All in one change, and none where nothing is new.
 * Activating the key takes the mark away, too.
 *
 * Gives back the keys that are marked now. {@link suspendKey} takes them when they have been empty for long enough, and
 * another count says so. Moments are those of the clocks of the processes that counted: let the hold be longer than
 * your clocks differ. A moment that is still to come, or that lies before the key's successor was made, is not believed.
 *
 * @throws CensusStaleError if it was not counted at this revision of this keyring.
 * @throws NotAcknowledgedError if a process had not read this revision when the count began. Wait with `awaitAcknowledgement`, then count again.
 * @throws KeyringConflictError if somebody else changed the keyring at the same moment; nothing was marked. Count again.
 */
export async function noteCensus(
  keyring: Keyring,
  census: Census,
  options: NoteCensusOptions = {},
): Promise<readonly KeyInfo[]> {
  const { abandon = {} } = options;
  assertAbandoned(abandon);
  let marked: readonly KeyInfo[] = [];
  await openedOf(keyring).newest.change('all', (document) => {
    const proof = proofOf(document, census, {}, abandon);
    const keys = document.keys.map((entry) => noted(entry, proof));
    marked = keys.filter(({ emptySince }) => emptySince !== undefined).map(keyInfo);
    return keys.every((entry, i) => entry === document.keys[i]) ? undefined : { keys };
  });
  return marked;
}

/** The entry with the mark that it should have; itself where it has it. */
function noted(entry: KeyEntry, proof: EmptinessProof): KeyEntry {
  const keyId = keyIdOf(entry);
  const cells = countUnderKey(proof.census, { keyId, kind: entry.kind });
  const isFree = cells === 0 || cells === proof.abandon[keyId];
  const isEmpty = isFree && !proof.census.needed?.includes(keyId);
  if (!isEmpty) return entry.emptySince === undefined ? entry : without(entry, 'emptySince');
  if (!KEY_STATES[entry.state].canSuspend) return entry;
  const emptySince = isoTime(emptyFromMs(entry, proof));
  return emptySince === entry.emptySince ? entry : { ...entry, emptySince };
}

/**
 * Suspends a key: cells under it are refused from now on. Reversible with {@link resumeKey}. Wants two censuses of zero
 * for this key, each counted over every table of the keyring at the keyring's then present revision: one that
 * {@link noteCensus} has written down, and this one, begun at least the hold later (24 hours, unless `holdMs` here or
 * in the policy says otherwise). A process that was frozen between encrypting and writing has written by then.
 *
 * @throws KeyInUseError if the census found cells under the key, other than exactly as many as are abandoned.
 * @throws HoldError if the key was not marked as empty, or not for long enough; `until` is the first moment that a count may begin.
 * @throws CensusStaleError if it was not counted at this revision of this keyring.
 * @throws NotAcknowledgedError if a process had not read this revision when the count began: it may have written under the key since. Wait with `awaitAcknowledgement`, then count again.
 * @throws UnknownKeyError, KeyStateError (only a deactivated or compromised key can be suspended), KeyringConflictError; KeyringLimitError, DefinitionError for options that cannot be.
 */
export async function suspendKey(
  keyring: Keyring,
  keyId: string,
  census: Census,
  options: SuspendOptions = {},
): Promise<void> {
  const { abandon = 0, ...hold } = options;
  await suspend(keyring, { keyId }, [keyId], census, { ...hold, abandon: { [keyId]: abandon } });
}

/**
 * Suspends several keys after one count, all of them or none: each as {@link suspendKey} does.
 *
 * @throws what {@link suspendKey} throws, for the first key that is in use, or the one whose hold ends last.
 */
export async function suspendKeys(
  keyring: Keyring,
  keyIds: readonly string[],
  census: Census,
  options: SuspendManyOptions = {},
): Promise<void> {
  await suspend(keyring, 'all', keyIds, census, options);
}

async function suspend(
  keyring: Keyring,
  scope: 'all' | { readonly keyId: string },
  keyIds: readonly string[],
  census: Census,
  { abandon = {}, ...hold }: SuspendManyOptions,
): Promise<void> {
  assertHoldChoice(hold);
  assertAbandoned(abandon);
  const { newest, environment } = openedOf(keyring);
  await newest.change(scope, (document) => {
    const chosen = new Set(keyIds.map((keyId) => entryOf(document, keyId)));
    const proof = proofOf(document, census, hold, abandon);
    for (const entry of chosen) assertSuspendable(entry);
    const nowMs = environment.clock.wallMs();
    return chosen.size === 0 ? undefined : { keys: suspended(document, chosen, proof, nowMs) };
  });
}

/** All keys, those chosen suspended. Throws what {@link assertEmpty} throws. */
export function suspended(
  { keys }: KeyringDocument,
  chosen: ReadonlySet<KeyEntry>,
  proof: EmptinessProof,
  nowMs: number,
): readonly KeyEntry[] {
  assertEmpty([...chosen], proof);
  return keys.map((entry) => {
    if (!chosen.has(entry)) return entry;
    const { compromisedAt = isoTime(nowMs) } = entry;
    return inState(entry.state === 'compromised' ? { ...entry, compromisedAt } : entry, 'suspended');
  });
}

function assertSuspendable(entry: KeyEntry): void {
  if (!KEY_STATES[entry.state].canSuspend) {
    throw new KeyStateError('Only a key that has a successor can be suspended: activate another one first.', {
      keyId: keyIdOf(entry),
      state: entry.state,
    });
  }
}

/**
 * Takes a suspension back: the key decrypts again, and is `deactivated`, or `compromised` if it was marked so. Its
 * destruction is scheduled no more, and it is not marked as empty any more.
 *
 * @throws UnknownKeyError, KeyStateError if it is not suspended, KeyringConflictError.
 */
export async function resumeKey(keyring: Keyring, keyId: string): Promise<void> {
  await openedOf(keyring).newest.change({ keyId }, (document) => {
    const chosen = entryOf(document, keyId);
    if (chosen.state !== 'suspended') {
      throw new KeyStateError('Only a suspended key can be resumed.', { keyId, state: chosen.state });
    }
    const resumed = onlyDecrypting(chosen);
    return { keys: withEntry(document, chosen, resumed) };
  });
}

/** The key with nothing but its past: it decrypts, and whoever wants more says so anew. */
export function onlyDecrypting(entry: KeyEntry): KeyEntry {
  const isCompromised = entry.state === 'compromised' || entry.compromisedAt !== undefined;
  return without(inState(entry, isCompromised ? 'compromised' : 'deactivated'), 'emptySince');
}

/**
 * Marks a key as one that somebody else may know. A deactivated key becomes `compromised`: it decrypts, with a
 * `compromised-key` event in every process, and is never made active again. A suspended one stays suspended, because
 * its cells are refused already, and comes back as `compromised` if it is resumed. Safe to repeat. Rotate what is under
 * it first of all; where the keyring itself may be known, `changeKey`.
 *
 * @throws UnknownKeyError, KeyStateError if it is in another state (activate another key first; withdraw one that was never active), KeyringConflictError.
 */
export async function markCompromised(keyring: Keyring, keyId: string): Promise<void> {
  const { newest, environment } = openedOf(keyring);
  await newest.change({ keyId }, (document) => {
    const chosen = entryOf(document, keyId);
    const { state } = chosen;
    if (!KEY_STATES[state].canCompromise) {
      throw new KeyStateError(
        'Only a deactivated or suspended key can be marked as compromised: activate another one first; withdraw one that was never active.',
        { keyId, state },
      );
    }
    if (chosen.compromisedAt !== undefined) return undefined;
    const compromisedAt = isoTime(environment.clock.wallMs());
    const next = { ...inState(chosen, state === 'suspended' ? state : 'compromised'), compromisedAt };
    return { keys: withEntry(document, chosen, next) };
  });
}
