import type { KeyringStore } from '../../index.js';
import { type Bytes, MIB, assert, endsIn, holds, holdsNothing, text } from './fixtures.js';

/** A case of a store that can only be read, before it has a subject. */
export interface ReadOnlyCase {
  readonly name: string;
  /** Of the document that the store holds; `undefined`: it holds none. */
  readonly revision: number | undefined;
  test(store: KeyringStore): Promise<void>;
}

export const READ_ONLY_CASES: readonly ReadOnlyCase[] = [
  {
    name: 'gives nothing where there is nothing',
    revision: undefined,
    test: (store) => holdsNothing(store),
  },
  ...[1, 7, 2 ** 53 - 1].map((revision) => ({
    name: `gives a document and its revision, ${revision}`,
    revision,
    test: (store: KeyringStore) => holds(store, revision, documentOf(revision)),
  })),
  {
    name: 'gives a document of exactly as many bytes as are allowed, and refuses one more with keyring-limit',
    revision: 7,
    async test(store) {
      const { length } = documentOf(7);
      const read = await store.read(length);
      assert(read?.document.length === length, 'A document of the allowed length was not given.');
      await endsIn('keyring-limit', [() => store.read(length - 1)]);
    },
  },
  {
    name: 'gives every reader bytes of its own',
    revision: 7,
    async test(store) {
      (await store.read(MIB))?.document.fill(0);
      await holds(store, 7, documentOf(7));
    },
  },
  ...[undefined, 1, 7].map((revision) => ({
    name: `refuses to write with store-unfit, and is as it was, ${revision ? `at revision ${revision}` : 'where there is nothing'}`,
    revision,
    async test(store: KeyringStore) {
      const next = [1, 2, 7, 8].map((number) => ({ revision: number, document: documentOf(number) }));
      await endsIn(
        'store-unfit',
        next.map((one) => () => store.write(one)),
      );
      if (revision) await holds(store, revision, documentOf(revision));
      else await holdsNothing(store);
    },
  })),
  {
    name: 'has nothing of what is optional',
    revision: 7,
    async test({ restore, pages, processes, usage }) {
      const found = [restore, pages, processes, usage].filter((member) => member !== undefined);
      assert(found.length === 0, 'A store that can only be read has a member that writes.');
    },
  },
];

/** As far as a store may look into one: its outer object, and the revision in its payload. */
export function documentOf(revision: number): Bytes {
  const payload = { format: 1, keyringId: 'kr_case', revision, previous: null, slots: [], keys: [] };
  const mac = 'A'.repeat(43);
  return text(`{"payload":"${base64url(text(JSON.stringify(payload)))}","mac":"${mac}"}`);
}

function base64url(bytes: Bytes): string {
  return btoa(String.fromCharCode(...bytes))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
    .replaceAll('=', '');
}
