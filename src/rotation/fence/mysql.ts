import { FENCE_MESSAGE, SIGNAL_SQLSTATE } from './refusal.js';
import { type FenceWriter, type FencedCell, type FencedTable, quoted } from './sql.js';

const SECOND_MS = 1_000;

/**
 * MariaDB 10.6 and MySQL 8.0, and later. AFTER, because other triggers may still change what is BEFORE; InnoDB undoes
 * the statement. Only MariaDB can replace a trigger: the lock keeps every writer out until the new one is there.
 */
export const MYSQL_FENCE: FenceWriter = {
  maxParts: 2,
  normalPath: (from) => from,
  write: (tables, lockTimeoutMs) => {
    const limited = (statements: readonly string[]): string[] => [
      // Until it ends, a statement that waits for a table keeps every later reader waiting too.
      `SET SESSION lock_wait_timeout = ${Math.ceil(lockTimeoutMs / SECOND_MS)}`,
      ...statements,
      'SET SESSION lock_wait_timeout = DEFAULT',
    ];
    return { up: limited(tables.flatMap(raise)), down: limited(tables.flatMap(remove)) };
  },
};

function raise(table: FencedTable): string[] {
  const [insert, update] = triggers(table);
  const [dropInsert, dropUpdate] = remove(table) as [string, string];
  const refused = table.cells.map((cell) => isRefused(cell));
  const changed = table.cells.map((cell) => `${isChanged(cell)} AND ${isRefused(cell)}`);
  return [
    `LOCK TABLES ${pathOf(table.from)} WRITE`,
    dropInsert,
    trigger(table, insert, 'INSERT', refused),
    dropUpdate,
    trigger(table, update, 'UPDATE', changed),
    'UNLOCK TABLES',
  ];
}

function trigger(table: FencedTable, name: string, event: string, refused: readonly string[]): string {
  const when = refused.map((condition) => `(${condition})`).join(' OR ');
  return `CREATE TRIGGER ${name} AFTER ${event} ON ${pathOf(table.from)} FOR EACH ROW IF ${when} THEN SIGNAL SQLSTATE '${SIGNAL_SQLSTATE}' SET MESSAGE_TEXT = '${FENCE_MESSAGE}'; END IF`;
}

function remove(table: FencedTable): string[] {
  return triggers(table).map((name) => `DROP TRIGGER IF EXISTS ${name}`);
}

/** By bytes: under a collation without letter case another cell would be the same. */
function isChanged({ column }: FencedCell): string {
  const name = quoted('`', column);
  return `NOT (CAST(NEW.${name} AS BINARY) <=> CAST(OLD.${name} AS BINARY))`;
}

function isRefused({ column, form, refuses, shortest, tagLength, tags }: FencedCell): string {
  const value = `NEW.${quoted('`', column)}`;
  const literals = tags.map((tag) => (form === 'text' ? `_binary'${tag}'` : `X'${tag}'`));
  // An empty list is no SQL here.
  const isListed =
    literals.length === 0
      ? 'FALSE'
      : `CAST(LEFT(${value}, ${tagLength}) AS BINARY) IN (${literals.join(', ')})`;
  const test = refuses === 'these' ? isListed : `NOT (${isListed} AND LENGTH(${value}) >= ${shortest})`;
  return `${value} IS NOT NULL AND ${test}`;
}

/** A trigger lives in its table's schema, in which names of triggers are distinct. */
function triggers({ from, name }: FencedTable): [insert: string, update: string] {
  const schema = from.slice(0, -1);
  return [pathOf([...schema, `${name}_insert`]), pathOf([...schema, `${name}_update`])];
}

function pathOf(path: readonly string[]): string {
  return path.map((part) => quoted('`', part)).join('.');
}
