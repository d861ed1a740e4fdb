import type { KeyringStore } from '../../index.js';
import {
  type Bytes,
  MIB,
  ROUNDS,
  assert,
  codeOf,
  equal,
  everyByte,
  filled,
  holds,
  many,
  refuses,
  text,
  turn,
  writes,
} from './fixtures.js';
import type { KeyringCase } from './subject.js';

export const DOCUMENT_CASES: readonly KeyringCase[] = [
  {
    name: 'gives nothing where nothing was written',
    async test(store) {
      assert((await store.read(MIB)) === undefined, 'An empty store gave something.');
    },
  },
  {
    name: 'writes the first revision',
    async test(store) {
      await writes(store, 1, text('first'));
      await holds(store, 1, text('first'));
    },
  },
  {
    name: 'writes no second revision before the first',
    async test(store) {
      await refuses(store, 2, text('second'));
      assert((await store.read(MIB)) === undefined, 'A refused write left something behind.');
      await writes(store, 1, text('first'));
      await holds(store, 1, text('first'));
    },
  },
  {
    name: 'puts the next revision in the place of the one before',
    async test(store) {
      await writes(store, 1, text('the first, which is longer'));
      await writes(store, 2, text('second'));
      await holds(store, 2, text('second'));
      await writes(store, 3, text('the third, which is longer again'));
      await holds(store, 3, text('the third, which is longer again'));
    },
  },
  {
    name: 'writes no revision twice',
    async test(store) {
      await writes(store, 1, text('first'));
      await refuses(store, 1, text('another'));
      await refuses(store, 1, text('first'));
      await holds(store, 1, text('first'));
    },
  },
  {
    name: 'brings no older revision back',
    async test(store) {
      await writes(store, 1, text('first'));
      await writes(store, 2, text('second'));
      await refuses(store, 1, text('first'));
      await refuses(store, 2, text('another'));
      await holds(store, 2, text('second'));
    },
  },
  {
    name: 'skips no revision',
    async test(store) {
      await writes(store, 1, text('first'));
      await refuses(store, 3, text('third'));
      await holds(store, 1, text('first'));
      await writes(store, 2, text('second'));
      await holds(store, 2, text('second'));
    },
  },
  {
    name: 'counts on past nine, ninety-nine and beyond',
    async test(store) {
      for (let revision = 1; revision <= 101; revision++) {
        await writes(store, revision, text(`revision ${revision}`));
        if (revision % 10 < 2) await holds(store, revision, text(`revision ${revision}`));
      }
    },
  },
  {
    name: 'gives a document back byte for byte, UTF-8 or not',
    async test(store) {
      await writes(store, 1, everyByte());
      await holds(store, 1, everyByte());
    },
  },
  {
    name: 'adds and drops no newline',
    async test(store) {
      for (const [i, end] of ['', '\n', '\r\n', '\n\n', ' ', '\0'].entries()) {
        await writes(store, i + 1, text(`{}${end}`));
        await holds(store, i + 1, text(`{}${end}`));
      }
    },
  },
  {
    name: 'keeps a document of 1 MiB',
    async test(store) {
      const document = new Uint8Array(MIB).fill(0x78);
      await writes(store, 1, document);
      await holds(store, 1, document);
    },
  },
  {
    name: 'gives a document of exactly as many bytes as are allowed',
    async test(store) {
      await writes(store, 1, text('0123456789'));
      const read = await store.read(10);
      assert(read?.document.length === 10, 'A document of the allowed length was not given.');
    },
  },
  {
    name: 'refuses a document of more bytes than are allowed, with keyring-limit',
    async test(store) {
      await writes(store, 1, text('0123456789'));
      const code = await codeOf(() => store.read(9));
      assert(code === 'keyring-limit', `A document that is too long ended in ${String(code)}.`);
      await holds(store, 1, text('0123456789'));
    },
  },
  {
    name: 'keeps what was written, whatever its writer does to the bytes afterwards',
    async test(store) {
      const document = text('first');
      await writes(store, 1, document);
      document.fill(0);
      await holds(store, 1, text('first'));
    },
  },
  {
    name: 'keeps what was written, whatever a reader does to what it got',
    async test(store) {
      await writes(store, 1, text('first'));
      const read = await store.read(MIB);
      const found = read?.document;
      read?.document.fill(0);
      await holds(store, 1, text('first'));
      assert(found?.every((byte) => byte === 0) === true, 'What was read changed under its reader.');
    },
  },
  {
    name: 'writes a part of a larger buffer and no more',
    async test(store) {
      await writes(store, 1, text('before the document after').subarray(11, 19));
      await holds(store, 1, text('document'));
    },
  },
  {
    name: 'lets exactly one of many write the first revision',
    async test(store, another) {
      await race(many(store, another), 1);
    },
  },
  {
    name: 'lets exactly one of many write each revision',
    async test(store, another) {
      const stores = many(store, another);
      for (let revision = 1; revision <= ROUNDS; revision++) await race(stores, revision);
    },
  },
  {
    name: 'shows to others what one has written',
    async test(store, another) {
      const second = another();
      await writes(store, 1, text('first'));
      await holds(second, 1, text('first'));
      await writes(second, 2, text('second'));
      await holds(store, 2, text('second'));
      await holds(another(), 2, text('second'));
    },
  },
  {
    name: 'refuses who has not seen what another wrote',
    async test(store, another) {
      const second = another();
      await writes(store, 1, text('first'));
      await holds(second, 1, text('first'));
      await writes(store, 2, text('second'));
      await refuses(second, 2, text('another second'));
      await refuses(second, 1, text('another first'));
      await holds(second, 2, text('second'));
    },
  },
  {
    name: 'gives whole documents beside a writer, and never one older than before',
    async test(store, another) {
      let isWriting = true;
      const readers = [store, another(), another()].map(async (reader) => {
        let seen = 0;
        while (isWriting) {
          const read = await reader.read(MIB);
          await turn();
          if (!read) {
            assert(seen === 0, 'A document that was there is gone.');
            continue;
          }
          assert(read.revision >= seen, 'A reader went back to an older revision.');
          assert(equal(read.document, filled(read.revision)), 'A reader got parts of two documents.');
          seen = read.revision;
        }
      });
      const writing = (async () => {
        for (let revision = 1; revision <= 4 * ROUNDS; revision++) {
          await writes(store, revision, filled(revision));
          await turn();
        }
      })().finally(() => {
        isWriting = false;
      });
      await Promise.all([writing, ...readers]);
      await holds(store, 4 * ROUNDS, filled(4 * ROUNDS));
    },
  },
];

/** All write one revision at once: one succeeds, and it is its document that stays. */
async function race(stores: readonly KeyringStore[], revision: number): Promise<void> {
  const documents = stores.map((_, writer) => text(`revision ${revision} by writer ${writer}`));
  const wrote = await Promise.all(
    stores.map(async (store, writer) => store.write({ revision, document: documents[writer] as Bytes })),
  );
  assert(
    wrote.every((did) => did === true || did === false),
    'write gave neither true nor false.',
  );
  const winners = wrote.flatMap((did, writer) => (did ? [writer] : []));
  assert(winners.length === 1, `Of ${stores.length} writers of one revision, ${winners.length} succeeded.`);
  for (const store of stores) await holds(store, revision, documents[winners[0] as number] as Bytes);
}
