/** Look-ups in SQLite held against a model; and that the model finds what it is there to find. */
import { describe, expect, it } from 'vitest';
import { SearchModel } from './model.js';
import { search } from './search.js';

describe('look-ups in SQLite', () => {
  const seed = Number(process.env['CELLSEAL_SEED'] ?? Date.now() % 1_000_000);
  it(`find every record and no other, by the index of the database (seed ${seed})`, async () => {
    const report = await search({ store: 'sqlite', records: 1_000, queries: 1_400, schema: '', seed });
    expect(report).toMatchObject({ wrong: 0, missing: 0, areIndexed: true, finished: 3 });
    expect(report.writes).toBeGreaterThan(100);
  }, 120_000);
});

describe('the model', () => {
  it('wants what was there all the while, and takes what was there at some moment', () => {
    const model = new SearchModel();
    model.write(1, 'a')();
    const [from, end] = [model.moment(), model.write(1, 'b')];
    const to = model.moment();
    for (const found of [[], [1]])
      for (const email of ['a', 'b'])
        expect(model.judge(email, new Set(found), from, to)).toEqual({ wrong: 0, missing: 0 });
    end();
    const [later, last] = [model.moment(), model.moment()];
    expect(model.judge('b', new Set(), later, last)).toEqual({ wrong: 0, missing: 1 });
    expect(model.judge('a', new Set([1]), later, last)).toEqual({ wrong: 1, missing: 0 });
    model.write(1, undefined)();
    const [gone, over] = [model.moment(), model.moment()];
    expect(model.judge('b', new Set([1]), gone, over)).toEqual({ wrong: 1, missing: 0 });
    expect(model.judge('b', new Set(), gone, over)).toEqual({ wrong: 0, missing: 0 });
  });
});
