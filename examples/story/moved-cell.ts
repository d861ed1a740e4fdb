import { CellsealError, decryptRecord } from 'cellseal';
import { readRow, updateRow } from './database.js';
import { idOf } from './records.js';
import type { Story } from './story.js';
import { printable } from './text.js';

/** Writes one row's cell into another row, as a thief could who can write, and reads that row. Then takes it back. */
export async function refuseMovedCell({
  page,
  records,
  database,
  definition,
  keyring,
}: Story): Promise<void> {
  const { shape, rows } = records;
  page.heading('A cell moved to another row');
  const column = shape.encrypt.find((name) => rows.filter((row) => row[name] !== null).length > 1);
  if (column === undefined) return page.line('There is one record only: no other row to move a cell to.');

  const [from, to] = rows.filter((row) => row[column] !== null).map((row) => idOf(shape, row)) as [
    string,
    string,
  ];
  database.exec('BEGIN');
  try {
    updateRow(database, shape, to, { [column]: readRow(database, shape, from)[column] });
    const refusal = await decryptRecord(definition, readRow(database, shape, to), keyring).then(
      () => undefined,
      (error: unknown) => error,
    );
    if (!(refusal instanceof CellsealError))
      throw new Error('A moved cell was not refused.', { cause: refusal });
    page.line(`One row's ${printable(column)} was written over another's. Reading that row throws`);
    page.paragraph(`${refusal.name} (code ${JSON.stringify(refusal.code)}): ${refusal.message}`);
  } finally {
    database.exec('ROLLBACK');
  }
}
