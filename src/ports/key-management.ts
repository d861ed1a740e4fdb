import type { Bytes } from '../bytes.js';
import type { MaybePromise } from '../maybe.js';

/** What a wrapped secret is bound to. Public facts; hand them to the service as its encryption context (additional authenticated data). */
export interface KeyManagementContext {
  /** The keyring's id. */
  readonly keyringId: string;
  /** The slot's id. */
  readonly slotId: string;
}

/**
 * A key management service, or a hardware module, behind two calls. It wraps the 32-byte secret of a slot under a key
 * that never leaves it. `keyManagementCases` in `cellseal/conformance` tests an implementation.
 *
 * `unwrap` gives exactly the bytes that `wrap` was given, for the same context only. What it cannot unwrap because it
 * is not its own, was altered or belongs to another context is refused with `KeyManagementRefusedError`; anything else
 * that goes wrong (no network, no permission) is thrown as it is, and reaches whoever opens the keyring. Neither call
 * keeps, logs or changes the secret, which the caller wipes.
 */
export interface KeyManagement {
  /** The service's name for the key that wraps, such as an ARN: stands in the slot, for people to read. 1 to 512 characters, not a secret. */
  readonly keyName: string;
  /** Wraps 32 bytes. The result has at most 8 KiB. */
  wrap(secret: Bytes, context: KeyManagementContext): MaybePromise<Uint8Array>;
  /** The reverse. */
  unwrap(wrapped: Bytes, context: KeyManagementContext): MaybePromise<Uint8Array>;
}
