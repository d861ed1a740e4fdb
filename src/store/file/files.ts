import { randomBytes } from 'node:crypto';
import { link, mkdir, open, readdir, rename, rm, stat, unlink } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { type Bytes, copyBytes } from '../../bytes.js';

const TEMPORARY = /^\.keyring\.[0-9a-f]+\.tmp$/;
/** What a crash left behind is removed once it is older than any write takes. */
const TEMPORARY_AGE_MS = 10 * 60 * 1000;

/** Makes the folder where it is not there, durably. */
export async function makeDirectory(directory: string): Promise<void> {
  const first = await mkdir(directory, { recursive: true, mode: 0o700 });
  if (first === undefined) return;
  for (let made = resolve(directory); ; made = dirname(made)) {
    await syncDirectory(dirname(made));
    if (made === resolve(first) || made === dirname(made)) return;
  }
}

/** The names in the folder; none where there is no folder. */
export async function namesIn(directory: string): Promise<string[]> {
  return (await unlessAbsent(readdir(directory))) ?? [];
}

/** A synced temporary file with these bytes gets the name `path`; `false` where that is taken. */
export async function linkNew(directory: string, path: string, content: Uint8Array): Promise<boolean> {
  return withTemporary(directory, content, { isDurable: true }, async (temporary) => {
    try {
      await link(temporary, path);
      return true;
    } catch (error) {
      if (codeOf(error) !== 'EEXIST') throw error;
      // A network file system that sends the request twice finds its own link there.
      return (await stat(temporary)).nlink > 1;
    }
  });
}

/** Puts a file with these bytes in the place of whatever has the name `path`: a reader finds the one or the other. */
export async function replaceFile(
  directory: string,
  path: string,
  content: Uint8Array,
  { isDurable }: { isDurable: boolean },
): Promise<void> {
  await withTemporary(directory, content, { isDurable }, (temporary) => rename(temporary, path));
  if (isDurable) await syncDirectory(directory);
}

/** Calls `use` with the path of a temporary file, which is gone afterwards. */
async function withTemporary<T>(
  directory: string,
  content: Uint8Array,
  { isDurable }: { isDurable: boolean },
  use: (path: string) => Promise<T>,
): Promise<T> {
  const temporary = join(directory, `.keyring.${randomBytes(8).toString('hex')}.tmp`);
  try {
    const file = await open(temporary, 'wx', 0o600);
    try {
      await file.writeFile(content);
      if (isDurable) await file.sync();
    } finally {
      await file.close();
    }
    return await use(temporary);
  } finally {
    await rm(temporary, { force: true });
  }
}

/** A file's bytes, and the size that it had when it was opened; `undefined` where there is none. Over `maxBytes` it throws what `tooLong` makes, and has read nothing. */
export async function readBounded(
  path: string,
  maxBytes: number,
  tooLong: () => Error,
): Promise<{ bytes: Bytes; size: number } | undefined> {
  const file = await unlessAbsent(open(path, 'r'));
  if (!file) return undefined;
  try {
    const { size } = await file.stat();
    if (size > maxBytes) throw tooLong();
    return { bytes: copyBytes(await file.readFile()), size };
  } finally {
    await file.close();
  }
}

/** Whether there was such a file. */
export async function removeFile(path: string): Promise<boolean> {
  return (await unlessAbsent(unlink(path).then(() => true))) ?? false;
}

/** A name is durable once its folder is. Windows cannot sync a folder, and need not. */
export async function syncDirectory(directory: string): Promise<void> {
  if (process.platform === 'win32') return;
  const folder = await open(directory, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

/** Temporary files that nobody is writing any more. */
export async function removeLeftovers(directory: string): Promise<void> {
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

/** What is not there is `undefined`; every other error is passed on. */
export async function unlessAbsent<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work;
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

function codeOf(error: unknown): string | undefined {
  return (error as { code?: string }).code;
}
