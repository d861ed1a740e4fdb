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
      expect(await store.commit(layout, { id: 'job', swaps, quarantine: [], job })).toEqual({
        committed: true,
        swapped: [true],
      });
    });

    it('leaves a transaction alone that somebody has open on its connection', async () => {
      const path = newFile();
      const client = connect(driver, path);
      client.exec('CREATE TABLE people (id INTEGER PRIMARY KEY, email TEXT)');
      client.exec("INSERT INTO people VALUES (1, 'a cell')");
      const { layout } = table('people', { record: integer('id'), encrypt: { email: text() } });
      const store = sqliteRecords(client);
      const [record] = (await store.page(layout, ALL)).records;
      const swaps = [{ key: record?.key as string, cells: [{ cell: 0, old: 'a cell', new: 'fresh' }] }];
      const write = { id: 'job', previous: undefined, next: 'next' };
      const commit = async () => store.commit(layout, { id: 'job', swaps, quarantine: [], job: () => write });

      client.exec('BEGIN');
      client.exec("INSERT INTO people VALUES (2, 'theirs')");
      await expect(commit).rejects.toThrow(/within a transaction/);
      await expect(async () => store.writeJob(write)).rejects.toThrow(/within a transaction/);
      expect(await store.readJob('job')).toBeUndefined();
      expect(await store.listQuarantine('job')).toEqual([]);
      client.exec('COMMIT');
      const tables = client.prepare("SELECT name FROM sqlite_master WHERE type = 'table'").all();
      expect(tables.map((row) => (row as { name: string }).name)).toEqual(['people']);
      expect(client.prepare('SELECT email FROM people ORDER BY id').all()).toMatchObject([
        { email: 'a cell' },
        { email: 'theirs' },
      ]);
      expect(await commit()).toEqual({ committed: true, swapped: [true] });
    });

    it('makes its tables again if what made them was undone', async () => {
      const client = connect(driver);
      client.exec('CREATE TABLE people (id INTEGER PRIMARY KEY, email TEXT)');
      const store = sqliteRecords(client);
      await store.writeJob({ id: 'job', previous: undefined, next: 'one' });
      client.exec('DROP TABLE cellseal_job');
      expect(await store.readJob('job')).toBeUndefined();
      expect(await store.writeJob({ id: 'job', previous: undefined, next: 'two' })).toBe(true);
      expect(await store.readJob('job')).toBe('two');
    });

    it('reads a database that it cannot write, and says so where it would write', async () => {
      const path = newFile();
      const application = connect(driver, path);
      application.exec('CREATE TABLE people (id INTEGER PRIMARY KEY, email TEXT)');
      application.exec("INSERT INTO people VALUES (1, 'a cell')");
      const { layout } = table('people', { record: integer('id'), encrypt: { email: text() } });
      const store = sqliteRecords(connect(driver, path, { readonly: true }));
      expect((await store.page(layout, ALL)).records).toHaveLength(1);
      expect(await store.census([layout])).toHaveLength(1);
      expect(await store.estimate(layout)).toEqual({ records: 1, source: 'count' });
      expect(await store.readJob('job')).toBeUndefined();
      expect(await store.listQuarantine('job')).toEqual([]);
      const write = { id: 'job', previous: undefined, next: 'next' };
      await expect(async () => store.writeJob(write)).rejects.toThrow(/readonly/);
      const chunk = { id: 'job', swaps: [], quarantine: [], job: () => write };
      await expect(async () => store.commit(layout, chunk)).rejects.toThrow(/readonly/);
    });

    it.each(['NOCASE', 'RTRIM'])(
      'pages over keys and swaps by keys that compare by %s',
      async (collation) => {
        const client = connect(driver);
        client.exec(`CREATE TABLE people (id TEXT COLLATE ${collation} PRIMARY KEY, email TEXT)`);
        client.exec("INSERT INTO people VALUES ('b ', '1'), ('A', '2'), ('C', '3'), ('a2', '4'), ('D', '5')");
        const { layout } = table('people', { record: text('id'), encrypt: { email: text() } });
        const store = sqliteRecords(client);
        const found: string[] = [];
        let after: string | undefined;
        for (let done = false; !done; ) {
          const page = await store.page(layout, { ...ALL, maxRecords: 1, after });
          for (const { key, cells } of page.records) {
            const previous = await store.readJob('job');
            const old = cells[0] as string;
            const outcome = await store.commit(layout, {
              id: 'job',
              swaps: [{ key, cells: [{ cell: 0, old, new: `fresh ${old}` }] }],
              quarantine: [],
              job: () => ({ id: 'job', previous, next: `${previous ?? ''}.` }),
            });
            expect(outcome).toEqual({ committed: true, swapped: [true] });
            found.push(old);
          }
          ({ done, next: after } = page);
        }
        expect(found.sort()).toEqual(['1', '2', '3', '4', '5']);
        const emails = client.prepare("SELECT email FROM people WHERE email LIKE 'fresh _'").all();
        expect(emails).toHaveLength(5);
      },
    );
  });
}
