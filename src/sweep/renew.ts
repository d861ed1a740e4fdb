import { type Bytes, equalBytes } from '../bytes.js';
import { type CellPlace, Rebound, type StoredCell, openFramed, openRebinding, sealFramed } from '../cell.js';
import { SelfCheckError } from '../errors.js';
import { KEY_TAG_CHARACTERS, keyTagOf } from '../key-tag.js';
import type { OpenedKeyring } from '../keyring/index.js';
import { type MaybePromise, andThen, lastly, rescue } from '../maybe.js';
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
  return andThen(openRebinding(opened, place, stored), (result) => {
    const isRebound = result instanceof Rebound;
    const framed = isRebound ? result.framed : result;
    return lastly(
      () => work(framed, isRebound),
      () => framed.fill(0),
    );
  });
}

/** Opens a cell and seals its framed value anew, unless it is as the definition says. */
export function renewCell(found: FoundCell): MaybePromise<Renewal> {
  return withOpened(found, (framed, isRebound) => renewFramed(found, framed, isRebound));
}

/** The same, of a cell that is open. */
export function renewFramed(found: FoundCell, framed: Bytes, isRebound: boolean): MaybePromise<Renewal> {
  if (found.isActive && !isRebound) return CURRENT;
  return andThen(sealChecked(found, framed), (fresh): Renewal => {
    // Who was behind reads the keyring before it seals: then the cell may have been under the active key all along.
    if (!isRebound && hasTagOf(fresh, found.stored)) return CURRENT;
    return {
      was: isRebound ? 'rebound' : 'rewritten',
      swap: { old: found.stored as StoredCell, new: fresh },
    };
  });
}

/** Whether a cell that opened has the key tag of the new one. */
function hasTagOf(fresh: StoredCell, stored: unknown): boolean {
  if (typeof fresh !== 'string' || typeof stored !== 'string') return keyTagOf(fresh) === keyTagOf(stored);
  return stored.startsWith(fresh.slice(0, KEY_TAG_CHARACTERS));
}

/** A new cell, opened once as a reader will, before it takes the place of what can be read. */
export function sealChecked({ opened, place }: FoundCell, framed: Bytes): MaybePromise<StoredCell> {
  return andThen(sealFramed(opened, place, framed), (fresh) => {
    const again = rescue(
      () => openFramed(opened, place, fresh),
      (): never => {
        throw new SelfCheckError(place.where); // not a refusal: the record's own cell has just opened
      },
    );
    return andThen(again, (bytes) => {
      if (!equalBytes(framed, bytes)) throw new SelfCheckError(place.where);
      bytes.fill(0);
      return fresh;
    });
  });
}
