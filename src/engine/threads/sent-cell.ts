import type { MaybePromise } from '../../maybe.js';
import { type Arrival, type CellOutcome, Sent } from '../../sent.js';

/** What becomes of one cell. */
export class SentCell<T> extends Sent<T> {
  readonly #cell: number;
  readonly #finish: (outcome: CellOutcome) => MaybePromise<T>;

  constructor(bundle: Arrival, cell: number, finish: (outcome: CellOutcome) => MaybePromise<T>) {
    super(bundle);
    this.#cell = cell;
    this.#finish = finish;
  }

  take(): MaybePromise<T> {
    return this.#finish(this.bundle.outcome(this.#cell));
  }
}
