import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RotationSupersededError } from '../../src/index.js';
import { type Moment, atEveryMoment } from './stopping.js';
import { PLACES, type Place, World, all, memory, populate } from './world.js';

let template: World;
let contents: readonly string[];
let newKey: string;

beforeAll(async () => {
  template = await World.make(memory);
  await populate(template, 8, 4);
  contents = await template.contents();
  newKey = await template.newKey();
});
afterAll(() => template.close());

/** Everything is what it was, and under one key: at once, or after another call. */
async function expectDone(world: World, keyId: string): Promise<void> {
  expect(await world.contents()).toEqual(contents);
  const { cells, notCells } = await world.census();
  expect([Object.keys(cells), notCells]).toEqual([[keyId], 0]);
  world.close();
}

/** Does something at each moment of a rotation in turn, each time in another world, for as long as there are moments. */
async function atEachMoment(
  place: Place,
  work: (world: World, when: (moment: Moment) => boolean) => Promise<{ moments: number }>,
): Promise<void> {
  for (let index = 0; ; index++) {
    const { moments } = await work(await template.copy(place), (moment) => moment.index === index);
    if (moments <= index) return;
  }
}

describe.each(PLACES)('a rotation over $name', (place) => {
  it('stops at a signal before its next step, at any moment, and the next call ends it', async () => {
    let stopped = 0;
    await atEachMoment(place, async (world, when) => {
      const stop = new AbortController();
      const reason = new Error('enough');
      const later: Moment[] = [];
      let moments = 0;
      const observer = atEveryMoment((moment) => {
        moments = moment.index + 1;
        if (stop.signal.aborted) later.push(moment);
        if (when(moment)) stop.abort(reason);
      });
      const ended = await world.rotated({ signal: stop.signal, observer }).catch((error: unknown) => error);
      if (ended === reason) stopped++;
      // The step under way may end; no other begins.
      expect(later.filter(({ side }) => side === 'before')).toEqual([]);
      expect(later.length).toBeLessThanOrEqual(1);
      expect(await world.contents()).toEqual(contents);
      await world.rotated();
      await expectDone(world, newKey);
      return { moments };
    });
    expect(stopped).toBeGreaterThan(20);
  });

  it('is left at any progress that it yields, and the next call goes on there', async () => {
    for (let leave = 0; ; leave++) {
      const world = await template.copy(place);
      let yielded = 0;
      let isLeft = false;
      for await (const _ of world.rotate({ keyring: await world.keyring() })) {
        if (yielded++ < leave) continue;
        isLeft = true;
        break;
      }
      const wasSwept = (await world.jobRecord())?.state === 'swept';
      const rest = await world.rotated();
      if (isLeft && !wasSwept) {
        expect(rest[0]?.began).toBe('resumed');
        expect(rest.at(-1)?.counters, 'nothing was looked at twice').toMatchObject({
          scanned: 12,
          rewritten: 8 * 3 - 2 - 2 + 4 * 2 - 2,
        });
      }
      await expectDone(world, newKey);
      if (!isLeft) break;
    }
  });

  it('gives way to one that begins later, at any moment, and both together do what one does', async () => {
    let superseded = 0;
    await atEachMoment(place, async (world, when) => {
      let moments = 0;
      const observer = atEveryMoment(async (moment) => {
        moments = moment.index + 1;
        if (when(moment)) await world.rotated();
      });
      const ended = await world.rotated({ observer }).catch((error: unknown) => error);
      if (ended instanceof RotationSupersededError) superseded++;
      else expect(ended).toBeInstanceOf(Array);
      await expectDone(world, newKey);
      return { moments };
    });
    expect(superseded).toBeGreaterThan(10);
  });

  it('leaves of four that begin at once at least one, and the records whole', async () => {
    for (let times = 0; times < 10; times++) {
      const world = await template.copy(place);
      const rotations = Array.from({ length: 4 }, async () => {
        const yielded = await all(world.rotate({ keyring: await world.keyring(), chunkRecords: 2 }));
        return yielded.length;
      });
      const outcomes = await Promise.allSettled(rotations);
      const lost = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason] : []));
      for (const error of lost) expect(error).toBeInstanceOf(RotationSupersededError);
      expect(lost.length).toBeLessThan(4);
      await expectDone(world, newKey);
    }
  });

  it('turns to a key that is activated at any moment, and does what it had done again', async () => {
    await atEachMoment(place, async (world, when) => {
      let moments = 0;
      let lastLook = 0;
      let introducedAt = 0;
      let newest = newKey;
      const observer = atEveryMoment(async (moment) => {
        moments = moment.index + 1;
        if (moment.side === 'before' && moment.step === 'keyring.refresh') lastLook = moment.index;
        if (!when(moment)) return;
        newest = await world.newKey();
        introducedAt = moment.index;
      });
      await world.rotated({ observer });
      // Who looks at the keyring after the activation rotates towards the new key in the same call.
      if (newest !== newKey && introducedAt <= lastLook) {
        expect(Object.keys((await world.census()).cells)).toEqual([newest]);
      }
      expect(await world.contents()).toEqual(contents);
      await world.rotated();
      await expectDone(world, newest);
      return { moments };
    });
  });
});
