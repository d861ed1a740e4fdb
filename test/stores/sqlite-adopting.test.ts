/** What SQLite keeps in a column of any type, adopted to the letter. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type Table,
  boolean,
  bytes,
  createKeyring,
  decryptRecord,
  float,
  integer,
  schema,
  table,
  text,
} from '../../src/index.js';
import { census, listQuarantine, rotate } from '../../src/rotation/index.js';
import { memoryKeyring } from '../../src/store/memory.js';
import { sqliteRecords } from '../../src/store/sqlite.js';
import { connect } from './places.js';
import { DRIVERS } from './sqlite-drivers.js';

const keyring = await createKeyring(memoryKeyring(), { rawKey: new Uint8Array(32).fill(7) });

describe.each(DRIVERS)('over $name', (driver) => {
  /** Stores SQL expressions as plaintext in a column, adopts them, and gives what the cells say, or the code. */
  async function adopted(
    definition: Table,
    type: string,
    expressions: readonly string[],
  ): Promise<unknown[]> {
    const db = connect(driver);
    const [cell] = definition.layout.cells;
    const source = typeof cell?.adopting === 'object' ? cell.adopting.column : undefined;
    db.exec(
      `CREATE TABLE things (id INTEGER PRIMARY KEY, value ${source ? '' : type}${source ? `, "${source}" ${type}` : ''})`,
    );
    expressions.forEach((sql, id) => {
      db.exec(`INSERT INTO things (id, "${source ?? 'value'}") VALUES (${id}, ${sql})`);
    });
    const records = sqliteRecords(db);
    for await (const _ of rotate(schema([definition]), { keyring, records, maxQuarantined: 1_000 }));
    const codes = new Map((await listQuarantine({ keyring, records })).map(({ key, code }) => [key, code]));
    const { notCells, unadopted = 0 } = await census(schema([definition]), { keyring, records });
    expect(notCells + unadopted).toBe(codes.size);
    return Promise.all(
      expressions.map(async (_, id) => {
        const code = codes.get(JSON.stringify([['integer', String(id)]]));
        if (code) return code;
        const [row] = db.prepare('SELECT id, value FROM things WHERE id = ? AND ? = 1').all(id, 1) as never[];
        return ((await decryptRecord(definition, row as never, keyring)) as { value: unknown }).value;
      }),
    );
  }
  const ways = [true, { from: 'old', column: 'old value' }] as const;

  it.each(ways)(
    'texts with NUL and beyond, and refuses what is no UTF-8 (adopting: %j)',
    async (adopting) => {
      const notes = table('things', { record: integer('id'), encrypt: { value: text({ adopting }) } });
      const found = await adopted(notes, 'TEXT', [
        "'a' || char(0) || 'b'",
        'char(0)',
        "'日本 ' || char(128512)",
        "''",
        "CAST(X'80FF' AS TEXT)",
        'NULL',
        'CAST(zeroblob(30000000) AS TEXT)',
        "X'6162'",
        "X'0100'",
      ]);
      // Bytes say what their UTF-8 says.
      const isInPlace = adopting === true;
      const unread = isInPlace ? 'not-a-cell' : 'not-adoptable';
      const cellLike = isInPlace ? 'not-a-cell' : '\u0001\0';
      expect(found).toEqual(['a\0b', '\0', '日本 \u{1f600}', '', unread, null, unread, 'ab', cellLike]);
    },
  );

  it.each(ways)('integers of 64 bits (adopting: %j)', async (adopting) => {
    const big = table('things', {
      record: integer('id'),
      encrypt: { value: integer({ as: 'bigint', adopting }) },
    });
    const numbers = ['0', '-1', '9007199254740993', '9223372036854775807', '-9223372036854775808'];
    expect(await adopted(big, 'INTEGER', numbers)).toEqual(numbers.map(BigInt));
    const mixed = await adopted(big, '', ["'42'", '42', '43.0', "'x'", '1.5']);
    expect(mixed).toEqual([42n, 42n, 43n, 'not-adoptable', 'not-adoptable']);
  });

  it('booleans as SQLite has them', async () => {
    const flags = table('things', { record: integer('id'), encrypt: { value: boolean({ adopting: true }) } });
    expect(await adopted(flags, 'BOOLEAN', ['TRUE', 'FALSE', '2', "''"])).toEqual([
      true,
      false,
      'not-adoptable',
      'not-adoptable',
    ]);
  });

  it.each(ways)('reals to the last bit (adopting: %j)', async (adopting) => {
    const reals = table('things', { record: integer('id'), encrypt: { value: float({ adopting }) } });
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.double({ noNaN: true, noDefaultInfinity: true }), { minLength: 1 }),
        async (list) => {
          const numbers = list.map((value) => (Object.is(value, -0) ? 0 : value));
          const literals = numbers.map((value) => {
            const bits = new DataView(new ArrayBuffer(8));
            bits.setFloat64(0, value);
            return Number.isInteger(value) && Math.abs(value) < 2 ** 53
              ? `${value}.0`
              : value.toExponential();
          });
          const found = await adopted(reals, 'REAL', literals);
          // SQLite reads literals with its own rounding: what it holds is what counts, within one unit in the last place.
          found.forEach((value, i) => {
            const wanted = numbers[i] as number;
            expect(Math.abs((value as number) - wanted)).toBeLessThanOrEqual(
              Math.abs(wanted) * 2 ** -51 + Number.MIN_VALUE,
            );
          });
        },
      ),
      { numRuns: 10 },
    );
  });

  it.each(ways)('bytes (adopting: %j)', async (adopting) => {
    const photos = table('things', {
      record: integer('id'),
      encrypt: { value: bytes({ form: 'binary', adopting }) },
    });
    const found = await adopted(photos, 'BLOB', [
      "X'00FF'",
      "X''",
      "'text'",
      "X'01'",
      "X'0100AA'",
      "X'0102'",
    ]);
    expect(found.slice(0, 4)).toEqual([
      Uint8Array.of(0, 255),
      new Uint8Array(0),
      'not-adoptable',
      Uint8Array.of(1),
    ]);
    // In a column of cells it may have been one; in a column beside there never were any.
    expect(found[4]).toEqual(adopting === true ? 'too-short' : Uint8Array.of(1, 0, 170));
    expect(found[5]).toEqual(Uint8Array.of(1, 2));
  });

  it('refuses a database in another encoding', async () => {
    const db = connect(driver);
    db.exec("PRAGMA encoding = 'UTF-16'");
    db.exec("CREATE TABLE things (id INTEGER PRIMARY KEY, value TEXT); INSERT INTO things VALUES (1, 'ab')");
    const notes = table('things', { record: integer('id'), encrypt: { value: text({ adopting: true }) } });
    const rotation = rotate(schema([notes]), { keyring, records: sqliteRecords(db) });
    await expect(
      (async () => {
        for await (const _ of rotation);
      })(),
    ).rejects.toMatchObject({ code: 'store-unfit' });
  });
});
