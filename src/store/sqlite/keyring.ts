import { copyBytes, isUint8Array, viewBytes } from '../../bytes.js';
import { KeyringDamagedError, KeyringLimitError } from '../../errors.js';
import type { KeyringStore, StoredKeyring } from '../../ports/keyring-store.js';
import { assertRevision } from '../keyring-checks.js';
import type { SqliteClient } from './client.js';
import { sqlitePages } from './keyring-pages.js';
import { sqliteProcesses } from './keyring-processes.js';
import { KeyringTable } from './keyring-table.js';
import { sqliteUsage } from './keyring-usage.js';

/** The options of {@link sqliteKeyring}. */
export interface SqliteKeyringOptions {
  /** Where the document is; `_page`, `_process` and `_usage` behind it name the other tables. In an attached file: `'vault.cellseal_keyring'`. Default: `cellseal_keyring`. */
  readonly table?: string;
}

/**
 * Keeps the keyring in SQLite, through a client that the application has opened; tables are made at the first write.
 *
 * The document is one row, changed by one guarded statement in a `BEGIN IMMEDIATE`: of two who write the same revision
 * one succeeds, and no revision is written twice. Whatever `PRAGMA synchronous` says, documents and pages are written
 * under `FULL`, and a page is never younger than a document that names it. Inside a transaction that somebody else has
 * open on the same connection a write fails. What is locked by somebody else is told as `StoreBusyError`; with
 * `PRAGMA busy_timeout = 1000` it waits first.
 *
 * What is replaced or removed (it holds keys, under slots that may have been removed) is overwritten: documents and
 * pages are written under `PRAGMA secure_delete = 1`, and the write-ahead log is emptied afterwards. Beyond that
 * reach are: a write-ahead log that a reader held open at that moment, until the next write or checkpoint; a rollback
 * journal, of which `journal_mode = PERSIST` keeps the content and the others leave it to the disk; copies and backups.
 *
 * The keyring holds no secret in the clear, but it should not lie in the same backup as what it protects: give it a
 * database file of its own. Throws `KeyringLimitError` and `KeyringDamagedError` as the port says, `StoreUnfitError`
 * for a name that is none, and the client's own errors as they are.
 */
export function sqliteKeyring(
  client: SqliteClient,
  { table = 'cellseal_keyring' }: SqliteKeyringOptions = {},
): Required<KeyringStore> {
  const documents = new KeyringTable(
    client,
    table,
    '',
    "only INTEGER PRIMARY KEY CHECK (only = 1), revision INTEGER NOT NULL CHECK (typeof(revision) = 'integer'), document BLOB NOT NULL CHECK (typeof(document) = 'blob')",
  );

  // The column `only` lets in one row: who inserts it first has won.
  const insert = ({ revision, document }: StoredKeyring): boolean =>
    documents.run(
      `INSERT INTO ${documents.name} (only, revision, document) VALUES (1, CAST(? AS INTEGER), coalesce(?, X'')) ON CONFLICT DO NOTHING`,
      [String(revision), document],
    ) === 1;

  const replace = ({ revision, document }: StoredKeyring): boolean =>
    documents.run(
      `UPDATE ${documents.name} SET revision = CAST(? AS INTEGER), document = coalesce(?, X'') WHERE revision = CAST(? AS INTEGER)`,
      [String(revision), document, String(revision - 1)],
    ) === 1;

  return {
    read(maxBytes) {
      const [row] = documents.all(
        `SELECT CAST(revision AS TEXT) AS revision, length(document) AS bytes, CASE WHEN length(document) <= ? THEN document END AS document FROM ${documents.name}`,
        [maxBytes],
      );
      if (row === undefined) return undefined;
      if (Number(row['bytes']) > maxBytes)
        throw new KeyringLimitError('A keyring document has at most 1 MiB.');
      const document = viewBytes(row['document']);
      if (!isUint8Array(document)) throw new KeyringDamagedError('The stored document is no byte string.');
      return { revision: Number(row['revision']), document: copyBytes(document) };
    },
    write: (next) => documents.erasing(() => (next.revision === 1 ? insert(next) : replace(next))),
    restore(next) {
      assertRevision(next.revision);
      return documents.erasing(() => insert(next));
    },
    pages: sqlitePages(client, table),
    processes: sqliteProcesses(client, table),
    usage: sqliteUsage(client, table),
  };
}
