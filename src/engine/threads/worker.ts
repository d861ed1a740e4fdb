/** What runs on the other thread: the same cells, by the same functions, of what a bundle holds. */
import { parentPort } from 'node:worker_threads';
import { type Bytes, equalBytes, publicBytes } from '../../bytes.js';
import {
  type CellContext,
  CellKeys,
  type DataKey,
  type Scope,
  openRandomized,
  sealRandomized,
} from '../../cipher/index.js';
import { saltOf } from '../../envelope/index.js';
import { AuthenticationError } from '../../errors.js';
import { platformRandom } from '../../platform.js';
import type { CellOutcome } from '../../sent.js';
import { SUITE_1 } from '../../suite.js';
import { nodeEngine } from '../node.js';
import {
  type BundleRequest,
  NUMBER,
  NUMBERS_A_CELL,
  type Reply,
  type Request,
  WORK,
  replyOf,
  roomOf,
} from './messages.js';

interface Column {
  readonly scope: Scope;
  readonly before: Bytes;
}

const engine = nodeEngine({ threadPoolBytes: Number.POSITIVE_INFINITY });
let cellKeys = new CellKeys(engine, platformRandom);
const keys = new Map<number, DataKey>();
const columns = new Map<number, Column>();
/** Columns of a table have one scope: its cell keys are cached by it. */
const scopes = new Map<string, Scope>();

function forget(): void {
  cellKeys.close();
  cellKeys = new CellKeys(engine, platformRandom);
  keys.clear();
  columns.clear();
  scopes.clear();
}

function scopeOf(context: Bytes): Scope {
  const id = String.fromCharCode(...context);
  const known = scopes.get(id) ?? { id, context };
  scopes.set(id, known);
  return known;
}

function seal(dataKey: DataKey, { scope }: Column, context: CellContext, framed: Bytes): Bytes {
  const salt = cellKeys.nextSalt();
  const iv = platformRandom(SUITE_1.ivBytes, publicBytes(SUITE_1.ivBytes));
  return cellKeys.use(dataKey, scope, salt, (key) =>
    sealRandomized(engine, key, dataKey.prefix, salt, iv, context, framed),
  ) as Bytes;
}

function open(dataKey: DataKey, { scope }: Column, context: CellContext, cell: Bytes): Bytes | undefined {
  try {
    return cellKeys.use(dataKey, scope, saltOf(cell), (key) =>
      openRandomized(engine, key, context, cell),
    ) as Bytes;
  } catch (error) {
    if (error instanceof AuthenticationError) return undefined;
    throw error;
  }
}

function renew(from: DataKey, to: DataKey, column: Column, context: CellContext, cell: Bytes): CellOutcome {
  const framed = open(from, column, context, cell);
  if (!framed) return 'authentication';
  const fresh = seal(to, column, context, framed);
  const again = open(to, column, context, fresh);
  const isSame = again !== undefined && equalBytes(framed, again);
  framed.fill(0);
  again?.fill(0);
  return isSame ? fresh : 'self-check';
}

/** By the numbers that were told. One that was not ends this thread: nothing is better than a cell under another key. */
function known<T>(all: ReadonlyMap<number, T>, numbers: readonly number[]): T[] {
  return numbers.map((number) => {
    const one = all.get(number);
    if (one === undefined) throw new Error('A key or a column is not known.');
    return one;
  });
}

function work({ cells, buffer, ...numbersOf }: BundleRequest): ArrayBuffer {
  const ownKeys = known(keys, numbersOf.keys);
  const ownColumns = known(columns, numbersOf.columns);
  const { numbers, bytes } = roomOf(buffer);
  const outcomes = new Array<CellOutcome>(cells);
  let at = 0;
  const next = (length: number): Bytes => {
    at += length;
    return bytes.subarray(at - length, at);
  };
  for (let cell = 0; cell < cells; cell++) {
    const number = (place: keyof typeof NUMBER): number =>
      numbers[cell * NUMBERS_A_CELL + NUMBER[place]] as number;
    const column = ownColumns[number('column')] as Column;
    const dataKey = ownKeys[number('key')] as DataKey;
    const recordBytes = number('recordBytes');
    const context = { before: column.before, record: recordBytes === 0 ? undefined : next(recordBytes) };
    const given = next(number('bytes'));
    if (number('work') === WORK.seal) {
      outcomes[cell] = seal(dataKey, column, context, given);
      given.fill(0); // nobody needs the plaintext any more
    } else if (number('work') === WORK.open) {
      outcomes[cell] = open(dataKey, column, context, given) ?? 'authentication';
    } else {
      outcomes[cell] = renew(dataKey, ownKeys[number('nextKey')] as DataKey, column, context, given);
    }
  }
  const reply = replyOf(outcomes);
  for (const outcome of outcomes) if (typeof outcome !== 'string') outcome.fill(0);
  return reply;
}

parentPort?.on('message', (request: Request) => {
  if (request === 'forget') return forget();
  for (const { number, ...key } of request.newKeys) keys.set(number, key);
  for (const { number, scope, before } of request.newColumns)
    columns.set(number, { scope: scopeOf(scope), before });
  const { id, buffer } = request;
  const outcomes = work(request);
  parentPort?.postMessage({ id, outcomes, buffer } satisfies Reply, [outcomes, buffer]);
});
parentPort?.on('messageerror', (error) => {
  throw error; // somebody waits for it
});
parentPort?.postMessage('ready' satisfies Reply);
