/**
 * What an application feels of a rotation: an open loop of reads and updates, encrypted and decrypted, at a fixed rate,
 * with the rotation of another process on and off in alternating windows. Latency counts from when an operation was due,
 * not from when it was begun. Printed are the ratios of percentiles, on over off, of each pair of neighbouring windows:
 * their median, and the quartiles as spread.
 *
 *     npm run bench:latency -- [--store postgres|mariadb|sqlite] [--pace gentle,steady,full] [--windows 20]
 *                              [--seconds 3] [--rate 200] [--records 50000]
 */
import { type ChildProcess, fork } from 'node:child_process';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { closeKeyring, createKeyring, decryptCell, watchKeyring } from 'cellseal';
import { fileKeyring } from 'cellseal/file';
import { fill, people, rawKey, sealed } from './people.js';
import { type Place, type PlaceName, benchFolder, openPlace } from './places.js';

const { values } = parseArgs({
  options: {
    store: { type: 'string', default: 'postgres' },
    pace: { type: 'string', default: 'gentle,steady,full' },
    windows: { type: 'string', default: '20' },
    seconds: { type: 'string', default: '3' },
    rate: { type: 'string', default: '200' },
    records: { type: 'string', default: '50000' },
  },
});
const store = values.store as PlaceName;
const [windows, seconds, rate, records] = [values.windows, values.seconds, values.rate, values.records].map(
  Number,
) as [number, number, number, number];
const PERCENTILES = [50, 95, 99];

const folder = benchFolder();
const place = await openPlace(store, join(folder.path, 'people.db'), true);
const keyring = await createKeyring(fileKeyring(join(folder.path, 'keyring')), { rawKey });
await watchKeyring(keyring, { everyMs: 100 });
await fill(place, keyring, records);

console.log(`${store}, Node ${process.versions.node}, ${cpus().length} × ${cpus()[0]?.model.trim()}`);
console.log(`${rate} operations/s, ${records} records, ${windows} pairs of windows of ${seconds} s`);
console.log('pace | rotated records/s | p50 on/off | p95 on/off | p99 on/off | p99 off, ms');
for (const pace of values.pace.split(',')) await measure(pace);
await closeKeyring(keyring);
await place.close();
folder.remove();

async function measure(pace: string): Promise<void> {
  const rotator = fork(fileURLToPath(new URL('rotator.ts', import.meta.url)), [store, folder.path, pace], {
    execArgv: process.execArgv,
  });
  await said(rotator, (message) => message === 'ready');
  await window(place); // not counted
  const pairs: { readonly on: readonly number[]; readonly off: readonly number[] }[] = [];
  for (let i = 0; i < windows; i++) {
    // Which of the two comes first alternates, so that what drifts is on both sides alike.
    const turns = i % 2 === 0 ? (['on', 'off'] as const) : (['off', 'on'] as const);
    const pair = { on: [] as readonly number[], off: [] as readonly number[] };
    for (const turn of turns) {
      rotator.send(turn);
      await said(rotator, (message) => message === turn);
      pair[turn] = await window(place);
    }
    pairs.push(pair);
  }
  rotator.send('end');
  const rotated = Number(await said(rotator, (message) => typeof message === 'number'));
  const ratios = PERCENTILES.map((percent) =>
    spread(pairs.map(({ on, off }) => percentile(on, percent) / percentile(off, percent))),
  );
  const p99 = percentile(
    pairs.flatMap(({ off }) => off).sort((a, b) => a - b),
    99,
  );
  const perSecond = (rotated / (windows * seconds)).toFixed(0);
  console.log([pace, perSecond, ...ratios, p99.toFixed(2)].join(' | '));
}

/** One window of open-loop load: how long each operation took from when it was due, sorted, in milliseconds. */
async function window(place: Place): Promise<readonly number[]> {
  const count = rate * seconds;
  const startMs = performance.now();
  const under: Promise<number>[] = [];
  for (let i = 0; i < count; i++) {
    const dueMs = startMs + (i * 1000) / rate;
    const waitMs = dueMs - performance.now();
    if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs));
    under.push(operate(place, i).then(() => performance.now() - dueMs));
  }
  return (await Promise.all(under)).sort((a, b) => a - b);
}

/** Every fifth operation writes. */
async function operate({ read, update }: Place, i: number): Promise<void> {
  const id = 1 + Math.floor(Math.random() * records);
  if (i % 5 === 0) return update({ id, email: await sealed(keyring, id, i) });
  const cell = await read(id);
  await decryptCell(people, 'email', cell as never, { id }, keyring);
}

function said(child: ChildProcess, isIt: (message: unknown) => boolean): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const listen = (message: unknown): void => {
      if (!isIt(message)) return;
      child.off('message', listen);
      child.off('exit', end);
      resolve(message);
    };
    const end = (code: number | null): void => reject(new Error(`the rotator ended with ${code}`));
    child.on('message', listen);
    child.once('exit', end);
  });
}

function percentile(sorted: readonly number[], percent: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor((sorted.length * percent) / 100))] as number;
}

function spread(ratios: readonly number[]): string {
  const sorted = [...ratios].sort((a, b) => a - b);
  const [low, middle, high] = [25, 50, 75].map((percent) => percentile(sorted, percent).toFixed(2));
  return `${middle} (${low}–${high})`;
}
