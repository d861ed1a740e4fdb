/** Stores of which one call goes wrong, and what is done over them, at each of its calls in turn. */
import type { MaybePromise } from '../../src/maybe.js';
import type { KeyringStore } from '../../src/ports/keyring-store.js';
import { codeOf } from './support.js';

/**
 * How a call goes wrong. `fails`: it throws, having done nothing; `loses`: it does what it is told, and throws; the
 * process lives on. `dies before` and `dies after`: it never answers, and nothing is called after it.
 */
export const CRASHES = ['fails', 'loses', 'dies before', 'dies after'] as const;
export type Crash = (typeof CRASHES)[number];

/** The code of what a call throws that fails or loses its answer. */
export const CRASHED = 'a crash, as the test has asked';

interface Crashing {
  readonly store: Required<KeyringStore>;
  /** The calls so far, by their names. */
  readonly calls: readonly string[];
  readonly died: Promise<'died'>;
}

/** The store, whose `at`-th call, from 1, goes wrong. */
export function crashing(inner: Required<KeyringStore>, at: number, crash: Crash): Crashing {
  const calls: string[] = [];
  let isDead = false;
  let die = (): void => undefined;
  const died = new Promise<'died'>((resolve) => {
    die = () => {
      isDead = true;
      resolve('died');
    };
  });
  const never = <T>(): Promise<T> => new Promise<T>(() => undefined);

  async function run<T>(name: string, call: () => MaybePromise<T>): Promise<T> {
    if (isDead) return never();
    calls.push(name);
    if (calls.length !== at) return call();
    if (crash === 'loses' || crash === 'dies after') await call();
    if (crash === 'fails' || crash === 'loses') throw Object.assign(new Error(CRASHED), { code: CRASHED });
    die();
    return never();
  }
  return { calls, died, store: watched(inner, run) };
}

/** A store each of whose calls goes through `run`. */
export function watched(
  inner: Required<KeyringStore>,
  run: <T>(name: string, call: () => MaybePromise<T>) => Promise<T>,
): Required<KeyringStore> {
  const { pages, processes } = inner;
  return {
    read: (maxBytes) => run('read', () => inner.read(maxBytes)),
    write: (next) => run('write', () => inner.write(next)),
    restore: (next) => run('restore', () => inner.restore(next)),
    pages: {
      read: (name, maxBytes) => run('pages.read', () => pages.read(name, maxBytes)),
      write: (name, page) => run('pages.write', () => pages.write(name, page)),
      remove: (names) => run('pages.remove', () => pages.remove(names)),
    },
    processes: {
      announce: (process) => run('processes.announce', () => processes.announce(process)),
      list: () => run('processes.list', () => processes.list()),
      forget: (id) => run('processes.forget', () => processes.forget(id)),
    },
    usage: inner.usage,
  };
}

/** Where it went wrong, and what came of it. */
export interface Wreck<World> {
  readonly world: World;
  readonly crash: Crash;
  /** The name of the call, with its number; `undefined` where there was none to go wrong any more. */
  readonly call: string | undefined;
  /** `success`, `died`, or the code of the error. */
  readonly outcome: unknown;
}

/**
 * Does `act` in worlds that are alike, over a store that goes wrong at its first call, its second, and so on until no
 * call is left, in every way there is; looks at what each has left. Gives back the names of the calls.
 */
export async function crashEverywhere<World extends { readonly keyrings: Required<KeyringStore> }>(
  begin: () => Promise<World>,
  act: (world: World) => Promise<unknown>,
  look: (wreck: Wreck<World>) => Promise<void>,
): Promise<readonly string[]> {
  let through: readonly string[] = [];
  for (const crash of CRASHES) {
    for (let at = 1; ; at++) {
      const world = await begin();
      const { store, calls, died } = crashing(world.keyrings, at, crash);
      const outcome = await Promise.race([codeOf(act({ ...world, keyrings: store })), died]);
      const name = calls[at - 1];
      await look({ world, crash, call: name && `${at}: ${name}`, outcome });
      if (name !== undefined) continue;
      if (outcome !== 'success') throw new Error(`without a crash it ended in ${String(outcome)}`);
      through = [...calls];
      break;
    }
  }
  return through;
}
