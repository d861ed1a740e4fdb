import { Signal, TimeSlice } from './concurrency.js';
import { MAX_SHARE_RECORDS, MIN_SHARE_RECORDS } from './limits.js';
import { type MaybePromise, isPromise } from './maybe.js';
import type { CellBundle, CellThreads } from './ports/cell-threads.js';
import type { Clock } from './ports/clock.js';
import { type Arrival, Sent } from './sent.js';

/** Who shares the work: other threads, and how cells of what is begun meanwhile go into a bundle. */
export interface Helpers {
  readonly threads: CellThreads;
  /** Calls `begin`; cells that it would seal or open go into the bundle as far as they can. */
  withBundle(bundle: CellBundle, begin: () => void): void;
}

/** What was begun for a bundle, with the positions of the items. */
interface Away<U> {
  readonly arrival: Arrival;
  readonly sent: readonly (readonly [position: number, result: Sent<U>])[];
}

/** Parts that what is left is divided into, for each thread: so that all of them end together. */
const PARTS_A_THREAD = 4;

/**
 * `work` for every item, begun in their order; what becomes of the cells is worked out by other threads and by this one
 * side by side. At most `limit` items that give promises are under way at once, beside those that are with other threads.
 * The event loop turns after each part, and after each time slice. Throws what the first item that failed threw, once
 * nothing is under way here.
 */
export async function shareOut<T, U>(
  items: readonly T[],
  limit: number,
  work: (item: T, position: number) => MaybePromise<U>,
  helpers: Helpers,
  clock: Clock,
): Promise<U[]> {
  const sharing = new Sharing(items, limit, work, helpers, new TimeSlice(clock));
  return sharing.run();
}

class Sharing<T, U> {
  readonly #items: readonly T[];
  readonly #limit: number;
  readonly #work: (item: T, position: number) => MaybePromise<U>;
  readonly #helpers: Helpers;
  readonly #slice: TimeSlice;
  readonly #results: U[];
  #away: Away<U>[] = [];
  /** Come back, and not taken yet. */
  readonly #arrived: (readonly [position: number, result: Sent<U>])[] = [];
  #next = 0;
  /** Items whose promises are waited for. */
  #underWay = 0;
  readonly #change = new Signal();
  /** Of the items that failed, the first in order. */
  #failure: { readonly position: number; readonly reason: unknown } | undefined;

  constructor(
    items: readonly T[],
    limit: number,
    work: (item: T, position: number) => MaybePromise<U>,
    helpers: Helpers,
    slice: TimeSlice,
  ) {
    this.#items = items;
    this.#limit = limit;
    this.#work = work;
    this.#helpers = helpers;
    this.#slice = slice;
    this.#results = new Array<U>(items.length);
  }

  async run(): Promise<U[]> {
    for (;;) {
      this.#collect();
      this.#handOut();
      this.#takeArrived();
      this.#workHere();
      if (this.#underWay >= this.#limit || (this.#failure && this.#underWay > 0)) await this.#change.told();
      else if (this.#failure) throw this.#failure.reason;
      else if (this.#next < this.#items.length || this.#arrived.length > 0)
        await this.#slice.next(); // replies are heard, and the application's own events
      else if (this.#underWay > 0) await this.#change.told();
      else if (this.#away.length > 0) await Promise.race(this.#away.map(({ arrival }) => arrival.arrived));
      else return this.#results;
    }
  }

  /** Whether another item may be begun. */
  get #isOpen(): boolean {
    return this.#next < this.#items.length && this.#underWay < this.#limit && !this.#failure;
  }

  /** Where the next part ends. */
  #end(): number {
    const left = this.#items.length - this.#next;
    const part = Math.ceil(left / ((this.#helpers.threads.count + 1) * PARTS_A_THREAD));
    return this.#next + Math.min(left, Math.max(MIN_SHARE_RECORDS, Math.min(part, MAX_SHARE_RECORDS)));
  }

  /** Fills bundles, as long as threads take them, and has something to put into them. */
  #handOut(): void {
    while (this.#isOpen && !this.#slice.isOver) {
      const sent: (readonly [number, Sent<U>])[] = [];
      const arrival = this.#helpers.threads.send((bundle) => {
        this.#helpers.withBundle(bundle, () => {
          const end = this.#end();
          while (this.#next < end && this.#isOpen && !bundle.isFull && !this.#slice.isOver) this.#begin(sent);
        });
      });
      if (!arrival) return;
      this.#away.push({ arrival, sent });
    }
  }

  /** One item at least, whatever has taken its time before. */
  #workHere(): void {
    const end = this.#end();
    for (let isFirst = true; this.#next < end && this.#isOpen; isFirst = false) {
      if (!isFirst && this.#slice.isOver) return;
      this.#begin(undefined);
    }
  }

  /** Begins the next item; what another thread works out for it is kept in `sent`. */
  #begin(sent: (readonly [number, Sent<U>])[] | undefined): void {
    const position = this.#next++;
    try {
      const result = this.#work(this.#items[position] as T, position);
      if (sent && result instanceof Sent) sent.push([position, result]);
      else this.#keep(position, result);
    } catch (reason) {
      this.#fail(position, reason);
    }
  }

  #collect(): void {
    const isBack = ({ arrival }: Away<U>): boolean => arrival.hasArrived;
    if (!this.#away.some(isBack)) return;
    this.#arrived.push(...this.#away.filter(isBack).flatMap(({ sent }) => sent));
    this.#away = this.#away.filter((one) => !isBack(one));
  }

  /** What has come back: one at least, then as long as there is time. */
  #takeArrived(): void {
    let taken = 0;
    for (const [position, result] of this.#arrived) {
      if (this.#underWay >= this.#limit || (taken > 0 && this.#slice.isOver)) break;
      this.#take(position, result);
      taken++;
    }
    this.#arrived.splice(0, taken);
  }

  #take(position: number, result: Sent<U>): void {
    try {
      this.#keep(position, result.take());
    } catch (reason) {
      this.#fail(position, reason);
    }
  }

  #keep(position: number, result: MaybePromise<U>): void {
    if (!isPromise(result)) {
      this.#results[position] = result;
      return;
    }
    this.#underWay++;
    const done = (): void => {
      this.#underWay--;
      this.#change.tell();
    };
    result.then(
      (later) => {
        this.#results[position] = later;
        done();
      },
      (reason: unknown) => {
        this.#fail(position, reason);
        done();
      },
    );
  }

  #fail(position: number, reason: unknown): void {
    if (!this.#failure || position < this.#failure.position) this.#failure = { position, reason };
  }
}
