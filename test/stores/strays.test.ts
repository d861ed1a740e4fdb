import { describe, expect, it } from 'vitest';
import { type Keyring, createKeyring, encryptRecord, schema, table, text } from '../../src/index.js';
import { listQuarantine, rotate } from '../../src/rotation/index.js';
import { memoryKeyring } from '../../src/store/memory.js';
import { sqliteRecords } from '../../src/store/sqlite.js';
import { newKey } from '../rotation/support.js';
import { connect, newFile } from './places.js';
import { type Connection, DRIVERS } from './sqlite-drivers.js';

const CHUNK = 2;
const notes = table('notes', { record: text('id'), encrypt: { body: text() } });

/** A rotation in which no page can be empty for ever: more looks than this mean that it does not end. */
async function sweep(keyring: Keyring, db: Connection, definition = notes, options = {}): Promise<number> {
  const records = sqliteRecords(db, options);
  let scanned = 0;
  let looks = 0;
  for await (const { counters } of rotate(schema([definition]), { keyring, records, chunkRecords: CHUNK })) {
    scanned = counters.scanned;
    expect(looks++, 'it ends').toBeLessThan(100);
  }
  return scanned;
}

async function cellFor(keyring: Keyring, id: string): Promise<string> {
  return (await encryptRecord(notes, { id, body: `of ${id}` }, keyring)).body;
}

describe.each(DRIVERS)('a rotation over $name', (driver) => {
  const open = async () => {
    const keyring = await createKeyring(memoryKeyring(), { rawKey: new Uint8Array(32).fill(1) });
    return { keyring, db: connect(driver) };
  };

  it('passes text ids that contain a NUL, and reads their cells', async () => {
    const { keyring, db } = await open();
    db.exec('CREATE TABLE notes (id TEXT PRIMARY KEY, body TEXT)');
    for (const end of ['1', '2', '3', '4', '5']) {
      const cell = await cellFor(keyring, `b\0${end}`);
      db.exec(`INSERT INTO notes VALUES ('b' || char(0) || '${end}', '${cell}')`);
    }
    await newKey({ keyring });
    expect(await sweep(keyring, db)).toBe(5);
    expect(await listQuarantine({ keyring, records: sqliteRecords(db) })).toEqual([]);
    const tags = db.prepare('SELECT DISTINCT substr(body, 1, 32) FROM notes').all();
    expect(tags).toHaveLength(1);
  });

  it('passes text ids that are no UTF-8; their cells are refused, the others done', async () => {
    const { keyring, db } = await open();
    db.exec('CREATE TABLE notes (id TEXT PRIMARY KEY, body TEXT)');
    for (const id of ['a', 'é', '日本']) {
      db.exec(`INSERT INTO notes VALUES ('${id}', '${await cellFor(keyring, id)}')`);
    }
    for (const octets of ['80', 'FF01', 'FF02']) {
      db.exec(`INSERT INTO notes VALUES (CAST(X'${octets}' AS TEXT), '${await cellFor(keyring, octets)}')`);
    }
    await newKey({ keyring });
    expect(await sweep(keyring, db)).toBe(6);
    const refused = await listQuarantine({ keyring, records: sqliteRecords(db) });
    expect(refused.map(({ code }) => code)).toEqual(Array(3).fill('missing-record-id'));
  });

  it.each([
    ['text that is no UTF-8', "CAST(X'80' AS TEXT)"],
    ['an integer beyond 2^53', '9223372036854775807'],
    ['text with a NUL behind what looks like a cell', '(SELECT body FROM notes LIMIT 1) || char(0)'],
    ['more than a cell can have', 'CAST(zeroblob(30000000) AS TEXT)'],
    ['a real', '1.5'],
    ['a blob', "X'0100'"],
  ])('refuses %s in a cell, and goes on', async (_what, stray) => {
    const { keyring, db } = await open();
    db.exec('CREATE TABLE notes (id TEXT PRIMARY KEY, body)');
    for (const id of ['a', 'c'])
      db.exec(`INSERT INTO notes VALUES ('${id}', '${await cellFor(keyring, id)}')`);
    db.exec(`INSERT INTO notes VALUES ('b', ${stray})`);
    await newKey({ keyring });
    expect(await sweep(keyring, db)).toBe(3);
    expect(await listQuarantine({ keyring, records: sqliteRecords(db) })).toMatchObject([
      { code: 'not-a-cell' },
    ]);
  });

  it('passes ids that only a later index tells apart', async () => {
    const { keyring, db } = await open();
    db.exec('CREATE TABLE notes (id TEXT COLLATE NOCASE NOT NULL, body TEXT)');
    db.exec('CREATE UNIQUE INDEX by_id ON notes (id COLLATE BINARY)');
    for (const id of ['a', 'A', 'b', 'B', 'c']) {
      db.exec(`INSERT INTO notes VALUES ('${id}', '${await cellFor(keyring, id)}')`);
    }
    await newKey({ keyring });
    expect(await sweep(keyring, db)).toBe(5);
    expect(db.prepare('SELECT DISTINCT substr(body, 1, 32) FROM notes').all()).toHaveLength(1);
  });

  it('of an attached file keeps its checkpoint there, and refuses to keep it elsewhere', async () => {
    const { keyring, db } = await open();
    const attached = table('notes', { from: 'crm.notes', record: text('id'), encrypt: { body: text() } });
    db.exec(`ATTACH '${newFile()}' AS crm`);
    db.exec('CREATE TABLE crm.notes (id TEXT PRIMARY KEY, body TEXT)');
    db.exec(`INSERT INTO crm.notes VALUES ('a', '${await cellFor(keyring, 'a')}')`);
    await newKey({ keyring });
    await expect(sweep(keyring, db, attached)).rejects.toMatchObject({ code: 'store-unfit', table: 'notes' });
    const there = { jobTable: 'crm.cellseal_job', quarantineTable: 'crm.cellseal_quarantine' };
    expect(await sweep(keyring, db, attached, there)).toBe(1);
    expect(db.prepare("SELECT name FROM crm.sqlite_master WHERE name LIKE 'cellseal%'").all()).toHaveLength(
      2,
    );
  });
});
