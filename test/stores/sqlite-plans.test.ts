import { describe, expect, it } from 'vitest';
import { bytes, integer, table, text, uuid } from '../../src/index.js';
import type { RecordStore } from '../../src/rotation/index.js';
import { type SqliteClient, type SqliteValue, sqliteRecords } from '../../src/store/sqlite.js';
import { connect } from './places.js';
import { DRIVERS } from './sqlite-drivers.js';

const encrypt = { value: text() };

const TABLES = [
  {
    name: 'integers',
    ddl: '(id INTEGER PRIMARY KEY, value TEXT)',
    rows: "(1, 'a'), (2, 'a'), (3, 'a'), (4, 'a')",
    definition: table('records', { record: integer('id'), encrypt }),
  },
  {
    name: 'integers in a column without a type',
    ddl: '(id PRIMARY KEY, value TEXT)',
    rows: "(1, 'a'), (2, 'a'), (3, 'a'), (4, 'a')",
    definition: table('records', { record: integer('id'), encrypt }),
  },
  {
    name: 'texts',
    ddl: '(id TEXT PRIMARY KEY, value TEXT)',
    rows: "('1', 'a'), ('2', 'a'), ('3', 'a'), ('4', 'a')",
    definition: table('records', { record: text('id'), encrypt }),
  },
  {
    name: 'UUIDs as blobs, without row ids',
    ddl: '(id BLOB PRIMARY KEY, value TEXT) WITHOUT ROWID, STRICT',
    rows: "(X'01', 'a'), (X'02', 'a'), (X'03', 'a'), (X'04', 'a')",
    definition: table('records', { record: uuid('id'), encrypt }),
  },
  {
    name: 'pairs',
    ddl: '(series TEXT, number INTEGER, value TEXT, PRIMARY KEY (series, number))',
    rows: "('1', 1, 'a'), ('1', 2, 'a'), ('2', 1, 'a'), ('2', 2, 'a')",
    definition: table('records', { record: [text('series'), integer('number')], encrypt }),
  },
  {
    name: 'pairs of blob and integer, without row ids',
    ddl: '(owner BLOB, number INTEGER, value TEXT, PRIMARY KEY (owner, number)) WITHOUT ROWID',
    rows: "(X'01', 1, 'a'), (X'01', 2, 'a'), (X'02', 1, 'a'), (X'02', 2, 'a')",
    definition: table('records', {
      record: [bytes('owner'), integer('number')],
      tenant: bytes('owner'),
      encrypt,
    }),
  },
];

/** What SQLite plans to do for each query of `work` that touches the records. */
async function plansOf(connection: SqliteClient, work: (store: RecordStore) => Promise<void>) {
  const queries: [sql: string, values: readonly SqliteValue[]][] = [];
  const watched: SqliteClient = {
    exec: (sql) => connection.exec(sql),
    prepare(sql) {
      const statement = connection.prepare(sql);
      return {
        all(...values) {
          queries.push([sql, values]);
          return statement.all(...values);
        },
        run(...values) {
          queries.push([sql, values]);
          return statement.run(...values);
        },
      };
    },
  };
  await work(sqliteRecords(watched));
  return queries
    .filter(([sql]) => sql.includes('"records"'))
    .map(([sql, values]) => {
      const steps = connection.prepare(`EXPLAIN QUERY PLAN ${sql}`).all(...values);
      return steps.map((step) => (step as { detail: string }).detail).join('; ');
    });
}

for (const driver of DRIVERS) {
  describe.each(TABLES)(
    `sqliteRecords over ${driver.name}, keys that are $name`,
    ({ ddl, rows, definition }) => {
      const { layout } = definition;
      const open = (): SqliteClient => {
        const connection = connect(driver);
        connection.exec(`CREATE TABLE records ${ddl}`);
        connection.exec(`INSERT INTO records VALUES ${rows}`);
        return connection;
      };
      const request = { after: undefined, maxRecords: 2, maxBytes: 1_000 };

      it('reads pages along the primary key, and sorts nothing', async () => {
        const plans = await plansOf(open(), async (store) => {
          const first = await store.page(layout, request);
          expect(await store.page(layout, { ...request, after: first.next })).toMatchObject({ done: true });
        });
        expect(plans.length).toBe(4);
        expect(plans.join()).not.toContain('TEMP B-TREE');
        // The sizes are added up over the rows that are found so.
        for (const plan of plans.slice(2)) expect(plan).toMatch(/^(CO-ROUTINE [^;]+; )?SEARCH t USING .*>/);
      });

      it('finds a record by its primary key to read it again and to swap it', async () => {
        const plans = await plansOf(open(), async (store) => {
          const key = (await store.page(layout, request)).records[1]?.key as string;
          await store.reread(layout, [key]);
          const swaps = [{ key, cells: [{ cell: 0, old: 'a', new: 'b' }] }];
          const job = () => ({ id: 'job', previous: undefined, next: 'next' });
          const outcome = await store.commit(layout, { id: 'job', swaps, quarantine: [], job });
          expect(outcome).toEqual({ committed: true, swapped: [true] });
        });
        const parts = layout.key.map(({ column }) => `${column}=\\?`).join(' AND ');
        expect(plans.length).toBe(4);
        for (const plan of plans.slice(2)) {
          expect(plan).toMatch(new RegExp(`^SEARCH t USING .*\\((${parts}|rowid=\\?)\\)$`));
        }
      });
    },
  );
}
