/**
 * A database as SQL has it, small enough to be looked through: rows, row locks, transactions, triggers, and beside the
 * cells what an application knows to be in them. Every method is one statement: nobody sees half of it.
 */
import { type Bytes, equalBytes } from '../../src/bytes.js';
import { StoreBusyError } from '../../src/errors.js';
import { keyTagOf, parseKeyTag } from '../../src/key-tag.js';
import type {
  CellAddress,
  Disposition,
  JobWrite,
  QuarantineEntry,
  RefusedCell,
} from '../../src/ports/job-store.js';
import type { CellSwap, RecordSwap } from '../../src/ports/record-store.js';
import type { Process } from './scheduler.js';
import type { Cell, Token } from './tables.js';

/** A cell that was broken on purpose: nobody knows a value for it, and its bytes are to stay. */
export interface Broken {
  readonly bytes: Cell;
  /** What it was where it came from. */
  readonly value: string;
}
/** What an application knows to be in a cell. */
export type Truth = string | null | Broken;

export interface Row {
  readonly cells: Cell[];
  readonly tokens: Token[];
  /** Beside each cell; written by applications alone. */
  readonly truth: Truth[];
  /** The step in which an application last wrote each cell. */
  readonly writtenAt: number[];
  lockedBy: Transaction | undefined;
}

/** What one UPDATE of an application sets. */
export interface Change {
  readonly cells: readonly ChangedCell[];
  readonly tokens: readonly { readonly token: number; readonly fresh: Token }[];
}

export interface ChangedCell {
  readonly cell: number;
  readonly fresh: Cell;
  readonly truth: Truth;
}

/** What a trigger refuses: a changed cell under a key that is not in the list. */
export class FenceError extends Error {}
/** An INSERT of an id that is there. */
export class DuplicateKeyError extends Error {}

/** What the SQL of an adapter may have wrong. */
export interface SqlFlaws {
  /** Old bytes are not compared. */
  readonly blind?: boolean;
  /** Of tokens, and of cells that only go with them, nothing is compared. */
  readonly blindTokens?: boolean;
  /** No tokens are counted. */
  readonly countsNoTokens?: boolean;
  /** A record that is not there is written anew. */
  readonly upsert?: boolean;
  /** The job record is not compared. */
  readonly unguardedJob?: boolean;
}

/** The key id that a cell names. */
export function keyIdOfCell(cell: unknown): string | undefined {
  const tag = keyTagOf(cell);
  return tag === undefined ? undefined : parseKeyTag(tag)?.keyId;
}

/** Who hears of changes. */
export interface DatabaseListener {
  swapped(table: string, key: number, cell: number, old: Cell, fresh: Cell): void;
  tokenSwapped(table: string, key: number, token: number, old: Token, fresh: Token): void;
  jobWritten(process: Process | undefined, previous: string | undefined, next: string): void;
}

export interface Fence {
  readonly allowed: ReadonlySet<string>;
  /** What the trigger fails to look at. */
  readonly flaw: 'insert-only' | 'null-unsafe' | undefined;
}

export class Table {
  readonly rows = new Map<number, Row>();
  #order: readonly number[] | undefined;

  get keys(): readonly number[] {
    this.#order ??= [...this.rows.keys()].sort((left, right) => left - right);
    return this.#order;
  }

  put(key: number, row: Row): void {
    this.rows.set(key, row);
    this.#order = undefined;
  }

  remove(key: number): void {
    this.rows.delete(key);
    this.#order = undefined;
  }
}

/** Changes that nobody else sees yet. */
export interface Transaction {
  readonly process: Process;
  readonly locked: Row[];
  readonly pending: (() => void)[];
  locksJob: boolean;
  isOpen: boolean;
  isWriter: boolean;
}

export class Database {
  readonly tables: ReadonlyMap<string, Table>;
  readonly jobs = new Map<string, string>();
  readonly quarantine = new Map<string, Map<string, QuarantineEntry>>();
  /** Cells that changed since they were last looked at: `table key`. */
  readonly changed = new Map<string, readonly [table: string, key: number]>();
  readonly open = new Set<Transaction>();
  fence: Fence | undefined;
  step = 0;
  readonly #listener: DatabaseListener;

  constructor(names: readonly string[], listener: DatabaseListener) {
    this.tables = new Map(names.map((name) => [name, new Table()]));
    this.#listener = listener;
  }

  table(name: string): Table {
    return this.tables.get(name) as Table;
  }

  // ── As an application writes ──────────────────────────────────────────────────────────────────────────────────────

  /** All cells and tokens of the record, in their order. */
  insert(table: string, key: number, { cells, tokens }: Change): void {
    if (this.table(table).rows.has(key)) throw new DuplicateKeyError();
    for (const { fresh } of cells) this.#assertAllowed(undefined, fresh);
    this.table(table).put(key, {
      cells: cells.map(({ fresh }) => fresh),
      tokens: tokens.map(({ fresh }) => fresh),
      truth: cells.map(({ truth }) => truth),
      writtenAt: cells.map(() => this.step),
      lockedBy: undefined,
    });
    this.#touch(table, key);
  }

  /** Writes cells and tokens; `old` are conditions on what is in these cells. Returns whether there was such a record. */
  update(table: string, key: number, change: Change, old?: readonly Cell[]): boolean {
    const row = this.table(table).rows.get(key);
    if (!row) return false;
    if (row.lockedBy) throw new StoreBusyError();
    if (old && !change.cells.every(({ cell }, i) => sameCell(row.cells[cell], old[i] ?? null))) return false;
    for (const { cell, fresh } of change.cells) this.#assertAllowed(row.cells[cell], fresh);
    this.#write(table, key, row, change);
    return true;
  }

  remove(table: string, key: number): boolean {
    const row = this.table(table).rows.get(key);
    if (!row) return false;
    if (row.lockedBy) throw new StoreBusyError();
    this.table(table).remove(key);
    this.#touch(table, key);
    return true;
  }

  #write(table: string, key: number, row: Row, { cells, tokens }: Change): void {
    for (const { cell, fresh, truth } of cells) {
      row.cells[cell] = fresh;
      row.truth[cell] = truth;
      row.writtenAt[cell] = this.step;
    }
    for (const { token, fresh } of tokens) row.tokens[token] = fresh;
    this.#touch(table, key);
  }

  #assertAllowed(old: Cell | undefined, fresh: Cell): void {
    if (!this.fence || fresh === null) return;
    const { allowed, flaw } = this.fence;
    const isUpdate = old !== undefined;
    if (isUpdate && (flaw === 'insert-only' || (flaw === 'null-unsafe' && old === null))) return;
    if (isUpdate && sameCell(old, fresh)) return;
    const keyId = keyIdOfCell(fresh);
    if (keyId === undefined || !allowed.has(keyId)) throw new FenceError();
  }

  // ── In transactions ───────────────────────────────────────────────────────────────────────────────────────────────

  begin(process: Process, isWriter: boolean): Transaction {
    const transaction = { process, locked: [], pending: [], locksJob: false, isOpen: true, isWriter };
    this.open.add(transaction);
    return transaction;
  }

  /** An application's UPDATE within a transaction: the trigger fires now, others see it at the commit. */
  updateWithin(transaction: Transaction, table: string, key: number, change: Change): boolean {
    const row = this.table(table).rows.get(key);
    if (!row) return false;
    this.#lock(transaction, row);
    for (const { cell, fresh } of change.cells) this.#assertAllowed(row.cells[cell], fresh);
    transaction.pending.push(() => this.#write(table, key, row, change));
    return true;
  }

  /** A rotation's UPDATE … WHERE c = old: locks what matched. */
  swapWithin(
    transaction: Transaction,
    table: string,
    swaps: readonly RecordSwap[],
    skipLocked: boolean,
    flaws: SqlFlaws,
  ): boolean[] {
    const rowOf = ({ key }: RecordSwap): Row | undefined => this.table(table).rows.get(Number(key));
    const isLocked = (row: Row | undefined): boolean =>
      row?.lockedBy !== undefined && row.lockedBy !== transaction;
    if (!skipLocked && swaps.some((swap) => isLocked(rowOf(swap)))) throw new StoreBusyError();
    return swaps.map((swap) => {
      const row = rowOf(swap);
      if (!row || isLocked(row)) {
        if (row || !flaws.upsert) return false;
        transaction.pending.push(() => this.#resurrect(table, swap));
        return true;
      }
      if (!this.#matches(row, swap, flaws)) return false;
      for (const { cell, new: fresh } of swap.cells) this.#assertAllowed(row.cells[cell], fresh as Cell);
      this.#lock(transaction, row);
      transaction.pending.push(() => this.#swap(table, Number(swap.key), row, swap));
      return true;
    });
  }

  /** Whether the job record is the expected one; locks it. */
  writeJobWithin(transaction: Transaction, write: JobWrite, flaws: SqlFlaws): boolean {
    for (const other of this.open) if (other !== transaction && other.locksJob) throw new StoreBusyError();
    if (!flaws.unguardedJob && this.jobs.get(write.id) !== write.previous) return false;
    transaction.locksJob = true;
    transaction.pending.push(() => this.#writeJob(transaction.process, write));
    return true;
  }

  #lock(transaction: Transaction, row: Row): void {
    if (row.lockedBy && row.lockedBy !== transaction) throw new StoreBusyError();
    if (row.lockedBy) return;
    row.lockedBy = transaction;
    transaction.locked.push(row);
  }

  commit(transaction: Transaction): void {
    if (!transaction.isOpen) return;
    for (const apply of transaction.pending) apply();
    this.rollback(transaction);
  }

  rollback(transaction: Transaction): void {
    transaction.isOpen = false;
    for (const row of transaction.locked) row.lockedBy = undefined;
    this.open.delete(transaction);
  }

  /** A connection is gone. */
  rollbackAll(process: Process): void {
    for (const transaction of this.open) if (transaction.process === process) this.rollback(transaction);
  }

  // ── As a rotation writes without transactions ─────────────────────────────────────────────────────────────────────

  swap(table: string, swap: RecordSwap, flaws: SqlFlaws): boolean {
    const row = this.table(table).rows.get(Number(swap.key));
    if (!row) {
      if (flaws.upsert) this.#resurrect(table, swap);
      return flaws.upsert === true;
    }
    if (row.lockedBy) throw new StoreBusyError();
    if (!this.#matches(row, swap, flaws)) return false;
    for (const { cell, new: fresh } of swap.cells) this.#assertAllowed(row.cells[cell], fresh as Cell);
    this.#swap(table, Number(swap.key), row, swap);
    return true;
  }

  writeJob(process: Process | undefined, write: JobWrite, flaws: SqlFlaws = {}): boolean {
    for (const other of this.open) if (other.locksJob) throw new StoreBusyError();
    if (!flaws.unguardedJob && this.jobs.get(write.id) !== write.previous) return false;
    this.#writeJob(process, write);
    return true;
  }

  refuse(id: string, cells: readonly RefusedCell[]): void {
    const held = this.quarantine.get(id) ?? new Map<string, QuarantineEntry>();
    this.quarantine.set(id, held);
    for (const cell of cells) {
      const known = held.get(nameOf(cell));
      held.set(nameOf(cell), { ...cell, disposition: known?.disposition ?? 'open' });
    }
  }

  settle(id: string, cells: readonly CellAddress[], to: Disposition | 'gone'): number {
    const held = this.quarantine.get(id);
    let count = 0;
    for (const cell of cells) {
      const known = held?.get(nameOf(cell));
      if (!known) continue;
      count++;
      if (to === 'gone') held?.delete(nameOf(cell));
      else held?.set(nameOf(cell), { ...known, disposition: to });
    }
    return count;
  }

  #matches(row: Row, { cells, tokens = [] }: RecordSwap, { blind, blindTokens }: SqlFlaws): boolean {
    if (blind) return true;
    const compared = blindTokens ? cells.filter(isChange) : cells;
    return (
      compared.every(({ cell, old }) => sameCell(row.cells[cell], old as Cell)) &&
      (blindTokens === true || tokens.every(({ token, old }) => (row.tokens[token] ?? null) === old))
    );
  }

  /** A cell that only goes with its token is compared, and not written. */
  #swap(table: string, key: number, row: Row, { cells, tokens = [] }: RecordSwap): void {
    for (const { cell, new: fresh } of cells.filter(isChange)) {
      this.#listener.swapped(table, key, cell, row.cells[cell] ?? null, fresh as Cell);
      row.cells[cell] = fresh as Cell;
    }
    for (const { token, new: fresh } of tokens) {
      this.#listener.tokenSwapped(table, key, token, row.tokens[token] ?? null, fresh);
      row.tokens[token] = fresh;
    }
    this.#touch(table, key);
  }

  #resurrect(table: string, { key, cells, tokens = [] }: RecordSwap): void {
    const row: Row = {
      cells: [null, null],
      tokens: [null],
      truth: [],
      writtenAt: [0, 0],
      lockedBy: undefined,
    };
    for (const { cell, new: fresh } of cells) row.cells[cell] = fresh as Cell;
    for (const { token, new: fresh } of tokens) row.tokens[token] = fresh;
    this.table(table).put(Number(key), row);
    this.#touch(table, Number(key));
  }

  #writeJob(process: Process | undefined, { id, next, forgetQuarantine }: JobWrite): void {
    this.#listener.jobWritten(process, this.jobs.get(id), next);
    this.jobs.set(id, next);
    if (!forgetQuarantine) return;
    const held = this.quarantine.get(id);
    for (const [name, { disposition }] of held ?? []) if (disposition === 'open') held?.delete(name);
  }

  #touch(table: string, key: number): void {
    this.changed.set(`${table} ${key}`, [table, key]);
  }
}

function isChange({ old, new: fresh }: CellSwap): boolean {
  return !sameCell(fresh, old as Cell);
}

function nameOf({ table, key, column }: CellAddress): string {
  return JSON.stringify([table, key, column]);
}

/** Whether two cells are the same bytes. */
export function sameCell(found: unknown, old: Cell): boolean {
  if (old === null || typeof old === 'string') return found === old;
  return found instanceof Uint8Array && equalBytes(found as Bytes, old);
}
