import type { StepName, StepObserver } from '../../src/rotation/index.js';

/** What a test throws to stop a rotation, as a crash would. */
export class Stopped extends Error {}

export interface Moment {
  readonly side: 'before' | 'after';
  readonly step: StepName;
  /** How often this step was reached before, on this side. */
  readonly nth: number;
  /** How many moments there were before. */
  readonly index: number;
}

/** Tells every moment at which a rotation can be stopped. */
export function atEveryMoment(look: (moment: Moment) => void | Promise<void>): StepObserver {
  const counts = new Map<string, number>();
  let index = 0;
  const tell = (side: Moment['side']) => (step: StepName) => {
    const nth = counts.get(`${side} ${step}`) ?? 0;
    counts.set(`${side} ${step}`, nth + 1);
    return look({ side, step, nth, index: index++ });
  };
  return { before: tell('before'), after: tell('after') };
}

export const at =
  (side: Moment['side'], step: StepName, nth = 0) =>
  (moment: Moment) =>
    moment.side === side && moment.step === step && moment.nth === nth;
