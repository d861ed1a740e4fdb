import { encryptRecord } from 'cellseal';
import { prepareInsert, updateRow } from './database.js';
import type { Fault } from './options.js';
import { type Row, anotherRecord, idOf } from './records.js';
import type { Story } from './story.js';
import { readWriteLog } from './write-log.js';

/** Does to the database what a faulty rotation could do. (A lost write is the writer's own: it is logged and not done.) */
export async function plantFault(story: Story, fault: Fault | undefined): Promise<void> {
  const { folder, records, database, definition, keyring } = story;
  const { shape, rows } = records;
  if (fault !== 'returned-record' && fault !== 'changed-record') return;
  const writes = readWriteLog(folder.writeLog);

  if (fault === 'returned-record') {
    const deleted = new Set(writes.filter(({ kind }) => kind === 'delete').map(({ id }) => id));
    const record = rows.find((row) => deleted.has(idOf(shape, row)));
    if (!record) throw new Error('No record was deleted that could be brought back.');
    prepareInsert(database, shape)((await encryptRecord(definition, record, keyring)) as Row);
    return;
  }
  const touched = new Set(writes.map(({ id }) => id));
  const record = rows.find((row) => !touched.has(idOf(shape, row)));
  if (!record) throw new Error('There is no record that nobody wrote to.');
  const changed = { ...anotherRecord(shape), [shape.id]: record[shape.id] };
  updateRow(database, shape, idOf(shape, record), (await encryptRecord(definition, changed, keyring)) as Row);
}
