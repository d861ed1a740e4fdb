import { describe, expect, it } from 'vitest';
import { StoreBusyError } from '../../src/index.js';
import { openedOf } from '../../src/keyring/index.js';
import { runRotation } from '../../src/rotation/rotate.js';
import { sqliteRecords } from '../../src/store/sqlite.js';
import { connect, newFile } from '../stores/places.js';
import { type Connection, DRIVERS } from '../stores/sqlite-drivers.js';
import { applicationOf, createTable } from '../stores/subjects.js';
import { type Place, World, all, everything, people, populate } from './world.js';

for (const driver of DRIVERS) {
  /** A world in one file, with a connection for the application and one for the rotation. */
  async function open(): Promise<{ world: World; application: Connection; rotator: Connection }> {
    const path = newFile();
    const [application, rotator] = [connect(driver, path), connect(driver, path)];
    rotator.exec('PRAGMA journal_mode = WAL');
    const place: Place = {
      name: driver.name,
      make(tables) {
        for (const made of tables) application.exec(createTable(made));
        return { open: () => sqliteRecords(rotator), ...applicationOf(application), close: () => undefined };
      },
    };
    const world = await World.make(place);
    await populate(world, 20, 4);
    return { world, application, rotator };
  }

  describe(`a rotation over ${driver.name}`, () => {
    it('undoes the chunk for which there is no space, rejects, and goes on once there is', async () => {
      const { world, application, rotator } = await open();
      const contents = await world.contents();
      const newest = await world.newKey();
      // A trigger of the application's that keeps what was there fills the file.
      application.exec('CREATE TABLE history (id INTEGER, email TEXT, filler BLOB)');
      application.exec(
        'CREATE TRIGGER remember AFTER UPDATE ON people BEGIN INSERT INTO history VALUES (old.id, old.email, zeroblob(3000)); END',
      );
      const [pages] = rotator.prepare('PRAGMA page_count').all() as { page_count: number }[];
      rotator.exec(`PRAGMA max_page_count = ${(pages?.page_count ?? 0) + 16}`);
      const records = sqliteRecords(rotator);
      await expect(world.rotated({ records })).rejects.toThrow(/full/);

      expect(await world.contents()).toEqual(contents);
      expect(await world.leftBehindCheckpoint()).toEqual([]);
      const remembered = () => application.prepare('SELECT id FROM history ORDER BY id').all().length;
      const { cells } = await world.census();
      const job = await world.jobRecord();
      expect(job?.state).toBe('sweeping');
      expect(job?.counters.scanned).toBe(remembered());
      expect(remembered()).toBeGreaterThan(0);
      expect(remembered()).toBeLessThan(20);
      expect(cells[newest]).toBe(job?.counters.rewritten);

      rotator.exec('PRAGMA max_page_count = 100000');
      const [first] = await world.rotated({ records });
      expect(first?.began).toBe('resumed');
      expect(remembered(), 'each record was changed once').toBe(20);
      expect(await world.contents()).toEqual(contents);
      expect(Object.keys((await world.census()).cells)).toEqual([newest]);
    });

    /** A rotation whose pauses take no time, and do `work`. */
    async function rotateWith(world: World, work: (pause: number) => void): Promise<number[]> {
      const pauses: number[] = [];
      const clock = {
        wallMs: () => 0,
        monotonicMs: () => 0,
        async sleep(ms: number) {
          pauses.push(ms);
          work(pauses.length);
        },
      };
      const context = {
        environment: { clock, random: (n: number) => new Uint8Array(n), observer: {}, signal: undefined },
        opened: openedOf(await world.keyring()),
        schema: everything,
        records: world.records.open(),
        limits: { chunkRecords: 3 },
      };
      try {
        await all(runRotation(context));
      } catch (error) {
        if (!(error instanceof StoreBusyError)) throw error;
        pauses.push(Number.POSITIVE_INFINITY);
      }
      return pauses;
    }

    it('waits while somebody else writes, and then goes on', async () => {
      const { world, application } = await open();
      const contents = await world.contents();
      const newest = await world.newKey();
      application.exec('BEGIN IMMEDIATE');
      application.exec("UPDATE people SET email = email WHERE id = '1'");
      const pauses = await rotateWith(world, (pause) => {
        if (pause === 4) application.exec('COMMIT');
      });
      expect(pauses).toEqual([5, 10, 20, 40]);
      expect(await world.contents()).toEqual(contents);
      expect(Object.keys((await world.census()).cells)).toEqual([newest]);
    });

    it('gives up where somebody else does not end, with nothing written, and goes on at the next call', async () => {
      const { world, application } = await open();
      const contents = await world.contents();
      const before = await world.stored(people);
      const newest = await world.newKey();
      application.exec('BEGIN IMMEDIATE');
      const pauses = await rotateWith(world, () => undefined);
      application.exec('ROLLBACK');
      expect(pauses).toEqual([5, 10, 20, 40, 80, 160, 320, 500, Number.POSITIVE_INFINITY]);
      expect(await world.stored(people)).toEqual(before);
      expect(await world.job()).toBeUndefined();
      await world.rotated();
      expect(await world.contents()).toEqual(contents);
      expect(Object.keys((await world.census()).cells)).toEqual([newest]);
    });

    it('fails where the database cannot be written, and leaves it as it was', async () => {
      const { world, rotator } = await open();
      const before = await world.stored(people);
      await world.newKey();
      rotator.exec('PRAGMA query_only = 1');
      await expect(world.rotated()).rejects.toThrow(/readonly/);
      expect(await world.stored(people)).toEqual(before);
    });

    it.each([
      { chunkRecords: 1, chunkBytes: 8_000_000 },
      { chunkRecords: 10_000, chunkBytes: 8_000_000 },
      { chunkRecords: 10_000, chunkBytes: 1 },
      { chunkRecords: 7, chunkBytes: 700 },
    ])('ends the same in chunks of $chunkRecords records and $chunkBytes bytes', async (limits) => {
      const { world } = await open();
      const contents = await world.contents();
      const newest = await world.newKey();
      const progress = await world.rotated(limits);
      expect(progress.at(-1)?.counters).toMatchObject({ scanned: 24, rewritten: 20 * 3 - 6 - 5 + 4 * 2 - 2 });
      expect(await world.contents()).toEqual(contents);
      expect(Object.keys((await world.census()).cells)).toEqual([newest]);
    });
  });
}
