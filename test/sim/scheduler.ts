/**
 * Time and concurrency of a simulated world. Whoever touches a store waits for a turn; the scheduler gives one turn at a
 * time, to whom chance picks, and lets everything go on that needs neither a turn nor time before it gives the next.
 */
import type { Clock, StopSignal } from '../../src/ports/clock.js';
import type { Chance } from './random.js';

/** A simulated process: dies, is frozen, has clocks of its own. */
export class Process {
  readonly role: string;
  readonly name: string;
  isAlive = true;
  frozenUntilMs = 0;
  wallOffsetMs = 0;
  /** How long its monotonic clock has stood still, and will have stood still when it thaws. */
  stoppedMs = 0;
  stopsMs = 0;
  /** What it is about, for the names of injection points. */
  label = '';
  /** When it last read the newest keyring document, by the world's time. */
  readKeyringMs = 0;
  /** Whether it was ever shown an older keyring document than there was. */
  wasMisled = false;

  constructor(role: string, name: string) {
    this.role = role;
    this.name = name;
  }
}

interface Waiting {
  readonly process: Process | undefined;
  readonly atMs: number;
  readonly go: () => void;
}

const WALL_MS = Date.UTC(2026, 0, 1);
const LONGEST_STEP_MS = 4;

export class Scheduler {
  nowMs = 0;
  steps = 0;
  readonly #chance: Chance;
  #waiting: Waiting[] = [];

  constructor(chance: Chance) {
    this.#chance = chance;
  }

  /** Waits for a turn. A process that has died waits for ever. */
  turn(process: Process): Promise<void> {
    return new Promise((go) => this.#waiting.push({ process, atMs: this.nowMs, go }));
  }

  /** Does something later that belongs to no process: what is still on its way in a network. */
  later(afterMs: number, go: () => void): void {
    this.#waiting.push({ process: undefined, atMs: this.nowMs + afterMs, go });
  }

  freeze(process: Process, forMs: number, stopsMonotonic: boolean): void {
    process.frozenUntilMs = this.nowMs + forMs;
    if (stopsMonotonic) process.stopsMs += forMs;
  }

  kill(process: Process): void {
    process.isAlive = false;
    this.#waiting = this.#waiting.filter((waiting) => waiting.process !== process);
  }

  /** One turn; `false` where nobody waits for anything. */
  async step(): Promise<boolean> {
    if (this.steps === 0) await settled();
    if (this.#waiting.length === 0) return false;
    let due = this.#due();
    if (due.length === 0) {
      this.nowMs = Math.min(...this.#waiting.map(readyAtMs));
      due = this.#due();
    }
    this.steps++;
    this.nowMs += this.#chance.between(1, LONGEST_STEP_MS);
    const next = this.#chance.pick(due);
    this.#waiting.splice(this.#waiting.indexOf(next), 1);
    const { process } = next;
    if (process && process.stopsMs > 0 && this.nowMs >= process.frozenUntilMs) {
      process.stoppedMs += process.stopsMs;
      process.stopsMs = 0;
    }
    next.go();
    await settled();
    return true;
  }

  #due(): Waiting[] {
    return this.#waiting.filter((waiting) => readyAtMs(waiting) <= this.nowMs);
  }

  /** A process's clocks: the monotonic one may stand still while it is frozen, the wall clock may be set. */
  clockOf(process: Process): Clock {
    return {
      monotonicMs: () => this.nowMs - process.stoppedMs,
      wallMs: () => WALL_MS + this.nowMs + process.wallOffsetMs,
      sleep: (ms, signal) => this.#sleep(process, ms, signal),
    };
  }

  #sleep(process: Process, ms: number, signal?: StopSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason);
      if (!process.isAlive) return;
      const abort = (): void => {
        this.#waiting = this.#waiting.filter((other) => other !== waiting);
        reject(signal?.reason);
      };
      const go = (): void => {
        signal?.removeEventListener('abort', abort);
        resolve();
      };
      const waiting: Waiting = { process, atMs: this.nowMs + ms, go };
      this.#waiting.push(waiting);
      signal?.addEventListener('abort', abort, { once: true });
    });
  }
}

function readyAtMs({ atMs, process }: Waiting): number {
  return Math.max(atMs, process?.frozenUntilMs ?? 0);
}

/** Everything that goes on by itself has gone on: all microtasks, however many follow one another. */
function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
