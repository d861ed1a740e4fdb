import type { KeyringStore, StoredKeyring } from '../../index.js';
import { type Bytes, MIB, assert, endsIn, holds, holdsNothing, text } from './fixtures.js';

/** A case of a store that can only be read, before it has a subject. */
export interface ReadOnlyCase {
  readonly name: string;
  readonly held: StoredKeyring | undefined;
  test(store: KeyringStore): Promise<void>;
}

const FIRST = documentOf(1);
const SEVENTH = documentOf(7);
const LATEST = documentOf(2 ** 53 - 1);

export const READ_ONLY_CASES: readonly ReadOnlyCase[] = [
  {
    name: 'gives nothing where there is nothing',
    held: undefined,
    test: (store) => holdsNothing(store),
  },
  ...[FIRST, SEVENTH, LATEST].map((held) => ({
    name: `gives a document and its revision, ${held.revision}`,
    held,
    test: (store: KeyringStore) => holds(store, held.revision, held.document),
  })),
  {
    name: 'gives a document of exactly as many bytes as are allowed, and refuses one more with keyring-limit',
    held: SEVENTH,
    async test(store) {
      const { length } = SEVENTH.document;
      const read = await store.read(length);
      assert(read?.document.length === length, 'A document of the allowed length was not given.');
      await endsIn('keyring-limit', [() => store.read(length - 1)]);
    },
  },
  {
    name: 'gives every reader bytes of its own',
    held: SEVENTH,
    async test(store) {
      (await store.read(MIB))?.document.fill(0);
      await holds(store, 7, SEVENTH.document);
    },
  },
  ...[undefined, FIRST, SEVENTH].map((held) => ({
    name: `refuses to write with store-unfit, and is as it was, ${held ? `at revision ${held.revision}` : 'where there is nothing'}`,
    held,
    async test(store: KeyringStore) {
      const revisions = [1, 2, 7, 8];
      await endsIn(
        'store-unfit',
        revisions.map((revision) => () => store.write({ revision, document: FIRST.document })),
      );
      if (held) await holds(store, held.revision, held.document);
      else await holdsNothing(store);
    },
  })),
  {
    name: 'has nothing of what is optional',
    held: SEVENTH,
    async test({ restore, pages, processes, usage }) {
      const found = [restore, pages, processes, usage].filter((member) => member !== undefined);
      assert(found.length === 0, 'A store that can only be read has a member that writes.');
    },
  },
];

/** As far as a store may look into one: its outer object, and the revision in its payload. */
function documentOf(revision: number): StoredKeyring {
  const payload = { format: 1, keyringId: 'kr_case', revision, previous: null, slots: [], keys: [] };
  const mac = 'A'.repeat(43);
  return {
    revision,
    document: text(`{"payload":"${base64url(text(JSON.stringify(payload)))}","mac":"${mac}"}`),
  };
}

function base64url(bytes: Bytes): string {
  return btoa(String.fromCharCode(...bytes))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
    .replaceAll('=', '');
}
