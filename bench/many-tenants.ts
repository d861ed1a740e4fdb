/**
 * What keys of many tenants cost a process at its start and at work: a keyring with those of 100,000 tenants beside one
 * with those of a single tenant, in memory, in files and in SQLite; medians, in one run. A first argument is another
 * number of tenants.
 *
 *     npm run bench:tenants
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type Keyring,
  addTenants,
  createKeyring,
  describeKeyring,
  encryptCell,
  openKeyring,
  table,
  text,
  uuid,
} from 'cellseal';
import { fileKeyring } from 'cellseal/file';
import { memoryKeyring } from 'cellseal/memory';
import { type SqliteClient, sqliteKeyring } from 'cellseal/sqlite';
import Database from 'libsql';

const TENANTS = Number(process.argv[2] ?? 100_000);
const ROUNDS = 25;
const secret = { rawKey: globalThis.crypto.getRandomValues(new Uint8Array(32)) };

const people = table('people', { record: uuid('id'), tenant: text('tenant'), encrypt: { email: text() } });
const id = '8a1901e4-671b-431a-871c-eadb2942e9ee';
const tenantName = (i: number): string => `tenant-${i}`;

const folder = mkdtempSync(join(tmpdir(), 'cellseal-bench-'));
const open = (name: string): SqliteClient => new Database(join(folder, name)) as unknown as SqliteClient;
const stores = {
  memory: () => memoryKeyring(),
  files: (name: string) => fileKeyring(join(folder, `files-${name}`)),
  SQLite: (name: string) => sqliteKeyring(open(`${name}.db`)),
};

try {
  const rows = [];
  for (const [store, make] of Object.entries(stores)) rows.push(await measure(store, make));
  console.log(
    `Node ${process.version}, ${cpus().length} × ${cpus()[0]?.model.trim() ?? 'unknown'}, ${TENANTS} tenants, medians of ${ROUNDS}`,
  );
  console.table(rows);
} finally {
  rmSync(folder, { recursive: true });
}

async function measure(store: string, make: (name: string) => ReturnType<typeof memoryKeyring>) {
  const [one, many] = [make('one'), make('many')];
  await addTenants(await createKeyring(one, secret), [tenantName(0)]);
  const creator = await createKeyring(many, secret);
  const building = await milliseconds(() =>
    addTenants(
      creator,
      Array.from({ length: TENANTS }, (_, i) => tenantName(i)),
    ),
  );

  const [openOne, openMany, firstCell, oneMore]: number[][] = [[], [], [], []];
  let keyring: Keyring = creator;
  for (let round = 0; round < ROUNDS; round++) {
    // By turns, so that both meet the same machine.
    openOne?.push(await milliseconds(() => openKeyring(one, secret)));
    openMany?.push(
      await milliseconds(async () => {
        keyring = await openKeyring(many, secret);
      }),
    );
    const tenant = tenantName(Math.floor((round * TENANTS) / ROUNDS));
    firstCell?.push(
      await milliseconds(() => encryptCell(people, 'email', 'jane@example.com', { id }, keyring, { tenant })),
    );
    oneMore?.push(await milliseconds(() => addTenants(keyring, [`one more ${round}`])));
  }
  return {
    store,
    pages: describeKeyring(keyring).pages,
    'building, s': rounded(building / 1_000),
    'opening one tenant’s, ms': median(openOne),
    'opening all, ms': median(openMany),
    'difference, ms': rounded(median(openMany) - median(openOne)),
    'first cell of a tenant, ms': median(firstCell),
    'one tenant more, ms': median(oneMore),
  };
}

async function milliseconds(work: () => Promise<unknown>): Promise<number> {
  const began = performance.now();
  await work();
  return performance.now() - began;
}

function median(values: readonly number[] | undefined): number {
  const sorted = [...(values ?? [])].sort((left, right) => left - right);
  return rounded(sorted[sorted.length >> 1] ?? Number.NaN);
}

function rounded(value: number): number {
  return Number(value.toFixed(2));
}
