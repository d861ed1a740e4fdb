import type { RecordSwap, StoredRecord } from '../../rotation/index.js';
import { NEW, OLD, adopted, renumbered, tagOf, textCell, uuidOf } from './fixtures.js';
import { commitSwaps, mustEqual, mustHold, recordsOf } from './looks.js';
import type { CaseRow, RecordStoreSubject, StoreCase } from './subject.js';

const [NAME, MAIL] = [0, 1];
const PLAINTEXTS = [
  'Jane',
  '',
  ' ',
  'a ',
  'o\'brien \\ % "quoted"',
  '日本 e\u0301 \u{1f600} ß’',
  'null',
  '42',
  'x'.repeat(5_000),
];

/** Text that somebody might take for `'résumé A'`. */
const NOT_THE_SAME = ['résumé a', 're\u0301sume\u0301 A', 'resume A', 'résumé A ', ' résumé A', 'résumé', ''];

async function insertAll(subject: RecordStoreSubject, rows: readonly CaseRow[]): Promise<void> {
  for (const row of rows) await subject.insert(adopted, row);
}

async function byId(subject: RecordStoreSubject): Promise<Map<string, StoredRecord>> {
  return new Map((await recordsOf(subject.store, adopted)).map((record) => [String(record.id[0]), record]));
}

const CASES: readonly StoreCase[] = [
  {
    name: 'plaintext that is adopted is read to the letter, in place and beside, at a page and a reread',
    tables: [adopted],
    async test(subject) {
      const rows = PLAINTEXTS.map((plain, i) => ({ id: BigInt(i), name: plain, mail: null, plain }));
      await insertAll(subject, [...rows, { id: 100n, name: null, mail: textCell(OLD), plain: null }]);
      const records = await recordsOf(subject.store, adopted);
      const again = await subject.store.reread(
        adopted.definition.layout,
        records.map(({ key }) => key),
      );
      for (const found of [records, again]) {
        const seen = new Map(found.map(({ id, cells, plaintexts }) => [String(id[0]), [cells, plaintexts]]));
        for (const [i, plain] of PLAINTEXTS.entries())
          mustEqual(
            seen.get(String(i)),
            [
              [plain, null],
              [null, plain],
            ],
            'cells and plaintexts',
          );
        mustEqual(
          seen.get('100'),
          [
            [null, textCell(OLD)],
            [null, null],
          ],
          'cells and plaintexts',
        );
      }
    },
  },
  {
    name: 'a swap of plaintext is made on its exact old text, and with others of other shapes',
    tables: [adopted],
    async test(subject) {
      await insertAll(subject, [
        ...PLAINTEXTS.map((plain, i) => ({ id: BigInt(i), name: plain, mail: null, plain })),
        { id: 100n, name: textCell(OLD), mail: null, plain: null },
        { id: 101n, name: null, mail: textCell(OLD), plain: 'p' },
      ]);
      const records = await byId(subject);
      const keyOf = (id: number): string => (records.get(String(id)) as StoredRecord).key;
      const swaps: RecordSwap[] = PLAINTEXTS.map((plain, i) => ({
        key: keyOf(i),
        cells: [
          { cell: NAME, old: plain, new: textCell(NEW, 1) },
          { cell: MAIL, old: null, plaintext: plain, new: textCell(NEW, 2) },
        ],
      }));
      swaps.push(
        { key: keyOf(100), cells: [{ cell: NAME, old: textCell(OLD), new: textCell(NEW, 1) }] },
        {
          key: keyOf(101),
          cells: [{ cell: MAIL, old: textCell(OLD), plaintext: 'p', new: textCell(NEW, 2) }],
        },
      );
      mustEqual(
        await commitSwaps(subject.store, adopted, swaps),
        swaps.map(() => true),
        'swaps',
      );
      const [name, mail] = [textCell(NEW, 1), textCell(NEW, 2)];
      const wanted: CaseRow[] = PLAINTEXTS.map((plain, i) => ({ id: BigInt(i), name, mail, plain }));
      wanted.push({ id: 100n, name, mail: null, plain: null }, { id: 101n, name: null, mail, plain: 'p' });
      await mustHold(subject, adopted, wanted, 'rows');
    },
  },
  {
    name: 'a swap is lost if a plaintext, in place or beside, only looks like the one that was read',
    tables: [adopted],
    async test(subject) {
      const plain = 'résumé A';
      const rows = [0, 1].map((i) => ({
        id: BigInt(i),
        name: i === 0 ? plain : null,
        mail: null,
        plain: i === 1 ? plain : null,
      }));
      await insertAll(subject, rows);
      const records = await byId(subject);
      for (const other of NOT_THE_SAME) {
        const swaps: RecordSwap[] = [
          {
            key: (records.get('0') as StoredRecord).key,
            cells: [{ cell: NAME, old: other, new: textCell(NEW) }],
          },
          {
            key: (records.get('1') as StoredRecord).key,
            cells: [{ cell: MAIL, old: null, plaintext: other, new: textCell(NEW) }],
          },
        ];
        mustEqual(await commitSwaps(subject.store, adopted, swaps), [false, false], 'swaps on other text');
      }
      await mustHold(subject, adopted, rows, 'rows after swaps that lost');
    },
  },
  {
    name: 'a swap is lost if what was null is not any more, or the reverse',
    tables: [adopted],
    async test(subject) {
      const rows = [
        { id: 0n, name: null, mail: textCell(OLD), plain: 'p' },
        { id: 1n, name: null, mail: null, plain: null },
        { id: 2n, name: null, mail: null, plain: 'p' },
      ];
      await insertAll(subject, rows);
      const records = await byId(subject);
      const changes = [
        { old: null, plaintext: 'p' }, // there is a cell by now
        { old: null, plaintext: 'p' }, // the plaintext is gone
        { old: null, plaintext: null }, // there is a plaintext by now
      ];
      const swaps = changes.map(
        (change, i): RecordSwap => ({
          key: (records.get(String(i)) as StoredRecord).key,
          cells: [{ cell: MAIL, ...change, new: textCell(NEW) }],
        }),
      );
      mustEqual(await commitSwaps(subject.store, adopted, swaps), [false, false, false], 'swaps');
      await mustHold(subject, adopted, rows, 'rows after swaps that lost');
    },
  },
  {
    name: 'a census counts plaintext in place as no cells, and beside a null as unadopted',
    tables: [adopted],
    async test(subject) {
      await insertAll(subject, [
        { id: 0n, name: 'plain', mail: null, plain: 'p' },
        { id: 1n, name: null, mail: null, plain: '' },
        { id: 2n, name: textCell(OLD), mail: textCell(NEW), plain: 'p' },
        { id: 3n, name: '', mail: textCell(NEW), plain: null },
      ]);
      const [count] = await subject.store.census([adopted.definition.layout]);
      mustEqual(
        [count?.records, Object.entries(count?.tags ?? {}).sort(), count?.notCells, count?.unadopted],
        [
          4,
          [
            [tagOf(OLD), 1],
            [tagOf(NEW), 2],
          ].sort(),
          2,
          2,
        ],
        'records, tags, what is no cell, what is not adopted',
      );
    },
  },
  {
    name: 'a former record id is read beside the present one, nulls too',
    tables: [renumbered],
    async test(subject) {
      await subject.insert(renumbered, {
        uid: uuidOf(1),
        id: 2n ** 60n + 1n,
        series: 'é',
        value: textCell(OLD),
      });
      await subject.insert(renumbered, { uid: uuidOf(2), id: null, series: null, value: textCell(OLD) });
      const found = await recordsOf(subject.store, renumbered);
      const former = found.map(({ formerId }) => formerId?.map((part) => (part ?? null) && String(part)));
      mustEqual(
        former.sort(),
        [
          ['1152921504606846977', 'é'],
          [null, null],
        ].sort(),
        'former ids',
      );
    },
  },
];

/** For stores whose abilities say `adopting`. */
export const PLAINTEXT_CASES: readonly StoreCase[] = CASES.map((one) => ({ ...one, wants: 'adopting' }));
