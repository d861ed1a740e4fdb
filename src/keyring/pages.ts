import { type Bytes, concat, equalBytes, utf8 } from '../bytes.js';
import { Lru } from '../cipher/index.js';
import { mapAll } from '../concurrency.js';
import type { ContextPart } from '../envelope/index.js';
import { KeyringDamagedError, KeyringLimitError, StoreUnfitError } from '../errors.js';
import { DEFAULT_CONCURRENCY, MAX_PAGE_BYTES, PAGE_CACHE_ENTRIES, PAGE_SPLIT_BYTES } from '../limits.js';
import { type MaybePromise, andThen } from '../maybe.js';
import type { Engine } from '../ports/engine.js';
import type { KeyringPages } from '../ports/keyring-store.js';
import { damaged, list } from './checks.js';
import { type PageReference, assertCanonical, parseJson } from './document.js';
import { type KeyEntry, decodeKey, encodeKey } from './key-entry.js';
import { keyIdOf } from './keys.js';
import { Roster, spelledTenant } from './roster.js';

/** A page, read: keys of the tenants whose buckets it covers. */
export interface KeyPage {
  readonly keys: readonly KeyEntry[];
  readonly roster: Roster;
}

/** A page that is not in its store any more: the document that named it has been followed by another. */
export class PageGoneError extends Error {}

/** A page's bytes: a JSON list of keys, spelled as in the payload. */
export function encodePage(keys: readonly KeyEntry[]): Bytes {
  return utf8(JSON.stringify(keys.map(encodeKey)));
}

function decodePage(bytes: Bytes): KeyPage {
  const keys = list(parseJson(bytes)).map(decodeKey);
  if (keys.some(({ tenant }) => tenant === undefined)) throw damaged('A page holds a key without a tenant.');
  assertCanonical(encodePage(keys), bytes);
  return { keys, roster: new Roster(keys) };
}

/**
 * The first two bytes of SHA-256 over the tenant, spelled without its type: tenants that are spelled alike stand in one
 * page, where a mistaken type is noticed.
 */
export function bucketOf(engine: Engine, tenant: ContextPart): MaybePromise<number> {
  return andThen(
    engine.digest(utf8(spelledTenant(tenant))),
    (hash) => ((hash[0] as number) << 8) | (hash[1] as number),
  );
}

/** The same for many. */
export function bucketsOf(engine: Engine, tenants: readonly ContextPart[]): Promise<readonly number[]> {
  return mapAll(tenants, DEFAULT_CONCURRENCY, async (tenant) => bucketOf(engine, tenant));
}

/** The place of the page that holds a bucket; the first page begins at bucket 0, so there is one. */
export function pageOfBucket(pages: readonly PageReference[], bucket: number): number {
  return pages.findLastIndex(({ from }) => from <= bucket);
}

/** A key with the bucket of its tenant. */
export interface BucketedKey {
  readonly bucket: number;
  readonly key: KeyEntry;
}

/** Keys of one range of buckets as pages that are not too long: halves, and halves of those. */
export function cutPages(keys: readonly BucketedKey[], from: number): { from: number; page: Bytes }[] {
  return cut(
    keys.map(({ bucket, key }) => ({ bucket, spelled: utf8(JSON.stringify(encodeKey(key))) })),
    from,
  );
}

/** A key is spelled once, however often its page is cut. */
interface SpelledKey {
  readonly bucket: number;
  readonly spelled: Bytes;
}

function cut(keys: readonly SpelledKey[], from: number): { from: number; page: Bytes }[] {
  const buckets = [...new Set(keys.map(({ bucket }) => bucket))].sort((left, right) => left - right);
  const middle = buckets[buckets.length >> 1];
  const bytes = keys.reduce((sum, { spelled }) => sum + spelled.length + 1, 1);
  if (bytes <= PAGE_SPLIT_BYTES || middle === undefined || buckets.length < 2) {
    if (bytes > MAX_PAGE_BYTES) throw new KeyringLimitError('A page of keys has at most 1 MiB.');
    return [{ from, page: joinPage(keys) }];
  }
  return [
    ...cut(
      keys.filter(({ bucket }) => bucket < middle),
      from,
    ),
    ...cut(
      keys.filter(({ bucket }) => bucket >= middle),
      middle,
    ),
  ];
}

/** What {@link encodePage} gives. */
function joinPage(keys: readonly SpelledKey[]): Bytes {
  const comma = utf8(',');
  const items = keys.flatMap(({ spelled }, i) => (i === 0 ? [spelled] : [comma, spelled]));
  return concat(utf8('['), ...items, utf8(']'));
}

/** Reads pages when they are asked for, and keeps the ones used last. */
export class PageReader {
  readonly #engine: Engine;
  readonly #store: KeyringPages | undefined;
  readonly #held = new Lru<KeyPage>(PAGE_CACHE_ENTRIES);
  readonly #reading = new Map<string, Promise<KeyPage>>();
  /** The ids of each page's keys, by its name: to find a key whose tenant is not known. */
  #keyIds = new Map<string, ReadonlySet<string>>();

  constructor(engine: Engine, store: KeyringPages | undefined) {
    this.#engine = engine;
    this.#store = store;
  }

  /** The page, if it is here already. */
  held({ name }: PageReference): KeyPage | undefined {
    return this.#held.get(name);
  }

  /** Throws `PageGoneError`, or `KeyringDamagedError` where the bytes are not those that the document names. */
  read(reference: PageReference): Promise<KeyPage> {
    const { name } = reference;
    const held = this.held(reference);
    if (held) return Promise.resolve(held);
    const underWay = this.#reading.get(name);
    if (underWay) return underWay;
    // Behind the set, whenever it ends: a store may throw before it has given a promise, and is asked again then.
    const reading = this.#read(reference).finally(() => this.#reading.delete(name));
    this.#reading.set(name, reading);
    return reading;
  }

  async #read({ name, hash }: PageReference): Promise<KeyPage> {
    if (!this.#store) {
      throw new StoreUnfitError(
        'This keyring has pages of tenants’ keys, and its store keeps no pages. Copy the keyring whole, with exportKeyring.',
      );
    }
    const bytes = await this.#store.read(name, MAX_PAGE_BYTES);
    if (!bytes) throw new PageGoneError();
    if (bytes.length > MAX_PAGE_BYTES || !equalBytes(await this.#engine.digest(bytes), hash))
      throw new KeyringDamagedError('A page of keys is not the one that the document names.');
    const page = decodePage(bytes);
    this.#held.set(name, page);
    return page;
  }

  /** The page in which a key stands, whosever it is. Reads every page once. */
  async pageWith(pages: readonly PageReference[], keyId: string): Promise<number | undefined> {
    const known = new Map<string, ReadonlySet<string>>();
    for (const reference of pages) {
      const ids = this.#keyIds.get(reference.name) ?? new Set((await this.read(reference)).keys.map(keyIdOf));
      known.set(reference.name, ids);
      this.#keyIds.set(reference.name, ids);
    }
    this.#keyIds = known; // pages that are not named any more are forgotten
    const place = pages.findIndex(({ name }) => known.get(name)?.has(keyId));
    return place === -1 ? undefined : place;
  }

  /** The same without reading: among the pages whose keys are known by now. */
  knownPageWith(pages: readonly PageReference[], keyId: string): PageReference | undefined {
    return pages.find(({ name }) => this.#keyIds.get(name)?.has(keyId));
  }
}
