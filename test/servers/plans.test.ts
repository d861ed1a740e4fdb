/** What the servers plan to do for our statements, on tables of 20,000 records with fresh statistics. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bytes, integer, table, text, uuid } from '../../src/index.js';
import type { Page, RecordStore, RecordSwap } from '../../src/rotation/index.js';
import type { SqlExecutor, SqlQueries, SqlRow, SqlValue } from '../../src/store/sql/executor.js';
import { DATABASES, type Database } from './databases.js';
import type { Server } from './postgres-subject.js';

const RECORDS = 20_000;
const PAGE = 100;

const encrypt = { value: text({ index: { bits: 64 } }), other: text() };
/** As a UUID, a digest in hexadecimal. */
const MARIADB_UUID = [1, 9, 13, 17, 21]
  .map((from, i) => `SUBSTR(MD5(seq), ${from}, ${[8, 4, 4, 4, 12][i]})`)
  .join(", '-', ");

const KEYS = [
  {
    name: 'integers',
    definition: table('records', { record: integer('id'), encrypt }),
    PostgreSQL: { columns: 'id bigint', ids: 'i * 3' },
    MariaDB: { columns: 'id BIGINT', bytes: 8, ids: 'seq * 3' },
  },
  {
    name: 'UUIDs',
    definition: table('records', { record: uuid('id'), encrypt }),
    PostgreSQL: { columns: 'id uuid', ids: 'md5(i::text)::uuid' },
    MariaDB: {
      columns: 'id CHAR(36) CHARACTER SET ascii COLLATE ascii_bin',
      bytes: 36,
      ids: `CONCAT(${MARIADB_UUID})`,
    },
  },
  {
    name: 'texts',
    definition: table('records', { record: text('id'), encrypt }),
    PostgreSQL: { columns: 'id text', ids: "'k' || md5(i::text)" },
    MariaDB: { columns: 'id VARCHAR(200)', bytes: 802, ids: "CONCAT('k', MD5(seq))" },
  },
  {
    name: 'bytes',
    definition: table('records', { record: bytes('id'), encrypt }),
    PostgreSQL: { columns: 'id bytea', ids: "decode(md5(i::text), 'hex')" },
    MariaDB: { columns: 'id VARBINARY(40)', bytes: 42, ids: 'UNHEX(MD5(seq))' },
  },
  {
    name: 'pairs of text and integer, few texts among them',
    definition: table('records', { record: [text('series'), integer('number')], encrypt }),
    PostgreSQL: { columns: 'series text, number bigint', ids: "'s' || (i % 7), i" },
    MariaDB: { columns: 'series VARCHAR(200), number BIGINT', bytes: 810, ids: "CONCAT('s', seq % 7), seq" },
  },
  {
    name: 'triples of two integers and bytes',
    definition: table('records', { record: [integer('a'), integer('b'), bytes('c')], encrypt }),
    PostgreSQL: { columns: 'a int, b bigint, c bytea', ids: "i % 5, i % 300, decode(md5(i::text), 'hex')" },
    MariaDB: {
      columns: 'a INT, b BIGINT, c VARBINARY(40)',
      bytes: 54,
      ids: 'seq % 5, seq % 300, UNHEX(MD5(seq))',
    },
  },
] as const;

/** How a statement gets at the records. */
interface Access {
  /** Along the primary key's index. */
  readonly isByKey: boolean;
  /** Out of the index alone. */
  readonly isOfKeysOnly: boolean;
  /** From a place in the index on, or at one: what the index is asked. */
  readonly condition: string | undefined;
  /** How many records the server expects. */
  readonly records: number;
  /** Records are sorted before a LIMIT cuts them off. */
  readonly isSorted: boolean;
}

interface Statement {
  readonly sql: string;
  readonly values: readonly SqlValue[];
}

const ANALYZE = {
  PostgreSQL: [
    'VACUUM ANALYZE records',
    // Where somebody else has a transaction open, VACUUM leaves this for the next time.
    "UPDATE pg_class SET relallvisible = relpages WHERE oid = 'records'::regclass",
  ],
  MariaDB: ['ANALYZE TABLE records'],
} as const;

type Json = Readonly<Record<string, unknown>>;

async function explain(
  { kind }: Database,
  queries: SqlQueries,
  { sql, values }: Statement,
): Promise<Access[]> {
  if (kind === 'PostgreSQL') {
    const [row] = await queries.query(`EXPLAIN (FORMAT JSON) ${sql}`, values);
    const [plan] = (row as { 'QUERY PLAN': [{ Plan: Json }] })['QUERY PLAN'];
    return postgresAccesses(plan.Plan, false);
  }
  const bare = sql.replace(/^\/\*M!.*?\*\/ /, ''); // SET STATEMENT … FOR
  const rows = await queries.query(`EXPLAIN ${bare}`, values);
  return rows.filter((row) => row['table'] === 't').map(mariadbAccess);
}

function postgresAccesses(node: Json, isSorted: boolean): Access[] {
  const type = String(node['Node Type']);
  const plans = (node['Plans'] ?? []) as Json[];
  if (node['Relation Name'] === 'records' && type !== 'ModifyTable') {
    const index = node['Index Name'] === undefined ? plans[0] : node; // a bitmap has it below
    return [
      {
        isByKey: index?.['Index Name'] === 'records_pkey',
        isOfKeysOnly: type === 'Index Only Scan',
        condition: index?.['Index Cond'] as string | undefined,
        records: Number(node['Plan Rows']),
        isSorted,
      },
    ];
  }
  const sorts = type === 'Limit' ? false : isSorted || type.includes('Sort');
  return plans.flatMap((plan) => postgresAccesses(plan, sorts));
}

function mariadbAccess(row: SqlRow): Access {
  const isSearched = ['range', 'eq_ref'].includes(String(row['type']));
  return {
    isByKey: row['key'] === 'PRIMARY',
    isOfKeysOnly: String(row['Extra']).includes('Using index'),
    condition: isSearched ? `${row['type']}, ${row['key_len']} bytes` : undefined,
    records: Number(row['rows']),
    isSorted: String(row['Extra']).includes('Using filesort'),
  };
}

describe.each(DATABASES.filter(({ name }) => / over (pg|mysql2)$/.test(name)))('in $kind', (database) => {
  let server: Server;
  beforeAll(async () => {
    server = await database.connect();
  });
  afterAll(() => server.close());

  describe.each(KEYS)('records whose keys are $name', (key) => {
    const { layout } = key.definition as { layout: Parameters<RecordStore['page']>[0] };
    const statements: Statement[] = [];
    let store: RecordStore;
    let second: Page;

    /** How the statements of `work` get at the records, in their order. */
    const accessesOf = async (work: () => unknown): Promise<Access[]> => {
      statements.length = 0;
      await work();
      const accesses = [];
      for (const statement of statements)
        accesses.push(...(await explain(database, server.executor, statement)));
      return accesses;
    };

    beforeAll(async () => {
      const { executor } = server;
      await database.clear(executor);
      const { columns, ids } = key[database.kind];
      const names = layout.key.map(({ column }) => column).join(', ');
      const source = { PostgreSQL: `generate_series(1, ${RECORDS}) i`, MariaDB: `seq_1_to_${RECORDS}` };
      const cell = { PostgreSQL: 'text', MariaDB: 'LONGTEXT' }[database.kind];
      const number = { PostgreSQL: 'i::text', MariaDB: 'seq' }[database.kind];
      const token = `CONCAT('aaaa2222.', SUBSTR(MD5(${number}), 1, 16))`;
      const sql = [
        `CREATE TABLE records (${columns}, value ${cell}, other ${cell}, value_index VARCHAR(25), PRIMARY KEY (${names}))`,
        'CREATE INDEX by_value ON records (value_index)',
        `INSERT INTO records SELECT ${ids}, REPEAT('x', 90), REPEAT('x', 90), ${token} FROM ${source[database.kind]}`,
        ...ANALYZE[database.kind],
      ];
      for (const statement of sql) await executor.query(statement, []);

      const watched = (queries: SqlQueries): SqlQueries => ({
        query(sql, values) {
          if (/[`"]records[`"]/.test(sql)) statements.push({ sql, values });
          return queries.query(sql, values);
        },
      });
      const watching: SqlExecutor = {
        ...watched(executor),
        transaction: (work) => executor.transaction((queries) => work(watched(queries))),
      };
      store = database.open(watching);
      const first = await store.page(layout, { after: undefined, maxRecords: PAGE, maxBytes: 1e9 });
      second = await store.page(layout, { after: first.next, maxRecords: PAGE, maxBytes: 1e9 });
    }, 60_000);

    const isOfWholeKey = (condition: string | undefined): boolean =>
      database.kind === 'PostgreSQL'
        ? layout.key.every(({ column }) => condition?.includes(column))
        : condition?.endsWith(`, ${key.MariaDB.bytes} bytes`) === true;

    /** The index is asked with every column of the key. */
    const mustBegin = (accesses: readonly Access[]): void => {
      for (const { condition } of accesses) expect(condition).toSatisfy(isOfWholeKey);
    };

    const limits = { maxRecords: PAGE, maxBytes: 1e9 };

    it('the first page is read along the key, and nothing is sorted', async () => {
      const accesses = await accessesOf(() => store.page(layout, { after: undefined, ...limits }));
      expect(accesses).toMatchObject([{ isByKey: true, isSorted: false }]);
    });

    it('a page after a place begins there, and nothing is sorted', async () => {
      const accesses = await accessesOf(() => store.page(layout, { after: second.next, ...limits }));
      expect(accesses).toMatchObject([{ isByKey: true, isSorted: false }]);
      mustBegin(accesses);
    });

    it('a page between two places reads what is between them', async () => {
      const first = await store.page(layout, { after: undefined, ...limits });
      const range = { after: first.next, until: second.next };
      const accesses = await accessesOf(() => store.page(layout, { ...range, ...limits }));
      expect(accesses).toMatchObject([{ isByKey: true }]);
      mustBegin(accesses);
      const [access] = accesses as [Access];
      if (database.kind === 'PostgreSQL') expect(access.condition).toMatch(/ > .* AND .* <= /);
      else expect(access.records).toBeLessThanOrEqual(2 * PAGE);
      if (access.isSorted) expect(access.records).toBeLessThanOrEqual(4 * PAGE);
    });

    it.each([
      { what: 'cells', cell: (old: string) => `y${old.slice(1)}`, token: undefined },
      { what: 'cells and tokens', cell: (old: string) => `z${old.slice(1)}`, token: 'bbbb' },
      { what: 'tokens beside cells that stay', cell: (old: string) => old, token: 'cccc' },
    ])('records are read again, locked, changed and looked at by their whole keys: $what', async (made) => {
      const keys = second.records.map((record) => record.key);
      const swaps = (await store.reread(layout, keys)).map(({ key: name, cells, tokens }): RecordSwap => {
        const [value, token] = [cells[0] as string, tokens?.[0] as string];
        return {
          key: name,
          cells: [{ cell: 0, old: value, new: made.cell(value) }],
          ...(made.token ? { tokens: [{ token: 0, old: token, new: made.token + token.slice(4) }] } : {}),
        };
      });
      const accesses = await accessesOf(async () => {
        await store.reread(layout, keys);
        const outcome = await store.commit(layout, { id: 'job', swaps, quarantine: [] });
        expect(outcome).toEqual({ committed: true, swapped: swaps.map(() => true) });
      });
      expect(accesses).toHaveLength(4);
      for (const access of accesses) {
        expect(access.isByKey).toBe(true);
        expect(access.condition).toSatisfy(isOfWholeKey);
        if (database.kind === 'MariaDB') expect(access.condition).toContain('eq_ref');
      }
    });

    it('boundaries are read out of the index, each from the one before it', async () => {
      const accesses = await accessesOf(async () => {
        expect(await store.boundaries(layout, 6_000)).toHaveLength(3);
      });
      expect(accesses).toHaveLength(4);
      for (const access of accesses)
        expect(access).toMatchObject({ isByKey: true, isOfKeysOnly: true, isSorted: false });
      mustBegin(accesses.slice(1));
    });
  });
});
