import { InvalidCursorError, keyTagOf } from '../../index.js';
import type { StoredRecord } from '../../rotation/index.js';
import {
  NEW,
  OLD,
  binaryCell,
  counters,
  insertAll,
  parts,
  people,
  rowOf,
  textCell,
  uuidOf,
} from './fixtures.js';
import {
  NO_LIMIT,
  must,
  mustEqual,
  mustFail,
  pagesOf,
  recordsOf,
  spell,
  spellRecord,
  spellSeen,
} from './looks.js';
import type { CaseRow, RecordStoreSubject, StoreCase } from './subject.js';

export const idsTo = (n: number): CaseRow[] => Array.from({ length: n }, (_, i) => ({ id: BigInt(i + 1) }));

/** A table of integers, with cells of the same length. */
async function pagesOfCounters(
  subject: RecordStoreSubject,
  records: number,
  request: { maxRecords: number; maxBytes: number },
): Promise<number[]> {
  await insertAll(subject, counters, idsTo(records));
  const { layout } = counters.definition;
  const pages = await pagesOf(subject.store, layout, request.maxRecords, request);
  const found = pages.flatMap((page) => page.records.map(({ id }) => spell('integer', id[0])));
  mustEqual(
    found,
    idsTo(records).map(({ id }) => String(id)),
    'ids',
  );
  return pages.map((page) => page.records.length);
}

const CELL_BYTES = textCell(OLD).length;

export const PAGE_CASES: readonly StoreCase[] = [
  {
    name: 'the only page of an empty table is empty and done',
    tables: [people],
    async test({ store }) {
      const page = await store.page(people.definition.layout, {
        after: undefined,
        maxRecords: 5,
        maxBytes: NO_LIMIT,
      });
      mustEqual([page.records, page.next ?? null, page.done], [[], null, true], 'records, next, done');
    },
  },
  {
    name: 'a last page that is exactly full is done, and the one before it is not',
    tables: [counters],
    async test(subject) {
      mustEqual(await pagesOfCounters(subject, 6, { maxRecords: 3, maxBytes: NO_LIMIT }), [3, 3], 'pages');
    },
  },
  {
    name: 'a page behind the last record is empty and done',
    tables: [counters],
    async test(subject) {
      await insertAll(subject, counters, idsTo(3));
      const { layout } = counters.definition;
      const [last] = await pagesOf(subject.store, layout, 3);
      const behind = await pagesOf(subject.store, layout, 3, { after: last?.next });
      mustEqual(
        behind.map(({ records }) => records.length),
        [0],
        'records behind the last',
      );
    },
  },
  {
    name: 'a page that its byte cap made short is not done',
    tables: [counters],
    async test(subject) {
      const request = { maxRecords: 100, maxBytes: 2 * CELL_BYTES + 1 };
      mustEqual(await pagesOfCounters(subject, 5, request), [2, 2, 1], 'records a page');
    },
  },
  {
    name: 'a page may have exactly as many bytes as its cap',
    tables: [counters],
    async test(subject) {
      const request = { maxRecords: 100, maxBytes: 2 * CELL_BYTES };
      mustEqual(await pagesOfCounters(subject, 4, request), [2, 2], 'records a page');
    },
  },
  {
    name: 'a record larger than the byte cap comes all the same, alone',
    tables: [counters],
    async test(subject) {
      mustEqual(await pagesOfCounters(subject, 4, { maxRecords: 100, maxBytes: 1 }), [1, 1, 1, 1], 'pages');
    },
  },
  {
    name: 'the byte cap counts all cells of a record, binary ones too, and nulls as nothing',
    tables: [people],
    async test(subject) {
      const ids = Array.from({ length: 6 }, (_, i) => ({ id: uuidOf(i) }));
      const photo = binaryCell(OLD, 1, 10 * CELL_BYTES);
      for (const id of ids) await subject.insert(people, { ...rowOf(people, id), photo });
      const { layout } = people.definition;
      const pages = await pagesOf(subject.store, layout, 9, { maxBytes: 2 * 12 * CELL_BYTES });
      mustEqual(
        pages.map(({ records }) => records.length),
        [2, 2, 2],
        'records a page',
      );
      for (const id of ids) await subject.update(people, id, { phone: null, photo: null });
      const longer = await pagesOf(subject.store, layout, 9, { maxBytes: 6 * CELL_BYTES });
      mustEqual(
        longer.map(({ records }) => records.length),
        [6],
        'records a page with nulls',
      );
    },
  },
  {
    name: 'a record that is inserted or removed between two pages is seen if it is ahead, and only then',
    tables: [counters],
    async test(subject) {
      const { layout } = counters.definition;
      await insertAll(
        subject,
        counters,
        [10n, 20n, 30n, 40n, 50n].map((id) => ({ id })),
      );
      const first = await subject.store.page(layout, {
        after: undefined,
        maxRecords: 2,
        maxBytes: NO_LIMIT,
      });
      must(!first.done, 'the first of several pages is done');
      await subject.insert(counters, rowOf(counters, { id: 15n }));
      await subject.insert(counters, rowOf(counters, { id: 25n }));
      await subject.insert(counters, rowOf(counters, { id: 60n }));
      await subject.remove(counters, { id: 10n });
      await subject.remove(counters, { id: 20n }); // the record at the cursor itself
      await subject.remove(counters, { id: 40n });
      const rest = await pagesOf(subject.store, layout, 2, { after: first.next });
      const found = rest.flatMap(({ records }) => records.map(({ id }) => spell('integer', id[0])));
      mustEqual(found, ['25', '30', '50', '60'], 'records of the pages that follow');
    },
  },
  {
    name: 'a table that grows by less than a page between two pages comes to its end',
    tables: [counters],
    async test(subject) {
      const { layout } = counters.definition;
      await insertAll(subject, counters, idsTo(6));
      let after: string | undefined;
      const found: string[] = [];
      for (let n = 0; ; n++) {
        must(n < 20, 'the pages do not end');
        const page = await subject.store.page(layout, { after, maxRecords: 2, maxBytes: NO_LIMIT });
        found.push(...page.records.map(({ id }) => spell('integer', id[0])));
        if (page.done) break;
        after = page.next;
        if (n < 4) await subject.insert(counters, rowOf(counters, { id: BigInt(100 + n) }));
      }
      mustEqual(found, ['1', '2', '3', '4', '5', '6', '100', '101', '102', '103'], 'ids');
    },
  },
  {
    name: 'a page shows cells as they are, and nulls as null',
    tables: [people],
    async test(subject) {
      const row = { ...rowOf(people, { id: uuidOf(1) }), phone: null, owner: null };
      await subject.insert(people, row);
      const [record] = await recordsOf(subject.store, people);
      mustEqual(spellRecord(people, record as StoredRecord), spellSeen(people, row), 'the record');
      must(record?.cells[1] === null, 'a null is not told as null');
      must(typeof record?.cells[0] === 'string', 'a text is not told as a string');
    },
  },
  {
    name: 'a page shows what is no cell as something that is none, and not as null',
    tables: [people],
    async test(subject) {
      await subject.insert(people, { ...rowOf(people, { id: uuidOf(1) }), email: 'no cell \u260e' });
      const [record] = await recordsOf(subject.store, people);
      const [email] = record?.cells ?? [];
      must(email !== null && email !== undefined, 'a stray value is told as null');
      must(keyTagOf(email) === undefined, 'a stray value is told as a cell');
    },
  },
  {
    name: 'the tenant comes from its column, and only where the definition has one',
    tables: [people, counters],
    async test(subject) {
      await subject.insert(people, { ...rowOf(people, { id: uuidOf(1) }), owner: "O'Neil \u{1f600}" });
      await subject.insert(counters, rowOf(counters, { id: 1n }));
      const [person] = await recordsOf(subject.store, people);
      const [counter] = await recordsOf(subject.store, counters);
      mustEqual(person?.tenant, "O'Neil \u{1f600}", 'the tenant');
      must(counter?.tenant === undefined, 'a record has a tenant where the definition has none');
    },
  },
  {
    name: 'a page that reaches the last place that is wanted is done, and one that its caps made short of it is not',
    tables: [counters],
    async test(subject) {
      await insertAll(subject, counters, idsTo(6));
      const { layout } = counters.definition;
      const until = (await pagesOf(subject.store, layout, 4))[0]?.next;
      const full = await pagesOf(subject.store, layout, 2, { until });
      mustEqual(
        full.map(({ records }) => records.length),
        [2, 2],
        'records a page',
      );
      const short = await pagesOf(subject.store, layout, 100, { until, maxBytes: 3 * CELL_BYTES });
      mustEqual(
        short.map(({ records }) => records.length),
        [3, 1],
        'records a page of so many bytes',
      );
    },
  },
  {
    name: 'a page ends at a place also where its record is gone, and takes in what was inserted before it',
    tables: [counters],
    async test(subject) {
      const { layout } = counters.definition;
      await insertAll(
        subject,
        counters,
        [10n, 20n, 30n, 40n].map((id) => ({ id })),
      );
      const until = (await pagesOf(subject.store, layout, 3))[0]?.next;
      await subject.remove(counters, { id: 30n }); // the record at the place itself
      await subject.insert(counters, rowOf(counters, { id: 25n }));
      await subject.insert(counters, rowOf(counters, { id: 35n }));
      const pages = await pagesOf(subject.store, layout, 2, { until });
      const found = pages.flatMap(({ records }) => records.map(({ id }) => spell('integer', id[0])));
      mustEqual(found, ['10', '20', '25'], 'ids');
    },
  },
  {
    name: 'a last place that is none of its own is refused with InvalidCursorError, and is not the end',
    tables: [counters, parts],
    async test(subject) {
      await insertAll(subject, counters, idsTo(3));
      await insertAll(subject, parts, [{ series: 'a', number: 1n }]);
      const [ofParts] = await pagesOf(subject.store, parts.definition.layout, 1);
      for (const until of ['', 'no place', '{', 'null', '[]', ofParts?.next as string]) {
        const error = await mustFail('a place that is none was taken for one', () =>
          pagesOf(subject.store, counters.definition.layout, 2, { until }),
        );
        must(error instanceof InvalidCursorError, 'the error is not InvalidCursorError');
      }
    },
  },
  {
    name: 'an empty table, and one of a single record, have no boundaries',
    tables: [counters],
    async test(subject) {
      const { layout } = counters.definition;
      mustEqual(await subject.store.boundaries(layout, 1), [], 'boundaries of an empty table');
      await insertAll(subject, counters, idsTo(1));
      mustEqual(await subject.store.boundaries(layout, 1), [], 'boundaries of one record');
    },
  },
  {
    name: 'a place that is none of its own is refused with InvalidCursorError, and is not the end',
    tables: [counters, parts],
    async test(subject) {
      await insertAll(subject, counters, idsTo(3));
      await insertAll(subject, parts, [{ series: 'a', number: 1n }]);
      const [ofParts] = await pagesOf(subject.store, parts.definition.layout, 1);
      for (const after of ['', 'no place', '{', 'null', '[]', '{"__proto__":{}}', ofParts?.next as string]) {
        const request = { after, maxRecords: 2, maxBytes: NO_LIMIT };
        const error = await mustFail('a place that is none was taken for one', () =>
          subject.store.page(counters.definition.layout, request),
        );
        must(error instanceof InvalidCursorError, 'the error is not InvalidCursorError');
      }
    },
  },
  {
    name: 'reading again gives what is there now, and drops what is gone',
    tables: [counters],
    async test(subject) {
      const { layout } = counters.definition;
      await insertAll(subject, counters, idsTo(4));
      const keys = (await recordsOf(subject.store, counters)).map(({ key }) => key);
      await subject.update(counters, { id: 2n }, { value: textCell(NEW, 77) });
      await subject.update(counters, { id: 3n }, { value: null });
      await subject.remove(counters, { id: 4n });
      const again = await subject.store.reread(layout, keys.slice(1));
      const found = again.map(({ id, cells }) => [spell('integer', id[0]), cells[0]]).sort();
      mustEqual(
        found,
        [
          ['2', textCell(NEW, 77)],
          ['3', null],
        ],
        'records, read again',
      );
      mustEqual(await subject.store.reread(layout, []), [], 'no keys, read again');
    },
  },
];
