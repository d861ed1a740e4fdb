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
 */
export interface KeyringStore {
  /** The newest document, or `undefined` where there has never been one. A document of over `maxBytes` is refused with `KeyringLimitError`, unread. */
  read(maxBytes: number): MaybePromise<StoredKeyring | undefined>;
  /**
   * Writes durably if, and only if, the newest revision is `next.revision - 1` (0: there is none). Returns whether it
   * did: of two who write the same revision exactly one gets `true`.
   */
  write(next: StoredKeyring): MaybePromise<boolean>;
}
