/** Holds what is in the tables against what was acknowledged, with a reader that shares no line with the library. */

import { indexToken } from '../oracle/blind-index.js';
import { type DataKey, open } from '../oracle/cell.js';
import { readDocument } from '../oracle/keyring-document.js';
import { INDEXES, type QueryLine, judge } from './indexes.js';
import { readLog } from './log.js';
import {
  type Candidates,
  type LoggedDeed,
  type Values,
  type WriterLine,
  deedsOf,
  recordName,
  replay,
} from './model.js';
import type { RotatorLine } from './rotator.js';
import { type Row, openApplication, openKeyringStore, storedRows, valuesOf } from './stores.js';
import {
  CHUNK_RECORDS,
  RAW_KEY,
  TABLES,
  type TableName,
  type World,
  queryLog,
  rotatorLog,
  writerLog,
} from './world.js';

/** What a torture has found. Every list is empty where all is well. */
export interface Findings {
  /** Writes whose answer was "done". */
  readonly acknowledged: number;
  /** Writes that ended without an answer: both outcomes are right. */
  readonly unanswered: number;
  readonly records: number;
  readonly cells: number;
  /** Records whose acknowledged content is not there. */
  readonly lost: readonly string[];
  /** Records that were deleted, or never written, and are there. */
  readonly resurrected: readonly string[];
  /** Cells that the keyring, as it is stored, does not open. */
  readonly undecryptable: readonly string[];
  /** Cells under a key that is not the active one. */
  readonly underOldKeys: number;
  /** Tokens at the end. */
  readonly tokens: number;
  /** Tokens under an index key that is not the active one. */
  readonly staleTokens: number;
  /** Columns of records whose token is not that of the value under a key that is alive, is missing, or should not be. */
  readonly wrongTokens: readonly string[];
  /** Look-ups that were answered. */
  readonly queries: number;
  /** Records that they found. */
  readonly answers: number;
  /** Candidates of theirs that were left out after decryption. */
  readonly leftOut: number;
  /** Records found that did not have the value. */
  readonly wrong: readonly string[];
  /** Records not found that had the value. */
  readonly missing: readonly string[];
  /** Records under an old key that a finished sweep has passed over, and that nobody wrote meanwhile. */
  readonly passedOver: readonly string[];
  /** What processes saw that must not be. */
  readonly violations: readonly string[];
  readonly work: RepeatedWork;
}

/** What crashes have cost. */
export interface RepeatedWork {
  /** Jobs that were begun at the beginning. */
  readonly jobs: number;
  /** Times that a job went from one process to another. */
  readonly handovers: number;
  /** Records looked at. */
  readonly scanned: number;
  /** Records looked at once more in the same pass of a job. */
  readonly repeated: number;
  /** The most that one process has repeated of what one before it had looked at: at most a chunk. Where two crash over one chunk, and a writer shifts it between, each has its own. */
  readonly mostAtOnce: number;
  /** The most records of one chunk: more than it holds where it was read again and writers had shifted it. */
  readonly largestChunk: number;
  /** Jobs begun again at the beginning though they had not come to an end. */
  readonly begunAgain: number;
  /** Rotations that ended with every cell under the active key. */
  readonly sweeps: number;
  readonly activated: number;
  /** Of those: index keys. */
  readonly indexActivated: number;
  readonly suspended: number;
}

export async function verify(world: World, writers: number): Promise<Findings> {
  const logs = Array.from({ length: writers }, (_, i) => readLog<WriterLine>(writerLog(world, i)));
  const rotators = readLog<RotatorLine>(rotatorLog(world));
  const deeds = logs.flatMap((lines) => deedsOf(lines));
  const wanted = replay(deeds);
  const queries = Array.from({ length: writers }, (_, i) => readLog<QueryLine>(queryLog(world, i))).flat();
  const keys = await readKeys(world);
  const application = await openApplication(world);
  const state = {
    lost: [] as string[],
    resurrected: [] as string[],
    undecryptable: [] as string[],
    wrongTokens: [] as string[],
    cells: 0,
    old: 0,
    tokens: 0,
    stale: 0,
  };
  const found = new Set<string>();
  for (const table of Object.keys(TABLES) as TableName[]) {
    for (const [name, row] of await storedRows(application, table)) {
      found.add(name);
      const values = readRow(table, row, keys, state);
      if (values) checkTokens(table, name, row, values, keys, state);
      if (values) compare(name, values, wanted.get(name) ?? [null], state);
    }
  }
  await application.close();
  for (const [name, candidates] of wanted)
    if (!found.has(name) && !candidates.includes(null)) state.lost.push(`${name} is gone`);

  return {
    acknowledged: deeds.filter(({ outcome }) => outcome === 'done').length,
    unanswered: deeds.filter(({ outcome }) => outcome === 'unknown').length,
    records: found.size,
    cells: state.cells,
    lost: state.lost,
    resurrected: state.resurrected,
    undecryptable: state.undecryptable,
    underOldKeys: state.old,
    tokens: state.tokens,
    staleTokens: state.stale,
    wrongTokens: state.wrongTokens,
    queries: queries.length,
    answers: queries.reduce((sum, { found }) => sum + found.length, 0),
    leftOut: queries.reduce((sum, { leftOut }) => sum + leftOut, 0),
    ...judge(queries, deeds),
    passedOver: passedOver(rotators, deeds),
    violations: [...logs.flat(), ...rotators].flatMap((line) => ('violation' in line ? line.violation : [])),
    work: repeatedWork(rotators),
  };
}

interface State {
  readonly lost: string[];
  readonly resurrected: string[];
  readonly undecryptable: string[];
  readonly wrongTokens: string[];
  cells: number;
  old: number;
  tokens: number;
  stale: number;
}

/** Each token is that of the value as it was decrypted, under an index key that is alive. */
function checkTokens(
  table: TableName,
  name: string,
  row: Row,
  values: Values,
  { index }: Keys,
  state: State,
): void {
  for (const { of, ...shape } of INDEXES.filter((one) => one.table === table)) {
    const stored = row[shape.name] as string | null;
    const value = of(values);
    if (stored !== null) state.tokens++;
    const key = index.keys.find(({ keyId }) => stored?.startsWith(keyId.slice(0, 8)));
    if (stored !== null && key?.keyId !== index.active) state.stale++;
    const right = value === null ? null : key ? indexToken(key.key, shape, value) : undefined;
    if (stored !== right) state.wrongTokens.push(`${name} ${shape.name}`);
  }
}

function compare(name: string, values: Values, candidates: Candidates, state: State): void {
  const isWanted = candidates.some((candidate) => candidate !== null && isSame(candidate, values));
  if (isWanted) return;
  const isGone = candidates.every((candidate) => candidate === null);
  if (isGone) state.resurrected.push(name);
  else state.lost.push(`${name} is not as it was written`);
}

interface Keys {
  readonly data: readonly DataKey[];
  readonly active: string;
  /** Those that are alive. */
  readonly index: {
    readonly keys: readonly { readonly keyId: string; readonly key: Uint8Array }[];
    readonly active: string;
  };
}

/** The keys of the keyring as it is stored at this moment. */
async function readKeys(world: World): Promise<Keys> {
  const store = await openKeyringStore(world);
  const stored = await store.value.read(16 * 1024 * 1024);
  await store.close();
  if (!stored) throw new Error('There is no keyring any more.');
  const { document, code } = {
    document: undefined,
    ...readDocument(stored.document, stored.revision, { rawKey: RAW_KEY }),
  };
  if (!document) throw new Error(`The keyring is refused: ${code}.`);
  const ofKind = (wanted: string) =>
    document.keys
      .filter(({ kind }) => kind === wanted)
      .flatMap(({ key, ...rest }) => (key ? { key, ...rest } : []));
  const activeOf = (wanted: string): string =>
    ofKind(wanted).find(({ state }) => state === 'active')?.keyId ?? '';
  return {
    data: ofKind('data').map(({ key, state }) => ({ key, state })),
    active: activeOf('data'),
    index: { keys: ofKind('index').filter(({ state }) => state !== 'suspended'), active: activeOf('index') },
  };
}

function readRow(table: TableName, row: Row, { data, active }: Keys, state: State): Values | undefined {
  const values: Record<string, unknown> = { id: row['id'] };
  let isWhole = true;
  const record = table === 'people' ? BigInt(row['id'] as number) : (row['id'] as string);
  for (const [column, { type, pad }] of Object.entries(SHAPES[table])) {
    const stored = row[column];
    values[column] = null;
    if (stored === null) continue;
    state.cells++;
    if (keyIdOf(stored) !== active) state.old++;
    const opened = open(stored as string | Uint8Array, {
      mode: 'randomized',
      context: { table, column, record },
      keys: data,
      type,
      ...(pad === undefined ? {} : { pad }),
    });
    if (opened.refusal === 'success')
      values[column] = typeof opened.value === 'bigint' ? Number(opened.value) : opened.value;
    else {
      isWhole = false;
      state.undecryptable.push(`${recordName(table, String(row['id']))} ${column}: ${opened.refusal}`);
    }
  }
  return isWhole ? valuesOf(values) : undefined;
}

/** The definitions, said a second time. */
const SHAPES = {
  people: { name: { type: 'text' }, email: { type: 'text' }, notes: { type: 'json', pad: 64 } },
  parcels: { label: { type: 'text' }, shelf: { type: 'integer' }, content: { type: 'bytes' } },
} as const satisfies Record<
  TableName,
  Record<string, { type: 'text' | 'integer' | 'json' | 'bytes'; pad?: number }>
>;

function keyIdOf(cell: unknown): string {
  if (typeof cell === 'string') return cell.slice(5, 31);
  const bits = [...(cell as Uint8Array).subarray(2, 18)]
    .map((byte) => byte.toString(2).padStart(8, '0'))
    .join('');
  const letters = bits.padEnd(130, '0').match(/.{5}/g) ?? [];
  return letters.map((five) => 'abcdefghijklmnopqrstuvwxyz234567'[Number.parseInt(five, 2)]).join('');
}

function isSame(a: Values, b: Values): boolean {
  const sorted = (values: Values): string =>
    JSON.stringify(Object.entries(values).sort(([one], [other]) => (one < other ? -1 : 1)));
  return sorted(a) === sorted(b);
}

/** A sweep that says "all is done" may have missed what was written behind it, and nothing else. */
function passedOver(rotators: readonly RotatorLine[], deeds: readonly LoggedDeed[]): string[] {
  const byRecord = new Map<string, LoggedDeed[]>();
  for (const deed of deeds) {
    const name = recordName(deed.table, deed.id);
    byRecord.set(name, [...(byRecord.get(name) ?? []), deed]);
  }
  const jobs = new Map<number, string>();
  const began = new Map<string, number>();
  const looked = new Map<string, Map<string, number>>();
  const missed: string[] = [];
  for (const line of rotators) {
    if ('job' in line) {
      jobs.set(line.run, line.job);
      if (line.isFresh) began.set(line.job, line.at);
    }
    const job = jobs.get(line.run) ?? '';
    if ('page' in line) {
      const seen = looked.get(job) ?? new Map<string, number>();
      looked.set(job, seen);
      for (const key of line.keys) if (!seen.has(key)) seen.set(key, line.at);
    }
    if (!('swept' in line)) continue;
    for (const name of line.left) {
      const since = looked.get(job)?.get(name) ?? began.get(job) ?? 0;
      const isWritten = byRecord.get(name)?.some(({ until, from }) => until >= since && from <= line.at);
      if (!isWritten) missed.push(name);
    }
  }
  return missed;
}

export function repeatedWork(rotators: readonly RotatorLine[]): RepeatedWork {
  /** What a process is at, and since when: one more at every job record that it writes to begin or go on. */
  const turns = new Map<number, { readonly job: string; readonly turn: number }>();
  /** By pass of a job: in whose turn a record was looked at last. */
  const seen = new Map<string, Map<string, number>>();
  const ended = new Set<string>();
  /** Who has taken a job over last. */
  const holders = new Map<string, number>();
  const jobs = new Set<string>();
  /** By who is at it now, and the turn in which the records were looked at before: what one crash has cost. */
  const ofCrash = new Map<string, number>();
  /** By turn: the chunk that it was at last, as often as it has read it. */
  const lastChunks = new Map<number, ReadonlySet<string>>();
  let [newest, count] = ['', 0];
  const work = {
    jobs: 0,
    handovers: 0,
    scanned: 0,
    repeated: 0,
    mostAtOnce: 0,
    largestChunk: CHUNK_RECORDS,
    begunAgain: 0,
  };
  for (const line of rotators) {
    if ('job' in line) {
      if (line.isFresh) {
        work.jobs++;
        // The scope stands before the time.
        if (newest.split(' ')[0] === line.job.split(' ')[0] && !ended.has(newest)) work.begunAgain++;
      }
      if (turns.get(line.run)?.job !== line.job && jobs.has(line.job)) work.handovers++;
      jobs.add(line.job);
      newest = line.job;
      holders.set(line.job, line.run);
      turns.set(line.run, { job: line.job, turn: ++count });
      ofCrash.clear();
    }
    if (!('page' in line)) continue;
    const { job, turn } = turns.get(line.run) ?? { job: '', turn: 0 };
    const before = seen.get(`${job} ${line.pass}`) ?? new Map<string, number>();
    seen.set(`${job} ${line.pass}`, before);
    // One that it has looked at itself is looked at again because a page stayed locked: no crash made that.
    const repeated = line.keys.filter((key) => (before.get(key) ?? turn) !== turn);
    work.scanned += line.keys.length;
    work.repeated += repeated.length;
    const last = lastChunks.get(turn) ?? new Set<string>();
    const isSame = line.keys.some((key) => last.has(key)); // read again, a record further where one was deleted
    const chunk = new Set(isSame ? [...last, ...line.keys] : line.keys);
    lastChunks.set(turn, chunk);
    work.largestChunk = Math.max(work.largestChunk, chunk.size);
    for (const key of repeated) {
      const crash = `${line.run} ${before.get(key)}`;
      ofCrash.set(crash, (ofCrash.get(crash) ?? 0) + 1);
      work.mostAtOnce = Math.max(work.mostAtOnce, ofCrash.get(crash) ?? 0);
    }
    for (const key of line.keys) before.set(key, turn);
    if (line.isLast) ended.add(job);
    else if (holders.get(job) === line.run) ended.delete(job); // not by one that was frozen, and is outrun
  }
  const times = (name: 'swept' | 'activated' | 'suspended'): number =>
    rotators.filter((line) => name in line).length;
  return {
    ...work,
    sweeps: times('swept'),
    activated: times('activated'),
    indexActivated: rotators.filter((line) => 'activated' in line && line.kind === 'index').length,
    suspended: times('suspended'),
  };
}

/** Why a torture failed; none where everything holds. */
export function faultsIn(findings: Findings): string[] {
  const { lost, resurrected, undecryptable, passedOver: missed, violations, underOldKeys, work } = findings;
  const { missing, staleTokens, wrong, wrongTokens } = findings;
  return [
    ...lost.map((name) => `lost: ${name}`),
    ...resurrected.map((name) => `resurrected: ${name}`),
    ...undecryptable.map((name) => `undecryptable: ${name}`),
    ...missed.map((name) => `passed over: ${name}`),
    ...wrongTokens.map((name) => `wrong token: ${name}`),
    ...wrong.map((name) => `found, and had another value: ${name}`),
    ...missing.map((name) => `had the value, and was not found: ${name}`),
    ...violations,
    ...(staleTokens > 0 ? [`${staleTokens} tokens are under old keys`] : []),
    ...(underOldKeys > 0 ? [`${underOldKeys} cells are under old keys`] : []),
    ...(work.begunAgain > 0 ? [`${work.begunAgain} jobs were begun again though they could be resumed`] : []),
    ...(work.mostAtOnce > work.largestChunk
      ? [
          `${work.mostAtOnce} records were repeated after one crash, and no chunk had more than ${work.largestChunk}`,
        ]
      : []),
  ];
}
