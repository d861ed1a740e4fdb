import { type Bytes, copyBytes } from '../bytes.js';
import { KeyringLimitError } from '../errors.js';
import type { KeyringStore, StoredKeyring } from '../ports/keyring-store.js';
import { addUsage, assertName, assertProcess, assertRevision, assertUsage } from './keyring-checks.js';

/** A keyring that is gone with the process. Has all optional members; everything is synchronous. */
export function memoryKeyring(): Required<KeyringStore> {
  let newest: StoredKeyring | undefined;
  const pages = new Map<string, Bytes>();
  const processes = new Map<string, string>();
  const usage = new Map<string, number>();

  // What is kept and what is given are copies: neither changes under its reader.
  const keep = (next: StoredKeyring): boolean => {
    newest = { revision: next.revision, document: copyBytes(next.document) };
    return true;
  };

  return {
    read(maxBytes) {
      if (newest && newest.document.length > maxBytes)
        throw new KeyringLimitError('A keyring document has at most 1 MiB.');
      return newest && { ...newest, document: copyBytes(newest.document) };
    },
    write: (next) => next.revision === (newest?.revision ?? 0) + 1 && keep(next),
    restore(next) {
      assertRevision(next.revision);
      return newest === undefined && keep(next);
    },

    pages: {
      read(name, maxBytes) {
        const page = pages.get(assertName(name));
        if (page && page.length > maxBytes)
          throw new KeyringLimitError('A page of a keyring has at most 1 MiB.');
        return page && copyBytes(page);
      },
      write(name, page) {
        pages.set(assertName(name), copyBytes(page));
      },
      remove(names) {
        names.forEach(assertName);
        for (const name of names) pages.delete(name);
      },
    },

    processes: {
      announce(process) {
        assertProcess(process);
        processes.set(process.id, process.entry);
      },
      list: () => [...processes].map(([id, entry]) => ({ id, entry })),
      forget(id) {
        processes.delete(assertName(id));
      },
    },

    usage: {
      add(keyId, cells) {
        assertUsage(keyId, cells);
        usage.set(keyId, addUsage(usage.get(keyId), cells));
      },
      totals: () => Object.fromEntries(usage),
    },
  };
}
