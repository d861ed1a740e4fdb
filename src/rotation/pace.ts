import { DefinitionError } from '../errors.js';
import { DEFAULT_CHUNK_MS, DEFAULT_CHUNK_RECORDS, MAX_CHUNK_RECORDS } from '../limits.js';
import type { MaybePromise } from '../maybe.js';

/** How much a rotation leaves to others: after each chunk it sleeps as long as the chunk took (`gentle`), half as long (`steady`), or not at all (`full`). */
export type Pace = 'gentle' | 'steady' | 'full';

/** How fast a rotation goes on. It stands in the job record, so it holds for every later call too, until it is changed. */
export interface PaceSettings {
  /** Default: what the job record says; `full` where it says nothing. */
  readonly pace: Pace;
  /** Records looked at per second, at most: a number over 0; `undefined` where it is named takes a limit away. Default: what the job record says; no limit where it says nothing. */
  readonly recordsPerSecond: number | undefined;
}

/** What a {@link Throttle} answers: go on; wait and ask again; or stop, as if the loop had been left. */
export type ThrottleAnswer = 'go' | 'wait' | 'stop';
/** Asked before every chunk: a look at a replica's lag, at the load, at the time of day. What it throws ends the rotation at once, and is passed on. */
export type Throttle = () => MaybePromise<ThrottleAnswer>;

/** How long to sleep after a chunk, as a share of how long it took. */
export const PACES: Readonly<Record<Pace, number>> = Object.freeze({ gentle: 1, steady: 0.5, full: 0 });
export const DEFAULT_PACE: PaceSettings = Object.freeze({ pace: 'full', recordsPerSecond: undefined });

/** Weight of the newest chunk in the smoothed speed. */
const NEWEST = 0.3;
/** A chunk grows and shrinks by no more than this from one to the next. */
const MOST_GROWTH = 1.2;
const MOST_SHRINKAGE = 0.5;

export function encodePace({ pace, recordsPerSecond }: PaceSettings): object {
  return { pace, recordsPerSecond: recordsPerSecond ?? null };
}

/** `undefined` where the value is none. */
export function decodePace(value: unknown): PaceSettings | undefined {
  if (typeof value !== 'object' || value === null || Object.keys(value).length !== 2) return undefined;
  const { pace, recordsPerSecond } = value as { pace?: unknown; recordsPerSecond?: unknown };
  if (!isPace(pace) || !(recordsPerSecond === null || isRate(recordsPerSecond))) return undefined;
  return { pace, recordsPerSecond: recordsPerSecond ?? undefined };
}

/** What is set, over what held before. */
export function mergePace(before: PaceSettings, change: Partial<PaceSettings>): PaceSettings {
  const { pace = before.pace } = change;
  // Named and undefined: no limit from now on.
  const isNamed = Object.hasOwn(change, 'recordsPerSecond');
  const recordsPerSecond = isNamed ? change.recordsPerSecond : before.recordsPerSecond;
  if (!isPace(pace) || !(recordsPerSecond === undefined || isRate(recordsPerSecond))) {
    throw new DefinitionError(
      "pace is 'gentle', 'steady' or 'full'; recordsPerSecond is a number over 0, or undefined for no limit.",
    );
  }
  return { pace, recordsPerSecond };
}

function isPace(value: unknown): value is Pace {
  return typeof value === 'string' && Object.hasOwn(PACES, value);
}

function isRate(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value) && value > 0;
}

/** Sizes chunks so that each takes about as long as it should. */
export class ChunkSize {
  readonly #fixed: number | undefined;
  readonly #targetMs: number;
  #records: number;
  #msPerRecord: number | undefined;

  constructor({
    chunkRecords,
    chunkMs,
  }: { chunkRecords?: number | undefined; chunkMs?: number | undefined }) {
    this.#fixed = chunkMs === undefined ? chunkRecords : undefined;
    this.#targetMs = chunkMs ?? DEFAULT_CHUNK_MS;
    this.#records = chunkRecords ?? DEFAULT_CHUNK_RECORDS;
  }

  /** How many records the next chunk has, at most: with a rate limit never more than a second's worth. */
  next({ recordsPerSecond }: PaceSettings): number {
    const most =
      recordsPerSecond === undefined ? MAX_CHUNK_RECORDS : Math.max(1, Math.floor(recordsPerSecond));
    return Math.min(this.#fixed ?? this.#records, most);
  }

  /** Takes in how long a chunk took. */
  measure(records: number, elapsedMs: number): void {
    if (records === 0) return;
    const sample = elapsedMs / records;
    const before = this.#msPerRecord;
    this.#msPerRecord = before === undefined ? sample : before + NEWEST * (sample - before);
    const ideal = this.#targetMs / Math.max(this.#msPerRecord, Number.EPSILON);
    const bounded = Math.min(Math.max(ideal, this.#records * MOST_SHRINKAGE), this.#records * MOST_GROWTH);
    this.#records = Math.min(Math.max(Math.ceil(bounded), 1), MAX_CHUNK_RECORDS);
  }
}

/** How long to sleep after a chunk: what the pace wants, or what the rate wants if that is longer. */
export function pauseAfter(
  { pace, recordsPerSecond }: PaceSettings,
  records: number,
  elapsedMs: number,
): number {
  const ofRate = recordsPerSecond === undefined ? 0 : (records * 1000) / recordsPerSecond - elapsedMs;
  return Math.max(elapsedMs * PACES[pace], ofRate, 0);
}
