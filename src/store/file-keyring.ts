/**
 * A keyring in a folder of files.
 *
 * @packageDocumentation
 */
import type { KeyringStore } from '../ports/keyring-store.js';
import { readDocument, restoreDocument, writeDocument } from './file/documents.js';
import { filePages } from './file/pages.js';
import { fileProcesses } from './file/processes.js';
import { fileUsage } from './file/usage.js';

/**
 * Keeps the keyring in the folder `directory`, which is made at the first write: `keyring.<revision>.json`, mode 0600.
 *
 * A revision is written by `link()` from a synced temporary file: of two processes that write the same one, the file
 * system lets exactly one succeed, and there is no lock that a crash could leave behind. Once a revision is durable,
 * its predecessors are emptied (they hold keys under slots that may have been removed); the empty files stay, so that
 * no revision is ever written twice. Do not delete them while processes run.
 *
 * Beside the documents stand, where they are used, `page.<name>.json`, `process.<id>.json` and `usage.log`
 * (docs/keyring-format.md §10). Pages are synced before `write` resolves; processes and usage are not, so a power
 * failure may lose the last seconds of them.
 *
 * `restore` puts a document in as what it is, and then claims `keyring.1.json`, by `link()` again: of all who restore,
 * or write revision 1, at once, one succeeds. What a file system cannot give is both names in one step. So who reads
 * in the moment between may see a document that is withdrawn because another was first; and a process that is killed
 * in that moment, having lost, leaves its document there, which is then the newest. Restore before processes are
 * started, and from one place.
 *
 * The folder must be on a file system with hard links and, for usage, with appends that do not overwrite one another
 * (NFS has none), shared by all processes that use the keyring. It holds no secret in the clear, but who has it and
 * the passphrase has everything: back it up apart from the database.
 *
 * Throws `KeyringLimitError` and `KeyringDamagedError` as the port says, `StoreUnfitError` for a name that is none,
 * and the system's own errors as they are.
 */
export function fileKeyring(directory: string): Required<KeyringStore> {
  return {
    read: (maxBytes) => readDocument(directory, maxBytes),
    write: (next) => writeDocument(directory, next),
    restore: (next) => restoreDocument(directory, next),
    pages: filePages(directory),
    processes: fileProcesses(directory),
    usage: fileUsage(directory),
  };
}
