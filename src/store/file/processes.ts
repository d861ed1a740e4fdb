import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { decodeUtf8, utf8 } from '../../bytes.js';
import type { ProcessRegistry, RegisteredProcess } from '../../ports/keyring-store.js';
import { MAX_ENTRY_BYTES, assertName, assertProcess, isEntry } from '../keyring-checks.js';
import { makeDirectory, namesIn, removeFile, replaceFile, unlessAbsent } from './files.js';

const PROCESS = /^process\.([a-z2-7]{26})\.json$/;

/** `process.<id>.json`. Not synced: what a power failure would lose of them are processes that it has ended. */
export function fileProcesses(directory: string): ProcessRegistry {
  const pathOf = (id: string): string => join(directory, `process.${assertName(id)}.json`);
  return {
    async announce(process) {
      assertProcess(process);
      await makeDirectory(directory);
      await replaceFile(directory, pathOf(process.id), utf8(process.entry), { isDurable: false });
    },
    async list() {
      const ids = (await namesIn(directory)).flatMap((name) => PROCESS.exec(name)?.[1] ?? []);
      const found: RegisteredProcess[] = [];
      for (const id of ids) {
        const entry = await readEntry(pathOf(id));
        if (entry !== undefined) found.push({ id, entry });
      }
      return found;
    },
    async forget(id) {
      await removeFile(pathOf(id));
    },
  };
}

/** `undefined` for what is gone by now, or is none: another's file, or one that a power failure has left empty. */
async function readEntry(path: string): Promise<string | undefined> {
  const about = await unlessAbsent(stat(path));
  if (!about?.isFile() || about.size > MAX_ENTRY_BYTES) return undefined;
  const bytes = await unlessAbsent(readFile(path));
  const entry = bytes && decodeUtf8(bytes);
  return entry !== undefined && isEntry(entry) ? entry : undefined;
}
