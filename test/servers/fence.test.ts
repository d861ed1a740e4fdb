/** Fences in PostgreSQL and MariaDB, over every driver: the suite, what waits for whom, and what a fence does not see. */
import { Readable } from 'node:stream';
import mysql2 from 'mysql2/promise';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { type Keyring, activateKey, addKey, encryptRecord, schema, table, text } from '../../src/index.js';
import { fenceSql, isFenceRefusal } from '../../src/rotation/index.js';
import { mysqlRecords } from '../../src/store/mysql.js';
import { postgresRecords } from '../../src/store/postgres.js';
import type { SqlExecutor, SqlQueries, SqlValue } from '../../src/store/sql/executor.js';
import {
  type FencedDatabase,
  INSERT,
  type Replaced,
  describeFence,
  everything,
  replacedKey,
  rowOf,
} from '../rotation/fence/behaviour.js';
import { DATABASE, dropTables, openServers as openMariadb } from './mysql-subject.js';
import { SCHEMA, openServers as openPostgres } from './postgres-subject.js';

/** A database with connections that tests hold open. */
interface FencedServer extends FencedDatabase {
  readonly executor: SqlExecutor;
  /** Sessions that wait for a lock on a table of these tests. */
  waiting(): Promise<number>;
  /** What the database says where a lock did not come in time. */
  readonly timedOut: Readonly<Record<string, unknown>>;
}

const postgresServers = openPostgres();
const mariadbServers = await openMariadb();
afterAll(() => Promise.all([...postgresServers, ...mariadbServers].map((server) => server.close())));

/** Parameters are `?` in these tests. */
function numbered(sql: string): string {
  let place = 0;
  return sql.replaceAll('?', () => `$${++place}`);
}

/** Bytes as drivers take them. */
function bound(values: readonly unknown[]): SqlValue[] {
  return values.map((value) => (value instanceof Uint8Array ? Buffer.from(value) : value)) as SqlValue[];
}

function applyOver(executor: SqlExecutor): (statements: readonly string[]) => Promise<void> {
  return (statements) =>
    executor.transaction(async (queries) => {
      for (const sql of statements) await queries.query(sql, []);
    });
}

const postgres: FencedServer[] = postgresServers.map(({ name, executor }) => ({
  name: `PostgreSQL over ${name}`,
  dialect: 'postgres',
  executor,
  timedOut: { code: '55P03' },
  async prepare() {
    await executor.query(`DROP SCHEMA IF EXISTS ${SCHEMA} CASCADE`, []);
    await executor.query(`CREATE SCHEMA ${SCHEMA}`, []);
    await executor.query(
      "CREATE COLLATION IF NOT EXISTS public.cellseal_blind (provider = icu, locale = 'und-u-ks-level1', deterministic = false)",
      [],
    );
    await executor.query(
      'CREATE TABLE people (id uuid PRIMARY KEY, name varchar COLLATE public.cellseal_blind, photo bytea, plan text)',
      [],
    );
  },
  records: () => postgresRecords(executor),
  run: (sql, values = []) => executor.query(numbered(sql), bound(values)),
  apply: applyOver(executor),
  async objects() {
    const rows = await executor.query(
      `SELECT tgname AS name FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid WHERE c.relnamespace = '${SCHEMA}'::regnamespace AND NOT tgisinternal
       UNION ALL SELECT proname FROM pg_proc WHERE pronamespace = '${SCHEMA}'::regnamespace ORDER BY 1`,
      [],
    );
    return rows.map((row) => String(row['name']));
  },
  async waiting() {
    const rows = await executor.query(
      `SELECT 1 FROM pg_locks l JOIN pg_class c ON c.oid = l.relation WHERE NOT l.granted AND c.relnamespace = '${SCHEMA}'::regnamespace`,
      [],
    );
    return rows.length;
  },
  upsert:
    'INSERT INTO people (id, name, photo, plan) VALUES (?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET name = excluded.name, photo = excluded.photo, plan = excluded.plan',
  insertIfAbsent: 'INSERT INTO people (id, name, photo, plan) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING',
}));

const mariadb: FencedServer[] = mariadbServers.map(({ name, executor }) => ({
  name: `MariaDB over ${name}`,
  dialect: 'mysql',
  executor,
  timedOut: { errno: 1205 },
  async prepare() {
    await dropTables(executor);
    await executor.query(
      'CREATE TABLE people (id CHAR(36) PRIMARY KEY, name TEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci, photo BLOB, plan VARCHAR(20))',
      [],
    );
  },
  records: () => mysqlRecords(executor),
  run: (sql, values = []) => executor.query(sql, bound(values)),
  apply: applyOver(executor),
  async objects() {
    const rows = await executor.query(
      'SELECT trigger_name AS name FROM information_schema.triggers WHERE trigger_schema = ? ORDER BY 1',
      [DATABASE],
    );
    return rows.map((row) => String(row['name']));
  },
  async waiting() {
    const rows = await executor.query(
      "SELECT 1 FROM information_schema.processlist WHERE db = ? AND state LIKE 'Waiting for table metadata lock%'",
      [DATABASE],
    );
    return rows.length;
  },
  upsert:
    'INSERT INTO people (id, name, photo, plan) VALUES (?, ?, ?, ?) ON DUPLICATE KEY UPDATE name = VALUES(name), photo = VALUES(photo), plan = VALUES(plan)',
  replace: 'REPLACE INTO people (id, name, photo, plan) VALUES (?, ?, ?, ?)',
  insertIfAbsent: 'INSERT IGNORE INTO people (id, name, photo, plan) VALUES (?, ?, ?, ?)',
}));

const servers = [...postgres, ...mariadb];
for (const server of servers) describeFence(server);

/** A transaction that is left open until the test says so. */
function heldTransaction(
  executor: SqlExecutor,
  work: (queries: SqlQueries) => Promise<unknown>,
): Promise<{ end: () => Promise<void> }> {
  return new Promise((resolve, reject) => {
    const ended = executor.transaction(async (queries) => {
      await work(queries);
      await new Promise<void>((release) =>
        resolve({
          end: async () => {
            release();
            await ended;
          },
        }),
      );
    });
    ended.catch(reject);
  });
}

async function until(isSo: () => Promise<boolean>): Promise<void> {
  while (!(await isSo())) await new Promise((resolve) => setTimeout(resolve, 20));
}

const failureOf = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => undefined,
    (error: unknown) => error,
  );

async function isRefused(work: Promise<unknown>): Promise<boolean> {
  const error = await failureOf(work);
  if (error !== undefined && !isFenceRefusal(error)) throw error;
  return error !== undefined;
}

for (const { name, dialect, prepare, run, apply, objects, waiting, executor, timedOut } of servers) {
  describe(`raising a fence in ${name}`, () => {
    let world: Replaced;
    const insert = async (keyring: Keyring, named: string) => {
      const row = await rowOf(keyring, named);
      return run(INSERT, [row.id, row.name, row.photo, 'pro']);
    };
    /** A process that wrote under the old key and does not come to its COMMIT. */
    const frozen = async () => {
      const row = await rowOf(world.stale, 'frozen');
      const sql = 'INSERT INTO people (id, name) VALUES (?, ?)';
      return heldTransaction(executor, (queries) =>
        queries.query(dialect === 'postgres' ? numbered(sql) : sql, [row.id, row.name]),
      );
    };

    beforeEach(async () => {
      await prepare();
      world = await replacedKey();
    });

    it('waits for a transaction that wrote before it, so that a sweep afterwards meets what that wrote', async () => {
      const { up } = await fenceSql(everything, world.keyring, { dialect, lockTimeoutMs: 60_000 });
      const transaction = await frozen();
      let isRaised = false;
      const raising = apply(up).then(() => {
        isRaised = true;
      });
      await until(async () => (await waiting()) > 0);
      expect(isRaised).toBe(false);
      await transaction.end();
      await raising;
      expect(await run('SELECT id FROM people')).toHaveLength(1);
      expect(await isRefused(insert(world.stale, 'later'))).toBe(true);
    });

    it('waits just the same where it takes the place of another', async () => {
      await apply((await fenceSql(everything, world.keyring, { dialect })).up);
      const row = await rowOf(world.keyring, 'frozen');
      const sql = 'INSERT INTO people (id, name) VALUES (?, ?)';
      const transaction = await heldTransaction(executor, (queries) =>
        queries.query(dialect === 'postgres' ? numbered(sql) : sql, [row.id, row.name]),
      );
      await activateKey(world.keyring, await addKey(world.keyring));
      const { up } = await fenceSql(everything, world.keyring, { dialect, lockTimeoutMs: 60_000 });
      const raising = apply(up);
      await until(async () => (await waiting()) > 0);
      await transaction.end();
      await raising;
      expect(await run('SELECT id FROM people')).toHaveLength(1);
      await insert(world.keyring, 'under the newest');
    });

    it('gives up after its time, has changed nothing then, and succeeds when it is tried again', async () => {
      const { up } = await fenceSql(everything, world.keyring, { dialect, lockTimeoutMs: 1_000 });
      const transaction = await frozen();
      const before = await objects();
      expect(await failureOf(apply(up))).toMatchObject(timedOut);
      expect(await objects()).toEqual(before);
      await transaction.end();
      await apply(up);
      expect(await isRefused(insert(world.stale, 'later'))).toBe(true);
    });

    it('leaves triggers of others alone, and judges what they have made of a cell', async () => {
      const back = await rowOf(world.stale, 'back');
      await apply((await fenceSql(everything, world.keyring, { dialect })).up);
      await run("INSERT INTO people (id, plan) VALUES (?, 'x')", [back.id]);
      expect(await objects()).toHaveLength(dialect === 'postgres' ? 3 : 2);
      if (dialect === 'postgres') {
        await run(
          `CREATE FUNCTION zz_back() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.name := '${back.name}'; RETURN NEW; END $$`,
        );
        await run('CREATE TRIGGER zz_back BEFORE UPDATE ON people FOR EACH ROW EXECUTE FUNCTION zz_back()');
      } else {
        await run(
          `CREATE TRIGGER zz_back BEFORE UPDATE ON people FOR EACH ROW SET NEW.name = '${back.name}'`,
        );
      }
      expect(await isRefused(run("UPDATE people SET plan = 'y'"))).toBe(true);
      await apply((await fenceSql(everything, world.keyring, { dialect })).down);
      expect((await objects()).filter((object) => object !== 'zz_back')).toEqual([]);
      await run("UPDATE people SET plan = 'y'");
      await run(dialect === 'postgres' ? 'DROP FUNCTION zz_back CASCADE' : 'DROP TRIGGER zz_back');
    });

    it('stands in a table of another schema, under names that no one should choose', async () => {
      const [mark, other] = dialect === 'postgres' ? ['"', '`'] : ['`', '"'];
      const quote = (part: string) => mark + part.replaceAll(mark, mark + mark) + mark;
      const from = [dialect === 'postgres' ? SCHEMA : DATABASE, `Größe.${mark}${other}; $fence$ '1'`];
      const column = `c${mark}${other}.$fence$ \\ ' é`;
      const odd = table('odd', { from, record: text('id'), encrypt: { a: text({ column }) } });
      // Another definition of the same table: one fence for both.
      const also = table('also', { from, record: text('id'), encrypt: { b: text() } });
      const path = from.map(quote).join('.');
      await run(`CREATE TABLE ${path} (id VARCHAR(40) PRIMARY KEY, ${quote(column)} TEXT, b TEXT)`);
      const { up, down } = await fenceSql(schema([odd, also]), world.keyring, { dialect });
      const before = await objects();
      await apply(up);
      await apply(up);
      const put = (into: string, id: string, cell: unknown) =>
        run(`INSERT INTO ${path} (id, ${quote(into)}) VALUES (?, ?)`, [id, cell]);
      const old = await encryptRecord(odd, { id: '1', a: 'x' }, world.stale);
      const current = await encryptRecord(odd, { id: '1', a: 'x' }, world.keyring);
      expect(await isRefused(put(column, '1', old.a))).toBe(true);
      expect(
        await isRefused(put('b', '1', (await encryptRecord(also, { id: '1', b: 'x' }, world.stale)).b)),
      ).toBe(true);
      await put(column, '1', current.a);
      await apply(down);
      expect(await objects()).toEqual(before);
      await run(`DROP TABLE ${path}`);
    });
  });
}

describe('a fence in PostgreSQL', () => {
  const [{ executor, prepare, run, apply } = {} as FencedServer] = postgres;
  const notes = table('notes', { record: text('id'), encrypt: { body: text() } });
  let world: Replaced;
  let old: string;
  let current: string;
  const raiseOverNotes = async () =>
    apply((await fenceSql(schema([notes]), world.keyring, { dialect: 'postgres' })).up);
  const bodyOf = async (keyring: Keyring): Promise<string> =>
    (await encryptRecord(notes, { id: 'a', body: 'x' }, keyring)).body;

  beforeEach(async () => {
    await prepare();
    world = await replacedKey();
    old = await bodyOf(world.stale);
    current = await bodyOf(world.keyring);
  });

  it('stands in every partition, those that are added later too', async () => {
    await run('CREATE TABLE notes (id text, body text, part int, plan text) PARTITION BY LIST (part)');
    await run('CREATE TABLE notes_1 PARTITION OF notes FOR VALUES IN (1)');
    await raiseOverNotes();
    await raiseOverNotes();
    await run('CREATE TABLE notes_2 PARTITION OF notes FOR VALUES IN (2)');
    for (const [into, part] of [
      ['notes', 1],
      ['notes', 2],
      ['notes_1', 1],
      ['notes_2', 2],
    ] as const) {
      const insert = (body: string) =>
        run(`INSERT INTO ${into} (id, body, part) VALUES ('a', ?, ?)`, [body, part]);
      expect(await isRefused(insert(old)), into).toBe(true);
      await insert(current);
    }
  });

  it('takes a record that moves to another partition for a new one', async () => {
    await run('CREATE TABLE notes (id text, body text, part int, plan text) PARTITION BY LIST (part)');
    for (const part of [1, 2])
      await run(`CREATE TABLE notes_${part} PARTITION OF notes FOR VALUES IN (${part})`);
    await run("INSERT INTO notes (id, body, part) VALUES ('a', ?, 1)", [old]);
    await raiseOverNotes();
    await run("UPDATE notes SET plan = 'x'");
    expect(await isRefused(run('UPDATE notes SET part = 2'))).toBe(true);
    await run('UPDATE notes SET body = ?', [current]);
    await run('UPDATE notes SET part = 2');
  });

  it('does not stand in tables that inherit', async () => {
    await run('CREATE TABLE notes (id text, body text)');
    await run('CREATE TABLE heir () INHERITS (notes)');
    await raiseOverNotes();
    expect(await isRefused(run("INSERT INTO notes (id, body) VALUES ('a', ?)", [old]))).toBe(true);
    await run("INSERT INTO heir (id, body) VALUES ('a', ?)", [old]);
  });

  it('sees COPY', async () => {
    await run('CREATE TABLE notes (id text, body text)');
    await raiseOverNotes();
    const copy = (body: string) => run(`COPY notes FROM PROGRAM 'printf "a\\t${body}\\n"'`);
    expect(await isRefused(copy(old))).toBe(true);
    await copy(current);
    expect(await run('SELECT body FROM notes')).toEqual([{ body: current }]);
  });

  it('sees the cascades of a foreign key', async () => {
    await run('CREATE TABLE bodies (body text PRIMARY KEY)');
    await run('CREATE TABLE notes (id text, body text REFERENCES bodies ON UPDATE CASCADE)');
    await run('INSERT INTO bodies VALUES (?)', [current]);
    await run("INSERT INTO notes VALUES ('a', ?)", [current]);
    await raiseOverNotes();
    expect(await isRefused(run('UPDATE bodies SET body = ?', [old]))).toBe(true);
  });

  it('does not see what a replica applies, nor anything where triggers are off', async () => {
    await run('CREATE TABLE notes (id text, body text)');
    await raiseOverNotes();
    const insert = "INSERT INTO notes (id, body) VALUES ('a', $1)";
    await executor.transaction(async (queries) => {
      await queries.query('SET LOCAL session_replication_role = replica', []);
      await queries.query(insert, [old]);
    });
    await run('ALTER TABLE notes DISABLE TRIGGER USER');
    await executor.query(insert, [old]);
    await run('ALTER TABLE notes ENABLE TRIGGER USER');
    expect(await isRefused(executor.query(insert, [old]))).toBe(true);
  });

  it('keeps the type of a column of cells until it is removed', async () => {
    await run('CREATE TABLE notes (id text, body text)');
    await raiseOverNotes();
    expect(await failureOf(run('ALTER TABLE notes ALTER body TYPE varchar'))).toMatchObject({
      code: '0A000',
    });
    await apply((await fenceSql(schema([notes]), world.keyring, { dialect: 'postgres' })).down);
    await run('ALTER TABLE notes ALTER body TYPE varchar');
  });
});

describe('a fence in MariaDB', () => {
  const [{ prepare, run, apply, executor } = {} as FencedServer] = mariadb;
  const notes = table('notes', { record: text('id'), encrypt: { body: text() } });
  let world: Replaced;
  let old: string;
  let current: string;
  const raiseOverNotes = async () =>
    apply((await fenceSql(schema([notes]), world.keyring, { dialect: 'mysql' })).up);

  beforeEach(async () => {
    await prepare();
    world = await replacedKey();
    old = (await encryptRecord(notes, { id: 'a', body: 'x' }, world.stale)).body;
    current = (await encryptRecord(notes, { id: 'a', body: 'x' }, world.keyring)).body;
  });

  it('sees LOAD DATA', async () => {
    await run('CREATE TABLE notes (id VARCHAR(40), body TEXT)');
    await raiseOverNotes();
    const connection = await mysql2.createConnection({ host: '127.0.0.1', user: 'root', database: DATABASE });
    const load = (body: string) =>
      connection.query({
        sql: "LOAD DATA LOCAL INFILE 'cells' INTO TABLE notes (id, body)",
        infileStreamFactory: () => Readable.from([Buffer.from(`a\t${body}\n`)]),
      });
    expect(await isRefused(load(old))).toBe(true);
    await load(current);
    await connection.end();
    expect(await run('SELECT body FROM notes')).toEqual([{ body: current }]);
  });

  it('does not see the cascades of a foreign key', async () => {
    const cell = 'VARCHAR(400) CHARACTER SET ascii COLLATE ascii_bin';
    await run(`CREATE TABLE bodies (body ${cell} PRIMARY KEY)`);
    await run(
      `CREATE TABLE notes (id VARCHAR(40), body ${cell}, FOREIGN KEY (body) REFERENCES bodies (body) ON UPDATE CASCADE)`,
    );
    await run('INSERT INTO bodies VALUES (?)', [current]);
    await run("INSERT INTO notes VALUES ('a', ?)", [current]);
    await raiseOverNotes();
    await run('UPDATE bodies SET body = ?', [old]);
    expect(await run('SELECT body FROM notes')).toEqual([{ body: old }]);
    await run('DROP TABLE notes');
  });

  it('does not see a partition that is exchanged, nor undo what is outside InnoDB', async () => {
    const columns = '(id INT PRIMARY KEY, body TEXT)';
    await run(`CREATE TABLE notes ${columns} PARTITION BY RANGE (id) (PARTITION p0 VALUES LESS THAN (10))`);
    await run(`CREATE TABLE others ${columns}`);
    await run('INSERT INTO others VALUES (1, ?)', [old]);
    await raiseOverNotes();
    expect(await isRefused(run('INSERT INTO notes VALUES (2, ?)', [old]))).toBe(true);
    await run('ALTER TABLE notes EXCHANGE PARTITION p0 WITH TABLE others');
    expect(await run('SELECT body FROM notes')).toEqual([{ body: old }]);
    await run('DROP TABLE notes');
    await run(`CREATE TABLE notes ${columns} ENGINE = MyISAM`);
    await raiseOverNotes();
    expect(await isRefused(run('INSERT INTO notes VALUES (1, ?)', [old]))).toBe(true);
    expect(await run('SELECT body FROM notes')).toEqual([{ body: old }]);
  });

  it('lets nobody through while it takes the place of another', async () => {
    await run('CREATE TABLE notes (id VARCHAR(40), body TEXT)');
    await raiseOverNotes();
    const { up } = await fenceSql(schema([notes]), world.keyring, { dialect: 'mysql' });
    const dropped = up.findLastIndex((sql) => sql.startsWith('DROP')) + 1;
    const insert = (queries: SqlQueries) => queries.query("INSERT INTO notes VALUES ('a', ?)", [old]);
    await executor.transaction(async ({ query }) => {
      for (const sql of up.slice(0, dropped)) await query(sql, []);
      const through = executor.transaction(async (queries) => {
        await queries.query('SET SESSION lock_wait_timeout = 1', []);
        await insert(queries);
      });
      expect(await failureOf(through)).toMatchObject({ errno: 1205 });
      for (const sql of up.slice(dropped)) await query(sql, []);
    });
    expect(await isRefused(insert(executor))).toBe(true);
  });

  it('leaves the connection as it was: no lock, no other time-out', async () => {
    await run('CREATE TABLE notes (id VARCHAR(40), body TEXT)');
    const { up, down } = await fenceSql(schema([notes]), world.keyring, {
      dialect: 'mysql',
      lockTimeoutMs: 1_500,
    });
    await executor.transaction(async ({ query }) => {
      const timeout = async () => (await query('SELECT @@lock_wait_timeout AS seconds', []))[0]?.['seconds'];
      const before = await timeout();
      await query(up[0] as string, []);
      expect(String(await timeout())).toBe('2');
      for (const statements of [up, down]) for (const sql of statements) await query(sql, []);
      expect(await timeout()).toEqual(before);
      await query('SELECT 1 FROM people', []); // under LOCK TABLES another table cannot be read
    });
  });
});
