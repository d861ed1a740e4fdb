/** Rotates what is in a database file, and says how far it came and what stopped it. */
import { join } from 'node:path';
import { rotate } from '../../src/rotation/index.js';
import { sqliteRecords } from '../../src/store/sqlite.js';
import { DRIVERS } from '../stores/sqlite-drivers.js';
import { sqliteCode } from './sqlite-code.js';
import { openKeyringStore } from './stores.js';
import { CHUNK_RECORDS, type World, everything, unlock } from './world.js';

const world = JSON.parse(process.argv[2] ?? '{}') as World;
const driver = DRIVERS.find(({ name }) => name === process.argv[3]);
if (!driver) throw new Error('This Node does not have this SQLite driver.');

const said: { scanned: number; error?: string } = { scanned: 0 };
try {
  const keyring = await unlock((await openKeyringStore(world)).value);
  const database = driver.open(join(world.folder, 'records.db'));
  const records = sqliteRecords(database);
  for await (const { counters } of rotate(everything, { keyring, records, chunkRecords: CHUNK_RECORDS }))
    said.scanned = counters.scanned;
  database.close();
} catch (error) {
  said.error = sqliteCode(error);
}
process.stdout.write(JSON.stringify(said));
