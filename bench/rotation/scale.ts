/**
 * How the time and the memory of a rotation grow with the number of records: each size in a process of its own, which
 * fills a table, rotates it once and tells how long that took and how its resident memory went. The slope is that of the
 * logarithm of the time over the logarithm of the records: 1 is proportional.
 *
 *     npm run bench:scale -- [--store sqlite|postgres|mariadb] [--records 10000,100000,1000000] [--engine webcrypto|node]
 */
import { fork } from 'node:child_process';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { activateKey, addKey, createKeyring } from 'cellseal';
import { fileKeyring } from 'cellseal/file';
import { nodeEngine } from 'cellseal/node';
import { census, rotate } from 'cellseal/rotation';
import { everything, fill, rawKey } from './people.js';
import { type PlaceName, benchFolder, openPlace } from './places.js';

interface Outcome {
  readonly records: number;
  readonly seconds: number;
  /** Mebibytes resident, before the first chunk and at most. */
  readonly before: number;
  readonly most: number;
}

const MIB = 1024 * 1024;

const { values, positionals } = parseArgs({
  options: {
    store: { type: 'string', default: 'sqlite' },
    records: { type: 'string', default: '10000,31623,100000,316228,1000000' },
    engine: { type: 'string', default: 'webcrypto' },
  },
  allowPositionals: true,
});
const [isChild] = positionals;
if (isChild) process.send?.(await measure(values.store as PlaceName, Number(values.records)));
else await compare(values.store as PlaceName, values.records.split(',').map(Number));

async function measure(name: PlaceName, records: number): Promise<Outcome> {
  const folder = benchFolder();
  const place = await openPlace(name, join(folder.path, 'people.db'), true);
  const keyring = await createKeyring(fileKeyring(join(folder.path, 'keyring')), {
    rawKey,
    ...(values.engine === 'node' ? { engine: nodeEngine() } : {}),
  });
  await fill(place, keyring, records);
  await activateKey(keyring, await addKey(keyring));
  globalThis.gc?.();
  const before = process.memoryUsage.rss() / MIB;
  let most = before;
  const startedMs = performance.now();
  for await (const _ of rotate(everything, { keyring, records: place.records }))
    most = Math.max(most, process.memoryUsage.rss() / MIB);
  const seconds = (performance.now() - startedMs) / 1000;
  const { cells } = await census(everything, { keyring, records: place.records });
  if (Object.keys(cells).length !== 1) throw new Error('the rotation left cells behind');
  await place.close();
  folder.remove();
  return { records, seconds, before, most };
}

async function compare(name: PlaceName, sizes: readonly number[]): Promise<void> {
  console.log(
    `${name}, engine ${values.engine}, Node ${process.versions.node}, ${cpus().length} × ${cpus()[0]?.model.trim()}`,
  );
  console.log('records | seconds | records/s | MiB before | MiB at most');
  const outcomes: Outcome[] = [];
  for (const size of sizes) {
    const outcome = await inChild(name, size);
    outcomes.push(outcome);
    const { records, seconds, before, most } = outcome;
    const figures = [
      records,
      seconds.toFixed(2),
      (records / seconds).toFixed(0),
      before.toFixed(0),
      most.toFixed(0),
    ];
    console.log(figures.join(' | '));
  }
  console.log(`slope of log time over log records: ${slope(outcomes).toFixed(3)}`);
  const peaks = outcomes.map(({ most }) => most);
  console.log(
    `resident memory at most, largest less smallest: ${(Math.max(...peaks) - Math.min(...peaks)).toFixed(0)} MiB`,
  );
}

function inChild(name: PlaceName, records: number): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const child = fork(
      fileURLToPath(import.meta.url),
      ['child', '--store', name, '--records', String(records), '--engine', values.engine],
      { execArgv: [...process.execArgv, '--expose-gc'] },
    );
    child.once('message', (outcome) => resolve(outcome as Outcome));
    child.once('exit', (code) => reject(new Error(`a run over ${records} records ended with ${code}`)));
  });
}

/** Least squares through the logarithms. */
function slope(outcomes: readonly Outcome[]): number {
  const points = outcomes.map(({ records, seconds }) => [Math.log(records), Math.log(seconds)] as const);
  const mean = (of: 0 | 1): number => points.reduce((sum, point) => sum + point[of], 0) / points.length;
  const [x, y] = [mean(0), mean(1)];
  const above = points.reduce((sum, point) => sum + (point[0] - x) * (point[1] - y), 0);
  return above / points.reduce((sum, point) => sum + (point[0] - x) ** 2, 0);
}
