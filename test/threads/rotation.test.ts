/** Rotations whose cells are renewed on other threads: the same work, the same counts, the same refusals. */
import { describe, expect, it } from 'vitest';
import { nodeEngine } from '../../src/engine/node.js';
import {
  type SynchronousEngine,
  type SynchronousKeyring,
  type Table,
  activateKey,
  addKey,
  bytes,
  createKeyring,
  decryptRecord,
  decryptRecords,
  encryptRecords,
  integer,
  listKeys,
  openKeyring,
  schema,
  table,
  text,
} from '../../src/index.js';
import {
  type RotateOptions,
  type RotationProgress,
  census,
  listQuarantine,
  rotate,
} from '../../src/rotation/index.js';
import { type MemoryRecords, memoryKeyring, memoryRecords } from '../../src/store/memory.js';
import { threadedEngine } from './support.js';

const rawKey = new Uint8Array(32).fill(3);
const people = table('people', {
  record: integer('id'),
  encrypt: {
    email: text({ index: { bits: 40, transform: 'email-1' } }),
    phone: text({ pad: 16, hideNull: true }),
    photo: bytes({ form: 'binary' }),
    town: text({ bind: 'column' }),
  },
});
const everything = schema([people]);

interface World {
  readonly keyring: SynchronousKeyring;
  readonly records: MemoryRecords;
}

/** So many records, and a new active key that none of them is under. */
async function worldOf(engine: SynchronousEngine, count: number): Promise<World> {
  const keyring = await createKeyring(memoryKeyring(), { rawKey, engine });
  const records = memoryRecords();
  for (const outcome of await encryptRecords(
    people,
    Array.from({ length: count }, (_, id) => personOf(id)),
    keyring,
  )) {
    if (outcome.status === 'rejected') throw outcome.reason;
    records.insert(people, outcome.value);
  }
  await activateKey(keyring, await addKey(keyring));
  return { keyring, records };
}

function personOf(id: number) {
  return {
    id,
    email: id % 5 === 0 ? null : `Person${id}@example.org`,
    phone: id % 3 === 0 ? null : `+49 ${id}`,
    photo: new Uint8Array(id % 90).fill(id),
    town: `town ${id % 7}`,
  };
}

async function rotateAll(
  { keyring, records }: World,
  options: Partial<RotateOptions> = {},
  definitions = everything,
): Promise<RotationProgress[]> {
  const yielded: RotationProgress[] = [];
  for await (const progress of rotate(definitions, { keyring, records, chunkRecords: 300, ...options }))
    yielded.push(progress);
  return yielded;
}

async function contents({ keyring, records }: World, definition: Table = people): Promise<unknown[]> {
  return Promise.all(records.rows(definition).map((row) => decryptRecord(definition, row as never, keyring)));
}

async function activeKeyOf(keyring: SynchronousKeyring): Promise<string> {
  const keys = await listKeys(keyring);
  return keys.find(({ kind, state }) => kind === 'data' && state === 'active')?.keyId as string;
}

describe('a rotation that other threads share', () => {
  it('leaves every value as it was, under the new key, and counts as it does without', async () => {
    const { engine, sent } = await threadedEngine(2);
    const world = await worldOf(engine, 1_200);
    const alone = await worldOf(nodeEngine(), 1_200);
    const before = (await contents(world)).map(withoutToken);
    const progress = await rotateAll(world);
    expect(sent.renew).toBeGreaterThan(1_000);
    expect((await contents(world)).map(withoutToken)).toEqual(before);
    expect(before).toEqual(Array.from({ length: 1_200 }, (_, id) => personOf(id)));
    const { cells } = await census(everything, world);
    expect(Object.keys(cells)).toEqual([await activeKeyOf(world.keyring)]);
    const counters = ({ counters }: RotationProgress) => ({ ...counters });
    expect(progress.map(counters).at(-1)).toEqual((await rotateAll(alone)).map(counters).at(-1));
  });

  it('renews tokens with the cells', async () => {
    const { engine, sent } = await threadedEngine();
    const world = await worldOf(engine, 900);
    const tokens = world.records.rows(people).map(tokenOf);
    await activateKey(world.keyring, await addKey(world.keyring, { kind: 'index' }));
    await rotateAll(world);
    expect(sent.renew).toBeGreaterThan(500);
    const renewed = world.records.rows(people);
    expect(renewed.filter((row, i) => tokenOf(row) === tokens[i]).map((row) => row['email'])).toEqual(
      Array.from({ length: 180 }, () => null),
    );
    expect((await contents(world)).map(withoutToken)).toEqual(
      Array.from({ length: 900 }, (_, id) => personOf(id)),
    );
  });

  it('puts cells that do not verify into quarantine, each with its reason, and leaves their bytes', async () => {
    const { engine, sent } = await threadedEngine();
    const [world, alone] = [await worldOf(engine, 1_100), await worldOf(nodeEngine(), 1_100)];
    const refused = [10, 300, 301, 1_099];
    for (const { records } of [world, alone]) {
      for (const id of refused) {
        const [row, other] = [records.rows(people)[id], records.rows(people)[id - 1]] as Record<
          string,
          unknown
        >[];
        records.update(
          people,
          { id },
          { town: altered(row?.['town'] as string), photo: other?.['photo'] as never },
        );
      }
      records.update(people, { id: 20 }, { email: 'plaintext' });
    }
    const stored = (id: number): unknown => world.records.rows(people)[id]?.['town'];
    const before = refused.map(stored);
    await rotateAll(world);
    await rotateAll(alone);
    expect(sent.renew).toBeGreaterThan(1_000);
    expect(refused.map(stored)).toEqual(before);
    const listed = async (rotated: World): Promise<unknown[]> =>
      (await listQuarantine(rotated)).map(({ key, column, code }) => `${key} ${column} ${code}`).sort();
    expect(await listed(world)).toEqual(await listed(alone));
    expect(await listed(world)).toHaveLength(9);
  });

  it('renews what another process wrote meanwhile', async () => {
    const { engine } = await threadedEngine();
    const world = await worldOf(engine, 600);
    let rewrites = 0;
    const observer = {
      async after(step: string) {
        if (step !== 'chunk.rewrite' || rewrites++ > 3) return;
        for (const id of [5, 100, 299, 450]) {
          const changed = await encryptRecords(
            people,
            [{ ...personOf(id), town: `moved ${rewrites}` }],
            world.keyring,
          );
          world.records.update(
            people,
            { id },
            { town: (changed[0] as PromiseFulfilledResult<{ town: string }>).value.town },
          );
        }
      },
    };
    await rotateAll(world, { observer });
    const towns = (await contents(world)).map((row) => (row as { town: string }).town);
    expect(towns.filter((town) => town.startsWith('moved'))).toHaveLength(4);
    expect(towns[0]).toBe('town 0');
  });

  it('stops where it is told to, in the midst of a chunk, and goes on later', async () => {
    const { engine } = await threadedEngine();
    const world = await worldOf(engine, 1_200);
    const controller = new AbortController();
    const observer = {
      before: (step: string) => {
        if (step === 'chunk.rewrite') setImmediate(() => controller.abort(new Error('enough')));
      },
    };
    await expect(
      rotateAll(world, { observer, signal: controller.signal, chunkRecords: 1_200 }),
    ).rejects.toThrow('enough');
    await rotateAll(world);
    expect((await contents(world)).map(withoutToken)).toEqual(
      Array.from({ length: 1_200 }, (_, id) => personOf(id)),
    );
    expect(Object.keys((await census(everything, world)).cells)).toHaveLength(1);
  });

  it('takes over plaintext', async () => {
    const { engine } = await threadedEngine();
    const keyring = await createKeyring(memoryKeyring(), { rawKey, engine });
    const records = memoryRecords();
    const adopting = table('customers', {
      record: integer('id'),
      encrypt: { email: text({ adopting: true }), phone: text() },
    });
    const plain = Array.from({ length: 700 }, (_, id) => ({
      id,
      email: `${id}@example.org`,
      phone: `${id}`,
    }));
    for (const [i, outcome] of (await encryptRecords(adopting, plain as never[], keyring)).entries()) {
      if (outcome.status === 'rejected') throw outcome.reason;
      const row = outcome.value as Record<string, unknown>;
      records.insert(adopting, (i % 2 === 0 ? { ...row, email: plain[i]?.email } : row) as never);
    }
    await activateKey(keyring, await addKey(keyring));
    await rotateAll({ keyring, records }, {}, schema([adopting]));
    expect(records.rows(adopting).every((row) => String(row['email']).startsWith('cs1r.'))).toBe(true);
    expect(await contents({ keyring, records }, adopting)).toEqual(plain);
  });

  it('finds cells in their former place, also in a batch that is decrypted', async () => {
    const { engine } = await threadedEngine();
    const keyring = await createKeyring(memoryKeyring(), { rawKey, engine });
    const records = memoryRecords();
    const encrypt = { email: text(), phone: text() };
    const [before, after] = [
      table('people', { record: integer('id'), encrypt }),
      table('clients', { from: 'people', record: integer('id'), encrypt, rebinding: { table: 'people' } }),
    ];
    const plain = Array.from({ length: 700 }, (_, id) => ({
      id,
      email: `${id}@example.org`,
      phone: `${id}`,
    }));
    for (const [i, outcome] of (await encryptRecords(before, plain, keyring)).entries()) {
      if (outcome.status === 'rejected') throw outcome.reason;
      const own = i % 3 === 0 ? await encryptRecords(after, [plain[i] as never], keyring) : [outcome];
      records.insert(after, (own[0] as PromiseFulfilledResult<never>).value);
    }
    const read = await decryptRecords(after, records.rows(after) as never[], keyring);
    expect(read.map((outcome) => (outcome.status === 'fulfilled' ? outcome.value : outcome.reason))).toEqual(
      plain,
    );
    await rotateAll({ keyring, records }, {}, schema([after]));
    const strict = table('clients', { from: 'people', record: integer('id'), encrypt });
    const rows = records.rows(after) as never[];
    const bound = await decryptRecords(strict, rows, keyring);
    expect(bound.map((outcome) => (outcome.status === 'fulfilled' ? outcome.value : outcome.reason))).toEqual(
      plain,
    );
  });

  it('reads what it has made in a process without threads', async () => {
    const { engine } = await threadedEngine();
    const store = memoryKeyring();
    const keyring = await createKeyring(store, { rawKey, engine });
    const other = await openKeyring(store, { rawKey });
    const outcomes = await encryptRecords(
      people,
      Array.from({ length: 500 }, (_, id) => personOf(id)),
      keyring,
    );
    for (const [id, outcome] of outcomes.entries()) {
      if (outcome.status === 'rejected') throw outcome.reason;
      expect(withoutToken(await decryptRecord(people, outcome.value, other))).toEqual(personOf(id));
    }
  });
});

function tokenOf(row: Readonly<Record<string, unknown>>): unknown {
  return row['email_index'];
}

function withoutToken(row: unknown): unknown {
  const { email_index: _, ...rest } = row as Record<string, unknown>;
  return rest;
}

/** The last character but one of a text cell, changed. */
function altered(cell: string): string {
  const at = cell.length - 2;
  return cell.slice(0, at) + (cell[at] === 'A' ? 'B' : 'A') + cell.slice(at + 1);
}
