import type { MaybePromise } from '../maybe.js';

/** A change of a job record by compare-and-swap on its exact old text. */
export interface JobWrite {
  /** The job's name. */
  readonly id: string;
  /** The record as it was read; `undefined`: there must be none. */
  readonly previous: string | undefined;
  /** The record to write. */
  readonly next: string;
  /**
   * Drops what the job has in quarantine and nobody has looked at (`open`), with the same write: a new run finds it
   * again if it is still there.
   */
  readonly forgetQuarantine?: boolean;
}

/** Which cell of which record. */
export interface CellAddress {
  /** The table's name in its definition. */
  readonly table: string;
  /** The record, as its store writes keys. */
  readonly key: string;
  /** The attribute. */
  readonly column: string;
}

/** A cell that a job could not read. Its bytes were left as they are. */
export interface RefusedCell extends CellAddress {
  /** Why: the `code` of the error, such as `authentication`. */
  readonly code: string;
}

/**
 * What is to become of a cell in quarantine: `open`, nobody has looked at it; `abandoned`, an operator has, and gives it
 * up: its bytes stay as they are.
 */
export type Disposition = 'open' | 'abandoned';

/** A cell in quarantine. */
export interface QuarantineEntry extends RefusedCell {
  /** What is to become of it. */
  readonly disposition: Disposition;
}

/** Where jobs keep their checkpoint and their quarantine: beside the records, so that both change in one transaction. */
export interface JobStore {
  /** The job's record, or `undefined`. */
  readJob(id: string): MaybePromise<string | undefined>;
  /** Returns whether it wrote. */
  writeJob(write: JobWrite): MaybePromise<boolean>;
  /** What the job has in quarantine: each (table, key, column) once, in no particular order. */
  listQuarantine(id: string): MaybePromise<readonly QuarantineEntry[]>;
  /**
   * Changes what is to become of cells that the job has in quarantine, or takes them out of it (`gone`: a cell was mended,
   * or its record is gone). Answers how many of them were there: a cell that is not is none, and never comes to be.
   */
  settleQuarantine(id: string, cells: readonly CellAddress[], to: Disposition | 'gone'): MaybePromise<number>;
}
