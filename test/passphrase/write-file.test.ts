/** Saving a passphrase: who may read it, what is never overwritten, and what a failure leaves behind. */
import {
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import * as promises from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { hex } from '../../src/bytes.js';
import {
  InvalidPassphraseError,
  PassphraseDamagedError,
  PassphraseFileExistsError,
} from '../../src/errors.js';
import { writePassphraseFile } from '../../src/file.js';
import { readPassphraseFile } from '../../src/passphrase/file.js';
import { FORMS, drawn } from './support.js';

vi.mock('node:fs/promises', { spy: true });

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'cellseal-passphrase-'));
});
afterEach(() => {
  vi.restoreAllMocks();
  rmSync(folder, { recursive: true, force: true });
});

const file = (): string => join(folder, 'passphrase.txt');
const modeOf = (path: string): number => statSync(path).mode & 0o777;

describe('a passphrase file', () => {
  it('holds the passphrase, for its owner alone, and can be read back', async () => {
    for (const form of FORMS) {
      for (const encoding of ['utf-8', 'utf-16le'] as const) {
        const { style, written } = await drawn(form, 'file');
        await writePassphraseFile(file(), written, { encoding, overwrite: true });
        expect(readPassphraseFile(readFileSync(file()))).toEqual({
          passphrase: written,
          style,
          encoding,
          byteOrderMark: encoding === 'utf-16le',
          trailingNewline: false,
        });
        expect(modeOf(file())).toBe(0o600);
      }
    }
    expect(readdirSync(folder)).toEqual(['passphrase.txt']);
  });

  it('is not written over another, unless told', async () => {
    await writePassphraseFile(file(), 'first');
    expect(modeOf(file())).toBe(0o600);
    await expect(writePassphraseFile(file(), 'second')).rejects.toBeInstanceOf(PassphraseFileExistsError);
    expect(readFileSync(file(), 'utf8')).toBe('first');
    await writePassphraseFile(file(), 'second', { overwrite: true });
    expect(readFileSync(file(), 'utf8')).toBe('second');
  });

  it('takes the place of one that others could read, and of none, with its own mode', async () => {
    writeFileSync(file(), 'open to all', { mode: 0o644 });
    await writePassphraseFile(file(), 'second', { overwrite: true });
    expect(modeOf(file())).toBe(0o600);
    await writePassphraseFile(join(folder, 'new.txt'), 'third', { overwrite: true });
    expect(readFileSync(join(folder, 'new.txt'), 'utf8')).toBe('third');
  });

  it('is not written through a link that somebody has laid there', async () => {
    const elsewhere = join(folder, 'elsewhere.txt');
    symlinkSync(elsewhere, file());
    await expect(writePassphraseFile(file(), 'first')).rejects.toBeInstanceOf(PassphraseFileExistsError);
    await writePassphraseFile(file(), 'second', { overwrite: true });
    expect(readdirSync(folder)).toEqual(['passphrase.txt']);
  });

  it('of two writers at once is the one’s, and the other is told', async () => {
    const outcomes = await Promise.allSettled(
      ['one', 'two'].map((text) => writePassphraseFile(file(), text)),
    );
    expect(outcomes.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    expect(['one', 'two']).toContain(readFileSync(file(), 'utf8'));
  });

  it('is not made of what could not be read back', async () => {
    const { written } = await drawn({}, 'damaged');
    await expect(writePassphraseFile(file(), written.slice(0, -1))).rejects.toBeInstanceOf(
      PassphraseDamagedError,
    );
    await expect(writePassphraseFile(file(), '')).rejects.toBeInstanceOf(InvalidPassphraseError);
    expect(readdirSync(folder)).toEqual([]);
  });

  it('passes on what the file system says, without the passphrase', async () => {
    const nowhere = join(folder, 'nowhere', 'passphrase.txt');
    for (const overwrite of [true, false]) {
      const failure = await writePassphraseFile(nowhere, 'CANARY', { overwrite }).catch(
        (error: Error) => error,
      );
      expect(failure).toMatchObject({ code: 'ENOENT' });
      expect(String((failure as Error).stack)).not.toContain('CANARY');
    }
    mkdirSync(file());
    await expect(writePassphraseFile(file(), 'x', { overwrite: true })).rejects.toThrow();
    expect(readdirSync(folder)).toEqual(['passphrase.txt']);
  });
});

describe('with a disk that', () => {
  /** Every handle that is opened from now on, with this method broken or watched. */
  async function handles(change: (handle: promises.FileHandle, path: string) => void): Promise<void> {
    const { open } = await vi.importActual<typeof promises>('node:fs/promises');
    vi.mocked(promises.open).mockImplementation(async (path, ...rest) => {
      const handle = await open(path, ...rest);
      change(handle, String(path));
      return handle;
    });
  }

  for (const overwrite of [false, true]) {
    it(`is full, nothing is left behind${overwrite ? ', and the old file stays' : ''}`, async () => {
      if (overwrite) writeFileSync(file(), 'old');
      await handles((handle) => {
        handle.sync = () => Promise.reject(Object.assign(new Error('full'), { code: 'ENOSPC' }));
      });
      await expect(writePassphraseFile(file(), 'new', { overwrite })).rejects.toMatchObject({
        code: 'ENOSPC',
      });
      expect(readdirSync(folder)).toEqual(overwrite ? ['passphrase.txt'] : []);
      if (overwrite) expect(readFileSync(file(), 'utf8')).toBe('old');
    });

    it(`may lose power, the file is synced before its name is its own, then the folder${overwrite ? ', in place of another' : ''}`, async () => {
      const done: string[] = [];
      await handles((handle, path) => {
        const { sync } = handle;
        handle.sync = async () => {
          done.push(path === folder ? 'folder' : 'file');
          await sync.call(handle);
        };
      });
      const { rename } = await vi.importActual<typeof promises>('node:fs/promises');
      vi.mocked(promises.rename).mockImplementation(async (from, to) => {
        done.push('rename');
        await rename(from, to);
      });
      await writePassphraseFile(file(), 'x', { overwrite });
      expect(done).toEqual(overwrite ? ['file', 'rename', 'folder'] : ['file', 'folder']);
      expect(hex(readFileSync(file()))).toBe('78');
    });
  }
});
