/**
 * A process over a keyring store that others use too: `writer.mjs KIND FOLDER PROCESS_ID` changes everything in it until
 * it is killed, and tells on standard output what is done. `writer.mjs KIND` does what it is told to, where and when.
 */
import { createHash, randomBytes } from 'node:crypto';
import { writeSync } from 'node:fs';
import { base32 } from '../../../src/bytes.js';
import type { KeyringStore } from '../../../src/ports/keyring-store.js';
import { CELLS, KEY_ID, type Kind, documentOf, entryOf, openStore, pageOf } from './world.js';

const MIB = 1024 * 1024;
const [kind = 'files', folder, id = ''] = process.argv.slice(2) as [Kind, string?, string?];

// Synchronous: what was told is in the pipe before anything else happens.
const tell = (line: string): number => writeSync(1, `${line}\n`);

async function change(store: Required<KeyringStore>, number: number): Promise<void> {
  await store.processes.announce({ id, entry: entryOf(number) });
  tell(`announced ${number}`);
  await store.usage.add(KEY_ID, CELLS);
  tell('added');
  const newest = await store.read(MIB);
  const revision = (newest?.revision ?? 0) + 1;
  const page = base32(randomBytes(16));
  await store.pages.write(page, pageOf(page));
  const document = documentOf(revision, page);
  if (!(await store.write({ revision, document }))) {
    await store.pages.remove([page]); // another was faster
    return;
  }
  tell(`wrote ${revision} ${createHash('sha256').update(document).digest('hex')}`);
  const before = newest && (JSON.parse(Buffer.from(newest.document).toString()) as { page: string });
  if (before) await store.pages.remove([before.page]);
}

/** What a process that waits is told to do, and not before when (milliseconds since 1970). */
export interface Order {
  readonly at: number;
  readonly place: string;
  /** Begin a keyring with this revision: by writing where it is 1, by restoring otherwise. */
  readonly revision?: number;
  /** Add to the usage so often. */
  readonly adds?: number;
}

async function obey({ at, place, revision, adds = 0 }: Order): Promise<boolean> {
  const store = openStore(kind, place);
  while (Date.now() < at); // a timer would wake the processes one after the other
  for (let i = 0; i < adds; i++) await store.usage.add(KEY_ID, CELLS);
  if (revision === undefined) return true;
  const document = Uint8Array.from(Buffer.from(`by ${process.pid}`));
  return revision === 1 ? store.write({ revision, document }) : store.restore({ revision, document });
}

if (folder === undefined) {
  process.on('message', (order: Order) => void obey(order).then((did) => process.send?.(did)));
  process.send?.('ready');
} else {
  const store = openStore(kind, folder);
  for (let number = 1; ; number++) await change(store, number);
}
