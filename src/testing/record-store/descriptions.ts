import { type Table, bytes, integer, table, text, uuid } from '../../index.js';
import type { FoundCells, RecordStore, StoreDescription } from '../../rotation/index.js';
import {
  ANN,
  BOB,
  CLEO,
  NEW,
  OLD,
  binaryCell,
  counters,
  insertAll,
  parts,
  people,
  quoted,
  rowOf,
  tagOf,
  textCell,
} from './fixtures.js';
import { hexOf, must, mustEqual } from './looks.js';
import type { CaseTable, RecordStoreMember, StoreCase } from './subject.js';

async function describe(
  store: RecordStore,
  definitions: readonly Table[],
  withOthers = false,
): Promise<StoreDescription> {
  must(store.describe !== undefined, 'the store has no `describe`');
  const layouts = definitions.map(({ layout }) => layout);
  return (await store.describe?.(layouts, { withOthers })) as StoreDescription;
}

async function findIn(
  store: RecordStore,
  { definition }: CaseTable,
  columns: readonly string[],
  maxRecords?: number,
): Promise<readonly FoundCells[]> {
  const { tables } = await describe(store, [definition]);
  const path = tables[0]?.path ?? [];
  must(store.findCells !== undefined, 'the store has no `findCells`');
  const places = columns.map((column) => ({ path, column }));
  return (await store.findCells?.(places, maxRecords === undefined ? {} : { maxRecords })) ?? [];
}

const spell = ({ notCells, tags }: FoundCells): unknown => [
  Object.entries(tags.text).sort(),
  Object.entries(tags.binary).sort(),
  notCells,
];
const found = (text: Record<string, number>, binary: Record<string, number> = {}, notCells = 0): unknown =>
  spell({ tags: { text, binary }, notCells });

const DESCRIBE_CASES: readonly StoreCase[] = [
  {
    name: 'a description has the columns of each layout, and those that it does not name',
    tables: [people, quoted],
    async test({ store, ...subject }) {
      await subject.insert(people, rowOf(people, ANN));
      await subject.insert(quoted, { first: 1n, second: 'a', note: 'n' });
      const { tables } = await describe(store, [people.definition, quoted.definition]);
      mustEqual(tables.length, 2, 'descriptions');
      for (const [i, { columns }] of [people, quoted].entries()) {
        const names = tables[i]?.columns.map(({ name }) => name) ?? [];
        mustEqual([...names].sort(), columns.map(({ column }) => column).sort(), 'columns');
        mustEqual(tables[i]?.kind, 'table', 'its kind');
        mustEqual(tables[i]?.unfit, [], 'what is unfit of it');
      }
    },
  },
  {
    name: 'a description has the primary key, whether it is one column or two',
    tables: [people, parts],
    async test({ store }) {
      const { tables } = await describe(store, [people.definition, parts.definition]);
      for (const [i, { definition }] of [people, parts].entries()) {
        const key = definition.layout.key.map(({ column }) => column);
        must(
          tables[i]?.keys.some(
            ({ columns, mayBeNull }) =>
              !mayBeNull && JSON.stringify([...columns].sort()) === JSON.stringify([...key].sort()),
          ) ?? false,
          'the primary key is not among the keys, or may be null',
        );
      }
    },
  },
  {
    name: 'a description says that columns for cells hold them, of any length, and that nobody else writes them',
    tables: [people],
    async test({ store }) {
      const { tables } = await describe(store, [people.definition]);
      const columns = new Map(tables[0]?.columns.map((column) => [column.name, column]));
      for (const { column, form } of people.definition.layout.cells) {
        const described = columns.get(column);
        const kinds = form === 'text' ? ['text', 'other'] : ['bytes', 'other'];
        must(kinds.includes(String(described?.holds)), `what ${column} holds`);
        must((described?.maxCharacters ?? 1e9) > 1e6 && (described?.maxBytes ?? 1e9) > 1e6, 'its length');
        mustEqual([described?.isRewritten, described?.isReadable], [false, true], column);
      }
    },
  },
  {
    name: 'a description has the other tables only where they are wanted',
    tables: [people, counters],
    async test({ store, ...subject }) {
      await subject.insert(counters, { id: 1n, value: textCell(OLD), note: 'n' });
      await store.estimate(counters.definition.layout);
      mustEqual((await describe(store, [people.definition])).others, [], 'others');
      const { others } = await describe(store, [people.definition], true);
      const names = others.map(({ path }) => path.at(-1));
      must(names.includes('counters') && !names.includes('people'), 'the other tables are not the others');
      const both = await describe(store, [counters.definition, people.definition], true);
      must(
        both.others.every(({ path }) => !['counters', 'people'].includes(String(path.at(-1)))),
        'a table of a layout is among the others',
      );
    },
  },
];

/** Only for a database that has tables before it has records. */
const DECLARED_CASES: readonly StoreCase[] = [
  {
    name: 'a description has no table where there is none, and no column where there is none',
    tables: [people],
    async test({ store }) {
      const absent = table('absent', { record: uuid('id'), encrypt: { email: text() } });
      const more = table('more', {
        from: 'people',
        record: integer('no'),
        encrypt: { email: text(), absent: bytes({ form: 'binary' }) },
      });
      const { tables } = await describe(store, [absent, more]);
      must(tables[0] === undefined, 'a table that is not there is described');
      const names = tables[1]?.columns.map(({ name }) => name) ?? [];
      mustEqual(
        ['no', 'email', 'absent'].map((name) => names.includes(name)),
        [false, true, false],
        'columns that are there',
      );
    },
  },
];

const FIND_CASES: readonly StoreCase[] = [
  {
    name: 'cells are found in any column, by their key tags, and everything else is counted',
    tables: [people],
    async test(subject) {
      const { store, ...application } = subject;
      await application.insert(people, { ...rowOf(people, ANN, OLD), note: textCell(NEW, 1, 'd') });
      await application.insert(people, { ...rowOf(people, BOB, NEW), note: textCell(NEW, 2, 'd') });
      await application.insert(people, { ...rowOf(people, CLEO, OLD), note: 'a note', photo: null });
      const [note, email, photo, absent] = await findIn(store, people, ['note', 'email', 'photo', 'absent']);
      mustEqual(spell(note as FoundCells), found({ [tagOf(NEW, 'd')]: 2 }, {}, 1), 'in note');
      mustEqual(spell(email as FoundCells), found({ [tagOf(OLD)]: 2, [tagOf(NEW)]: 1 }), 'in email');
      mustEqual(spell(photo as FoundCells), found({}, { [tagOf(OLD)]: 1, [tagOf(NEW)]: 1 }), 'in photo');
      mustEqual(spell(absent as FoundCells), found({}), 'in a column that is not there');
    },
  },
  {
    name: 'cells are found in columns whose names have to be quoted',
    tables: [quoted],
    async test({ store, ...subject }) {
      await subject.insert(quoted, { first: 1n, second: 'a', value: textCell(OLD), other: textCell(NEW) });
      const [value, other] = await findIn(store, quoted, ['c1', "it's % ` [é]"]);
      mustEqual(spell(value as FoundCells), found({ [tagOf(OLD)]: 1 }), 'in c1');
      mustEqual(spell(other as FoundCells), found({ [tagOf(NEW)]: 1 }), 'in the other');
    },
  },
  {
    name: 'of a long table both ends are looked at, and no more; of a short one each record once',
    tables: [counters],
    async test({ store, ...subject }) {
      const ids = Array.from({ length: 20 }, (_, i) => ({ id: BigInt(i) }));
      await insertAll({ store, ...subject }, counters, ids);
      await subject.update(counters, { id: 0n }, { note: textCell(OLD) });
      await subject.update(counters, { id: 10n }, { note: textCell(OLD) });
      await subject.update(counters, { id: 19n }, { note: textCell(NEW) });
      const look = async (most?: number) =>
        spell((await findIn(store, counters, ['note'], most))[0] as FoundCells);
      mustEqual(await look(), found({ [tagOf(OLD)]: 2, [tagOf(NEW)]: 1 }, {}, 17), 'all');
      mustEqual(await look(30), found({ [tagOf(OLD)]: 2, [tagOf(NEW)]: 1 }, {}, 17), 'overlapping ends');
      mustEqual(await look(10), found({ [tagOf(OLD)]: 1, [tagOf(NEW)]: 1 }, {}, 8), 'both ends');
    },
  },
  {
    name: 'what is found tells nothing of a plaintext',
    tables: [people],
    async test({ store, ...subject }) {
      const secret = 'correct horse battery staple correct horse battery staple';
      const bytes = new TextEncoder().encode(secret);
      await subject.insert(people, {
        ...ANN,
        email: secret,
        photo: bytes,
        note: `${textCell(OLD).slice(0, 40)}${secret}`,
      });
      const told = JSON.stringify(await findIn(store, people, ['email', 'photo', 'note']));
      must(!told.includes('horse') && !told.includes(hexOf(bytes).slice(0, 20)), 'a plaintext came back');
    },
  },
  {
    name: 'bytes that are shorter than any cell, or of another suite, are none',
    tables: [people],
    async test({ store, ...subject }) {
      await subject.insert(people, { ...ANN, photo: binaryCell(OLD, 0, 50) });
      await subject.insert(people, { ...BOB, photo: binaryCell(OLD, 0, 55) });
      await subject.insert(people, {
        ...CLEO,
        photo: Uint8Array.from(binaryCell(OLD), (b, i) => (i === 0 ? 2 : b)),
      });
      const [photo] = await findIn(store, people, ['photo']);
      mustEqual(spell(photo as FoundCells), found({}, { [tagOf(OLD)]: 1 }, 2), 'in photo');
    },
  },
];

/** The cases of what a record store may have besides. */
export function casesOfDescriptions(
  members: readonly RecordStoreMember[],
  isDeclared: boolean,
): readonly StoreCase[] {
  const thereIs: StoreCase = {
    name: `has, beside what every store has, ${members.length === 0 ? 'nothing' : `exactly ${members.join(', ')}`}`,
    tables: [people],
    async test({ store }) {
      for (const member of ['describe', 'findCells'] as const) {
        mustEqual(store[member] !== undefined, members.includes(member), `whether there is \`${member}\``);
      }
    },
  };
  return [
    thereIs,
    ...(members.includes('describe') ? DESCRIBE_CASES : []),
    ...(members.includes('describe') && isDeclared ? DECLARED_CASES : []),
    ...(members.includes('findCells') ? FIND_CASES : []),
  ];
}
