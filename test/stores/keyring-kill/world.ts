import { join } from 'node:path';
import type { KeyringStore } from '../../../src/ports/keyring-store.js';
import { fileKeyring } from '../../../src/store/file-keyring.js';
import { sqliteKeyring } from '../../../src/store/sqlite.js';
import { DRIVERS } from '../sqlite-drivers.js';

/** Where a keyring may be that several processes share. */
export type Kind = 'files' | 'SQLite';

export const KEY_ID = 'u'.repeat(26);
/** What every writer adds at a time. */
export const CELLS = 1_000_007;

export function openStore(kind: Kind, folder: string): Required<KeyringStore> {
  if (kind === 'files') return fileKeyring(join(folder, 'keyring'));
  const driver = DRIVERS.at(-1); // node:sqlite where there is one
  if (!driver) throw new Error('This Node has no SQLite driver.');
  const connection = driver.open(join(folder, 'keyring.db'));
  connection.exec('PRAGMA busy_timeout = 10000');
  connection.exec('PRAGMA journal_mode = WAL');
  return sqliteKeyring(connection);
}

/** A document that names one page; both can be told to be whole. */
export function documentOf(revision: number, page: string): Uint8Array<ArrayBuffer> {
  const filling = String(revision % 10).repeat(20_000 + (revision % 7) * 5_000);
  return Uint8Array.from(Buffer.from(JSON.stringify({ revision, page, filling })));
}

export function pageOf(name: string): Uint8Array<ArrayBuffer> {
  return new Uint8Array(30_000 + name.charCodeAt(0)).fill(name.charCodeAt(1));
}

/** Entries of two lengths, each with its own number at both ends. */
export function entryOf(number: number): string {
  return JSON.stringify({ first: number, filling: 'x'.repeat(number % 2 === 0 ? 900 : 3), last: number });
}
