/**
 * Whether worker threads earn their keep: batches of records encrypted and decrypted, and the cells of a rotation's
 * chunks renewed, by what is shipped, by the least that one thread can do (`lean`), and by several shapes with workers.
 * All are on `node:crypto`, take and give the same, and take turns in one run; the clock is that of the wall, for it is
 * the wall that threads are to win against. Before anything is timed the package opens what every shape has made.
 *
 *     npm run bench:threads -- [--quick] [--json FILE]
 */
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { FULL, QUICK } from '../measure.js';
import { type Row, machineOf, reportOf, writeReport } from '../report.js';
import { type Batch, batchRows } from './batches.js';
import { chunkRows } from './chunks.js';
import { shareOnSqlite } from './rotation.js';
import { show, showShapes, showWhole } from './verdict.js';

const { values } = parseArgs({
  options: { quick: { type: 'boolean', default: false }, json: { type: 'string' } },
});
const isQuick = values.quick;
const effort = isQuick ? { ...QUICK, rounds: 3 } : FULL;

const BATCHES: readonly Batch[] = [
  { records: 100, attributes: 1, bytes: 64 },
  { records: 1_000, attributes: 1, bytes: 64 },
  { records: 10_000, attributes: 1, bytes: 64 },
  { records: 1_000, attributes: 3, bytes: 64 },
  { records: 10_000, attributes: 3, bytes: 64 },
  { records: 1_000, attributes: 1, bytes: 1_024 },
  { records: 10_000, attributes: 1, bytes: 1_024 },
];
const QUICK_BATCHES: readonly Batch[] = [
  { records: 100, attributes: 1, bytes: 64 },
  { records: 1_000, attributes: 3, bytes: 1_024 },
];
/** A rotation begins with chunks of 250; they grow until each takes a quarter of a second. */
const CHUNKS = [250, 1_000, 3_000];

const began = performance.now();
const ran = reportOf([], { clock: 'wall', isQuick });
console.log(`${machineOf(ran)}; ${availableParallelism()} threads at once`);
console.log('How many times as fast: median (quartiles) of the rounds.');
const batches = await batchRows(effort, isQuick ? QUICK_BATCHES : BATCHES, show);
const chunks = await chunkRows(effort, isQuick ? [250] : CHUNKS, isQuick ? 250 : 3_000, show);
const share = await shareOnSqlite(isQuick ? 1_000 : 10_000, isQuick ? 1 : 5);
showShapes([...batches, ...chunks]);
showWhole(chunks, share);
console.log(`\n${((performance.now() - began) / 1_000).toFixed(0)} s`);
if (values.json) {
  const { records, rounds, ...shares } = share;
  const rewriting: Row = {
    table: 'A rotation over SQLite',
    of: `${records.toLocaleString('en')} records`,
    name: 'rewriting cells',
    unit: 's',
    value: share.seconds,
    rounds,
    ratio: { floor: 'all of it', median: shares.median, low: shares.low, high: shares.high },
  };
  writeReport(values.json, { ...ran, rows: [...batches, ...chunks, rewriting] });
}
