/**
 * Measures contenders by turns, so that all of them meet the same machine: in each round every contender runs for about
 * as long, in another order than the round before. A ratio is that of a contender's time to its floor's in the same
 * round; told are medians over the rounds, and the quartiles as spread.
 */
import type { Ratio, Row } from './report.js';

/** What is timed. */
export interface Contender {
  readonly name: string;
  /** The contender that its ratio is to. Default: it is a floor itself. */
  readonly floor?: string;
  /** One call; a promise is awaited. */
  readonly call: () => unknown;
  /** Done before every timed call, and not timed; a round is then one call. */
  readonly before?: () => unknown;
}

/** Node has it with `--expose-gc`. Of the young generation only: more would begin every round with a small one. */
const collectGarbage = (globalThis as { gc?: (options: { type: 'minor' }) => void }).gc;

/** Milliseconds: of the wall, or those that the threads of this process have worked, on a machine that is busy otherwise. */
export const CLOCKS = {
  wall: () => performance.now(),
  processor: () => {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1_000;
  },
} as const;

/** How long to measure, and by which clock. */
export interface Effort {
  readonly clock: keyof typeof CLOCKS;
  readonly rounds: number;
  readonly roundMs: number;
  readonly warmUpMs: number;
}

export const FULL: Effort = { clock: 'wall', rounds: 15, roundMs: 25, warmUpMs: 150 };
export const QUICK: Effort = { clock: 'wall', rounds: 10, roundMs: 8, warmUpMs: 40 };

/** What the rows are called, and how many operations one call is. */
export interface Measured {
  readonly table: string;
  readonly of: string;
  /** Cells or records of one call. Default: 1. */
  readonly operations?: number;
}

export async function measure(
  effort: Effort,
  { table, of, operations = 1 }: Measured,
  contenders: readonly Contender[],
): Promise<Row[]> {
  const calls = new Map<Contender, number>();
  for (const contender of contenders) calls.set(contender, await warmUp(contender, effort));

  const times = new Map<string, number[]>(contenders.map(({ name }) => [name, []]));
  for (let round = 0; round < effort.rounds; round++) {
    for (const contender of inTurn(contenders, round)) {
      const count = calls.get(contender) as number;
      collectGarbage?.({ type: 'minor' }); // nobody pays for what the one before has left
      const ms = await timed(contender, count, CLOCKS[effort.clock]);
      times.get(contender.name)?.push((ms * 1_000) / (count * operations));
    }
  }
  return contenders.map(({ name, floor }) => {
    const own = times.get(name) as number[];
    const under = floor === undefined ? undefined : times.get(floor);
    if (floor !== undefined && under === undefined)
      throw new Error(`${floor} is not measured beside ${name}`);
    const row = { table, of, name, unit: 'µs', value: quantile(own, 0.5), rounds: own.length } as const;
    return floor === undefined || under === undefined ? row : { ...row, ratio: ratioOf(floor, own, under) };
  });
}

/** Median and quartiles of the ratios, round by round. */
export function ratioOf(floor: string, own: readonly number[], under: readonly number[]): Ratio {
  const ratios = own.map((time, i) => time / (under[i] as number));
  return {
    floor,
    median: quantile(ratios, 0.5),
    low: quantile(ratios, 0.25),
    high: quantile(ratios, 0.75),
  };
}

export function quantile(values: readonly number[], q: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  const place = (sorted.length - 1) * q;
  const [below, above] = [sorted[Math.floor(place)] as number, sorted[Math.ceil(place)] as number];
  return below + (above - below) * (place - Math.floor(place));
}

/** Each begins once in so many rounds, and neighbours change. */
export function inTurn<T>(all: readonly T[], round: number): T[] {
  const first = round % all.length;
  const turned = [...all.slice(first), ...all.slice(0, first)];
  return round % 2 === 0 ? turned : turned.reverse();
}

/** Gives how many calls fill a round. */
async function warmUp(contender: Contender, { clock, roundMs, warmUpMs }: Effort): Promise<number> {
  if (contender.before) {
    await timed(contender, 1, CLOCKS[clock]);
    return 1;
  }
  let calls = 1;
  let spentMs = 0;
  for (;;) {
    const ms = await timed(contender, calls, CLOCKS[clock]);
    spentMs += ms;
    if (spentMs >= warmUpMs) return Math.max(1, Math.ceil((roundMs * calls) / ms));
    calls *= 2;
  }
}

async function timed({ before, call }: Contender, calls: number, now: () => number): Promise<number> {
  if (before) await before();
  const began = now();
  const first = call();
  if (isPromise(first)) {
    await first;
    for (let i = 1; i < calls; i++) await call();
  } else {
    for (let i = 1; i < calls; i++) call();
  }
  return now() - began;
}

function isPromise(value: unknown): boolean {
  return typeof (value as { then?: unknown } | undefined)?.then === 'function';
}
