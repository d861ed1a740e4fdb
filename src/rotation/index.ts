/**
 * Re-encrypts the records of a schema under the active keys, while the application reads and writes.
 *
 * @packageDocumentation
 */
import { type Census, openedOf } from '../keyring/index.js';
import type { Schema } from '../schema.js';
import { type BindingCount, countBindings as countCellBindings, countCells } from '../sweep/index.js';
import { type RecordsOptions, type StopOptions, environmentOf } from './options.js';
import type { RotationProgress } from './progress.js';
import { type RotationLimits, runRotation } from './rotate.js';

export type { MaybePromise } from '../maybe.js';
export type { StopSignal } from '../ports/clock.js';
export type * from '../ports/job-store.js';
export type * from '../ports/record-store.js';
export type * from '../ports/table-description.js';
export {
  type BindingCount,
  type CheckSchemaOptions,
  STEPS,
  type SchemaFinding,
  type SchemaFindingCode,
  type SchemaReport,
  type StepName,
  type StepObserver,
  type SweepCounters as RotationCounters,
  assertSchema,
  checkSchema,
} from '../sweep/index.js';
export { type ValueSize, cellWidth } from './cell-width.js';
export { type PauseOptions, pauseRotation, resumeRotation, setRotationPace } from './control.js';
export { isFenceRefusal, withKeyRefresh } from './fence/refusal.js';
export type { FenceSql } from './fence/sql.js';
export { type FenceDialect, type FenceOptions, fenceSql } from './fence.js';
export { type FinishOptions, type FinishOutcome, type HeldKey, finishRotation } from './finish.js';
export {
  type MigrationOptions,
  type MigrationStatement,
  type SqlDialect,
  migrationSql,
} from './migration-sql.js';
export type { RecordsOptions, StopOptions } from './options.js';
export { type OverdueAdoption, overdueAdoptions } from './overdue.js';
export type { Pace, PaceSettings, Throttle, ThrottleAnswer } from './pace.js';
export {
  type PlanOptions,
  type RotatePartitionOptions,
  type RotationPartition,
  planPartitions,
  rotatePartition,
} from './partition.js';
export type { RotationProgress } from './progress.js';
export {
  type QuarantineRetry,
  abandonQuarantined,
  listQuarantine,
  retryQuarantined,
} from './quarantine.js';
export type { RotationLimits, SweepLimits } from './rotate.js';
export {
  type QuarantineStatus,
  type RotationState,
  type RotationStatus,
  type SweepStatus,
  rotationStatus,
} from './status.js';
export type { UniqueIndexColumn, UniqueIndexStatus, UniqueIndexStep } from './unique-indexes.js';

/** What {@link rotate} takes. */
export interface RotateOptions extends RecordsOptions, StopOptions, RotationLimits {}

/**
 * Brings every record of the schema to what its definition says, while the application reads and writes: what is not
 * under its active key is sealed anew, and so is plaintext of attributes that are `adopting`, and what is bound to its
 * former place in tables that are `rebinding`. Adding
 * and activating a key are acts of their own (`addKey`, `activateKey`): calling this again never makes another key.
 *
 * Yields once it has begun, and after every chunk. Stop it by leaving the loop, by the signal, or by killing the process;
 * call it again and it goes on from its checkpoint, or from the beginning where there is none, with the same result.
 * {@link pauseRotation} stops it wherever it runs, until {@link resumeRotation}. Of two that run over one store, the one
 * that began later goes on.
 *
 * A cell that is refused stays as it is and is listed by {@link listQuarantine}. A record is swapped only if its cells
 * still have the bytes that were read: no write of the application is lost, and no deleted record comes back.
 *
 * When it ends, count with {@link census}: that is the proof.
 *
 * @throws SchemaMismatchError: definitions and database disagree, so that cells would be passed over. Nothing was done.
 * @throws RotationBlockedError: too many cells were refused, or records change faster than they can be swapped.
 * @throws RotationSupersededError: another rotation has taken over.
 * @throws DefinitionError for limits that bound nothing, or a pace that is none.
 * @throws StoreBusyError: the database stayed locked. Errors of the database itself, and of `throttle`, are passed on as they are.
 */
export function rotate(
  schema: Schema,
  options: RotateOptions,
): AsyncGenerator<RotationProgress, void, undefined> {
  const { keyring, records, signal, observer, ...limits } = options;
  return runRotation({
    environment: environmentOf(options),
    opened: openedOf(keyring),
    schema,
    records,
    limits,
  });
}

/**
 * Counts the cells of every table of the schema by key, at the keyring's present revision and without regard to any
 * checkpoint. `noteCensus` writes down which keys it has found empty; `suspendKey` wants a later one that finds nothing
 * under the key.
 */
export async function census(schema: Schema, options: RecordsOptions & StopOptions): Promise<Census> {
  const { keyring, records } = options;
  return countCells(environmentOf(options), openedOf(keyring), schema, records);
}

/**
 * Opens every cell of the schema, changes nothing, and says what it is bound to: for tables that are `rebinding`, where
 * a census by key tags says nothing. It takes as long as a rotation. When no process writes under the former definition
 * any more, `former` and `refused` at zero prove that `rebinding` can go.
 */
export async function countBindings(
  schema: Schema,
  options: RecordsOptions & StopOptions,
): Promise<readonly BindingCount[]> {
  const { keyring, records } = options;
  return countCellBindings(environmentOf(options), openedOf(keyring), schema, records);
}
