import { FENCE_MESSAGE } from './refusal.js';
import { type FenceWriter, type FencedCell, type FencedTable, ownName, quoted } from './sql.js';

/** SQLite, one file at a time: a trigger stands in its table's file. */
export const SQLITE_FENCE: FenceWriter = {
  maxParts: 2,
  // Names are the same in any letter case of ASCII, and without a schema the file is the one that was opened.
  normalPath(from) {
    const [first = '', second] = from.map(lowered);
    return second === undefined ? ['main', first] : [first, second];
  },
  write: (tables) => ({ up: tables.flatMap(raise), down: tables.flatMap(remove) }),
};

function raise(table: FencedTable): string[] {
  const [insert, update] = triggers(table);
  const [dropInsert, dropUpdate] = remove(table) as [string, string];
  const columns = table.cells.map(({ column }) => quoted('"', column)).join(', ');
  const refused = table.cells.map((cell) => isRefused(cell));
  const changed = table.cells.map((cell) => `${isChanged(cell)} AND ${isRefused(cell)}`);
  return [
    dropInsert,
    trigger(table, insert, 'INSERT', refused),
    dropUpdate,
    trigger(table, update, `UPDATE OF ${columns}`, changed),
  ];
}

function trigger(table: FencedTable, name: string, event: string, refused: readonly string[]): string {
  const when = refused.map((condition) => `(${condition})`).join(' OR ');
  return `CREATE TRIGGER ${name} AFTER ${event} ON ${quoted('"', ownName(table.from))} FOR EACH ROW WHEN ${when} BEGIN SELECT RAISE(ABORT, '${FENCE_MESSAGE}'); END`;
}

function remove(table: FencedTable): string[] {
  return triggers(table).map((name) => `DROP TRIGGER IF EXISTS ${name}`);
}

/** By bytes: under NOCASE another cell would be the same. */
function isChanged({ column }: FencedCell): string {
  const name = quoted('"', column);
  return `NEW.${name} COLLATE BINARY IS NOT OLD.${name} COLLATE BINARY`;
}

function isRefused({ column, form, refuses, shortest, tagLength, tags }: FencedCell): string {
  const value = `NEW.${quoted('"', column)}`;
  const literals = tags.map((tag) => (form === 'text' ? `'${tag}'` : `X'${tag}'`));
  // A blob is never equal to text, so a value of the other type is refused.
  const isListed = `substr(${value}, 1, ${tagLength}) COLLATE BINARY IN (${literals.join(', ')})`;
  // The length of text ends at a NUL, that of a blob does not.
  const isLong = `length(CAST(${value} AS BLOB)) >= ${shortest}`;
  const test = refuses === 'these' ? isListed : `NOT (${isListed} AND ${isLong})`;
  return `${value} IS NOT NULL AND ${test}`;
}

function triggers({ from, name }: FencedTable): [insert: string, update: string] {
  // Named always: without a schema DROP would look for the name in other files, too.
  const file = quoted('"', from.length > 1 ? (from[0] as string) : 'main');
  return [`${file}.${quoted('"', `${name}_insert`)}`, `${file}.${quoted('"', `${name}_update`)}`];
}

function lowered(name: string): string {
  return name.replace(/[A-Z]/g, (capital) => capital.toLowerCase());
}
