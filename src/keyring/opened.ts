import { type Bytes, base32, equalBytes } from '../bytes.js';
import { CellKeys, type DataKey, Lru } from '../cipher/index.js';
import type { ContextPart } from '../envelope/index.js';
import {
  CellsealError,
  DestroyedKeyError,
  KeyOfAnotherTenantError,
  KeyringClosedError,
  KeyringConflictError,
  KeyringDamagedError,
  KeyringNotFoundError,
  KeyringRekeyedError,
  KeyringRolledBackError,
  KeyringStaleError,
  NoActiveKeyError,
  SuspendedKeyError,
  UnknownKeyError,
  type Where,
} from '../errors.js';
import { DATA_KEY_CACHE_ENTRIES, MAX_KEYRING_BYTES } from '../limits.js';
import { type MaybePromise, andThen } from '../maybe.js';
import type { KeyringStore, StoredKeyring } from '../ports/keyring-store.js';
import {
  type KeyringDocument,
  decodePayload,
  encodePayload,
  joinDocument,
  splitDocument,
} from './document.js';
import { KeyDraft, type Scope } from './draft.js';
import type { Environment } from './environment.js';
import { tell } from './events.js';
import type { KeyEntry } from './key-entry.js';
import { type RootKeys, deriveRootKeys, keyIdBytes, keyIdOf, loadKey, tenantId } from './keys.js';
import { type KeyPage, PageGoneError, PageReader, bucketOf, pageOfBucket } from './pages.js';
import { ReloadQueue } from './reload-queue.js';
import { Roster } from './roster.js';
import { type OpenSlot, type UnlockSecret, findSlotOrThrow, unwrapRoot } from './slots.js';
import { KEY_STATES } from './states.js';
import { UsageMeter } from './usage.js';

const DAY_MS = 86_400_000;
/** From this share of the cryptoperiod on there is a warning. */
const AGE_WARNING_SHARE = 0.9;
/** A page that is gone means a newer document; who meets this many in a row has a damaged store. */
const PAGE_TRIES = 5;

/** What opening a slot gives. */
export interface Unlocked {
  readonly root: RootKeys;
  readonly slot: OpenSlot;
}

/** What a change makes of the document; what is not named stays as it was. */
export interface Edit extends Partial<KeyringDocument> {
  /** A new root key: the next document is sealed under it. */
  readonly unlocked?: Unlocked;
}

/** How a keyring is held by its process. */
export interface Holding {
  /** Encrypting stops when the keyring has not been read for so long; the policy may ask for less. */
  readonly maxStaleMs?: number | undefined;
  /** Asked for the secret when the root key was changed and this process's slot is gone. */
  readonly renewSecret?: (() => MaybePromise<UnlockSecret>) | undefined;
}

interface Accepted {
  readonly document: KeyringDocument;
  /** SHA-256 of the payload: what the next revision names as its predecessor. */
  readonly hash: Bytes;
  readonly bytes: Bytes;
  readonly roster: Roster;
}

interface Moment {
  readonly monotonicMs: number;
  readonly wallMs: number;
}

/** What stands behind a `Keyring`: the newest document seen, and the keys that have been unwrapped. */
export class OpenedKeyring {
  readonly environment: Environment;
  readonly store: KeyringStore;
  readonly cellKeys: CellKeys;
  readonly usage: UsageMeter;
  readonly #holding: Holding;
  readonly #pages: PageReader;
  readonly #reloads: ReloadQueue;
  readonly #loaded = new Lru<MaybePromise<DataKey>>(DATA_KEY_CACHE_ENTRIES);
  readonly #told = new Set<string>();
  readonly #closing = new Set<() => Promise<void>>();
  readonly #following = new Set<() => void>();
  #unlocked: Unlocked;
  #accepted: Accepted;
  #readAt: Moment;
  #busy: Promise<unknown> = Promise.resolve();
  #isClosed = false;

  private constructor(
    environment: Environment,
    store: KeyringStore,
    unlocked: Unlocked,
    holding: Holding,
    accepted: Accepted,
    readAt: Moment,
  ) {
    this.environment = environment;
    this.store = store;
    this.cellKeys = new CellKeys(environment.engine, environment.random);
    this.usage = new UsageMeter(environment, store.usage, () => this.document.policy.maxCellsPerKey);
    this.#holding = holding;
    this.#pages = new PageReader(environment.engine, store.pages);
    this.#unlocked = unlocked;
    this.#accepted = accepted;
    this.#readAt = readAt;
    this.#reloads = new ReloadQueue(environment.clock, () => this.refresh());
  }

  /** Verifies the document under the root's MAC key, then holds it. Nothing but slots is used before. */
  static async open(
    environment: Environment,
    store: KeyringStore,
    unlocked: Unlocked,
    stored: StoredKeyring,
    holding: Holding,
    readAt: Moment,
  ): Promise<OpenedKeyring> {
    const accepted = await verifyDocument(environment, unlocked.root, stored);
    const opened = new OpenedKeyring(environment, store, unlocked, holding, accepted, readAt);
    opened.#warnOfAge();
    return opened;
  }

  get document(): KeyringDocument {
    return this.#accepted.document;
  }

  /** SHA-256 of the payload. */
  get hash(): Bytes {
    return this.#accepted.hash;
  }

  get root(): RootKeys {
    return this.#unlocked.root;
  }

  /** The id of the slot that this process was opened with, whether it is still there or not. */
  get slotId(): string {
    return this.#unlocked.slot.id;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** By the wall clock: when the document that is held was read from its store, or found unchanged there. */
  get readAtMs(): number {
    return this.#readAt.wallMs;
  }

  get isStale(): boolean {
    const { monotonicMs, wallMs } = momentOf(this.environment);
    const limit = this.maxStaleMs;
    if (limit === undefined) return false;
    // A suspended machine stops the one clock on some systems; somebody who sets it, the other.
    return monotonicMs - this.#readAt.monotonicMs > limit || wallMs - this.#readAt.wallMs > limit;
  }

  /** The stricter of what the process and the policy ask for. */
  get maxStaleMs(): number | undefined {
    const limits = [this.#holding.maxStaleMs, this.document.policy.maxStaleMs];
    const set = limits.filter((limit) => limit !== undefined);
    return set.length === 0 ? undefined : Math.min(...set);
  }

  // ── Reading the document again ────────────────────────────────────────────────────────────────────────────────────

  /** Takes over the store's newest document. `secret` opens it where the root key has changed. */
  refresh(secret?: UnlockSecret): Promise<void> {
    return this.#exclusive(() => this.#refresh(secret));
  }

  async #refresh(secret?: UnlockSecret): Promise<void> {
    const readAt = momentOf(this.environment);
    const stored = await this.store.read(MAX_KEYRING_BYTES);
    if (!stored) throw new KeyringNotFoundError();
    const known = this.#accepted;
    if (stored.revision !== known.document.revision || !equalBytes(stored.document, known.bytes)) {
      const [unlocked, read] = await this.#verify(stored, secret);
      this.#accept(read, unlocked);
    }
    this.#readAt = readAt;
    this.#warnOfAge();
  }

  /** Under the root key that is held, or under the one that has followed it. */
  async #verify(stored: StoredKeyring, secret?: UnlockSecret): Promise<[Unlocked, Accepted]> {
    const { environment } = this;
    const { payload, mac } = splitDocument(stored.document);
    if (await environment.engine.verifyMac(this.root.mac, mac, payload)) {
      return [this.#unlocked, await verifyDocument(environment, this.root, stored)];
    }
    const unlocked = await this.#unlockAgain(decodePayload(payload), secret);
    return [unlocked, await verifyDocument(environment, unlocked.root, stored)];
  }

  async #unlockAgain(document: KeyringDocument, secret: UnlockSecret | undefined): Promise<Unlocked> {
    const { engine } = this.environment;
    const { keyringId, revision, slots } = document;
    const known = this.document;
    if (keyringId !== known.keyringId || revision < known.revision)
      throw new KeyringRolledBackError(known.revision, revision);
    const open = this.#unlocked.slot;
    const slot = slots.find(
      ({ id, commitment }) => id === open.id && equalBytes(commitment, open.commitment),
    );
    if (slot) return unlockedBy(this.environment, keyringId, slot, open);
    const given = secret ?? (await this.#holding.renewSecret?.());
    if (!given) throw new KeyringRekeyedError();
    const found = await findSlotOrThrow(engine, keyringId, slots, given);
    return unlockedBy(this.environment, keyringId, found.slot, found.open);
  }

  #accept(read: Accepted, unlocked: Unlocked): void {
    const known = this.#accepted;
    const [seen, found] = [known.document.revision, read.document.revision];
    if (found < seen || read.document.keyringId !== known.document.keyringId)
      throw new KeyringRolledBackError(seen, found);
    if (found === seen) {
      if (!equalBytes(read.hash, known.hash)) throw new KeyringRolledBackError(seen, found);
      return;
    }
    const { previous } = read.document;
    if (found === seen + 1 && !(previous && equalBytes(previous, known.hash))) {
      throw new KeyringRolledBackError(seen, found);
    }
    this.#accepted = read;
    this.#unlocked = unlocked;
    for (const follow of this.#following) follow();
    tell(this.environment.onEvent, { type: 'changed', revision: found });
  }

  // ── Changing it ───────────────────────────────────────────────────────────────────────────────────────────────────

  /**
   * Changes the document by compare-and-swap on its revision. `edit` sees the newest document, with the keys that
   * `scope` names, and gives back what the next has instead; nothing (`undefined`), and nothing is written. What it
   * throws leaves everything as it was.
   */
  change(scope: Scope, edit: (document: KeyringDocument) => MaybePromise<Edit | undefined>): Promise<void> {
    return this.#exclusive(() => this.#change(scope, edit));
  }

  async #change(
    scope: Scope,
    edit: (document: KeyringDocument) => MaybePromise<Edit | undefined>,
  ): Promise<void> {
    await this.#refresh();
    const { document, hash } = this.#accepted;
    const draft = await KeyDraft.open(this.environment, this.store.pages, this.#pages, document, scope);
    const edited = await edit({ ...document, keys: draft.keys });
    if (!edited) return;
    const { unlocked = this.#unlocked, ...members } = edited;
    const readAt = momentOf(this.environment);
    const next = { ...document, ...members, revision: document.revision + 1, previous: hash };
    const placed = await draft.place({ ...next, keys: edited.keys ?? draft.keys });
    const stored = await sealDocument(this.environment, unlocked.root, placed);
    // Checked as a reader would, before anybody can read it.
    const accepted = await verifyDocument(this.environment, unlocked.root, stored);
    await draft.writePages();
    if (!(await this.store.write(stored))) {
      await draft.withdrawPages();
      throw new KeyringConflictError();
    }
    this.#accept(accepted, unlocked);
    this.#readAt = readAt;
    this.#warnOfAge();
    await draft.removeReplacedPages();
  }

  /** Every key of the newest document, tenants' in pages too. */
  async allKeys(): Promise<readonly KeyEntry[]> {
    let all: readonly KeyEntry[] = [];
    await this.change('all', ({ keys }) => {
      all = keys;
      return undefined;
    });
    return all;
  }

  /** The slot that this process opens from now on: its passphrase was changed here. */
  holdSlot(slot: OpenSlot): void {
    this.#unlocked = { ...this.#unlocked, slot };
  }

  // ── Keys ──────────────────────────────────────────────────────────────────────────────────────────────────────────

  /** The data key for one more cell of a tenant: its own, or else the one that all share. Counts the cell. */
  sealingKey(tenant: ContextPart | undefined, where: Where): MaybePromise<DataKey> {
    this.assertOpen();
    const seal = (): MaybePromise<DataKey> =>
      andThen(this.#sealingEntry(tenant), (entry) => {
        if (!entry) throw new NoActiveKeyError(where);
        this.usage.count(keyIdOf(entry));
        return this.#load(entry);
      });
    return this.isStale ? this.#freshen().then(seal) : seal();
  }

  /** The id of the key that {@link sealingKey} gives. */
  sealingKeyId(tenant: ContextPart | undefined): MaybePromise<string | undefined> {
    return andThen(this.#sealingEntry(tenant), (entry) => entry && keyIdOf(entry));
  }

  #sealingEntry(tenant: ContextPart | undefined): MaybePromise<KeyEntry | undefined> {
    const { roster, document } = this.#accepted;
    if (tenant === undefined) return roster.active('data', undefined);
    const own = roster.own(tenant);
    if (own || document.pages.length === 0) return own ?? roster.active('data', undefined);
    return this.#pageOf(tenant).then((page) => page.roster.own(tenant) ?? roster.active('data', undefined));
  }

  async #freshen(): Promise<void> {
    try {
      await this.#reloads.request();
    } catch (error) {
      if (error instanceof CellsealError) throw error;
      throw new KeyringStaleError();
    }
    if (this.isStale) throw new KeyringStaleError();
  }

  /** What new cells are sealed under, as one text: another where a key was made active or a page of tenants' keys changed. */
  activeDataKeys(): readonly string[] {
    const { keys, pages } = this.document;
    const active = keys.filter(({ kind, state }) => kind === 'data' && state === 'active').map(keyIdOf);
    return [...active.sort(), ...pages.map(({ name }) => name)];
  }

  /** The data key that a cell names, if it may be used for this tenant; an unknown one reads the keyring again, once. */
  openingKey(keyId: string, tenant: ContextPart | undefined, where: Where): MaybePromise<DataKey> {
    this.assertOpen();
    return andThen(this.#entry(keyId, tenant), (entry) => {
      if (entry?.kind === 'data') return this.#load(assertOpens(entry, tenant, where));
      if (entry) throw new UnknownKeyError(where); // an index key: reading again would not make it a data key
      return this.#openingKeyAfterReload(keyId, tenant, where);
    });
  }

  async #openingKeyAfterReload(
    keyId: string,
    tenant: ContextPart | undefined,
    where: Where,
  ): Promise<DataKey> {
    // Another tenant's key, met before: reading the keyring again would tell nothing new.
    const known = this.#pages.knownPageWith(this.document.pages, keyId);
    // The tenant's page first: most keys that are new to a process are its own, and one page is quicker read than all.
    const find = async (): Promise<KeyEntry | undefined> =>
      (await this.#entry(keyId, tenant)) ?? this.#entryOfAnybody(keyId);
    const entry = known ? await find() : await this.#reloads.find(keyId, find);
    if (entry?.kind !== 'data') throw new UnknownKeyError(where);
    return this.#load(assertOpens(entry, tenant, where));
  }

  /** Whether the keyring has a key with this id, also after reading it again. */
  hasAfterReload(keyId: string): MaybePromise<boolean> {
    if (this.#accepted.roster.get(keyId)) return true;
    return this.#reloads.find(keyId, () => this.#entryOfAnybody(keyId)).then((entry) => entry !== undefined);
  }

  /** All keys of a tenant, or those that all share, in the order in which they were added. */
  keysOf(tenant: ContextPart | undefined): MaybePromise<readonly KeyEntry[]> {
    const { keys, pages } = this.document;
    const isOf = (entry: KeyEntry): boolean => tenantId(entry.tenant) === tenantId(tenant);
    const own = keys.filter(isOf);
    if (tenant === undefined || pages.length === 0) return own;
    return this.#pageOf(tenant).then((page) => [...own, ...page.keys.filter(isOf)]);
  }

  #entry(keyId: string, tenant: ContextPart | undefined): MaybePromise<KeyEntry | undefined> {
    const { roster, document } = this.#accepted;
    const entry = roster.get(keyId);
    if (entry || tenant === undefined || document.pages.length === 0) return entry;
    return this.#pageOf(tenant).then((page) => page.roster.get(keyId));
  }

  #entryOfAnybody(keyId: string): MaybePromise<KeyEntry | undefined> {
    const { roster, document } = this.#accepted;
    const entry = roster.get(keyId);
    if (entry || document.pages.length === 0) return entry;
    return this.#readPages(async (pages) => {
      const place = await this.#pages.pageWith(pages, keyId);
      const reference = place === undefined ? undefined : pages[place];
      return reference && (await this.#pages.read(reference)).roster.get(keyId);
    });
  }

  async #pageOf(tenant: ContextPart): Promise<KeyPage> {
    const bucket = await bucketOf(this.environment.engine, tenant);
    return this.#readPages((pages) =>
      this.#pages.read(pages[pageOfBucket(pages, bucket)] as (typeof pages)[number]),
    );
  }

  /** A page that is gone was replaced: the newest document names the one that has followed. */
  async #readPages<T>(read: (pages: KeyringDocument['pages']) => Promise<T>): Promise<T> {
    for (let tries = 0; tries < PAGE_TRIES; tries++) {
      try {
        return await read(this.document.pages);
      } catch (error) {
        if (!(error instanceof PageGoneError)) throw error;
        await this.refresh();
      }
    }
    throw new KeyringDamagedError('A page of keys that the document names is not in its store.');
  }

  #load(entry: KeyEntry): MaybePromise<DataKey> {
    const keyId = keyIdOf(entry);
    if (entry.state === 'compromised')
      this.#tellOnce(`compromised ${keyId}`, { type: 'compromised-key', keyId });
    const loaded = this.#loaded.get(keyId);
    if (loaded !== undefined) return loaded;
    const { wrapped } = entry;
    if (!wrapped) throw new DestroyedKeyError({ keyId });
    const loading = this.#unwrap({ ...entry, wrapped }).then(
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

  #unwrap(entry: KeyEntry & { readonly wrapped: Bytes }) {
    return loadKey(this.environment.engine, this.root, this.document.keyringId, entry);
  }

  /** Unwraps the keys that new cells and tokens need, and holds them to their commitments. Throws `KeyringDamagedError`. */
  async proveActiveKeys(): Promise<boolean> {
    const { roster } = this.#accepted;
    const [data, index] = [roster.active('data', undefined), roster.active('index', undefined)];
    if (data) await this.#load(data);
    if (index?.wrapped) await this.#unwrap({ ...index, wrapped: index.wrapped });
    return data !== undefined;
  }

  // ── Its life in this process ──────────────────────────────────────────────────────────────────────────────────────

  /** Warns of active keys that have come to their age. */
  #warnOfAge(): void {
    const { keys, policy } = this.document;
    const { cryptoperiodDays } = policy;
    if (cryptoperiodDays === undefined) return;
    for (const entry of keys) {
      if (entry.state !== 'active') continue;
      const ageDays = (this.environment.clock.wallMs() - Date.parse(entry.createdAt)) / DAY_MS;
      if (ageDays < cryptoperiodDays * AGE_WARNING_SHARE) continue;
      const keyId = keyIdOf(entry);
      this.#tellOnce(`age ${keyId}`, {
        type: 'key-age',
        keyId,
        ageDays: Math.floor(ageDays),
        cryptoperiodDays,
      });
    }
  }

  #tellOnce(what: string, event: Parameters<typeof tell>[1]): void {
    if (this.#told.has(what)) return;
    this.#told.add(what);
    tell(this.environment.onEvent, event);
  }

  assertOpen(): void {
    if (this.#isClosed) throw new KeyringClosedError();
  }

  /** Done when the keyring is closed; gives back how to leave that list. */
  onClose(work: () => Promise<void>): () => void {
    this.#closing.add(work);
    return () => this.#closing.delete(work);
  }

  /** Done when another document is held; gives back how to leave that list. */
  onChange(work: () => void): () => void {
    this.#following.add(work);
    return () => this.#following.delete(work);
  }

  /** Lets go of everything: watchers end, what was counted is told, keys are forgotten. */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    try {
      await Promise.all([...this.#closing].map((work) => work()));
      await this.usage.close();
    } finally {
      // Also where the store is away, and a process could not be struck off.
      this.#loaded.clear();
      this.cellKeys.clear();
    }
  }

  /** One at a time: an older document that is verified slowly must not look like a rollback beside a newer one. */
  #exclusive<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#busy.then(() => {
      this.assertOpen();
      return work();
    });
    this.#busy = done.catch(() => undefined);
    return done;
  }
}

/** The root's keys, unwrapped from a slot that has been opened. */
export async function unlockedBy(
  { engine }: Environment,
  keyringId: string,
  slot: KeyringDocument['slots'][number],
  open: OpenSlot,
): Promise<Unlocked> {
  const rootKey = await unwrapRoot(engine, keyringId, slot, open);
  return { root: await deriveRootKeys(engine, rootKey, keyringId), slot: open };
}

/** Both clocks, now. */
export function momentOf({ clock }: Environment): Moment {
  return { monotonicMs: clock.monotonicMs(), wallMs: clock.wallMs() };
}

/** A name for a page, a process, a slot …: random base32. */
export function randomName({ random }: Environment, bytes: number): string {
  return base32(random(bytes));
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
    roster: new Roster(document.keys),
  };
}

function assertOpens(entry: KeyEntry, tenant: ContextPart | undefined, where: Where): KeyEntry {
  if (entry.tenant !== undefined && tenantId(entry.tenant) !== tenantId(tenant))
    throw new KeyOfAnotherTenantError(where);
  if (KEY_STATES[entry.state].opens) return entry;
  if (entry.state === 'destroyed') throw new DestroyedKeyError(where);
  throw new SuspendedKeyError(where);
}
