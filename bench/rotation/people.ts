import { type Keyring, encryptCell, integer, openKeyring, schema, table, text } from 'cellseal';
import { fileKeyring } from 'cellseal/file';
import type { Place } from './places.js';

/** The table of the benchmarks of a rotation. */
export const people = table('people', {
  from: 'cellseal_bench_people',
  record: integer('id'),
  encrypt: { email: text() },
});
export const everything = schema([people]);

/** For benchmarks only: a service's raw key stands in no file. */
export const rawKey = new Uint8Array(32).fill(5);

const BATCH = 2_000;

/** As another process opens it. */
export const openBenchKeyring = (folder: string): Promise<Keyring> =>
  openKeyring(fileKeyring(folder), { rawKey });

/** What the record with this id holds after so many changes: 64 bytes. */
export const emailOf = (id: number, version = 0): string =>
  `${`person-${id}-${version}@`.padEnd(52, 'x')}.example.org`;

/** A cell of the table. */
export const sealed = (keyring: Keyring, id: number, version?: number): Promise<string> =>
  encryptCell(people, 'email', emailOf(id, version), { id }, keyring) as Promise<string>;

/** Fills the table with records 1 to `records`. */
export async function fill(place: Place, keyring: Keyring, records: number): Promise<void> {
  for (let from = 1; from <= records; from += BATCH) {
    const ids = Array.from({ length: Math.min(BATCH, records - from + 1) }, (_, i) => from + i);
    await place.insert(await Promise.all(ids.map(async (id) => ({ id, email: await sealed(keyring, id) }))));
  }
  await place.analyze();
}
