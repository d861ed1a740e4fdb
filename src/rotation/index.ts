/**
 * Re-encrypts the records of a schema under the active keys, while the application reads and writes.
 *
 * @packageDocumentation
 */
import { type Census, type Keyring, openedOf } from '../keyring/index.js';
import { platformRandom, systemClock } from '../platform.js';
import type { StopSignal } from '../ports/clock.js';
import type { QuarantineEntry } from '../ports/job-store.js';
import type { RecordStore } from '../ports/record-store.js';
import type { Schema } from '../schema.js';
import {
  type BindingCount,
  type StepObserver,
  type SweepEnvironment,
  countBindings as countCellBindings,
  countCells,
} from '../sweep/index.js';
import type { RotationProgress } from './progress.js';
import { type RotationLimits, jobId, runRotation } from './rotate.js';

export type { MaybePromise } from '../maybe.js';
export type { StopSignal } from '../ports/clock.js';
export type * from '../ports/job-store.js';
export type * from '../ports/record-store.js';
export { type BindingCount, STEPS, type StepName, type StepObserver } from '../sweep/index.js';
export { type ValueSize, cellWidth } from './cell-width.js';
export type { RotationCounters } from './job.js';
export {
  type MigrationOptions,
  type MigrationStatement,
  type SqlDialect,
  migrationSql,
} from './migration-sql.js';
export { type OverdueAdoption, overdueAdoptions } from './overdue.js';
export type { RotationProgress } from './progress.js';
export type { RotationLimits } from './rotate.js';

/** What works on records takes a keyring and the store that holds them. */
export interface RecordsOptions {
  /** An open keyring whose cells the tables hold. */
  readonly keyring: Keyring;
  /** The store that holds the tables: `sqliteRecords(client)`, for instance. */
  readonly records: RecordStore;
}

/** What {@link rotate} takes. */
export interface RotateOptions extends RecordsOptions, RotationLimits {
  /** Stops the rotation between two steps; it rejects with the signal's reason. What was committed stays, and the next call goes on there. */
  readonly signal?: StopSignal;
  /** Called before and after every step that touches a store: for tests that stop or kill it there. */
  readonly observer?: StepObserver;
}

/**
 * Brings every record of the schema to what its definition says, while the application reads and writes: what is not
 * under its active key is sealed anew, and so is plaintext of attributes that are `adopting`, and what is bound to its
 * former place in tables that are `rebinding`. Adding
 * and activating a key are acts of their own (`addKey`, `activateKey`): calling this again never makes another key.
 *
 * Yields once it has begun, and after every chunk. Stop it by leaving the loop, by the signal, or by killing the process; call it again and it
 * goes on from its checkpoint, or from the beginning where there is none, with the same result. Of two that run over
 * one store, the one that began later goes on.
 *
 * A cell that is refused stays as it is and is listed by {@link listQuarantine}. A record is swapped only if its cells
 * still have the bytes that were read: no write of the application is lost, and no deleted record comes back.
 *
 * When it ends, count with {@link census}: that is the proof.
 *
 * @throws RotationBlockedError: too many cells were refused, or records change faster than they can be swapped.
 * @throws RotationSupersededError: another rotation has taken over.
 * @throws StoreBusyError: the database stayed locked. Errors of the database itself are passed on as they are.
 */
export function rotate(
  schema: Schema,
  options: RotateOptions,
): AsyncGenerator<RotationProgress, void, undefined> {
  const { keyring, records, signal, observer, ...limits } = options;
  return runRotation({
    environment: environmentOf(signal, observer),
    opened: openedOf(keyring),
    schema,
    records,
    limits,
  });
}

/**
 * Counts the cells of every table of the schema by key, at the keyring's present revision and without regard to any
 * checkpoint. `suspendKey` wants one that finds nothing under the key.
 */
export async function census(schema: Schema, { keyring, records }: RecordsOptions): Promise<Census> {
  return countCells(environmentOf(), openedOf(keyring), schema, records);
}

/**
 * Opens every cell of the schema, changes nothing, and says what it is bound to: for tables that are `rebinding`, where
 * a census by key tags says nothing. It takes as long as a rotation. When no process writes under the former definition
 * any more, `former` and `refused` at zero prove that `rebinding` can go.
 */
export async function countBindings(
  schema: Schema,
  { keyring, records }: RecordsOptions,
): Promise<readonly BindingCount[]> {
  return countCellBindings(environmentOf(), openedOf(keyring), schema, records);
}

/** The cells that the last rotation of this keyring refused. They were left as they are. */
export async function listQuarantine({
  keyring,
  records,
}: RecordsOptions): Promise<readonly QuarantineEntry[]> {
  return records.listQuarantine(jobId(openedOf(keyring)));
}

function environmentOf(signal?: StopSignal, observer: StepObserver = {}): SweepEnvironment {
  return { clock: systemClock, random: platformRandom, observer, signal };
}
