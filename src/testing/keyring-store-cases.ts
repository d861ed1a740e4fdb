import type { KeyringStore } from '../index.js';
import type { ConformanceCase } from './conformance-case.js';
import { DOCUMENT_CASES } from './keyring-store/documents.js';
import { assert } from './keyring-store/fixtures.js';
import { PAGE_CASES } from './keyring-store/pages.js';
import { PROCESS_CASES } from './keyring-store/processes.js';
import { READ_ONLY_CASES, documentOf } from './keyring-store/read-only.js';
import { RESTORE_CASES } from './keyring-store/restores.js';
import type {
  KeyringCase,
  KeyringStoreCasesOptions,
  KeyringStoreMember,
  KeyringStoreSubject,
  MemberCase,
  OpenReadOnlyKeyring,
} from './keyring-store/subject.js';
import { USAGE_CASES } from './keyring-store/usage.js';

const MEMBERS: Readonly<Record<KeyringStoreMember, readonly KeyringCase[]>> = {
  restore: RESTORE_CASES.map(ofMember('restore', (store) => store.restore?.bind(store))),
  pages: PAGE_CASES.map(ofMember('pages', ({ pages }) => pages)),
  processes: PROCESS_CASES.map(ofMember('processes', ({ processes }) => processes)),
  usage: USAGE_CASES.map(ofMember('usage', ({ usage }) => usage)),
};
const ALL = Object.keys(MEMBERS) as KeyringStoreMember[];

/**
 * The cases that every keyring store passes. They need no particular test runner:
 *
 * ```ts
 * for (const { name, run } of keyringStoreCases(open)) it(name, run);
 * ```
 *
 * What the store has beside `read` and `write` is named, and adds its cases: `{ members: ['restore', 'pages'] }`.
 */
export function keyringStoreCases(
  open: () => Promise<KeyringStoreSubject>,
  { members = [] }: KeyringStoreCasesOptions = {},
): readonly ConformanceCase[] {
  const cases = [
    ...DOCUMENT_CASES,
    thereIs(members),
    ...ALL.filter((member) => members.includes(member)).flatMap((member) => MEMBERS[member]),
  ];
  return cases.map(({ name, test }) => ({
    name,
    async run() {
      const subject = await open();
      try {
        await test(subject.store, () => subject.another?.() ?? subject.store);
      } finally {
        await subject.close?.();
      }
    },
  }));
}

/** The cases of a keyring store that can only be read. `open` is given the document that it is to hold, or none. */
export function readOnlyKeyringCases(open: OpenReadOnlyKeyring): readonly ConformanceCase[] {
  return READ_ONLY_CASES.map(({ name, revision, test }) => ({
    name,
    async run() {
      const subject = await open(
        revision === undefined ? undefined : { revision, document: documentOf(revision) },
      );
      try {
        await test(subject.store);
      } finally {
        await subject.close?.();
      }
    },
  }));
}

/** What is not promised is not there: whoever finds it would use it, and nothing has tested it. */
function thereIs(members: readonly KeyringStoreMember[]): KeyringCase {
  return {
    name: `has, beside read and write, ${members.length === 0 ? 'nothing' : `exactly ${members.join(', ')}`}`,
    async test(store) {
      for (const member of ALL) {
        const isThere = store[member] !== undefined;
        assert(
          isThere || !members.includes(member),
          `The store has no \`${member}\`, though it is promised.`,
        );
        assert(!isThere || members.includes(member), `The store has \`${member}\`, which is not promised.`);
      }
    },
  };
}

function ofMember<Member extends KeyringStoreMember>(
  member: Member,
  of: (store: KeyringStore) => KeyringStore[Member],
): (one: MemberCase<Member>) => KeyringCase {
  const memberOf = (store: KeyringStore): NonNullable<KeyringStore[Member]> => {
    const found = of(store);
    if (found == null) throw new Error(`The store has no \`${member}\`, though it is promised.`);
    return found;
  };
  return ({ name, test }) => ({
    name,
    test: async (store, another) => test(memberOf(store), () => memberOf(another()), store),
  });
}
