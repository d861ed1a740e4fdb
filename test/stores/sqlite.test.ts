import { describe, expect, it } from 'vitest';
import { bytes, integer, table, text } from '../../src/index.js';
import { sqliteRecords } from '../../src/store/sqlite.js';
import { connect } from './places.js';
import { DRIVERS } from './sqlite-drivers.js';

const ALL = { after: undefined, maxRecords: 10_000, maxBytes: 1_000_000_000 };

describe.each(DRIVERS.map((driver) => [driver.name, driver] as const))(
  'sqliteRecords over %s',
  (_, driver) => {
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
        await expect(async () => store.page(layout, { ...ALL, maxRecords: 1 })).rejects.toThrow(
          /no such column/,
        );
      }
      await expect(async () => store.census([noCell])).rejects.toThrow(/no such column/);
    });
  },
);
