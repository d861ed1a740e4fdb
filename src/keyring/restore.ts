import { DefinitionError, KeyringNotFoundError, WrongKeyringError } from '../errors.js';
import { DEFAULT_MAX_STALE_MS, MAX_KEYRING_BYTES } from '../limits.js';
import type { KeyringStore } from '../ports/keyring-store.js';
import { TOKEN_PREFIX_CHARACTERS } from '../token-form.js';
import type { Census } from './census.js';
import { type KeyInfo, keyInfo } from './change.js';
import { decodePayload, splitDocument } from './document.js';
import { HeldDocument, momentOf, unlockedBy } from './held-document.js';
import { countUnderKey } from './hold.js';
import { type KeyEntry, without } from './key-entry.js';
import { type Keyring, openedOf } from './keyring.js';
import { type RootKeys, keyIdOf, rewrapKey } from './keys.js';
import type { OpenedKeyring } from './opened.js';
import { type UnlockSecret, findSlotOrThrow, rootRevisionOf, slotType } from './slots.js';
import { KEY_STATES, type KeyKind, type KeyMark } from './states.js';
import { onlyDecrypting } from './suspend.js';

/** What {@link restoreKey} takes: an older copy of the keyring, the secret that opens the copy, and which keys are wanted. */
export interface RestoreKeyOptions extends UnlockSecret {
  /** The copy: another store, or `keyringArchive(bytes)`. */
  readonly archive: KeyringStore;
  /** What the cells that came back need, counted now: data keys with cells are brought back, unless they were destroyed here, and those that the archive lacks are named. */
  readonly census?: Census;
  /** Keys to bring back, of any kind, and also those that were destroyed here: to name one undoes its shredding. */
  readonly keyIds?: readonly string[];
  /** Makes pages of tenants' keys anew that the keyring's store has lost (`keyring-damaged` says so): with all keys that the archive has for these tenants, and their states there. What this archive lacks cannot be salvaged afterwards, so take the newest. Default: false. */
  readonly salvage?: boolean;
}

/** What {@link restoreKey} has done. */
export interface RestoredKeys {
  /** Keys that decrypt again. */
  readonly restored: readonly KeyInfo[];
  /** Keys that cells are under and that do not decrypt now either: ids, with their cells. The archive lacks them (look for another copy), or they were destroyed here and not named in `keyIds`. */
  readonly missing: Readonly<Record<string, number>>;
}

/** A key that cells, or tokens, are under and that does not open here. */
export interface MissingKey {
  /** `index`: tokens are under it. */
  readonly kind: KeyKind;
  /** 26 characters of base32, as the cells have it; of an index key that is unknown the first 8, as the tokens have it. */
  readonly keyId: string;
  /** Cells, or tokens, as the census counted them. */
  readonly cells: number;
  /** `unknown`: not in this keyring; else its state. */
  readonly state: 'unknown' | 'suspended' | 'destroyed';
}

/**
 * Which keys the cells and tokens that a census found are under, and this keyring does not open: after a database was
 * restored, what to look for in older copies of the keyring. Tokens are no loss: `rotate` makes them anew from their
 * cells, but for those of unique indexes, which it leaves.
 */
export async function listMissingKeys(
  keyring: Keyring,
  census: Pick<Census, 'cells'> & Partial<Pick<Census, 'tokens'>>,
): Promise<readonly MissingKey[]> {
  const { cells, tokens = {} } = census;
  const { keys } = await openedOf(keyring).newest.look('all');
  const missing = (kind: KeyKind, counts: Readonly<Record<string, number>>): MissingKey[] => {
    const known = new Map(keys.flatMap((key) => (key.kind === kind ? [[nameInStore(key), key]] : [])));
    return Object.entries(counts).flatMap(([name, cells]): MissingKey[] => {
      const key = known.get(name);
      const state = key?.state ?? 'unknown';
      if (cells === 0 || (state !== 'unknown' && KEY_STATES[state].opens)) return [];
      const keyId = key ? keyIdOf(key) : name;
      return [
        { kind, keyId, cells, state: state === 'suspended' || state === 'destroyed' ? state : 'unknown' },
      ];
    });
  };
  return [...missing('data', cells), ...missing('index', tokens)];
}

/** What of a key's id stands in a cell, or in a token. */
function nameInStore(key: KeyEntry): string {
  const keyId = keyIdOf(key);
  return key.kind === 'data' ? keyId : keyId.slice(0, TOKEN_PREFIX_CHARACTERS);
}

/**
 * Brings keys back that a restored database needs: a key that was suspended since decrypts again, and one that is not
 * in this keyring any more is taken from the archive and wrapped under this keyring's root key. They only decrypt.
 * No record is touched: rotate afterwards, as usual. Safe to repeat.
 *
 * With `salvage`, pages of tenants' keys that are lost from the keyring's store are made anew: all keys that the archive
 * has for these tenants come back, with the state that they have there; those of an archive under an older root key only
 * decrypt.
 *
 * @throws DefinitionError if none of `census`, `keyIds` and `salvage` is given.
 * @throws WrongSecretError, KeyringDamagedError … about the archive, as `openKeyring` does; WrongKeyringError if it is another keyring's.
 * @throws KeyringConflictError if somebody else changed the keyring at the same moment: nothing was changed.
 */
export async function restoreKey(keyring: Keyring, options: RestoreKeyOptions): Promise<RestoredKeys> {
  const { archive, census, keyIds, salvage = false, ...secret } = options;
  if (!census && !keyIds && !salvage) {
    throw new DefinitionError(
      'Say which keys are wanted: a census of what the cells need, keyIds, or salvage for pages that are lost.',
    );
  }
  slotType(secret);
  const opened = openedOf(keyring);
  const archived = await openArchive(opened, archive, secret);
  const candidates = new Map(archived.keys.map((entry) => [keyIdOf(entry), entry]));
  const isNamed = (keyId: string): boolean => keyIds?.includes(keyId) ?? false;
  const isNeeded = ({ kind }: KeyEntry, keyId: string): boolean =>
    census !== undefined && countUnderKey(census, { keyId, kind }) > 0;

  let restored: readonly KeyEntry[] = [];
  let opening: ReadonlySet<string> = new Set();
  await opened.newest.change(
    salvage ? 'salvage' : 'all',
    async ({ keyringId, keys, revision }, { isLost }) => {
      const take = (entry: KeyEntry): Promise<KeyEntry> => {
        const from = { root: archived.root, keyringId };
        const rootRevision = rootRevisionOf(opened.slotId);
        // A copy under an older root key may have leaked: what comes of it counts as older, too, and is never made active.
        const latest = archived.rootRevision < rootRevision ? rootRevision - 1 : revision + 1;
        const taken = { ...entry, addedIn: Math.min(entry.addedIn, latest) };
        return rewrapKey(opened.environment, from, { root: opened.root, keyringId }, taken);
      };
      const next: KeyEntry[] = [];
      const brought: KeyEntry[] = [];
      for (const entry of keys) {
        const keyId = keyIdOf(entry);
        const candidate = candidates.get(keyId);
        let kept = entry;
        if (entry.state === 'suspended' && (isNeeded(entry, keyId) || isNamed(keyId)))
          kept = onlyDecrypting(entry);
        if (entry.state === 'destroyed' && isNamed(keyId) && candidate?.wrapped)
          kept = onlyDecrypting({ ...(await take(candidate)), ...compromiseOf(entry) });
        if (kept !== entry) brought.push(kept);
        next.push(kept);
      }
      const known = new Set(keys.map(keyIdOf));
      for (const [keyId, candidate] of candidates) {
        if (known.has(keyId) || !candidate.wrapped) continue;
        const isOfLostPage = await isLost(candidate.tenant);
        const isWanted = isNamed(keyId) || isNeeded(candidate, keyId);
        if (!isOfLostPage && !isWanted) continue;
        const taken = await take(candidate);
        // Under an older root key than the present one it may have leaked: it is not written with again.
        const isTrusted = archived.rootRevision >= rootRevisionOf(opened.slotId);
        const entry =
          isOfLostPage && (isTrusted || !KEY_STATES[taken.state].opens)
            ? without(taken, ...SINCE_THEN)
            : onlyDecrypting(taken);
        brought.push(entry);
        next.push(entry);
      }
      restored = brought;
      opening = new Set(next.filter(({ state }) => KEY_STATES[state].opens).map(keyIdOf));
      return brought.length === 0 ? undefined : { keys: next };
    },
  );

  const missing = Object.entries(census?.cells ?? {}).filter(
    ([keyId, cells]) => cells > 0 && !opening.has(keyId),
  );
  return { restored: restored.map(keyInfo), missing: Object.fromEntries(missing) };
}

/** What may not be so any more since the copy was made: the key may have been written with, or its destruction cancelled. */
const SINCE_THEN: readonly KeyMark[] = ['emptySince', 'destroyAfter', 'destroyReason'];

function compromiseOf({ compromisedAt }: KeyEntry): Pick<KeyEntry, 'compromisedAt'> {
  return compromisedAt === undefined ? {} : { compromisedAt };
}

async function openArchive(
  { environment, document }: OpenedKeyring,
  archive: KeyringStore,
  secret: UnlockSecret,
): Promise<{ readonly root: RootKeys; readonly rootRevision: number; readonly keys: readonly KeyEntry[] }> {
  const readAt = momentOf(environment);
  const stored = await archive.read(MAX_KEYRING_BYTES);
  if (!stored) throw new KeyringNotFoundError();
  const { keyringId, slots } = decodePayload(splitDocument(stored.document).payload);
  if (keyringId !== document.keyringId) throw new WrongKeyringError(document.keyringId, keyringId);
  const { slot, open } = await findSlotOrThrow(environment.engine, keyringId, slots, secret);
  const unlocked = await unlockedBy(environment, keyringId, slot, open);
  const holding = { maxStaleMs: DEFAULT_MAX_STALE_MS };
  const newest = await HeldDocument.open(environment, archive, unlocked, stored, holding, readAt);
  const { held, keys } = await newest.look('all');
  return { root: held.unlocked.root, rootRevision: rootRevisionOf(slot.id), keys };
}
