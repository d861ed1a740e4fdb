import { Lru } from '../cipher/index.js';
import { MAX_READS_AHEAD, MAX_STORE_WAIT_MS } from '../limits.js';
import type { Clock } from '../ports/clock.js';

/** How a read ended that failed. */
interface Failure {
  readonly error: unknown;
}

/**
 * What is read for callers who cannot wait: each thing by one read at a time. They are told of it by their next call, so
 * nothing of theirs is kept meanwhile, however often they ask.
 */
export class ReadsAhead {
  readonly #clock: Clock;
  /** What is under way, and since when. */
  readonly #underWay = new Map<string, number>();
  readonly #failures = new Lru<Failure>(MAX_READS_AHEAD);

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Begins to read behind the caller's own work, unless that is under way. */
  begin(what: string, read: () => Promise<unknown>): void {
    if (this.#underWay.has(what) || this.#underWay.size >= MAX_READS_AHEAD) return;
    this.#underWay.set(what, this.#clock.monotonicMs());
    void Promise.resolve()
      .then(read)
      .then(
        () => this.#failures.delete(what),
        (error: unknown) => this.#failures.set(what, { error }),
      )
      .then(() => this.#underWay.delete(what));
  }

  /** How the last read of it has failed, if it has. */
  failure(what: string): Failure | undefined {
    return this.#failures.get(what);
  }

  /** Whether a read of it has been under way for longer than anybody waits. */
  isOverdue(what: string): boolean {
    const sinceMs = this.#underWay.get(what);
    return sinceMs !== undefined && this.#clock.monotonicMs() - sinceMs > MAX_STORE_WAIT_MS;
  }

  /** The keyring was read: what failed before says nothing any more. */
  forgetFailures(): void {
    this.#failures.clear();
  }
}
