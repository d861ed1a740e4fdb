/**
 * Cells in packed parts of a batch, on any thread: the whole of docs/format.md §3 between a framed value and the bytes of
 * a cell. A part is one buffer: numbers, then what goes in, then the room for what comes out, so that it crosses between
 * threads in one piece. It is the prototype that `npm run bench:threads` measures, and no part of the package.
 */
import { type KeyObject, createCipheriv, createDecipheriv, createSecretKey, hkdfSync } from 'node:crypto';

/** suite ‖ mode ‖ key id */
export const PREFIX_BYTES = 18;
const SALT_BYTES = 8;
const IV_BYTES = 12;
const TAG_BYTES = 16;
const HEADER_BYTES = PREFIX_BYTES + SALT_BYTES + IV_BYTES;
/** What a cell has more than its framed value, its prefix not counted. */
export const OVERHEAD_BYTES = SALT_BYTES + IV_BYTES + TAG_BYTES;
/** A context item: 1 KiB and its head. */
const MAX_RECORD_BYTES = 1_030;
const CELLS_PER_SALT = 2 ** 16;
const GCM = { authTagLength: TAG_BYTES };

/** What is done with a part's cells. */
export const WORK = { seal: 0, open: 1, renew: 2 } as const;
export type Work = keyof typeof WORK;
const WORKS = Object.keys(WORK) as readonly Work[];

/** What a thread has to know once: a data key is never sent again. `KeyObject`s are cloned by reference, not by bytes. */
export interface Setup {
  /** The first is active; cells may be under any. */
  readonly keys: readonly SetupKey[];
  /** context("cell", …) as far as to the record, a column each. */
  readonly before: readonly Uint8Array[];
  /** IVs drawn with one call of the generator, within the part that they are for. 1: each when it is used. */
  readonly ivsAtOnce: number;
}
export interface SetupKey {
  readonly key: KeyObject;
  readonly prefix: Uint8Array;
  /** The HKDF info of cell keys. */
  readonly info: Uint8Array;
}

// ── Parts ───────────────────────────────────────────────────────────────────────────────────────────────────────────

/** Numbers before the lengths: the work, the records, the columns, the key that cells are under, the length of all lengths, where output begins, cells refused. */
const HEAD = { work: 0, records: 1, columns: 2, key: 3, output: 4, refused: 5 } as const;
const HEAD_NUMBERS = 8;

/** Records' cells on their way to another thread and back. Lengths first (of the record's context item, then of each of its cells), then these bytes, then as much room as what is made of them takes. */
export class Part {
  readonly buffer: ArrayBufferLike;
  readonly bytes: Buffer;
  readonly #numbers: Uint32Array;
  #length = 0;
  #end = 0;
  #outputBytes = 0;

  constructor(buffer: ArrayBufferLike, offset = 0, length = buffer.byteLength - offset) {
    this.buffer = buffer;
    this.bytes = Buffer.from(buffer as ArrayBuffer, offset, length);
    this.#numbers = new Uint32Array(buffer, offset, length >> 2);
  }

  get records(): number {
    return this.#numbers[HEAD.records] as number;
  }
  get columns(): number {
    return this.#numbers[HEAD.columns] as number;
  }
  get work(): Work {
    return WORKS[this.#numbers[HEAD.work] as number] as Work;
  }
  get key(): number {
    return this.#numbers[HEAD.key] as number;
  }
  get output(): number {
    return this.#numbers[HEAD.output] as number;
  }
  get refused(): number {
    return this.#numbers[HEAD.refused] as number;
  }
  set refused(count: number) {
    this.#numbers[HEAD.refused] = count;
  }
  /** Where the input begins. */
  get input(): number {
    return 4 * (HEAD_NUMBERS + this.records * (1 + this.columns));
  }
  /** The length at this place among all lengths. */
  lengthAt(place: number): number {
    return this.#numbers[HEAD_NUMBERS + place] as number;
  }

  begin(work: Work, records: number, columns: number, key = 0): void {
    this.#numbers[HEAD.work] = WORK[work];
    this.#numbers[HEAD.records] = records;
    this.#numbers[HEAD.columns] = columns;
    this.#numbers[HEAD.key] = key;
    this.#numbers[HEAD.refused] = 0;
    this.#length = 0;
    this.#end = this.input;
    this.#outputBytes = 0;
  }
  /** Where the next bytes are to be written. */
  get end(): number {
    return this.#end;
  }
  /** So many were, and make so many. */
  add(length: number, outputBytes: number): void {
    this.#numbers[HEAD_NUMBERS + this.#length++] = length;
    this.#end += length;
    this.#outputBytes += outputBytes;
    if (this.#end + this.#outputBytes > this.bytes.length) throw new Error('The part is too small.');
  }
  finish(): void {
    this.#numbers[HEAD.output] = this.#end;
  }
}

// ── What is done with them ──────────────────────────────────────────────────────────────────────────────────────────

/** A data key on one thread: its cell keys, and authenticated data with everything in it that stays the same. */
class ThreadKey {
  readonly #setup: SetupKey;
  readonly #authenticated: readonly Buffer[];
  readonly #starts: readonly number[];
  readonly #cellKeys = new Map<string, KeyObject>();
  #last: { readonly salt: string; readonly key: KeyObject } | undefined;

  constructor(setup: SetupKey, before: readonly Uint8Array[]) {
    this.#setup = setup;
    this.#starts = before.map(({ length }) => HEADER_BYTES + length);
    this.#authenticated = before.map((bytes) => {
      const authenticated = Buffer.alloc(HEADER_BYTES + bytes.length + MAX_RECORD_BYTES);
      authenticated.set(setup.prefix);
      authenticated.set(bytes, HEADER_BYTES);
      return authenticated;
    });
  }

  /** The cell key of a salt. The package bounds these and keeps one only once a tag has verified; here no salt is forged. */
  cellKey(salt: Uint8Array): KeyObject {
    const id = String.fromCharCode(...salt);
    if (this.#last?.salt === id) return this.#last.key;
    const { key, info } = this.#setup;
    const known = this.#cellKeys.get(id);
    const derived = known ?? createSecretKey(Buffer.from(hkdfSync('sha256', key, salt, info, 32)));
    this.#cellKeys.set(id, derived);
    this.#last = { salt: id, key: derived };
    return derived;
  }

  /** header ‖ context, of a cell with this salt and IV. */
  authenticated(column: number, saltAndIv: Uint8Array, { source, start, end }: Span): Buffer {
    const bytes = this.#authenticated[column] as Buffer;
    const at = this.#starts[column] as number;
    bytes.set(saltAndIv, PREFIX_BYTES);
    source.copy(bytes, at, start, end);
    return bytes.subarray(0, at + end - start);
  }
}

/** Bytes within a buffer. */
interface Span {
  source: Buffer;
  start: number;
  end: number;
}

/** Seals and opens on one thread. */
export class Cells {
  readonly #keys: readonly ThreadKey[];
  readonly #active: ThreadKey;
  /** The context item of the record at work. */
  readonly #record: Span = { source: Buffer.alloc(0), start: 0, end: 0 };
  /** salt ‖ IV of the cell at work. */
  readonly #saltAndIv = new Uint8Array(SALT_BYTES + IV_BYTES);
  readonly #salt = this.#saltAndIv.subarray(0, SALT_BYTES);
  readonly #iv = this.#saltAndIv.subarray(SALT_BYTES);
  readonly #ownSalt = new Uint8Array(SALT_BYTES);
  #cellsLeft = 0;
  readonly #ivs: Uint8Array;
  #ivsUsed: number;
  /** Two framed values: of a cell that is renewed, and of the one that takes its place. */
  #framed = Buffer.alloc(0);

  constructor({ keys, before, ivsAtOnce }: Setup) {
    this.#keys = keys.map((key) => new ThreadKey(key, before));
    this.#active = this.#keys[0] as ThreadKey;
    this.#ivs = new Uint8Array(IV_BYTES * ivsAtOnce);
    this.#ivsUsed = this.#ivs.length;
  }

  /** Does a part's work. */
  run(part: Part): void {
    const { bytes, records, columns, work, key, output } = part;
    this.dropIvs();
    let place = 0;
    let read = part.input;
    let written = output;
    for (let i = 0; i < records; i++) {
      const recordEnd = read + part.lengthAt(place++);
      this.bindTo(bytes, read, recordEnd);
      read = recordEnd;
      for (let column = 0; column < columns; column++) {
        const end = read + part.lengthAt(place++);
        if (work === 'seal') {
          written = this.seal(column, bytes, read, end, bytes, written);
        } else if (work === 'open') {
          if (!this.open(key, column, bytes, read, end, bytes, written)) part.refused++;
          written += end - read - OVERHEAD_BYTES;
        } else {
          written = this.renew(key, column, bytes, read, end, bytes, written);
        }
        read = end;
      }
    }
    if (work === 'seal') bytes.fill(0, part.input, output); // nobody needs the plaintext any more
  }

  /** Forgets IVs that were drawn for work that is done. */
  dropIvs(): void {
    this.#ivsUsed = this.#ivs.length;
  }

  /** What is sealed and opened from now on is of this record: its context item. */
  bindTo(source: Buffer, start: number, end: number): void {
    this.#record.source = source;
    this.#record.start = start;
    this.#record.end = end;
  }

  /** framed value → salt ‖ IV ‖ ciphertext ‖ tag, written at `at`; gives where that ends. */
  seal(column: number, source: Buffer, start: number, end: number, target: Buffer, at: number): number {
    this.#drawSalt();
    this.#drawIv();
    const key = this.#active.cellKey(this.#salt);
    const cipher = createCipheriv('aes-256-gcm', key, this.#iv, GCM);
    cipher.setAAD(this.#active.authenticated(column, this.#saltAndIv, this.#record));
    const ciphertext = cipher.update(source.subarray(start, end));
    cipher.final(); // GCM leaves nothing to the end
    const tagAt = at + SALT_BYTES + IV_BYTES + ciphertext.length;
    target.set(this.#saltAndIv, at);
    target.set(ciphertext, at + SALT_BYTES + IV_BYTES);
    target.set(cipher.getAuthTag(), tagAt);
    return tagAt + TAG_BYTES;
  }

  /** salt ‖ IV ‖ ciphertext ‖ tag → framed value, written at `at`; says whether the tag verifies, and leaves zeros where not. */
  open(
    keyAt: number,
    column: number,
    source: Buffer,
    start: number,
    end: number,
    target: Buffer,
    at: number,
  ): boolean {
    const key = this.#keys[keyAt] as ThreadKey;
    const sealedAt = start + SALT_BYTES + IV_BYTES;
    this.#saltAndIv.set(source.subarray(start, sealedAt));
    const decipher = createDecipheriv('aes-256-gcm', key.cellKey(this.#salt), this.#iv, GCM);
    decipher.setAAD(key.authenticated(column, this.#saltAndIv, this.#record));
    decipher.setAuthTag(source.subarray(end - TAG_BYTES, end));
    const framed = decipher.update(source.subarray(sealedAt, end - TAG_BYTES));
    let isGenuine = true;
    try {
      decipher.final();
    } catch {
      framed.fill(0);
      isGenuine = false;
    }
    target.set(framed, at);
    framed.fill(0);
    return isGenuine;
  }

  /** The same framed value under the active key, opened once as a reader will; gives where the new cell ends. */
  renew(
    keyAt: number,
    column: number,
    source: Buffer,
    start: number,
    end: number,
    target: Buffer,
    at: number,
  ): number {
    const length = end - start - OVERHEAD_BYTES;
    if (this.#framed.length < 2 * length) this.#framed = Buffer.alloc(2 * length);
    const framed = this.#framed;
    if (!this.open(keyAt, column, source, start, end, framed, 0)) throw new Error('A cell was refused.');
    const written = this.seal(column, framed, 0, length, target, at);
    if (!this.open(0, column, target, at, written, framed, length))
      throw new Error('A new cell does not open.');
    if (framed.compare(framed, length, 2 * length, 0, length) !== 0)
      throw new Error('A new cell holds another value.');
    framed.fill(0, 0, 2 * length);
    return written;
  }

  #drawSalt(): void {
    if (this.#cellsLeft === 0) {
      globalThis.crypto.getRandomValues(this.#ownSalt);
      this.#cellsLeft = CELLS_PER_SALT;
    }
    this.#cellsLeft--;
    this.#salt.set(this.#ownSalt);
  }

  #drawIv(): void {
    if (this.#ivsUsed === this.#ivs.length) {
      globalThis.crypto.getRandomValues(this.#ivs);
      this.#ivsUsed = 0;
    }
    this.#iv.set(this.#ivs.subarray(this.#ivsUsed, this.#ivsUsed + IV_BYTES));
    this.#ivsUsed += IV_BYTES;
  }
}
