/** Faults to plant into a rotator's store, to see that a torture catches them. */
import type {
  Chunk,
  RecordStore,
  RecordSwap,
  StoredRecord,
  TableLayout,
} from '../../src/ports/record-store.js';
import type { Application } from './stores.js';

export const FAULTS = ['blind update', 'checkpoint before write', 'upsert', 'token alone'] as const;
export type Fault = (typeof FAULTS)[number];

/** The store with the fault; as it is where there is none. */
export function plantFault(
  records: RecordStore,
  fault: Fault | undefined,
  application: Application | undefined,
): RecordStore {
  if (fault === 'blind update') return { ...records, commit: (...chunk) => commitBlindly(records, ...chunk) };
  if (fault === 'token alone')
    return { ...records, commit: (...chunk) => commitTokensAlone(records, ...chunk) };
  if (fault === 'checkpoint before write')
    return { ...records, commit: (...chunk) => commitLate(records, ...chunk) };
  if (fault === 'upsert' && application) return upserting(records, application);
  return records;
}

/** Writes over whatever is there now, as an UPDATE by key alone does. */
async function commitBlindly(records: RecordStore, layout: TableLayout, chunk: Chunk) {
  const now = await recordsNow(records, layout, chunk);
  const swaps = chunk.swaps.map((swap) => overTokens(overCells(swap, now), now));
  return records.commit(layout, { ...chunk, swaps });
}

/** Writes tokens without a look at the cells that they were made from, where those stay. */
async function commitTokensAlone(records: RecordStore, layout: TableLayout, chunk: Chunk) {
  const now = await recordsNow(records, layout, chunk);
  const swaps = chunk.swaps.map((swap) => {
    const isStaying = swap.cells.every((cell) => cell.old === cell.new);
    if (!isStaying) return swap;
    const { cells } = overCells(swap, now);
    return overTokens({ ...swap, cells: cells.map((cell) => ({ ...cell, new: cell.old })) }, now);
  });
  return records.commit(layout, { ...chunk, swaps });
}

async function recordsNow(records: RecordStore, layout: TableLayout, { swaps }: Chunk): Promise<Now> {
  const now = await records.reread(
    layout,
    swaps.map(({ key }) => key),
  );
  return new Map(now.map((record) => [record.key, record]));
}

type Now = ReadonlyMap<string, StoredRecord>;

function overCells(swap: RecordSwap, now: Now): RecordSwap {
  const found = now.get(swap.key)?.cells;
  return {
    ...swap,
    cells: swap.cells.map((cell) => ({ ...cell, old: (found?.[cell.cell] as string) ?? cell.old })),
  };
}

function overTokens(swap: RecordSwap, now: Now): RecordSwap {
  const found = now.get(swap.key)?.tokens;
  if (!swap.tokens || !found) return swap;
  return {
    ...swap,
    tokens: swap.tokens.map((token) => ({ ...token, old: (found[token.token] ?? null) as string | null })),
  };
}

/** Moves the checkpoint in a transaction of its own, first. */
async function commitLate(records: RecordStore, layout: TableLayout, chunk: Chunk) {
  if (!chunk.job) return records.commit(layout, chunk);
  const write = chunk.job(chunk.swaps.map(() => true));
  if (!(await records.writeJob(write))) return { committed: false } as const;
  const again = { ...write, previous: write.next, forgetQuarantine: false };
  return records.commit(layout, { ...chunk, job: () => again });
}

/** Inserts what it does not find. */
function upserting(records: RecordStore, application: Application): RecordStore {
  const pages = new Map<string, StoredRecord>();
  return {
    ...records,
    async page(layout, request) {
      const page = await records.page(layout, request);
      pages.clear();
      for (const record of page.records) pages.set(record.key, record);
      return page;
    },
    async commit(layout, chunk) {
      const outcome = await records.commit(layout, chunk);
      const now = await records.reread(
        layout,
        chunk.swaps.map(({ key }) => key),
      );
      const there = new Set(now.map(({ key }) => key));
      for (const { key, cells } of chunk.swaps) {
        const record = pages.get(key);
        if (there.has(key) || !record) continue;
        const values = [...record.cells];
        for (const cell of cells) values[cell.cell] = cell.new;
        const columns = layout.cells.map(({ column }) => column);
        await application.run(
          `INSERT INTO ${layout.name} (id, ${columns.join(', ')}) VALUES (?, ${columns.map(() => '?').join(', ')})`,
          [
            record.id[0],
            ...values.map((value) => (value instanceof Uint8Array ? Buffer.from(value) : value)),
          ],
        );
      }
      return outcome;
    },
  };
}
