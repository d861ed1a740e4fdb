import { describe, expect, it } from 'vitest';
import { RotationBlockedError, RotationSupersededError } from '../../src/errors.js';
import {
  KeyInUseError,
  StoreBusyError,
  activateKey,
  encryptRecord,
  listKeys,
  resumeKey,
  suspendKey,
} from '../../src/index.js';
import { openedOf } from '../../src/keyring/index.js';
import type { RecordStore, StepObserver } from '../../src/rotation/index.js';
import { census, finishRotation, rotate, rotationStatus } from '../../src/rotation/index.js';
import { decodeJob } from '../../src/rotation/job.js';
import { runRotation } from '../../src/rotation/rotate.js';
import { jobId } from '../../src/rotation/run.js';
import {
  type World,
  contents,
  everything,
  keysInUse,
  newKey,
  newWorld,
  people,
  reopened,
  rotateAll,
} from './support.js';

describe('an application that writes while a rotation runs', () => {
  it('keeps what it wrote between the look and the swap', async () => {
    const world = await newWorld(6);
    await newKey(world);
    let writes = 0;
    const observer = {
      async before(step: string) {
        if (step !== 'chunk.commit' || writes > 0) return;
        const id = writes++;
        const { name } = await encryptRecord(people, { id, name: 'written meanwhile' }, world.keyring);
        world.records.update(people, { id }, { name });
      },
    };
    const yielded = await rotateAll(world, { observer });
    expect((await contents(world)).people[0]).toMatchObject({ id: 0, name: 'written meanwhile' });
    expect(yielded.at(-1)?.counters.conflicts).toBe(0); // it was null: there was nothing to swap
  });

  it('wins a lost swap, and the record is looked at again', async () => {
    const world = await newWorld(6);
    const target = await newKey(world);
    let writes = 0;
    const observer = {
      async before(step: string) {
        if (step !== 'chunk.commit' || writes++ > 0) return;
        const { seen } = await encryptRecord(people, { id: 1, seen: new Date(99) }, world.keyring);
        world.records.update(people, { id: 1 }, { seen });
      },
    };
    const yielded = await rotateAll(world, { observer });
    expect(yielded.at(-1)?.counters.conflicts).toBe(1);
    expect((await contents(world)).people[1]).toMatchObject({ name: 'name 1', seen: new Date(99) });
    expect(await keysInUse(world)).toEqual([target]);
  });

  it('sees no deleted record come back', async () => {
    const world = await newWorld(6);
    await newKey(world);
    const observer = {
      before(step: string) {
        if (step === 'chunk.commit') for (const id of [1, 2, 5]) world.records.remove(people, { id });
      },
    };
    await rotateAll(world, { observer });
    expect(world.records.rows(people).map((row) => row['id'])).toEqual([0, 3, 4]);
  });

  it('may change a record at every swap: after five it is left for the next pass, and done there', async () => {
    const world = await newWorld(6);
    const [old] = listKeys(world.keyring);
    const stale = (await reopened(world)).keyring; // a process that does not know of the new key
    const target = await newKey(world);
    let writes = 0;
    const observer = {
      async before(step: string) {
        if (step !== 'chunk.commit' || writes >= 5) return;
        const { name } = await encryptRecord(people, { id: 1, name: `version ${++writes}` }, stale);
        world.records.update(people, { id: 1 }, { name });
      },
    };
    const yielded = await rotateAll(world, { observer });
    expect(yielded.at(-1)).toMatchObject({
      state: 'swept',
      pass: 2,
      counters: { conflicts: 5, deferred: 1 },
    });
    expect((await contents(world)).people[1]).toMatchObject({ name: 'version 5' });
    expect(await keysInUse(world)).toEqual([target]);
    expect(target).not.toBe(old?.keyId);
  });

  it('stops a rotation that never wins, with everything else done', async () => {
    const world = await newWorld(6);
    const old = listKeys(world.keyring)[0]?.keyId as string;
    const stale = (await reopened(world)).keyring;
    await newKey(world);
    let writes = 0;
    const observer = {
      async before(step: string) {
        if (step !== 'chunk.commit') return;
        const { name } = await encryptRecord(people, { id: 1, name: `version ${++writes}` }, stale);
        world.records.update(people, { id: 1 }, { name });
      },
    };
    await expect(rotateAll(world, { observer })).rejects.toMatchObject({
      code: 'rotation-blocked',
      reason: 'hot-records',
    });
    const count = await census(everything, world);
    expect(count.cells[old], 'both cells of the hot record, and no other').toBe(2);
    await expect(suspendKey(world.keyring, old, count, { withoutHold: true })).rejects.toBeInstanceOf(
      KeyInUseError,
    );

    await rotateAll(await reopened(world)); // when there is less traffic
    expect((await census(everything, world)).cells[old]).toBeUndefined();
  });

  it('may activate another key: the rotation turns towards it', async () => {
    const world = await newWorld(6);
    await newKey(world);
    const target: string[] = [];
    const observer = {
      async after(step: string) {
        if (step === 'chunk.commit' && target.length === 0) target.push(await newKey(world));
      },
    };
    await rotateAll(await reopened(world), { observer });
    expect(await keysInUse(world)).toEqual(target);
  });
});

describe('a keyring that is read again in the midst of a page', () => {
  const jobOf = async ({ keyring, records }: World) =>
    decodeJob(await records.readJob(jobId(openedOf(keyring))));
  /** Calls `work` with each side of each step, and the number of pages up to there. */
  const atSteps = (work: (moment: string, page: number) => Promise<void>): StepObserver => {
    let page = 0;
    return {
      before: (step) => work(`before ${step}`, step === 'page' ? ++page : page),
      after: (step) => work(`after ${step}`, page),
    };
  };

  it.each(['before chunk.rewrite', 'after chunk.rewrite'])(
    'and has another active key %s, of whichever page: the checkpoint does not pass over what is under the older one',
    async (when) => {
      for (let nth = 1; nth <= 4; nth++) {
        const world = await newWorld(6); // two pages of two tables
        let target = await newKey(world);
        const observer = atSteps(async (moment, page) => {
          if (page !== nth) return;
          if (moment === when) target = await newKey(world); // by this process: the rotation's own keyring
          if (moment !== 'after chunk.commit') return;
          const job = await jobOf(world);
          expect(job?.isBehind || job?.pass === 2, `page ${nth}`).toBe(true);
        });
        const yielded = await rotateAll(world, { observer });
        expect(await keysInUse(world), `page ${nth}`).toEqual([target]);
        expect(yielded.at(-1)).toMatchObject({ state: 'swept', pass: 2 });
      }
    },
  );

  it('and goes back before the next look: what was sealed meanwhile is done again', async () => {
    const world = await newWorld(6);
    const target = await newKey(world);
    const observer = atSteps(async (moment, page) => {
      if (page === 1 && moment === 'before chunk.rewrite') await newKey(world);
      if (page === 1 && moment === 'after chunk.commit') await activateKey(world.keyring, target);
    });
    await rotateAll(world, { observer });
    expect(await keysInUse(world)).toEqual([target]);
  });

  it('is followed after a crash', async () => {
    const world = await newWorld(6);
    await newKey(world);
    const target: string[] = [];
    const observer = atSteps(async (moment, page) => {
      if (page === 2 && moment === 'after chunk.rewrite') target.push(await newKey(world));
      if (page === 2 && moment === 'after chunk.commit') throw new Error('killed');
    });
    await expect(rotateAll(world, { observer })).rejects.toThrow('killed');
    expect((await rotateAll(await reopened(world)))[0]?.began).toBe('resumed');
    expect(await keysInUse(world)).toEqual(target);
  });

  it('before anything was swept costs no pass', async () => {
    const world = await newWorld(6);
    await newKey(world);
    const target: string[] = [];
    const observer = atSteps(async (moment) => {
      if (moment === 'before estimate' && target.length === 0) target.push(await newKey(world));
    });
    const yielded = await rotateAll(world, { observer });
    expect(await keysInUse(world)).toEqual(target);
    expect(yielded.at(-1)).toMatchObject({ state: 'swept', pass: 1 });
  });

  it('and has another active key at the end of each pass: three passes are added, no more, and a count finds what is left', async () => {
    const world = await newWorld(6);
    const older = await newKey(world);
    const observer = atSteps(async (moment, page) => {
      if (moment === 'after chunk.rewrite' && page % 4 === 0) await newKey(world);
    });
    const yielded = await rotateAll(world, { observer });
    expect(yielded.at(-1)).toMatchObject({ state: 'swept', pass: 4 });
    expect((await rotationStatus(everything, world)).next).toBe('rotate');
    const { inUse } = await finishRotation(everything, { ...world, withoutHold: true });
    expect(Object.keys(inUse).length).toBeGreaterThan(0);
    expect(inUse[older]).toBeUndefined();

    await rotateAll(world); // when the keys stay as they are
    expect(await keysInUse(world)).toHaveLength(1);
  });
});

describe('two rotations over one store', () => {
  it('leave the one that began later, and the same end', async () => {
    const world = await newWorld(8);
    const target = await newKey(world);
    const before = await contents(world);
    const earlier = rotate(everything, { ...(await reopened(world)), chunkRecords: 3 });
    await earlier.next();
    const later = rotate(everything, { ...(await reopened(world)), chunkRecords: 3 });
    await later.next();
    await expect(earlier.next()).rejects.toBeInstanceOf(RotationSupersededError);
    for await (const progress of later) void progress;
    expect(await keysInUse(world)).toEqual([target]);
    expect(await contents(world)).toEqual(before);
  });
});

describe('a store', () => {
  it('that is busy is asked again after pauses that grow, and then no more', async () => {
    const world = await newWorld(3);
    await newKey(world);
    const pauses: number[] = [];
    const run = async (busy: number) => {
      let asked = 0;
      const records: RecordStore = {
        ...world.records,
        page: (layout, request) => {
          if (asked++ < busy) throw new StoreBusyError();
          return world.records.page(layout, request);
        },
      };
      const clock = {
        wallMs: () => 0,
        monotonicMs: () => 0,
        sleep: async (ms: number) => {
          pauses.push(ms);
        },
      };
      const environment = {
        clock,
        random: (n: number) => new Uint8Array(n),
        observer: {},
        signal: undefined,
      };
      const context = {
        environment,
        opened: openedOf(world.keyring),
        schema: everything,
        records,
        limits: {},
      };
      for await (const progress of runRotation(context)) void progress;
    };
    await run(3);
    expect(pauses).toEqual([5, 10, 20]);
    await expect(run(1_000)).rejects.toBeInstanceOf(StoreBusyError);
    expect(pauses.length).toBe(3 + 8);
  });

  it('whose page fails is not at its end', async () => {
    const world = await newWorld(9);
    const target = await newKey(world);
    let pages = 0;
    const records: RecordStore = {
      ...world.records,
      page: (layout, request) => {
        if (++pages === 2) throw new Error('connection lost');
        return world.records.page(layout, request);
      },
    };
    await expect(rotateAll({ ...world, records } as never)).rejects.toThrow('connection lost');
    expect(await keysInUse(world)).toHaveLength(2);
    await rotateAll(world);
    expect(await keysInUse(world)).toEqual([target]);
  });

  it('that cannot compare and swap is refused', async () => {
    const world = await newWorld(1);
    const records = { ...world.records, abilities: { ...world.records.abilities, compareAndSwap: false } };
    await expect(rotateAll({ ...world, records } as never)).rejects.toMatchObject({ code: 'store-unfit' });
  });
});

describe('a rotation', () => {
  it('stops at a signal between two steps, with its reason, and goes on at the next call', async () => {
    const world = await newWorld(8);
    const target = await newKey(world);
    const stop = new AbortController();
    const reason = new Error('enough');
    const observer = {
      after(step: string) {
        if (step === 'chunk.commit') stop.abort(reason);
      },
    };
    await expect(rotateAll(world, { signal: stop.signal, observer })).rejects.toBe(reason);
    expect(await keysInUse(world)).toHaveLength(2);
    const [first] = await rotateAll(world);
    expect(first?.began).toBe('resumed');
    expect(await keysInUse(world)).toEqual([target]);
  });

  it('does no cryptography on cells that are under the active key', async () => {
    const world = await newWorld(8);
    await newKey(world);
    await rotateAll(world);
    const { engine } = openedOf(world.keyring).environment;
    const opened = { ...engine };
    let calls = 0;
    for (const name of ['seal', 'open', 'deriveAead', 'unwrapKey'] as const) {
      engine[name] = (...args: never[]) => {
        calls++;
        return (opened[name] as (...given: never[]) => never)(...args);
      };
    }
    const yielded = await rotateAll(world);
    expect(yielded.at(-1)?.counters).toMatchObject({ scanned: 16, rewritten: 0 });
    expect(calls).toBe(0);
    Object.assign(engine, opened);
  });

  it('can be undone: the old key is activated again', async () => {
    const world = await newWorld(4);
    const old = listKeys(world.keyring)[0]?.keyId as string;
    await newKey(world);
    await rotateAll(world);
    await suspendKey(world.keyring, old, await census(everything, world), { withoutHold: true });
    await resumeKey(world.keyring, old);
    const before = await contents(world);
    await activateKey(world.keyring, old);
    await rotateAll(world);
    expect(await keysInUse(world)).toEqual([old]);
    expect(await contents(world)).toEqual(before);
  });

  it('says what it waits for when too much is refused, and begins at the beginning next time', async () => {
    const world = await newWorld(30);
    await newKey(world);
    for (let id = 0; id < 12; id++) world.records.update(people, { id }, { seen: 'plaintext' });
    await expect(rotateAll(world)).rejects.toBeInstanceOf(RotationBlockedError);
    const yielded = await rotateAll(world, { maxQuarantined: 12 });
    expect(yielded[0]).toMatchObject({ began: 'fresh', done: 0 });
    expect(yielded.at(-1)).toMatchObject({ state: 'swept', counters: { quarantined: 12 } });
  });
});
