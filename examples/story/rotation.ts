import { type Census, listKeys } from 'cellseal';
import { type RotationProgress, census } from 'cellseal/rotation';
import { sqliteRecords } from 'cellseal/sqlite';
import { startChild } from './children.js';
import type { Gauge } from './page.js';
import type { RotationMessage } from './rotate-process.js';
import { type Story, timed } from './story.js';
import { count, seconds, shortKey } from './text.js';

/** Where the rotation is killed: this share of the records. */
const KILL_AT = 0.4;
const CHUNK_RECORDS = 250;
/** So few records would be done before anybody could kill the process: it rests after each chunk. */
const FEW_RECORDS = 5_000;
const REST_MS = 25;
const CHUNKS_OF_FEW = 80;

export interface Rotation {
  readonly progress: RotationProgress;
  /** Of both runs, without the pause between them. */
  readonly ms: number;
}

/** Rotates in a process that is killed without notice, looks at what is there, and starts it again. */
export async function rotateTwice(story: Story): Promise<Rotation> {
  const { page } = story;
  page.heading(`A rotation in a process of its own, killed at ${KILL_AT * 100} %`);
  const first = await timed(() => runRotation(story, KILL_AT));
  if (!first.result.wasKilled) {
    page.line('It was done before it could be killed: there are too few records.');
    return { progress: first.result.progress, ms: first.ms };
  }
  const { done, expected } = first.result.progress;
  page.line(`SIGKILL after ${count(done)} of ${count(expected)} records. In the database at this moment:`);
  page.list(keyRows(story, await countCells(story)));

  const second = await timed(() => runRotation(story, undefined));
  const { counters } = second.result.progress;
  const ms = first.ms + second.ms;
  page.paragraph(
    `${count(counters.rewritten)} cells rewritten in ${seconds(ms)}. Records in which the other process was quicker, so that its write stayed: ${count(counters.conflicts)}.`,
  );
  return { progress: second.result.progress, ms };
}

interface Run {
  readonly progress: RotationProgress;
  readonly wasKilled: boolean;
}

/** One process, to its end or to where it is killed. */
async function runRotation({ page, folder, records }: Story, killAt: number | undefined): Promise<Run> {
  const few = records.rows.length < FEW_RECORDS;
  const chunk = few ? Math.max(1, Math.floor(records.rows.length / CHUNKS_OF_FEW)) : CHUNK_RECORDS;
  const gauge: Gauge = page.progress();
  let progress: RotationProgress | undefined;
  let isDone = false;
  let isKilled = false;

  const child = startChild<RotationMessage, never>(
    new URL('./rotate-process.ts', import.meta.url),
    [folder.path, String(chunk), String(few ? REST_MS : 0)],
    (message) => {
      if ('done' in message) {
        isDone = true;
        return;
      }
      const { state, began, done, expected, recordsPerSecond, etaMs } = message.progress;
      if (progress === undefined && began === 'resumed') {
        page.line(`Started again: resumed after ${count(done)} records.`);
      }
      progress = message.progress;
      gauge.show({ done, expected, perSecond: recordsPerSecond, etaMs });
      if (killAt !== undefined && state === 'sweeping' && done / expected >= killAt) {
        isKilled = true;
        child.kill();
      }
    },
  );
  await child.ended;
  gauge.end();
  // Few records may be done before the signal arrives.
  if (progress && (isDone || isKilled)) return { progress, wasKilled: !isDone };
  throw new Error('The process that rotates has failed.');
}

/** Counts what is in the database, by key. */
export async function countCells({ schema, keyring, database }: Story): Promise<Census> {
  return census(schema, { keyring, records: sqliteRecords(database) });
}

/** A census, one row for each data key. */
export function keyRows({ keyring }: Story, { cells }: Census): (readonly [string, string])[] {
  return listKeys(keyring)
    .filter(({ kind }) => kind === 'data')
    .map(({ keyId, state }) => [
      `key ${shortKey(keyId)}`,
      `${count(cells[keyId] ?? 0).padStart(9)} cells   ${state}`,
    ]);
}
