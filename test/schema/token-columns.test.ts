/** Faults planted into columns of tokens, in SQLite and in memory: each is found, and nothing else is. */
import { beforeEach, describe, expect, it } from 'vitest';
import {
  DefinitionError,
  type Keyring,
  createKeyring,
  encryptRecord,
  schema,
  table,
  text,
  uuid,
} from '../../src/index.js';
import {
  type CheckSchemaOptions,
  type RecordStore,
  type StoreDescription,
  checkSchema,
  rotate,
} from '../../src/rotation/index.js';
import { memoryKeyring, memoryRecords } from '../../src/store/memory.js';
import { sqliteRecords } from '../../src/store/sqlite.js';
import { assertCovered } from '../../src/sweep/index.js';
import { newKey } from '../rotation/support.js';
import { type Connection, DRIVERS } from '../stores/sqlite-drivers.js';

const members = table('members', {
  record: uuid('id'),
  encrypt: {
    mail: text({ index: { bits: 128, column: 'mail_token', unique: true } }),
    name: text({ index: { bits: 20 } }),
  },
});
const everything = schema([members]);
const TABLE =
  'CREATE TABLE members (id TEXT PRIMARY KEY NOT NULL, mail TEXT, name TEXT, mail_token TEXT UNIQUE, name_index TEXT)';

const newKeyring = (): Promise<Keyring> =>
  createKeyring(memoryKeyring(), { rawKey: crypto.getRandomValues(new Uint8Array(32)) });

async function checked(records: RecordStore, of = everything, more: Partial<CheckSchemaOptions> = {}) {
  const { faults, warnings } = await checkSchema(of, { records, ...more });
  const spell = ({ code, place }: { code: string; place: string }): string => `${code} ${place}`;
  return { faults: faults.map(spell), warnings: warnings.map(spell) };
}
const NOTHING = { faults: [], warnings: [] };

describe.each(DRIVERS.map((driver) => [driver.name, driver] as const))('over %s', (_, driver) => {
  let db: Connection;
  let records: RecordStore;
  let keyring: Keyring;

  beforeEach(async () => {
    db = driver.open(':memory:');
    records = sqliteRecords(db);
    keyring = await newKeyring();
    return () => db.close();
  });

  const put = async (name: string) => {
    const record = { id: crypto.randomUUID(), mail: `${name}@example.org`, name };
    const row = await encryptRecord(members, record, keyring);
    db.prepare('INSERT INTO members (id, mail, name, mail_token, name_index) VALUES (?, ?, ?, ?, ?)').run(
      row.id,
      row.mail,
      row.name,
      row.mail_index as string,
      row.name_index as string,
    );
  };

  it('nothing is told of a table that is sound, though its columns have names that look sensitive', async () => {
    db.exec(TABLE);
    await put('ann');
    for (const thorough of [false, true])
      expect(await checked(records, everything, { thorough, contacts: true, keyring })).toEqual(NOTHING);
    await expect(assertCovered(records, everything)).resolves.toBeUndefined();
  });

  it('columns may be spelled in another case, and be of a strict table, or without a type', async () => {
    db.exec(
      'CREATE TABLE members (id TEXT PRIMARY KEY, mail TEXT, name TEXT, MAIL_Token ANY UNIQUE, NAME_INDEX TEXT) STRICT',
    );
    await put('ann');
    expect(await checked(records)).toEqual(NOTHING);
    db.exec('DROP TABLE members');
    db.exec('CREATE TABLE members (id TEXT PRIMARY KEY, mail, name, mail_token UNIQUE, name_index)');
    expect(await checked(records)).toEqual(NOTHING);
  });

  it.each([
    ['missing', 'mail_token TEXT UNIQUE', ['column-missing main.members.name_index']],
    [
      'computed',
      'mail_token TEXT UNIQUE, name_index TEXT AS (lower(name))',
      ['column-rewritten main.members.name_index'],
    ],
    [
      'of a numeric type',
      'mail_token TEXT UNIQUE, name_index NUMERIC',
      ['column-kind main.members.name_index'],
    ],
    [
      'of a type whose name says nothing to SQLite',
      'mail_token STRING UNIQUE, name_index CHARINT',
      ['column-kind main.members.mail_token', 'column-kind main.members.name_index'],
    ],
  ])('a column that is %s', async (__, columns, faults) => {
    db.exec(`CREATE TABLE members (id TEXT PRIMARY KEY NOT NULL, mail TEXT, name TEXT, ${columns})`);
    expect((await checked(records)).faults).toEqual(faults);
    await expect(assertCovered(records, everything)).rejects.toMatchObject({ code: 'schema-mismatch' });
  });

  it('a column of a strict table that takes no text', async () => {
    const columns = 'mail TEXT, name TEXT, mail_token TEXT UNIQUE, name_index BLOB';
    db.exec(`CREATE TABLE members (id TEXT PRIMARY KEY, ${columns}) STRICT`);
    expect((await checked(records)).faults).toEqual(['column-kind main.members.name_index']);
  });

  it.each([
    ['none', undefined, true],
    ['one that is not unique', 'CREATE INDEX k ON members (mail_token)', true],
    ['a partial one', 'CREATE UNIQUE INDEX k ON members (mail_token) WHERE name IS NULL', true],
    ['one of an expression', 'CREATE UNIQUE INDEX k ON members (lower(mail_token))', true],
    ['one over more', 'CREATE UNIQUE INDEX k ON members (mail_token, name)', true],
    ['one of another index', 'CREATE UNIQUE INDEX k ON members (name_index)', true],
    ['a unique one', 'CREATE UNIQUE INDEX k ON members (mail_token)', false],
  ])('a unique index needs one in the database: %s', async (__, index, isFault) => {
    db.exec(
      'CREATE TABLE members (id TEXT PRIMARY KEY NOT NULL, mail TEXT, name TEXT, mail_token TEXT, name_index TEXT)',
    );
    if (index) db.exec(index);
    await put('ann');
    const faults = isFault ? ['index-not-unique main.members.mail_token'] : [];
    expect(await checked(records)).toEqual({ faults, warnings: [] });
    // A sweep passes nothing over for that.
    await expect(assertCovered(records, everything)).resolves.toBeUndefined();
  });

  it('a unique index may be one over the tenant’s column too, and only over that', async () => {
    const tenants = table('members', {
      record: uuid('id'),
      tenant: text('owner'),
      encrypt: { mail: text({ index: { bits: 128, unique: true } }) },
    });
    db.exec('CREATE TABLE members (id TEXT PRIMARY KEY NOT NULL, owner TEXT, mail TEXT, mail_index TEXT)');
    db.exec('CREATE UNIQUE INDEX k ON members (owner)');
    const check = async () => (await checked(records, schema([tenants]))).faults;
    expect(await check()).toEqual(['index-not-unique main.members.mail_index']);
    db.exec('CREATE UNIQUE INDEX l ON members (owner, mail_index)');
    expect(await check()).toEqual([]);
  });

  it('of the column that takes the place of a unique index it only warns', async () => {
    const changing = table('members', {
      record: uuid('id'),
      encrypt: { mail: text({ index: { bits: 128, unique: true, next: 'mail_next' } }) },
    });
    db.exec(
      'CREATE TABLE members (id TEXT PRIMARY KEY NOT NULL, mail TEXT, mail_index TEXT UNIQUE, mail_next TEXT)',
    );
    const check = () => checked(records, schema([changing]));
    expect(await check()).toEqual({ faults: [], warnings: ['next-not-unique main.members.mail_next'] });
    db.exec('CREATE UNIQUE INDEX k ON members (mail_next)');
    expect(await check()).toEqual(NOTHING);
  });

  it('values that are no tokens, with their number and without themselves; a rotation leaves them', async () => {
    db.exec(TABLE);
    for (const name of ['ann', 'bob', 'cleo']) await put(name);
    db.exec("UPDATE members SET name_index = 'somebody' || rowid WHERE rowid < 3");
    for (const thorough of [false, true]) {
      const report = await checkSchema(everything, { records, keyring, thorough });
      const found = report.faults.map(({ code, column, facts }) => [code, column, facts]);
      expect(found).toEqual([['not-tokens', 'name_index', { values: 2 }]]);
      expect(JSON.stringify(report)).not.toContain('somebody');
    }
    await newKey({ keyring });
    for await (const __ of rotate(everything, { keyring, records }));
    const rows = db.prepare('SELECT name_index AS token FROM members ORDER BY rowid').all();
    expect(rows).toMatchObject([{ token: 'somebody1' }, { token: 'somebody2' }, {}]);
  });

  it('values that are no text are no tokens', async () => {
    db.exec(TABLE);
    await put('ann');
    for (const value of ["X'61616161'", '7', "CAST(X'FF' AS TEXT)"]) {
      db.exec(`UPDATE members SET name_index = ${value}`);
      for (const thorough of [false, true])
        expect((await checked(records, everything, { thorough })).faults).toEqual([
          `not-tokens ${thorough ? 'members' : 'main.members'}.name_index`,
        ]);
    }
  });
});

describe('over a store in memory', () => {
  it('a table is sound whose tokens are tokens', async () => {
    const records = memoryRecords();
    const keyring = await newKeyring();
    const record = { id: crypto.randomUUID(), mail: 'ann@example.org', name: 'ann' };
    records.insert(members, await encryptRecord(members, record, keyring));
    for (const thorough of [false, true])
      expect(await checked(records, everything, { thorough, keyring })).toEqual(NOTHING);
    records.update(members, { id: record.id }, { name_index: 'ann' });
    for (const thorough of [false, true])
      expect((await checked(records, everything, { thorough })).faults).toEqual([
        'not-tokens members.name_index',
      ]);
  });
});

describe('the width of a column', () => {
  /** A store whose columns hold so much. */
  const wide = async (maxCharacters: number | undefined, maxBytes?: number) => {
    const sound = memoryRecords();
    const records: RecordStore = {
      ...sound,
      async describe(layouts, options) {
        const whole = (await sound.describe?.(layouts, options)) as StoreDescription;
        const narrowed = whole.tables.map(
          (one) =>
            one && {
              ...one,
              columns: one.columns.map((column) =>
                column.name === 'name_index' ? { ...column, maxCharacters, maxBytes } : column,
              ),
            },
        );
        return { ...whole, tables: narrowed };
      },
    };
    const isCovered = await assertCovered(records, everything).then(
      () => true,
      () => false,
    );
    const { faults } = await checkSchema(everything, { records });
    return { isCovered, faults: faults.map(({ code, facts }) => [code, facts]) };
  };

  it('is that of its tokens at least, or no rotation begins', async () => {
    const { name_index: token } = await encryptRecord(
      members,
      { id: crypto.randomUUID(), mail: 'ann@example.org', name: 'ann' },
      await newKeyring(),
    );
    const { length } = String(token);
    expect(length).toBe(15);
    const isFound = (room: number) => ({
      isCovered: false,
      faults: [['index-too-narrow', { room, needs: length }]],
    });
    expect(await wide(length - 1)).toEqual(isFound(length - 1));
    expect(await wide(undefined, length - 1)).toEqual(isFound(length - 1));
    for (const room of [[length], [undefined, length], [255, 65_535], [undefined]] as const)
      expect(await wide(...(room as [number | undefined]))).toEqual({ isCovered: true, faults: [] });
  });
});

describe('a column of tokens is no other column of a schema', () => {
  const index = { bits: 32, column: 'shared' } as const;
  const people = (encrypt: Parameters<typeof text>[0]) =>
    table('people', { from: 'rows', record: uuid('id'), encrypt: { name: text(encrypt) } });
  const others = (encrypt: Parameters<typeof text>[0]) =>
    table('others', { from: 'rows', record: uuid('id'), encrypt: { title: text(encrypt) } });

  it.each([
    ['another index’s', { index }],
    ['a cell’s', { column: 'shared' }],
  ])('%s, of two tables', (_, options) => {
    expect(() => schema([people({ index }), others(options)])).toThrow(DefinitionError);
    expect(() => schema([others(options), people({ index })])).toThrow(DefinitionError);
    expect(() => schema([people({ index }), others({})])).not.toThrow();
  });

  it('a cell’s, of one table', () => {
    expect(() => people({ column: 'shared', index })).toThrow(DefinitionError);
  });
});
