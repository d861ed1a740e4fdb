import { FENCE_MESSAGE, FENCE_SQLSTATE } from './refusal.js';
import { type FenceWriter, type FencedCell, type FencedTable, quoted } from './sql.js';

/**
 * PostgreSQL 14 and later. The test stands in the triggers' WHEN, so that the function is called for refusals only.
 * AFTER, because an upsert's proposed record is none yet, and other triggers may still change one that is BEFORE.
 */
export const POSTGRES_FENCE: FenceWriter = {
  maxParts: 3,
  normalPath: (from) => from,
  write: (tables, lockTimeoutMs) => {
    const limit = `SET LOCAL lock_timeout = '${lockTimeoutMs}ms'`;
    return {
      up: [limit, ...tables.flatMap(raise)],
      down: [limit, ...tables.flatMap(remove)],
    };
  },
};

function raise(table: FencedTable): string[] {
  const [insert, update] = triggers(table);
  const refused = table.cells.map((cell) => isRefused(cell));
  const changed = table.cells.map((cell) => `${isChanged(cell)} AND ${isRefused(cell)}`);
  return [
    `CREATE OR REPLACE FUNCTION ${functionOf(table)}() RETURNS trigger LANGUAGE plpgsql AS $fence$ BEGIN RAISE EXCEPTION USING ERRCODE = '${FENCE_SQLSTATE}', MESSAGE = '${FENCE_MESSAGE}', SCHEMA = TG_TABLE_SCHEMA, TABLE = TG_TABLE_NAME; END $fence$`,
    trigger(table, insert, 'INSERT', refused),
    trigger(table, update, 'UPDATE', changed),
  ];
}

function trigger(table: FencedTable, name: string, event: string, refused: readonly string[]): string {
  const when = refused.map((condition) => `(${condition})`).join(' OR ');
  return `CREATE OR REPLACE TRIGGER ${name} AFTER ${event} ON ${pathOf(table.from)} FOR EACH ROW WHEN (${when}) EXECUTE FUNCTION ${functionOf(table)}()`;
}

function remove(table: FencedTable): string[] {
  return [
    ...triggers(table).map((name) => `DROP TRIGGER IF EXISTS ${name} ON ${pathOf(table.from)}`),
    `DROP FUNCTION IF EXISTS ${functionOf(table)}()`,
  ];
}

/** By bytes: under a non-deterministic collation another cell would be the same. */
function isChanged({ column, form }: FencedCell): string {
  const name = quoted('"', column);
  return form === 'text'
    ? `NEW.${name}::text COLLATE "C" IS DISTINCT FROM OLD.${name}::text COLLATE "C"`
    : `NEW.${name} IS DISTINCT FROM OLD.${name}`;
}

function isRefused({ column, form, refuses, shortest, tagLength, tags }: FencedCell): string {
  const value = `NEW.${quoted('"', column)}`;
  const [tag, bytes] =
    form === 'text'
      ? [`left(${value}::text, ${tagLength}) COLLATE "C"`, `octet_length(${value}::text)`]
      : // In hexadecimal: how a literal of bytea is read depends on a setting.
        [`encode(substring(${value} FROM 1 FOR ${tagLength}), 'hex')`, `octet_length(${value})`];
  const isListed = `${tag} = ANY ('{${tags.join(',')}}'::text[])`;
  const test = refuses === 'these' ? isListed : `NOT (${isListed} AND ${bytes} >= ${shortest})`;
  return `${value} IS NOT NULL AND ${test}`;
}

/** Beside the table: in its schema names are distinct. */
function functionOf({ from, name }: FencedTable): string {
  return pathOf([...from.slice(0, -1), name]);
}

function triggers({ name }: FencedTable): [insert: string, update: string] {
  return [quoted('"', `${name}_insert`), quoted('"', `${name}_update`)];
}

function pathOf(path: readonly string[]): string {
  return path.map((part) => quoted('"', part)).join('.');
}
