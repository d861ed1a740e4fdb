import { existsSync, readFileSync } from 'node:fs';
import { decryptRecord } from 'cellseal';
import { readRow } from './database.js';
import { type Records, type Row, type Shape, idOf } from './records.js';
import type { Story } from './story.js';
import { fitText, megabytes, printable } from './text.js';

const LABEL_COLUMNS = 11;
const VIEW_COLUMNS = 31;
/** Shorter texts would be found by chance. */
const MIN_NEEDLE_BYTES = 8;

/** Shows one row twice, and looks for its plaintext in the database's file. Gives the row as it is stored. */
export async function showBothViews(story: Story): Promise<Row> {
  const { page, records, database, definition, keyring } = story;
  const { shape } = records;
  const sample = chooseSample(records);
  page.heading('One row, as two see it');
  const stored = readRow(database, shape, idOf(shape, sample));
  const seen = (await decryptRecord(definition, stored, keyring)) as Row;

  page.line(
    `${fitText('', LABEL_COLUMNS)}${fitText('the application', VIEW_COLUMNS + 2)}a thief of the database`,
  );
  for (const name of [shape.id, ...openColumns(shape).slice(0, 1), ...shape.encrypt]) {
    const views = [seen, stored].map((row) => fitText(printable(row[name]), VIEW_COLUMNS));
    page.line(`${fitText(printable(name), LABEL_COLUMNS - 1)} ${views.join('  ')}`.trimEnd());
  }
  searchFile(story, sample);
  return stored;
}

/** The first record that has a value for every attribute; the first of all, where there is none. */
function chooseSample({ shape, rows }: Records): Row {
  return rows.find((row) => shape.encrypt.every((name) => row[name])) ?? (rows[0] as Row);
}

/** The id is no secret, so it must be found; what is encrypted must not. */
function searchFile({ page, folder, records }: Story, sample: Row): void {
  const { shape } = records;
  const files = [folder.database, `${folder.database}-wal`].filter((path) => existsSync(path));
  const bytes = Buffer.concat(files.map((path) => readFileSync(path)));
  const hidden = shape.encrypt.filter((name) => isSecretText(records, sample[name]));
  const found = hidden.filter((name) => bytes.includes(sample[name] as string));
  if (found.length > 0) throw new Error('An encrypted value stands in the file in plaintext.');
  if (!bytes.includes(idOf(shape, sample)))
    throw new Error('The id is not in the file: the search is broken.');
  const names = hidden.length === 0 ? 'no value is long enough to look for' : `${listed(hidden)} nowhere`;
  page.paragraph(`In the ${megabytes(bytes.length)} of the file its ${shape.id} is found, and ${names}.`);
}

/** What passes through as it is. */
function openColumns({ id, columns, encrypt }: Shape): string[] {
  return columns.filter((name) => name !== id && !encrypt.includes(name));
}

/** Long enough, and in no column of any record that passes through as it is. */
function isSecretText({ shape, rows }: Records, value: unknown): value is string {
  if (typeof value !== 'string' || Buffer.byteLength(value) < MIN_NEEDLE_BYTES) return false;
  return !rows.some((row) =>
    [shape.id, ...openColumns(shape)].some((name) => String(row[name]).includes(value)),
  );
}

function listed(names: readonly string[]): string {
  const [last = '', ...others] = names.map(printable).reverse();
  return others.length === 0 ? last : `${others.reverse().join(', ')} and ${last}`;
}
