import { Worker } from 'node:worker_threads';
import { type Bytes, copyBytes } from '../../bytes.js';
import { BUNDLES_A_THREAD, MAX_TOLD_THREAD } from '../../limits.js';
import type { ThreadKey } from '../../ports/cell-threads.js';
import { Bundle } from './bundle.js';
import {
  type BundleRequest,
  type Reply,
  type Request,
  type ToldColumn,
  type ToldKey,
  newBuffer,
} from './messages.js';

/** A worker thread, as the calling thread sees it. */
export class Thread {
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
      this.#worker?.unref(); // one that is told so before it has started may hold the process all the same (seen under Node 20)
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
