import type { TableCount } from '../../rotation/index.js';
import { beforeCommit } from './commits.js';
import {
  ANN,
  BOB,
  CLEO,
  NEW,
  OLD,
  OTHER,
  REST,
  binaryCell,
  counters,
  hashes,
  insertAll,
  people,
  quoted,
  rowOf,
  tagOf,
  textCell,
  uuidOf,
} from './fixtures.js';
import { hexOf, must, mustEqual } from './looks.js';
import { idsTo } from './pages.js';
import type { StoreCase } from './subject.js';

/** What is no cell of this format, though it may look like one. */
const NOT_CELLS: readonly string[] = [
  'plaintext that strayed here',
  '',
  ' ',
  'cs1r.',
  textCell(OLD).replace('cs1r', 'cs2r'),
  textCell(OLD).replace('cs1r', 'cs1x'),
  textCell(OLD).replace('cs1r', 'CS1R'),
  textCell(OLD).replace('cs1r', 'cs01r'),
  textCell(OLD).toUpperCase(),
  ` ${textCell(OLD)}`,
  textCell(OLD).replace('.', '-'),
  textCell(OLD).replace(/\.([^.]*)$/, '_$1'),
  `cs1r.${'1'.repeat(26)}.${REST}`, // not in the alphabet
  `cs1r.${'A'.repeat(26)}.${REST}`,
  `cs1r.${'7'.repeat(26)}.${REST}`, // its last character has bits that no 16 bytes have
  `cs1r.${'a'.repeat(25)}.${REST}`,
  `cs1r.${'a'.repeat(27)}.${REST}`,
  tagOf(OLD).slice(0, 31),
  tagOf(OLD),
  textCell(OLD).slice(0, 75), // 50 bytes: shorter than any cell
];
const NOT_BINARY_CELLS: readonly (readonly number[])[] = [
  [1],
  [1, 0],
  [...binaryCell(OLD)].slice(0, 17),
  [...binaryCell(OLD)].slice(0, 18),
  [...binaryCell(OLD)].slice(0, 50),
  [2, ...[...binaryCell(OLD)].slice(1)],
  [1, 2, ...[...binaryCell(OLD)].slice(2)],
  [0, ...binaryCell(OLD)],
  [...new TextEncoder().encode(textCell(OLD))],
];

function spellCount({ table: name, records, tags, notCells }: TableCount): unknown {
  return [name, records, Object.entries(tags).sort(), notCells];
}

export const COUNT_CASES: readonly StoreCase[] = [
  {
    name: 'a census counts cells by their key tags, spelled as text for binary columns too',
    tables: [people],
    async test(subject) {
      await subject.insert(people, rowOf(people, ANN, OLD));
      await subject.insert(people, rowOf(people, BOB, NEW));
      await subject.insert(people, { ...rowOf(people, CLEO, OLD), phone: textCell(OTHER) });
      await subject.insert(people, { id: uuidOf(4), email: textCell(OLD, 1, 'd') });
      const [count] = await subject.store.census([people.definition.layout]);
      const tags = { [tagOf(OLD)]: 5, [tagOf(NEW)]: 3, [tagOf(OTHER)]: 1, [tagOf(OLD, 'd')]: 1 };
      mustEqual(
        spellCount(count as TableCount),
        spellCount({ table: 'people', records: 4, tags, notCells: 0 }),
        'the count',
      );
    },
  },
  {
    name: 'a census counts what is no cell as that, and nulls not at all',
    tables: [people],
    async test(subject) {
      for (const [i, value] of NOT_CELLS.entries()) {
        const row = { id: uuidOf(i), email: value, phone: i % 2 === 0 ? textCell(OLD) : null, photo: null };
        await subject.insert(people, row);
      }
      for (const [i, value] of NOT_BINARY_CELLS.entries()) {
        await subject.insert(people, { id: uuidOf(100 + i), photo: Uint8Array.from(value) });
      }
      const [count] = await subject.store.census([people.definition.layout]);
      const wanted = {
        table: 'people',
        records: NOT_CELLS.length + NOT_BINARY_CELLS.length,
        tags: { [tagOf(OLD)]: NOT_CELLS.length / 2 },
        notCells: NOT_CELLS.length + NOT_BINARY_CELLS.length,
      };
      mustEqual(spellCount(count as TableCount), spellCount(wanted), 'the count');
    },
  },
  {
    name: 'a census counts the shortest cells',
    tables: [people],
    async test(subject) {
      const [email, photo] = [textCell(OLD).slice(0, 82), binaryCell(OLD, 3, 55)];
      await subject.insert(people, { id: uuidOf(1), email, photo });
      const [count] = await subject.store.census([people.definition.layout]);
      mustEqual(count?.tags, { [tagOf(OLD)]: 2 }, 'cells');
    },
  },
  {
    name: 'a census tells nothing of a plaintext',
    tables: [people],
    async test(subject) {
      const secret = 'correct horse battery staple correct horse battery staple';
      const secretBytes = new TextEncoder().encode(secret);
      await subject.insert(people, { id: uuidOf(1), email: secret, photo: secretBytes });
      await subject.insert(people, { id: uuidOf(2), email: `cs1r.${secret}`, photo: null });
      const told = JSON.stringify(await subject.store.census([people.definition.layout]));
      for (const part of ['correct', 'horse', 'staple', hexOf(secretBytes).slice(0, 8)]) {
        must(!told.includes(part), 'a plaintext comes out of the census');
      }
    },
  },
  {
    name: 'a census of several tables has one count for each, in their order',
    tables: [people, counters, hashes, quoted],
    async test(subject, ...tables) {
      await insertAll(subject, counters, idsTo(3));
      await subject.insert(hashes, rowOf(hashes, { id: Uint8Array.of(1) }, NEW));
      await subject.insert(quoted, rowOf(quoted, { first: 1n, second: 'x' }, OLD));
      const wanted: TableCount[] = [
        { table: 'people', records: 0, tags: {}, notCells: 0 },
        { table: 'counters', records: 3, tags: { [tagOf(OLD)]: 3 }, notCells: 0 },
        { table: 'hashes', records: 1, tags: { [tagOf(NEW)]: 1 }, notCells: 0 },
        { table: 'quoted', records: 1, tags: { [tagOf(OLD)]: 2 }, notCells: 0 },
      ];
      for (const order of [tables, [...tables].reverse()]) {
        const counts = await subject.store.census(order.map(({ definition }) => definition.layout));
        const named = order.map(({ definition }) =>
          spellCount(wanted.find(({ table: name }) => name === definition.name) as TableCount),
        );
        mustEqual(counts.map(spellCount), named, 'the counts');
      }
    },
  },
  {
    name: 'a census sees what was committed',
    tables: [people],
    async test(subject) {
      const { commit } = await beforeCommit(subject);
      await commit({});
      const [count] = await subject.store.census([people.definition.layout]);
      mustEqual(count?.tags[tagOf(NEW)], 2, 'cells under the new key');
    },
  },
  {
    name: 'an estimate that was counted is the number of records',
    tables: [counters],
    async test(subject) {
      const { layout } = counters.definition;
      for (const wanted of [0, 3]) {
        if (wanted > 0) await insertAll(subject, counters, idsTo(wanted));
        const { records, source } = await subject.store.estimate(layout);
        must(['count', 'statistics'].includes(source), 'an estimate does not say where it comes from');
        must(Number.isSafeInteger(records) && records >= 0, 'an estimate is no number of records');
        if (source === 'count') mustEqual(records, wanted, 'records');
      }
    },
  },
];
