/** Plaintext that becomes cells, in place or from a column beside, while applications read and write. */
import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import {
  type Keyring,
  type Table,
  bytes,
  decimal,
  integer,
  json,
  keyTagOf,
  table,
  text,
} from '../../src/index.js';
import { looksLikeCell } from '../../src/plaintext.js';
import { type StepName, countBindings, listQuarantine } from '../../src/rotation/index.js';
import { DRIVERS } from '../stores/sqlite-drivers.js';
import { Stopped, at, atEveryMoment } from './stopping.js';
import { type Place, type Row, World, memory, sqliteOver } from './world.js';

const PLACES: readonly Place[] = [memory, ...DRIVERS.map((driver) => sqliteOver(driver))];
const UNLIMITED = { maxQuarantined: Number.MAX_SAFE_INTEGER };

const inPlace = table('people', {
  record: integer('id'),
  encrypt: { name: text({ adopting: true }), age: integer({ adopting: true, column: 'a g e' }) },
});
const beside = table('people', {
  record: integer('id'),
  encrypt: {
    name: text({ adopting: { from: 'namePlain', column: 'name plain' } }),
    pay: decimal({ adopting: { from: 'payPlain' } }),
  },
});

const worlds: World[] = [];
afterEach(() => {
  for (const world of worlds.splice(0)) world.close();
});

async function newWorld(place: Place, definition: Table, rows: readonly Row[]): Promise<World> {
  const world = await World.make(place, [definition]);
  worlds.push(world);
  const nulls = Object.fromEntries(Object.keys(definition.encrypt).map((name) => [name, null]));
  for (const row of rows) await world.put(definition, { ...nulls, ...row });
  return world;
}

async function storedOf(world: World, definition: Table): Promise<Map<string, Row>> {
  const rows = await world.stored(definition);
  return new Map(rows.map((row) => [String(row['id']), row]));
}

async function openedOf(world: World, definition: Table): Promise<Row[]> {
  const keyring = await world.keyring();
  const rows = await world.stored(definition);
  const opened = await Promise.all(rows.map((row) => world.opened(definition, row, keyring)));
  return opened.sort((a, b) => Number(a['id']) - Number(b['id']));
}

async function quarantined(world: World): Promise<string[]> {
  const entries = await listQuarantine({ keyring: await world.keyring(), records: world.records.open() });
  return entries.map(({ column, code }) => `${column} ${code}`).sort();
}

describe.each(PLACES)('adopting over $name', (place) => {
  it('in place: reads the same before and after, leaves nulls, and ends with a count of zero', async () => {
    const world = await newWorld(place, inPlace, [
      { id: 1n, name: 'Jane', age: '41' },
      { id: 2n, name: '', age: null },
      { id: 3n, name: null, age: '-7' },
      { id: 4n, name: '日本 \u{1f600} ’', age: '0' },
    ]);
    await world.insert(inPlace, { id: 5n, name: 'sealed', age: 5 });
    const values = (rows: Row[]) => rows.map(({ name, age }) => [name, age]);
    const before = await openedOf(world, inPlace);
    expect(values(before)).toEqual([
      ['Jane', 41],
      ['', null],
      [null, -7],
      ['日本 \u{1f600} ’', 0],
      ['sealed', 5],
    ]);
    expect((await world.census()).notCells).toBe(6);
    const progress = await world.rotated();
    expect(progress.at(-1)?.counters).toMatchObject({ adopted: 6, rewritten: 6, current: 2, quarantined: 0 });
    expect(await openedOf(world, inPlace)).toEqual(before);
    const count = await world.census();
    expect([count.notCells, Object.values(count.cells), count.unadopted]).toEqual([0, [8], undefined]);
    expect((await world.rotated()).at(-1)?.counters).toMatchObject({ adopted: 0, current: 8 });
  });

  it('bytes that begin like a cell, not at one a second', async () => {
    const files = table('files', {
      record: integer('id'),
      encrypt: { body: bytes({ form: 'binary', adopting: { from: 'bodyPlain' } }) },
    });
    const bodyOf = (i: number): Uint8Array => new Uint8Array(64).fill(i).fill(1, 0, 1).fill(0, 1, 2);
    const rows = [2, 3, 4].map((i) => ({ id: BigInt(i), bodyPlain: bodyOf(i) }));
    const world = await newWorld(place, files, rows);
    const start = performance.now();
    expect((await world.rotated()).at(-1)?.counters).toMatchObject({ adopted: 3, quarantined: 0 });
    expect(performance.now() - start).toBeLessThan(1_800);
    expect((await openedOf(world, files)).map(({ body }) => body)).toEqual([2, 3, 4].map(bodyOf));
  });

  it('from a column beside: reads whichever is there, and leaves the plaintext alone', async () => {
    const rows: Row[] = [
      { id: 1n, namePlain: 'Jane', payPlain: '12.50' },
      { id: 2n, namePlain: '', payPlain: null },
      { id: 3n, namePlain: null, payPlain: '-0.1' },
    ];
    const world = await newWorld(place, beside, rows);
    const values = (opened: Row[]) => opened.map(({ name, pay }) => [name, pay]);
    const wanted = [
      ['Jane', '12.50'],
      ['', null],
      [null, '-0.1'],
    ];
    expect(values(await openedOf(world, beside))).toEqual(wanted);
    expect((await world.census()).unadopted).toBe(4);
    expect((await world.rotated()).at(-1)?.counters).toMatchObject({ adopted: 4, quarantined: 0 });
    expect(values(await openedOf(world, beside))).toEqual(wanted);
    expect(await world.census()).toMatchObject({ unadopted: 0, notCells: 0 });
    for (const row of (await storedOf(world, beside)).values()) {
      const { id, namePlain, payPlain } = rows.find(({ id }) => String(id) === String(row['id'])) as Row;
      expect([id, row['namePlain'], row['payPlain']]).toEqual([id, namePlain ?? null, payPlain ?? null]);
    }
    // Without the plaintext the cells say it.
    for (const row of await world.stored(beside))
      await world.change(beside, row, { namePlain: null, payPlain: null });
    expect(values(await openedOf(world, beside))).toEqual(wanted);
    expect((await world.rotated()).at(-1)?.counters).toMatchObject({ adopted: 0, quarantined: 0 });
  });

  it('seals whatever is no cell to the letter, and leaves whatever looks like one untouched', async () => {
    const cellLike = fc
      .tuple(
        fc.constantFrom('cs1r.', 'cs1d.', 'cs2r.', 'cs12d.', 'CS1R.', ' cs1r.', 'cs1x.', 'cs01r.', 'cs', ''),
        fc.constantFrom('', 'a'.repeat(26), `${'a'.repeat(26)}.`, `${'b'.repeat(26)}.${'A'.repeat(60)}`),
        fc.string({ unit: 'grapheme', maxLength: 8 }).filter((value) => !value.includes('\0')),
      )
      .map((parts) => parts.join(''));
    const plaintexts = fc.oneof(
      fc
        .string({ unit: 'binary', maxLength: 40 })
        .filter((value) => value.isWellFormed() && !value.includes('\0')),
      cellLike,
      fc.constantFrom(
        '',
        ' ',
        '\0',
        'null',
        '0',
        '1e3',
        '-0',
        '"quoted"',
        "o'brien",
        '\\',
        '\ufeff',
        'cs1',
        'cs1r',
      ),
      fc.double().map(String),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(plaintexts, { minLength: 1, maxLength: 12 }), async (list) => {
        const world = await newWorld(
          place,
          inPlace,
          list.map((name, i) => ({ id: BigInt(i), name, age: null })),
        );
        const keyring = await world.keyring();
        await world.rotated({ keyring, ...UNLIMITED });
        for (const [id, row] of await storedOf(world, inPlace)) {
          const plain = list[Number(id)] as string;
          if (looksLikeCell(plain)) expect(row['name']).toBe(plain);
          else {
            expect(keyTagOf(row['name'])).toBeDefined();
            expect((await world.opened(inPlace, row, keyring))['name']).toBe(plain);
          }
        }
        expect((await world.census(keyring)).notCells).toBe(list.filter(looksLikeCell).length);
        for (const one of worlds.splice(0)) one.close();
      }),
      { numRuns: 15 },
    );
  });

  it('never adopts a cell that was cut off, wherever, nor one that does not open', async () => {
    const world = await newWorld(place, inPlace, []);
    const keyring = await world.keyring();
    const { name: cell } = await world.sealed(inPlace, { id: 1n, name: 'secret' }, keyring);
    const whole = String(cell);
    const lengths = Array.from({ length: whole.length - 3 }, (_, i) => i + 3);
    for (const length of lengths)
      await world.put(inPlace, { id: BigInt(length), name: whole.slice(0, length), age: null });
    const before = await storedOf(world, inPlace);
    for (const row of before.values())
      await expect(world.opened(inPlace, row, keyring)).rejects.toMatchObject({
        name: expect.stringMatching(/^(NotACell|CellTooShort|Authentication)Error$/),
      });
    await world.rotated({ keyring, ...UNLIMITED });
    expect(await storedOf(world, inPlace)).toEqual(before);
    expect(await quarantined(world)).toHaveLength(lengths.length);
  });

  it('refuses what stands for no value of the type, and leaves its bytes', async () => {
    const rows: Row[] = ['abc', '', '1.5', '007', ' 1', '9007199254740993', '+1', '-0'].map((age, i) => ({
      id: BigInt(i),
      name: null,
      age,
    }));
    const world = await newWorld(place, inPlace, rows);
    const before = await storedOf(world, inPlace);
    for (const row of before.values())
      await expect(world.opened(inPlace, row)).rejects.toMatchObject({
        code: 'not-adoptable',
        column: 'age',
      });
    await world.rotated(UNLIMITED);
    expect(await storedOf(world, inPlace)).toEqual(before);
    expect(await quarantined(world)).toEqual(rows.map(() => 'age not-adoptable'));
  });

  it('refuses what is longer than the attribute allows', async () => {
    const short = table('people', {
      record: integer('id'),
      encrypt: { name: text({ adopting: true, maxBytes: 16 }) },
    });
    const world = await newWorld(place, short, [
      { id: 1n, name: 'x'.repeat(15) },
      { id: 2n, name: 'x'.repeat(16) },
    ]);
    await world.rotated(UNLIMITED);
    expect(await quarantined(world)).toEqual(['name value-too-long']);
    expect((await storedOf(world, short)).get('2')?.['name']).toBe('x'.repeat(16));
  });

  it('adopts nothing where the definition does not say so', async () => {
    const strict = table('people', { record: integer('id'), encrypt: { name: text() } });
    const world = await newWorld(place, strict, [{ id: 1n, name: 'Jane' }]);
    const [row] = await world.stored(strict);
    await expect(world.opened(strict, row as Row)).rejects.toMatchObject({ code: 'not-a-cell' });
    await world.rotated();
    expect(await quarantined(world)).toEqual(['name not-a-cell']);
    expect((await storedOf(world, strict)).get('1')?.['name']).toBe('Jane');
  });

  it('loses no write that comes between the look and the swap, in place', async () => {
    const world = await newWorld(place, inPlace, [
      { id: 1n, name: 'old', age: '1' },
      { id: 2n, name: 'old', age: '2' },
      { id: 3n, name: 'old', age: '3' },
    ]);
    const observer = atEveryMoment(async (moment) => {
      if (!at('before', 'chunk.commit')(moment)) return;
      await world.change(inPlace, { id: 1n }, { name: 'by the old version' });
      await world.change(
        inPlace,
        { id: 2n },
        await world.sealed(inPlace, { id: 2n, name: 'by the new one' }),
      );
      await world.remove(inPlace, { id: 3n });
    });
    const progress = await world.rotated({ observer });
    expect(progress.at(-1)?.counters).toMatchObject({ conflicts: 3, quarantined: 0 });
    expect((await openedOf(world, inPlace)).map(({ name, age }) => [name, age])).toEqual([
      ['by the old version', 1],
      ['by the new one', 2],
    ]);
    expect((await world.census()).notCells).toBe(0);
  });

  it('loses no write that comes between the look and the swap, to either of two columns', async () => {
    const world = await newWorld(place, beside, [
      { id: 1n, namePlain: 'old' },
      { id: 2n, namePlain: 'old' },
      { id: 3n, namePlain: 'old' },
    ]);
    const observer = atEveryMoment(async (moment) => {
      if (!at('before', 'chunk.commit')(moment)) return;
      await world.change(beside, { id: 1n }, { namePlain: 'by the old version' });
      const { name } = await world.sealed(beside, { id: 2n, name: 'by the new one' });
      await world.change(beside, { id: 2n }, { name, namePlain: 'by the new one' });
      await world.change(beside, { id: 3n }, { namePlain: null });
    });
    const progress = await world.rotated({ observer });
    expect(progress.at(-1)?.counters).toMatchObject({ conflicts: 3, quarantined: 0 });
    expect((await openedOf(world, beside)).map(({ name }) => name)).toEqual([
      'by the old version',
      'by the new one',
      null,
    ]);
  });

  it('ends the same wherever it is stopped and resumed, in place and from a column', async () => {
    for (const definition of [inPlace, beside]) {
      const row = (id: number): Row =>
        definition === inPlace
          ? { id: BigInt(id), name: `n ${id}`, age: String(id) }
          : { id: BigInt(id), namePlain: `n ${id}`, payPlain: String(id) };
      const reached = new Set<StepName>();
      for (let index = 0; ; index++) {
        const world = await newWorld(
          place,
          definition,
          Array.from({ length: 7 }, (_, i) => row(i)),
        );
        let stopped = false;
        const observer = atEveryMoment(({ index: here, step }) => {
          if (here !== index) return;
          stopped = true;
          reached.add(step);
          throw new Stopped();
        });
        await world.rotated({ observer }).catch((error: unknown) => {
          if (!(error instanceof Stopped)) throw error;
        });
        const names = (await openedOf(world, definition)).map(({ name }) => name);
        expect(names).toEqual(Array.from({ length: 7 }, (_, i) => `n ${i}`));
        await world.rotated();
        expect((await openedOf(world, definition)).map(({ name }) => name)).toEqual(names);
        const count = await world.census();
        expect([count.notCells, count.unadopted ?? 0, Object.values(count.cells)]).toEqual([0, 0, [14]]);
        for (const one of worlds.splice(0)) one.close();
        if (!stopped) break;
      }
      expect(reached.size).toBeGreaterThan(6);
    }
  });

  it('beside an old version that writes plaintext and a new one that writes cells: the last write stands', async () => {
    const world = await newWorld(
      place,
      inPlace,
      Array.from({ length: 12 }, (_, i) => ({ id: BigInt(i), name: `n ${i}`, age: null })),
    );
    const keyring = await world.keyring();
    const wanted = new Map(Array.from({ length: 12 }, (_, i) => [i, `n ${i}`]));
    let writes = 0;
    const write = async (): Promise<void> => {
      const id = (writes * 5) % 12;
      const name = `write ${writes++}`;
      const row =
        writes % 2 === 0 ? { name } : await world.sealed(inPlace, { id: BigInt(id), name }, keyring);
      await world.change(inPlace, { id: BigInt(id) }, { name: row['name'] });
      wanted.set(id, name);
      const read = (await storedOf(world, inPlace)).get(String(id)) as Row;
      expect((await world.opened(inPlace, read, keyring))['name']).toBe(name);
    };
    await world.rotated({ observer: { before: write, after: write } });
    const names = (await openedOf(world, inPlace)).map(({ id, name }): [number, unknown] => [
      Number(id),
      name,
    ]);
    expect(new Map(names)).toEqual(wanted);
    await world.rotated(); // when the old version has gone
    expect((await world.census()).notCells).toBe(0);
    expect(writes).toBeGreaterThan(20);
  });

  it('rotates keys and adopts in one go', async () => {
    const world = await newWorld(place, beside, [{ id: 1n, namePlain: 'plain' }]);
    const { name } = await world.sealed(beside, { id: 2n, name: 'sealed' });
    await world.put(beside, { id: 2n, name, namePlain: 'sealed' });
    const key = await world.newKey();
    await world.rotated();
    const { cells, unadopted } = await world.census();
    expect([cells, unadopted]).toEqual([{ [key]: 2 }, 0]);
  });
});

describe.each(PLACES)('a cell and a plaintext that differ, over $name', (place) => {
  const definitionOf = (newer?: 'plaintext' | 'cell') =>
    table('people', {
      record: integer('id'),
      encrypt: { name: text({ adopting: newer ? { from: 'namePlain', newer } : { from: 'namePlain' } }) },
    });
  const conflicting = async (definition: Table, plaintext: string | null): Promise<[World, Keyring]> => {
    const world = await newWorld(place, definition, []);
    const keyring = await world.keyring();
    const { name } = await world.sealed(definition, { id: 1n, name: 'in the cell' }, keyring);
    await world.put(definition, { id: 1n, name, namePlain: plaintext });
    return [world, keyring];
  };

  it('are refused and left alone where the definition does not say which is newer', async () => {
    const definition = definitionOf();
    const [world] = await conflicting(definition, 'in plain');
    const before = await storedOf(world, definition);
    await world.rotated();
    expect(await quarantined(world)).toEqual(['name adoption-conflict']);
    expect(await storedOf(world, definition)).toEqual(before);
    expect((await openedOf(world, definition))[0]?.['name']).toBe('in the cell');
  });

  it('are made one where the plaintext is newer; readers take the plaintext', async () => {
    const definition = definitionOf('plaintext');
    const [world] = await conflicting(definition, 'in plain');
    expect((await openedOf(world, definition))[0]?.['name']).toBe('in plain');
    await world.rotated();
    await world.change(definition, { id: 1n }, { namePlain: null });
    const strict = definitionOf();
    const [row] = await world.stored(definition);
    expect((await world.opened(strict, row as Row))['name']).toBe('in plain');
  });

  it('are made one with the plaintext that is there at the swap, not with the one that was read', async () => {
    const definition = definitionOf('plaintext');
    const [world] = await conflicting(definition, 'in plain');
    const observer = atEveryMoment(async (moment) => {
      if (at('before', 'chunk.commit')(moment))
        await world.change(definition, { id: 1n }, { namePlain: 'newest' });
    });
    const progress = await world.rotated({ observer });
    expect(progress.at(-1)?.counters).toMatchObject({ conflicts: 1, adopted: 1 });
    const [row] = await world.stored(definition);
    expect((await world.opened(definitionOf('cell'), row as Row))['name']).toBe('newest');
  });

  it('are refused where the newer plaintext is gone: a value that was removed does not come back', async () => {
    const definition = definitionOf('plaintext');
    const [world] = await conflicting(definition, null);
    await world.rotated();
    expect(await quarantined(world)).toEqual(['name adoption-conflict']);
    expect((await openedOf(world, definition))[0]?.['name']).toBe(null);
  });

  it('stay two where the cell is newer', async () => {
    const definition = definitionOf('cell');
    const [world] = await conflicting(definition, 'in plain');
    await world.rotated();
    expect(await quarantined(world)).toEqual([]);
    expect((await openedOf(world, definition))[0]?.['name']).toBe('in the cell');
  });

  it('are the same where JSON has another order and decimals other zeros', async () => {
    const definition = table('people', {
      record: integer('id'),
      encrypt: {
        data: json({ adopting: { from: 'dataPlain' } }),
        pay: decimal({ adopting: { from: 'payPlain' } }),
      },
    });
    const world = await newWorld(place, definition, []);
    const row = await world.sealed(definition, { id: 1n, data: { a: 1, b: [{ d: 1, c: 2 }] }, pay: '12.5' });
    await world.put(definition, {
      ...row,
      dataPlain: '{"b": [{"c": 2, "d": 1}], "a": 1.0}',
      payPlain: '12.500',
    });
    await world.rotated();
    expect(await quarantined(world)).toEqual([]);
    await world.change(definition, { id: 1n }, { payPlain: '12.51' });
    await world.rotated();
    expect(await quarantined(world)).toEqual(['pay adoption-conflict']);
  });
});

describe('a cell beside a plaintext, of another definition', () => {
  it('is refused, and stops nothing', async () => {
    const padded = table('people', {
      record: integer('id'),
      encrypt: { name: text({ pad: 16, adopting: { from: 'namePlain' } }) },
    });
    const world = await newWorld(memory, padded, []);
    const unpadded = table('people', { record: integer('id'), encrypt: { name: text() } });
    const { name } = await world.sealed(unpadded, { id: 1n, name: 'x' });
    await world.put(padded, { id: 1n, name, namePlain: 'x' });
    await world.rotated();
    expect(await quarantined(world)).toEqual(['name authentication']);
  });
});

describe('a record that has nothing to adopt', () => {
  it('is not refused for want of a tenant', async () => {
    const tenanted = table('people', {
      record: integer('id'),
      tenant: text('owner'),
      encrypt: { name: text({ adopting: true }), phone: text({ adopting: { from: 'phonePlain' } }) },
    });
    const world = await newWorld(memory, tenanted, [{ id: 1n, owner: null }]);
    expect((await world.rotated()).at(-1)?.counters).toMatchObject({ scanned: 1, quarantined: 0 });
  });
});

describe('a store that does not adopt', () => {
  it('is refused before anything is read', async () => {
    const world = await newWorld(memory, inPlace, [{ id: 1n, name: 'Jane', age: null }]);
    const { adopting: _, ...abilities } = world.records.open().abilities;
    const records = { ...world.records.open(), abilities };
    const keyring = await world.keyring();
    await expect(world.rotated({ keyring, records })).rejects.toMatchObject({ code: 'store-unfit' });
    await expect(countBindings(world.schema, { keyring, records })).rejects.toMatchObject({
      code: 'store-unfit',
    });
  });
});

describe('nulls of an attribute that hides them', () => {
  it.each(PLACES)('are sealed with the plaintext, over $name', async (place) => {
    const options = { pad: 16, hideNull: true } as const;
    const definition = table('people', {
      record: integer('id'),
      encrypt: {
        name: text({ ...options, adopting: true }),
        phone: text({ ...options, adopting: { from: 'phonePlain' } }),
      },
    });
    const world = await newWorld(place, definition, [{ id: 1n, name: null, phone: null, phonePlain: null }]);
    await world.rotated();
    const [row] = await world.stored(definition);
    expect([keyTagOf(row?.['name']), keyTagOf(row?.['phone'])]).not.toContain(undefined);
    expect(await openedOf(world, definition)).toMatchObject([{ name: null, phone: null }]);
    expect((await world.rotated()).at(-1)?.counters).toMatchObject({ adopted: 0, quarantined: 0 });
  });

  it.each(PLACES)('are not sealed where a plaintext has come meanwhile, over $name', async (place) => {
    const definition = table('people', {
      record: integer('id'),
      encrypt: { name: text({ pad: 16, hideNull: true, adopting: { from: 'namePlain' } }) },
    });
    const world = await newWorld(place, definition, [{ id: 1n, namePlain: null }]);
    const observer = atEveryMoment(async (moment) => {
      if (at('before', 'chunk.commit')(moment))
        await world.change(definition, { id: 1n }, { namePlain: 'new' });
    });
    await world.rotated({ observer });
    await world.change(definition, { id: 1n }, { namePlain: null });
    expect(await openedOf(world, definition)).toMatchObject([{ name: 'new' }]);
  });
});
