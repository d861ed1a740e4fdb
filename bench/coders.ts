/** Everything that encrypts one value under one key: the floors, cellseal with each engine, and the peers. */
import { createSecretKey, randomBytes, randomUUID, webcrypto } from 'node:crypto';
import {
  type Keyring,
  type MaybePromise,
  type SynchronousKeyring,
  createKeyring,
  decryptCell,
  decryptCellSync,
  encryptCell,
  encryptCellSync,
  openKeyring,
  table,
  text,
  uuid,
} from 'cellseal';
import { memoryKeyring } from 'cellseal/memory';
import { nodeEngine } from './engines.js';
import { openWithNode, openWithSubtle, sealWithNode, sealWithSubtle } from './floors.js';
import type { Contender } from './measure.js';
import { NODE_ENGINE, NODE_FLOOR, NODE_SYNC, SUBTLE_FLOOR, WEBCRYPTO } from './names.js';
import { loadPeers } from './peers/adapters.js';

/** A value, and the record that it belongs to. */
export interface Item {
  readonly id: string;
  readonly value: string;
  /** What the floors and the peers bind the value to. */
  readonly place: string;
}

export interface Coder {
  readonly name: string;
  readonly floor?: string;
  encrypt(item: Item): MaybePromise<string>;
  decrypt(stored: string, item: Item): MaybePromise<string>;
}

const rawKey = new Uint8Array(randomBytes(32));

/** The largest values that are measured do not fit into the default. */
export const people = table('people', {
  record: uuid('id'),
  encrypt: { email: text({ maxBytes: 2 * 1024 * 1024 }) },
});

export const nodeKey = createSecretKey(rawKey);
export const subtleKey = await webcrypto.subtle.importKey('raw', rawKey, 'AES-GCM', false, [
  'encrypt',
  'decrypt',
]);

const store = memoryKeyring();
await createKeyring(store, { rawKey });
/** The same keyring, as another process would open it. */
export const openWithNodeEngine = (): Promise<SynchronousKeyring> =>
  openKeyring(store, { rawKey, engine: nodeEngine });
export const openWithWebCrypto = (): Promise<Keyring> => openKeyring(store, { rawKey });
export const nodeKeyring = await openWithNodeEngine();
export const webCryptoKeyring = await openWithWebCrypto();

export const floors: readonly Coder[] = [
  {
    name: NODE_FLOOR,
    encrypt: ({ value, place }) => sealWithNode(nodeKey, value, place),
    decrypt: (stored, { place }) => openWithNode(nodeKey, stored, place),
  },
  {
    name: SUBTLE_FLOOR,
    encrypt: ({ value, place }) => sealWithSubtle(subtleKey, value, place),
    decrypt: (stored, { place }) => openWithSubtle(subtleKey, stored, place),
  },
];

const synchronousCoder: Coder = {
  name: NODE_SYNC,
  floor: NODE_FLOOR,
  encrypt: ({ id, value }) => encryptCellSync(people, 'email', value, { id }, nodeKeyring),
  decrypt: (stored, { id }) => decryptCellSync(people, 'email', stored, { id }, nodeKeyring) as string,
};

export const cellseal: readonly Coder[] = [
  synchronousCoder,
  awaited(NODE_ENGINE, NODE_FLOOR, nodeKeyring),
  awaited(WEBCRYPTO, SUBTLE_FLOOR, webCryptoKeyring),
];

/** What the peers' ratios are to: one floor, so that they can be compared. */
export const peers: readonly Coder[] = (await loadPeers(rawKey)).map(({ name, encrypt, decrypt }) => ({
  name,
  floor: NODE_FLOOR,
  encrypt: ({ value, place }) => encrypt(value, place),
  decrypt: (stored, { place }) => decrypt(stored, place),
}));

export function itemsOf(bytes: number, count: number): Item[] {
  return Array.from({ length: count }, (_, i) => {
    const id = randomUUID();
    const value = `${i}-jane.doe@example.org `.repeat(Math.ceil(bytes / 20)).slice(0, bytes);
    return { id, value, place: `people/email/${id}` };
  });
}

/** What the coder made of each item, beside the item, after it was seen to read it. */
export async function encryptAll(
  { name, encrypt, decrypt }: Coder,
  items: readonly Item[],
): Promise<(readonly [stored: string, item: Item])[]> {
  const all: (readonly [string, Item])[] = [];
  for (const item of items) {
    const stored = await encrypt(item);
    if ((await decrypt(stored, item)) !== item.value) throw new Error(`${name} does not read what it wrote`);
    all.push([stored, item]);
  }
  return all;
}

/** As a contender of what `call` does with it. */
export function contender({ name, floor }: Coder, call: () => unknown): Contender {
  return floor === undefined ? { name, call } : { name, floor, call };
}

/** Both floors, and cellseal with each engine beside its own. */
export function besideFloors(calls: {
  readonly node: () => unknown;
  readonly subtle: () => unknown;
  readonly cellseal: (keyring: Keyring) => unknown;
  readonly synchronously?: (() => unknown) | undefined;
}): Contender[] {
  const { synchronously } = calls;
  return [
    { name: NODE_FLOOR, call: calls.node },
    { name: SUBTLE_FLOOR, call: calls.subtle },
    ...(synchronously ? [{ name: NODE_SYNC, floor: NODE_FLOOR, call: synchronously }] : []),
    { name: NODE_ENGINE, floor: NODE_FLOOR, call: () => calls.cellseal(nodeKeyring) },
    { name: WEBCRYPTO, floor: SUBTLE_FLOOR, call: () => calls.cellseal(webCryptoKeyring) },
  ];
}

/** One after another, and again from the first. */
export function cycle<T>(list: readonly T[]): () => T {
  let i = 0;
  return () => list[i++ % list.length] as T;
}

function awaited(name: string, floor: string, keyring: Keyring): Coder {
  return {
    name,
    floor,
    encrypt: ({ id, value }) => encryptCell(people, 'email', value, { id }, keyring),
    decrypt: (stored, { id }) => decryptCell(people, 'email', stored, { id }, keyring) as Promise<string>,
  };
}
