import type { TableCount, TokenCount } from '../../rotation/index.js';
import { OLD, counters, indexed, numbered, rowOf, tagOf, textCell, tokenOf, uuidOf } from './fixtures.js';
import { must, mustEqual } from './looks.js';
import type { CaseRow, RecordStoreSubject, StoreCase } from './subject.js';
import { NOT_TOKENS } from './tokens.js';

const [OLD_KEY, NEW_KEY, OTHER_KEY] = (['old', 'new', 'other'] as const).map((key) =>
  tokenOf(key).slice(0, 8),
) as [string, string, string];

function spell({ prefixes, notTokens, missing }: TokenCount): unknown {
  return [Object.entries(prefixes).sort(), notTokens, missing];
}

async function countsOf({ store }: RecordStoreSubject, of = indexed): Promise<TableCount> {
  return (await store.census([of.definition.layout]))[0] as TableCount;
}

async function mustCount(subject: RecordStoreSubject, of: typeof indexed, wanted: readonly TokenCount[]) {
  const { tokens = [] } = await countsOf(subject, of);
  mustEqual(tokens.map(spell), wanted.map(spell), 'the counts of the columns, in their order');
}

const NOTHING: TokenCount = { prefixes: {}, notTokens: 0, missing: 0 };

const CASES: readonly StoreCase[] = [
  {
    name: 'a census of an empty table counts no tokens, for each column',
    tables: [indexed],
    test: (subject) => mustCount(subject, indexed, [NOTHING, NOTHING, NOTHING]),
  },
  {
    name: 'a census counts tokens by the characters that name their key, of any length',
    tables: [indexed],
    async test(subject) {
      const rows: CaseRow[] = [
        { id: uuidOf(1), email_index: tokenOf('old', 1, 2), picture: tokenOf('old', 1, 64) },
        { id: uuidOf(2), email_index: tokenOf('old', 2, 32), picture: tokenOf('new', 1, 64) },
        { id: uuidOf(3), email_index: tokenOf('new', 1, 2), picture: tokenOf('other', 1, 2) },
        { id: uuidOf(4), email_index: tokenOf('old', 1, 2), both: tokenOf('other') },
        { id: uuidOf(5), email: textCell(OLD), email_index: tokenOf('old', 3, 10) },
      ];
      for (const row of rows) await subject.insert(indexed, row);
      await mustCount(subject, indexed, [
        { ...NOTHING, prefixes: { [OLD_KEY]: 4, [NEW_KEY]: 1 } },
        { ...NOTHING, prefixes: { [OLD_KEY]: 1, [NEW_KEY]: 1, [OTHER_KEY]: 1 } },
        { ...NOTHING, prefixes: { [OTHER_KEY]: 1 } },
      ]);
      const { records, tags, notCells } = await countsOf(subject);
      mustEqual([records, tags, notCells], [5, { [tagOf(OLD)]: 1 }, 0], 'what is counted of cells');
    },
  },
  {
    name: 'a census counts as no token what has not the form of one, and tells nothing of it',
    tables: [indexed],
    async test(subject) {
      for (const [i, value] of NOT_TOKENS.entries())
        await subject.insert(indexed, { id: uuidOf(i), email_index: value, both: tokenOf('new') });
      await mustCount(subject, indexed, [
        { ...NOTHING, notTokens: NOT_TOKENS.length },
        NOTHING,
        { ...NOTHING, prefixes: { [NEW_KEY]: NOT_TOKENS.length } },
      ]);
      const { notCells, tags, tokens } = await countsOf(subject);
      mustEqual([notCells, tags], [0, {}], 'what is counted of cells');
      const told = JSON.stringify(tokens);
      must(!/somebody|aaaa|22334455|cs1r/i.test(told), 'a value that is no token comes out of the census');
    },
  },
  {
    name: 'a token is missing where every cell is there that it is made from, and it is null',
    tables: [indexed],
    async test(subject) {
      const [email, phone] = [textCell(OLD, 1), textCell(OLD, 2)];
      const rows: CaseRow[] = [
        { email, phone }, // both are missing
        { email, phone, email_index: tokenOf('old') },
        { email, phone, email_index: '' }, // no token, and not null either
        { email }, // of the second nothing can be made
        { phone, both: tokenOf('old') },
        { email: 'plaintext', phone: '' },
        {},
      ];
      for (const [i, row] of rows.entries()) await subject.insert(indexed, { id: uuidOf(i), ...row });
      await mustCount(subject, indexed, [
        { prefixes: { [OLD_KEY]: 1 }, notTokens: 1, missing: 3 },
        NOTHING,
        { prefixes: { [OLD_KEY]: 1 }, notTokens: 0, missing: 4 },
      ]);
    },
  },
  {
    name: 'a token of a column that follows another is missing where that one has something, and it is null',
    tables: [numbered],
    async test(subject) {
      const value = textCell(OLD);
      const rows: CaseRow[] = [
        { value, value_index: tokenOf('old', 1), following: null }, // missing
        { value, value_index: tokenOf('old', 2), following: tokenOf('new', 2) },
        { value, value_index: null, following: null }, // missing in the first: there is nothing to follow
        { value, value_index: null, following: tokenOf('new', 4) },
        { value: null, value_index: tokenOf('old', 5), following: null }, // missing
        { value: null, value_index: 'not a token', following: null }, // missing
        { value: null, value_index: null, following: null },
      ];
      for (const [i, row] of rows.entries())
        await subject.insert(numbered, { series: 's', number: BigInt(i), ...row });
      await mustCount(subject, numbered, [
        { prefixes: { [OLD_KEY]: 3 }, notTokens: 1, missing: 2 },
        { prefixes: { [NEW_KEY]: 2 }, notTokens: 0, missing: 3 },
      ]);
    },
  },
  {
    name: 'a census of several tables has counts of tokens for those that have indexes, and only for those',
    tables: [indexed, counters, numbered],
    async test({ store, ...subject }, ...tables) {
      await subject.insert(indexed, { id: uuidOf(1), email_index: tokenOf('old') });
      await subject.insert(counters, rowOf(counters, { id: 1n }));
      const cell = { series: 's', number: 1n, value: textCell(OLD) };
      await subject.insert(numbered, { ...cell, value_index: tokenOf('new') });
      const wanted = {
        indexed: [spell({ ...NOTHING, prefixes: { [OLD_KEY]: 1 } }), spell(NOTHING), spell(NOTHING)],
        counters: null,
        numbered: [spell({ ...NOTHING, prefixes: { [NEW_KEY]: 1 } }), spell({ ...NOTHING, missing: 1 })],
      };
      for (const order of [tables, [...tables].reverse()]) {
        const counts = await store.census(order.map(({ definition }) => definition.layout));
        mustEqual(
          counts.map(({ tokens }) => tokens?.map(spell) ?? null),
          order.map(({ definition }) => wanted[definition.name as keyof typeof wanted]),
          'the counts',
        );
      }
    },
  },
];

export const TOKEN_COUNT_CASES: readonly StoreCase[] = CASES.map((one) => ({ ...one, wants: 'tokens' }));
