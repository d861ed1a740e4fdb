/** One value, one after another; and what is stored of it. */
import { type Coder, cellseal, cycle, encryptAll, floors, itemsOf, peers } from '../coders.js';
import { type Effort, measure } from '../measure.js';
import { DECRYPTING, ENCRYPTING, NODE_FLOOR, STORED, bytesLabel } from '../names.js';
import type { Row } from '../report.js';

export const coders: readonly Coder[] = [...floors, ...cellseal, ...peers];

export async function valueRows(effort: Effort, sizes: readonly number[]): Promise<Row[]> {
  const rows: Row[] = [];
  for (const size of sizes) {
    const items = itemsOf(size, size > 4_096 ? 4 : 64);
    const stored = new Map<Coder, string[]>();
    for (const coder of coders) stored.set(coder, await encryptAll(coder, items));

    const of = bytesLabel(size);
    const encrypting = coders.map((coder) => {
      const next = cycle(items);
      return { ...named(coder), call: () => coder.encrypt(next()) };
    });
    const decrypting = coders.map((coder) => {
      const next = cycle(items.map((item, i) => [stored.get(coder)?.[i] as string, item] as const));
      return { ...named(coder), call: () => coder.decrypt(...next()) };
    });
    rows.push(...(await measure(effort, { table: ENCRYPTING, of }, encrypting)));
    rows.push(...(await measure(effort, { table: DECRYPTING, of }, decrypting)));
  }
  return rows;
}

/** Text, as it stands in a column. What engine made a cell does not show. */
export async function storedRows(sizes: readonly number[]): Promise<Row[]> {
  const different = [floors[0], cellseal[0], ...peers] as Coder[];
  const rows: Row[] = [];
  for (const size of sizes) {
    const items = itemsOf(size, 1);
    for (const coder of different) {
      const [stored = ''] = await encryptAll(coder, items);
      const name = coder.floor === undefined || peers.includes(coder) ? coder.name : 'cellseal';
      rows.push({
        table: STORED,
        of: bytesLabel(size),
        name: coder.name === NODE_FLOOR ? 'floor' : name,
        unit: 'bytes',
        value: Buffer.byteLength(stored),
        rounds: 1,
      });
    }
  }
  return rows;
}

function named({ name, floor }: Coder): { name: string; floor?: string } {
  return floor === undefined ? { name } : { name, floor };
}
