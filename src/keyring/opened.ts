import { TokenKeys } from '../blind-index/index.js';
import { type Bytes, base32 } from '../bytes.js';
import { CellKeys, type DataKey, Lru } from '../cipher/index.js';
import { threadsOf } from '../engine/index.js';
import { type ContextPart, prefixBytes } from '../envelope/index.js';
import {
  CellsealError,
  DestroyedKeyError,
  KeyOfAnotherTenantError,
  KeyringStaleError,
  NoActiveKeyError,
  NotSynchronousError,
  SuspendedKeyError,
  UnknownKeyError,
  type Where,
} from '../errors.js';
import { DATA_KEY_CACHE_ENTRIES, MAX_READS_AHEAD, MAX_STORE_WAIT_MS } from '../limits.js';
import { type MaybePromise, andThen, ignore, isPromise, mapEach, rescue } from '../maybe.js';
import type { DerivationKey, SynchronousEngine } from '../ports/engine.js';
import type { KeyringDocument, PageReference } from './document.js';
import type { Environment } from './environment.js';
import { tell } from './events.js';
import { type Held, type HeldDocument, lostPage } from './held-document.js';
import type { KeyEntry } from './key-entry.js';
import { type RootKeys, keyIdBytes, keyIdOf, loadKey, tenantId } from './keys.js';
import { type KeyPage, PageGoneError, bucketOf, pageOfBucket } from './pages.js';
import { ReadsAhead } from './reads-ahead.js';
import { ReloadQueue } from './reload-queue.js';
import { KEY_STATES } from './states.js';
import { UsageMeter } from './usage.js';

const DAY_MS = 86_400_000;
/** From this share of the cryptoperiod on there is a warning. */
const AGE_WARNING_SHARE = 0.9;
/** A page that is gone means a newer document; who meets this many in a row has a damaged store. */
const PAGE_TRIES = 5;
/** What is read ahead, beside pages and keys, which are called by their names and ids. */
const KEYRING = 'keyring';
const NOWHERE: Where = Object.freeze({});

/** How another process was when it was looked at: since when it has neither read nor beaten, for which wait. */
interface Pulse {
  readonly beat: number;
  readonly read: number;
  readonly revision: number;
  readonly sinceMs: number;
}

/** Which index key tokens are made with: the active one, or of those that all tenants share the how-manieth that was added, from 1. */
export type TokenKeyChoice = 'active' | number;

/** Where such a key is wanted, and which option of a unique index has chosen it. */
export interface TokenKeyPlace extends Where {
  readonly option: 'generation' | 'nextGeneration' | undefined;
}

/** A key's entry, with the document from which it was read: its root key unwraps it. */
interface Found {
  readonly held: Held;
  readonly entry: KeyEntry | undefined;
}

/** A data key as it was given last, and what must be the same for it to be given again. */
interface AtHand {
  readonly held: Held;
  readonly tenant: ContextPart | undefined;
  readonly dataKey: DataKey;
}

/** What stands behind a `Keyring`: the newest document, and the keys that have been unwrapped. */
export class OpenedKeyring {
  readonly environment: Environment;
  readonly newest: HeldDocument;
  readonly cellKeys: CellKeys;
  readonly tokenKeys: TokenKeys;
  readonly usage: UsageMeter;
  /** What acknowledgement has seen of other processes; kept from one wait to the next. */
  readonly pulses = new Map<string, Pulse>();
  /** The ids under which this process has written itself down. */
  readonly processIds = new Set<string>();
  readonly #reloads: ReloadQueue;
  readonly #ahead: ReadsAhead;
  /** The revision in which a key was looked for in vain that had been asked for before, by what it was looked for. */
  readonly #missing = new Lru<number>(MAX_READS_AHEAD);
  readonly #loaded = new Lru<MaybePromise<DataKey>>(DATA_KEY_CACHE_ENTRIES);
  readonly #told = new Set<string>();
  readonly #closing = new Set<() => Promise<void>>();
  /** How many calls are being answered that cannot wait. */
  #callsAtOnce = 0;
  /** What cells were sealed under last, and opened under. */
  #sealing: AtHand | undefined;
  #opening: AtHand | undefined;
  #closed: Promise<void> | undefined;

  constructor(newest: HeldDocument) {
    const { environment, store } = newest;
    this.environment = environment;
    this.newest = newest;
    this.cellKeys = new CellKeys(environment.engine, environment.random);
    this.tokenKeys = new TokenKeys(environment.engine);
    this.usage = new UsageMeter(environment, store.usage, () => this.document.policy.maxCellsPerKey);
    this.#reloads = new ReloadQueue(environment.clock, () => this.#reload());
    this.#ahead = new ReadsAhead(environment.clock);
    const warn = (): void => {
      this.#warnOfAge();
      this.#warnOfDestruction();
    };
    newest.onRead(warn);
    newest.onRead(() => this.#ahead.forgetFailures());
    warn();
  }

  get document(): KeyringDocument {
    return this.newest.held.document;
  }

  get root(): RootKeys {
    return this.newest.held.unlocked.root;
  }

  /** The id of the slot that this process was opened with, whether it is still there or not. */
  get slotId(): string {
    return this.newest.held.unlocked.slot.id;
  }

  /** Takes over the store's newest document. */
  refresh(): Promise<void> {
    return this.newest.refresh();
  }

  /** {@link refresh}, by itself: its failure is told also where nobody waits for it. */
  async #reload(): Promise<void> {
    try {
      await this.newest.refresh();
    } catch (error) {
      if (!this.newest.isClosed) tell(this.environment.onEvent, { type: 'read-failed', error });
      throw error;
    }
  }

  /**
   * Does `work` for a caller who cannot wait, with an engine that answers at once. Where it would have to wait, it throws
   * there and then, and nothing of it is done later.
   */
  atOnce<T>(engine: Pick<SynchronousEngine, 'atOnce'>, work: () => T): T {
    this.#callsAtOnce++;
    try {
      return engine.atOnce(work);
    } finally {
      this.#callsAtOnce--;
    }
  }

  /** Whether a caller is being answered who cannot wait. */
  get answersAtOnce(): boolean {
    return this.#callsAtOnce > 0;
  }

  /** Refuses to wait for code of the application's own, where the caller cannot. */
  assertMayAwait(promise: PromiseLike<unknown>, where: Where): void {
    if (this.#callsAtOnce === 0) return;
    ignore(promise);
    throw new NotSynchronousError('schema', where);
  }

  /** For a caller who cannot wait: has it read, and says that; or how it has failed the last time. */
  #readAhead(what: string, read: () => Promise<unknown>, where: Where): never {
    this.#ahead.begin(what, read);
    const failure = this.#ahead.failure(what);
    throw failure ? failure.error : new NotSynchronousError('waiting', where);
  }

  /** Whether a read that is fresh enough to seal by has shown that this is not in the keyring. */
  #isMissing(what: string): boolean {
    return this.#missing.get(what) === this.document.revision && !this.newest.isStale;
  }

  // ── Keys ──────────────────────────────────────────────────────────────────────────────────────────────────────────

  /** The data key for one more cell of a tenant: its own, or else the one that all share. Counts the cell. */
  sealingKey(tenant: ContextPart | undefined, where: Where): MaybePromise<DataKey> {
    return this.#mustFreshen(where)
      ? this.#freshen().then(() => this.#sealingKey(tenant, where))
      : this.#sealingKey(tenant, where);
  }

  #sealingKey(tenant: ContextPart | undefined, where: Where): MaybePromise<DataKey> {
    const atHand = this.#sealing;
    if (atHand && atHand.held === this.newest.held && atHand.tenant === tenant) {
      this.usage.count(atHand.dataKey.keyId);
      return atHand.dataKey;
    }
    return andThen(this.#sealingEntry(tenant, where), ({ held, entry }) => {
      if (!entry) throw new NoActiveKeyError(where);
      this.usage.count(keyIdOf(entry));
      const dataKey = this.#load(held, entry);
      if (!isPromise(dataKey) && !this.newest.isClosed) this.#sealing = { held, tenant, dataKey };
      return dataKey;
    });
  }

  /** The id of the key that {@link sealingKey} gives. */
  sealingKeyId(tenant: ContextPart | undefined): MaybePromise<string | undefined> {
    return andThen(this.#sealingEntry(tenant, NOWHERE), ({ entry }) => entry && keyIdOf(entry));
  }

  #sealingEntry(tenant: ContextPart | undefined, where: Where): MaybePromise<Found> {
    const { held } = this.newest;
    const shared = held.roster.active('data', undefined);
    if (tenant === undefined) return { held, entry: shared };
    const own = held.roster.own(tenant);
    if (own || held.document.pages.length === 0) return { held, entry: own ?? shared };
    // From the document that the page belongs to: while it was read another one may have come.
    return andThen(this.#pageOf(tenant, where), ({ held, page }) => ({
      held,
      entry: page.roster.own(tenant) ?? held.roster.active('data', undefined),
    }));
  }

  /** The index key for one more token: of a tenant its own, or else the one that all share. */
  tokenKey(
    tenant: ContextPart | undefined,
    choice: TokenKeyChoice,
    where: TokenKeyPlace,
  ): MaybePromise<DataKey> {
    return this.#fresh(where, () =>
      andThen(this.#tokenEntry(tenant, choice, where), ({ held, entry }) => {
        if (choice === 'active') {
          if (entry) return this.#load(held, entry);
          throw new NoActiveKeyError({ ...where, kind: 'index' });
        }
        if (entry) return this.#load(held, assertGeneration(entry, choice, where));
        return this.#generationAfterReload(choice, where);
      }),
    );
  }

  #generationAfterReload(generation: number, where: TokenKeyPlace): MaybePromise<DataKey> {
    // Somebody else may have added it.
    const what = `generation ${generation}`;
    const find = (): Promise<Found | undefined> =>
      this.#reloads.find(what, () => {
        const { held } = this.newest;
        const entry = held.roster.indexKeys(undefined)[generation - 1];
        if (!entry) this.#missing.set(what, held.document.revision);
        return entry && { held, entry };
      });
    const use = (found: Found | undefined): MaybePromise<DataKey> => {
      if (found?.entry) return this.#load(found.held, assertGeneration(found.entry, generation, where));
      throw new NoActiveKeyError({ ...where, kind: 'index', generation });
    };
    if (this.#callsAtOnce === 0) return find().then(use);
    if (!this.#isMissing(what)) return this.#readAhead(what, find, where);
    this.#ahead.begin(what, find);
    return use(undefined);
  }

  /** The id of the key that {@link tokenKey} gives. */
  tokenKeyId(tenant: ContextPart | undefined, choice: TokenKeyChoice): MaybePromise<string | undefined> {
    return andThen(this.#tokenEntry(tenant, choice, NOWHERE), ({ entry }) => entry && keyIdOf(entry));
  }

  /** Every key under which tokens of a tenant may stand, the one for new tokens first: that all share included. */
  lookupKeys(tenant: ContextPart | undefined, where: Where): MaybePromise<readonly DataKey[]> {
    return this.#fresh(where, () =>
      andThen(this.#indexEntries(tenant, where), ({ held, entries }) => {
        const live = entries.filter(({ state }) => KEY_STATES[state].opens);
        const active = activeOf(live);
        if (!active) throw new NoActiveKeyError({ ...where, kind: 'index' });
        const ordered = [active, ...live.filter((entry) => entry !== active)];
        return mapEach(ordered, (entry) => this.#load(held, entry));
      }),
    );
  }

  #tokenEntry(tenant: ContextPart | undefined, choice: TokenKeyChoice, where: Where): MaybePromise<Found> {
    if (choice === 'active')
      return andThen(this.#indexEntries(tenant, where), ({ held, entries }) => ({
        held,
        entry: activeOf(entries),
      }));
    const { held } = this.newest;
    return { held, entry: held.roster.indexKeys(undefined)[choice - 1] };
  }

  /** The index keys of a tenant: its own, and behind them those that all share. */
  #indexEntries(
    tenant: ContextPart | undefined,
    where: Where,
  ): MaybePromise<{ readonly held: Held; readonly entries: readonly KeyEntry[] }> {
    const { held } = this.newest;
    const shared = held.roster.indexKeys(undefined);
    if (tenant === undefined) return { held, entries: shared };
    const own = held.roster.indexKeys(tenant);
    if (held.document.pages.length === 0) return { held, entries: [...own, ...shared] };
    return andThen(this.#pageOf(tenant, where), ({ held, page }) => ({
      held,
      entries: [
        ...page.roster.indexKeys(tenant),
        ...held.roster.indexKeys(tenant),
        ...held.roster.indexKeys(undefined),
      ],
    }));
  }

  /** Does it with a keyring that is not older than it may be. */
  #fresh<T>(where: Where, work: () => MaybePromise<T>): MaybePromise<T> {
    return this.#mustFreshen(where) ? this.#freshen().then(work) : work();
  }

  /** Whether the keyring is older than it may be. Who cannot wait has it read when half of its time is over. */
  #mustFreshen(where: Where): boolean {
    this.newest.assertOpen();
    const { ageMs, maxStaleMs } = this.newest;
    if (this.#callsAtOnce > 0 && ageMs > maxStaleMs / 2) this.#freshenAhead(ageMs > maxStaleMs, where);
    return ageMs > maxStaleMs;
  }

  /** {@link #freshen} for a caller who cannot wait: refused as long as the keyring is stale, with what is wrong once that is known. */
  #freshenAhead(isStale: boolean, where: Where): void {
    this.#ahead.begin(KEYRING, () => this.#reloads.request());
    if (!isStale) return;
    const failure = this.#ahead.failure(KEYRING);
    if (failure?.error instanceof CellsealError) throw failure.error;
    if (failure || this.#ahead.isOverdue(KEYRING)) throw new KeyringStaleError();
    throw new NotSynchronousError('waiting', where);
  }

  /** Reads the keyring again, or refuses: its keys may have been replaced. */
  async #freshen(): Promise<void> {
    try {
      await this.#withinStoreWait(this.#reloads.request());
    } catch (error) {
      if (error instanceof CellsealError) throw error;
      throw new KeyringStaleError();
    }
    if (this.newest.isStale) throw new KeyringStaleError();
  }

  /** Does not wait for ever for a store that does not answer. */
  #withinStoreWait(reading: Promise<void>): Promise<void> {
    const { clock } = this.environment;
    const waited = clock.sleep(MAX_STORE_WAIT_MS, undefined, { isIdle: true }).then(() => {
      throw new KeyringStaleError();
    });
    return Promise.race([reading, waited]);
  }

  /**
   * What new cells are sealed under, and with `index` what new tokens are made with: other texts where a key was made
   * active, a page of tenants' keys changed, or (of shared index keys) one was added.
   */
  activeKeys(index: boolean): readonly string[] {
    const { keys, pages } = this.document;
    const active = keys.filter(({ kind, state }) => state === 'active' && (kind === 'data' || index));
    // Unique indexes count these, whatever their state. One that is active stands above as well: it may have waited here.
    const shared = keys.filter(({ kind, tenant }) => index && kind === 'index' && tenant === undefined);
    return [...active.map(keyIdOf).sort(), ...shared.map(keyIdOf), ...pages.map(({ name }) => name)];
  }

  /** The data key that a cell names, if it may be used for this tenant; an unknown one reads the keyring again, once. */
  openingKey(keyId: string, tenant: ContextPart | undefined, where: Where): MaybePromise<DataKey> {
    this.newest.assertOpen();
    const atHand = this.#opening;
    if (
      atHand &&
      atHand.dataKey.keyId === keyId &&
      atHand.held === this.newest.held &&
      atHand.tenant === tenant
    )
      return atHand.dataKey;
    return andThen(this.#entry(keyId, tenant, where), ({ held, entry }) => {
      if (entry?.kind === 'data') {
        const dataKey = this.#load(held, assertOpens(entry, tenant, where));
        if (!isPromise(dataKey) && !this.newest.isClosed) this.#opening = { held, tenant, dataKey };
        return dataKey;
      }
      if (entry) throw new UnknownKeyError(where); // an index key: reading again would not make it a data key
      return this.#callsAtOnce === 0
        ? this.#findAfterReload(keyId, tenant).then((found) => this.#loadToOpen(found, tenant, where))
        : this.#loadToOpen(this.#findAtOnce(keyId, tenant, where), tenant, where);
    });
  }

  #loadToOpen(
    found: Found | undefined,
    tenant: ContextPart | undefined,
    where: Where,
  ): MaybePromise<DataKey> {
    if (found?.entry?.kind !== 'data') throw new UnknownKeyError(where);
    return this.#load(found.held, assertOpens(found.entry, tenant, where));
  }

  async #findAfterReload(keyId: string, tenant: ContextPart | undefined): Promise<Found | undefined> {
    // Another tenant's key, met before: reading the keyring again would tell nothing new.
    const isKnown = this.newest.pages.knownPageWith(this.document.pages, keyId);
    const find = async (): Promise<Found | undefined> => {
      // The tenant's page first: most keys that are new to a process are its own, and one page is quicker read than all.
      const own = await this.#entry(keyId, tenant, NOWHERE);
      const found = own.entry ? own : await this.#entryOfAnybody(keyId);
      if (!found.entry) this.#missing.set(keyId, found.held.document.revision);
      return found.entry && found;
    };
    return isKnown ? find() : this.#reloads.find(keyId, find);
  }

  /** {@link #findAfterReload} for a caller who cannot wait: by what was read since it was asked first. */
  #findAtOnce(keyId: string, tenant: ContextPart | undefined, where: Where): Found | undefined {
    const { held, pages } = this.newest;
    const place = pages.knownPageWith(held.document.pages, keyId);
    const entry = place && pages.held(place)?.roster.get(keyId);
    if (entry) return { held, entry };
    const find = (): Promise<unknown> => this.#findAfterReload(keyId, tenant);
    if (!this.#isMissing(keyId)) return this.#readAhead(keyId, find, where);
    this.#ahead.begin(keyId, find); // somebody may have added it
    return undefined;
  }

  /**
   * Whether the keyring has a key with this id, of a value that may only look like a cell: as a reload says that began less
   * than a second ago. Where there is none, because the caller cannot wait or the keyring cannot be read, as this process
   * knows it: for sealing, which comes next, that must be fresh enough too.
   */
  hasKey(keyId: string): MaybePromise<boolean> {
    if (this.#knowsKey(keyId)) return true;
    if (this.#callsAtOnce === 0) return this.#hasKeyAfterReload(keyId);
    this.#ahead.begin(KEYRING, async () => this.#reloads.recent()); // for the next one
    return false;
  }

  async #hasKeyAfterReload(keyId: string): Promise<boolean> {
    try {
      const reading = this.#reloads.recent();
      if (reading !== undefined) await this.#withinStoreWait(reading);
      return (await this.#entryOfAnybody(keyId)).entry !== undefined;
    } catch {
      return this.#knowsKey(keyId); // what was thrown is told as an event
    }
  }

  #knowsKey(keyId: string): boolean {
    const { document, roster } = this.newest.held;
    return (
      roster.get(keyId) !== undefined || this.newest.pages.knownPageWith(document.pages, keyId) !== undefined
    );
  }

  /** All keys of a tenant, in the order in which they were added. */
  async keysOf(tenant: ContextPart): Promise<readonly KeyEntry[]> {
    this.newest.assertOpen();
    const isOf = (entry: KeyEntry): boolean => tenantId(entry.tenant) === tenantId(tenant);
    const own = this.document.keys.filter(isOf);
    if (this.document.pages.length === 0) return own;
    return [...own, ...(await this.#pageOf(tenant, NOWHERE)).page.keys.filter(isOf)];
  }

  #entry(keyId: string, tenant: ContextPart | undefined, where: Where): MaybePromise<Found> {
    const { held } = this.newest;
    const entry = held.roster.get(keyId);
    if (entry || tenant === undefined || held.document.pages.length === 0) return { held, entry };
    return andThen(this.#pageOf(tenant, where), ({ held, page }) => ({
      held,
      entry: page.roster.get(keyId),
    }));
  }

  #entryOfAnybody(keyId: string): MaybePromise<Found> {
    const { held } = this.newest;
    const entry = held.roster.get(keyId);
    if (entry || held.document.pages.length === 0) return { held, entry };
    return this.#readPages(async (held) => {
      const { pages } = held.document;
      const place = await this.newest.pages.pageWith(pages, keyId);
      const reference = place === undefined ? undefined : pages[place];
      const page = reference && (await this.newest.pages.read(reference));
      return { held, entry: page?.roster.get(keyId) };
    });
  }

  #pageOf(tenant: ContextPart, where: Where): MaybePromise<{ readonly held: Held; readonly page: KeyPage }> {
    return andThen(bucketOf(this.environment.engine, tenant), (bucket) => {
      const referenceIn = ({ document: { pages } }: Held): PageReference =>
        pages[pageOfBucket(pages, bucket)] as PageReference;
      const { held } = this.newest;
      const page = held.document.pages.length > 0 && this.newest.pages.held(referenceIn(held));
      if (page) return { held, page };
      const read = () =>
        this.#readPages(async (held) => ({ held, page: await this.newest.pages.read(referenceIn(held)) }));
      return this.#callsAtOnce === 0 ? read() : this.#readAhead(referenceIn(held).name, read, where);
    });
  }

  /** A page that is gone was replaced: the newest document names the one that has followed. */
  async #readPages<T>(read: (held: Held) => Promise<T>): Promise<T> {
    for (let tries = 0; tries < PAGE_TRIES; tries++) {
      try {
        return await read(this.newest.held);
      } catch (error) {
        if (!(error instanceof PageGoneError)) throw error;
        await this.newest.refresh();
      }
    }
    throw lostPage();
  }

  #load(held: Held, entry: KeyEntry): MaybePromise<DataKey> {
    const keyId = keyIdOf(entry);
    if (entry.state === 'compromised')
      this.#tellOnce(`compromised ${keyId}`, { type: 'compromised-key', keyId });
    const loaded = this.#loaded.get(keyId);
    if (loaded !== undefined) return loaded;
    const { wrapped } = entry;
    if (!wrapped) throw new DestroyedKeyError({ keyId });
    const loading = rescue(
      () =>
        andThen(this.#unwrap(held, { ...entry, wrapped }), (key) => {
          const bytes = keyIdBytes(entry.commitment);
          const dataKey = { keyId, keyIdBytes: bytes, prefix: prefixBytes('randomized', bytes), key };
          this.#loaded.set(keyId, dataKey); // from now on without a promise
          return dataKey;
        }),
      (error): never => {
        this.#loaded.delete(keyId);
        throw error;
      },
    );
    if (isPromise(loading)) this.#loaded.set(keyId, loading);
    return loading;
  }

  #unwrap(
    { document, unlocked }: Held,
    entry: KeyEntry & { readonly wrapped: Bytes },
  ): MaybePromise<DerivationKey> {
    return loadKey(this.environment.engine, unlocked.root, document.keyringId, entry);
  }

  /** Unwraps the keys that new cells and tokens need, and holds them to their commitments. Throws `KeyringDamagedError`. */
  async proveActiveKeys(): Promise<boolean> {
    const { held } = this.newest;
    const { roster } = held;
    const [data, index] = [roster.active('data', undefined), roster.active('index', undefined)];
    if (data) await this.#load(held, data);
    if (index?.wrapped) await this.#unwrap(held, { ...index, wrapped: index.wrapped });
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

  /** So that whoever knows better can take it back. */
  #warnOfDestruction(): void {
    for (const entry of this.document.keys) {
      const { destroyAfter, destroyReason: reason } = entry;
      if (destroyAfter === undefined) continue;
      const keyId = keyIdOf(entry);
      this.#tellOnce(`destroy ${keyId} ${destroyAfter}`, {
        type: 'destruction-scheduled',
        keyId,
        destroyAfter: new Date(destroyAfter),
        reason,
      });
    }
  }

  #tellOnce(what: string, event: Parameters<typeof tell>[1]): void {
    if (this.#told.has(what)) return;
    this.#told.add(what);
    tell(this.environment.onEvent, event);
  }

  /** Done when the keyring is closed; gives back how to leave that list. */
  onClose(work: () => Promise<void>): () => void {
    this.#closing.add(work);
    return () => this.#closing.delete(work);
  }

  /** Lets go of everything: watchers end, what was counted is told, keys are forgotten. */
  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    this.newest.close();
    this.#sealing = undefined;
    this.#opening = undefined;
    this.#loaded.close();
    this.cellKeys.close();
    this.tokenKeys.close();
    threadsOf(this.environment.engine)?.forgetKeys();
    const ends = [...this.#closing].map((work) => work());
    const outcomes = await Promise.allSettled([...ends, this.usage.close()]);
    for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason;
  }
}

/** A name for a page, a process, a slot …: random base32. */
export function randomName({ random }: Environment, bytes: number): string {
  return base32(random(bytes));
}

/** The active one of a tenant's own, or else of those that all share. */
function activeOf(entries: readonly KeyEntry[]): KeyEntry | undefined {
  return entries.find(({ state }) => state === 'active');
}

/** A key that is out of use is none for new tokens: no record's trouble, but the definition's. */
function assertGeneration(entry: KeyEntry, generation: number, where: TokenKeyPlace): KeyEntry {
  const { state } = entry;
  if (KEY_STATES[state].opens) return entry;
  throw new NoActiveKeyError({ ...where, keyId: keyIdOf(entry), kind: 'index', generation, state });
}

function assertOpens(entry: KeyEntry, tenant: ContextPart | undefined, where: Where): KeyEntry {
  if (entry.tenant !== undefined && tenantId(entry.tenant) !== tenantId(tenant))
    throw new KeyOfAnotherTenantError(where);
  if (KEY_STATES[entry.state].opens) return entry;
  if (entry.state === 'destroyed') throw new DestroyedKeyError(where);
  throw new SuspendedKeyError(where);
}
