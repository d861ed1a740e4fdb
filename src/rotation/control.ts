import { openedOf } from '../keyring/index.js';
import { type RotationJob, shortReason } from './job.js';
import { type RecordsOptions, environmentOf } from './options.js';
import { type PaceSettings, mergePace } from './pace.js';
import { changeJob } from './run.js';

/** What {@link pauseRotation} takes. */
export interface PauseOptions extends RecordsOptions {
  /** Why, for {@link rotationStatus} to tell; kept to 500 characters. Not a secret. Default: nothing is said. */
  readonly reason?: string;
}

/**
 * Pauses a rotation, wherever it runs: it ends its loop with the state `paused`, within two seconds and between two
 * chunks. The pause stands in the job record, so it survives restarts: whoever calls `rotate` meets it, until
 * {@link resumeRotation}.
 *
 * Returns whether there was a rotation under way.
 */
export async function pauseRotation(options: PauseOptions): Promise<boolean> {
  const { reason } = options;
  return isUnderWay(
    await change(options, ({ state }) =>
      state === 'sweeping'
        ? { state: 'paused', reason: reason === undefined ? null : shortReason(reason) }
        : undefined,
    ),
  );
}

/** Takes a pause back: the next call of `rotate` goes on where the rotation stood. Returns whether there is a rotation under way. */
export async function resumeRotation(options: RecordsOptions): Promise<boolean> {
  return isUnderWay(
    await change(options, ({ state }) =>
      state === 'paused' ? { state: 'sweeping', reason: null } : undefined,
    ),
  );
}

/**
 * Sets the pace of a rotation that is under way, wherever it runs; it holds from the next chunk on, and survives
 * restarts. What is not named stays as it was.
 *
 * Returns whether there was a rotation under way.
 *
 * @throws DefinitionError for a pace that is none.
 */
export async function setRotationPace(
  pace: Partial<PaceSettings>,
  options: RecordsOptions,
): Promise<boolean> {
  return isUnderWay(
    await change(options, (job) => (isUnderWay(job) ? { pace: mergePace(job.pace, pace) } : undefined)),
  );
}

function change(
  { keyring, records }: RecordsOptions,
  make: (job: RotationJob) => Partial<RotationJob> | undefined,
): Promise<RotationJob | undefined> {
  return changeJob({ environment: environmentOf(), opened: openedOf(keyring), records }, make);
}

function isUnderWay(job: RotationJob | undefined): boolean {
  return job?.state === 'sweeping' || job?.state === 'paused';
}
