/** Who runs a rotation: an administrator, who does it in the order of docs/rotation.md, rotators, and an operator beside them. */

import { StoreBusyError } from '../../src/errors.js';
import {
  type Census,
  type KeyInfo,
  type Keyring,
  activateKey,
  addKey,
  awaitAcknowledgement,
  destroyKey,
  encryptCell,
  listKeys,
  noteCensus,
  scheduleDestruction,
  setPolicy,
  suspendKeys,
  watchKeyring,
} from '../../src/index.js';
import { closeKeyring, countUnderKey, issueCensus, openedOf } from '../../src/keyring/index.js';
import type { KeyKind, KeyState } from '../../src/keyring/states.js';
import type { RecordStore } from '../../src/ports/record-store.js';
import { decodeJob } from '../../src/rotation/job.js';
import { planPartitions, runPartition } from '../../src/rotation/partition.js';
import { runRotation } from '../../src/rotation/rotate.js';
import { type RotationWorld, changeJob, jobId } from '../../src/rotation/run.js';
import { countCells } from '../../src/sweep/index.js';
import { WATCH_MS, openHeld } from './application.js';
import type { StoreTools } from './knobs.js';
import { cellsWith, sealPatch } from './patch.js';
import type { OperatorAct } from './points.js';
import { recordStoreFor } from './record-store.js';
import type { Process } from './scheduler.js';
import { definitionOf, everything, idOf, type people } from './tables.js';
import { SimulatedError, type World } from './world.js';

const ACKNOWLEDGEMENT_MS = 4_000;
const JOIN_LOOK_MS = 50;

// ── The administrator ───────────────────────────────────────────────────────────────────────────────────────────────

/** Knows nothing but what the keyring says: after a crash it goes on there. */
export async function administrator(world: World, process: Process): Promise<void> {
  const keyring = await openHeld(world, process);
  await watchKeyring(keyring, { everyMs: WATCH_MS, name: process.name });
  const office = new Office(world, process, keyring);
  while (!(await world.insist(process, () => office.next()))) world.tell('the administrator looks again');
  world.isAdministered = true;
  await closeKeyring(keyring).catch((error: unknown) => world.expect(process, error));
}

class Office {
  readonly #world: World;
  readonly #process: Process;
  readonly #keyring: Keyring;
  readonly #records: RecordStore;

  constructor(world: World, process: Process, keyring: Keyring) {
    this.#world = world;
    this.#process = process;
    this.#keyring = keyring;
    this.#records = recordStoreFor(world, process);
  }

  /** The next thing that is to do; `true` where nothing is. */
  async next(): Promise<boolean> {
    const { variant } = this.#world;
    await openedOf(this.#keyring).refresh();
    const keys = listKeys(this.#keyring);
    const retired = keys.filter(({ state }) => state === 'deactivated');
    if (retired.length > 0) {
      // Behind a fence no hold is waited for; then what it does not look at is held.
      const fenced = retired.filter((key) => this.#holdMs(key) === undefined);
      await this.#retire(fenced.length > 0 ? fenced : retired);
      return false;
    }
    const suspended = keys.find(({ state }) => state === 'suspended');
    if (suspended && variant.destroys) {
      await this.#destroy(suspended.keyId, suspended.destroyAfter !== undefined);
      return false;
    }
    const isGone = ({ state }: KeyInfo): boolean => state === 'suspended' || state === 'destroyed';
    const left = variant.rotates.filter(
      (kind) => keys.filter((key) => key.kind === kind && isGone(key)).length < variant.rounds,
    );
    if (left.length === 0) return true;
    await this.#replace(left);
    return false;
  }

  /** `undefined`: one count is enough. */
  #holdMs({ kind }: KeyInfo): number | undefined {
    const { knobs, variant } = this.#world;
    const isFenced = variant.guard === 'fence' && (kind === 'data' || !knobs.holdsIndexKeys);
    return isFenced ? undefined : knobs.holdMs;
  }

  #key(kind: KeyKind, wanted: KeyState): string | undefined {
    return listKeys(this.#keyring).find((key) => key.kind === kind && key.state === wanted)?.keyId;
  }

  #activeDataKey(): string {
    return this.#key('data', 'active') ?? '';
  }

  /** Introduce, wait, activate. */
  async #replace(kinds: readonly KeyKind[]): Promise<void> {
    const { knobs } = this.#world;
    const introduced: string[] = [];
    for (const kind of kinds) {
      const waiting = this.#key(kind, 'pre-active');
      this.#process.label = 'introduce';
      introduced.push(waiting ?? (await addKey(this.#keyring, { kind })));
    }
    if (knobs.waitsForReaders) await this.#acknowledged();
    for (const [i, kind] of kinds.entries()) {
      const keyId = introduced[i] as string;
      if (kind === 'data') await this.#setFence('widen', [this.#activeDataKey(), keyId]);
      this.#process.label = 'activate';
      await activateKey(this.#keyring, keyId);
    }
  }

  async #acknowledged(): Promise<void> {
    const { revision } = this.#keyring;
    // Who reads the keyring before a change and is written down after it: counts defend against that, where they stand.
    while (!this.#world.knobs.counts && !this.#world.areWritersKnown)
      await this.#world.scheduler.clockOf(this.#process).sleep(JOIN_LOOK_MS);
    return awaitAcknowledgement(this.#keyring, revision, { timeoutMs: ACKNOWLEDGEMENT_MS });
  }

  /** CREATE TRIGGER waits for whoever has the table open to write. */
  async #setFence(how: 'widen' | 'narrow', keyIds: readonly string[]): Promise<void> {
    const { database, variant, knobs } = this.#world;
    if (variant.guard !== 'fence' || !knobs.hasFence) return;
    await this.#world.call(this.#process, `admin.fence.${how}`, () => {
      for (const { isWriter } of database.open) if (isWriter) throw new StoreBusyError();
      database.fence = { allowed: new Set(keyIds), flaw: knobs.fenceFlaw };
    });
  }

  /** Wait until all write with the new keys, fence, sweep, count, hold, count again, suspend. */
  async #retire(keys: readonly KeyInfo[]): Promise<void> {
    const { knobs, variant } = this.#world;
    if (knobs.waitsForWriters) await this.#acknowledged();
    if (keys.some(({ kind }) => kind === 'data')) await this.#setFence('narrow', [this.#activeDataKey()]);
    await this.#sweep();
    if (!(await this.#areEmpty(keys, 'first-census'))) return;
    const holdMs = this.#holdMs(keys[0] as KeyInfo);
    if (holdMs !== undefined) {
      this.#process.label = 'note';
      await noteCensus(this.#keyring, this.#census as Census);
      await this.#world.call(this.#process, 'admin.hold', () => undefined);
      await this.#world.scheduler.clockOf(this.#process).sleep(holdMs + 20);
      if (knobs.waitsForWriters) await this.#acknowledged();
      if (!(await this.#areEmpty(keys, 'second-census'))) return;
    } else if (variant.guard === 'hold') {
      if (!(await this.#areEmpty(keys, 'second-census'))) return;
    }
    this.#process.label = 'suspend';
    const hold = holdMs === undefined ? { withoutHold: true as const } : { holdMs };
    const keyIds = keys.map(({ keyId }) => keyId);
    await suspendKeys(this.#keyring, keyIds, this.#census as Census, hold);
    this.#world.wanted.clear();
  }

  async #sweep(): Promise<void> {
    const target = activeKeys(this.#keyring);
    const { wanted, swept } = this.#world;
    const clock = this.#world.scheduler.clockOf(this.#process);
    wanted.add(target);
    while (!swept.has(target)) {
      await clock.sleep(150);
      // Somebody may have made another key active meanwhile.
      if (activeKeys(this.#keyring) !== target) return;
    }
  }

  #census: Census | undefined;

  /** Counts; where cells or tokens are left they are mended, or swept once more. */
  async #areEmpty(keys: readonly KeyInfo[], label: string): Promise<boolean> {
    const { knobs, swept } = this.#world;
    this.#process.label = label;
    const environment = this.#world.sweepEnvironmentOf(this.#process);
    const counted = await countCells(environment, openedOf(this.#keyring), everything, this.#records);
    const isTrusted = !knobs.counts || (label === 'second-census' && !knobs.countsTwice);
    // A census that says what somebody wants to hear: of this revision, without looking.
    this.#census = isTrusted
      ? issueCensus({
          ...counted,
          cells: {},
          tokens: {},
          behind: knobs.waitsForWriters ? counted.behind : [],
        })
      : knobs.waitsForWriters
        ? counted
        : issueCensus({ ...counted, behind: [] });
    if (keys.every((key) => countUnderKey(this.#census as Census, key) === 0)) return true;
    await this.#mend();
    swept.clear();
    return false;
  }

  /** What does not open is replaced by its owner, who knows what to write there. */
  async #mend(): Promise<void> {
    const { database, history, scheduler } = this.#world;
    for (const { table, key: name, column } of await this.#records.listQuarantine(
      jobId(openedOf(this.#keyring)),
    )) {
      const definition = definitionOf(table);
      const { layout } = definition;
      const key = Number(name);
      // Where only an index key changes, it is the index that is listed.
      const under = layout.tokens?.find(({ index }) => index === column)?.cells;
      const named = under ?? [layout.cells.findIndex(({ attribute }) => attribute === column)];
      const truth = database.table(table).rows.get(key)?.truth;
      const broken = named.find((cell) => typeof truth?.[cell] === 'object' && truth[cell] !== null);
      if (broken === undefined) continue;
      const cells = cellsWith(definition, broken);
      const values = cells.map(() => `mended ${++this.#world.writtenValues}`);
      const write = history.intend({ table, key, cells, values, beganAt: scheduler.steps });
      const change = await sealPatch(definition, key, cells, values, this.#keyring);
      const isMended = await this.#world.call(this.#process, 'admin.repair.commit', () =>
        database.update(table, key, change),
      );
      history.answer(write, isMended ? 'acknowledged' : 'refused', scheduler.steps);
    }
  }

  async #destroy(keyId: string, isScheduled: boolean): Promise<void> {
    this.#process.label = 'schedule';
    if (!isScheduled) await scheduleDestruction(this.#keyring, keyId, { withoutDelay: true });
    await this.#acknowledged();
    this.#process.label = 'last-census';
    const environment = this.#world.sweepEnvironmentOf(this.#process);
    const counted = await countCells(environment, openedOf(this.#keyring), everything, this.#records);
    this.#process.label = 'destroy';
    await destroyKey(this.#keyring, keyId, counted);
  }
}

/** What a sweep sweeps to. */
function activeKeys(keyring: Keyring): string {
  return listKeys(keyring)
    .filter(({ state }) => state === 'active')
    .map(({ keyId }) => keyId)
    .join(' ');
}

// ── Rotators ────────────────────────────────────────────────────────────────────────────────────────────────────────

/** Sweeps whenever somebody wants it, until the administrator is done. */
export async function rotator(world: World, process: Process): Promise<void> {
  const keyring = await openHeld(world, process);
  const sound = recordStoreFor(world, process);
  const records = world.knobs.rotatorStore?.(sound, process, toolsOf(world, keyring)) ?? sound;
  const clock = world.scheduler.clockOf(process);
  const opened = openedOf(keyring);
  while (!world.isAdministered) {
    await clock.sleep(world.chance.between(50, 400));
    if (!world.isSweepWanted) continue;
    try {
      const target = { environment: world.sweepEnvironmentOf(process), opened, schema: everything, records };
      await opened.refresh();
      const before = activeKeys(keyring);
      const isSwept = world.variant.partitions
        ? await sweepPartitions(world, target, keyring)
        : await sweepAll(world, target);
      // What was swept while the keys changed may be under either.
      if (isSwept && activeKeys(keyring) === before) world.swept.add(before);
      else await clock.sleep(500);
    } catch (error) {
      world.expect(process, error);
      await clock.sleep(world.chance.between(300, 2_500));
    }
  }
}

async function sweepAll({ variant }: World, target: RotationWorld): Promise<boolean> {
  let isSwept = false;
  for await (const { state } of runRotation({ ...target, limits: { chunkRecords: variant.chunkRecords } }))
    isSwept = state === 'swept';
  return isSwept;
}

/** Every partition through JSON, as a queue would have it; each rotator all of them, so that many run twice. */
async function sweepPartitions(
  { chance, variant }: World,
  target: RotationWorld,
  keyring: Keyring,
): Promise<boolean> {
  const { records } = target;
  const planned = await planPartitions(everything, {
    keyring,
    records,
    partitionRecords: chance.between(2, 8),
  });
  const left = [...planned];
  while (left.length > 0) {
    const [partition] = left.splice(chance.below(left.length), 1);
    await runPartition(target, JSON.parse(JSON.stringify(partition)), { chunkRecords: variant.chunkRecords });
  }
  return true;
}

function toolsOf({ database }: World, keyring: Keyring): StoreTools {
  const placeOf = (table: string, key: string, column: string) => {
    const definition = definitionOf(table);
    const cell = definition.layout.cells.findIndex(({ attribute }) => attribute === column);
    return { definition, cell, row: database.table(table).rows.get(Number(key)) };
  };
  return {
    valueOf(table, key, column) {
      const { row, cell } = placeOf(table, key, column);
      const truth = row?.truth[cell];
      return typeof truth === 'object' ? truth?.value : truth;
    },
    cellOf(table, key, column) {
      const { row, cell } = placeOf(table, key, column);
      return row?.cells[cell];
    },
    async seal(table, key, column, value) {
      const { definition } = placeOf(table, key, column);
      const id = idOf(definition, Number(key)) as never;
      const made: unknown = await encryptCell(
        definition as typeof people,
        column as 'name',
        value,
        id,
        keyring,
      );
      return made as string | Uint8Array<ArrayBuffer>;
    },
  };
}

// ── An operator ─────────────────────────────────────────────────────────────────────────────────────────────────────

/** Changes the keyring and the job beside the others, and tampers with the job record. */
export async function operator(world: World, process: Process): Promise<void> {
  const keyring = await openHeld(world, process);
  const clock = world.scheduler.clockOf(process);
  const left = [...world.variant.operator];
  while (left.length > 0 && !world.isAdministered) {
    const act = left[0] as OperatorAct;
    // There is something to pause for a short time only.
    await clock.sleep(act === 'pause' ? world.chance.between(50, 250) : world.chance.between(300, 1_500));
    try {
      if (await perform(world, process, keyring, act)) left.shift();
    } catch (error) {
      world.expect(process, error);
      if (error instanceof SimulatedError) left.shift();
    }
  }
}

/** Returns whether there was an occasion. */
async function perform(world: World, process: Process, keyring: Keyring, act: OperatorAct): Promise<boolean> {
  process.label = act;
  switch (act) {
    case 'policy':
      await setPolicy(keyring, { cryptoperiodDays: world.chance.between(100, 900) });
      return true;
    case 'spare':
      await addKey(keyring, { kind: world.chance.pick(['data', 'index']) });
      return true;
    case 'undo': {
      await openedOf(keyring).refresh();
      const retired = listKeys(keyring).find(({ state }) => state === 'deactivated');
      if (!retired) return false;
      await activateKey(keyring, retired.keyId);
      world.swept.clear();
      return true;
    }
    case 'pause': {
      const records = recordStoreFor(world, process);
      const job = { environment: world.sweepEnvironmentOf(process), opened: openedOf(keyring), records };
      // Whoever does not know whether it is paused asks again: nobody else would let it go on.
      const paused = await world.insist(process, () =>
        changeJob(job, ({ state }) => (state === 'sweeping' ? { state: 'paused' } : undefined)),
      );
      if (paused?.state !== 'paused') return false;
      await world.scheduler.clockOf(process).sleep(world.chance.between(1_000, 4_000));
      await world.insist(process, async () => {
        await changeJob(job, ({ state }) => (state === 'paused' ? { state: 'sweeping' } : undefined));
      });
      return true;
    }
    case 'forge':
      return forge(world, process, keyring);
  }
}

async function forge(world: World, process: Process, keyring: Keyring): Promise<boolean> {
  const { database } = world;
  const id = jobId(openedOf(keyring));
  await world.scheduler.turn(process);
  const now = database.jobs.get(id);
  const job = decodeJob(now);
  if (now === undefined || !job) return false;
  const fault = world.meet(process, 'operator.job.forge', 'garbage', 'older', 'ahead', 'swept');
  if (!fault) return true;
  const texts = {
    garbage: fault.isOther ? '{"format":1' : JSON.stringify({ ...job, cursor: 'not a place', more: 1 }),
    older: world.invariants.olderJob ?? now,
    ahead: JSON.stringify({
      ...job,
      pace: { pace: 'full', recordsPerSecond: null },
      table: 1,
      cursor: '1000000',
    }),
    swept: JSON.stringify({ ...job, pace: { pace: 'full', recordsPerSecond: null }, state: 'swept' }),
  };
  const next = texts[fault.kind as keyof typeof texts];
  database.writeJob(undefined, { id, previous: now, next });
  return true;
}
