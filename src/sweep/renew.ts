import { type Bytes, equalBytes } from '../bytes.js';
import {
  type CellPlace,
  Rebound,
  type StoredCell,
  elsewhereOf,
  openFramed,
  openRebinding,
  sealFramed,
} from '../cell.js';
import { SelfCheckError } from '../errors.js';
import { KEY_TAG_CHARACTERS, keyTagOf } from '../key-tag.js';
import type { OpenedKeyring } from '../keyring/index.js';
import { type MaybePromise, isPromise, lastly, rescue } from '../maybe.js';
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
export function withOpened<T>(
  { opened, place, stored }: FoundCell,
  work: (framed: Bytes, isRebound: boolean) => MaybePromise<T>,
): MaybePromise<T> {
  const result = place.former ? openRebinding(opened, place, stored) : openFramed(opened, place, stored);
  return isPromise(result) ? result.then((awaited) => clearing(awaited, work)) : clearing(result, work);
}

function clearing<T>(
  opened: Bytes | Rebound,
  work: (framed: Bytes, isRebound: boolean) => MaybePromise<T>,
): MaybePromise<T> {
  const isRebound = opened instanceof Rebound;
  const framed = isRebound ? opened.framed : opened;
  return lastly(
    () => work(framed, isRebound),
    () => framed.fill(0),
  );
}

/** Opens a cell and seals its framed value anew, unless it is as the definition says. */
export function renewCell(found: FoundCell): MaybePromise<Renewal> {
  const { opened, place, stored, isActive } = found;
  const sent = isActive ? undefined : elsewhereOf(opened)?.renew?.(place, stored);
  if (sent) return sent.map((fresh) => renewed(found, fresh, false));
  return withOpened(found, (framed, isRebound) => renewFramed(found, framed, isRebound));
}

/** The same, of a cell that is open. */
export function renewFramed(found: FoundCell, framed: Bytes, isRebound: boolean): MaybePromise<Renewal> {
  if (found.isActive && !isRebound) return CURRENT;
  const fresh = sealChecked(found, framed);
  return isPromise(fresh)
    ? fresh.then((awaited) => renewed(found, awaited, isRebound))
    : renewed(found, fresh, isRebound);
}

function renewed({ stored }: FoundCell, fresh: StoredCell, isRebound: boolean): Renewal {
  // Who was behind reads the keyring before it seals: then the cell may have been under the active key all along.
  if (!isRebound && hasTagOf(fresh, stored)) return CURRENT;
  return { was: isRebound ? 'rebound' : 'rewritten', swap: { old: stored as StoredCell, new: fresh } };
}

/** Whether a cell that opened has the key tag of the new one. */
function hasTagOf(fresh: StoredCell, stored: unknown): boolean {
  if (typeof fresh !== 'string' || typeof stored !== 'string') return keyTagOf(fresh) === keyTagOf(stored);
  return stored.startsWith(fresh.slice(0, KEY_TAG_CHARACTERS));
}

/** A new cell, opened once as a reader will, before it takes the place of what can be read. */
export function sealChecked(found: FoundCell, framed: Bytes): MaybePromise<StoredCell> {
  const fresh = sealFramed(found.opened, found.place, framed);
  return isPromise(fresh)
    ? fresh.then((awaited) => checked(found, framed, awaited))
    : checked(found, framed, fresh);
}

function checked({ opened, place }: FoundCell, framed: Bytes, fresh: StoredCell): MaybePromise<StoredCell> {
  const failed = (): never => {
    throw new SelfCheckError(place.where); // not a refusal: the record's own cell has just opened
  };
  const compared = (bytes: Bytes): StoredCell => {
    if (!equalBytes(framed, bytes)) failed();
    bytes.fill(0);
    return fresh;
  };
  const again = rescue(() => openFramed(opened, place, fresh), failed);
  return isPromise(again) ? again.then(compared) : compared(again);
}
