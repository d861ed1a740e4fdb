import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RotationCounters, StepName } from '../../src/rotation/index.js';
import { type Moment, Stopped, at, atEveryMoment } from './stopping.js';
import { PLACES, type Row, World, memory, people, person, populate, spell } from './world.js';

const PEOPLE = 20;
const NOTES = 8;

let template: World;
let oldKey: string;
let newKey: string;

beforeAll(async () => {
  template = await World.make(memory);
  await populate(template, PEOPLE, NOTES);
  oldKey = await template.activeKey();
  newKey = await template.newKey();
});
afterAll(() => template.close());

/** Somebody else changes these between the look and the swap, so that there is something to read again. */
const CHANGES: readonly { readonly when: (moment: Moment) => boolean; readonly id: number }[] = [
  { when: at('before', 'chunk.commit', 1), id: 5 },
  { when: at('before', 'chunk.commit', 3), id: 9 },
];

interface Run {
  readonly world: World;
  /** What an application knows to be there. */
  readonly wanted: Map<string, string>;
  readonly counters: RotationCounters[];
}

/** Runs until `stop` says so, or to the end; gives the moment at which it was stopped. */
async function runUntil({ world, wanted, counters }: Run, stop: (moment: Moment) => boolean) {
  let stoppedAt: Moment | undefined;
  const observer = atEveryMoment(async (moment) => {
    for (const { when, id } of CHANGES.filter((change) => change.when(moment))) {
      const row: Row = { ...person(id), email: `changed-${id}@example.org` };
      const { email } = await world.sealed(people, row);
      await world.change(people, { id: BigInt(id) }, { email });
      wanted.set(spell(people, person(id)), spell(people, row));
      expect(when(moment)).toBe(true);
    }
    if (!stop(moment)) return;
    stoppedAt = moment;
    throw new Stopped(`${moment.side} ${moment.step}`);
  });
  try {
    for await (const progress of world.rotate({ keyring: await world.keyring(), observer })) {
      counters.push(progress.counters);
    }
  } catch (error) {
    if (!(error instanceof Stopped)) throw error;
  }
  const job = await world.jobRecord();
  if (job) counters.push(job.counters);
  return stoppedAt;
}

async function newRun(place: (typeof PLACES)[number]): Promise<Run> {
  const world = await template.copy(place);
  const contents = await world.contents();
  return { world, wanted: new Map(contents.map((row) => [row, row])), counters: [] };
}

const isMonotone = (list: readonly RotationCounters[]): boolean =>
  list.every((counters, i) =>
    Object.entries(list[i - 1] ?? {}).every(
      ([name, count]) => counters[name as keyof RotationCounters] >= count,
    ),
  );

describe.each(PLACES)('a rotation over $name', (place) => {
  it('ends as one that was never stopped, wherever it is stopped and resumed', async () => {
    const reached = new Set<string>();
    for (let index = 0; ; index++) {
      const run = await newRun(place);
      const stoppedAt = await runUntil(run, (moment) => moment.index === index);
      const where = stoppedAt ? `${stoppedAt.side} ${stoppedAt.step}, time ${stoppedAt.nth}` : 'not at all';
      const wanted = () => [...run.wanted.values()].sort();
      expect(await run.world.contents(), `stopped ${where}`).toEqual(wanted());
      expect(await run.world.leftBehindCheckpoint(), `stopped ${where}`).toEqual([]);

      const isOver = (await run.world.jobRecord())?.state === 'swept';
      const progress = await run.world.rotated();
      // What was swept already is another rotation, and counts from the beginning.
      if (!isOver) run.counters.push(...progress.map(({ counters }) => counters));
      expect(await run.world.contents(), `resumed after ${where}`).toEqual(wanted());
      const { cells, notCells } = await run.world.census();
      const count = PEOPLE * 3 - 6 - 5 + NOTES * 2 - 4;
      expect([cells, notCells], `counted after ${where}`).toEqual([{ [newKey]: count }, 0]);
      expect(isMonotone(run.counters), `counters after ${where}`).toBe(true);
      expect(progress.at(-1)?.state).toBe('swept');
      run.world.close();
      if (!stoppedAt) break;
      reached.add(`${stoppedAt.side} ${stoppedAt.step}`);
    }
    const steps: StepName[] = [
      'coverage',
      'keyring.refresh',
      'job.read',
      'job.write',
      'estimate',
      'page',
      'chunk.rewrite',
      'chunk.commit',
      'chunk.reread',
      'quarantine.read',
    ];
    expect([...reached].sort()).toEqual(steps.flatMap((step) => [`after ${step}`, `before ${step}`]).sort());
  });

  it('ends as one that was never stopped if it is stopped at every moment, one after the other', async () => {
    const run = await newRun(place);
    let stops = 0;
    // Each time it gets one moment further than the last time.
    for (let moments = 0; ; moments++) {
      const stoppedAt = await runUntil(run, (moment) => moment.index === moments);
      expect(await run.world.leftBehindCheckpoint()).toEqual([]);
      if (!stoppedAt || (await run.world.jobRecord())?.state === 'swept') break;
      stops++;
    }
    expect(stops).toBeGreaterThan(20);
    expect(await run.world.contents()).toEqual([...run.wanted.values()].sort());
    expect((await run.world.census()).cells[oldKey]).toBeUndefined();
    expect(isMonotone(run.counters)).toBe(true);
    run.world.close();
  });
});
