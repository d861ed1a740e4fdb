/** A unique index changes its key by a second column; at every step two who insert one value at once: one of them succeeds. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type Keyring,
  type Table,
  activateKey,
  addKey,
  createKeyring,
  encryptRecord,
  integer,
  lookup,
  schema,
  table,
  text,
} from '../../src/index.js';
import { census, finishRotation, migrationSql, rotate } from '../../src/rotation/index.js';
import { memoryKeyring } from '../../src/store/memory.js';
import type { SqlRow } from '../../src/store/sql/executor.js';
import { describeDuplicates } from '../rotation/duplicates.js';
import { DATABASES } from './databases.js';
import { DATABASE } from './mysql-subject.js';
import { SCHEMA, type Server } from './postgres-subject.js';

const index = { bits: 128, unique: true, transform: 'email-1' } as const;
const record = integer('id');
const only = (from: string[]) =>
  table('accounts', { from, record, encrypt: { email: text({ index: { ...index, name: 'email_key' } }) } });
const both = (from: string[]) =>
  table('accounts', {
    from,
    record,
    encrypt: { email: text({ index: { ...index, name: 'email_key', next: 'email_key_2' } }) },
  });
const second = (from: string[]) =>
  table('accounts', {
    from,
    record,
    encrypt: {
      email: text({ index: { ...index, name: 'email_key', generation: 2, column: 'email_key_2' } }),
    },
  });

for (const database of DATABASES) {
  const isPostgres = database.kind === 'PostgreSQL';
  let server: Server;
  const numbered = (sql: string): string => {
    let place = 0;
    return sql.replaceAll('?', () => database.parameter(++place));
  };
  describeDuplicates({
    name: database.name,
    type: isPostgres ? 'varchar(48)' : 'VARCHAR(48) CHARACTER SET ascii',
    // What is deferred is refused by COMMIT.
    constraints: ['UNIQUE', ...(isPostgres ? ['UNIQUE DEFERRABLE INITIALLY DEFERRED'] : [])],
    async prepare() {
      server ??= await database.connect();
      await database.clear(server.executor);
      return `${isPostgres ? SCHEMA : DATABASE}.accounts`;
    },
    run: (sql, values = []) => server.executor.query(numbered(sql), values as never),
    records: () => database.open(server.executor),
  });
  afterAll(() => server?.close());
}

const TRIES = 12;

describe.each(DATABASES)('a unique index in $kind over $name', (database) => {
  const place = database.kind === 'PostgreSQL' ? SCHEMA : DATABASE;
  const from = [place, 'accounts'];
  const name = `${place}.accounts`;
  let server: Server;
  let keyring: Keyring;
  let ids = 0;

  beforeAll(async () => {
    server = await database.connect();
    await database.clear(server.executor);
    const key = database.kind === 'PostgreSQL' ? 'varchar(48)' : 'VARCHAR(48) CHARACTER SET ascii';
    await run(`CREATE TABLE ${name} (id BIGINT PRIMARY KEY, email TEXT NOT NULL, email_key ${key} UNIQUE)`);
    keyring = await createKeyring(memoryKeyring(), { rawKey: new Uint8Array(32).fill(3) });
  });
  afterAll(async () => server.close());

  const run = (sql: string, values: readonly (string | number)[] = []): Promise<readonly SqlRow[]> =>
    server.executor.query(sql, values as never);

  async function insert(definition: Table, email: string): Promise<void> {
    const row = (await encryptRecord(definition, { id: ++ids, email } as never, keyring)) as Record<
      string,
      unknown
    >;
    const columns = definition.layout.tokens?.map(({ column }) => column) ?? [];
    const values = [
      Number(row['id']),
      row['email'],
      ...(definition.layout.tokens ?? []).map((one) => row[one.index]),
    ];
    const places = values.map((_, i) => database.parameter(i + 1)).join(', ');
    await run(`INSERT INTO ${name} (id, email, ${columns.join(', ')}) VALUES (${places})`, values as never);
  }

  /** Two applications, each with its definition, and values that neither, or the other one, has. */
  async function contend(
    step: string,
    left: Table,
    right: Table,
    existing: readonly string[],
  ): Promise<string[]> {
    const fresh = Array.from({ length: TRIES }, (_, i) => `${step}-${i}@example.org`);
    for (const email of fresh) {
      const outcomes = await Promise.allSettled([insert(left, email), insert(right, email.toUpperCase())]);
      const failed = outcomes.flatMap((one) => (one.status === 'rejected' ? [String(one.reason)] : []));
      expect(failed, step).toHaveLength(1);
      expect(failed[0], step).toMatch(/duplicate|unique/i);
    }
    for (const email of existing) {
      for (const definition of [left, right])
        await expect(insert(definition, email), `${step}: ${email}`).rejects.toThrow(/duplicate|unique/i);
    }
    for (const email of [...existing, ...fresh])
      for (const definition of [left, right])
        expect(await count(definition, email), `${step}: ${email}`).toBe(1);
    return [...existing, ...fresh];
  }

  async function count(definition: Table, email: string): Promise<number> {
    const { columns } = await lookup(definition, 'email', email, keyring);
    const values = columns.flatMap(({ tokens }) => tokens);
    let used = 0;
    const conditions = columns.map(
      ({ column, tokens }) => `${column} IN (${tokens.map(() => database.parameter(++used)).join(', ')})`,
    );
    return (await run(`SELECT id FROM ${name} WHERE ${conditions.join(' OR ')}`, values)).length;
  }

  const records = () => database.open(server.executor);
  const migrate = async (when: string): Promise<void> => {
    const dialect = database.kind === 'PostgreSQL' ? 'postgres' : 'mysql';
    for (const statement of migrationSql(both(from), { dialect }))
      if (statement.when === when) await run(statement.sql);
  };

  it('lets one of two in, at every step of the change', async () => {
    const [one, two, last] = [only(from), both(from), second(from)];
    let known = await contend('before', one, one, []);
    const next = await addKey(keyring, { kind: 'index' });
    await migrate('before');
    known = await contend('some have the second column', one, two, known);
    known = await contend('all have it', two, two, known);

    let chunks = 0;
    const everything = schema([two]);
    // Not at every chunk: what is inserted lies ahead of the sweep, which would never end.
    for await (const _ of rotate(everything, { keyring, records: records(), chunkRecords: 7 }))
      if (++chunks <= 2)
        known = await contend(`while it is filled, ${chunks}`, two, two, known.slice(-TRIES));
    const { tables } = await census(everything, { keyring, records: records() });
    expect(tables[0]?.indexes?.[1]?.missing).toBe(0);
    await migrate('handover');
    known = await contend('it is unique', two, two, known);

    await activateKey(keyring, next);
    known = await contend('the key is active', two, two, known);
    known = await contend('some have the second column alone', two, last, known);
    known = await contend('all have it alone', last, last, known);
    await migrate('last');
    known = await contend('the first one is gone', last, last, known);

    const finish = { keyring, records: records(), withoutHold: true } as const;
    for await (const _ of rotate(schema([last]), { keyring, records: records() }));
    expect(await finishRotation(schema([last]), finish)).toMatchObject({ isFinished: true });
    await contend('the first key is suspended', last, last, known.slice(-TRIES));
  }, 300_000);
});
