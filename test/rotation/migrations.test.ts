/** What a migration needs to know before it runs: how wide cells become, and the statements. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type Attribute,
  type Table,
  addKey,
  bytes,
  createKeyring,
  date,
  decimal,
  encryptRecord,
  float,
  integer,
  json,
  schema,
  table,
  text,
  timestamp,
} from '../../src/index.js';
import {
  type ValueSize,
  cellWidth,
  census,
  migrationSql,
  overdueAdoptions,
  rotate,
} from '../../src/rotation/index.js';
import { memoryKeyring } from '../../src/store/memory.js';
import { sqliteRecords } from '../../src/store/sqlite.js';
import { connect } from '../stores/places.js';
import { DRIVERS } from '../stores/sqlite-drivers.js';

const keyring = await createKeyring(memoryKeyring(), { rawKey: new Uint8Array(32).fill(5) });

const record = integer('id');
const charactersOf = (value: string): number => [...value].length;
const utf8Length = (value: string): number => new TextEncoder().encode(value).length;
const anyText = fc.string({ unit: 'binary', maxLength: 60 }).filter((value) => value.isWellFormed());

/** A value, and what its size is. */
const KINDS: readonly (readonly [
  string,
  (options: object) => Attribute,
  fc.Arbitrary<[unknown, ValueSize]>,
])[] = [
  ['text by its characters', text, anyText.map((v) => [v, { characters: charactersOf(v) }])],
  ['text by its bytes', text, anyText.map((v) => [v, { bytes: utf8Length(v) }])],
  ['bytes', bytes, fc.uint8Array({ maxLength: 90 }).map((v) => [v, { bytes: v.length }])],
  [
    'json',
    json,
    fc
      .jsonValue()
      .filter((v) => v !== null)
      .map((v) => [v, { characters: charactersOf(JSON.stringify(v)) }]),
  ],
  ['integers', integer, fc.maxSafeInteger().map((v) => [v, {}])],
  [
    'large integers by their digits',
    (options) => integer({ ...options, as: 'bigint' }),
    fc
      .bigInt({ min: -(10n ** 60n), max: 10n ** 60n })
      .map((v) => [v, { characters: String(v).replace('-', '').length }]),
  ],
  ['floats', float, fc.double().map((v) => [v, {}])],
  ['timestamps', timestamp, fc.date({ noInvalidDate: true }).map((v) => [v, {}])],
  ['dates', date, fc.constant(['2024-02-29', {}])],
  ['decimals', decimal, fc.bigInt().map((v) => [`${v}.5`, { characters: `${v}.5`.length }])],
];

describe('the width of a cell', () => {
  it.each(KINDS)('is enough for %s', async (_what, attribute, values) => {
    const options = fc.record({
      form: fc.constantFrom('text', 'binary'),
      pad: fc.option(fc.integer({ min: 2, max: 64 }), { nil: undefined }),
    });
    await fc.assert(
      fc.asyncProperty(values, options, async ([value, size], { form, pad }) => {
        const made = attribute({ form, ...(pad === undefined ? {} : { pad }) });
        const definition = table('t', { record, encrypt: { value: made } });
        const row = await encryptRecord(definition, { id: 1, value } as never, keyring);
        expect((row as { value: string }).value.length).toBeLessThanOrEqual(cellWidth(made, size));
      }),
    );
  });

  it.each([
    [text(), { bytes: 11 }, 96],
    [text({ form: 'binary' }), { bytes: 11 }, 66],
    [text(), { bytes: 0 }, 82],
    [text({ pad: 16, form: 'binary' }), { bytes: 14 }, 70],
    [text({ pad: 16, form: 'binary' }), { bytes: 15 }, 86],
    [text({ maxBytes: 100, form: 'binary' }), undefined, 154],
    [text({ maxBytes: 100, pad: 32, form: 'binary' }), undefined, 150],
    [text(), { characters: 100 }, 32 + Math.ceil((437 * 4) / 3)],
  ] as const)('is exact (%#)', async (attribute, size, wanted) => {
    expect(cellWidth(attribute, size)).toBe(wanted);
  });

  it.each([{ bytes: -1 }, { characters: 1.5 }, { bytes: Number.NaN }, { bytes: 2_000_000 }])(
    'refuses %j',
    (size) => {
      expect(() => cellWidth(text(), size)).toThrow(expect.objectContaining({ code: 'definition' }));
    },
  );
});

const people = table('people', {
  from: ['main', 'the "people"'],
  record,
  encrypt: {
    name: text({ adopting: true }),
    email: text({
      column: 'email cell',
      adopting: { from: 'emailPlain', column: 'email', until: new Date('2030-01-01') },
    }),
    photo: bytes({ form: 'binary', column: 'photo cell', adopting: { from: 'photoPlain', column: 'photo' } }),
    note: text(),
  },
});

describe.each(DRIVERS)('the statements for SQLite, over $name', (driver) => {
  it('run before and after an adoption', async () => {
    const db = connect(driver);
    db.exec(
      'CREATE TABLE "the ""people""" (id INTEGER PRIMARY KEY, name TEXT, email TEXT, photo BLOB, note TEXT)',
    );
    db.exec(`INSERT INTO "the ""people""" VALUES (1, 'Jane', 'jane@example.com', X'FF', NULL)`);
    const statements = migrationSql(people, { dialect: 'sqlite' });
    for (const { sql } of statements.filter(({ when }) => when === 'before')) db.exec(sql);
    for await (const _ of rotate(schema([people]), { keyring, records: sqliteRecords(db) }));
    for (const { sql, warning } of statements.filter(({ when }) => when === 'after')) {
      expect(warning).toMatch(/no way back/);
      db.exec(sql);
    }
    const [row] = db.prepare('SELECT * FROM "the ""people"""').all() as Record<string, unknown>[];
    expect(Object.keys(row ?? {})).toEqual(['id', 'name', 'note', 'email cell', 'photo cell']);
    expect(row?.['email cell']).toMatch(/^cs1r\./);
  });
});

describe('the statements', () => {
  const sizes = { name: { characters: 40 }, email: { bytes: 254 }, photo: { bytes: 10 } };

  it('widen, add and drop in each dialect', () => {
    const of = (dialect: 'postgres' | 'mysql', options = {}) =>
      migrationSql(people, { dialect, ...options }).map(({ when, sql }) => `${when}: ${sql}`);
    expect(of('postgres')).toEqual([
      'before: ALTER TABLE "main"."the ""people""" ALTER COLUMN "name" TYPE text USING "name"::text',
      'before: ALTER TABLE "main"."the ""people""" ADD COLUMN "email cell" text',
      'after: ALTER TABLE "main"."the ""people""" DROP COLUMN "email"',
      'before: ALTER TABLE "main"."the ""people""" ADD COLUMN "photo cell" bytea',
      'after: ALTER TABLE "main"."the ""people""" DROP COLUMN "photo"',
    ]);
    const path = '`main`.`the "people"`';
    expect(of('mysql', { sizes })).toEqual([
      `before: ALTER TABLE ${path} MODIFY COLUMN \`name\` VARCHAR(295) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin`,
      `after: ALTER TABLE ${path} MODIFY COLUMN \`name\` VARCHAR(295) CHARACTER SET ascii COLLATE ascii_bin`,
      `before: ALTER TABLE ${path} ADD COLUMN \`email cell\` VARCHAR(420) CHARACTER SET ascii COLLATE ascii_bin`,
      `after: ALTER TABLE ${path} DROP COLUMN \`email\``,
      `before: ALTER TABLE ${path} ADD COLUMN \`photo cell\` VARBINARY(65)`,
      `after: ALTER TABLE ${path} DROP COLUMN \`photo\``,
    ]);
    expect(of('mysql')[2]).toMatch(/LONGTEXT CHARACTER SET ascii/);
  });

  it('make columns of tokens, and hand a unique index over to its second column', () => {
    const indexed = table('people', {
      from: 'crm.people',
      record,
      encrypt: {
        name: text({ index: { bits: 16, filling: true } }),
        phone: text({ adopting: true, index: { bits: 8, column: 'phone key' } }),
        city: text({ index: { bits: 12 } }),
        badge: text({ index: { bits: 128, unique: true, filling: true } }),
        email: text({ index: { bits: 128, unique: true, next: 'email_2' } }),
      },
    });
    const of = (dialect: 'postgres' | 'mysql' | 'sqlite') =>
      migrationSql(indexed, { dialect })
        .filter(({ sql }) => /_index|key|email_2/.test(sql))
        .map(({ when, sql }) => `${when}: ${sql}`);
    const path = '"crm"."people"';
    expect(of('postgres')).toEqual([
      `before: ALTER TABLE ${path} ADD COLUMN "name_index" varchar(13) COLLATE "C"`,
      `before: CREATE INDEX ON ${path} ("name_index")`,
      `before: ALTER TABLE ${path} ADD COLUMN "phone key" varchar(11) COLLATE "C"`,
      `before: CREATE INDEX ON ${path} ("phone key")`,
      `before: ALTER TABLE ${path} ADD COLUMN "badge_index" varchar(41) COLLATE "C"`,
      `handover: CREATE UNIQUE INDEX ON ${path} ("badge_index")`,
      `before: ALTER TABLE ${path} ADD COLUMN "email_2" varchar(41) COLLATE "C"`,
      `handover: CREATE UNIQUE INDEX ON ${path} ("email_2")`,
      `last: ALTER TABLE ${path} DROP COLUMN "email_index"`,
    ]);
    expect(of('mysql').slice(-3)).toEqual([
      'before: ALTER TABLE `crm`.`people` ADD COLUMN `email_2` VARCHAR(41) CHARACTER SET ascii COLLATE ascii_bin',
      'handover: ALTER TABLE `crm`.`people` ADD UNIQUE INDEX (`email_2`)',
      'last: ALTER TABLE `crm`.`people` DROP COLUMN `email_index`',
    ]);
    expect(of('sqlite').slice(1, 4)).toEqual([
      'before: CREATE INDEX "crm"."people_name_index" ON "people" ("name_index")',
      `before: ALTER TABLE ${path} ADD COLUMN "phone key" TEXT`,
      'before: CREATE INDEX "crm"."people_phone key" ON "people" ("phone key")',
    ]);
  });

  it('bring a unique index under its next key in SQLite', async () => {
    const of = (more: object) =>
      table('people', {
        record,
        encrypt: { email: text({ index: { bits: 128, unique: true, ...more } }) },
      });
    const [one, both] = [of({}), of({ next: 'email_2' })];
    const last = of({ generation: 2, column: 'email_2' });
    const db = connect(DRIVERS[0] as (typeof DRIVERS)[number]);
    const own = await createKeyring(memoryKeyring(), { rawKey: new Uint8Array(32).fill(5) });
    const records = sqliteRecords(db);
    db.exec('CREATE TABLE people (id INTEGER PRIMARY KEY, email TEXT)');
    const make = (definition: Table, when: string) => {
      for (const statement of migrationSql(definition, { dialect: 'sqlite' }))
        if (statement.when === when) db.exec(statement.sql);
    };
    make(of({ filling: true }), 'before');
    make(of({ filling: true }), 'handover');
    for (const id of [1, 2, 3]) {
      const row = await encryptRecord(one, { id, email: `p${id}` }, own);
      db.prepare('INSERT INTO people VALUES (?, ?, ?)').run(
        id,
        row.email as string,
        row.email_index as string,
      );
    }
    await addKey(own, { kind: 'index' });
    make(both, 'before');
    for await (const _ of rotate(schema([both]), { keyring: own, records }));
    make(both, 'handover');
    db.exec('DROP INDEX people_email_index');
    make(both, 'last');
    const { tables } = await census(schema([last]), { keyring: own, records });
    expect(tables[0]?.indexes?.map(({ tokens, missing }) => [Object.values(tokens), missing])).toEqual([
      [[3], 0],
    ]);
    expect(() => db.exec('UPDATE people SET email_2 = (SELECT max(email_2) FROM people)')).toThrow(/UNIQUE/);
  });

  it('refuse a dialect that is none, and a name with a NUL', () => {
    expect(() => migrationSql(people, { dialect: 'oracle' as never })).toThrow(
      expect.objectContaining({ code: 'definition' }),
    );
    const bad = table('p\0', { record, encrypt: { name: text({ adopting: true }) } });
    expect(() => migrationSql(bad, { dialect: 'postgres' })).toThrow(
      expect.objectContaining({ code: 'definition' }),
    );
  });
});

describe('an adoption that should be over', () => {
  it('is warned of by its date, and goes on', () => {
    const until = new Date('2030-01-01');
    expect(overdueAdoptions(schema([people]), new Date('2029-12-31T23:59:59.999Z'))).toEqual([]);
    expect(overdueAdoptions(schema([people]), until)).toEqual([{ table: 'people', column: 'email', until }]);
  });
});
