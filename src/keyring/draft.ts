import { base32 } from '../bytes.js';
import type { ContextPart } from '../envelope/index.js';
import { KeyringDamagedError } from '../errors.js';
import { MAX_PAGE_BUCKETS, SPILL_BYTES } from '../limits.js';
import type { KeyringPages } from '../ports/keyring-store.js';
import { type KeyringDocument, type PageReference, encodePayload } from './document.js';
import type { Environment } from './environment.js';
import type { KeyEntry } from './key-entry.js';
import { keyIdOf, tenantId } from './keys.js';
import {
  type BucketedKey,
  PageGoneError,
  type PageReader,
  bucketOf,
  bucketsOf,
  cutPages,
  pageOfBucket,
} from './pages.js';

/** Which keys a change needs to see: those in the document always, those in pages as named. `salvage`: all that are left; a page that is lost counts as empty, and is replaced. */
export type Scope =
  | 'document'
  | 'all'
  | 'salvage'
  | { readonly tenants: readonly ContextPart[] }
  | { readonly keyId: string };

const PAGE_NAME_BYTES = 16;

/**
 * The keys of a change: read from the document and its pages, and put back there. Pages are written under names that
 * were never used before the document that names them; only then are those that they replace removed. A crash between
 * leaves pages that no document names, and nothing else.
 */
export class KeyDraft {
  readonly #environment: Environment;
  readonly #store: KeyringPages | undefined;
  readonly #document: KeyringDocument;
  /** The pages that were read, by their place in the document's list. */
  readonly #read: ReadonlyMap<number, readonly KeyEntry[]>;
  /** The places of those that are lost. */
  readonly #lost: ReadonlySet<number>;
  readonly #written: { name: string; page: Uint8Array<ArrayBuffer> }[] = [];
  #replaced: readonly string[] = [];

  private constructor(
    environment: Environment,
    store: KeyringPages | undefined,
    document: KeyringDocument,
    read: ReadonlyMap<number, readonly KeyEntry[]>,
    lost: ReadonlySet<number>,
  ) {
    this.#environment = environment;
    this.#lost = lost;
    this.#store = store;
    this.#document = document;
    this.#read = read;
  }

  /** Throws `PageGoneError` where a page is not there: it was replaced since, or is lost. */
  static async open(
    environment: Environment,
    store: KeyringPages | undefined,
    reader: PageReader,
    document: KeyringDocument,
    scope: Scope,
  ): Promise<KeyDraft> {
    const read = new Map<number, readonly KeyEntry[]>();
    const lost = new Set<number>();
    for (const place of await placesOf(environment, reader, document, scope)) {
      try {
        read.set(place, (await reader.read(document.pages[place] as PageReference)).keys);
      } catch (error) {
        const isLost = error instanceof PageGoneError || error instanceof KeyringDamagedError;
        if (scope !== 'salvage' || !isLost) throw error;
        lost.add(place);
        read.set(place, []);
      }
    }
    return new KeyDraft(environment, store, document, read, lost);
  }

  /** The document's keys, and those of the pages that were read. */
  get keys(): readonly KeyEntry[] {
    return [...this.#document.keys, ...[...this.#read.values()].flat()];
  }

  /** The document with its keys where they belong: in itself, or in new pages that {@link writePages} writes. */
  async place(next: KeyringDocument): Promise<KeyringDocument> {
    const isPaged = this.#document.pages.length > 0;
    if (!isPaged && (!this.#store || encodePayload(next).length <= SPILL_BYTES)) return next;

    const tenants = next.keys.filter(({ tenant }) => tenant !== undefined);
    if (tenants.length === 0) return next;
    const shared = next.keys.filter(({ tenant }) => tenant === undefined);
    const bucketed = await this.#bucketed(tenants);
    const pages = isPaged ? await this.#replacePages(bucketed) : await this.#newPages(bucketed, 0);
    return { ...next, keys: shared, pages };
  }

  async #bucketed(keys: readonly KeyEntry[]): Promise<readonly BucketedKey[]> {
    const names = keys.map(({ tenant }) => tenantId(tenant));
    const tenants = new Map(keys.map(({ tenant }, i) => [names[i] as string, tenant as ContextPart]));
    const known = await bucketsOf(this.#environment.engine, [...tenants.values()]);
    const buckets = new Map([...tenants.keys()].map((name, i) => [name, known[i] as number]));
    return keys.map((key, i) => ({ key, bucket: buckets.get(names[i] as string) as number }));
  }

  async #replacePages(keys: readonly BucketedKey[]): Promise<readonly PageReference[]> {
    const { pages } = this.#document;
    const next: PageReference[] = [];
    const replaced: string[] = [];
    for (const [place, reference] of pages.entries()) {
      const before = this.#read.get(place);
      const end = pages[place + 1]?.from ?? MAX_PAGE_BUCKETS;
      const after = keys.filter(({ bucket }) => bucket >= reference.from && bucket < end);
      if (before === undefined || (isSame(before, after) && !this.#lost.has(place))) {
        next.push(reference);
        continue;
      }
      if (!this.#lost.has(place)) replaced.push(reference.name); // a damaged page may yet be mended by hand
      next.push(...(await this.#newPages(after, reference.from)));
    }
    this.#replaced = replaced;
    return next;
  }

  async #newPages(keys: readonly BucketedKey[], from: number): Promise<PageReference[]> {
    const made: PageReference[] = [];
    for (const cut of cutPages(keys, from)) {
      const name = base32(this.#environment.random(PAGE_NAME_BYTES));
      this.#written.push({ name, page: cut.page });
      made.push({ name, hash: await this.#environment.engine.digest(cut.page), from: cut.from });
    }
    return made;
  }

  async writePages(): Promise<void> {
    for (const { name, page } of this.#written) await this.#store?.write(name, page);
  }

  /** Whether a tenant's keys stood in a page that is lost. */
  async isLost(tenant: KeyEntry['tenant']): Promise<boolean> {
    if (tenant === undefined || this.#lost.size === 0) return false;
    const bucket = await bucketOf(this.#environment.engine, tenant);
    return this.#lost.has(pageOfBucket(this.#document.pages, bucket));
  }

  /** Pages that the new document does not name any more. */
  get replaced(): readonly string[] {
    return this.#replaced;
  }

  /** The new pages, as they are written. */
  get pages(): ReadonlyMap<string, Uint8Array<ArrayBuffer>> {
    return new Map(this.#written.map(({ name, page }) => [name, page]));
  }

  /** Another document stands in the place of the one that names these: nobody ever will. */
  async withdrawPages(): Promise<void> {
    await this.removePages(this.#written.map(({ name }) => name));
  }

  /** Gives back those that are left. */
  async removePages(names: readonly string[]): Promise<readonly string[]> {
    if (names.length === 0) return [];
    try {
      await this.#store?.remove(names);
      return [];
    } catch {
      return names; // The change stands, or is withdrawn, either way; these are wrapped keys that no document names.
    }
  }
}

async function placesOf(
  { engine }: Environment,
  reader: PageReader,
  { pages, keys }: KeyringDocument,
  scope: Scope,
): Promise<readonly number[]> {
  if (scope === 'document' || pages.length === 0) return [];
  if (scope === 'all' || scope === 'salvage') return [...pages.keys()];
  if ('tenants' in scope) {
    const buckets = await bucketsOf(engine, scope.tenants);
    return [...new Set(buckets.map((bucket) => pageOfBucket(pages, bucket)))];
  }
  if (keys.some((key) => keyIdOf(key) === scope.keyId)) return [];
  const place = await reader.pageWith(pages, scope.keyId);
  return place === undefined ? [] : [place];
}

/** Entries are never changed in place: the same objects are the same page. */
function isSame(before: readonly KeyEntry[], after: readonly BucketedKey[]): boolean {
  return before.length === after.length && before.every((key, i) => key === after[i]?.key);
}
