import { TIME_SLICE_MS } from './limits.js';
import { type MaybePromise, isPromise } from './maybe.js';
import { nextTurn } from './platform.js';
import type { Clock } from './ports/clock.js';
import { Sent, SentWork } from './sent.js';

/**
 * Does `work` for every item, at most `limit` at once, and gives an outcome for each, in the items' order. With a clock,
 * work that is done at once lets the event loop turn after each time slice.
 */
export async function settleAll<T, U>(
  items: readonly T[],
  limit: number,
  work: (item: T, position: number) => MaybePromise<U>,
  clock?: Clock,
): Promise<PromiseSettledResult<U>[]> {
  const outcomes = new Array<PromiseSettledResult<U>>(items.length);
  const slice = new TimeSlice(clock);
  const change = new Signal();
  let underWay = 0;
  for (let position = 0; position < items.length; position++) {
    const outcome = settled(() => work(items[position] as T, position));
    if (isPromise(outcome)) {
      underWay++;
      outcome.then((later) => {
        outcomes[position] = later;
        underWay--;
        change.tell();
      });
      while (underWay >= limit) await change.told();
    } else {
      outcomes[position] = outcome;
    }
    if (slice.isOver) await slice.next();
  }
  while (underWay > 0) await change.told();
  return outcomes;
}

/**
 * The same for items without end: gives the outcomes as they come, in the items' order, and reads no more than `limit`
 * items beyond those whose outcomes were taken. Who leaves early has the source closed. What the source throws is thrown
 * after the outcomes of what it gave before.
 */
export async function* settleEach<T, U>(
  source: Iterable<T> | AsyncIterable<T>,
  limit: number,
  work: (item: T) => MaybePromise<U>,
  clock?: Clock,
): AsyncGenerator<PromiseSettledResult<U>, void, undefined> {
  const change = new Signal();
  const reader = new Reader(source, change);
  const slice = new TimeSlice(clock);
  const ahead: Ahead<U>[] = [];
  const take = (item: T): void => {
    ahead.push(begun(() => work(item), change));
  };
  try {
    for (;;) {
      while (reader.isReady && ahead.length < limit) {
        reader.read(take);
        if (slice.isOver) await slice.next();
      }
      const outcome = ahead[0]?.outcome;
      if (outcome) {
        ahead.shift();
        yield outcome;
      } else if (ahead.length === 0 && reader.isAtEnd) {
        return reader.assertWhole();
      } else {
        await change.told();
      }
    }
  } finally {
    await reader.close();
  }
}

/** The same for work that is all wanted: throws what the first item that failed threw, once nothing is under way. */
export async function mapAll<T, U>(
  items: readonly T[],
  limit: number,
  work: (item: T, position: number) => Promise<U>,
): Promise<U[]> {
  const outcomes = await settleAll(items, limit, work);
  return outcomes.map((outcome) => {
    if (outcome.status === 'rejected') throw outcome.reason;
    return outcome.value;
  });
}

/** The outcome of work, at once where it was done at once. */
export function settled<U>(work: () => MaybePromise<U>): MaybePromise<PromiseSettledResult<U>> {
  try {
    const value = work();
    if (value instanceof Sent) return new SentWork(value.bundle, () => settled(() => value.take()));
    return isPromise(value) ? value.then(fulfilled, rejected) : fulfilled(value);
  } catch (reason) {
    return rejected(reason);
  }
}

function fulfilled<U>(value: U): PromiseFulfilledResult<U> {
  return { status: 'fulfilled', value };
}

function rejected(reason: unknown): PromiseRejectedResult {
  return { status: 'rejected', reason };
}

/** An item that was read and whose outcome nobody has taken yet. */
interface Ahead<U> {
  outcome?: PromiseSettledResult<U>;
}

function begun<U>(work: () => MaybePromise<U>, change: Signal): Ahead<U> {
  const outcome = settled(work);
  if (!isPromise(outcome)) return { outcome };
  const begun: Ahead<U> = {};
  outcome.then((later) => {
    begun.outcome = later;
    change.tell();
  });
  return begun;
}

/** Reads a source one item after another, whether it answers at once or later. */
class Reader<T> {
  readonly #iterator: Iterator<T> | AsyncIterator<T>;
  readonly #change: Signal;
  #state: 'ready' | 'reading' | 'at-end' = 'ready';
  #failure: { readonly reason: unknown } | undefined;

  constructor(source: Iterable<T> | AsyncIterable<T>, change: Signal) {
    this.#iterator =
      Symbol.asyncIterator in source ? source[Symbol.asyncIterator]() : source[Symbol.iterator]();
    this.#change = change;
  }

  get isReady(): boolean {
    return this.#state === 'ready';
  }

  get isAtEnd(): boolean {
    return this.#state === 'at-end';
  }

  /** Hands over the next item: at once, or before it tells of the change. */
  read(take: (item: T) => void): void {
    try {
      const result: MaybePromise<IteratorResult<T>> = this.#iterator.next();
      if (isPromise(result)) this.#await(result, take);
      else this.#handOver(result, take);
    } catch (reason) {
      this.#fail(reason);
    }
  }

  /** Throws what the source has thrown. */
  assertWhole(): void {
    if (this.#failure) throw this.#failure.reason;
  }

  /** What is being read is waited for by the source itself, and nobody takes it. */
  async close(): Promise<void> {
    if (this.isAtEnd) return;
    this.#state = 'at-end';
    await this.#iterator.return?.();
  }

  #await(result: PromiseLike<IteratorResult<T>>, take: (item: T) => void): void {
    this.#state = 'reading';
    result
      .then((later) => this.#handOver(later, take))
      .then(undefined, (reason) => this.#fail(reason))
      .then(() => this.#change.tell());
  }

  #handOver(result: IteratorResult<T>, take: (item: T) => void): void {
    if (this.isAtEnd) return;
    this.#state = result.done ? 'at-end' : 'ready';
    if (!result.done) take(result.value);
  }

  #fail(reason: unknown): void {
    this.#state = 'at-end';
    this.#failure = { reason };
  }
}

/** How long the event loop has not turned. Without a clock it does not matter. */
export class TimeSlice {
  readonly #clock: Clock | undefined;
  #beganMs: number;

  constructor(clock: Clock | undefined) {
    this.#clock = clock;
    this.#beganMs = clock?.monotonicMs() ?? 0;
  }

  get isOver(): boolean {
    return this.#clock !== undefined && this.#clock.monotonicMs() - this.#beganMs >= TIME_SLICE_MS;
  }

  async next(): Promise<void> {
    await nextTurn();
    this.#beganMs = this.#clock?.monotonicMs() ?? 0;
  }
}

/** One waits until it is told, and looks itself at what has changed. */
export class Signal {
  #tell: () => void = () => {};

  told(): Promise<void> {
    return new Promise((resolve) => {
      this.#tell = resolve;
    });
  }

  tell(): void {
    this.#tell();
  }
}
