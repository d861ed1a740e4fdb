import { Lru } from '../cipher/index.js';
import { MIN_RELOAD_INTERVAL_MS } from '../limits.js';
import type { MaybePromise } from '../maybe.js';
import type { Clock } from '../ports/clock.js';

const MISSED_KEY_IDS = 1_024;

/**
 * Reloads that cells under an unknown key ask for. All who ask while none has begun share one; who asks while one is
 * under way gets the next, because that one may have read the store before the cell's key was written. At most one a
 * second begins: somebody who writes cells with made-up key ids makes those cells slow, and nothing else.
 */
export class ReloadQueue {
  readonly #clock: Clock;
  readonly #reload: () => Promise<void>;
  /** Key ids that a reload did not find, and when it began. */
  readonly #missed = new Lru<number>(MISSED_KEY_IDS);
  #waiting: Promise<void> | undefined;
  #last: Promise<void> = Promise.resolve();
  #lastBeganMs = Number.NEGATIVE_INFINITY;

  constructor(clock: Clock, reload: () => Promise<void>) {
    this.#clock = clock;
    this.#reload = reload;
  }

  /**
   * Reloads for this key id and looks for it, unless that has been in vain within the last second: one bad cell makes no
   * list slow.
   */
  async find<T>(keyId: string, look: () => MaybePromise<T | undefined>): Promise<T | undefined> {
    const missedMs = this.#missed.get(keyId);
    if (missedMs !== undefined && this.#clock.monotonicMs() - missedMs < MIN_RELOAD_INTERVAL_MS)
      return undefined;
    const beganMs = this.#clock.monotonicMs();
    await this.request();
    const found = await look();
    if (found === undefined) this.#missed.set(keyId, Math.max(beganMs, this.#lastBeganMs));
    return found;
  }

  /** Resolves after a reload that began after this call. */
  request(): Promise<void> {
    this.#waiting ??= this.#next();
    return this.#waiting;
  }

  async #next(): Promise<void> {
    await this.#last;
    const wait = this.#lastBeganMs + MIN_RELOAD_INTERVAL_MS - this.#clock.monotonicMs();
    if (wait > 0) await this.#clock.sleep(wait);
    this.#lastBeganMs = this.#clock.monotonicMs();
    this.#waiting = undefined;
    const reload = this.#reload();
    this.#last = reload.catch(() => undefined); // its own callers hear of it; the next one starts anyway
    await reload;
  }
}
