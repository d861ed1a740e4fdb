import type { Chunk, JobWrite, RecordSwap } from '../../rotation/index.js';
import { ANN, BOB, EMAIL, NEW, OLD, people, rowOf, textCell } from './fixtures.js';
import { entryOf, mustBeQuarantined, quarantineIn } from './jobs.js';
import { keyOf, must, mustEqual, mustFail, mustHold, recordsOf } from './looks.js';
import type { RecordStoreSubject, StoreCase } from './subject.js';

/** A record, a job and its quarantine, and a chunk that would change all three. */
export async function beforeCommit(subject: RecordStoreSubject) {
  const { store } = subject;
  const rows = [rowOf(people, ANN, OLD, 1), rowOf(people, BOB, OLD, 2)];
  for (const row of rows) await subject.insert(people, row);
  const swaps: RecordSwap[] = [];
  for (const row of rows) {
    const key = await keyOf(store, people, row);
    swaps.push({ key, cells: [{ cell: EMAIL, old: row['email'] as string, new: textCell(NEW, 5) }] });
  }
  const held = [entryOf('held', 'email', 'a')];
  await quarantineIn(store, 'job', held, { next: 'stored' });
  const chunk = {
    id: 'job',
    swaps,
    quarantine: [entryOf(swaps[0]?.key as string, 'phone', 'b')],
    job: (): JobWrite => ({ id: 'job', previous: 'stored', next: 'next' }),
  };
  const nothingWritten = async (): Promise<void> => {
    mustEqual(await store.readJob('job'), 'stored', 'the job record');
    await mustBeQuarantined(store, 'job', held);
    if (store.abilities.transactions) await mustHold(subject, people, rows, 'rows');
  };
  const allWritten = async (): Promise<void> => {
    mustEqual(await store.readJob('job'), 'next', 'the job record');
    await mustBeQuarantined(store, 'job', [...held, ...chunk.quarantine]);
    await mustHold(
      subject,
      people,
      rows.map((row) => ({ ...row, email: textCell(NEW, 5) })),
      'rows',
    );
  };
  const commit = (changes: Partial<Chunk>) =>
    store.commit(people.definition.layout, { ...chunk, ...changes });
  return { commit, nothingWritten, allWritten, chunk };
}

export const COMMIT_CASES: readonly StoreCase[] = [
  {
    name: 'a store says what it can do, and compares and swaps',
    tables: [people],
    async test({ store }) {
      const { compareAndSwap, transactions, snapshotCensus } = store.abilities;
      mustEqual(
        [compareAndSwap, typeof transactions, typeof snapshotCensus],
        [true, 'boolean', 'boolean'],
        'abilities',
      );
    },
  },
  {
    name: 'swaps, quarantine and job record are written together',
    tables: [people],
    async test(subject) {
      const { commit, allWritten } = await beforeCommit(subject);
      mustEqual(await commit({}), { committed: true, swapped: [true, true] }, 'the outcome');
      await allWritten();
    },
  },
  {
    name: 'nothing is written if the job record is another one',
    tables: [people],
    async test(subject) {
      const { commit, nothingWritten, allWritten } = await beforeCommit(subject);
      for (const previous of ['other', 'Stored', 'stored ', '', undefined]) {
        const job = (): JobWrite => ({ id: 'job', previous, next: 'next' });
        mustEqual(await commit({ job }), { committed: false }, 'the outcome');
        await nothingWritten();
      }
      mustEqual((await commit({})).committed, true, 'a commit after those that were refused');
      await allWritten();
    },
  },
  {
    name: 'nothing is written if there is no job record where one is expected',
    tables: [people],
    async test(subject) {
      const { commit, nothingWritten } = await beforeCommit(subject);
      const job = (): JobWrite => ({ id: 'none', previous: 'one', next: 'next' });
      mustEqual(await commit({ job }), { committed: false }, 'the outcome');
      await nothingWritten();
      must((await subject.store.readJob('none')) === undefined, 'a job record came to be');
    },
  },
  {
    name: 'nothing is written if what makes the job record throws, and its error comes out',
    tables: [people],
    async test(subject) {
      const { commit, nothingWritten, allWritten } = await beforeCommit(subject);
      const fault = new Error('thrown by the job');
      const thrown = await mustFail('a commit whose job throws was made', () =>
        commit({
          job: () => {
            throw fault;
          },
        }),
      );
      must(thrown === fault, 'the error of the job is not the one that comes out');
      await nothingWritten();
      mustEqual((await commit({})).committed, true, 'a commit after that');
      await allWritten();
    },
  },
  {
    name: 'the job record is made once a commit, from one answer for each swap in their order',
    tables: [people],
    async test(subject) {
      const { commit, chunk } = await beforeCommit(subject);
      const asked: (readonly boolean[])[] = [];
      const [ann, bob] = chunk.swaps as unknown as readonly [RecordSwap, RecordSwap];
      const lost = { ...ann, cells: [{ cell: EMAIL, old: textCell(OLD, 99), new: textCell(NEW) }] };
      const outcome = await commit({
        swaps: [lost, bob],
        job: (swapped) => {
          asked.push([...swapped]);
          return { id: 'job', previous: 'stored', next: 'next' };
        },
      });
      mustEqual(outcome, { committed: true, swapped: [false, true] }, 'the outcome');
      mustEqual(asked, [[false, true]], 'what the job was asked with');
    },
  },
  {
    name: 'a commit without swaps moves the job record',
    tables: [people],
    async test(subject) {
      const { commit } = await beforeCommit(subject);
      mustEqual(await commit({ swaps: [], quarantine: [] }), { committed: true, swapped: [] }, 'outcome');
      mustEqual(await subject.store.readJob('job'), 'next', 'the job record');
    },
  },
  {
    name: 'a chunk without a job swaps and notes what was refused, and writes no job record',
    tables: [people],
    async test(subject) {
      const { commit, chunk } = await beforeCommit(subject);
      const [ann, bob] = chunk.swaps as unknown as readonly [RecordSwap, RecordSwap];
      const lost = { ...bob, cells: [{ cell: EMAIL, old: textCell(OLD, 99), new: textCell(NEW) }] };
      const outcome = await commit({ id: 'another', swaps: [ann, lost], job: undefined });
      mustEqual(outcome, { committed: true, swapped: [true, false] }, 'the outcome');
      mustEqual(await subject.store.readJob('job'), 'stored', 'the job record');
      must((await subject.store.readJob('another')) === undefined, 'a job record came to be');
      await mustBeQuarantined(subject.store, 'another', chunk.quarantine);
      await mustBeQuarantined(subject.store, 'job', [entryOf('held', 'email', 'a')]);
      const again = await subject.store.reread(people.definition.layout, [ann.key, bob.key]);
      mustEqual(
        again.map(({ cells }) => cells[EMAIL]).sort(),
        [textCell(NEW, 5), textCell(OLD, 20)].sort(),
        'cells',
      );
    },
  },
  {
    name: 'a quarantine stands under the name of its chunk, whatever job record goes with it',
    tables: [people],
    async test(subject) {
      const { commit, chunk } = await beforeCommit(subject);
      mustEqual((await commit({ id: 'whole' })).committed, true, 'a commit');
      mustEqual(await subject.store.readJob('job'), 'next', 'the job record');
      await mustBeQuarantined(subject.store, 'whole', chunk.quarantine);
      await mustBeQuarantined(subject.store, 'job', [entryOf('held', 'email', 'a')]);
    },
  },
  {
    name: 'what was committed is what pages and keys find from then on',
    tables: [people],
    async test(subject) {
      const { commit, chunk } = await beforeCommit(subject);
      await commit({});
      const { layout } = people.definition;
      const paged = await recordsOf(subject.store, people);
      const again = await subject.store.reread(
        layout,
        chunk.swaps.map(({ key }) => key),
      );
      for (const records of [paged, again]) {
        mustEqual(
          records.map(({ cells }) => cells[EMAIL]),
          [textCell(NEW, 5), textCell(NEW, 5)],
          'cells',
        );
      }
    },
  },
];
