import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { InputError, quote } from './input-error.js';
import type { Shape } from './records.js';

/** Where everything of a run is kept. */
export interface RunFolder {
  readonly path: string;
  readonly database: string;
  /** The folder of the keyring: in earnest, never in the same place as the database. */
  readonly keyring: string;
  readonly writeLog: string;
}

/** The files of the folder `path`. */
export function runFolder(path: string): RunFolder {
  return {
    path,
    database: join(path, 'story.db'),
    keyring: join(path, 'keyring'),
    writeLog: join(path, 'writes.log'),
  };
}

/** A run's folder from its making to its end. */
export interface Workplace {
  /** `NAME.partial`, until {@link settle} has been called. */
  readonly partial: RunFolder;
  /** Gives the folder its name. The database must be whole, and closed. */
  settle(): RunFolder;
  /** Removes all, or with `keep` all that is plaintext. What has not been settled is removed in any case. */
  leave(): void;
}

/** Where a run's folder will be. What is there already is left alone. */
export function choosePlace(dir: string | undefined): string {
  const path = resolve(dir ?? join(tmpdir(), `cellseal-story-${randomBytes(4).toString('hex')}`));
  for (const taken of [path, partialOf(path)]) {
    if (existsSync(taken)) throw new InputError(`${quote(taken)} is there already: name a new folder.`);
  }
  return path;
}

/**
 * Makes the folder. Under its own name it appears only when it holds a whole database; whatever ends the process before
 * (an error, Ctrl-C) removes it, and what is killed without notice leaves a folder that says `.partial`.
 */
export function makeWorkplace(path: string, keep: boolean): Workplace {
  const partial = partialOf(path);
  makeFolder(partial);
  let isSettled = false;

  const leave = (): void => {
    // A process that was killed a moment ago may still have a file open.
    const remove = (name: string): void => rmSync(name, { recursive: true, force: true, maxRetries: 5 });
    if (!isSettled) remove(partial);
    else if (keep) remove(runFolder(path).writeLog);
    else remove(path);
  };
  process.once('exit', leave);

  return {
    partial: runFolder(partial),
    settle() {
      renameSync(partial, path);
      isSettled = true;
      return runFolder(path);
    },
    leave() {
      process.off('exit', leave);
      leave();
    },
  };
}

function partialOf(path: string): string {
  return `${path}.partial`;
}

function makeFolder(path: string): void {
  try {
    mkdirSync(path, { mode: 0o700 });
  } catch (error) {
    throw new InputError(
      `The folder ${quote(path)} cannot be made (${(error as NodeJS.ErrnoException).code}).`,
    );
  }
}

// ── What the child processes must know: in files, because others can read a command line ────────────────────────────

/** Beside the database only because this is a story; nobody but the user can read it. */
export function makePassphrase({ path }: RunFolder): string {
  const passphrase = randomBytes(24).toString('base64url');
  writeFileSync(join(path, 'passphrase'), passphrase, { mode: 0o600, flag: 'wx' });
  return passphrase;
}

export function readPassphrase({ path }: RunFolder): string {
  return readFileSync(join(path, 'passphrase'), 'utf8');
}

export function writeShape({ path }: RunFolder, shape: Shape): void {
  writeFileSync(join(path, 'shape.json'), JSON.stringify(shape));
}

export function readShape({ path }: RunFolder): Shape {
  return JSON.parse(readFileSync(join(path, 'shape.json'), 'utf8')) as Shape;
}
