/** What fenceSql writes, as text; whom a refusal is told to. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  AuthenticationError,
  FenceRefusedError,
  FenceTooManyKeysError,
  KeyStateError,
  type Keyring,
  NoActiveKeyError,
  UnknownKeyError,
  activateKey,
  addKey,
  addTenants,
  createKeyring,
  describeKeyring,
  encryptRecord,
  integer,
  keyTagOf,
  listKeys,
  openKeyring,
  schema,
  suspendKey,
  table,
  text,
  uuid,
} from '../../src/index.js';
import {
  type FenceDialect,
  type FenceOptions,
  census,
  fenceSql,
  isFenceRefusal,
  withKeyRefresh,
} from '../../src/rotation/index.js';
import { memoryKeyring, memoryRecords } from '../../src/store/memory.js';
import { bytesOf, holding } from '../keyring/support.js';
import { type DocumentSpec, writeDocument } from '../oracle/keyring-document.js';
import { DATA, INDEX, RAW_KEY, key, spec } from '../oracle/make/documents/shared.js';
import { DRIVERS } from '../stores/sqlite-drivers.js';
import { everything, people, unlock } from './fence/behaviour.js';

const DIALECTS: readonly FenceDialect[] = ['postgres', 'mysql', 'sqlite'];
const MESSAGE =
  'cellseal-fence: what was to be written is no cell or token under a key of this fence. Read the keyring again.';

const newKeyring = (): Promise<Keyring> => createKeyring(memoryKeyring(), unlock);
const activeKeys = (keyring: Keyring): string[] =>
  listKeys(keyring)
    .filter(({ kind, state }) => kind === 'data' && state === 'active')
    .map(({ keyId }) => keyId);
const indexKeys = (keyring: Keyring): string[] =>
  listKeys(keyring).flatMap(({ kind, keyId }) => (kind === 'index' ? keyId : []));
const tagsIn = (statements: readonly string[]): Set<string> =>
  new Set(statements.join('\n').match(/cs1[rd]\.[a-z2-7]{26}\./g));
const named = (from: string | readonly string[], column = 'name') =>
  table('people', { from, record: uuid('id'), encrypt: { name: text({ column }) } });

describe.each(DIALECTS)('a fence written for %s', (dialect) => {
  const write = async (definitions = everything, keyring?: Keyring, options: Partial<FenceOptions> = {}) =>
    fenceSql(definitions, keyring ?? (await newKeyring()), { dialect, ...options });

  it('names the active data key and no other, as it stands in cells, text and binary', async () => {
    const keyring = await newKeyring();
    const row = await encryptRecord(
      people,
      { id: crypto.randomUUID(), name: 'a', photo: new Uint8Array(1) },
      keyring,
    );
    const { up } = await write(everything, keyring);
    expect(tagsIn(up)).toEqual(new Set([keyTagOf(row.name)]));
    const prefix = Buffer.from(row.photo as Uint8Array)
      .subarray(0, 18)
      .toString('hex');
    expect(new Set(up.join('\n').match(/\b01[0-9a-f]{34}\b/g))).toEqual(new Set([prefix]));
  });

  it('reads the keyring first', async () => {
    const store = memoryKeyring();
    const admin = await createKeyring(store, unlock);
    const behind = await openKeyring(store, unlock);
    await activateKey(admin, await addKey(admin));
    const { up } = await write(everything, behind);
    expect(tagsIn(up)).toEqual(new Set(activeKeys(admin).map((keyId) => `cs1r.${keyId}.`)));
  });

  it('adds the keys of alsoAllow, unless they are out of use', async () => {
    const keyring = await newKeyring();
    const [old] = activeKeys(keyring) as [string];
    const next = await addKey(keyring);
    expect(tagsIn((await write(everything, keyring, { alsoAllow: [next] })).up).size).toBe(2);
    await activateKey(keyring, next);
    expect(tagsIn((await write(everything, keyring, { alsoAllow: [next] })).up).size).toBe(1);
    expect(tagsIn((await write(everything, keyring, { alsoAllow: [old] })).up).size).toBe(2);
    await suspendKey(keyring, old, await census(everything, { keyring, records: memoryRecords() }), {
      withoutHold: true,
    });
    await expect(write(everything, keyring, { alsoAllow: [old] })).rejects.toThrow(KeyStateError);
    await expect(write(everything, keyring, { alsoAllow: ['a'.repeat(26)] })).rejects.toThrow(
      UnknownKeyError,
    );
  });

  it('names the active index keys in columns of tokens, and of a unique index the key that it follows', async () => {
    const keyring = await newKeyring();
    const first = indexKeys(keyring)[0] as string;
    const members = (more: object = {}) =>
      schema([
        table('members', {
          record: uuid('id'),
          encrypt: {
            name: text({ index: { bits: 16 } }),
            badge: text({ index: { bits: 128, unique: true, ...more } }),
          },
        }),
      ]);
    const prefixes = async (definitions = members(), options: Partial<FenceOptions> = {}) => {
      const { up } = await write(definitions, keyring, options);
      return new Set(up.join('\n').match(/\b[a-z2-7]{8}(?=\.['},])/g));
    };
    const named = (...keyIds: string[]) => new Set(keyIds.map((keyId) => keyId.slice(0, 8)));
    expect(await prefixes()).toEqual(named(first));
    const second = await addKey(keyring, { kind: 'index' });
    expect(await prefixes()).toEqual(named(first));
    expect(await prefixes(members({ next: 'badge_2' }))).toEqual(named(first, second));
    expect(await prefixes(everything, { alsoAllow: [second] })).toEqual(named());
    const names = members({ generation: 2 });
    expect(await prefixes(names, { alsoAllow: [second] })).toEqual(named(first, second));
    await activateKey(keyring, second);
    expect(await prefixes(names)).toEqual(named(second));
    expect(await prefixes()).toEqual(named(first, second));
    await expect(prefixes(members({ generation: 2, next: 'b', nextGeneration: 4 }))).rejects.toMatchObject({
      code: 'no-active-key',
      generation: 4,
    });
    await suspendKey(keyring, first, await census(everything, { keyring, records: memoryRecords() }), {
      withoutHold: true,
    });
    await expect(prefixes()).rejects.toMatchObject({ option: 'generation', state: 'suspended' });
    await expect(prefixes(names, { alsoAllow: [first] })).rejects.toThrow(KeyStateError);
  });

  it("names tenants' keys where a table has tenants, and only there", async () => {
    const keyring = await newKeyring();
    for (const tenant of ['a', 'b']) await activateKey(keyring, await addKey(keyring, { tenant }));
    await addTenants(keyring, ['c']);
    expect(tagsIn((await write(schema([owned]), keyring)).up).size).toBe(4);
    const indexed = table('owned', {
      record: uuid('id'),
      tenant: text('tenant'),
      encrypt: { name: text({ index: { bits: 16 } }) },
    });
    const { up } = await write(schema([indexed]), keyring);
    for (const keyId of indexKeys(keyring)) expect(up.join('\n')).toContain(`${keyId.slice(0, 8)}.`);
    expect(tagsIn((await write(everything, keyring)).up).size).toBe(1);
  });

  it('refuses tenants whose keys stand in pages, and says what to do', async () => {
    const keyring = await newKeyring();
    const numbered = table('numbered', {
      record: integer('id'),
      tenant: integer('tenant'),
      encrypt: { name: text() },
    });
    await addTenants(
      keyring,
      Array.from({ length: 1_000 }, (_, i) => BigInt(i + 1)),
    );
    expect(describeKeyring(keyring).pages).toBeGreaterThan(0);
    const error: unknown = await write(schema([numbered]), keyring).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(FenceTooManyKeysError);
    expect(error).toMatchObject({ code: 'fence-too-many-keys', table: 'numbered' });
    expect((error as Error).message).toContain('hold instead');
    await write(everything, keyring); // without tenants there is one key
  });

  it('gives the same names for every key, and whether the schema is named or not', async () => {
    const names = ({ up, down }: { up: string[]; down: string[] }): Set<string> =>
      new Set([...up, ...down].join('\n').match(/cellseal_fence_\w+/g));
    const first = names(await write());
    expect(names(await write())).toEqual(first);
    expect(names(await write(schema([named('crm.people')])))).toEqual(first);
    expect(names(await write(schema([named('persons')])))).not.toEqual(first);
    // The same to people, but not the same.
    expect(names(await write(schema([named('pe_ple')])))).not.toEqual(
      names(await write(schema([named('pe?ple')]))),
    );
  });

  it('is one fence for two definitions of a table', async () => {
    const other = table('contacts', { from: 'people', record: uuid('id'), encrypt: { phone: text() } });
    const { up } = await write(schema([people, other]));
    expect(
      up.filter((sql) => sql.includes(' TRIGGER cellseal') || /CREATE.* TRIGGER/.test(sql)),
    ).toHaveLength(2);
    for (const sql of up.filter((statement) => /CREATE.* TRIGGER/.test(statement))) {
      expect(sql).toContain('name');
      expect(sql).toContain('phone');
    }
  });

  it('refuses definitions that may be one table by two paths', async () => {
    const other = table('archive', { from: 'crm.people', record: uuid('id'), encrypt: { phone: text() } });
    const writing = write(schema([people, other]));
    // In SQLite a table without a schema is known to be in the main file.
    if (dialect === 'sqlite') await writing;
    else await expect(writing).rejects.toMatchObject({ code: 'definition' });
  });

  it('refuses paths that are too long, names that cannot be, and time-outs that are none', async () => {
    const refused = { code: 'definition' };
    await expect(write(schema([named('a.b.c.d')]))).rejects.toMatchObject(refused);
    await expect(write(schema([named('people', 'a\0b')]))).rejects.toMatchObject(refused);
    await expect(write(schema([named('people', '\ud800')]))).rejects.toMatchObject(refused);
    for (const lockTimeoutMs of [0, 0.5, Number.NaN, 3_600_001])
      await expect(write(everything, undefined, { lockTimeoutMs })).rejects.toMatchObject(refused);
  });

  it('keeps every name inside its quotes, and its own names short', async () => {
    const mark = dialect === 'mysql' ? '`' : '"';
    const keyring = await newKeyring();
    const hostile = fc.array(
      fc.constantFrom(
        '"',
        '`',
        "'",
        '$',
        '$fence$',
        '?',
        ';',
        '.',
        '\\',
        ' ',
        '--',
        '/*',
        'é',
        '表',
        '😀',
        'a',
        'B',
      ),
      { minLength: 1, maxLength: 12 },
    );
    await fc.assert(
      fc.asyncProperty(hostile, hostile, async (of, at) => {
        const [from, column] = [of.join(''), at.join('')];
        const { up, down } = await fenceSql(schema([named([from], column)]), keyring, { dialect });
        for (const sql of [...up, ...down]) {
          const { outside, identifiers } = parsed(sql, mark);
          // What is outside of quotes is ours: it knows nothing of the names.
          expect(outside).toMatch(/^[\x20-\x7e]*$/);
          expect(outside).not.toMatch(/--|\/\*|[?\\]/);
          for (const identifier of identifiers) {
            const isOurs = /^cellseal_fence_[a-z0-9_]+$/.test(identifier);
            if (isOurs) expect(identifier.length).toBeLessThanOrEqual(63);
            else expect([from, column, 'main', 'C']).toContain(identifier);
          }
        }
      }),
      { numRuns: 200 },
    );
  });

  it('refuses nothing but other keys while plaintext is adopted', async () => {
    const keyring = await newKeyring();
    const [old] = activeKeys(keyring) as [string];
    const adopted = adopting(people);
    // No other key: nothing to refuse, and still SQL.
    expect(tagsIn((await write(schema([adopted]), keyring)).up).size).toBe(0);
    await activateKey(keyring, await addKey(keyring));
    expect(tagsIn((await write(schema([adopted]), keyring)).up)).toEqual(new Set([`cs1r.${old}.`]));
    expect(tagsIn((await write(schema([adopted]), keyring, { alsoAllow: [old] })).up).size).toBe(0);
  });
});

/** The same table while its plaintext becomes cells in place. */
function adopting(definition: typeof people): typeof people {
  const cells = definition.layout.cells.map((cell) => ({ ...cell, adopting: 'in-place' as const }));
  return { ...definition, layout: { ...definition.layout, cells } };
}

describe.each(DRIVERS)('a fence over attributes that are adopted, in SQLite over $name', (driver) => {
  it('lets plaintext pass, and refuses what a stale writer makes', async () => {
    const store = memoryKeyring();
    const keyring = await createKeyring(store, unlock);
    const stale = await openKeyring(store, unlock);
    await activateKey(keyring, await addKey(keyring));
    const db = driver.open(':memory:');
    db.exec('CREATE TABLE people (id TEXT PRIMARY KEY, name TEXT, photo BLOB)');
    for (const sql of (await fenceSql(schema([adopting(people)]), keyring, { dialect: 'sqlite' })).up)
      db.exec(sql);
    const insert = db.prepare('INSERT INTO people (id, name, photo) VALUES (?, ?, ?)');
    insert.run('1', 'Jane', new Uint8Array([1, 0, ...Array(60).fill(7)]));
    const of = (ring: Keyring) =>
      encryptRecord(people, { id: crypto.randomUUID(), name: 'a', photo: new Uint8Array(3) }, ring);
    const current = await of(keyring);
    insert.run('2', current.name, current.photo);
    const old = await of(stale);
    for (const [name, photo] of [
      [old.name, null],
      [null, old.photo],
    ] as const)
      expect(() => insert.run('3', name, photo)).toThrow(MESSAGE);
    db.close();
  });
});

describe('fenceSql', () => {
  it('refuses a dialect that it does not know', async () => {
    const keyring = await newKeyring();
    for (const dialect of ['oracle', 'toString'])
      await expect(fenceSql(everything, keyring, { dialect: dialect as FenceDialect })).rejects.toMatchObject(
        { code: 'definition' },
      );
  });

  it('refuses tables for which nothing could be written', async () => {
    const keyring = await known({ keys: [INDEX, key('old', 'deactivated'), ACME] });
    await expect(fenceSql(everything, keyring, { dialect: 'sqlite' })).rejects.toThrow(NoActiveKeyError);
    expect(tagsIn((await fenceSql(schema([owned]), keyring, { dialect: 'sqlite' })).up).size).toBe(1);
  });

  it('writes a thousand keys, and no more', async () => {
    const tenants = (count: number) =>
      Array.from({ length: count }, (_, i) => key(`tenant-${i}`, 'active', { tenant: `${i}` }));
    const full = await known({ keys: [DATA, INDEX, ...tenants(999)] });
    expect(tagsIn((await fenceSql(schema([owned]), full, { dialect: 'sqlite' })).up).size).toBe(1_000);
    const over = await known({ keys: [DATA, INDEX, ...tenants(1_000)] });
    await expect(fenceSql(schema([owned]), over, { dialect: 'sqlite' })).rejects.toThrow(
      FenceTooManyKeysError,
    );
  });
});

const ACME = key('acme', 'active', { tenant: 'acme' });
const owned = table('owned', { record: uuid('id'), tenant: text('tenant'), encrypt: { name: text() } });

/** A keyring with exactly these keys. */
function known(given: Partial<DocumentSpec>): Promise<Keyring> {
  const document = spec(given);
  return openKeyring(holding(bytesOf(writeDocument(document)), document.revision), { rawKey: RAW_KEY });
}

describe('isFenceRefusal', () => {
  const refusals: readonly (readonly [of: string, error: object])[] = [
    ['pg and postgres', { code: 'ZCS01', message: MESSAGE }],
    ['mysql2', { code: 'ER_SIGNAL_EXCEPTION', errno: 1644, sqlState: '45000', sqlMessage: MESSAGE }],
    ['mariadb', { sqlState: '45000', sqlMessage: MESSAGE, message: `(conn=1, no: 1644) ${MESSAGE}\nsql: …` }],
    ['node:sqlite', { code: 'ERR_SQLITE_ERROR', errcode: 1811, message: MESSAGE }],
    ['libsql', { code: 'SQLITE_CONSTRAINT_TRIGGER', message: MESSAGE }],
    ['a client that has the text only', { code: 'P2010', message: `Raw query failed. Message: ${MESSAGE}` }],
  ];

  it.each(refusals)('knows it from %s, also inside what an ORM throws', (_of, error) => {
    expect(isFenceRefusal(error)).toBe(true);
    for (const wrapper of ['cause', 'original', 'parent', 'driverError', 'nativeError'])
      expect(isFenceRefusal(Object.assign(new Error('Failed query'), { [wrapper]: error }))).toBe(true);
    let deep: unknown = error;
    for (let depth = 0; depth < 8; depth++) deep = new Error('wrapped', { cause: deep });
    expect(isFenceRefusal(deep)).toBe(true);
    expect(isFenceRefusal(new Error('wrapped', { cause: deep }))).toBe(false);
  });

  it('takes nothing else for it', () => {
    const circular = new Error('circular');
    circular.cause = circular;
    const others = [
      undefined,
      null,
      MESSAGE,
      42,
      {},
      circular,
      new Error('cellseal-fence'),
      { sqlState: '45000', sqlMessage: 'of another trigger', message: `sql: ${MESSAGE}` },
      { sqlState: '42000', sqlMessage: `near '${MESSAGE}'` },
      new FenceRefusedError(),
      new AuthenticationError(),
    ];
    for (const other of others) expect(isFenceRefusal(other)).toBe(false);
  });
});

describe('withKeyRefresh', () => {
  const refusal = (): Error => Object.assign(new Error(MESSAGE), { code: 'ZCS01' });
  const behind = async () => {
    const store = memoryKeyring();
    const admin = await createKeyring(store, unlock);
    const keyring = await openKeyring(store, unlock);
    await activateKey(admin, await addKey(admin));
    return { admin, keyring };
  };

  it('runs once where nothing is refused, and gives what it gives, at once or later', async () => {
    const { keyring } = await behind();
    expect(await withKeyRefresh(keyring, () => 1)).toBe(1);
    expect(await withKeyRefresh(keyring, async () => 2)).toBe(2);
    expect(keyring.revision).toBe(1);
  });

  it.each(['sync', 'async'])('reads the keyring between two runs that are %s', async (kind) => {
    const { admin, keyring } = await behind();
    const revisions: number[] = [];
    const transaction = (): number => {
      revisions.push(keyring.revision);
      if (revisions.length === 1) throw refusal();
      return 7;
    };
    expect(await withKeyRefresh(keyring, kind === 'sync' ? transaction : async () => transaction())).toBe(7);
    expect(revisions).toEqual([1, admin.revision]);
  });

  it('passes every other error, of the first run or the second', async () => {
    const { keyring } = await behind();
    const other = new Error('unique');
    await expect(
      withKeyRefresh(keyring, () => {
        throw other;
      }),
    ).rejects.toBe(other);
    expect(keyring.revision).toBe(1);
    let runs = 0;
    await expect(
      withKeyRefresh(keyring, async () => {
        throw runs++ === 0 ? refusal() : other;
      }),
    ).rejects.toBe(other);
    expect(runs).toBe(2);
  });

  it('tells a second refusal in its own words, and does not run a third time', async () => {
    const { keyring } = await behind();
    let runs = 0;
    const error: unknown = await withKeyRefresh(keyring, () => {
      runs++;
      throw refusal();
    }).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(FenceRefusedError);
    expect(error).toMatchObject({ code: 'fence-refused' });
    expect((error as Error).cause).toBeUndefined();
    expect(runs).toBe(2);
  });

  it('passes what reading the keyring throws, and does not run again then', async () => {
    const store = memoryKeyring();
    const keyring = await createKeyring(store, unlock);
    store.read = () => {
      throw new Error('the store is gone');
    };
    let runs = 0;
    const running = withKeyRefresh(keyring, () => {
      runs++;
      throw refusal();
    });
    await expect(running).rejects.toThrow('the store is gone');
    expect(runs).toBe(1);
  });
});

/** A naïve reader of SQL: what stands between quotes, and the rest. */
function parsed(sql: string, mark: string): { outside: string; identifiers: string[] } {
  const identifiers: string[] = [];
  let outside = '';
  for (let i = 0; i < sql.length; ) {
    const quote = sql[i] as string;
    if (quote !== mark && quote !== "'") {
      outside += quote;
      i++;
      continue;
    }
    let inside = '';
    for (i++; sql[i] !== quote || sql[i + 1] === quote; i++) {
      if (i >= sql.length) throw new Error('a quote is left open');
      if (sql[i] === quote) i++;
      inside += sql[i];
    }
    i++;
    if (quote === mark) identifiers.push(inside);
  }
  return { outside, identifiers };
}
