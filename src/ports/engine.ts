import type { Bytes } from '../bytes.js';
import type { MaybePromise } from '../maybe.js';
import type { AeadKey, DerivationKey, MacKey, StreamKey } from './engine-keys.js';

export type { AeadKey, DerivationKey, MacKey, OpaqueKey, StreamKey } from './engine-keys.js';

/**
 * All cryptography of cellseal goes through this port. Primitives come from the platform; an engine only carries keys
 * to them. Where a method can fail because of what it was given (a tag that does not verify), it throws or rejects
 * with `AuthenticationError`, and with nothing else; any other error is a fault of the engine or of its platform.
 *
 * An engine may answer synchronously: nothing above it changes. What it is given stays as it is until it has answered.
 */
export interface Engine {
  /** For messages and benchmarks: `webcrypto`. */
  readonly name: string;

  /** PBKDF2-HMAC-SHA-512 to 32 bytes. The result stays inside. */
  stretch(passphrase: Bytes, salt: Bytes, iterations: number): MaybePromise<DerivationKey>;
  /** Takes 32 bytes in. The caller wipes its copy. */
  importKey(bytes: Bytes): MaybePromise<DerivationKey>;
  /** AES-256-GCM over a wrapped 32-byte key, whose bytes stay inside where the platform allows it. */
  unwrapKey(key: AeadKey, iv: Bytes, wrapped: Bytes, aad: Bytes): MaybePromise<DerivationKey>;

  /** HKDF-SHA-256 to public bytes (a commitment). `info` has at most 1,024 bytes. */
  deriveBytes(key: DerivationKey, info: Bytes, bytes: number): MaybePromise<Bytes>;
  /** HKDF-SHA-256 to an AES-256-GCM key. */
  deriveAead(key: DerivationKey, salt: Bytes, info: Bytes): MaybePromise<AeadKey>;
  /** HKDF-SHA-256 to an HMAC-SHA-256 key of 32 bytes. */
  deriveMac(key: DerivationKey, info: Bytes): MaybePromise<MacKey>;
  /** HKDF-SHA-256 to an AES-256-CTR key. */
  deriveStream(key: DerivationKey, info: Bytes): MaybePromise<StreamKey>;

  /** AES-256-GCM: `head` as it is (none, if it is not given) ‖ ciphertext ‖ 128-bit tag. */
  seal(key: AeadKey, iv: Bytes, aad: Bytes, plaintext: Bytes, head?: Bytes): MaybePromise<Bytes>;
  /** The reverse, of what stands behind so many bytes of a head (0, if it is not given); `AuthenticationError` where the tag does not verify. */
  open(key: AeadKey, iv: Bytes, aad: Bytes, sealed: Bytes, headBytes?: number): MaybePromise<Bytes>;
  /** HMAC-SHA-256. */
  mac(key: MacKey, data: Bytes): MaybePromise<Bytes>;
  /** Compares in constant time. */
  verifyMac(key: MacKey, mac: Bytes, data: Bytes): MaybePromise<boolean>;
  /** AES-256-CTR, both ways. The counter is the last 64 bits of the block, and begins again at 0; docs/format.md §4 keeps it from coming that far. */
  applyStream(key: StreamKey, counterBlock: Bytes, data: Bytes): MaybePromise<Bytes>;
  /** SHA-256. */
  digest(data: Bytes): MaybePromise<Bytes>;
}

/** An engine that can answer every call at once: what the functions whose names end in `Sync` need. */
export interface SynchronousEngine extends Engine {
  /** Does `work` with every answer given at once: while it runs, no method of the engine gives a promise. */
  atOnce<T>(work: () => T): T;
}

/** Random bytes from the platform's cryptographic generator. They may come in `into`, which has room for exactly so many. */
export type RandomSource = (bytes: number, into?: Bytes) => Bytes;
