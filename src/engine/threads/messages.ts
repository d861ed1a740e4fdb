/**
 * How cells cross between threads: what is to be done with each stands in numbers at the head of one buffer, the bytes
 * behind them; what has become of them comes back in another, lengths first.
 */
import type { Bytes } from '../../bytes.js';
import { BUNDLE_BYTES, BUNDLE_CELLS } from '../../limits.js';
import type { DerivationKey } from '../../ports/engine.js';
import type { CellOutcome } from '../../sent.js';

/** What is done with a cell. */
export const WORK = { seal: 0, open: 1, renew: 2 } as const;

/** The places of a cell's numbers, of {@link NUMBERS_A_CELL}. */
export const NUMBER = { work: 0, key: 1, nextKey: 2, column: 3, recordBytes: 4, bytes: 5 } as const;
export const NUMBERS_A_CELL = 6;
const HEAD_BYTES = BUNDLE_CELLS * NUMBERS_A_CELL * Uint32Array.BYTES_PER_ELEMENT;

/** Instead of a length: −1 for the first of these, and so on. */
const REFUSALS = ['authentication', 'self-check'] as const;

/** Keys and columns are sent once, and called by their numbers from then on; no number is given twice. */
export interface ToldKey {
  readonly number: number;
  readonly keyId: string;
  readonly keyIdBytes: Bytes;
  readonly prefix: Bytes;
  readonly key: DerivationKey;
}
export interface ToldColumn {
  readonly number: number;
  readonly scope: Bytes;
  readonly before: Bytes;
}

/** Work for another thread. */
export interface BundleRequest {
  /** Comes back with the reply. */
  readonly id: number;
  readonly cells: number;
  readonly buffer: ArrayBuffer;
  /** The numbers of the keys and of the columns that cells name by their places in these lists. */
  readonly keys: readonly number[];
  readonly columns: readonly number[];
  /** Those that the thread does not know yet. */
  readonly newKeys: readonly ToldKey[];
  readonly newColumns: readonly ToldColumn[];
}

/** From the calling thread: work, or an order to forget all keys and columns. */
export type Request = BundleRequest | 'forget';

/** What has become of a bundle's cells, with the buffer that they came in. */
export interface BundleReply {
  readonly id: number;
  readonly outcomes: ArrayBuffer;
  readonly buffer: ArrayBuffer;
}

/** From the other thread: that it has started, or a reply. */
export type Reply = 'ready' | BundleReply;

/** The two parts of a request's buffer. */
export interface Room {
  readonly numbers: Uint32Array;
  readonly bytes: Bytes;
}

export function newBuffer(): ArrayBuffer {
  return new ArrayBuffer(HEAD_BYTES + BUNDLE_BYTES);
}

export function roomOf(buffer: ArrayBuffer): Room {
  return {
    numbers: new Uint32Array(buffer, 0, HEAD_BYTES / Uint32Array.BYTES_PER_ELEMENT),
    bytes: new Uint8Array(buffer, HEAD_BYTES),
  };
}

/** What has become of each cell: its bytes, or why there are none. */
export function replyOf(outcomes: readonly CellOutcome[]): ArrayBuffer {
  const headBytes = outcomes.length * Int32Array.BYTES_PER_ELEMENT;
  let end = headBytes;
  for (const outcome of outcomes) if (typeof outcome !== 'string') end += outcome.length;
  const buffer = new ArrayBuffer(end);
  const lengths = new Int32Array(buffer, 0, outcomes.length);
  const bytes = new Uint8Array(buffer);
  let at = headBytes;
  for (let i = 0; i < outcomes.length; i++) {
    const outcome = outcomes[i] as CellOutcome;
    if (typeof outcome === 'string') {
      lengths[i] = -1 - REFUSALS.indexOf(outcome);
    } else {
      lengths[i] = outcome.length;
      bytes.set(outcome, at);
      at += outcome.length;
    }
  }
  return buffer;
}

/** The reverse of {@link replyOf}: views on the buffer. */
export function outcomesIn(buffer: ArrayBuffer, cells: number): CellOutcome[] {
  const outcomes = new Array<CellOutcome>(cells);
  const lengths = new Int32Array(buffer, 0, cells);
  let at = cells * Int32Array.BYTES_PER_ELEMENT;
  for (let i = 0; i < cells; i++) {
    const length = lengths[i] as number;
    if (length < 0) {
      outcomes[i] = REFUSALS[-1 - length] as CellOutcome;
    } else {
      outcomes[i] = new Uint8Array(buffer, at, length);
      at += length;
    }
  }
  return outcomes;
}
