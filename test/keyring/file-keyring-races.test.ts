/** What others may do between any two steps of a restore into files, and what a power failure leaves of each. */
import { existsSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { fileKeyring } from '../../src/store/file-keyring.js';
import { bytesOf } from './support.js';

/** Called before each call, by the name of what is called and, where it is one, of its file. */
let before: ((call: string) => unknown) | undefined;

vi.mock('node:fs/promises', async (importOriginal) => {
  const actual = await importOriginal<typeof import('node:fs/promises')>();
  const { basename } = await import('node:path');
  const spied =
    <Given extends readonly unknown[], Result>(name: string, call: (...given: Given) => Promise<Result>) =>
    async (...given: Given): Promise<Result> => {
      await before?.(`${name} ${basename(String(given.at(name === 'link' || name === 'rename' ? 1 : 0)))}`);
      return call(...given);
    };
  return {
    ...actual,
    link: spied('link', actual.link),
    rename: spied('rename', actual.rename),
    unlink: spied('unlink', actual.unlink),
    readdir: spied('readdir', actual.readdir as (path: string) => Promise<string[]>),
    async open(...given: Parameters<typeof actual.open>): Promise<FileHandle> {
      const file = await actual.open(...given);
      const name = basename(String(given[0]));
      return new Proxy(file, {
        get(target, member) {
          const value: unknown = Reflect.get(target, member);
          if (typeof value !== 'function') return value;
          return async (...rest: unknown[]) => {
            if (member === 'sync' || member === 'write') await before?.(`${member} ${name}`);
            if (member === 'write' && failing?.(name))
              return target.write((rest[0] as Uint8Array).subarray(0, 9));
            return Reflect.apply(value, target, rest);
          };
        },
      });
    },
  };
});

/** Whether a write to this file goes in only in part. */
let failing: ((name: string) => boolean) | undefined;

const MIB = 1024 * 1024;
const ONE = 'k'.repeat(26);
let folder: string;
beforeEach(() => {
  folder = join(mkdtempSync(join(tmpdir(), 'cellseal-races-')), 'keyring');
});
afterEach(() => {
  before = undefined;
  failing = undefined;
  rmSync(join(folder, '..'), { recursive: true });
});

const plain = (call: string): string =>
  call.replace(/\.keyring\.[0-9a-f]+\.tmp/, 'temporary').replace(/cellseal-races-\w+/, 'outer');

/** What `work` calls, in order. */
async function callsOf(work: () => unknown): Promise<string[]> {
  const calls: string[] = [];
  before = (call) => calls.push(plain(call));
  await work();
  before = undefined;
  return calls;
}

/** Does something just before the given call, once. */
function interrupt(at: number, act: () => unknown): void {
  let count = 0;
  before = async () => {
    if (count++ !== at) return;
    before = undefined;
    await act();
  };
}

const document = (text: string, revision: number) => ({ revision, document: bytesOf(text) });

describe('a restore into files', () => {
  it('has its document durable before it claims the first revision, and its folder before that', async () => {
    const calls = await callsOf(() => fileKeyring(folder).restore(document('restored', 7)));
    expect(calls).toEqual([
      'sync outer',
      'readdir keyring',
      'sync temporary',
      'link keyring.7.json',
      'sync keyring',
      'sync temporary',
      'link keyring.1.json',
      'sync keyring',
    ]);
  });

  it('of a first revision is one link', async () => {
    const calls = await callsOf(() => fileKeyring(folder).restore(document('restored', 1)));
    expect(calls.filter((call) => call.startsWith('link'))).toEqual(['link keyring.1.json']);
  });

  const RIVALS = {
    'a first revision': [() => fileKeyring(folder).write(document('rival', 1)), 1],
    'a restore of an older revision': [() => fileKeyring(folder).restore(document('rival', 5)), 5],
    'a restore of the same revision': [() => fileKeyring(folder).restore(document('rival', 7)), 7],
    'a restore of a newer revision': [() => fileKeyring(folder).restore(document('rival', 9)), 9],
  } as const;

  it.each(Object.entries(RIVALS))(
    'and %s that runs between any two of its steps: exactly one succeeds',
    async (_, [rival, revision]) => {
      const steps = (await callsOf(() => fileKeyring(folder).restore(document('restored', 7)))).length;
      for (let step = 0; step < steps; step++) {
        rmSync(folder, { recursive: true });
        let rivalDid: boolean | undefined;
        interrupt(step, async () => {
          rivalDid = await rival();
        });
        const did = await fileKeyring(folder).restore(document('restored', 7));
        expect([did, rivalDid].sort(), `before step ${step}`).toEqual([false, true]);
        const winner = did ? document('restored', 7) : document('rival', revision);
        expect(await fileKeyring(folder).read(MIB)).toEqual(winner);
        const next = document('next', winner.revision + 1);
        expect(await fileKeyring(folder).write(next), `after step ${step}`).toBe(true);
      }
    },
  );

  it.each(Object.entries(RIVALS).slice(0, 2))(
    'that runs between any two steps of %s: at most one succeeds, and it stays',
    async (_, [rival, revision]) => {
      const steps = (await callsOf(rival)).length;
      for (let step = 0; step < steps; step++) {
        rmSync(folder, { recursive: true });
        let did: boolean | undefined;
        interrupt(step, async () => {
          did = await fileKeyring(folder).restore(document('restored', 7));
        });
        const rivalDid = await rival();
        expect([did, rivalDid].sort(), `before step ${step}`).toEqual([false, true]);
        const winner = did ? document('restored', 7) : document('rival', revision);
        expect(await fileKeyring(folder).read(MIB)).toEqual(winner);
      }
    },
  );

  it('that is killed between any two of its steps leaves nothing, or the document, with which one goes on', async () => {
    class Killed extends Error {}
    const steps = (await callsOf(() => fileKeyring(folder).restore(document('restored', 7)))).length;
    const found = new Set<number>();
    for (let step = 0; step < steps; step++) {
      rmSync(folder, { recursive: true });
      interrupt(step, () => {
        throw new Killed();
      });
      const store = fileKeyring(folder);
      await expect(store.restore(document('restored', 7))).rejects.toBeInstanceOf(Killed);
      const read = await store.read(MIB);
      const revision = read?.revision ?? 0;
      found.add(revision);
      if (read) expect(read).toEqual(document('restored', 7));
      expect(await store.restore(document('again', 7)), 'restoring again').toBe(read === undefined);
      expect(await store.write(document('next', 8))).toBe(true);
    }
    expect([...found].sort()).toEqual([0, 7]);
  });
});

describe('a document in files', () => {
  it('is used only once its name is there for good, whoever gave it that name', async () => {
    const store = fileKeyring(folder);
    await store.write(document('first', 1));
    const calls = await callsOf(() => store.read(MIB));
    expect(calls).toEqual(['readdir keyring', 'sync keyring']);
  });
});

describe('a page in files', () => {
  it('is synced, and its name too, before it is there for sure', async () => {
    await fileKeyring(folder).write(document('first', 1));
    const calls = await callsOf(() => fileKeyring(folder).pages.write(ONE, bytesOf('page')));
    expect(calls).toEqual(['sync temporary', `rename page.${ONE}.json`, 'sync keyring']);
  });

  it('is gone for sure once it is removed', async () => {
    const { pages } = fileKeyring(folder);
    await pages.write(ONE, bytesOf('page'));
    const calls = await callsOf(() => pages.remove([ONE]));
    expect(calls).toEqual([`unlink page.${ONE}.json`, 'sync keyring']);
  });

  it('is there whole or not at all where its write is killed, and no temporary name is left of one that fails', async () => {
    const { pages } = fileKeyring(folder);
    await pages.write(ONE, bytesOf('page'));
    interrupt(1, () => {
      throw new Error('killed');
    });
    await expect(pages.write('m'.repeat(26), bytesOf('another'))).rejects.toThrow('killed');
    before = undefined;
    expect(readdirSync(folder)).toEqual([`page.${ONE}.json`]);
  });
});

describe('an entry in files', () => {
  it('takes the place of the one before by one rename', async () => {
    const { processes } = fileKeyring(folder);
    await processes.announce({ id: ONE, entry: '1' });
    const calls = await callsOf(() => processes.announce({ id: ONE, entry: '2' }));
    expect(calls).toEqual([`rename process.${ONE}.json`]);
  });
});

describe('an add in files', () => {
  it('is one write to the end', async () => {
    const { usage } = fileKeyring(folder);
    await usage.add(ONE, 1);
    expect(await callsOf(() => usage.add(ONE, 2))).toEqual(['write usage.log']);
  });

  it('that went in only in part, as on a full disk, is written whole again and counted once', async () => {
    const { usage } = fileKeyring(folder);
    await usage.add(ONE, 1);
    let writes = 0;
    failing = () => writes++ < 2;
    await usage.add(ONE, 2);
    expect(writes).toBe(3);
    expect(await usage.totals()).toEqual({ [ONE]: 3 });
  });
});

describe('a folder that is made', () => {
  it('is durable with every folder that was made above it', async () => {
    const deep = join(folder, 'a', 'b');
    const calls = await callsOf(() => fileKeyring(deep).pages.write(ONE, bytesOf('page')));
    expect(calls.slice(0, 4)).toEqual(['sync a', 'sync keyring', 'sync outer', 'sync temporary']);
    expect(existsSync(deep) && statSync(deep).isDirectory()).toBe(true);
  });
});
