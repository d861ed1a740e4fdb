import { statSync } from 'node:fs';
import {
  CellsealError,
  type Keyring,
  type Table,
  createKeyring,
  encryptRecords,
  listKeys,
  openKeyring,
  schema,
} from 'cellseal';
import { fileKeyring } from 'cellseal/file';
import { clientName, createTable, openDatabase, openFile, prepareInsert } from './database.js';
import { definitionOf } from './definition.js';
import { InputError } from './input-error.js';
import type { Page } from './page.js';
import type { Records, Row } from './records.js';
import { type RunFolder, type Workplace, makePassphrase, writeShape } from './run-folder.js';
import { type Story, timed } from './story.js';
import { count, megabytes, perSecond, seconds, shortKey } from './text.js';

const BATCH_RECORDS = 1_000;

/** What went in. */
export interface Encrypted {
  readonly story: Story;
  readonly cells: number;
  readonly ms: number;
}

/** Makes a keyring and a database of cells. The folder gets its name when both are whole. */
export async function encryptAll(page: Page, workplace: Workplace, records: Records): Promise<Encrypted> {
  page.heading('Encrypted, into an SQLite file');
  const definition = definitionOf(records.shape);
  const passphrase = makePassphrase(workplace.partial);
  const made = await createKeyring(fileKeyring(workplace.partial.keyring), { passphrase });
  const { result: cells, ms } = await timed(() => fill(page, workplace.partial, records, definition, made));

  const folder = workplace.settle();
  const keyring = await openKeyring(fileKeyring(folder.keyring), { passphrase });
  const database = await openDatabase(folder.database);
  const key = listKeys(keyring).find(({ kind }) => kind === 'data');
  page.list([
    ['keyring', `made with a passphrase; one data key, ${shortKey(key?.keyId ?? '')}`],
    ['cells', `${count(cells)} in ${seconds(ms)}: ${perSecond(cells, ms)}`],
    ['database', `${megabytes(statSync(folder.database).size)}, through ${clientName()}`],
  ]);
  const story = { page, records, folder, database, keyring, definition, schema: schema([definition]) };
  return { story, cells, ms };
}

/** All records in one transaction. Gives the number of cells. */
async function fill(
  page: Page,
  folder: RunFolder,
  records: Records,
  definition: Table,
  keyring: Keyring,
): Promise<number> {
  const { shape, rows } = records;
  writeShape(folder, shape);
  const database = await openFile(folder.database);
  const gauge = page.passing('encrypting');
  let cells = 0;
  try {
    createTable(database, shape);
    const insertRow = prepareInsert(database, shape);
    database.exec('BEGIN');
    for (let first = 0; first < rows.length; first += BATCH_RECORDS) {
      gauge.show({ done: first, expected: rows.length });
      const outcomes = await encryptRecords(definition, rows.slice(first, first + BATCH_RECORDS), keyring);
      outcomes.forEach((outcome, i) => {
        if (outcome.status === 'rejected') throw explain(outcome.reason, records, first + i);
        const row = outcome.value as Row;
        insertRow(row);
        cells += shape.encrypt.filter((name) => row[name] !== null).length;
      });
    }
    database.exec('COMMIT');
    return cells;
  } finally {
    gauge.end();
    database.close();
  }
}

/** A value of the user's that is refused (a cell already, too long) is told with its place. */
function explain(reason: unknown, { nameOf }: Records, index: number): unknown {
  if (!(reason instanceof CellsealError)) return reason;
  const column = reason.column === undefined ? '' : `, column ${JSON.stringify(reason.column)}`;
  return new InputError(`${nameOf(index)}${column}: ${reason.message} (${reason.code})`);
}
