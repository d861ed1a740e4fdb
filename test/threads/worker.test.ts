/** The program of another thread, run in this one: what it answers where its engine is broken. */
import { EventEmitter } from 'node:events';
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { Bytes } from '../../src/bytes.js';
import { nodeEngine } from '../../src/engine/node.js';
import {
  NUMBER,
  NUMBERS_A_CELL,
  type Reply,
  type Request,
  WORK,
  newBuffer,
  outcomesIn,
  roomOf,
} from '../../src/engine/threads/messages.js';
import type { CellOutcome } from '../../src/sent.js';

const keyIdBytes = new Uint8Array(16).fill(1);
const prefix = Uint8Array.of(1, 1, ...keyIdBytes);
const column = { number: 6, scope: new Uint8Array(20), before: new Uint8Array(30).fill(2) };
const record = new Uint8Array(9).fill(3);
const VALUE = new Uint8Array(70).fill(4);

type Engine = ReturnType<typeof nodeEngine>;

/** Starts the program, with its engine changed; gives what becomes of one piece of work. */
async function programWith(change: (engine: Engine) => Engine) {
  const port = new EventEmitter() as EventEmitter & { postMessage: (reply: Reply) => void };
  const replies: Reply[] = [];
  port.postMessage = (reply) => void replies.push(reply);
  vi.resetModules();
  vi.doMock('node:worker_threads', () => ({ parentPort: port, Worker: class {} }));
  vi.doMock('../../src/engine/node.js', async (importActual) => {
    const actual = await importActual<{ nodeEngine: typeof nodeEngine }>();
    return { nodeEngine: () => change(actual.nodeEngine()) };
  });
  await import('../../src/engine/threads/worker.js');
  expect(replies.splice(0)).toEqual(['ready']);
  const key = nodeEngine().importKey(new Uint8Array(32).fill(9)) as never;
  let isTold = false;
  let requests = 0;
  return (work: keyof typeof WORK, bytes: Bytes): CellOutcome => {
    const buffer = newBuffer();
    const room = roomOf(buffer);
    room.numbers[NUMBER.work] = WORK[work];
    room.numbers[NUMBER.recordBytes] = record.length;
    room.numbers[NUMBER.bytes] = bytes.length;
    room.bytes.set(record);
    room.bytes.set(bytes, record.length);
    const newKeys = isTold ? [] : [{ number: 5, keyId: 'k', keyIdBytes, prefix, key }];
    const named = { keys: [5], columns: [6], newKeys, newColumns: isTold ? [] : [column] };
    const request: Request = { id: ++requests, cells: 1, buffer, ...named };
    isTold = true;
    port.emit('message', request);
    const [reply] = replies.splice(0) as Exclude<Reply, 'ready'>[];
    expect(reply?.id).toBe(requests);
    const left = roomOf(reply?.buffer as ArrayBuffer).bytes.subarray(
      record.length,
      record.length + bytes.length,
    );
    if (work === 'seal') expect(left).toEqual(new Uint8Array(bytes.length)); // no plaintext stays behind
    return outcomesIn(reply?.outcomes as ArrayBuffer, 1)[0] as CellOutcome;
  };
}

afterEach(() => {
  vi.doUnmock('node:worker_threads');
  vi.doUnmock('../../src/engine/node.js');
});

describe('the program of another thread', () => {
  it('seals, opens and renews', async () => {
    const does = await programWith((engine) => engine);
    const cell = does('seal', VALUE.slice()) as Bytes;
    expect(cell).toHaveLength(38 + VALUE.length + 16);
    expect(cell.subarray(0, 18)).toEqual(prefix);
    expect(does('open', cell.slice())).toEqual(VALUE);
    const renewed = does('renew', cell.slice()) as Bytes;
    expect(renewed.subarray(26, 38)).not.toEqual(cell.subarray(26, 38));
    expect(does('open', renewed.slice())).toEqual(VALUE);
    expect(NUMBERS_A_CELL).toBe(Object.keys(NUMBER).length);
  });

  it('refuses a cell whose tag does not verify, whichever of its bytes is altered', async () => {
    const does = await programWith((engine) => engine);
    const cell = does('seal', VALUE.slice()) as Bytes;
    for (const at of [0, 17, 18, 25, 26, 37, 38, 107, 108, 123]) {
      expect(does('open', altered(cell, at)), String(at)).toBe('authentication');
      expect(does('renew', altered(cell, at)), String(at)).toBe('authentication');
    }
  });

  const FAULTS: Readonly<Record<string, (plaintext: Bytes, seal: (other: Bytes) => Bytes) => Bytes>> = {
    'alters a tag': (plaintext, seal) => altered(seal(plaintext), 123),
    'alters a ciphertext': (plaintext, seal) => altered(seal(plaintext), 40),
    'cuts off a tag': (plaintext, seal) => seal(plaintext).slice(0, -1),
    'seals another value': (plaintext, seal) => seal(new Uint8Array(plaintext.length)),
    'seals a shorter value': (plaintext, seal) => seal(plaintext.slice(0, -1)),
  };
  it.each(Object.entries(FAULTS))(
    'gives no cell in place of another, where its engine %s',
    async (_, fault) => {
      const cell = (await programWith((engine) => engine))('seal', VALUE.slice()) as Bytes;
      const does = await programWith((engine) => ({
        ...engine,
        seal: (key, iv, aad, plaintext, head) =>
          fault(plaintext, (other) => engine.seal(key, iv, aad, other, head) as Bytes),
      }));
      expect(does('renew', cell.slice())).toBe('self-check');
    },
  );
});

function altered(bytes: Bytes, at: number): Bytes {
  const other = bytes.slice();
  other[at] = (other[at] as number) ^ 1;
  return other;
}
