/** What a fence does, the same in every database: one suite over whatever runs statements. */
import { beforeEach, describe, expect, it } from 'vitest';
import {
  type Keyring,
  type KeyringStore,
  type StoredOf,
  activateKey,
  addKey,
  bytes,
  createKeyring,
  decryptRecord,
  encryptRecord,
  listKeys,
  openKeyring,
  schema,
  table,
  text,
  uuid,
} from '../../../src/index.js';
import {
  type FenceDialect,
  type RecordStore,
  census,
  fenceSql,
  isFenceRefusal,
  rotate,
  withKeyRefresh,
} from '../../../src/rotation/index.js';
import { memoryKeyring } from '../../../src/store/memory.js';

export const people = table('people', {
  record: uuid('id'),
  encrypt: { name: text(), photo: bytes({ form: 'binary' }) },
});
export const everything = schema([people]);
export const unlock = { rawKey: new Uint8Array(32).fill(5) };

/** A database with a table `people`: id, name (of a collation that is not by bytes), photo, plan. */
export interface FencedDatabase {
  readonly name: string;
  readonly dialect: FenceDialect;
  /** Makes the table anew, empty and without a fence. */
  prepare(): Promise<void>;
  records(): RecordStore;
  /** Any connection; parameters are `?`. */
  run(sql: string, values?: readonly unknown[]): Promise<readonly Readonly<Record<string, unknown>>[]>;
  /** One connection, as fenceSql asks for. */
  apply(statements: readonly string[]): Promise<void>;
  /** Names of triggers and functions of the table's schema. */
  objects(): Promise<readonly string[]>;
  /** Writes a whole record, or changes what is there under its id: name, photo and plan. */
  readonly upsert: string;
  /** Replaces a whole record: deletes and inserts; where the database has it. */
  readonly replace?: string;
  /** Inserts a whole record, or leaves alone what is there under its id. */
  readonly insertIfAbsent: string;
}

export const INSERT = 'INSERT INTO people (id, name, photo, plan) VALUES (?, ?, ?, ?)';

/** A keyring before and after its key was replaced: `stale` has not heard of it. */
export interface Replaced {
  readonly keyrings: KeyringStore;
  readonly keyring: Keyring;
  readonly stale: Keyring;
}

export async function replacedKey(): Promise<Replaced> {
  const keyrings = memoryKeyring();
  const keyring = await createKeyring(keyrings, unlock);
  const stale = await openKeyring(keyrings, unlock);
  await activateKey(keyring, await addKey(keyring));
  return { keyrings, keyring, stale };
}

interface Row {
  readonly id: string;
  readonly name: string | null;
  readonly photo: Uint8Array | null;
}

export async function rowOf(keyring: Keyring, name: string, id: string = crypto.randomUUID()): Promise<Row> {
  return encryptRecord(people, { id, name, photo: new TextEncoder().encode(name) }, keyring);
}

/** What a database says of a refusal, without what a driver adds to it. */
export function saidBy(error: unknown): string {
  const { sqlMessage, message } = error as { sqlMessage?: string; message: string };
  return sqlMessage ?? message;
}

export function describeFence(database: FencedDatabase): void {
  const { dialect, run, apply } = database;

  describe(`a fence in ${database.name}`, () => {
    let world: Replaced;

    const raise = async (options = {}): Promise<void> =>
      apply((await fenceSql(everything, world.keyring, { dialect, ...options })).up);
    const insert = ({ id, name, photo }: Row, plan = 'pro') => run(INSERT, [id, name, photo, plan]);
    const refused = async (work: Promise<unknown>): Promise<void> => {
      const error: unknown = await work.then(
        () => undefined,
        (thrown: unknown) => thrown,
      );
      expect(error, 'it is refused').toBeDefined();
      expect(isFenceRefusal(error), saidBy(error)).toBe(true);
    };
    const stored = async (): Promise<Row[]> =>
      (await run('SELECT id, name, photo, plan FROM people ORDER BY plan')).map((row) => ({
        id: String(row['id']),
        name: row['name'] === null ? null : String(row['name']),
        photo: row['photo'] === null ? null : new Uint8Array(row['photo'] as Uint8Array),
      }));

    beforeEach(async () => {
      await database.prepare();
      world = await replacedKey();
    });

    it('refuses what a stale writer inserts, in either column, and says nothing of it', async () => {
      await raise();
      const old = await rowOf(world.stale, 'Jane');
      await refused(insert(old));
      await refused(insert({ ...old, name: null }));
      await refused(insert({ ...old, photo: null }));
      expect(await stored()).toEqual([]);
      const error: unknown = await insert(old).catch((thrown: unknown) => thrown);
      expect(saidBy(error)).toMatch(
        /^cellseal-fence: what was to be written is no cell or token under a key/,
      );
      for (const fact of [old.id, old.name as string, (old.name as string).slice(5, 31)])
        expect(saidBy(error)).not.toContain(fact);
    });

    it('lets pass what is under the active key, and null', async () => {
      await raise();
      const row = await rowOf(world.keyring, 'Jane');
      await insert(row);
      await insert({ id: crypto.randomUUID(), name: null, photo: null }, 'trial');
      const [first] = await stored();
      expect(await decryptRecord(people, first as StoredOf<typeof people>, world.keyring)).toMatchObject({
        name: 'Jane',
      });
      const again = await rowOf(world.keyring, 'Ada', row.id);
      await run('UPDATE people SET name = ?, photo = ? WHERE id = ?', [again.name, again.photo, row.id]);
      await run('UPDATE people SET name = NULL, photo = NULL WHERE id = ?', [row.id]);
      await run('UPDATE people SET name = ?, photo = ? WHERE id = ?', [again.name, again.photo, row.id]);
      expect((await stored())[0]).toEqual(again);
    });

    it('refuses what a stale writer changes a cell to: from null, from an old cell, from a new one', async () => {
      const empty = { id: crypto.randomUUID(), name: null, photo: null };
      const old = await rowOf(world.stale, 'Jane');
      const current = await rowOf(world.keyring, 'Ada');
      await insert(empty, '1');
      await insert(old, '2');
      await insert(current, '3');
      await raise();
      for (const { id } of [empty, old, current]) {
        const other = await rowOf(world.stale, 'Joe', id);
        await refused(run('UPDATE people SET name = ? WHERE id = ?', [other.name, id]));
        await refused(run('UPDATE people SET photo = ? WHERE id = ?', [other.photo, id]));
        await refused(run('UPDATE people SET plan = ?, name = ? WHERE id = ?', ['9', other.name, id]));
      }
      expect(await stored()).toEqual([empty, old, current]);
    });

    it('lets everybody change other columns of an old record, write its cells back as they were, and empty them', async () => {
      const old = await rowOf(world.stale, 'Jane');
      await insert(old);
      await raise();
      await run('UPDATE people SET plan = ? WHERE id = ?', ['free', old.id]);
      await run('UPDATE people SET name = name, photo = photo');
      await run('UPDATE people SET name = ?, photo = ?, plan = ? WHERE id = ?', [
        old.name,
        old.photo,
        'pro',
        old.id,
      ]);
      expect(await stored()).toEqual([old]);
      await run('UPDATE people SET name = NULL, photo = NULL WHERE id = ?', [old.id]);
      await refused(run('UPDATE people SET name = ? WHERE id = ?', [old.name, old.id]));
    });

    it('compares bytes, whatever the collation calls the same', async () => {
      const old = await rowOf(world.stale, 'Jane');
      const current = await rowOf(world.keyring, 'Ada');
      await insert(old, '1');
      await insert(current, '2');
      await raise();
      const set = (id: string, name: string) => run('UPDATE people SET name = ? WHERE id = ?', [name, id]);
      const name = old.name as string;
      await refused(set(old.id, name.toUpperCase()));
      await refused(set(old.id, `${name} `));
      await refused(set(old.id, `${name.slice(0, 40)}${swapCase(name.slice(40))}`));
      // The tag of the active key in other letters is no tag.
      const active = current.name as string;
      await refused(set(current.id, active.toUpperCase()));
      await refused(set(current.id, active.slice(0, 32).toUpperCase() + active.slice(32)));
      await refused(insert({ id: crypto.randomUUID(), name: active.toUpperCase(), photo: null }));
      expect(await stored()).toEqual([old, current]);
    });

    it('refuses what is no cell: plaintext, the empty text, a tag alone', async () => {
      await raise();
      const { name, photo } = (await rowOf(world.keyring, 'Ada')) as { name: string; photo: Uint8Array };
      const id = crypto.randomUUID();
      for (const stray of ['Jane', '', name.slice(0, 32), name.slice(1), ` ${name}`, name.slice(0, 60)])
        await refused(insert({ id, name: stray, photo: null }));
      for (const stray of [photo.slice(0, 0), photo.slice(0, 18), photo.slice(1), photo.slice(0, 50)])
        await refused(insert({ id, name: null, photo: stray }));
      await refused(insert({ id, name: null, photo: new TextEncoder().encode(name) }));
    });

    it('judges upserts by what they write', async () => {
      const old = await rowOf(world.stale, 'Jane');
      await insert(old);
      await raise();
      const upsert = ({ id, name, photo }: Row, plan: string) =>
        run(database.upsert, [id, name, photo, plan]);
      await refused(upsert(await rowOf(world.stale, 'Joe'), 'new'));
      await refused(upsert(await rowOf(world.stale, 'Joe', old.id), 'changed'));
      await upsert(old, 'as it was'); // the cells stay
      expect(await run('SELECT plan FROM people')).toEqual([{ plan: 'as it was' }]);
      const current = await rowOf(world.keyring, 'Jane', old.id);
      await upsert(current, 'swept');
      expect(await stored()).toEqual([current]);
    });

    it('is not passed by statements that forgive conflicts', async () => {
      const current = await rowOf(world.keyring, 'Ada');
      await insert(current);
      await raise();
      const { id, name, photo } = await rowOf(world.stale, 'Joe');
      await refused(run(database.insertIfAbsent, [id, name, photo, 'new']));
      await run(database.insertIfAbsent, [current.id, name, photo, 'not written']);
      if (database.replace) {
        await refused(run(database.replace, [id, name, photo, 'new']));
        await refused(run(database.replace, [current.id, name, photo, 'in its place']));
      }
      expect(await stored()).toEqual([current]);
    });

    it('undoes a statement whole, of many records too', async () => {
      await raise();
      const current = await rowOf(world.keyring, 'Ada');
      const old = await rowOf(world.stale, 'Joe');
      const values = [current, old].flatMap(({ id, name, photo }) => [id, name, photo, 'pro']);
      await refused(
        run('INSERT INTO people (id, name, photo, plan) VALUES (?, ?, ?, ?), (?, ?, ?, ?)', values),
      );
      expect(await stored()).toEqual([]);
    });

    it('lets a rotation pass, to its end', async () => {
      for (let i = 0; i < 30; i++) await insert(await rowOf(world.stale, `person ${i}`), `${i}`);
      await raise();
      const { keyring } = world;
      const records = database.records();
      for await (const _ of rotate(everything, { keyring, records, chunkRecords: 7 }));
      const active = listKeys(keyring).find(({ kind, state }) => kind === 'data' && state === 'active');
      expect((await census(everything, { keyring, records })).cells).toEqual({
        [active?.keyId as string]: 60,
      });
      for (const row of await stored())
        await decryptRecord(people, row as StoredOf<typeof people>, world.keyring);
    });

    it('brings a stale process up to date, which then writes', async () => {
      await raise();
      let runs = 0;
      await withKeyRefresh(world.stale, async () => {
        runs++;
        await insert(await rowOf(world.stale, 'Jane'));
      });
      expect(runs).toBe(2);
      expect(await stored()).toHaveLength(1);
      // What was sealed before stays refused.
      const old = await rowOf(await keyringOfBefore(), 'Joe');
      await expect(withKeyRefresh(world.stale, () => insert(old))).rejects.toMatchObject({
        code: 'fence-refused',
      });
    });

    /** A keyring whose active key no fence here knows. */
    const keyringOfBefore = () => createKeyring(memoryKeyring(), unlock);

    it('takes the place of an earlier fence, and lets the next key pass before it is active', async () => {
      await raise();
      await raise(); // the same again
      const standing = await database.objects();
      const next = await addKey(world.keyring);
      await raise({ alsoAllow: [next] });
      const before = await rowOf(world.keyring, 'before');
      await insert(before, '1');
      await activateKey(world.keyring, next);
      const after = await rowOf(world.keyring, 'after');
      await insert(after, '2');
      await raise();
      expect(await database.objects()).toEqual(standing);
      await refused(insert({ ...before, id: crypto.randomUUID() }));
      await insert(await rowOf(world.keyring, 'later'), '3');
      expect(await stored()).toHaveLength(3);
    });

    it('is removed whole by `down`, which is harmless where there is none', async () => {
      const { up, down } = await fenceSql(everything, world.keyring, { dialect });
      const before = await database.objects();
      await apply(down);
      await apply(up);
      expect((await database.objects()).length).toBeGreaterThan(before.length);
      await apply(down);
      await apply(down);
      expect(await database.objects()).toEqual(before);
      await insert(await rowOf(world.stale, 'Jane'));
    });

    it('is not taken for another failure, nor another failure for it', async () => {
      await raise();
      const row = await rowOf(world.keyring, 'Ada');
      await insert(row);
      const works = [() => insert(row), () => run('SELECT nothing FROM people'), () => run('SELEC 1')];
      for (const work of works) {
        const error: unknown = await work().catch((thrown: unknown) => thrown);
        expect(error).toBeInstanceOf(Error);
        expect(isFenceRefusal(error)).toBe(false);
      }
    });
  });

  describeTokens(database);
}

const members = table('members', {
  record: text('id'),
  encrypt: {
    name: text({ index: { bits: 32, name: 'name_key' } }),
    badge: text({ index: { bits: 128, unique: true, name: 'badge_key', next: 'badge_key_2' } }),
  },
});
type Member = StoredOf<typeof members>;
const COLUMNS = ['id', 'name', 'badge', 'name_key', 'badge_key', 'badge_key_2'] as const;

function describeTokens({ dialect, run, apply, prepare, records, name }: FencedDatabase): void {
  describe(`a fence for tokens in ${name}`, () => {
    let keyring: Keyring;
    /** Of a writer for whom the first index key was the active one. */
    let old: Member;
    let fresh: Member;
    let second: string;

    const memberOf = (id: string): Promise<Member> =>
      encryptRecord(members, { id, name: `n${id}`, badge: `b${id}` }, keyring);
    const raise = async (options = {}): Promise<void> =>
      apply((await fenceSql(schema([members]), keyring, { dialect, ...options })).up);
    const insert = (row: Member) =>
      run(
        `INSERT INTO members (${COLUMNS.join(', ')}) VALUES (?, ?, ?, ?, ?, ?)`,
        COLUMNS.map((column) => row[column]),
      );
    const set = (column: string, value: unknown, id: string) =>
      run(`UPDATE members SET ${column} = ? WHERE id = ?`, [value, id]);
    const refused = async (work: Promise<unknown>): Promise<void> => {
      const error: unknown = await work.catch((thrown: unknown) => thrown);
      expect(isFenceRefusal(error), saidBy(error)).toBe(true);
      expect(saidBy(error)).not.toMatch(/[0-9a-f]{8}/);
    };

    beforeEach(async () => {
      await prepare();
      const type = `VARCHAR(99) ${dialect === 'sqlite' ? 'COLLATE NOCASE' : ''}`;
      await run(
        `CREATE TABLE members (id VARCHAR(36) PRIMARY KEY, name TEXT, badge TEXT, name_key ${type}, badge_key ${type}, badge_key_2 ${type})`,
      );
      keyring = await createKeyring(memoryKeyring(), unlock);
      second = await addKey(keyring, { kind: 'index' });
      old = await memberOf('1');
      await activateKey(keyring, second);
      fresh = await memberOf('2');
      expect(fresh.name_key?.slice(0, 8)).not.toBe(old.name_key?.slice(0, 8));
    });

    it('refuses what is under a replaced key, whatever its cells are under', async () => {
      await raise();
      await refused(insert(old));
      await insert({ ...old, name_key: null });
      await insert(fresh);
      for (const id of ['1', '2']) await refused(set('name_key', old.name_key, id));
      await set('name_key', null, '2');
      await refused(set('name_key', old.name_key, '2'));
      await set('name_key', fresh.name_key, '2');
    });

    it('holds each column of a unique index to the key that it follows', async () => {
      await raise();
      await insert(fresh);
      await refused(set('badge_key', fresh.badge_key_2, '2'));
      await refused(set('badge_key_2', fresh.badge_key, '2'));
      await refused(insert({ ...old, name_key: null, badge_key: fresh.badge_key_2 }));
    });

    it('compares bytes, and refuses what is no token of this index', async () => {
      await raise();
      await insert(fresh);
      const token = fresh.name_key as string;
      const others = [
        token.toUpperCase(),
        token.slice(0, -2),
        `${token.slice(0, 8)}:${token.slice(9)}`,
        '',
        'Jane',
      ];
      for (const other of others) await refused(set('name_key', other, '2'));
    });

    it('lets an old token be written back, beside changes of other columns', async () => {
      await insert(old);
      await raise();
      const { badge } = await memberOf('1');
      await run('UPDATE members SET name_key = name_key, badge = ? WHERE id = ?', [badge, '1']);
      await refused(set('name_key', old.name_key?.toUpperCase(), '1'));
    });

    it('lets the next index key pass before it is active, and a rotation', async () => {
      const third = await addKey(keyring, { kind: 'index' });
      await raise({ alsoAllow: [third] });
      await insert(fresh);
      await activateKey(keyring, third);
      await insert(await memberOf('3'));
      await raise();
      await refused(insert({ ...fresh, id: '4' }));
      for await (const _ of rotate(schema([members]), { keyring, records: records() }));
      const { tokens } = await census(schema([members]), { keyring, records: records() });
      expect(tokens[third.slice(0, 8)]).toBe(2);
    });

    it('has a writer read the keyring again that knows only the replaced index key', async () => {
      const store = memoryKeyring();
      keyring = await createKeyring(store, unlock);
      const next = await addKey(keyring, { kind: 'index' });
      const stale = await openKeyring(store, unlock);
      await activateKey(keyring, next);
      await raise();
      await withKeyRefresh(stale, async () => {
        const row = await encryptRecord(members, { id: '5', name: 'n', badge: 'b' }, stale);
        await insert(row);
      });
    });
  });
}

/** Another cell, of the same letters. */
function swapCase(letters: string): string {
  return letters.replace(/[a-zA-Z]/g, (letter) =>
    letter === letter.toUpperCase() ? letter.toLowerCase() : letter.toUpperCase(),
  );
}
