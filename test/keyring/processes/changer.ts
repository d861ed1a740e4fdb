/**
 * A process with a keyring of its own, that changes it as it is told by messages: `fork(changer.mjs)`. Every call of
 * the store within a change is told on standard output, before and after.
 */
import { writeSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { type Keyring, addSlot, changeKey, changePassphrase, openKeyring } from '../../../src/index.js';
import type { MaybePromise } from '../../../src/maybe.js';
import type { KeyringStore } from '../../../src/ports/keyring-store.js';
import { fileKeyring } from '../../../src/store/file-keyring.js';
import { sqliteKeyring } from '../../../src/store/sqlite.js';
import { type Connection, DRIVERS } from '../../stores/sqlite-drivers.js';
import { ITERATIONS, RAW_KEY } from '../support.js';

/** Where a keyring lies. */
export type Kind = 'files' | 'SQLite';

/** A change that an administrator makes; `next` is the new passphrase. */
export type Change =
  | { readonly name: 'changeKey'; readonly next: string }
  | { readonly name: 'changePassphrase' | 'addSlot'; readonly next: string; readonly current: string };

/** What to do. */
export type Order =
  | {
      readonly do: 'open';
      readonly kind: Kind;
      readonly place: string;
      /** Default: the service's raw key. */
      readonly passphrase?: string;
    }
  | {
      readonly do: 'change';
      readonly change: Change;
      /** Secrets of the slots that changeKey keeps. */
      readonly keepsService: boolean;
      /** Not before when (milliseconds since 1970), so that several begin at once. */
      readonly at?: number;
      /** Before which call of the store to wait for `go`: `read 1`, `write 1` … */
      readonly waitBefore?: string;
      /** For how long, at most, the store waits before and after each call. Default: it does not. */
      readonly slowMs?: number;
    }
  | { readonly do: 'go' };

/** What a process answers: that it waits, what it has done, or what it was told. */
export type Answer = { readonly waits: true } | { readonly code: unknown };

export const SERVICE = { rawKey: RAW_KEY };

/** A database of the keyring's own. */
export function databaseAt(place: string, driver = DRIVERS[0]): Connection {
  if (!driver) throw new Error('this Node has no SQLite');
  const connection = driver.open(join(place, 'keyring.db'));
  connection.exec('PRAGMA busy_timeout = 10000');
  return connection;
}

/** Makes a change, with few iterations. */
export function make(keyring: Keyring, change: Change, keepsService: boolean): Promise<unknown> {
  const { name, next } = change;
  const few = { iterations: ITERATIONS };
  if (name === 'changeKey')
    return changeKey(keyring, { ...few, passphrase: next, keep: keepsService ? [SERVICE] : [] });
  const { current } = change;
  if (name === 'changePassphrase') return changePassphrase(keyring, { ...few, current, next });
  return addSlot(keyring, { ...few, passphrase: next, current: { passphrase: current } });
}

let keyring: Keyring | undefined;
let [waitBefore, slowMs]: [string | undefined, number] = [undefined, 0];
let letGo = (): void => undefined;
const calls = new Map<string, number>();

// Synchronous: what was told is in the pipe before anything else happens.
const tell = (line: string): number => writeSync(1, `${line}\n`);

async function step<T>(name: string, call: () => MaybePromise<T>): Promise<T> {
  const number = (calls.get(name) ?? 0) + 1;
  calls.set(name, number);
  const label = `${name} ${number}`;
  if (slowMs > 0) await pause(slowMs * Math.random());
  tell(label);
  if (label === waitBefore) {
    const gone = new Promise<void>((resolve) => {
      letGo = resolve;
    });
    answer({ waits: true });
    await gone;
  }
  const given = await call();
  tell(`${label} done`);
  if (slowMs > 0) await pause(slowMs * Math.random());
  return given;
}

function telling(inner: Required<KeyringStore>): KeyringStore {
  const { pages, processes } = inner;
  return {
    ...inner,
    read: (maxBytes) => step('read', () => inner.read(maxBytes)),
    write: (next) => step('write', () => inner.write(next)),
    pages: {
      ...pages,
      write: (name, page) => step('page write', () => pages.write(name, page)),
      remove: (names) => step('page removal', () => pages.remove(names)),
    },
    processes: { ...processes, list: () => step('list', () => processes.list()) },
  };
}

async function obey(order: Exclude<Order, { do: 'go' }>): Promise<void> {
  if (order.do === 'open') {
    const { kind, place, passphrase } = order;
    [waitBefore, slowMs] = [undefined, 0];
    // Another driver than the test's own, where there is one: they share the file.
    const store =
      kind === 'files'
        ? fileKeyring(join(place, 'keyring'))
        : sqliteKeyring(databaseAt(place, DRIVERS.at(-1)));
    keyring = await openKeyring(telling(store), passphrase === undefined ? SERVICE : { passphrase });
    return;
  }
  if (!keyring) throw new Error('open first');
  calls.clear();
  [waitBefore, slowMs] = [order.waitBefore, order.slowMs ?? 0];
  tell('begins');
  await make(keyring, order.change, order.keepsService);
  tell('ended');
}

const answer = (given: Answer): boolean | undefined => process.send?.(given);

// The tests take names from here too.
if (process.argv[1]?.endsWith('changer.mjs')) {
  process.on('message', (order: Order) => {
    if (order.do === 'go') return letGo();
    if (order.do === 'change') while (Date.now() < (order.at ?? 0)); // a timer would wake them one after the other
    void obey(order).then(
      () => answer({ code: 'success' }),
      (error: unknown) => answer({ code: (error as { code?: unknown }).code ?? String(error) }),
    );
  });
  answer({ code: 'ready' });
}
