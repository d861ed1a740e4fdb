/**
 * A rotation beside its two floors: the same cryptography without a store, and the same swaps without cryptography. They
 * take turns: after each chunk of the rotation as many records go through each floor, so that all three meet the same
 * machine. The ratio is that of the whole times; its quartiles are over the chunks.
 *
 *     npm run bench:rotation -- [--store sqlite,postgres] [--engine node,threads,webcrypto] [--records 100000] [--json FILE]
 *                               [--clock wall|processor]
 */
import { createSecretKey, randomBytes, webcrypto } from 'node:crypto';
import { parseArgs } from 'node:util';
import { type Keyring, activateKey, addKey, createKeyring, encryptRecords, openKeyring } from 'cellseal';
import { memoryKeyring } from 'cellseal/memory';
import { census, rotate } from 'cellseal/rotation';
import { nodeEngine, threadedEngine } from '../engines.js';
import { atOnce, renewWithNode, renewWithSubtle, sealWithNode } from '../floors.js';
import { CLOCKS, ratioOf } from '../measure.js';
import { BOTH_FLOORS, CRYPTOGRAPHY_FLOOR, ROTATING, ROTATION, SWAPS_FLOOR } from '../names.js';
import { fulfilled } from '../outcomes.js';
import { type Row, gridsOf, machineOf, print, reportOf, writeReport } from '../report.js';
import { PLACES, type ThreeCellPlace, type ThreeCells, everything, people } from './three-cells.js';

const { values } = parseArgs({
  options: {
    store: { type: 'string', default: 'sqlite,postgres' },
    engine: { type: 'string', default: 'node,threads,webcrypto' },
    records: { type: 'string', default: '100000' },
    json: { type: 'string' },
    clock: { type: 'string', default: 'wall' },
  },
});
const records = Number(values.records);
const clock = values.clock === 'processor' ? 'processor' : 'wall';
const now = CLOCKS[clock];
const rawKey = new Uint8Array(randomBytes(32));
const CELLS = ['email', 'phone', 'notes'] as const;
const CONCURRENCY = 64;
const FILLED_AT_ONCE = 2_000;

/** So many records' cells go through the cryptography, without a store. */
type Renew = (count: number) => Promise<void>;

interface MeasuredEngine {
  readonly title: string;
  readonly options: Parameters<typeof openKeyring>[1];
  readonly floor: () => Promise<Renew>;
}

const ENGINES: Readonly<Record<string, MeasuredEngine>> = {
  node: { title: 'Node engine', options: { rawKey, engine: nodeEngine }, floor: nodeFloor },
  threads: {
    title: 'Node engine and 1 thread',
    options: { rawKey, engine: threadedEngine },
    floor: nodeFloor,
  },
  webcrypto: { title: 'WebCrypto', options: { rawKey }, floor: subtleFloor },
};

const rows: Row[] = [];
console.log(machineOf(reportOf([], { clock, isQuick: false })));
for (const store of values.store.split(',')) {
  for (const name of values.engine.split(',')) {
    const open = PLACES[store];
    const engine = ENGINES[name];
    if (!open || !engine) throw new Error(`there is no store ${store}, or no engine ${name}`);
    rows.push(...(await measureIn(await open(), engine)));
  }
}
gridsOf(rows).forEach(print);
if (values.json) writeReport(values.json, reportOf(rows, { clock, isQuick: false }));

async function measureIn(place: ThreeCellPlace, { title, options, floor }: MeasuredEngine): Promise<Row[]> {
  const keyrings = memoryKeyring();
  await fill(place, await createKeyring(keyrings, { rawKey, engine: nodeEngine }));
  const keyring = await openKeyring(keyrings, options);
  await activateKey(keyring, await addKey(keyring));
  const renew = await floor();
  await renew(1_000); // not counted

  const rotation: number[] = [];
  const cryptography: number[] = [];
  const swaps: number[] = [];
  let around = 0; // what the rotation does before its first chunk and after its last
  let scanned = 0;
  let id = 0;
  const run = rotate(everything, { keyring, records: place.records })[Symbol.asyncIterator]();
  for (;;) {
    const began = now();
    const { done, value } = await run.next();
    const ms = now() - began;
    const count = done ? 0 : value.counters.scanned - scanned;
    if (count === 0) around += ms;
    if (done) break;
    if (count === 0) continue;
    scanned += count;
    rotation.push(ms);
    cryptography.push(await milliseconds(() => renew(count)));
    swaps.push(
      await milliseconds(async () => {
        id = (await place.swap(id, count)) as number;
      }),
    );
  }
  await assertRotated(place, keyring);
  if (id !== records) throw new Error('the floor has swapped other records');
  await place.close();

  const of = `${place.title}, ${title}, ${records.toLocaleString('en')} records`;
  const row = (name: string, times: readonly number[]) =>
    ({ table: ROTATING, of, name, unit: 's', value: sum(times) / 1_000, rounds: times.length }) as const;
  const both = cryptography.map((ms, i) => ms + (swaps[i] as number));
  return [
    row(CRYPTOGRAPHY_FLOOR, cryptography),
    row(SWAPS_FLOOR, swaps),
    {
      ...row(ROTATION, rotation),
      value: (sum(rotation) + around) / 1_000,
      ratio: { ...ratioOf(BOTH_FLOORS, rotation, both), median: (sum(rotation) + around) / sum(both) },
    },
  ];
}

async function fill(place: ThreeCellPlace, keyring: Keyring): Promise<void> {
  for (let from = 1; from <= records; from += FILLED_AT_ONCE) {
    const plain = Array.from({ length: Math.min(FILLED_AT_ONCE, records - from + 1) }, (_, i) => ({
      id: from + i,
      email: textOf(from + i, 'email'),
      phone: textOf(from + i, 'phone'),
      notes: textOf(from + i, 'notes'),
    }));
    await place.insert(fulfilled(await encryptRecords(people, plain, keyring)) as ThreeCells[]);
  }
}

async function assertRotated({ records: store }: ThreeCellPlace, keyring: Keyring): Promise<void> {
  const { cells, notCells } = await census(everything, { keyring, records: store });
  const [counted, ...others] = Object.values(cells).filter((count) => count > 0);
  if (counted !== records * CELLS.length || others.length > 0 || notCells > 0)
    throw new Error('the rotation left cells behind');
}

/** 64 bytes. */
function textOf(id: number, name: string): string {
  return `${name}-${id}@`.padEnd(52, 'x').concat('.example.org');
}

/** Records as the floor has them, again from the first once they are used up. */
function floorCells(bytes: Uint8Array): { readonly cell: string; readonly place: string }[] {
  const key = createSecretKey(bytes);
  return Array.from({ length: 3_000 }, (_, i) => {
    const place = `people/${CELLS[i % 3]}/${i}`;
    return { cell: sealWithNode(key, textOf(i, 'value'), place), place };
  });
}

async function nodeFloor(): Promise<Renew> {
  const [oldBytes, newBytes] = [randomBytes(32), randomBytes(32)];
  const [oldKey, newKey] = [createSecretKey(oldBytes), createSecretKey(newBytes)];
  const sealed = floorCells(oldBytes);
  return async (count) => {
    for (let i = 0; i < count * CELLS.length; i++) {
      const { cell, place } = sealed[i % sealed.length] as (typeof sealed)[number];
      renewWithNode(oldKey, newKey, cell, place);
    }
  };
}

async function subtleFloor(): Promise<Renew> {
  const [oldBytes, newBytes] = [randomBytes(32), randomBytes(32)];
  const take = (bytes: Uint8Array<ArrayBuffer>) =>
    webcrypto.subtle.importKey('raw', bytes, 'AES-GCM', false, ['encrypt', 'decrypt']);
  const [oldKey, newKey] = [await take(oldBytes), await take(newBytes)];
  const sealed = floorCells(oldBytes);
  return async (count) => {
    const all = Array.from({ length: count * CELLS.length }, (_, i) => sealed[i % sealed.length] as never);
    await atOnce(CONCURRENCY, all as typeof sealed, ({ cell, place }) =>
      renewWithSubtle(oldKey, newKey, cell, place),
    );
  };
}

async function milliseconds(work: () => Promise<unknown>): Promise<number> {
  const began = now();
  await work();
  return now() - began;
}

function sum(times: readonly number[]): number {
  return times.reduce((total, ms) => total + ms, 0);
}
