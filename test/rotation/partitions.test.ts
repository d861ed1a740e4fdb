/** Ranges of keys that are swept apart, on as many machines as there are: plain JSON in, plain JSON out. */
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { StoreBusyError } from '../../src/index.js';
import {
  type RecordStore,
  type RotationPartition,
  abandonQuarantined,
  listQuarantine,
  planPartitions,
  rotatePartition,
} from '../../src/rotation/index.js';
import { PLACES, World, memory, note, notes, people, person, populate, spell } from './world.js';

const [PEOPLE, NOTES] = [17, 6];
const CELLS = PEOPLE * 3 - 5 - 4 + NOTES * 2 - 3;

let template: World;
let contents: readonly string[];
let newKey: string;
beforeAll(async () => {
  template = await World.make(memory);
  await populate(template, PEOPLE, NOTES);
  contents = await template.contents();
  newKey = await template.newKey();
});
afterAll(() => template.close());

const wired = <T>(value: T): T => JSON.parse(JSON.stringify(value)) as T;

describe.each(PLACES)('partitions over $name', (place) => {
  it('cover every key, each once, and bring all under the active key, in any order', async () => {
    const world = await template.copy(place);
    const keyring = await world.keyring();
    const records = world.records.open();
    const planned = await planPartitions(world.schema, { keyring, records, partitionRecords: 5 });
    expect(planned.map(({ table }) => table)).toEqual([
      'people',
      'people',
      'people',
      'people',
      'notes',
      'notes',
    ]);
    const done: RotationPartition[] = [];
    for (const partition of [...planned].reverse())
      done.push(await rotatePartition(world.schema, wired(partition), { keyring, records, chunkRecords: 2 }));
    expect(done.every((partition) => partition.done)).toBe(true);
    expect(done.reduce((sum, { counters }) => sum + counters.scanned, 0)).toBe(PEOPLE + NOTES);
    expect(done.reduce((sum, { counters }) => sum + counters.rewritten, 0)).toBe(CELLS);
    expect((await world.census()).cells).toEqual({ [newKey]: CELLS });
    expect(await world.contents()).toEqual(contents);
    expect(await world.job(), 'no job record').toBeUndefined();
    world.close();
  });

  it('run twice, and side by side, without harm', async () => {
    const world = await template.copy(place);
    const keyring = await world.keyring();
    const planned = await planPartitions(world.schema, {
      keyring,
      records: world.records.open(),
      partitionRecords: 6,
    });
    const run = async (partition: RotationPartition) =>
      rotatePartition(world.schema, partition, {
        keyring: await world.keyring(),
        records: world.records.open(),
        chunkRecords: 2,
      });
    const outcomes = await Promise.all([...planned, ...planned].map(run));
    expect(outcomes.every(({ done }) => done)).toBe(true);
    expect((await world.census()).cells).toEqual({ [newKey]: CELLS });
    expect(await world.contents()).toEqual(contents);
    world.close();
  });

  it('go on where the last checkpoint was kept, wherever they were stopped', async () => {
    for (let moment = 0; ; moment++) {
      const world = await template.copy(place);
      const keyring = await world.keyring();
      const records = world.records.open();
      let [kept] = await planPartitions(world.schema, { keyring, records });
      let steps = 0;
      const meet = () => {
        if (steps++ === moment) throw new Error('stopped');
      };
      const options = {
        keyring,
        records,
        chunkRecords: 4,
        checkpoint: async (partition: RotationPartition) => {
          kept = wired(partition);
        },
      };
      const observer = { before: meet, after: meet };
      const failed = await rotatePartition(world.schema, kept, { ...options, observer }).then(
        () => false,
        () => true,
      );
      expect(await world.contents()).toEqual(contents);
      const end = await rotatePartition(world.schema, kept, options);
      expect(end).toMatchObject({ table: 'people', done: true });
      expect(end.counters.scanned, 'a chunk was looked at twice, at most').toBeLessThanOrEqual(PEOPLE + 4);
      expect((await world.census()).tables[0]?.cells).toEqual({ [newKey]: PEOPLE * 3 - 5 - 4 });
      world.close();
      if (!failed) break;
    }
  });

  it('take in records that are inserted anywhere meanwhile', async () => {
    const world = await template.copy(place);
    const stale = await world.keyring();
    const keyring = await world.keyring();
    const records = world.records.open();
    const planned = await planPartitions(world.schema, { keyring, records, partitionRecords: 8 });
    for (const id of [-5, 100]) await world.insert(people, person(id), stale);
    await world.insert(notes, { ...note(50), owner: '!' }, stale);
    for (const partition of planned) await rotatePartition(world.schema, partition, { keyring, records });
    expect(Object.keys((await world.census()).cells)).toEqual([newKey]);
    world.close();
  });

  it('end after the time they are given, and say where they are', async () => {
    const world = await template.copy(place);
    const options = {
      keyring: await world.keyring(),
      records: world.records.open(),
      chunkRecords: 5,
      maxMs: 0,
    };
    let [partition] = await planPartitions(world.schema, options);
    const cursors: unknown[] = [];
    for (let i = 0; i < 4; i++) {
      partition = await rotatePartition(world.schema, wired(partition), options);
      cursors.push(partition.cursor);
    }
    expect(new Set(cursors).size, 'one chunk each').toBe(4 - 1);
    expect(partition).toMatchObject({ done: true, counters: { scanned: PEOPLE } });
    world.close();
  });

  it('note what they refuse, and stop where that is too much', async () => {
    const world = await template.copy(place);
    const options = { keyring: await world.keyring(), records: world.records.open() };
    const [first] = await planPartitions(world.schema, options);
    await world.change(people, person(3), { email: 'in the clear' });
    const done = await rotatePartition(world.schema, first, options);
    expect(done).toMatchObject({ done: true, counters: { quarantined: 1 } });
    expect(await listQuarantine(options)).toMatchObject([
      { table: 'people', column: 'email', code: 'not-a-cell', disposition: 'open' },
    ]);
    const stopped = rotatePartition(world.schema, first, { ...options, maxQuarantined: 0 });
    await expect(stopped).rejects.toMatchObject({ code: 'rotation-blocked', reason: 'too-many-refused' });
    world.close();
  });

  it('do not stop at cells that were given up', async () => {
    const world = await template.copy(place);
    const options = { keyring: await world.keyring(), records: world.records.open(), maxQuarantined: 0 };
    const [first] = await planPartitions(world.schema, options);
    await world.change(people, person(3), { email: 'in the clear' });
    await expect(rotatePartition(world.schema, first, options)).rejects.toMatchObject({
      reason: 'too-many-refused',
    });
    await abandonQuarantined(await listQuarantine(options), options);
    expect(await rotatePartition(world.schema, first, options)).toMatchObject({ done: true });
    world.close();
  });

  it('that were stopped go on when what stopped them is gone', async () => {
    const world = await template.copy(place);
    const options = { keyring: await world.keyring(), records: world.records.open() };
    const [first] = await planPartitions(world.schema, options);
    const counters = { ...first?.counters, quarantined: 11, scanned: PEOPLE };
    const refusing = { ...first, cursor: null, counters };
    expect(await rotatePartition(world.schema, refusing, options)).toMatchObject({ done: true, pass: 1 });
    const hot = { ...first, pass: 6 };
    expect(await rotatePartition(world.schema, hot, options)).toMatchObject({ done: true, pass: 2 });
    world.close();
  });

  it('whose place was damaged stay in their range, or are refused', async () => {
    const world = await template.copy(place);
    const options = { keyring: await world.keyring(), records: world.records.open(), partitionRecords: 5 };
    const [, second] = await planPartitions(world.schema, options);
    const damaged = await rotatePartition(world.schema, { ...second, cursor: ']' }, options);
    expect(damaged).toMatchObject({ done: true, counters: { scanned: 5 } });
    for (const member of ['after', 'until']) {
      const broken = rotatePartition(world.schema, { ...second, [member]: ']' }, options);
      await expect(broken, member).rejects.toMatchObject({ code: 'invalid-partition' });
    }
    world.close();
  });

  it('come back for records that were changed at every swap', async () => {
    const world = await World.make(place);
    await populate(world, 6, 0);
    const stale = await world.keyring();
    await world.newKey();
    const options = { keyring: await world.keyring(), records: world.records.open() };
    const [partition] = await planPartitions(world.schema, options);
    let changes = 0;
    const observer = {
      async before(step: string) {
        if (step !== 'chunk.commit' || changes >= 6) return;
        const { email } = await world.sealed(people, { ...person(4), email: `v${++changes}` }, stale);
        await world.change(people, person(4), { email });
      },
    };
    const done = await rotatePartition(world.schema, partition, { ...options, observer });
    expect(done).toMatchObject({ done: true, pass: 2, counters: { conflicts: 6, deferred: 1 } });
    expect(await world.contents()).toContain(spell(people, { ...person(4), email: 'v6' }));
    world.close();
  });
});

describe('what is no partition', () => {
  it('is refused before anything is looked at', async () => {
    const world = await template.copy();
    const keyring = await world.keyring();
    const options = { keyring, records: world.records.open() };
    const [partition] = await planPartitions(world.schema, options);
    const job = fc.constantFrom(...Object.keys(partition as object));
    await fc.assert(
      fc.asyncProperty(job, fc.jsonValue(), async (member, value) => {
        const damaged = { ...partition, [member]: value };
        const outcome = await rotatePartition(world.schema, damaged, { ...options, maxMs: 0 }).then(
          () => 'harmless',
          ({ code }: { code?: string }) => code,
        );
        expect(['harmless', 'invalid-partition', 'invalid-cursor', 'rotation-blocked']).toContain(outcome);
        expect(await world.contents()).toEqual(contents);
      }),
    );
    for (const value of [undefined, null, 7, 'x', {}, { ...partition, more: 1 }]) {
      await expect(rotatePartition(world.schema, value, options)).rejects.toMatchObject({
        code: 'invalid-partition',
      });
    }
    const other = await World.make(memory);
    await expect(
      rotatePartition(world.schema, partition, { ...options, keyring: await other.keyring() }),
      'of another keyring',
    ).rejects.toMatchObject({ code: 'invalid-partition' });
    await expect(planPartitions(world.schema, { ...options, partitionRecords: 0.5 })).rejects.toMatchObject({
      code: 'definition',
    });
  });
});

describe('a store that stays locked', () => {
  it('has the page committed in halves, down to the record that is locked, which is left for later', async () => {
    const world = await template.copy();
    const keyring = await world.keyring();
    const inner = world.records.open();
    const sizes: number[] = [];
    let isLocked = true;
    const lockedKey = JSON.stringify([{ integer: '5' }]);
    const records: RecordStore = {
      ...inner,
      commit(layout, chunk) {
        if (isLocked && chunk.swaps.some(({ key }) => key === lockedKey)) {
          sizes.push(chunk.swaps.length);
          throw new StoreBusyError();
        }
        return inner.commit(layout, chunk);
      },
    };
    for await (const { pass, counters } of world.rotate({ keyring, records, chunkRecords: 8 })) {
      if (pass !== 2) continue;
      expect(counters).toMatchObject({ deferred: 1 });
      isLocked = false;
    }
    expect(sizes, 'four tries each: of eight, four, two and one').toEqual(
      [8, 4, 2, 1].flatMap((size) => Array(4).fill(size)),
    );
    const { cells } = await world.census();
    expect(cells).toEqual({ [newKey]: CELLS });
    expect(await world.contents()).toEqual(contents);
    expect((await world.jobRecord())?.counters).toMatchObject({
      rewritten: CELLS,
      scanned: 2 * (PEOPLE + NOTES),
    });
  });
});

describe('a commit whose answer is lost', () => {
  it('is found out by what is stored: what was committed counts once, and the rotation goes on', async () => {
    const world = await template.copy();
    const keyring = await world.keyring();
    const inner = world.records.open();
    let commits = 0;
    const records: RecordStore = {
      ...inner,
      async commit(layout, chunk) {
        const outcome = await inner.commit(layout, chunk);
        if (++commits % 2 === 0) throw new Error('the connection was reset');
        return outcome;
      },
    };
    const progress = await world.rotated({ keyring, records });
    expect(progress.at(-1)).toMatchObject({
      state: 'swept',
      counters: { scanned: PEOPLE + NOTES, rewritten: CELLS, conflicts: 0 },
    });
    expect(await world.contents()).toEqual(contents);
  });

  it('and that was delivered twice counts once', async () => {
    const world = await template.copy();
    const inner = world.records.open();
    const records: RecordStore = {
      ...inner,
      async commit(layout, chunk) {
        await inner.commit(layout, chunk);
        return inner.commit(layout, chunk);
      },
    };
    const progress = await world.rotated({ keyring: await world.keyring(), records });
    expect(progress.at(-1)).toMatchObject({ state: 'swept', counters: { scanned: PEOPLE + NOTES } });
    expect((await world.census()).cells).toEqual({ [newKey]: CELLS });
  });

  it('is told as it is where it was not committed', async () => {
    const world = await template.copy();
    const inner = world.records.open();
    let commits = 0;
    const records: RecordStore = {
      ...inner,
      commit(layout, chunk) {
        if (++commits === 2) throw new Error('the connection was refused');
        return inner.commit(layout, chunk);
      },
    };
    const keyring = await world.keyring();
    await expect(world.rotated({ keyring, records })).rejects.toThrow('refused');
    const [first] = await world.rotated({ keyring });
    expect(first).toMatchObject({ began: 'resumed', done: 3 });
  });
});
