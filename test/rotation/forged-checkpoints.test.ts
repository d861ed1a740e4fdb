import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RotationBlockedError, suspendKey } from '../../src/index.js';
import { atEveryMoment } from './stopping.js';
import { PLACES, type Place, World, memory, people, person, populate } from './world.js';

let template: World;
let contents: readonly string[];
let oldKey: string;
let newKey: string;

beforeAll(async () => {
  template = await World.make(memory);
  await populate(template, 8, 4);
  contents = await template.contents();
  oldKey = await template.activeKey();
  newKey = await template.newKey();
});
afterAll(() => template.close());

/** A rotation that has been left after three chunks, with its job record. */
async function leftHalfWay(place: Place): Promise<{ world: World; job: string }> {
  const world = await template.copy(place);
  let chunks = 0;
  for await (const _ of world.rotate({ keyring: await world.keyring() })) {
    if (++chunks > 3) break;
  }
  return { world, job: (await world.job()) as string };
}

/** Whatever the record says: nothing is lost, the census says what is left, and no more than one call ends badly. */
async function expectHarmless(world: World): Promise<void> {
  const blocked = await world.rotated().then(
    () => undefined,
    (error: unknown) => error,
  );
  if (blocked !== undefined) expect(blocked).toBeInstanceOf(RotationBlockedError);
  expect(await world.contents()).toEqual(contents);
  const keyring = await world.keyring();
  const counted = await world.census(keyring);
  const left = counted.cells[oldKey] ?? 0;
  if (left > 0)
    await expect(suspendKey(keyring, oldKey, counted, { withoutHold: true })).rejects.toMatchObject({
      cells: left,
    });
  await world.rotated();
  expect((await world.census()).cells).toEqual({ [newKey]: 8 * 3 - 2 - 2 + 4 * 2 - 2 });
  expect(await world.contents()).toEqual(contents);
}

const MEMBERS = [
  'format',
  'scope',
  'revision',
  'state',
  'pass',
  'table',
  'cursor',
  'passScanned',
  'passDeferred',
  'counters',
  'startedAtMs',
  'updatedAtMs',
];
const COUNTERS = ['scanned', 'rewritten', 'current', 'conflicts', 'deferred', 'quarantined', 'bytes'];

const cursor = fc.oneof(
  fc.string(),
  fc.json(),
  fc.constantFrom(
    '',
    'null',
    '[]',
    '{}',
    '{"__proto__":null}',
    '[["integer","7"]]',
    '[["integer","99999999999999999999"]]',
    '[["integer","zz"]]',
    '[["text","zzz"]]',
    '[["blob","xyz"]]',
    '[["text","a"],["integer","1"]]',
    '[["__proto__","1"]]',
    '[["constructor","1"]]',
    '[["integer",7]]',
    '[{"integer":"7"}]',
    '[{"integer":"9999"}]',
    '[{"integer":"x"}]',
    '["zzz",{"integer":"9"}]',
    '["a","b"]',
    '[["text","\' OR 1=1 --"]]',
  ),
);
const value = fc.oneof(
  fc.jsonValue(),
  cursor,
  fc.constantFrom(0, 1, 2, 5, 6, 7, -1, 1.5, Number.MAX_SAFE_INTEGER, 1e300, 'sweeping', 'swept', 'blocked'),
);

describe.each(PLACES)('a checkpoint over $name', (place) => {
  it('may be gone', async () => {
    const { world, job } = await leftHalfWay(place);
    const fresh = await template.copy(place);
    for (const row of await world.stored(people)) {
      await fresh.remove(people, row);
      await fresh.put(people, row);
    }
    expect([job.length > 0, await fresh.job()]).toEqual([true, undefined]);
    await expectHarmless(fresh);
    world.close();
    fresh.close();
  });

  it('may be cut off anywhere', async () => {
    const { world, job } = await leftHalfWay(place);
    for (let length = 0; length < job.length; length += 37) {
      const copy = await template.copy(place);
      await copy.setJob(job.slice(0, length));
      const [first] = await copy.rotated();
      expect(first?.began).toBe('fresh');
      await expectHarmless(copy);
      copy.close();
    }
    world.close();
  });

  it('may have any member, or any counter, changed to anything', async () => {
    const numRuns = place.name === 'memoryRecords' ? 80 : 25;
    const changes = fc.array(
      fc.oneof(
        fc.tuple(fc.constant('job'), fc.constantFrom(...MEMBERS), value),
        fc.tuple(fc.constant('job'), fc.constant('cursor'), cursor),
        fc.tuple(fc.constant('counters'), fc.constantFrom(...COUNTERS), value),
      ),
      { minLength: 1, maxLength: 3 },
    );
    await fc.assert(
      fc.asyncProperty(changes, async (changed) => {
        const { world, job } = await leftHalfWay(place);
        const forged = JSON.parse(job) as Record<string, unknown> & { counters: Record<string, unknown> };
        for (const [where, name, to] of changed) {
          if (where === 'job') forged[name] = to;
          else if (typeof forged.counters === 'object' && forged.counters) forged.counters[name] = to;
        }
        await world.setJob(JSON.stringify(forged));
        await expectHarmless(world);
        world.close();
      }),
      { numRuns },
    );
  }, 120_000);

  it('may be any text', async () => {
    await fc.assert(
      fc.asyncProperty(fc.oneof(fc.string({ unit: 'grapheme' }), fc.json()), async (text) => {
        const { world } = await leftHalfWay(place);
        await world.setJob(text.replaceAll('\0', ''));
        const [first] = await world.rotated();
        expect(first?.began).toBe('fresh');
        await expectHarmless(world);
        world.close();
      }),
      { numRuns: 15 },
    );
  });

  it('may name members that every object inherits', async () => {
    for (const name of ['__proto__', 'constructor', 'toString', 'hasOwnProperty']) {
      const { world, job } = await leftHalfWay(place);
      await world.setJob(job.replace('"format":1', `"${name}":1`));
      const [first] = await world.rotated();
      expect(first?.began).toBe('fresh');
      await expectHarmless(world);
      world.close();
    }
  });

  it('has all its members, and no other: or the rotation begins at the beginning', async () => {
    const { world, job } = await leftHalfWay(place);
    const record = JSON.parse(job) as Record<string, unknown>;
    const forged = [
      ...Object.keys(record).map((name) => ({ ...record, [name]: undefined })),
      { ...record, more: 1 },
      { ...record, counters: { ...(record['counters'] as object), more: 1 } },
    ];
    const texts = forged.map((one) => JSON.stringify(one));
    for (const text of [...texts, job.replace('{', '{"__proto__":null,')]) {
      await world.setJob(text);
      for await (const { began } of world.rotate({ keyring: await world.keyring() })) {
        expect(began, text).toBe('fresh');
        break;
      }
    }
    await world.setJob(job);
    const [first] = await world.rotated();
    expect(first?.began).toBe('resumed');
    await expectHarmless(world);
    world.close();
  });

  it('may claim more passes than there are: a rotation that never wins stops all the same', async () => {
    const world = await template.copy(place);
    const stale = await world.keyring();
    await world.newKey();
    let changes = 0;
    const observer = atEveryMoment(async ({ side, step }) => {
      if (side !== 'before' || step !== 'chunk.commit') return;
      if (++changes > 200) throw new Error('it goes on for ever');
      const { email } = await world.sealed(people, { ...person(1), email: `hot ${changes}` }, stale);
      await world.change(people, person(1), { email });
    });
    for await (const _ of world.rotate({ keyring: await world.keyring(), observer })) {
      await world.setJob(((await world.job()) as string).replace('"pass":1', '"pass":77'));
      break;
    }
    const hot = { code: 'rotation-blocked', reason: 'hot-records' };
    await expect(world.rotated({ observer })).rejects.toMatchObject(hot);
    world.close();
  });

  it('may be one of an earlier moment: what is done is looked at again, and not done again', async () => {
    const world = await template.copy(place);
    const seen: string[] = [];
    for await (const _ of world.rotate({ keyring: await world.keyring() })) {
      seen.push((await world.job()) as string);
    }
    for (const job of seen.slice(0, -1)) {
      await world.setJob(job);
      const rotated = (JSON.parse(job) as { counters: { rewritten: number } }).counters.rewritten;
      expect((await world.rotated()).at(-1)).toMatchObject({
        state: 'swept',
        counters: { rewritten: rotated },
      });
    }
    expect(await world.contents()).toEqual(contents);
    world.close();
  });
});
