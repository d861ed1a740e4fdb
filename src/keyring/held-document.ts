import { type Bytes, equalBytes } from '../bytes.js';
import {
  KeyringClosedError,
  KeyringConflictError,
  KeyringDamagedError,
  KeyringNotFoundError,
  KeyringRekeyedError,
  KeyringRolledBackError,
  WrongKeyringError,
} from '../errors.js';
import { MAX_KEYRING_BYTES } from '../limits.js';
import type { MaybePromise } from '../maybe.js';
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
import { type RootKeys, deriveRootKeys } from './keys.js';
import { PageGoneError, PageReader } from './pages.js';
import { Roster } from './roster.js';
import {
  type OpenSlot,
  type UnlockSecret,
  findSlotOrThrow,
  followSlot,
  rootRevisionOf,
  unwrapRoot,
} from './slots.js';

/** What opening a slot gives. */
export interface Unlocked {
  readonly root: RootKeys;
  readonly slot: OpenSlot;
}

/** A verified document, with the root keys under which its keys are wrapped: taken together, used together. */
export interface Held {
  readonly document: KeyringDocument;
  /** SHA-256 of the payload: what the next revision names as its predecessor. */
  readonly hash: Bytes;
  readonly bytes: Bytes;
  readonly roster: Roster;
  readonly unlocked: Unlocked;
}

/** What a change makes of the document; what is not named stays as it was. */
export interface Edit extends Partial<KeyringDocument> {
  /** A new root key: the next document is sealed under it. Pages that it replaces stay, for processes that have not followed. */
  readonly unlocked?: Unlocked;
  /** Pages that nobody needs any more. */
  readonly removePages?: readonly string[];
}

/** What an edit sees beside the document. */
export interface EditContext {
  /** Whether a tenant's keys stood in a page that is lost; only in the scope `salvage`. */
  isLost(tenant: KeyEntry['tenant']): Promise<boolean>;
}

/** Makes of the newest document, with the keys that its scope names, what the next has instead; `undefined` changes nothing. */
export type MakeEdit = (document: KeyringDocument, context: EditContext) => MaybePromise<Edit | undefined>;

/** How a keyring is held by its process. */
export interface Holding {
  /** Encrypting stops when the keyring has not been read for so long; the policy may ask for less. */
  readonly maxStaleMs: number;
  /** Asked for the secret when the root key was changed and this process's slot is gone. */
  readonly renewSecret?: (() => MaybePromise<UnlockSecret>) | undefined;
}

interface Moment {
  readonly monotonicMs: number;
  readonly wallMs: number;
}

/** The newest document that this process has seen: read again, followed, changed; never gone back from. */
export class HeldDocument {
  readonly environment: Environment;
  readonly store: KeyringStore;
  readonly pages: PageReader;
  readonly #holding: Holding;
  readonly #following = new Set<() => void>();
  readonly #reading = new Set<() => void>();
  #held: Held;
  #readAt: Moment;
  #busy: Promise<unknown> = Promise.resolve();
  #isRenewing = false;
  #isClosed = false;

  private constructor(
    environment: Environment,
    store: KeyringStore,
    holding: Holding,
    held: Held,
    readAt: Moment,
  ) {
    this.environment = environment;
    this.store = store;
    this.pages = new PageReader(environment.engine, store.pages);
    this.#holding = holding;
    this.#held = held;
    this.#readAt = readAt;
  }

  /** Verifies the document under the root's MAC key, then holds it. Nothing but slots is used before. */
  static async open(
    environment: Environment,
    store: KeyringStore,
    unlocked: Unlocked,
    stored: StoredKeyring,
    holding: Holding,
    readAt: Moment,
  ): Promise<HeldDocument> {
    const held = await verifyDocument(environment, unlocked, stored);
    return new HeldDocument(environment, store, holding, held, readAt);
  }

  get held(): Held {
    return this.#held;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** By the wall clock: when the document that is held was read from its store, or found unchanged there. */
  get readAtMs(): number {
    return this.#readAt.wallMs;
  }

  get isStale(): boolean {
    return this.ageMs > this.maxStaleMs;
  }

  /** How long ago the document that is held was read, by the clock that says more. */
  get ageMs(): number {
    const { monotonicMs, wallMs } = momentOf(this.environment);
    // A suspended machine stops the one clock on some systems; somebody who sets it, the other.
    return Math.max(monotonicMs - this.#readAt.monotonicMs, wallMs - this.#readAt.wallMs);
  }

  /** The stricter of what the process and the policy ask for. */
  get maxStaleMs(): number {
    return Math.min(
      this.#holding.maxStaleMs,
      this.#held.document.policy.maxStaleMs ?? Number.POSITIVE_INFINITY,
    );
  }

  // ── Reading it again ──────────────────────────────────────────────────────────────────────────────────────────────

  /** Takes over the store's newest document. `secret` opens it where the root key has changed. */
  async refresh(secret?: UnlockSecret): Promise<void> {
    try {
      await this.#exclusive(() => this.#refresh(secret));
    } catch (error) {
      const { renewSecret } = this.#holding;
      if (!(error instanceof KeyringRekeyedError) || secret || !renewSecret || this.#isRenewing) throw error;
      // Outside the queue: whoever is asked may use the keyring meanwhile.
      this.#isRenewing = true;
      try {
        const renewed = await renewSecret();
        await this.#exclusive(() => this.#refresh(renewed));
      } finally {
        this.#isRenewing = false;
      }
    }
  }

  async #refresh(secret?: UnlockSecret): Promise<void> {
    const readAt = momentOf(this.environment);
    const stored = await this.store.read(MAX_KEYRING_BYTES);
    if (!stored) throw new KeyringNotFoundError();
    const { document, bytes } = this.#held;
    if (stored.revision !== document.revision || !equalBytes(stored.document, bytes)) {
      this.#accept(await this.#verify(stored, secret));
    }
    this.#wasRead(readAt);
  }

  #wasRead(readAt: Moment): void {
    this.#readAt = readAt;
    for (const work of this.#reading) work();
  }

  /** Under the root key that is held, or under the one that has followed it. */
  async #verify(stored: StoredKeyring, secret?: UnlockSecret): Promise<Held> {
    const { environment } = this;
    const { unlocked } = this.#held;
    const { payload, mac } = splitDocument(stored.document);
    const isSameRoot = await environment.engine.verifyMac(unlocked.root.mac, mac, payload);
    const next = isSameRoot ? unlocked : await this.#unlockAgain(decodePayload(payload), secret);
    return verifyDocument(environment, next, stored);
  }

  async #unlockAgain(document: KeyringDocument, secret: UnlockSecret | undefined): Promise<Unlocked> {
    const { engine } = this.environment;
    const { keyringId, revision, slots } = document;
    const { document: known, unlocked } = this.#held;
    if (keyringId !== known.keyringId) throw new WrongKeyringError(known.keyringId, keyringId);
    if (revision < known.revision) throw new KeyringRolledBackError(known.revision, revision);
    const followed = await followSlot(engine, keyringId, slots, unlocked.slot);
    if (!followed && !secret) throw new KeyringRekeyedError();
    const { slot, open } =
      followed ?? (await findSlotOrThrow(engine, keyringId, slots, secret as UnlockSecret));
    // Whoever has an old copy has the old root key, and the slots that wrapped it.
    if (rootRevisionOf(slot.id) < rootRevisionOf(unlocked.slot.id))
      throw new KeyringRolledBackError(known.revision, revision);
    return unlockedBy(this.environment, keyringId, slot, open);
  }

  #accept(next: Held): void {
    const { document: known, hash } = this.#held;
    const [seen, found] = [known.revision, next.document.revision];
    if (next.document.keyringId !== known.keyringId)
      throw new WrongKeyringError(known.keyringId, next.document.keyringId);
    if (found < seen) throw new KeyringRolledBackError(seen, found);
    if (found === seen) {
      if (!equalBytes(next.hash, hash)) throw new KeyringRolledBackError(seen, found);
      return;
    }
    const { previous } = next.document;
    if (found === seen + 1 && !(previous && equalBytes(previous, hash))) {
      throw new KeyringRolledBackError(seen, found);
    }
    this.#held = next;
    for (const follow of this.#following) follow();
    tell(this.environment.onEvent, { type: 'changed', revision: found });
  }

  // ── Changing it ───────────────────────────────────────────────────────────────────────────────────────────────────

  /**
   * Changes the document by compare-and-swap on its revision. What `edit` throws leaves everything as it was. `secret`
   * opens the document where the root key has changed. Gives back the names of pages that were to be removed, and that
   * the store has not removed.
   */
  change(scope: Scope, edit: MakeEdit, secret?: UnlockSecret): Promise<readonly string[]> {
    return this.#followed(() => this.#change(scope, edit), secret);
  }

  /** Does `work` in the queue; once more where the root key had changed, and could be followed. */
  async #followed<T>(work: () => Promise<T>, secret?: UnlockSecret): Promise<T> {
    try {
      return await this.#exclusive(work);
    } catch (error) {
      if (!(error instanceof KeyringRekeyedError)) throw error;
      await this.refresh(secret);
      return this.#exclusive(work);
    }
  }

  async #change(scope: Scope, edit: MakeEdit): Promise<readonly string[]> {
    await this.#refresh();
    const { environment } = this;
    const { document, hash, unlocked: before } = this.#held;
    const draft = await this.#draft(scope);
    const edited = await edit(
      { ...document, keys: draft.keys },
      { isLost: (tenant) => draft.isLost(tenant) },
    );
    if (!edited) return [];

    const { unlocked = before, removePages = [], ...members } = edited;
    const readAt = momentOf(environment);
    const next = { ...document, ...members, revision: document.revision + 1, previous: hash };
    const drafted = await draft.place({ ...next, keys: edited.keys ?? draft.keys });
    const placed =
      edited.unlocked && drafted.change
        ? { ...drafted, change: { ...drafted.change, pages: draft.replaced } }
        : drafted;
    const stored = await sealDocument(environment, unlocked.root, placed);
    // Checked as a reader would, before anybody can read it.
    const held = await verifyDocument(environment, unlocked, stored);
    await draft.writePages();
    const outcome = await this.#write(stored);
    if (outcome !== 'written') {
      if (outcome === 'another') await draft.withdrawPages();
      throw new KeyringConflictError();
    }
    this.#accept(held);
    this.#wasRead(readAt);
    // Who has not followed a new root key reads the old document on, and its pages.
    return draft.removePages([...(edited.unlocked ? [] : draft.replaced), ...removePages]);
  }

  /**
   * What is stored afterwards decides, not what the store has answered: a connection that is cut, or a request that is
   * sent twice, makes both answers doubtful. `another`: a document of the same revision stands there, so that this one
   * never will.
   */
  async #write(stored: StoredKeyring): Promise<'written' | 'another' | 'unknown'> {
    let failure: { readonly error: unknown } | undefined;
    try {
      if (await this.store.write(stored)) return 'written';
    } catch (error) {
      failure = { error };
    }
    const now = await this.#readIfItCan();
    const isSameRevision = now?.revision === stored.revision;
    if (now && isSameRevision && equalBytes(now.document, stored.document)) return 'written';
    if (failure) throw failure.error;
    return isSameRevision ? 'another' : 'unknown';
  }

  async #readIfItCan(): Promise<StoredKeyring | undefined> {
    try {
      return await this.store.read(MAX_KEYRING_BYTES);
    } catch {
      return undefined; // what was thrown before is what there is to tell
    }
  }

  async #draft(scope: Scope): Promise<KeyDraft> {
    const { document, bytes } = this.#held;
    try {
      return await KeyDraft.open(this.environment, this.store.pages, this.pages, document, scope);
    } catch (error) {
      if (!(error instanceof PageGoneError)) throw error;
      const now = await this.store.read(MAX_KEYRING_BYTES);
      if (now && !equalBytes(now.document, bytes)) throw new KeyringConflictError(); // replaced just now
      throw lostPage();
    }
  }

  /** The newest document, and the keys that the scope names. */
  look(scope: Scope): Promise<{ readonly held: Held; readonly keys: readonly KeyEntry[] }> {
    return this.#followed(async () => {
      await this.#refresh();
      const draft = await this.#draft(scope);
      return { held: this.#held, keys: draft.keys };
    });
  }

  /** The slot that this process opens from now on: its passphrase was changed here. */
  holdSlot(slot: OpenSlot): void {
    this.#held = { ...this.#held, unlocked: { ...this.#held.unlocked, slot } };
  }

  /** Done when another document is held; gives back how to leave that list. */
  onChange(work: () => void): () => void {
    this.#following.add(work);
    return () => this.#following.delete(work);
  }

  /** Done whenever the store was read, or written. */
  onRead(work: () => void): void {
    this.#reading.add(work);
  }

  assertOpen(): void {
    if (this.#isClosed) throw new KeyringClosedError();
  }

  close(): void {
    this.#isClosed = true;
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

/** A page that the document names, and that is not there although nobody has replaced it. */
export function lostPage(): KeyringDamagedError {
  return new KeyringDamagedError(
    'A page of keys that the document names is not in its store. Bring it back; or else restoreKey with salvage takes its keys from a copy.',
  );
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

/** Whatever is stored, held to its MAC, its format and its own rules. */
export async function verifyDocument(
  { engine }: Environment,
  unlocked: Unlocked,
  stored: StoredKeyring,
): Promise<Held> {
  const { payload, mac } = splitDocument(stored.document);
  if (!(await engine.verifyMac(unlocked.root.mac, mac, payload))) {
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
    unlocked,
  };
}
