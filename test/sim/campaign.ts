/** Many seeds, and what came of them. */
import type { Configuration } from './defences.js';
import { AIMS, POINTS, aimName } from './points.js';
import { type RunResult, runSeed } from './run.js';

export interface Report {
  readonly runs: number;
  readonly steps: number;
  readonly writes: number;
  readonly violations: readonly RunResult[];
  /** How often each pair of point and fault was met. */
  readonly hits: ReadonlyMap<string, number>;
  /** Points at which nothing went wrong, and pairs that were not met. */
  readonly unhitPoints: readonly string[];
  readonly unhitAims: readonly string[];
}

export interface CampaignOptions {
  readonly first: number;
  readonly seeds: number;
  readonly configuration: Configuration;
  /** Ends with the first violation for which this says so. Default: never. */
  readonly isEnough?: (result: RunResult) => boolean;
}

export async function campaign({ first, seeds, configuration, isEnough }: CampaignOptions): Promise<Report> {
  const hits = new Map<string, number>();
  const violations: RunResult[] = [];
  let [runs, steps, writes] = [0, 0, 0];
  for (let seed = first; seed < first + seeds; seed++) {
    const result = await runSeed(seed, configuration);
    runs++;
    steps += result.steps;
    writes += result.writes;
    for (const [name, count] of result.hits) hits.set(name, (hits.get(name) ?? 0) + count);
    if (!result.violation) continue;
    violations.push(result);
    if (isEnough?.(result)) break;
  }
  const unhitAims = AIMS.map(({ point, kind }) => aimName(point.name, kind)).filter(
    (name) => !hits.has(name),
  );
  const unhitPoints = POINTS.filter(
    ({ name, kinds }) => !kinds.some((kind) => hits.has(aimName(name, kind))),
  ).map(({ name }) => name);
  return { runs, steps, writes, violations, hits, unhitPoints, unhitAims };
}
