/**
 * The story that `npm start` tells, in its order: records are encrypted, the key is changed while another process
 * writes, the rotation is killed and resumed, and everything is compared with what went in.
 */
import { readCsv } from './csv-file.js';
import { encryptAll } from './encrypt.js';
import { plantFaults } from './faults.js';
import { InputError } from './input-error.js';
import { makePeople } from './invented-people.js';
import { refuseMovedCell } from './moved-cell.js';
import { changeKey } from './new-key.js';
import { HELP, type StoryOptions, parseOptions } from './options.js';
import { type Page, openPage } from './page.js';
import { readBack } from './read-back.js';
import type { Records } from './records.js';
import { countCells, rotateTwice } from './rotation.js';
import { type Workplace, choosePlace, makeWorkplace } from './run-folder.js';
import { type Outcome, isSound, summarise } from './summary.js';
import { suspendOldKey } from './suspend.js';
import { count, printable } from './text.js';
import { showBothViews } from './views.js';

endOnSignals();
try {
  const options = parseOptions(process.argv.slice(2));
  if (options.help) process.stdout.write(HELP);
  else await tellStory(options);
} catch (error) {
  process.exitCode = complain(error);
}

async function tellStory(options: StoryOptions): Promise<void> {
  const began = performance.now();
  const page = openPage(process.stdout);
  const place = choosePlace(options.dir);
  const records = gather(page, options);
  const workplace = makeWorkplace(place, options.keep);
  const outcome = await play(page, records, workplace, options, began);
  summarise(outcome);
  outcome.story.database.close();
  workplace.leave();
  if (options.keep) page.line(`kept in ${outcome.story.folder.path}, the passphrase with it`);
  if (!isSound(outcome)) process.exitCode = 1;
}

function gather(page: Page, { csv, records }: StoryOptions): Records {
  const gathered = csv ? readCsv(csv) : makePeople(records);
  const { shape, rows, origin } = gathered;
  const values = rows.flatMap((row) => shape.encrypt.map((name) => row[name]));
  const empty = values.filter((value) => value === '').length;
  const none = values.filter((value) => value === null).length;
  const nulls = none === 0 ? '' : `, ${count(none)} are null and stay null`;
  page.heading(`${count(rows.length)} ${csv ? 'records' : 'people'}`);
  page.list([
    ['origin', origin],
    ['to encrypt', shape.encrypt.map(printable).join(', ')],
    ['values', `${count(values.length)}; ${count(empty)} are empty texts${nulls}`],
  ]);
  return gathered;
}

async function play(
  page: Page,
  records: Records,
  workplace: Workplace,
  { faults }: StoryOptions,
  began: number,
): Promise<Outcome> {
  const encrypted = await encryptAll(page, workplace, records);
  const { story } = encrypted;
  const copied = await showBothViews(story);
  await refuseMovedCell(story);
  const keys = await changeKey(story, faults);
  const rotation = await rotateTwice(story);
  await suspendOldKey(story, keys, copied);
  await keys.writer.stop();
  await plantFaults(story, faults);
  const read = await readBack(story);
  const census = await countCells(story);
  return { story, encrypted, rotation, readBack: read, census, ms: performance.now() - began };
}

/** By `process.exit`, so that what listens for the end removes the folder and ends the other processes. */
function endOnSignals(): void {
  const numbers = { SIGHUP: 1, SIGINT: 2, SIGTERM: 15 } as const;
  for (const signal of ['SIGHUP', 'SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => process.exit(128 + numbers[signal]));
  }
  // Whoever read the output has gone (`npm start | head`).
  process.stdout.on('error', () => process.exit(1));
}

/** Says what went wrong, and gives the exit code. */
function complain(error: unknown): number {
  if (error instanceof InputError) {
    process.stderr.write(`${printable(error.message)}\n`);
    return 2;
  }
  console.error(error);
  return 1;
}
