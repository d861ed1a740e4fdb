/** Tokens change with their keys, in the same swap as the cells that they are made from. */
import { afterEach, describe, expect, it } from 'vitest';
import {
  type Table,
  activateKey,
  addKey,
  encryptRecord,
  integer,
  listKeys,
  lookup,
  noteCensus,
  schema,
  suspendKey,
  table,
  text,
  withdrawKey,
} from '../../src/index.js';
import {
  abandonQuarantined,
  census,
  finishRotation,
  listQuarantine,
  planPartitions,
  retryQuarantined,
  rotate,
  rotatePartition,
  rotationStatus,
} from '../../src/rotation/index.js';
import { Stopped, at, atEveryMoment } from './stopping.js';
import { PLACES, type Place, type Row, World, all } from './world.js';

const record = integer('id');
const people = table('people', {
  record,
  encrypt: {
    email: text({ index: { bits: 64, transform: 'email-1', column: 'the token' } }),
    phone: text({ index: { bits: 16, transform: 'last4-1' } }),
    city: text({ form: 'binary' }),
  },
  indexes: { email_city: { attributes: ['email', 'city'], bits: 40 } },
});
const plain = table('people', {
  record,
  encrypt: { email: text(), phone: text(), city: text({ form: 'binary' }) },
});

const person = (id: number): Row => ({
  id: BigInt(id),
  email: id % 5 === 0 ? null : `P${id % 7}@example.org`,
  phone: id % 3 === 0 ? 'none' : `+49 30 ${1000 + id}`,
  city: id % 4 === 0 ? null : 'Bonn',
});

const worlds: World[] = [];
afterEach(() => {
  for (const world of worlds.splice(0)) world.close();
});

async function newWorld(place: Place, size = 10, tables: readonly Table[] = [people]): Promise<World> {
  const world = await World.make(place, tables);
  worlds.push(world);
  const keyring = await world.keyring();
  for (let id = 1; id <= size; id++) await world.insert(tables[0] as Table, person(id), keyring);
  return world;
}

/** The rows whose tokens are others than a writer would give them now. */
async function wrongTokens(world: World, definition: Table = people): Promise<string[]> {
  const keyring = await world.keyring();
  const wrong: string[] = [];
  for (const row of await world.stored(definition)) {
    const fresh = (await encryptRecord(
      definition,
      (await world.opened(definition, row, keyring)) as never,
      keyring,
    )) as Row;
    for (const { index } of definition.layout.tokens ?? [])
      if ((row[index] ?? null) !== (fresh[index] ?? null)) wrong.push(`${String(row['id'])} ${index}`);
  }
  return wrong;
}

async function activateNew(world: World, kinds: readonly ('data' | 'index')[]): Promise<void> {
  const keyring = await world.keyring();
  for (const kind of kinds) await activateKey(keyring, await addKey(keyring, { kind }));
}

const ROTATIONS: readonly (readonly ('data' | 'index')[])[] = [['data'], ['index'], ['data', 'index']];

describe.each(PLACES)('tokens in $name', (place) => {
  it.each(ROTATIONS.map((kinds) => [kinds.join(' and '), kinds] as const))(
    'are made anew where the %s key changes, and no more than needed',
    async (_, kinds) => {
      const world = await newWorld(place);
      const before = await world.contents();
      await activateNew(world, kinds);
      const last = (await world.rotated()).at(-1);
      expect(last?.state).toBe('swept');
      const tokens = (await world.stored(people)).flatMap((row) =>
        ['email_index', 'phone_index', 'email_city'].filter((name) => row[name] !== null),
      ).length;
      expect(last?.counters.tokens).toBe(kinds.includes('index') ? tokens : 0);
      expect(last?.counters.rewritten).toBe(kinds.includes('data') ? 26 : 0);
      expect(await wrongTokens(world)).toEqual([]);
      expect(await world.contents()).toEqual(before);
      const keys = listKeys(await world.keyring());
      const active = keys.find(({ kind, state }) => kind === 'index' && state === 'active')?.keyId ?? '';
      expect((await world.census()).tokens).toEqual({ [active.slice(0, 8)]: tokens });
      const again = (await world.rotated()).at(-1);
      expect([again?.counters.tokens, again?.counters.rewritten]).toEqual([0, 0]);
    },
  );

  it('come to a table that had none', async () => {
    const world = await newWorld(place);
    for (const row of await world.stored(people))
      await world.change(people, row, { email_index: null, phone_index: null, email_city: null });
    const [counted] = (await world.census()).tables;
    expect(counted?.indexes?.map(({ index, missing }) => [index, missing])).toEqual([
      ['email_index', 8],
      ['phone_index', 10],
      ['email_city', 6],
    ]);
    await world.rotated();
    expect(await wrongTokens(world)).toEqual([]);
    const [after] = (await world.census()).tables;
    // Three phones have nothing in them that the transform indexes.
    expect(after?.indexes?.map(({ missing }) => missing)).toEqual([0, 3, 0]);
  });

  it('are all looked at while an index is being filled: who knows nothing of it may have changed a value', async () => {
    const filling = table('people', {
      record,
      encrypt: { email: text({ index: { bits: 64, transform: 'email-1', filling: true } }) },
    });
    const world = await newWorld(place, 0, [filling]);
    for (let id = 1; id <= 4; id++) await world.insert(filling, { id: BigInt(id), email: `p${id}@b` });
    const { email } = await world.sealed(plain, { id: 3n, email: 'q@b' });
    await world.change(filling, { id: 3n }, { email });
    await world.change(filling, { id: 4n }, { email_index: null });
    expect(await wrongTokens(world, filling)).toHaveLength(2);
    const last = (await world.rotated()).at(-1);
    expect([await wrongTokens(world, filling), last?.counters.tokens]).toEqual([[], 2]);
  });

  it('are never made from a cell that has changed meanwhile, though its token has not', async () => {
    const filling = table('people', {
      record,
      encrypt: { email: text({ index: { bits: 64, transform: 'email-1', filling: true } }) },
    });
    const world = await newWorld(place, 0, [filling]);
    for (let id = 1; id <= 4; id++) await world.insert(filling, { id: BigInt(id), email: `p${id}@b` });
    await activateNew(world, ['index']);
    // An older version of the application, which knows of no index.
    const { email } = await world.sealed(plain, { id: 2n, email: 'q@b' });
    const isBetween = at('before', 'chunk.commit');
    await world.rotated({
      observer: atEveryMoment(async (moment) => {
        if (isBetween(moment)) await world.change(filling, { id: 2n }, { email });
      }),
    });
    expect((await world.contents()).join()).toContain('q@b');
    expect(await wrongTokens(world, filling)).toEqual([]);
  });

  it('are looked at from the beginning where an index begins to be filled half-way', async () => {
    const of = (more: object) =>
      table('people', {
        record,
        encrypt: { email: text({ index: { bits: 64, transform: 'email-1', ...more } }) },
      });
    const [before, filling] = [of({}), of({ filling: true })];
    const world = await newWorld(place, 0, [before]);
    for (let id = 1; id <= 6; id++) await world.insert(before, { id: BigInt(id), email: `p${id}@b` });
    const { email } = await world.sealed(plain, { id: 1n, email: 'q@b' });
    await world.change(before, { id: 1n }, { email });
    const options = { keyring: await world.keyring(), records: world.records.open(), chunkRecords: 2 };
    let chunks = 0;
    for await (const _ of rotate(schema([before]), options)) if (++chunks === 3) break;
    for await (const _ of rotate(schema([filling]), options));
    expect(await wrongTokens(world, before)).toEqual([]);
  });

  it('go where their value has gone', async () => {
    const world = await newWorld(place);
    for (const row of await world.stored(people)) await world.change(people, row, { email: null });
    await world.rotated();
    expect(await wrongTokens(world)).toEqual([]);
  });

  it('follow what an application writes at every moment, and lose none of it', async () => {
    const probe = await newWorld(place, 7);
    await activateNew(probe, ['data', 'index']);
    let moments = 0;
    await probe.rotated({ observer: atEveryMoment(() => void moments++) });
    const step = place.name === 'memoryRecords' ? 1 : 3;
    for (let moment = 0; moment < moments; moment += step) {
      const world = await newWorld(place, 7);
      await activateNew(world, ['data', 'index']);
      const writer = await world.keyring();
      const write = async ({ index }: { index: number }): Promise<void> => {
        if (index !== moment) return;
        const changed = { ...person(4), email: 'new@example.org', city: null };
        const { id: _, ...row } = await world.sealed(people, changed, writer);
        await world.change(people, changed, row);
        await world.remove(people, person(2));
        await world.insert(people, person(20), writer);
        // An older version of the application, which knows of no index.
        const { email } = await world.sealed(plain, { id: 6n, email: 'later@example.org' }, writer);
        await world.change(people, person(6), { email, email_index: null, email_city: null });
      };
      await world.rotated({ observer: atEveryMoment(write) });
      await world.rotated(); // what was written behind the sweep by who knows of no index
      expect(await wrongTokens(world), `at moment ${moment}`).toEqual([]);
      const contents = (await world.contents()).join();
      for (const value of ['new@example.org', 'later@example.org']) expect(contents).toContain(value);
      expect(await world.stored(people)).toHaveLength(7);
      world.close();
      worlds.splice(worlds.indexOf(world), 1);
    }
  }, 120_000);

  it('end the same wherever a rotation is stopped and resumed', async () => {
    const probe = await newWorld(place, 7);
    await activateNew(probe, ['index']);
    let moments = 0;
    await probe.rotated({ observer: atEveryMoment(() => void moments++) });
    for (let moment = 0; moment < moments; moment++) {
      const world = await newWorld(place, 7);
      await activateNew(world, ['index']);
      const stopped = world.rotated({
        observer: atEveryMoment(({ index }) => {
          if (index === moment) throw new Stopped();
        }),
      });
      await expect(stopped).rejects.toBeInstanceOf(Stopped);
      await world.rotated();
      expect(await wrongTokens(world), `at moment ${moment}`).toEqual([]);
      world.close();
      worlds.splice(worlds.indexOf(world), 1);
    }
  }, 120_000);

  it('are swept to a key that is made active meanwhile', async () => {
    const world = await newWorld(place);
    await activateNew(world, ['index']);
    await world.rotated({
      observer: atEveryMoment(async ({ index }) => {
        if (index === 20) await activateNew(world, ['index']);
      }),
    });
    expect(await wrongTokens(world)).toEqual([]);
  });

  it.each([0, 1, 2])('are swept to a key that waited, and is made active after %i chunks', async (chunks) => {
    const world = await newWorld(place);
    await activateNew(world, ['index']);
    const keyring = await world.keyring();
    const waiting = await addKey(keyring, { kind: 'index' });
    await world.rotated({
      chunkRecords: 3,
      observer: atEveryMoment(async (moment) => {
        if (at('before', 'chunk.commit', chunks)(moment)) await activateKey(keyring, waiting);
      }),
    });
    expect(await wrongTokens(world)).toEqual([]);
  });

  it('are found before, while and after their key changes', async () => {
    const world = await newWorld(place);
    const find = async (): Promise<string[]> => {
      const asked = await lookup(people, 'email', 'p1@EXAMPLE.org', await world.keyring());
      const rows = (await world.stored(people)).filter((row) =>
        asked.tokens.includes(row['email_index'] as string),
      );
      const read = await Promise.all(rows.map(async (row) => world.opened(people, row)));
      return read.filter(asked.matches).map(({ id }) => String(id));
    };
    expect(await find()).toEqual(['1', '8']);
    await activateNew(world, ['index', 'data']);
    await world.rotated({
      observer: atEveryMoment(async () => expect((await find()).sort()).toEqual(['1', '8'])),
    });
    expect(await find()).toEqual(['1', '8']);
  });

  it('let their old key be suspended once there are none under it, and not before', async () => {
    const world = await newWorld(place);
    await activateNew(world, ['index', 'data']);
    const keyring = await world.keyring();
    const old = listKeys(keyring).filter(({ state }) => state === 'deactivated');
    expect(old).toHaveLength(2);
    const early = await world.census(keyring);
    for (const { keyId } of old)
      await expect(suspendKey(keyring, keyId, early, { withoutHold: true })).rejects.toMatchObject({
        code: 'key-in-use',
      });
    await world.rotated({ keyring });
    const records = world.records.open();
    const { isFinished, suspended } = await finishRotation(world.schema, {
      keyring,
      records,
      withoutHold: true,
    });
    expect([isFinished, [...suspended].sort()]).toEqual([true, old.map(({ keyId }) => keyId).sort()]);
  });

  it('that are none are somebody’s: left, counted and listed', async () => {
    const world = await newWorld(place);
    await world.change(people, person(1), { email_index: 'my own data' });
    await activateNew(world, ['index']);
    await world.rotated();
    const stored = (await world.stored(people)).find(({ id }) => String(id) === '1');
    expect(stored?.['email_index']).toBe('my own data');
    const [counted] = (await world.census()).tables;
    expect(counted?.indexes?.[0]?.notTokens).toBe(1);
    const listed = await listQuarantine({ keyring: await world.keyring(), records: world.records.open() });
    expect(listed).toMatchObject([{ table: 'people', column: 'email_index', code: 'not-a-token' }]);
  });

  it('of values that no token is made of are left and listed, and come when the value is mended', async () => {
    const world = await newWorld(place);
    const { email } = await world.sealed(plain, { id: 1n, email: 'no address' });
    await world.change(people, person(1), { email });
    await activateNew(world, ['index', 'data']);
    await world.rotated();
    const keyring = await world.keyring();
    const where = { keyring, records: world.records.open() };
    const listed = await listQuarantine(where);
    expect(listed.map(({ code, column }) => [column, code])).toEqual([['email_index', 'not-indexable']]);
    const keys = listKeys(keyring).find(({ kind, state }) => kind === 'data' && state === 'active');
    expect((await world.census()).cells).toEqual({ [keys?.keyId ?? '']: 26 }); // its cells have changed their key
    const { id: _, ...mended } = await world.sealed(people, { id: 1n, email: 'an@address', city: 'Bonn' });
    await world.change(people, person(1), mended);
    expect(await retryQuarantined(world.schema, where)).toEqual({ settled: 1, refused: 0 });
    expect(await wrongTokens(world)).toEqual([]);
  });

  it('of values that no token is made of stop no rotation, however many they are', async () => {
    const world = await newWorld(place, 0);
    for (let id = 1; id <= 15; id++) {
      const row = await world.sealed(plain, { ...person(id), email: 'no address' });
      await world.put(people, { ...row, email_index: null, phone_index: null, email_city: null });
    }
    const last = (await world.rotated({ maxQuarantined: 0 })).at(-1);
    expect(last).toMatchObject({ state: 'swept', counters: { quarantined: 0, unindexed: 15 } });
    const where = { keyring: await world.keyring(), records: world.records.open() };
    const status = await rotationStatus(world.schema, where);
    expect([status.quarantine, status.sweep?.counters.unindexed]).toEqual([
      { cells: 15, abandoned: 0, notes: 15 },
      15,
    ]);
    // Notes that are given up leave no more room for cells that are refused.
    await abandonQuarantined(await listQuarantine(where), where);
    await world.change(people, person(1), { city: new Uint8Array(3) });
    await expect(world.rotated({ maxQuarantined: 0 })).rejects.toMatchObject({ reason: 'too-many-refused' });
    const [partition] = await planPartitions(world.schema, where);
    await expect(
      rotatePartition(world.schema, partition, { ...where, maxQuarantined: 0 }),
    ).rejects.toMatchObject({ reason: 'too-many-refused', quarantined: 1 });
  });

  it('of values that no token is made of are all counted, and the first 1,000 listed', async () => {
    const column = (more: object) =>
      table('people', { record, encrypt: { email: text({ bind: 'column', ...more }) } });
    const indexed = column({ index: { bits: 64, transform: 'email-1' } });
    const world = await newWorld(place, 0, [indexed]);
    const { email } = await world.sealed(column({}), { id: 1n, email: 'no address' });
    for (let id = 1n; id <= 1_005n; id++) await world.put(indexed, { id, email });
    const where = { keyring: await world.keyring(), records: world.records.open() };
    const last = (await world.rotated({ chunkRecords: 300 })).at(-1);
    expect(last?.counters.unindexed).toBe(1_005);
    expect(await listQuarantine(where)).toHaveLength(1_000);
    const [partition] = await planPartitions(world.schema, where);
    const done = await rotatePartition(world.schema, partition, where);
    expect(done.counters.unindexed).toBe(1_005);
  });

  it('stay in quarantine while nothing can be said of them', async () => {
    const world = await newWorld(place);
    const { email } = await world.sealed(plain, { id: 1n, email: 'no address' });
    await world.change(people, person(1), { email, email_index: null });
    await world.rotated();
    const where = { keyring: await world.keyring(), records: world.records.open() };
    const again = (definition: Table = people, more = {}) =>
      retryQuarantined(schema([definition]), { ...where, ...more });
    const stays = { settled: 0, refused: 1 };
    expect(await again()).toEqual(stays);
    expect(await again(plain), 'a definition without the index').toEqual(stays);
    const { email: mended } = await world.sealed(plain, { id: 1n, email: 'p1@example.org' });
    const { email: moved } = await world.sealed(plain, { id: 2n, email: 'p1@example.org' });
    await world.change(people, person(1), { email: moved as string });
    expect(await again(), 'a cell that cannot be read').toEqual(stays);
    await world.change(people, person(1), { email: 'in the clear' });
    expect(await again(), 'no cell').toEqual(stays);
    await world.change(people, person(1), { email: mended });
    const observer = atEveryMoment(async ({ side, step }) => {
      if (side !== 'before' || step !== 'chunk.commit') return;
      const { email: hot } = await world.sealed(plain, { id: 1n, email: 'p1@example.org' });
      await world.change(people, person(1), { email: hot });
    });
    expect(await again(people, { observer }), 'a record that changes all the time').toEqual(stays);
    await world.remove(people, person(1));
    expect(await again(plain)).toEqual({ settled: 1, refused: 0 });
  });

  it('stay as they are beside a cell that cannot be read', async () => {
    const world = await newWorld(place);
    const rows = await world.stored(people);
    const [one, other] = [rows[0] as Row, rows[1] as Row];
    await world.change(people, one, { email: other['email'] as string });
    await activateNew(world, ['index']);
    await world.rotated();
    const after = (await world.stored(people))[0] as Row;
    expect([after['email_index'], after['email_city'], after['email']]).toEqual([
      one['email_index'],
      one['email_city'],
      other['email'],
    ]);
    expect(after['phone_index']).not.toBe(one['phone_index']);
  });
});

describe.each(PLACES)('a unique index in $name', (place) => {
  const index = { bits: 128, unique: true, transform: 'email-1' } as const;
  const expand = table('people', {
    record,
    encrypt: { email: text({ index: { ...index, next: 'email_2' } }) },
  });
  const alone = table('people', { record, encrypt: { email: text({ index }) } });
  const contract = table('people', {
    record,
    encrypt: { email: text({ index: { ...index, generation: 2, column: 'email_2' } }) },
  });

  it('fills its second column, each under its own key, and lets the first key go when the column is gone', async () => {
    const world = await newWorld(place, 0, [expand]);
    const keyring = await world.keyring();
    const second = await addKey(keyring, { kind: 'index' });
    for (let id = 1; id <= 10; id++) {
      const email = id % 5 === 0 ? null : `p${id}@example.org`;
      const row = await world.sealed(expand, { id: BigInt(id), email }, keyring);
      await world.put(expand, { ...row, email_2: null });
    }
    const missing = async (): Promise<unknown> => (await world.census()).tables[0]?.indexes?.[1]?.missing;
    expect(await missing()).toBe(8);
    await world.rotated();
    expect(await missing()).toBe(0);
    expect(await wrongTokens(world, expand)).toEqual([]);
    const first = (await world.stored(expand)).map((row) => row['email_index']);
    await activateKey(keyring, second);
    await world.rotated();
    expect((await world.stored(expand)).map((row) => row['email_index'])).toEqual(first);
    const records = world.records.open();
    const early = await finishRotation(world.schema, { keyring, records, withoutHold: true });
    expect(early.isFinished).toBe(false);
    expect(Object.values(early.inUse)).toEqual([8]);

    const later = await newWorld(place, 0, [contract]);
    later.keyringStore.set(await world.keyringStore.read(1_000_000));
    for (const { email_index: _, email_2, ...row } of await world.stored(expand))
      await later.put(contract, { ...row, email_index: email_2 ?? null });
    await later.rotated();
    expect(await wrongTokens(later, contract)).toEqual([]);
    const done = await finishRotation(later.schema, {
      keyring: await later.keyring(),
      records: later.records.open(),
      withoutHold: true,
    });
    expect(done.isFinished).toBe(true);
  });

  it('holds up no state of a rotation, and says what is next for it', async () => {
    const world = await newWorld(place, 0, [expand]);
    const keyring = await world.keyring();
    const where = { keyring, records: world.records.open() };
    const [first] = listKeys(keyring).flatMap(({ kind, keyId }) => (kind === 'index' ? keyId : []));
    for (let id = 1n; id <= 3n; id++) {
      const row = await world.sealed(alone, { id, email: `p${id}@b` }, keyring);
      await world.put(expand, { ...row, email_2: null });
    }
    const said = async (definition: Table = alone) => {
      const status = await rotationStatus(schema([definition]), where);
      return [status.state, status.next, ...status.uniqueIndexes.map(({ step }) => step)];
    };
    const finished = (definition: Table, more = {}) =>
      finishRotation(schema([definition]), { ...where, ...more });
    expect(await said()).toEqual(['idle', 'addKey', 'none']);
    expect(await said(expand)).toEqual(['idle', 'addKey', 'add-key']);
    const second = await addKey(keyring, { kind: 'index' });
    await activateKey(keyring, second);
    expect(await said()).toEqual(['idle', 'addKey', 'add-next']); // nothing of this table is swept
    await activateNew(world, ['data']);
    expect(await said()).toEqual(['active', 'rotate', 'add-next']);
    await all(rotate(schema([alone]), where));
    expect(await said()).toEqual(['swept', 'finishRotation', 'add-next']);
    const early = await finished(alone);
    expect([early.held.length, early.inUse]).toEqual([1, { [first as string]: 3 }]);
    const { notBefore, olderKeys } = await rotationStatus(schema([alone]), where);
    expect([olderKeys.length, notBefore]).toEqual([2, early.held[0]?.until]);
    expect(await said()).toEqual(['hold', 'finishRotation', 'add-next']);
    const { suspended, isFinished } = await finished(alone, { withoutHold: true });
    expect([suspended.length, isFinished]).toEqual([1, false]);
    expect(await said()).toEqual(['suspended', 'scheduleDestruction', 'add-next']);

    expect(await said(expand)).toEqual(['active', 'rotate', 'rotate']);
    expect((await finished(expand)).uniqueIndexes).toEqual([
      {
        table: 'people',
        index: 'email_index',
        generation: 1,
        keyId: first,
        state: 'deactivated',
        next: { index: 'email_2', generation: 2, keyId: second, state: 'active' },
        step: 'rotate',
      },
    ]);
    await all(rotate(schema([expand]), where));
    expect((await finished(expand)).uniqueIndexes).toMatchObject([{ step: 'contract' }]);
    expect(await said(expand)).toEqual(['suspended', 'scheduleDestruction', 'contract']);

    const third = await addKey(keyring, { kind: 'index' });
    const later = table('people', {
      record,
      encrypt: { email: text({ index: { ...index, next: 'email_2', nextGeneration: 3 } }) },
    });
    expect((await finished(later)).uniqueIndexes).toMatchObject([{ step: 'rotate' }]); // it is filled under another key
    await withdrawKey(keyring, third, await census(schema([alone]), where));
    expect((await said(later))[2]).toBe('other-generation');
  });

  it('follows a later key with nextGeneration where the one of its second column was withdrawn', async () => {
    const followed = table('people', {
      record,
      encrypt: { email: text({ index: { ...index, next: 'email_2', nextGeneration: 3 } }) },
    });
    const world = await newWorld(place, 0, [followed]);
    const keyring = await world.keyring();
    const records = world.records.open();
    const withdrawn = await addKey(keyring, { kind: 'index' });
    await withdrawKey(keyring, withdrawn, await census(schema([alone]), { keyring, records }));
    const deadEnd = {
      code: 'no-active-key',
      message: expect.stringContaining('Set `nextGeneration`'),
      keyId: withdrawn,
      generation: 2,
      option: 'nextGeneration',
      state: 'destroyed',
    };
    await expect(world.sealed(expand, { id: 1n, email: 'a@b' }, keyring)).rejects.toMatchObject(deadEnd);
    await expect(lookup(expand, 'email', 'a@b', keyring)).rejects.toMatchObject(deadEnd);
    await expect(world.sealed(followed, { id: 1n, email: 'a@b' }, keyring)).rejects.toMatchObject({
      code: 'no-active-key',
      message: expect.stringContaining('Add one'),
      generation: 3,
    });
    const third = await addKey(keyring, { kind: 'index' });
    const row = await world.sealed(followed, { id: 1n, email: 'a@b' }, keyring);
    await world.put(followed, { ...row, email_2: null });
    // What a definition names wrongly is no record's trouble.
    await expect(all(rotate(schema([expand]), { keyring, records }))).rejects.toMatchObject(deadEnd);
    expect(await listQuarantine({ keyring, records })).toEqual([]);
    await world.rotated();
    expect(await wrongTokens(world, followed)).toEqual([]);
    expect((await world.stored(followed))[0]?.['email_2']).toMatch(new RegExp(`^${third.slice(0, 8)}`));
    expect((await world.census(keyring)).needed).toContain(third);
  });

  it('goes on in another column under a later key where its own is out of use', async () => {
    const refilled = table('people', {
      record,
      encrypt: { email: text({ index: { ...index, generation: 2, column: 'email_2', filling: true } }) },
    });
    const world = await newWorld(place, 0, [refilled]);
    const keyring = await world.keyring();
    const first = listKeys(keyring).find(({ kind }) => kind === 'index')?.keyId ?? '';
    for (let id = 1n; id <= 3n; id++) {
      const row = await world.sealed(alone, { id, email: `p${id}@b` }, keyring);
      await world.put(refilled, { ...row, email_index: null }); // the column is another one
    }
    await activateKey(keyring, await addKey(keyring, { kind: 'index' }));
    await suspendKey(keyring, first, await world.census(keyring), { withoutHold: true });
    await expect(world.sealed(alone, { id: 4n, email: 'a@b' }, keyring)).rejects.toMatchObject({
      message: expect.stringContaining('set `generation`'),
      option: 'generation',
      state: 'suspended',
    });
    await world.rotated();
    expect(await wrongTokens(world, refilled)).toEqual([]);
    expect((await world.census(keyring)).tables[0]?.indexes?.[0]?.missing).toBe(0);
  });

  it('keeps the key that it writes with, also while nothing is under it', async () => {
    const world = await newWorld(place, 0, [expand]);
    const keyring = await world.keyring();
    const first = listKeys(keyring).find(({ kind }) => kind === 'index')?.keyId ?? '';
    await activateKey(keyring, await addKey(keyring, { kind: 'index' }));
    const where = { keyring, records: world.records.open(), withoutHold: true } as const;
    const outcome = await finishRotation(world.schema, where);
    expect([outcome.isFinished, outcome.suspended, outcome.inUse]).toEqual([false, [], { [first]: 0 }]);
    const count = await world.census(keyring);
    await expect(suspendKey(keyring, first, count, { withoutHold: true })).rejects.toMatchObject({
      code: 'key-in-use',
    });
    expect((await noteCensus(keyring, count)).map(({ keyId }) => keyId)).not.toContain(first);
    await world.insert(expand, { id: 1n, email: 'a@b' }, keyring);
  });

  it('never has two keys in one column: tokens of another generation are left and listed', async () => {
    const world = await newWorld(place, 0, [contract]);
    const keyring = await world.keyring();
    const first = listKeys(keyring)
      .find(({ kind }) => kind === 'index')
      ?.keyId.slice(0, 8);
    await addKey(keyring, { kind: 'index' });
    const row = await world.sealed(contract, { id: 1n, email: 'a@b' }, keyring);
    const old = `${first}.${'ab'.repeat(16)}`;
    await world.put(contract, { ...row, email_index: old });
    await world.rotated();
    expect((await world.stored(contract))[0]?.['email_index']).toBe(old);
    const listed = await listQuarantine({ keyring, records: world.records.open() });
    expect(listed).toMatchObject([{ column: 'email_index', code: 'unique-index-key' }]);
  });
});

describe.each(PLACES)('while $name adopts and rebinds', (place) => {
  it('tokens come with the cells', async () => {
    const adopting = table('people', {
      record,
      encrypt: { email: text({ adopting: true, index: { bits: 64, transform: 'email-1' } }) },
    });
    const world = await newWorld(place, 0, [adopting]);
    for (let id = 1; id <= 5; id++)
      await world.put(adopting, {
        id: BigInt(id),
        email: `P${id}@example.org`,
        email_index: id === 2 ? `${'a'.repeat(8)}.00` : null,
      });
    await world.rotated();
    expect(await wrongTokens(world, adopting)).toEqual([]);
    expect((await world.census()).notCells).toBe(0);
  });

  it('tokens of a former name are made anew', async () => {
    const index = { bits: 64, name: 'mail_key' } as const;
    const before = table('people', { record, encrypt: { mail: text({ column: 'mail', index }) } });
    const after = table('users', {
      from: 'people',
      record,
      encrypt: { email: text({ column: 'mail', index }) },
      rebinding: { table: 'people', columns: { email: 'mail' } },
    });
    const world = await newWorld(place, 0, [after]);
    const keyring = await world.keyring();
    for (let id = 1; id <= 5; id++) {
      const { mail, ...row } = await encryptRecord(before, { id: BigInt(id), mail: `p${id}` }, keyring);
      await world.put(after, { ...row, email: mail });
    }
    expect(await wrongTokens(world, after)).toHaveLength(5);
    await world.rotated();
    expect(await wrongTokens(world, after)).toEqual([]);
  });
});
