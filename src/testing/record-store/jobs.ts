import { StoreBusyError } from '../../index.js';
import type { JobWrite, QuarantineEntry, RecordStore, RefusedCell } from '../../rotation/index.js';
import { people } from './fixtures.js';
import { must, mustEqual } from './looks.js';
import type { StoreCase } from './subject.js';

export const entryOf = (key: string, column: string, code: string): RefusedCell => ({
  table: 'people',
  key,
  column,
  code,
});

const spellEntry = (entry: QuarantineEntry): string =>
  JSON.stringify([entry.table, entry.key, entry.column, entry.code, entry.disposition]);

export async function mustBeQuarantined(
  store: RecordStore,
  job: string,
  cells: readonly (RefusedCell & Partial<QuarantineEntry>)[],
): Promise<void> {
  const found = await store.listQuarantine(job);
  const wanted = cells.map((cell): QuarantineEntry => ({ disposition: 'open', ...cell }));
  mustEqual(found.map(spellEntry).sort(), wanted.map(spellEntry).sort(), 'the quarantine');
}

/** Writes a job record together with entries of its quarantine, and nothing else. */
export async function quarantineIn(
  store: RecordStore,
  id: string,
  quarantine: readonly RefusedCell[],
  more: Partial<JobWrite> = {},
): Promise<boolean> {
  const previous = await store.readJob(id);
  const outcome = await store.commit(people.definition.layout, {
    id,
    swaps: [],
    quarantine,
    job: () => ({ id, previous, next: `${previous ?? ''}.`, ...more }),
  });
  return outcome.committed;
}

export const JOB_CASES: readonly StoreCase[] = [
  {
    name: 'a job that was never written has no record and nothing in quarantine',
    tables: [people],
    async test({ store }) {
      must((await store.readJob('never')) === undefined, 'a job that was never written has a record');
      await mustBeQuarantined(store, 'never', []);
    },
  },
  {
    name: 'a job record is written for the first time once',
    tables: [people],
    async test({ store }) {
      mustEqual(await store.writeJob({ id: 'job', previous: undefined, next: 'one' }), true, 'the first');
      mustEqual(await store.writeJob({ id: 'job', previous: undefined, next: 'two' }), false, 'the second');
      mustEqual(await store.readJob('job'), 'one', 'the record');
    },
  },
  {
    name: 'a job record is written over exactly the one that was read',
    tables: [people],
    async test({ store }) {
      await store.writeJob({ id: 'job', previous: undefined, next: 'record Å' });
      for (const previous of ['RECORD Å', 'record Å ', 'record A', 'record \u0041\u030a', '', 'record']) {
        mustEqual(await store.writeJob({ id: 'job', previous, next: 'wrong' }), false, 'a write');
      }
      mustEqual(await store.readJob('job'), 'record Å', 'the record');
      mustEqual(await store.writeJob({ id: 'job', previous: 'record Å', next: 'next' }), true, 'the write');
      mustEqual(await store.readJob('job'), 'next', 'the next record');
      mustEqual(await store.writeJob({ id: 'job', previous: 'next', next: 'next' }), true, 'the same again');
    },
  },
  {
    name: 'a job record that is not there is not written over',
    tables: [people],
    async test({ store }) {
      mustEqual(await store.writeJob({ id: 'job', previous: 'one', next: 'two' }), false, 'a write');
      must((await store.readJob('job')) === undefined, 'a record came to be');
    },
  },
  {
    name: 'a job record comes back as it was written: quotes, other scripts, 60 KiB',
    tables: [people],
    async test({ store }) {
      let previous: string | undefined;
      for (const next of ['{"a":"it\'s \\"x\\" \u{1f600} é"}', '', ' ', 'x'.repeat(60 * 1_024)]) {
        mustEqual(await store.writeJob({ id: "o'job", previous, next }), true, 'a write');
        mustEqual(await store.readJob("o'job"), next, 'the record');
        previous = next;
      }
    },
  },
  {
    name: 'jobs with different names are different jobs',
    tables: [people],
    async test({ store }) {
      const ids = ['job', 'Job', 'job ', 'jöb', 'job:kr_a', 'job%'];
      for (const id of ids) await store.writeJob({ id, previous: undefined, next: `of ${id}` });
      for (const id of ids) mustEqual(await store.readJob(id), `of ${id}`, 'a record');
    },
  },
  {
    name: 'of two that write one job at once, one succeeds',
    tables: [people],
    async test({ store }) {
      await store.writeJob({ id: 'job', previous: undefined, next: 'start' });
      const attempts = Array.from({ length: 8 }, async (_, n) => {
        try {
          return await store.writeJob({ id: 'job', previous: 'start', next: `${n}` });
        } catch (error) {
          if (error instanceof StoreBusyError) return false;
          throw error;
        }
      });
      const winners = (await Promise.all(attempts)).flatMap((won, n) => (won ? [`${n}`] : []));
      mustEqual(winners, [await store.readJob('job')], 'winners');
    },
  },
  {
    name: 'a cell stands in quarantine once, with the last code, however often it is put there',
    tables: [people],
    async test({ store }) {
      await quarantineIn(store, 'job', [entryOf('k1', 'email', 'authentication')]);
      await quarantineIn(store, 'job', [
        entryOf('k1', 'email', 'unknown-key'),
        entryOf('k1', 'phone', 'too-short'),
      ]);
      await quarantineIn(store, 'job', [
        entryOf('k1', 'phone', 'too-short'),
        entryOf('k2', 'email', 'not-a-cell'),
      ]);
      const wanted = [
        entryOf('k1', 'email', 'unknown-key'),
        entryOf('k1', 'phone', 'too-short'),
        entryOf('k2', 'email', 'not-a-cell'),
      ];
      await mustBeQuarantined(store, 'job', wanted);
    },
  },
  {
    name: 'what is in quarantine is told by table, key and attribute, byte by byte',
    tables: [people],
    async test({ store }) {
      const entries = [
        entryOf('k', 'email', 'a'),
        entryOf('K', 'email', 'b'),
        entryOf('k ', 'email', 'c'),
        entryOf('k', 'Email', 'd'),
        { ...entryOf('k', 'email', 'e'), table: 'People' },
        entryOf('["it\'s","\u{1f600}"]', "o'column", 'f'),
      ];
      await quarantineIn(store, 'job', entries);
      await mustBeQuarantined(store, 'job', entries);
    },
  },
  {
    name: 'each job has a quarantine of its own',
    tables: [people],
    async test({ store }) {
      await quarantineIn(store, 'one', [entryOf('k', 'email', 'a')]);
      await quarantineIn(store, 'two', [entryOf('k', 'email', 'b')]);
      await mustBeQuarantined(store, 'one', [entryOf('k', 'email', 'a')]);
      await mustBeQuarantined(store, 'two', [entryOf('k', 'email', 'b')]);
    },
  },
  {
    name: 'a job that forgets its quarantine forgets all that is open, with the same write, and nobody else’s',
    tables: [people],
    async test({ store }) {
      const [ofOne, ofTwo] = [
        [entryOf('k', 'email', 'a'), entryOf('k2', 'email', 'a')],
        [entryOf('k', 'email', 'b')],
      ];
      await quarantineIn(store, 'one', ofOne);
      await quarantineIn(store, 'two', ofTwo);
      const previous = await store.readJob('one');
      const write = { id: 'one', previous, next: 'fresh', forgetQuarantine: true };
      mustEqual(await store.writeJob({ ...write, previous: 'other' }), false, 'a write that is refused');
      await mustBeQuarantined(store, 'one', ofOne);
      mustEqual(await store.writeJob({ ...write, forgetQuarantine: false }), true, 'a write that keeps');
      await mustBeQuarantined(store, 'one', ofOne);
      mustEqual(await store.writeJob({ ...write, previous: 'fresh' }), true, 'a write that forgets');
      await mustBeQuarantined(store, 'one', []);
      await mustBeQuarantined(store, 'two', ofTwo);
    },
  },
  {
    name: 'a cell stands in quarantine once where several chunks note it at once',
    tables: [people],
    async test({ store }) {
      const quarantine = [entryOf('k1', 'email', 'a'), entryOf('k2', 'email', 'a')];
      await quarantineIn(store, 'job', [entryOf('k1', 'email', 'a')]);
      const attempts = Array.from({ length: 8 }, async () => {
        try {
          await store.commit(people.definition.layout, { id: 'job', swaps: [], quarantine });
        } catch (error) {
          if (!(error instanceof StoreBusyError)) throw error;
        }
      });
      await Promise.all(attempts);
      await mustBeQuarantined(store, 'job', quarantine);
    },
  },
  {
    name: 'what an operator has abandoned is told as that, and stays so when it is noted again',
    tables: [people],
    async test({ store }) {
      await quarantineIn(store, 'job', [entryOf('k1', 'email', 'a'), entryOf('k2', 'email', 'a')]);
      mustEqual(
        await store.settleQuarantine('job', [entryOf('k1', 'email', 'of no interest')], 'abandoned'),
        1,
        'cells that were met',
      );
      const abandoned = { ...entryOf('k1', 'email', 'a'), disposition: 'abandoned' } as const;
      await mustBeQuarantined(store, 'job', [abandoned, entryOf('k2', 'email', 'a')]);
      await quarantineIn(store, 'job', [entryOf('k1', 'email', 'b'), entryOf('k2', 'email', 'b')]);
      await mustBeQuarantined(store, 'job', [{ ...abandoned, code: 'b' }, entryOf('k2', 'email', 'b')]);
      mustEqual(await store.settleQuarantine('job', [abandoned], 'open'), 1, 'cells that are open again');
      await mustBeQuarantined(store, 'job', [entryOf('k1', 'email', 'b'), entryOf('k2', 'email', 'b')]);
    },
  },
  {
    name: 'a job that forgets its quarantine keeps what was abandoned',
    tables: [people],
    async test({ store }) {
      const [open, given] = [entryOf('k1', 'email', 'a'), entryOf('k2', 'email', 'a')];
      const abandoned = { ...given, disposition: 'abandoned' } as const;
      await quarantineIn(store, 'job', [open, given]);
      await store.settleQuarantine('job', [given], 'abandoned');
      await quarantineIn(store, 'job', [], { forgetQuarantine: true });
      await mustBeQuarantined(store, 'job', [abandoned]);
      await quarantineIn(store, 'job', [open]);
      const previous = await store.readJob('job');
      await store.writeJob({ id: 'job', previous, next: 'fresh', forgetQuarantine: true });
      await mustBeQuarantined(store, 'job', [abandoned]);
    },
  },
  {
    name: 'cells are taken out of quarantine, the abandoned ones too, and nobody else’s',
    tables: [people],
    async test({ store }) {
      const kept = [
        entryOf('K', 'email', 'a'),
        entryOf('k', 'Email', 'b'),
        { ...entryOf('k', 'email', 'c'), table: 'People' },
      ];
      const abandoned = entryOf('["it\'s","\u{1f600}"]', "o'column", 'd');
      const gone = [entryOf('k', 'email', 'e'), entryOf('x'.repeat(5_000), 'email', 'f'), abandoned];
      const cells = [...kept, ...gone];
      await quarantineIn(store, 'job', cells);
      await quarantineIn(store, 'other', cells);
      await store.settleQuarantine('job', [abandoned], 'abandoned');
      mustEqual(await store.settleQuarantine('job', gone, 'gone'), 3, 'cells that are gone');
      await mustBeQuarantined(store, 'job', kept);
      await mustBeQuarantined(store, 'other', cells);
    },
  },
  {
    name: 'settling answers how many of the cells were in quarantine, each once, and puts none there',
    tables: [people],
    async test({ store }) {
      const [there, absent] = [entryOf('k', 'email', 'a'), entryOf('absent', 'email', 'a')];
      for (const to of ['open', 'abandoned', 'gone'] as const)
        mustEqual(await store.settleQuarantine('never', [absent], to), 0, 'cells of a job that is not there');
      await quarantineIn(store, 'job', [there]);
      for (const to of ['open', 'abandoned', 'abandoned', 'open'] as const) {
        mustEqual(await store.settleQuarantine('job', [there, absent, there], to), 1, `cells that are ${to}`);
        await mustBeQuarantined(store, 'job', [{ ...there, disposition: to }]);
      }
      mustEqual(await store.settleQuarantine('job', [], 'gone'), 0, 'no cells');
      mustEqual(
        await store.settleQuarantine('job', [there, absent, there], 'gone'),
        1,
        'cells that are gone',
      );
      mustEqual(await store.settleQuarantine('job', [there], 'gone'), 0, 'cells that were gone before');
      await mustBeQuarantined(store, 'job', []);
    },
  },
  {
    name: 'a commit that forgets the quarantine keeps what it puts there itself',
    tables: [people],
    async test({ store }) {
      await quarantineIn(store, 'job', [entryOf('k', 'email', 'a')]);
      await quarantineIn(store, 'job', [entryOf('k2', 'email', 'b')], { forgetQuarantine: true });
      await mustBeQuarantined(store, 'job', [entryOf('k2', 'email', 'b')]);
    },
  },
];
