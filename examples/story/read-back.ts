import { decryptRecords } from 'cellseal';
import { readPages } from './database.js';
import type { Row } from './records.js';
import { type Story, timed } from './story.js';
import { count, printable } from './text.js';
import { type Verdict, compareWith } from './verify.js';
import { type LoggedWrite, readWriteLog } from './write-log.js';

/** What was read back. */
export interface ReadBack {
  readonly verdict: Verdict;
  readonly writes: readonly LoggedWrite[];
  readonly records: number;
  readonly cells: number;
  readonly ms: number;
}

const SHOWN_MISMATCHES = 5;

/** Decrypts every row of the database, and compares it with what went in and with what was written since. */
export async function readBack(story: Story): Promise<ReadBack> {
  const { page, folder } = story;
  page.heading('Every row read back and compared');
  const writes = readWriteLog(folder.writeLog);
  const { result, ms } = await timed(() => compareAll(story, writes));
  const { verdict, records, cells } = result;
  const cameBack = verdict.mismatches.filter(({ what }) => what === 'came back').length;
  page.list([
    ['untouched', `${count(verdict.untouched)} rows are as they went in`],
    ['written', `${count(verdict.written)} rows hold what was last written to them`],
    [
      'deleted',
      `${count(verdict.gone)} rows are gone, ${cameBack === 0 ? 'and none' : count(cameBack)} came back`,
    ],
  ]);
  for (const { id, what } of verdict.mismatches.slice(0, SHOWN_MISMATCHES)) {
    page.line(`WRONG: row ${printable(id)}: ${what}`);
  }
  const more = verdict.mismatches.length - SHOWN_MISMATCHES;
  if (more > 0) page.line(`WRONG: ${count(more)} more`);
  return { verdict, writes, records, cells, ms };
}

async function compareAll(
  { page, records, database, definition, keyring }: Story,
  writes: readonly LoggedWrite[],
) {
  const { shape, rows } = records;
  const comparison = compareWith(shape, rows, writes);
  const gauge = page.passing('reading');
  let read = 0;
  let cells = 0;
  for (const stored of readPages(database, shape)) {
    const outcomes = await decryptRecords(definition, stored, keyring);
    outcomes.forEach((outcome, i) => {
      const row = stored[i] as Row;
      comparison.see(
        String(row[shape.id]),
        outcome.status === 'fulfilled' ? (outcome.value as Row) : undefined,
      );
      cells += shape.encrypt.filter((name) => row[name] !== null).length;
    });
    read += stored.length;
    gauge.show({ done: read, expected: Math.max(read, rows.length) });
  }
  gauge.end();
  return { verdict: comparison.finish(), records: read, cells };
}
