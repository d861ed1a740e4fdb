import { DefinitionError, StoreUnfitError } from '../errors.js';
import {
  DEFAULT_CHUNK_BYTES,
  FIRST_PASS_PAUSE_MS,
  JOB_LOOK_INTERVAL_MS,
  LONGEST_PASS_PAUSE_MS,
  MAX_CHUNK_RECORDS,
} from '../limits.js';
import type { RecordStore } from '../ports/record-store.js';
import { assertCovered, assertHeeds, step, sweepPage } from '../sweep/index.js';
import { ChunkSize, type PaceSettings, type Throttle, type ThrottleAnswer, pauseAfter } from './pace.js';
import { type RotationProgress, Speed } from './progress.js';
import { RotationRun, type RotationWorld } from './run.js';

/** How much a chunk holds, how fast it goes on, and when it stops. */
export interface SweepLimits {
  /** Records a chunk, 1 to 10,000: what one transaction changes. Default: as many as `chunkMs` allows, 250 at first. */
  readonly chunkRecords?: number;
  /** How long a chunk is to take, in milliseconds: it grows by a fifth or shrinks by half from one to the next. Default: 250. */
  readonly chunkMs?: number;
  /** Bytes of cells a chunk. Bounds the memory. Default: 8 MiB. */
  readonly chunkBytes?: number;
  /** Asked before every chunk. Default: nobody is. */
  readonly throttle?: Throttle;
}

/** {@link SweepLimits}, and what of a rotation is kept in its job record. */
export interface RotationLimits extends SweepLimits, Partial<PaceSettings> {
  /**
   * Cells that may be refused before the rotation stops, because this looks like a wrong key or definition.
   * Default: 10, or 0.1 % of the records looked at, if that is more.
   */
  readonly maxQuarantined?: number;
}

/** What the core of a rotation works on: nothing in it reads a global. */
export interface RotationContext extends RotationWorld {
  readonly limits: RotationLimits;
}

/**
 * The core of a rotation: sweeps every table to the active keys, a chunk at a time, and yields once it has begun and after each.
 */
export async function* runRotation(
  context: RotationContext,
): AsyncGenerator<RotationProgress, void, undefined> {
  const { environment, opened, schema, records, limits } = context;
  const { chunkBytes = DEFAULT_CHUNK_BYTES, maxQuarantined } = limits;
  assertSweepable(records, limits);
  assertHeeds(schema, records);
  const run = new RotationRun(context);
  const size = new ChunkSize(limits);
  // A column that nobody names, or that holds something else, is one that this rotation would pass over.
  await step(environment, 'coverage', () => assertCovered(records, schema));
  await step(environment, 'keyring.refresh', () => opened.refresh());
  const began = await run.begin(limits);
  const estimates = [];
  for (const { layout } of schema.tables)
    estimates.push(await step(environment, 'estimate', () => records.estimate(layout)));
  const speed = new Speed(estimates);
  const progress = (isThrottled = false): RotationProgress =>
    speed.progress(run.job, run.table.name, began, isThrottled);
  yield progress();

  while (run.job.state === 'sweeping') {
    const answer = await ask(limits);
    if (answer !== 'go') {
      yield progress(true);
      if (answer === 'stop') return;
      await rest(context, run, JOB_LOOK_INTERVAL_MS);
      continue;
    }
    const startedMs = environment.clock.monotonicMs();
    const before = run.job;
    const definition = run.table;
    await step(environment, 'keyring.refresh', () => opened.refresh());
    await run.turnToNewKeys();
    const place = {
      definition,
      begin: undefined,
      after: run.job.cursor ?? undefined,
      until: undefined,
      maxRecords: size.next(run.job.pace),
      maxBytes: chunkBytes,
    };
    const settled = await sweepPage(context, place, run, run.job.pass === 1);
    await run.assertSound(maxQuarantined);
    const elapsedMs = environment.clock.monotonicMs() - startedMs;
    const swept = settled?.page.records.length ?? 0;
    const pauseMs = pauseAfter(run.job.pace, swept, elapsedMs);
    size.measure(swept, elapsedMs);
    speed.measure(swept, elapsedMs, pauseMs);
    yield speed.progress(run.job, definition.name, began);
    if (run.job.state !== 'sweeping') break;
    const isNextPass = run.job.pass > before.pass;
    await rest(context, run, isNextPass ? Math.max(pauseMs, passPauseMs(run.job.pass)) : pauseMs);
  }
  if (run.job.state === 'paused') yield progress();
}

/** What the throttle says, where there is one. */
export async function ask({ throttle }: SweepLimits): Promise<ThrottleAnswer> {
  return throttle ? throttle() : 'go';
}

/** Sleeps, and looks now and then whether somebody has paused the rotation. */
async function rest({ environment }: RotationContext, run: RotationRun, ms: number): Promise<void> {
  const { pace, recordsPerSecond } = run.job.pace;
  // Who sets another pace does not wait for what the old one has measured out.
  const isAsItWas = (): boolean =>
    run.job.state === 'sweeping' &&
    run.job.pace.pace === pace &&
    run.job.pace.recordsPerSecond === recordsPerSecond;
  let leftMs = ms;
  while (leftMs > 0 && isAsItWas()) {
    const nowMs = Math.min(leftMs, JOB_LOOK_INTERVAL_MS);
    await environment.clock.sleep(nowMs, environment.signal);
    leftMs -= nowMs;
    if (nowMs === JOB_LOOK_INTERVAL_MS) await run.inquire();
  }
}

/** Who has locked or changed a record five times over is given time. */
export function passPauseMs(pass: number): number {
  return Math.min(FIRST_PASS_PAUSE_MS * 4 ** (pass - 2), LONGEST_PASS_PAUSE_MS);
}

/** Refuses what cannot be swept safely: a store without compare-and-swap, and limits that bound nothing. */
export function assertSweepable(
  records: RecordStore,
  limits: Omit<RotationLimits, keyof PaceSettings>,
): void {
  if (!records.abilities.compareAndSwap) {
    throw new StoreUnfitError(
      'The store cannot compare and swap, so a rotation beside writers could lose their writes.',
    );
  }
  const { chunkRecords = 1, chunkBytes = 1, chunkMs = 1, maxQuarantined = 0 } = limits;
  const isSound = Number.isInteger(chunkRecords) && chunkRecords >= 1 && chunkRecords <= MAX_CHUNK_RECORDS;
  if (!isSound || !(chunkBytes >= 1) || !(chunkMs >= 1) || !(maxQuarantined >= 0)) {
    throw new DefinitionError(
      'chunkRecords is a whole number from 1 to 10,000, chunkBytes and chunkMs are at least 1, maxQuarantined is at least 0.',
    );
  }
}
