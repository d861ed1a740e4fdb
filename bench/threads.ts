/**
 * What other threads are worth: big batches and whole rotations with `nodeEngine({ threads })`, beside the same engine
 * without, by turns in one run. By the clock of the wall, which is what threads are to win against.
 *
 *     npm run bench:threads -- [--threads 1] [--quick] [--json FILE]
 */
import { parseArgs } from 'node:util';
import {
  type SynchronousKeyring,
  activateKey,
  addKey,
  createKeyring,
  decryptRecords,
  encryptRecords,
  integer,
  openKeyring,
  refreshKeyring,
  table,
  text,
} from 'cellseal';
import { memoryKeyring } from 'cellseal/memory';
import { nodeEngine } from 'cellseal/node';
import { rotate } from 'cellseal/rotation';
import { type Contender, FULL, QUICK, measure } from './measure.js';
import {
  NO_THREAD,
  THREADED_DECRYPTING,
  THREADED_ENCRYPTING,
  THREADED_ROTATING,
  bytesLabel,
} from './names.js';
import { fulfilled } from './outcomes.js';
import { type Row, gridsOf, machineOf, print, reportOf, writeReport } from './report.js';
import { PLACES, type ThreeCells, everything, people as rotated } from './rotation/three-cells.js';

const { values } = parseArgs({
  options: {
    threads: { type: 'string', default: '1' },
    quick: { type: 'boolean', default: false },
    json: { type: 'string' },
  },
});
const isQuick = values.quick;
const effort = isQuick ? QUICK : FULL;
const threads = Number(values.threads);
const WITH_THREADS = `${threads} ${threads === 1 ? 'thread' : 'threads'} beside it`;
const STARTING_MS = 500;
const INSERTED_AT_ONCE = 2_000;

interface Batch {
  readonly records: number;
  readonly attributes: number;
  readonly bytes: number;
}
const BATCHES: readonly Batch[] = [
  { records: 1_000, attributes: 1, bytes: 64 },
  { records: 1_000, attributes: 3, bytes: 64 },
  { records: 10_000, attributes: 1, bytes: 64 },
  { records: 10_000, attributes: 3, bytes: 64 },
  { records: 10_000, attributes: 1, bytes: 1_024 },
];
const ROTATED_RECORDS = isQuick ? 3_000 : 20_000;

const COLUMNS = ['email', 'phone', 'notes'] as const;
type Plain = { readonly id: number } & Readonly<Partial<Record<(typeof COLUMNS)[number], string>>>;
const people = table('people', {
  record: integer('id'),
  encrypt: { email: text(), phone: text(), notes: text() },
});

const keyrings = memoryKeyring();
const rawKey = globalThis.crypto.getRandomValues(new Uint8Array(32));
const alone = await createKeyring(keyrings, { rawKey, engine: nodeEngine() });
const engine = nodeEngine({ threads });
const shared = await openKeyring(keyrings, { rawKey, engine });
await start();

const rows: Row[] = [];
console.log(machineOf(reportOf([], { clock: 'wall', isQuick })));
for (const batch of BATCHES) rows.push(...(await batchRows(batch)));
rows.push(...(await rotationRows()));
gridsOf(rows).forEach(print);
if (values.json) writeReport(values.json, reportOf(rows, { clock: 'wall', isQuick }));
await engine.close();

function beside(call: (keyring: SynchronousKeyring) => unknown, before?: () => unknown): Contender[] {
  const steps = before ? { before } : {};
  return [
    { name: NO_THREAD, call: () => call(alone), ...steps },
    { name: WITH_THREADS, floor: NO_THREAD, call: () => call(shared), ...steps },
  ];
}

async function batchRows({ records, attributes, bytes }: Batch): Promise<Row[]> {
  const columns = COLUMNS.slice(0, attributes);
  const plain = Array.from({ length: records }, (_, id) => plainRecord(id, columns, bytes));
  const stored = fulfilled(await encryptRecords(people, plain, shared));
  const read = fulfilled(await decryptRecords(people, stored, alone));
  if (JSON.stringify(read) !== JSON.stringify(plain)) throw new Error('Not what was encrypted.');
  const of = `${records.toLocaleString('en')} × ${attributes} of ${bytesLabel(bytes)}`;
  const measured = (title: string) => ({ table: title, of, operations: records });
  return [
    ...(await measure(
      effort,
      measured(THREADED_ENCRYPTING),
      beside((keyring) => encryptRecords(people, plain, keyring)),
    )),
    ...(await measure(
      effort,
      measured(THREADED_DECRYPTING),
      beside((keyring) => decryptRecords(people, stored, keyring)),
    )),
  ];
}

async function rotationRows(): Promise<Row[]> {
  const place = await (PLACES['sqlite'] as NonNullable<(typeof PLACES)[string]>)();
  for (let from = 1; from <= ROTATED_RECORDS; from += INSERTED_AT_ONCE) {
    const count = Math.min(INSERTED_AT_ONCE, ROTATED_RECORDS - from + 1);
    const plain = Array.from({ length: count }, (_, i) => plainRecord(from + i, COLUMNS, 64));
    await place.insert(fulfilled(await encryptRecords(rotated, plain as never[], alone)) as ThreeCells[]);
  }
  const newKey = async (): Promise<void> => {
    await activateKey(alone, await addKey(alone));
    await refreshKeyring(shared);
  };
  const rotation = async (keyring: SynchronousKeyring): Promise<void> => {
    let scanned = 0;
    for await (const { counters } of rotate(everything, { keyring, records: place.records }))
      scanned = counters.rewritten;
    if (scanned !== ROTATED_RECORDS * COLUMNS.length) throw new Error('Other cells were renewed.');
  };
  const of = `SQLite, ${ROTATED_RECORDS.toLocaleString('en')} × 3 of ${bytesLabel(64)}`;
  const found = await measure(
    { ...effort, rounds: isQuick ? 1 : 10 },
    { table: THREADED_ROTATING, of, operations: ROTATED_RECORDS },
    beside(rotation, newKey),
  );
  await place.close();
  return found;
}

/** Until threads take what they are sent. */
async function start(): Promise<void> {
  const plain = Array.from({ length: 1_000 }, (_, id) => plainRecord(id, COLUMNS, 64));
  for (const began = performance.now(); performance.now() - began < STARTING_MS; )
    await encryptRecords(people, plain, shared);
}

function plainRecord(id: number, columns: readonly string[], bytes: number): Plain {
  const texts = columns.map((column) => [
    column,
    `${column}-${id}@`.padEnd(bytes - 12, 'x').concat('.example.org'),
  ]);
  return { ...Object.fromEntries(texts), id };
}
