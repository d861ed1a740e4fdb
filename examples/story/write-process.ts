/**
 * The application, as a process of its own: keeps changing, inserting and deleting rows until it is told to stop. It
 * knows nothing of a rotation; it reads the keyring again when it is told that there is something new in it.
 */
import { randomInt } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { encryptRecord, openKeyring, refreshKeyring } from 'cellseal';
import { fileKeyring } from 'cellseal/file';
import { anotherRecord } from './another-record.js';
import { hearStory, say, sayLast } from './children.js';
import { deleteRow, openDatabase, prepareInsert, readIds, updateRow } from './database.js';
import { definitionOf } from './definition.js';
import { seedPeople } from './invented-people.js';
import { type Row, idOf } from './records.js';
import { readPassphrase, readShape, runFolder } from './run-folder.js';
import { type Write, openWriteLog } from './write-log.js';

/** What the story tells this process. */
export type WriterOrder = { readonly order: 'refresh' | 'stop' };
/** What this process says when it has begun, and when it has done as it was told. */
export type WriterAnswer = { readonly done: 'start' | 'refresh' | 'stop' };

/** Others than those that are in the table. */
const SEED = 4_711;
const PAUSE_MS = 3;
/** A write that is logged and acknowledged but never done, where the story asks for this fault. */
const LOST_WRITE = 20;

const [path = '', ...faults] = process.argv.slice(2);
const folder = runFolder(path);
const shape = readShape(folder);
const definition = definitionOf(shape);
const database = await openDatabase(folder.database);
const keyring = await openKeyring(fileKeyring(folder.keyring), { passphrase: readPassphrase(folder) });
const insertRow = prepareInsert(database, shape);
const log = openWriteLog(folder.writeLog);
const ids = readIds(database, shape);
const orders: WriterOrder[] = [];

hearStory<WriterOrder>((order) => orders.push(order));
seedPeople(SEED);
say<WriterAnswer>({ done: 'start' });

for (let number = 1; !(await obey()); number++) {
  await write(number);
  await sleep(PAUSE_MS);
}
database.close();
log.close();
sayLast<WriterAnswer>({ done: 'stop' });

/** Does what the story has ordered meanwhile; says whether that was to stop. */
async function obey(): Promise<boolean> {
  for (let next = orders.shift(); next; next = orders.shift()) {
    if (next.order === 'stop') return true;
    await refreshKeyring(keyring);
    say<WriterAnswer>({ done: 'refresh' });
  }
  return false;
}

/** Seven of ten change a row, the others insert and delete. */
async function write(number: number): Promise<void> {
  const isLost = faults.includes('lost-write') && number === LOST_WRITE;
  const dice = isLost ? 0 : randomInt(10);
  if (dice >= 8 || ids.length === 0) return insert(number);
  if (dice === 7) return remove(number);
  return change(number, isLost);
}

async function change(number: number, isLost: boolean): Promise<void> {
  const place = randomInt(ids.length);
  const id = ids[place] as string;
  const record = anotherRecord(shape);
  // One attribute or several, and sometimes all of them.
  const names = isLost ? shape.encrypt : shape.encrypt.filter(() => randomInt(3) === 0);
  const values = Object.fromEntries(names.map((name) => [name, record[name]]));
  if (names.length === 0) return;
  if (isLost) forget(place); // a later write to this row would hide the fault
  await logged({ number, kind: 'update', id, values }, async () => {
    const patch = await encryptRecord(definition, { [shape.id]: id, ...values }, keyring);
    return isLost || updateRow(database, shape, id, patch);
  });
}

async function insert(number: number): Promise<void> {
  const record = anotherRecord(shape);
  const id = idOf(shape, record);
  await logged({ number, kind: 'insert', id, values: record }, async () => {
    insertRow((await encryptRecord(definition, record, keyring)) as Row);
    return true;
  });
  ids.push(id);
}

async function remove(number: number): Promise<void> {
  const id = forget(randomInt(ids.length));
  await logged({ number, kind: 'delete', id, values: {} }, () => deleteRow(database, shape, id));
}

/** No further write goes to the row at this place of the list. */
function forget(place: number): string {
  const id = ids[place] as string;
  const last = ids.pop() as string;
  if (place < ids.length) ids[place] = last;
  return id;
}

async function logged(entry: Write, work: () => boolean | Promise<boolean>): Promise<void> {
  log.intend(entry);
  if (await work()) log.acknowledge(entry.number);
}
