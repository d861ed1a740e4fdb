/** What fileKeyring asks of the file system, in which order, and what may happen in between. */
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { KeyringLimitError } from '../../src/errors.js';
import { fileKeyring } from '../../src/store/file-keyring.js';
import { bytesOf } from './support.js';

/** What happens after a file's size was taken and before it is read. */
let between: (() => void) | undefined;
/** The calls on opened files, and those that link and truncate, by name. */
let calls: string[] = [];

vi.mock('node:fs/promises', async (importOriginal) => {
  const actual = await importOriginal<typeof import('node:fs/promises')>();
  return {
    ...actual,
    async link(...given: Parameters<typeof actual.link>): Promise<void> {
      calls.push('link');
      await actual.link(...given);
    },
    async truncate(...given: Parameters<typeof actual.truncate>): Promise<void> {
      calls.push('truncate');
      await actual.truncate(...given);
    },
    async open(...given: Parameters<typeof actual.open>): Promise<FileHandle> {
      const file = await actual.open(...given);
      return new Proxy(file, {
        get(target, name) {
          const value: unknown = Reflect.get(target, name);
          if (typeof value !== 'function') return value;
          return async (...rest: unknown[]) => {
            calls.push(String(name));
            const result: unknown = await Reflect.apply(value, target, rest);
            if (name === 'stat') between?.();
            return result;
          };
        },
      });
    },
  };
});

describe('fileKeyring', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'cellseal-reading-'));
    calls = [];
  });
  afterEach(() => {
    between = undefined;
    rmSync(folder, { recursive: true });
  });

  it.each([
    ['to nothing', 0],
    ['to a part, as a reader may find it', 7],
  ])('reads the newer document where the one that it opened is cut %s', async (_, left) => {
    const store = fileKeyring(folder);
    await store.write({ revision: 1, document: bytesOf('the first document') });
    between = () => {
      between = undefined;
      writeFileSync(join(folder, 'keyring.2.json'), 'the second');
      truncateSync(join(folder, 'keyring.1.json'), left);
    };
    expect(await store.read(1024)).toEqual({ revision: 2, document: bytesOf('the second') });
  });

  it('refuses a file of 1 GiB without reading any of it', async () => {
    writeFileSync(join(folder, 'keyring.1.json'), '');
    truncateSync(join(folder, 'keyring.1.json'), 2 ** 30);
    await expect(fileKeyring(folder).read(2 ** 20)).rejects.toBeInstanceOf(KeyringLimitError);
    expect(calls).toEqual(['sync', 'close', 'stat', 'close']);
  });

  it('reads a file of exactly as many bytes as are allowed, and refuses one more unread', async () => {
    writeFileSync(join(folder, 'keyring.1.json'), '0123456789');
    expect((await fileKeyring(folder).read(10))?.document).toEqual(bytesOf('0123456789'));
    calls = [];
    await expect(fileKeyring(folder).read(9)).rejects.toBeInstanceOf(KeyringLimitError);
    expect(calls).toEqual(['sync', 'close', 'stat', 'close']);
  });

  it('syncs a new file, then the folder, before it empties the file before', async () => {
    const store = fileKeyring(folder);
    await store.write({ revision: 1, document: bytesOf('first') });
    calls = [];
    await store.write({ revision: 2, document: bytesOf('second') });
    expect(calls).toEqual(['writeFile', 'sync', 'close', 'link', 'sync', 'close', 'truncate']);
  });
});
