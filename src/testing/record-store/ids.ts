import type { Bytes } from '../../index.js';
import type { StoredRecord } from '../../rotation/index.js';
import { NEW, type Sample, binaryCell, insertAll, textCell } from './fixtures.js';
import {
  commitSwaps,
  keyOf,
  mustEqual,
  mustHold,
  pagesOf,
  recordsOf,
  spellRecord,
  spellSeen,
} from './looks.js';
import type { StoreCase } from './subject.js';

export function casesOfSample({ of, table: subjectTable, ids, inOrder }: Sample): StoreCase[] {
  const tables = [subjectTable];
  const { layout } = subjectTable.definition;
  return [
    {
      name: `pages over ${of} have every record once, in one order, under every page size`,
      tables,
      async test(subject) {
        const rows = await insertAll(subject, subjectTable, ids);
        const wanted = rows.map((row) => spellSeen(subjectTable, row));
        let first: string[] | undefined;
        for (const maxRecords of [ids.length + 1, ids.length, ids.length - 1, 7, 3, 2, 1]) {
          const pages = await pagesOf(subject.store, layout, maxRecords);
          const found = pages.flatMap(({ records }) => records.map((r) => spellRecord(subjectTable, r)));
          mustEqual([...found].sort(), [...wanted].sort(), `records in pages of ${maxRecords}`);
          first ??= found;
          mustEqual(found, first, `the order in pages of ${maxRecords}`);
          mustEqual(pages.length, Math.ceil(ids.length / maxRecords), `pages of ${maxRecords}`);
        }
        if (inOrder) mustEqual(first, wanted, 'the order of the keys');
      },
    },
    {
      name: `after a place among ${of}, a page goes on with exactly what comes behind it`,
      tables,
      async test({ store, ...subject }) {
        await insertAll({ store, ...subject }, subjectTable, ids);
        const keys = (await recordsOf(store, subjectTable)).map(({ key }) => key);
        mustEqual(new Set(keys).size, ids.length, 'different keys');
        for (const [i, { next }] of (await pagesOf(store, layout, 1)).entries()) {
          const behind = await pagesOf(store, layout, ids.length, { after: next });
          mustEqual(
            behind.flatMap(({ records }) => records.map(({ key }) => key)),
            keys.slice(i + 1),
            'keys',
          );
        }
      },
    },
    {
      name: `between two places among ${of}, pages have what is behind the first and not behind the second`,
      tables,
      async test({ store, ...subject }) {
        await insertAll({ store, ...subject }, subjectTable, ids);
        const keys = (await recordsOf(store, subjectTable)).map(({ key }) => key);
        const places = (await pagesOf(store, layout, 1)).map(({ next }) => next);
        for (const first of places.keys()) {
          for (const last of [0, first, Math.min(first + 2, places.length - 1)]) {
            const range = { after: places[first], until: places[last] };
            const pages = await pagesOf(store, layout, ids.length, range);
            mustEqual(
              pages.map(({ records }) => records.map(({ key }) => key)),
              [keys.slice(first + 1, last + 1)],
              'keys',
            );
          }
        }
        for (const [last, until] of places.entries()) {
          const pages = await pagesOf(store, layout, 8, { until });
          mustEqual(
            pages.flatMap(({ records }) => records.map(({ key }) => key)),
            keys.slice(0, last + 1),
            'keys from the beginning',
          );
          mustEqual(pages.length, Math.ceil((last + 1) / 8), 'pages of 8 from the beginning');
        }
      },
    },
    {
      name: `boundaries divide ${of} into ranges of as many records as were asked for`,
      tables,
      async test({ store, ...subject }) {
        await insertAll({ store, ...subject }, subjectTable, ids);
        const keys = (await recordsOf(store, subjectTable)).map(({ key }) => key);
        for (const every of [1, 4, ids.length - 1, ids.length, ids.length + 1]) {
          const boundaries = await store.boundaries(layout, every);
          mustEqual(
            boundaries.length,
            Math.ceil(ids.length / every) - 1,
            `boundaries every ${every} records`,
          );
          const places = [undefined, ...boundaries, undefined];
          for (let i = 0; i + 1 < places.length; i++) {
            const pages = await pagesOf(store, layout, 3, { after: places[i], until: places[i + 1] });
            mustEqual(
              pages.flatMap(({ records }) => records.map(({ key }) => key)),
              keys.slice(i * every, (i + 1) * every),
              `the keys of range ${i} of ${every}`,
            );
          }
        }
      },
    },
    {
      name: `records with ${of} are read again by their keys`,
      tables,
      async test({ store, ...subject }) {
        const rows = await insertAll({ store, ...subject }, subjectTable, ids);
        const records = await recordsOf(store, subjectTable);
        for (const { key, ...record } of records) {
          const again = await store.reread(layout, [key]);
          mustEqual(again.length, 1, 'records for one key');
          mustEqual(again[0]?.key, key, 'the key of a record that is read again');
          mustEqual(
            spellRecord(subjectTable, again[0] as StoredRecord),
            spellRecord(subjectTable, { key, ...record }),
            'a record that is read again',
          );
        }
        const all = await store.reread(
          layout,
          records.map(({ key }) => key),
        );
        mustEqual(
          all.map((record) => spellRecord(subjectTable, record)).sort(),
          rows.map((row) => spellSeen(subjectTable, row)).sort(),
          'all records, read again',
        );
      },
    },
    {
      name: `a swap changes the one record among ${of} that it names`,
      tables,
      async test(subject) {
        const { store } = subject;
        const rows = await insertAll(subject, subjectTable, ids);
        const [column] = layout.cells;
        const attribute = column?.attribute as string;
        const fresh = (n: number) => (column?.form === 'text' ? textCell(NEW, n) : binaryCell(NEW, n));
        for (const [n, row] of rows.entries()) {
          const key = await keyOf(store, subjectTable, row);
          const old = row[attribute] as string | Bytes;
          const swap = { key, cells: [{ cell: 0, old, new: fresh(n) }] };
          mustEqual(await commitSwaps(store, subjectTable, [swap]), [true], 'a swap on the exact old bytes');
          rows[n] = { ...row, [attribute]: fresh(n) };
          if (n % 5 === 0) await mustHold(subject, subjectTable, rows, 'rows after a swap');
        }
        await mustHold(subject, subjectTable, rows, 'rows after all swaps');
      },
    },
  ];
}
