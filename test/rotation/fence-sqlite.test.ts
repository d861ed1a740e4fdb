/** Fences in SQLite, over every driver. */
import { describe, expect, it } from 'vitest';
import { encryptRecord, schema, table, text } from '../../src/index.js';
import { fenceSql, isFenceRefusal } from '../../src/rotation/index.js';
import type { SqliteValue } from '../../src/store/sqlite/client.js';
import { sqliteRecords } from '../../src/store/sqlite.js';
import { connect, newFile } from '../stores/places.js';
import { type Connection, DRIVERS } from '../stores/sqlite-drivers.js';
import { type FencedDatabase, describeFence, replacedKey } from './fence/behaviour.js';

type Rows = readonly Readonly<Record<string, unknown>>[];

function run(db: Connection, sql: string, values: readonly unknown[] = []): Rows {
  const statement = db.prepare(sql);
  if (/^SELECT/.test(sql)) return statement.all(...(values as SqliteValue[])) as Rows;
  statement.run(...(values as SqliteValue[]));
  return [];
}

function apply(db: Connection, statements: readonly string[]): void {
  db.exec('BEGIN IMMEDIATE');
  for (const sql of statements) db.exec(sql);
  db.exec('COMMIT');
}

for (const driver of DRIVERS) {
  let db: Connection;
  const database: FencedDatabase = {
    name: `SQLite over ${driver.name}`,
    dialect: 'sqlite',
    async prepare() {
      db = connect(driver);
      db.exec('CREATE TABLE people (id TEXT PRIMARY KEY, name TEXT COLLATE NOCASE, photo BLOB, plan TEXT)');
    },
    records: () => sqliteRecords(db),
    run: async (sql, values) => run(db, sql, values),
    apply: async (statements) => apply(db, statements),
    objects: async () =>
      run(db, "SELECT name FROM sqlite_master WHERE type = 'trigger' ORDER BY name").map((row) =>
        String(row['name']),
      ),
    upsert:
      'INSERT INTO people (id, name, photo, plan) VALUES (?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET name = excluded.name, photo = excluded.photo, plan = excluded.plan',
    replace: 'INSERT OR REPLACE INTO people (id, name, photo, plan) VALUES (?, ?, ?, ?)',
    insertIfAbsent: 'INSERT OR IGNORE INTO people (id, name, photo, plan) VALUES (?, ?, ?, ?)',
  };
  describeFence(database);
}

describe.each(DRIVERS)('a fence in SQLite over $name', (driver) => {
  const notes = (from: string | readonly string[]) =>
    table('notes', { from, record: text('id'), encrypt: { body: text() } });
  const cellOf = async (keyring: Parameters<typeof encryptRecord>[2], id: string): Promise<string> =>
    (await encryptRecord(notes('notes'), { id, body: 'x' }, keyring)).body as string;
  const isRefused = (work: () => unknown): boolean => {
    try {
      work();
      return false;
    } catch (error) {
      if (!isFenceRefusal(error)) throw error;
      return true;
    }
  };

  it('stands in the file of its table, which may be an attached one', async () => {
    const { keyring, stale } = await replacedKey();
    const db = connect(driver);
    db.exec(`ATTACH '${newFile()}' AS crm`);
    for (const file of ['main', 'crm'])
      db.exec(`CREATE TABLE ${file}.notes (id TEXT PRIMARY KEY, body TEXT)`);
    const names = (file: string) => run(db, `SELECT name FROM ${file}.sqlite_master WHERE type = 'trigger'`);
    const attached = await fenceSql(schema([notes('CRM.Notes')]), keyring, { dialect: 'sqlite' });
    apply(db, attached.up);
    expect([names('main').length, names('crm').length]).toEqual([0, 2]);
    const old = await cellOf(stale, 'a');
    run(db, 'INSERT INTO main.notes (id, body) VALUES (?, ?)', ['a', old]);
    expect(isRefused(() => run(db, 'INSERT INTO crm.notes (id, body) VALUES (?, ?)', ['a', old]))).toBe(true);
    // The fence of main's has the same name; removing it leaves the other one alone.
    apply(db, (await fenceSql(schema([notes('notes')]), keyring, { dialect: 'sqlite' })).down);
    expect(names('crm')).toHaveLength(2);
    apply(db, attached.down);
    expect(names('crm')).toHaveLength(0);
  });

  it('stands in a table without rowid, and before a view', async () => {
    const { keyring, stale } = await replacedKey();
    const db = connect(driver);
    db.exec('CREATE TABLE notes (id TEXT PRIMARY KEY, body TEXT) WITHOUT ROWID');
    db.exec('CREATE VIEW seen AS SELECT * FROM notes');
    db.exec(
      'CREATE TRIGGER through INSTEAD OF INSERT ON seen BEGIN INSERT INTO notes VALUES (NEW.id, NEW.body); END',
    );
    apply(db, (await fenceSql(schema([notes('notes')]), keyring, { dialect: 'sqlite' })).up);
    const old = await cellOf(stale, 'a');
    expect(isRefused(() => run(db, 'INSERT INTO notes (id, body) VALUES (?, ?)', ['a', old]))).toBe(true);
    expect(isRefused(() => run(db, 'INSERT INTO seen (id, body) VALUES (?, ?)', ['a', old]))).toBe(true);
    run(db, 'INSERT INTO seen (id, body) VALUES (?, ?)', ['a', await cellOf(keyring, 'a')]);
  });

  it('refuses a blob that spells an active cell, and a cell with a NUL in its place', async () => {
    const { keyring } = await replacedKey();
    const db = connect(driver);
    db.exec('CREATE TABLE notes (id TEXT PRIMARY KEY, body)');
    apply(db, (await fenceSql(schema([notes('notes')]), keyring, { dialect: 'sqlite' })).up);
    const cell = await cellOf(keyring, 'a');
    const insert = (value: string): unknown => db.exec(`INSERT INTO notes VALUES ('a', ${value})`);
    expect(isRefused(() => insert(`CAST('${cell}' AS BLOB)`))).toBe(true);
    expect(isRefused(() => insert(`'${cell.slice(0, 31)}' || char(0)`))).toBe(true);
    expect(isRefused(() => insert('42'))).toBe(true);
    insert(`'${cell}'`);
  });

  it('judges what other triggers of the table have made of a cell', async () => {
    const { keyring, stale } = await replacedKey();
    const db = connect(driver);
    db.exec('CREATE TABLE notes (id TEXT PRIMARY KEY, body TEXT, kept TEXT)');
    apply(db, (await fenceSql(schema([notes('notes')]), keyring, { dialect: 'sqlite' })).up);
    db.exec(
      'CREATE TRIGGER back AFTER UPDATE OF kept ON notes BEGIN UPDATE notes SET body = NEW.kept WHERE id = NEW.id; END',
    );
    run(db, 'INSERT INTO notes (id, body) VALUES (?, ?)', ['a', await cellOf(keyring, 'a')]);
    const old = await cellOf(stale, 'a');
    expect(isRefused(() => run(db, 'UPDATE notes SET kept = ? WHERE id = ?', [old, 'a']))).toBe(true);
  });
});
