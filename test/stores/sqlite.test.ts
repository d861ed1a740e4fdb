import { describe, expect, it } from 'vitest';
import { bytes, integer, table, text } from '../../src/index.js';
import { sqliteRecords } from '../../src/store/sqlite.js';
import { connect, newFile } from './places.js';
import { DRIVERS } from './sqlite-drivers.js';

const ALL = { after: undefined, maxRecords: 10_000, maxBytes: 1_000_000_000 };

for (const driver of DRIVERS) {
  describe(`sqliteRecords over ${driver.name}`, () => {
    it('reads a record again whose key is a blob', async () => {
      const client = connect(driver);
      client.exec('CREATE TABLE hashes (id BLOB PRIMARY KEY, value TEXT)');
      client.exec("INSERT INTO hashes VALUES (X'0102', 'a cell'), (X'0103', 'another')");
      const { layout } = table('hashes', { record: bytes('id'), encrypt: { value: text() } });
      const store = sqliteRecords(client);
      const { records } = await store.page(layout, ALL);
      expect(await store.reread(layout, [records[0]?.key as string])).toEqual([records[0]]);
    });

    it('orders integers as integers also where a column is called as a result of its own query is', async () => {
      const client = connect(driver);
      client.exec('CREATE TABLE orders (tenant INTEGER, k1 INTEGER, c0 TEXT, PRIMARY KEY (tenant, k1))');
      client.exec(
        "INSERT INTO orders VALUES (2, 9, 'a'), (2, 10, 'b'), (9, 1, 'c'), (10, 1, 'd'), (100, 1, 'e')",
      );
      const { layout } = table('orders', {
        record: [integer('tenant'), integer('number', { column: 'k1' })],
        tenant: integer('tenant'),
        encrypt: { value: text({ column: 'c0' }) },
      });
      const store = sqliteRecords(client);
      const first = await store.page(layout, { ...ALL, maxRecords: 2 });
      const rest = await store.page(layout, { ...ALL, after: first.next });
      const found = [...first.records, ...rest.records].map(({ cells }) => cells[0]);
      expect(found).toEqual(['a', 'b', 'c', 'd', 'e']);
    });

    it('rejects where a column of the definition is not there, and takes its name for no value', async () => {
      const client = connect(driver);
      client.exec('CREATE TABLE people (id INTEGER PRIMARY KEY, email TEXT)');
      client.exec("INSERT INTO people VALUES (1, 'a'), (2, 'b')");
      const { layout: noCell } = table('people', { record: integer('id'), encrypt: { phone: text() } });
      const { layout: noKey } = table('people', { record: integer('number'), encrypt: { email: text() } });
      const store = sqliteRecords(client);
      for (const layout of [noCell, noKey]) {
        await expect(async () => store.page(layout, ALL)).rejects.toThrow(/no such column/);
      }
      await expect(async () => store.census([noCell])).rejects.toThrow(/no such column/);
    });

    it.each([
      ['as many records as a client fetches at once', { maxRecords: 99, maxBytes: 1_000_000 }],
      ['as many bytes as it may have', { maxRecords: 5_000, maxBytes: 100 }],
    ])('leaves no query open behind a page of %s', async (_what, limits) => {
      const path = newFile();
      const [client, application] = [connect(driver, path), connect(driver, path)];
      client.exec('PRAGMA journal_mode = WAL');
      client.exec('CREATE TABLE people (id INTEGER PRIMARY KEY, email TEXT)');
      client.exec(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000) INSERT INTO people SELECT i, 'a cell' FROM n",
      );
      const { layout } = table('people', { record: integer('id'), encrypt: { email: text() } });
      const store = sqliteRecords(client);
      const page = await store.page(layout, { after: undefined, ...limits });
      expect(page.done).toBe(false);
      application.exec("UPDATE people SET email = 'another' WHERE id = 1000");
      const key = page.records[0]?.key as string;
      const swaps = [{ key, cells: [{ cell: 0, old: 'a cell', new: 'fresh' }] }];
      const job = () => ({ id: 'job', previous: undefined, next: 'next' });
      expect(await store.commit(layout, { swaps, quarantine: [], job })).toEqual({
        committed: true,
        swapped: [true],
      });
    });
  });
}
