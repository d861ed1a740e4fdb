import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { build } from 'esbuild';
import { afterAll, beforeAll, expect, it } from 'vitest';
import {
  activateKey,
  addKey,
  createKeyring,
  decryptRecord,
  encryptRecords,
  listKeys,
  refreshKeyring,
  suspendKey,
} from '../../src/index.js';
import { census, listQuarantine, rotate } from '../../src/rotation/index.js';
import { fileKeyring } from '../../src/store/file-keyring.js';
import { sqliteRecords } from '../../src/store/sqlite.js';
import type { Connection } from '../stores/sqlite-drivers.js';
import { randomFrom } from './kill/random.js';
import {
  type LogLine,
  type Person,
  RAW_KEY,
  type World,
  everything,
  openDatabase,
  people,
  unlock,
  worldIn,
} from './kill/world.js';

const KILLS = 50;
const RECORDS = 1_500;
const LONGEST_LIFE_MS = 350;
const LOOKS_A_KILL = 25;
const SEED = Number(process.env['CELLSEAL_SEED'] ?? Date.now() % 1_000_000);

type Row = Readonly<Record<'id' | 'name' | 'email' | 'notes', unknown>> & { readonly id: number };

const folder = mkdtempSync(join(tmpdir(), 'cellseal-kill-'));
/** Inside the repository, so that the driver is found by its name. */
const bundles = join(import.meta.dirname, '../../node_modules/.cache', `cellseal-kill-${process.pid}`);
const children = new Set<ChildProcess>();

beforeAll(async () => {
  // Bundled once: a child that is killed after a few milliseconds must not spend them compiling.
  await build({
    entryPoints: ['rotator.ts', 'writer.ts'].map((name) => join(import.meta.dirname, 'kill', name)),
    outdir: bundles,
    outExtension: { '.js': '.mjs' },
    bundle: true,
    platform: 'node',
    format: 'esm',
    external: ['libsql'],
    logLevel: 'error',
  });
});
afterAll(() => {
  for (const child of children) child.kill('SIGKILL');
  for (const made of [folder, bundles]) rmSync(made, { recursive: true, force: true });
});

it(`loses, changes and resurrects nothing when it is killed at ${KILLS} random moments beside a writer (seed ${SEED})`, async () => {
  const random = randomFrom(SEED);
  const world = worldIn(folder);
  const before = await populate(world);
  const database = openDatabase(world);
  const keyring = await unlock(world);
  const writer = await start('writer', [folder, String(SEED), String(RECORDS)]);

  await introduceKey(world);
  let kills = 0;
  let finished = 0;
  while (kills < KILLS) {
    const rotator = await start('rotator', [folder]);
    const ended = once(rotator, 'exit') as Promise<[code: number | null, signal: string | null]>;
    await Promise.race([sleep(random(LONGEST_LIFE_MS)), ended]);
    rotator.kill('SIGKILL');
    const [code, signal] = await ended;
    if (signal === 'SIGKILL') kills++;
    else {
      expect(code, 'the rotation ends well or is killed').toBe(0);
      finished++;
      await introduceKey(world); // something to do again
    }
    await lookAround(world, database, random);
  }

  writer.send('stop');
  await once(writer, 'exit');
  await refreshKeyring(keyring);
  const records = sqliteRecords(database);
  for await (const progress of rotate(everything, { keyring, records })) void progress;

  const count = await census(everything, { keyring, records });
  const active = listKeys(keyring).find(({ kind, state }) => kind === 'data' && state === 'active');
  expect(Object.keys(count.cells), 'every cell is under the active key').toEqual([active?.keyId]);
  expect(count.notCells).toBe(0);
  expect(await listQuarantine({ keyring, records })).toEqual([]);
  for (const { kind, state, keyId } of listKeys(keyring)) {
    if (kind === 'data' && state === 'deactivated') {
      await suspendKey(keyring, keyId, await census(everything, { keyring, records }), { withoutHold: true });
    }
  }

  const rows = readRows(database);
  const found = new Map<number, unknown>();
  for (const row of rows) found.set(row.id, await decryptRecord(people, { ...row }, keyring));
  const { wanted, writes } = replay(before, world);
  expect(writes, 'the writer wrote all the while').toBeGreaterThan(KILLS);
  expect(found.size).toBe(wanted.size);
  for (const [id, person] of wanted) expect(found.get(id), `record ${id}`).toEqual(person);
  expect(finished + kills).toBeGreaterThanOrEqual(KILLS);
  database.close();
}, 180_000);

/** The records that went in. */
async function populate(world: World): Promise<Map<number, Person>> {
  const keyring = await createKeyring(fileKeyring(world.keyring), { rawKey: RAW_KEY });
  const before = Array.from({ length: RECORDS }, (_, id): Person => {
    return { id, name: id % 7 === 0 ? null : `name ${id} Ω`, email: `${id}@example.com`, notes: { n: id } };
  });
  const database = openDatabase(world);
  database.exec('CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT, email TEXT, notes TEXT)');
  const insert = database.prepare('INSERT INTO people (id, name, email, notes) VALUES (?, ?, ?, ?)');
  database.exec('BEGIN');
  for (const outcome of await encryptRecords(people, before, keyring)) {
    if (outcome.status === 'rejected') throw outcome.reason;
    const { id, name, email, notes } = outcome.value;
    insert.run(id, name, email, notes);
  }
  database.exec('COMMIT');
  database.close();
  return new Map(before.map((person) => [person.id, person]));
}

/** A key for the next rotation; in between every process has the time of a store's read to see it. */
async function introduceKey(world: World): Promise<void> {
  const keyring = await unlock(world);
  await activateKey(keyring, await addKey(keyring));
}

/** At this instant, with the keyring as it is stored: what is in the table can be read. */
async function lookAround(world: World, database: Connection, random: (n: number) => number): Promise<void> {
  const keyring = await unlock(world);
  const rows = readRows(database);
  for (let looks = 0; looks < LOOKS_A_KILL; looks++) {
    const row = rows[random(rows.length)] as Row;
    await decryptRecord(people, { ...row }, keyring);
  }
}

/** What must be there now: what went in, and every write of the log in its order. */
function replay(
  before: ReadonlyMap<number, Person>,
  { log }: World,
): { wanted: Map<number, Person>; writes: number } {
  const wanted = new Map(before);
  const lines = readFileSync(log, 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as LogLine);
  const done = new Set(lines.flatMap((line) => ('done' in line ? line.done : [])));
  for (const line of lines) {
    if ('done' in line) continue;
    expect(done.has(line.intent), 'the writer was not killed, so all it began is done').toBe(true);
    if (line.kind === 'put') wanted.set(line.person.id, line.person);
    else if (line.kind === 'delete') wanted.delete(line.id);
    else {
      const person = wanted.get(line.id);
      if (person) wanted.set(line.id, { ...person, email: line.email });
    }
  }
  return { wanted, writes: done.size };
}

function readRows(database: Connection): Row[] {
  return database.prepare('SELECT id, name, email, notes FROM people').all() as Row[];
}

/** A child that has begun. */
async function start(name: 'rotator' | 'writer', args: readonly string[]): Promise<ChildProcess> {
  const child = fork(join(bundles, `${name}.mjs`), args, { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
  children.add(child);
  child.once('exit', () => children.delete(child));
  const [said] = await Promise.race([once(child, 'message'), once(child, 'exit')]);
  expect(said, `the ${name} begins`).toBe('began');
  return child;
}
