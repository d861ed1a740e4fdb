import { encryptRecord } from 'cellseal';
import { anotherRecord } from './another-record.js';
import { prepareInsert, updateRow } from './database.js';
import type { Fault } from './options.js';
import { type Row, idOf } from './records.js';
import type { Story } from './story.js';
import { readWriteLog } from './write-log.js';

/** Does to the database what a faulty rotation could do. (A lost write is the writer's own: it is logged and not done.) */
export async function plantFaults(story: Story, faults: readonly Fault[]): Promise<void> {
  if (faults.includes('returned-record')) await bringBack(story);
  if (faults.includes('changed-record')) await changeRecord(story);
}

async function bringBack({ folder, records, database, definition, keyring }: Story): Promise<void> {
  const { shape, rows } = records;
  const deletions = readWriteLog(folder.writeLog).filter(({ kind }) => kind === 'delete');
  const deleted = new Set(deletions.map(({ id }) => id));
  const record = rows.find((row) => deleted.has(idOf(shape, row)));
  if (!record) throw new Error('No record was deleted that could be brought back.');
  prepareInsert(database, shape)((await encryptRecord(definition, record, keyring)) as Row);
}

async function changeRecord({ folder, records, database, definition, keyring }: Story): Promise<void> {
  const { shape, rows } = records;
  const written = new Set(readWriteLog(folder.writeLog).map(({ id }) => id));
  const record = rows.find((row) => !written.has(idOf(shape, row)));
  if (!record) throw new Error('There is no record that nobody wrote to.');
  const changed = { ...anotherRecord(shape), [shape.id]: record[shape.id] };
  const row = (await encryptRecord(definition, changed, keyring)) as Row;
  updateRow(database, shape, idOf(shape, record), row);
}
