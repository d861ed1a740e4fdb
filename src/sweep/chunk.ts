import { mapAll } from '../concurrency.js';
import { helpersOf } from '../elsewhere.js';
import { DuplicateTokenError, InvalidCursorError, StoreBusyError, StoreUnfitError } from '../errors.js';
import type { OpenedKeyring } from '../keyring/index.js';
import {
  DEFAULT_CONCURRENCY,
  MAX_COMMIT_RETRIES,
  MAX_LOST_SWAPS,
  MAX_NOTES,
  MIN_SHARE_RECORDS,
} from '../limits.js';
import { type MaybePromise, isPromise } from '../maybe.js';
import type { JobWrite, RefusedCell } from '../ports/job-store.js';
import type { ChunkOutcome, Cursor, Page, RecordStore, StoredRecord } from '../ports/record-store.js';
import { shareOut } from '../share-out.js';
import type { Table } from '../table.js';
import type { SweepCounters } from './counters.js';
import { type SwapWork, apart, isSwap } from './duplicates.js';
import { isNote } from './place.js';
import { type RecordWork, rewriteRecord } from './rewrite.js';
import { type SweepEnvironment, step } from './steps.js';

/** What a chunk works on. */
export interface ChunkContext {
  readonly environment: SweepEnvironment;
  readonly opened: OpenedKeyring;
  readonly records: RecordStore;
}

/** The part of a table that is swept next. */
export interface ChunkPlace {
  readonly definition: Table;
  /** Where the part begins; `undefined`: where the table does. */
  readonly begin: Cursor | undefined;
  /** The place up to which it is done. */
  readonly after: Cursor | undefined;
  /** `undefined`: to the table's end. */
  readonly until: Cursor | undefined;
  readonly maxRecords: number;
  readonly maxBytes: number;
}

/** How a page ended. */
export interface SettledPage {
  readonly page: Page;
  /** Records left for another pass. */
  readonly deferred: number;
}

/** Where a sweep writes down how far it has come, if it does. */
export interface Ledger {
  /** The job's name, under which cells that are refused are noted. */
  readonly id: string;
  /** Whether a record is written with every commit. */
  readonly isKept: boolean;
  /** Whether somebody has paused it, as far as was looked. */
  readonly isStopped: boolean;
  /** What was counted before this page. */
  readonly counters: SweepCounters;
  /** What is written with the next commit; `settled` where it is the page's last. */
  offer(counts: Partial<SweepCounters>, settled: SettledPage | undefined): JobWrite;
  /** An offer was committed. */
  accept(offer: JobWrite): void;
  /**
   * A commit was refused, or nobody knows what became of it: gives the offer that is stored after all. `undefined` where
   * somebody else has written, so that the page is to be looked at again. Throws where the sweep is not ours any more.
   */
  inquire(): Promise<JobWrite | undefined>;
}

/**
 * One page of one table, to its end: the only loop that writes. Open and seal outside any transaction; then swap on the
 * exact old bytes, note what was refused, and move the checkpoint, in one transaction where the store has one.
 *
 * `undefined` where somebody has changed the job meanwhile: nothing is lost, and the page is still to do.
 */
export async function sweepPage(
  context: ChunkContext,
  place: ChunkPlace,
  ledger: Ledger,
  isFirstPass: boolean,
): Promise<SettledPage | undefined> {
  const page = await readPage(context, place);
  const chunk = new PageSweep(context, place.definition, page, ledger, isFirstPass);
  return chunk.sweep();
}

/** From the beginning of the part where the checkpoint turns out to be damaged. */
async function readPage({ environment, records }: ChunkContext, place: ChunkPlace): Promise<Page> {
  const { definition, until, maxRecords, maxBytes } = place;
  const from = (after: Cursor | undefined): Promise<Page> =>
    step(environment, 'page', () => records.page(definition.layout, { after, until, maxRecords, maxBytes }));
  let page: Page;
  try {
    page = await from(place.after);
  } catch (error) {
    if (!(error instanceof InvalidCursorError) || place.after === place.begin) throw error;
    page = await from(place.begin);
  }
  if (!page.done && (page.next === undefined || page.next === place.after)) {
    throw new StoreUnfitError(
      'The store gave a page that ends where it began. Its keys do not survive being read.',
      { table: definition.name },
    );
  }
  return page;
}

/** What is committed at once: a page, or a part of one. */
interface Piece {
  /** Records that change. */
  readonly work: readonly SwapWork[];
  readonly quarantine: readonly RefusedCell[];
}

/** What ends a page of a sweep that somebody has paused. */
class Paused extends Error {}

class PageSweep {
  readonly #context: ChunkContext;
  readonly #definition: Table;
  readonly #page: Page;
  readonly #ledger: Ledger;
  readonly #isFirstPass: boolean;
  /** Records that stayed locked, also when they were committed alone. */
  #locked = 0;
  /** Tokens that other records have already, each once however often the page is tried. */
  readonly #duplicates = new Map<string, RefusedCell>();

  constructor(context: ChunkContext, definition: Table, page: Page, ledger: Ledger, isFirstPass: boolean) {
    this.#context = context;
    this.#definition = definition;
    this.#page = page;
    this.#ledger = ledger;
    this.#isFirstPass = isFirstPass;
  }

  async sweep(): Promise<SettledPage | undefined> {
    const { environment, records } = this.#context;
    let work = await this.#rewrite(this.#page.records);
    const found = this.#found(work);
    for (let tries = 1; ; tries++) {
      const outcome = await this.#commit(work, found, tries === MAX_LOST_SWAPS);
      if (outcome === undefined) return undefined;
      if (outcome.isSettled) return { page: this.#page, deferred: outcome.deferred };
      // Somebody wrote these at the same moment: look again. Gone, or under the active key already, is done.
      const again = await step(environment, 'chunk.reread', () =>
        records.reread(this.#definition.layout, outcome.lost),
      );
      work = await this.#rewrite(again);
    }
  }

  #rewrite(found: readonly StoredRecord[]): Promise<readonly RecordWork[]> {
    const { environment, opened } = this.#context;
    const rewrite = (record: StoredRecord): MaybePromise<RecordWork> => {
      environment.signal?.throwIfAborted(); // a chunk of large or unreadable cells takes its time
      return rewriteRecord(opened, this.#definition, record);
    };
    const helpers = found.length < 2 * MIN_SHARE_RECORDS ? undefined : helpersOf(opened, 'renewing');
    return step(environment, 'chunk.rewrite', () =>
      helpers
        ? shareOut(found, DEFAULT_CONCURRENCY, rewrite, helpers, environment.clock)
        : mapAtOnce(found, DEFAULT_CONCURRENCY, rewrite),
    );
  }

  /** What a page counts for. Refused and current cells are met again at every look and pass: the first one counts. */
  #found(work: readonly RecordWork[]): Partial<SweepCounters> {
    const scanned = this.#page.records.length;
    if (!this.#isFirstPass) return { scanned };
    const refused = work.flatMap((record) => record.refused);
    const unindexed = refused.filter(isNote).length;
    const current = work.reduce((sum, record) => sum + record.current, 0);
    return { scanned, current, quarantined: refused.length - unindexed, unindexed };
  }

  /**
   * Commits one try at the page: in one piece, or where the store stays busy in halves, down to a record, which is
   * deferred then. With the last piece the checkpoint moves, unless swaps were lost that are tried again.
   */
  async #commit(
    work: readonly RecordWork[],
    found: Partial<SweepCounters>,
    isLastTry: boolean,
  ): Promise<{ isSettled: boolean; lost: readonly string[]; deferred: number } | undefined> {
    const pieces: Piece[] = [
      { work: work.filter(isSwap), quarantine: this.#listed(work.flatMap(({ refused }) => refused)) },
    ];
    const lost: string[] = [];
    for (let piece = pieces.shift(); piece; piece = pieces.shift()) {
      const isLastPiece = pieces.length === 0;
      const counts = (swapped: readonly boolean[]): { more: Partial<SweepCounters>; isSettled: boolean } => {
        const missed = swapped.filter((done) => !done).length;
        const isSettled = isLastPiece && (isLastTry || lost.length + missed === 0);
        const deferred = isSettled ? lost.length + missed + this.#locked : 0;
        const more = { ...countSwapped(piece.work, swapped), conflicts: missed, deferred };
        // A page counts when the checkpoint moves past it: who resumes before that looks at all of it again.
        return { more: isSettled ? { ...this.#withDuplicates(found), ...more } : more, isSettled };
      };
      try {
        const committed = await this.#commitPiece(piece, counts, isLastPiece && piece.work.length === 0);
        if (committed === undefined) return undefined;
        lost.push(...piece.work.flatMap(({ swap }, i) => (committed.swapped[i] ? [] : swap.key)));
        if (committed.isSettled) return { isSettled: true, lost: [], deferred: lost.length + this.#locked };
      } catch (error) {
        if (error instanceof Paused) return undefined;
        if (piece.work.length === 0) throw error;
        if (error instanceof DuplicateTokenError) pieces.unshift(...this.#apart(piece, error));
        else if (error instanceof StoreBusyError) {
          if (piece.work.length === 1) this.#locked++;
          pieces.unshift(...halves(piece));
        } else throw error;
      }
    }
    return { isSettled: false, lost: [...new Set(lost)], deferred: 0 };
  }

  /** Smaller pieces; of one token that another record has, nothing but a note. */
  #apart({ work, quarantine }: Piece, error: DuplicateTokenError): Piece[] {
    const parts = apart(work, this.#definition);
    if (parts)
      return parts.map((part, i) => ({ work: part, quarantine: i < parts.length - 1 ? [] : quarantine }));
    const { key, tokens: [swap] = [] } = (work[0] as SwapWork).swap;
    const index = swap && this.#definition.layout.tokens?.[swap.token]?.index;
    if (index === undefined) throw error; // no token of ours
    const refused = { table: this.#definition.name, key, column: index, code: error.code };
    const listed = this.#listed([refused]);
    this.#duplicates.set(JSON.stringify([key, index]), refused);
    return [{ work: [], quarantine: [...quarantine, ...listed] }];
  }

  /** Notes are listed up to a limit: there may be as many as records. */
  #listed(refused: readonly RefusedCell[]): RefusedCell[] {
    let left = MAX_NOTES - this.#ledger.counters.unindexed - this.#duplicates.size;
    return refused.filter((one) => !isNote(one) || left-- > 0);
  }

  #withDuplicates(found: Partial<SweepCounters>): Partial<SweepCounters> {
    if (!this.#isFirstPass) return found;
    return { ...found, unindexed: (found.unindexed ?? 0) + this.#duplicates.size };
  }

  /** A page in which many records are locked takes its time: a pause is met all the same. */
  async #look(): Promise<void> {
    try {
      await this.#ledger.inquire();
    } catch (error) {
      if (!(error instanceof StoreBusyError)) throw error; // locked as well: the next look may tell
    }
    if (this.#ledger.isStopped) throw new Paused();
  }

  async #commitPiece(
    { work, quarantine }: Piece,
    counts: (swapped: readonly boolean[]) => { more: Partial<SweepCounters>; isSettled: boolean },
    isOnlyJob: boolean,
  ): Promise<{ swapped: readonly boolean[]; isSettled: boolean } | undefined> {
    const { environment, records } = this.#context;
    const ledger = this.#ledger;
    const offers = new Map<JobWrite, { swapped: readonly boolean[]; isSettled: boolean }>();
    const job = (swapped: readonly boolean[]): JobWrite => {
      const { more, isSettled } = counts(swapped);
      const settled = isSettled ? { page: this.#page, deferred: more.deferred ?? 0 } : undefined;
      const offer = ledger.offer(more, settled);
      offers.set(offer, { swapped, isSettled });
      newest = offer;
      return offer;
    };
    let newest: JobWrite | undefined;
    const chunk = { id: ledger.id, swaps: work.map(({ swap }) => swap), quarantine };
    const commit = async (): Promise<ChunkOutcome> => {
      try {
        return await records.commit(this.#definition.layout, ledger.isKept ? { ...chunk, job } : chunk);
      } catch (error) {
        // A connection that was lost after COMMIT was sent: what is stored decides.
        const isUndone = error instanceof StoreBusyError || error instanceof DuplicateTokenError;
        if (isUndone || offers.size === 0 || environment.signal?.aborted || !(await storedOffer(ledger)))
          throw error;
        return { committed: false };
      }
    };
    const maxRetries = isOnlyJob ? undefined : MAX_COMMIT_RETRIES;
    const patience = { maxRetries, look: () => this.#look() };
    const outcome = await step(environment, 'chunk.commit', commit, patience);
    if (outcome.committed && !ledger.isKept) job(outcome.swapped);
    const offer = outcome.committed ? newest : await ledger.inquire();
    const offered = offer && offers.get(offer);
    if (!offer || !offered) return undefined;
    ledger.accept(offer);
    return offered;
  }
}

/** One after the other while each answers at once; from the first promise on, at most `limit` side by side. */
function mapAtOnce<T, U>(
  items: readonly T[],
  limit: number,
  work: (item: T) => MaybePromise<U>,
): MaybePromise<readonly U[]> {
  const done: U[] = [];
  for (const item of items) {
    const result = work(item);
    if (isPromise(result)) {
      const rest = mapAll(items.slice(done.length), limit, async (later, i) =>
        i === 0 ? result : work(later),
      );
      return rest.then((others) => [...done, ...others]);
    }
    done.push(result);
  }
  return done;
}

/** The offer that is stored; where that cannot be asked, the error that came first is the one to tell. */
async function storedOffer(ledger: Ledger): Promise<JobWrite | undefined> {
  try {
    return await ledger.inquire();
  } catch {
    return undefined;
  }
}

/** A piece in two; of a record that stays locked, nothing but what goes with it. */
function halves({ work, quarantine }: Piece): Piece[] {
  if (work.length <= 1) return [{ work: [], quarantine }];
  const middle = Math.ceil(work.length / 2);
  return [
    { work: work.slice(0, middle), quarantine: [] },
    { work: work.slice(middle), quarantine },
  ];
}

function countSwapped(work: Piece['work'], swapped: readonly boolean[]): Partial<SweepCounters> {
  const done = work.filter((_, i) => swapped[i]);
  const cells = done.flatMap(({ swap }) => swap.cells.filter((cell) => cell.new !== cell.old));
  return {
    rewritten: cells.length,
    tokens: done.reduce((sum, { swap }) => sum + (swap.tokens?.length ?? 0), 0),
    adopted: done.reduce((sum, { adopted }) => sum + adopted, 0),
    rebound: done.reduce((sum, { rebound }) => sum + rebound, 0),
    bytes: cells.reduce((sum, cell) => sum + (cell.new?.length ?? 0), 0),
  };
}
