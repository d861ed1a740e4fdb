/** From the first key to the last: what rotationStatus says at each step, and what finishRotation does. */
import { describe, expect, it } from 'vitest';
import {
  activateKey,
  addKey,
  addTenants,
  cancelDestruction,
  destroyKey,
  encryptRecord,
  integer,
  listKeys,
  listTenantKeys,
  scheduleDestruction,
  schema,
  setPolicy,
  table,
  text,
} from '../../src/index.js';
import { openedOf } from '../../src/keyring/index.js';
import { runFinish } from '../../src/rotation/finish.js';
import {
  abandonQuarantined,
  census,
  finishRotation,
  listQuarantine,
  pauseRotation,
  planPartitions,
  resumeRotation,
  retryQuarantined,
  rotate,
  rotatePartition,
  rotationStatus,
} from '../../src/rotation/index.js';
import { memoryRecords } from '../../src/store/memory.js';
import {
  type World,
  contents,
  everything,
  newKey,
  newWorld,
  notes,
  people,
  reopened,
  rotateAll,
} from './support.js';

const HOUR_MS = 3_600_000;

const oldKeyOf = ({ keyring }: World): string =>
  listKeys(keyring).find(({ kind }) => kind === 'data')?.keyId as string;
const stateOf = ({ keyring }: World, keyId: string) =>
  listKeys(keyring).find((key) => key.keyId === keyId)?.state;

/** finishRotation by another clock. */
const finishAt = (world: World, wallMs: number, choice: Parameters<typeof runFinish>[1] = {}) => {
  const clock = { wallMs: () => wallMs, monotonicMs: () => 0, sleep: () => Promise.resolve() };
  const random = (n: number) => new Uint8Array(n);
  const environment = { clock, random, observer: {}, signal: undefined };
  const { keyring, records } = world;
  return runFinish({ environment, keyring, records, schema: everything }, choice);
};

describe('rotationStatus', () => {
  it('names the state and the next step, from the first key to its destruction', async () => {
    const world = await newWorld(6);
    const { keyring } = world;
    const old = oldKeyOf(world);
    const expectState = async (state: string, next: string) =>
      expect(await rotationStatus(everything, world)).toMatchObject({ state, next });

    await expectState('idle', 'addKey');
    const keyId = await addKey(keyring);
    await expectState('introduced', 'activateKey');
    await activateKey(keyring, keyId);
    await expectState('active', 'rotate');
    for await (const { done } of rotate(everything, { ...world, chunkRecords: 2 })) if (done > 3) break;
    await expectState('sweeping', 'rotate');
    expect((await rotationStatus(everything, world)).sweep).toMatchObject({
      table: 'people',
      done: 4,
      pass: 1,
    });
    await pauseRotation({ ...world, reason: 'month-end' });
    await expectState('paused', 'resumeRotation');
    expect((await rotationStatus(everything, world)).sweep?.reason).toBe('month-end');
    await resumeRotation(world);
    await rotateAll(world);
    await expectState('swept', 'finishRotation');
    expect((await rotationStatus(everything, world)).olderKeys).toMatchObject([{ keyId: old }]);

    const first = await finishRotation(everything, world);
    expect(first).toMatchObject({ isFinished: false, suspended: [], inUse: {}, held: [{ keyId: old }] });
    await expectState('hold', 'finishRotation');
    const { notBefore, blockedBy } = await rotationStatus(everything, world);
    expect(notBefore).toEqual(first.held[0]?.until);
    expect(blockedBy).toMatch(/frozen/);

    const early = await finishAt(world, Number(notBefore) - 1);
    expect(early, 'not yet').toMatchObject({ isFinished: false, suspended: [] });
    const last = await finishAt(world, Number(notBefore));
    expect(last).toMatchObject({ isFinished: true, suspended: [old], held: [] });
    await expectState('suspended', 'scheduleDestruction');
    await scheduleDestruction(keyring, old, { delayMs: 24 * HOUR_MS });
    await expectState('suspended', 'destroyKey');
    await cancelDestruction(keyring, old);
    await expectState('suspended', 'scheduleDestruction');
    await scheduleDestruction(keyring, old, { withoutDelay: true });
    await expectState('ready-to-destroy', 'destroyKey');
    await destroyKey(keyring, old, await census(everything, world));
    await expectState('idle', 'addKey');
  });

  it('says what blocks a sweep', async () => {
    const world = await newWorld(6);
    world.records.update(people, { id: 1 }, { seen: 'in the clear' });
    await newKey(world);
    await expect(rotateAll(world, { maxQuarantined: 0 })).rejects.toMatchObject({ code: 'rotation-blocked' });
    const status = await rotationStatus(everything, world);
    expect(status).toMatchObject({
      state: 'blocked',
      next: 'rotate',
      blockedBy: expect.stringMatching(/refused/),
      sweep: { state: 'blocked', reason: 'too-many-refused' },
      quarantine: { cells: 1, abandoned: 0 },
    });
  });

  it('sends back to rotate where a count has found cells that were written since', async () => {
    const world = await newWorld(4);
    const stale = await reopened(world);
    const late = await encryptRecord(notes, { owner: 'z', no: 99, body: 'late' }, stale.keyring);
    await newKey(world);
    await rotateAll(world);
    world.records.insert(notes, { ...late, plain: 99 });
    await finishRotation(everything, world);
    expect(await rotationStatus(everything, world)).toMatchObject({
      state: 'blocked',
      next: 'rotate',
      sweep: { reason: 'cells-left' },
    });
    await rotateAll(world);
    expect(await rotationStatus(everything, world)).toMatchObject({ next: 'finishRotation' });
    expect((await finishRotation(everything, world)).inUse).toEqual({});
    expect(await rotationStatus(everything, world)).toMatchObject({ state: 'hold' });
  });

  it('says hold after partitions too, which keep no job record', async () => {
    const world = await newWorld(4);
    await newKey(world);
    for (const partition of await planPartitions(everything, world))
      await rotatePartition(everything, partition, world);
    await finishRotation(everything, world);
    const status = await rotationStatus(everything, world);
    expect(status).toMatchObject({ state: 'hold', next: 'finishRotation', sweep: undefined });
    expect(status.notBefore).toBeInstanceOf(Date);
  });

  it('takes no sweep towards other keys, or of other tables, for this one', async () => {
    const world = await newWorld(3);
    await newKey(world);
    await rotateAll(world);
    await newKey(world);
    expect(await rotationStatus(everything, world)).toMatchObject({ state: 'active', next: 'rotate' });
    const some = schema([people]);
    expect((await rotationStatus(some, world)).sweep).toBeUndefined();
  });
});

describe('finishRotation', () => {
  it('suspends at once, after one count, where it is told that no hold is needed', async () => {
    const world = await newWorld(4);
    const old = oldKeyOf(world);
    await newKey(world);
    await rotateAll(world);
    const outcome = await finishRotation(everything, { ...world, withoutHold: true });
    expect(outcome).toMatchObject({ isFinished: true, suspended: [old] });
    expect(stateOf(world, old)).toBe('suspended');
    expect(await finishRotation(everything, world), 'again').toMatchObject({
      isFinished: true,
      suspended: [],
    });
  });

  it('suspends nothing before a rotation is done, and says what is under the older keys', async () => {
    const world = await newWorld(4);
    const old = oldKeyOf(world);
    await newKey(world);
    const outcome = await finishRotation(everything, { ...world, withoutHold: true });
    expect(outcome).toMatchObject({ isFinished: false, suspended: [], inUse: { [old]: 4 * 2 - 1 + 4 } });
  });

  it('begins the hold anew where a stale writer has written under the old key meanwhile', async () => {
    const world = await newWorld(4);
    const old = oldKeyOf(world);
    const stale = await reopened(world);
    const before = await encryptRecord(notes, { owner: 'z', no: 99, body: 'late' }, stale.keyring);
    await newKey(world);
    await rotateAll(world);
    const { held } = await finishRotation(everything, world);
    world.records.insert(notes, { ...before, plain: 99 });
    const until = Number(held[0]?.until);
    expect(await finishAt(world, until)).toMatchObject({ isFinished: false, inUse: { [old]: 1 }, held: [] });
    await rotateAll(world);
    const second = await finishAt(world, until + HOUR_MS);
    expect(second).toMatchObject({ isFinished: false, suspended: [] });
    expect(Number(second.held[0]?.until)).toBe(until + HOUR_MS + 24 * HOUR_MS);
    expect(stateOf(world, old)).toBe('deactivated');
  });

  it('takes the hold from the policy, or from the call', async () => {
    const world = await newWorld(2);
    await setPolicy(world.keyring, { holdMs: HOUR_MS });
    await newKey(world);
    await rotateAll(world);
    const { held, census } = await finishRotation(everything, world);
    expect(Number(held[0]?.until) - Number(census.countedAt)).toBe(HOUR_MS);
    expect(await finishAt(world, Number(held[0]?.until) - 1, { holdMs: HOUR_MS / 2 })).toMatchObject({
      isFinished: true,
    });
    await expect(finishRotation(everything, { ...world, holdMs: -1 })).rejects.toMatchObject({
      code: 'keyring-limit',
    });
  });

  it('suspends the keys of several rotations, and of tenants, together', async () => {
    const files = table('files', {
      record: integer('id'),
      tenant: text('tenant'),
      encrypt: { name: text() },
    });
    const all = schema([files]);
    const { keyring } = await newWorld(0);
    await addTenants(keyring, ['acme', 'globex']);
    const records = memoryRecords();
    for (const [id, tenant] of ['acme', 'globex', 'umbrella'].entries())
      records.insert(files, await encryptRecord(files, { id, tenant, name: 'x' }, keyring, { tenant }));
    for (const tenant of [undefined, 'acme', undefined]) {
      const keyId = await addKey(keyring, tenant === undefined ? {} : { tenant });
      await activateKey(keyring, keyId);
    }
    for await (const _ of rotate(all, { keyring, records }));
    const outcome = await finishRotation(all, { keyring, records, withoutHold: true });
    expect(outcome.suspended).toHaveLength(3);
    expect(outcome.isFinished).toBe(true);
    const ofAcme = (await listTenantKeys(keyring, 'acme')).filter(({ kind }) => kind === 'data');
    expect(ofAcme.map(({ state }) => state).sort()).toEqual(['active', 'suspended']);
  });

  it('goes on after a crash at any step', async () => {
    for (let moment = 0; moment < 60; moment++) {
      const world = await newWorld(2);
      const old = oldKeyOf(world);
      await newKey(world);
      await rotateAll(world);
      let steps = 0;
      const meet = () => {
        if (steps++ === moment) throw new Error('crash');
      };
      const observer = { before: meet, after: meet };
      await finishRotation(everything, { ...world, withoutHold: true, observer }).catch(() => undefined);
      await finishRotation(everything, { ...(await reopened(world)), withoutHold: true });
      const { keyring } = await reopened(world);
      expect(stateOf({ ...world, keyring }, old)).toBe('suspended');
    }
  });
});

describe('quarantine', () => {
  async function poisoned(): Promise<{ world: World; old: string; cell: string }> {
    const world = await newWorld(5);
    const old = oldKeyOf(world);
    const cell = world.records.get(people, { id: 2 })?.['seen'] as string;
    world.records.update(people, { id: 1 }, { seen: cell });
    await newKey(world);
    await rotateAll(world);
    return { world, old, cell };
  }

  it('is looked at again after something was mended: what can be read is brought under the active key', async () => {
    const { world, old, cell } = await poisoned();
    expect(await retryQuarantined(everything, world)).toEqual({ settled: 0, refused: 1 });
    const genuine = await encryptRecord(people, { id: 1, seen: new Date(1) }, world.keyring);
    await activateKey(world.keyring, old); // as if it had been written before
    const older = await encryptRecord(people, { id: 1, seen: new Date(1) }, world.keyring);
    expect([genuine.seen === cell, older.seen === cell]).toEqual([false, false]);
    world.records.update(people, { id: 1 }, { seen: older.seen });
    const target = await newKey(world);
    expect(await retryQuarantined(everything, world)).toEqual({ settled: 1, refused: 0 });
    expect(await listQuarantine(world)).toEqual([]);
    expect(world.records.get(people, { id: 1 })?.['seen']).toMatch(new RegExp(`^cs1r\\.${target}`));
  });

  it('lets go of records that are gone', async () => {
    const { world } = await poisoned();
    world.records.remove(people, { id: 1 });
    expect(await retryQuarantined(everything, world)).toEqual({ settled: 1, refused: 0 });
    expect(await listQuarantine(world)).toEqual([]);
  });

  it('leaves what is given up as it is, to the byte; it stops no rotation, and the key goes by its exact number', async () => {
    const { world, old, cell } = await poisoned();
    const entries = await listQuarantine(world);
    expect(await abandonQuarantined(entries, world)).toBe(1);
    expect(await rotationStatus(everything, world)).toMatchObject({ quarantine: { cells: 1, abandoned: 1 } });
    expect((await rotateAll(world, { maxQuarantined: 0 })).at(-1)).toMatchObject({ state: 'swept' });
    const [kept] = await listQuarantine(world);
    expect(kept?.disposition, 'kept over a new run').toBe('abandoned');

    const hold = { withoutHold: true } as const;
    for (const abandon of [{}, { [old]: 2 }, { [old]: 0 }])
      expect(await finishRotation(everything, { ...world, ...hold, abandon })).toMatchObject({
        isFinished: false,
        inUse: { [old]: 1 },
      });
    expect(await finishRotation(everything, { ...world, ...hold, abandon: { [old]: 1 } })).toMatchObject({
      isFinished: true,
      suspended: [old],
    });
    expect(world.records.get(people, { id: 1 })?.['seen']).toBe(cell);
    expect(await abandonQuarantined(entries, { ...world, to: 'open' })).toBe(1);
    await expect(rotateAll(world, { maxQuarantined: 0 })).rejects.toMatchObject({ code: 'rotation-blocked' });
  });

  it('is looked at again beside writers without a loss', async () => {
    const { world } = await poisoned();
    const before = await contents({ ...world, records: world.records }).catch(() => undefined);
    expect(before, 'a cell of it does not authenticate').toBeUndefined();
    const fresh = await encryptRecord(people, { id: 1, name: 'new', seen: new Date(7) }, world.keyring);
    const observer = {
      before(step: string) {
        if (step === 'chunk.commit') world.records.update(people, { id: 1 }, { ...fresh });
      },
    };
    await retryQuarantined(everything, { ...world, observer });
    world.records.update(people, { id: 1 }, { ...fresh });
    expect((await contents(world)).people).toHaveLength(5);
    expect(openedOf(world.keyring).document.revision).toBeGreaterThan(0);
  });
});
