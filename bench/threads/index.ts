/**
 * Whether worker threads earn their keep: batches of records encrypted and decrypted, and the cells of a rotation's
 * chunks renewed, by what is shipped, by the least that one thread can do, and by several shapes with workers. All are
 * on `node:crypto`, take and give the same, and take turns in one run; the clock is that of the wall, for it is the wall
 * that threads are to win against. Every shape's cells are opened by the package before anything is timed.
 *
 *     npm run bench:threads -- [--quick] [--json FILE]
 */
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import {
  type SynchronousKeyring,
  activateKey,
  addKey,
  createKeyring,
  decryptRecordSync,
  decryptRecords,
  encryptRecordSync,
  encryptRecords,
  table,
  text,
  uuid,
} from 'cellseal';
import { memoryKeyring } from 'cellseal/memory';
import { encodeContextBefore } from '../../src/envelope/index.js';
import { type Effort, FULL, QUICK } from '../measure.js';
import { bytesLabel } from '../names.js';
import { fulfilled } from '../outcomes.js';
import { type Row, machineOf, print, reportOf, rounded, unique, writeReport } from '../report.js';
import { people as threeCells } from '../rotation/three-cells.js';
import { type Job, alone, together } from './batch.js';
import { Cells, type Setup } from './cells.js';
import { tellingEngine } from './keys.js';
import { type Lane, messageLane, sharedLane } from './lanes.js';
import { type Found, TAG_CHARACTERS, opening, renewing, sealing } from './records.js';
import { rewriting, shareOnSqlite, threeTexts } from './rotation.js';
import { type Contender, alternate, speedOf } from './turns.js';

const { values } = parseArgs({
  options: { quick: { type: 'boolean', default: false }, json: { type: 'string' } },
});
const isQuick = values.quick;
const effort: Effort = isQuick ? { ...QUICK, rounds: 3 } : FULL;

const ENCRYPTING = 'Encrypting a batch of records';
const DECRYPTING = 'Decrypting a batch of records';
const RENEWING = 'Opening, sealing and verifying three cells of 64 B of each record of a chunk';
const SHIPPED = { [ENCRYPTING]: 'encryptRecords', [DECRYPTING]: 'decryptRecords', [RENEWING]: 'rotate' };
const LEAN = 'one thread, lean';
const LEAN_DRAWN = 'one thread, lean, IVs drawn 128 at once';
/** What threads must be worth. */
const WANTED = 1.4;
const IVS_AT_ONCE = 128;
const COLUMNS = ['email', 'phone', 'notes'];

const people = table('people', {
  record: uuid('id'),
  encrypt: { email: text(), phone: text(), notes: text() },
});

/** Who works, by name. */
interface Shape {
  readonly name: string;
  readonly lanes: readonly Lane[];
  readonly isMainAtWork: boolean;
  readonly needsTurns: boolean;
}

/** Threads that hold these keys. */
interface Staff {
  readonly cells: Cells;
  readonly drawing: Cells;
  readonly shapes: readonly Shape[];
  readonly lanes: readonly Lane[];
}

function employ(setup: Setup): Staff {
  const drawingSetup = { ...setup, ivsAtOnce: IVS_AT_ONCE };
  const [first, second] = [messageLane(setup), messageLane(setup)];
  const [third, fourth] = [sharedLane(setup), sharedLane(setup)];
  const fifth = sharedLane(drawingSetup);
  const messages = { needsTurns: true };
  const shared = { needsTurns: false };
  return {
    cells: new Cells(setup),
    drawing: new Cells(drawingSetup),
    lanes: [first, second, third, fourth, fifth],
    shapes: [
      { ...messages, name: 'messages, main + 1', lanes: [first], isMainAtWork: true },
      { ...messages, name: 'messages, main + 2', lanes: [first, second], isMainAtWork: true },
      { ...messages, name: 'messages, 1, main coordinates', lanes: [first], isMainAtWork: false },
      { ...messages, name: 'messages, 2, main coordinates', lanes: [first, second], isMainAtWork: false },
      { ...shared, name: 'shared memory, main + 1', lanes: [third], isMainAtWork: true },
      { ...shared, name: 'shared memory, 2, main coordinates', lanes: [third, fourth], isMainAtWork: false },
      {
        ...shared,
        name: `shared memory, main + 1, IVs drawn ${IVS_AT_ONCE} at once`,
        lanes: [fifth],
        isMainAtWork: true,
      },
    ],
  };
}

/** A batch in every shape, checked before it is timed. */
async function contendersOf<In, Out>(
  { cells, drawing, shapes }: Staff,
  job: Job<In, Out>,
  items: readonly In[],
  assertRight: (results: readonly Out[]) => unknown,
): Promise<Contender[]> {
  const ways: Contender[] = [
    { name: LEAN, run: () => alone(job, items, cells) },
    { name: LEAN_DRAWN, run: () => alone(job, items, drawing) },
    ...shapes.map((shape) => {
      const crew = { ...shape, cells: shape.name.includes('IVs') ? drawing : cells };
      return { name: shape.name, run: () => together(job, items, crew) };
    }),
  ];
  for (const { run } of ways) await assertRight((await run()) as Out[]);
  // What is not random does not draw.
  return job.work === 'open' ? ways.filter(({ name }) => !name.includes('IVs')) : ways;
}

// ── Batches ─────────────────────────────────────────────────────────────────────────────────────────────────────────

interface BatchCase {
  readonly records: number;
  readonly attributes: number;
  readonly bytes: number;
}

const BATCHES: readonly BatchCase[] = isQuick
  ? [
      { records: 100, attributes: 1, bytes: 64 },
      { records: 1_000, attributes: 3, bytes: 1_024 },
    ]
  : [
      { records: 100, attributes: 1, bytes: 64 },
      { records: 1_000, attributes: 1, bytes: 64 },
      { records: 10_000, attributes: 1, bytes: 64 },
      { records: 1_000, attributes: 3, bytes: 64 },
      { records: 10_000, attributes: 3, bytes: 64 },
      { records: 1_000, attributes: 1, bytes: 1_024 },
      { records: 10_000, attributes: 1, bytes: 1_024 },
    ];

async function batchRows(): Promise<Row[]> {
  const { engine, newest } = tellingEngine();
  const rawKey = globalThis.crypto.getRandomValues(new Uint8Array(32));
  const keyring = await createKeyring(memoryKeyring(), { rawKey, engine });
  const sample = encryptRecordSync(people, plainRecord(0, COLUMNS, 64), keyring);
  const tag = String(sample['email']).slice(0, TAG_CHARACTERS);
  const staff = employ({ keys: [newest()], before: beforeOf('people'), ivsAtOnce: 1 });
  await assertRefusals(staff, tag, keyring);
  const rows: Row[] = [];
  for (const one of BATCHES) rows.push(...(await rowsOfBatch(one, tag, keyring, staff)));
  await Promise.all(staff.lanes.map((lane) => lane.close()));
  return rows;
}

async function rowsOfBatch(
  { records, attributes, bytes }: BatchCase,
  tag: string,
  keyring: SynchronousKeyring,
  staff: Staff,
): Promise<Row[]> {
  const columns = COLUMNS.slice(0, attributes);
  const plain = Array.from({ length: records }, (_, i) => plainRecord(i, columns, bytes));
  const stored = fulfilled(await encryptRecords(people, plain, keyring));
  const of = `${records.toLocaleString('en')} × ${attributes} of ${bytesLabel(bytes)}`;

  const seal = sealing(people, columns, tag, bytes);
  const open = opening(people, columns, tag, bytes);
  const encrypting = [
    { name: SHIPPED[ENCRYPTING], run: () => encryptRecords(people, plain, keyring) },
    { name: 'encryptRecordSync', run: () => plain.map((row) => encryptRecordSync(people, row, keyring)) },
    ...(await contendersOf(staff, seal, plain, async (sealed) => {
      const opened = await decryptRecords(people, fulfilled([...sealed]) as typeof stored, keyring);
      assertSame(fulfilled(opened), plain);
      const ivs = new Set(
        sealed.map(({ value }) => String(value['email']).slice(TAG_CHARACTERS, TAG_CHARACTERS + 27)),
      );
      if (ivs.size !== records) throw new Error('Two cells have one IV.');
    })),
  ];
  const decrypting = [
    { name: SHIPPED[DECRYPTING], run: () => decryptRecords(people, stored, keyring) },
    { name: 'decryptRecordSync', run: () => stored.map((row) => decryptRecordSync(people, row, keyring)) },
    ...(await contendersOf(staff, open, stored, (opened) => assertSame(fulfilled([...opened]), plain))),
  ];
  const found = [
    ...(await alternate(effort, caseOf(ENCRYPTING, of, records), encrypting)),
    ...(await alternate(effort, caseOf(DECRYPTING, of, records), decrypting)),
  ];
  show(found);
  return found;
}

function plainRecord(
  i: number,
  columns: readonly string[],
  bytes: number,
): { id: string } & Record<string, string> {
  const id = `8a1901e4-671b-431a-871c-${i.toString(16).padStart(12, '0')}`;
  const texts = columns.map((column) => [
    column,
    `${column}-${i}@`.padEnd(bytes - 12, 'x').concat('.example.org'),
  ]);
  return { id, ...Object.fromEntries(texts) };
}

/** context("cell", …) of each column, as far as to the record. */
function beforeOf(name: string): Uint8Array[] {
  return COLUMNS.map((column) => encodeContextBefore('cell', { table: name, column }, {}));
}

/** A prototype that verified nothing would be fast, too. */
async function assertRefusals(
  { cells, shapes }: Staff,
  tag: string,
  keyring: SynchronousKeyring,
): Promise<void> {
  const [one, other] = [plainRecord(1, ['email'], 64), plainRecord(2, ['email'], 64)].map((row) =>
    encryptRecordSync(people, row, keyring),
  ) as unknown as [Record<string, string>, Record<string, string>];
  const cell = String(one['email']);
  const altered = cell.slice(0, 100) + (cell[100] === 'A' ? 'B' : 'A') + cell.slice(101);
  const open = opening(people, ['email'], tag, 64);
  for (const bad of [
    { ...one, email: altered },
    { ...one, id: other['id'] },
  ]) {
    const refusals = [
      async () => alone(open, [bad], cells),
      ...shapes
        .filter(({ isMainAtWork }) => !isMainAtWork)
        .map((shape) => () => together(open, [bad], { ...shape, cells })),
    ];
    for (const attempt of refusals)
      if (
        !(await attempt().then(
          () => false,
          () => true,
        ))
      )
        throw new Error('A cell was opened that is none of its record.');
  }
}

// ── Chunks of a rotation ────────────────────────────────────────────────────────────────────────────────────────────

/** The first chunk, and what they grow to. */
const CHUNKS = isQuick ? [250] : [250, 1_000, 3_000];
/** So that a call takes some time, and the shipped rotation's beginning and end are not all of it. */
const RECORDS = 3_000;

async function chunkRows(): Promise<Row[]> {
  const { engine, newest } = tellingEngine();
  const rawKey = globalThis.crypto.getRandomValues(new Uint8Array(32));
  const keyring = await createKeyring(memoryKeyring(), { rawKey, engine });
  const count = isQuick ? 250 : RECORDS;
  const plain = Array.from({ length: count }, (_, i) => threeTexts(i + 1));
  const old = fulfilled(await encryptRecords(threeCells, plain, keyring));
  const oldKey = newest();
  const oldTag = String(old[0]?.email).slice(0, TAG_CHARACTERS);
  await activateKey(keyring, await addKey(keyring));
  const tag = String(encryptRecordSync(threeCells, threeTexts(1), keyring).email).slice(0, TAG_CHARACTERS);
  const staff = employ({ keys: [newest(), oldKey], before: beforeOf('people'), ivsAtOnce: 1 });
  const found: Found[] = old.map(({ id, email, phone, notes }) => ({
    key: String(id),
    id: [id],
    cells: [email, phone, notes] as string[],
  }));
  const job = renewing(threeCells, COLUMNS.length, { tag: oldTag, at: 1 }, tag, 64);
  const rows: Row[] = [];
  for (const size of CHUNKS) {
    const chunks = Array.from({ length: count / size }, (_, i) => found.slice(i * size, (i + 1) * size));
    const ways = await contendersOf(staff, job, chunks[0] as Found[], async (swaps) => {
      const rows = swaps.map(({ key, cells: [email, phone, notes] }) => {
        if (!email?.new.startsWith(tag)) throw new Error('A cell is not under the active key.');
        return {
          id: Number(key),
          email: email.new,
          phone: phone?.new as string,
          notes: notes?.new as string,
        };
      });
      assertSame(fulfilled(await decryptRecords(threeCells, rows, keyring)), plain.slice(0, size));
    });
    const lean = { cells: staff.cells, drawing: staff.drawing };
    const all: Contender[] = [
      { name: SHIPPED[RENEWING], run: () => rewriting(keyring, found, size) },
      ...ways.map(({ name }) => ({ name, run: () => inChunks(name, job, chunks, { ...staff, ...lean }) })),
    ];
    const of = `chunks of ${size.toLocaleString('en')}`;
    const measured = await alternate(effort, caseOf(RENEWING, of, count), all);
    show(measured);
    rows.push(...measured);
  }
  await Promise.all(staff.lanes.map((lane) => lane.close()));
  return rows;
}

/** One chunk after another, as a rotation has them. */
async function inChunks(
  name: string,
  job: Job<Found, unknown>,
  chunks: readonly Found[][],
  staff: Staff,
): Promise<void> {
  const cells = name.includes('IVs') ? staff.drawing : staff.cells;
  const shape = staff.shapes.find((one) => one.name === name);
  for (const chunk of chunks) {
    if (shape) await together(job, chunk, { ...shape, cells });
    else alone(job, chunk, cells);
  }
}

// ── What was found ──────────────────────────────────────────────────────────────────────────────────────────────────

function caseOf(name: keyof typeof SHIPPED, of: string, records: number) {
  return { table: name, of, records, floors: [SHIPPED[name] as string, LEAN] };
}

/** A line for each contender: how long a record takes, and how many times as fast that is. */
function show(rows: readonly Row[]): void {
  for (const title of unique(rows.map(({ table: name }) => name))) {
    const own = rows.filter((row) => row.table === title);
    for (const of of unique(own.map((row) => row.of))) {
      const here = own.filter((row) => row.of === of);
      const floors = unique(here.map(({ ratio }) => ratio?.floor as string));
      print({
        title: `${title}: ${of}; so many times as fast as`,
        columns: ['', 'a record', ...floors],
        lines: unique(here.map(({ name }) => name)).map((name) => {
          const by = floors.map((floor) =>
            here.find((row) => row.name === name && row.ratio?.floor === floor),
          );
          return [name, `${rounded(by[0]?.value as number)} µs`, ...by.map(speedOf)];
        }),
      });
    }
  }
}

/** The shape that is best beside what is shipped, of those that draw each IV when it is used. */
function bestOf(rows: readonly Row[], title: string, of: string): { shipped: Row; lean: Row } {
  const shaped = rows.filter(
    (row) =>
      row.table === title &&
      row.of === of &&
      /^(messages|shared)/.test(row.name) &&
      !row.name.includes('IVs'),
  );
  const beside = (floor: string): Row[] =>
    shaped
      .filter(({ ratio }) => ratio?.floor === floor)
      .sort((a, b) => Number(a.ratio?.median) - Number(b.ratio?.median));
  const shipped = beside(SHIPPED[title as keyof typeof SHIPPED] as string)[0] as Row;
  const lean = beside(LEAN).find(({ name }) => name === shipped.name) as Row;
  return { shipped, lean };
}

const began = performance.now();
console.log(machineOf(reportOf([], { clock: 'wall', isQuick })));
console.log(
  `${availableParallelism()} threads at once. Figures are how many times as fast: median (quartiles) of the rounds. "lean" is the prototype's own code without workers.`,
);
const rows = [...(await batchRows()), ...(await chunkRows())];

console.log(`\nBest shape, beside what is shipped and beside one lean thread; wanted: ${WANTED}`);
const speed = (row: Row): number => 1 / Number(row.ratio?.median);
for (const title of unique(rows.map(({ table: name }) => name))) {
  for (const of of unique(rows.filter((row) => row.table === title).map((row) => row.of))) {
    const { shipped, lean } = bestOf(rows, title, of);
    const verdict = [shipped, lean].map((row) => `${speedOf(row)} ${speed(row) >= WANTED ? 'yes' : 'no'}`);
    console.log(`${title}: ${of}: ${shipped.name}: ${verdict.join(', ')}`);
  }
}

const share = await shareOnSqlite(isQuick ? 1_000 : 8_000, isQuick ? 1 : 5);
const percent = (part: number): string => `${(100 * part).toFixed(0)} %`;
console.log(
  `\nA rotation over SQLite rewrites cells for ${percent(share.median)} (${percent(share.low)}–${percent(share.high)}) of its time: ${share.records.toLocaleString('en')} records of three cells, chunks of up to ${share.chunk}.`,
);
for (const of of unique(rows.filter((row) => row.table === RENEWING).map((row) => row.of))) {
  const { shipped, lean } = bestOf(rows, RENEWING, of);
  const alone = rows.find(
    (row) =>
      row.table === RENEWING && row.of === of && row.name === LEAN && row.ratio?.floor === SHIPPED[RENEWING],
  ) as Row;
  const whole = (faster: number): string => rounded(1 / (1 - share.median + share.median / faster));
  console.log(
    `All of it, by Amdahl, ${of}: ${whole(speed(shipped))} times as fast with the best shape, ${whole(speed(alone))} with one lean thread; of threads alone, ${whole(speed(lean))} at that share.`,
  );
}
console.log(`\n${((performance.now() - began) / 1_000).toFixed(0)} s`);
const shareRow: Row = {
  table: 'A rotation over SQLite: share of the time in which cells are rewritten',
  of: `${share.records.toLocaleString('en')} records`,
  name: 'rotate',
  unit: 'ms',
  value: share.median,
  rounds: share.rounds,
  ratio: { floor: 'all of its time', median: share.median, low: share.low, high: share.high },
};
if (values.json) writeReport(values.json, reportOf([...rows, shareRow], { clock: 'wall', isQuick }));

function assertSame(found: readonly unknown[], wanted: readonly unknown[]): void {
  if (JSON.stringify(found) !== JSON.stringify(wanted)) throw new Error('Not what was encrypted.');
}
