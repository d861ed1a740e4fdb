/** Cells that are bound to a former name, id or binding, and sealed anew where they live now. */
import { afterEach, describe, expect, it } from 'vitest';
import {
  type Keyring,
  type Table,
  decryptRecord,
  encryptRecord,
  integer,
  schema,
  table,
  text,
  uuid,
} from '../../src/index.js';
import { countBindings, listQuarantine, rotate } from '../../src/rotation/index.js';
import { Stopped, atEveryMoment } from './stopping.js';
import { PLACES, type Place, type Row, World } from './world.js';

const id = integer('id');
const uidOf = (n: number): string => `00000000-0000-4000-8000-${String(n).padStart(12, '0')}`;

interface Change {
  readonly what: string;
  readonly before: Table;
  readonly after: Table;
  /** What stands there once all is bound anew. */
  readonly strict: Table;
  /** How a row under the former definition reads under the present one. */
  renamed(row: Row): Row;
}

const encrypt = { name: text(), phone: text({ pad: 16 }) };
const people = table('people', { record: id, encrypt });
const change = (
  what: string,
  before: Table,
  define: (rebinding: object) => Table,
  rebinding: object,
  renamed: Change['renamed'] = (row) => row,
): Change => ({ what, before, after: define({ rebinding }), strict: define({}), renamed });

const CHANGES: readonly Change[] = [
  change('a renamed table', people, (more) => table('customers', { record: id, encrypt, ...more }), {
    table: 'people',
  }),
  change(
    'renamed attributes',
    people,
    (more) =>
      table('people', {
        record: id,
        encrypt: { fullName: text({ column: 'name' }), tel: text({ pad: 16, column: 'phone' }) },
        ...more,
      }),
    { columns: { fullName: 'name', tel: 'phone' } },
    ({ name, phone, ...row }) => ({ ...row, fullName: name, tel: phone }),
  ),
  change(
    'attributes whose names were exchanged',
    people,
    (more) =>
      table('people', {
        record: id,
        encrypt: { phone: text({ column: 'name' }), name: text({ pad: 16, column: 'phone' }) },
        ...more,
      }),
    { columns: { phone: 'name', name: 'phone' } },
    ({ name, phone, ...row }) => ({ ...row, phone: name, name: phone }),
  ),
  change(
    'a new record id',
    people,
    (more) => table('people', { record: uuid('uid'), encrypt, ...more }),
    { record: id },
    (row) => ({ ...row, uid: uidOf(Number(row['id'])) }),
  ),
  change(
    'cells that were bound to their column',
    table('people', { record: id, bind: 'column', encrypt }),
    (more) => table('people', { record: id, encrypt, ...more }),
    { bind: 'column' },
  ),
  change(
    'all of it at once',
    table('people', { record: id, bind: 'column', encrypt }),
    (more) =>
      table('customers', {
        record: uuid('uid'),
        encrypt: { fullName: text({ column: 'name' }), phone: encrypt.phone },
        ...more,
      }),
    { table: 'people', record: id, bind: 'column', columns: { fullName: 'name' } },
    ({ name, ...row }) => ({ ...row, fullName: name, uid: uidOf(Number(row['id'])) }),
  ),
];
const PEOPLE = 7;

const worlds: World[] = [];
afterEach(() => {
  for (const world of worlds.splice(0)) world.close();
});

/** Records sealed under the former definition, standing where the present one expects them. */
async function migrated(place: Place, { before, after, renamed }: Change): Promise<[World, Keyring]> {
  const world = await World.make(place, [after]);
  worlds.push(world);
  const keyring = await world.keyring();
  for (let n = 1; n <= PEOPLE; n++) {
    const row = { id: BigInt(n), name: `n ${n}`, phone: n % 3 === 0 ? null : `${n}` };
    await world.put(after, renamed(await world.sealed(before, row, keyring)));
  }
  return [world, keyring];
}

async function read(world: World, definition: Table, rows: Table, keyring: Keyring): Promise<string[]> {
  const found = [];
  for (const row of await world.stored(rows)) {
    const opened = await world.opened(definition, row, keyring);
    found.push(JSON.stringify(Object.keys(definition.encrypt).map((name) => opened[name])));
  }
  return found.sort();
}

describe.each(PLACES)('rebinding over $name', (place) => {
  it.each(CHANGES)('reads $what before and after, and needs it no longer when none is left', async (one) => {
    const [world, keyring] = await migrated(place, one);
    const { after, strict } = one;
    const before = await read(world, after, after, keyring);
    expect(before.flatMap((row) => JSON.parse(row) as unknown[])).toEqual(
      expect.arrayContaining(['n 1', '1', 'n 7', '7']),
    );
    for (const row of await world.stored(after))
      await expect(world.opened(strict, row, keyring)).rejects.toMatchObject({ code: 'authentication' });
    const records = world.records.open();
    const cells = PEOPLE * 2 - 2;
    const count = { table: after.name, plaintext: 0, refused: 0 };
    expect(await countBindings(world.schema, { keyring, records })).toEqual([
      { ...count, bound: 0, former: cells },
    ]);

    const progress = await world.rotated({ keyring });
    expect(progress.at(-1)?.counters).toMatchObject({
      rebound: cells,
      rewritten: cells,
      current: 0,
      quarantined: 0,
    });
    expect(await countBindings(world.schema, { keyring, records })).toEqual([
      { ...count, bound: cells, former: 0 },
    ]);
    expect(await read(world, strict, after, keyring)).toEqual(before);
    expect((await world.rotated({ keyring })).at(-1)?.counters).toMatchObject({
      rebound: 0,
      rewritten: 0,
      current: cells,
    });
  });

  it('ends the same wherever it is stopped and resumed', async () => {
    const one = CHANGES.at(-1) as Change;
    for (let index = 0; ; index++) {
      const [world, keyring] = await migrated(place, one);
      const before = await read(world, one.after, one.after, keyring);
      let stopped = false;
      const observer = atEveryMoment(({ index: here }) => {
        if (here !== index) return;
        stopped = true;
        throw new Stopped();
      });
      await world.rotated({ keyring, observer }).catch((error: unknown) => {
        if (!(error instanceof Stopped)) throw error;
      });
      expect(await read(world, one.after, one.after, keyring)).toEqual(before);
      await world.rotated({ keyring });
      expect(await read(world, one.strict, one.after, keyring)).toEqual(before);
      for (const made of worlds.splice(0)) made.close();
      if (!stopped) break;
    }
  });

  it('goes with a rotation of keys and with writers of the present definition', async () => {
    const one = CHANGES[0] as Change;
    const [world, keyring] = await migrated(place, one);
    const written = await world.sealed(one.after, { id: 1n, name: 'new' }, keyring);
    await world.change(one.after, { id: 1n }, { name: written['name'] });
    const key = await world.newKey();
    await world.rotated();
    expect(Object.keys((await world.census()).cells)).toEqual([key]);
    expect(await read(world, one.strict, one.after, await world.keyring())).toContain('["new","1"]');
  });

  it('leaves a cell that opens in neither place as it is', async () => {
    const one = CHANGES[0] as Change;
    const [world, keyring] = await migrated(place, one);
    const [first, second] = await world.stored(one.after);
    await world.change(one.after, first as Row, { name: second?.['name'] });
    await world.rotated({ keyring });
    const refused = await listQuarantine({ keyring, records: world.records.open() });
    expect(refused).toMatchObject([{ table: 'customers', column: 'name', code: 'authentication' }]);
    const rows = await world.stored(one.after);
    expect(rows.filter((row) => row['name'] === second?.['name'])).toHaveLength(1);
    expect(await countBindings(world.schema, { keyring, records: world.records.open() })).toMatchObject([
      { refused: 1, former: 0 },
    ]);
  });

  it('begins anew when the definition begins to rebind between two runs', async () => {
    const one = CHANGES[0] as Change;
    const [world, keyring] = await migrated(place, one);
    const records = world.records.open();
    const strictWorld = { keyring, records, chunkRecords: 2, maxQuarantined: 1_000 };
    let chunks = 0;
    for await (const _ of rotate(schema([one.strict]), strictWorld)) if (++chunks === 3) break;
    const [began] = await world.rotated({ keyring });
    expect(began?.began).toBe('fresh');
    expect(await countBindings(world.schema, { keyring, records })).toMatchObject([
      { former: 0, refused: 0 },
    ]);
  });
});

describe('a reader', () => {
  const after = table('people', {
    record: uuid('uid'),
    encrypt: { name: text() },
    rebinding: { record: integer('id') },
  });

  it('wants the former id only for cells that are bound to it', async () => {
    const world = await World.make(PLACES[0] as Place, [people]);
    worlds.push(world);
    const keyring = await world.keyring();
    const uid = uidOf(1);
    const { name } = await encryptRecord(people, { id: 1, name: 'Jane' }, keyring);
    await expect(decryptRecord(after, { uid, name }, keyring)).rejects.toMatchObject({
      code: 'missing-record-id',
      part: 'id',
    });
    // What is refused for another reason is not tried in a former place.
    const stump = decryptRecord(after, { uid, name: name.slice(0, 40) }, keyring);
    await expect(stump).rejects.toMatchObject({ code: 'too-short' });
    expect((await decryptRecord(after, { uid, id: 1, name }, keyring)).name).toBe('Jane');
    await expect(decryptRecord(after, { uid, id: 2, name }, keyring)).rejects.toMatchObject({
      code: 'authentication',
    });
    const anew = await encryptRecord(after, { uid, name: 'Jane' }, keyring);
    expect((await decryptRecord(after, anew, keyring)).name).toBe('Jane');
    await expect(decryptRecord(people, { id: 1, name: anew.name }, keyring)).rejects.toMatchObject({
      code: 'authentication',
    });
  });
});

describe('a definition', () => {
  const define = (rebinding: object) => () => table('people', { record: id, encrypt, rebinding });
  it.each([
    ['nothing that was another', {}],
    ['the present names', { table: 'people', columns: { name: 'name' } }],
    ['an attribute that is none', { columns: { nme: 'x' } }],
    ['one name for two attributes', { columns: { name: 'phone' } }],
    ['an empty name', { table: '' }],
    ['a binding that is none', { bind: 'row' }],
  ])('that rebinds %s is refused', (_what, rebinding) => {
    expect(define(rebinding)).toThrow(expect.objectContaining({ code: 'definition' }));
  });
});
