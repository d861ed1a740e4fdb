import { describe, expect, it, onTestFinished } from 'vitest';
import type { StepObserver } from '../../src/rotation/index.js';
import { atEveryMoment } from './stopping.js';
import { PLACES, type Place, World, notes, people, person, populate, spell } from './world.js';

async function open(place: Place): Promise<World> {
  const world = await World.make(place);
  onTestFinished(() => world.close());
  await populate(world, 8, 4);
  return world;
}

/** Does something between the look at a chunk and its swap: at the first `times` commits. */
function beforeCommits(times: number, work: (time: number) => Promise<void>): StepObserver {
  let commits = 0;
  return atEveryMoment(async ({ side, step }) => {
    if (side === 'before' && step === 'chunk.commit' && commits < times) await work(commits++);
  });
}

/** The contents, but for one person. */
const others = (contents: readonly string[], id: number): string[] =>
  contents.filter((row) => !row.startsWith(`["people",["id","${id}"]`));

describe.each(PLACES)('a rotation over $name', (place) => {
  it('brings back no record that was removed after it was read', async () => {
    const world = await open(place);
    const contents = await world.contents();
    await world.newKey();
    const observer = beforeCommits(1, () => world.remove(people, person(2)));
    const progress = await world.rotated({ observer });
    expect(await world.contents()).toEqual(others(contents, 2));
    expect((await world.stored(people)).map(({ id }) => Number(id))).toEqual([1, 3, 4, 5, 6, 7, 8]);
    expect(progress.at(-1)?.counters).toMatchObject({ conflicts: 1, deferred: 0 });
    expect(Object.keys((await world.census()).cells)).toEqual([await world.activeKey()]);
  });

  it('keeps a record that was removed and made anew after it was read', async () => {
    const world = await open(place);
    const contents = await world.contents();
    const stale = await world.keyring();
    await world.newKey();
    const anew = { ...person(2), email: 'somebody else', phone: null };
    const observer = beforeCommits(1, async () => {
      await world.remove(people, person(2));
      await world.insert(people, anew, stale);
    });
    await world.rotated({ observer });
    expect(await world.contents()).toEqual([...others(contents, 2), spell(people, anew)].sort());
    expect(Object.keys((await world.census()).cells)).toEqual([await world.activeKey()]);
  });

  it('leaves null what was set to null after it was read, and does the other cells', async () => {
    const world = await open(place);
    await world.newKey();
    const observer = beforeCommits(1, () => world.change(people, person(2), { email: null, photo: null }));
    await world.rotated({ observer });
    const row = spell(people, { ...person(2), email: null, photo: null });
    expect(await world.contents()).toContain(row);
    expect(Object.keys((await world.census()).cells)).toEqual([await world.activeKey()]);
  });

  it('tries a record five times that is changed at every swap, then does the rest and comes back to it', async () => {
    const world = await open(place);
    const stale = await world.keyring();
    await world.newKey();
    const change = async (time: number) => {
      const { email } = await world.sealed(people, { ...person(2), email: `version ${time}` }, stale);
      await world.change(people, person(2), { email });
    };
    const progress = await world.rotated({ observer: beforeCommits(5, change) });
    const atDeferral = progress.find(({ counters }) => counters.deferred === 1);
    expect(atDeferral).toMatchObject({ table: 'people', pass: 1, done: 3, counters: { conflicts: 5 } });
    expect(progress.at(-1)).toMatchObject({ state: 'swept', pass: 2, counters: { deferred: 1 } });
    expect(await world.contents()).toContain(spell(people, { ...person(2), email: 'version 4' }));
    expect(Object.keys((await world.census()).cells)).toEqual([await world.activeKey()]);
  });

  it('stops where a record is hot in every pass, with all others done, and ends at a quieter time', async () => {
    const world = await open(place);
    const contents = await world.contents();
    const stale = await world.keyring();
    const oldKey = await world.activeKey();
    await world.newKey();
    const change = async (time: number) => {
      const { email } = await world.sealed(people, { ...person(8), email: `version ${time}` }, stale);
      await world.change(people, person(8), { email });
    };
    const rotation = world.rotated({ observer: beforeCommits(1_000, change) });
    await expect(rotation).rejects.toMatchObject({ reason: 'hot-records', deferred: 1 });
    expect((await world.jobRecord())?.counters).toMatchObject({ conflicts: 25, deferred: 5 });
    expect((await world.census()).cells[oldKey], 'its e-mail and its phone; it has no photo').toBe(2);
    expect(others(await world.contents(), 8)).toEqual(others(contents, 8));
    const [first] = await world.rotated();
    expect(first?.began).toBe('fresh');
    expect((await world.census()).cells[oldKey]).toBeUndefined();
  });

  it('does nothing at all if another one takes its place while it begins', async () => {
    const world = await open(place);
    await world.newKey();
    const steps: string[] = [];
    let isOver = false;
    const observer = atEveryMoment(async ({ side, step }) => {
      if (isOver) steps.push(`${side} ${step}`);
      if (side !== 'before' || step !== 'job.write' || isOver) return;
      for await (const _ of world.rotate({ keyring: await world.keyring() })) break;
      isOver = true;
    });
    await expect(world.rotated({ observer })).rejects.toMatchObject({ code: 'rotation-superseded' });
    const looks = ['before job.read', 'after job.read'];
    expect(steps, 'but to look who it was').toEqual(['after job.write', ...looks, ...looks]);
    expect(await world.stored(notes)).toHaveLength(4);
  });
});
