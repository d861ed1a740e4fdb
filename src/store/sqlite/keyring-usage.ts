import type { UsageLog } from '../../ports/keyring-store.js';
import { assertUsage } from '../keyring-checks.js';
import type { SqliteClient } from './client.js';
import { KeyringTable } from './keyring-table.js';

/** One row a key. Integers go and come as their digits: drivers bind numbers as reals, and some refuse large ones. */
export function sqliteUsage(client: SqliteClient, keyring: string): UsageLog {
  const usage = new KeyringTable(
    client,
    keyring,
    '_usage',
    'key_id TEXT NOT NULL PRIMARY KEY, cells INTEGER NOT NULL',
  );
  return {
    add(keyId, cells) {
      assertUsage(keyId, cells);
      usage.writing(() =>
        usage.run(
          `INSERT INTO ${usage.name} (key_id, cells) VALUES (?, CAST(? AS INTEGER)) ON CONFLICT (key_id) DO UPDATE SET cells = min(cells + excluded.cells, ${Number.MAX_SAFE_INTEGER})`,
          [keyId, String(cells)],
        ),
      );
    },
    totals: () =>
      Object.fromEntries(
        usage
          .all(`SELECT key_id, CAST(cells AS TEXT) AS cells FROM ${usage.name}`)
          .map((row) => [String(row['key_id']), Number(row['cells'])]),
      ),
  };
}
