import { join } from 'node:path';
import { type Keyring, bytes, integer, json, openKeyring, schema, table, text } from '../../src/index.js';
import type { KeyringStore } from '../../src/ports/keyring-store.js';

export const STORES = ['postgres', 'mariadb', 'sqlite'] as const;
export type StoreName = (typeof STORES)[number];

/** What all processes of a torture share, as one argument of theirs. */
export interface World {
  readonly store: StoreName;
  readonly keyringIn: 'files' | 'database';
  /** For databases and keyrings in files, and for every process's log. */
  readonly folder: string;
  /** The schema in PostgreSQL, the database in MariaDB. */
  readonly schema: string;
}

export const people = table('people', {
  record: integer('id'),
  encrypt: {
    name: text(),
    email: text({ index: { name: 'email_domain', bits: 8, transform: 'email-domain-1' } }),
    notes: json({ pad: 64 }),
  },
});
export const parcels = table('parcels', {
  record: text('id'),
  encrypt: { label: text(), shelf: integer(), content: bytes({ form: 'binary' }) },
  indexes: { label_shelf: { attributes: ['label', 'shelf'], bits: 8 } },
});
export const everything = schema([people, parcels]);
export const TABLES = { people, parcels } as const;
export type TableName = keyof typeof TABLES;

/** For tests only: a service's raw key stands in no file. */
export const RAW_KEY = new Uint8Array(32).fill(7);

/** A record that no writer writes: now and then one of its cells cannot be read, until it is mended. */
export const POISONED = 9_000_001;

/** Records a chunk: small, so that a pass has many. */
export const CHUNK_RECORDS = 20;
/** A writer that has not read the keyring for so long encrypts nothing. */
export const MAX_STALE_MS = 1_500;

export function unlock(store: Required<KeyringStore>): Promise<Keyring> {
  return openKeyring(store, { rawKey: RAW_KEY });
}

export const writerLog = ({ folder }: World, writer: number): string => join(folder, `writer-${writer}.log`);
export const queryLog = ({ folder }: World, writer: number): string => join(folder, `queries-${writer}.log`);
export const rotatorLog = ({ folder }: World): string => join(folder, 'rotators.log');
export const holdsLog = ({ folder }: World): string => join(folder, 'holds.log');
