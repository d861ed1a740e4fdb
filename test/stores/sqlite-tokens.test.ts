import { describe, expect, it } from 'vitest';
import { integer, table, text } from '../../src/index.js';
import type { StoredRecord } from '../../src/rotation/index.js';
import type { SqliteValue } from '../../src/store/sqlite/client.js';
import { sqliteRecords } from '../../src/store/sqlite.js';
import { describeDuplicates } from '../rotation/duplicates.js';
import { connect } from './places.js';
import { type Connection, DRIVERS } from './sqlite-drivers.js';

for (const driver of DRIVERS) {
  let db: Connection;
  describeDuplicates({
    name: `SQLite over ${driver.name}`,
    type: 'TEXT',
    constraints: ['UNIQUE'],
    async prepare() {
      db = connect(driver);
      return 'accounts';
    },
    async run(sql, values = []) {
      db.prepare(sql).run(...(values as SqliteValue[]));
      return [];
    },
    records: () => sqliteRecords(db),
  });
}

const { layout } = table('people', {
  record: integer('id'),
  encrypt: { name: text({ index: { bits: 256 } }) },
});
const CELL = `cs1r.${'a'.repeat(26)}.${'A'.repeat(50)}`;
const token = (prefix: string): string => `${prefix}.${'0f'.repeat(32)}`;
const NOTHING = { prefixes: {}, notTokens: 0, missing: 0 };

describe.each(DRIVERS)('tokens over $name', (driver) => {
  const open = (encoding = 'UTF-8') => {
    const db = connect(driver);
    db.exec(`PRAGMA encoding = '${encoding}'`);
    db.exec('CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT, name_index TEXT)');
    db.prepare('INSERT INTO people VALUES (1, ?, ?)').run(CELL, token('aaaa2222'));
    const store = sqliteRecords(db);
    const record = async (): Promise<StoredRecord> => {
      const page = await store.page(layout, { after: undefined, maxRecords: 1, maxBytes: 1e6 });
      return page.records[0] as StoredRecord;
    };
    const count = async () => (await store.census([layout]))[0]?.tokens?.[0];
    return { db, store, record, count };
  };

  it.each(['UTF-8', 'UTF-16le', 'UTF-16be'])('are swapped and counted in a file of %s', async (encoding) => {
    const { store, record, count } = open(encoding);
    expect(await count()).toEqual({ ...NOTHING, prefixes: { aaaa2222: 1 } });
    const { key, tokens } = await record();
    expect(tokens).toEqual([token('aaaa2222')]);
    const swap = (old: string | null, fresh: string | null) =>
      store.commit(layout, {
        id: 'job',
        swaps: [{ key, cells: [{ cell: 0, old: CELL, new: CELL }], tokens: [{ token: 0, old, new: fresh }] }],
        quarantine: [],
      });
    for (const [old, fresh, isMade] of [
      [token('AAAA2222'), token('bbbb3333'), false],
      [null, token('bbbb3333'), false],
      [token('aaaa2222'), token('bbbb3333'), true],
      [token('bbbb3333'), null, true],
      ['', token('cccc4444'), false],
      [null, token('cccc4444'), true],
    ] as const) {
      expect(await swap(old, fresh)).toEqual({ committed: true, swapped: [isMade] });
      if (isMade) expect((await record()).tokens).toEqual([fresh]);
    }
    expect(await count()).toEqual({ ...NOTHING, prefixes: { cccc4444: 1 } });
  });

  it.each([
    ['has a NUL behind it', "'aaaa2222.00' || char(0)"],
    ['has a NUL and more behind it', "'aaaa2222.00' || char(0) || 'x'"],
    ['is bytes', "CAST('aaaa2222.00' AS BLOB)"],
    ['is no UTF-8', "CAST(CAST('aaaa2222.00' AS BLOB) || X'FF' AS TEXT)"],
  ])('what %s is none, and is not swapped', async (_, sql) => {
    const { db, store, record, count } = open();
    db.exec(`UPDATE people SET name_index = ${sql}`);
    expect(await count()).toEqual({ ...NOTHING, notTokens: 1 });
    const { key, tokens } = await record();
    expect(tokens).toEqual(['']);
    for (const old of ['', 'aaaa2222.00']) {
      const swap = { key, cells: [{ cell: 0, old: CELL, new: CELL }], tokens: [{ token: 0, old, new: 'x' }] };
      const outcome = await store.commit(layout, { id: 'job', swaps: [swap], quarantine: [] });
      expect(outcome).toEqual({ committed: true, swapped: [false] });
    }
    expect(db.prepare(`SELECT name_index IS (${sql}) AS same FROM people`).all()).toEqual([{ same: 1 }]);
  });

  it('a cell that stays is not written', async () => {
    const { db, store, record } = open();
    db.exec('CREATE TABLE written (what TEXT)');
    db.exec(
      "CREATE TRIGGER seen AFTER UPDATE OF name ON people BEGIN INSERT INTO written VALUES ('name'); END",
    );
    const { key } = await record();
    const tokens = [{ token: 0, old: token('aaaa2222'), new: token('bbbb3333') }];
    const swap = { key, cells: [{ cell: 0, old: CELL, new: CELL }], tokens };
    expect(await store.commit(layout, { id: 'job', swaps: [swap], quarantine: [] })).toEqual({
      committed: true,
      swapped: [true],
    });
    expect(db.prepare('SELECT * FROM written').all()).toEqual([]);
  });
});
