import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { outcomesIn, replyOf } from '../../src/engine/threads/messages.js';
import { SentCell } from '../../src/engine/threads/sent-cell.js';
import type { Arrival, CellOutcome } from '../../src/sent.js';
import { SentWork } from '../../src/sent.js';

const outcome = fc.oneof(
  fc.uint8Array({ maxLength: 300 }).map((bytes): CellOutcome => new Uint8Array(bytes)),
  fc.constantFrom<CellOutcome>('authentication', 'self-check'),
);

describe('what comes back of a bundle', () => {
  it('is what was made of each cell', () => {
    fc.assert(
      fc.property(fc.array(outcome, { maxLength: 40 }), (outcomes) => {
        expect(outcomesIn(replyOf(outcomes), outcomes.length)).toEqual(outcomes);
      }),
    );
  });
});

describe('a value that another thread works out', () => {
  const bundleOf = (...outcomes: CellOutcome[]) => {
    let arrive: () => void = () => {};
    const arrived = new Promise<void>((resolve) => {
      arrive = resolve;
    });
    const bundle: Arrival = { hasArrived: false, arrived, outcome: (cell) => outcomes[cell] as CellOutcome };
    return { bundle, arrive };
  };
  const lengthOf = (one: CellOutcome): number => {
    if (typeof one === 'string') throw new Error(one);
    return one.length;
  };

  it('is a promise to whoever takes it for one', async () => {
    const { bundle, arrive } = bundleOf(new Uint8Array(5), 'authentication');
    const sent = new SentCell(bundle, 0, lengthOf);
    const refused = new SentCell(bundle, 1, lengthOf);
    const all = Promise.allSettled([sent, refused, sent.map((length) => length + 1), refused.map(() => 1)]);
    const chained = refused.then(undefined, () => 'caught');
    arrive();
    expect(await all).toMatchObject([
      { status: 'fulfilled', value: 5 },
      { status: 'rejected', reason: { message: 'authentication' } },
      { status: 'fulfilled', value: 6 },
      { status: 'rejected', reason: { message: 'authentication' } },
    ]);
    expect(await chained).toBe('caught');
    expect(await sent).toBe(5); // and later again
  });

  it('is taken without a promise', () => {
    const { bundle } = bundleOf(new Uint8Array(5));
    const sent = new SentCell(bundle, 0, lengthOf);
    expect(sent.take()).toBe(5);
    expect(new SentWork(bundle, () => [sent.take()]).map((all) => [...(all as number[]), 2]).take()).toEqual([
      5, 2,
    ]);
  });
});
