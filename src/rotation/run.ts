import { base32, base64url, utf8 } from '../bytes.js';
import { RotationBlockedError, RotationSupersededError } from '../errors.js';
import type { OpenedKeyring } from '../keyring/index.js';
import { MAX_PASSES, MAX_QUARANTINED, MAX_QUARANTINED_SHARE, MAX_TURNS } from '../limits.js';
import type { JobWrite } from '../ports/job-store.js';
import type { RecordStore } from '../ports/record-store.js';
import type { Schema } from '../schema.js';
import {
  type Ledger,
  type SettledPage,
  type SweepCounters,
  type SweepEnvironment,
  addCounters,
  isNote,
  step,
  sweepScope,
} from '../sweep/index.js';
import type { Table } from '../table.js';
import { type RotationJob, decodeJob, encodeJob, freshJob, isPlausible } from './job.js';
import { DEFAULT_PACE, type PaceSettings, mergePace } from './pace.js';

/** What a rotation works on: nothing in it reads a global. */
export interface RotationWorld {
  readonly environment: SweepEnvironment;
  readonly opened: OpenedKeyring;
  readonly schema: Schema;
  readonly records: RecordStore;
}

const RUN_BYTES = 10;
/** The digest of no keys: whoever looks next turns. */
const UNKNOWN_AIM = '';

/** A job's name in its store: a keyring has one rotation at a time. */
export function jobId(opened: OpenedKeyring): string {
  return `rotation:${opened.document.keyringId}`;
}

/** What a checkpoint is good for: this keyring and these tables. */
export async function scopeOf({ opened, schema }: RotationWorld): Promise<string> {
  return digestOf(opened, [opened.document.keyringId, schema.tables.map(sweepScope)]);
}

/** What it sweeps to: the active keys. */
export async function aimOf(world: RotationWorld): Promise<string> {
  return digestOf(world.opened, activeKeysOf(world));
}

function activeKeysOf({ opened, schema }: RotationWorld): readonly string[] {
  return opened.activeKeys(schema.tables.some(({ indexes }) => indexes.length > 0));
}

async function digestOf({ environment }: OpenedKeyring, value: unknown): Promise<string> {
  return base64url(await environment.engine.digest(utf8(JSON.stringify(value))));
}

/** One run over the tables, with the job record that it owns. */
export class RotationRun implements Ledger {
  readonly #world: RotationWorld;
  readonly #run: string;
  readonly id: string;
  readonly isKept = true;
  /** The job record as it is stored, to swap on. */
  #stored: string | undefined;
  /** Job records that were offered since the last one was stored: any of them may be. */
  readonly #offers = new Map<JobWrite, RotationJob>();
  /** The keyring's revision at the last look at what is active, and what was. */
  #looked: { readonly revision: number; readonly active: string } | undefined;
  /** Cells that an operator has given up: they are refused again, and stop nothing. */
  #abandoned = 0;
  job!: RotationJob;

  constructor(world: RotationWorld) {
    this.#world = world;
    this.id = jobId(world.opened);
    this.#run = base32(world.environment.random(RUN_BYTES));
  }

  get isStopped(): boolean {
    return this.job.state !== 'sweeping';
  }

  get counters(): SweepCounters {
    return this.job.counters;
  }

  get table(): Table {
    return this.#world.schema.tables[this.job.table] as Table;
  }

  /**
   * Takes the job over, where it stands or from the beginning. Whoever else was at it loses its next write, and stops.
   * Pace and pause survive, whatever has become of the rest.
   */
  async begin(pace: Partial<PaceSettings>): Promise<'fresh' | 'resumed'> {
    const { environment, records } = this.#world;
    for (;;) {
      this.#stored = await step(environment, 'job.read', () => records.readJob(this.id));
      const before = decodeJob(this.#stored);
      const began = await this.#takeOver(before, mergePace(before?.pace ?? DEFAULT_PACE, pace));
      try {
        await this.#write({}, began === 'fresh');
      } catch (error) {
        // Who has paused it or set its pace has not taken it over.
        if (!(error instanceof RotationSupersededError) || !(await this.#isStillOf(before))) throw error;
        continue;
      }
      const noted = await step(environment, 'quarantine.read', () => records.listQuarantine(this.id));
      const tables = new Set(this.#world.schema.tables.map(({ name }) => name));
      this.#abandoned = noted.filter(
        (one) => one.disposition === 'abandoned' && tables.has(one.table) && !isNote(one),
      ).length;
      return began;
    }
  }

  /** The job to write: where it stands, or from the beginning. */
  async #takeOver(before: RotationJob | undefined, pace: PaceSettings): Promise<'fresh' | 'resumed'> {
    const { environment, schema } = this.#world;
    this.#looked = this.#look(); // before the aim: what comes between is met at the next look
    const [scope, aim, run] = [await scopeOf(this.#world), await aimOf(this.#world), this.#run];
    const isUnderWay = before?.state === 'sweeping' || before?.state === 'paused';
    if (
      before &&
      isUnderWay &&
      isPlausible(before) &&
      before.scope === scope &&
      before.table < schema.tables.length
    ) {
      this.job = { ...before, ...turned(before, aim), run, pace };
      return 'resumed';
    }
    const fresh = freshJob({ scope, aim, run, pace }, environment.clock.wallMs());
    const isPaused = before?.state === 'paused';
    this.job = isPaused ? { ...fresh, state: 'paused', reason: before.reason } : fresh;
    return 'fresh';
  }

  async #isStillOf(before: RotationJob | undefined): Promise<boolean> {
    const { environment, records } = this.#world;
    const now = decodeJob(await step(environment, 'job.read', () => records.readJob(this.id)));
    return now !== undefined && now.run === before?.run;
  }

  /**
   * Turns to keys that were made active meanwhile: the pass goes on, to the new ones, and what it did towards the old
   * ones is done again in one more.
   */
  async turnToNewKeys(): Promise<void> {
    const looked = this.#look();
    if (looked.revision === this.#looked?.revision) return;
    const changes = turned(this.job, await aimOf(this.#world));
    if (changes) await this.#write(changes);
    this.#looked = looked;
  }

  #look(): { readonly revision: number; readonly active: string } {
    return { revision: this.#world.opened.document.revision, active: activeKeysOf(this.#world).join() };
  }

  /**
   * What becomes of the job where the keyring was read again in the midst of a page, and other keys are active: records
   * of that page may be under either. The next look turns to the new ones, whatever is active by then.
   */
  #turnedMeanwhile(): Partial<RotationJob> {
    if (this.#world.opened.document.revision === this.#looked?.revision) return {};
    if (this.#look().active === this.#looked?.active) return {};
    return { aim: UNKNOWN_AIM, isBehind: this.job.isBehind || this.job.turns < MAX_TURNS };
  }

  offer(counts: Partial<SweepCounters>, settled: SettledPage | undefined): JobWrite {
    const counters = addCounters(this.job.counters, counts);
    return this.#next({ ...(settled ? this.#after(settled) : {}), counters });
  }

  accept(offer: JobWrite): void {
    this.job = this.#offers.get(offer) as RotationJob;
    this.#stored = offer.next;
    this.#offers.clear();
  }

  async inquire(): Promise<JobWrite | undefined> {
    const { environment, records } = this.#world;
    const text = await step(environment, 'job.read', () => records.readJob(this.id));
    const stored = [...this.#offers.keys()].find(({ next }) => next === text);
    if (stored) return stored;
    const now = decodeJob(text);
    const isOurs = now?.run === this.#run && now.scope === this.job.scope;
    if (!now || !isOurs || now.state === 'swept' || now.state === 'blocked')
      throw new RotationSupersededError();
    // Nobody else moves the place or counts: only what an operator may set is taken over.
    this.#stored = text;
    this.#offers.clear();
    this.job = { ...this.job, revision: now.revision, state: now.state, reason: now.reason, pace: now.pace };
    return undefined;
  }

  /** Stops where going on would do more harm than good; the job is left so that the next run begins at the beginning. */
  async assertSound(maxQuarantined: number | undefined): Promise<void> {
    const { counters, state, passDeferred } = this.job;
    if (state === 'blocked') throw new RotationBlockedError('hot-records', { deferred: passDeferred });
    const allowed = maxQuarantined ?? Math.max(MAX_QUARANTINED, counters.scanned * MAX_QUARANTINED_SHARE);
    if (counters.quarantined <= allowed + this.#abandoned) return;
    const { quarantined, scanned } = counters;
    await this.#write({ state: 'blocked', reason: 'too-many-refused' });
    throw new RotationBlockedError('too-many-refused', { quarantined, scanned });
  }

  /** Where the checkpoint goes after a page. */
  #after({ page, deferred }: SettledPage): Partial<RotationJob> {
    const turn = this.#turnedMeanwhile();
    const passScanned = this.job.passScanned + page.records.length;
    const passDeferred = this.job.passDeferred + deferred;
    const counted = { ...turn, passScanned, passDeferred };
    if (!page.done) return { ...counted, cursor: page.next ?? this.job.cursor };
    if (this.job.table + 1 < this.#world.schema.tables.length)
      return { ...counted, table: this.job.table + 1, cursor: null };
    const begun = { passScanned: 0, passDeferred: 0, table: 0, cursor: null, isBehind: false };
    const again = { ...turn, ...begun, pass: this.job.pass + 1 };
    if (turn.isBehind ?? this.job.isBehind) return again;
    if (passDeferred === 0) return { ...counted, state: 'swept' };
    if (this.job.pass >= MAX_PASSES) return { ...counted, state: 'blocked', reason: 'hot-records' };
    return again;
  }

  async #write(changes: Partial<RotationJob>, forgetQuarantine = false): Promise<void> {
    const { environment, records } = this.#world;
    for (;;) {
      const write = this.#next(changes, forgetQuarantine);
      const isWritten = await step(environment, 'job.write', () => records.writeJob(write));
      const stored = isWritten ? write : await this.inquire();
      if (stored) return this.accept(stored);
    }
  }

  /** The next job record, to be swapped with the one that is stored. It counts once {@link accept} says that it was. */
  #next(changes: Partial<RotationJob>, forgetQuarantine = false): JobWrite {
    const job = {
      ...this.job,
      ...changes,
      revision: this.job.revision + 1,
      updatedAtMs: this.#world.environment.clock.wallMs(),
    };
    const write = { id: this.id, previous: this.#stored, next: encodeJob(job), forgetQuarantine };
    this.#offers.set(write, job);
    return write;
  }
}

/** What becomes of a job whose keys are not the active ones any more: another pass, but with keys added all the time not for ever. */
function turned(job: RotationJob, aim: string): Partial<RotationJob> | undefined {
  if (job.aim === aim) return undefined;
  const hasBegun = job.passScanned > 0; // else there is nothing to do again
  return { aim, turns: job.turns + 1, isBehind: job.isBehind || (hasBegun && job.turns < MAX_TURNS) };
}

/** The job record as it is stored, changed by an operator; who is at it takes the change over with its next write. */
export async function changeJob(
  { environment, opened, records }: Omit<RotationWorld, 'schema'>,
  change: (job: RotationJob) => Partial<RotationJob> | undefined,
): Promise<RotationJob | undefined> {
  const id = jobId(opened);
  for (;;) {
    const previous = await step(environment, 'job.read', () => records.readJob(id));
    const job = decodeJob(previous);
    const changes = job && change(job);
    if (!changes) return job;
    const updatedAtMs = environment.clock.wallMs();
    const changed = { ...job, ...changes, revision: job.revision + 1, updatedAtMs };
    const write = { id, previous, next: encodeJob(changed) };
    if (await step(environment, 'job.write', () => records.writeJob(write))) return changed;
  }
}
