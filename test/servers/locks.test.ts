/** Locks of others, deadlocks, and sessions with an isolation of their own. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { StoreBusyError, integer, table, text } from '../../src/index.js';
import type { Chunk, RecordStore } from '../../src/rotation/index.js';
import type { SqlExecutor, SqlQueries } from '../../src/store/sql/executor.js';
import { DATABASES } from './databases.js';
import { SCHEMA, type Server } from './postgres-subject.js';

const { layout } = table('people', { record: integer('id'), encrypt: { name: text(), phone: text() } });
const PAGE = { after: undefined, maxRecords: 10, maxBytes: 1_000_000 };
const write = (previous: string | undefined, next: string) => ({ id: 'job', previous, next });

describe.each(DATABASES)('$name', (database) => {
  const { parameter, kind } = database;
  let application: Server;
  let store: RecordStore;
  const open: Server[] = [];

  beforeAll(async () => {
    application = await database.connect();
  });
  afterAll(() => application.close());

  beforeEach(async () => {
    await database.clear(application.executor);
    await application.executor.query(
      'CREATE TABLE people (id BIGINT PRIMARY KEY, name TEXT, phone TEXT)',
      [],
    );
    await application.executor.query(
      "INSERT INTO people VALUES (1, 'a', '1'), (2, 'b', '2'), (3, 'c', '3')",
      [],
    );
    store = database.open(application.executor);
    await store.writeJob(write(undefined, 'stored'));
  });
  afterEach(() => Promise.all(open.splice(0).map((server) => server.close())));

  /** A pool for the store alone. */
  const connect = async (settings: Readonly<Record<string, string>> = {}): Promise<Server> => {
    const server = await database.connect({ settings, max: 1 });
    open.push(server);
    return server;
  };

  const held = async (): Promise<string> => {
    const rows = await application.executor.query('SELECT name, phone FROM people ORDER BY id', []);
    return rows.map(({ name, phone }) => `${name}${phone}`).join(' ');
  };

  const changeName = (queries: SqlQueries, id: number, name: string) =>
    queries.query(`UPDATE people SET name = ${parameter(1)} WHERE id = ${parameter(2)}`, [name, id]);

  /** Swaps the name of 1 and 3, and the phone of 2: two statements. */
  const chunkOf = async (previous = 'stored'): Promise<Chunk> => {
    const { records } = await store.page(layout, PAGE);
    const swaps = records.map(({ key, cells }, i) => {
      const cell = i === 1 ? 1 : 0;
      return { key, cells: [{ cell, old: cells[cell] as string, new: `new ${cells[cell]}` }] };
    });
    return { id: 'job', swaps, quarantine: [], job: () => write(previous, 'next') };
  };

  const waits = async (): Promise<string> => {
    const sql =
      kind === 'PostgreSQL'
        ? "SELECT current_setting('lock_timeout') AS waits"
        : "SELECT CONCAT(@@innodb_lock_wait_timeout, ' ', @@lock_wait_timeout) AS waits";
    const [row] = await (open[0] as Server).executor.query(sql, []);
    return String(row?.['waits']);
  };

  const until = async (isSo: () => Promise<boolean>): Promise<void> => {
    // Not more often: InnoDB looks anew only where nobody has asked for 100 ms.
    while (!(await isSo())) await new Promise((resolve) => setTimeout(resolve, 150));
  };

  const lockJob = (queries: SqlQueries) =>
    queries.query(`SELECT record FROM ${SCHEMA}.cellseal_job FOR UPDATE`, []);

  it('tells a lock of somebody else as StoreBusyError after a while, keeps nothing, and goes on with the connection as it was', async () => {
    const { executor } = await connect();
    const tested = database.open(executor);
    const chunk = await chunkOf();
    const before = await waits();
    await application.executor.transaction(async (queries) => {
      await lockJob(queries);
      await expect(tested.commit(layout, chunk)).rejects.toThrow(StoreBusyError);
    });
    expect([await held(), await store.readJob('job')]).toEqual(['a1 b2 c3', 'stored']);
    expect(await waits()).toBe(before);
    expect(await tested.commit(layout, chunk)).toEqual({ committed: true, swapped: [true, true, true] });
    expect(await waits()).toBe(before);
  });

  it('is the victim of a deadlock as StoreBusyError, keeps nothing, and goes on', async () => {
    const { executor } = await connect();
    const tested = database.open(executor);
    const chunk = await chunkOf();
    const committing = await application.executor.transaction(async (queries) => {
      await (kind === 'PostgreSQL'
        ? queries.query("SET LOCAL deadlock_timeout = '1min'", []) // the other one is to notice
        : queries.query("INSERT INTO people SELECT seq + 100, 'x', 'x' FROM seq_1_to_100", [])); // to weigh more
      await lockJob(queries);
      const outcome = Promise.resolve(tested.commit(layout, chunk)).then(
        () => 'committed',
        (error: unknown) => error,
      );
      await until(() => database.isWaiting(application.executor, `${SCHEMA}`));
      await changeName(queries, 1, 'theirs');
      return outcome;
    });
    expect(committing).toBeInstanceOf(StoreBusyError);
    await application.executor.query('DELETE FROM people WHERE id > 100', []);
    expect([await held(), await store.readJob('job')]).toEqual(['theirs1 b2 c3', 'stored']);
    expect(await tested.commit(layout, chunk)).toEqual({ committed: true, swapped: [false, true, true] });
    expect(await held()).toBe('theirs1 bnew 2 new c3');
  });

  it('waits for no record that is locked', async () => {
    const { executor } = await connect();
    const chunk = await chunkOf();
    await application.executor.transaction(async (queries) => {
      await changeName(queries, 3, 'theirs');
      const outcome = await database.open(executor).commit(layout, chunk);
      expect(outcome).toEqual({ committed: true, swapped: [true, true, false] });
    });
    expect(await held()).toBe('new a1 bnew 2 theirs3');
  });

  const sessions = [
    { [database.isolation]: kind === 'PostgreSQL' ? 'repeatable read' : 'REPEATABLE-READ' },
    { [database.isolation]: kind === 'PostgreSQL' ? 'serializable' : 'SERIALIZABLE' },
    ...(kind === 'MariaDB'
      ? [{ [database.isolation]: 'REPEATABLE-READ', innodb_snapshot_isolation: 'ON' }]
      : []),
  ];

  describe.each(sessions.map((settings) => [Object.values(settings).join(', '), settings] as const))(
    'in a session that is %s',
    (_, settings) => {
      /** Does something before the statement of a transaction that has `text` in it, once. */
      const meddling = (
        executor: SqlExecutor,
        sql: { test(statement: string): boolean },
        work: () => Promise<unknown>,
      ): SqlExecutor => ({
        ...executor,
        transaction: (inside) =>
          executor.transaction((queries) => {
            let isDone = false;
            return inside({
              async query(statement, values) {
                if (!isDone && sql.test(statement)) {
                  isDone = true;
                  await work();
                }
                return queries.query(statement, values);
              },
            });
          }),
      });

      it('decides on what a record holds now, not on what it held when the transaction began', async () => {
        const { executor } = await connect(settings);
        const chunk = await chunkOf();
        const meddled = meddling(executor, /SKIP LOCKED/, () =>
          changeName(application.executor, 1, 'theirs'),
        );
        const outcome = await database.open(meddled).commit(layout, chunk);
        expect(outcome).toEqual({ committed: true, swapped: [false, true, true] });
        expect(await held()).toBe('theirs1 bnew 2 new c3');
      });

      it('decides so also behind its own first statements', async () => {
        const { executor } = await connect(settings);
        const chunk = await chunkOf();
        let updates = 0;
        const second = { test: (sql: string) => sql.includes('SKIP LOCKED') && ++updates === 2 };
        const meddled = meddling(executor, second, () =>
          application.executor.query("UPDATE people SET phone = 'theirs' WHERE id = 2", []),
        );
        const outcome = await database.open(meddled).commit(layout, chunk);
        expect(outcome).toEqual({ committed: true, swapped: [true, false, true] });
        expect(await held()).toBe('new a1 btheirs new c3');
      });

      it('refuses a chunk whose job record somebody has written meanwhile', async () => {
        const { executor } = await connect(settings);
        const chunk = await chunkOf();
        const meddled = meddling(executor, /cellseal_job/, async () => {
          await store.writeJob(write('stored', 'theirs'));
        });
        expect(await database.open(meddled).commit(layout, chunk)).toEqual({ committed: false });
        expect([await held(), await store.readJob('job')]).toEqual(['a1 b2 c3', 'theirs']);
      });

      it('reads what was committed last', async () => {
        const { executor } = await connect(settings);
        const tested = database.open(executor);
        const { records } = await tested.page(layout, PAGE);
        await changeName(application.executor, 2, 'theirs');
        const again = await tested.reread(layout, [records[1]?.key as string]);
        expect(again.map(({ cells }) => cells[0])).toEqual(['theirs']);
        expect((await tested.page(layout, PAGE)).records[1]?.cells[0]).toBe('theirs');
      });
    },
  );
});
