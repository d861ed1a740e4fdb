import { StoreBusyError } from '../errors.js';
import { MAX_BUSY_RETRIES } from '../limits.js';
import type { MaybePromise } from '../maybe.js';
import type { Clock, StopSignal } from '../ports/clock.js';
import type { RandomSource } from '../ports/engine.js';

/** Every step that touches a store, by name: where a test may fail, stop or kill a rotation or a census. */
export const STEPS = [
  'coverage',
  'keyring.refresh',
  'job.read',
  'job.write',
  'estimate',
  'page',
  'chunk.rewrite',
  'chunk.commit',
  'chunk.reread',
  'census',
  'boundaries',
  'quarantine.read',
  'quarantine.settle',
  'keyring.change',
] as const;

/** A step's name. */
export type StepName = (typeof STEPS)[number];

/** Called before and after every step. What it throws is thrown there. */
export interface StepObserver {
  /** Runs before the step. */
  before?(step: StepName): MaybePromise<void>;
  /** Runs after the step has succeeded. */
  after?(step: StepName): MaybePromise<void>;
}

/** What a sweep asks of the outside beside store and keyring, as arguments. */
export interface SweepEnvironment {
  readonly clock: Clock;
  readonly random: RandomSource;
  readonly observer: StepObserver;
  readonly signal: StopSignal | undefined;
}

const FIRST_PAUSE_MS = 10;
const LONGEST_PAUSE_MS = 1_000;

/** How a step meets a store that is busy. */
interface StepPatience {
  readonly maxRetries?: number | undefined;
  readonly look?: () => Promise<void>;
}

/**
 * Does one step; a store that is busy is asked again, after pauses that grow and differ. `look` is called before each
 * of them: what it throws ends the waiting.
 */
export async function step<T>(
  environment: SweepEnvironment,
  name: StepName,
  work: () => MaybePromise<T>,
  { maxRetries = MAX_BUSY_RETRIES, look }: StepPatience = {},
): Promise<T> {
  for (let retries = 0; ; retries++) {
    environment.signal?.throwIfAborted();
    try {
      await environment.observer.before?.(name);
      const result = await work();
      await environment.observer.after?.(name);
      return result;
    } catch (error) {
      if (!(error instanceof StoreBusyError) || retries >= maxRetries) throw error;
      await look?.();
      await environment.clock.sleep(pauseMs(environment.random, retries), environment.signal);
    }
  }
}

/** Doubles each time; half of it is chance, so that two who lost do not meet again. */
function pauseMs(random: RandomSource, retries: number): number {
  const longest = Math.min(FIRST_PAUSE_MS * 2 ** retries, LONGEST_PAUSE_MS);
  const chance = (random(1)[0] as number) / 256;
  return longest * (0.5 + chance / 2);
}
