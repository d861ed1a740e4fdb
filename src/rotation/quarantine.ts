import { openedOf } from '../keyring/index.js';
import { MAX_LOST_SWAPS } from '../limits.js';
import type { CellAddress, QuarantineEntry } from '../ports/job-store.js';
import type { RecordKey, RecordStore } from '../ports/record-store.js';
import type { Schema } from '../schema.js';
import { type RecordWork, rewriteRecord, step } from '../sweep/index.js';
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
    const keys = [...new Set(ofTable.map(({ key }) => key))];
    for (let start = 0; start < keys.length; start += BATCH_RECORDS) {
      const batch = keys.slice(start, start + BATCH_RECORDS);
      const refused = await retry(definition, batch);
      const gone = ofTable.filter(
        ({ key, column }) => batch.includes(key) && !refused.has(JSON.stringify([key, column])),
      );
      if (gone.length > 0)
        settled += await step(environment, 'quarantine.settle', () =>
          records.settleQuarantine(id, gone, 'gone'),
        );
    }
  }
  return { settled, refused: noted.length - settled };

  /** Which cells are refused, or could not be swapped, of these records. */
  async function retry(definition: Table, batch: readonly RecordKey[]): Promise<ReadonlySet<string>> {
    const left = new Set<string>();
    let keys = batch;
    for (let tries = 1; keys.length > 0; tries++) {
      const { work, lost } = await attempt(definition, keys);
      for (const { refused } of work)
        for (const { key, column } of refused) left.add(JSON.stringify([key, column]));
      if (tries === MAX_LOST_SWAPS) {
        for (const key of lost)
          for (const { attribute } of definition.layout.cells) left.add(JSON.stringify([key, attribute]));
        break;
      }
      keys = lost;
    }
    return left;
  }

  async function attempt(
    definition: Table,
    keys: readonly RecordKey[],
  ): Promise<{ work: readonly RecordWork[]; lost: readonly RecordKey[] }> {
    const found = await step(environment, 'chunk.reread', () => reread(records, definition, keys));
    const work: RecordWork[] = [];
    for (const record of found) work.push(await rewriteRecord(opened, definition, record));
    const swaps = work.flatMap(({ swap }) => swap ?? []);
    if (swaps.length === 0) return { work, lost: [] };
    const outcome = await step(environment, 'chunk.commit', () =>
      records.commit(definition.layout, { id, swaps, quarantine: [] }),
    );
    const lost = swaps.flatMap(({ key }, i) => (outcome.committed && outcome.swapped[i] ? [] : key));
    return { work, lost };
  }
}

function reread(records: RecordStore, { layout }: Table, keys: readonly RecordKey[]) {
  return records.reread(layout, keys);
}
