import { MAX_JOB_BYTES } from '../limits.js';
import { NO_COUNTS, type SweepCounters } from '../sweep/index.js';
import { type PaceSettings, decodePace, encodePace } from './pace.js';

/** Where a rotation is: `paused` until somebody resumes it; `swept` when every record was looked at; `blocked` when it stopped by itself. */
export type JobState = 'sweeping' | 'paused' | 'swept' | 'blocked';

/** The checkpoint of a rotation, as it is stored beside the records. It is a hint: the census is the authority. */
export interface RotationJob {
  readonly format: typeof JOB_FORMAT;
  /** The keyring and the tables that the checkpoint is for, hashed: for others its places say nothing. */
  readonly scope: string;
  /** The active keys that it sweeps to, hashed. */
  readonly aim: string;
  /** Who is at it: drawn at random by each run that takes it over. */
  readonly run: string;
  /** One more at every write, so that no two records are alike. */
  readonly revision: number;
  readonly state: JobState;
  /** Why it is paused or blocked; `null` where nothing was said. */
  readonly reason: string | null;
  readonly pass: number;
  /** Position in the schema. */
  readonly table: number;
  /** The place in that table up to which everything is done, as its store writes it; `null`: its beginning. */
  readonly cursor: string | null;
  /** Records looked at in this pass. */
  readonly passScanned: number;
  /** Records deferred in this pass. */
  readonly passDeferred: number;
  /** Other keys were made active during this pass: what it did before is to do again, in one more pass. */
  readonly isBehind: boolean;
  /** How often that has happened. */
  readonly turns: number;
  readonly pace: PaceSettings;
  readonly counters: SweepCounters;
  /** Milliseconds since 1970. */
  readonly startedAtMs: number;
  readonly updatedAtMs: number;
}

/** Why a sweep that was through is blocked: a count has found what it left, or what was written since. */
export const CELLS_LEFT = 'cells-left';

const JOB_FORMAT = 1;
const MAX_REASON_CHARACTERS = 500;

/** A job that begins at the beginning. */
export function freshJob(
  of: Pick<RotationJob, 'scope' | 'aim' | 'run' | 'pace'>,
  nowMs: number,
): RotationJob {
  return {
    format: JOB_FORMAT,
    scope: of.scope,
    aim: of.aim,
    run: of.run,
    revision: 1,
    state: 'sweeping',
    reason: null,
    pass: 1,
    table: 0,
    cursor: null,
    passScanned: 0,
    passDeferred: 0,
    isBehind: false,
    turns: 0,
    pace: of.pace,
    counters: NO_COUNTS,
    startedAtMs: nowMs,
    updatedAtMs: nowMs,
  };
}

/** One text a job. */
export function encodeJob(job: RotationJob): string {
  return JSON.stringify({ ...job, pace: encodePace(job.pace) });
}

/** A reason as a job record can hold it. */
export function shortReason(reason: string): string {
  return reason.slice(0, MAX_REASON_CHARACTERS).toWellFormed();
}

const MEMBERS: Readonly<Record<keyof RotationJob, (value: unknown) => boolean>> = {
  format: (value) => value === JOB_FORMAT,
  scope: isText,
  aim: isText,
  run: isText,
  revision: isCount,
  state: (value) => value === 'sweeping' || value === 'paused' || value === 'swept' || value === 'blocked',
  reason: (value) => value === null || (isText(value) && value.length <= MAX_REASON_CHARACTERS),
  pass: isCount,
  table: isCount,
  cursor: (value) => value === null || isText(value),
  passScanned: isCount,
  passDeferred: isCount,
  isBehind: (value) => typeof value === 'boolean',
  turns: isCount,
  pace: (value) => decodePace(value) !== undefined,
  counters: (value) => isClosed(value, Object.keys(NO_COUNTS)) && Object.values(value).every(isCount),
  startedAtMs: isCount,
  updatedAtMs: isCount,
};

/** `undefined` where the record is damaged: then it says nothing, which costs repeated looks and nothing else. */
export function decodeJob(record: string | undefined): RotationJob | undefined {
  if (record === undefined || record.length > MAX_JOB_BYTES) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(record);
  } catch {
    return undefined;
  }
  if (!isClosed(value, Object.keys(MEMBERS))) return undefined;
  const isSound = Object.entries(MEMBERS).every(([name, is]) => is(value[name]));
  if (!isSound) return undefined;
  return { ...(value as unknown as RotationJob), pace: decodePace(value['pace']) as PaceSettings };
}

/** Whether it counts from numbers that any run could come to: from others it would count to where no record decodes. */
export function isPlausible({ revision, counters, pass, passScanned, turns }: RotationJob): boolean {
  const numbers = [revision, pass, passScanned, turns, ...Object.values(counters)];
  return numbers.every((number) => number <= 2 ** 51);
}

/** An object with exactly these members of its own. */
export function isClosed(value: unknown, members: readonly string[]): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Object.keys(value).length !== members.length)
    return false;
  return members.every((name) => Object.hasOwn(value, name));
}

/** An integer from 0 to 2^52. */
export function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0 && (value as number) <= 2 ** 52;
}

function isText(value: unknown): value is string {
  return typeof value === 'string';
}
