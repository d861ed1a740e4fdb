import type { RecordEstimate } from '../ports/record-store.js';
import type { SweepCounters } from '../sweep/index.js';
import type { RotationJob } from './job.js';
import type { Pace } from './pace.js';

/** Where a rotation is, once it has begun and after each chunk. A plain value: print it, send it, keep it. */
export interface RotationProgress {
  /** `swept`: every record was looked at; count with `census` to know that none is left. `paused`: somebody has paused it, and the loop ends. */
  readonly state: 'sweeping' | 'paused' | 'swept';
  /** How this run began: at the beginning, or where an earlier one had stopped. */
  readonly began: 'fresh' | 'resumed';
  /** What the next step waits for: `throttle` to let it go on, `resumeRotation`, or `finishRotation`, which counts; `undefined` while it goes on by itself. */
  readonly waitingFor: 'throttle' | 'resumeRotation' | 'finishRotation' | undefined;
  /** The table under way, by its name in the definition. */
  readonly table: string;
  /** 1, or more where records had to be deferred, or other keys were made active meanwhile. */
  readonly pass: number;
  /** Records looked at in this pass. */
  readonly done: number;
  /** Records that this pass will look at, as far as is known: never less than `done`. */
  readonly expected: number;
  /** Where `expected` comes from. */
  readonly expectedFrom: RecordEstimate['source'];
  /** Records per second while a chunk is under way, smoothed; 0 until there is something to measure. */
  readonly recordsPerSecond: number;
  /** Milliseconds until this pass ends, if it goes on like this, its pauses included; `undefined` until there is something to measure, and where there are more records than were expected. */
  readonly etaMs: number | undefined;
  /** How far off `etaMs` is likely to be, as the speed varies. */
  readonly etaSpreadMs: number | undefined;
  /** The pace that holds. */
  readonly pace: Pace;
  /** Over the whole rotation, interruptions included. */
  readonly counters: SweepCounters;
}

/** Weight of the newest chunk in the smoothed speed. */
const NEWEST = 0.2;

/** A smoothed figure and how much it varies. */
class Smoothed {
  mean: number | undefined;
  deviation = 0;

  add(sample: number): void {
    const before = this.mean;
    this.mean = before === undefined ? sample : before + NEWEST * (sample - before);
    if (before !== undefined) this.deviation += NEWEST * (Math.abs(sample - before) - this.deviation);
  }
}

/** Measures a run's speed, chunk by chunk. */
export class Speed {
  readonly #expected: number;
  readonly #source: RecordEstimate['source'];
  /** Milliseconds a record, while a chunk is under way; and with the pause behind it. */
  readonly #working = new Smoothed();
  readonly #passing = new Smoothed();

  constructor(estimates: readonly RecordEstimate[]) {
    this.#expected = estimates.reduce((sum, { records }) => sum + records, 0);
    this.#source = estimates.every(({ source }) => source === 'count') ? 'count' : 'statistics';
  }

  /** Takes in a chunk, and the pause that follows it. */
  measure(records: number, elapsedMs: number, pauseMs: number): void {
    if (records === 0) return;
    this.#working.add(elapsedMs / records);
    this.#passing.add((elapsedMs + pauseMs) / records);
  }

  /** What to yield. */
  progress(
    job: RotationJob,
    table: string,
    began: RotationProgress['began'],
    isThrottled = false,
  ): RotationProgress {
    const isSwept = job.state === 'swept';
    const expected = isSwept ? job.passScanned : Math.max(this.#expected, job.passScanned);
    const left = expected - job.passScanned;
    // A pass that has more records than were expected ends nobody knows when.
    const isKnown = job.passScanned < this.#expected;
    const { mean = undefined, deviation } = isKnown ? this.#passing : { deviation: 0 };
    return {
      state: job.state === 'blocked' ? 'sweeping' : job.state,
      began,
      waitingFor: waitingFor(job, isThrottled),
      table,
      pass: job.pass,
      done: job.passScanned,
      expected,
      expectedFrom: this.#source,
      recordsPerSecond: this.#working.mean ? 1000 / this.#working.mean : 0,
      etaMs: isSwept ? 0 : mean === undefined ? undefined : left * mean,
      etaSpreadMs: isSwept ? 0 : mean === undefined ? undefined : left * deviation,
      pace: job.pace.pace,
      counters: job.counters,
    };
  }
}

function waitingFor({ state }: RotationJob, isThrottled: boolean): RotationProgress['waitingFor'] {
  if (state === 'paused') return 'resumeRotation';
  if (state === 'swept') return 'finishRotation';
  return isThrottled ? 'throttle' : undefined;
}
