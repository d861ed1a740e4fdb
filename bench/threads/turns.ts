/** Contenders by turns, each beside two others: what is shipped, and one thread that does the least. */
import { type Effort, inTurn, quantile, ratioOf } from '../measure.js';
import type { Row } from '../report.js';

/** What is timed: a batch, from the call until its last result is there. */
export interface Contender {
  readonly name: string;
  /** Gives the milliseconds it took where not all of the call counts. */
  readonly run: () => unknown;
}

export interface Case {
  readonly table: string;
  readonly of: string;
  readonly records: number;
  /** What all are compared with, by name. */
  readonly floors: readonly string[];
}

/** So that all cases together take less than three minutes: rounds end after so long, but for a few. */
const LONGEST_MS = 6_000;
const LEAST_ROUNDS = 7;

/** A row for each contender and floor: microseconds a record, and the ratio of times within a round. */
export async function alternate(
  effort: Effort,
  { table, of, records, floors }: Case,
  contenders: readonly Contender[],
): Promise<Row[]> {
  const calls = new Map<Contender, number>();
  for (const contender of contenders) {
    const ms = await warmUp(contender, effort);
    calls.set(contender, Math.max(1, Math.round(effort.roundMs / ms)));
  }
  const times = new Map<string, number[]>(contenders.map(({ name }) => [name, []]));
  const began = performance.now();
  let rounds = 0;
  while (rounds < effort.rounds && (rounds < LEAST_ROUNDS || performance.now() - began < LONGEST_MS)) {
    for (const contender of inTurn(contenders, rounds++)) {
      const count = calls.get(contender) as number;
      let ms = 0;
      for (let i = 0; i < count; i++) ms += await once(contender);
      times.get(contender.name)?.push((ms * 1_000) / (count * records));
    }
  }
  return contenders.flatMap(({ name }) => {
    const own = times.get(name) as number[];
    return floors.map((floor) => ({
      table,
      of,
      name,
      unit: 'µs' as const,
      value: quantile(own, 0.5),
      rounds,
      ratio: ratioOf(floor, own, times.get(floor) as number[]),
    }));
  });
}

/** Gives how long a call takes when it is warm. */
async function warmUp(contender: Contender, { warmUpMs }: Effort): Promise<number> {
  let ms = 0;
  for (let spentMs = 0; spentMs < warmUpMs; spentMs += ms) ms = await once(contender);
  return ms;
}

async function once({ run }: Contender): Promise<number> {
  const began = performance.now();
  const own = await run();
  return typeof own === 'number' ? own : performance.now() - began;
}
