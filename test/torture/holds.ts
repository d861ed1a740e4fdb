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

/** Whether every writer is through with whatever it was at when the census was taken. */
export function areHoldsOver(world: World, keyId: string): boolean {
  const since = readLog<Hold>(holdsLog(world)).find((hold) => hold.keyId === keyId)?.at;
  if (since === undefined) return false;
  const writers = readdirSync(world.folder).filter((name) => name.startsWith('writer-')).length;
  return Array.from({ length: writers }, (_, i) => readLog<WriterLine>(writerLog(world, i)).at(-1)).every(
    (last) => last === undefined || !('intent' in last) || last.at > since,
  );
}
