/**
 * The application: changes, inserts and deletes until its channel closes. What it is about to do, and that it has done
 * it, stands in a log outside the database, synced each time.
 */
import { fsyncSync, openSync, writeSync } from 'node:fs';
import { encryptRecord, refreshKeyring } from '../../../src/index.js';
import { randomFrom } from './random.js';
import { type LogLine, type Person, openDatabase, people, unlock, worldIn } from './world.js';

const [folder = '', seed = '0', records = '0'] = process.argv.slice(2);
const world = worldIn(folder);
const database = openDatabase(world);
const keyring = await unlock(world);
const log = openSync(world.log, 'a');
const random = randomFrom(Number(seed));
const insert = database.prepare('INSERT OR REPLACE INTO people (id, name, email, notes) VALUES (?, ?, ?, ?)');
const update = database.prepare('UPDATE people SET email = ? WHERE id = ?');
const remove = database.prepare('DELETE FROM people WHERE id = ?');

let isToStop = false;
let nextId = Number(records);
process.once('message', () => {
  isToStop = true;
});
process.send?.('began');

for (let number = 1; !isToStop; number++) {
  await write(number);
  await new Promise((resolve) => setTimeout(resolve, 2));
}
database.close();
process.disconnect();

async function write(number: number): Promise<void> {
  await refreshKeyring(keyring);
  const dice = random(10);
  const id = random(nextId);
  if (dice === 0) {
    append({ intent: number, kind: 'delete', id });
    remove.run(id);
  } else if (dice <= 2) {
    await put(number, {
      id: nextId++,
      name: `new ${number}`,
      email: `new-${number}@example.com`,
      notes: { n: number },
    });
  } else if (dice === 3) {
    // Also brings back ids that were deleted: on purpose, as an application may.
    await put(number, { id, name: null, email: `again-${number}@example.com`, notes: { n: -number } });
  } else {
    const email = `patched-${number}@例え.jp`;
    append({ intent: number, kind: 'patch', id, email });
    const patch = await encryptRecord(people, { id, email }, keyring);
    update.run(patch.email, id);
  }
  append({ done: number });
}

async function put(number: number, person: Person): Promise<void> {
  append({ intent: number, kind: 'put', person });
  const row = await encryptRecord(people, person, keyring);
  insert.run(row.id, row.name, row.email, row.notes);
}

function append(line: LogLine): void {
  writeSync(log, `${JSON.stringify(line)}\n`);
  fsyncSync(log);
}
