/** Batches of many tenants: a thread is told of so many keys and columns, and then forgets all of them. */
import { Worker } from 'node:worker_threads';
import { expect, it, vi } from 'vitest';
import { nodeEngine } from '../../src/engine/node.js';
import {
  addTenants,
  createKeyring,
  decryptRecords,
  encryptRecords,
  integer,
  openKeyring,
  table,
  text,
} from '../../src/index.js';
import { MAX_TOLD_THREAD, MIN_SHARED_RECORDS } from '../../src/limits.js';
import { memoryKeyring } from '../../src/store/memory.js';
import { threadedEngine, valuesOf } from './support.js';

vi.mock('../../src/limits.js', async (importActual) => ({
  ...(await importActual<object>()),
  MAX_TOLD_THREAD: 20,
}));

const orders = table('orders', { record: integer('id'), tenant: text('owner'), encrypt: { item: text() } });
const rawKey = new Uint8Array(32).fill(7);

it('a batch uses its tenant’s key, more of them than a thread is told at once', async () => {
  const { engine, sent } = await threadedEngine();
  const store = memoryKeyring();
  const threaded = await createKeyring(store, { rawKey, engine });
  const told = vi.spyOn(Worker.prototype, 'postMessage');
  const own = ['a', 'b', 'c'];
  await addTenants(threaded, own);
  const alone = await openKeyring(store, { rawKey, engine: nodeEngine() });
  const others = Array.from({ length: 2 * MAX_TOLD_THREAD }, (_, n) => `n${n}`);
  for (const tenant of [...own, ...others, ...own]) {
    const records = Array.from({ length: MIN_SHARED_RECORDS }, (_, id) => ({ id, item: `${tenant} ${id}` }));
    const rows = valuesOf(await encryptRecords(orders, records, threaded, { tenant }));
    expect(valuesOf(await decryptRecords(orders, rows, alone, { tenant }))).toEqual(records);
    const elsewhere = await decryptRecords(orders, rows, threaded, { tenant: tenant === 'a' ? 'b' : 'a' });
    expect(elsewhere.every(({ status }) => status === 'rejected')).toBe(true);
  }
  expect(sent.seal).toBeGreaterThan(MIN_SHARED_RECORDS);
  expect(told.mock.calls.filter(([request]) => request === 'forget').length).toBeGreaterThan(1);
});
