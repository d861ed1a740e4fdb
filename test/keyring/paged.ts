/** Keyrings whose tenants' keys stand in pages: what a store holds, calls of it that are counted and broken, long tenants. */
import { createHash } from 'node:crypto';
import { setImmediate } from 'node:timers/promises';
import type { Bytes } from '../../src/bytes.js';
import { type Environment, type Keyring, addTenants, openKeyringIn } from '../../src/keyring/index.js';
import type { KeyringPages, KeyringStore, StoredKeyring } from '../../src/ports/keyring-store.js';
import { type Known, RAW_KEY, environment, forge, knownKeyring, payloadOf } from './support.js';

/** What lies in a store, whoever looks at it. */
export interface Shelf {
  newest: StoredKeyring | undefined;
  readonly pages: Map<string, Bytes>;
}

export function emptyShelf(): Shelf {
  return { newest: undefined, pages: new Map() };
}

/** Another shelf with the same on it. */
export function copyOf({ newest, pages }: Shelf): Shelf {
  return { newest, pages: new Map(pages) };
}

/** A call of a store. */
export type Call = 'read' | 'write' | 'pages.read' | 'pages.write' | 'pages.remove';

/** What happens to a call: `perform` does it. */
export type Meddle = (call: Call, perform: () => unknown) => unknown;

/** A process's own view of a shelf. `meddle` stands before every call. */
export interface ShelfStore extends KeyringStore {
  readonly pages: KeyringPages;
  /** Calls so far, in order. */
  readonly calls: Call[];
}

export function shelfStore(shelf: Shelf, meddle: Meddle = (_call, perform) => perform()): ShelfStore {
  const calls: Call[] = [];
  const call = async <T>(what: Call, perform: () => T): Promise<T> => {
    calls.push(what);
    return (await meddle(what, perform)) as T;
  };
  return {
    calls,
    read: () => call('read', () => shelf.newest),
    write: (next) =>
      call('write', () => {
        if (next.revision !== (shelf.newest?.revision ?? 0) + 1) return false;
        shelf.newest = { ...next, document: next.document.slice() };
        assertSound(shelf);
        return true;
      }),
    pages: {
      read: (name) => call('pages.read', () => shelf.pages.get(name)?.slice()),
      write: (name, page) =>
        call('pages.write', () => {
          if (shelf.pages.has(name)) throw new Error('a name was used twice');
          shelf.pages.set(name, page.slice());
          assertSound(shelf);
        }),
      remove: (names) =>
        call('pages.remove', () => {
          for (const name of names) shelf.pages.delete(name);
          assertSound(shelf);
        }),
    },
  };
}

/** Each call waits a few turns first: what runs side by side is shuffled. */
export function shuffled(turns: () => number): Meddle {
  return async (_call, perform) => {
    for (let left = turns(); left > 0; left--) await setImmediate();
    return perform();
  };
}

/** The pages that the document names. */
export function namedPages({ newest }: Shelf): readonly { name: string; hash: string; from: number }[] {
  return newest ? payloadOf(newest.document).pages : [];
}

/** No document names a page that is missing, or another one. Held after every call that changes a shelf. */
export function assertSound(shelf: Shelf): void {
  for (const { name, hash } of namedPages(shelf)) {
    const page = shelf.pages.get(name);
    const found = page && createHash('sha256').update(page).digest('base64url');
    if (found !== hash) throw new Error('the document names a page that is not there');
  }
}

/** A tenant whose keys are some 1 KiB each: a page holds a hundred tenants, and a document without pages three hundred. */
export const longTenant = (i: number): string => `tenant-${i}-`.padEnd(800, 'x');

/** A keyring with so many long tenants, and its root key. */
export interface Shelved extends Known {
  readonly shelf: Shelf;
  readonly tenants: readonly string[];
}

export async function shelvedKeyring(tenants: number, more: Partial<Environment> = {}): Promise<Shelved> {
  const shelf = emptyShelf();
  const known = await knownKeyring(undefined, shelfStore(shelf), more);
  const names = Array.from({ length: tenants }, (_, i) => longTenant(i));
  if (tenants > 0) await addTenants(known.keyring, names);
  return { ...known, shelf, tenants: names };
}

/** Opens what lies on a shelf. */
export function openShelf(store: KeyringStore, more: Partial<Environment> = {}): Promise<Keyring> {
  return openKeyringIn(environment(more), store, { rawKey: RAW_KEY });
}

/** The shelf with another page in the place of one, and a document that vouches for it. */
export function forgePage(
  shelf: Shelf,
  rootKey: Uint8Array,
  place: number,
  keys: (was: unknown[]) => unknown[],
): Shelf {
  const forged = copyOf(shelf);
  const { document, revision } = forged.newest as StoredKeyring;
  const payload = payloadOf(document);
  const reference = payload.pages[place];
  const was = JSON.parse(Buffer.from(shelf.pages.get(reference.name) ?? '').toString()) as unknown[];
  const page = new TextEncoder().encode(JSON.stringify(keys(was)));
  forged.pages.set(reference.name, page);
  reference.hash = createHash('sha256').update(page).digest('base64url');
  forged.newest = { revision, document: forge(rootKey, payload) };
  return forged;
}
