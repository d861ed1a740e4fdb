import { describe, expect, it, onTestFinished } from 'vitest';
import { type Table, suspendKey } from '../../src/index.js';
import { type QuarantineEntry, listQuarantine } from '../../src/rotation/index.js';
import { Stopped, at, atEveryMoment } from './stopping.js';
import { PLACES, type Place, type Row, World, note, notes, people, person, populate } from './world.js';

async function open(place: Place, peopleCount = 20, noteCount = 8): Promise<World> {
  const world = await World.make(place);
  onTestFinished(() => world.close());
  await populate(world, peopleCount, noteCount);
  return world;
}

async function quarantine(world: World): Promise<readonly QuarantineEntry[]> {
  return listQuarantine({ keyring: await world.keyring(), records: world.records.open() });
}

/** The stored row of somebody. */
async function row(world: World, definition: Table, like: Row): Promise<Row> {
  const { key } = definition.layout;
  const rows = await world.stored(definition);
  const found = rows.find((one) => key.every(({ name }) => String(one[name]) === String(like[name])));
  if (!found) throw new Error('there is no such row');
  return found;
}

const altered = (cell: Uint8Array, place: number): Uint8Array =>
  cell.map((byte, i) => (i === place ? byte ^ 1 : byte));

interface Spoiled {
  readonly what: string;
  readonly id: number;
  readonly column: 'email' | 'phone' | 'photo';
  readonly code: string;
  cell(world: World): Promise<unknown>;
}

const email = async (world: World, id: number) => (await row(world, people, person(id)))['email'] as string;
const photo = async (world: World, id: number) =>
  (await row(world, people, person(id)))['photo'] as Uint8Array;

/** One fault each, in a record of its own. */
const SPOILED: readonly Spoiled[] = [
  {
    what: 'altered at its end',
    id: 1,
    column: 'photo',
    code: 'authentication',
    cell: async (world) => altered(await photo(world, 1), (await photo(world, 1)).length - 1),
  },
  {
    what: 'altered in its salt',
    id: 2,
    column: 'photo',
    code: 'authentication',
    cell: async (world) => altered(await photo(world, 2), 20),
  },
  {
    what: 'with another mode',
    id: 3,
    column: 'photo',
    code: 'mode',
    cell: async (world) => altered(await photo(world, 3), 1),
  },
  {
    what: 'of another suite',
    id: 5,
    column: 'photo',
    code: 'unknown-suite',
    cell: async (world) => altered(await photo(world, 5), 0),
  },
  {
    what: 'truncated',
    id: 6,
    column: 'photo',
    code: 'too-short',
    cell: async (world) => (await photo(world, 6)).slice(0, 54),
  },
  {
    what: 'under a key that nobody knows',
    id: 7,
    column: 'photo',
    code: 'unknown-key',
    cell: async (world) => altered(await photo(world, 7), 2),
  },
  {
    what: 'bytes in plain',
    id: 9,
    column: 'photo',
    code: 'not-a-cell',
    cell: async () => Uint8Array.of(0),
  },
  {
    what: 'text where bytes belong',
    id: 10,
    column: 'photo',
    code: 'not-a-cell',
    cell: (world) => email(world, 10),
  },
  {
    what: 'moved from another record',
    id: 11,
    column: 'email',
    code: 'authentication',
    cell: (world) => email(world, 12),
  },
  {
    what: 'moved from another column',
    id: 13,
    column: 'phone',
    code: 'authentication',
    cell: (world) => email(world, 13),
  },
  {
    what: 'moved from another table',
    id: 14,
    column: 'email',
    code: 'authentication',
    cell: async (world) => (await row(world, notes, note(3)))['body'],
  },
  {
    what: 'text in plain',
    id: 15,
    column: 'email',
    code: 'not-a-cell',
    cell: async () => 'somebody@example.org',
  },
  {
    what: 'with a line feed behind it',
    id: 16,
    column: 'email',
    code: 'not-a-cell',
    cell: async (world) => `${await email(world, 16)}\n`,
  },
  { what: 'empty', id: 17, column: 'email', code: 'not-a-cell', cell: async () => '' },
];

describe.each(PLACES)('a rotation over $name', (place) => {
  it('leaves every byte of what is refused, lists it with its reason, and does all the rest', async () => {
    const world = await open(place);
    const cells = SPOILED.map(({ cell }) => cell(world));
    const spoiled = await Promise.all(cells);
    for (const [i, { id, column }] of SPOILED.entries()) {
      await world.change(people, person(id), { [column]: spoiled[i] });
    }
    const newest = await world.newKey();
    const progress = await world.rotated({ maxQuarantined: SPOILED.length });

    expect(progress.at(-1)?.counters.quarantined).toBe(SPOILED.length);
    for (const [i, { what, id, column }] of SPOILED.entries()) {
      expect((await row(world, people, person(id)))[column], what).toEqual(spoiled[i]);
    }
    const found = (await quarantine(world)).map((entry) => [entry.table, entry.column, entry.code]);
    expect(found.sort()).toEqual(SPOILED.map(({ column, code }) => ['people', column, code]).sort());
    const keys = (await quarantine(world)).map(({ key }) => key);
    const reread = await world.records.open().reread(people.layout, keys);
    expect(reread.map(({ id }) => Number(id[0])).sort()).toEqual(SPOILED.map(({ id }) => id).sort());

    const cellCount = 20 * 3 - 6 - 5 + 8 * 2 - 4;
    expect((await world.census()).cells[newest]).toBe(cellCount - SPOILED.length);
  }, 60_000);

  it('refuses the cells of a record whose id was changed without them', async () => {
    const world = await open(place, 4, 0);
    const stored = await row(world, people, person(2));
    await world.remove(people, person(2));
    await world.put(people, { ...stored, id: 77n });
    const newest = await world.newKey();
    await world.rotated();
    expect((await quarantine(world)).map(({ column, code }) => [column, code]).sort()).toEqual([
      ['email', 'authentication'],
      ['phone', 'authentication'],
      ['photo', 'authentication'],
    ]);
    const { id: _, ...cells } = stored;
    expect(await row(world, people, { id: 77n })).toMatchObject(cells);
    expect((await world.census()).cells[newest]).toBe(4 * 3 - 1 - 1 - 3);
  });

  it('refuses cells under a suspended key, and does them once it is resumed', async () => {
    const world = await open(place, 3, 0);
    const stored = await row(world, people, person(1));
    const first = await world.activeKey();
    await world.newKey();
    await world.rotated();
    const keyring = await world.keyring();
    await suspendKey(keyring, first, await world.census(keyring), { withoutHold: true });
    await world.change(people, person(1), { email: stored['email'] }); // out of a backup
    await world.rotated();
    expect(await quarantine(world)).toMatchObject([{ column: 'email', code: 'suspended-key' }]);
    expect((await row(world, people, person(1)))['email']).toBe(stored['email']);
  });

  it('goes on with ten cells that are refused, and stops at eleven; then it begins at the beginning', async () => {
    const world = await open(place, 20, 0);
    for (let id = 1; id <= 10; id++) await world.change(people, person(id), { email: 'plain' });
    await world.newKey();
    expect((await world.rotated()).at(-1)).toMatchObject({ state: 'swept', counters: { quarantined: 10 } });

    await world.change(people, person(11), { email: 'plain' });
    const stops = { code: 'rotation-blocked', reason: 'too-many-refused', quarantined: 11 };
    await expect(world.rotated()).rejects.toMatchObject(stops);
    expect(await quarantine(world)).toHaveLength(11);
    await expect(world.rotated(), 'it does not go on behind them').rejects.toMatchObject(stops);
    const [first] = await world.rotated({ maxQuarantined: 11 });
    expect(first).toMatchObject({ began: 'fresh', counters: { quarantined: 0 } });
    expect((await world.jobRecord())?.state).toBe('swept');
  });

  it('stops at the first cell that is refused if none may be', async () => {
    const world = await open(place, 3, 0);
    await world.change(people, person(1), { email: 'plain' });
    await world.newKey();
    await expect(world.rotated({ maxQuarantined: 0 })).rejects.toMatchObject({ reason: 'too-many-refused' });
  });

  it('counts a cell that is refused once, however many passes it is met in', async () => {
    const world = await open(place, 9, 0);
    for (let id = 1; id <= 4; id++) await world.change(people, person(id), { email: 'plain' });
    const stale = await world.keyring();
    await world.newKey();
    let changes = 0;
    const observer = atEveryMoment(async ({ side, step }) => {
      if (side !== 'before' || step !== 'chunk.commit' || changes++ >= 20) return;
      const { email: hot } = await world.sealed(people, { ...person(9), email: `hot ${changes}` }, stale);
      await world.change(people, person(9), { email: hot });
    });
    const progress = await world.rotated({ observer });
    expect(progress.at(-1)).toMatchObject({ state: 'swept', counters: { quarantined: 4 } });
    expect(progress.at(-1)?.pass).toBeGreaterThan(2);
    expect(await quarantine(world)).toHaveLength(4);
  });

  it('counts a page once that is stopped between a lost swap and the next look', async () => {
    const world = await open(place, 3, 0);
    for (const id of [1, 2]) await world.change(people, person(id), { email: 'plain' });
    const stale = await world.keyring();
    await world.newKey();
    for (let stops = 0; stops < 6; stops++) {
      const observer = atEveryMoment(async (moment) => {
        if (at('before', 'chunk.commit')(moment)) {
          const { phone } = await world.sealed(people, { ...person(2), phone: `${stops}` }, stale);
          await world.change(people, person(2), { phone });
        }
        if (at('before', 'chunk.reread')(moment)) throw new Stopped();
      });
      await expect(world.rotated({ observer })).rejects.toThrow(Stopped);
    }
    expect((await world.rotated()).at(-1)?.counters).toMatchObject({ scanned: 3, quarantined: 2 });
  });
});
