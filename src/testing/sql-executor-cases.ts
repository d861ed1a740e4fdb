import { mysqlKeyring } from '../store/mysql.js';
import {
  type SqlExecutor,
  type SqlQueries,
  type SqlRow,
  type SqlValue,
  postgresKeyring,
} from '../store/postgres.js';
import type { ConformanceCase } from './conformance-case.js';

/** What an executor's cases say to a database. */
interface Notation {
  parameter(place: number): string;
  /** A parameter that is text, or a number, whatever the database would take it for. */
  text(place: number): string;
  integer(place: number): string;
  /** A statement whose own text libraries with named parameters and `?` misread. */
  readonly verbatim: string;
  readonly bytes: string;
  /** Said first in a transaction, where nothing may have been said before. */
  readonly first: string;
  /** Runs a change, and says how many rows it met. */
  changed(queries: SqlQueries, sql: string): Promise<number>;
  keyring(executor: SqlExecutor, table: string): { read(maxBytes: number): unknown };
}

const NOTATIONS: Readonly<Record<'postgres' | 'mysql', Notation>> = {
  postgres: {
    parameter: (place) => `$${place}`,
    text: (place) => `CAST($${place} AS text)`,
    integer: (place) => `CAST($${place} AS integer)`,
    verbatim: "SELECT $1::text AS given, '$[*] :given {0} %s'::text AS kept, '\\x00'::text AS slash",
    bytes: "SELECT decode('00ff80', 'hex') AS bytes",
    first: 'SET TRANSACTION ISOLATION LEVEL SERIALIZABLE',
    changed: async (queries, sql) => (await queries.query(`${sql} RETURNING 1 AS one`, [])).length,
    keyring: (executor, table) => postgresKeyring(executor, { table }),
  },
  mysql: {
    parameter: () => '?',
    text: () => 'CAST(? AS CHAR)',
    integer: () => 'CAST(? AS SIGNED)',
    verbatim: "SELECT CAST(? AS CHAR) AS given, '$[*] :given {0} %s' AS kept, '\\\\x00' AS slash",
    bytes: "SELECT UNHEX('00FF80') AS bytes",
    first: 'DO 0',
    async changed(queries, sql) {
      await queries.query(sql, []);
      return Number((await queries.query('SELECT ROW_COUNT() AS changed', []))[0]?.['changed']);
    },
    keyring: (executor, table) => mysqlKeyring(executor, { table }),
  },
};

/** What a case has at hand. */
interface Bench extends Notation {
  readonly executor: SqlExecutor;
  /** A table with a column `word`; of no other's. */
  readonly table: string;
  insert(word: string): string;
  words(): Promise<readonly string[]>;
}

interface ExecutorCase {
  readonly name: string;
  test(bench: Bench): Promise<void>;
}

/** What is misread where values are put into the text, or the text is searched for parameters. */
const TRICKY = [
  '?',
  '$1',
  ':word',
  "it's",
  '"',
  '\\',
  '\\\\0',
  '%',
  '--',
  '\n',
  ' ',
  'é',
  '😀',
  '{"a":[1]}',
  '2026-11-26',
];
const MIB = 1024 * 1024;

const CASES: readonly ExecutorCase[] = [
  {
    name: 'gives rows as objects by column name, in their order',
    async test({ executor }) {
      const rows = await executor.query("SELECT 2 AS n, 'b' AS word UNION ALL SELECT 1, 'a' ORDER BY n", []);
      assertEqual(
        rows.map((row) => [Number(row['n']), row['word']]),
        [
          [1, 'a'],
          [2, 'b'],
        ],
        'Rows are objects by column name',
      );
    },
  },
  {
    name: 'binds text to the letter, by position',
    async test({ executor, text }) {
      for (const word of TRICKY) {
        const sql = `SELECT ${text(1)} AS one, ${text(2)} AS two`;
        const [row] = await executor.query(sql, [word, `then ${word}`]);
        assertEqual(
          [row?.['one'], row?.['two']],
          [word, `then ${word}`],
          'A value is bound, not put into the text',
        );
      }
    },
  },
  {
    name: 'binds numbers and null',
    async test({ executor, integer, text }) {
      const [row] = await executor.query(`SELECT ${integer(1)} AS n, ${text(2)} AS nothing`, [-7, null]);
      assertEqual([Number(row?.['n']), row?.['nothing']], [-7, null], 'Numbers and null are values too');
    },
  },
  {
    name: 'binds a mebibyte of text',
    async test({ executor, text }) {
      const [row] = await executor.query(`SELECT LENGTH(${text(1)}) AS n`, ['x'.repeat(MIB)]);
      assertEqual(Number(row?.['n']), MIB, 'A chunk of a rotation is one parameter of some mebibytes');
    },
  },
  {
    name: 'says a statement as it stands',
    async test({ executor, verbatim }) {
      const [row] = await executor.query(verbatim, ['g']);
      const found = [row?.['given'], row?.['kept'], row?.['slash']];
      assertEqual(found, ['g', '$[*] :given {0} %s', '\\x00'], 'Only parameters are replaced');
    },
  },
  {
    name: 'gives bytes as Uint8Array',
    async test({ bytes, executor }) {
      const [row] = await executor.query(bytes, []);
      const found = row?.['bytes'];
      assertEqual(found instanceof Uint8Array ? [...found] : found, [0, 255, 128], 'Bytes are bytes');
    },
  },
  {
    name: 'gives an empty list for a statement that has no rows',
    async test({ executor, insert, parameter, table }) {
      for (const sql of [insert('a'), `UPDATE ${table} SET word = 'b'`, `DELETE FROM ${table}`]) {
        assertEqual(await executor.query(sql, []), [], 'What is no row is not given');
      }
      const none = await executor.query(`SELECT word FROM ${table} WHERE word = ${parameter(1)}`, ['z']);
      assertEqual(none, [], 'No row is an empty list');
    },
  },
  {
    name: 'lets the database say how many rows a change met',
    async test({ changed, executor, insert, table }) {
      const counts = await executor.transaction(async (queries) => {
        const inserted = await changed(queries, insert('a'));
        const updated = await changed(queries, `UPDATE ${table} SET word = 'b'`);
        return [inserted, updated, await changed(queries, `DELETE FROM ${table} WHERE word = 'a'`)];
      });
      assertEqual(
        counts,
        [1, 1, 0],
        'A change tells what it met, and the next statement is on its connection',
      );
    },
  },
  {
    name: 'commits what the work has done, and gives what it gives',
    async test({ executor, insert, words }) {
      const given = await executor.transaction(async (queries) => {
        await queries.query(insert('a'), []);
        return 'given';
      });
      assertEqual([given, await words()], ['given', ['a']], 'A transaction is committed');
    },
  },
  {
    name: 'rolls back on what the work throws, and throws the same',
    async test({ executor, insert, words }) {
      const thrown = new Error('the work’s own');
      const caught = await executor
        .transaction(async (queries) => {
          await queries.query(insert('a'), []);
          throw thrown;
        })
        .then(
          () => undefined,
          (error: unknown) => error,
        );
      assertEqual(await words(), [], 'A transaction is rolled back');
      assertEqual(caught === thrown, true, 'The error is the same object');
    },
  },
  {
    name: 'serves on after a statement failed in a transaction',
    async test({ executor, insert, words }) {
      const failed = await executor
        .transaction(async (queries) => {
          await queries.query(insert('a'), []);
          await queries.query('SELECT no_such_column', []);
        })
        .then(
          () => false,
          () => true,
        );
      assertEqual([failed, await words()], [true, []], 'A failed statement ends its transaction');
      await executor.transaction((queries) => queries.query(insert('b'), []));
      assertEqual(await words(), ['b'], 'The connection is fit for the next one');
    },
  },
  {
    name: 'says nothing in a transaction before the work does',
    async test({ executor, first, insert, words }) {
      await executor.transaction(async (queries) => {
        await queries.query(first, []);
        await queries.query(insert('a'), []);
      });
      assertEqual(await words(), ['a'], 'A transaction may choose its isolation');
    },
  },
  {
    name: 'keeps a transaction on one connection, apart from everything else',
    async test({ executor, insert, table, words }) {
      const wordsIn = async (of: { query: SqlExecutor['query'] }) =>
        spell(await of.query(`SELECT word FROM ${table}`, []));
      await executor.transaction(async (queries) => {
        await queries.query(insert('a'), []);
        assertEqual(await words(), [], 'Outside, nothing of a transaction is seen before it is committed');
        assertEqual(await wordsIn(queries), ['a'], 'Inside, all of it is');
        await executor
          .transaction(async (others) => {
            await others.query(insert('b'), []);
            throw new RollBack();
          })
          .catch(isRollBack);
        assertEqual(await wordsIn(queries), ['a'], 'Another one that is rolled back takes nothing with it');
      });
      assertEqual(await words(), ['a'], 'It is committed in the end');
    },
  },
  {
    name: 'lets the database’s error be recognised',
    async test({ executor, keyring, table }) {
      const found = await keyring(executor, `${table}_that_is_not_there`).read(MIB);
      assertEqual(
        found,
        undefined,
        'A table that is missing is told from every other error, by SQLSTATE or number',
      );
    },
  },
];

/**
 * The cases that every executor passes, over a pool of at least two connections. They need no particular test runner:
 *
 * ```ts
 * for (const { name, run } of sqlExecutorCases(executor, 'postgres')) it(name, run);
 * ```
 *
 * Each makes a table of its own, whose name begins with `cellseal_case_`, where the connection makes tables, and drops it.
 */
export function sqlExecutorCases(
  executor: SqlExecutor,
  dialect: 'postgres' | 'mysql',
): readonly ConformanceCase[] {
  const notation = NOTATIONS[dialect];
  return CASES.map(({ name, test }) => ({
    name,
    async run() {
      const table = `cellseal_case_${crypto.randomUUID().slice(0, 8)}`;
      const query = (sql: string, values: readonly SqlValue[] = []) => executor.query(sql, values);
      await query(`CREATE TABLE ${table} (word VARCHAR(20) NOT NULL)`);
      try {
        await test({
          ...notation,
          executor,
          table,
          insert: (word) => `INSERT INTO ${table} (word) VALUES ('${word}')`,
          words: async () => spell(await query(`SELECT word FROM ${table}`)),
        });
      } finally {
        await query(`DROP TABLE ${table}`);
      }
    },
  }));
}

class RollBack extends Error {}

function isRollBack(error: unknown): void {
  if (!(error instanceof RollBack)) throw error;
}

function spell(rows: readonly SqlRow[]): readonly string[] {
  return rows.map(({ word }) => String(word)).sort();
}

/** By their JSON, which tells all that is compared here. */
function assertEqual(found: unknown, wanted: unknown, rule: string): void {
  const [is, shouldBe] = [JSON.stringify(found), JSON.stringify(wanted)];
  if (is !== shouldBe) throw new Error(`${rule}: ${is} instead of ${shouldBe}.`);
}
