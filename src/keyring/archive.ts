import { type Bytes, base64url, copyBytes, decodeBase64url, decodeUtf8, utf8 } from '../bytes.js';
import {
  KeyringConflictError,
  KeyringDamagedError,
  KeyringExistsError,
  KeyringLimitError,
  KeyringNotFoundError,
  StoreUnfitError,
} from '../errors.js';
import { MAX_ARCHIVE_BYTES, MAX_KEYRING_BYTES } from '../limits.js';
import type { KeyringStore } from '../ports/keyring-store.js';
import { isObject } from './checks.js';
import { decodePayload, splitDocument } from './document.js';
import { type Keyring, openedOf } from './keyring.js';
import { type HoldOptions, type OpenOptions, newSlotId, openKeyring } from './open.js';
import { sealDocument } from './opened.js';
import {
  type NewSlot,
  type UnlockSecret,
  assertNewSlot,
  findSlotOrThrow,
  makeSlot,
  openRoot,
} from './slots.js';

/** What {@link exportKeyring} takes: the secret that opens the copy, and one that opens the keyring today. */
export interface ExportOptions extends NewSlot {
  /** A secret that opens the keyring today: the root key is not kept, and has to be unwrapped to be wrapped for the copy. */
  readonly current: UnlockSecret;
}

const FORMAT = 1;

/**
 * A whole copy of the keyring in one piece of bytes, encrypted: all its keys, tenants' too, and a single slot, which
 * only the secret given here opens. For a safe place apart from the database and its backups, or for another store:
 * {@link keyringArchive} reads it, {@link importKeyring} puts it into an empty store.
 *
 * @throws WrongSecretError if `current` opens no slot; InvalidPassphraseError if the new secret cannot be one.
 * @throws KeyringConflictError if somebody else changed the keyring at the same moment: call it again.
 */
export async function exportKeyring(keyring: Keyring, options: ExportOptions): Promise<Bytes> {
  const { current, ...secret } = options;
  assertNewSlot(secret);
  const opened = openedOf(keyring);
  await opened.refresh();
  const { environment, document, hash, root } = opened;
  const { keyringId, slots } = document;
  const { slot, open } = await findSlotOrThrow(environment.engine, keyringId, slots, current);
  const rootKey = await openRoot(environment.engine, keyringId, slot, open);
  try {
    const made = await makeSlot(environment, keyringId, newSlotId(environment), secret, rootKey);
    const { revision, document: bytes } = await sealDocument(environment, root, {
      ...document,
      revision: document.revision + 1,
      previous: hash,
      slots: [made.slot],
    });
    const pages = await Promise.all(
      document.pages.map(async ({ name }) => {
        const page = await opened.store.pages?.read(name, MAX_KEYRING_BYTES);
        if (!page) throw new KeyringConflictError(); // replaced since the document was read
        return [name, base64url(page)] as const;
      }),
    );
    return utf8(
      JSON.stringify({
        cellsealKeyring: FORMAT,
        revision,
        document: base64url(bytes),
        pages: Object.fromEntries(pages),
      }),
    );
  } finally {
    rootKey.fill(0);
  }
}

/**
 * A keyring to read, out of bytes: what {@link exportKeyring} gave, or a plain document (the text of a `keyring.N.json`).
 * For `openKeyring`, {@link importKeyring} and `restoreKey`. Nothing can be changed in it.
 *
 * @throws KeyringDamagedError if the bytes are neither; KeyringLimitError if they are more than 256 MiB.
 */
export function keyringArchive(bytes: Uint8Array): KeyringStore {
  if (bytes.length > MAX_ARCHIVE_BYTES)
    throw new KeyringLimitError('An exported keyring has at most 256 MiB.');
  const own = copyBytes(bytes);
  const { document, pages } = readExport(own) ?? { document: own, pages: new Map<string, Bytes>() };
  const { revision } = decodePayload(splitDocument(document).payload);
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
 * Puts a keyring into a store that has none: from an export, a backup, another store. It is opened first, with all that
 * is checked then. Afterwards the store holds what the archive held, under the slots that the archive had.
 *
 * @throws KeyringExistsError if the store has, or ever had, a keyring; nothing was written over it.
 * @throws StoreUnfitError if the store cannot take one in, or lacks pages that the archive has.
 * @throws what `openKeyring` throws.
 */
export async function importKeyring(
  store: KeyringStore,
  archive: KeyringStore,
  options: UnlockSecret & HoldOptions,
): Promise<Keyring> {
  if (!store.restore)
    throw new StoreUnfitError('This keyring store cannot take in a keyring from elsewhere.');
  await openKeyring(archive, options); // proves it, before anything is written
  const stored = await archive.read(MAX_KEYRING_BYTES);
  if (!stored) throw new KeyringNotFoundError();
  if (await store.read(MAX_KEYRING_BYTES)) throw new KeyringExistsError();
  const { pages } = decodePayload(splitDocument(stored.document).payload);
  for (const { name } of pages) {
    const page = await archive.pages?.read(name, MAX_KEYRING_BYTES);
    if (!page) throw new KeyringDamagedError('A page of keys that the document names is not in the archive.');
    if (!store.pages)
      throw new StoreUnfitError('The keyring has pages of tenants’ keys, and this store keeps no pages.');
    await store.pages.write(name, page);
  }
  if (!(await store.restore(stored))) throw new KeyringExistsError();
  return openKeyring(store, options satisfies OpenOptions);
}

/** `undefined` where the bytes are no export; a plain document is not. */
function readExport(bytes: Bytes): { document: Bytes; pages: Map<string, Bytes> } | undefined {
  let parsed: unknown;
  try {
    parsed = JSON.parse(decodeUtf8(bytes) ?? '');
  } catch {
    throw new KeyringDamagedError('It is no export of a keyring, and no keyring document.');
  }
  if (!isObject(parsed) || !Object.hasOwn(parsed, 'cellsealKeyring')) return undefined;
  const document = decoded(parsed['document']);
  const entries = isObject(parsed['pages']) ? Object.entries(parsed['pages']) : undefined;
  if (parsed['cellsealKeyring'] !== FORMAT || !document || !entries)
    throw new KeyringDamagedError('It is no export of a keyring.');
  const pages = new Map<string, Bytes>();
  for (const [name, text] of entries) {
    const page = decoded(text);
    if (!page) throw new KeyringDamagedError('It is no export of a keyring.');
    pages.set(name, page);
  }
  return { document, pages };
}

function decoded(value: unknown): Bytes | undefined {
  return typeof value === 'string' ? decodeBase64url(value) : undefined;
}
