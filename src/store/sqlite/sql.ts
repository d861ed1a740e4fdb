import { StoreBusyError, StoreUnfitError } from '../../errors.js';
import type { TableLayout } from '../../ports/record-store.js';
import type { SqliteClient } from './client.js';

/** The table's path, quoted, and what {@link columnOf} calls it. */
export function tableName({ from }: TableLayout): string {
  return `${from.map(quoted).join('.')} AS t`;
}

/**
 * A column of that table. Alone its name might be taken for a result's in ORDER BY, or for a string where there is no
 * such column.
 */
export function columnOf(column: string): string {
  return `t.${quoted(column)}`;
}

/** A table and the database file that it is in, by the name under which that is attached. */
export interface SqlitePath {
  readonly schema: string;
  readonly name: string;
}

/** Without a schema: the file that the connection was opened with. */
export function pathOf(path: readonly string[]): SqlitePath {
  const [first = '', second] = path;
  return second === undefined
    ? { schema: 'main', name: first }
    : { schema: first.toLowerCase(), name: second };
}

/** An identifier, quoted. */
export function quoted(identifier: string): string {
  if (identifier.includes('\0'))
    throw new StoreUnfitError('A name in the database contains a NUL character.');
  return `"${identifier.replaceAll('"', '""')}"`;
}

/** In a file of UTF-16 the octets of a text are others. Attached files have the same encoding. */
export function isUtf8(client: SqliteClient): boolean {
  const [row] = client.prepare('PRAGMA encoding').all() as { readonly encoding?: unknown }[];
  return String(row?.encoding).toUpperCase() === 'UTF-8';
}

/** Asked before reading, which makes no table: it may be in somebody else's transaction, or in a database that cannot be written. */
export function isTableThere(client: SqliteClient, { schema, name }: SqlitePath): boolean {
  const sql = `SELECT 1 FROM ${quoted(schema)}.sqlite_master WHERE type = 'table' AND name = ? COLLATE NOCASE`;
  return client.prepare(sql).all(name).length > 0;
}

/** What a transaction's work gives to have it undone. */
export const ROLL_BACK: unique symbol = Symbol('roll back');

/** What `work` gives, committed; `undefined` where it asked to roll back. Synchronous: nothing else runs in between. */
export function inTransaction<T>(
  client: SqliteClient,
  begin: string,
  work: () => T | typeof ROLL_BACK,
): T | undefined {
  return guarded(() => {
    client.exec(begin);
    try {
      const result = work();
      client.exec(result === ROLL_BACK ? 'ROLLBACK' : 'COMMIT');
      return result === ROLL_BACK ? undefined : result;
    } catch (error) {
      rollBack(client);
      throw error;
    }
  });
}

/** SQLite has rolled back by itself after some errors (a full disk); then there is nothing to roll back. */
function rollBack(client: SqliteClient): void {
  try {
    client.exec('ROLLBACK');
  } catch {
    // the error that brought us here is the one to tell
  }
}

const SQLITE_BUSY = 5;
const SQLITE_LOCKED = 6;

/** Extended codes: of a UNIQUE index, or of one that makes a primary key. */
const SQLITE_CONSTRAINT_UNIQUE = 2067;
const SQLITE_CONSTRAINT_PRIMARYKEY = 1555;

/** Whether a UNIQUE constraint was broken. */
export function isDuplicate(error: unknown): boolean {
  const { code, errcode } = error as { code?: unknown; errcode?: unknown };
  if (errcode === SQLITE_CONSTRAINT_UNIQUE || errcode === SQLITE_CONSTRAINT_PRIMARYKEY) return true;
  return /^SQLITE_CONSTRAINT_(UNIQUE|PRIMARYKEY)/.test(String(code));
}

/** Tells a lock that somebody else holds from every other error. */
export function guarded<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    const { code, errcode } = error as { code?: unknown; errcode?: unknown };
    const primary = typeof errcode === 'number' ? errcode & 0xff : undefined;
    const isLocked =
      primary === SQLITE_BUSY || primary === SQLITE_LOCKED || /^SQLITE_(BUSY|LOCKED)/.test(String(code));
    throw isLocked ? new StoreBusyError() : error;
  }
}
