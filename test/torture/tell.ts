/** What the rotators' log is told of their stores. */
import { keyTagOf, parseKeyTag } from '../../src/key-tag.js';
import type { JobWrite } from '../../src/ports/job-store.js';
import type { RecordStore, StoredRecord, TableLayout } from '../../src/ports/record-store.js';
import { tokenPrefixOf } from '../../src/token-form.js';
import { recordName } from './model.js';
import type { RotatorLine } from './rotator.js';
import { type TableName, everything } from './world.js';

type Told<T> = T extends unknown ? Omit<T, 'run' | 'at'> : never;

/** The same store; every page and every job record that begins a job is written down before it goes on. */
export function tellPages(records: RecordStore, log: (line: Told<RotatorLine>) => void): RecordStore {
  let { pass }: Pick<Job, 'pass'> = { pass: 1 };
  return {
    ...records,
    async page(layout, request) {
      const page = await records.page(layout, request);
      const isLast = page.done && layout.name === everything.tables.at(-1)?.name;
      log({ page: layout.name as TableName, pass, keys: page.records.map(nameIn(layout.name)), isLast });
      return page;
    },
    async writeJob(write) {
      const wrote = await records.writeJob(write);
      const job = jobOf(write);
      if (wrote) {
        pass = job.pass;
        log({ job: job.name, isFresh: write.forgetQuarantine === true });
      }
      return wrote;
    },
    async commit(layout, chunk) {
      const { job } = chunk;
      if (!job) return records.commit(layout, chunk);
      let next = pass;
      const outcome = await records.commit(layout, {
        ...chunk,
        job(swapped) {
          const write = job(swapped);
          next = jobOf(write).pass;
          return write;
        },
      });
      if (outcome.committed) pass = next;
      return outcome;
    },
  };
}

interface Job {
  /** What stays the same for as long as a job goes on. */
  readonly name: string;
  readonly pass: number;
}

function jobOf({ next }: JobWrite): Job {
  const { scope, startedAtMs, pass } = JSON.parse(next) as {
    scope: string;
    startedAtMs: number;
    pass: number;
  };
  return { name: `${scope} ${startedAtMs}`, pass };
}

/** What a sweep brings everything under. */
export interface ActiveKeys {
  readonly data: string;
  readonly index: string;
}

/** Records with a cell or a token under another key than the active ones, or without a token that they should have. */
export async function recordsLeftBehind(records: RecordStore, active: ActiveKeys): Promise<string[]> {
  const left: string[] = [];
  for (const { layout } of everything.tables) {
    let after: string | undefined;
    for (;;) {
      const page = await records.page(layout, { after, maxRecords: 1_000, maxBytes: 2 ** 30 });
      left.push(
        ...page.records.filter((record) => !isAllUnder(active, layout, record)).map(nameIn(layout.name)),
      );
      if (page.done) break;
      after = page.next;
    }
  }
  return left;
}

function isAllUnder(active: ActiveKeys, layout: TableLayout, { cells, tokens = [] }: StoredRecord): boolean {
  const isToken = (token: unknown, i: number): boolean => {
    const isNull = layout.tokens?.[i]?.cells.some((cell) => cells[cell] === null);
    return isNull ? token === null : active.index.startsWith(tokenPrefixOf(token) ?? '-');
  };
  return cells.every((cell) => cell === null || keyIdOf(cell) === active.data) && tokens.every(isToken);
}

function keyIdOf(cell: unknown): string | undefined {
  const tag = keyTagOf(cell);
  return tag === undefined ? undefined : parseKeyTag(tag)?.keyId;
}

function nameIn(table: string): (record: StoredRecord) => string {
  return ({ id }) => recordName(table as TableName, String(id[0]));
}
