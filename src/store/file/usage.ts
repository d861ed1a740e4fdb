import { open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { utf8 } from '../../bytes.js';
import type { UsageLog } from '../../ports/keyring-store.js';
import { addUsage, assertUsage } from '../keyring-checks.js';
import { makeDirectory, unlessAbsent } from './files.js';

// The full stop tells a whole line from one of which digits are missing.
const LINE = /^([a-z2-7]{26}) (0|[1-9][0-9]{0,15})\.$/;

/**
 * `usage.log`, to which everybody appends. It is never rewritten, so nothing that was added is lost; a keyring adds
 * what it has counted now and then, some 40 bytes a time, so it stays small.
 */
export function fileUsage(directory: string): UsageLog {
  const path = join(directory, 'usage.log');
  return {
    async add(keyId, cells) {
      assertUsage(keyId, cells);
      await makeDirectory(directory);
      // It begins a line of its own: a crash, or a full disk, may have left half of one before it.
      const line = utf8(`\n${keyId} ${cells}.\n`);
      const file = await open(path, 'a', 0o600);
      try {
        // Once more where only a part went in: with the rest alone, somebody else's line could stand between them.
        while ((await file.write(line)).bytesWritten < line.length);
      } finally {
        await file.close();
      }
    },
    async totals() {
      const text = (await unlessAbsent(readFile(path, 'latin1'))) ?? '';
      return Object.fromEntries(sum(text));
    },
  };
}

function sum(text: string): Map<string, number> {
  const totals = new Map<string, number>();
  for (const line of text.split('\n')) {
    const [, keyId, cells] = LINE.exec(line) ?? [];
    if (keyId !== undefined) totals.set(keyId, addUsage(totals.get(keyId), Number(cells)));
  }
  return totals;
}
