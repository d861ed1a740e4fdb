import { Worker } from 'node:worker_threads';
import { type Bytes, copyBytes } from '../../bytes.js';
import { ThreadFailedError } from '../../errors.js';
import {
  BUNDLES_A_THREAD,
  BUNDLE_BYTES,
  BUNDLE_CELLS,
  MAX_BUNDLED_CELL_BYTES,
  MAX_TOLD_THREAD,
} from '../../limits.js';
import { warnOnce } from '../../platform.js';
import type { CellBundle, CellThreads, Finish, ThreadKey, ThreadPlace } from '../../ports/cell-threads.js';
import type { Arrival, CellOutcome, Sent } from '../../sent.js';
import {
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
  readonly #threads: (Thread | undefined)[];
  #closed: Promise<void> | undefined;
  /** A thread that never came to work is not tried again. */
  #isRefused = false;

  constructor(count: number) {
    this.count = count;
    this.#threads = new Array<Thread | undefined>(count).fill(undefined);
  }

  send(fill: (bundle: CellBundle) => void): Arrival | undefined {
    if (this.#closed !== undefined || this.#isRefused) return undefined;
    for (let i = 0; i < this.count; i++) this.#threads[i] ??= this.#start(i);
    const free = this.#threads
      .filter((thread) => thread?.isFree)
      .sort((left, right) => (left as Thread).away.length - (right as Thread).away.length)[0];
    return free?.send(fill);
  }

  forgetKeys(): void {
    for (const thread of this.#threads) thread?.forgetKeys();
  }

  close(): Promise<void> {
    this.#closed ??= Promise.all(this.#threads.map((thread) => thread?.close())).then(() => {
      this.#threads.fill(undefined);
    });
    return this.#closed;
  }

  #start(place: number): Thread {
    const thread = new Thread((error) => {
      if (this.#threads[place] === thread) this.#threads[place] = undefined; // the next bundle starts another one
      if (thread.isReady || this.#closed !== undefined) return;
      this.#isRefused = true;
      const why = error instanceof Error ? `: ${error.message}` : '.';
      warnOnce(`No thread could be started for cells, so that the calling thread works alone${why}`);
    });
    return thread;
  }
}

/** A worker thread, as the calling thread sees it. Bundles come back in the order in which they went. */
class Thread {
  readonly away: Bundle[] = [];
  isReady = false;
  readonly #keys = new Map<ThreadKey, number>();
  readonly #columns = new Map<Bytes, number>();
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

  get isFree(): boolean {
    return this.isReady && !this.#isOver && this.away.length < BUNDLES_A_THREAD;
  }

  send(fill: (bundle: CellBundle) => void): Arrival | undefined {
    if (this.#keys.size > MAX_TOLD_THREAD || this.#columns.size > MAX_TOLD_THREAD) this.forgetKeys();
    const bundle = new Bundle(this.#keys, this.#columns, this.#spare.pop() ?? newBuffer());
    try {
      fill(bundle);
    } finally {
      if (bundle.cells > 0) this.#send(bundle);
      else this.#spare.push(bundle.request.buffer);
    }
    return bundle.cells > 0 ? bundle : undefined;
  }

  forgetKeys(): void {
    this.#keys.clear();
    this.#columns.clear();
    if (this.isReady && !this.#isOver) this.#worker?.postMessage('forget' satisfies Request);
  }

  async close(): Promise<void> {
    for (const bundle of [...this.away]) await bundle.arrived;
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
    worker.on('error', (error) => this.#end(error));
    worker.on('exit', () => this.#end(undefined));
  }

  #send(bundle: Bundle): void {
    const { request } = bundle;
    this.away.push(bundle);
    try {
      this.#worker?.postMessage(request, [request.buffer]);
      this.#worker?.ref(); // somebody waits
    } catch (error) {
      this.#end(error);
    }
  }

  #receive(reply: Reply): void {
    if (reply === 'ready') {
      this.isReady = true;
      return;
    }
    const bundle = this.away.shift();
    if (this.away.length === 0) this.#worker?.unref();
    this.#spare.push(reply.buffer);
    bundle?.arrive(reply.outcomes);
  }

  #end(error: unknown): void {
    if (this.#isOver) return;
    this.#isOver = true;
    for (const bundle of this.away.splice(0)) bundle.lose(error);
    void this.#worker?.terminate();
    this.#ended(error);
  }
}

/** Cells that are being gathered, and later what has become of them. */
class Bundle implements CellBundle, Arrival {
  cells = 0;
  hasArrived = false;
  readonly arrived: Promise<void>;
  #arrive: () => void = () => {};
  readonly #keys: Map<ThreadKey, number>;
  readonly #columns: Map<Bytes, number>;
  readonly #newKeys: ToldKey[] = [];
  readonly #newColumns: ToldColumn[] = [];
  readonly #buffer: ArrayBuffer;
  readonly #room: Room;
  #end = 0;
  #isSent = false;
  #outcomes: readonly CellOutcome[] = [];
  #failure: ThreadFailedError | undefined;

  constructor(keys: Map<ThreadKey, number>, columns: Map<Bytes, number>, buffer: ArrayBuffer) {
    this.#keys = keys;
    this.#columns = columns;
    this.#buffer = buffer;
    this.#room = roomOf(buffer);
    this.arrived = new Promise((resolve) => {
      this.#arrive = resolve;
    });
  }

  get isFull(): boolean {
    return this.cells >= BUNDLE_CELLS - LARGEST_RECORD_CELLS || this.#end >= BUNDLE_BYTES / 2;
  }

  get request(): Exclude<Request, 'forget'> {
    this.#isSent = true;
    return {
      cells: this.cells,
      buffer: this.#buffer,
      keys: this.#newKeys,
      columns: this.#newColumns,
    };
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

  arrive(reply: ArrayBuffer): void {
    this.#outcomes = outcomesIn(reply, this.cells);
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
    const end = this.#end + recordBytes + bytes.length;
    const hasRoom = this.cells < BUNDLE_CELLS && end <= BUNDLE_BYTES;
    if (this.#isSent || !hasRoom || bytes.length > MAX_BUNDLED_CELL_BYTES) return undefined;
    const cell = this.cells++;
    const { numbers, bytes: room } = this.#room;
    const at = cell * NUMBERS_A_CELL;
    numbers[at + NUMBER.work] = work;
    numbers[at + NUMBER.key] = this.#numberOfKey(key);
    numbers[at + NUMBER.nextKey] = this.#numberOfKey(nextKey);
    numbers[at + NUMBER.column] = this.#numberOfColumn(before, scope.context);
    numbers[at + NUMBER.recordBytes] = recordBytes;
    numbers[at + NUMBER.bytes] = bytes.length;
    if (record !== undefined) room.set(record, this.#end);
    room.set(bytes, this.#end + recordBytes);
    this.#end = end;
    return new SentCell(this, cell, finish);
  }

  #numberOfKey(key: ThreadKey): number {
    const known = this.#keys.get(key);
    if (known !== undefined) return known;
    const number = this.#keys.size;
    this.#keys.set(key, number);
    // Copies: of a view all that is behind it would be sent.
    const [keyIdBytes, prefix] = [copyBytes(key.keyIdBytes), copyBytes(key.prefix)];
    this.#newKeys.push({ number, keyId: key.keyId, keyIdBytes, prefix, key: key.key });
    return number;
  }

  #numberOfColumn(before: Bytes, scope: Bytes): number {
    const known = this.#columns.get(before);
    if (known !== undefined) return known;
    const number = this.#columns.size;
    this.#columns.set(before, number);
    this.#newColumns.push({ number, scope: copyBytes(scope), before: copyBytes(before) });
    return number;
  }
}

/** Of the cells that a bundle has room for, so many are kept for the record that comes next. */
const LARGEST_RECORD_CELLS = 32;
