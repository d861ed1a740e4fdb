/** A keyring file that is emptied while it is read. The file system is stopped between the look and the read. */
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { fileKeyring } from '../../src/store/file-keyring.js';
import { bytesOf } from './support.js';

/** What happens after a file's size was taken and before it is read. */
let between: (() => void) | undefined;

vi.mock('node:fs/promises', async (importOriginal) => {
  const actual = await importOriginal<typeof import('node:fs/promises')>();
  return {
    ...actual,
    async open(...given: Parameters<typeof actual.open>): Promise<FileHandle> {
      const file = await actual.open(...given);
      return new Proxy(file, {
        get(target, name) {
          if (name !== 'stat') {
            const value: unknown = Reflect.get(target, name);
            return typeof value === 'function' ? value.bind(target) : value;
          }
          return async () => {
            const stats = await target.stat();
            between?.();
            return stats;
          };
        },
      });
    },
  };
});

describe('fileKeyring', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'cellseal-emptied-'));
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
});
