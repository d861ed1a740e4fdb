import { DuplicateTokenError } from '../errors.js';
import { openedOf } from '../keyring/index.js';
import { MAX_LOST_SWAPS } from '../limits.js';
import type { CellAddress, QuarantineEntry } from '../ports/job-store.js';
import type { RecordKey, RecordStore, RecordSwap } from '../ports/record-store.js';
import type { Schema } from '../schema.js';
import { type SwapWork, apart, isSwap, rewriteRecord, step } from '../sweep/index.js';
import type { Table } from '../table.js';
import { type RecordsOptions, type StopOptions, environmentOf } from './options.js';
import { jobId } from './run.js';

/** Records that are looked at together. */
const BATCH_RECORDS = 100;

/** The cells that rotations of this keyring have refused. They were left as they are. */
export async function listQuarantine({
  keyring,
  records,
}: RecordsOptions): Promise<readonly QuarantineEntry[]> {
  return records.listQuarantine(jobId(openedOf(keyring)));
}

/**
 * Gives cells in quarantine up, or takes that back with `to: 'open'`: an operator has looked at them, and knows that
 * nobody can read them any more. Their bytes stay as they are. They stop no rotation as refused ones too many; and while
 * they name a key, suspending it wants their number, in so many words: `suspendKey(…, { abandon: 3 })`.
 *
 * Returns how many of them are in quarantine.
 */
export async function abandonQuarantined(
  cells: readonly CellAddress[],
  { keyring, records, to = 'abandoned' }: RecordsOptions & { readonly to?: 'abandoned' | 'open' },
): Promise<number> {
  const id = jobId(openedOf(keyring));
  return step(environmentOf(), 'quarantine.settle', () => records.settleQuarantine(id, cells, to));
}

/** What {@link retryQuarantined} found. */
export interface QuarantineRetry {
  /** Cells that left the quarantine: mended, sealed anew, or gone with their record. */
  readonly settled: number;
  /** Cells that are refused as before. */
  readonly refused: number;
}

/**
 * Looks at every cell in quarantine again, after something was mended: a key came back, a record has its right id
 * again, the definition was corrected. Cells that can be read now are brought under their active key, and leave the
 * quarantine; so do those whose record is gone. Works beside a rotation and beside the application.
 *
 * @throws StoreBusyError: the database stayed locked.
 */
export async function retryQuarantined(
  schema: Schema,
  options: RecordsOptions & StopOptions,
): Promise<QuarantineRetry> {
  const { keyring, records } = options;
  const environment = environmentOf(options);
  const opened = openedOf(keyring);
  const id = jobId(opened);
  await step(environment, 'keyring.refresh', () => opened.refresh());
  const noted = await step(environment, 'quarantine.read', () => records.listQuarantine(id));
  let settled = 0;
  for (const definition of schema.tables) {
    const ofTable = noted.filter(({ table }) => table === definition.name);
    const names = namesOf(definition);
    const keys = [...new Set(ofTable.map(({ key }) => key))];
    for (let start = 0; start < keys.length; start += BATCH_RECORDS) {
      const batch = keys.slice(start, start + BATCH_RECORDS);
      const { left, there } = await retry(definition, batch);
      // Of a column that the definition does not name nothing is known while its record is there.
      const isJudged = ({ key, column }: CellAddress): boolean =>
        !there.has(key) || (names.has(column) && !left.has(JSON.stringify([key, column])));
      const gone = ofTable.filter((one) => batch.includes(one.key) && isJudged(one));
      if (gone.length > 0)
        settled += await step(environment, 'quarantine.settle', () =>
          records.settleQuarantine(id, gone, 'gone'),
        );
    }
  }
  return { settled, refused: noted.length - settled };

  /** Which cells and tokens are refused, could not be swapped, or not be judged, and of which of these records. */
  async function retry(
    definition: Table,
    batch: readonly RecordKey[],
  ): Promise<{ left: ReadonlySet<string>; there: ReadonlySet<string> }> {
    const left = new Set<string>();
    const there = new Set<string>();
    const leave = (key: RecordKey, columns: Iterable<string>): void => {
      for (const column of columns) left.add(JSON.stringify([key, column]));
    };
    let keys = batch;
    for (let tries = 1; keys.length > 0; tries++) {
      const found = await step(environment, 'chunk.reread', () => reread(records, definition, keys));
      const work: SwapWork[] = [];
      for (const record of found) {
        there.add(record.key);
        const one = await rewriteRecord(opened, definition, record);
        leave(record.key, [...one.refused.map(({ column }) => column), ...one.unjudged]);
        if (isSwap(one)) work.push(one);
      }
      const lost = await commit(definition, work, leave);
      if (tries === MAX_LOST_SWAPS) {
        for (const key of lost) leave(key, namesOf(definition));
        break;
      }
      keys = lost;
    }
    return { left, there };
  }

  /** Swaps them, apart where a UNIQUE constraint refuses one; gives the keys of those that were lost. */
  async function commit(
    definition: Table,
    work: readonly SwapWork[],
    leave: (key: RecordKey, columns: Iterable<string>) => void,
  ): Promise<readonly RecordKey[]> {
    const lost = new Set<RecordKey>();
    const pieces = [work];
    for (let piece = pieces.shift(); piece; piece = pieces.shift()) {
      const swaps = piece.map(({ swap }) => swap);
      if (swaps.length === 0) continue;
      try {
        const outcome = await step(environment, 'chunk.commit', () =>
          records.commit(definition.layout, { id, swaps, quarantine: [] }),
        );
        for (const [i, { key }] of swaps.entries())
          if (!outcome.committed || !outcome.swapped[i]) lost.add(key);
      } catch (error) {
        if (!(error instanceof DuplicateTokenError)) throw error;
        const parts = apart(piece, definition);
        const [{ key, tokens = [] }] = swaps as [RecordSwap];
        if (parts) pieces.unshift(...parts);
        else if (tokens.length === 0) throw error;
        else
          leave(
            key,
            tokens.flatMap(({ token }) => definition.layout.tokens?.[token]?.index ?? []),
          );
      }
    }
    return [...lost];
  }
}

/** What a cell or token of the table can be listed as. */
function namesOf({ layout }: Table): ReadonlySet<string> {
  return new Set([
    ...layout.cells.map(({ attribute }) => attribute),
    ...(layout.tokens ?? []).map(({ index }) => index),
  ]);
}

function reread(records: RecordStore, { layout }: Table, keys: readonly RecordKey[]) {
  return records.reread(layout, keys);
}
