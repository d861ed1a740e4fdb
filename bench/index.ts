/**
 * What cellseal costs beside the shortest code that does the same (`floors.ts`), and beside other packages, as ratios
 * measured in one run. `npm run bench` builds and installs what is missing, then starts this.
 *
 *     npm run bench -- [--quick] [--json FILE] [--clock wall|processor]
 */
import { parseArgs } from 'node:util';
import { FULL, QUICK } from './measure.js';
import { type Row, gridsOf, machineOf, print, reportOf, writeReport } from './report.js';
import { atOnceRows, batchRows } from './rows/batches.js';
import { coldRows } from './rows/cold.js';
import { eventLoopRows } from './rows/event-loop.js';
import { importRows } from './rows/imports.js';
import { lookupRows } from './rows/lookups.js';
import { besideOneCellRows, recordRows } from './rows/records.js';
import { storedRows, valueRows } from './rows/values.js';
import { verdictsOf } from './targets.js';

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    json: { type: 'string' },
    clock: { type: 'string', default: 'wall' },
  },
});
const isQuick = values.quick;
const clock = values.clock === 'processor' ? 'processor' : 'wall';
const effort = { ...(isQuick ? QUICK : FULL), clock } as const;
const SIZES = [0, 16, 64, 256, 4_096, 65_536, 1_048_576];

const began = performance.now();
const rows: Row[] = [];
const steps: readonly (() => Promise<Row[]> | Row[])[] = [
  () => valueRows(effort, isQuick ? [64, 4_096] : SIZES),
  () => storedRows(SIZES),
  () => atOnceRows(effort, isQuick ? [64] : [64, 256, 1_024]),
  () => batchRows(effort, isQuick ? [100, 1_000] : [10, 100, 1_000, 10_000]),
  () => recordRows(effort, isQuick ? [5] : [1, 5, 20]),
  () => besideOneCellRows(effort),
  () => coldRows(effort, isQuick ? 100 : 1_000),
  () => eventLoopRows(isQuick ? [1_000] : [1_000, 10_000]),
  () => lookupRows(effort),
  () => importRows(),
];

console.log(machineOf(reportOf([], { clock, isQuick })));
console.log(
  'Floors: medians of their time. All else: the ratio to a floor, median (quartiles) of the rounds.',
);
for (const step of steps) {
  const found = await step();
  rows.push(...found);
  gridsOf(found).forEach(print);
}
console.log('\nTargets');
for (const { target, figure, isMet } of verdictsOf(rows))
  if (figure !== undefined) console.log(`${isMet ? 'met     ' : 'not met '} ${target}: ${figure}`);
console.log(`\n${((performance.now() - began) / 1_000).toFixed(0)} s`);
if (values.json) writeReport(values.json, reportOf(rows, { clock, isQuick }));
