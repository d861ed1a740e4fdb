import { type KeyInfo, holdOf, listKeys, openedOf } from '../keyring/index.js';
import type { Schema } from '../schema.js';
import { type SweepCounters, isNote, step } from '../sweep/index.js';
import { CELLS_LEFT, type RotationJob, decodeJob } from './job.js';
import { type RecordsOptions, environmentOf } from './options.js';
import type { PaceSettings } from './pace.js';
import { type RotationWorld, aimOf, jobId, scopeOf } from './run.js';
import { type UniqueIndexStatus, sweepsTokens, uniqueIndexes } from './unique-indexes.js';

/**
 * Where a rotation is, from the first key to the last:
 *
 * `idle`: every key is active or gone, but for index keys that only unique indexes need. `introduced`: a new key is there, and nobody writes with it yet. `active`:
 * it is written with; older ones still read, and nothing was swept yet. `sweeping`, `paused`, `blocked`: as they say.
 * `swept`: every record was looked at, and has to be counted. `hold`: a count found no cell under the older keys; a
 * second one is due later. `suspended`: they are refused. `ready-to-destroy`: their delay is over.
 */
export type RotationState =
  | 'idle'
  | 'introduced'
  | 'active'
  | 'sweeping'
  | 'paused'
  | 'blocked'
  | 'swept'
  | 'hold'
  | 'suspended'
  | 'ready-to-destroy';

/** Where a rotation is, and what comes next. */
export interface RotationStatus {
  /** Where it is. */
  readonly state: RotationState;
  /** The function that takes the next step. */
  readonly next:
    | 'addKey'
    | 'activateKey'
    | 'rotate'
    | 'resumeRotation'
    | 'finishRotation'
    | 'scheduleDestruction'
    | 'destroyKey';
  /** The next step is refused before this: the hold, or the delay, is not over. */
  readonly notBefore: Date | undefined;
  /** What stands in the way of the next step; constant text, for people. */
  readonly blockedBy: string | undefined;
  /** Data keys that new cells are not under any more, and that are not destroyed. Without those of tenants that stand in pages. */
  readonly olderKeys: readonly KeyInfo[];
  /** The sweep that is under way or was the last for these tables; `undefined` where there was none. */
  readonly sweep: SweepStatus | undefined;
  /** Each unique index of the schema: which key it follows, and what is next for it. An older index key that only these need is in `olderKeys`, and holds up no state. */
  readonly uniqueIndexes: readonly UniqueIndexStatus[];
  /** What was refused, by this rotation and those before it. */
  readonly quarantine: QuarantineStatus;
}

/** How many cells are in quarantine. */
export interface QuarantineStatus {
  /** All of them. */
  readonly cells: number;
  /** Those that were given up. */
  readonly abandoned: number;
  /** Those that are notes: a token was left, and the record's cells can be read. */
  readonly notes: number;
}

/** A sweep, as its job record has it: a hint, whatever it says. */
export interface SweepStatus extends PaceSettings {
  /** `swept`: every record was looked at. */
  readonly state: 'sweeping' | 'paused' | 'swept' | 'blocked';
  /** Why it is paused or blocked. */
  readonly reason: string | undefined;
  /** The table under way, by its name in the definition. */
  readonly table: string;
  /** 1, or more where records had to be deferred, or other keys were made active meanwhile. */
  readonly pass: number;
  /** Records looked at in this pass. */
  readonly done: number;
  /** Over the whole sweep, interruptions included. */
  readonly counters: SweepCounters;
  /** When it began, by the clock of the process that began it. */
  readonly startedAt: Date;
  /** When it last wrote its record. A sweep that goes on writes every second or so. */
  readonly updatedAt: Date;
}

/**
 * Says where the rotation of a schema is, what the next step is and what stands in its way. Reads the keyring, the job
 * record and the quarantine; counts nothing.
 */
export async function rotationStatus(
  schema: Schema,
  { keyring, records }: RecordsOptions,
): Promise<RotationStatus> {
  const environment = environmentOf();
  const opened = openedOf(keyring);
  const world: RotationWorld = { environment, opened, schema, records };
  await step(environment, 'keyring.refresh', () => opened.refresh());
  const id = jobId(opened);
  const job = decodeJob(await step(environment, 'job.read', () => records.readJob(id)));
  const isOfSchema = job !== undefined && job.scope === (await scopeOf(world));
  const noted = await step(environment, 'quarantine.read', () => records.listQuarantine(id));
  const keys = listKeys(keyring);
  const isSweptNow = isOfSchema && job.aim === (await aimOf(world));
  const nowMs = environment.clock.wallMs();
  const isSwept = isSweptNow && job.state === 'swept';
  const unique = uniqueIndexes(schema, keyring, () => isSwept);
  const needed = new Set(unique.flatMap(({ keyId, next }) => [keyId, next?.keyId]));
  return {
    ...stateOf(
      keys,
      ({ keyId }) => needed.has(keyId),
      sweepsTokens(schema),
      isOfSchema ? job : undefined,
      isSweptNow,
      holdOf(opened.document.policy, {}) ?? 0,
      nowMs,
    ),
    olderKeys: keys.filter(({ state }) => OLDER.includes(state)),
    uniqueIndexes: unique,
    sweep: isOfSchema ? sweepStatus(job, schema) : undefined,
    quarantine: {
      cells: noted.length,
      abandoned: noted.filter(({ disposition }) => disposition === 'abandoned').length,
      notes: noted.filter(isNote).length,
    },
  };
}

const READING: readonly KeyInfo['state'][] = ['deactivated', 'compromised'];
const OLDER: readonly KeyInfo['state'][] = [...READING, 'suspended'];

const REFUSED = 'too-many-refused';
/** By the reason in the job record. */
const BLOCKED_BY: Readonly<Record<string, string>> = {
  [REFUSED]: 'Too many cells were refused. Look at listQuarantine, mend what is wrong, and call rotate.',
  'hot-records':
    'Some records change faster than they can be swapped. Call rotate when there is less traffic.',
  [CELLS_LEFT]:
    'A count found cells under an older key: written meanwhile, or refused. Look at listQuarantine, then call rotate.',
};

type Judgement = Pick<RotationStatus, 'state' | 'next' | 'notBefore' | 'blockedBy'>;

function stateOf(
  keys: readonly KeyInfo[],
  isOfUnique: (key: KeyInfo) => boolean,
  sweepsTokens: boolean,
  job: RotationJob | undefined,
  isCurrent: boolean,
  holdMs: number,
  nowMs: number,
): Judgement {
  const say = (
    state: RotationState,
    next: RotationStatus['next'],
    more: Partial<Judgement> = {},
  ): Judgement => ({ state, next, notBefore: undefined, blockedBy: undefined, ...more });
  const reading = keys.filter(({ state }) => READING.includes(state));
  if (job?.state === 'paused') {
    return say('paused', 'resumeRotation', {
      blockedBy: 'It was paused. resumeRotation, and then rotate, let it go on.',
    });
  }
  if (reading.length > 0) {
    if (job?.state === 'sweeping') return say('sweeping', 'rotate');
    // What only a unique index needs is not counted empty before its definition is another one.
    const rest = reading.filter((key) => !isOfUnique(key));
    const isCounted = rest.length > 0 && rest.every(({ emptySince }) => emptySince);
    if (job?.state === 'blocked' && !isCounted)
      return say('blocked', 'rotate', { blockedBy: BLOCKED_BY[job.reason ?? ''] ?? BLOCKED_BY[REFUSED] });
    const isToSweep = rest.length > 0 || sweepsTokens;
    if (!isCounted && isToSweep && (job?.state !== 'swept' || !isCurrent)) return say('active', 'rotate');
    if (!isCounted && rest.length > 0) return say('swept', 'finishRotation');
    // Whoever has swept: partitions keep no job record.
    const until = Math.max(...rest.map(({ emptySince }) => Number(emptySince))) + holdMs;
    const isOver = until <= nowMs;
    if (rest.length > 0)
      return say('hold', 'finishRotation', {
        notBefore: new Date(until),
        blockedBy: isOver
          ? undefined
          : 'A process that was frozen may yet write what it sealed under an older key. The second count is due when the hold is over.',
      });
  }
  if (keys.some(({ state }) => state === 'pre-active')) return say('introduced', 'activateKey');
  const suspended = keys.filter(({ state }) => state === 'suspended');
  if (suspended.length === 0) return say('idle', 'addKey');
  const scheduled = suspended.flatMap(({ destroyAfter }) => destroyAfter ?? []);
  if (scheduled.length === 0) return say('suspended', 'scheduleDestruction');
  const first = Math.min(...scheduled.map(Number));
  if (first <= nowMs) return say('ready-to-destroy', 'destroyKey', { notBefore: new Date(first) });
  return say('suspended', 'destroyKey', {
    notBefore: new Date(first),
    blockedBy: 'The delay after which a key may be destroyed is not over. cancelDestruction takes it back.',
  });
}

function sweepStatus(job: RotationJob, { tables }: Schema): SweepStatus {
  return {
    state: job.state,
    reason: job.reason ?? undefined,
    table: tables[job.table]?.name ?? '',
    pass: job.pass,
    done: job.passScanned,
    pace: job.pace.pace,
    recordsPerSecond: job.pace.recordsPerSecond,
    counters: job.counters,
    startedAt: new Date(job.startedAtMs),
    updatedAt: new Date(job.updatedAtMs),
  };
}
