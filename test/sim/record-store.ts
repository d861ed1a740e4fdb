/** A record store over the simulated database, as one process has it; what differs from database to database is the seed's choice. */
import { InvalidCursorError } from '../../src/errors.js';
import { keyTagOf } from '../../src/key-tag.js';
import type { CellAddress, Disposition, JobWrite } from '../../src/ports/job-store.js';
import type {
  Chunk,
  ChunkOutcome,
  Page,
  PageRequest,
  RecordStore,
  RecordSwap,
  StoredRecord,
  TableCount,
  TableLayout,
  TokenCount,
} from '../../src/ports/record-store.js';
import { tokenPrefixOf } from '../../src/token-form.js';
import type { Row } from './database.js';
import type { Process } from './scheduler.js';
import { type Cell, definitionOf, idValuesOf } from './tables.js';
import type { World } from './world.js';

export function recordStoreFor(world: World, process: Process): RecordStore {
  const { database, variant, knobs } = world;
  const { role } = process;
  const { sql } = knobs;
  const LATE = { isLateSafe: true };

  const storedRecord = ({ name }: TableLayout, key: number): StoredRecord => ({
    key: String(key),
    id: idValuesOf(definitionOf(name), key),
    cells: [...(database.table(name).rows.get(key)?.cells ?? [])],
    tokens: [...(database.table(name).rows.get(key)?.tokens ?? [])],
  });

  const page = (layout: TableLayout, request: PageRequest): Page => {
    const { after, until, maxRecords } = request;
    const keys = database.table(layout.name).keys;
    const isOffset = knobs.paging === 'offset';
    if (after !== undefined && !/^\d+$/.test(after)) throw new InvalidCursorError({ table: layout.name });
    const start = after === undefined ? 0 : isOffset ? Number(after) : countUpTo(keys, Number(after));
    const end = until === undefined ? keys.length : countUpTo(keys, Number(until));
    const most = variant.shortPages ? world.chance.between(1, maxRecords) : maxRecords;
    const found = keys.slice(start, Math.min(start + most, end));
    const last = found.at(-1);
    const reached = start + found.length;
    world.invariants.pageRead(process, layout.name);
    return {
      records: found.map((key) => storedRecord(layout, key)),
      next: last === undefined ? undefined : String(isOffset ? reached : last),
      done: reached >= end && !(variant.lateDone && found.length > 0),
    };
  };

  const inTransaction = async (layout: TableLayout, chunk: Chunk): Promise<ChunkOutcome> => {
    const { id, swaps, quarantine, job } = chunk;
    let transaction = database.begin(process, false);
    let swapped: readonly boolean[] = [];
    let write: JobWrite | undefined;
    try {
      await world.call(process, `${role}.chunk.swap`, () => {
        swapped = database.swapWithin(transaction, layout.name, swaps, variant.skipLocked, sql);
        write = job?.(swapped);
        transaction.pending.push(() => database.refuse(id, quarantine));
      });
      const isCurrent = await world.call(
        process,
        `${role}.chunk.checkpoint`,
        () => write === undefined || database.writeJobWithin(transaction, write, sql),
      );
      if (!isCurrent) return { committed: false };
      return await world.call(
        process,
        `${role}.chunk.commit`,
        (): ChunkOutcome => {
          // The second delivery of the same request is a transaction of its own.
          if (!transaction.isOpen) {
            transaction = database.begin(process, false);
            database.swapWithin(transaction, layout.name, swaps, true, sql);
            if (write && !database.writeJobWithin(transaction, write, sql)) {
              database.rollback(transaction);
              return { committed: false };
            }
          }
          database.commit(transaction);
          return { committed: true, swapped };
        },
        LATE,
      );
    } finally {
      if (process.isAlive) database.rollback(transaction);
    }
  };

  const oneByOne = async (
    layout: TableLayout,
    { id, swaps, quarantine, job }: Chunk,
  ): Promise<ChunkOutcome> => {
    const swapped: boolean[] = [];
    for (const swap of swaps)
      swapped.push(
        await world.call(
          process,
          `${role}.chunk.swap-alone`,
          () => database.swap(layout.name, swap, sql),
          LATE,
        ),
      );
    const write = job?.(swapped);
    const isCurrent = await world.call(
      process,
      `${role}.chunk.checkpoint-after`,
      () => {
        if (write && !database.writeJob(process, write, sql)) return false;
        database.refuse(id, quarantine);
        return true;
      },
      LATE,
    );
    return isCurrent ? { committed: true, swapped } : { committed: false };
  };

  /** What a careless adapter does: the place first, the work afterwards. */
  const checkpointFirst = async (layout: TableLayout, chunk: Chunk): Promise<ChunkOutcome> => {
    const { swaps, job } = chunk;
    const write = job?.(swaps.map(() => true));
    const point = variant.transactions ? 'checkpoint' : 'checkpoint-after';
    const isCurrent = await world.call(
      process,
      `${role}.chunk.${point}`,
      () => !write || database.writeJob(process, write, sql),
    );
    if (!isCurrent) return { committed: false };
    const one = (swap: RecordSwap): boolean => database.swap(layout.name, swap, sql);
    const swapPoint = variant.transactions ? 'commit' : 'swap-alone';
    const swapped = await world.call(process, `${role}.chunk.${swapPoint}`, () => swaps.map(one));
    return { committed: true, swapped };
  };

  const store: RecordStore = {
    abilities: {
      compareAndSwap: true,
      transactions: variant.transactions,
      snapshotCensus: variant.snapshotCensus,
      tokens: true,
    },
    page: (layout, request) => world.call(process, `${role}.page`, () => page(layout, request)),
    boundaries: (layout, every) =>
      world.call(process, `${role}.boundaries`, () =>
        database
          .table(layout.name)
          .keys.filter((_, i, { length }) => (i + 1) % every === 0 && i + 1 < length)
          .map(String),
      ),
    reread: (layout, keys) =>
      world.call(process, `${role}.chunk.reread`, () =>
        keys.map(Number).flatMap((key) => {
          return database.table(layout.name).rows.has(key) ? [storedRecord(layout, key)] : [];
        }),
      ),
    commit: (layout, chunk) => {
      if (knobs.checkpointFirst) return checkpointFirst(layout, chunk);
      return variant.transactions ? inTransaction(layout, chunk) : oneByOne(layout, chunk);
    },
    async census(layouts) {
      const point = `${role}.${process.label}.count`;
      const count = ({ name }: TableLayout): TableCount => countTable(world, name);
      if (variant.snapshotCensus) return world.call(process, point, () => layouts.map(count));
      const counts: TableCount[] = [];
      for (const layout of layouts) counts.push(await world.call(process, point, () => count(layout)));
      return counts;
    },
    estimate: (layout) =>
      world.call(process, `${role}.estimate`, () => ({
        records: database.table(layout.name).rows.size,
        source: 'count' as const,
      })),
    readJob: (id) => world.call(process, `${role}.job.read`, () => database.jobs.get(id)),
    writeJob: (write) =>
      world.call(process, `${role}.job.write`, () => database.writeJob(process, write, sql), LATE),
    listQuarantine: (id) =>
      world.call(process, `${role}.quarantine.list`, () => [
        ...(database.quarantine.get(id)?.values() ?? []),
      ]),
    settleQuarantine: (id: string, cells: readonly CellAddress[], to: Disposition | 'gone') =>
      world.call(process, `${role}.quarantine.settle`, () => database.settle(id, cells, to), LATE),
  };
  return store;
}

function countUpTo(keys: readonly number[], key: number): number {
  return keys.filter((other) => other <= key).length;
}

function countTable({ database, knobs }: World, table: string): TableCount {
  const tags: Record<string, number> = {};
  let notCells = 0;
  const { rows } = database.table(table);
  const { cells: columns, tokens: indexes = [] } = definitionOf(table).layout;
  for (const { cells } of rows.values()) {
    for (const [i, { form }] of columns.entries()) {
      const cell = cells[i] as Cell;
      if (cell === null) continue;
      const tag = (typeof cell === 'string') === (form === 'text') ? keyTagOf(cell) : undefined;
      if (tag === undefined) notCells++;
      else tags[tag] = (tags[tag] ?? 0) + 1;
    }
  }
  const counted = knobs.sql.countsNoTokens ? [] : [...rows.values()];
  const tokens = indexes.map(({ cells }, i) => countTokens(counted, i, cells));
  return { table, records: rows.size, tags, notCells, tokens };
}

function countTokens(rows: readonly Row[], position: number, cells: readonly number[]): TokenCount {
  const prefixes: Record<string, number> = {};
  let [notTokens, missing] = [0, 0];
  for (const row of rows) {
    const token = row.tokens[position] ?? null;
    const prefix = tokenPrefixOf(token);
    if (prefix !== undefined) prefixes[prefix] = (prefixes[prefix] ?? 0) + 1;
    else if (token !== null) notTokens++;
    else if (cells.every((cell) => row.cells[cell] !== null)) missing++;
  }
  return { prefixes, notTokens, missing };
}
