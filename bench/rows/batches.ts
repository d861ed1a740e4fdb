/** Many values: with so many under way at once, and in batches. */
import { decryptRecords, encryptRecords } from 'cellseal';
import {
  type Coder,
  cellseal,
  encryptAll,
  floors,
  itemsOf,
  nodeKey,
  nodeKeyring,
  people,
  subtleKey,
  webCryptoKeyring,
} from '../coders.js';
import { atOnce, openWithNode, openWithSubtle, sealWithNode, sealWithSubtle } from '../floors.js';
import { type Contender, type Effort, measure } from '../measure.js';
import {
  DECRYPTING_AT_ONCE,
  DECRYPTING_BATCHES,
  ENCRYPTING_AT_ONCE,
  ENCRYPTING_BATCHES,
  NODE_ENGINE,
  NODE_FLOOR,
  SUBTLE_FLOOR,
  WEBCRYPTO,
} from '../names.js';
import type { Row } from '../report.js';

/** Of a batch, with WebCrypto. */
const CONCURRENCY = 64;
const BYTES = 64;

export async function atOnceRows(effort: Effort, counts: readonly number[]): Promise<Row[]> {
  const ours = [floors, cellseal].flat().filter(({ name }) => name === SUBTLE_FLOOR || name === WEBCRYPTO);
  const rows: Row[] = [];
  for (const count of counts) {
    const items = itemsOf(BYTES, count);
    const measured = { of: String(count), operations: count };
    const encrypting = ours.map((coder) => ({
      ...named(coder),
      call: () => Promise.all(items.map((item) => coder.encrypt(item))),
    }));
    const decrypting: Contender[] = [];
    for (const coder of ours) {
      const pairs = (await encryptAll(coder, items)).map((stored, i) => ({
        stored,
        item: items[i] as never,
      }));
      const call = () => Promise.all(pairs.map(({ stored, item }) => coder.decrypt(stored, item)));
      decrypting.push({ ...named(coder), call });
    }
    rows.push(...(await measure(effort, { table: ENCRYPTING_AT_ONCE, ...measured }, encrypting)));
    rows.push(...(await measure(effort, { table: DECRYPTING_AT_ONCE, ...measured }, decrypting)));
  }
  return rows;
}

export async function batchRows(effort: Effort, counts: readonly number[]): Promise<Row[]> {
  const rows: Row[] = [];
  for (const count of counts) {
    const items = itemsOf(BYTES, count);
    const records = items.map(({ id, value }) => ({ id, email: value }));
    const measured = { of: count.toLocaleString('en'), operations: count };
    const concurrency = CONCURRENCY;

    rows.push(
      ...(await measure(effort, { table: ENCRYPTING_BATCHES, ...measured }, [
        {
          name: NODE_FLOOR,
          call: () => items.map(({ value, place }) => sealWithNode(nodeKey, value, place)),
        },
        {
          name: SUBTLE_FLOOR,
          call: () =>
            atOnce(concurrency, items, ({ value, place }) => sealWithSubtle(subtleKey, value, place)),
        },
        {
          name: NODE_ENGINE,
          floor: NODE_FLOOR,
          call: () => encryptRecords(people, records, nodeKeyring, { concurrency }),
        },
        {
          name: WEBCRYPTO,
          floor: SUBTLE_FLOOR,
          call: () => encryptRecords(people, records, webCryptoKeyring, { concurrency }),
        },
      ])),
    );

    const sealed = items.map(({ value, place }) => ({ cell: sealWithNode(nodeKey, value, place), place }));
    const rowsStored = await encryptRecords(people, records, nodeKeyring);
    const stored = rowsStored.map((outcome) => {
      if (outcome.status === 'rejected') throw outcome.reason;
      return outcome.value;
    });
    rows.push(
      ...(await measure(effort, { table: DECRYPTING_BATCHES, ...measured }, [
        { name: NODE_FLOOR, call: () => sealed.map(({ cell, place }) => openWithNode(nodeKey, cell, place)) },
        {
          name: SUBTLE_FLOOR,
          call: () =>
            atOnce(concurrency, sealed, ({ cell, place }) => openWithSubtle(subtleKey, cell, place)),
        },
        {
          name: NODE_ENGINE,
          floor: NODE_FLOOR,
          call: () => decryptRecords(people, stored, nodeKeyring, { concurrency }),
        },
        {
          name: WEBCRYPTO,
          floor: SUBTLE_FLOOR,
          call: () => decryptRecords(people, stored, webCryptoKeyring, { concurrency }),
        },
      ])),
    );
  }
  return rows;
}

function named({ name, floor }: Coder): { name: string; floor?: string } {
  return floor === undefined ? { name } : { name, floor };
}
