declare const opaque: unique symbol;

/** A key that only its engine can use: a `CryptoKey` in one engine, a `KeyObject` in another. */
export interface OpaqueKey<Use extends string> {
  /** Never there: it only keeps one kind of key from being taken for another. */
  readonly [opaque]?: Use;
}
/** Goes into HKDF: a root key, a data key, an index key, a slot's secret. */
export type DerivationKey = OpaqueKey<'derivation'>;
/** AES-256-GCM. */
export type AeadKey = OpaqueKey<'aead'>;
/** HMAC-SHA-256, 32 bytes. */
export type MacKey = OpaqueKey<'mac'>;
/** AES-256-CTR with a 64-bit counter. */
export type StreamKey = OpaqueKey<'stream'>;
