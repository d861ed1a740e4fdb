/** A batch with an engine that answers at once: no promise for a record, and the event loop turns all the same. */
import { setImmediate as turn } from 'node:timers/promises';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { integer, text } from '../../src/attribute.js';
import { nodeEngine } from '../../src/engine/node.js';
import { type Keyring, createKeyringIn } from '../../src/keyring/index.js';
import { TIME_SLICE_MS } from '../../src/limits.js';
import { nextTurn, platformRandom } from '../../src/platform.js';
import { decryptRecords, encryptEach, encryptRecords } from '../../src/records.js';
import { memoryKeyring } from '../../src/store/memory.js';
import { table } from '../../src/table.js';
import { patientClock } from '../cells/support.js';

const customers = table('customers', { record: integer('id'), encrypt: { email: text() } });
const recordsOf = (count: number) => Array.from({ length: count }, (_, id) => ({ id, email: `${id}` }));
const COUNT = 20 * TIME_SLICE_MS;

/** A keyring for which so many milliseconds go by whenever it looks at the clock: a record takes one look or more. */
function keyringWhere(lookMs: number): Promise<Keyring> {
  let now = 0;
  const monotonicMs = (): number => {
    now += lookMs;
    return now;
  };
  const clock = { ...patientClock(), monotonicMs };
  const environment = { engine: nodeEngine(), random: platformRandom, clock };
  return createKeyringIn(environment, memoryKeyring(), { rawKey: new Uint8Array(32) });
}

/** How often the event loop turns meanwhile. */
async function turnsDuring(work: () => Promise<unknown>): Promise<number> {
  let turns = 0;
  let isOver = false;
  const working = work().finally(() => {
    isOver = true;
  });
  while (!isOver) {
    await turn();
    if (!isOver) turns++;
  }
  await working;
  return turns;
}

async function takeAll(outcomes: AsyncIterable<unknown>): Promise<void> {
  for await (const _ of outcomes);
}

describe('a batch that is sealed at once', () => {
  it('lets the event loop turn after each time slice', async () => {
    const keyring = await keyringWhere(1);
    const least = COUNT / TIME_SLICE_MS - 2;
    const rows = await encryptRecords(customers, recordsOf(COUNT), keyring);
    const stored = rows.map((row) => (row.status === 'fulfilled' ? row.value : {}));
    expect(await turnsDuring(() => encryptRecords(customers, recordsOf(COUNT), keyring))).toBeGreaterThan(
      least,
    );
    expect(await turnsDuring(() => decryptRecords(customers, stored, keyring))).toBeGreaterThan(least);
    expect(
      await turnsDuring(() => takeAll(encryptEach(customers, recordsOf(COUNT), keyring))),
    ).toBeGreaterThan(least);
  });

  it('has timers fire in the middle of it', async () => {
    const keyring = await keyringWhere(1);
    let done = 0;
    let doneAtTimer: number | undefined;
    setTimeout(() => {
      doneAtTimer = done;
    }, 0);
    function* watched() {
      for (const record of recordsOf(COUNT * 10)) {
        done++;
        yield record;
      }
    }
    await takeAll(encryptEach(customers, watched(), keyring));
    expect(doneAtTimer).toBeLessThan(done);
  });

  it('does not turn while there is time left', async () => {
    const keyring = await keyringWhere(0);
    expect(await turnsDuring(() => encryptRecords(customers, recordsOf(COUNT), keyring))).toBe(0);
    expect(await turnsDuring(() => takeAll(encryptEach(customers, recordsOf(COUNT), keyring)))).toBe(0);
  });

  it('takes no turn of the promise queue for a record', async () => {
    const keyring = await keyringWhere(0);
    const ticksFor = async (count: number): Promise<number> => {
      let ticks = 0;
      let isOver = false;
      const batch = encryptRecords(customers, recordsOf(count), keyring).finally(() => {
        isOver = true;
      });
      while (!isOver) {
        await Promise.resolve();
        ticks++;
      }
      expect(await batch).toHaveLength(count);
      return ticks;
    };
    expect(await ticksFor(500)).toBe(await ticksFor(1));
  });

  it('begins as many as may be where values go to the thread pool', async () => {
    let [underWay, most] = [0, 0];
    const inner = nodeEngine({ threadPoolBytes: 0 });
    const engine = {
      ...inner,
      seal: (...args: Parameters<typeof inner.seal>) => {
        most = Math.max(most, ++underWay);
        return Promise.resolve(inner.seal(...args)).finally(() => underWay--);
      },
    };
    const environment = { engine, random: platformRandom, clock: patientClock() };
    const keyring = await createKeyringIn(environment, memoryKeyring(), { rawKey: new Uint8Array(32) });
    most = 0;
    const outcomes = await encryptRecords(customers, recordsOf(40), keyring, { concurrency: 6 });
    expect(outcomes.every(({ status }) => status === 'fulfilled')).toBe(true);
    expect(most).toBe(6);
  });
});

describe('the next turn', () => {
  afterEach(() => {
    vi.unstubAllGlobals();
  });

  const stubs: readonly (readonly [how: string, without: readonly string[]])[] = [
    ['setImmediate', []],
    ['MessageChannel', ['setImmediate']],
    ['setTimeout', ['setImmediate', 'MessageChannel']],
  ];
  it.each(stubs)(
    'comes in the order of those who wait, and nobody goes on at once: by %s',
    async (_, without) => {
      for (const name of without) vi.stubGlobal(name, undefined);
      const order: string[] = [];
      const all = Promise.all(['a', 'b', 'c'].map((name) => nextTurn().then(() => order.push(name))));
      await Promise.resolve();
      order.push('now');
      await all;
      expect(order).toEqual(['now', 'a', 'b', 'c']);
    },
  );

  it('is each one’s own: what came up in that of the first is done before that of the third', async () => {
    const order: string[] = [];
    await Promise.all([
      nextTurn().then(() => setImmediate(() => order.push('a request'))),
      nextTurn().then(() => order.push('second')),
      nextTurn().then(() => order.push('third')),
    ]);
    expect(order).toEqual(['second', 'a request', 'third']);
  });
});
