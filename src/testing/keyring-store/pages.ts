import type { KeyringPages } from '../../index.js';
import {
  type Bytes,
  MIB,
  NAMES,
  NO_NAMES,
  assert,
  endsIn,
  equal,
  everyByte,
  holds,
  holdsNothing,
  many,
  nameOf,
  text,
  turn,
  writes,
} from './fixtures.js';
import type { MemberCase } from './subject.js';

const PAGES = 60;
const [FIRST, SECOND, THIRD, FOURTH] = NAMES;

export const PAGE_CASES: readonly MemberCase<'pages'>[] = [
  {
    name: 'pages: gives nothing for a page that was never written',
    async test(pages) {
      await lacks(pages, FIRST);
      await pages.write(FIRST, text('first'));
      await lacks(pages, SECOND);
    },
  },
  {
    name: 'pages: gives a page back byte for byte, UTF-8 or not',
    async test(pages) {
      await pages.write(FIRST, everyByte());
      await has(pages, FIRST, everyByte());
      for (const end of ['', '\n', '\r\n', ' ', '\0']) {
        const name = nameOf(end.charCodeAt(0) + 2 * end.length);
        await pages.write(name, text(`{}${end}`));
        await has(pages, name, text(`{}${end}`));
      }
    },
  },
  {
    name: 'pages: keeps a page of no bytes, and one of 1 MiB',
    async test(pages) {
      await pages.write(FIRST, new Uint8Array());
      await pages.write(SECOND, new Uint8Array(MIB).fill(0x78));
      await has(pages, FIRST, new Uint8Array());
      await has(pages, SECOND, new Uint8Array(MIB).fill(0x78));
    },
  },
  {
    name: 'pages: gives a page of exactly as many bytes as are allowed, and refuses one more with keyring-limit',
    async test(pages) {
      await pages.write(FIRST, text('0123456789'));
      const read = await pages.read(FIRST, 10);
      assert(read?.length === 10, 'A page of the allowed length was not given.');
      await endsIn('keyring-limit', [() => pages.read(FIRST, 9)]);
      await has(pages, FIRST, text('0123456789'));
    },
  },
  {
    name: 'pages: keeps what was written, whatever is done to the bytes afterwards',
    async test(pages) {
      const page = text('before the page after').subarray(11, 15);
      await pages.write(FIRST, page);
      page.fill(0);
      await has(pages, FIRST, text('page'));
      (await pages.read(FIRST, MIB))?.fill(0);
      await has(pages, FIRST, text('page'));
    },
  },
  {
    name: 'pages: takes a page again that was written already, as after a lost answer',
    async test(pages) {
      await pages.write(FIRST, text('first'));
      await pages.write(FIRST, text('first'));
      await has(pages, FIRST, text('first'));
    },
  },
  {
    name: `pages: keeps ${PAGES} pages apart`,
    async test(pages) {
      for (let i = 0; i < PAGES; i++) await pages.write(nameOf(i), text(`page ${i}`));
      for (let i = 0; i < PAGES; i++) await has(pages, nameOf(i), text(`page ${i}`));
    },
  },
  {
    name: 'pages: shows to others what one has written and removed',
    async test(pages, another) {
      const second = another();
      await pages.write(FIRST, text('first'));
      await second.write(SECOND, text('second'));
      await has(second, FIRST, text('first'));
      await has(pages, SECOND, text('second'));
      await second.remove([FIRST]);
      await lacks(pages, FIRST);
      await has(another(), SECOND, text('second'));
    },
  },
  {
    name: 'pages: removes those that are named, and no others',
    async test(pages) {
      for (const name of NAMES) await pages.write(name, text(name));
      await pages.remove([THIRD, FIRST]);
      await lacks(pages, FIRST);
      await has(pages, SECOND, text(SECOND));
      await lacks(pages, THIRD);
      await has(pages, FOURTH, text(FOURTH));
    },
  },
  {
    name: 'pages: removes nothing where nothing is named, and forgives what is not there',
    async test(pages) {
      await pages.remove([]);
      await pages.remove([FIRST]);
      await pages.write(SECOND, text('second'));
      await pages.remove([]);
      await has(pages, SECOND, text('second'));
      await pages.remove([FIRST, SECOND, SECOND, THIRD]);
      await lacks(pages, SECOND);
    },
  },
  {
    name: 'pages: refuses what is no name with store-unfit, and has done nothing then',
    async test(pages) {
      await pages.write(FIRST, text('first'));
      for (const name of NO_NAMES) {
        await endsIn('store-unfit', [
          () => pages.read(name, MIB),
          () => pages.write(name, text('page')),
          () => pages.remove([name]),
          () => pages.remove([FIRST, name]),
        ]);
      }
      await has(pages, FIRST, text('first'));
    },
  },
  {
    name: 'pages: are no keyring, and are not touched where the document changes',
    async test(pages, _, store) {
      await pages.write(FIRST, text('first'));
      await pages.write(SECOND, text('second'));
      await holdsNothing(store);
      await writes(store, 1, text('document'));
      await writes(store, 2, text('document, again'));
      await has(pages, FIRST, text('first'));
      await pages.remove([FIRST, SECOND]);
      await holds(store, 2, text('document, again'));
    },
  },
  {
    name: 'pages: are written by several at once, and found whole or not at all',
    async test(pages, another) {
      const writers = many(pages, another);
      const page = (i: number): Bytes => new Uint8Array(100_000 + i).fill(i);
      let isWriting = true;
      const reader = another();
      const reading = (async () => {
        while (isWriting) {
          for (const i of writers.keys()) {
            const read = await reader.read(nameOf(i), MIB);
            assert(read === undefined || equal(read, page(i)), 'A part of a page was found.');
          }
          await turn();
        }
      })();
      const written = writers.map(async (writer, i) => writer.write(nameOf(i), page(i)));
      const writing = Promise.all(written).finally(() => {
        isWriting = false;
      });
      await Promise.all([writing, reading]);
      for (const i of writers.keys()) await has(pages, nameOf(i), page(i));
    },
  },
];

async function has(pages: KeyringPages, name: string, page: Bytes): Promise<void> {
  const read = await pages.read(name, MIB);
  assert(read !== undefined, 'A page that was written is not there.');
  assert(equal(read, page), 'A page has other bytes than were written.');
}

async function lacks(pages: KeyringPages, name: string): Promise<void> {
  assert((await pages.read(name, MIB)) === undefined, 'A page is there that should not be.');
}
