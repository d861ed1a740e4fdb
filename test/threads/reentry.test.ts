/** Code of the application's own runs while a bundle is filled: it may close keyrings and engines, and begin batches. */
import { Worker } from 'node:worker_threads';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { nodeEngine } from '../../src/engine/node.js';
import {
  type SynchronousEngine,
  type SynchronousKeyring,
  activateKey,
  addKey,
  bytes,
  closeKeyring,
  createKeyring,
  decryptRecords,
  encryptRecords,
  integer,
  json,
  listKeyUsage,
  openKeyring,
  schema,
  table,
  text,
} from '../../src/index.js';
import { MAX_BUNDLED_CELL_BYTES, THREAD_POOL_BYTES } from '../../src/limits.js';
import { rotate } from '../../src/rotation/index.js';
import { memoryKeyring, memoryRecords } from '../../src/store/memory.js';
import { started, threadedEngine, valuesOf } from './support.js';

const COUNT = 1_500;
const rawKey = new Uint8Array(32).fill(7);

function tableThat(validate: (value: unknown) => unknown) {
  const checked = json({ '~standard': { version: 1, vendor: 'test', validate } } as never);
  return table('checked', {
    record: integer('id'),
    encrypt: { a: text(), x: checked, b: text(), c: text() },
  });
}
const records = Array.from({ length: COUNT }, (_, id) => ({
  id,
  a: `a ${id}`,
  x: id,
  b: `b ${id}`,
  c: `c ${id}`,
}));

/** Once, with this record. */
function onceAt(id: number, does: () => unknown) {
  let isDone = false;
  return (value: unknown) => {
    if (value === id && !isDone) {
      isDone = true;
      does();
    }
    return { value };
  };
}

function newKeyring(engine: SynchronousEngine): Promise<SynchronousKeyring> {
  return createKeyring(memoryKeyring(), { rawKey, engine });
}

afterEach(() => vi.restoreAllMocks());

describe('a validator in the midst of a batch', () => {
  it.each([3, 60, 700])('may close another keyring (record %i): every cell can be read', async (id) => {
    const { engine } = await threadedEngine();
    const [keyring, other] = [await newKeyring(engine), await newKeyring(engine)];
    const known = table('known', { record: integer('id'), encrypt: { a: text(), b: text(), c: text() } });
    await encryptRecords(known, records as never[], other); // numbers are given already
    const closing: Promise<void>[] = [];
    const checked = tableThat(onceAt(id, () => closing.push(closeKeyring(other))));
    const rows = valuesOf(await encryptRecords(checked, records as never[], keyring));
    expect(valuesOf(await decryptRecords(checked, rows as never[], keyring))).toEqual(records);
    expect(closing).toHaveLength(1);
    await Promise.all(closing);
  });

  it('may close its own: no key stays with a thread', async () => {
    const { engine } = await threadedEngine();
    const keyring = await newKeyring(engine);
    const posted = vi.spyOn(Worker.prototype, 'postMessage');
    const checked = tableThat(onceAt(10, () => void closeKeyring(keyring)));
    const outcomes = await encryptRecords(checked, records as never[], keyring);
    expect(outcomes.filter(({ status }) => status === 'rejected').length).toBeGreaterThan(COUNT / 2);
    const messages = posted.mock.calls.map(([request]) => request as { newKeys?: unknown[] } | 'forget');
    const lastKey = messages.findLastIndex((request) => request !== 'forget' && request.newKeys?.length);
    expect(lastKey).toBeGreaterThan(-1);
    expect(messages.lastIndexOf('forget')).toBeGreaterThan(lastKey);
  });

  it.each([3, 700])('may close the engine (record %i): the batch is done', async (id) => {
    const { engine } = await threadedEngine();
    const keyring = await newKeyring(engine);
    const checked = tableThat(onceAt(id, () => void engine.close()));
    const rows = valuesOf(await encryptRecords(checked, records as never[], keyring));
    expect(valuesOf(await decryptRecords(checked, rows as never[], keyring))).toEqual(records);
  });

  it.each([3, 700])('may begin a batch (record %i), of the same keyring and of another', async (id) => {
    const { engine } = await threadedEngine();
    const [keyring, other] = [await newKeyring(engine), await newKeyring(engine)];
    const plain = table('plain', { record: integer('id'), encrypt: { a: text(), b: text() } });
    const inner = [keyring, other];
    let begun: Promise<PromiseSettledResult<Record<string, unknown>>[]>[] = [];
    const checked = tableThat(
      onceAt(id, () => {
        begun = inner.map((one) => encryptRecords(plain, records as never[], one)) as never;
      }),
    );
    const rows = valuesOf(await encryptRecords(checked, records as never[], keyring));
    expect(valuesOf(await decryptRecords(checked, rows as never[], keyring))).toEqual(records);
    for (const [i, one] of begun.entries()) {
      const made = valuesOf(await one);
      expect(valuesOf(await decryptRecords(plain, made as never[], inner[i] as SynchronousKeyring))).toEqual(
        records,
      );
    }
    expect(begun).toHaveLength(2);
  });
});

describe('beside a batch without threads', () => {
  async function both(): Promise<readonly [threaded: SynchronousKeyring, alone: SynchronousKeyring]> {
    const { engine } = await threadedEngine(2);
    const store = memoryKeyring();
    const threaded = await createKeyring(store, { rawKey, engine });
    return [threaded, await openKeyring(store, { rawKey, engine: nodeEngine() })];
  }

  it('no more validators are under way at once than was said', async () => {
    for (const keyring of await both()) {
      let [now, most] = [0, 0];
      const checked = tableThat(async (value) => {
        most = Math.max(most, ++now);
        await new Promise((resolve) => setTimeout(resolve, 0));
        now--;
        return { value };
      });
      const rows = await encryptRecords(checked, records as never[], keyring, { concurrency: 4 });
      valuesOf(rows);
      expect(most).toBe(4);
    }
  });

  it('a record with two cells that are refused has the same error, and so has one that is refused here', async () => {
    const [threaded, alone] = await both();
    const plain = table('plain', { record: integer('id'), encrypt: { a: text(), b: text(), c: text() } });
    const rows = valuesOf(await encryptRecords(plain, records as never[], alone)).map((row, i) => {
      const { a } = row as { a: string };
      const bad = `${a.slice(0, -3)}${a.at(-3) === 'A' ? 'B' : 'A'}${a.slice(-2)}`;
      return Object.assign({}, row, i % 2 === 0 ? { a: bad, c: 'plaintext' } : { b: 'plaintext', c: bad });
    });
    const [found, expected] = [
      await decryptRecords(plain, rows as never[], threaded),
      await decryptRecords(plain, rows as never[], alone),
    ];
    expect(found).toEqual(expected);
    expect(found.map((outcome) => outcome.status === 'rejected' && outcome.reason.code)).toEqual(
      records.map(({ id }) => (id % 2 === 0 ? 'authentication' : 'not-a-cell')),
    );
  });

  it('a record with a cell that is refused here, later, and one that is refused there has the same error', async () => {
    const [threaded, alone] = await both();
    const files = table('files', {
      record: integer('id'),
      encrypt: { body: bytes({ maxBytes: 1_000_000 }), name: text() },
    });
    const some = Array.from({ length: 500 }, (_, id) => {
      return { id, body: new Uint8Array(id % 25 === 0 ? THREAD_POOL_BYTES : 1), name: 'x' };
    });
    const rows = valuesOf(await encryptRecords(files, some, alone)).map((row, i, all) => {
      const other = all[(i + 25) % 500] as typeof row; // cells of another record
      return i % 25 === 0 ? { ...row, body: other.body, name: other.name } : row;
    });
    const found = await decryptRecords(files, rows, threaded);
    expect(found).toEqual(await decryptRecords(files, rows, alone));
    expect(found[25]).toMatchObject({ reason: { code: 'authentication', column: 'name' } });
  });

  it('records that have nothing for a thread come first, and the others go to it all the same', async () => {
    const { engine, sent } = await threadedEngine();
    const keyring = await newKeyring(engine);
    const plain = table('plain', { record: integer('id'), encrypt: { a: text() } });
    const some = Array.from({ length: 4_000 }, (_, id) => ({ id, a: id < 1_500 ? null : 'a' }));
    valuesOf(await encryptRecords(plain, some, keyring));
    expect(sent.seal).toBeGreaterThan(100);
  });

  it('a rotation counts as many cells of a key, also where some are too large for a bundle', async () => {
    const usage: number[] = [];
    for (const engine of [(await threadedEngine()).engine, nodeEngine()]) {
      const keyring = await newKeyring(engine);
      const files = table('files', {
        record: integer('id'),
        encrypt: { name: text(), body: text({ maxBytes: 100_000 }) },
      });
      const store = memoryRecords();
      const some = Array.from({ length: 300 }, (_, id) => {
        return { id, name: `${id}`, body: 'x'.repeat(id % 3 === 0 ? MAX_BUNDLED_CELL_BYTES : 10) };
      });
      for (const row of valuesOf(await encryptRecords(files, some, keyring)))
        store.insert(files, row as never);
      await activateKey(keyring, await addKey(keyring));
      for await (const _ of rotate(schema([files]), { keyring, records: store }));
      const used = await listKeyUsage(keyring);
      usage.push(...used.map(({ cells }) => Number(cells)));
    }
    expect(usage.slice(0, usage.length / 2)).toEqual(usage.slice(usage.length / 2));
    expect(usage).toContain(600);
  });
});

it('threads that are asked at once start once each', async () => {
  const seen: unknown[] = [];
  const listen = (worker: unknown): void => void seen.push(worker);
  process.on('worker', listen);
  const { engine } = await threadedEngine(2);
  await started(engine);
  process.off('worker', listen);
  expect(seen).toHaveLength(2);
});
