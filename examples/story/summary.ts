import type { Census } from 'cellseal';
import type { Encrypted } from './encrypt.js';
import type { ReadBack } from './read-back.js';
import { type Rotation, keyRows } from './rotation.js';
import type { Story } from './story.js';
import { count, perSecond, seconds } from './text.js';
import type { LoggedWrite } from './write-log.js';

/** What a summary is made of. */
export interface Outcome {
  readonly story: Story;
  readonly encrypted: Encrypted;
  readonly rotation: Rotation;
  readonly readBack: ReadBack;
  /** Counted at the very end. */
  readonly census: Census;
  /** Of the whole story. */
  readonly ms: number;
}

/** Nothing was lost, and every row is as it must be. */
export function isSound({ readBack: { verdict }, census }: Outcome): boolean {
  return verdict.lostWrites === 0 && verdict.mismatches.length === 0 && census.notCells === 0;
}

export function summarise(outcome: Outcome): void {
  const { story, encrypted, rotation, readBack, census, ms } = outcome;
  const { page, records } = story;
  const { verdict, writes } = readBack;
  const { rewritten } = rotation.progress.counters;
  page.ending('Summary');
  page.list([
    ['records', `${count(records.rows.length)} went in, ${count(readBack.records)} are there now`],
    ['encrypted', speed(encrypted.cells, encrypted.ms)],
    ['rotated', speed(rewritten, rotation.ms)],
    ['read back', speed(readBack.cells, readBack.ms)],
    ['writes', describeWrites(writes)],
    ...keyRows(story, census),
    ['in all', seconds(ms)],
  ]);
  page.line(`lost writes: ${count(verdict.lostWrites)}`);
  if (!isSound(outcome)) page.line(`rows that are wrong: ${count(verdict.mismatches.length)}`);
}

function speed(cells: number, ms: number): string {
  return `${count(cells).padStart(9)} cells in ${seconds(ms).padStart(6)}   ${perSecond(cells, ms).padStart(15)}`;
}

function describeWrites(writes: readonly LoggedWrite[]): string {
  const done = writes.filter(({ isAcknowledged }) => isAcknowledged);
  const of = (kind: LoggedWrite['kind']): string => count(done.filter((write) => write.kind === kind).length);
  return `${count(done.length)} meanwhile: ${of('update')} changes, ${of('insert')} inserts, ${of('delete')} deletions`;
}
