import Libsql from 'libsql';
import type { SqliteClient } from '../../src/store/sqlite.js';

/** A connection as the tests use it. */
export interface Connection extends SqliteClient {
  close(): void;
}

export interface Driver {
  readonly name: 'libsql' | 'node:sqlite';
  open(path: string, options?: { readonly?: boolean }): Connection;
}

interface NodeSqlite {
  readonly DatabaseSync: new (path: string, options: { readOnly: boolean }) => Connection;
}

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
/** Node 22.13 and later have it without a flag; so has every later line. */
export const HAS_NODE_SQLITE = major > 22 || (major === 22 && minor >= 13);

const libsql: Driver = {
  name: 'libsql',
  open(path, { readonly = false } = {}) {
    const connection = new Libsql(path) as unknown as Connection;
    if (readonly) connection.exec('PRAGMA query_only = 1');
    return connection;
  },
};

function nodeSqlite(): Driver {
  // Not an import: on Node 20 there is no such module.
  const { DatabaseSync } = process.getBuiltinModule('node:sqlite') as unknown as NodeSqlite;
  return {
    name: 'node:sqlite',
    open: (path, { readonly = false } = {}) => new DatabaseSync(path, { readOnly: readonly }),
  };
}

/** Every driver that this Node has. */
export const DRIVERS: readonly Driver[] = HAS_NODE_SQLITE ? [libsql, nodeSqlite()] : [libsql];
