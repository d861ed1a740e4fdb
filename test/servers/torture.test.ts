/** A short torture on each server: at the points around a commit, once each. `npm run torture` goes through all of them. */
import { expect, it } from 'vitest';
import { rotatorPoints } from '../torture/points.js';
import { torture } from '../torture/torture.js';

const SEED = Number(process.env['CELLSEAL_SEED'] ?? Date.now() % 1_000_000);
const SCHEMA = `${process.env['CELLSEAL_TEST_SCHEMA'] ?? 'cellseal'}_torture`;

const AROUND_COMMITS = /chunk|page|job\.write|COMMIT|keyring\.change|BEGIN|lock|update|verify/;

it.each([
  ['postgres', 'database'],
  ['mariadb', 'files'],
] as const)(
  `a torture in %s, keyring in %s, loses, changes and resurrects nothing (seed ${SEED})`,
  async (store, keyringIn) => {
    const points = rotatorPoints(store).filter((point) => AROUND_COMMITS.test(point));
    const report = await torture({ store, keyringIn, kills: 1, each: 1, points, seed: SEED, schema: SCHEMA });
    expect(report.faults).toEqual([]);
    for (const point of points) expect(report.kills[point], point).toBeGreaterThanOrEqual(1);
    for (const cut of ['before', 'after'])
      expect(report.other[`cut ${cut} COMMIT (rotator)`], cut).toBeGreaterThanOrEqual(1);
  },
  600_000,
);
