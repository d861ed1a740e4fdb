/** Plaintext becomes cells on real servers: columns of every type, sessions of every setting, writers old and new. */
import mysql2 from 'mysql2/promise';
import pg from 'pg';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import {
  type Attribute,
  type AttributeOptions,
  type Keyring,
  type Table,
  boolean,
  bytes,
  createKeyring,
  date,
  decimal,
  decryptRecord,
  encryptRecord,
  float,
  integer,
  json,
  schema,
  table,
  text,
  timestamp,
  uuid,
} from '../../src/index.js';
import {
  type RecordStore,
  type SqlDialect,
  census,
  listQuarantine,
  migrationSql,
  rotate,
} from '../../src/rotation/index.js';
import { memoryKeyring } from '../../src/store/memory.js';
import { mysql2Executor, mysqlRecords } from '../../src/store/mysql.js';
import { pgExecutor, postgresRecords } from '../../src/store/postgres.js';
import type { SqlExecutor } from '../../src/store/sql/executor.js';
import { DATABASE, dropTables, openServers as openMariadb } from './mysql-subject.js';
import { SCHEMA, openServers as openPostgres } from './postgres-subject.js';

const RECORDS = 200;
const postgres = openPostgres();
const mariadb = await openMariadb();
// Sessions that print dates, numbers and instants in another way.
const oddPostgres = new pg.Pool({
  host: '127.0.0.1',
  user: 'root',
  database: 'test',
  options: `-c search_path=${SCHEMA} -c TimeZone=Asia/Kolkata -c DateStyle=SQL,DMY -c IntervalStyle=iso_8601`,
});
const oddMysql = mysql2.createPool({
  host: '127.0.0.1',
  user: 'root',
  database: DATABASE,
  charset: 'utf8mb4',
});
oddMysql.pool.on('connection', (connection) => {
  connection.query("SET time_zone = '+05:30'");
});
afterAll(() =>
  Promise.all([
    ...postgres.map((s) => s.close()),
    ...mariadb.map((s) => s.close()),
    oddPostgres.end(),
    oddMysql.end(),
  ]),
);

interface Database {
  readonly name: string;
  readonly dialect: SqlDialect;
  readonly executor: SqlExecutor;
  open(): RecordStore;
  clear(): Promise<unknown>;
  parameter(place: number): string;
  quote(name: string): string;
}
const ofPostgres = (name: string, executor: SqlExecutor): Database => ({
  name: `PostgreSQL over ${name}`,
  dialect: 'postgres',
  executor,
  open: () => postgresRecords(executor),
  async clear() {
    await executor.query(`DROP SCHEMA IF EXISTS ${SCHEMA} CASCADE`, []);
    await executor.query(`CREATE SCHEMA ${SCHEMA}`, []);
  },
  parameter: (place) => `$${place}`,
  quote: (name) => `"${name}"`,
});
const ofMysql = (name: string, executor: SqlExecutor): Database => ({
  name: `MariaDB over ${name}`,
  dialect: 'mysql',
  executor,
  open: () => mysqlRecords(executor),
  clear: () => dropTables(executor),
  parameter: () => '?',
  quote: (name) => `\`${name}\``,
});
const databases = [
  ...postgres.map(({ name, executor }) => ofPostgres(name, executor)),
  ...mariadb.map(({ name, executor }) => ofMysql(name, executor)),
];
const odd = [
  ofPostgres('pg, in a session with settings of its own', pgExecutor(oddPostgres)),
  ofMysql('mysql2, in a session with a time zone of its own', mysql2Executor(oddMysql)),
];

let keyring: Keyring;
beforeEach(async () => {
  keyring = await createKeyring(memoryKeyring(), { rawKey: crypto.getRandomValues(new Uint8Array(32)) });
});

async function rotateAll(definition: Table, records: RecordStore, options = {}): Promise<void> {
  for await (const _ of rotate(schema([definition]), { keyring, records, chunkRecords: 25, ...options }));
}

for (const database of databases) {
  const { name, dialect, executor, parameter, quote } = database;
  describe(`adopting in ${name}`, () => {
    const run = (sql: string, ...values: (string | null)[]) => executor.query(sql, values);

    for (const isInPlace of [true, false]) {
      const definition = table('people', {
        record: uuid('id'),
        encrypt: {
          name: isInPlace
            ? text({ adopting: true })
            : text({ column: 'sealed', adopting: { from: 'plain', column: 'name', newer: 'plaintext' } }),
        },
      });
      const cellColumn = isInPlace ? 'name' : 'sealed';

      it(`${isInPlace ? 'in place' : 'from a column'}, beside old and new writers: every last write stands`, async () => {
        await database.clear();
        await run(
          'CREATE TABLE people (id CHAR(36) PRIMARY KEY, name VARCHAR(60))'.replace(
            'CHAR(36)',
            dialect === 'postgres' ? 'uuid' : 'CHAR(36)',
          ),
        );
        const sizes = { name: { characters: 60 } };
        const statements = migrationSql(definition, { dialect, sizes });
        for (const { sql } of statements.filter(({ when }) => when === 'before')) await run(sql);
        const records = database.open();
        const written = new Map<string, string>();
        // The old version writes plaintext; the new one cells, and with a column beside both.
        const write = async (id: string, value: string, isNew: boolean, isThere: boolean): Promise<void> => {
          const { name: cell } = await encryptRecord(definition, { id, name: value }, keyring);
          const columns = isInPlace || !isNew ? ['name'] : ['name', 'sealed'];
          const values = isInPlace ? [isNew ? cell : value] : isNew ? [value, cell] : [value];
          const sql = isThere
            ? `UPDATE people SET ${columns.map((column, i) => `${column} = ${parameter(i + 1)}`).join(', ')} WHERE id = ${parameter(values.length + 1)}`
            : `INSERT INTO people (${columns.join(', ')}, id) VALUES (${[...values, id].map((_, i) => parameter(i + 1)).join(', ')})`;
          await run(sql, ...values, id);
          written.set(id, value);
        };
        const readAll = async (): Promise<Map<string, string>> => {
          const selected = isInPlace ? 'name' : 'sealed AS name, name AS plain';
          const rows = await run(`SELECT id, ${selected} FROM people`);
          const opened = rows.map(async (row) => {
            const { id, name } = await decryptRecord(
              definition,
              row as { id: string; name: unknown },
              keyring,
            );
            return [String(id), String(name)] as const;
          });
          return new Map(await Promise.all(opened));
        };
        for (let i = 0; i < RECORDS; i++) await write(crypto.randomUUID(), `Zoë ’${i}`, false, false);
        expect(await readAll()).toEqual(written);

        let isRotating = true;
        const application = (async () => {
          for (let i = 0; isRotating; i++) {
            const ids = [...written.keys()];
            if (i % 4 === 0) await write(crypto.randomUUID(), `newcomer ${i}`, i % 8 === 0, false);
            else await write(ids[(i * 7) % ids.length] as string, `changed ’${i}`, i % 2 === 0, true);
          }
        })();
        await rotateAll(definition, records);
        isRotating = false;
        await application;
        expect(await readAll()).toEqual(written);

        // The old version is gone: one more pass finds the rest.
        await rotateAll(definition, records);
        const count = await census(schema([definition]), { keyring, records });
        expect([count.notCells, count.unadopted ?? 0]).toEqual([0, 0]);
        expect(await listQuarantine({ keyring, records })).toEqual([]);
        for (const { sql } of statements.filter(({ when }) => when === 'after')) await run(sql);
        const rows = await run(`SELECT id, ${quote(cellColumn)} AS name FROM people`);
        const { adopting: _, ...attribute } = definition.encrypt.name;
        const strict = table('people', {
          record: uuid('id'),
          encrypt: { name: { ...attribute, adopting: undefined } },
        });
        const found = rows.map(async (row) => {
          const { id, name } = await decryptRecord(strict, row as { id: string; name: unknown }, keyring);
          return [String(id), String(name)] as const;
        });
        expect(new Map(await Promise.all(found))).toEqual(written);
      }, 120_000);
    }
  });
}

// ── Columns of every type ───────────────────────────────────────────────────────────────────────────────────────────

type Sample = readonly [
  type: string,
  attribute:
    | 'text'
    | 'integer'
    | 'big'
    | 'float'
    | 'decimal'
    | 'boolean'
    | 'date'
    | 'timestamp'
    | 'json'
    | 'bytes',
  sql: string,
  value: unknown,
];
const code = (name: string) => ({ code: name });

const POSTGRES_SAMPLES: readonly Sample[] = [
  ['varchar(40)', 'text', "'Zoë ’日本'", 'Zoë ’日本'],
  ['char(5)', 'text', "'ab'", 'ab'],
  ['uuid', 'text', "'00000000-0000-4000-8000-00000000000a'", '00000000-0000-4000-8000-00000000000a'],
  ['integer', 'integer', '-42', -42],
  ['bigint', 'big', '9223372036854775807', 9223372036854775807n],
  ['bigint', 'integer', '9223372036854775807', code('not-adoptable')],
  ['numeric', 'decimal', '12345678901234567890.1200', '12345678901234567890.1200'],
  ['numeric', 'decimal', "'NaN'", code('not-adoptable')],
  ['double precision', 'float', '0.1::float8 + 0.2::float8', 0.1 + 0.2],
  ['double precision', 'float', "'-infinity'", Number.NEGATIVE_INFINITY],
  ['boolean', 'boolean', 'true', true],
  ['boolean', 'boolean', 'false', false],
  ['date', 'date', "DATE '1985-02-28'", '1985-02-28'],
  ['date', 'date', "'infinity'", code('not-adoptable')],
  ['timestamptz', 'timestamp', "'2024-03-31 03:30:00.123456+02'", new Date('2024-03-31T01:30:00.123Z')],
  ['timestamptz', 'timestamp', "'infinity'", code('not-adoptable')],
  ['timestamp', 'timestamp', "TIMESTAMP '2024-02-03 12:00:00'", new Date('2024-02-03T12:00:00Z')],
  ['jsonb', 'json', `'{"a": [1, null, "é"], "b": 1.50}'`, { a: [1, null, 'é'], b: 1.5 }],
  ['jsonb', 'json', `'{"a": 12345678901234567890}'`, code('not-adoptable')],
  ['json', 'json', `'"text"'`, 'text'],
  ['bytea', 'bytes', "'\\x0100ff'", Uint8Array.of(1, 0, 255)],
  ['bytea', 'text', "'\\xc3a9'", 'é'],
  ['bytea', 'text', "'\\xc3'", code('not-adoptable')],
];
const MYSQL_SAMPLES: readonly Sample[] = [
  ['VARCHAR(40) CHARACTER SET latin1', 'text', "'Zoë ’'", 'Zoë ’'],
  ['VARCHAR(40) CHARACTER SET utf16', 'text', "'日本'", '日本'],
  ["ENUM('small', 'large')", 'text', "'large'", 'large'],
  ['INT', 'integer', '-42', -42],
  ['BIGINT UNSIGNED', 'big', '18446744073709551615', 18446744073709551615n],
  ['DECIMAL(30,4)', 'decimal', '12345678901234567890.12', '12345678901234567890.1200'],
  ['DOUBLE', 'float', '0.1e0 + 0.2e0', 0.1 + 0.2],
  ['FLOAT', 'float', '1.2345678', Math.fround(1.2345678)],
  ['TINYINT(1)', 'boolean', 'TRUE', true],
  ['BIT(1)', 'boolean', "b'0'", false],
  ['DATE', 'date', "'1985-02-28'", '1985-02-28'],
  ['DATETIME(6)', 'timestamp', "'2024-02-03 12:00:00.123456'", new Date('2024-02-03T12:00:00.123Z')],
  ['TIMESTAMP(3) NULL', 'timestamp', 'FROM_UNIXTIME(1706962800.5)', new Date(1706962800500)],
  ['TIMESTAMP NULL', 'timestamp', 'FROM_UNIXTIME(1711848600)', new Date(1711848600000)],
  ['JSON', 'json', `'{"a": [1, null, "é"]}'`, { a: [1, null, 'é'] }],
  ['BLOB', 'bytes', "X'0100FF'", Uint8Array.of(1, 0, 255)],
  ['VARBINARY(9)', 'text', "X'C3A9'", 'é'],
];
const MAKERS: Readonly<Record<Sample[1], (options: AttributeOptions) => Attribute>> = {
  text: (options) => text(options),
  integer: (options) => integer(options),
  big: (options) => integer({ ...options, as: 'bigint' }),
  float: (options) => float(options),
  decimal: (options) => decimal(options),
  boolean: (options) => boolean(options),
  date: (options) => date(options),
  timestamp: (options) => timestamp(options),
  json: (options) => json(options),
  bytes: (options) => bytes(options),
};

for (const database of [...databases, ...odd]) {
  const { name, dialect, executor, quote } = database;
  it(`a column of any type is adopted as it is, in ${name}`, async () => {
    await database.clear();
    const samples = dialect === 'postgres' ? POSTGRES_SAMPLES : MYSQL_SAMPLES;
    const encrypt = Object.fromEntries(
      samples.map(([, kind], i) => [`c${i}`, MAKERS[kind]({ adopting: { from: `p${i}` } })]),
    );
    const definition = table('things', { record: integer('id'), encrypt });
    const columns = samples.map(([type], i) => `${quote(`p${i}`)} ${type}`);
    await executor.query(`CREATE TABLE things (id INT PRIMARY KEY, ${columns.join(', ')})`, []);
    for (const { sql, when } of migrationSql(definition, { dialect }))
      if (when === 'before') await executor.query(sql, []);
    await executor.query(
      `INSERT INTO things (id, ${samples.map((_, i) => quote(`p${i}`)).join(', ')}) VALUES (1, ${samples.map(([, , sql]) => sql).join(', ')})`,
      [],
    );
    const records = database.open();
    await rotateAll(definition, records, { maxQuarantined: 100 });
    const codes = new Map(
      (await listQuarantine({ keyring, records })).map((entry) => [entry.column, entry.code]),
    );
    const [row] = await executor.query(
      `SELECT id, ${samples.map((_, i) => quote(`c${i}`)).join(', ')} FROM things`,
      [],
    );
    const opened = (await decryptRecord(definition, row as { id: number }, keyring)) as Record<
      string,
      unknown
    >;
    samples.forEach(([type, , sql, wanted], i) => {
      const found = codes.has(`c${i}`) ? code(codes.get(`c${i}`) as string) : opened[`c${i}`];
      expect(found, `${type} ${sql}`).toEqual(wanted);
    });
    const refused = samples.filter(
      ([, , , wanted]) => typeof wanted === 'object' && wanted !== null && 'code' in wanted,
    );
    const count = await census(schema([definition]), { keyring, records });
    expect(count.unadopted).toBe(refused.length);
    // Nothing differs at a second look, whatever the session prints.
    await rotateAll(definition, records, { maxQuarantined: 100 });
    expect(await listQuarantine({ keyring, records })).toHaveLength(refused.length);
  }, 60_000);
}

describe.each(odd)('$name', (database) => {
  it('gives bytes to adopt from where text was expected no meaning of its own', async () => {
    const { executor, dialect } = database;
    await database.clear();
    const definition = table('things', {
      record: integer('id'),
      encrypt: { value: bytes({ form: 'binary', adopting: true }) },
    });
    await executor.query(
      `CREATE TABLE things (id INT PRIMARY KEY, value ${dialect === 'postgres' ? 'bytea' : 'LONGBLOB'})`,
      [],
    );
    const literal = (hex: string): string => (dialect === 'postgres' ? `'\\x${hex}'` : `X'${hex}'`);
    const values = ['ff00', '', '0102', '0100aabb', '01', Buffer.from('cs1r.text').toString('hex')];
    for (const [i, hex] of values.entries())
      await executor.query(`INSERT INTO things VALUES (${i}, ${literal(hex)})`, []);
    const records = database.open();
    await rotateAll(definition, records);
    const refused = (await listQuarantine({ keyring, records })).map(({ key }) => key);
    expect(refused).toHaveLength(2); // what begins as a cell does, in either form
    const rows = await executor.query('SELECT id, value FROM things ORDER BY id', []);
    for (const i of [0, 1, 2, 4]) {
      const row = await decryptRecord(definition, rows[i] as { id: number; value: unknown }, keyring);
      expect(Buffer.from(row.value as Uint8Array).toString('hex')).toBe(values[i]);
    }
    for (const i of [3, 5])
      expect(Buffer.from(rows[i]?.['value'] as Uint8Array).toString('hex')).toBe(values[i]);
  });
});
