/** The keyring in SQLite: what stands in the file, what does not any more, and what others do at the same time. */
import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { KeyringDamagedError, KeyringLimitError, StoreBusyError, StoreUnfitError } from '../../src/errors.js';
import type { KeyringStore } from '../../src/ports/keyring-store.js';
import { type SqliteClient, sqliteKeyring } from '../../src/store/sqlite.js';
import { connect, newFile } from './places.js';
import { type Connection, DRIVERS } from './sqlite-drivers.js';

const MIB = 1024 * 1024;
const ONE = 'k'.repeat(26);
const TWO = 'm'.repeat(26);
const bytesOf = (text: string) => Uint8Array.from(Buffer.from(text, 'utf8'));
const tablesIn = (client: Connection, schema = 'main'): string[] =>
  client
    .prepare(`SELECT name FROM ${schema}.sqlite_master WHERE type = 'table' ORDER BY name`)
    .all()
    .map((row) => (row as { name: string }).name);
const setting = (client: Connection, name: string): unknown =>
  (client.prepare(`PRAGMA ${name}`).all()[0] as Record<string, unknown>)[name];

/** Everything that reads, and everything that writes. */
const reads = (store: Required<KeyringStore>): readonly (() => unknown)[] => [
  () => store.read(MIB),
  () => store.pages.read(ONE, MIB),
  () => store.processes.list(),
  () => store.usage.totals(),
];
const writes = (store: Required<KeyringStore>): readonly (() => unknown)[] => [
  () => store.write({ revision: 2, document: bytesOf('second') }),
  () => store.restore({ revision: 7, document: bytesOf('restored') }),
  () => store.pages.write(ONE, bytesOf('page')),
  () => store.pages.remove([ONE]),
  () => store.processes.announce({ id: ONE, entry: '2' }),
  () => store.processes.forget(ONE),
  () => store.usage.add(ONE, 1),
];

/** A store that holds one of everything. */
async function fill(store: Required<KeyringStore>): Promise<void> {
  await store.write({ revision: 1, document: bytesOf('first') });
  await store.pages.write(ONE, bytesOf('page'));
  await store.processes.announce({ id: ONE, entry: '1' });
  await store.usage.add(ONE, 1);
}

for (const driver of DRIVERS) {
  describe(`sqliteKeyring over ${driver.name}`, () => {
    it('makes each table at the first write into it, and none where it reads', async () => {
      const client = connect(driver);
      const store = sqliteKeyring(client);
      for (const read of reads(store)) await read();
      await store.pages.remove([]);
      expect(tablesIn(client)).toEqual([]);
      await store.write({ revision: 1, document: bytesOf('first') });
      expect(tablesIn(client)).toEqual(['cellseal_keyring']);
      await fill(store);
      expect(tablesIn(client)).toEqual([
        'cellseal_keyring',
        'cellseal_keyring_page',
        'cellseal_keyring_process',
        'cellseal_keyring_usage',
      ]);
    });

    it('keeps two keyrings apart that have tables of other names, in an attached file too', async () => {
      const client = connect(driver);
      client.exec("ATTACH ':memory:' AS vault");
      const [here, there] = [sqliteKeyring(client), sqliteKeyring(client, { table: 'Vault.my "keys"' })];
      await fill(here);
      for (const read of reads(there)) expect([undefined, [], {}]).toContainEqual(await read());
      expect(await there.restore({ revision: 9, document: bytesOf('ninth') })).toBe(true);
      await there.pages.write(TWO, bytesOf('page'));
      expect(tablesIn(client, 'vault')).toEqual(['my "keys"', 'my "keys"_page']);
      expect(await here.read(MIB)).toEqual({ revision: 1, document: bytesOf('first') });
      expect(await here.pages.read(TWO, MIB)).toBeUndefined();
    });

    it('refuses a table whose name contains a NUL', () => {
      expect(() => sqliteKeyring(connect(driver), { table: 'a\0b' })).toThrow(StoreUnfitError);
    });

    it('holds one row, whatever came before', async () => {
      const client = connect(driver);
      const store = sqliteKeyring(client);
      for (let revision = 1; revision <= 5; revision++)
        await store.write({ revision, document: bytesOf(`revision ${revision}`) });
      const rows = client.prepare('SELECT revision, document FROM cellseal_keyring').all();
      expect(rows).toHaveLength(1);
      expect(rows).toMatchObject([{ revision: 5 }]);
    });

    it('keeps revisions up to 2^53 - 1 exactly', async () => {
      const store = sqliteKeyring(connect(driver));
      const revision = Number.MAX_SAFE_INTEGER;
      await store.restore({ revision: revision - 1, document: bytesOf('one') });
      expect(await store.write({ revision, document: bytesOf('two') })).toBe(true);
      expect(await store.read(MIB)).toEqual({ revision, document: bytesOf('two') });
    });

    it('refuses what is over the limit without fetching it', async () => {
      const client = connect(driver);
      const fetched: number[] = [];
      const watched: SqliteClient = {
        exec: (sql) => client.exec(sql),
        prepare(sql) {
          const statement = client.prepare(sql);
          return {
            run: (...values) => statement.run(...values),
            all(...values) {
              const rows = statement.all(...values);
              for (const value of rows.flatMap((row) => Object.values(row as object)))
                fetched.push((value as { byteLength?: number } | null)?.byteLength ?? 0);
              return rows;
            },
          };
        },
      };
      const store = sqliteKeyring(watched);
      await store.write({ revision: 1, document: new Uint8Array(5 * MIB) });
      await store.pages.write(ONE, new Uint8Array(5 * MIB));
      await expect(async () => store.read(5 * MIB - 1)).rejects.toThrow(KeyringLimitError);
      await expect(async () => store.pages.read(ONE, 5 * MIB - 1)).rejects.toThrow(KeyringLimitError);
      expect(Math.max(...fetched)).toBe(0);
      expect((await store.read(5 * MIB))?.document).toHaveLength(5 * MIB);
      expect(await store.pages.read(ONE, 5 * MIB)).toHaveLength(5 * MIB);
      expect(Math.max(...fetched)).toBe(5 * MIB);
    });

    it.each(['WAL', 'DELETE', 'TRUNCATE', 'MEMORY'])(
      'leaves nothing in its files of a document or page that is gone (%s)',
      async (journal) => {
        const path = newFile();
        const client = connect(driver, path);
        client.exec(`PRAGMA journal_mode = ${journal}`);
        const store = sqliteKeyring(client);
        // Of several lengths, so that some leave overflow pages free and others parts of one.
        const lengths = [60_000, 300, 20_000, 4_000, 100];
        const marked = (name: string, length: number) => bytesOf(`<${name}>`.repeat(length / 10));
        for (const [i, length] of lengths.entries()) {
          await store.write({ revision: i + 1, document: marked(`document${i}`, length) });
          await store.pages.write('abcde'.charAt(i).repeat(26), marked(`page ${i}`, length));
        }
        await store.pages.remove(['a', 'c', 'd', 'e'].map((letter) => letter.repeat(26)));
        const files = [path, `${path}-wal`, `${path}-journal`].filter((name) => existsSync(name));
        const left = files.map((name) => readFileSync(name, 'latin1')).join('');
        const found = (name: string) =>
          lengths.flatMap((_, i) => (left.includes(`<${name}${i}>`) ? [i] : []));
        expect(found('document')).toEqual([4]);
        expect(found('page ')).toEqual([1]);
        expect(await store.pages.read('b'.repeat(26), MIB)).toEqual(marked('page 1', 300));
      },
    );

    it('leaves what a reader holds in the write-ahead log to the next write', async () => {
      const path = newFile();
      const [client, other] = [connect(driver, path), connect(driver, path)];
      client.exec('PRAGMA journal_mode = WAL');
      const store = sqliteKeyring(client);
      await store.write({ revision: 1, document: bytesOf('the first of them') });
      other.exec('BEGIN');
      other.prepare('SELECT revision FROM cellseal_keyring').all();
      expect(await store.write({ revision: 2, document: bytesOf('the second of them') })).toBe(true);
      other.exec('COMMIT');
      expect(await store.write({ revision: 3, document: bytesOf('the third of them') })).toBe(true);
      const left = readFileSync(path, 'latin1') + readFileSync(`${path}-wal`, 'latin1');
      expect(left).not.toMatch(/the (first|second) of them/);
      expect(left).toContain('the third of them');
    });

    it("writes documents and pages under synchronous = FULL and secure_delete, and gives the connection's own settings back", async () => {
      const client = connect(driver, newFile());
      const seen: unknown[] = [];
      const watched: SqliteClient = {
        prepare: (sql) => client.prepare(sql),
        exec(sql) {
          if (sql === 'COMMIT') seen.push([setting(client, 'synchronous'), setting(client, 'secure_delete')]);
          return client.exec(sql);
        },
      };
      const store = sqliteKeyring(watched);
      for (const [synchronous, secureDelete] of [
        [0, 0],
        [1, 2],
        [2, 1],
        [3, 1],
      ]) {
        client.exec(`PRAGMA synchronous = ${synchronous}`);
        client.exec(`PRAGMA secure_delete = ${['OFF', 'ON', 'FAST'][secureDelete as number]}`);
        const full = Math.max(synchronous as number, 2);
        seen.length = 0;
        await store.write({ revision: ((await store.read(MIB))?.revision ?? 0) + 1, document: bytesOf('x') });
        await store.pages.write(ONE, bytesOf('page'));
        await store.pages.remove([ONE]);
        expect(seen).toEqual([
          [full, 1],
          [full, secureDelete],
          [full, 1],
        ]);
        const kept = [setting(client, 'synchronous'), setting(client, 'secure_delete')];
        expect(kept).toEqual([synchronous, secureDelete]);
      }
    });

    it('gives the settings back where a write fails', async () => {
      const client = connect(driver, newFile());
      const store = sqliteKeyring(client);
      await fill(store);
      client.exec('PRAGMA synchronous = OFF; PRAGMA secure_delete = OFF');
      client.exec(
        "CREATE TRIGGER no BEFORE UPDATE ON cellseal_keyring BEGIN SELECT RAISE(ABORT, 'refused'); END",
      );
      await expect(async () => store.write({ revision: 2, document: bytesOf('second') })).rejects.toThrow(
        'refused',
      );
      expect([setting(client, 'synchronous'), setting(client, 'secure_delete')]).toEqual([0, 0]);
      expect((await store.read(MIB))?.revision).toBe(1);
      client.exec('BEGIN IMMEDIATE'); // nothing is left open
      client.exec('ROLLBACK');
    });

    it.each(['WAL', 'DELETE'])(
      'tells a write lock of somebody else as StoreBusyError, and writes once it is gone (%s)',
      async (journal) => {
        const path = newFile();
        const [client, other] = [connect(driver, path), connect(driver, path)];
        client.exec(`PRAGMA journal_mode = ${journal}`);
        const store = sqliteKeyring(client);
        await fill(store);
        other.exec('BEGIN IMMEDIATE');
        for (const write of writes(store)) await expect(async () => write()).rejects.toThrow(StoreBusyError);
        other.exec('ROLLBACK');
        expect(await store.read(MIB)).toEqual({ revision: 1, document: bytesOf('first') });
        expect(await store.usage.totals()).toEqual({ [ONE]: 1 });
        for (const write of writes(store)) await write();
        expect(await store.read(MIB)).toEqual({ revision: 2, document: bytesOf('second') });
        expect(await store.usage.totals()).toEqual({ [ONE]: 2 });
      },
    );

    it('tells a lock that keeps readers out as StoreBusyError, whatever is read', async () => {
      const path = newFile();
      const [client, other] = [connect(driver, path), connect(driver, path)];
      const store = sqliteKeyring(client);
      await fill(store);
      other.exec('BEGIN EXCLUSIVE');
      for (const read of reads(store)) await expect(async () => read()).rejects.toThrow(StoreBusyError);
      other.exec('ROLLBACK');
      for (const read of reads(store)) expect(await read()).toBeDefined();
    });

    it('leaves a transaction alone that somebody has open on its connection', async () => {
      const client = connect(driver, newFile());
      const store = sqliteKeyring(client);
      await fill(store);
      client.exec('CREATE TABLE theirs (a)');
      client.exec('BEGIN');
      client.exec('INSERT INTO theirs VALUES (1)');
      for (const write of writes(store)) await expect(async () => write()).rejects.toThrow(/transaction/);
      for (const read of reads(store)) expect(await read()).toBeDefined();
      client.exec('COMMIT');
      expect(client.prepare('SELECT a FROM theirs').all()).toHaveLength(1);
      expect(await store.read(MIB)).toEqual({ revision: 1, document: bytesOf('first') });
    });

    it('reads a database that it cannot write, and says so where it would write', async () => {
      const path = newFile();
      await fill(sqliteKeyring(connect(driver, path)));
      const store = sqliteKeyring(connect(driver, path, { readonly: true }));
      for (const read of reads(store)) expect(await read()).toBeDefined();
      for (const write of writes(store)) await expect(async () => write()).rejects.toThrow(/readonly/);
    });

    it('calls what somebody made no byte string of damaged', async () => {
      const client = connect(driver);
      client.exec('CREATE TABLE cellseal_keyring (only, revision, document)');
      client.exec("INSERT INTO cellseal_keyring VALUES (1, 1, 'text')");
      client.exec('CREATE TABLE cellseal_keyring_page (name, page)');
      client.exec(`INSERT INTO cellseal_keyring_page VALUES ('${ONE}', 7)`);
      const store = sqliteKeyring(client);
      await expect(async () => store.read(MIB)).rejects.toThrow(KeyringDamagedError);
      await expect(async () => store.pages.read(ONE, MIB)).rejects.toThrow(KeyringDamagedError);
    });

    it('refuses, in its own tables, a second document and one that is no byte string', async () => {
      const client = connect(driver);
      await fill(sqliteKeyring(client));
      const wrong = [
        "INSERT INTO cellseal_keyring VALUES (2, 2, X'00')",
        "UPDATE cellseal_keyring SET document = 'text'",
        "UPDATE cellseal_keyring SET revision = 'two'",
        "UPDATE cellseal_keyring_page SET page = 'text'",
      ];
      for (const sql of wrong) expect(() => client.exec(sql)).toThrow(/constraint/i);
    });
  });
}
