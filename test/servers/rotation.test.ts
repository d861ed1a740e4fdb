/** A whole rotation on real servers, beside an application that writes, and one that holds a lock. */
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import {
  type Keyring,
  type StoredOf,
  activateKey,
  addKey,
  createKeyring,
  decryptRecord,
  encryptRecord,
  listKeys,
  schema,
  suspendKey,
  table,
  text,
  uuid,
} from '../../src/index.js';
import { type RecordStore, census, rotate } from '../../src/rotation/index.js';
import { memoryKeyring } from '../../src/store/memory.js';
import { mysqlRecords } from '../../src/store/mysql.js';
import { postgresRecords } from '../../src/store/postgres.js';
import type { SqlExecutor } from '../../src/store/sql/executor.js';
import { dropTables, openServers as openMariadb } from './mysql-subject.js';
import { SCHEMA, openServers as openPostgres } from './postgres-subject.js';

const people = table('people', { record: uuid('id'), encrypt: { name: text(), phone: text() } });
const everything = schema([people]);
const RECORDS = 400;

interface Database {
  readonly name: string;
  readonly executor: SqlExecutor;
  open(): RecordStore;
  /** Makes the table anew. */
  prepare(): Promise<unknown>;
  parameter(place: number): string;
}

const postgres = openPostgres();
const mariadb = await openMariadb();
afterAll(() => Promise.all([...postgres, ...mariadb].map((server) => server.close())));

const databases: Database[] = [
  ...postgres.map(({ name, executor }) => ({
    name: `PostgreSQL over ${name}`,
    executor,
    open: () => postgresRecords(executor),
    async prepare() {
      await executor.query(`DROP SCHEMA IF EXISTS ${SCHEMA} CASCADE`, []);
      await executor.query(`CREATE SCHEMA ${SCHEMA}`, []);
      await executor.query(`CREATE TABLE people (id uuid PRIMARY KEY, name text, phone text)`, []);
    },
    parameter: (place: number) => `$${place}`,
  })),
  ...mariadb.map(({ name, executor }) => ({
    name: `MariaDB over ${name}`,
    executor,
    open: () => mysqlRecords(executor),
    async prepare() {
      await dropTables(executor);
      await executor.query(
        'CREATE TABLE people (id CHAR(36) PRIMARY KEY, name TEXT, phone TEXT, changed TIMESTAMP(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6) ON UPDATE CURRENT_TIMESTAMP(6))',
        [],
      );
    },
    parameter: () => '?',
  })),
];

for (const { name, executor, open, prepare, parameter } of databases) {
  describe(`a rotation in ${name}`, () => {
    let keyring: Keyring;
    let records: RecordStore;
    /** What an application knows to be written. */
    let written: Map<string, string>;

    const insert = async (id: string, value: string): Promise<void> => {
      const row = await encryptRecord(people, { id, name: value, phone: `of ${value}` }, keyring);
      await executor.query(
        `INSERT INTO people (id, name, phone) VALUES (${parameter(1)}, ${parameter(2)}, ${parameter(3)})`,
        [id, row.name, row.phone],
      );
      written.set(id, value);
    };
    const update = async (id: string, value: string): Promise<void> => {
      const patch = await encryptRecord(people, { id, name: value, phone: `of ${value}` }, keyring);
      await executor.query(
        `UPDATE people SET name = ${parameter(1)}, phone = ${parameter(2)} WHERE id = ${parameter(3)}`,
        [patch.name, patch.phone, id],
      );
      written.set(id, value);
    };
    const remove = async (id: string): Promise<void> => {
      await executor.query(`DELETE FROM people WHERE id = ${parameter(1)}`, [id]);
      written.delete(id);
    };
    const readAll = async (): Promise<Map<string, string>> => {
      const rows = await executor.query('SELECT id, name, phone FROM people', []);
      const found = new Map<string, string>();
      for (const { id, name, phone } of rows) {
        const row = { id: String(id), name: String(name), phone: String(phone) };
        const person = await decryptRecord(people, row as StoredOf<typeof people>, keyring);
        expect(person.phone).toBe(`of ${person.name}`);
        found.set(row.id, String(person.name));
      }
      return found;
    };

    beforeEach(async () => {
      keyring = await createKeyring(memoryKeyring(), { rawKey: crypto.getRandomValues(new Uint8Array(32)) });
      written = new Map();
      await prepare();
      records = open();
      for (let i = 0; i < RECORDS; i++) await insert(crypto.randomUUID(), `person ${i}`);
    }, 60_000);

    it('loses no write, brings nothing back, and ends with a count of zero', async () => {
      const [old] = listKeys(keyring);
      await activateKey(keyring, await addKey(keyring));
      let isRotating = true;
      const application = (async () => {
        for (let i = 0; isRotating; i++) {
          const ids = [...written.keys()];
          const id = ids[(i * 7) % ids.length] as string;
          if (i % 5 === 0) await remove(id);
          else if (i % 5 === 1) await insert(crypto.randomUUID(), `newcomer ${i}`);
          else await update(id, `changed ${i}`);
        }
      })();
      for await (const _ of rotate(everything, { keyring, records, chunkRecords: 25 }));
      isRotating = false;
      await application;
      expect(await readAll()).toEqual(written);
      const count = await census(everything, { keyring, records });
      expect(count.cells[String(old?.keyId)] ?? 0).toBe(0);
      expect([count.records, count.notCells]).toEqual([written.size, 0]);
      await suspendKey(keyring, String(old?.keyId), count, { withoutHold: true });
      expect(await readAll()).toEqual(written);
    }, 60_000);

    it('waits for no lock of an application, and comes back for what was locked', async () => {
      await activateKey(keyring, await addKey(keyring));
      const [locked] = [...written.keys()];
      const ended = await executor.transaction(async (queries) => {
        await queries.query(`SELECT id FROM people WHERE id = ${parameter(1)} FOR UPDATE`, [String(locked)]);
        const rotating = (async () => {
          for await (const { done } of rotate(everything, { keyring, records }))
            if (done === RECORDS) return 'past it';
          return 'ended';
        })();
        return rotating.catch((error: { code?: string }) => error.code);
      });
      expect(['past it', 'rotation-blocked']).toContain(ended); // never stuck behind the lock
      for await (const _ of rotate(everything, { keyring, records }));
      const { cells } = await census(everything, { keyring, records });
      expect(Object.keys(cells)).toHaveLength(1);
      expect(await readAll()).toEqual(written);
    }, 60_000);
  });
}

describe('a column that MariaDB sets anew with every update', () => {
  it('keeps its value when a rotation passes', async () => {
    const database = databases.find(({ name }) => name.startsWith('MariaDB')) as Database;
    await database.prepare();
    const records = database.open();
    const keyring = await createKeyring(memoryKeyring(), { rawKey: new Uint8Array(32).fill(3) });
    const row = await encryptRecord(people, { id: crypto.randomUUID(), name: 'Jane', phone: '1' }, keyring);
    await database.executor.query('INSERT INTO people (id, name, phone) VALUES (?, ?, ?)', [
      row.id,
      row.name,
      row.phone,
    ]);
    const changed = async (): Promise<string> => {
      const [found] = await database.executor.query(
        'SELECT CAST(changed AS CHAR) AS changed FROM people',
        [],
      );
      return String(found?.['changed']);
    };
    const before = await changed();
    await activateKey(keyring, await addKey(keyring));
    for await (const _ of rotate(everything, { keyring, records }));
    expect(Object.keys((await census(everything, { keyring, records })).cells)).toHaveLength(1);
    expect(await changed()).toBe(before);
  });
});
