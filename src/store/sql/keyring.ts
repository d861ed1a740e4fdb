import { type Bytes, copyBytes, hex, isUint8Array, viewBytes } from '../../bytes.js';
import { KeyringDamagedError, KeyringLimitError } from '../../errors.js';
import type {
  KeyringPages,
  KeyringStore,
  ProcessRegistry,
  StoredKeyring,
  UsageLog,
} from '../../ports/keyring-store.js';
import { assertName, assertProcess, assertRevision, assertUsage } from '../keyring-checks.js';
import type { Dialect } from './dialect.js';
import type { SqlExecutor, SqlQueries, SqlRow } from './executor.js';
import { guarded } from './guarded.js';
import { OwnTable } from './own-table.js';
import { writing } from './transactions.js';

/** Where a keyring's tables are. */
export interface SqlKeyringOptions {
  /** Where the document is; `_page`, `_process` and `_usage` behind it name the other tables. With a schema: `'vault.cellseal_keyring'`. Default: `cellseal_keyring`. */
  readonly table?: string;
}

/** A keyring over one dialect. */
export function sqlKeyring(
  executor: SqlExecutor,
  dialect: Dialect,
  { table = 'cellseal_keyring' }: SqlKeyringOptions,
): Required<KeyringStore> {
  const path = table.split('.');
  const beside = (suffix: string): string[] => [...path.slice(0, -1), `${path.at(-1)}${suffix}`];
  return {
    ...documents(executor, dialect, path),
    pages: pages(executor, dialect, beside('_page')),
    processes: processes(executor, dialect, beside('_process')),
    usage: usage(executor, dialect, beside('_usage')),
  };
}

/** One row: who inserts it first has won, and it is never removed. */
function documents(
  executor: SqlExecutor,
  dialect: Dialect,
  path: readonly string[],
): Pick<Required<KeyringStore>, 'read' | 'write' | 'restore'> {
  const { parameter, bytesValue } = dialect;
  const table = new OwnTable(
    executor,
    dialect,
    path,
    [
      { name: 'only', type: 'integer' },
      { name: 'revision', type: 'integer' },
      { name: 'document', type: 'bytes' },
    ],
    'only',
  );
  const column = dialect.quote('only'); // a word of SQL's own

  const insert = async (queries: SqlQueries, { revision, document }: StoredKeyring): Promise<boolean> => {
    const values = ['1', parameter(1), bytesValue(parameter(2))];
    const sql = dialect.insertIfAbsent(table.name, [column, 'revision', 'document'], values);
    return (await dialect.change(queries, sql, [String(revision), hex(document)])) === 1;
  };
  const replace = async (queries: SqlQueries, { revision, document }: StoredKeyring): Promise<boolean> => {
    const sql = `UPDATE ${table.name} SET revision = ${parameter(1)}, document = ${bytesValue(parameter(2))} WHERE revision = ${parameter(3)}`;
    const values = [String(revision), hex(document), String(revision - 1)];
    return (await dialect.change(queries, sql, values)) === 1;
  };
  const swap = (work: (queries: SqlQueries) => Promise<boolean>): Promise<boolean> =>
    guarded(dialect, async () => {
      await table.ensure();
      return writing(executor, dialect, work);
    });

  return {
    read: (maxBytes) =>
      guarded(dialect, async () => {
        if (!(await table.isThere())) return undefined;
        const size = dialect.byteLength('document');
        const [row] = await executor.query(
          `SELECT revision, ${size} AS bytes, CASE WHEN ${size} <= ${Math.floor(maxBytes)} THEN document END AS document FROM ${table.name}`,
          [],
        );
        if (row && Number(row['bytes']) > maxBytes)
          throw new KeyringLimitError('A keyring document has at most 1 MiB.');
        return storedKeyring(row);
      }),
    write: (next) =>
      swap((queries) => (next.revision === 1 ? insert(queries, next) : replace(queries, next))),
    restore(next) {
      assertRevision(next.revision);
      return swap((queries) => insert(queries, next));
    },
  };
}

function storedKeyring(row: SqlRow | undefined): StoredKeyring | undefined {
  if (!row) return undefined;
  return { revision: Number(row['revision']), document: bytesOf(row['document']) };
}

function bytesOf(value: unknown): Bytes {
  const bytes = viewBytes(value);
  if (!isUint8Array(bytes)) throw new KeyringDamagedError('The stored document is no byte string.');
  return copyBytes(bytes);
}

/** One row a page. */
function pages(executor: SqlExecutor, dialect: Dialect, path: readonly string[]): KeyringPages {
  const { parameter, bytesValue } = dialect;
  const table = new OwnTable(
    executor,
    dialect,
    path,
    [
      { name: 'name', type: 'name' },
      { name: 'page', type: 'bytes' },
    ],
    'name',
  );
  return {
    read: (name, maxBytes) =>
      guarded(dialect, async () => {
        assertName(name);
        if (!(await table.isThere())) return undefined;
        const size = dialect.byteLength('page');
        const [row] = await executor.query(
          `SELECT ${size} AS bytes, CASE WHEN ${size} <= ${Math.floor(maxBytes)} THEN page END AS page FROM ${table.name} WHERE name = ${parameter(1)}`,
          [name],
        );
        if (!row) return undefined;
        if (Number(row['bytes']) > maxBytes) throw new KeyringLimitError('A page of keys has at most 1 MiB.');
        return bytesOf(row['page']);
      }),
    write: (name, page) =>
      guarded(dialect, async () => {
        assertName(name);
        await table.ensure();
        const values = [parameter(1), bytesValue(parameter(2))];
        const sql = dialect.insertOrUpdate(table.name, 'name', ['name', 'page'], values, () => [
          ['page', bytesValue(parameter(3))],
        ]);
        await writing(executor, dialect, (queries) => queries.query(sql, [name, hex(page), hex(page)]));
      }),
    remove: (names) =>
      guarded(dialect, async () => {
        for (const name of names) assertName(name);
        if (!(await table.isThere())) return;
        for (const name of names)
          await executor.query(`DELETE FROM ${table.name} WHERE name = ${parameter(1)}`, [name]);
      }),
  };
}

/** One row a process. */
function processes(executor: SqlExecutor, dialect: Dialect, path: readonly string[]): ProcessRegistry {
  const { parameter } = dialect;
  const table = new OwnTable(
    executor,
    dialect,
    path,
    [
      { name: 'id', type: 'name' },
      { name: 'entry', type: 'text' },
    ],
    'id',
  );
  return {
    announce: (process) =>
      guarded(dialect, async () => {
        assertProcess(process);
        await table.ensure();
        await executor.query(
          dialect.insertOrUpdate(table.name, 'id', ['id', 'entry'], [parameter(1), parameter(2)], () => [
            ['entry', parameter(3)],
          ]),
          [process.id, process.entry, process.entry],
        );
      }),
    list: () =>
      guarded(dialect, async () => {
        if (!(await table.isThere())) return [];
        const rows = await executor.query(
          `SELECT ${dialect.selectName('id')} AS id, entry FROM ${table.name}`,
          [],
        );
        return rows.map((row) => ({ id: String(row['id']), entry: String(row['entry']) }));
      }),
    forget: (id) =>
      guarded(dialect, async () => {
        assertName(id);
        if (!(await table.isThere())) return;
        await executor.query(`DELETE FROM ${table.name} WHERE id = ${parameter(1)}`, [id]);
      }),
  };
}

/** One row a key. */
function usage(executor: SqlExecutor, dialect: Dialect, path: readonly string[]): UsageLog {
  const { parameter } = dialect;
  const table = new OwnTable(
    executor,
    dialect,
    path,
    [
      { name: 'key_id', type: 'name' },
      { name: 'cells', type: 'integer' },
    ],
    'key_id',
  );
  return {
    add: (keyId, cells) =>
      guarded(dialect, async () => {
        assertUsage(keyId, cells);
        await table.ensure();
        await executor.query(
          dialect.insertOrUpdate(
            table.name,
            'key_id',
            ['key_id', 'cells'],
            [parameter(1), parameter(2)],
            (own) => [['cells', `LEAST(${own('cells')} + ${parameter(3)}, ${Number.MAX_SAFE_INTEGER})`]],
          ),
          [keyId, String(cells), String(cells)],
        );
      }),
    totals: () =>
      guarded(dialect, async () => {
        if (!(await table.isThere())) return {};
        const rows = await executor.query(
          `SELECT ${dialect.selectName('key_id')} AS key_id, cells FROM ${table.name}`,
          [],
        );
        return Object.fromEntries(rows.map((row) => [String(row['key_id']), Number(row['cells'])]));
      }),
  };
}
