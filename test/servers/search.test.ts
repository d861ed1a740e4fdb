/** Look-ups held against a model, beside writers and changing keys; `npm run search` does the same at length. */
import { describe, expect, it } from 'vitest';
import { search } from '../search/search.js';

const prefix = process.env['CELLSEAL_TEST_SCHEMA'] ?? 'cellseal_test';

describe.each(['postgres', 'mariadb'] as const)('look-ups in %s', (store) => {
  const seed = Number(process.env['CELLSEAL_SEED'] ?? Date.now() % 1_000_000);
  it(`find every record and no other, by the index of the database (seed ${seed})`, async () => {
    const schema = `${prefix}_search`;
    const report = await search({ store, records: 1_000, queries: 1_400, schema, seed });
    expect(report).toMatchObject({ wrong: 0, missing: 0, areIndexed: true, finished: 3 });
    expect(report.writes).toBeGreaterThan(100);
  }, 120_000);
});
