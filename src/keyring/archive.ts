import { type Bytes, base64url, copyBytes, decodeBase64url, decodeUtf8, utf8 } from '../bytes.js';
import { mapAll } from '../concurrency.js';
import {
  KeyringDamagedError,
  KeyringExistsError,
  KeyringFormatError,
  KeyringLimitError,
  KeyringNotFoundError,
  StoreUnfitError,
} from '../errors.js';
import { DEFAULT_CONCURRENCY, MAX_ARCHIVE_BYTES, MAX_KEYRING_BYTES } from '../limits.js';
import type { KeyringStore } from '../ports/keyring-store.js';
import { SUITE_1 } from '../suite.js';
import { isObject } from './checks.js';
import { decodePayload, splitDocument } from './document.js';
import { KeyDraft } from './draft.js';
import { sealDocument } from './held-document.js';
import { without } from './key-entry.js';
import { type Keyring, type SynchronousKeyring, openedOf } from './keyring.js';
import { deriveRootKeys, rewrapKey } from './keys.js';
import { type OpenOptions, type SynchronousOptions, newSlotId, openKeyring } from './open.js';
import { PageReader, encodePage } from './pages.js';
import { type NewSlot, assertNewSlot, makeSlot, rootRevisionOf } from './slots.js';

const FORMAT = 1;

/**
 * A whole copy of the keyring in one piece of bytes: all its keys, tenants' too, wrapped under a root key of the copy's
 * own, which only the secret given here opens. Processes do not take the copy for a newer keyring. For a safe place
 * apart from the database and its backups, or for another store: {@link keyringArchive} reads it, {@link importKeyring}
 * puts it into an empty store.
 *
 * Keys are encrypted; what else stands there can be read: tenants' names, labels, states, times.
 *
 * Where the keyring is gone from its store, what this process has read last is exported, unless tenants' keys stand in
 * pages.
 *
 * @throws InvalidPassphraseError if the secret cannot be one.
 * @throws KeyringConflictError if somebody else changed the keyring at the same moment: call it again.
 * @throws KeyringLimitError if the copy would be over 256 MiB.
 */
export async function exportKeyring(keyring: Keyring, secret: NewSlot): Promise<Bytes> {
  assertNewSlot(secret);
  const opened = openedOf(keyring);
  const { environment } = opened;
  const { engine } = environment;
  const { held, keys } = await opened.newest.look('all').catch((error: unknown) => {
    const { held } = opened.newest;
    if (!(error instanceof KeyringNotFoundError) || held.document.pages.length > 0) throw error;
    return { held, keys: held.document.keys };
  });
  const { keyringId } = held.document;
  const revision = held.document.revision + 1;
  const rootKey = environment.random(SUITE_1.keyBytes);
  try {
    const root = await deriveRootKeys(engine, await engine.importKey(rootKey), keyringId);
    const { slot } = await makeSlot(
      environment,
      keyringId,
      newSlotId(environment, rootRevisionOf(held.unlocked.slot.id)),
      secret,
      rootKey,
    );
    const from = { root: held.unlocked.root, keyringId };
    // Where the copy is put into a store, time has passed that no count has seen: keys are found empty anew.
    const rewrapped = await mapAll(keys, DEFAULT_CONCURRENCY, (entry) =>
      rewrapKey(environment, from, { root, keyringId }, without(entry, 'emptySince')),
    );
    const pages = new Map<string, Bytes>();
    const store = { read: () => undefined, write: () => undefined, remove: () => undefined };
    const empty = { ...held.document, keys: [], pages: [] };
    const reader = new PageReader(engine, undefined);
    const draft = await KeyDraft.open(environment, store, reader, empty, 'document');
    const { document } = await sealDocument(
      environment,
      root,
      await draft.place({
        ...empty,
        revision,
        previous: held.hash,
        slots: [slot],
        keys: rewrapped,
        change: held.document.change && { ...held.document.change, pages: [] },
      }),
    );
    for (const [name, page] of draft.pages) pages.set(name, page);
    return joinArchive(revision, document, pages);
  } finally {
    rootKey.fill(0);
  }
}

function joinArchive(revision: number, document: Bytes, pages: ReadonlyMap<string, Bytes>): Bytes {
  const archive = utf8(
    JSON.stringify({
      cellsealKeyring: FORMAT,
      revision,
      document: base64url(document),
      pages: Object.fromEntries([...pages].map(([name, page]) => [name, base64url(page)])),
    }),
  );
  if (archive.length > MAX_ARCHIVE_BYTES)
    throw new KeyringLimitError('An exported keyring has at most 256 MiB.');
  return archive;
}

/**
 * A keyring to read, out of bytes: what {@link exportKeyring} gave, or a plain document (the text of a `keyring.N.json`).
 * For `openKeyring`, {@link importKeyring} and `restoreKey`. Nothing can be changed in it.
 *
 * @throws KeyringDamagedError if the bytes are neither; KeyringFormatError if a newer version exported them; KeyringLimitError if they are more than 256 MiB.
 */
export function keyringArchive(bytes: Uint8Array): KeyringStore {
  if (bytes.length > MAX_ARCHIVE_BYTES)
    throw new KeyringLimitError('An exported keyring has at most 256 MiB.');
  const own = copyBytes(bytes);
  const {
    document,
    pages,
    revision: named,
  } = readExport(own) ?? {
    document: own,
    pages: new Map<string, Bytes>(),
    revision: undefined,
  };
  const { revision } = decodePayload(splitDocument(document).payload);
  if (named !== undefined && named !== revision)
    throw new KeyringDamagedError('It is no export of a keyring.');
  const unfit = (): never => {
    throw new StoreUnfitError('An archive is only read. Import it into a store with importKeyring.');
  };
  return {
    read: (maxBytes) => {
      if (document.length > maxBytes) throw new KeyringLimitError('A keyring document has at most 1 MiB.');
      return { revision, document: copyBytes(document) };
    },
    write: unfit,
    pages: {
      read: (name) => {
        const page = pages.get(name);
        return page && copyBytes(page);
      },
      write: unfit,
      remove: unfit,
    },
  };
}

/**
 * Puts a keyring into a store that has none: from an export, a backup, another store. It is proved first, every page of
 * it too, and what was proved is what is written. Afterwards the store holds what the archive held, under the slots
 * that the archive had.
 *
 * @throws KeyringExistsError if the store has, or ever had, a keyring; nothing was written over it.
 * @throws StoreUnfitError if the store cannot take one in, or lacks pages that the archive has.
 * @throws what `openKeyring` throws.
 */
export function importKeyring(
  store: KeyringStore,
  archive: KeyringStore,
  options: OpenOptions & SynchronousOptions,
): Promise<SynchronousKeyring>;
export function importKeyring(
  store: KeyringStore,
  archive: KeyringStore,
  options: OpenOptions,
): Promise<Keyring>;
export async function importKeyring(
  store: KeyringStore,
  archive: KeyringStore,
  options: OpenOptions,
): Promise<Keyring> {
  if (!store.restore)
    throw new StoreUnfitError('This keyring store cannot take in a keyring from elsewhere.');
  const stored = await archive.read(MAX_KEYRING_BYTES);
  if (!stored) throw new KeyringNotFoundError();
  const proved: KeyringStore = {
    read: () => stored,
    write: () => false,
    ...(archive.pages ? { pages: archive.pages } : {}),
  };
  const { environment, newest, document } = openedOf(await openKeyring(proved, options));
  await newest.look('all'); // every page, held to its hash
  if (await store.read(MAX_KEYRING_BYTES)) throw new KeyringExistsError();
  if (document.pages.length > 0 && !store.pages)
    throw new StoreUnfitError('The keyring has pages of tenants’ keys, and this store keeps no pages.');
  const reader = new PageReader(environment.engine, archive.pages);
  for (const reference of document.pages) {
    await store.pages?.write(reference.name, encodePage((await reader.read(reference)).keys));
  }
  if (!(await store.restore(stored))) throw new KeyringExistsError();
  return openKeyring(store, options);
}

/** `undefined` where the bytes are no export; a plain document is not. */
function readExport(
  bytes: Bytes,
): { document: Bytes; pages: Map<string, Bytes>; revision: unknown } | undefined {
  let parsed: unknown;
  try {
    parsed = JSON.parse(decodeUtf8(bytes) ?? '');
  } catch {
    throw new KeyringDamagedError('It is no export of a keyring, and no keyring document.');
  }
  if (!isObject(parsed) || !Object.hasOwn(parsed, 'cellsealKeyring')) return undefined;
  const document = decoded(parsed['document']);
  const entries = isObject(parsed['pages']) ? Object.entries(parsed['pages']) : undefined;
  if (typeof parsed['cellsealKeyring'] === 'number' && parsed['cellsealKeyring'] !== FORMAT)
    throw new KeyringFormatError();
  if (parsed['cellsealKeyring'] !== FORMAT || !document || !entries)
    throw new KeyringDamagedError('It is no export of a keyring.');
  const pages = new Map<string, Bytes>();
  for (const [name, text] of entries) {
    const page = decoded(text);
    if (!page) throw new KeyringDamagedError('It is no export of a keyring.');
    pages.set(name, page);
  }
  return { document, pages, revision: parsed['revision'] };
}

function decoded(value: unknown): Bytes | undefined {
  return typeof value === 'string' ? decodeBase64url(value) : undefined;
}
