import type { MaybePromise } from '../maybe.js';

/** A change of a job record by compare-and-swap on its exact old text. */
export interface JobWrite {
  /** The job's name. */
  readonly id: string;
  /** The record as it was read; `undefined`: there must be none. */
  readonly previous: string | undefined;
  /** The record to write. */
  readonly next: string;
  /** Drops what the job has in quarantine, with the same write: a new run finds it again if it is still there. */
  readonly forgetQuarantine?: boolean;
}

/** A cell that a job could not read. Its bytes were left as they are. */
export interface QuarantineEntry {
  /** The table's name in its definition. */
  readonly table: string;
  /** The record, as its store writes keys. */
  readonly key: string;
  /** The attribute. */
  readonly column: string;
  /** Why: the `code` of the error, such as `authentication`. */
  readonly code: string;
}

/** Where jobs keep their checkpoint and their quarantine: beside the records, so that both change in one transaction. */
export interface JobStore {
  /** The job's record, or `undefined`. */
  readJob(id: string): MaybePromise<string | undefined>;
  /** Returns whether it wrote. */
  writeJob(write: JobWrite): MaybePromise<boolean>;
  /** What the job has in quarantine: each (table, key, column) once, in no particular order. */
  listQuarantine(id: string): MaybePromise<readonly QuarantineEntry[]>;
}
