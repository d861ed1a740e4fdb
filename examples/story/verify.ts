import { isDeepStrictEqual } from 'node:util';
import { type Row, type Shape, idOf } from './records.js';
import type { LoggedWrite } from './write-log.js';

/** What is wrong with one row. */
export interface Mismatch {
  readonly id: string;
  readonly what: 'changed' | 'missing' | 'came back' | 'from nowhere' | 'refused';
}

/** How the rows that were read back compare with what went in and with what was written since. */
export interface Verdict {
  /** Rows that nobody wrote to, as they went in. */
  readonly untouched: number;
  /** Rows that hold what was last written to them. */
  readonly written: number;
  /** Deleted rows that are gone. */
  readonly gone: number;
  /** Rows whose last acknowledged write is not to be found. */
  readonly lostWrites: number;
  /** All rows that are not as they must be, those with lost writes among them. */
  readonly mismatches: readonly Mismatch[];
}

/** What a row may be; `undefined`: it may be gone. A write that was never acknowledged may have been done or not. */
interface Expected {
  readonly states: readonly (Row | undefined)[];
  readonly isWritten: boolean;
  readonly isAcknowledged: boolean;
}

/** Takes the rows as they are read back, one after the other, and gives the verdict when there are no more. */
export interface Comparison {
  /** `row` is `undefined` where it is there and cannot be decrypted. */
  see(id: string, row: Row | undefined): void;
  finish(): Verdict;
}

/** What must be there: the records that went in, and on them the log of what was written, in its order. */
export function compareWith(
  shape: Shape,
  records: readonly Row[],
  writes: readonly LoggedWrite[],
): Comparison {
  const expected = new Map<string, Expected>(
    records.map((row) => [idOf(shape, row), { states: [row], isWritten: false, isAcknowledged: false }]),
  );
  for (const write of writes) expected.set(write.id, afterWrite(expected.get(write.id), write));

  const counts = { untouched: 0, written: 0, gone: 0, lostWrites: 0 };
  const mismatches: Mismatch[] = [];
  const blame = (id: string, what: Mismatch['what'], found: Expected | undefined): void => {
    mismatches.push({ id, what });
    if (found?.isAcknowledged) counts.lostWrites++;
  };

  return {
    see(id, row) {
      const found = expected.get(id);
      expected.delete(id);
      if (!found) blame(id, 'from nowhere', found);
      else if (!row) blame(id, 'refused', found);
      else if (found.states.some((state) => state && isDeepStrictEqual(state, row))) {
        counts[found.isWritten ? 'written' : 'untouched']++;
      } else blame(id, found.states.some((state) => state) ? 'changed' : 'came back', found);
    },
    finish() {
      for (const [id, found] of expected) {
        if (found.states.includes(undefined)) counts.gone++;
        else blame(id, 'missing', found);
      }
      expected.clear();
      return { ...counts, mismatches };
    },
  };
}

function afterWrite(before: Expected | undefined, write: LoggedWrite): Expected {
  const { states, isAcknowledged } = before ?? { states: [undefined], isAcknowledged: false };
  const done = states.map((state) => applied(state, write));
  return {
    states: write.isAcknowledged ? done : [...states, ...done],
    isWritten: true,
    isAcknowledged: isAcknowledged || write.isAcknowledged,
  };
}

function applied(state: Row | undefined, { kind, values }: LoggedWrite): Row | undefined {
  if (kind === 'insert') return values;
  if (kind === 'delete') return undefined;
  return state && { ...state, ...values };
}
