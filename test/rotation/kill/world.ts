import { join } from 'node:path';
import { type Keyring, integer, json, openKeyring, schema, table, text } from '../../../src/index.js';
import { fileKeyring } from '../../../src/store/file-keyring.js';
import { type Connection, DRIVERS } from '../../stores/sqlite-drivers.js';

/** What the processes of the kill test share: one folder with a database, a keyring and the writer's log. */
export interface World {
  readonly database: string;
  readonly keyring: string;
  readonly log: string;
}

export interface Person {
  readonly id: number;
  readonly name: string | null;
  readonly email: string;
  readonly notes: { readonly n: number };
}

/** One line of the writer's log: what it is about to do, and then that it has done it. */
export type LogLine =
  | { readonly intent: number; readonly kind: 'put'; readonly person: Person }
  | { readonly intent: number; readonly kind: 'patch'; readonly id: number; readonly email: string }
  | { readonly intent: number; readonly kind: 'delete'; readonly id: number }
  | { readonly done: number };

export const people = table('people', {
  record: integer('id'),
  encrypt: { name: text(), email: text(), notes: json({ pad: 64 }) },
});
export const everything = schema([people]);

/** For tests only: a service's raw key stands in no file. */
export const RAW_KEY = new Uint8Array(32).fill(7);

export function worldIn(folder: string): World {
  return {
    database: join(folder, 'people.db'),
    keyring: join(folder, 'keyring'),
    log: join(folder, 'writes.log'),
  };
}

export function openDatabase({ database }: World): Connection {
  const driver = DRIVERS.at(-1); // node:sqlite where there is one
  if (!driver) throw new Error('This Node has no SQLite driver.');
  const connection = driver.open(database);
  connection.exec('PRAGMA journal_mode = WAL; PRAGMA busy_timeout = 2000;');
  return connection;
}

export function unlock({ keyring }: World): Promise<Keyring> {
  return openKeyring(fileKeyring(keyring), { rawKey: RAW_KEY });
}
