/** Faults planted into tables of real servers: each is found, and nothing else is. */
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import {
  type Keyring,
  type Table,
  boolean,
  bytes,
  createKeyring,
  encryptRecord,
  integer,
  schema,
  table,
  text,
  uuid,
} from '../../src/index.js';
import { type CheckSchemaOptions, type RecordStore, checkSchema } from '../../src/rotation/index.js';
import { memoryKeyring } from '../../src/store/memory.js';
import { mysqlRecords } from '../../src/store/mysql.js';
import { postgresRecords } from '../../src/store/postgres.js';
import type { SqlQueries } from '../../src/store/sql/executor.js';
import { assertCovered } from '../../src/sweep/index.js';
import { DATABASE, dropTables, openServers as openMariadb } from './mysql-subject.js';
import { SCHEMA, type Server, openServers as openPostgres } from './postgres-subject.js';

const people = table('people', {
  record: uuid('id'),
  encrypt: { mail: text({ column: 'mail_enc' }), photo: bytes({ form: 'binary' }) },
});
const everything = schema([people]);
const members = table('members', {
  record: integer('id'),
  encrypt: { name: boolean({ index: { bits: 128, unique: true } }) },
});
/** What is told of a token's column that is declared so. */
const TOKEN_COLUMNS = [
  ['VARCHAR(41) UNIQUE', []],
  ['TEXT', ['index-not-unique']],
  ['VARCHAR(40) UNIQUE', ['index-too-narrow']],
  ['VARCHAR(40)', ['index-too-narrow', 'index-not-unique']],
  ['INTEGER UNIQUE', ['column-kind']],
] as const;

const postgres = openPostgres();
const mariadb = await openMariadb();
afterAll(() => Promise.all([...postgres, ...mariadb].map((server) => server.close())));
const [pg] = postgres as [Server];
const [maria] = mariadb as [Server];

let keyring: Keyring;
beforeEach(async () => {
  keyring = await createKeyring(memoryKeyring(), { rawKey: crypto.getRandomValues(new Uint8Array(32)) });
});

const NOTHING = { faults: [], warnings: [] };

async function checked(
  records: RecordStore,
  of: readonly Table[] = [people],
  more: Partial<CheckSchemaOptions> = {},
): Promise<{ faults: string[]; warnings: string[] }> {
  const report = await checkSchema(schema(of), { records, keyring, ...more });
  const spell = ({ code, place }: { code: string; place: string }): string => `${code} ${place}`;
  return { faults: report.faults.map(spell), warnings: report.warnings.map(spell) };
}

const sealed = () =>
  encryptRecord(
    people,
    { id: crypto.randomUUID(), mail: 'jane@example.com', photo: new Uint8Array([1, 2]) },
    keyring,
  );
const hexOf = (cell: unknown): string => Buffer.from(cell as Uint8Array).toString('hex');

describe('PostgreSQL', () => {
  const run = (sql: string, values: readonly string[] = []) => pg.executor.query(sql, values);
  const records = () => postgresRecords(pg.executor);
  const check = (of?: readonly Table[], more?: Partial<CheckSchemaOptions>) => checked(records(), of, more);
  const TABLE = 'CREATE TABLE people (id uuid PRIMARY KEY, mail_enc text, photo bytea, note text)';
  const seal = async () => {
    const row = await sealed();
    await run(`INSERT INTO people (id, mail_enc, photo) VALUES ($1, $2, decode($3, 'hex'))`, [
      row.id as string,
      row.mail as string,
      hexOf(row.photo),
    ]);
    return row;
  };

  beforeEach(async () => {
    await run(`DROP SCHEMA IF EXISTS ${SCHEMA} CASCADE`);
    await run(`DROP SCHEMA IF EXISTS ${SCHEMA}_crm CASCADE`);
    await run(`CREATE SCHEMA ${SCHEMA}`);
  });
  afterAll(async () => {
    await run(`DROP SCHEMA IF EXISTS ${SCHEMA}_crm CASCADE`);
    await run(`DROP SCHEMA IF EXISTS ${SCHEMA} CASCADE`);
    await run('DROP ROLE IF EXISTS cellseal_check_reader');
  });

  it('finds nothing in a table that is sound', async () => {
    await run(TABLE);
    await seal();
    expect(await check()).toEqual(NOTHING);
    expect(await check([people], { thorough: true })).toEqual(NOTHING);
    await expect(assertCovered(records(), everything)).resolves.toBeUndefined();
  });

  it('finds what is missing, and what is no table', async () => {
    expect((await check()).faults).toEqual(['table-missing people']);
    await run('CREATE TABLE t (id uuid PRIMARY KEY, mail_enc text)');
    await run('CREATE VIEW people AS SELECT * FROM t');
    expect((await check()).faults).toEqual([`not-a-table ${SCHEMA}.people`]);
    await run('DROP VIEW people');
    await run('ALTER TABLE t RENAME TO people');
    expect((await check()).faults).toEqual([`column-missing ${SCHEMA}.people.photo`]);
  });

  it('finds columns of wrong kinds, behind domains, enumerations and arrays too', async () => {
    await run('CREATE DOMAIN short AS varchar(60)');
    await run('CREATE DOMAIN any_text AS text');
    await run("CREATE TYPE mood AS ENUM ('well')");
    for (const [type, faults] of [
      ['any_text', []],
      ['short', [`column-too-narrow ${SCHEMA}.people.mail_enc`]],
      ['char(200)', [`column-kind ${SCHEMA}.people.mail_enc`]],
      ['mood', [`column-kind ${SCHEMA}.people.mail_enc`]],
      ['jsonb', [`column-kind ${SCHEMA}.people.mail_enc`]],
      ['text[]', [`column-kind ${SCHEMA}.people.mail_enc`]],
      ['text GENERATED ALWAYS AS (lower(note)) STORED', [`column-rewritten ${SCHEMA}.people.mail_enc`]],
    ] as const) {
      await run('DROP TABLE IF EXISTS people');
      await run(`CREATE TABLE people (id uuid PRIMARY KEY, note text, mail_enc ${type}, photo bytea)`);
      expect([type, (await check()).faults]).toEqual([type, faults]);
      const isCovered = await assertCovered(records(), everything).then(
        () => true,
        () => false,
      );
      expect([type, isCovered]).toEqual([
        type,
        faults.every((fault) => fault.startsWith('column-too-narrow')),
      ]);
    }
  });

  it('warns of a column that bounds what fits', async () => {
    await run('CREATE TABLE people (id uuid PRIMARY KEY, mail_enc varchar(255), photo bytea)');
    const report = await checkSchema(everything, { records: records() });
    const [warning] = report.warnings;
    expect([report.isSound, warning?.code]).toEqual([true, 'column-narrow']);
    const fits = Number(warning?.facts['fitsBytes']);
    const put = async (length: number) => {
      const row = await encryptRecord(people, { id: crypto.randomUUID(), mail: 'x'.repeat(length) }, keyring);
      return run('INSERT INTO people (id, mail_enc) VALUES ($1, $2)', [row.id as string, row.mail as string]);
    };
    await put(fits);
    await expect(put(fits + 1)).rejects.toMatchObject({ code: '22001' });
  });

  it.each([
    ['none', 'SELECT 1', 'key-not-unique'],
    ['a partial one', 'CREATE UNIQUE INDEX k ON people (id) WHERE photo IS NULL', 'key-not-unique'],
    ['one of an expression', 'CREATE UNIQUE INDEX k ON people ((id::text))', 'key-not-unique'],
    ['one that is not unique', 'CREATE INDEX k ON people (id)', 'key-not-unique'],
    ['more columns', 'CREATE UNIQUE INDEX k ON people (id, no)', 'key-not-unique'],
    [
      'columns that are only carried along',
      'CREATE UNIQUE INDEX k ON people (no) INCLUDE (id)',
      'key-not-unique',
    ],
    ['nulls', 'CREATE UNIQUE INDEX k ON people (id)', 'key-nullable'],
    ['an index', 'ALTER TABLE people ALTER id SET NOT NULL; CREATE UNIQUE INDEX k ON people (id)', undefined],
    [
      'an index that carries more',
      'ALTER TABLE people ALTER id SET NOT NULL; CREATE UNIQUE INDEX k ON people (id) INCLUDE (no)',
      undefined,
    ],
  ])('knows what makes an id unique: %s', async (_, statements, code) => {
    await run('CREATE TABLE people (id uuid, no integer, mail_enc text, photo bytea)');
    for (const statement of statements.split(';')) await run(statement);
    expect((await check()).faults).toEqual(code === undefined ? [] : [`${code} ${SCHEMA}.people`]);
  });

  it('finds cells in other columns, other tables and other schemas', async () => {
    await run(TABLE);
    const row = await seal();
    await run(`CREATE SCHEMA ${SCHEMA}_crm`);
    await run(`CREATE TABLE ${SCHEMA}_crm.clients (id uuid PRIMARY KEY, mail text)`);
    await run(`CREATE TABLE ${SCHEMA}_crm."Old one" (c char(300), b bytea, "pass word" text)`);
    await run(`INSERT INTO ${SCHEMA}_crm."Old one" VALUES ($1, decode($2, 'hex'))`, [
      row.mail as string,
      hexOf(row.photo),
    ]);
    await run('UPDATE people SET note = mail_enc');
    await run('CREATE VIEW seen AS SELECT mail_enc AS password FROM people');
    const clients = table('clients', {
      from: [`${SCHEMA}_crm`, 'clients'],
      record: uuid('id'),
      encrypt: { mail: text() },
    });
    expect(await check([people, clients])).toEqual({
      faults: [
        `stray-cells ${SCHEMA}.people.note`,
        `stray-cells ${SCHEMA}_crm.Old one.c`,
        `stray-cells ${SCHEMA}_crm.Old one.b`,
      ],
      warnings: [`unencrypted-sensitive ${SCHEMA}_crm.Old one.pass word`],
    });
    expect((await check()).faults).toEqual([`stray-cells ${SCHEMA}.people.note`]);
  });

  it('takes partitions for their table', async () => {
    await run(
      'CREATE TABLE people (id uuid, mail_enc text, photo bytea, password text) PARTITION BY HASH (id)',
    );
    await run('CREATE TABLE p0 PARTITION OF people FOR VALUES WITH (MODULUS 2, REMAINDER 0)');
    await run('CREATE TABLE p1 PARTITION OF people FOR VALUES WITH (MODULUS 2, REMAINDER 1)');
    expect((await check()).faults).toEqual([`key-not-unique ${SCHEMA}.people`]);
    await run('ALTER TABLE people ADD PRIMARY KEY (id)');
    for (let i = 0; i < 8; i++) await seal();
    expect(await check()).toEqual({
      faults: [],
      warnings: [`unencrypted-sensitive ${SCHEMA}.people.password`],
    });
    expect((await check([people], { thorough: true })).faults).toEqual([]);
  });

  it('says which columns the role may not read, and goes on', async () => {
    await run(TABLE);
    await seal();
    await run('CREATE TABLE closed (id integer, secret text)');
    await run('DROP ROLE IF EXISTS cellseal_check_reader');
    await run('CREATE ROLE cellseal_check_reader');
    await run(`GRANT USAGE ON SCHEMA ${SCHEMA} TO cellseal_check_reader`);
    await run('GRANT SELECT (id, mail_enc), UPDATE ON people TO cellseal_check_reader');
    const asReader = (work: (queries: SqlQueries) => Promise<unknown>) =>
      pg.executor.transaction(async (queries) => {
        await queries.query('SET LOCAL ROLE cellseal_check_reader', []);
        return work(queries);
      });
    const found = await asReader((queries) =>
      checked(postgresRecords({ ...queries, transaction: (work) => work(queries) })),
    );
    expect(found).toEqual({
      faults: [`column-unreadable ${SCHEMA}.people.photo`],
      warnings: [
        `unencrypted-sensitive ${SCHEMA}.closed.secret`,
        `column-unreadable ${SCHEMA}.closed.id`,
        `column-unreadable ${SCHEMA}.closed.secret`,
      ],
    });
    await run(`DROP SCHEMA ${SCHEMA} CASCADE`);
    await run('DROP ROLE cellseal_check_reader');
  });

  it('finds what is wrong with columns of tokens', async () => {
    const columns = [
      ...TOKEN_COLUMNS,
      ['char(41) UNIQUE', ['column-kind']],
      ['bytea UNIQUE', ['column-kind']],
      ['text UNIQUE GENERATED ALWAYS AS (lower(note)) STORED', ['column-rewritten']],
      ['text COLLATE "C" UNIQUE', []],
    ] as const;
    for (const [type, codes] of columns) {
      await run('DROP TABLE IF EXISTS members');
      await run(`CREATE TABLE members (id integer PRIMARY KEY, note text, name text, name_index ${type})`);
      const faults = codes.map((code) => `${code} ${SCHEMA}.members.name_index`);
      expect([type, (await check([members])).faults]).toEqual([type, faults]);
    }
    await run('DROP INDEX IF EXISTS k');
    await run('ALTER TABLE members DROP name_index, ADD name_index text');
    await run('CREATE UNIQUE INDEX k ON members (name_index) WHERE note IS NULL');
    expect((await check([members])).faults).toEqual([`index-not-unique ${SCHEMA}.members.name_index`]);
    await run("INSERT INTO members VALUES (1, NULL, NULL, 'no token')");
    await run('CREATE UNIQUE INDEX l ON members (name_index)');
    for (const thorough of [false, true])
      expect((await check([members], { thorough })).faults).toEqual([
        `not-tokens ${thorough ? '' : `${SCHEMA}.`}members.name_index`,
      ]);
  });

  it('finds plaintext and unknown keys', async () => {
    await run(TABLE);
    await seal();
    await run("UPDATE people SET photo = 'plain'");
    keyring = await createKeyring(memoryKeyring(), { rawKey: new Uint8Array(32).fill(9) });
    expect((await check()).faults).toEqual([
      `not-cells ${SCHEMA}.people.photo`,
      `unknown-key ${SCHEMA}.people.mail_enc`,
    ]);
  });
});

describe('MariaDB', () => {
  const run = (sql: string, values: readonly string[] = []) => maria.executor.query(sql, values);
  const records = () => mysqlRecords(maria.executor);
  const check = (of?: readonly Table[], more?: Partial<CheckSchemaOptions>) => checked(records(), of, more);
  const bounded = table('people', {
    record: uuid('id'),
    encrypt: {
      mail: text({ column: 'mail_enc', maxBytes: 100 }),
      photo: bytes({ form: 'binary', maxBytes: 100 }),
    },
  });
  const TABLE = 'CREATE TABLE people (id CHAR(36) PRIMARY KEY, mail_enc TEXT, photo BLOB, note TEXT)';
  const seal = async () => {
    const row = await sealed();
    await run('INSERT INTO people (id, mail_enc, photo) VALUES (?, ?, UNHEX(?))', [
      row.id as string,
      row.mail as string,
      hexOf(row.photo),
    ]);
    return row;
  };

  beforeEach(async () => {
    for (const view of ['seen', 'people']) await run(`DROP VIEW IF EXISTS ${view}`).catch(() => undefined);
    await dropTables(maria.executor);
    await run(`DROP DATABASE IF EXISTS ${DATABASE}_crm`);
  });
  afterAll(() => run(`DROP DATABASE IF EXISTS ${DATABASE}_crm`));

  it('finds nothing in a table that is sound', async () => {
    await run(TABLE);
    await seal();
    expect(await check([bounded])).toEqual(NOTHING);
    expect(await check([bounded], { thorough: true })).toEqual(NOTHING);
    await expect(assertCovered(records(), everything)).resolves.toBeUndefined();
  });

  it('finds what is missing, and what is no table', async () => {
    expect((await check()).faults).toEqual(['table-missing people']);
    await run('CREATE TABLE t (id CHAR(36) PRIMARY KEY, mail_enc LONGTEXT)');
    await run('CREATE VIEW people AS SELECT * FROM t');
    expect((await check()).faults).toEqual([`not-a-table ${DATABASE}.people`]);
    await run('DROP VIEW people');
    await run('ALTER TABLE t RENAME TO people');
    expect((await check()).faults).toEqual([`column-missing ${DATABASE}.people.photo`]);
  });

  it('finds columns of wrong kinds, and too narrow ones', async () => {
    const place = `${DATABASE}.people.mail_enc`;
    for (const [type, faults] of [
      ['VARCHAR(300) CHARACTER SET ascii', []],
      ['VARCHAR(60)', [`column-too-narrow ${place}`]],
      ["ENUM('a', 'b')", [`column-kind ${place}`]],
      ['VARCHAR(300) CHARACTER SET utf16', [`column-kind ${place}`]],
      ['VARBINARY(300)', [`column-kind ${place}`]],
      ['INT', [`column-kind ${place}`]],
      ['VARCHAR(300) AS (LOWER(note)) STORED', [`column-rewritten ${place}`]],
    ] as const) {
      await run('DROP TABLE IF EXISTS people');
      await run(`CREATE TABLE people (id CHAR(36) PRIMARY KEY, note TEXT, mail_enc ${type}, photo BLOB)`);
      expect([type, (await check([bounded])).faults]).toEqual([type, faults]);
    }
    await run('DROP TABLE people');
    await run('CREATE TABLE people (id CHAR(36) PRIMARY KEY, mail_enc TEXT, photo BLOB) ENGINE = MyISAM');
    expect((await check([bounded])).faults).toEqual([`table-unfit ${DATABASE}.people`]);
  });

  it('counts characters, and bytes where they are fewer', async () => {
    await run('CREATE TABLE people (id CHAR(36) PRIMARY KEY, mail_enc TEXT, photo VARBINARY(255))');
    const { warnings } = await checkSchema(everything, { records: records() });
    expect(warnings.map(({ code, facts }) => [code, facts['room'], facts['fitsBytes']])).toEqual([
      ['column-narrow', 65_535, 49_090],
      ['column-narrow', 255, 200],
    ]);
    const put = async (mail: number, photo: number) => {
      const record = { id: crypto.randomUUID(), mail: 'x'.repeat(mail), photo: new Uint8Array(photo) };
      const row = await encryptRecord(people, record, keyring);
      await run('INSERT INTO people (id, mail_enc, photo) VALUES (?, ?, UNHEX(?))', [
        row.id as string,
        row.mail as string,
        hexOf(row.photo),
      ]);
    };
    await put(49_090, 200);
    await expect(put(49_091, 200)).rejects.toMatchObject({ errno: 1406 });
    await expect(put(49_090, 201)).rejects.toMatchObject({ errno: 1406 });
  });

  it('takes a column that bounds for a fault where the connection cuts off', async () => {
    await run('CREATE TABLE people (id CHAR(36) PRIMARY KEY, mail_enc VARCHAR(255), photo BLOB)');
    const found = await maria.executor.transaction(async (queries) => {
      const [before] = await queries.query('SELECT @@sql_mode AS mode', []);
      await queries.query("SET SESSION sql_mode = ''", []);
      try {
        return await checked(mysqlRecords({ ...queries, transaction: (work) => work(queries) }), [people]);
      } finally {
        await queries.query('SET SESSION sql_mode = ?', [String(before?.['mode'])]);
      }
    });
    expect(found.faults).toEqual([
      `column-truncates ${DATABASE}.people.mail_enc`,
      `column-truncates ${DATABASE}.people.photo`,
    ]);
    expect((await check()).faults).toEqual([]);
  });

  it('knows what makes an id unique', async () => {
    for (const [key, code] of [
      ['', 'key-not-unique'],
      [', KEY k (id)', 'key-not-unique'],
      [', UNIQUE k (id, no)', 'key-not-unique'],
      [', UNIQUE k (id)', 'key-nullable'],
      [', PRIMARY KEY (id)', undefined],
    ] as const) {
      await run('DROP TABLE IF EXISTS people');
      await run(`CREATE TABLE people (id CHAR(36), no INT, mail_enc TEXT, photo BLOB${key})`);
      const wanted = code === undefined ? [] : [`${code} ${DATABASE}.people`];
      expect([key, (await check([bounded])).faults]).toEqual([key, wanted]);
    }
  });

  it('finds cells in other columns, tables and databases, and names that look sensitive', async () => {
    await run(TABLE);
    const row = await seal();
    await run(`CREATE DATABASE ${DATABASE}_crm`);
    await run(`CREATE TABLE ${DATABASE}_crm.clients (id INT PRIMARY KEY, mail TEXT)`);
    await run(
      `CREATE TABLE ${DATABASE}_crm.\`Old one\` (c VARCHAR(300) CHARACTER SET utf16, l TEXT CHARACTER SET latin1, b BLOB, \`has_password\` TINYINT(1), emailpassword VARCHAR(50), ssn BIGINT)`,
    );
    await run(`INSERT INTO ${DATABASE}_crm.\`Old one\` (c, l, b) VALUES (?, ?, UNHEX(?))`, [
      row.mail as string,
      row.mail as string,
      hexOf(row.photo),
    ]);
    await run('UPDATE people SET note = mail_enc');
    await run('CREATE VIEW seen AS SELECT mail_enc AS password FROM people');
    const clients = table('clients', {
      from: [`${DATABASE}_crm`, 'clients'],
      record: integer('id'),
      encrypt: { mail: text({ maxBytes: 100 }) },
    });
    expect(await check([bounded, clients])).toEqual({
      faults: [
        `stray-cells ${DATABASE}.people.note`,
        `stray-cells ${DATABASE}_crm.Old one.c`,
        `stray-cells ${DATABASE}_crm.Old one.l`,
        `stray-cells ${DATABASE}_crm.Old one.b`,
      ],
      warnings: [
        `unencrypted-sensitive ${DATABASE}_crm.Old one.emailpassword`,
        `unencrypted-sensitive ${DATABASE}_crm.Old one.ssn`,
      ],
    });
  });

  it('finds what is wrong with columns of tokens', async () => {
    const columns = [
      ...TOKEN_COLUMNS,
      ['VARCHAR(41) CHARACTER SET ascii UNIQUE', []],
      ['VARCHAR(41) CHARACTER SET utf16 UNIQUE', ['column-kind']],
      ['VARBINARY(41) UNIQUE', ['column-kind']],
      ["ENUM ('a') UNIQUE", ['column-kind']],
      ['VARCHAR(50) AS (LOWER(note)) STORED UNIQUE', ['column-rewritten']],
    ] as const;
    for (const [type, codes] of columns) {
      await run('DROP TABLE IF EXISTS members');
      await run(`CREATE TABLE members (id INT PRIMARY KEY, note TEXT, name TEXT, name_index ${type})`);
      const faults = codes.map((code) => `${code} ${DATABASE}.members.name_index`);
      expect([type, (await check([members])).faults]).toEqual([type, faults]);
    }
    await run('DROP TABLE members');
    await run('CREATE TABLE members (id INT PRIMARY KEY, name TEXT, name_index VARCHAR(99) UNIQUE)');
    await run("INSERT INTO members VALUES (1, NULL, 'no token')");
    for (const thorough of [false, true])
      expect((await check([members], { thorough })).faults).toEqual([
        `not-tokens ${thorough ? '' : `${DATABASE}.`}members.name_index`,
      ]);
  });

  it('finds plaintext and unknown keys', async () => {
    await run(TABLE);
    await seal();
    await run("UPDATE people SET photo = 'plain'");
    keyring = await createKeyring(memoryKeyring(), { rawKey: new Uint8Array(32).fill(9) });
    expect((await check([bounded])).faults).toEqual([
      `not-cells ${DATABASE}.people.photo`,
      `unknown-key ${DATABASE}.people.mail_enc`,
    ]);
  });
});
