/** Many values: with so many under way at once, and in batches. */
import { decryptRecords, encryptRecords } from 'cellseal';
import {
  besideFloors,
  cellseal,
  contender,
  encryptAll,
  floors,
  itemsOf,
  nodeKey,
  nodeKeyring,
  people,
  subtleKey,
} from '../coders.js';
import { atOnce, openWithNode, openWithSubtle, sealWithNode, sealWithSubtle } from '../floors.js';
import { type Contender, type Effort, measure } from '../measure.js';
import {
  DECRYPTING_AT_ONCE,
  DECRYPTING_BATCHES,
  ENCRYPTING_AT_ONCE,
  ENCRYPTING_BATCHES,
  SUBTLE_FLOOR,
  WEBCRYPTO,
} from '../names.js';
import { fulfilled } from '../outcomes.js';
import type { Row } from '../report.js';

/** Records of a batch that are under way at once, with WebCrypto. */
const concurrency = 64;
const BYTES = 64;

export async function atOnceRows(effort: Effort, counts: readonly number[]): Promise<Row[]> {
  const coders = [...floors, ...cellseal].filter(({ name }) => name === SUBTLE_FLOOR || name === WEBCRYPTO);
  const rows: Row[] = [];
  for (const count of counts) {
    const items = itemsOf(BYTES, count);
    const measured = { of: count.toLocaleString('en'), operations: count };
    const encrypting = coders.map((coder) =>
      contender(coder, () => Promise.all(items.map((item) => coder.encrypt(item)))),
    );
    const decrypting: Contender[] = [];
    for (const coder of coders) {
      const pairs = await encryptAll(coder, items);
      const call = () => Promise.all(pairs.map((pair) => coder.decrypt(...pair)));
      decrypting.push(contender(coder, call));
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
    const encrypting = besideFloors({
      node: () => items.map(({ value, place }) => sealWithNode(nodeKey, value, place)),
      subtle: () => atOnce(concurrency, items, ({ value, place }) => sealWithSubtle(subtleKey, value, place)),
      cellseal: (keyring) => encryptRecords(people, records, keyring, { concurrency }),
    });

    const sealed = items.map(({ value, place }) => ({ cell: sealWithNode(nodeKey, value, place), place }));
    const stored = fulfilled(await encryptRecords(people, records, nodeKeyring));
    fulfilled(await decryptRecords(people, stored, nodeKeyring));
    const decrypting = besideFloors({
      node: () => sealed.map(({ cell, place }) => openWithNode(nodeKey, cell, place)),
      subtle: () => atOnce(concurrency, sealed, ({ cell, place }) => openWithSubtle(subtleKey, cell, place)),
      cellseal: (keyring) => decryptRecords(people, stored, keyring, { concurrency }),
    });

    const measured = { of: count.toLocaleString('en'), operations: count };
    rows.push(...(await measure(effort, { table: ENCRYPTING_BATCHES, ...measured }, encrypting)));
    rows.push(...(await measure(effort, { table: DECRYPTING_BATCHES, ...measured }, decrypting)));
  }
  return rows;
}
