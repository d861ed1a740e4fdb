import { MAX_JOB_BYTES } from '../limits.js';

/** What a rotation has counted. Counters only grow, and are committed with the work that they count. */
export interface RotationCounters {
  /** Records looked at, over all passes. */
  readonly scanned: number;
  /** Cells sealed anew, adopted and rebound ones among them. */
  readonly rewritten: number;
  /** Cells sealed in place of plaintext. */
  readonly adopted: number;
  /** Cells that opened in their former place only, sealed in their own. */
  readonly rebound: number;
  /** Cells found under their active key in the first pass. */
  readonly current: number;
  /** Swaps lost to somebody who wrote the record at the same moment. */
  readonly conflicts: number;
  /** Records left for the next pass after five lost swaps. */
  readonly deferred: number;
  /** Cells that were refused in the first pass; `listQuarantine` has them all. */
  readonly quarantined: number;
  /** Bytes of the cells sealed anew, as they are stored. */
  readonly bytes: number;
}

/** The checkpoint of a rotation, as it is stored beside the records. It is a hint: the census is the authority. */
export interface RotationJob {
  readonly format: typeof JOB_FORMAT;
  /** The keyring, the tables and the active keys that the checkpoint is for, hashed: for others it says nothing. */
  readonly scope: string;
  /** One more at every write, so that no two records are alike. */
  readonly revision: number;
  readonly state: 'sweeping' | 'swept' | 'blocked';
  readonly pass: number;
  /** Position in the schema. */
  readonly table: number;
  /** The place in that table up to which everything is done, as its store writes it; `null`: its beginning. */
  readonly cursor: string | null;
  /** Records looked at in this pass. */
  readonly passScanned: number;
  /** Records deferred in this pass. */
  readonly passDeferred: number;
  readonly counters: RotationCounters;
  /** Milliseconds since 1970. */
  readonly startedAtMs: number;
  readonly updatedAtMs: number;
}

export const JOB_FORMAT = 1;

const NO_COUNTS: RotationCounters = Object.freeze({
  scanned: 0,
  rewritten: 0,
  adopted: 0,
  rebound: 0,
  current: 0,
  conflicts: 0,
  deferred: 0,
  quarantined: 0,
  bytes: 0,
});

/** A job that begins at the beginning. */
export function freshJob(scope: string, nowMs: number): RotationJob {
  return {
    format: JOB_FORMAT,
    scope,
    revision: 1,
    state: 'sweeping',
    pass: 1,
    table: 0,
    cursor: null,
    passScanned: 0,
    passDeferred: 0,
    counters: NO_COUNTS,
    startedAtMs: nowMs,
    updatedAtMs: nowMs,
  };
}

/** The counters with `more` added. */
export function addCounters(counters: RotationCounters, more: Partial<RotationCounters>): RotationCounters {
  const sum = { ...counters };
  for (const name of Object.keys(NO_COUNTS) as (keyof RotationCounters)[]) sum[name] += more[name] ?? 0;
  return sum;
}

/** One text a job. */
export function encodeJob(job: RotationJob): string {
  return JSON.stringify(job);
}

/**
 * The job to resume, or `undefined` where the record is damaged, of another scope, or not under way: then the rotation
 * begins at the beginning, which costs repeated looks and nothing else.
 */
export function resumableJob(
  record: string | undefined,
  scope: string,
  tables: number,
): RotationJob | undefined {
  const job = record === undefined ? undefined : decodeJob(record);
  const fits = job?.scope === scope && job.state === 'sweeping' && job.table < tables;
  return fits ? job : undefined;
}

const MEMBERS: Readonly<Record<keyof RotationJob, (value: unknown) => boolean>> = {
  format: (value) => value === JOB_FORMAT,
  scope: (value) => typeof value === 'string',
  revision: isCount,
  state: (value) => value === 'sweeping' || value === 'swept' || value === 'blocked',
  pass: isCount,
  table: isCount,
  cursor: (value) => value === null || typeof value === 'string',
  passScanned: isCount,
  passDeferred: isCount,
  counters: (value) => isClosed(value, Object.keys(NO_COUNTS)) && Object.values(value).every(isCount),
  startedAtMs: isCount,
  updatedAtMs: isCount,
};

function decodeJob(record: string): RotationJob | undefined {
  if (record.length > MAX_JOB_BYTES) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(record);
  } catch {
    return undefined;
  }
  if (!isClosed(value, Object.keys(MEMBERS))) return undefined;
  const isSound = Object.entries(MEMBERS).every(([name, is]) => is(value[name]));
  return isSound ? (value as unknown as RotationJob) : undefined;
}

function isClosed(value: unknown, members: readonly string[]): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Object.keys(value).length !== members.length)
    return false;
  return members.every((name) => Object.hasOwn(value, name));
}

function isCount(value: unknown): boolean {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}
