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
  /** The one that began last; its own callers hear of its failure, and the next one starts anyway. */
  #newest: Promise<void> = Promise.resolve();
  #hasSucceeded = false;
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

  /**
   * Resolves after a reload that began within the last second, or begins now; `undefined` where such a one has succeeded.
   * So one answers for all who ask in that second: for who need not know what is younger.
   */
  recent(): Promise<void> | undefined {
    if (this.#clock.monotonicMs() - this.#lastBeganMs >= MIN_RELOAD_INTERVAL_MS) return this.request();
    return this.#hasSucceeded ? undefined : this.#newest;
  }

  /** Resolves after a reload that began after this call. */
  request(): Promise<void> {
    this.#waiting ??= this.#next();
    return this.#waiting;
  }

  async #next(): Promise<void> {
    await this.#newest.catch(() => undefined);
    const wait = this.#lastBeganMs + MIN_RELOAD_INTERVAL_MS - this.#clock.monotonicMs();
    if (wait > 0) await this.#clock.sleep(wait);
    this.#lastBeganMs = this.#clock.monotonicMs();
    this.#waiting = undefined;
    this.#hasSucceeded = false;
    this.#newest = this.#reload();
    await this.#newest;
    this.#hasSucceeded = true; // the next one has not begun: it waits for this one, and then for its second
  }
}
