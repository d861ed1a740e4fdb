/** Rotates until there is nothing left to do, or until it is killed. */
import { rotate } from '../../../src/rotation/index.js';
import { sqliteRecords } from '../../../src/store/sqlite.js';
import { everything, openDatabase, unlock, worldIn } from './world.js';

const world = worldIn(process.argv[2] ?? '');
const database = openDatabase(world);
const keyring = await unlock(world);
process.send?.('began');
for await (const progress of rotate(everything, {
  keyring,
  records: sqliteRecords(database),
  chunkRecords: 40,
})) {
  void progress;
}
database.close();
