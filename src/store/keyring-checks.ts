import { utf8 } from '../bytes.js';
import { StoreUnfitError } from '../errors.js';
import type { RegisteredProcess } from '../ports/keyring-store.js';

// What base32 makes of 128 bits. Nothing else may become part of a path, or of a line in a log.
const NAME = /^[a-z2-7]{26}$/;
/** What a process may say of itself, as UTF-8. */
export const MAX_ENTRY_BYTES = 1024;

/** Names of pages, and ids of processes and keys. Returns the name, as text for sure. */
export function assertName(name: string): string {
  if (typeof name === 'string' && NAME.test(name)) return name;
  throw new StoreUnfitError('A page, process or key is named by 26 characters of base32, in lower case.');
}

/** A document's revision, where the store has none to compare it with. */
export function assertRevision(revision: number): void {
  if (!Number.isSafeInteger(revision) || revision < 1)
    throw new StoreUnfitError('A revision is an integer from 1 to 2^53 - 1.');
}

/** What a process says of itself. */
export function assertProcess({ id, entry }: RegisteredProcess): void {
  assertName(id);
  if (!isEntry(entry)) throw new StoreUnfitError("A process's entry is JSON of at most 1 KiB.");
}

/** Whether it is what a process may have written: what a store finds there may be another's, or damaged. */
export function isEntry(entry: string): boolean {
  // One UTF-16 unit has at least one byte: what is far too long is not encoded first.
  if (entry.length > MAX_ENTRY_BYTES || utf8(entry).length > MAX_ENTRY_BYTES) return false;
  try {
    JSON.parse(entry);
    return entry.isWellFormed();
  } catch {
    return false;
  }
}

/** What is added to a key's total. */
export function assertUsage(keyId: string, cells: number): void {
  assertName(keyId);
  if (!Number.isSafeInteger(cells) || cells < 0)
    throw new StoreUnfitError('Cells are counted in integers from 0 to 2^53 - 1.');
}

/** The sum, or 2^53 - 1 where that is less: a total that could not be told from its neighbours is none. */
export function addUsage(total: number | undefined, cells: number): number {
  return Math.min((total ?? 0) + cells, Number.MAX_SAFE_INTEGER);
}
