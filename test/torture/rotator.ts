/**
 * A rotator: adds a key, makes it active when every process has read it, sweeps, counts, suspends the old keys when
 * their hold is over, and begins again, until it is killed. It waits for one order first, so that it can be killed at
 * once when it is wanted.
 */
import {
  CellsealError,
  CensusStaleError,
  KeyInUseError,
  KeyStateError,
  type Keyring,
  KeyringConflictError,
  NotAcknowledgedError,
  RotationBlockedError,
  RotationSupersededError,
  StoreBusyError,
  activateKey,
  addKey,
  awaitAcknowledgement,
  listKeys,
  refreshKeyring,
  suspendKey,
} from '../../src/index.js';
import { openedOf } from '../../src/keyring/index.js';
import { platformRandom, systemClock } from '../../src/platform.js';
import type { RecordStore } from '../../src/ports/record-store.js';
import { type StepObserver, listQuarantine, rotate } from '../../src/rotation/index.js';
import { countCells } from '../../src/sweep/index.js';
import { type Fault, plantFault } from './faults.js';
import { areHoldsOver, noteHold } from './holds.js';
import { openLog } from './log.js';
import { recordName } from './model.js';
import { type End, Points } from './points.js';
import { Statements } from './statements.js';
import { openApplication, openKeyringStore, openRecords, pause } from './stores.js';
import { recordsLeftBehind, tellPages } from './tell.js';
import { CHUNK_RECORDS, type TableName, type World, everything, rotatorLog, unlock } from './world.js';

/** What a rotator is told, once. */
export interface RotatorOrder {
  readonly end?: End;
  /** Between reading and swapping, a writer changes or deletes a record of the page. */
  readonly meets: 'patch' | 'delete' | undefined;
  /** Does not wait until every process has read which key is active now. */
  readonly isHasty: boolean;
  /** Of a proxy. */
  readonly port?: number;
  readonly fault?: Fault | undefined;
  /** Ends when no cell is under an old key. */
  readonly isLast: boolean;
}

/** What it asks for; it goes on when it is answered. */
export type RotatorSaid =
  | { readonly ready: true }
  | { readonly meet: readonly string[]; readonly kind: 'patch' | 'delete' }
  | { readonly activating: string };

/** One line of the rotators' log. */
export type RotatorLine = { readonly run: number; readonly at: number } & (
  | { readonly began: true }
  /** The job record that is written now, and whether it begins at the beginning. */
  | { readonly job: string; readonly isFresh: boolean }
  | {
      readonly page: TableName;
      readonly pass: number;
      readonly keys: readonly string[];
      readonly isLast: boolean;
    }
  /** The sweep says that all is done: what is under another key than the active one all the same. */
  | { readonly swept: string; readonly left: readonly string[] }
  | { readonly suspended: string }
  | { readonly activated: string }
  | { readonly failed: string }
  | { readonly violation: string }
);

const ACKNOWLEDGEMENT_MS = 8_000;

const world = JSON.parse(process.argv[2] ?? '{}') as World;
const points = new Points();
const append = openLog<RotatorLine>(rotatorLog(world), { isSynced: false });
type Told<T> = T extends unknown ? Omit<T, 'run' | 'at'> : never;
const log = (line: Told<RotatorLine>): void =>
  append({ run: process.pid, at: Date.now(), ...line } as RotatorLine);

process.send?.({ ready: true } satisfies RotatorSaid);
const order = await new Promise<RotatorOrder>((resolve) => process.once('message', resolve as never));
await work();
process.disconnect();

async function work(): Promise<void> {
  points.endAt(order.end);
  log({ began: true });
  const statements = new Statements((point) => points.reach(point));
  const keyringStore = await openKeyringStore(world, order.port);
  const opened = await openRecords(world, statements, order.port);
  const keyring = await again(() => unlock(keyringStore.value));
  if (keyring === 'over') return;
  const application = order.fault === 'upsert' ? await openApplication(world) : undefined;
  const silent = plantFault(opened.value, order.fault, application);
  const records = tellPages(silent, log);
  let page: readonly string[] = [];
  const told: RecordStore = {
    ...records,
    async page(layout, request) {
      const found = await records.page(layout, request);
      page = found.records.map(({ id }) => recordName(layout.name as TableName, String(id[0])));
      return found;
    },
  };
  const observer: StepObserver = {
    before: (step) => points.reach(`before ${step}`),
    async after(step) {
      if (step === 'chunk.rewrite' && order.meets) await ask({ meet: page, kind: order.meets });
      points.reach(`after ${step}`);
    },
  };
  for (;;) {
    const outcome = await again(() => turn(keyring, told, silent, observer));
    if (outcome === 'over') break;
  }
  await application?.close();
  await opened.close();
  await keyringStore.close();
}

/** Does it once more where somebody else was faster, held a lock, or a connection was lost: nothing is lost by that. */
async function again<T>(work: () => Promise<T>): Promise<T | 'over'> {
  for (;;) {
    try {
      return await work();
    } catch (error) {
      const code = error instanceof CellsealError ? error.code : String((error as { code?: unknown }).code);
      if (error instanceof RotationSupersededError) {
        log({ failed: code });
        return 'over';
      }
      if (!isExpected(error)) {
        log({ violation: `a rotator failed: ${String(error)} (${code})` });
        return 'over';
      }
      log({ failed: code });
      await pause(20);
    }
  }
}

function isExpected(error: unknown): boolean {
  if (error instanceof RotationBlockedError) return error.reason === 'hot-records';
  if (error instanceof CellsealError) return EXPECTED.some((type) => error instanceof type);
  const { code, message } = error as { code?: unknown; message?: unknown };
  return (
    /^(ECONNRESET|ECONNREFUSED|EPIPE|PROTOCOL_CONNECTION_LOST)$/.test(String(code)) ||
    /[Cc]onnection (terminated|ended|is closed|lost)|closed state/.test(String(message))
  );
}

const EXPECTED = [
  KeyringConflictError,
  CensusStaleError,
  NotAcknowledgedError,
  KeyInUseError,
  KeyStateError,
  StoreBusyError,
];

/** One stretch of the way; where it goes on, the keyring and the census say. */
async function turn(
  keyring: Keyring,
  records: RecordStore,
  silent: RecordStore,
  observer: StepObserver,
): Promise<'on' | 'over'> {
  await refreshKeyring(keyring);
  const keys = listKeys(keyring).filter(({ kind }) => kind === 'data');
  const waiting = keys.find(({ state }) => state === 'pre-active');
  if (waiting && !order.isLast) {
    await awaitAcknowledgement(keyring, undefined, { timeoutMs: ACKNOWLEDGEMENT_MS });
    await ask({ activating: waiting.keyId });
    await change('key.activate', () => activateKey(keyring, waiting.keyId));
    log({ activated: waiting.keyId });
    if (!order.isHasty) await awaitAcknowledgement(keyring, undefined, { timeoutMs: ACKNOWLEDGEMENT_MS });
    return 'on';
  }

  const old = keys.filter(({ state }) => state === 'deactivated').map(({ keyId }) => keyId);
  const count = await counted(keyring, records, observer);
  if (old.some((keyId) => (count.cells[keyId] ?? 0) > 0)) {
    const sweep = rotate(everything, { keyring, records, chunkRecords: CHUNK_RECORDS, observer });
    for await (const progress of sweep) void progress;
    const aim = activeKey(keyring);
    const left = await recordsLeftBehind(silent, aim);
    await refreshKeyring(keyring);
    // Another rotator may have made another key active behind the last chunk: then all is under an old one.
    log({ swept: aim, left: activeKey(keyring) === aim ? left : [] });
    const refused = await listQuarantine({ keyring, records });
    if (refused.length > 0) log({ violation: `${refused.length} cells were refused` });
    return 'on';
  }
  if (order.isLast) return 'over';

  // Nobody that has a cell under an old key in hand may still write it when that key is suspended.
  for (const keyId of old) {
    if (!areHoldsOver(world, keyId)) continue;
    const second = await counted(keyring, records, observer);
    await change('key.suspend', () => suspendKey(keyring, keyId, second));
    log({ suspended: keyId });
  }
  if (count.behind.length === 0) for (const keyId of old) noteHold(world, keyId);
  await change('key.add', () => addKey(keyring));
  return 'on';
}

function activeKey(keyring: Keyring): string {
  return listKeys(keyring).find(({ kind, state }) => kind === 'data' && state === 'active')?.keyId ?? '';
}

function counted(keyring: Keyring, records: RecordStore, observer: StepObserver) {
  const environment = { clock: systemClock, random: platformRandom, observer, signal: undefined };
  return countCells(environment, openedOf(keyring), everything, records);
}

async function change<T>(name: string, work: () => Promise<T>): Promise<T> {
  points.reach(`before ${name}`);
  const result = await work();
  points.reach(`after ${name}`);
  return result;
}

/** Asks, and waits for the answer. */
function ask(said: RotatorSaid): Promise<unknown> {
  const answer = new Promise((resolve) => process.once('message', resolve));
  process.send?.(said);
  return answer;
}
