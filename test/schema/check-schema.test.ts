/** Faults planted into tables in SQLite and in memory: each is found, and nothing else is. */
import { beforeEach, describe, expect, it } from 'vitest';
import {
  type Keyring,
  SchemaMismatchError,
  activateKey,
  addKey,
  boolean,
  bytes,
  createKeyring,
  encryptRecord,
  integer,
  json,
  keyTagOf,
  schema,
  suspendKey,
  table,
  text,
  uuid,
} from '../../src/index.js';
import {
  type CheckSchemaOptions,
  type RecordStore,
  type SchemaReport,
  assertSchema,
  census,
  checkSchema,
  rotate,
} from '../../src/rotation/index.js';
import { memoryKeyring, memoryRecords } from '../../src/store/memory.js';
import { sqliteKeyring, sqliteRecords } from '../../src/store/sqlite.js';
import { assertCovered } from '../../src/sweep/index.js';
import { type Connection, DRIVERS } from '../stores/sqlite-drivers.js';

const people = table('people', {
  record: uuid('id'),
  encrypt: { mail: text({ column: 'mail_enc' }), photo: bytes({ form: 'binary' }) },
});
const everything = schema([people]);
const TABLE = 'CREATE TABLE people (id TEXT PRIMARY KEY NOT NULL, mail_enc TEXT, photo BLOB, note TEXT)';

const newKeyring = (): Promise<Keyring> =>
  createKeyring(memoryKeyring(), { rawKey: crypto.getRandomValues(new Uint8Array(32)) });

/** `code place`, faults first. */
const told = ({ faults, warnings }: SchemaReport): { faults: string[]; warnings: string[] } => ({
  faults: faults.map(({ code, place }) => `${code} ${place}`),
  warnings: warnings.map(({ code, place }) => `${code} ${place}`),
});
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

  const check = async (more: Partial<CheckSchemaOptions> = {}, of = everything) =>
    told(await checkSchema(of, { records, keyring, ...more }));
  const seal = async (under = keyring) => {
    const row = await encryptRecord(
      people,
      { id: crypto.randomUUID(), mail: 'jane@example.com', photo: new Uint8Array([1, 2, 3]) },
      under,
    );
    // A driver may take a lone blob for something else; here it is never alone.
    db.prepare('INSERT INTO people (id, mail_enc, photo) VALUES (?, ?, ?)').run(
      row.id as string,
      row.mail as string,
      row.photo as Uint8Array,
    );
    return row;
  };

  describe('a sound table', () => {
    it('is told as one', async () => {
      db.exec(TABLE);
      await seal();
      const report = await checkSchema(everything, { records, keyring });
      expect(told(report)).toEqual(NOTHING);
      expect([report.isSound, report.looked]).toEqual([true, 'sample']);
      expect((await checkSchema(everything, { records, keyring, thorough: true })).looked).toBe('everything');
      await expect(assertCovered(records, everything)).resolves.toBeUndefined();
    });

    it('and the tables of jobs, keyring, pages, processes and usage beside it', async () => {
      db.exec(TABLE);
      const store = sqliteKeyring(db);
      keyring = await createKeyring(store, { rawKey: new Uint8Array(32).fill(1) });
      await seal();
      await activateKey(keyring, await addKey(keyring));
      for await (const _ of rotate(everything, { keyring, records }));
      const id = 'a'.repeat(26);
      await store.pages.write(id, new Uint8Array(3));
      await store.processes.announce({ id, entry: '{}' });
      await store.usage.add(id, 1);
      const tables = db.prepare("SELECT name FROM sqlite_master WHERE type = 'table'").all();
      expect(tables).toHaveLength(7);
      expect(await check({ thorough: true, contacts: true })).toEqual(NOTHING);
    });

    it('may spell its names in another case, have no row ids, and be strict', async () => {
      db.exec('CREATE TABLE PEOPLE (ID TEXT PRIMARY KEY, Mail_Enc TEXT, PHOTO BLOB) STRICT, WITHOUT ROWID');
      await seal();
      expect(await check()).toEqual(NOTHING);
      await expect(assertCovered(records, everything)).resolves.toBeUndefined();
    });

    it('may be keyed by a unique index, or by a part of its id', async () => {
      db.exec('CREATE TABLE people (id TEXT NOT NULL, mail_enc TEXT, photo BLOB)');
      db.exec('CREATE UNIQUE INDEX by_id ON people (id)');
      expect(await check()).toEqual(NOTHING);
      const parts = table('parts', {
        record: [text('series'), integer('number')],
        encrypt: { value: text() },
      });
      db.exec('CREATE TABLE parts (number INTEGER PRIMARY KEY, series TEXT, value TEXT)');
      expect((await check({}, schema([parts]))).faults).toEqual([]);
    });
  });

  describe('the structure', () => {
    it('a table that is missing', async () => {
      expect(await check()).toEqual({ faults: ['table-missing people'], warnings: [] });
    });

    it('columns that are missing', async () => {
      db.exec('CREATE TABLE people (no INTEGER PRIMARY KEY, photo BLOB)');
      expect((await check()).faults).toEqual([
        'column-missing main.people.id',
        'column-missing main.people.mail_enc',
        'key-not-unique main.people',
      ]);
    });

    it('a view', async () => {
      db.exec('CREATE TABLE t (id TEXT PRIMARY KEY NOT NULL, mail_enc TEXT, photo BLOB)');
      db.exec('CREATE VIEW people AS SELECT * FROM t');
      expect(await check()).toEqual({ faults: ['not-a-table main.people'], warnings: [] });
    });

    it('a computed column', async () => {
      db.exec(
        'CREATE TABLE people (id TEXT PRIMARY KEY NOT NULL, raw TEXT, mail_enc TEXT AS (lower(raw)), photo BLOB)',
      );
      expect((await check()).faults).toEqual(['column-rewritten main.people.mail_enc']);
    });

    it('a column of a strict table that takes other types', async () => {
      db.exec('CREATE TABLE people (id TEXT PRIMARY KEY, mail_enc INTEGER, photo TEXT) STRICT');
      expect((await check()).faults).toEqual([
        'column-kind main.people.mail_enc',
        'column-kind main.people.photo',
      ]);
    });

    it.each([
      ['none', ''],
      ['a partial index', 'CREATE UNIQUE INDEX k ON people (id) WHERE photo IS NULL'],
      ['an index over an expression', 'CREATE UNIQUE INDEX k ON people (lower(id))'],
      ['an index over more than the id', 'CREATE UNIQUE INDEX k ON people (id, photo)'],
      ['an index that is not unique', 'CREATE INDEX k ON people (id)'],
    ])('an id that nothing makes unique: %s', async (_name, index) => {
      db.exec('CREATE TABLE people (id TEXT NOT NULL, mail_enc TEXT, photo BLOB)');
      if (index) db.exec(index);
      expect((await check()).faults).toEqual(['key-not-unique main.people']);
      await expect(assertCovered(records, everything)).rejects.toBeInstanceOf(SchemaMismatchError);
    });

    it.each(['PRIMARY KEY', 'UNIQUE'])(
      'an id that is null, in a key that allows it: %s',
      async (constraint) => {
        db.exec(`CREATE TABLE people (id TEXT ${constraint}, mail_enc TEXT, photo BLOB)`);
        expect((await check()).faults).toEqual([]);
        db.exec("INSERT INTO people (photo) VALUES (X'')");
        expect((await check()).faults).toContain('key-nullable main.people');
      },
    );

    it('is what a rotation can ask for: with the names of everything that is wrong, and without a look at any record', async () => {
      db.exec('CREATE TABLE people (id TEXT, photo BLOB)');
      const looks: string[] = [];
      const watched = new Proxy(records, {
        get(target, name) {
          looks.push(String(name));
          return Reflect.get(target, name) as unknown;
        },
      });
      await expect(assertCovered(watched, everything)).rejects.toMatchObject({
        code: 'schema-mismatch',
        findings: ['column-missing: main.people.mail_enc', 'key-not-unique: main.people'],
      });
      expect(new Set(looks)).toEqual(new Set(['describe']));
    });
  });

  describe('cells', () => {
    it('in a column that no definition names', async () => {
      db.exec(TABLE);
      const row = await seal();
      db.prepare('UPDATE people SET note = ? WHERE id = ?').run(row.mail as string, row.id as string);
      expect(await check()).toEqual({ faults: ['stray-cells main.people.note'], warnings: [] });
      expect(await check({ allowStrayCells: ['people.note'] })).toEqual(NOTHING);
      expect((await checkSchema(everything, { records })).faults.map(({ facts }) => facts)).toEqual([
        { cells: 1 },
      ]);
    });

    it('in a table that no definition names, whatever its columns are declared as', async () => {
      db.exec(TABLE);
      const row = await seal();
      db.exec('CREATE TABLE backup (a VARCHAR(9), b, c INT)');
      const insert = db.prepare('INSERT INTO backup (a, b, c) VALUES (?, ?, ?)');
      insert.run(row.mail as string, row.photo as Uint8Array, row.mail as string);
      expect(await check()).toEqual({
        faults: ['stray-cells main.backup.a', 'stray-cells main.backup.b', 'stray-cells main.backup.c'],
        warnings: [],
      });
      expect(await check({ allowStrayCells: ['main.backup'] })).toEqual(NOTHING);
    });

    it('bytes that begin like a cell are one only under a key that is known', async () => {
      db.exec(TABLE);
      await seal();
      db.exec('CREATE TABLE images (data BLOB)');
      const image = new Uint8Array(200).fill(7);
      image.set([1, 0]);
      db.prepare('INSERT INTO images SELECT ? WHERE ? = 1').run(image, 1);
      expect(await check()).toEqual({ faults: [], warnings: ['stray-bytes main.images.data'] });
    });

    it('at either end of a long table; in the middle where all of it is looked at', async () => {
      db.exec(TABLE);
      db.exec('CREATE TABLE log (no INTEGER PRIMARY KEY, line TEXT)');
      db.exec(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000) INSERT INTO log SELECT i, 'line' FROM n",
      );
      const { mail } = await seal();
      const put = (no: number, value: string) =>
        db.prepare('UPDATE log SET line = ? WHERE no = ?').run(value, no);
      for (const [no, isFound] of [
        [1, true],
        [500, true],
        [501, false],
        [2500, false],
        [4500, false],
        [4501, true],
        [5000, true],
      ] as const) {
        put(no, mail as string);
        expect([no, (await check()).faults]).toEqual([no, isFound ? ['stray-cells main.log.line'] : []]);
        expect((await check({ thorough: true })).faults).toEqual(['stray-cells main.log.line']);
        put(no, 'line');
      }
    });

    it('count once, though a short table is looked at from both ends', async () => {
      db.exec(TABLE);
      const other = await newKeyring();
      for (let i = 0; i < 3; i++) await seal(other);
      const { faults } = await checkSchema(everything, { records, keyring });
      expect(faults.map(({ facts }) => facts['cells'])).toEqual([3, 3]);
    });

    it('under a key that the keyring lacks', async () => {
      db.exec(TABLE);
      await seal();
      const other = await newKeyring();
      const row = await seal(other);
      const keyId = keyTagOf(row.mail)?.slice(5, 31);
      for (const thorough of [false, true]) {
        const { faults, warnings } = await checkSchema(everything, { records, keyring, thorough });
        expect(warnings).toEqual([]);
        expect(new Set(faults.map(({ code }) => code))).toEqual(new Set(['unknown-key']));
        expect(faults.every(({ facts }) => facts['keyId'] === keyId)).toBe(true);
        expect(faults.reduce((sum, { facts }) => sum + Number(facts['cells']), 0)).toBe(2);
      }
      expect(told(await checkSchema(everything, { records }))).toEqual(NOTHING);
    });

    it('under a key that is suspended', async () => {
      db.exec(TABLE);
      const row = await seal();
      const keyId = String(keyTagOf(row.mail)?.slice(5, 31));
      await activateKey(keyring, await addKey(keyring));
      for await (const _ of rotate(everything, { keyring, records }));
      await suspendKey(keyring, keyId, await census(everything, { keyring, records }), { withoutHold: true });
      db.prepare('UPDATE people SET mail_enc = ? WHERE id = ?').run(row.mail as string, row.id as string);
      expect((await check()).faults).toEqual(['suspended-key main.people.mail_enc']);
    });

    it('plaintext, and cells of the other form, are no cells', async () => {
      db.exec(TABLE);
      const row = await seal();
      db.prepare('UPDATE people SET mail_enc = ?, photo = ? WHERE id = ?').run(
        'jane@example.com',
        row.mail as string,
        row.id as string,
      );
      const report = await checkSchema(everything, { records, keyring });
      expect(told(report).faults).toEqual(['not-cells main.people.mail_enc', 'not-cells main.people.photo']);
      expect(JSON.stringify(report)).not.toContain('jane@');
      const whole = await checkSchema(everything, { records, keyring, thorough: true });
      expect(whole.faults.map(({ code, facts }) => [code, facts])).toEqual([['not-cells', { values: 2 }]]);
    });
  });

  describe('names', () => {
    const USERS =
      'CREATE TABLE users (id INTEGER PRIMARY KEY, user_name TEXT, password_hash TEXT, email TEXT, has_password BOOLEAN, ssn INTEGER)';
    const WARNED = ['user_name', 'password_hash', 'ssn'].map(
      (name) => `unencrypted-sensitive main.users.${name}`,
    );

    it('that look sensitive are warned of, or refused, or left', async () => {
      db.exec(TABLE);
      db.exec(USERS);
      expect(await check()).toEqual({ faults: [], warnings: WARNED });
      expect(await check({ sensitive: 'error' })).toEqual({ faults: WARNED, warnings: [] });
      expect(await check({ sensitive: 'ignore' })).toEqual(NOTHING);
      expect((await check({ contacts: true })).warnings).toContain('unencrypted-sensitive main.users.email');
    });

    it('are left where they are allowed, and an allowance that is of no use is told', async () => {
      db.exec(TABLE);
      db.exec(USERS);
      const allow = ['users.user_name', 'MAIN.users.ssn', 'users.pasword_hash', 'users'];
      expect(await check({ allow })).toEqual({
        faults: [],
        warnings: [
          'unencrypted-sensitive main.users.password_hash',
          'unused-allowance users.pasword_hash',
          'unused-allowance users',
        ],
      });
    });

    it('are left where the column is encrypted, or is the record’s id', async () => {
      const users = table('users', { record: text('user_name'), encrypt: { password: text() } });
      db.exec('CREATE TABLE users (user_name TEXT PRIMARY KEY, password TEXT)');
      expect(await check({}, schema([users]))).toEqual(NOTHING);
    });

    it('are asked about with a word that is one', async () => {
      db.exec(TABLE);
      await expect(check({ sensitive: 'off' as 'ignore' })).rejects.toMatchObject({ code: 'definition' });
    });
  });

  it('two definitions over one table cover each other’s columns', async () => {
    const notes = table('notes', { from: 'people', record: uuid('id'), encrypt: { note: text() } });
    db.exec(TABLE);
    const row = await encryptRecord(notes, { id: crypto.randomUUID(), note: 'hello' }, keyring);
    db.prepare('INSERT INTO people (id, note) VALUES (?, ?)').run(row.id as string, row.note as string);
    expect(await check({}, schema([people, notes]))).toEqual(NOTHING);
    expect((await check()).faults).toEqual(['stray-cells main.people.note']);
  });

  it('the other tables of an attached file are looked at, too', async () => {
    db.exec("ATTACH ':memory:' AS crm");
    const clients = table('clients', { from: 'crm.clients', record: uuid('id'), encrypt: { mail: text() } });
    db.exec('CREATE TABLE crm.clients (id TEXT PRIMARY KEY NOT NULL, mail TEXT)');
    db.exec('CREATE TABLE crm.users (id INTEGER PRIMARY KEY, api_key TEXT)');
    db.exec('CREATE TABLE elsewhere (password TEXT)');
    expect(await check({}, schema([clients]))).toEqual({
      faults: [],
      warnings: ['unencrypted-sensitive crm.users.api_key'],
    });
  });

  it('assertSchema refuses with what is wrong, and gives the report where nothing is', async () => {
    db.exec(TABLE);
    expect((await assertSchema(everything, { records, keyring })).isSound).toBe(true);
    const other = await newKeyring();
    const row = await seal(other);
    const keyId = keyTagOf(row.mail)?.slice(5, 31);
    await expect(assertSchema(everything, { records, keyring })).rejects.toMatchObject({
      code: 'schema-mismatch',
      findings: [
        `unknown-key: main.people.mail_enc (key ${keyId})`,
        `unknown-key: main.people.photo (key ${keyId})`,
      ],
    });
  });
});

describe('a store in memory', () => {
  it('is looked into like any other', async () => {
    const records = memoryRecords();
    const keyring = await newKeyring();
    const row = await encryptRecord(people, { id: crypto.randomUUID(), mail: 'x', photo: null }, keyring);
    records.insert(people, { ...row, copy: row.mail, password: 'hunter2', plan: 'pro' });
    const users = table('users', { record: integer('id'), encrypt: { flag: boolean() } });
    records.insert(users, { id: 1, flag: row.mail, api_key: 'k' });
    expect(told(await checkSchema(everything, { records, keyring }))).toEqual({
      faults: ['stray-cells people.copy', 'stray-cells users.flag'],
      warnings: ['unencrypted-sensitive people.password', 'unencrypted-sensitive users.api_key'],
    });
  });
});

describe('a store that cannot describe its tables', () => {
  const bare = (records: RecordStore): RecordStore => {
    const { describe: _, findCells: __, ...rest } = records;
    return rest;
  };

  it('has its own columns counted, and that is said', async () => {
    const records = memoryRecords();
    const keyring = await newKeyring();
    records.insert(people, { id: crypto.randomUUID(), mail: 'plaintext', password: 'x' });
    const report = await checkSchema(everything, { records: bare(records), keyring });
    expect(told(report)).toEqual({ faults: ['not-cells people'], warnings: ['not-described '] });
    expect(report.looked).toBe('everything');
    await expect(assertCovered(bare(records), everything)).resolves.toBeUndefined();
  });
});

describe('a column’s width', () => {
  const wide = (attribute: ReturnType<typeof text>, room: number, truncates = false) => {
    const definition = table('people', { record: uuid('id'), encrypt: { mail: attribute } });
    const sound = memoryRecords();
    const records: RecordStore = {
      ...sound,
      describe: async (layouts, options) => {
        const { others, tables } = (await sound.describe?.(layouts, options)) ?? { others: [], tables: [] };
        const narrowed = tables.map(
          (one) =>
            one && {
              ...one,
              columns: one.columns.map((column) =>
                column.name === 'mail' ? { ...column, maxCharacters: room, maxBytes: 4 * room } : column,
              ),
            },
        );
        return { tables: narrowed, others, truncates };
      },
    };
    return checkSchema(schema([definition]), { records });
  };

  it.each([
    ['text of any length', text(), 'a'],
    ['padded text', text({ pad: 16 }), 'a'],
    ['JSON', json(), 1],
    ['a boolean', boolean(), true],
    ['a padded boolean', boolean({ pad: 2 }), true],
    ['an integer', integer(), 1],
  ] as const)('%s: exactly from its shortest cell on one fits', async (_, attribute, value) => {
    const definition = table('people', { record: uuid('id'), encrypt: { mail: attribute } });
    const keyring = await newKeyring();
    const id = crypto.randomUUID();
    const { mail } = await encryptRecord(definition, { id, mail: value } as never, keyring);
    const { length } = String(mail);
    const codes = async (room: number) =>
      (await wide(attribute as ReturnType<typeof text>, room)).faults.map(({ code }) => code);
    expect([await codes(length - 1), await codes(length)]).toEqual([['column-too-narrow'], []]);
  });

  it.each([
    ['plain', text(), 1],
    ['padded', text({ pad: 32 }), 32],
  ] as const)('%s: what is said to fit does, and nothing longer', async (_, attribute, step) => {
    const definition = table('people', { record: uuid('id'), encrypt: { mail: attribute } });
    const keyring = await newKeyring();
    const lengthOf = async (characters: number): Promise<number> => {
      const value = { id: crypto.randomUUID(), mail: 'x'.repeat(characters) };
      return String((await encryptRecord(definition, value, keyring)).mail).length;
    };
    for (const room of [160, 191, 255, 256, 500, 767]) {
      const { faults, warnings } = await wide(attribute, room);
      expect(faults).toEqual([]);
      const [warning] = warnings;
      expect(warning?.code).toBe('column-narrow');
      const fits = Number(warning?.facts['fitsBytes']);
      expect(await lengthOf(fits)).toBeLessThanOrEqual(room);
      expect(await lengthOf(fits + 1)).toBeGreaterThan(room);
      expect(Number(warning?.facts['fitsFramedBytes']) % step).toBe(0);
      const bounded = text({
        ...(step > 1 ? { pad: step } : {}),
        maxBytes: Number(warning?.facts['fitsFramedBytes']),
      });
      expect((await wide(bounded, room)).warnings).toEqual([]);
    }
  });

  it('is nothing to tell where the longest value fits', async () => {
    expect((await wide(boolean() as never, 255)).warnings).toEqual([]);
    expect((await wide(integer() as never, 255)).warnings).toEqual([]);
    expect((await wide(integer({ as: 'bigint' }) as never, 255)).warnings.map(({ code }) => code)).toEqual([
      'column-narrow',
    ]);
  });

  it('is a fault where the database would cut off what is too long', async () => {
    expect((await wide(text(), 255, true)).faults.map(({ code }) => code)).toEqual(['column-truncates']);
    expect((await wide(text({ maxBytes: 50 }), 255, true)).faults).toEqual([]);
  });
});
