/** A batch, shared out between the main thread and its workers. */
import type { Cells, Part, Work } from './cells.js';
import type { Lane } from './lanes.js';

/** What is done with the items of a batch: the same by way of a part, and at once in the main thread. */
export interface Job<In, Out> {
  readonly work: Work;
  readonly columns: number;
  /** The key that cells are under, by its place in the setup. */
  readonly key?: number;
  /** Bytes that an item takes up in a part, at most: what goes in and what comes out. */
  readonly itemBytes: number;
  /** Writes an item into a part. */
  pack(item: In, part: Part): void;
  /** Reads what has become of an item; `reader` goes on where the item before ended. */
  unpack(item: In, part: Part, reader: Reader): Out;
  /** All of it in this thread. */
  direct(item: In, cells: Cells): Out;
}

/** Where in a part is read: among the lengths, and in the output. */
export class Reader {
  place = 0;
  at: number;
  constructor(part: Part) {
    this.at = part.output;
  }
}

/** Who works. */
export interface Crew {
  /** The main thread's. */
  readonly cells: Cells;
  readonly lanes: readonly Lane[];
  /** Whether the main thread seals and opens too, or only packs and unpacks. */
  readonly isMainAtWork: boolean;
  /** Whether its event loop has to turn before it learns that a part has come back. */
  readonly needsTurns: boolean;
}

/** Items that are with a worker. */
interface Range {
  readonly from: number;
  readonly count: number;
}
interface Away {
  readonly lane: Lane;
  /** Of its parts, in the order in which they went. */
  readonly ranges: Range[];
}

/** Items of a part, and of what the main thread does before it looks at its workers again. */
const MOST_AT_ONCE = 128;
const LEAST_AT_ONCE = 8;
/** Parts that what is left is divided into, for each thread: so that all of them end together. */
const PARTS_A_THREAD = 4;

/** The whole batch in the main thread. */
export function alone<In, Out>(job: Job<In, Out>, items: readonly In[], cells: Cells): Out[] {
  const results = new Array<Out>(items.length);
  for (let i = 0; i < items.length; i++) {
    if (i % MOST_AT_ONCE === 0) cells.dropIvs();
    results[i] = job.direct(items[i] as In, cells);
  }
  cells.dropIvs();
  return results;
}

/** Keeps the workers in parts, and works itself while they have enough. */
export async function together<In, Out>(
  job: Job<In, Out>,
  items: readonly In[],
  { cells, lanes, isMainAtWork, needsTurns }: Crew,
): Promise<Out[]> {
  const results = new Array<Out>(items.length);
  const away = lanes.map((lane) => ({ lane, ranges: [] as Range[] }));
  const threads = lanes.length + (isMainAtWork ? 1 : 0);
  let next = 0;
  let pending = 0;

  const nextCount = (roomBytes = Number.POSITIVE_INFINITY): number => {
    const left = items.length - next;
    const share = Math.ceil(left / (threads * PARTS_A_THREAD));
    const room = Math.floor(roomBytes / job.itemBytes);
    return Math.min(left, Math.max(LEAST_AT_ONCE, Math.min(share, MOST_AT_ONCE)), room);
  };
  const collect = ({ lane, ranges }: Away): void => {
    for (let part = lane.collect(); part; part = lane.collect()) {
      const range = ranges.shift() as Range;
      if (part.refused > 0) {
        lane.release(part);
        throw new Error('A cell was refused.');
      }
      const reader = new Reader(part);
      for (let i = range.from; i < range.from + range.count; i++)
        results[i] = job.unpack(items[i] as In, part, reader);
      lane.release(part);
      pending--;
    }
  };
  const feed = ({ lane, ranges }: Away): void => {
    while (next < items.length) {
      const part = lane.take();
      if (!part) return;
      const range = { from: next, count: nextCount(part.bytes.length) };
      part.begin(job.work, range.count, job.columns, job.key);
      for (let i = range.from; i < range.from + range.count; i++) job.pack(items[i] as In, part);
      part.finish();
      lane.give(part);
      ranges.push(range);
      next += range.count;
      pending++;
    }
  };

  while (next < items.length || pending > 0) {
    for (const one of away) {
      collect(one);
      feed(one);
    }
    if (next < items.length && isMainAtWork) {
      cells.dropIvs();
      for (const end = next + nextCount(); next < end; next++)
        results[next] = job.direct(items[next] as In, cells);
      cells.dropIvs();
      if (needsTurns) await turn();
    } else if (pending > 0) {
      await Promise.race(away.flatMap(({ lane, ranges }) => (ranges.length > 0 ? [lane.wait()] : [])));
    }
  }
  return results;
}

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
