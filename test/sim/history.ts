/** What applications were told: every write with its intent and its answer. */

/** `acknowledged`: it is there. `refused`: it is not. `unknown`: nobody was told. */
export type Answer = 'acknowledged' | 'refused' | 'unknown';

export interface Write {
  readonly table: string;
  readonly key: number;
  /** Positions of the cells; `undefined` where the whole record came or went. */
  readonly cells: readonly number[] | undefined;
  /** What is in the cells afterwards: one for each that was written; `undefined`: the record is gone. */
  readonly values: readonly (string | null)[] | undefined;
  readonly beganAt: number;
  endedAt: number;
  answer: Answer;
}

export class History {
  readonly writes: Write[] = [];

  intend(write: Omit<Write, 'endedAt' | 'answer'>): Write {
    const intended: Write = { ...write, endedAt: Number.POSITIVE_INFINITY, answer: 'unknown' };
    this.writes.push(intended);
    return intended;
  }

  answer(write: Write, answer: Answer, step: number): void {
    write.answer = answer;
    // Who was told nothing must expect it at any time.
    if (answer !== 'unknown') write.endedAt = step;
  }

  /**
   * What contradicts the answers, in a record as it is at the end; `undefined`: nothing does. A value may stand there if
   * somebody wrote it and no other acknowledged write of the same cell began after that one had ended.
   */
  contradiction(
    table: string,
    key: number,
    found: readonly (string | null)[] | undefined,
  ): string | undefined {
    const ofRecord = this.writes.filter(
      (write) => write.table === table && write.key === key && write.answer !== 'refused',
    );
    const mayBeLast = (write: Write, writes: readonly Write[]): boolean =>
      !writes.some((other) => other.answer === 'acknowledged' && other.beganAt > write.endedAt);
    const comings = ofRecord.filter(({ cells }) => cells === undefined);
    if (found === undefined) {
      const isGone = comings.some((write) => write.values === undefined && mayBeLast(write, comings));
      const neverCame = comings.every(({ answer, values }) => answer === 'unknown' || values === undefined);
      return isGone || neverCame ? undefined : 'an acknowledged record is not there';
    }
    if (!comings.some((write) => write.values !== undefined && mayBeLast(write, comings)))
      return 'a record is there whose removal was acknowledged';
    for (const [cell, value] of found.entries()) {
      const ofCell = ofRecord.filter(
        ({ cells, values }) => values !== undefined && (cells === undefined || cells.includes(cell)),
      );
      const valueIn = ({ cells, values }: Write): string | null | undefined =>
        values?.[cells === undefined ? cell : cells.indexOf(cell)];
      if (!ofCell.some((write) => valueIn(write) === value && mayBeLast(write, ofCell)))
        return `an acknowledged write of cell ${cell} is lost`;
    }
    return undefined;
  }
}
