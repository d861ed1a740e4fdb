import { describe, expect, it } from 'vitest';
import { openedOf } from '../../src/keyring/index.js';
import { jobId } from '../../src/rotation/run.js';
import { type World, contents, keysInUse, newKey, newWorld, reopened, rotateAll } from './support.js';

/** Rotates one chunk, and gives the job record that it left. */
async function afterOneChunk(world: World): Promise<{ id: string; record: string }> {
  const id = jobId(openedOf(world.keyring));
  let commits = 0;
  const observer = {
    after(step: string) {
      if (step === 'chunk.commit' && ++commits === 2) throw new Error('stop');
    },
  };
  await expect(rotateAll(world, { observer })).rejects.toThrow('stop');
  return { id, record: world.records.readJob(id) as string };
}

type Job = Record<string, unknown> & { counters: object };

describe('a job record', () => {
  it.each<[string, (record: string) => string]>([
    ['is no JSON', (record) => record.slice(0, -5)],
    ['is empty', () => ''],
    ['is of another format', (record) => record.replace('"format":1', '"format":2')],
    ['is of another scope', (record) => record.replace('"scope":"', '"scope":"x')],
    ['has a member too many', (record) => record.replace('{', '{"more":1,')],
    ['has a member named __proto__', (record) => record.replace('{', '{"__proto__":{},')],
    ['has a negative count', (record) => record.replace(/"scanned":\d+/, '"scanned":-1')],
    ['names a table that is not there', (record) => record.replace(/"table":\d+/, '"table":7')],
    ['has a cursor that is none', (record) => record.replace(/"cursor":"[^,]*"/, '"cursor":"]"')],
    [
      'has the cursor of another table',
      (record) => record.replace(/"cursor":"[^,]*"/, '"cursor":"[\\"a\\",\\"b\\",\\"c\\"]"'),
    ],
    ['is as long as a book', (record) => record + ' '.repeat(100_000)],
  ])('that %s costs repeated looks and nothing else', async (_what, damage) => {
    const world = await newWorld(9);
    const target = await newKey(world);
    const before = await contents(world);
    const { id, record } = await afterOneChunk(world);
    const damaged = damage(record);
    expect(damaged).not.toBe(record);
    expect(world.records.writeJob({ id, previous: record, next: damaged })).toBe(true);

    await rotateAll(await reopened(world));
    expect(await keysInUse(world)).toEqual([target]);
    expect(await contents(world)).toEqual(before);
  });

  it('that claims the end is not believed by the census, and the next rotation does the rest', async () => {
    const world = await newWorld(9);
    const target = await newKey(world);
    const { id, record } = await afterOneChunk(world);
    const job = JSON.parse(record) as Job;
    const forged = JSON.stringify({ ...job, table: 1, cursor: '["zzz",{"integer":"999"}]' });
    await world.records.writeJob({ id, previous: record, next: forged });

    await rotateAll(world);
    expect(await keysInUse(world), 'what was skipped is counted').toHaveLength(2);
    await rotateAll(world);
    expect(await keysInUse(world)).toEqual([target]);
  });

  it('of an older run, put back, costs repeated looks and nothing else', async () => {
    const world = await newWorld(9);
    await newKey(world);
    const { id, record } = await afterOneChunk(world);
    await rotateAll(world);
    const target = await newKey(world);
    await world.records.writeJob({ id, previous: world.records.readJob(id) as string, next: record });
    const [first] = await rotateAll(world);
    expect(first?.began).toBe('resumed');
    expect(await keysInUse(world)).toEqual([target]);
  });
});
