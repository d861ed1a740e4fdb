import { copyBytes, isUint8Array, viewBytes } from '../../bytes.js';
import { KeyringDamagedError, KeyringLimitError } from '../../errors.js';
import type { KeyringPages } from '../../ports/keyring-store.js';
import { assertName } from '../keyring-checks.js';
import type { SqliteClient } from './client.js';
import { KeyringTable } from './keyring-table.js';

/** One row a page. */
export function sqlitePages(client: SqliteClient, keyring: string): KeyringPages {
  const pages = new KeyringTable(
    client,
    keyring,
    '_page',
    "name TEXT NOT NULL PRIMARY KEY, page BLOB NOT NULL CHECK (typeof(page) = 'blob')",
  );
  return {
    read(name, maxBytes) {
      const [row] = pages.all(
        `SELECT length(page) AS bytes, CASE WHEN length(page) <= ? THEN page END AS page FROM ${pages.name} WHERE name = ?`,
        [maxBytes, assertName(name)],
      );
      if (row === undefined) return undefined;
      if (Number(row['bytes']) > maxBytes)
        throw new KeyringLimitError('A page of a keyring has at most 1 MiB.');
      const page = viewBytes(row['page']);
      if (!isUint8Array(page)) throw new KeyringDamagedError('A stored page is no byte string.');
      return copyBytes(page);
    },
    write(name, page) {
      const values = [assertName(name), page];
      pages.writingDurably(() =>
        // Node 22 binds no bytes as NULL.
        pages.run(`REPLACE INTO ${pages.name} (name, page) VALUES (?, coalesce(?, X''))`, values),
      );
    },
    remove(names) {
      names.forEach(assertName);
      if (names.length === 0) return;
      pages.erasing(() => {
        for (const name of names) pages.run(`DELETE FROM ${pages.name} WHERE name = ?`, [name]);
      });
    },
  };
}
