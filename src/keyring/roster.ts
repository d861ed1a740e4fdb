import { hex } from '../bytes.js';
import type { ContextPart } from '../envelope/index.js';
import { InvalidContextError, KeyringDamagedError } from '../errors.js';
import type { KeyEntry, KeyringDocument } from './document.js';
import { keyIdOf, tenantId } from './keys.js';
import type { KeyKind } from './states.js';

/** The first characters of an index key's id stand in its tokens: no two index keys share them (docs/format.md §1). */
const INDEX_PREFIX_CHARACTERS = 8;

/** The keys of a document, findable; refuses a document whose keys contradict each other. */
export class Roster {
  readonly #byId = new Map<string, KeyEntry>();
  readonly #active = new Map<string, KeyEntry>();

  /** Tenants that have an active data key, spelled without their type. */
  readonly #tenants = new Map<string, ContextPart>();

  constructor(document: KeyringDocument) {
    const indexPrefixes = new Set<string>();
    for (const entry of document.keys) {
      const keyId = keyIdOf(entry);
      if (this.#byId.has(keyId)) throw new KeyringDamagedError('Two keys have one id.', { keyId });
      this.#byId.set(keyId, entry);
      if (entry.kind === 'index') {
        const prefix = keyId.slice(0, INDEX_PREFIX_CHARACTERS);
        if (indexPrefixes.has(prefix))
          throw new KeyringDamagedError('Two index keys share a token prefix.', { keyId });
        indexPrefixes.add(prefix);
      }
      if (entry.state !== 'active') continue;
      const role = roleOf(entry.kind, entry.tenant);
      if (this.#active.has(role)) throw new KeyringDamagedError('Two keys are active at once.', { keyId });
      this.#active.set(role, entry);
      if (entry.kind === 'data' && entry.tenant !== undefined)
        this.#tenants.set(spelled(entry.tenant), entry.tenant);
    }
  }

  /** The key with this id, of any kind and state. */
  get(keyId: string): KeyEntry | undefined {
    return this.#byId.get(keyId);
  }

  /** The data key that seals for a tenant: its own, or else the one that all share. */
  sealing(tenant: ContextPart | undefined): KeyEntry | undefined {
    const own = this.active('data', tenant);
    if (own || tenant === undefined) return own;
    const alike = this.#tenants.get(spelled(tenant));
    if (alike !== undefined && typeof alike !== typeof tenant) {
      throw new InvalidContextError(
        'A key was added for this tenant under another type than the table declares, so it would never be used. Add one with addKey(keyring, { tenant: tenantOf(table, tenant) }).',
      );
    }
    return this.active('data', undefined);
  }

  /** The active key of exactly this kind and tenant. */
  active(kind: KeyKind, tenant: ContextPart | undefined): KeyEntry | undefined {
    return this.#active.get(roleOf(kind, tenant));
  }
}

/** `7n` and `'7'`, a UUID's text and its bytes: two tenants, spelled alike. */
function spelled(tenant: ContextPart): string {
  if (typeof tenant === 'string') return tenant.toLowerCase().replaceAll('-', '');
  return typeof tenant === 'bigint' ? tenant.toString() : hex(tenant);
}

function roleOf(kind: KeyKind, tenant: ContextPart | undefined): string {
  return `${kind} ${tenantId(tenant)}`;
}
