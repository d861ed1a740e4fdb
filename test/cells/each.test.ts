/** Records without end: outcomes as they come, in order; what is read ahead is bounded, and the source is closed. */
import { setTimeout as pause } from 'node:timers/promises';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { integer, text } from '../../src/attribute.js';
import { settleEach } from '../../src/concurrency.js';
import { nodeEngine } from '../../src/engine/node.js';
import { webCryptoEngine } from '../../src/engine/webcrypto.js';
import type { Keyring } from '../../src/keyring/index.js';
import { decryptRecord } from '../../src/record.js';
import { decryptEach, encryptEach } from '../../src/records.js';
import { table } from '../../src/table.js';
import { codeOf, newKeyring } from './support.js';

const customers = table('customers', { record: integer('id'), encrypt: { email: text() } });
interface Customer {
  readonly id: number;
  readonly email: string;
}
const customer = (id: number): Customer => ({ id, email: `${id}@example.com` });
const BAD = { id: 7, email: 7 as never };

const keyrings: Record<string, Keyring> = {};
beforeAll(async () => {
  keyrings['node'] = await newKeyring({ engine: nodeEngine() });
  keyrings['webcrypto'] = await newKeyring({ engine: webCryptoEngine() });
});
const ENGINES = ['node', 'webcrypto'] as const;

/** Customers, as a source that counts what is read of it, and notes how it ended. */
function counted(count: number, more: { readonly delays?: readonly number[]; readonly bad?: number[] } = {}) {
  const seen = { read: 0, closed: 0, ended: 0 };
  const records = Array.from({ length: count }, (_, id) => (more.bad?.includes(id) ? BAD : customer(id)));
  const finish = (isWhole: boolean): void => {
    if (isWhole) seen.ended++;
    else seen.closed++;
  };
  function* now() {
    let isWhole = false;
    try {
      for (const record of records) {
        seen.read++;
        yield record;
      }
      isWhole = true;
    } finally {
      finish(isWhole);
    }
  }
  async function* later() {
    let isWhole = false;
    try {
      for (const record of records) {
        const delay = more.delays?.[seen.read % more.delays.length];
        if (delay !== undefined) await pause(delay);
        seen.read++;
        yield record;
      }
      isWhole = true;
    } finally {
      await pause(1);
      finish(isWhole);
    }
  }
  return { seen, records, now, later };
}

describe.each(ENGINES)('each of many records, %s', (engine) => {
  const keyring = (): Keyring => keyrings[engine] as Keyring;

  it('has one outcome, in its order, and reads what encryptRecord would have sealed; the bad ones harm nobody', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.record({
          count: fc.nat(40),
          bad: fc.array(fc.nat(39), { maxLength: 5 }),
          concurrency: fc.constantFrom(1, 2, 7, 1_024),
          kind: fc.constantFrom<'now' | 'later'>('now', 'later'),
          delays: fc.array(fc.constantFrom(undefined, 0, 2), { minLength: 1, maxLength: 4 }),
        }),
        async ({ count, concurrency, kind, bad, delays }) => {
          const source = counted(count, { bad, delays: delays as number[] });
          const stored: object[] = [];
          let at = 0;
          for await (const outcome of encryptEach(customers, source[kind](), keyring(), { concurrency })) {
            const record = source.records[at++] as Customer;
            // Nothing is read that is further than so many behind those that were taken before this one.
            expect(source.seen.read).toBeLessThanOrEqual(at - 1 + concurrency);
            expect(outcome.status).toBe(record === BAD ? 'rejected' : 'fulfilled');
            if (outcome.status === 'rejected') {
              expect(outcome.reason).toMatchObject({ code: 'invalid-value', column: 'email' });
              continue;
            }
            expect(await decryptRecord(customers, outcome.value, keyring())).toEqual(record);
            stored.push(outcome.value);
          }
          expect(at).toBe(count);
          expect(source.seen).toEqual({ read: count, closed: 0, ended: 1 });

          const opened: unknown[] = [];
          for await (const outcome of decryptEach(customers, stored, keyring(), { concurrency }))
            opened.push(outcome.status === 'fulfilled' ? outcome.value : outcome.reason);
          expect(opened).toEqual(source.records.filter((record) => record !== BAD));
        },
      ),
      { numRuns: 25 },
    );
  });

  it.each(['now', 'later'] as const)(
    'closes the source when the loop is left, and reads no more: %s',
    async (kind) => {
      for (const leave of ['break', 'throw'] as const) {
        const source = counted(1_000, { bad: [3, 4, 5, 6] });
        const loop = async (): Promise<void> => {
          let taken = 0;
          for await (const _ of encryptEach(customers, source[kind](), keyring(), { concurrency: 8 })) {
            if (++taken < 3) continue;
            if (leave === 'throw') throw new RangeError('mine');
            break;
          }
        };
        if (leave === 'throw') await expect(loop()).rejects.toThrow('mine');
        else await loop();
        expect(source.seen).toMatchObject({ closed: 1, ended: 0 });
        const { read } = source.seen;
        expect(read).toBeLessThanOrEqual(2 + 8);
        await pause(5);
        expect(source.seen.read).toBe(read);
      }
    },
  );

  it('passes on what the source throws, after the outcomes of what it gave before', async () => {
    function* now() {
      yield* [customer(0), BAD, customer(2)];
      throw new RangeError('the connection is lost');
    }
    async function* later() {
      yield* now();
    }
    for (const source of [now(), later()]) {
      const taken: string[] = [];
      const loop = async (): Promise<void> => {
        for await (const { status } of encryptEach(customers, source, keyring())) taken.push(status);
      };
      await expect(loop()).rejects.toThrow('the connection is lost');
      expect(taken).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    }
  });

  it('gives an outcome although the source has no next record yet', async () => {
    let goOn = (): void => {};
    async function* slowly() {
      yield customer(0);
      await new Promise<void>((resolve) => {
        goOn = resolve;
      });
      yield customer(1);
    }
    const outcomes = encryptEach(customers, slowly(), keyring());
    expect(await outcomes.next()).toMatchObject({ value: { status: 'fulfilled', value: { id: 0 } } });
    goOn();
    expect(await outcomes.next()).toMatchObject({ value: { status: 'fulfilled', value: { id: 1 } } });
    expect(await outcomes.next()).toEqual({ done: true, value: undefined });
  });

  it('reads nothing before the first is asked for, and refuses wrong arguments at once', async () => {
    const source = counted(1);
    const outcomes = encryptEach(customers, source.now(), keyring());
    expect(source.seen.read).toBe(0);
    await outcomes.return();
    expect(await codeOf(() => encryptEach(customers, [], keyring(), { concurrency: 0 }))).toBe('definition');
    expect(await codeOf(() => decryptEach(customers, [], {} as never))).toBe('definition');
  });
});

describe('settleEach', () => {
  it('has as many under way as may be, begun while the outcomes before are handed out', async () => {
    let underWay = 0;
    let most = 0;
    const source = counted(30);
    let taken = 0;
    const work = async (): Promise<void> => {
      most = Math.max(most, ++underWay);
      await pause(1);
      underWay--;
    };
    for await (const _ of settleEach(source.now(), 5, work)) {
      taken++;
      if (taken === 12) expect(source.seen.read).toBe(11 + 5);
    }
    expect(taken).toBe(30);
    expect(most).toBe(5);
  });

  it('leaves nothing unhandled when it is left while the source and the work fail', async () => {
    let fail = (): void => {};
    const source: AsyncIterable<number> = {
      [Symbol.asyncIterator]() {
        let given = 0;
        return {
          next: () =>
            given++ < 2
              ? Promise.resolve({ value: given, done: false })
              : new Promise((_, reject) => {
                  fail = () => reject(new RangeError('late'));
                }),
          return: async () => ({ value: undefined, done: true }),
        };
      },
    };
    const work = async (item: number): Promise<number> => {
      if (item === 1) return item;
      await pause(2);
      throw new RangeError('later');
    };
    for await (const outcome of settleEach(source, 4, work)) {
      expect(outcome).toEqual({ status: 'fulfilled', value: 1 });
      break;
    }
    fail();
    await pause(5); // vitest fails where a rejection is unhandled
  });

  it('does no work for what comes after it was left', async () => {
    let arrive = (): void => {};
    const source: AsyncIterable<number> = {
      [Symbol.asyncIterator]() {
        let given = 0;
        return {
          next: () =>
            new Promise((resolve) => {
              arrive = () => resolve({ value: given++, done: false });
              if (given === 0) arrive();
            }),
          return: async () => ({ value: undefined, done: true }),
        };
      },
    };
    const worked: number[] = [];
    for await (const _ of settleEach(source, 4, (item) => worked.push(item))) break;
    arrive();
    await pause(1);
    expect(worked).toEqual([0]);
  });

  it('takes what is no result of an iterator for a fault of the source', async () => {
    const broken = { [Symbol.asyncIterator]: () => ({ next: async () => undefined as never }) };
    await expect(settleEach(broken, 1, () => 1).next()).rejects.toThrow(TypeError);
  });
});
