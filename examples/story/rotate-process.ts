/** The rotation, as a process of its own: begins or resumes it, and says after every chunk how far it is. */
import { setTimeout as sleep } from 'node:timers/promises';
import { openKeyring, schema } from 'cellseal';
import { fileKeyring } from 'cellseal/file';
import { type RotationProgress, rotate } from 'cellseal/rotation';
import { sqliteRecords } from 'cellseal/sqlite';
import { hearStory, say, sayLast } from './children.js';
import { openDatabase } from './database.js';
import { definitionOf } from './definition.js';
import { readPassphrase, readShape, runFolder } from './run-folder.js';

/** What this process says: the library's progress as it is, and at the end that it has come there. */
export type RotationMessage = { readonly progress: RotationProgress } | { readonly done: true };

const [path = '', chunkRecords, pauseMs] = process.argv.slice(2);
const folder = runFolder(path);
const database = await openDatabase(folder.database);
const keyring = await openKeyring(fileKeyring(folder.keyring), { passphrase: readPassphrase(folder) });

hearStory(() => {});
const progressions = rotate(schema([definitionOf(readShape(folder))]), {
  keyring,
  records: sqliteRecords(database),
  chunkRecords: Number(chunkRecords),
});
for await (const progress of progressions) {
  say<RotationMessage>({ progress });
  if (Number(pauseMs) > 0) await sleep(Number(pauseMs));
}
database.close();
sayLast<RotationMessage>({ done: true });
