import {
  DefinitionError,
  InvalidCursorError,
  InvalidPartitionError,
  RotationBlockedError,
} from '../errors.js';
import { type OpenedKeyring, openedOf } from '../keyring/index.js';
import {
  DEFAULT_CHUNK_BYTES,
  DEFAULT_PARTITION_RECORDS,
  JOB_LOOK_INTERVAL_MS,
  MAX_PASSES,
  MAX_QUARANTINED,
  MAX_QUARANTINED_SHARE,
} from '../limits.js';
import type { MaybePromise } from '../maybe.js';
import type { JobWrite } from '../ports/job-store.js';
import type { Schema } from '../schema.js';
import {
  type Ledger,
  NO_COUNTS,
  type SettledPage,
  type SweepCounters,
  addCounters,
  assertCovered,
  assertHeeds,
  isNote,
  step,
  sweepPage,
} from '../sweep/index.js';
import type { Table } from '../table.js';
import { isClosed, isCount } from './job.js';
import { type RecordsOptions, type StopOptions, environmentOf } from './options.js';
import { ChunkSize, DEFAULT_PACE, type PaceSettings, mergePace, pauseAfter } from './pace.js';
import { type SweepLimits, ask, assertSweepable, passPauseMs } from './rotate.js';
import { type RotationWorld, jobId } from './run.js';

/**
 * A range of a table's keys, and how far it was swept: plain JSON, to be sent to another machine and kept by a queue.
 * What it says is checked; at worst a false one costs repeated work, and the census counts all the same.
 */
export interface RotationPartition {
  /** 1. */
  readonly format: 1;
  /** The keyring's id. */
  readonly keyringId: string;
  /** The table's name in its definition. */
  readonly table: string;
  /** The range begins behind this place; `null`: where the table begins. */
  readonly after: string | null;
  /** It ends with this place; `null`: where the table ends. */
  readonly until: string | null;
  /** Everything up to here is done, in this pass; `null`: nothing yet. */
  readonly cursor: string | null;
  /** 1, or more where records had to be deferred. */
  readonly pass: number;
  /** Records deferred in this pass. */
  readonly passDeferred: number;
  /** Whether every record of the range was looked at. */
  readonly done: boolean;
  /** Over all that was done to this partition; what was done twice counts twice. */
  readonly counters: SweepCounters;
}

/** What {@link planPartitions} takes. */
export interface PlanOptions extends RecordsOptions, StopOptions {
  /** Records a partition, as the tables are now; at least 1. Default: 100,000. */
  readonly partitionRecords?: number;
}

/**
 * Divides the tables of a schema into ranges of keys, for {@link rotatePartition} on as many machines as there are.
 * Together they cover all keys, also those that are not there yet. One scan of each table's key.
 *
 * @throws SchemaMismatchError while definitions and database disagree; StoreUnfitError if the store cannot divide a table.
 */
export async function planPartitions(
  schema: Schema,
  options: PlanOptions,
): Promise<readonly RotationPartition[]> {
  const { keyring, records, partitionRecords = DEFAULT_PARTITION_RECORDS } = options;
  if (!Number.isSafeInteger(partitionRecords) || partitionRecords < 1)
    throw new DefinitionError('partitionRecords is a whole number from 1 on.');
  const { keyringId } = openedOf(keyring).document;
  await step(environmentOf(), 'coverage', () => assertCovered(records, schema));
  const planned: RotationPartition[] = [];
  for (const { name, layout } of schema.tables) {
    const places = await step(environmentOf(options), 'boundaries', () =>
      records.boundaries(layout, partitionRecords),
    );
    for (const [i, after] of [null, ...places].entries()) {
      const until = places[i] ?? null;
      planned.push({
        format: FORMAT,
        keyringId,
        table: name,
        after,
        until,
        cursor: null,
        pass: 1,
        passDeferred: 0,
        done: false,
        counters: NO_COUNTS,
      });
    }
  }
  return planned;
}

/** What {@link rotatePartition} takes. */
export interface RotatePartitionOptions
  extends RecordsOptions,
    StopOptions,
    SweepLimits,
    Partial<PaceSettings> {
  /** Given the partition after every chunk, once what it says is durable: keep it, and a machine that dies is followed by one that goes on there. What it throws ends the work, and is passed on. Default: nobody is. */
  readonly checkpoint?: (partition: RotationPartition) => MaybePromise<void>;
  /** Ends after the chunk in which this many milliseconds are over, with `done: false`: queues like short jobs. Default: not before the range is done. */
  readonly maxMs?: number;
  /** Cells that may be refused before this looks like a wrong key or definition. Default: 10, or 0.1 % of the records looked at, if that is more. */
  readonly maxQuarantined?: number;
}

/**
 * Brings the records of one partition under their active keys, as `rotate` does for all, and gives the partition back
 * as it is then. Takes what {@link planPartitions} or an earlier call gave, also after it went through JSON. It may run
 * twice, or on two machines at once, without harm: records are swapped on their exact old bytes.
 *
 * It keeps no job record, so `pauseRotation` does not reach it: pause the queue. When all partitions are done, count
 * with `census` or `finishRotation`: that is the proof.
 *
 * @throws InvalidPartitionError for a value that is no partition of this keyring and schema.
 * @throws RotationBlockedError: too many cells were refused, or records change faster than they can be swapped.
 * @throws StoreBusyError: the database stayed locked. Errors of the database itself are passed on as they are.
 */
export async function rotatePartition(
  schema: Schema,
  partition: unknown,
  options: RotatePartitionOptions,
): Promise<RotationPartition> {
  const { keyring, records } = options;
  const world = { environment: environmentOf(options), opened: openedOf(keyring), schema, records };
  return runPartition(world, partition, options);
}

/** The core of it: nothing in it reads a global. */
export async function runPartition(
  world: RotationWorld,
  partition: unknown,
  options: Omit<RotatePartitionOptions, keyof RecordsOptions>,
): Promise<RotationPartition> {
  const { environment, opened, schema, records } = world;
  const { checkpoint, maxMs = Number.POSITIVE_INFINITY, maxQuarantined } = options;
  assertSweepable(records, options);
  assertHeeds(schema, records);
  const pace = mergePace(DEFAULT_PACE, options);
  const parsed = parsePartition(partition, opened, schema);
  const size = new ChunkSize(options);
  const { clock, signal } = environment;
  const startedMs = clock.monotonicMs();
  const noted = await step(environment, 'quarantine.read', () => records.listQuarantine(jobId(opened)));
  const abandoned = noted.filter(
    (one) => one.disposition === 'abandoned' && one.table === parsed.definition.name && !isNote(one),
  ).length;
  const allowed = (counters: SweepCounters): number =>
    abandoned + (maxQuarantined ?? Math.max(MAX_QUARANTINED, counters.scanned * MAX_QUARANTINED_SHARE));
  const isOver = (): boolean => clock.monotonicMs() - startedMs >= maxMs;
  let now = unblocked(parsed.partition, allowed);

  while (!now.done) {
    const answer = await ask(options);
    if (answer === 'stop') break;
    if (answer === 'wait') {
      if (isOver()) break;
      await clock.sleep(JOB_LOOK_INTERVAL_MS, signal);
      continue;
    }
    const chunkStartedMs = clock.monotonicMs();
    await step(environment, 'keyring.refresh', () => opened.refresh());
    const tally = new Tally(jobId(opened), now.counters);
    const place = {
      definition: parsed.definition,
      after: now.cursor ?? now.after ?? undefined,
      begin: now.after ?? undefined,
      until: now.until ?? undefined,
      maxRecords: size.next(pace),
      maxBytes: options.chunkBytes ?? DEFAULT_CHUNK_BYTES,
    };
    const settled = await sweepPage(world, place, tally, now.pass === 1).catch(refusePlace);
    if (!settled) continue; // a tally is changed by nobody
    const isNextPass = settled.page.done && now.passDeferred + settled.deferred > 0;
    now = moved({ ...now, counters: addCounters(now.counters, tally.counts) }, settled);
    await checkpoint?.(now);
    assertSound(now, allowed(now.counters));
    const elapsedMs = clock.monotonicMs() - chunkStartedMs;
    const swept = settled.page.records.length;
    size.measure(swept, elapsedMs);
    if (now.done || isOver()) break;
    const restMs = Math.max(pauseAfter(pace, swept, elapsedMs), isNextPass ? passPauseMs(now.pass) : 0);
    if (restMs > 0) await clock.sleep(restMs, signal);
  }
  return now;
}

const FORMAT = 1;

/** A ledger that keeps no record: it only counts what was committed. */
class Tally implements Ledger {
  readonly id: string;
  readonly isKept = false;
  readonly isStopped = false;
  readonly counters: SweepCounters;
  #offered: Partial<SweepCounters> = {};
  counts: SweepCounters = NO_COUNTS;

  constructor(id: string, counters: SweepCounters) {
    this.id = id;
    this.counters = counters;
  }

  offer(counts: Partial<SweepCounters>): JobWrite {
    this.#offered = counts;
    return { id: this.id, previous: undefined, next: '' };
  }

  accept(): void {
    this.counts = addCounters(this.counts, this.#offered);
    this.#offered = {};
  }

  inquire(): Promise<undefined> {
    return Promise.resolve(undefined);
  }
}

function moved(partition: RotationPartition, { page, deferred }: SettledPage): RotationPartition {
  const passDeferred = partition.passDeferred + deferred;
  if (!page.done) return { ...partition, passDeferred, cursor: page.next ?? partition.cursor };
  if (passDeferred === 0) return { ...partition, passDeferred, done: true };
  return { ...partition, passDeferred: 0, pass: partition.pass + 1, cursor: null };
}

function assertSound({ done, pass, counters }: RotationPartition, allowed: number): void {
  const { quarantined, scanned, deferred } = counters;
  if (!done && pass > MAX_PASSES) throw new RotationBlockedError('hot-records', { deferred });
  if (quarantined > allowed) throw new RotationBlockedError('too-many-refused', { quarantined, scanned });
}

/** What an earlier call has stopped at is tried anew: hot records in as many passes more, refused cells from the beginning. */
function unblocked(
  partition: RotationPartition,
  allowed: (counters: SweepCounters) => number,
): RotationPartition {
  const { counters, done, pass } = partition;
  if (done) return partition;
  if (counters.quarantined > allowed(counters)) {
    const fresh = { ...counters, quarantined: 0, unindexed: 0 };
    return { ...partition, pass: 1, passDeferred: 0, cursor: null, counters: fresh };
  }
  return pass > MAX_PASSES ? { ...partition, pass: 2 } : partition;
}

function refusePlace(error: unknown): never {
  if (!(error instanceof InvalidCursorError)) throw error;
  throw new InvalidPartitionError('It names a place that this store did not write for its table. Plan anew.');
}

const isPlace = (value: unknown): boolean => value === null || typeof value === 'string';
const MEMBERS: Readonly<Record<keyof RotationPartition, (value: unknown) => boolean>> = {
  format: (value) => value === FORMAT,
  keyringId: (value) => typeof value === 'string',
  table: (value) => typeof value === 'string',
  after: isPlace,
  until: isPlace,
  cursor: isPlace,
  pass: (value) => isCount(value) && value >= 1,
  passDeferred: isCount,
  done: (value) => typeof value === 'boolean',
  counters: (value) => isClosed(value, Object.keys(NO_COUNTS)) && Object.values(value).every(isCount),
};

function parsePartition(
  value: unknown,
  { document }: OpenedKeyring,
  { tables }: Schema,
): { readonly partition: RotationPartition; readonly definition: Table } {
  const isSound =
    isClosed(value, Object.keys(MEMBERS)) &&
    Object.entries(MEMBERS).every(([name, is]) => is((value as Record<string, unknown>)[name]));
  if (!isSound) {
    throw new InvalidPartitionError(
      'It is not what planPartitions or rotatePartition gave. Plan anew: what was done stays done.',
    );
  }
  const partition = value as unknown as RotationPartition;
  if (partition.keyringId !== document.keyringId)
    throw new InvalidPartitionError('It is of another keyring. Open the keyring for which it was planned.');
  const definition = tables.find(({ name }) => name === partition.table);
  if (!definition)
    throw new InvalidPartitionError('Its table is not in the schema. Plan with the schema that is in use.');
  return { partition, definition };
}
