import { type Bytes, equalBytes } from '../bytes.js';
import { type CellPlace, Rebound, type StoredCell, openFramed, openRebinding, sealFramed } from '../cell.js';
import { SelfCheckError } from '../errors.js';
import type { OpenedKeyring } from '../keyring/index.js';
import type { MaybePromise } from '../maybe.js';
import type { CellSwap } from '../ports/record-store.js';

/** What stands in an attribute's column, and where that is. */
export interface FoundCell {
  readonly opened: OpenedKeyring;
  readonly place: CellPlace;
  readonly stored: unknown;
  /** Whether it names the key that is active here. */
  readonly isActive: boolean;
}

/** What becomes of it. */
export type Renewal = CurrentCell | RenewedCell;

/** It is as the definition says. */
interface CurrentCell {
  readonly was: 'current';
}

/** A new cell takes its place. */
interface RenewedCell {
  /** A cell under another key, a plaintext, or a cell in its former place. */
  readonly was: 'rewritten' | 'adopted' | 'rebound';
  readonly swap: Omit<CellSwap, 'cell'>;
}

export const CURRENT: CurrentCell = Object.freeze({ was: 'current' });

/** A cell, opened; its framed value is cleared when the work is done. */
export async function withOpened<T>(
  { opened, place, stored }: FoundCell,
  work: (framed: Bytes, isRebound: boolean) => Promise<T>,
): Promise<T> {
  const result = await openRebinding(opened, place, stored);
  const isRebound = result instanceof Rebound;
  const framed = isRebound ? result.framed : result;
  try {
    return await work(framed, isRebound);
  } finally {
    framed.fill(0);
  }
}

/** Opens a cell and seals its framed value anew, unless it is as the definition says. */
export function renewCell(found: FoundCell): Promise<Renewal> {
  return withOpened(found, (framed, isRebound) => renewFramed(found, framed, isRebound));
}

/** The same, of a cell that is open. */
export async function renewFramed(found: FoundCell, framed: Bytes, isRebound: boolean): Promise<Renewal> {
  if (found.isActive && !isRebound) return CURRENT;
  const fresh = await sealChecked(found, framed);
  return { was: isRebound ? 'rebound' : 'rewritten', swap: { old: found.stored as StoredCell, new: fresh } };
}

/** A new cell, opened once as a reader will, before it takes the place of what can be read. */
export async function sealChecked({ opened, place }: FoundCell, framed: Bytes): Promise<StoredCell> {
  const fresh = await sealFramed(opened, place, framed);
  await assertOpensTo(framed, place, () => openFramed(opened, place, fresh));
  return fresh;
}

async function assertOpensTo(
  framed: Bytes,
  { where }: CellPlace,
  open: () => MaybePromise<Bytes>,
): Promise<void> {
  let again: Bytes;
  try {
    again = await open();
  } catch {
    throw new SelfCheckError(where); // not a refusal: the record's own cell has just opened
  }
  if (!equalBytes(framed, again)) throw new SelfCheckError(where);
  again.fill(0);
}
