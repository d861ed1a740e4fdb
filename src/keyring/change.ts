import { copyBytes, isUint8Array } from '../bytes.js';
import { assertScopeFits } from '../cipher/index.js';
import { type ContextPart, encodeContext } from '../envelope/index.js';
import {
  InvalidContextError,
  KeyInUseError,
  KeyStateError,
  KeyringDamagedError,
  KeyringLimitError,
  UnknownKeyError,
} from '../errors.js';
import { type Census, assertCurrentCensus } from './census.js';
import type { KeyEntry, KeyringDocument } from './document.js';
import { type Keyring, openedOf } from './keyring.js';
import { keyIdOf, makeKey, tenantId } from './keys.js';
import { Roster } from './roster.js';
import { KEY_STATES, type KeyKind, type KeyState } from './states.js';

/** Two index keys share a token prefix by chance once in 2^40: more than a few tries mean a broken random source. */
const MAX_KEY_TRIES = 8;

/** What {@link addKey} takes. */
export interface AddKeyOptions {
  /** `data` keys seal cells, `index` keys make the tokens of blind indexes. Default: `data`. */
  readonly kind?: KeyKind;
  /** A key for one tenant only, as `tenantOf(table, tenant)` gives it. Default: for all tenants that have none of their own. */
  readonly tenant?: ContextPart;
}

/** A key as anybody may see it. */
export interface KeyInfo {
  /** 26 characters of base32, derived from the key. */
  readonly keyId: string;
  /** What it is for. */
  readonly kind: KeyKind;
  /** The tenant whose key it is, or `undefined`. */
  readonly tenant: ContextPart | undefined;
  /** Where it is in its life. */
  readonly state: KeyState;
  /** By the clock of the process that made it. */
  readonly createdAt: Date;
}

/** All keys of the keyring as this process has read it, in the order in which they were added. No secrets. */
export function listKeys(keyring: Keyring): readonly KeyInfo[] {
  return openedOf(keyring).document.keys.map((entry) => ({
    keyId: keyIdOf(entry),
    kind: entry.kind,
    tenant: ownTenant(entry.tenant),
    state: entry.state,
    createdAt: new Date(entry.createdAt),
  }));
}

/** Reads the keyring again. What changed is used from then on. */
export async function refreshKeyring(keyring: Keyring): Promise<void> {
  await openedOf(keyring).refresh();
}

/**
 * Adds a random key in the state `pre-active`: every process can read with it, none writes with it. Durable when the
 * promise resolves. Gives back its id, for {@link activateKey}.
 *
 * With several processes, let every one read the keyring before activating: one that has not cannot read what the
 * others write.
 *
 * @throws InvalidContextError if the tenant is empty, ill-formed or too long for a key derivation.
 * @throws KeyringConflictError if somebody else changed the keyring at the same moment; nothing was added.
 */
export async function addKey(keyring: Keyring, options: AddKeyOptions = {}): Promise<string> {
  const { kind = 'data' } = options;
  const tenant = ownTenant(options.tenant);
  if (tenant !== undefined && typeof tenant !== 'bigint' && tenant.length === 0) {
    throw new InvalidContextError('A tenant is empty: leave it out for a key that all tenants share.');
  }
  if (tenant !== undefined) assertScopeFits(encodeContext('scope', { tenant, table: 't' }));
  const opened = openedOf(keyring);
  let keyId = '';
  await opened.change(async (document) => {
    const entry = await distinctKey(document, () =>
      makeKey(opened.environment, opened.root, document.keyringId, kind, tenant, 'pre-active'),
    );
    keyId = keyIdOf(entry);
    return { keys: [...document.keys, entry] };
  });
  return keyId;
}

/**
 * Makes a key the one that new cells are sealed with. Its predecessor of the same kind and tenant is deactivated: it
 * decrypts only. A deactivated key can be activated again, which undoes a rotation.
 *
 * @throws UnknownKeyError, KeyStateError, KeyringConflictError.
 */
export async function activateKey(keyring: Keyring, keyId: string): Promise<void> {
  await openedOf(keyring).change((document) => {
    const chosen = entryOf(document, keyId);
    if (!KEY_STATES[chosen.state].canActivate) {
      throw new KeyStateError('Only a pre-active or deactivated key can be made active.', {
        keyId,
        state: chosen.state,
      });
    }
    const isPredecessor = (entry: KeyEntry): boolean =>
      entry.state === 'active' &&
      entry.kind === chosen.kind &&
      tenantId(entry.tenant) === tenantId(chosen.tenant);
    return {
      keys: document.keys.map((entry) => {
        if (entry === chosen) return { ...entry, state: 'active' };
        return isPredecessor(entry) ? { ...entry, state: 'deactivated' } : entry;
      }),
    };
  });
}

/**
 * Suspends a key: cells under it are refused from now on. Reversible with {@link resumeKey}. Wants a census of zero for
 * this key, counted over every table of the keyring at the keyring's present revision.
 *
 * @throws KeyInUseError if the census found cells under the key; CensusStaleError if it was not counted at this revision of this keyring.
 * @throws UnknownKeyError, KeyStateError (only a deactivated or compromised key can be suspended), KeyringConflictError.
 */
export async function suspendKey(keyring: Keyring, keyId: string, census: Census): Promise<void> {
  await openedOf(keyring).change((document) => {
    const chosen = entryOf(document, keyId);
    assertCurrentCensus(census, document.keyringId, document.revision);
    if (!KEY_STATES[chosen.state].canSuspend) {
      throw new KeyStateError(
        'Only a key that has a successor can be suspended: activate another one first.',
        {
          keyId,
          state: chosen.state,
        },
      );
    }
    if (chosen.kind === 'index') {
      throw new KeyStateError('A census counts cells, not tokens yet: an index key cannot be suspended.', {
        keyId,
        state: chosen.state,
      });
    }
    const cells = census.cells[keyId] ?? 0;
    if (cells > 0) throw new KeyInUseError(cells, { keyId });
    return { keys: withState(document, chosen, 'suspended') };
  });
}

/**
 * Takes a suspension back: the key decrypts again.
 *
 * @throws UnknownKeyError, KeyStateError if it is not suspended, KeyringConflictError.
 */
export async function resumeKey(keyring: Keyring, keyId: string): Promise<void> {
  await openedOf(keyring).change((document) => {
    const chosen = entryOf(document, keyId);
    if (chosen.state !== 'suspended') {
      throw new KeyStateError('Only a suspended key can be resumed.', { keyId, state: chosen.state });
    }
    return { keys: withState(document, chosen, 'deactivated') };
  });
}

/** A tenant of bytes in a buffer that nobody else can write to. */
function ownTenant(tenant: ContextPart | undefined): ContextPart | undefined {
  return isUint8Array(tenant) ? copyBytes(tenant) : tenant;
}

function entryOf(document: KeyringDocument, keyId: string): KeyEntry {
  const entry = document.keys.find((candidate) => keyIdOf(candidate) === keyId);
  if (!entry) throw new UnknownKeyError({ keyId });
  return entry;
}

function withState(document: KeyringDocument, chosen: KeyEntry, state: KeyState): readonly KeyEntry[] {
  return document.keys.map((entry) => (entry === chosen ? { ...entry, state } : entry));
}

/** Makes keys until one has an id, and for index keys a token prefix, of its own; destroyed keys count. */
async function distinctKey(document: KeyringDocument, make: () => Promise<KeyEntry>): Promise<KeyEntry> {
  for (let tries = 0; tries < MAX_KEY_TRIES; tries++) {
    const entry = await make();
    if (isDistinct(document, entry)) return entry;
  }
  throw new KeyringLimitError('The random source keeps giving keys that are there already: it is broken.');
}

function isDistinct(document: KeyringDocument, entry: KeyEntry): boolean {
  try {
    new Roster({ ...document, keys: [...document.keys, entry] });
    return true;
  } catch (error) {
    if (error instanceof KeyringDamagedError) return false;
    throw error;
  }
}
