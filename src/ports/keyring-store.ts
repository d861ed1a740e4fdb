import type { Bytes } from '../bytes.js';
import type { MaybePromise } from '../maybe.js';

/** A keyring document as a store keeps it. */
export interface StoredKeyring {
  /** Counts from 1. */
  readonly revision: number;
  /** The document's bytes, exactly as they were written. At most 1 MiB. */
  readonly document: Bytes;
}

/**
 * Where a keyring document lives. A store sees nothing secret: keys in the document are wrapped.
 * `keyringStoreCases` in `cellseal/conformance` tests an implementation.
 *
 * `read` and `write` are all that most applications need. What else a store can do stands in optional members; what is
 * not there is refused where it is asked for, with `StoreUnfitError`.
 */
export interface KeyringStore {
  /** The newest document, or `undefined` where there has never been one; only what is durable, and never an older one than was written before (no replica that lags). A document of over `maxBytes` is refused with `KeyringLimitError`, unread. */
  read(maxBytes: number): MaybePromise<StoredKeyring | undefined>;
  /**
   * Writes durably if, and only if, the newest revision is `next.revision - 1` (0: there is none). Returns whether it
   * did: of two who write the same revision exactly one gets `true`. Throws only where it cannot say; who called then
   * reads what is there.
   */
  write(next: StoredKeyring): MaybePromise<boolean>;
  /** Writes durably if, and only if, there has never been a document here, whatever `next.revision` is. Returns whether it did. For a keyring that comes from elsewhere. */
  restore?(next: StoredKeyring): MaybePromise<boolean>;
  /** Where the keys of many tenants live, apart from the document. Without it all keys must fit into the document. */
  readonly pages?: KeyringPages;
  /** Which processes use the keyring, and what they have read of it. */
  readonly processes?: ProcessRegistry;
  /** How many cells were encrypted under each key. */
  readonly usage?: UsageLog;
}

/**
 * Pages of keys: byte strings under names that are never used twice (26 characters of base32, drawn at random). The
 * document names the pages that belong to it, and their hashes; a page that no document names is refuse from a crash.
 */
export interface KeyringPages {
  /** The page, exactly as it was written; `undefined` where there is none. One of over `maxBytes` is refused with `KeyringLimitError`, unread. */
  read(name: string, maxBytes: number): MaybePromise<Bytes | undefined>;
  /** Writes durably: a document that names the page is written only afterwards. */
  write(name: string, page: Bytes): MaybePromise<void>;
  /** Removes pages; those that are not there are no error. */
  remove(names: readonly string[]): MaybePromise<void>;
}

/** A process, as it has written itself down. */
export interface RegisteredProcess {
  /** 26 characters of base32, drawn at random by the process. */
  readonly id: string;
  /** What the process says of itself: JSON, at most 1 KiB. The store does not look into it. */
  readonly entry: string;
}

/** Who uses a keyring. */
export interface ProcessRegistry {
  /** Writes a process down, or replaces what it wrote before. */
  announce(process: RegisteredProcess): MaybePromise<void>;
  /** All of them, in no particular order. */
  list(): MaybePromise<readonly RegisteredProcess[]>;
  /** Strikes a process off; one that is not there is no error. */
  forget(id: string): MaybePromise<void>;
}

/** How many cells were encrypted under each key, over all processes: approximate, and never part of the keyring document. */
export interface UsageLog {
  /** Adds cells to a key's total. Safe from several processes at once: nothing that was added is lost. */
  add(keyId: string, cells: number): MaybePromise<void>;
  /** The total of every key that has one. */
  totals(): MaybePromise<Readonly<Record<string, number>>>;
}
