/** Tables in which a sweep could not keep its word: refused, or nothing of the chunk is kept. */
import { afterAll, expect, it } from 'vitest';
import {
  activateKey,
  addKey,
  createKeyring,
  encryptRecord,
  schema,
  table,
  text,
  uuid,
} from '../../src/index.js';
import { type RecordStore, rotate } from '../../src/rotation/index.js';
import { memoryKeyring } from '../../src/store/memory.js';
import { mysqlRecords } from '../../src/store/mysql.js';
import { postgresRecords } from '../../src/store/postgres.js';
import { dropTables, openServers as openMariadb } from './mysql-subject.js';
import { SCHEMA, type Server, openServers as openPostgres } from './postgres-subject.js';

const people = table('people', { record: uuid('id'), encrypt: { name: text() } });
const everything = schema([people]);

const postgres = openPostgres();
const mariadb = await openMariadb();
afterAll(() => Promise.all([...postgres, ...mariadb].map((server) => server.close())));
const [pg] = postgres as [Server];
const [maria] = mariadb as [Server];

async function freshSchema(): Promise<void> {
  await pg.executor.query(`DROP SCHEMA IF EXISTS ${SCHEMA} CASCADE`, []);
  await pg.executor.query(`CREATE SCHEMA ${SCHEMA}`, []);
}

/** Runs a rotation over one sealed record; gives back how it ended, and whether the record is as it was. */
async function rotated(
  server: Server,
  records: RecordStore,
  parameters: readonly [string, string],
  between: () => Promise<unknown> = async () => undefined,
): Promise<{ code: unknown; isUntouched: boolean }> {
  const keyring = await createKeyring(memoryKeyring(), { rawKey: new Uint8Array(32).fill(5) });
  const row = await encryptRecord(people, { id: crypto.randomUUID(), name: 'Jane' }, keyring);
  await server.executor.query(`INSERT INTO people (id, name) VALUES (${parameters[0]}, ${parameters[1]})`, [
    row.id,
    row.name,
  ]);
  await activateKey(keyring, await addKey(keyring));
  await between();
  let code: unknown = 'ended';
  try {
    for await (const _ of rotate(everything, { keyring, records }));
  } catch (error) {
    code = (error as { code?: unknown }).code;
  }
  const [found] = await server.executor.query('SELECT name FROM people', []);
  return { code, isUntouched: found?.['name'] === row.name };
}

it('a table of MariaDB that is not in InnoDB is refused', async () => {
  await dropTables(maria.executor);
  await maria.executor.query('CREATE TABLE people (id CHAR(36) PRIMARY KEY, name TEXT) ENGINE = MyISAM', []);
  const ended = await rotated(maria, mysqlRecords(maria.executor), ['?', '?']);
  expect(ended).toEqual({ code: 'schema-mismatch', isUntouched: true });
});

it('a table of PostgreSQL whose records are hidden from the role is refused', async () => {
  await freshSchema();
  await pg.executor.query('CREATE TABLE people (id uuid PRIMARY KEY, name text)', []);
  await pg.executor.query('ALTER TABLE people ENABLE ROW LEVEL SECURITY', []);
  await pg.executor.query('DROP ROLE IF EXISTS cellseal_hidden', []);
  await pg.executor.query('CREATE ROLE cellseal_hidden', []);
  await pg.executor.query(`GRANT USAGE ON SCHEMA ${SCHEMA} TO cellseal_hidden`, []);
  await pg.executor.query('GRANT SELECT, UPDATE ON people TO cellseal_hidden', []);
  const code = await pg.executor.transaction(async (queries) => {
    await queries.query('SET LOCAL ROLE cellseal_hidden', []);
    const records = postgresRecords({ ...queries, transaction: (work) => work(queries) });
    return Promise.resolve(records.census([people.layout])).then(
      () => 'counted',
      (error: { code?: unknown }) => error.code,
    );
  });
  expect(code).toBe('store-unfit');
  await freshSchema();
  await pg.executor.query('DROP ROLE cellseal_hidden', []);
});

it('a cell that a trigger of PostgreSQL changes is noticed, and nothing of its chunk is kept', async () => {
  await freshSchema();
  await pg.executor.query('CREATE TABLE people (id uuid PRIMARY KEY, name text)', []);
  const ended = await rotated(pg, postgresRecords(pg.executor), ['$1', '$2'], async () => {
    await pg.executor.query(
      `CREATE FUNCTION ${SCHEMA}.cut() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.name := left(NEW.name, 40); RETURN NEW; END'`,
      [],
    );
    await pg.executor.query(
      `CREATE TRIGGER cut BEFORE UPDATE ON people FOR EACH ROW EXECUTE FUNCTION ${SCHEMA}.cut()`,
      [],
    );
  });
  expect(ended).toEqual({ code: 'store-unfit', isUntouched: true });
});

it('a cell that a trigger of MariaDB changes is noticed, and nothing of its chunk is kept', async () => {
  await dropTables(maria.executor);
  await maria.executor.query('CREATE TABLE people (id CHAR(36) PRIMARY KEY, name TEXT)', []);
  const ended = await rotated(maria, mysqlRecords(maria.executor), ['?', '?'], () =>
    maria.executor.query(
      'CREATE TRIGGER cut BEFORE UPDATE ON people FOR EACH ROW SET NEW.name = LEFT(NEW.name, 40)',
      [],
    ),
  );
  expect(ended).toEqual({ code: 'store-unfit', isUntouched: true });
});
