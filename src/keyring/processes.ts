import { DefinitionError, StoreUnfitError } from '../errors.js';
import {
  DEFAULT_WATCH_INTERVAL_MS,
  MAX_LABEL_CHARACTERS,
  MAX_PROCESS_ENTRY_CHARACTERS,
  MAX_STORE_WAIT_MS,
  MIN_WATCH_INTERVAL_MS,
} from '../limits.js';
import type { StopSignal } from '../ports/clock.js';
import type { ProcessRegistry } from '../ports/keyring-store.js';
import { isLine, isObject } from './checks.js';
import { tell } from './events.js';
import { type Keyring, openedOf } from './keyring.js';
import { type OpenedKeyring, randomName } from './opened.js';

/** What {@link watchKeyring} takes. */
export interface WatchOptions {
  /** How often the keyring is read, in milliseconds; an integer from 100. Keep it under half of `maxStaleMs`, or functions whose names end in `Sync` may meet a keyring that is stale. Default: 30,000. */
  readonly everyMs?: number;
  /** What this process calls itself in the registry, such as a host's name: one line of at most 128 characters, not a secret. Default: empty. */
  readonly name?: string;
}

/** A keyring that is being read at intervals. */
export interface KeyringWatch {
  /** The id under which this process is written down in the store's registry; `undefined` where the store keeps none. */
  readonly processId: string | undefined;
  /** Ends it, and strikes the process off. Also done by `closeKeyring`. */
  stop(): Promise<void>;
}

/** A process that uses the keyring, as it has written itself down. Not authenticated: who can write to the store can write this. */
export interface KeyringProcess {
  /** 26 characters of base32, drawn when it began to watch. */
  readonly processId: string;
  /** What it calls itself. */
  readonly name: string;
  /** The revision that it has read. */
  readonly revision: number;
  /** How often it reads, in milliseconds. */
  readonly everyMs: number;
  /** It encrypts nothing once its keyring is older than this, in milliseconds; `undefined`: it has no such limit. */
  readonly maxStaleMs: number | undefined;
  /** One more each time it has read: a process whose beat stands still is gone, or stopped. */
  readonly beat: number;
}

const PROCESS_ID_BYTES = 16;

/**
 * Reads the keyring now, and again every `everyMs`, until the watch is stopped or the keyring closed; each time it
 * writes down, where the store keeps a registry, which revision this process has read. A failure is told to `onEvent`
 * as `read-failed`, and the next turn tries again. The timer does not keep the process alive.
 *
 * @throws DefinitionError if an option is out of bounds.
 */
export async function watchKeyring(keyring: Keyring, options: WatchOptions = {}): Promise<KeyringWatch> {
  const { everyMs = DEFAULT_WATCH_INTERVAL_MS, name = '' } = options;
  if (
    !(Number.isSafeInteger(everyMs) && everyMs >= MIN_WATCH_INTERVAL_MS && everyMs <= 2 ** 31 - 1) ||
    !isLine(name, 0, MAX_LABEL_CHARACTERS)
  ) {
    throw new DefinitionError(
      'everyMs is an integer from 100 to 2,147,483,647; a process’s name is one line of at most 128 characters.',
    );
  }
  const opened = openedOf(keyring);
  opened.newest.assertOpen();
  const registry = opened.newest.store.processes;
  const processId = registry && randomName(opened.environment, PROCESS_ID_BYTES);
  const stopping = stopSwitch();
  let beat = 0;

  const announce = async (): Promise<void> => {
    if (!registry || !processId || stopping.signal.aborted) return;
    const { revision } = opened.document;
    const limit = opened.newest.maxStaleMs;
    const maxStaleMs = Number.isFinite(limit) ? limit : null;
    const entry = JSON.stringify({ name, revision, everyMs, maxStaleMs, beat });
    await registry.announce({ id: processId, entry });
  };
  const turn = async (): Promise<void> => {
    try {
      await opened.newest.refresh();
      beat++;
    } finally {
      await announce(); // also where it could not be read: this process is there, and must be waited for
    }
    await opened.usage.refresh(); // last: nobody should wait for this process because a log fails
  };
  // One after the other: an older entry must not land on a newer one, nor any after the process was struck off.
  let queue: Promise<void> = Promise.resolve();
  const enqueue = (work: () => Promise<void>): Promise<void> => {
    queue = queue.then(work).catch((error: unknown) => {
      if (!stopping.signal.aborted) tell(opened.environment.onEvent, { type: 'read-failed', error });
    });
    return queue;
  };
  const watch = async (): Promise<void> => {
    const { clock } = opened.environment;
    while (!stopping.signal.aborted) {
      await enqueue(turn);
      await clock.sleep(everyMs, stopping.signal, { isIdle: true }).catch(() => undefined);
    }
  };
  const stop = async (): Promise<void> => {
    stopping.stop();
    leaveClose();
    leaveChange();
    // A store that does not answer must not keep a process from ending.
    const { clock } = opened.environment;
    await Promise.race([queue, clock.sleep(MAX_STORE_WAIT_MS, undefined, { isIdle: true })]);
    if (!processId) return;
    opened.processIds.delete(processId);
    await registry?.forget(processId);
  };
  if (processId) opened.processIds.add(processId);
  const leaveClose = opened.onClose(stop);
  // Between two turns too: who waits for this process need not wait for its next one.
  const leaveChange = opened.newest.onChange(() => void enqueue(announce));

  void watch();
  await queue;
  return { processId, stop };
}

/**
 * The processes that have written themselves down with {@link watchKeyring}, in no particular order.
 *
 * @throws StoreUnfitError if the store keeps no registry.
 */
export async function listProcesses(keyring: Keyring): Promise<readonly KeyringProcess[]> {
  return readProcesses(registryOf(openedOf(keyring)));
}

/**
 * Strikes a process off that is gone for good (its machine was taken away). One that is still alive writes itself down
 * again.
 *
 * @throws StoreUnfitError if the store keeps no registry.
 */
export async function forgetProcess(keyring: Keyring, processId: string): Promise<void> {
  await registryOf(openedOf(keyring)).forget(processId);
}

/**
 * Closes the keyring in this process: watches end, the process is struck off, what was counted is told, keys are
 * forgotten. Whatever uses it afterwards throws `KeyringClosedError`. Safe to repeat.
 */
export async function closeKeyring(keyring: Keyring): Promise<void> {
  await openedOf(keyring).close();
}

function registryOf({ newest }: OpenedKeyring): ProcessRegistry {
  newest.assertOpen();
  const { processes } = newest.store;
  if (!processes) throw new StoreUnfitError('This keyring store keeps no registry of processes.');
  return processes;
}

/** An entry that cannot be read (a newer version's, perhaps) is a process of which nothing is known: it is waited for. */
export async function readProcesses(registry: ProcessRegistry): Promise<readonly KeyringProcess[]> {
  const entries = await registry.list();
  return entries.map(({ id, entry }) => parseProcess(id, entry) ?? unreadable(id));
}

function unreadable(processId: string): KeyringProcess {
  return { processId, name: '', revision: 0, everyMs: 0, maxStaleMs: undefined, beat: 0 };
}

function parseProcess(processId: string, entry: string): KeyringProcess | undefined {
  const parsed = entry.length <= MAX_PROCESS_ENTRY_CHARACTERS ? parsedJson(entry) : undefined;
  if (!isObject(parsed)) return undefined;
  const { name, revision, everyMs, maxStaleMs, beat } = parsed;
  const isSound =
    typeof name === 'string' &&
    isLine(name, 0, MAX_LABEL_CHARACTERS) &&
    [revision, everyMs, beat].every((number) => Number.isSafeInteger(number) && (number as number) >= 0) &&
    (maxStaleMs === null || (Number.isSafeInteger(maxStaleMs) && (maxStaleMs as number) > 0));
  if (!isSound) return undefined;
  return {
    processId,
    name,
    revision: revision as number,
    everyMs: everyMs as number,
    maxStaleMs: (maxStaleMs as number | null) ?? undefined,
    beat: beat as number,
  };
}

function parsedJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined; // not written by a process of ours
  }
}

/** An `AbortController`, whose types a project without DOM and Node types lacks. */
function stopSwitch(): { readonly signal: StopSignal; stop(): void } {
  const listeners = new Set<() => void>();
  const signal = {
    aborted: false,
    reason: undefined as unknown,
    throwIfAborted(): void {
      if (signal.aborted) throw signal.reason;
    },
    addEventListener: (_type: 'abort', listener: () => void): void => void listeners.add(listener),
    removeEventListener: (_type: 'abort', listener: () => void): void => void listeners.delete(listener),
  };
  return {
    signal,
    stop(): void {
      signal.aborted = true;
      signal.reason = new Error('The watch was stopped.');
      for (const listener of listeners) listener();
      listeners.clear();
    },
  };
}
