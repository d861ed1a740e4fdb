import { StoreBusyError } from '../../index.js';
import type { CellSwap, RecordSwap, StoredRecord, TokenSwap } from '../../rotation/index.js';
import {
  ANN,
  BOB,
  BY_BOTH,
  BY_EMAIL,
  BY_PICTURE,
  CLEO,
  EMAIL,
  LONGEST_IN_TOKEN_COLUMN,
  NEW,
  OLD,
  PHONE,
  PHOTO,
  binaryCell,
  indexed,
  numbered,
  rowOf,
  textCell,
  tokenOf,
  uuidOf,
} from './fixtures.js';
import { NO_LIMIT, commitSwaps, keyOf, must, mustEqual, mustHold, recordsOf } from './looks.js';
import type { CaseRow, CaseTable, RecordStoreSubject, StoreCase } from './subject.js';

/** What is no token, though it may look like one. */
export const NOT_TOKENS: readonly string[] = [
  '',
  ' ',
  'somebody@example.org',
  '日本 e\u0301 \u{1f600}',
  'null',
  '22334455',
  '22334455.',
  '22334455.0',
  '2233445.001',
  '223344556.00',
  '22334455:00',
  '22334455.0g',
  '22334455.AB',
  'AAAA2222.00',
  'aaaa1111.00', // not in the alphabet
  ' aaaa2222.00',
  'aaaa2222.00 ',
  'aaaa2222.00\n',
  'aaaa2222.00\r\n',
  'aaaa2222.00.00',
  'aaaa2222.00\uff10\uff10', // full-width digits
  `aaaa2222.${'0'.repeat(66)}`,
  'aaaa2222.'.padEnd(LONGEST_IN_TOKEN_COLUMN, '0'),
  textCell(OLD),
];

/** Of `aaaa2222.00ab`: what somebody might take for it. */
const NOT_THE_SAME = [
  'AAAA2222.00AB',
  'aaaa2222.00aB',
  'aaaa2222.00ab ',
  ' aaaa2222.00ab',
  'aaaa2222.00ab\n',
  'aaaa2222.00\u00e4b',
  'aaaa2222.00a\u0301b',
  'aaaa2222.00\uff41b',
  'aaaa2222.00ac',
  'aaaa2222.00',
  'aaaa2223.00ab',
  '',
];
const TOKEN = 'aaaa2222.00ab';

/** A row with cells and their tokens. */
function tokenRow(id: CaseRow, n = 0): CaseRow {
  return {
    ...rowOf(indexed, id, OLD, n),
    email_index: tokenOf('old', n),
    picture: tokenOf('old', n, 64),
    both: tokenOf('old', n, 2),
  };
}

async function insertAll(subject: RecordStoreSubject, rows: readonly CaseRow[]): Promise<void> {
  for (const row of rows) await subject.insert(indexed, row);
}

/** The tokens of every record by its id, at a page and at a reread: both must say the same. */
async function tokensOf(
  subject: RecordStoreSubject,
  of: CaseTable,
): Promise<Map<string, readonly unknown[]>> {
  const { layout } = of.definition;
  const records = await recordsOf(subject.store, of);
  const again = await subject.store.reread(
    layout,
    records.map(({ key }) => key),
  );
  const spell = (found: readonly StoredRecord[]) => found.map(({ key, tokens }) => [key, tokens]).sort();
  mustEqual(spell(again), spell(records), 'tokens, read again');
  const wanted = layout.tokens?.length;
  for (const { tokens = [] } of records) {
    mustEqual(tokens.length, wanted, 'tokens of a record');
    for (const token of tokens)
      must(token === null || typeof token === 'string', 'a token is neither text nor null');
  }
  return new Map(records.map(({ key, tokens = [] }) => [key, tokens]));
}

/** One swap of Ann's record, which holds `row`: its new token stands and falls with what it was made from. */
interface Attempt {
  readonly row: CaseRow;
  /** What somebody writes between the read and the swap. */
  readonly meanwhile?: CaseRow;
  readonly cells: readonly CellSwap[];
  readonly tokens: readonly TokenSwap[];
}

/** Makes the swap, on a table of its own; says whether it was made, and that nothing else has changed. */
async function attempt(
  subject: RecordStoreSubject,
  { row, meanwhile = {}, cells, tokens }: Attempt,
  written: CaseRow | undefined,
): Promise<void> {
  await subject.insert(indexed, row);
  const key = await keyOf(subject.store, indexed, ANN);
  if (Object.keys(meanwhile).length > 0) await subject.update(indexed, ANN, meanwhile);
  const swapped = await commitSwaps(subject.store, indexed, [{ key, cells, tokens }]);
  mustEqual(swapped, [written !== undefined], 'a swap');
  await mustHold(subject, indexed, [{ ...row, ...meanwhile, ...written }], 'rows after it');
  await subject.remove(indexed, ANN);
}

const CELL = textCell(OLD, 1);
/** A new token over a cell that stays. */
const RENEWED: Attempt = {
  row: { ...ANN, email: CELL, email_index: TOKEN, note: 'n' },
  cells: [{ cell: EMAIL, old: CELL, new: CELL }],
  tokens: [{ token: BY_EMAIL, old: TOKEN, new: tokenOf('new') }],
};

/** For stores whose abilities say `tokens`. */
const CASES: readonly StoreCase[] = [
  {
    name: 'tokens are read to the letter, nulls as nulls, at a page and a reread',
    tables: [indexed, numbered],
    async test(subject) {
      const rows = [
        tokenRow(ANN, 1),
        { ...tokenRow(BOB, 2), email: null, email_index: null, both: null },
        { ...CLEO, email: textCell(OLD) },
      ];
      await insertAll(subject, rows);
      const found = await tokensOf(subject, indexed);
      for (const row of rows) {
        const names = indexed.definition.layout.tokens?.map(({ index }) => index) ?? [];
        const wanted = names.map((name) => (row as CaseRow)[name] ?? null);
        mustEqual(found.get(await keyOf(subject.store, indexed, row)), wanted, 'tokens');
      }
      const id = { series: 's', number: 2n ** 60n + 1n };
      const tokens = { value_index: tokenOf('old', 3, 32), following: null };
      await subject.insert(numbered, { ...rowOf(numbered, id), ...tokens });
      mustEqual([...(await tokensOf(subject, numbered)).values()], [[tokenOf('old', 3, 32), null]], 'tokens');
    },
  },
  {
    name: 'a table without tokens has records without them',
    tables: [indexed],
    async test({ store, ...subject }) {
      await subject.insert(indexed, tokenRow(ANN));
      const { tokens: _, ...layout } = indexed.definition.layout;
      const { records } = await store.page(layout, { after: undefined, maxRecords: 9, maxBytes: NO_LIMIT });
      must(records.length === 1 && records.every(({ tokens }) => tokens === undefined), 'there are tokens');
      const [count] = await store.census([layout]);
      must(count?.tokens === undefined, 'tokens are counted');
    },
  },
  {
    name: 'in place of what is no token comes what is there, or another text that is no token',
    tables: [indexed],
    async test(subject) {
      await insertAll(
        subject,
        NOT_TOKENS.map((value, i) => ({ id: uuidOf(i), email_index: value })),
      );
      const found = await tokensOf(subject, indexed);
      for (const [i, value] of NOT_TOKENS.entries()) {
        const [token] = found.get(await keyOf(subject.store, indexed, { id: uuidOf(i) })) ?? [];
        must(token === value || NOT_TOKENS.includes(String(token)), 'something else came in its place');
      }
    },
  },
  {
    name: 'cells and tokens are swapped together, in one chunk with others of other shapes',
    tables: [indexed],
    async test(subject) {
      const rows: readonly [CaseRow, CaseRow, CaseRow, CaseRow] = [
        tokenRow(ANN, 1),
        { ...tokenRow(BOB, 2), email_index: null, both: null },
        { ...tokenRow(CLEO, 3), phone: null },
        { ...tokenRow({ id: uuidOf(4) }, 4), photo: null, picture: null },
      ];
      await insertAll(subject, rows);
      const [ann, bob, cleo, dan] = (await Promise.all(
        rows.map((row) => keyOf(subject.store, indexed, row)),
      )) as [string, string, string, string];
      const kept = (cell: number, old: CellSwap['old'] | unknown): CellSwap =>
        ({ cell, old, new: old }) as CellSwap;
      const swaps: RecordSwap[] = [
        {
          key: ann, // everything changes
          cells: [
            { cell: EMAIL, old: rows[0]['email'] as string, new: textCell(NEW, 1) },
            { cell: PHONE, old: rows[0]['phone'] as string, new: textCell(NEW, 2) },
            { cell: PHOTO, old: rows[0]['photo'] as CellSwap['old'], new: binaryCell(NEW, 3) },
          ],
          tokens: [
            { token: BY_EMAIL, old: tokenOf('old', 1), new: tokenOf('new', 1) },
            { token: BY_PICTURE, old: tokenOf('old', 1, 64), new: tokenOf('new', 1, 64) },
            { token: BY_BOTH, old: tokenOf('old', 1, 2), new: tokenOf('new', 1, 2) },
          ],
        },
        {
          key: bob, // tokens come to be, over cells of which one changes
          cells: [
            { cell: EMAIL, old: rows[1]['email'] as string, new: textCell(NEW, 1) },
            kept(PHONE, rows[1]['phone']),
          ],
          tokens: [
            { token: BY_EMAIL, old: null, new: tokenOf('new', 2) },
            { token: BY_BOTH, old: null, new: tokenOf('new', 2, 2) },
          ],
        },
        {
          key: cleo, // a token ends, for one of its cells is null
          cells: [kept(EMAIL, rows[2]['email']), kept(PHONE, null)],
          tokens: [{ token: BY_BOTH, old: tokenOf('old', 3, 2), new: null }],
        },
        {
          key: dan, // a cell only
          cells: [{ cell: EMAIL, old: rows[3]['email'] as string, new: textCell(NEW, 1) }],
        },
      ];
      mustEqual(await commitSwaps(subject.store, indexed, swaps), [true, true, true, true], 'swaps');
      const wanted: CaseRow[] = [
        {
          ...rows[0],
          ...{ email: textCell(NEW, 1), phone: textCell(NEW, 2), photo: binaryCell(NEW, 3) },
          ...{ email_index: tokenOf('new', 1), picture: tokenOf('new', 1, 64), both: tokenOf('new', 1, 2) },
        },
        {
          ...rows[1],
          ...{ email: textCell(NEW, 1), email_index: tokenOf('new', 2), both: tokenOf('new', 2, 2) },
        },
        { ...rows[2], both: null },
        { ...rows[3], email: textCell(NEW, 1) },
      ];
      await mustHold(subject, indexed, wanted, 'rows');
      mustEqual(
        await commitSwaps(subject.store, indexed, swaps),
        [false, false, false, false],
        'the same swaps once more',
      );
      await mustHold(subject, indexed, wanted, 'rows after the same swaps once more');
    },
  },
  {
    name: 'a token is swapped alone, and its cell stays',
    tables: [indexed],
    test: (subject) => attempt(subject, RENEWED, { email_index: tokenOf('new') }),
  },
  {
    name: 'a token alone is not swapped if its cell has changed meanwhile',
    tables: [indexed],
    async test(subject) {
      const others = [textCell(OLD, 2), CELL.toUpperCase(), CELL.replace('Q', 'q'), `${CELL} `, '', null];
      for (const email of others) await attempt(subject, { ...RENEWED, meanwhile: { email } }, undefined);
      await attempt(subject, RENEWED, { email_index: tokenOf('new') });
    },
  },
  {
    name: 'a token alone is not swapped if a binary cell has changed meanwhile',
    tables: [indexed],
    async test(subject) {
      const photo = binaryCell(OLD, 1);
      const swap: Attempt = {
        row: { ...ANN, photo, picture: null },
        // Equal bytes, as two reads of one column give them.
        cells: [{ cell: PHOTO, old: binaryCell(OLD, 1), new: binaryCell(OLD, 1) }],
        tokens: [{ token: BY_PICTURE, old: null, new: tokenOf('new', 1, 64) }],
      };
      for (const other of [binaryCell(OLD, 2), binaryCell(OLD, 1, 61), null])
        await attempt(subject, { ...swap, meanwhile: { photo: other } }, undefined);
      await attempt(subject, swap, { picture: tokenOf('new', 1, 64) });
    },
  },
  {
    name: 'a token over a cell that is null is swapped while the cell stays null, and only then',
    tables: [indexed],
    async test(subject) {
      const swap: Attempt = {
        row: { ...ANN, email: null, email_index: TOKEN },
        cells: [{ cell: EMAIL, old: null, new: null }],
        tokens: [{ token: BY_EMAIL, old: TOKEN, new: null }],
      };
      for (const email of [textCell(OLD), '', 'null'])
        await attempt(subject, { ...swap, meanwhile: { email } }, undefined);
      await attempt(subject, swap, { email_index: null });
    },
  },
  {
    name: 'a swap is lost if its token is another by now, or only looks like the one that was read',
    tables: [indexed],
    async test(subject) {
      for (const email_index of [...NOT_THE_SAME, null])
        await attempt(subject, { ...RENEWED, meanwhile: { email_index } }, undefined);
    },
  },
  {
    name: 'a swap is lost if a token came to be where there was none, even an empty one',
    tables: [indexed],
    async test(subject) {
      const swap = {
        ...RENEWED,
        row: { ...RENEWED.row, email_index: null },
        tokens: [{ token: BY_EMAIL, old: null, new: tokenOf('new') }],
      };
      for (const email_index of [TOKEN, '', 'null', tokenOf('new')])
        await attempt(subject, { ...swap, meanwhile: { email_index } }, undefined);
      await attempt(subject, swap, { email_index: tokenOf('new') });
    },
  },
  {
    name: 'a token that only looks like the one that it becomes is written to the letter',
    tables: [indexed],
    async test(subject) {
      for (const old of NOT_THE_SAME) {
        await subject.insert(indexed, { ...RENEWED.row, email_index: old });
        const [record] = await recordsOf(subject.store, indexed);
        // A store may give something else in its place: then nothing of it is swapped.
        if (record?.tokens?.[BY_EMAIL] === old) {
          const tokens = [{ token: BY_EMAIL, old, new: TOKEN }];
          const swap = { key: record.key, cells: RENEWED.cells, tokens };
          mustEqual(await commitSwaps(subject.store, indexed, [swap]), [true], 'a swap');
          await mustHold(subject, indexed, [{ ...RENEWED.row, email_index: TOKEN }], 'rows');
        }
        await subject.remove(indexed, ANN);
      }
    },
  },
  {
    name: 'all cells and tokens of a record are swapped, or none, whichever of them differs',
    tables: [indexed],
    async test(subject) {
      const row = tokenRow(ANN, 1);
      await subject.insert(indexed, row);
      const key = await keyOf(subject.store, indexed, ANN);
      const cells: CellSwap[] = [
        { cell: EMAIL, old: row['email'] as string, new: textCell(NEW, 1) },
        { cell: PHOTO, old: row['photo'] as CellSwap['old'], new: row['photo'] as CellSwap['old'] },
      ];
      const tokens: TokenSwap[] = [
        { token: BY_EMAIL, old: tokenOf('old', 1), new: tokenOf('new', 1) },
        { token: BY_PICTURE, old: tokenOf('old', 1, 64), new: tokenOf('new', 1, 64) },
      ];
      const lost = async (swap: Omit<RecordSwap, 'key'>): Promise<void> => {
        mustEqual(await commitSwaps(subject.store, indexed, [{ key, ...swap }]), [false], 'a swap');
        await mustHold(subject, indexed, [row], 'rows after a swap of which one column differed');
      };
      for (const wrong of tokens)
        await lost({
          cells,
          tokens: tokens.map((swap) => (swap === wrong ? { ...swap, old: tokenOf('other') } : swap)),
        });
      for (const { cell } of cells) {
        const other = cell === PHOTO ? binaryCell(OLD, 99) : textCell(OLD, 99);
        await lost({
          cells: cells.map((swap) =>
            swap.cell === cell ? { ...swap, old: other, ...(cell === PHOTO ? { new: other } : {}) } : swap,
          ),
          tokens,
        });
      }
      mustEqual(
        await commitSwaps(subject.store, indexed, [{ key, cells, tokens }]),
        [true],
        'the right swap',
      );
      const swapped = {
        email: textCell(NEW, 1),
        email_index: tokenOf('new', 1),
        picture: tokenOf('new', 1, 64),
      };
      await mustHold(subject, indexed, [{ ...row, ...swapped }], 'rows after the right swap');
    },
  },
  {
    name: 'a swap under which everything stays says whether it is still there',
    tables: [indexed],
    async test(subject) {
      const row = tokenRow(ANN, 1);
      await subject.insert(indexed, row);
      const key = await keyOf(subject.store, indexed, ANN);
      const kept = (email: string, token: string): RecordSwap => ({
        key,
        cells: [{ cell: EMAIL, old: email, new: email }],
        tokens: [{ token: BY_EMAIL, old: token, new: token }],
      });
      const [email, token] = [row['email'] as string, tokenOf('old', 1)];
      const swaps = [kept(email, token), kept(textCell(OLD, 99), token), kept(email, tokenOf('new', 1))];
      for (const [i, swap] of swaps.entries())
        mustEqual(await commitSwaps(subject.store, indexed, [swap]), [i === 0], 'a swap');
      mustEqual(
        await commitSwaps(subject.store, indexed, [{ key, cells: swaps[0]?.cells ?? [] }]),
        [true],
        '',
      );
      await mustHold(subject, indexed, [row], 'rows');
    },
  },
  {
    name: 'tokens and columns that a swap does not name stay as they are',
    tables: [indexed],
    async test(subject) {
      const row: CaseRow = { ...tokenRow(ANN, 1), picture: 'stray plaintext' };
      await subject.insert(indexed, row);
      const key = await keyOf(subject.store, indexed, ANN);
      const meanwhile = {
        note: 'changed after it was read',
        phone: textCell(NEW, 9),
        both: tokenOf('new', 9),
      };
      await subject.update(indexed, ANN, meanwhile);
      const swap: RecordSwap = {
        key,
        cells: [{ cell: EMAIL, old: row['email'] as string, new: textCell(NEW, 1) }],
        tokens: [{ token: BY_EMAIL, old: tokenOf('old', 1), new: tokenOf('new', 1) }],
      };
      mustEqual(await commitSwaps(subject.store, indexed, [swap]), [true], 'a swap');
      const wanted = { ...row, ...meanwhile, email: textCell(NEW, 1), email_index: tokenOf('new', 1) };
      await mustHold(subject, indexed, [wanted], 'rows');
    },
  },
  {
    name: 'no token is written if the job record is another one',
    tables: [indexed],
    async test({ store, ...subject }) {
      if (!store.abilities.transactions) return;
      await subject.insert(indexed, RENEWED.row);
      const { layout } = indexed.definition;
      const swap = { key: await keyOf(store, indexed, ANN), cells: RENEWED.cells, tokens: RENEWED.tokens };
      const job = () => ({ id: 'job', previous: 'another', next: 'next' });
      const outcome = await store.commit(layout, { id: 'job', swaps: [swap], quarantine: [], job });
      mustEqual(outcome, { committed: false }, 'the outcome');
      await mustHold({ store, ...subject }, indexed, [RENEWED.row], 'rows');
    },
  },
  {
    name: 'tokens of records with keys of two parts are swapped in the one record that is named',
    tables: [numbered],
    async test(subject) {
      const ids = ['a', 'A', 'a '].flatMap((series) =>
        [1n, 10n, 2n ** 60n + 1n].map((number) => ({ series, number })),
      );
      const rows: CaseRow[] = ids.map((id, i) => ({
        ...rowOf(numbered, id, OLD, i),
        value_index: i % 3 === 0 ? null : tokenOf('old', i, 32),
        following: i % 2 === 0 ? null : tokenOf('new', i, 32),
      }));
      for (const row of rows) await subject.insert(numbered, row);
      const records = await Promise.all(rows.map((row) => keyOf(subject.store, numbered, row)));
      const swaps = rows.map((row, i): RecordSwap => {
        const value = row['value'] as string;
        const old = row['following'] as string | null;
        return {
          key: records[i] as string,
          cells: [{ cell: 0, old: value, new: i % 2 === 0 ? textCell(NEW, i) : value }],
          tokens: [
            { token: 1, old: i === 4 ? tokenOf('other', i, 32) : old, new: tokenOf('other', 50 + i, 32) },
          ],
        };
      });
      const swapped = await commitSwaps(subject.store, numbered, swaps);
      mustEqual(
        swapped,
        rows.map((_, i) => i !== 4),
        'swaps, of which one was made for another token',
      );
      const wanted = rows.map((row, i) => {
        if (i === 4) return row;
        const value = i % 2 === 0 ? textCell(NEW, i) : row['value'];
        return { ...row, value, following: tokenOf('other', 50 + i, 32) };
      });
      await mustHold(subject, numbered, wanted, 'rows');
    },
  },
  {
    name: 'of two that swap the same token at once, one succeeds',
    tables: [indexed],
    async test(subject) {
      await subject.insert(indexed, RENEWED.row);
      const key = await keyOf(subject.store, indexed, ANN);
      const make = async (n: number): Promise<boolean> => {
        const tokens = [{ token: BY_EMAIL, old: TOKEN, new: tokenOf('new', n) }];
        try {
          const swap = { key, cells: RENEWED.cells, tokens };
          return (await commitSwaps(subject.store, indexed, [swap], `swap ${n}`))[0] as boolean;
        } catch (error) {
          if (error instanceof StoreBusyError) return false;
          throw error;
        }
      };
      const attempts = Array.from({ length: 8 }, (_, n) => n);
      const winners = (await Promise.all(attempts.map(make))).flatMap((won, n) => (won ? [n] : []));
      mustEqual(winners.length, 1, 'winners');
      const email_index = tokenOf('new', winners[0] as number);
      await mustHold(subject, indexed, [{ ...RENEWED.row, email_index }], 'rows');
    },
  },
];

export const TOKEN_CASES: readonly StoreCase[] = CASES.map((one) => ({ ...one, wants: 'tokens' }));
