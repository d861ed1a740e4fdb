/**
 * A rotator: adds a key, makes it active when every process has read it, sweeps, counts, suspends the old keys when
 * their hold is over, and begins again, until it is killed. It waits for one order first, so that it can be killed at
 * once when it is wanted.
 */
import {
  CellsealError,
  type Census,
  CensusStaleError,
  KeyInUseError,
  type KeyInfo,
  type KeyKind,
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
} from '../../src/index.js';
import type { RecordStore } from '../../src/ports/record-store.js';
import {
  type StepObserver,
  census,
  finishRotation,
  listQuarantine,
  planPartitions,
  retryQuarantined,
  rotate,
  rotatePartition,
} from '../../src/rotation/index.js';
import { TOKEN_PREFIX_CHARACTERS } from '../../src/token-form.js';
import { type Fault, plantFault } from './faults.js';
import { areHoldsOver, noteHold } from './holds.js';
import { openLog } from './log.js';
import { recordName } from './model.js';
import { type End, Points } from './points.js';
import { Statements } from './statements.js';
import { openApplication, openKeyringStore, openRecords, pause } from './stores.js';
import { type ActiveKeys, recordsLeftBehind, tellPages } from './tell.js';
import {
  CHUNK_RECORDS,
  POISONED,
  type TableName,
  type World,
  everything,
  rotatorLog,
  unlock,
} from './world.js';

/** Why a rotator ends that was asked to. */
class Terminated extends Error {}

/** What a rotator is told, once. */
export interface RotatorOrder {
  readonly end?: End;
  /** Between reading and swapping, a writer changes or deletes a record of the page. */
  readonly meets: 'patch' | 'delete' | undefined;
  /** Does not wait until every process has read which key is active now. */
  readonly isHasty: boolean;
  /** Sweeps ranges of keys, two at a time, which keeps no job record. */
  readonly isPartitioned: boolean;
  /** Of a proxy. */
  readonly port?: number;
  readonly fault?: Fault | undefined;
  /** Changes keys of this kind only. */
  readonly only?: KeyKind | undefined;
  /** Ends when no cell and no token is under an old key. */
  readonly isLast: boolean;
}

/** What it asks for; it goes on when it is answered. */
export type RotatorSaid =
  | { readonly ready: true }
  | { readonly meet: readonly string[]; readonly kind: 'patch' | 'delete' }
  | { readonly refused: number }
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
  | { readonly partitions: true }
  | { readonly suspended: string }
  | { readonly activated: string; readonly kind: KeyKind }
  | { readonly failed: string }
  | { readonly violation: string }
);

const ACKNOWLEDGEMENT_MS = 8_000;
const PARTITION_RECORDS = 100;
/** Somebody else was faster, holds a lock, or has not read the keyring yet. */
const EXPECTED = [
  KeyringConflictError,
  CensusStaleError,
  NotAcknowledgedError,
  KeyInUseError,
  KeyStateError,
  StoreBusyError,
];

const world = JSON.parse(process.argv[2] ?? '{}') as World;
const points = new Points();
const terminated = new AbortController();
process.once('SIGTERM', () => terminated.abort(new Terminated()));
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
  while (!terminated.signal.aborted) {
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
      if (error instanceof RotationSupersededError || error instanceof Terminated) {
        log({ failed: error.name });
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

/** One stretch of the way; where it goes on, the keyring and the census say. */
async function turn(
  keyring: Keyring,
  records: RecordStore,
  silent: RecordStore,
  observer: StepObserver,
): Promise<'on' | 'over'> {
  await refreshKeyring(keyring);
  const keys = listKeys(keyring);
  if (waitingIn(keys).length > 0 && !order.isLast) {
    if (isHalf(keys)) await change('key.add', () => addKey(keyring, { kind: nextKind(keys) }));
    const waiting = waitingIn(listKeys(keyring));
    await awaitAcknowledgement(keyring, undefined, { timeoutMs: ACKNOWLEDGEMENT_MS });
    await ask({ activating: waiting.map(({ keyId }) => keyId).join(' ') });
    for (const { keyId, kind } of waiting) {
      await change('key.activate', () => activateKey(keyring, keyId));
      log({ activated: keyId, kind });
    }
    if (!order.isHasty) await awaitAcknowledgement(keyring, undefined, { timeoutMs: ACKNOWLEDGEMENT_MS });
    return 'on';
  }

  const refused = await listQuarantine({ keyring, records });
  if (refused.length > 0) {
    const strange = refused.filter(({ key }) => !key.includes(String(POISONED)));
    if (strange.length > 0) log({ violation: `${strange.length} cells were refused` });
    await ask({ refused: refused.length });
    await retryQuarantined(everything, { keyring, records, observer });
  }

  const old = keys.filter(({ state }) => state === 'deactivated');
  const count = await census(everything, { keyring, records, observer });
  if (old.some((key) => isUsed(key, count))) {
    if (order.isPartitioned) await sweepPartitions(keyring, silent, observer);
    else await sweep(keyring, records, silent, observer);
    return 'on';
  }
  if (order.isLast) return 'over';

  await finish(keyring, records, observer, {});
  // Nobody that has a cell under an old key in hand may still write it when that key is suspended.
  const oldIds = old.map(({ keyId }) => keyId);
  if (areHoldsOver(world, oldIds)) await finish(keyring, records, observer, { withoutHold: true });
  await change('key.add', () => addKey(keyring, { kind: nextKind(keys) }));
  return 'on';
}

function waitingIn(keys: readonly KeyInfo[]): KeyInfo[] {
  return keys.filter(({ state }) => state === 'pre-active');
}

/** A data key, an index key, both together, and so on: what comes next is seen by what there is. */
function nextKind(keys: readonly KeyInfo[]): KeyKind {
  return order.only ?? (countOf(keys, 'data') > countOf(keys, 'index') ? 'index' : 'data');
}

/** Whether a data key waits that is changed together with an index key, and that is not there yet. */
function isHalf(keys: readonly KeyInfo[]): boolean {
  const data = countOf(keys, 'data');
  return order.only === undefined && data % 2 === 1 && data > countOf(keys, 'index');
}

function countOf(keys: readonly KeyInfo[], kind: KeyKind): number {
  return keys.filter((key) => key.kind === kind).length;
}

function isUsed({ keyId, kind }: KeyInfo, { cells, tokens }: Census): boolean {
  const count = kind === 'data' ? cells[keyId] : tokens[keyId.slice(0, TOKEN_PREFIX_CHARACTERS)];
  return (count ?? 0) > 0;
}

/** All tables, from where the last one stopped. */
async function sweep(
  keyring: Keyring,
  records: RecordStore,
  silent: RecordStore,
  observer: StepObserver,
): Promise<void> {
  const options = { keyring, records, chunkRecords: CHUNK_RECORDS, observer, signal: terminated.signal };
  let state = '';
  for await (const progress of rotate(everything, options)) state = progress.state;
  if (state !== 'swept') return pause(50); // paused
  const aim = activeKeys(keyring);
  const left = (await recordsLeftBehind(silent, aim)).filter((name) => !name.endsWith(String(POISONED)));
  await refreshKeyring(keyring);
  // Another rotator may have made another key active behind the last chunk: then all is under an old one.
  const now = activeKeys(keyring);
  const isStill = now.data === aim.data && now.index === aim.index;
  log({ swept: `${aim.data} ${aim.index}`, left: isStill ? left : [] });
}

/** Ranges of keys, two at a time, as two machines would. */
async function sweepPartitions(
  keyring: Keyring,
  records: RecordStore,
  observer: StepObserver,
): Promise<void> {
  const partitions = [
    ...(await planPartitions(everything, {
      keyring,
      records,
      observer,
      partitionRecords: PARTITION_RECORDS,
    })),
  ];
  const options = { keyring, records, observer, chunkRecords: CHUNK_RECORDS, signal: terminated.signal };
  const machine = async (): Promise<void> => {
    for (let next = partitions.pop(); next; next = partitions.pop())
      await rotatePartition(everything, next, options);
  };
  await Promise.all([machine(), machine()]);
  log({ partitions: true });
}

async function finish(
  keyring: Keyring,
  records: RecordStore,
  observer: StepObserver,
  choice: { readonly withoutHold?: true },
): Promise<void> {
  const { held, suspended } = await finishRotation(everything, { keyring, records, observer, ...choice });
  for (const { keyId } of held) noteHold(world, keyId);
  for (const keyId of suspended) log({ suspended: keyId });
}

function activeKeys(keyring: Keyring): ActiveKeys {
  const active = listKeys(keyring).filter(({ state }) => state === 'active');
  const idOf = (kind: KeyKind): string => active.find((key) => key.kind === kind)?.keyId ?? '';
  return { data: idOf('data'), index: idOf('index') };
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
