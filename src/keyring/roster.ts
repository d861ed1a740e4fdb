import { hex } from '../bytes.js';
import type { ContextPart } from '../envelope/index.js';
import { InvalidContextError, KeyringDamagedError } from '../errors.js';
import type { KeyEntry } from './key-entry.js';
import { keyIdOf, tenantId } from './keys.js';
import type { KeyKind } from './states.js';

/** The first characters of an index key's id stand in its tokens: no two index keys share them (docs/format.md §1). */
const INDEX_PREFIX_CHARACTERS = 8;

/** Ids of keys, and the token prefixes of index keys: no two keys that are used together share one. */
export class KeyNames {
  readonly #ids = new Set<string>();
  readonly #prefixes = new Set<string>();

  constructor(keys: readonly KeyEntry[] = []) {
    for (const entry of keys) this.add(entry);
  }

  /** Which of the two is taken already; nothing is added then. */
  add(entry: KeyEntry): 'id' | 'prefix' | undefined {
    const keyId = keyIdOf(entry);
    const prefix = keyId.slice(0, INDEX_PREFIX_CHARACTERS);
    if (this.#ids.has(keyId)) return 'id';
    if (entry.kind === 'index' && this.#prefixes.has(prefix)) return 'prefix';
    this.#ids.add(keyId);
    if (entry.kind === 'index') this.#prefixes.add(prefix);
    return undefined;
  }
}

/** Keys of a document or a page, findable; refuses keys that contradict each other. */
export class Roster {
  readonly #byId = new Map<string, KeyEntry>();
  readonly #active = new Map<string, KeyEntry>();

  /** Index keys, by tenant. */
  readonly #index = new Map<string, KeyEntry[]>();

  /** Tenants that have an active data key, spelled without their type. */
  readonly #tenants = new Map<string, ContextPart>();

  constructor(keys: readonly KeyEntry[]) {
    const names = new KeyNames();
    for (const entry of keys) {
      const keyId = keyIdOf(entry);
      const taken = names.add(entry);
      if (taken === 'id') throw new KeyringDamagedError('Two keys have one id.', { keyId });
      if (taken) throw new KeyringDamagedError('Two index keys share a token prefix.', { keyId });
      this.#byId.set(keyId, entry);
      if (entry.kind === 'index') this.#addIndexKey(entry);
      if (entry.state !== 'active') continue;
      const role = roleOf(entry);
      if (this.#active.has(role)) throw new KeyringDamagedError('Two keys are active at once.', { keyId });
      this.#active.set(role, entry);
      if (entry.kind === 'data' && entry.tenant !== undefined)
        this.#tenants.set(spelledTenant(entry.tenant), entry.tenant);
    }
  }

  /** The key with this id, of any kind and state. */
  get(keyId: string): KeyEntry | undefined {
    return this.#byId.get(keyId);
  }

  #addIndexKey(entry: KeyEntry): void {
    const id = tenantId(entry.tenant);
    this.#index.set(id, [...(this.#index.get(id) ?? []), entry]);
  }

  /** The index keys of exactly this tenant, in the order in which they were added. */
  indexKeys(tenant: ContextPart | undefined): readonly KeyEntry[] {
    return this.#index.get(tenantId(tenant)) ?? [];
  }

  /** The active data key of a tenant's own. */
  own(tenant: ContextPart): KeyEntry | undefined {
    const own = this.active('data', tenant);
    if (own) return own;
    const alike = this.#tenants.get(spelledTenant(tenant));
    if (alike !== undefined && typeof alike !== typeof tenant) {
      throw new InvalidContextError(
        'A key was added for this tenant under another type than the table declares, so it would never be used. Add one with addKey(keyring, { tenant: tenantOf(table, tenant) }).',
      );
    }
    return undefined;
  }

  /** The active key of exactly this kind and tenant. */
  active(kind: KeyKind, tenant: ContextPart | undefined): KeyEntry | undefined {
    return this.#active.get(roleOf({ kind, tenant }));
  }
}

/** `7n` and `'7'`, a UUID's text and its bytes: two tenants, spelled alike. ASCII only: other letters' case depends on the runtime's Unicode. */
export function spelledTenant(tenant: ContextPart): string {
  if (typeof tenant === 'string')
    return tenant.replaceAll('-', '').replace(/[A-Z]/g, (capital) => capital.toLowerCase());
  return typeof tenant === 'bigint' ? tenant.toString() : hex(tenant);
}

/** A string that is equal for keys of one kind and tenant, of which one is active at most. */
export function roleOf({ kind, tenant }: Pick<KeyEntry, 'kind' | 'tenant'>): string {
  return `${kind} ${tenantId(tenant)}`;
}
