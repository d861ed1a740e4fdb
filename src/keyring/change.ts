import { copyBytes, isUint8Array } from '../bytes.js';
import { assertScopeFits } from '../cipher/index.js';
import { mapAll } from '../concurrency.js';
import { type ContextPart, encodeContext } from '../envelope/index.js';
import { InvalidContextError, KeyStateError, KeyringLimitError } from '../errors.js';
import { DEFAULT_CONCURRENCY } from '../limits.js';
import type { KeyringDocument } from './document.js';
import type { Environment } from './environment.js';
import { type KeyEntry, inState } from './key-entry.js';
import { type Keyring, openedOf } from './keyring.js';
import { type RootKeys, entryOf, keyIdOf, makeKey, tenantId } from './keys.js';
import { type KeyringPolicy, assertPolicy } from './policy.js';
import { KeyNames, roleOf } from './roster.js';
import { type UnlockSecret, rootRevisionOf } from './slots.js';
import { KEY_STATES, type KeyKind, type KeyState } from './states.js';

/** Two index keys share a token prefix by chance once in 2^40: more than a few tries mean a broken random source. */
const MAX_KEY_TRIES = 8;
/** What a tenant gets of its own. */
const TENANT_KINDS = ['data', 'index'] as const;

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
  /** When it was marked as compromised, or `undefined`: nobody marked it, or another version of cellseal did. */
  readonly compromisedAt: Date | undefined;
  /** Since when a census has found no cell under it that `noteCensus` has written down, or `undefined`. */
  readonly emptySince: Date | undefined;
  /** From when on `destroyKey` takes its bytes away, or `undefined`. */
  readonly destroyAfter: Date | undefined;
  /** Why it is to be destroyed, or was: what `scheduleDestruction` was told, or `undefined`. */
  readonly destroyReason: string | undefined;
}

/**
 * The keys of the keyring as this process has read it, in the order in which they were added. No secrets. In a keyring
 * with so many tenants that their keys stand in pages, these are the keys that all tenants share:
 * {@link listTenantKeys} gives those of one tenant, wherever they stand.
 */
export function listKeys(keyring: Keyring): readonly KeyInfo[] {
  return openedOf(keyring).document.keys.map(keyInfo);
}

/** A tenant's own keys, in the order in which they were added. No secrets. */
export async function listTenantKeys(keyring: Keyring, tenant: ContextPart): Promise<readonly KeyInfo[]> {
  return (await openedOf(keyring).keysOf(ownTenant(tenant) as ContextPart)).map(keyInfo);
}

/** A key without what is secret. */
export function keyInfo(entry: KeyEntry): KeyInfo {
  return {
    keyId: keyIdOf(entry),
    kind: entry.kind,
    tenant: ownTenant(entry.tenant),
    state: entry.state,
    createdAt: new Date(entry.createdAt),
    compromisedAt: dateOf(entry.compromisedAt),
    emptySince: dateOf(entry.emptySince),
    destroyAfter: dateOf(entry.destroyAfter),
    destroyReason: entry.destroyReason,
  };
}

function dateOf(time: string | undefined): Date | undefined {
  return time === undefined ? undefined : new Date(time);
}

/**
 * Reads the keyring again. What changed is used from then on.
 *
 * Where `changeKey` has replaced the root key in another process and has kept the slot that this one was opened with,
 * it is followed as it is. Where it has dropped it, give the new secret.
 *
 * @throws KeyringRekeyedError if the root key was changed and no secret was given; WrongSecretError if the one that was given opens no slot.
 * @throws KeyringRolledBackError if the store gives an older document than this process has seen, or another one of the same revision.
 * @throws KeyringDamagedError, KeyringNotFoundError, and whatever the store throws. What was read before is used on.
 */
export async function refreshKeyring(keyring: Keyring, secret?: UnlockSecret): Promise<void> {
  await openedOf(keyring).newest.refresh(secret);
}

/**
 * Sets rules that hold for every process that uses the keyring, once it has read it. What is not named stays as it was;
 * `undefined` takes a rule away.
 *
 * @throws KeyringLimitError if a rule is out of bounds; KeyringConflictError.
 */
export async function setPolicy(keyring: Keyring, policy: KeyringPolicy): Promise<void> {
  assertPolicy(policy);
  await openedOf(keyring).newest.change('document', (document) => ({
    policy: { ...document.policy, ...policy },
  }));
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
  if (tenant !== undefined) assertTenant(tenant);
  const opened = openedOf(keyring);
  let keyId = '';
  await opened.newest.change(tenant === undefined ? 'document' : { tenants: [tenant] }, async (document) => {
    const { environment, root } = opened;
    const names = new KeyNames(document.keys);
    const entry = await newKey(environment, root, document, names, kind, tenant, 'pre-active');
    keyId = keyIdOf(entry);
    return { keys: [...document.keys, entry] };
  });
  return keyId;
}

/**
 * Gives tenants keys of their own, a data key and an index key each, active from the next cell on; in one change, for
 * as many tenants as there are to add. Tenants that have an active key of a kind keep it. What they have under shared
 * keys still decrypts; a rotation brings it under their own. A process that has not read the keyring yet goes on
 * writing under the shared key, and reads it again when it meets a cell under the new one.
 *
 * Name tenants as `tenantOf(table, tenant)` gives them.
 *
 * @throws InvalidContextError if a tenant is empty, ill-formed or too long for a key derivation.
 * @throws KeyringConflictError if somebody else changed the keyring at the same moment; nothing was added.
 */
export async function addTenants(keyring: Keyring, tenants: readonly ContextPart[]): Promise<void> {
  const own = tenants.map((tenant) => ownTenant(tenant) as ContextPart);
  for (const tenant of own) assertTenant(tenant);
  const opened = openedOf(keyring);
  await opened.newest.change({ tenants: own }, async (document) => {
    const { environment, root } = opened;
    // No roster: that takes keys of one document or one page, and index keys in two pages may share a token prefix.
    const active = new Set(document.keys.filter(({ state }) => state === 'active').map(roleOf));
    const names = new KeyNames(document.keys);
    const roles = [...new Map(own.map((tenant) => [tenantId(tenant), tenant])).values()]
      .flatMap((tenant) => TENANT_KINDS.map((kind) => ({ kind, tenant })))
      .filter((role) => !active.has(roleOf(role)));
    const added = await mapAll(roles, DEFAULT_CONCURRENCY, ({ kind, tenant }) =>
      newKey(environment, root, document, names, kind, tenant, 'active'),
    );
    return added.length === 0 ? undefined : { keys: [...document.keys, ...added] };
  });
}

/**
 * Makes a key the one that new cells are sealed with. Its predecessor of the same kind and tenant is deactivated: it
 * decrypts only. A deactivated key can be activated again, which undoes a rotation; one that `changeKey` has replaced
 * cannot.
 *
 * @throws UnknownKeyError, KeyStateError, KeyringConflictError.
 */
export async function activateKey(keyring: Keyring, keyId: string): Promise<void> {
  const opened = openedOf(keyring);
  await opened.newest.change({ keyId }, (document) => {
    const chosen = entryOf(document, keyId);
    if (!KEY_STATES[chosen.state].canActivate) {
      throw new KeyStateError('Only a pre-active or deactivated key can be made active.', {
        keyId,
        state: chosen.state,
      });
    }
    if (chosen.addedIn < rootRevisionOf(opened.slotId)) {
      throw new KeyStateError(
        'The key was replaced by changeKey, because old copies of it may have leaked: it only decrypts, and is never made active again.',
        { keyId, state: chosen.state },
      );
    }
    const isPredecessor = (entry: KeyEntry): boolean =>
      entry.state === 'active' &&
      entry.kind === chosen.kind &&
      tenantId(entry.tenant) === tenantId(chosen.tenant);
    return {
      keys: document.keys.map((entry) => {
        if (entry === chosen) return inState(entry, 'active');
        return isPredecessor(entry) ? inState(entry, 'deactivated') : entry;
      }),
    };
  });
}

function assertTenant(tenant: ContextPart): void {
  if (typeof tenant !== 'bigint' && tenant.length === 0) {
    throw new InvalidContextError('A tenant is empty: leave it out for a key that all tenants share.');
  }
  assertScopeFits(encodeContext('scope', { tenant, table: 't' }));
}

/** A tenant of bytes in a buffer that nobody else can write to. */
function ownTenant(tenant: ContextPart | undefined): ContextPart | undefined {
  return isUint8Array(tenant) ? copyBytes(tenant) : tenant;
}

/** A new key, distinct from those that are there: drawn again until its id, and an index key's token prefix, is its own. */
export async function newKey(
  environment: Environment,
  root: RootKeys,
  { keyringId, revision }: KeyringDocument,
  names: KeyNames,
  kind: KeyKind,
  tenant: ContextPart | undefined,
  state: KeyState,
): Promise<KeyEntry> {
  for (let tries = 0; tries < MAX_KEY_TRIES; tries++) {
    const entry = await makeKey(environment, root, keyringId, kind, tenant, state, revision + 1);
    if (names.add(entry) === undefined) return entry;
  }
  throw new KeyringLimitError('The random source keeps giving keys that are there already: it is broken.');
}
