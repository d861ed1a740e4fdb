import type { ContextPart } from '../envelope/index.js';
import {
  CensusStaleError,
  DefinitionError,
  HoldError,
  KeyChangeUnderWayError,
  KeyStateError,
  KeyringLimitError,
} from '../errors.js';
import {
  DEFAULT_DESTROY_DELAY_MS,
  MAX_DESTROY_DELAY_MS,
  MAX_LABEL_CHARACTERS,
  MIN_DESTROY_DELAY_MS,
} from '../limits.js';
import { type Census, assertCurrentCensus } from './census.js';
import { keyInfo } from './change.js';
import { isLine } from './checks.js';
import type { KeyringDocument } from './document.js';
import { assertAbandoned, assertUnused, isoTime } from './hold.js';
import { type KeyEntry, inState, without } from './key-entry.js';
import { type Keyring, openedOf } from './keyring.js';
import { entryOf, withEntry } from './keys.js';

/** What {@link scheduleDestruction} takes. */
export interface ScheduleOptions {
  /** How long the destruction can be taken back: at least as long as backups of the database are kept, because what is under the key in them is gone with it. 86,400,000 (a day) to 315,360,000,000 (3,650 days). Default: 30 days. */
  readonly delayMs?: number;
  /** The key may be destroyed at once: nobody has time to take it back. */
  readonly withoutDelay?: true;
  /** For whoever looks at it meanwhile: one line of at most 128 characters, readable in the document. Default: none. */
  readonly reason?: string;
}

/** What {@link destroyKey} takes. */
export interface DestroyOptions {
  /** Exactly so many cells under the key are given up for good. Default: 0. */
  readonly abandon?: number;
}

/**
 * Where what was destroyed may live on. `keyring-copies`: backups and exports of the keyring, which hold the key's
 * bytes under the secrets of those days. `database-copies`: backups, replicas and logs of the database, whose cells
 * such a keyring opens. `other-tables`: tables that the census was not given. `processes`: processes that are not
 * written down, until they read the keyring again. `values`: what was decrypted and kept elsewhere. `lost-pages`: pages
 * of tenants' keys that a crash has left in the keyring's store, named by no document.
 */
export type DestructionUnknown =
  | 'keyring-copies'
  | 'database-copies'
  | 'other-tables'
  | 'processes'
  | 'values'
  | 'lost-pages';

/** What {@link destroyKey} has done, and what it cannot know: to be kept where such things are kept. No secrets. */
export interface DestructionReceipt {
  /** The keyring. */
  readonly keyringId: string;
  /** Its revision from which on the key is gone. */
  readonly revision: number;
  /** The key. Its id and its commitment stay in the keyring. */
  readonly keyId: string;
  /** The tenant whose key it was, or `undefined`. */
  readonly tenant: ContextPart | undefined;
  /** When it was made, by the clock of the process that made it. */
  readonly createdAt: Date;
  /** By this process's clock. */
  readonly destroyedAt: Date;
  /** When the count began that was handed in. */
  readonly countedAt: Date;
  /** The tables that were counted. */
  readonly tables: readonly string[];
  /** Records in them. */
  readonly records: number;
  /** Cells under the key that can be read no more: 0, or those that were abandoned. */
  readonly cells: number;
  /** Cells that were given up with `abandon`, of those. */
  readonly abandoned: number;
  /** Names of pages in the keyring's store that still hold the key's bytes, because the store did not remove them: remove them there. */
  readonly pagesLeft: readonly string[];
  /** Where it may live on, and this call cannot look. */
  readonly cannotKnow: readonly DestructionUnknown[];
}

/**
 * Schedules a suspended key's destruction: from then on, and not before, {@link destroyKey} takes its bytes away.
 * Nothing happens by itself. Every process that reads the keyring is told (`destruction-scheduled`), and until it is
 * done {@link cancelDestruction} and `resumeKey` take it back. Called again, the later call counts.
 *
 * Let the delay be at least as long as backups of the database are kept: a backup that is restored afterwards has cells
 * under the key, and nobody opens them.
 *
 * @throws UnknownKeyError, KeyStateError if the key is not suspended, KeyringConflictError.
 * @throws KeyringLimitError, DefinitionError for options that cannot be.
 */
export async function scheduleDestruction(
  keyring: Keyring,
  keyId: string,
  options: ScheduleOptions = {},
): Promise<void> {
  const delayMs = delayOf(options);
  const { reason } = options;
  if (reason !== undefined && !(typeof reason === 'string' && isLine(reason, 1, MAX_LABEL_CHARACTERS)))
    throw new DefinitionError('A reason is one line of at most 128 characters.');
  const { newest, environment } = openedOf(keyring);
  await newest.change({ keyId }, (document) => {
    const chosen = suspendedEntry(document, keyId);
    // What the entry says is over already: a clock that was set back must not shorten the delay.
    const known = [chosen.createdAt, chosen.emptySince, chosen.compromisedAt].map((at) =>
      Date.parse(at ?? ''),
    );
    const nowMs = Math.max(environment.clock.wallMs(), ...known.filter((ms) => !Number.isNaN(ms)));
    const next = {
      ...without(chosen, 'destroyReason'),
      destroyAfter: isoTime(nowMs + delayMs),
      ...(reason === undefined ? {} : { destroyReason: reason }),
    };
    return { keys: withEntry(document, chosen, next) };
  });
}

/**
 * Takes a scheduled destruction back. The key stays suspended; {@link resumeKey} makes it decrypt again. Safe to repeat.
 *
 * @throws UnknownKeyError, KeyStateError if the key is not suspended, KeyringConflictError.
 */
export async function cancelDestruction(keyring: Keyring, keyId: string): Promise<void> {
  await openedOf(keyring).newest.change({ keyId }, (document) => {
    const chosen = suspendedEntry(document, keyId);
    if (chosen.destroyAfter === undefined) return undefined;
    const next = without(chosen, 'destroyAfter', 'destroyReason');
    return { keys: withEntry(document, chosen, next) };
  });
}

/**
 * Destroys a key whose scheduled delay is over: its bytes leave the keyring. Id and commitment stay, so that a cell
 * under it is refused with `destroyed-key`. Not reversible here: only an older copy of the keyring still holds the
 * bytes, and `restoreKey` takes them from one where the key's id is named. For the same reason what is under the key is
 * gone for good only when every such copy is: the receipt says what was counted, and what it cannot know.
 *
 * If the call fails and the key is `destroyed` afterwards (`listKeys`), it was done.
 *
 * @throws HoldError if the delay is not over by this process's clock; `until` says when it is.
 * @throws KeyInUseError if the census found cells under the key, other than exactly as many as are abandoned.
 * @throws CensusStaleError, NotAcknowledgedError as for `suspendKey`; here one count is enough, begun when the delay was over.
 * @throws UnknownKeyError, KeyStateError if the key is not suspended, or its destruction is not scheduled; KeyringConflictError; DefinitionError.
 */
export async function destroyKey(
  keyring: Keyring,
  keyId: string,
  census: Census,
  options: DestroyOptions = {},
): Promise<DestructionReceipt> {
  const abandon = { [keyId]: options.abandon ?? 0 };
  assertAbandoned(abandon);
  const { newest, environment } = openedOf(keyring);
  let receipt: Omit<DestructionReceipt, 'pagesLeft'> | undefined;
  const pagesLeft = await newest.change({ keyId }, (document) => {
    const chosen = suspendedEntry(document, keyId);
    const countedAtMs = assertCurrentCensus(census, document.keyringId, document.revision);
    const nowMs = environment.clock.wallMs();
    assertDue(chosen, keyId, nowMs);
    // What was counted before the delay was over says nothing of what came back meanwhile, from a backup for instance.
    if (!(countedAtMs >= Date.parse(chosen.destroyAfter as string))) {
      throw new CensusStaleError(
        'The census was counted before the delay of the destruction was over. Count again, then ask again.',
      );
    }
    const cells = assertUnused(chosen, { census, abandon });
    const isPaged = document.pages.length > 0 && chosen.tenant !== undefined;
    receipt = {
      keyringId: document.keyringId,
      revision: document.revision + 1,
      keyId,
      tenant: keyInfo(chosen).tenant,
      createdAt: new Date(chosen.createdAt),
      destroyedAt: new Date(nowMs),
      countedAt: new Date(countedAtMs),
      tables: census.tables.map(({ table }) => table),
      records: census.records,
      cells,
      abandoned: cells,
      cannotKnow: isPaged ? [...UNKNOWN, 'lost-pages'] : UNKNOWN,
    };
    return { keys: withEntry(document, chosen, destroyed(chosen)) };
  });
  return { ...(receipt as Omit<DestructionReceipt, 'pagesLeft'>), pagesLeft };
}

/**
 * Takes a key back that was added and never made active: its bytes leave the keyring, and it is `destroyed`. Its id
 * stays, so that no other key ever gets it, nor an index key's tokens its prefix. Wants a census of zero for it.
 *
 * @throws KeyInUseError if the census found cells under the key; CensusStaleError, NotAcknowledgedError as for `suspendKey`.
 * @throws KeyChangeUnderWayError if `changeKey` has brought it, and waits for it to be made active.
 * @throws UnknownKeyError, KeyStateError if it is not `pre-active`; KeyringConflictError.
 */
export async function withdrawKey(keyring: Keyring, keyId: string, census: Census): Promise<void> {
  await openedOf(keyring).newest.change({ keyId }, (document) => {
    const chosen = entryOf(document, keyId);
    const { keyringId, revision, change } = document;
    assertCurrentCensus(census, keyringId, revision);
    if (chosen.state !== 'pre-active') {
      throw new KeyStateError('Only a key that was never made active can be withdrawn.', {
        keyId,
        state: chosen.state,
      });
    }
    if (change && chosen.addedIn === change.revision) throw new KeyChangeUnderWayError(change.startedAt);
    assertUnused(chosen, { census, abandon: {} });
    return { keys: withEntry(document, chosen, destroyed(chosen)) };
  });
}

const UNKNOWN: readonly DestructionUnknown[] = [
  'keyring-copies',
  'database-copies',
  'other-tables',
  'processes',
  'values',
];

function delayOf({ delayMs, withoutDelay }: ScheduleOptions): number {
  if (withoutDelay && delayMs !== undefined)
    throw new DefinitionError('Either delayMs or withoutDelay, not both.');
  if (withoutDelay) return 0;
  if (delayMs === undefined) return DEFAULT_DESTROY_DELAY_MS;
  const isWithin = delayMs >= MIN_DESTROY_DELAY_MS && delayMs <= MAX_DESTROY_DELAY_MS;
  if (!Number.isSafeInteger(delayMs) || !isWithin) {
    throw new KeyringLimitError(
      'delayMs is 86,400,000 to 315,360,000,000; withoutDelay is for less than a day.',
    );
  }
  return delayMs;
}

function suspendedEntry(document: KeyringDocument, keyId: string): KeyEntry {
  const entry = entryOf(document, keyId);
  if (entry.state === 'suspended') return entry;
  throw new KeyStateError('Only a suspended key is destroyed, and its destruction scheduled or cancelled.', {
    keyId,
    state: entry.state,
  });
}

function assertDue({ destroyAfter, state }: KeyEntry, keyId: string, nowMs: number): void {
  if (destroyAfter === undefined) {
    throw new KeyStateError('Schedule its destruction first, with scheduleDestruction.', { keyId, state });
  }
  if (!(nowMs >= Date.parse(destroyAfter)))
    throw new HoldError(
      'The delay before the key’s destruction is not over. Until then cancelDestruction takes it back.',
      keyId,
      destroyAfter,
    );
}

function destroyed(entry: KeyEntry): KeyEntry {
  return { ...inState(entry, 'destroyed'), wrapped: undefined };
}
