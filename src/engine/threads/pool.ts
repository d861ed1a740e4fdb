import { Worker } from 'node:worker_threads';
import { type Bytes, copyBytes } from '../../bytes.js';
import { ThreadFailedError } from '../../errors.js';
import {
  BUNDLES_A_THREAD,
  BUNDLE_BYTES,
  BUNDLE_CELLS,
  MAX_BUNDLED_CELL_BYTES,
  MAX_THREAD_FAILURES,
  MAX_TOLD_THREAD,
  SPARE_BUNDLE_CELLS,
} from '../../limits.js';
import { warnOnce } from '../../platform.js';
import type { CellBundle, CellThreads, Finish, ThreadKey, ThreadPlace } from '../../ports/cell-threads.js';
import type { Arrival, CellOutcome, Sent } from '../../sent.js';
import {
  type BundleReply,
  type BundleRequest,
  NUMBER,
  NUMBERS_A_CELL,
  type Reply,
  type Request,
  type Room,
  type ToldColumn,
  type ToldKey,
  WORK,
  newBuffer,
  outcomesIn,
  roomOf,
} from './bundle.js';
import { SentCell } from './sent-cell.js';

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

/** A worker thread, as the calling thread sees it. */
class Thread {
  hasStarted = false;
  hasWorked = false;
  readonly #away = new Map<number, Bundle>();
  #bundles = 0;
  /** What the thread knows, by the numbers that it was told. */
  readonly #keys = new Map<ThreadKey, number>();
  readonly #columns = new Map<Bytes, number>();
  #numbers = 0;
  /** Buffers that have come back. */
  readonly #spare: ArrayBuffer[] = [];
  #worker: Worker | undefined;
  /** Told once, with what has ended the thread. */
  readonly #ended: (error: unknown) => void;
  #isOver = false;

  constructor(ended: (error: unknown) => void) {
    this.#ended = ended;
    this.#start().catch((error: unknown) => this.#end(error));
  }

  get underWay(): number {
    return this.#away.size;
  }

  get isFree(): boolean {
    return this.hasStarted && !this.#isOver && this.underWay < BUNDLES_A_THREAD;
  }

  newBundle(): Bundle {
    return new Bundle(this.#spare.pop() ?? newBuffer());
  }

  /** Nothing but this runs between naming keys and sending what names them. */
  send(bundle: Bundle): void {
    bundle.isOpen = false;
    if (bundle.cells === 0) {
      this.#spare.push(bundle.buffer);
      return;
    }
    if (this.#keys.size > MAX_TOLD_THREAD || this.#columns.size > MAX_TOLD_THREAD) this.forgetKeys();
    const request = this.#requestOf(bundle);
    this.#away.set(request.id, bundle);
    try {
      if (this.#isOver) throw new Error('The thread has ended.');
      this.#worker?.postMessage(request satisfies Request, [request.buffer]);
      this.#worker?.ref(); // somebody waits
    } catch (error) {
      this.#end(error);
    }
  }

  forgetKeys(): void {
    this.#keys.clear();
    this.#columns.clear();
    if (this.hasStarted && !this.#isOver) this.#worker?.postMessage('forget' satisfies Request);
  }

  async close(): Promise<void> {
    for (const bundle of this.#away.values()) await bundle.arrived;
    this.#isOver = true;
    await this.#worker?.terminate();
  }

  async #start(): Promise<void> {
    const { program } = await import('./program.js');
    if (program === undefined) throw new Error('The package was not built.');
    if (this.#isOver) return;
    const url = new URL(`data:text/javascript,${encodeURIComponent(program)}`);
    // It needs nothing of the process: not its flags, nor its environment, in which a passphrase may stand.
    const worker = new Worker(url, { name: 'cellseal', execArgv: [], env: {} });
    this.#worker = worker;
    worker.unref();
    worker.on('message', (reply: Reply) => this.#receive(reply));
    worker.on('messageerror', (error) => this.#end(error));
    worker.on('error', (error) => this.#end(error));
    worker.on('exit', () => this.#end(undefined));
  }

  #requestOf(bundle: Bundle): BundleRequest {
    const newKeys: ToldKey[] = [];
    const newColumns: ToldColumn[] = [];
    // Copies: of a view all that is behind it would be sent.
    const keys = bundle.keys.map((key) =>
      this.#numberOf(this.#keys, key, (number) => {
        const [keyIdBytes, prefix] = [copyBytes(key.keyIdBytes), copyBytes(key.prefix)];
        newKeys.push({ number, keyId: key.keyId, keyIdBytes, prefix, key: key.key });
      }),
    );
    const columns = bundle.columns.map(({ before, scope }) =>
      this.#numberOf(this.#columns, before, (number) => {
        newColumns.push({ number, scope: copyBytes(scope), before: copyBytes(before) });
      }),
    );
    const { cells, buffer } = bundle;
    return { id: this.#bundles++, cells, buffer, keys, columns, newKeys, newColumns };
  }

  #numberOf<K>(known: Map<K, number>, one: K, tell: (number: number) => void): number {
    const number = known.get(one);
    if (number !== undefined) return number;
    const next = this.#numbers++;
    known.set(one, next);
    tell(next);
    return next;
  }

  #receive(reply: Reply): void {
    if (reply === 'ready') {
      this.hasStarted = true;
      return;
    }
    this.hasWorked = true;
    this.#spare.push(reply.buffer);
    const bundle = this.#away.get(reply.id);
    this.#away.delete(reply.id);
    if (this.#away.size === 0) this.#worker?.unref();
    bundle?.arrive(reply);
  }

  #end(error: unknown): void {
    const lost = [...this.#away.values()];
    this.#away.clear();
    for (const bundle of lost) bundle.lose(error);
    if (this.#isOver) return;
    this.#isOver = true;
    void this.#worker?.terminate();
    this.#ended(error);
  }
}

/** Cells that are being gathered, and later what has become of them. */
class Bundle implements CellBundle, Arrival {
  cells = 0;
  /** Whether it takes cells. */
  isOpen = true;
  hasArrived = false;
  readonly arrived: Promise<void>;
  #arrive: () => void = () => {};
  readonly buffer: ArrayBuffer;
  readonly #room: Room;
  #end = 0;
  /** What cells name by their places in these. */
  readonly keys: ThreadKey[] = [];
  readonly columns: { readonly scope: Bytes; readonly before: Bytes }[] = [];
  readonly #places = new Map<ThreadKey | Bytes, number>();
  #outcomes: readonly CellOutcome[] = [];
  #failure: ThreadFailedError | undefined;

  constructor(buffer: ArrayBuffer) {
    this.buffer = buffer;
    this.#room = roomOf(buffer);
    this.arrived = new Promise((resolve) => {
      this.#arrive = resolve;
    });
  }

  get isFull(): boolean {
    return this.cells >= BUNDLE_CELLS - SPARE_BUNDLE_CELLS || this.#end >= BUNDLE_BYTES / 2;
  }

  hasRoomFor(bytes: number): boolean {
    const isFit = this.cells < BUNDLE_CELLS && this.#end + bytes <= BUNDLE_BYTES;
    return this.isOpen && isFit && bytes <= MAX_BUNDLED_CELL_BYTES;
  }

  seal<T>(key: ThreadKey, place: ThreadPlace, framed: Bytes, finish: Finish<T>): Sent<T> | undefined {
    return this.#add(WORK.seal, key, key, place, framed, finish);
  }

  open<T>(key: ThreadKey, place: ThreadPlace, cell: Bytes, finish: Finish<T>): Sent<T> | undefined {
    return this.#add(WORK.open, key, key, place, cell, finish);
  }

  renew<T>(
    from: ThreadKey,
    to: ThreadKey,
    place: ThreadPlace,
    cell: Bytes,
    finish: Finish<T>,
  ): Sent<T> | undefined {
    return this.#add(WORK.renew, from, to, place, cell, finish);
  }

  outcome(cell: number): CellOutcome {
    if (this.#failure) throw this.#failure;
    return this.#outcomes[cell] as CellOutcome;
  }

  arrive({ outcomes }: BundleReply): void {
    this.#outcomes = outcomesIn(outcomes, this.cells);
    this.#settle();
  }

  lose(error: unknown): void {
    const { code } = (error ?? {}) as { readonly code?: unknown };
    this.#failure = new ThreadFailedError(typeof code === 'string' ? code : undefined);
    this.#settle();
  }

  #settle(): void {
    this.hasArrived = true;
    this.#arrive();
  }

  #add<T>(
    work: number,
    key: ThreadKey,
    nextKey: ThreadKey,
    { scope, context: { before, record } }: ThreadPlace,
    bytes: Bytes,
    finish: Finish<T>,
  ): Sent<T> | undefined {
    const recordBytes = record === undefined ? 0 : record.length;
    if (!this.hasRoomFor(recordBytes + bytes.length)) return undefined;
    const cell = this.cells++;
    const { numbers, bytes: room } = this.#room;
    const at = cell * NUMBERS_A_CELL;
    numbers[at + NUMBER.work] = work;
    numbers[at + NUMBER.key] = this.#placeOfKey(key);
    numbers[at + NUMBER.nextKey] = this.#placeOfKey(nextKey);
    numbers[at + NUMBER.column] = this.#placeOfColumn(before, scope.context);
    numbers[at + NUMBER.recordBytes] = recordBytes;
    numbers[at + NUMBER.bytes] = bytes.length;
    if (record !== undefined) room.set(record, this.#end);
    room.set(bytes, this.#end + recordBytes);
    this.#end += recordBytes + bytes.length;
    return new SentCell(this, cell, finish);
  }

  #placeOfKey(key: ThreadKey): number {
    const known = this.#places.get(key);
    if (known !== undefined) return known;
    const place = this.keys.push(key) - 1;
    this.#places.set(key, place);
    return place;
  }

  #placeOfColumn(before: Bytes, scope: Bytes): number {
    const known = this.#places.get(before);
    if (known !== undefined) return known;
    const place = this.columns.push({ scope, before }) - 1;
    this.#places.set(before, place);
    return place;
  }
}
