import type { RecordEstimate } from '../ports/record-store.js';
import type { RotationCounters, RotationJob } from './job.js';

/** Where a rotation is, once it has begun and after each chunk. A plain value: print it, send it, keep it. */
export interface RotationProgress {
  /** `swept`: every record was looked at; count with `census` to know that none is left. */
  readonly state: 'sweeping' | 'swept';
  /** How this run began: at the beginning, or where an earlier one had stopped. */
  readonly began: 'fresh' | 'resumed';
  /** The table under way, by its name in the definition. */
  readonly table: string;
  /** 1, or more where records had to be deferred. */
  readonly pass: number;
  /** Records looked at in this pass. */
  readonly done: number;
  /** Records that this pass will look at, as far as is known: never less than `done`. */
  readonly expected: number;
  /** Where `expected` comes from. */
  readonly expectedFrom: RecordEstimate['source'];
  /** Records per second of this run, smoothed; 0 until there is something to measure. */
  readonly recordsPerSecond: number;
  /** Milliseconds until this pass ends, if it goes on like this; `undefined` until there is something to measure. */
  readonly etaMs: number | undefined;
  /** How far off `etaMs` is likely to be, as the speed varies. */
  readonly etaSpreadMs: number | undefined;
  /** Over the whole rotation, interruptions included. */
  readonly counters: RotationCounters;
}

/** Weight of the newest chunk in the smoothed speed. */
const NEWEST = 0.2;

/** Measures a run's speed, chunk by chunk. */
export class Pace {
  readonly #expected: number;
  readonly #source: RecordEstimate['source'];
  #msPerRecord: number | undefined;
  #deviation = 0;

  constructor(estimates: readonly RecordEstimate[]) {
    this.#expected = estimates.reduce((sum, { records }) => sum + records, 0);
    this.#source = estimates.every(({ source }) => source === 'count') ? 'count' : 'statistics';
  }

  /** Takes in a chunk. */
  measure(records: number, elapsedMs: number): void {
    if (records === 0) return;
    const sample = elapsedMs / records;
    const mean = this.#msPerRecord;
    this.#msPerRecord = mean === undefined ? sample : mean + NEWEST * (sample - mean);
    if (mean !== undefined) this.#deviation += NEWEST * (Math.abs(sample - mean) - this.#deviation);
  }

  /** What to yield. */
  progress(job: RotationJob, table: string, began: RotationProgress['began']): RotationProgress {
    const expected = Math.max(this.#expected, job.passScanned);
    const left = expected - job.passScanned;
    const speed = this.#msPerRecord;
    return {
      state: job.state === 'swept' ? 'swept' : 'sweeping',
      began,
      table,
      pass: job.pass,
      done: job.passScanned,
      expected: job.state === 'swept' ? job.passScanned : expected,
      expectedFrom: this.#source,
      recordsPerSecond: speed ? 1000 / speed : 0,
      etaMs: job.state === 'swept' ? 0 : speed === undefined ? undefined : left * speed,
      etaSpreadMs: job.state === 'swept' ? 0 : speed === undefined ? undefined : left * this.#deviation,
      counters: job.counters,
    };
  }
}
