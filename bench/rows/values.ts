/** One value, one after another; and what is stored of it. */
import { type Coder, cellseal, contender, cycle, encryptAll, floors, itemsOf, peers } from '../coders.js';
import { type Effort, measure } from '../measure.js';
import { DECRYPTING, ENCRYPTING, STORED, bytesLabel } from '../names.js';
import type { Row } from '../report.js';

const coders: readonly Coder[] = [...floors, ...cellseal, ...peers];

export async function valueRows(effort: Effort, sizes: readonly number[]): Promise<Row[]> {
  const rows: Row[] = [];
  for (const size of sizes) {
    const items = itemsOf(size, size > 4_096 ? 4 : 64);
    const of = bytesLabel(size);
    const encrypting = coders.map((coder) => {
      const next = cycle(items);
      return contender(coder, () => coder.encrypt(next()));
    });
    const decrypting = [];
    for (const coder of coders) {
      const next = cycle(await encryptAll(coder, items));
      decrypting.push(contender(coder, () => coder.decrypt(...next())));
    }
    rows.push(...(await measure(effort, { table: ENCRYPTING, of }, encrypting)));
    rows.push(...(await measure(effort, { table: DECRYPTING, of }, decrypting)));
  }
  return rows;
}

/** Text, as it stands in a column. What engine made a cell does not show. */
export async function storedRows(sizes: readonly number[]): Promise<Row[]> {
  const different = [
    { ...(floors[0] as Coder), name: 'floor' },
    { ...(cellseal[0] as Coder), name: 'cellseal' },
    ...peers,
  ];
  const rows: Row[] = [];
  for (const size of sizes) {
    const items = itemsOf(size, 1);
    for (const coder of different) {
      const [[stored] = ['']] = await encryptAll(coder, items);
      const [of, value] = [bytesLabel(size), Buffer.byteLength(stored)];
      rows.push({ table: STORED, of, name: coder.name, unit: 'bytes', value, rounds: 1 });
    }
  }
  return rows;
}
