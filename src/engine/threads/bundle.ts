import type { Bytes } from '../../bytes.js';
import { ThreadFailedError } from '../../errors.js';
import { BUNDLE_BYTES, BUNDLE_CELLS, MAX_BUNDLED_CELL_BYTES, SPARE_BUNDLE_CELLS } from '../../limits.js';
import type { CellBundle, Finish, ThreadKey, ThreadPlace } from '../../ports/cell-threads.js';
import type { Arrival, CellOutcome, Sent } from '../../sent.js';
import { type BundleReply, NUMBER, NUMBERS_A_CELL, type Room, WORK, outcomesIn, roomOf } from './messages.js';
import { SentCell } from './sent-cell.js';

/** Cells that are being gathered, and later what has become of them. */
export class Bundle implements CellBundle, Arrival {
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
