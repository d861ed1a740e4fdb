import { type Bytes, assert, endsIn, everyByte, holds, many, refuses, text, writes } from './fixtures.js';
import type { MemberCase } from './subject.js';

type Restore = Parameters<MemberCase<'restore'>['test']>[0];

export const RESTORE_CASES: readonly MemberCase<'restore'>[] = [
  {
    name: 'restore: puts a document of any revision where there never was one',
    async test(restore, _, store) {
      await restores(restore, 7, everyByte());
      await holds(store, 7, everyByte());
    },
  },
  {
    name: 'restore: puts a first revision where there never was one',
    async test(restore, _, store) {
      await restores(restore, 1, text('first'));
      await holds(store, 1, text('first'));
      await refuses(store, 1, text('another'));
      await writes(store, 2, text('second'));
      await holds(store, 2, text('second'));
    },
  },
  {
    name: 'restore: is where the next revisions go on from, and no other',
    async test(restore, _, store) {
      await restores(restore, 7, text('restored'));
      for (const revision of [1, 2, 6, 7, 9]) await refuses(store, revision, text('another'));
      await holds(store, 7, text('restored'));
      await writes(store, 8, text('eighth'));
      await writes(store, 9, text('ninth'));
      await holds(store, 9, text('ninth'));
    },
  },
  {
    name: 'restore: puts nothing over a document, older, newer or the same',
    async test(restore, _, store) {
      await writes(store, 1, text('first'));
      for (const revision of [1, 2, 7]) await restoresNot(restore, revision, text('restored'));
      await holds(store, 1, text('first'));
      await writes(store, 2, text('second'));
      for (const revision of [1, 2, 3, 7]) await restoresNot(restore, revision, text('restored'));
      await holds(store, 2, text('second'));
      await writes(store, 3, text('third'));
      await holds(store, 3, text('third'));
    },
  },
  {
    name: 'restore: puts nothing over what was restored',
    async test(restore, _, store) {
      await restores(restore, 7, text('restored'));
      for (const revision of [1, 6, 7, 8]) await restoresNot(restore, revision, text('another'));
      await holds(store, 7, text('restored'));
    },
  },
  {
    name: 'restore: keeps what was written, whatever its writer does to the bytes afterwards',
    async test(restore, _, store) {
      const document = text('before the document after').subarray(11, 19);
      await restores(restore, 7, document);
      document.fill(0);
      await holds(store, 7, text('document'));
    },
  },
  {
    name: 'restore: shows to others what one has restored',
    async test(restore, another, store) {
      await restores(restore, 7, text('restored'));
      await restoresNot(another(), 8, text('another'));
      await holds(store, 7, text('restored'));
    },
  },
  {
    name: 'restore: refuses what is no revision, with store-unfit',
    async test(restore, _, store) {
      const document = text('document');
      const wrong = [0, -1, 1.5, Number.NaN, 2 ** 53];
      await endsIn(
        'store-unfit',
        wrong.map((revision) => () => restore({ revision, document })),
      );
      await writes(store, 1, text('first'));
    },
  },
  {
    name: 'restore: lets exactly one of many restore, of one revision and of several',
    async test(restore, another, store) {
      const racing = many(restore, another);
      const documents = racing.map((_, i) => text(`restored by ${i}`));
      const revisions = racing.map((_, i) => 5 + (i % 4));
      const did = await Promise.all(
        racing.map(async (one, i) =>
          one({ revision: revisions[i] as number, document: documents[i] as Bytes }),
        ),
      );
      const winners = did.flatMap((won, i) => (won ? [i] : []));
      assert(winners.length === 1, `Of ${racing.length} who restored at once, ${winners.length} succeeded.`);
      const [winner = 0] = winners;
      await holds(store, revisions[winner] as number, documents[winner] as Bytes);
    },
  },
  {
    name: 'restore: against those who write a first revision, lets exactly one succeed',
    async test(restore, another, store) {
      const racing = many(restore, another);
      const attempts = racing.map((one, i) => ({
        revision: i % 2 === 0 ? 7 : 1,
        document: text(`by ${i}`),
        write: i % 2 === 0 ? one : store.write.bind(store),
      }));
      const did = await Promise.all(
        attempts.map(async ({ revision, document, write }) => write({ revision, document })),
      );
      const winners = attempts.filter((_, i) => did[i]);
      assert(winners.length === 1, `Of ${racing.length} who began at once, ${winners.length} succeeded.`);
      for (const { revision, document } of winners) await holds(store, revision, document);
    },
  },
];

async function restores(restore: Restore, revision: number, document: Bytes): Promise<void> {
  const did = await restore({ revision, document });
  assert(did === true, `Revision ${revision} was not restored, though there was nothing.`);
}

async function restoresNot(restore: Restore, revision: number, document: Bytes): Promise<void> {
  const did = await restore({ revision, document });
  assert(did === false, `Revision ${revision} was restored over a document.`);
}
