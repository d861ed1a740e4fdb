/**
 * `npm run sim -- [--seeds N] [--first-seed N] [--seed N] [--plant NAME [--in-depth]] [--around NAME] [--without DEFENCE]… [--list]`
 *
 * Exits with 1 where an invariant was violated, or, with everything standing, where a fault was never met.
 */
import { parseArgs } from 'node:util';
import { campaign } from './campaign.js';
import { type Configuration, DEFENCES, defenceNamed, plantNamed } from './defences.js';
import { PLANTS } from './plants.js';
import { AIMS, POINTS } from './points.js';
import { runSeed } from './run.js';

const USAGE =
  'usage: npm run sim -- [--seeds N] [--first-seed N] [--seed N] [--plant NAME [--in-depth]] [--around NAME] [--without DEFENCE]… [--list]';
const SHOWN_VIOLATIONS = 10;
const DEFAULT_SEEDS = 2_000;

interface Wanted {
  readonly configuration: Configuration;
  readonly seeds: number;
  readonly first: number;
  readonly one: number | undefined;
  readonly isList: boolean;
}

function wanted(given: string[]): Wanted {
  const { values } = parseArgs({
    args: given,
    options: {
      seeds: { type: 'string' },
      'first-seed': { type: 'string' },
      seed: { type: 'string' },
      plant: { type: 'string' },
      around: { type: 'string' },
      without: { type: 'string', multiple: true },
      'in-depth': { type: 'boolean' },
      list: { type: 'boolean' },
    },
  });
  const plant = values.plant === undefined ? undefined : plantNamed(values.plant);
  const without = values.without ?? [];
  for (const name of without) defenceNamed(name);
  return {
    configuration: {
      without,
      plant,
      isIsolated: plant !== undefined && !values['in-depth'],
      surroundingsOf: values.around === undefined ? undefined : plantNamed(values.around),
    },
    seeds: numberOf(values.seeds, DEFAULT_SEEDS),
    first: numberOf(values['first-seed'], 1),
    one: values.seed === undefined ? undefined : numberOf(values.seed, 0),
    isList: values.list === true,
  };
}

function numberOf(text: string | undefined, otherwise: number): number {
  if (text === undefined) return otherwise;
  const number = Number(text);
  if (!Number.isSafeInteger(number) || number < 0) throw new TypeError(`${text} is no number of seeds`);
  return number;
}

async function replay(seed: number, configuration: Configuration): Promise<number> {
  const result = await runSeed(seed, configuration, (line) => console.log(line));
  const { violation, steps, traceHash } = result;
  console.log(`seed ${seed}: ${steps} steps, trace ${traceHash.toString(16).padStart(8, '0')}`);
  console.log(violation ? `violation of ${violation.invariant}: ${violation.detail}` : 'no violation');
  return violation ? 1 : 0;
}

async function runAll({ configuration, seeds, first }: Wanted): Promise<number> {
  const startedMs = performance.now();
  const report = await campaign({ first, seeds, configuration });
  const seconds = (performance.now() - startedMs) / 1000;
  const { violations, unhitPoints, unhitAims } = report;
  const isComplete =
    !configuration.plant && !configuration.surroundingsOf && configuration.without.length === 0;
  console.log(
    `runs ${report.runs} (seeds ${first} to ${first + seeds - 1}) in ${seconds.toFixed(1)} s: ${report.steps} steps, ${report.writes} writes`,
  );
  console.log(
    `points hit ${POINTS.length - unhitPoints.length} of ${POINTS.length}; faults met ${AIMS.length - unhitAims.length} of ${AIMS.length} (point × kind)`,
  );
  console.log(`violations ${violations.length}`);
  const tally = new Map<string, number>();
  for (const { violation } of violations)
    tally.set(violation?.invariant ?? '', (tally.get(violation?.invariant ?? '') ?? 0) + 1);
  for (const [invariant, count] of tally) console.log(`  ${invariant}: ${count}`);
  for (const { seed, violation } of violations.slice(0, SHOWN_VIOLATIONS))
    console.log(`  seed ${seed}: ${violation?.invariant}: ${violation?.detail}`);
  if (isComplete) for (const name of unhitAims) console.log(`unhit ${name}`);
  return violations.length > 0 || (isComplete && unhitAims.length > 0) ? 1 : 0;
}

async function main(): Promise<number> {
  let asked: Wanted;
  try {
    asked = wanted(process.argv.slice(2));
  } catch (error) {
    console.error((error as Error).message);
    console.error(USAGE);
    return 2;
  }
  if (asked.isList) {
    for (const { name } of PLANTS) console.log(`plant ${name}`);
    for (const { name } of DEFENCES) console.log(`defence ${name}`);
    return 0;
  }
  const { plant, isIsolated } = asked.configuration;
  if (plant && isIsolated) console.log(`planted ${plant.name}; off: ${plant.without.join(', ')}`);
  return asked.one === undefined ? runAll(asked) : replay(asked.one, asked.configuration);
}

process.exitCode = await main();
