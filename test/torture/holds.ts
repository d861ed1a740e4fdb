/** The hold between the census that finds nothing under a key and its suspension, measured by what the writers have in hand. */
import { readdirSync } from 'node:fs';
import { openLog, readLog } from './log.js';
import type { WriterLine } from './model.js';
import { type World, holdsLog, writerLog } from './world.js';

interface Hold {
  readonly keyId: string;
  readonly at: number;
}

/** A census of now has found nothing under the key, and every writer has read that it is not active. */
export function noteHold(world: World, keyId: string): void {
  openLog<Hold>(holdsLog(world), { isSynced: false })({ keyId, at: Date.now() });
}

/** Whether every writer is through with whatever it was at when the census of each of these keys was taken. */
export function areHoldsOver(world: World, keyIds: readonly string[]): boolean {
  const holds = readLog<Hold>(holdsLog(world));
  const since = keyIds.map(
    (keyId) => holds.find((hold) => hold.keyId === keyId)?.at ?? Number.POSITIVE_INFINITY,
  );
  if (since.length === 0 || since.includes(Number.POSITIVE_INFINITY)) return false;
  const newest = Math.max(...since);
  const writers = readdirSync(world.folder).filter((name) => name.startsWith('writer-')).length;
  return Array.from({ length: writers }, (_, i) => readLog<WriterLine>(writerLog(world, i)).at(-1)).every(
    (last) => last === undefined || !('intent' in last) || last.at > newest,
  );
}
