import type { ContextPart } from '../envelope/index.js';
import { KeyringDamagedError } from '../errors.js';
import type { KeyEntry, KeyringDocument } from './document.js';
import { keyIdOf, tenantId } from './keys.js';
import type { KeyKind } from './states.js';

/** The first characters of an index key's id stand in its tokens: no two index keys share them (docs/format.md §1). */
const INDEX_PREFIX_CHARACTERS = 8;

/** The keys of a document, findable; refuses a document whose keys contradict each other. */
export class Roster {
  readonly #byId = new Map<string, KeyEntry>();
  readonly #active = new Map<string, KeyEntry>();

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
    }
  }

  /** The key with this id, of any kind and state. */
  get(keyId: string): KeyEntry | undefined {
    return this.#byId.get(keyId);
  }

  /** The active key of exactly this kind and tenant. */
  active(kind: KeyKind, tenant: ContextPart | undefined): KeyEntry | undefined {
    return this.#active.get(roleOf(kind, tenant));
  }
}

function roleOf(kind: KeyKind, tenant: ContextPart | undefined): string {
  return `${kind} ${tenantId(tenant)}`;
}
