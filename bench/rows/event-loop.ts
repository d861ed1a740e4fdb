/** How long the event loop of a process does not turn while many values are encrypted. */
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { encryptRecords } from 'cellseal';
import { besideFloors, itemsOf, nodeKey, people, subtleKey } from '../coders.js';
import { atOnce, sealWithNode, sealWithSubtle } from '../floors.js';
import { inTurn, quantile, ratioOf } from '../measure.js';
import { DELAY } from '../names.js';
import type { Row } from '../report.js';

const CONCURRENCY = 64;
const ROUNDS = 10;

export async function eventLoopRows(counts: readonly number[]): Promise<Row[]> {
  const rows: Row[] = [];
  for (const count of counts) rows.push(...(await delaysOf(count)));
  return rows;
}

async function delaysOf(count: number): Promise<Row[]> {
  const items = itemsOf(64, count);
  const records = items.map(({ id, value }) => ({ id, email: value }));
  const contenders = besideFloors({
    node: () => items.map(({ value, place }) => sealWithNode(nodeKey, value, place)),
    subtle: () => atOnce(CONCURRENCY, items, ({ value, place }) => sealWithSubtle(subtleKey, value, place)),
    cellseal: (keyring) => encryptRecords(people, records, keyring, { concurrency: CONCURRENCY }),
  });
  const delays = new Map<string, number[]>(contenders.map(({ name }) => [name, []]));
  for (let round = 0; round < ROUNDS; round++)
    for (const { name, call } of inTurn(contenders, round)) delays.get(name)?.push(await longestDelay(call));

  return contenders.map(({ name, floor }) => {
    const own = delays.get(name) as number[];
    const of = `${count.toLocaleString('en')} values`;
    const row = { table: DELAY, of, name, unit: 'ms', value: quantile(own, 0.5), rounds: ROUNDS } as const;
    return floor === undefined ? row : { ...row, ratio: ratioOf(floor, own, delays.get(floor) as number[]) };
  });
}

/** In milliseconds, at a resolution of one. */
async function longestDelay(work: () => unknown): Promise<number> {
  const delay = monitorEventLoopDelay({ resolution: 1 });
  delay.enable();
  await turn();
  await work();
  await turn();
  delay.disable();
  return delay.max / 1e6;
}

/** Long enough for the delay to be noted. */
function turn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 5));
}
