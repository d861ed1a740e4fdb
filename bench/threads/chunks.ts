/** Chunks of a rotation: what `rotate` does to cells beside the shapes. */
import {
  activateKey,
  addKey,
  createKeyring,
  decryptRecords,
  encryptRecordSync,
  encryptRecords,
} from 'cellseal';
import { memoryKeyring } from 'cellseal/memory';
import { encodeContextBefore } from '../../src/envelope/index.js';
import type { Effort } from '../measure.js';
import { fulfilled } from '../outcomes.js';
import type { Row } from '../report.js';
import { type ThreeCells, people } from '../rotation/three-cells.js';
import { tellingEngine } from './keys.js';
import { LEAN, LEAN_DRAWING, RENEWING, SHIPPED } from './names.js';
import { type Found, TAG_CHARACTERS, renewing } from './records.js';
import { rewriting, threeTexts } from './rotation.js';
import { assertSame, employ } from './staff.js';
import { type Contender, alternate } from './turns.js';

const COLUMNS = ['email', 'phone', 'notes'] as const;

/** `records` is a multiple of each of `sizes`: so many are rewritten at a call, in chunks of a size. */
export async function chunkRows(
  effort: Effort,
  sizes: readonly number[],
  records: number,
  tell: (rows: readonly Row[]) => void,
): Promise<Row[]> {
  const { engine, newest } = tellingEngine();
  const rawKey = globalThis.crypto.getRandomValues(new Uint8Array(32));
  const keyring = await createKeyring(memoryKeyring(), { rawKey, engine });
  const plain = Array.from({ length: records }, (_, i) => threeTexts(i + 1));
  const stored = fulfilled(await encryptRecords(people, plain, keyring)) as ThreeCells[];
  const [oldKey, oldTag] = [newest(), tagOf(stored[0] as ThreeCells)];
  await activateKey(keyring, await addKey(keyring));
  const tag = tagOf(encryptRecordSync(people, threeTexts(1), keyring) as ThreeCells);

  const before = COLUMNS.map((column) => encodeContextBefore('cell', { table: people.name, column }, {}));
  const staff = employ({ keys: [newest(), oldKey], before, ivsAtOnce: 1 });
  const job = renewing(people, COLUMNS.length, { tag: oldTag, at: 1 }, tag, 64);
  const found = stored.map((row): Found => {
    return { key: String(row.id), id: [row.id], cells: COLUMNS.map((column) => row[column]) };
  });
  const rows: Row[] = [];
  for (const size of sizes) {
    const chunks = Array.from({ length: records / size }, (_, i) => found.slice(i * size, (i + 1) * size));
    const contenders: Contender[] = [
      { name: SHIPPED[RENEWING] as string, run: () => rewriting(keyring, found, size) },
    ];
    for (const way of staff.ways) {
      const swaps = await way.do(job, chunks[0] as Found[]);
      const renewed = swaps.map(({ key, cells }) => {
        if (cells.some((cell) => !cell.new.startsWith(tag))) throw new Error('A cell is under another key.');
        const texts = COLUMNS.map((column, i) => [column, cells[i]?.new as string]);
        return { id: Number(key), ...Object.fromEntries(texts) } as ThreeCells;
      });
      assertSame(fulfilled(await decryptRecords(people, renewed, keyring)), plain.slice(0, size));
      contenders.push({
        name: way.name,
        async run() {
          for (const chunk of chunks) await way.do(job, chunk);
        },
      });
    }
    const of = `chunks of ${size.toLocaleString('en')}`;
    const floors = [SHIPPED[RENEWING] as string, LEAN, LEAN_DRAWING];
    const measured = await alternate(effort, { table: RENEWING, of, records, floors }, contenders);
    tell(measured);
    rows.push(...measured);
  }
  await staff.close();
  return rows;
}

function tagOf({ email }: ThreeCells): string {
  return email.slice(0, TAG_CHARACTERS);
}
