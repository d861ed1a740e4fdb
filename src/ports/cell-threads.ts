import type { Bytes } from '../bytes.js';
import type { Arrival, CellOutcome, Sent } from '../sent.js';
import type { DerivationKey } from './engine-keys.js';

/** What another thread must know of a data key. Made once for each key: a thread is told only once. */
export interface ThreadKey {
  readonly keyId: string;
  readonly keyIdBytes: Bytes;
  /** What every randomized cell of it begins with. */
  readonly prefix: Bytes;
  readonly key: DerivationKey;
}

/** Where a cell is, as far as it is encoded already. */
export interface ThreadPlace {
  /** context("scope", …). */
  readonly scope: { readonly context: Bytes };
  readonly context: {
    /** context("cell", …) as far as to the record. Made once for each column, of which there is one scope: a thread is told only once. */
    readonly before: Bytes;
    /** The record's part of it; `undefined` where the cell is bound to its column. */
    readonly record: Bytes | undefined;
  };
}

/**
 * Randomized cells on their way to another thread. `finish` gets what has become of the cell when it is taken. Each
 * method gives `undefined` where there is no room for it.
 */
export interface CellBundle {
  /** A cell of a framed value, with everything that stands in it. */
  seal<T>(key: ThreadKey, place: ThreadPlace, framed: Bytes, finish: Finish<T>): Sent<T> | undefined;
  /** The framed value of a cell. `'authentication'` where it does not verify. */
  open<T>(key: ThreadKey, place: ThreadPlace, cell: Bytes, finish: Finish<T>): Sent<T> | undefined;
  /**
   * A cell's framed value, sealed under another key and opened again. `'authentication'` where the cell does not verify,
   * `'self-check'` where the new one does not.
   */
  renew<T>(
    from: ThreadKey,
    to: ThreadKey,
    place: ThreadPlace,
    cell: Bytes,
    finish: Finish<T>,
  ): Sent<T> | undefined;
  /** Whether there is room for a cell of so many bytes, with its record's part of the context. */
  hasRoomFor(bytes: number): boolean;
  /** Whether a record of some cells has no room any more. */
  readonly isFull: boolean;
}

/** What is made of what has become of a cell. */
export type Finish<T> = (outcome: CellOutcome) => T;

/** Other threads of this process that seal and open cells, a bundle at a time. */
export interface CellThreads {
  /** How many there are. */
  readonly count: number;
  /**
   * Has `fill` put cells into a bundle, there and then, and sends it; `undefined` where none were put. `undefined`, and
   * no call of `fill`, where every thread has enough to do, or a bundle is being filled.
   */
  send(fill: (bundle: CellBundle) => void): Arrival | undefined;
  /** Every key that was sent, or is put into a bundle just now, is forgotten as soon as what needs it is done. */
  forgetKeys(): void;
}
