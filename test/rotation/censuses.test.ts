import { describe, expect, it, onTestFinished } from 'vitest';
import { suspendKey } from '../../src/index.js';
import { type RecordStore, census } from '../../src/rotation/index.js';
import { at, atEveryMoment } from './stopping.js';
import { PLACES, type Place, World, notes, people, person, populate } from './world.js';

async function open(place: Place): Promise<World> {
  const world = await World.make(place);
  onTestFinished(() => world.close());
  await populate(world, 8, 4);
  return world;
}

const PEOPLE_CELLS = 8 * 3 - 2 - 2;
const NOTES_CELLS = 4 * 2 - 2;

describe.each(PLACES)('a census over $name', (place) => {
  it('counts what is there at every moment of a rotation, whatever the checkpoint says', async () => {
    const world = await open(place);
    const oldKey = await world.activeKey();
    const newKey = await world.newKey();
    const counts: number[] = [];
    const observer = atEveryMoment(async () => {
      const { cells, records, notCells } = await world.census();
      counts.push(cells[newKey] ?? 0);
      expect((cells[oldKey] ?? 0) + (cells[newKey] ?? 0)).toBe(PEOPLE_CELLS + NOTES_CELLS);
      expect([records, notCells]).toEqual([12, 0]);
    });
    await world.rotated({ observer });
    expect(counts).toEqual([...counts].sort((a, b) => a - b));
    expect(new Set(counts).size).toBeGreaterThan(4);
    const { tables } = await world.census();
    expect(tables).toEqual([
      { table: 'people', records: 8, cells: { [newKey]: PEOPLE_CELLS }, notCells: 0 },
      { table: 'notes', records: 4, cells: { [newKey]: NOTES_CELLS }, notCells: 0 },
    ]);
  });

  it('does not let a key be suspended while one cell is under it, wherever that is', async () => {
    const world = await open(place);
    const oldKey = await world.activeKey();
    const [first] = await world.stored(people);
    const [mood] = (await world.stored(notes)).filter((row) => row['mood']);
    await world.newKey();
    await world.rotated();
    const keyring = await world.keyring();
    await world.change(notes, mood ?? {}, { mood: mood?.['mood'] }); // out of a backup
    const inUse = { code: 'key-in-use', cells: 1 };
    await expect(
      suspendKey(keyring, oldKey, await world.census(keyring), { withoutHold: true }),
    ).rejects.toMatchObject(inUse);
    await world.rotated();
    await world.change(people, person(1), { photo: first?.['photo'] });
    await expect(
      suspendKey(keyring, oldKey, await world.census(keyring), { withoutHold: true }),
    ).rejects.toMatchObject(inUse);
    await world.rotated();
    await suspendKey(keyring, oldKey, await world.census(keyring), { withoutHold: true });
    expect(await world.contents()).toHaveLength(12);
  });

  it('is stale if the keyring changes while it counts', async () => {
    const world = await open(place);
    const oldKey = await world.activeKey();
    await world.newKey();
    await world.rotated();
    const keyring = await world.keyring();
    const store = world.records.open();
    const slow: RecordStore = {
      ...store,
      async census(layouts) {
        const counts = await store.census(layouts);
        await world.newKey();
        return counts;
      },
    };
    const counted = await census(world.schema, { keyring, records: slow });
    await expect(suspendKey(keyring, oldKey, counted, { withoutHold: true })).rejects.toMatchObject({
      code: 'census-stale',
    });
  });

  it('counts at the newest revision of the keyring, and not at the one that was read before', async () => {
    const world = await open(place);
    const oldKey = await world.activeKey();
    const keyring = await world.keyring();
    await world.newKey(); // by another process
    await world.rotated();
    const counted = await world.census(keyring);
    expect(counted.revision).toBe((await world.keyring()).revision);
    await suspendKey(keyring, oldKey, counted, { withoutHold: true });
  });

  it('rejects where a count fails, and is never half a census', async () => {
    const world = await open(place);
    const store = world.records.open();
    const broken: RecordStore = {
      ...store,
      census: () => {
        throw new Error('connection lost');
      },
    };
    const keyring = await world.keyring();
    await expect(census(world.schema, { keyring, records: broken })).rejects.toThrow('connection lost');
  });

  it('sees a cell that was written between two steps of the rotation that called itself done', async () => {
    const world = await open(place);
    const stale = await world.keyring();
    const oldKey = await world.activeKey();
    await world.newKey();
    const observer = atEveryMoment(async (moment) => {
      // Behind the sweep, by a process that has not read the keyring again.
      if (!at('after', 'chunk.commit', 3)(moment)) return;
      const { email } = await world.sealed(people, person(1), stale);
      await world.change(people, person(1), { email });
    });
    expect((await world.rotated({ observer })).at(-1)?.state).toBe('swept');
    expect((await world.census()).cells[oldKey]).toBe(1);
    await world.rotated();
    expect((await world.census()).cells[oldKey]).toBeUndefined();
  });
});
