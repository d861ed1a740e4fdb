/** A short torture on each server: every named point at least once. */
import { expect, it } from 'vitest';
import { rotatorPoints } from '../torture/points.js';
import { torture } from '../torture/torture.js';

const SEED = Number(process.env['CELLSEAL_SEED'] ?? Date.now() % 1_000_000);
const SCHEMA = `${process.env['CELLSEAL_TEST_SCHEMA'] ?? 'cellseal'}_torture`;

it.each([
  ['postgres', 'database'],
  ['mariadb', 'files'],
] as const)(
  `a torture in %s, keyring in %s, loses, changes and resurrects nothing (seed ${SEED})`,
  async (store, keyringIn) => {
    const report = await torture({ store, keyringIn, kills: 1, each: 1, seed: SEED, schema: SCHEMA });
    expect(report.faults).toEqual([]);
    for (const point of rotatorPoints(store)) expect(report.kills[point], point).toBeGreaterThanOrEqual(1);
    for (const cut of ['before', 'after'])
      expect(report.other[`cut ${cut} COMMIT (rotator)`], cut).toBeGreaterThanOrEqual(1);
  },
  600_000,
);
