/**
 * A keyring in a folder of files.
 *
 * @packageDocumentation
 */
import { randomBytes } from 'node:crypto';
import { link, mkdir, open, readdir, rm, stat, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { type Bytes, copyBytes } from '../bytes.js';
import { KeyringDamagedError, KeyringLimitError } from '../errors.js';
import type { KeyringStore, StoredKeyring } from '../ports/keyring-store.js';

const DOCUMENT = /^keyring\.([1-9][0-9]*)\.json$/;
const TEMPORARY = /^\.keyring\.[0-9a-f]+\.tmp$/;
/** What a crash left behind is removed once it is older than any write takes. */
const TEMPORARY_AGE_MS = 10 * 60 * 1000;
const READ_TRIES = 5;

/**
 * Keeps the keyring in the folder `directory`, which is made at the first write: `keyring.<revision>.json`, mode 0600.
 *
 * A revision is written by `link()` from a synced temporary file: of two processes that write the same one, the file
 * system lets exactly one succeed, and there is no lock that a crash could leave behind. Once a revision is durable,
 * its predecessors are emptied (they hold keys under slots that may have been removed); the empty files stay, so that
 * no revision is ever written twice. Do not delete them while processes run.
 *
 * The folder must be on a file system with hard links, shared by all processes that use the keyring. It holds no
 * secret in the clear, but who has it and the passphrase has everything: back it up apart from the database.
 */
export function fileKeyring(directory: string): KeyringStore {
  return {
    async read(maxBytes) {
      for (let tries = 0; tries < READ_TRIES; tries++) {
        const revision = (await revisions(directory)).at(-1);
        if (revision === undefined) return undefined;
        const document = await readDocument(pathOf(directory, revision), maxBytes);
        // Empty: a newer one has come between the look and the read.
        if (document && document.length > 0) return { revision, document };
      }
      throw new KeyringDamagedError('The newest keyring file is empty.');
    },

    async write({ revision, document }: StoredKeyring) {
      await mkdir(directory, { recursive: true, mode: 0o700 });
      const earlier = await revisions(directory);
      if ((earlier.at(-1) ?? 0) !== revision - 1) return false;
      if (!(await linkNew(directory, pathOf(directory, revision), document))) return false;
      await syncDirectory(directory);
      for (const old of earlier) await emptyFile(pathOf(directory, old));
      await removeLeftovers(directory);
      return true;
    },
  };
}

function pathOf(directory: string, revision: number): string {
  return join(directory, `keyring.${revision}.json`);
}

/** Ascending. */
async function revisions(directory: string): Promise<number[]> {
  let names: string[];
  try {
    names = await readdir(directory);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return [];
    throw error;
  }
  const found = names.flatMap((name) => DOCUMENT.exec(name)?.[1] ?? []).map(Number);
  return found.sort((left, right) => left - right);
}

async function readDocument(path: string, maxBytes: number): Promise<Bytes | undefined> {
  try {
    const file = await open(path, 'r');
    try {
      const { size } = await file.stat();
      if (size > maxBytes) throw new KeyringLimitError('A keyring document has at most 1 MiB.');
      const document = copyBytes(await file.readFile());
      // Shorter: it was emptied while it was read, because a newer one has come.
      return document.length === size ? document : undefined;
    } finally {
      await file.close();
    }
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

/** Writes, syncs, links; `false` where the name is taken. */
async function linkNew(directory: string, path: string, document: Bytes): Promise<boolean> {
  const temporary = join(directory, `.keyring.${randomBytes(8).toString('hex')}.tmp`);
  try {
    const file = await open(temporary, 'wx', 0o600);
    try {
      await file.writeFile(document);
      await file.sync();
    } finally {
      await file.close();
    }
    await link(temporary, path);
    return true;
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false;
    throw error;
  } finally {
    await rm(temporary, { force: true });
  }
}

/** A name is durable once its folder is. Windows cannot sync a folder, and need not. */
async function syncDirectory(directory: string): Promise<void> {
  if (process.platform === 'win32') return;
  const folder = await open(directory, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

async function emptyFile(path: string): Promise<void> {
  try {
    const { size } = await stat(path);
    if (size > 0) await truncate(path);
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error;
  }
}

async function removeLeftovers(directory: string): Promise<void> {
  for (const name of await readdir(directory)) {
    if (!TEMPORARY.test(name)) continue;
    const path = join(directory, name);
    const age = await stat(path).then(
      ({ mtimeMs }) => Date.now() - mtimeMs,
      () => 0, // another process has just removed it
    );
    if (age > TEMPORARY_AGE_MS) await rm(path, { force: true });
  }
}

function codeOf(error: unknown): string | undefined {
  return (error as { code?: string }).code;
}
