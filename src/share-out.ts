import { MAX_SHARE_RECORDS, MIN_SHARE_RECORDS } from './limits.js';
import { type MaybePromise, isPromise } from './maybe.js';
import { nextTurn } from './platform.js';
import type { CellBundle, CellThreads } from './ports/cell-threads.js';
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
 * `work` for every item, in their order as far as this thread can tell; what becomes of the cells is worked out by other
 * threads and by this one side by side. At most `limit` items that give promises are under way at once, beside those
 * that are with other threads. The event loop turns often. Throws what `work` threw first.
 */
export async function shareOut<T, U>(
  items: readonly T[],
  limit: number,
  work: (item: T, position: number) => MaybePromise<U>,
  helpers: Helpers,
): Promise<U[]> {
  const sharing = new Sharing(items, limit, work, helpers);
  return sharing.run();
}

class Sharing<T, U> {
  readonly #items: readonly T[];
  readonly #limit: number;
  readonly #work: (item: T, position: number) => MaybePromise<U>;
  readonly #helpers: Helpers;
  readonly #results: U[];
  #away: Away<U>[] = [];
  #next = 0;
  /** Items whose promises are waited for. */
  #underWay = 0;
  #failure: { readonly reason: unknown } | undefined;
  #tell: () => void = () => {};
  /** Where nothing of an item can go to another thread, nothing is offered any more. */
  #isAlone = false;

  constructor(
    items: readonly T[],
    limit: number,
    work: (item: T, position: number) => MaybePromise<U>,
    helpers: Helpers,
  ) {
    this.#items = items;
    this.#limit = limit;
    this.#work = work;
    this.#helpers = helpers;
    this.#results = new Array<U>(items.length);
  }

  async run(): Promise<U[]> {
    for (;;) {
      this.#collect();
      this.#handOut();
      if (this.#next < this.#items.length) {
        for (const end = this.#next + this.#share(); this.#next < end; ) {
          this.#begin(undefined);
          while (this.#underWay >= this.#limit) await this.#told();
        }
        await nextTurn(); // so that replies are heard, and the application's own events
      } else if (this.#away.length > 0) {
        await Promise.race(this.#away.map(({ arrival }) => arrival.arrived));
      } else if (this.#underWay > 0) {
        await this.#told();
      } else {
        return this.#results;
      }
      if (this.#failure) throw this.#failure.reason;
    }
  }

  /** How many items the next part has. */
  #share(): number {
    const left = this.#items.length - this.#next;
    const part = Math.ceil(left / ((this.#helpers.threads.count + 1) * PARTS_A_THREAD));
    return Math.min(left, Math.max(MIN_SHARE_RECORDS, Math.min(part, MAX_SHARE_RECORDS)));
  }

  #handOut(): void {
    while (this.#next < this.#items.length && !this.#isAlone) {
      const sent: (readonly [number, Sent<U>])[] = [];
      let isFilled = false;
      const arrival = this.#helpers.threads.send((bundle) => {
        isFilled = true;
        this.#helpers.withBundle(bundle, () => {
          for (const end = this.#next + this.#share(); this.#next < end && !bundle.isFull; )
            this.#begin(sent);
        });
      });
      if (!isFilled) return;
      if (arrival) this.#away.push({ arrival, sent });
      else this.#isAlone = true;
    }
  }

  /** Begins the next item; what another thread works out for it is kept in `sent`. */
  #begin(sent: (readonly [number, Sent<U>])[] | undefined): void {
    const position = this.#next++;
    const result = this.#work(this.#items[position] as T, position);
    if (sent && result instanceof Sent) sent.push([position, result]);
    else this.#keep(position, result);
  }

  #collect(): void {
    const isBack = ({ arrival }: Away<U>): boolean => arrival.hasArrived;
    if (!this.#away.some(isBack)) return;
    const back = this.#away.filter(isBack);
    this.#away = this.#away.filter((one) => !isBack(one));
    for (const { sent } of back) for (const [position, result] of sent) this.#keep(position, result.take());
  }

  #keep(position: number, result: MaybePromise<U>): void {
    if (!isPromise(result)) {
      this.#results[position] = result;
      return;
    }
    this.#underWay++;
    result
      .then(
        (later) => {
          this.#results[position] = later;
        },
        (reason: unknown) => {
          this.#failure ??= { reason };
        },
      )
      .then(() => {
        this.#underWay--;
        this.#tell();
      });
  }

  #told(): Promise<void> {
    return new Promise((resolve) => {
      this.#tell = resolve;
    });
  }
}
