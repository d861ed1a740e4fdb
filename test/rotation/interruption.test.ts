import { beforeEach, describe, expect, it } from 'vitest';
import { listKeys } from '../../src/index.js';
import {
  Interruption,
  type Moment,
  type World,
  contents,
  interruptAt,
  keysInUse,
  newKey,
  newWorld,
  reopened,
  rotateAll,
} from './support.js';

const RECORDS = 7;

/** Every moment of an undisturbed rotation, in order. */
async function allMoments(): Promise<Moment[]> {
  const world = await newWorld(RECORDS);
  await newKey(world);
  const moments: Moment[] = [];
  await rotateAll(world, { observer: interruptAt(Number.POSITIVE_INFINITY, moments) });
  return moments;
}

const moments = await allMoments();

describe('a rotation that is stopped at a moment, and called again', () => {
  let world: World;
  let target: string;
  beforeEach(async () => {
    world = await newWorld(RECORDS);
    target = await newKey(world);
  });

  it('meets each step that touches a store', () => {
    const steps = new Set(moments.map(({ step }) => step));
    expect([...steps].sort()).toEqual([
      'chunk.commit',
      'chunk.rewrite',
      'coverage',
      'estimate',
      'job.read',
      'job.write',
      'keyring.refresh',
      'page',
      'quarantine.read',
    ]);
  });

  it.each(moments.map(({ step, phase }, position) => ({ step, phase, position })))(
    'ends the same, $phase $step (moment $position)',
    async ({ position }) => {
      const before = await contents(world);
      await expect(rotateAll(world, { observer: interruptAt(position) })).rejects.toBeInstanceOf(
        Interruption,
      );
      expect(await contents(world), 'readable at that instant').toEqual(before);

      const yielded = await rotateAll(await reopened(world));
      expect(yielded.at(-1)?.state ?? 'swept').toBe('swept');
      expect(await contents(world)).toEqual(before);
      expect(await keysInUse(world)).toEqual([target]);
    },
  );

  it('ends the same when it is stopped again and again, one moment further each time', async () => {
    const before = await contents(world);
    let stops = 0;
    for (let position = 0; ; position++) {
      const again = await reopened(world);
      const isStopped = await rotateAll(again, { observer: interruptAt(position) }).then(
        () => false,
        (error: unknown) => error instanceof Interruption,
      );
      if (!isStopped) break;
      stops++;
    }
    expect(stops).toBeGreaterThan(5);
    expect(await contents(world)).toEqual(before);
    expect(await keysInUse(world)).toEqual([target]);
  });

  it('goes on from its checkpoint: nothing that was committed is looked at again', async () => {
    const lastCommit = moments.findLastIndex(
      ({ step, phase }) => step === 'chunk.commit' && phase === 'after',
    );
    await expect(rotateAll(world, { observer: interruptAt(lastCommit - 1) })).rejects.toBeInstanceOf(
      Interruption,
    );
    const [first, second, ...others] = await rotateAll(await reopened(world));
    expect(first).toMatchObject({ began: 'resumed', counters: { scanned: 2 * RECORDS - 1 } });
    expect(second).toMatchObject({ state: 'swept', counters: { scanned: 2 * RECORDS } });
    expect(others).toEqual([]);
  });

  it('counts monotonically, and every cell once, whatever is interrupted after a commit', async () => {
    const afterCommits = moments.flatMap(({ step, phase }, i) =>
      step === 'chunk.commit' && phase === 'after' ? i : [],
    );
    let last = { scanned: 0, rewritten: 0 };
    const observe = (yielded: Awaited<ReturnType<typeof rotateAll>>): void => {
      for (const { counters } of yielded) {
        expect(counters.scanned).toBeGreaterThanOrEqual(last.scanned);
        expect(counters.rewritten).toBeGreaterThanOrEqual(last.rewritten);
        last = counters;
      }
    };
    await rotateAll(world, { observer: interruptAt(afterCommits[1] as number) }).catch(() => undefined);
    observe(await rotateAll(await reopened(world)));
    const cells = (await contents(world)).people.flatMap((person) => Object.values(person as object)).length;
    expect(cells).toBe(3 * RECORDS);
    expect(last.scanned).toBe(2 * RECORDS);
    expect(last.rewritten).toBe(3 * RECORDS - Math.ceil(RECORDS / 4)); // a null has no cell
  });

  it('keeps the old key until a census has found nothing under it', () => {
    const states = listKeys(world.keyring).flatMap(({ kind, state }) => (kind === 'data' ? state : []));
    expect(states).toEqual(['deactivated', 'active']);
  });
});
