/** How fast a rotation goes on: over a clock that only moves when somebody sleeps, or when a step is said to take its time. */
import { describe, expect, it } from 'vitest';
import { StoreBusyError } from '../../src/index.js';
import { openedOf } from '../../src/keyring/index.js';
import {
  type RecordStore,
  type RotationProgress,
  pauseRotation,
  planPartitions,
  resumeRotation,
  rotate,
  setRotationPace,
} from '../../src/rotation/index.js';
import { ChunkSize, pauseAfter } from '../../src/rotation/pace.js';
import { runPartition } from '../../src/rotation/partition.js';
import { type RotationLimits, runRotation } from '../../src/rotation/rotate.js';
import { type World, everything, keysInUse, newKey, newWorld, reopened, rotateAll } from './support.js';

/** A clock on which a look at a page takes `msPerRecord` for each record that is asked for. */
function slowWorld({ keyring, records }: World, msPerRecord: number, limits: RotationLimits = {}) {
  let nowMs = 0;
  const sleeps: number[] = [];
  const pages: number[] = [];
  const clock = {
    wallMs: () => nowMs,
    monotonicMs: () => nowMs,
    sleep: async (ms: number) => {
      sleeps.push(ms);
      nowMs += ms;
    },
  };
  const slow: RecordStore = {
    ...records,
    page(layout, request) {
      pages.push(request.maxRecords);
      const page = records.page(layout, request) as Awaited<ReturnType<RecordStore['page']>>;
      nowMs += msPerRecord * page.records.length;
      return page;
    },
  };
  const environment = {
    clock,
    random: (n: number) => crypto.getRandomValues(new Uint8Array(n)),
    observer: {},
    signal: undefined,
  };
  const world = { environment, opened: openedOf(keyring), schema: everything, records: slow };
  return { world, context: { ...world, limits }, sleeps, pages, now: () => nowMs };
}

async function collected(context: Parameters<typeof runRotation>[0]): Promise<RotationProgress[]> {
  const found: RotationProgress[] = [];
  for await (const progress of runRotation(context)) found.push(progress);
  return found;
}

describe('the size of a chunk', () => {
  it('grows by a fifth at most while chunks are quick, and shrinks by half at most when they are slow', () => {
    const size = new ChunkSize({});
    const pace = { pace: 'full', recordsPerSecond: undefined } as const;
    expect(size.next(pace)).toBe(250);
    size.measure(250, 1);
    expect(size.next(pace)).toBe(300);
    size.measure(300, 1);
    expect(size.next(pace)).toBe(360);
    size.measure(360, 60_000);
    expect(size.next(pace)).toBe(180);
    for (let i = 0; i < 50; i++) size.measure(size.next(pace), 60_000);
    expect(size.next(pace), 'one record at least').toBe(1);
    for (let i = 0; i < 200; i++) size.measure(size.next(pace), 0.001);
    expect(size.next(pace), 'ten thousand at most').toBe(10_000);
  });

  it('settles where a chunk takes as long as it should', () => {
    const size = new ChunkSize({ chunkMs: 100 });
    const pace = { pace: 'full', recordsPerSecond: undefined } as const;
    for (let i = 0; i < 100; i++) size.measure(size.next(pace), size.next(pace) * 0.5);
    expect(size.next(pace)).toBeGreaterThanOrEqual(190);
    expect(size.next(pace)).toBeLessThanOrEqual(210);
  });

  it('stays what the caller says, and never holds more than a second of a limited rate', () => {
    const size = new ChunkSize({ chunkRecords: 40 });
    size.measure(40, 60_000);
    expect(size.next({ pace: 'full', recordsPerSecond: undefined })).toBe(40);
    expect(size.next({ pace: 'full', recordsPerSecond: 7 })).toBe(7);
    expect(size.next({ pace: 'full', recordsPerSecond: 0.1 })).toBe(1);
  });
});

describe('the pause after a chunk', () => {
  it.each([
    ['gentle', 400],
    ['steady', 200],
    ['full', 0],
  ] as const)('at the pace %s is %d ms after 400 ms', (pace, pause) => {
    expect(pauseAfter({ pace, recordsPerSecond: undefined }, 100, 400)).toBe(pause);
  });

  it('is what the rate wants, where that is longer', () => {
    expect(pauseAfter({ pace: 'gentle', recordsPerSecond: 100 }, 100, 400)).toBe(600);
    expect(pauseAfter({ pace: 'gentle', recordsPerSecond: 1_000 }, 100, 400)).toBe(400);
  });
});

describe('a rotation', () => {
  it('sleeps as long as its chunks take when it is gentle, and says so in its ETA', async () => {
    const world = await newWorld(30);
    await newKey(world);
    const { context, sleeps } = slowWorld(world, 10, { pace: 'gentle', chunkRecords: 5 });
    const progress = await collected(context);
    expect(sleeps.slice(0, 5)).toEqual([50, 50, 50, 50, 50]);
    expect(progress[2]).toMatchObject({ done: 10, expected: 60, pace: 'gentle', recordsPerSecond: 100 });
    expect(progress[2]?.etaMs, '50 records at 20 ms each').toBeCloseTo(1000);
    expect(progress[2]?.etaSpreadMs).toBe(0);
    expect(progress.at(-1)).toMatchObject({ state: 'swept', waitingFor: 'finishRotation', etaMs: 0 });
  });

  it('says of no end that it is near where there are more records than were expected', async () => {
    const world = await newWorld(30);
    await newKey(world);
    const slow = slowWorld(world, 10, { chunkRecords: 5 });
    const estimate = () => ({ records: 5, source: 'statistics' as const });
    const progress = await collected({ ...slow.context, records: { ...slow.context.records, estimate } });
    expect(progress[1]).toMatchObject({ done: 5, expected: 10, etaMs: 50 });
    for (const { done, etaMs, etaSpreadMs, state } of progress.slice(3))
      expect([etaMs, etaSpreadMs], String(done)).toEqual(state === 'swept' ? [0, 0] : [undefined, undefined]);
  });

  it('looks at no more records per second than its limit', async () => {
    const world = await newWorld(30);
    await newKey(world);
    const { context, now } = slowWorld(world, 1, { recordsPerSecond: 20 });
    await collected(context);
    expect(now(), '60 records, the last chunk without its pause').toBeGreaterThanOrEqual(2_000);
    expect(now()).toBeLessThan(3_100);
  });

  it('keeps its pace in the job record: a later call that names none goes on at it, also after a restart', async () => {
    const world = await newWorld(20);
    await newKey(world);
    for await (const { done } of rotate(everything, { ...world, pace: 'gentle', chunkRecords: 3 }))
      if (done > 0) break;
    const { context, sleeps } = slowWorld(await reopened(world), 10, { chunkRecords: 2 });
    const [first] = await collected(context);
    expect(first).toMatchObject({ began: 'resumed', pace: 'gentle' });
    expect(sleeps[0]).toBe(20);
  });

  it('takes over a pace that is set while it runs, and one that takes a limit away', async () => {
    const world = await newWorld(20);
    await newKey(world);
    const { context, sleeps } = slowWorld(world, 10, { chunkRecords: 2, recordsPerSecond: 1 });
    let isSet = false;
    for await (const { pace, done } of runRotation(context)) {
      if (done > 4) expect(pace).toBe('steady');
      if (done !== 4 || isSet) continue;
      isSet = await setRotationPace({ pace: 'steady', recordsPerSecond: undefined }, world);
      expect(isSet).toBe(true);
    }
    expect(sleeps.at(-1)).toBe(10);
    expect(await setRotationPace({ pace: 'full' }, world), 'it is over').toBe(false);
  });

  it.each([{ pace: 'quick' }, { recordsPerSecond: 0 }, { recordsPerSecond: Number.NaN }] as never[])(
    'refuses %j',
    async (pace) => {
      const world = await newWorld(3);
      await newKey(world);
      await expect(rotateAll(world, pace)).rejects.toMatchObject({ code: 'definition' });
      await expect(rotateAll(world, { chunkMs: 0 })).rejects.toMatchObject({ code: 'definition' });
      for await (const _ of rotate(everything, world)) break;
      await expect(setRotationPace(pace, world)).rejects.toMatchObject({ code: 'definition' });
    },
  );
});

describe('a throttle', () => {
  it('that says wait is asked again, and the progress says who is waited for', async () => {
    const world = await newWorld(4);
    const target = await newKey(world);
    const answers = ['go', 'wait', 'wait', 'go'] as const;
    let asked = 0;
    const { context, sleeps } = slowWorld(world, 0, {
      chunkRecords: 2,
      throttle: async () => answers[asked++] ?? 'go',
    });
    const progress = await collected(context);
    expect(progress.filter(({ waitingFor }) => waitingFor === 'throttle')).toHaveLength(2);
    expect(sleeps).toEqual([1000, 1000]);
    expect(await keysInUse(world)).toEqual([target]);
  });

  it('that says stop ends the loop, and the next call goes on there', async () => {
    const world = await newWorld(6);
    const target = await newKey(world);
    let asked = 0;
    const stopped = await rotateAll(world, { throttle: () => (asked++ < 2 ? 'go' : 'stop') });
    expect(stopped.at(-1)).toMatchObject({ state: 'sweeping', waitingFor: 'throttle', done: 6 });
    const [first] = await rotateAll(world);
    expect(first).toMatchObject({ began: 'resumed', done: 6 });
    expect(await keysInUse(world)).toEqual([target]);
  });

  it('that fails ends the rotation at once, with its own error, and nothing is lost', async () => {
    const world = await newWorld(6);
    await newKey(world);
    let asked = 0;
    const failing = rotateAll(world, {
      throttle: () => {
        if (asked++ === 1) throw new RangeError('no answer from the replica');
        return 'go';
      },
    });
    await expect(failing).rejects.toThrow(RangeError);
    const [first] = await rotateAll(world);
    expect(first).toMatchObject({ began: 'resumed', done: 3 });
  });

  it('that waits lets a pause through', async () => {
    const world = await newWorld(6);
    await newKey(world);
    const { context } = slowWorld(world, 0, { throttle: () => 'wait' });
    let waits = 0;
    for await (const { state } of runRotation(context)) {
      if (++waits === 3) await pauseRotation(world);
      if (state === 'paused') return;
      expect(waits).toBeLessThan(6);
    }
    expect.unreachable('it ends paused');
  });
});

describe('a pause', () => {
  it('ends the loop wherever the rotation is, and stands until it is taken back', async () => {
    const world = await newWorld(9);
    const target = await newKey(world);
    let chunks = 0;
    const met: RotationProgress[] = [];
    for await (const progress of rotate(everything, { ...world, chunkRecords: 3 })) {
      met.push(progress);
      if (++chunks === 3)
        expect(await pauseRotation({ ...(await reopened(world)), reason: 'the night shift' })).toBe(true);
    }
    expect(met.at(-1)).toMatchObject({ state: 'paused', waitingFor: 'resumeRotation', done: 6 });
    expect(await keysInUse(world)).toHaveLength(2);

    const again = await rotateAll(await reopened(world));
    expect(
      again.map(({ state }) => state),
      'also after a restart',
    ).toEqual(['paused', 'paused']);
    expect(await resumeRotation(world)).toBe(true);
    const [first] = await rotateAll(world);
    expect(first).toMatchObject({ began: 'resumed', done: 6 });
    expect(await keysInUse(world)).toEqual([target]);
    expect([await pauseRotation(world), await resumeRotation(world)], 'nothing is under way').toEqual([
      false,
      false,
    ]);
  });

  it('at any step of a chunk costs no write, and loses none', async () => {
    for (let moment = 0; moment < 40; moment++) {
      const world = await newWorld(6);
      const target = await newKey(world);
      let steps = 0;
      const observer = {
        async before() {
          if (steps++ === moment) await pauseRotation(world);
        },
      };
      const progress = await rotateAll(world, { observer });
      if (progress.at(-1)?.state === 'paused') {
        await resumeRotation(world);
        await rotateAll(world);
      }
      expect(await keysInUse(world), `paused before step ${moment}`).toEqual([target]);
    }
  });

  it('while a rotation begins is met by it, and is no takeover', async () => {
    const world = await newWorld(6);
    await newKey(world);
    for await (const { done } of rotate(everything, { ...world, chunkRecords: 3 })) if (done > 0) break;
    let isPaused = false;
    const observer = {
      async before(step: string) {
        if (step !== 'job.write' || isPaused) return;
        isPaused = true;
        await pauseRotation(world);
      },
    };
    expect((await rotateAll(world, { observer })).map(({ state }) => state)).toEqual(['paused', 'paused']);
  });

  it('is met while every record stays locked', async () => {
    const world = await newWorld(30);
    await newKey(world);
    const { context, now } = slowWorld(world, 0);
    let pausedAtMs: number | undefined;
    const records: RecordStore = {
      ...context.records,
      async commit(layout, chunk) {
        if (chunk.swaps.length === 0) return context.records.commit(layout, chunk);
        await context.environment.clock.sleep(1_000); // as long as a lock is waited for
        if (pausedAtMs === undefined && (await pauseRotation(world))) pausedAtMs = now();
        throw new StoreBusyError();
      },
    };
    const progress = await collected({ ...context, records });
    expect(progress.at(-1)).toMatchObject({ state: 'paused' });
    expect(now() - Number(pausedAtMs)).toBeLessThan(2_000);
  });

  it('reaches a rotation whose job record counts from a forged number', async () => {
    for (const member of ['revision', 'scanned']) {
      const world = await newWorld(9);
      await newKey(world);
      for await (const { done } of rotate(everything, { ...world, chunkRecords: 3 })) if (done > 0) break;
      const id = `rotation:${world.keyring.id}`;
      const record = world.records.readJob(id) as string;
      for (const number of [2 ** 53 - 1, 2 ** 52]) {
        const forged = record.replace(new RegExp(`"${member}":\\d+`), `"${member}":${number}`);
        await world.records.writeJob({ id, previous: world.records.readJob(id) as string, next: forged });
        let isPaused = false;
        for await (const { state } of rotate(everything, { ...world, chunkRecords: 3 })) {
          if (state === 'sweeping' && !isPaused) isPaused = await pauseRotation(world);
          if (state === 'paused') break;
          expect(state, `${member} ${number}`).not.toBe('swept');
        }
        expect(isPaused, `${member} ${number}`).toBe(true);
      }
    }
  });

  it('survives that another key is made active', async () => {
    const world = await newWorld(6);
    await newKey(world);
    for await (const { done } of rotate(everything, { ...world, chunkRecords: 3 })) if (done > 0) break;
    await pauseRotation(world);
    const target = await newKey(world);
    expect((await rotateAll(world)).at(-1)).toMatchObject({ state: 'paused' });
    await resumeRotation(world);
    await rotateAll(world);
    expect(await keysInUse(world)).toEqual([target]);
  });
});

describe('a partition', () => {
  it('rests and waits as a rotation does', async () => {
    const world = await newWorld(12);
    await newKey(world);
    const [partition] = await planPartitions(everything, world);
    const slow = slowWorld(world, 10);
    let asked = 0;
    const done = await runPartition(slow.world, partition, {
      pace: 'gentle',
      chunkRecords: 5,
      throttle: () => (asked++ === 1 ? 'wait' : 'go'),
    });
    expect(done).toMatchObject({ done: true, counters: { scanned: 12 } });
    expect(slow.sleeps).toEqual([50, 1000, 50]);
  });
});
