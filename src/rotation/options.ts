import type { Keyring } from '../keyring/index.js';
import { platformRandom, systemClock } from '../platform.js';
import type { StopSignal } from '../ports/clock.js';
import type { RecordStore } from '../ports/record-store.js';
import type { StepObserver, SweepEnvironment } from '../sweep/index.js';

/** What works on records takes a keyring and the store that holds them. */
export interface RecordsOptions {
  /** An open keyring whose cells the tables hold. */
  readonly keyring: Keyring;
  /** The store that holds the tables: `sqliteRecords(client)`, for instance. */
  readonly records: RecordStore;
}

/** What can be stopped, and watched by tests. */
export interface StopOptions {
  /** Stops between two steps; what was called rejects with the signal's reason. What was committed stays, and the next call goes on there. */
  readonly signal?: StopSignal;
  /** Called before and after every step that touches a store: for tests that stop or kill it there. */
  readonly observer?: StepObserver;
}

/** The platform's clock and randomness. */
export function environmentOf({ signal, observer = {} }: StopOptions = {}): SweepEnvironment {
  return { clock: systemClock, random: platformRandom, observer, signal };
}
