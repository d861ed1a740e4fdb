import type { ProcessRegistry } from '../../ports/keyring-store.js';
import { assertName, assertProcess } from '../keyring-checks.js';
import type { SqliteClient } from './client.js';
import { KeyringTable } from './keyring-table.js';

/** One row a process. */
export function sqliteProcesses(client: SqliteClient, keyring: string): ProcessRegistry {
  const processes = new KeyringTable(
    client,
    keyring,
    '_process',
    'id TEXT NOT NULL PRIMARY KEY, entry TEXT NOT NULL',
  );
  return {
    announce(process) {
      assertProcess(process);
      processes.writing(() =>
        processes.run(`REPLACE INTO ${processes.name} (id, entry) VALUES (?, ?)`, [
          process.id,
          process.entry,
        ]),
      );
    },
    list: () =>
      processes
        .all(`SELECT id, entry FROM ${processes.name}`)
        .map((row) => ({ id: String(row['id']), entry: String(row['entry']) })),
    forget(id) {
      assertName(id);
      processes.writing(() => processes.run(`DELETE FROM ${processes.name} WHERE id = ?`, [id]));
    },
  };
}
