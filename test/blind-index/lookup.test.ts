/** What a look-up asks for, and which of the answers it keeps. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type Keyring,
  type Lookup,
  activateKey,
  addKey,
  addTenants,
  assertAskable,
  encryptRecord,
  integer,
  listKeys,
  lookup,
  table,
  text,
  uuid,
} from '../../src/index.js';
import type { TokenLookup } from '../../src/ports/token-lookup.js';
import { mysqlWhere } from '../../src/store/mysql.js';
import { postgresWhere } from '../../src/store/postgres.js';
import { sqliteWhere } from '../../src/store/sqlite.js';
import { newKeyring } from '../cells/support.js';

const id = '5f3c0f4e-7c0a-4d5e-9a4b-0f6f0d1c2b3a';
const people = table('people', {
  from: 'crm.people',
  record: uuid('id'),
  encrypt: {
    email: text({ index: { bits: 40, transform: 'email-1', column: 'mail_key' } }),
    name: text({
      index: [
        { name: 'name_key', bits: 12, transform: 'lower-1' },
        { name: 'exact_name', bits: 16 },
      ],
    }),
    age: integer(),
    badge: text({ index: { bits: 128, unique: true } }),
    phone: text({ index: { bits: 8, transform: 'last4-1', filling: true } }),
  },
  indexes: { name_badge: { attributes: ['name', 'badge'], bits: 20 } },
});

const unique = table('badges', {
  record: uuid('id'),
  encrypt: { badge: text({ index: { bits: 128, unique: true, next: 'badge_2' } }) },
});
const uniqueNext = table('badges', {
  record: uuid('id'),
  encrypt: { badge: text({ index: { bits: 128, unique: true, generation: 2, column: 'badge_2' } }) },
});

async function tokenOf(keyring: Keyring): Promise<string | null> {
  return (await encryptRecord(people, { id, email: 'a@b' }, keyring)).email_index;
}

describe('a look-up', () => {
  it('asks for the token that a record has', async () => {
    const keyring = await newKeyring();
    const asked = await lookup(people, 'email', 'A@b ', keyring);
    expect(asked.from).toEqual(['crm', 'people']);
    expect(asked.columns).toEqual([
      { index: 'email_index', column: 'mail_key', tokens: [await tokenOf(keyring)] },
    ]);
    expect(await lookup(people, 'email_index', 'a@b', keyring)).toMatchObject({ tokens: asked.tokens });
  });

  it('asks for a token under every index key that is alive, whichever writers use', async () => {
    const keyring = await newKeyring();
    const before = await tokenOf(keyring);
    const next = await addKey(keyring, { kind: 'index' });
    const asked = async (): Promise<Lookup> => lookup(people, 'email', 'a@b', keyring);
    expect((await asked()).tokens).toHaveLength(2); // another process may be writing with it already
    expect((await asked()).tokens).toContain(before);
    await activateKey(keyring, next);
    const after = await tokenOf(keyring);
    expect(after).not.toBe(before);
    expect((await asked()).tokens).toEqual([after, before]);
    expect((await listKeys(keyring)).filter(({ kind }) => kind === 'index')).toHaveLength(2);
  });

  it('of a unique index asks both columns while it changes its key, each under its own, whichever is active', async () => {
    const keyring = await newKeyring();
    await expect(encryptRecord(unique, { id, badge: '7' }, keyring)).rejects.toMatchObject({
      code: 'no-active-key',
    });
    const [first, second] = [
      listKeys(keyring).find(({ kind }) => kind === 'index')?.keyId ?? '',
      await addKey(keyring, { kind: 'index' }),
    ];
    for (const active of [first, second]) {
      if (active === second) await activateKey(keyring, second);
      const row = await encryptRecord(unique, { id, badge: '7' }, keyring);
      expect([row.badge_index?.slice(0, 8), row.badge_2?.slice(0, 8)]).toEqual([
        first.slice(0, 8),
        second.slice(0, 8),
      ]);
      const { columns } = await lookup(unique, 'badge', '7', keyring);
      expect(columns.map(({ column, tokens }) => [column, ...tokens])).toEqual([
        ['badge_index', row.badge_index],
        ['badge_2', row.badge_2],
      ]);
      const after = await encryptRecord(uniqueNext, { id, badge: '7' }, keyring);
      expect(after).toMatchObject({ badge_index: row.badge_2 });
      const { columns: later } = await lookup(uniqueNext, 'badge', '7', keyring);
      expect(later.map(({ column, tokens }) => [column, ...tokens])).toEqual([['badge_2', row.badge_2]]);
    }
  });

  it('of several values asks for each once, and matches what has one of them', async () => {
    const keyring = await newKeyring();
    const asked = await lookup(people, 'name_key', ['Ada', 'ADA', 'Grace'], keyring);
    expect(asked.tokens).toHaveLength(2);
    expect(asked.matches({ name: 'ada' })).toBe(true);
    expect(asked.matches({ name: 'Grace' })).toBe(true);
    expect(asked.matches({ name: 'Alan' })).toBe(false);
    expect(asked.matches({ name: null })).toBe(false);
    expect(asked.isFilling).toBe(false);
    expect((await lookup(people, 'phone', '0123', keyring)).isFilling).toBe(true);
  });

  it('of a compound index takes an object', async () => {
    const keyring = await newKeyring();
    const row = await encryptRecord(people, { id, name: 'Ada', badge: '7' }, keyring);
    const asked = await lookup(people, 'name_badge', { name: 'Ada', badge: '7' }, keyring);
    expect(asked.tokens).toEqual([row.name_badge]);
    expect(asked.matches({ name: 'Ada', badge: '7' })).toBe(true);
    expect(asked.matches({ name: '7', badge: 'Ada' })).toBe(false);
  });

  it('finds what was written under the key of all, and under the tenant’s own', async () => {
    const keyring = await newKeyring();
    const tenanted = table('notes', {
      record: uuid('id'),
      tenant: text('tenant'),
      encrypt: { word: text({ index: { bits: 64 } }) },
    });
    const options = { tenant: 'acme' };
    const shared = await encryptRecord(tenanted, { id, word: 'x' }, keyring, options);
    await addTenants(keyring, ['acme']);
    const own = await encryptRecord(tenanted, { id, word: 'x' }, keyring, options);
    expect(own.word_index).not.toBe(shared.word_index);
    expect((await lookup(tenanted, 'word', 'x', keyring, options)).tokens).toEqual([
      own.word_index,
      shared.word_index,
    ]);
    expect((await lookup(tenanted, 'word', 'x', keyring, { tenant: 'other' })).tokens).not.toContain(
      own.word_index,
    );
  });

  it('finds by the names of before while the table is rebinding', async () => {
    const keyring = await newKeyring();
    const index = { bits: 64, name: 'word_key' } as const;
    const before = table('words', { record: uuid('id'), encrypt: { word: text({ index }) } });
    const now = table('terms', {
      record: uuid('id'),
      encrypt: { term: text({ index }) },
      rebinding: { table: 'words', columns: { term: 'word' } },
    });
    const old = await encryptRecord(before, { id, word: 'x' }, keyring);
    const fresh = await encryptRecord(now, { id, term: 'x' }, keyring);
    expect((await lookup(now, 'term', 'x', keyring)).tokens).toEqual([fresh.word_key, old.word_key]);
  });

  it('leaves out what was stored before there was an index, and its transform refuses', async () => {
    const asked = await lookup(people, 'email', 'a@b', await newKeyring());
    expect(asked.matches({ email: 'no address' })).toBe(false);
    expect(() => asked.matches({})).toThrow(expect.objectContaining({ code: 'invalid-value' }));
  });

  it('finds by an index that was given no name under the name that the former attribute gave it', async () => {
    const keyring = await newKeyring();
    const index = { bits: 64 } as const;
    const before = table('words', { record: uuid('id'), encrypt: { word: text({ index }) } });
    const now = table('words', {
      record: uuid('id'),
      encrypt: { term: text({ index }) },
      rebinding: { columns: { term: 'word' } },
    });
    const old = await encryptRecord(before, { id, word: 'x' }, keyring);
    const fresh = await encryptRecord(now, { id, term: 'x' }, keyring);
    expect((await lookup(now, 'term', 'x', keyring)).tokens).toEqual([fresh.term_index, old.word_index]);
  });

  it('has every record that matches among its candidates', async () => {
    const keyring = await newKeyring();
    const words = fc.constantFrom('ada', 'Ada', 'ADA', 'alan', 'é', 'e\u0301', '');
    await fc.assert(
      fc.asyncProperty(words, fc.array(words, { minLength: 1, maxLength: 4 }), async (stored, wanted) => {
        const asked = await lookup(people, 'name_key', wanted, keyring);
        const row = await encryptRecord(people, { id, name: stored, badge: null }, keyring);
        const isOne = wanted.some(
          (one) => one.normalize('NFC').toLowerCase() === stored.normalize('NFC').toLowerCase(),
        );
        expect(asked.matches({ name: stored })).toBe(isOne);
        if (isOne) expect(asked.tokens).toContain(row.name_key);
      }),
      { numRuns: 100 },
    );
  });
});

describe('a look-up refuses', () => {
  it.each<[string, string, unknown, string]>([
    ['an attribute without an index', 'age', 5, 'not-askable'],
    ['an attribute with several', 'name', 'Ada', 'not-askable'],
    ['a name that is none', 'nothing', 'Ada', 'not-askable'],
    ['null', 'email', null, 'not-askable'],
    ['undefined', 'email', undefined, 'not-askable'],
    ['no value at all', 'email', [], 'not-askable'],
    ['too many values', 'email', Array.from({ length: 10_001 }, (_, i) => `${i}@b`), 'not-askable'],
    ['a range', 'email', { gt: 'a' }, 'not-askable'],
    ['a pattern', 'email', /a/, 'not-askable'],
    ['a value of another type', 'email', 5, 'invalid-value'],
    ['a value that its transform refuses', 'email', 'no address', 'not-indexable'],
    ['a value in which there is nothing to look up', 'phone', 'none', 'not-askable'],
    ['one value for a compound index', 'name_badge', 'Ada', 'not-askable'],
    ['a part of a compound index', 'name_badge', { name: 'Ada' }, 'not-askable'],
  ])('%s', async (_, name, value, code) => {
    const keyring = await newKeyring();
    await expect(lookup(people, name as 'email', value as string, keyring)).rejects.toMatchObject({ code });
  });

  it('what no index answers, and says what does', () => {
    for (const question of ['order', 'range', 'like', 'join', 'aggregate'] as const)
      expect(() => assertAskable(people, 'email', question)).toThrow(
        /lookup\(\) finds equal values by email_index/,
      );
    expect(() => assertAskable(people, 'age', 'equal')).toThrow(/has no index/);
    assertAskable(people, 'email', 'equal');
  });
});

describe('a condition for a statement', () => {
  const of = (columns: number, tokens: number): TokenLookup => ({
    from: ['people'],
    columns: Array.from({ length: columns }, (_, i) => ({
      index: `i${i}`,
      column: `c "${i}`,
      tokens: Array.from({ length: tokens }, (_, j) => `aaaa2222.${j}`),
    })) as unknown as TokenLookup['columns'],
    isFilling: false,
  });

  it('names its columns by the alias, quoted, and its parameters behind those that are there', () => {
    const asked = { ...of(2, 2), isFilling: true };
    expect(postgresWhere(asked, { alias: 'the "own" table', firstParameter: 3 }).sql).toBe(
      '("the ""own"" table"."c ""0" IN ($3, $4) OR "the ""own"" table"."c ""1" IN ($5, $6) OR "the ""own"" table"."c ""0" IS NULL)',
    );
    expect(mysqlWhere(asked, { alias: 'the `own` table' }).sql).toMatch(
      /^\(`the ``own`` table`\.`c "0` IN \(\?, \?\) OR /,
    );
    expect(sqliteWhere(asked).sql).toBe('("c ""0" IN (?, ?) OR "c ""1" IN (?, ?) OR "c ""0" IS NULL)');
  });

  it.each([
    ['PostgreSQL', postgresWhere, 65_535],
    ['MariaDB', mysqlWhere, 65_535],
    ['SQLite', sqliteWhere, 32_766],
  ] as const)('has no more parameters than %s takes', (_, where, most) => {
    expect(where(of(1, most)).values).toHaveLength(most);
    expect(where(of(2, 16_383)).values).toHaveLength(32_766);
    const refused = expect.objectContaining({ code: 'not-askable', column: 'i0' });
    expect(() => where(of(1, most + 1))).toThrow(refused);
    expect(() => where(of(2, Math.ceil((most + 1) / 2)))).toThrow(refused);
    expect(() => where(of(1, most), { firstParameter: 2 })).toThrow(refused);
  });
});
