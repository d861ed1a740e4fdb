/** Work that is shared out, with threads that answer when they are told to. */
import { describe, expect, it } from 'vitest';
import { SentCell } from '../../src/engine/threads/sent-cell.js';
import type { MaybePromise } from '../../src/maybe.js';
import type { CellBundle, CellThreads, Finish } from '../../src/ports/cell-threads.js';
import type { Arrival } from '../../src/sent.js';
import { type Helpers, shareOut } from '../../src/share-out.js';
import { patientClock } from '../cells/support.js';

const items = Array.from({ length: 400 }, (_, i) => i);
const NOTHING = undefined as never;

/** A thread that answers after so many turns of the event loop, and how work is given to it. */
function helpersOf(turns: number) {
  let offered: CellBundle | undefined;
  let isTaken = false;
  const threads: CellThreads = {
    count: 1,
    forgetKeys() {},
    send(fill) {
      if (isTaken) return undefined;
      let arrive: () => void = () => {};
      const arrived = new Promise<void>((resolve) => {
        arrive = resolve;
      });
      const arrival = { hasArrived: false, arrived, outcome: () => new Uint8Array(1) };
      let cells = 0;
      fill({
        isFull: false,
        hasRoomFor: () => true,
        seal: (_key, _place, _framed, finish) => new SentCell(arrival as Arrival, cells++, finish),
        open: () => undefined,
        renew: () => undefined,
      });
      if (cells === 0) return undefined;
      isTaken = true;
      const wait = (left: number): void => {
        setImmediate(() => {
          if (left > 0) return wait(left - 1);
          isTaken = false;
          arrival.hasArrived = true;
          arrive();
        });
      };
      wait(turns);
      return arrival;
    },
  };
  const helpers: Helpers = {
    threads,
    withBundle(bundle, begin) {
      offered = bundle;
      begin();
      offered = undefined;
    },
  };
  const sendable = <T>(value: () => MaybePromise<T>): MaybePromise<T> => {
    const sent = offered?.seal(NOTHING, NOTHING, NOTHING, value as Finish<T>);
    return sent ?? value();
  };
  return { helpers, sendable };
}

function clockThatJumps(ms: number) {
  let now = 0;
  const monotonicMs = (): number => {
    now += ms;
    return now;
  };
  return { ...patientClock(), monotonicMs };
}

describe('work that is shared out', () => {
  it.each([0, 1, 7, 100])(
    'comes to its end, in order, whatever the clock says (%i ms a look)',
    async (ms) => {
      for (const turns of [0, 3]) {
        const { helpers, sendable } = helpersOf(turns);
        const found = await shareOut(
          items,
          8,
          (item) => sendable(() => item * 2),
          helpers,
          clockThatJumps(ms),
        );
        expect(found).toEqual(items.map((item) => item * 2));
      }
    },
  );

  it('has no more promises under way than was said, also of what came back', async () => {
    const { helpers, sendable } = helpersOf(2);
    let [now, most] = [0, 0];
    const slowly = async (item: number): Promise<number> => {
      most = Math.max(most, ++now);
      await new Promise((resolve) => setImmediate(resolve));
      now--;
      return item;
    };
    const found = await shareOut(
      items,
      5,
      (item) => sendable(() => slowly(item)),
      helpers,
      clockThatJumps(0),
    );
    expect(found).toEqual(items);
    expect(most).toBe(5);
  });

  it('throws once nothing is under way here, and begins nothing more', async () => {
    const { helpers, sendable } = helpersOf(2);
    const late = { now: 0, begun: 0 };
    const work = (item: number): MaybePromise<number> =>
      sendable(() => {
        late.begun++;
        if (item === 300) throw new Error('item 300');
        if (item !== 290) return item;
        late.now++;
        return new Promise<number>((resolve) => setTimeout(() => resolve(item), 20)).finally(() => {
          late.now--;
        });
      });
    await expect(shareOut(items, 5, work, helpers, clockThatJumps(0))).rejects.toThrow('item 300');
    expect(late.now).toBe(0);
    expect(late.begun).toBeLessThan(items.length);
  });
});
