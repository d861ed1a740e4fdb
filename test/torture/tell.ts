/** What the rotators' log is told of their stores. */
import { keyTagOf, parseKeyTag } from '../../src/key-tag.js';
import type { JobWrite } from '../../src/ports/job-store.js';
import type { RecordStore, StoredRecord } from '../../src/ports/record-store.js';
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

/** Records with a cell under another key than this one. */
export async function recordsLeftBehind(records: RecordStore, active: string): Promise<string[]> {
  const left: string[] = [];
  for (const { layout } of everything.tables) {
    let after: string | undefined;
    for (;;) {
      const page = await records.page(layout, { after, maxRecords: 1_000, maxBytes: 2 ** 30 });
      left.push(...page.records.filter((record) => !isAllUnder(active, record)).map(nameIn(layout.name)));
      if (page.done) break;
      after = page.next;
    }
  }
  return left;
}

function isAllUnder(active: string, { cells }: StoredRecord): boolean {
  return cells.every((cell) => cell === null || keyIdOf(cell) === active);
}

function keyIdOf(cell: unknown): string | undefined {
  const tag = keyTagOf(cell);
  return tag === undefined ? undefined : parseKeyTag(tag)?.keyId;
}

function nameIn(table: string): (record: StoredRecord) => string {
  return ({ id }) => recordName(table as TableName, String(id[0]));
}
