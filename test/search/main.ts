/** `npm run search -- --store postgres|mariadb|sqlite [--records 100000] [--queries 100000] [--rounds 20] [--engine node|webcrypto] [--seed N]` */
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { SEARCH_PLACES } from './places.js';
import { search } from './search.js';

const { values } = parseArgs({
  options: {
    store: { type: 'string' },
    records: { type: 'string', default: '100000' },
    queries: { type: 'string', default: '100000' },
    rounds: { type: 'string', default: '20' },
    engine: { type: 'string', default: 'node' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
  },
});
const store = SEARCH_PLACES.find((name) => name === values.store);
const engine = (['node', 'webcrypto'] as const).find((name) => name === values.engine);
const [records, queries, rounds, seed] = [values.records, values.queries, values.rounds, values.seed].map(
  Number,
) as [number, number, number, number];
if (!store || !engine || !(records >= 100) || !(queries >= 1) || !(rounds >= 0)) {
  console.error(
    'npm run search -- --store postgres|mariadb|sqlite [--records 100000] [--queries 100000] [--rounds 20] [--engine node|webcrypto] [--seed N]',
  );
  process.exit(2);
}
const schema = `cellseal_search_${process.pid}`;
const report = await search({ store, engine, records, queries, rounds, schema, seed });
console.log(
  `${store}, engine ${engine}, Node ${process.versions.node}, ${cpus().length} × ${cpus()[0]?.model.trim()}; seed ${seed}`,
);
console.log(`${records} people, ${report.queries} look-ups, ${report.writes} writes beside them`);
console.log(
  `wrong answers: ${report.wrong}, missing ones: ${report.missing}; candidates left out: ${report.coincidences}`,
);
console.log(`changes of keys that were finished: ${report.finished} of 3`);
for (const [i, plan] of report.plans.entries()) console.log(`\nplan with ${i + 1} index keys:\n${plan}`);
if (report.cost) {
  const spell = ([low, middle, high]: readonly number[]): string =>
    `${middle?.toFixed(2)} (${low?.toFixed(2)}–${high?.toFixed(2)})`;
  console.log(`\nover the same look-up in the clear, medians of ${rounds} rounds and quartiles:`);
  console.log(`  tokens, query, decryption and comparison: ${spell(report.cost.whole)}`);
  console.log(`  tokens and query: ${spell(report.cost.query)}`);
}
const isSound = report.wrong + report.missing === 0 && report.areIndexed && report.finished === 3;
console.log(isSound ? '\nAll held.' : '\nFAULTS');
process.exitCode = isSound ? 0 : 1;
