import { base64url, utf8 } from '../bytes.js';
import { settleAll } from '../concurrency.js';
import {
  DefinitionError,
  InvalidCursorError,
  RotationBlockedError,
  RotationSupersededError,
  StoreUnfitError,
} from '../errors.js';
import type { OpenedKeyring } from '../keyring/index.js';
import {
  DEFAULT_CHUNK_BYTES,
  DEFAULT_CHUNK_RECORDS,
  DEFAULT_CONCURRENCY,
  MAX_CHUNK_RECORDS,
  MAX_LOST_SWAPS,
  MAX_PASSES,
  MAX_QUARANTINED,
  MAX_QUARANTINED_SHARE,
} from '../limits.js';
import type { JobWrite } from '../ports/job-store.js';
import type { Page, RecordStore, RecordSwap, StoredRecord } from '../ports/record-store.js';
import type { Schema } from '../schema.js';
import {
  type RecordWork,
  type SweepEnvironment,
  assertAdopts,
  rewriteRecord,
  step,
  sweepScope,
} from '../sweep/index.js';
import type { Table } from '../table.js';
import {
  type RotationCounters,
  type RotationJob,
  addCounters,
  encodeJob,
  freshJob,
  resumableJob,
} from './job.js';
import { Pace, type RotationProgress } from './progress.js';

/** How much a chunk holds, and when to stop. */
export interface RotationLimits {
  /** Records a chunk, 1 to 10,000: what one transaction changes. Default: 250. */
  readonly chunkRecords?: number;
  /** Bytes of cells a chunk. Bounds the memory. Default: 8 MiB. */
  readonly chunkBytes?: number;
  /**
   * Cells that may be refused before the rotation stops, because this looks like a wrong key or definition.
   * Default: 10, or 0.1 % of the records looked at, if that is more.
   */
  readonly maxQuarantined?: number;
}

/** What the core of a rotation works on: nothing in it reads a global. */
export interface RotationContext {
  readonly environment: SweepEnvironment;
  readonly opened: OpenedKeyring;
  readonly schema: Schema;
  readonly records: RecordStore;
  readonly limits: RotationLimits;
}

/** A job's name in its store: a keyring has one rotation at a time. */
export function jobId(opened: OpenedKeyring): string {
  return `rotation:${opened.document.keyringId}`;
}

/**
 * The core of a rotation: sweeps every table to the active keys, a chunk at a time, and yields once it has begun and after each.
 *
 * The order of every chunk, which all else stands on: read a page; open and seal outside any transaction; then swap on
 * the exact old bytes, note what was refused, and move the checkpoint, in one transaction where the store has one.
 */
export async function* runRotation(
  context: RotationContext,
): AsyncGenerator<RotationProgress, void, undefined> {
  const { environment, opened, schema, records } = context;
  assertFit(context);
  assertAdopts(schema, records);
  const run = new RotationRun(context);
  await step(environment, 'keyring.refresh', () => opened.refresh());
  let began = await run.begin();
  const estimates = [];
  for (const { layout } of schema.tables)
    estimates.push(await step(environment, 'estimate', () => records.estimate(layout)));
  const pace = new Pace(estimates);
  yield pace.progress(run.job, run.table().name, began);

  while (run.job.state === 'sweeping') {
    const startedMs = environment.clock.monotonicMs();
    const scannedBefore = run.job.counters.scanned;
    const definition = run.table();
    // A key that was made active meanwhile is the new aim, and what was done towards the old one is to do again.
    await step(environment, 'keyring.refresh', () => opened.refresh());
    if (await run.hasNewAim()) began = await run.begin();
    else await run.chunk(definition);
    pace.measure(run.job.counters.scanned - scannedBefore, environment.clock.monotonicMs() - startedMs);
    yield pace.progress(run.job, definition.name, began);
  }
}

/** One run over the tables, with the job record that it owns. */
class RotationRun {
  readonly #context: RotationContext;
  readonly #id: string;
  /** The job record as it is stored, to swap on. */
  #stored: string | undefined;
  #offered: { readonly job: RotationJob; readonly text: string } | undefined;
  /** The keyring's revision at the last look at what is active. */
  #revision: number | undefined;
  job!: RotationJob;

  constructor(context: RotationContext) {
    this.#context = context;
    this.#id = jobId(context.opened);
  }

  /** Whether other keys are active than those that the job is for. */
  async hasNewAim(): Promise<boolean> {
    const { revision } = this.#context.opened.document;
    if (revision === this.#revision) return false;
    this.#revision = revision;
    return (await scopeOf(this.#context)) !== this.job.scope;
  }

  /** Takes the job over, where it stands or from the beginning. Whoever else was at it loses its next write, and stops. */
  async begin(): Promise<'fresh' | 'resumed'> {
    const { environment, records, schema } = this.#context;
    const scope = await scopeOf(this.#context);
    this.#stored = await step(environment, 'job.read', () => records.readJob(this.#id));
    const resumed = resumableJob(this.#stored, scope, schema.tables.length);
    this.job = resumed ?? freshJob(scope, environment.clock.wallMs());
    const write = this.#next({}, resumed === undefined);
    if (!(await step(environment, 'job.write', () => records.writeJob(write))))
      throw new RotationSupersededError();
    this.#wrote();
    return resumed ? 'resumed' : 'fresh';
  }

  table(): Table {
    return this.#context.schema.tables[this.job.table] as Table;
  }

  /** One page of one table, to its end. */
  async chunk(definition: Table): Promise<void> {
    const { environment, records } = this.#context;
    const { layout } = definition;
    const page = await this.#page(definition);
    if (!page.done && (page.next === undefined || page.next === this.job.cursor)) {
      throw new StoreUnfitError(
        'The store gave a page that ends where it began. Its keys do not survive being read.',
        {
          table: definition.name,
        },
      );
    }
    let work = await this.#rewrite(definition, page.records);
    const found = this.#found(page, work);
    for (let tries = 1; ; tries++) {
      const lost = await this.#commit(definition, page, work, found, tries);
      if (lost.length === 0 || tries === MAX_LOST_SWAPS) break;
      // Somebody wrote these at the same moment: look again. Gone, or under the active key already, is done.
      const again = await step(environment, 'chunk.reread', () => records.reread(layout, lost));
      work = await this.#rewrite(definition, again);
    }
    await this.#assertSound();
  }

  /** The page after the checkpoint; from the beginning of the table where the checkpoint turns out to be damaged. */
  async #page({ layout }: Table): Promise<Page> {
    const { environment, records, limits } = this.#context;
    const from = (after: string | undefined): Promise<Page> =>
      step(environment, 'page', () =>
        records.page(layout, {
          after,
          maxRecords: limits.chunkRecords ?? DEFAULT_CHUNK_RECORDS,
          maxBytes: limits.chunkBytes ?? DEFAULT_CHUNK_BYTES,
        }),
      );
    try {
      return await from(this.job.cursor ?? undefined);
    } catch (error) {
      if (!(error instanceof InvalidCursorError)) throw error;
      return from(undefined);
    }
  }

  async #rewrite(definition: Table, found: readonly StoredRecord[]): Promise<RecordWork[]> {
    const { environment, opened } = this.#context;
    return step(environment, 'chunk.rewrite', async () => {
      const outcomes = await settleAll(found, DEFAULT_CONCURRENCY, async (record) => {
        environment.signal?.throwIfAborted(); // a chunk of large or unreadable cells takes its time
        return rewriteRecord(opened, definition, record);
      });
      return outcomes.map((outcome) => {
        if (outcome.status === 'rejected') throw outcome.reason;
        return outcome.value;
      });
    });
  }

  /** What a page counts for. Refused and current cells are met again at every look and pass: the first one counts. */
  #found(page: Page, work: readonly RecordWork[]): Partial<RotationCounters> {
    const scanned = page.records.length;
    if (this.job.pass > 1) return { scanned };
    const quarantined = work.reduce((sum, { refused }) => sum + refused.length, 0);
    return { scanned, current: countCurrent(work), quarantined };
  }

  /** Commits one try at a page, and gives the keys whose swap was lost. The last try moves the checkpoint past them. */
  async #commit(
    { layout }: Table,
    page: Page,
    work: readonly RecordWork[],
    found: Partial<RotationCounters>,
    tries: number,
  ): Promise<string[]> {
    const { environment, records } = this.#context;
    const swaps = work.flatMap(({ swap }) => swap ?? []);
    const quarantine = work.flatMap(({ refused }) => refused);

    const job = (swapped: readonly boolean[]): JobWrite => {
      const lost = swapped.filter((done) => !done).length;
      const isSettled = lost === 0 || tries === MAX_LOST_SWAPS;
      const deferred = isSettled ? lost : 0;
      const more = { ...countSwapped(work, swapped), conflicts: lost, deferred };
      return this.#next({
        ...(isSettled ? this.#after(page, deferred) : {}),
        // A page counts when the checkpoint moves past it: who resumes before that looks at all of it again.
        counters: addCounters(this.job.counters, isSettled ? { ...found, ...more } : more),
      });
    };
    const outcome = await step(environment, 'chunk.commit', () =>
      records.commit(layout, { swaps, quarantine, job }),
    );
    if (!outcome.committed) throw new RotationSupersededError();
    this.#wrote();
    return swaps.flatMap(({ key }, i) => (outcome.swapped[i] ? [] : key));
  }

  /** Where the checkpoint goes after a page. */
  #after(page: Page, deferred: number): Partial<RotationJob> {
    const { schema } = this.#context;
    const passScanned = this.job.passScanned + page.records.length;
    const passDeferred = this.job.passDeferred + deferred;
    if (!page.done) return { passScanned, passDeferred, cursor: page.next ?? this.job.cursor };
    if (this.job.table + 1 < schema.tables.length) {
      return { passScanned, passDeferred, table: this.job.table + 1, cursor: null };
    }
    if (passDeferred === 0) return { passScanned, passDeferred, state: 'swept' };
    if (this.job.pass >= MAX_PASSES) return { passScanned, passDeferred, state: 'blocked' };
    return { passScanned: 0, passDeferred: 0, pass: this.job.pass + 1, table: 0, cursor: null };
  }

  /** Stops where going on would do more harm than good; the job is left so that the next run begins at the beginning. */
  async #assertSound(): Promise<void> {
    const { environment, records, limits } = this.#context;
    const { counters, state } = this.job;
    if (state === 'blocked')
      throw new RotationBlockedError('hot-records', { deferred: this.job.passDeferred });
    const allowed =
      limits.maxQuarantined ?? Math.max(MAX_QUARANTINED, counters.scanned * MAX_QUARANTINED_SHARE);
    if (counters.quarantined <= allowed) return;
    const write = this.#next({ state: 'blocked' });
    if (await step(environment, 'job.write', () => records.writeJob(write))) this.#wrote();
    throw new RotationBlockedError('too-many-refused', {
      quarantined: counters.quarantined,
      scanned: counters.scanned,
    });
  }

  /** The next job record, to be swapped with the one that is stored. It counts once {@link #wrote} says that it was. */
  #next(changes: Partial<RotationJob>, forgetQuarantine = false): JobWrite {
    const { environment } = this.#context;
    const job = {
      ...this.job,
      ...changes,
      revision: this.job.revision + 1,
      updatedAtMs: environment.clock.wallMs(),
    };
    const text = encodeJob(job);
    this.#offered = { job, text };
    return { id: this.#id, previous: this.#stored, next: text, forgetQuarantine };
  }

  #wrote(): void {
    if (!this.#offered) return;
    this.job = this.#offered.job;
    this.#stored = this.#offered.text;
  }
}

function countSwapped(work: readonly RecordWork[], swapped: readonly boolean[]): Partial<RotationCounters> {
  const done = work.filter(({ swap }) => swap).filter((_, i) => swapped[i]);
  const cells = done.flatMap(({ swap }) => (swap as RecordSwap).cells);
  return {
    rewritten: cells.length,
    adopted: done.reduce((sum, { adopted }) => sum + adopted, 0),
    rebound: done.reduce((sum, { rebound }) => sum + rebound, 0),
    bytes: cells.reduce((sum, cell) => sum + cell.new.length, 0),
  };
}

function countCurrent(work: readonly RecordWork[]): number {
  return work.reduce((sum, { current }) => sum + current, 0);
}

/** What a checkpoint is good for: this keyring, these tables, these active keys. */
async function scopeOf({ opened, schema }: RotationContext): Promise<string> {
  const { keyringId } = opened.document;
  const tables = schema.tables.map(sweepScope);
  const hash = await opened.environment.engine.digest(
    utf8(JSON.stringify([keyringId, tables, opened.activeDataKeys()])),
  );
  return base64url(hash);
}

function assertFit({ records, limits }: RotationContext): void {
  if (!records.abilities.compareAndSwap) {
    throw new StoreUnfitError(
      'The store cannot compare and swap, so a rotation beside writers could lose their writes.',
    );
  }
  const { chunkRecords = 1, chunkBytes = 1, maxQuarantined = 0 } = limits;
  const isSound = Number.isInteger(chunkRecords) && chunkRecords >= 1 && chunkRecords <= MAX_CHUNK_RECORDS;
  if (!isSound || !(chunkBytes >= 1) || !(maxQuarantined >= 0)) {
    throw new DefinitionError(
      'chunkRecords is a whole number from 1 to 10,000, chunkBytes at least 1, maxQuarantined at least 0.',
    );
  }
}
