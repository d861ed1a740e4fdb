import { type Bytes, equalBytes } from '../bytes.js';
import { CellKeys, type DataKey } from '../cipher/index.js';
import type { ContextPart } from '../envelope/index.js';
import {
  DestroyedKeyError,
  KeyOfAnotherTenantError,
  KeyringConflictError,
  KeyringDamagedError,
  KeyringNotFoundError,
  KeyringRolledBackError,
  NoActiveKeyError,
  SuspendedKeyError,
  UnknownKeyError,
  type Where,
} from '../errors.js';
import { MAX_KEYRING_BYTES } from '../limits.js';
import type { MaybePromise } from '../maybe.js';
import type { KeyringStore, StoredKeyring } from '../ports/keyring-store.js';
import {
  type KeyEntry,
  type KeyringDocument,
  decodePayload,
  encodePayload,
  joinDocument,
  splitDocument,
} from './document.js';
import type { Environment } from './environment.js';
import { type RootKeys, keyIdBytes, keyIdOf, loadKey, tenantId } from './keys.js';
import { ReloadQueue } from './reload-queue.js';
import { Roster } from './roster.js';
import { KEY_STATES } from './states.js';

interface Accepted {
  readonly document: KeyringDocument;
  /** SHA-256 of the payload: what the next revision names as its predecessor. */
  readonly hash: Bytes;
  readonly bytes: Bytes;
  readonly roster: Roster;
}

/** What stands behind a `Keyring`: the newest document seen, and the keys that have been unwrapped. */
export class OpenedKeyring {
  readonly environment: Environment;
  readonly root: RootKeys;
  readonly cellKeys: CellKeys;
  readonly #store: KeyringStore;
  readonly #reloads: ReloadQueue;
  readonly #loaded = new Map<string, MaybePromise<DataKey>>();
  #accepted: Accepted;
  #busy: Promise<unknown> = Promise.resolve();

  private constructor(environment: Environment, store: KeyringStore, root: RootKeys, accepted: Accepted) {
    this.environment = environment;
    this.root = root;
    this.cellKeys = new CellKeys(environment.engine, environment.random);
    this.#store = store;
    this.#accepted = accepted;
    this.#reloads = new ReloadQueue(
      environment.clock,
      () => this.refresh(),
      (keyId) => this.has(keyId),
    );
  }

  /** Verifies the document under the root's MAC key, then holds it. Nothing but slots is used before. */
  static async open(
    environment: Environment,
    store: KeyringStore,
    root: RootKeys,
    stored: StoredKeyring,
  ): Promise<OpenedKeyring> {
    return new OpenedKeyring(environment, store, root, await verifyDocument(environment, root, stored));
  }

  get document(): KeyringDocument {
    return this.#accepted.document;
  }

  /** Takes over the store's newest document. */
  refresh(): Promise<void> {
    return this.#exclusive(() => this.#refresh());
  }

  async #refresh(): Promise<void> {
    const stored = await this.#store.read(MAX_KEYRING_BYTES);
    if (!stored) throw new KeyringNotFoundError();
    const known = this.#accepted;
    if (stored.revision === known.document.revision && equalBytes(stored.document, known.bytes)) return;
    const read = await verifyDocument(this.environment, this.root, stored);
    this.#accept(read);
  }

  /**
   * Changes the document by compare-and-swap on its revision. `edit` sees the newest document and gives back the keys
   * of the next; what it throws leaves everything as it was.
   */
  change(edit: (document: KeyringDocument) => MaybePromise<Partial<KeyringDocument>>): Promise<void> {
    return this.#exclusive(() => this.#change(edit));
  }

  async #change(edit: (document: KeyringDocument) => MaybePromise<Partial<KeyringDocument>>): Promise<void> {
    await this.#refresh();
    const { document, hash } = this.#accepted;
    const edited = await edit(document);
    const next = { ...document, ...edited, revision: document.revision + 1, previous: hash };
    const stored = await sealDocument(this.environment, this.root, next);
    // Checked as a reader would, before anybody can read it.
    const accepted = await verifyDocument(this.environment, this.root, stored);
    if (!(await this.#store.write(stored))) throw new KeyringConflictError();
    this.#accept(accepted);
  }

  /** The data key that seals for a tenant: its own, or else the one that all share. */
  sealingKey(tenant: ContextPart | undefined, where: Where): MaybePromise<DataKey> {
    const entry = this.#accepted.roster.sealing(tenant);
    if (!entry) throw new NoActiveKeyError(where);
    return this.#load(entry);
  }

  /** The id of the key that {@link sealingKey} gives. */
  sealingKeyId(tenant: ContextPart | undefined): string | undefined {
    const entry = this.#accepted.roster.sealing(tenant);
    return entry && keyIdOf(entry);
  }

  /** The ids of all active data keys, the shared one's and the tenants', in a fixed order. */
  activeDataKeyIds(): readonly string[] {
    const active = this.document.keys.filter(({ kind, state }) => kind === 'data' && state === 'active');
    return active.map(keyIdOf).sort();
  }

  /** The data key that a cell names, if it may be used for this tenant; an unknown one reads the keyring again, once. */
  openingKey(keyId: string, tenant: ContextPart | undefined, where: Where): MaybePromise<DataKey> {
    const entry = this.#dataEntry(keyId);
    if (entry) return this.#load(assertOpens(entry, tenant, where));
    if (this.has(keyId)) throw new UnknownKeyError(where); // an index key: reading again would not make it a data key
    return this.#reloads.find(keyId).then(() => {
      const found = this.#dataEntry(keyId);
      if (!found) throw new UnknownKeyError(where);
      return this.#load(assertOpens(found, tenant, where));
    });
  }

  /** Whether the keyring has a key with this id, also after reading it again. */
  hasAfterReload(keyId: string): MaybePromise<boolean> {
    return this.has(keyId) || this.#reloads.find(keyId).then(() => this.has(keyId));
  }

  /** Whether the keyring has a key with this id, of any kind and state. */
  has(keyId: string): boolean {
    return this.#accepted.roster.get(keyId) !== undefined;
  }

  #dataEntry(keyId: string): KeyEntry | undefined {
    const entry = this.#accepted.roster.get(keyId);
    return entry?.kind === 'data' ? entry : undefined;
  }

  #load(entry: KeyEntry): MaybePromise<DataKey> {
    const keyId = keyIdOf(entry);
    const loaded = this.#loaded.get(keyId);
    if (loaded !== undefined) return loaded;
    const { wrapped } = entry;
    if (!wrapped) throw new DestroyedKeyError({ keyId });
    const loading = loadKey(this.environment.engine, this.root, this.document.keyringId, {
      ...entry,
      wrapped,
    }).then(
      (key) => {
        const dataKey = { keyId, keyIdBytes: keyIdBytes(entry.commitment), key };
        this.#loaded.set(keyId, dataKey); // from now on without a promise
        return dataKey;
      },
      (error: unknown) => {
        this.#loaded.delete(keyId);
        throw error;
      },
    );
    this.#loaded.set(keyId, loading);
    return loading;
  }

  /** One at a time: an older document that is verified slowly must not look like a rollback beside a newer one. */
  #exclusive<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#busy.then(work);
    this.#busy = done.catch(() => undefined);
    return done;
  }

  #accept(read: Accepted): void {
    const known = this.#accepted;
    const [seen, found] = [known.document.revision, read.document.revision];
    if (found < seen) throw new KeyringRolledBackError(seen, found);
    if (found === seen) {
      if (!equalBytes(read.hash, known.hash)) throw new KeyringRolledBackError(seen, found);
      return;
    }
    const { previous } = read.document;
    if (found === seen + 1 && !(previous && equalBytes(previous, known.hash))) {
      throw new KeyringRolledBackError(seen, found);
    }
    this.#accepted = read;
  }
}

/** A document as bytes to store. */
export async function sealDocument(
  { engine }: Environment,
  root: RootKeys,
  document: KeyringDocument,
): Promise<StoredKeyring> {
  const payload = encodePayload(document);
  const mac = await engine.mac(root.mac, payload);
  return { revision: document.revision, document: joinDocument(payload, mac) };
}

async function verifyDocument(
  { engine }: Environment,
  root: RootKeys,
  stored: StoredKeyring,
): Promise<Accepted> {
  const { payload, mac } = splitDocument(stored.document);
  if (!(await engine.verifyMac(root.mac, mac, payload))) {
    throw new KeyringDamagedError('Its MAC does not verify: something in it was changed.');
  }
  const document = decodePayload(payload);
  if (document.revision !== stored.revision) {
    throw new KeyringDamagedError('It stands under another revision than its own.');
  }
  return {
    document,
    hash: await engine.digest(payload),
    bytes: stored.document,
    roster: new Roster(document),
  };
}

function assertOpens(entry: KeyEntry, tenant: ContextPart | undefined, where: Where): KeyEntry {
  if (entry.tenant !== undefined && tenantId(entry.tenant) !== tenantId(tenant))
    throw new KeyOfAnotherTenantError(where);
  if (KEY_STATES[entry.state].opens) return entry;
  if (entry.state === 'destroyed') throw new DestroyedKeyError(where);
  throw new SuspendedKeyError(where);
}
