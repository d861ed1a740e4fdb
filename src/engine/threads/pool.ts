import { MAX_THREAD_FAILURES } from '../../limits.js';
import { warnOnce } from '../../platform.js';
import type { CellBundle, CellThreads } from '../../ports/cell-threads.js';
import type { Arrival } from '../../sent.js';
import { Thread } from './thread.js';

/** The threads of an engine, and how to be rid of them. */
export interface ThreadPool extends CellThreads {
  /** Lets them finish what they have, and ends them. From then on the calling thread works alone. */
  close(): Promise<void>;
}

/** So many threads, which start when there is work for them. While they have none they keep no process alive. */
export function threadPool(count: number): ThreadPool {
  return new Pool(count);
}

class Pool implements ThreadPool {
  readonly count: number;
  /** By place. Where one could not start, or several have done nothing, none is tried again. */
  readonly #threads: (Thread | 'refused' | undefined)[];
  /** How many threads in a row have ended without having done anything, by place. */
  readonly #failures: number[];
  #closed: Promise<void> | undefined;
  /** Code of the application's own runs while a bundle is filled: it may begin a batch, close a keyring or this pool. */
  #isFilling = false;
  #mustForget = false;

  constructor(count: number) {
    this.count = count;
    this.#threads = new Array<undefined>(count).fill(undefined);
    this.#failures = new Array<number>(count).fill(0);
  }

  send(fill: (bundle: CellBundle) => void): Arrival | undefined {
    if (this.#closed !== undefined || this.#isFilling) return undefined;
    for (let i = 0; i < this.count; i++) this.#threads[i] ??= this.#start(i);
    const [thread] = this.#running()
      .filter(({ isFree }) => isFree)
      .sort((left, right) => left.underWay - right.underWay);
    return thread && this.#fill(thread, fill);
  }

  forgetKeys(): void {
    if (this.#isFilling) this.#mustForget = true;
    else for (const thread of this.#running()) thread.forgetKeys();
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    await Promise.resolve(); // what is being filled is sent first
    await Promise.all(this.#running().map((thread) => thread.close()));
  }

  #running(): Thread[] {
    return this.#threads.filter((thread) => thread instanceof Thread);
  }

  #fill(thread: Thread, fill: (bundle: CellBundle) => void): Arrival | undefined {
    const bundle = thread.newBundle();
    this.#isFilling = true;
    try {
      fill(bundle);
    } finally {
      this.#isFilling = false;
      thread.send(bundle);
      if (this.#mustForget) {
        this.#mustForget = false;
        this.forgetKeys();
      }
    }
    return bundle.cells > 0 ? bundle : undefined;
  }

  #start(place: number): Thread {
    const thread = new Thread((error) => {
      if (this.#threads[place] !== thread || this.#closed !== undefined) return;
      this.#threads[place] = undefined; // another one starts with the next work
      const failures = thread.hasWorked ? 0 : (this.#failures[place] as number) + 1;
      this.#failures[place] = failures;
      if (thread.hasStarted && failures < MAX_THREAD_FAILURES) return;
      this.#threads[place] = 'refused';
      const what = thread.hasStarted ? 'ended again before it had done anything' : 'could not be started';
      const why = error instanceof Error ? `: ${error.message}` : '.';
      warnOnce(`A thread for cells ${what}, so that the work is done without it${why}`);
    });
    return thread;
  }
}
