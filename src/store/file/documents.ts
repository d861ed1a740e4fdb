import { stat, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { KeyringDamagedError, KeyringLimitError } from '../../errors.js';
import type { StoredKeyring } from '../../ports/keyring-store.js';
import { assertRevision } from '../keyring-checks.js';
import {
  linkNew,
  makeDirectory,
  namesIn,
  readBounded,
  removeFile,
  removeLeftovers,
  syncDirectory,
  unlessAbsent,
} from './files.js';

const DOCUMENT = /^keyring\.([1-9][0-9]*)\.json$/;
const NOTHING = new Uint8Array();
const READ_TRIES = 5;

/** The newest document. */
export async function readDocument(directory: string, maxBytes: number): Promise<StoredKeyring | undefined> {
  for (let tries = 0; tries < READ_TRIES; tries++) {
    const revision = (await revisions(directory)).at(-1);
    if (revision === undefined) return undefined;
    // What another process has just linked must not be used before it is there for good: synced after it was seen.
    await syncDirectory(directory).catch(() => undefined);
    const found = await readBounded(pathOf(directory, revision), maxBytes, tooLong);
    // Empty, or shorter than it was: a newer one has come between the look and the read.
    if (found && found.size > 0 && found.bytes.length === found.size) {
      // Its writer may have been killed before it came to that: the keys under a slot that was removed must not stay.
      await emptyFile(pathOf(directory, revision - 1)).catch(() => undefined);
      return { revision, document: found.bytes };
    }
  }
  throw new KeyringDamagedError('The newest keyring file is empty.');
}

/** Writes the next document. */
export async function writeDocument(
  directory: string,
  { revision, document }: StoredKeyring,
): Promise<boolean> {
  await makeDirectory(directory);
  const earlier = await revisions(directory);
  if ((earlier.at(-1) ?? 0) !== revision - 1) return false;
  if (!(await linkNew(directory, pathOf(directory, revision), document))) return false;
  await syncDirectory(directory);
  // First, because a leftover may be a second name of the document that is emptied now, which would make it look young.
  await removeLeftovers(directory).catch(() => undefined);
  try {
    for (const old of earlier) await emptyFile(pathOf(directory, old));
  } catch {
    // It is written, and says so; what could not be emptied the next write empties.
  }
  return true;
}

/**
 * Writes a first document, whatever its revision. Who links `keyring.1.json` has won, against others that restore as
 * against one who writes revision 1. A revision that is another comes before that, durably: after a crash in between
 * the keyring is there, and not an empty file that nothing follows.
 */
export async function restoreDocument(
  directory: string,
  { revision, document }: StoredKeyring,
): Promise<boolean> {
  assertRevision(revision);
  await makeDirectory(directory);
  if ((await revisions(directory)).length > 0) return false;
  const path = pathOf(directory, revision);
  if (!(await linkNew(directory, path, document))) return false;
  await syncDirectory(directory);
  if (revision === 1) return true;
  const isFirst = await linkNew(directory, pathOf(directory, 1), NOTHING);
  if (!isFirst) await removeFile(path);
  await syncDirectory(directory);
  return isFirst;
}

function pathOf(directory: string, revision: number): string {
  return join(directory, `keyring.${revision}.json`);
}

/** Ascending. */
async function revisions(directory: string): Promise<number[]> {
  const names = await namesIn(directory);
  const found = names.flatMap((name) => DOCUMENT.exec(name)?.[1] ?? []).map(Number);
  return found.sort((left, right) => left - right);
}

async function emptyFile(path: string): Promise<void> {
  await unlessAbsent(stat(path).then(({ size }) => (size > 0 ? truncate(path) : undefined)));
}

function tooLong(): Error {
  return new KeyringLimitError('A keyring document has at most 1 MiB.');
}
