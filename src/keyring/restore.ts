import { KeyringDamagedError, KeyringNotFoundError, KeyringRolledBackError } from '../errors.js';
import { MAX_KEYRING_BYTES } from '../limits.js';
import type { KeyringStore } from '../ports/keyring-store.js';
import type { Census } from './census.js';
import { type KeyInfo, keyInfo } from './change.js';
import { decodePayload, splitDocument } from './document.js';
import { KeyDraft } from './draft.js';
import type { KeyEntry } from './key-entry.js';
import { type Keyring, openedOf } from './keyring.js';
import { keyIdOf, rewrapKey } from './keys.js';
import { OpenedKeyring, momentOf, unlockedBy } from './opened.js';
import { PageReader } from './pages.js';
import { type UnlockSecret, findSlotOrThrow, slotType } from './slots.js';
import { KEY_STATES } from './states.js';

/** What {@link restoreKey} takes: an older copy of the keyring, and the secret that opens the copy. */
export interface RestoreKeyOptions extends UnlockSecret {
  /** The copy: another store, or `keyringArchive(bytes)`. */
  readonly archive: KeyringStore;
  /** What the cells that came back need, counted now: only keys with cells are brought back, and those that the archive lacks are named. Default: every key of the archive that does not decrypt here. */
  readonly census?: Census;
}

/** What {@link restoreKey} has done. */
export interface RestoredKeys {
  /** Keys that decrypt again. */
  readonly restored: readonly KeyInfo[];
  /** Keys that cells are under and that neither the keyring nor the archive has: ids, with their cells. Look for an older copy. */
  readonly missing: Readonly<Record<string, number>>;
}

/** A key that cells are under and that does not decrypt here. */
export interface MissingKey {
  /** 26 characters of base32, as the cells have it. */
  readonly keyId: string;
  /** As the census counted them. */
  readonly cells: number;
  /** `unknown`: not in this keyring; else its state. */
  readonly state: 'unknown' | 'suspended' | 'destroyed';
}

/**
 * Which keys the cells that a census found need, and this keyring does not open: after a database was restored, what to
 * look for in older copies of the keyring.
 */
export async function listMissingKeys(keyring: Keyring, census: Census): Promise<readonly MissingKey[]> {
  const opened = openedOf(keyring);
  const keys = (await opened.allKeys()).filter(({ kind }) => kind === 'data');
  const states = new Map(keys.map((entry) => [keyIdOf(entry), entry.state]));
  return Object.entries(census.cells).flatMap(([keyId, cells]): MissingKey[] => {
    const state = states.get(keyId);
    if (cells === 0 || (state && KEY_STATES[state].opens)) return [];
    return [{ keyId, cells, state: state === 'suspended' || state === 'destroyed' ? state : 'unknown' }];
  });
}

/**
 * Brings keys back that a restored database needs: a key that was suspended since decrypts again, and one that is not
 * in this keyring any more, or whose bytes were destroyed, is taken from the archive and wrapped under this keyring's
 * root key. All of them only decrypt (`deactivated`). No record is touched: rotate afterwards, as usual. Safe to repeat.
 *
 * @throws WrongSecretError, KeyringDamagedError … about the archive, as `openKeyring` does.
 * @throws KeyringRolledBackError if the archive is of another keyring.
 * @throws KeyringConflictError if somebody else changed the keyring at the same moment: nothing was changed.
 */
export async function restoreKey(keyring: Keyring, options: RestoreKeyOptions): Promise<RestoredKeys> {
  const { archive, census, ...secret } = options;
  slotType(secret);
  const opened = openedOf(keyring);
  const { environment } = opened;
  const archived = await openArchive(opened, archive, secret);
  const needed = (entry: Pick<KeyEntry, 'commitment'>): boolean =>
    census === undefined || (census.cells[keyIdOf(entry)] ?? 0) > 0;

  let restored: KeyEntry[] = [];
  const found = new Set<string>();
  await opened.change('all', async ({ keyringId, keys, revision }) => {
    restored = [];
    const next: KeyEntry[] = [];
    const from = { root: archived.root, keyringId };
    const to = { root: opened.root, keyringId };
    const take = async (entry: KeyEntry): Promise<KeyEntry> => {
      const taken = await rewrapKey(environment, from, to, entry);
      return { ...taken, state: 'deactivated', addedIn: revision + 1 };
    };
    const candidates = new Map(archived.keys.map((entry) => [keyIdOf(entry), entry]));
    for (const entry of keys) {
      const keyId = keyIdOf(entry);
      const candidate = candidates.get(keyId);
      candidates.delete(keyId);
      let kept = entry;
      if (needed(entry) && entry.state === 'suspended') kept = { ...entry, state: 'deactivated' };
      else if (needed(entry) && entry.state === 'destroyed' && candidate?.wrapped)
        kept = await take(candidate);
      if (kept !== entry) restored.push(kept);
      if (KEY_STATES[kept.state].opens) found.add(keyId);
      next.push(kept);
    }
    for (const [keyId, candidate] of candidates) {
      if (!needed(candidate) || !candidate.wrapped) continue;
      const taken = await take(candidate);
      restored.push(taken);
      found.add(keyId);
      next.push(taken);
    }
    return restored.length === 0 ? undefined : { keys: next };
  });

  const missing = Object.entries(census?.cells ?? {}).filter(
    ([keyId, cells]) => cells > 0 && !found.has(keyId),
  );
  return { restored: restored.map(keyInfo), missing: Object.fromEntries(missing) };
}

async function openArchive(
  { environment, document }: OpenedKeyring,
  archive: KeyringStore,
  secret: UnlockSecret,
): Promise<{ readonly root: OpenedKeyring['root']; readonly keys: readonly KeyEntry[] }> {
  const stored = await archive.read(MAX_KEYRING_BYTES);
  if (!stored) throw new KeyringNotFoundError();
  const { keyringId, slots, revision } = decodePayload(splitDocument(stored.document).payload);
  if (keyringId !== document.keyringId) throw new KeyringRolledBackError(document.revision, revision);
  const { slot, open } = await findSlotOrThrow(environment.engine, keyringId, slots, secret);
  const unlocked = await unlockedBy(environment, keyringId, slot, open);
  const opened = await OpenedKeyring.open(environment, archive, unlocked, stored, {}, momentOf(environment));
  const reader = new PageReader(environment.engine, archive.pages);
  try {
    const draft = await KeyDraft.open(environment, undefined, reader, opened.document, 'all');
    return { root: unlocked.root, keys: draft.keys };
  } catch (error) {
    if ((error as { code?: unknown }).code !== 'keyring-conflict') throw error;
    throw new KeyringDamagedError('A page of keys that the document names is not in the archive.');
  }
}
