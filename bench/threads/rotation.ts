/** What a rotation spends on cells: over a store that costs nothing, and its share over SQLite. */
import { type SynchronousKeyring, activateKey, addKey, createKeyring, encryptRecords } from 'cellseal';
import { memoryKeyring } from 'cellseal/memory';
import { type RecordStore, type StepName, type StepObserver, rotate } from 'cellseal/rotation';
import { nodeEngine } from '../engines.js';
import { quantile } from '../measure.js';
import { fulfilled } from '../outcomes.js';
import { PLACES, type ThreeCells, everything, people } from '../rotation/three-cells.js';
import type { Found } from './records.js';

/** Milliseconds within one step of a rotation. */
function stopwatch(name: StepName): { readonly observer: StepObserver; ms(): number } {
  let began = 0;
  let spentMs = 0;
  return {
    observer: {
      before(step) {
        if (step === name) began = performance.now();
      },
      after(step) {
        if (step === name) spentMs += performance.now() - began;
      },
    },
    ms: () => spentMs,
  };
}

/** The shipped rotation, over chunks of `found` that are never changed: the milliseconds in which it rewrites cells. */
export async function rewriting(
  keyring: SynchronousKeyring,
  found: readonly Found[],
  chunkRecords: number,
): Promise<number> {
  const { observer, ms } = stopwatch('chunk.rewrite');
  const records = unchanging(found);
  for await (const _ of rotate(everything, { keyring, records, chunkRecords, observer }));
  return ms();
}

/** Gives the same records to everyone, and says that every swap was made. */
function unchanging(found: readonly Found[]): RecordStore {
  let job: string | undefined;
  const { length } = found;
  return {
    abilities: { compareAndSwap: true, transactions: true, snapshotCensus: true },
    page(_, { after, maxRecords }) {
      const from = Number(after ?? 0);
      const records = found.slice(from, from + maxRecords);
      const end = from + records.length;
      return { records, next: records.length === 0 ? undefined : String(end), done: end === length };
    },
    commit(_, chunk) {
      const swapped = chunk.swaps.map(() => true);
      job = chunk.job?.(swapped).next ?? job;
      return { committed: true, swapped };
    },
    readJob: () => job,
    writeJob(write) {
      job = write.next;
      return true;
    },
    boundaries: () => [],
    reread: () => [],
    census: () => [],
    estimate: () => ({ records: length, source: 'count' }),
    listQuarantine: () => [],
    settleQuarantine: () => 0,
  };
}

/** Of whole rotations over SQLite: the share of the time in which they rewrite cells, the median and quartiles. */
export interface Share {
  readonly records: number;
  readonly rounds: number;
  readonly median: number;
  readonly low: number;
  readonly high: number;
  /** So many are spent on them, the median. */
  readonly seconds: number;
  /** Records of the largest chunk. */
  readonly chunk: number;
}

const INSERTED_AT_ONCE = 2_000;

export async function shareOnSqlite(records: number, rounds: number): Promise<Share> {
  const place = await (PLACES['sqlite'] as NonNullable<(typeof PLACES)[string]>)();
  const rawKey = globalThis.crypto.getRandomValues(new Uint8Array(32));
  const keyring = await createKeyring(memoryKeyring(), { rawKey, engine: nodeEngine });
  for (let from = 1; from <= records; from += INSERTED_AT_ONCE) {
    const plain = Array.from({ length: Math.min(INSERTED_AT_ONCE, records - from + 1) }, (_, i) =>
      threeTexts(from + i),
    );
    await place.insert(fulfilled(await encryptRecords(people, plain, keyring)) as ThreeCells[]);
  }
  const shares: number[] = [];
  const spent: number[] = [];
  let chunk = 0;
  for (let round = 0; round < rounds; round++) {
    await activateKey(keyring, await addKey(keyring));
    const { observer, ms } = stopwatch('chunk.rewrite');
    const began = performance.now();
    let scanned = 0;
    for await (const { counters } of rotate(everything, { keyring, records: place.records, observer })) {
      chunk = Math.max(chunk, counters.scanned - scanned);
      scanned = counters.scanned;
    }
    if (scanned !== records) throw new Error('The rotation has looked at other records.');
    spent.push(ms() / 1_000);
    shares.push(ms() / (performance.now() - began));
  }
  await place.close();
  const [low, median, high] = [0.25, 0.5, 0.75].map((q) => quantile(shares, q)) as [number, number, number];
  return { records, rounds, median, low, high, seconds: quantile(spent, 0.5), chunk };
}

/** Three values of 64 bytes. */
export function threeTexts(id: number): ThreeCells {
  const textOf = (name: string): string => `${name}-${id}@`.padEnd(52, 'x').concat('.example.org');
  return { id, email: textOf('email'), phone: textOf('phone'), notes: textOf('notes') };
}
