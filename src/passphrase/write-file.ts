import { randomBytes } from 'node:crypto';
import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { Bytes } from '../bytes.js';
import { PassphraseFileExistsError } from '../errors.js';
import { type EncodeOptions, encodePassphraseFile } from './file.js';

/** What {@link writePassphraseFile} takes. */
export interface WriteOptions extends EncodeOptions {
  /** Put the new file in the place of one that is there, in one step. Default: `false`, which refuses. */
  readonly overwrite?: boolean;
}

const OWNER_ONLY = 0o600;

/**
 * Saves a passphrase in a file that only its owner may read (mode 0600, where the file system has modes), and returns
 * once file and folder are synced. The folder must be there.
 *
 * `readPassphraseFile` of `cellseal/passphrase` reads it back. Keep it apart from the keyring: who has both has
 * everything.
 *
 * @throws PassphraseFileExistsError if there is something under this name, unless `overwrite` is set.
 * @throws InvalidPassphraseError if the passphrase is empty or ill-formed, or longer than 16 KiB.
 * @throws PassphraseDamagedError if it is a generated passphrase that is damaged: no such copy is made.
 * @example
 * ```ts
 * import { writePassphraseFile } from 'cellseal/file';
 * import { generatePassphrase } from 'cellseal/passphrase';
 *
 * await writePassphraseFile('passphrase.txt', await generatePassphrase());
 * ```
 */
export async function writePassphraseFile(
  path: string,
  passphrase: string,
  options: WriteOptions = {},
): Promise<void> {
  const bytes = encodePassphraseFile(passphrase, options);
  try {
    if (options.overwrite) await replaceFile(path, bytes);
    else await writeNewFile(path, bytes);
  } finally {
    bytes.fill(0);
  }
  await syncFolder(dirname(path));
}

/** Straight under its name: a memory stick, where such files go, has no hard links. */
async function writeNewFile(path: string, bytes: Bytes): Promise<void> {
  let file: FileHandle;
  try {
    file = await open(path, 'wx', OWNER_ONLY);
  } catch (error) {
    if ((error as { code?: string }).code === 'EEXIST') throw new PassphraseFileExistsError();
    throw error;
  }
  await fill(file, path, bytes);
}

/** Beside the old file, then in its place: whoever looks finds the one or the other, whole. */
async function replaceFile(path: string, bytes: Bytes): Promise<void> {
  const temporary = join(dirname(path), `.${basename(path)}.${randomBytes(8).toString('hex')}.tmp`);
  await fill(await open(temporary, 'wx', OWNER_ONLY), temporary, bytes);
  try {
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}

/** Writes and syncs; what could not be written whole does not stay. */
async function fill(file: FileHandle, path: string, bytes: Bytes): Promise<void> {
  try {
    try {
      await file.writeFile(bytes);
      await file.sync();
    } finally {
      await file.close();
    }
  } catch (error) {
    await rm(path, { force: true });
    throw error;
  }
}

/** A name is durable once its folder is. Windows cannot sync a folder, and need not. */
async function syncFolder(folder: string): Promise<void> {
  if (process.platform === 'win32') return;
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
