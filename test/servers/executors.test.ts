/** The executors over drivers keep every rule; the suite finds those that break one. */
import { afterAll, describe, expect, it } from 'vitest';
import type { SqlExecutor, SqlQueries, SqlRow } from '../../src/store/sql/executor.js';
import { sqlExecutorCases } from '../../src/testing/conformance.js';
import { openServers as openMariadb } from './mysql-subject.js';
import { SCHEMA, type Server, openServers as openPostgres } from './postgres-subject.js';

const postgres = openPostgres();
const mariadb = await openMariadb();
afterAll(() => Promise.all([...postgres, ...mariadb].map((server) => server.close())));
await postgres[0]?.executor.query(`CREATE SCHEMA IF NOT EXISTS ${SCHEMA}`, []);

describe.each([
  ...postgres.map((server) => ['postgres', server] as const),
  ...mariadb.map((server) => ['mysql', server] as const),
])('an executor for %s', (dialect, { executor, name: driver }) => {
  for (const { name, run } of sqlExecutorCases(executor, dialect)) it(`over ${driver} ${name}`, run);
});

/** What is wrong with an executor, and the case that says so. */
const FAULTS: readonly (readonly [
  fault: string,
  plant: (sound: SqlExecutor) => SqlExecutor,
  caughtBy: string,
])[] = [
  [
    'works in transactions on any connection',
    (sound) => ({ ...sound, transaction: (work) => sound.transaction(() => work(sound)) }),
    'keeps a transaction on one',
  ],
  ['begins no transaction', (sound) => ({ ...sound, transaction: (work) => work(sound) }), 'rolls back'],
  ['commits whatever happens', (sound) => ({ ...sound, transaction: commitsAlways(sound) }), 'rolls back'],
  [
    'wraps what the work throws',
    (sound) => ({
      ...sound,
      transaction: (work) =>
        sound.transaction(work).catch((cause: unknown) => {
          throw new Error('failed', { cause });
        }),
    }),
    'throws the same',
  ],
  [
    'gives nothing back',
    (sound) => ({ ...sound, transaction: (work) => sound.transaction(work).then(() => undefined as never) }),
    'gives what it gives',
  ],
  [
    'looks around first',
    (sound) => ({
      ...sound,
      transaction: (work) =>
        sound.transaction(async (queries) => {
          await queries.query('SELECT 1', []);
          return work(queries);
        }),
    }),
    'says nothing in a transaction',
  ],
  [
    'gives rows as lists',
    (sound) => changed(sound, (rows) => rows.map((row) => Object.values(row))),
    'by column name',
  ],
  ['gives rows and a count', (sound) => changed(sound, (rows) => [rows, rows.length]), 'by column name'],
  [
    'gives a summary where there are no rows',
    (sound) => changed(sound, (rows) => (rows.length === 0 ? { affectedRows: 0 } : rows)),
    'an empty list',
  ],
  [
    'gives bytes as text',
    (sound) =>
      changed(sound, (rows) =>
        rows.map(({ bytes, ...row }) => ({
          ...row,
          ...(bytes instanceof Uint8Array ? { bytes: Buffer.from(bytes).toString('hex') } : {}),
        })),
      ),
    'bytes as Uint8Array',
  ],
  [
    'hides the database’s errors',
    (sound) => ({
      ...sound,
      query: (sql, values) =>
        sound.query(sql, values).catch(() => {
          throw new Error('The query failed.');
        }),
    }),
    'be recognised',
  ],
  [
    'trims what it binds',
    (sound) => ({
      ...sound,
      query: (sql, values) =>
        sound.query(
          sql,
          values.map((value) => (typeof value === 'string' ? value.trim() : value)),
        ),
    }),
    'to the letter',
  ],
  [
    'replaces names',
    (sound) => ({ ...sound, query: (sql, values) => sound.query(sql.replaceAll(':given', 'NULL'), values) }),
    'as it stands',
  ],
];

describe('the suite for executors finds one that', () => {
  it.each(FAULTS)('%s', async (_, plant, caughtBy) => {
    const { executor } = postgres[0] as Server;
    const failed: string[] = [];
    for (const { name, run } of sqlExecutorCases(plant(executor), 'postgres'))
      await run().catch(() => failed.push(name));
    expect(failed.filter((name) => name.includes(caughtBy))).toHaveLength(1);
  });
});

it('an error of the database is recognised inside those that libraries put around it', async () => {
  const { executor } = postgres[0] as Server;
  const wrap: readonly ((cause: unknown) => unknown)[] = [
    (cause) => new Error('of Drizzle', { cause }),
    (original) => Object.assign(new Error('of Sequelize'), { original }),
    (driverError) => Object.assign(new Error('of TypeORM'), { driverError }),
  ];
  for (const wrapped of wrap) {
    const query: SqlQueries['query'] = (sql, values) =>
      executor.query(sql, values).catch((error: unknown) => Promise.reject(wrapped(error)));
    const recognised = sqlExecutorCases({ ...executor, query }, 'postgres').find(({ name }) =>
      name.includes('be recognised'),
    );
    await recognised?.run();
  }
});

function changed(
  sound: SqlExecutor,
  change: (rows: Awaited<ReturnType<SqlExecutor['query']>>) => unknown,
): SqlExecutor {
  return { ...sound, query: async (sql, values) => change(await sound.query(sql, values)) as SqlRow[] };
}

/** Work that throws is committed as if it had not. */
function commitsAlways(sound: SqlExecutor): SqlExecutor['transaction'] {
  return async (work) => {
    const { error, value } = await sound.transaction((queries) =>
      work(queries).then(
        (value) => ({ value, error: undefined }),
        (error: unknown) => ({ value: undefined, error }),
      ),
    );
    if (error !== undefined) throw error;
    return value as never;
  };
}
