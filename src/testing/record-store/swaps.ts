import { type Bytes, StoreBusyError } from '../../index.js';
import {
  ANN,
  BOB,
  CLEO,
  EMAIL,
  NEW,
  OLD,
  PHONE,
  PHOTO,
  binaryCell,
  counters,
  parts,
  people,
  rowOf,
  textCell,
} from './fixtures.js';
import { commitSwaps, keyOf, must, mustEqual, mustHold, recordsOf } from './looks.js';
import type { CaseRow, RecordStoreSubject, StoreCase } from './subject.js';

/** Text that somebody might take for `cell`. */
export const NOT_THE_SAME_BYTES: readonly { what: string; of(cell: string): string; canBeStored: boolean }[] =
  [
    { what: 'other letter case in one place', of: (cell) => cell.replace('Q', 'q'), canBeStored: true },
    { what: 'upper case everywhere', of: (cell) => cell.toUpperCase(), canBeStored: true },
    { what: 'a trailing space', of: (cell) => `${cell} `, canBeStored: true },
    { what: 'a leading space', of: (cell) => ` ${cell}`, canBeStored: true },
    { what: 'a trailing line feed', of: (cell) => `${cell}\n`, canBeStored: true },
    { what: 'one character less', of: (cell) => cell.slice(0, -1), canBeStored: true },
    { what: 'another last character', of: (cell) => `${cell.slice(0, -1)}x`, canBeStored: true },
    { what: 'a Cyrillic letter', of: (cell) => cell.replace('c', '\u0441'), canBeStored: true },
    { what: 'a full-width letter', of: (cell) => cell.replace('c', '\uff43'), canBeStored: true },
    { what: 'a combining accent', of: (cell) => cell.replace('e', 'e\u0301'), canBeStored: true },
    { what: 'a soft hyphen', of: (cell) => cell.replace('.', '.\u00ad'), canBeStored: true },
    // Some databases have no NUL in text: they may refuse it.
    { what: 'a trailing NUL', of: (cell) => `${cell}\0`, canBeStored: false },
    {
      what: 'a NUL before the end',
      of: (cell) => `${cell.slice(0, 40)}\0${cell.slice(41)}`,
      canBeStored: false,
    },
  ];

export function casesOfOtherBytes({
  what,
  of,
  canBeStored,
}: (typeof NOT_THE_SAME_BYTES)[number]): StoreCase[] {
  const cell = textCell(OLD, 4_711);
  const swapped = async (subject: RecordStoreSubject, stored: string, old: string): Promise<void> => {
    const row = { ...rowOf(people, ANN), email: stored };
    await subject.insert(people, row);
    const key = await keyOf(subject.store, people, ANN);
    const swap = { key, cells: [{ cell: EMAIL, old, new: textCell(NEW, 1) }] };
    const outcome = await commitSwaps(subject.store, people, [swap]).catch(() => [false]);
    mustEqual(outcome, [false], 'a swap whose old bytes are not there');
    await mustHold(subject, people, [row], 'rows after a swap that lost');
  };
  const cases = [
    {
      name: `a swap is lost if its old text has ${what}`,
      tables: [people],
      test: (subject: RecordStoreSubject) => swapped(subject, cell, of(cell)),
    },
    {
      name: `a swap is lost if the stored text has ${what}`,
      tables: [people],
      test: (subject: RecordStoreSubject) => swapped(subject, of(cell), cell),
    },
  ];
  return canBeStored ? cases : cases.slice(0, 1);
}

export const SWAP_CASES: readonly StoreCase[] = [
  {
    name: 'a swap is lost if one byte of a binary cell is another, or it is longer or shorter',
    tables: [people],
    async test(subject) {
      const cell = binaryCell(OLD, 9);
      const row = { ...rowOf(people, ANN), photo: cell };
      await subject.insert(people, row);
      const key = await keyOf(subject.store, people, ANN);
      const flipped = [0, 17, 18, cell.length - 1].map((place) => {
        const other = Uint8Array.from(cell);
        other[place] = (other[place] as number) ^ 0x20;
        return other;
      });
      for (const old of [...flipped, cell.slice(0, -1), Uint8Array.from([...cell, 0])]) {
        const swap = { key, cells: [{ cell: PHOTO, old, new: binaryCell(NEW, 9) }] };
        mustEqual(await commitSwaps(subject.store, people, [swap]), [false], 'a swap on other bytes');
      }
      await mustHold(subject, people, [row], 'rows after swaps that lost');
      const swap = { key, cells: [{ cell: PHOTO, old: cell, new: binaryCell(NEW, 9) }] };
      mustEqual(await commitSwaps(subject.store, people, [swap]), [true], 'a swap on the same bytes');
      await mustHold(subject, people, [{ ...row, photo: binaryCell(NEW, 9) }], 'rows after it');
    },
  },
  {
    name: 'all cells of a record are swapped, or none, whichever of them differs',
    tables: [people],
    async test(subject) {
      const row = rowOf(people, ANN);
      await subject.insert(people, row);
      const key = await keyOf(subject.store, people, ANN);
      const right = [
        { cell: EMAIL, old: row['email'] as string, new: textCell(NEW, 1) },
        { cell: PHONE, old: row['phone'] as string, new: textCell(NEW, 2) },
        { cell: PHOTO, old: row['photo'] as Bytes, new: binaryCell(NEW, 3) },
      ];
      for (const wrong of [EMAIL, PHONE, PHOTO]) {
        const old = wrong === PHOTO ? binaryCell(OLD, 99) : textCell(OLD, 99);
        const cells = right.map((swap) => (swap.cell === wrong ? { ...swap, old } : swap));
        mustEqual(await commitSwaps(subject.store, people, [{ key, cells }]), [false], 'a swap');
        await mustHold(subject, people, [row], 'rows after a swap of which one cell differed');
      }
      mustEqual(await commitSwaps(subject.store, people, [{ key, cells: right }]), [true], 'the right swap');
      const swapped = { email: textCell(NEW, 1), phone: textCell(NEW, 2), photo: binaryCell(NEW, 3) };
      await mustHold(subject, people, [{ ...row, ...swapped }], 'rows after the right swap');
    },
  },
  {
    name: 'a record that loses its swap does not keep the others of the chunk from theirs',
    tables: [people],
    async test(subject) {
      const rows = [ANN, BOB, CLEO].map((id, i) => rowOf(people, id, OLD, i));
      for (const row of rows) await subject.insert(people, row);
      const swaps = [];
      for (const [i, row] of rows.entries()) {
        const key = await keyOf(subject.store, people, row);
        const old = i === 1 ? textCell(OLD, 99) : (row['phone'] as string);
        swaps.push({ key, cells: [{ cell: PHONE, old, new: textCell(NEW, i) }] });
      }
      mustEqual(await commitSwaps(subject.store, people, swaps), [true, false, true], 'answers, in order');
      const wanted = rows.map((row, i) => (i === 1 ? row : { ...row, phone: textCell(NEW, i) }));
      await mustHold(subject, people, wanted, 'rows');
      mustEqual(
        await commitSwaps(subject.store, people, [...swaps].reverse()),
        [false, false, false],
        'the same swaps once more',
      );
      await mustHold(subject, people, wanted, 'rows after the same swaps once more');
    },
  },
  {
    name: 'cells that a swap does not name, the tenant and other columns stay as they are',
    tables: [people],
    async test(subject) {
      const row: CaseRow = {
        ...rowOf(people, ANN),
        email: 'stray plaintext',
        photo: null,
        note: "it's a note",
      };
      await subject.insert(people, row);
      const key = await keyOf(subject.store, people, ANN);
      await subject.update(people, ANN, { note: 'changed after it was read', owner: 'new owner' });
      const swap = {
        key,
        cells: [{ cell: PHONE, old: row['phone'] as string, new: textCell(NEW, 1) }],
      };
      mustEqual(await commitSwaps(subject.store, people, [swap]), [true], 'a swap');
      const wanted = {
        ...row,
        phone: textCell(NEW, 1),
        note: 'changed after it was read',
        owner: 'new owner',
      };
      await mustHold(subject, people, [wanted], 'rows');
    },
  },
  {
    name: 'a record that was removed is not brought back by a swap',
    tables: [people],
    async test(subject) {
      const row = rowOf(people, ANN);
      await subject.insert(people, row);
      await subject.insert(people, rowOf(people, BOB));
      const key = await keyOf(subject.store, people, ANN);
      await subject.remove(people, ANN);
      const swap = { key, cells: [{ cell: EMAIL, old: row['email'] as string, new: textCell(NEW, 1) }] };
      mustEqual(await commitSwaps(subject.store, people, [swap]), [false], 'a swap of a removed record');
      await mustHold(subject, people, [rowOf(people, BOB)], 'rows');
    },
  },
  {
    name: 'a record that was removed and made anew keeps its new cells',
    tables: [people],
    async test(subject) {
      const row = rowOf(people, ANN, OLD, 1);
      await subject.insert(people, row);
      const key = await keyOf(subject.store, people, ANN);
      await subject.remove(people, ANN);
      const anew = rowOf(people, ANN, OLD, 2);
      await subject.insert(people, anew);
      const swap = { key, cells: [{ cell: EMAIL, old: row['email'] as string, new: textCell(NEW, 1) }] };
      mustEqual(await commitSwaps(subject.store, people, [swap]), [false], 'a swap of what was there before');
      await mustHold(subject, people, [anew], 'rows');
    },
  },
  {
    name: 'a cell that became null loses its swap and stays null',
    tables: [people],
    async test(subject) {
      const row = rowOf(people, ANN);
      await subject.insert(people, row);
      const key = await keyOf(subject.store, people, ANN);
      await subject.update(people, ANN, { photo: null });
      const cells = [
        { cell: EMAIL, old: row['email'] as string, new: textCell(NEW, 1) },
        { cell: PHOTO, old: row['photo'] as Bytes, new: binaryCell(NEW, 1) },
      ];
      mustEqual(await commitSwaps(subject.store, people, [{ key, cells }]), [false], 'a swap');
      await mustHold(subject, people, [{ ...row, photo: null }], 'rows');
    },
  },
  {
    name: 'of two that swap the same cell at once, one succeeds',
    tables: [people],
    async test(subject) {
      const row = rowOf(people, ANN);
      await subject.insert(people, row);
      const key = await keyOf(subject.store, people, ANN);
      const attempt = async (n: number): Promise<boolean> => {
        const cells = [{ cell: EMAIL, old: row['email'] as string, new: textCell(NEW, n) }];
        try {
          return (await commitSwaps(subject.store, people, [{ key, cells }], `swap ${n}`))[0] as boolean;
        } catch (error) {
          if (error instanceof StoreBusyError) return false;
          throw error;
        }
      };
      const attempts = Array.from({ length: 8 }, (_, n) => n);
      const winners = (await Promise.all(attempts.map(attempt))).flatMap((won, n) => (won ? [n] : []));
      mustEqual(winners.length, 1, 'winners');
      await mustHold(subject, people, [{ ...row, email: textCell(NEW, winners[0] as number) }], 'rows');
    },
  },
  {
    name: 'a chunk may swap a thousand records',
    tables: [parts],
    async test(subject) {
      const ids = Array.from({ length: 1_000 }, (_, i) => ({ series: `s${i % 10}`, number: BigInt(i) }));
      for (const [i, id] of ids.entries()) await subject.insert(parts, rowOf(parts, id, OLD, i));
      const swaps = (await recordsOf(subject.store, parts)).map(({ key, cells }, i) => ({
        key,
        cells: [
          { cell: 0, old: i === 500 ? textCell(OLD, 9_999) : (cells[0] as string), new: textCell(NEW) },
        ],
      }));
      const swapped = await commitSwaps(subject.store, parts, swaps);
      mustEqual(
        swapped.flatMap((done, i) => (done ? [] : [i])),
        [500],
        'swaps that lost',
      );
      const fresh = (await subject.rows(parts)).filter((row) => row['value'] === textCell(NEW));
      mustEqual(fresh.length, 999, 'records that have the new cell');
    },
  },
  {
    name: 'a cell of a megabyte is swapped as any other',
    tables: [counters],
    async test(subject) {
      const [old, fresh] = [textCell(OLD) + 'A'.repeat(2 ** 20), textCell(NEW) + 'B'.repeat(2 ** 20)];
      await subject.insert(counters, { ...rowOf(counters, { id: 1n }), value: old });
      const key = await keyOf(subject.store, counters, { id: 1n });
      const wrong = { key, cells: [{ cell: 0, old: `${old.slice(0, -1)}C`, new: fresh }] };
      mustEqual(await commitSwaps(subject.store, counters, [wrong]), [false], 'a swap on other bytes');
      const swap = { key, cells: [{ cell: 0, old, new: fresh }] };
      mustEqual(await commitSwaps(subject.store, counters, [swap]), [true], 'a swap');
      const [row] = await subject.rows(counters);
      must(row?.['value'] === fresh, 'the new cell is not what was written');
    },
  },
];
