import type { ProcessRegistry } from '../../index.js';
import {
  NAMES,
  NO_NAMES,
  ROUNDS,
  assert,
  endsIn,
  holds,
  holdsNothing,
  many,
  nameOf,
  text,
  turn,
  writes,
} from './fixtures.js';
import type { MemberCase } from './subject.js';

const MAX_ENTRY_BYTES = 1024;
const [FIRST, SECOND, THIRD] = NAMES;

export const PROCESS_CASES: readonly MemberCase<'processes'>[] = [
  {
    name: 'processes: lists nobody where nobody was announced',
    async test(processes) {
      await lists(processes, {});
    },
  },
  {
    name: 'processes: lists who was announced, each with its own entry',
    async test(processes) {
      await processes.announce({ id: FIRST, entry: '{"revision":1}' });
      await processes.announce({ id: SECOND, entry: '{"revision":2}' });
      await lists(processes, { [FIRST]: '{"revision":1}', [SECOND]: '{"revision":2}' });
    },
  },
  {
    name: 'processes: gives an entry back to the character',
    async test(processes) {
      const entries = [
        '{}',
        '[ 1 ]',
        '{"b":1,"a":2,"b":3}',
        '{ "note" : "\\u0000 \\ud800 ä 例 🔑 \'\\"%_" }',
        '\n{"a":1}\n',
        'null',
        '1e2',
      ];
      for (const entry of entries) {
        await processes.announce({ id: FIRST, entry });
        await lists(processes, { [FIRST]: entry });
      }
    },
  },
  {
    name: 'processes: keeps an entry of 1 KiB, counted in UTF-8, and refuses a longer one with store-unfit',
    async test(processes) {
      const longest = `"${'é'.repeat((MAX_ENTRY_BYTES - 2) / 2)}"`;
      await processes.announce({ id: FIRST, entry: longest });
      await lists(processes, { [FIRST]: longest });
      await endsIn('store-unfit', [() => processes.announce({ id: FIRST, entry: ` ${longest}` })]);
      await lists(processes, { [FIRST]: longest });
    },
  },
  {
    name: 'processes: replaces what a process wrote before, and lists it once',
    async test(processes, another) {
      await processes.announce({ id: SECOND, entry: '{"other":true}' });
      for (const entry of ['{"revision":1,"long":"a longer entry"}', '{"revision":2}', '{"revision":3}']) {
        await processes.announce({ id: FIRST, entry });
        await lists(another(), { [FIRST]: entry, [SECOND]: '{"other":true}' });
      }
    },
  },
  {
    name: 'processes: strikes off the one that is named, and no other',
    async test(processes) {
      for (const id of NAMES) await processes.announce({ id, entry: `"${id}"` });
      await processes.forget(SECOND);
      await lists(
        processes,
        Object.fromEntries(NAMES.filter((id) => id !== SECOND).map((id) => [id, `"${id}"`])),
      );
    },
  },
  {
    name: 'processes: forgives who is not there, and takes back who was struck off',
    async test(processes) {
      await processes.forget(FIRST);
      await processes.announce({ id: SECOND, entry: '2' });
      await processes.forget(FIRST);
      await lists(processes, { [SECOND]: '2' });
      await processes.forget(SECOND);
      await processes.forget(SECOND);
      await lists(processes, {});
      await processes.announce({ id: SECOND, entry: '3' });
      await lists(processes, { [SECOND]: '3' });
    },
  },
  {
    name: 'processes: shows to others whom one has announced and struck off',
    async test(processes, another) {
      const second = another();
      await processes.announce({ id: FIRST, entry: '1' });
      await second.announce({ id: THIRD, entry: '3' });
      await lists(second, { [FIRST]: '1', [THIRD]: '3' });
      await second.forget(FIRST);
      await lists(processes, { [THIRD]: '3' });
    },
  },
  {
    name: 'processes: refuses what is no id with store-unfit',
    async test(processes) {
      await processes.announce({ id: FIRST, entry: '1' });
      for (const id of NO_NAMES) {
        await endsIn('store-unfit', [
          () => processes.announce({ id, entry: '{}' }),
          () => processes.forget(id),
        ]);
      }
      await lists(processes, { [FIRST]: '1' });
    },
  },
  {
    name: 'processes: are no keyring, and are not touched where the document changes',
    async test(processes, _, store) {
      await processes.announce({ id: FIRST, entry: '1' });
      await holdsNothing(store);
      await writes(store, 1, text('document'));
      await writes(store, 2, text('document, again'));
      await lists(processes, { [FIRST]: '1' });
      await processes.forget(FIRST);
      await holds(store, 2, text('document, again'));
    },
  },
  {
    name: 'processes: are announced by many at once, and all are listed',
    async test(processes, another) {
      const all = many(processes, another);
      const entry = (i: number): string => `{"number":${i}}`;
      await Promise.all(all.map(async (one, i) => one.announce({ id: nameOf(i), entry: entry(i) })));
      await lists(processes, Object.fromEntries(all.map((_, i) => [nameOf(i), entry(i)])));
    },
  },
  {
    name: 'processes: are found with a whole entry beside one who replaces it, and never missing',
    async test(processes, another) {
      const entries = [`"${'a'.repeat(900)}"`, '"b"', `"${'c'.repeat(400)}"`];
      await processes.announce({ id: FIRST, entry: '"b"' });
      let isWriting = true;
      const reader = another();
      const reading = (async () => {
        while (isWriting) {
          const [found, ...others] = await reader.list();
          assert(found?.id === FIRST && others.length === 0, 'A process is missing, or listed twice.');
          assert(entries.includes(found.entry), 'A part of an entry was found.');
          await turn();
        }
      })();
      const writing = (async () => {
        for (let i = 0; i < 4 * ROUNDS; i++) {
          await processes.announce({ id: FIRST, entry: entries[i % 3] as string });
          await turn();
        }
      })().finally(() => {
        isWriting = false;
      });
      await Promise.all([writing, reading]);
    },
  },
];

async function lists(processes: ProcessRegistry, wanted: Readonly<Record<string, string>>): Promise<void> {
  const listed = await processes.list();
  const ids = Object.keys(wanted);
  assert(listed.length === ids.length, `${listed.length} processes are listed, not ${ids.length}.`);
  for (const id of ids) {
    const found = listed.find((process) => process.id === id);
    assert(found !== undefined, 'A process is not listed.');
    assert(found.entry === wanted[id], 'A process is listed with another entry.');
  }
}
