/**
 * A process that uses a keyring as an application does, and does what it is told by messages: `fork(member.ts, [STORE,
 * PLACE, RAW_KEY, NAME, MAX_STALE_MS])`. Told nothing (`spawn`), it watches the keyring and has nothing else to do.
 */
import { join } from 'node:path';
import {
  type Keyring,
  addTenants,
  closeKeyring,
  listTenantKeys,
  openKeyring,
  watchKeyring,
} from '../../../src/index.js';
import { openedOf } from '../../../src/keyring/index.js';
import type { KeyringStore } from '../../../src/ports/keyring-store.js';
import { fileKeyring } from '../../../src/store/file-keyring.js';
import { sqliteKeyring } from '../../../src/store/sqlite.js';
import { DRIVERS } from '../../stores/sqlite-drivers.js';

/** Where a keyring lies. */
export type StoreName = 'files' | 'SQLite';

/** A store of its own for each process. */
export function storeAt(name: StoreName, place: string): KeyringStore {
  if (name === 'files') return fileKeyring(join(place, 'keyring'));
  const client = DRIVERS[0]?.open(join(place, 'keyring.db'));
  if (!client) throw new Error('this Node has no SQLite');
  client.exec('PRAGMA busy_timeout = 10000');
  return sqliteKeyring(client);
}

/** What to do. */
export type Task =
  | { readonly do: 'seal'; readonly cells: number }
  /** Seals without end, and keeps when each key was used last. */
  | { readonly do: 'seal on' }
  | { readonly do: 'tell' }
  | { readonly do: 'add tenants'; readonly from: number; readonly rounds: number }
  | { readonly do: 'tenants'; readonly tenants: readonly string[] }
  | { readonly do: 'close' };

const TENANTS_A_ROUND = 5;
/** Long enough that a few hundred need pages. */
export const memberTenant = (i: number): string => `member-${i}-`.padEnd(800, 'x');

/** By key: the last moment at which one was about to be sealed, by the wall clock. */
const lastUsed = new Map<string, number>();
const failures = new Set<unknown>();
let [opened, stopSealing]: [Keyring | undefined, boolean] = [undefined, false];

async function seal(keyring: Keyring): Promise<void> {
  const atMs = Date.now();
  const { keyId } = await openedOf(keyring).sealingKey(undefined, {});
  lastUsed.set(keyId, atMs);
}

async function sealOn(keyring: Keyring): Promise<void> {
  while (!stopSealing) {
    await seal(keyring).catch((error: { code?: unknown }) => failures.add(error.code ?? String(error)));
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

async function carryOut(keyring: Keyring, task: Task): Promise<unknown> {
  if (task.do === 'seal') {
    for (let i = 0; i < task.cells; i++) {
      const key = openedOf(keyring).sealingKey(undefined, {});
      if (key instanceof Promise) await key;
      if (i % 10_000 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    return task.cells;
  }
  if (task.do === 'seal on') return void sealOn(keyring);
  if (task.do === 'tell')
    return { lastUsed: [...lastUsed], failures: [...failures], revision: keyring.revision };
  if (task.do === 'tenants') {
    const keys = await Promise.all(task.tenants.map((tenant) => listTenantKeys(keyring, tenant)));
    return keys.map((own) => own.length);
  }
  if (task.do === 'close') {
    stopSealing = true;
    await closeKeyring(keyring);
    return 'closed';
  }
  const added: string[] = [];
  for (let round = 0; round < task.rounds; round++) {
    const first = task.from + round * TENANTS_A_ROUND;
    const tenants = Array.from({ length: TENANTS_A_ROUND }, (_, i) => memberTenant(first + i));
    for (let isDone = false; !isDone; ) {
      try {
        await addTenants(keyring, tenants);
        isDone = true;
      } catch (error) {
        const { code } = error as { code?: unknown };
        if (code !== 'keyring-conflict' && code !== 'store-busy') throw error;
      }
    }
    added.push(...tenants);
    process.send?.({ added: tenants });
  }
  return added.length;
}

async function live([name, place, secret, processName, maxStaleMs]: readonly string[]): Promise<void> {
  const rawKey = Uint8Array.from(Buffer.from(secret ?? '', 'hex'));
  opened = await openKeyring(storeAt(name as StoreName, place ?? ''), {
    rawKey,
    maxStaleMs: Number(maxStaleMs),
  });
  await watchKeyring(opened, { everyMs: 100, name: processName ?? '' });
  if (!process.send) return void process.stdout.write('watching\n');
  process.on('message', (task: Task) => {
    void carryOut(opened as Keyring, task).then(
      (done) => process.send?.({ done }),
      (error: unknown) => process.send?.({ failed: (error as { code?: unknown }).code ?? String(error) }),
    );
  });
  process.send({ done: 'ready' });
}

// The tests take names from here too.
if (process.argv[1]?.endsWith('member.ts')) await live(process.argv.slice(2));
