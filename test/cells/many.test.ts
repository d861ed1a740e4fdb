/** Many records: an outcome each, in their order, and no more under way at once than was said. */
import { setTimeout as pause } from 'node:timers/promises';
import { beforeAll, describe, expect, it } from 'vitest';
import { integer, text } from '../../src/attribute.js';
import { settleAll } from '../../src/concurrency.js';
import { webCryptoEngine } from '../../src/engine/index.js';
import type { Keyring } from '../../src/keyring/index.js';
import type { Engine } from '../../src/ports/engine.js';
import { encryptRecord } from '../../src/record.js';
import { decryptRecords, encryptRecords } from '../../src/records.js';
import { table } from '../../src/table.js';
import { codeOf, newKeyring } from './support.js';

const customers = table('customers', { record: integer('id'), encrypt: { email: text() } });
const recordsOf = (count: number) =>
  Array.from({ length: count }, (_, id) => ({ id, email: `${id}@example.com`, no: id }));

let keyring: Keyring;
beforeAll(async () => {
  keyring = await newKeyring();
});

describe('many records', () => {
  it('come back in their order, each with its own outcome', async () => {
    const records = recordsOf(100);
    const rows = await encryptRecords(customers, records, keyring);
    const read = await decryptRecords(
      customers,
      rows.map((row) => (row.status === 'fulfilled' ? row.value : {})),
      keyring,
    );
    expect(read).toEqual(records.map((value) => ({ status: 'fulfilled', value })));
  });

  it('leave the others alone where one fails', async () => {
    const records = recordsOf(9).map((record) =>
      record.id % 3 === 0 ? { ...record, email: 7 as never } : record,
    );
    const outcomes = await encryptRecords(customers, records, keyring);
    expect(outcomes.map(({ status }) => status)).toEqual(
      records.map(({ id }) => (id % 3 === 0 ? 'rejected' : 'fulfilled')),
    );
    for (const outcome of outcomes) {
      if (outcome.status === 'rejected')
        expect(outcome.reason).toMatchObject({ code: 'invalid-value', column: 'email' });
    }
  });

  it('that are decrypted leave the others alone where one is altered', async () => {
    const rows = await Promise.all(recordsOf(5).map((record) => encryptRecord(customers, record, keyring)));
    const moved = rows.map((row, position) => (position === 2 ? { ...row, id: 77 } : row));
    const outcomes = await decryptRecords(customers, moved, keyring);
    expect(outcomes.map(({ status }) => status)).toEqual([
      'fulfilled',
      'fulfilled',
      'rejected',
      'fulfilled',
      'fulfilled',
    ]);
    expect((outcomes[2] as PromiseRejectedResult).reason).toMatchObject({ code: 'authentication' });
  });

  it('may be none', async () => {
    expect(await encryptRecords(customers, [], keyring)).toEqual([]);
  });

  it('may come from anything that can be iterated, which is read at once', async () => {
    function* some() {
      yield* recordsOf(3);
    }
    expect(await encryptRecords(customers, some(), keyring)).toHaveLength(3);
    const list = recordsOf(2);
    const encrypting = encryptRecords(customers, list, keyring, { concurrency: 1 });
    list.push({ id: 9, email: 'late@example.com', no: 9 });
    expect(await encrypting).toHaveLength(2);
  });

  it.each([0, -1, 1.5, Number.NaN, 1_025, '2', Number.POSITIVE_INFINITY])(
    'are never taken %o at once',
    async (concurrency) => {
      const attempt = encryptRecords(customers, recordsOf(1), keyring, {
        concurrency: concurrency as number,
      });
      expect(await codeOf(() => attempt)).toBe('definition');
    },
  );
});

describe('records under way at once', () => {
  /** An engine whose sealing and opening take a while, and count how many are at it. */
  function slow(): { engine: Engine; most: () => number } {
    const web = webCryptoEngine();
    let [under, most] = [0, 0];
    const counted = async <T>(work: () => PromiseLike<T> | T): Promise<T> => {
      most = Math.max(most, ++under);
      await pause(2);
      under--;
      return work();
    };
    const engine: Engine = {
      ...web,
      seal: (...args) => counted(() => web.seal(...args)),
      open: (...args) => counted(() => web.open(...args)),
    };
    return { engine, most: () => most };
  }

  it.each([
    [1, 8],
    [3, 20],
    [undefined, 80],
    [1_024, 40],
  ])('with concurrency %o of %i are exactly as many as may be', async (concurrency, count) => {
    const { engine, most } = slow();
    const slowly = await newKeyring({ engine });
    const options = concurrency === undefined ? {} : { concurrency };
    const rows = await encryptRecords(customers, recordsOf(count), slowly, options);
    const limit = Math.min(concurrency ?? 32, count);
    expect(most()).toBe(limit);
    const stored = rows.map((row) => (row.status === 'fulfilled' ? row.value : {}));
    const opened = await decryptRecords(customers, stored, slowly, options);
    expect(opened.every(({ status }) => status === 'fulfilled')).toBe(true);
    expect(most()).toBe(limit);
  });
});

describe('settleAll', () => {
  it('begins the next as soon as one is done, whichever it is', async () => {
    // The first ends only after the last: whoever took them two by two would wait for ever.
    let lastIsDone = (): void => undefined;
    const last = new Promise<void>((resolve) => {
      lastIsDone = resolve;
    });
    const outcomes = await settleAll([0, 1, 2, 3], 2, async (item) => {
      if (item === 0) await last;
      if (item === 3) lastIsDone();
      return item;
    });
    expect(outcomes).toEqual([0, 1, 2, 3].map((value) => ({ status: 'fulfilled', value })));
  });
});
