import { describe, expect, it } from 'vitest';
import { StoreBusyError, integer, table, text } from '../../src/index.js';
import type { RecordStore } from '../../src/rotation/index.js';
import { sqliteRecords } from '../../src/store/sqlite.js';
import { connect, newFile } from './places.js';
import { DRIVERS } from './sqlite-drivers.js';

const { layout } = table('people', { record: integer('id'), encrypt: { email: text() } });
const PAGE = { after: undefined, maxRecords: 10, maxBytes: 1_000 };
const write = { id: 'job', previous: undefined, next: 'next' };

/** Swaps both cells. */
async function commit(store: RecordStore) {
  const { records } = await store.page(layout, PAGE);
  const swaps = records.map(({ key, cells }) => ({
    key,
    cells: [{ cell: 0, old: cells[0] as string, new: 'fresh' }],
  }));
  return () => store.commit(layout, { id: 'job', swaps, quarantine: [], job: () => write });
}

for (const driver of DRIVERS) {
  describe(`sqliteRecords over ${driver.name}`, () => {
    /** A store, and somebody else's connection to the same file. */
    function open(journal: 'WAL' | 'DELETE') {
      const path = newFile();
      const [client, other] = [connect(driver, path), connect(driver, path)];
      client.exec(`PRAGMA journal_mode = ${journal}`);
      client.exec('CREATE TABLE people (id INTEGER PRIMARY KEY, email TEXT)');
      client.exec("INSERT INTO people VALUES (1, 'a'), (2, 'b')");
      const emails = () =>
        other
          .prepare('SELECT email FROM people ORDER BY id')
          .all()
          .map((row) => (row as { email: string }).email);
      return { client, other, emails, store: sqliteRecords(client) };
    }

    it.each(['WAL', 'DELETE'] as const)(
      'tells a write lock of somebody else as StoreBusyError, and writes once it is gone (%s)',
      async (journal) => {
        const { other, emails, store } = open(journal);
        const swap = await commit(store);
        other.exec('BEGIN IMMEDIATE');
        await expect(async () => swap()).rejects.toThrow(StoreBusyError);
        await expect(async () => store.writeJob(write)).rejects.toThrow(StoreBusyError);
        other.exec('ROLLBACK');
        expect(emails()).toEqual(['a', 'b']);
        expect(await swap()).toEqual({ committed: true, swapped: [true, true] });
        expect(emails()).toEqual(['fresh', 'fresh']);
      },
    );

    it('tells a lock that keeps readers out as StoreBusyError, whatever is read', async () => {
      const { other, store } = open('DELETE');
      await store.writeJob(write);
      other.exec('BEGIN EXCLUSIVE');
      const reads = [
        () => store.page(layout, PAGE),
        () => store.reread(layout, ['[["integer","1"]]']),
        () => store.census([layout]),
        () => store.estimate(layout),
        () => store.readJob('job'),
        () => store.listQuarantine('job'),
      ];
      for (const read of reads) await expect(async () => read()).rejects.toThrow(StoreBusyError);
      other.exec('ROLLBACK');
      for (const read of reads) await expect((async () => read())()).resolves.toBeDefined();
    });

    it('undoes a chunk whose COMMIT finds the database locked by a reader', async () => {
      const { client, other, emails, store } = open('DELETE');
      await store.writeJob(write);
      const { records } = await store.page(layout, PAGE);
      const swaps = records.map(({ key, cells }) => ({
        key,
        cells: [{ cell: 0, old: cells[0] as string, new: 'fresh' }],
      }));
      const job = () => ({ id: 'job', previous: 'next', next: 'one more' });
      const swap = async () => store.commit(layout, { id: 'job', swaps, quarantine: [], job });
      other.exec('BEGIN');
      expect(emails()).toEqual(['a', 'b']); // and holds its lock from here on
      await expect(swap).rejects.toThrow(StoreBusyError);
      other.exec('COMMIT');
      expect(emails()).toEqual(['a', 'b']);
      expect(await store.readJob('job')).toBe('next');
      client.exec('BEGIN IMMEDIATE'); // nothing is left open on the store's own connection
      client.exec('ROLLBACK');
      expect(await swap()).toEqual({ committed: true, swapped: [true, true] });
    });

    it('undoes a chunk of which one statement fails, and passes the error on', async () => {
      const { client, emails, store } = open('WAL');
      const swap = await commit(store);
      client.exec(
        "CREATE TRIGGER refuse BEFORE UPDATE ON people WHEN new.id = 2 BEGIN SELECT RAISE(ABORT, 'refused by a trigger'); END",
      );
      await expect(async () => swap()).rejects.toThrow('refused by a trigger');
      expect(emails()).toEqual(['a', 'b']);
      expect(await store.readJob('job')).toBeUndefined();
      client.exec('DROP TRIGGER refuse');
      expect(await swap()).toEqual({ committed: true, swapped: [true, true] });
    });

    it('undoes a chunk that SQLite itself has rolled back, and passes the error on', async () => {
      const { client, emails, store } = open('WAL');
      const swap = await commit(store);
      client.exec(
        "CREATE TRIGGER refuse BEFORE UPDATE ON people WHEN new.id = 2 BEGIN SELECT RAISE(ROLLBACK, 'rolled back by a trigger'); END",
      );
      await expect(async () => swap()).rejects.toThrow('rolled back by a trigger');
      expect(emails()).toEqual(['a', 'b']);
      client.exec('DROP TRIGGER refuse');
      expect(await swap()).toEqual({ committed: true, swapped: [true, true] });
    });

    it('counts a record as lost that a trigger keeps from being changed', async () => {
      const { client, emails, store } = open('WAL');
      const swap = await commit(store);
      client.exec(
        'CREATE TRIGGER ignore BEFORE UPDATE ON people WHEN new.id = 2 BEGIN SELECT RAISE(IGNORE); END',
      );
      expect(await swap()).toEqual({ committed: true, swapped: [true, false] });
      expect(emails()).toEqual(['fresh', 'b']);
    });

    it('keeps other writers out from the beginning of a commit, not from its first change', async () => {
      const { other, store } = open('WAL');
      await store.writeJob(write);
      const refused: unknown[] = [];
      const job = () => {
        try {
          other.exec("UPDATE people SET email = 'theirs'");
        } catch (error) {
          refused.push(error);
        }
        return { id: 'job', previous: 'next', next: 'one more' };
      };
      const outcome = await store.commit(layout, { id: 'job', swaps: [], quarantine: [], job });
      expect(outcome).toEqual({ committed: true, swapped: [] });
      expect(refused).toHaveLength(1);
    });
  });
}
