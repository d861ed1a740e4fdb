import { base64url } from '../bytes.js';
import { MAX_CELLS_PER_KEY } from '../limits.js';
import { type KeyInfo, keyInfo, listKeys } from './change.js';
import { type Keyring, openedOf } from './keyring.js';
import type { KeyringPin } from './open.js';
import type { KeyringPolicy } from './policy.js';
import { type SlotInfo, listSlots } from './slot-change.js';
import { rootRevisionOf } from './slots.js';

/** What there is to know of an open keyring without its secrets: for an administrator's page, and for logs. */
export interface KeyringDescription {
  /** `kr_` and 26 characters. */
  readonly keyringId: string;
  /** As this process has read it. */
  readonly revision: number;
  /** SHA-256 of the document, base64url: two processes with the same revision have the same one. */
  readonly hash: string;
  /** When it was read from its store, or found unchanged there, by the wall clock. */
  readonly readAt: Date;
  /** Whether it has not been read for longer than `maxStaleMs`: nothing is encrypted then. */
  readonly isStale: boolean;
  /** Ways to unlock it. */
  readonly slots: readonly SlotInfo[];
  /** Keys; without those of tenants that stand in pages. */
  readonly keys: readonly KeyInfo[];
  /** Pages of tenants' keys. */
  readonly pages: number;
  /** When a change of the key began that is not finished, or `undefined`. */
  readonly changeSince: Date | undefined;
  /** Rules for every process. */
  readonly policy: KeyringPolicy;
  /** For the configuration of the next start: no older document, and no other keyring, is accepted then. */
  readonly pin: KeyringPin;
}

/** How much an active data key has been used. */
export interface KeyUsage {
  /** The key. */
  readonly key: KeyInfo;
  /** Cells encrypted under it, by all processes: approximate, to within about a hundredth and what each process has not told yet (65,536 at most at first). */
  readonly cells: number;
  /** After which nothing is encrypted under it. */
  readonly maxCells: number;
  /** Days since it was made. */
  readonly ageDays: number;
  /** Days that it is to be active, or `undefined`. */
  readonly cryptoperiodDays: number | undefined;
}

const DAY_MS = 86_400_000;

/** What this process knows of the keyring. No secrets; reads nothing. */
export function describeKeyring(keyring: Keyring): KeyringDescription {
  const opened = openedOf(keyring);
  const { document } = opened;
  const { keyringId, revision, change, policy, pages } = document;
  const hash = base64url(opened.newest.held.hash);
  return {
    keyringId,
    revision,
    hash,
    readAt: new Date(opened.newest.readAtMs),
    isStale: opened.newest.isStale,
    slots: listSlots(keyring),
    keys: listKeys(keyring),
    pages: pages.length,
    changeSince: change && new Date(change.startedAt),
    policy: { ...policy },
    pin: { keyringId, minimumRevision: revision, hash, rootRevision: rootRevisionOf(opened.slotId) },
  };
}

/**
 * Whether values are encrypted now: the keyring is open, is not stale, and its active data key unwraps to what its
 * commitment says. There is no way to turn encryption off; this says whether it can be done.
 *
 * @throws KeyringDamagedError if the key is not what the document says.
 */
export async function isActive(keyring: Keyring): Promise<boolean> {
  const opened = openedOf(keyring);
  if (opened.newest.isClosed || opened.newest.isStale) return false;
  return opened.proveActiveKeys();
}

/** How much the active data keys have been used, tenants' in pages not included. Reads the store's log, where it keeps one. */
export async function listKeyUsage(keyring: Keyring): Promise<readonly KeyUsage[]> {
  const { document, usage, environment } = openedOf(keyring);
  await usage.refresh();
  const { maxCellsPerKey, cryptoperiodDays } = document.policy;
  const active = document.keys.filter(({ kind, state }) => kind === 'data' && state === 'active');
  return active.map(keyInfo).map((key) => ({
    key,
    cells: usage.cells(key.keyId),
    maxCells: maxCellsPerKey ?? MAX_CELLS_PER_KEY,
    ageDays: Math.floor((environment.clock.wallMs() - key.createdAt.getTime()) / DAY_MS),
    cryptoperiodDays,
  }));
}
