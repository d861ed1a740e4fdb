/** An executor that breaks a rule is told so, whatever the database would have said. */
import { describe, expect, it } from 'vitest';
import { StoreBusyError, StoreUnfitError, schema, table, text, uuid } from '../../src/index.js';
import { mysqlKeyring, mysqlRecords } from '../../src/store/mysql.js';
import {
  type SqlExecutor,
  type SqlQueries,
  postgresKeyring,
  postgresRecords,
} from '../../src/store/postgres.js';

const members = table('members', { record: uuid('id'), encrypt: { email: text() } });
const { layout } = members;
schema([members]);

/** Of a database in which every statement gives this. */
function giving(answer: unknown): SqlExecutor {
  const queries: SqlQueries = { query: async () => answer as never };
  return { ...queries, transaction: (work) => work(queries) };
}

/** Of a database in which every statement fails with this. */
function failing(error: unknown): SqlExecutor {
  const queries: SqlQueries = { query: () => Promise.reject(error) };
  return { ...queries, transaction: (work) => work(queries) };
}

const job = { id: 'x', previous: undefined, next: '{}', forgetQuarantine: false };

describe('a store refuses an executor', () => {
  const answers: readonly (readonly [what: string, answer: unknown])[] = [
    ['the result of pg', { rows: [], rowCount: 0 }],
    ['rows and fields of mysql2', [[{ name: 'id' }], [{ name: 'name' }]]],
    ['a summary of mysql2', { affectedRows: 1 }],
    ['rows and a count of TypeORM', [[], 0]],
    ['rows as lists', [['id', 'uuid']]],
    ['nothing', undefined],
  ];
  it.each(answers)('whose query gives %s', async (_, answer) => {
    for (const store of [postgresRecords(giving(answer)), mysqlRecords(giving(answer))])
      await expect((async () => store.census([layout]))()).rejects.toThrow(/does not give rows/);
    for (const store of [postgresKeyring(giving(answer)), mysqlKeyring(giving(answer))])
      await expect((async () => store.read(1024))()).rejects.toThrow(StoreUnfitError);
  });

  const transactions: readonly (readonly [what: string, transaction: SqlExecutor['transaction']])[] = [
    ['gives nothing back', (work) => work(giving([])).then(() => undefined as never)],
    ['hides what its work throws', (work) => work(failing(new Error('in it'))).catch(() => true as never)],
    ['never does its work', async () => true as never],
  ];
  it.each(transactions)('whose transaction %s', async (_, transaction) => {
    const store = postgresRecords({ ...giving([]), transaction });
    await expect((async () => store.writeJob(job))()).rejects.toThrow(/does not give what its work gives/);
  });
});

it('what the work throws comes through whatever a library puts around it', async () => {
  const thrown = new Error('of the server');
  const transaction: SqlExecutor['transaction'] = (work) =>
    work(failing(thrown)).catch(() => Promise.reject(new Error('The transaction failed.')));
  const store = postgresRecords({ ...giving([]), transaction });
  await expect((async () => store.writeJob(job))()).rejects.toBe(thrown);
});

describe('a lock is told from every other error', () => {
  const [postgres, mysql] = [{ code: '55P03' }, { code: 'ER_LOCK_WAIT_TIMEOUT', errno: 1205 }];
  const around: readonly (readonly [library: string, (error: object) => unknown])[] = [
    ['a driver', (error) => error],
    ['Drizzle', (cause) => new Error('Failed query', { cause })],
    ['Sequelize', (original) => Object.assign(new Error('wrapped'), { parent: original, original })],
    ['TypeORM', (driverError) => Object.assign(new Error('wrapped'), { driverError })],
  ];
  it.each(around)('from %s', async (_, wrap) => {
    const stores = [postgresRecords(failing(wrap(postgres))), mysqlRecords(failing(wrap(mysql)))];
    for (const store of stores)
      await expect((async () => store.census([layout]))()).rejects.toThrow(StoreBusyError);
  });

  it('from Prisma', async () => {
    const error = {
      code: 'P2010',
      meta: { driverAdapterError: { cause: { originalCode: '55P03', kind: 'postgres' } } },
    };
    await expect((async () => postgresRecords(failing(error)).census([layout]))()).rejects.toThrow(
      StoreBusyError,
    );
  });

  it('and other errors are passed on as they are', async () => {
    const loop: { code: string; cause?: unknown } = { code: 'ECONNREFUSED' };
    loop.cause = loop;
    for (const error of [loop, new Error('?'), undefined, 'text'])
      await expect((async () => postgresRecords(failing(error)).census([layout]))()).rejects.toBe(error);
  });
});
