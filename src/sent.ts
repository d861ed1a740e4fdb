import type { Bytes } from './bytes.js';
import { type MaybePromise, andThen } from './maybe.js';

/** What another thread has made of a cell: bytes, or why there are none. The bytes share a buffer with others: never handed out. */
export type CellOutcome = Bytes | 'authentication' | 'self-check';

/** A bundle that another thread works on. */
export interface Arrival {
  /** Whether it has come back, or is lost. */
  readonly hasArrived: boolean;
  /** Resolves then. */
  readonly arrived: Promise<void>;
  /** What has become of a cell, by its place in the bundle. Throws `ThreadFailedError` where it is lost. */
  outcome(cell: number): CellOutcome;
}

/**
 * A value that another thread works out, among others of a bundle. To whoever knows nothing of threads it is a promise;
 * who has waited for the bundle {@link Sent.take takes} the value out of it, without a promise for each.
 */
export abstract class Sent<T> implements PromiseLike<T> {
  /** What it comes with. */
  readonly bundle: Arrival;

  constructor(bundle: Arrival) {
    this.bundle = bundle;
  }

  /** The value, of a bundle that has arrived or is lost. May be called more than once. */
  abstract take(): MaybePromise<T>;

  /** What is made of the value, when it is taken. */
  map<U>(next: (value: T) => MaybePromise<U>): Sent<U> {
    return new SentWork(this.bundle, () => andThen(this.take(), next));
  }

  // biome-ignore lint/suspicious/noThenProperty: a promise is what it is
  then<U = T, F = never>(
    fulfilled?: ((value: T) => U | PromiseLike<U>) | null,
    rejected?: ((reason: unknown) => F | PromiseLike<F>) | null,
  ): Promise<U | F> {
    return this.bundle.arrived.then(() => this.take()).then(fulfilled, rejected);
  }
}

/** What is made of what comes with a bundle: `finish` takes it, and is called once. */
export class SentWork<T> extends Sent<T> {
  readonly #finish: () => MaybePromise<T>;
  #outcome: { readonly value: MaybePromise<T> } | { readonly reason: unknown } | undefined;

  constructor(bundle: Arrival, finish: () => MaybePromise<T>) {
    super(bundle);
    this.#finish = finish;
  }

  take(): MaybePromise<T> {
    this.#outcome ??= this.#finished();
    if ('reason' in this.#outcome) throw this.#outcome.reason;
    return this.#outcome.value;
  }

  #finished(): { readonly value: MaybePromise<T> } | { readonly reason: unknown } {
    try {
      return { value: this.#finish() };
    } catch (reason) {
      return { reason };
    }
  }
}
