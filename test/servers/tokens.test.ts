/** Columns of tokens as servers declare them: what a swap writes there, what it leaves alone, and what is counted. */
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { integer, table, text } from '../../src/index.js';
import type { RecordStore, StoredRecord, TokenSwap } from '../../src/rotation/index.js';
import { DATABASES } from './databases.js';
import type { Server } from './postgres-subject.js';

const { layout } = table('people', {
  record: integer('id'),
  encrypt: { name: text({ index: { bits: 64 } }) },
});
const CELL = `cs1r.${'a'.repeat(26)}.${'A'.repeat(50)}`;
const OLD = 'aaaa2222.00ff00ff00ff00ff';
const NEW = 'bbbb3333.00ff00ff00ff00ff';

describe.each(DATABASES.filter(({ name }) => / over (pg|mysql2)$/.test(name)))('in $kind', (database) => {
  const isPostgres = database.kind === 'PostgreSQL';
  let server: Server | undefined;
  let store: RecordStore;

  const run = async (sql: string) => (await connected()).executor.query(sql, []);
  const connected = async (): Promise<Server> => {
    server ??= await database.connect();
    return server;
  };
  afterAll(() => server?.close());
  beforeEach(async () => {
    const { executor } = await connected();
    await database.clear(executor);
    store = database.open(executor);
  });

  /** The table, with one record of a cell and a token. */
  const create = async (columns: string): Promise<void> => {
    await run(`CREATE TABLE people (id INTEGER PRIMARY KEY, ${columns})`);
    await run(`INSERT INTO people (id, name, name_index) VALUES (1, '${CELL}', '${OLD}')`);
  };
  const record = async (): Promise<StoredRecord> => {
    const { records } = await store.page(layout, { after: undefined, maxRecords: 1, maxBytes: 1e6 });
    return records[0] as StoredRecord;
  };
  /** Swaps the token over the cell that stays. */
  const swap = async (old: string | null, fresh: string | null, cell = CELL) => {
    const tokens: TokenSwap[] = [{ token: 0, old, new: fresh }];
    const { key } = await record();
    const swaps = [{ key, cells: [{ cell: 0, old: CELL, new: cell }], tokens }];
    return store.commit(layout, { id: 'job', swaps, quarantine: [] });
  };
  const SWAPPED = { committed: true, swapped: [true] };

  it.each(
    isPostgres
      ? [
          ['as bytes, with an index', 'VARCHAR(25) COLLATE "C" UNIQUE'],
          ['in an unspecified width, with an index', 'TEXT UNIQUE'],
          ['behind a domain', 'own_token'],
        ]
      : [
          ['in ascii', 'VARCHAR(25) CHARACTER SET ascii UNIQUE'],
          ['in latin1', 'VARCHAR(25) CHARACTER SET latin1'],
          ['in utf8mb3 as bytes', 'VARCHAR(25) CHARACTER SET utf8mb3 COLLATE utf8mb3_bin'],
          ['in a fixed width', 'CHAR(30)'],
        ],
  )('tokens are swapped and counted in a column that is declared %s', async (_, type) => {
    if (isPostgres) await run('CREATE DOMAIN own_token AS varchar(40)');
    await create(`name ${isPostgres ? 'TEXT' : 'LONGTEXT CHARACTER SET utf8mb4'}, name_index ${type}`);
    expect((await record()).tokens).toEqual([OLD]);
    expect(await swap(OLD.toUpperCase(), NEW)).toEqual({ committed: true, swapped: [false] });
    for (const [old, fresh] of [
      [OLD, NEW],
      [NEW, null],
      [null, OLD],
    ] as const) {
      expect(await swap(old, fresh)).toEqual(SWAPPED);
      expect((await record()).tokens).toEqual([fresh]);
    }
    const [count] = await store.census([layout]);
    expect(count?.tokens).toEqual([{ prefixes: { aaaa2222: 1 }, notTokens: 0, missing: 0 }]);
  });

  it('a token that the column makes something else of is not kept, nor the cell beside it', async () => {
    await create('name TEXT, name_index VARCHAR(30)');
    if (isPostgres) {
      await run(
        "CREATE FUNCTION shout() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.name_index := upper(NEW.name_index); RETURN NEW; END'",
      );
      await run('CREATE TRIGGER shouting BEFORE UPDATE ON people FOR EACH ROW EXECUTE FUNCTION shout()');
    } else
      await run(
        'CREATE TRIGGER shouting BEFORE UPDATE ON people FOR EACH ROW SET NEW.name_index = UPPER(NEW.name_index)',
      );
    await expect(swap(OLD, NEW, CELL.replace('A', 'B'))).rejects.toMatchObject({ code: 'store-unfit' });
    expect(await record()).toMatchObject({ cells: [CELL], tokens: [OLD] });
  });

  it('a token for which the column is too narrow is not kept, nor the cell beside it', async () => {
    await create('name TEXT, name_index VARCHAR(25)');
    await expect(swap(OLD, `${NEW}00`, CELL.replace('A', 'B'))).rejects.toThrow();
    expect(await record()).toMatchObject({ cells: [CELL], tokens: [OLD] });
  });

  it('a cell that stays is not written, and neither is the time of the last change', async () => {
    const past = "'2001-02-03 04:05:06'";
    await create(
      isPostgres
        ? 'name TEXT, name_index TEXT, seen TEXT'
        : `name TEXT, name_index TEXT, seen TEXT, at TIMESTAMP DEFAULT ${past} ON UPDATE CURRENT_TIMESTAMP`,
    );
    if (isPostgres) {
      await run(
        "CREATE FUNCTION see() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.seen := ''written''; RETURN NEW; END'",
      );
      await run('CREATE TRIGGER seeing BEFORE UPDATE OF name ON people FOR EACH ROW EXECUTE FUNCTION see()');
    }
    expect(await swap(OLD, NEW)).toEqual(SWAPPED);
    const [row] = await run(`SELECT seen${isPostgres ? '' : ', CAST(at AS CHAR) AS at'} FROM people`);
    expect(row).toEqual(isPostgres ? { seen: null } : { seen: null, at: '2001-02-03 04:05:06' });
    expect(await swap(NEW, OLD, CELL.replace('A', 'B'))).toEqual(SWAPPED);
    if (isPostgres) expect(await run('SELECT seen FROM people')).toEqual([{ seen: 'written' }]);
  });
});
