/**
 * The algorithm suites. A row here is the only place that knows a size or an algorithm's parameters; a new suite is a
 * new row, new vectors and a **Format** line in the changelog (docs/format.md §3, §4).
 */
export interface Suite {
  /** The suite's number: the first byte of a cell, and the number in its text form. */
  readonly id: number;
  readonly keyBytes: number;
  readonly keyIdBytes: number;
  readonly commitmentBytes: number;
  readonly saltBytes: number;
  readonly ivBytes: number;
  readonly tagBytes: number;
  /** V, the synthetic IV of a deterministic cell. */
  readonly syntheticIvBytes: number;
  readonly counterBits: number;
}

/** HKDF-SHA-256, AES-256-GCM with a 96-bit IV and a 128-bit tag; deterministic: HMAC-SHA-256 and AES-256-CTR. */
export const SUITE_1: Suite = Object.freeze({
  id: 1,
  keyBytes: 32,
  keyIdBytes: 16,
  commitmentBytes: 32,
  saltBytes: 8,
  ivBytes: 12,
  tagBytes: 16,
  syntheticIvBytes: 32,
  counterBits: 64,
});

/** How a cell's ciphertext comes about: with a random IV, or as a function of key, context and value. */
export type Mode = 'randomized' | 'deterministic';

interface ModeRow {
  readonly byte: number;
  readonly letter: string;
}

/** The second byte of a cell, and the letter in its text form. */
export const MODES: Readonly<Record<Mode, ModeRow>> = Object.freeze({
  randomized: { byte: 0, letter: 'r' },
  deterministic: { byte: 1, letter: 'd' },
});

/** suite ‖ mode ‖ key id: what both modes begin with. */
export const PREFIX_BYTES = 2 + SUITE_1.keyIdBytes;

/** A randomized cell before its ciphertext: the prefix, the salt, the IV. */
export const HEADER_BYTES = PREFIX_BYTES + SUITE_1.saltBytes + SUITE_1.ivBytes;
