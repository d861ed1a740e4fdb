/** What fileKeyring keeps beside the documents: the files, what a crash leaves of them, and what is not the store's. */
import {
  appendFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { KeyringLimitError, StoreUnfitError } from '../../src/errors.js';
import { fileKeyring } from '../../src/store/file-keyring.js';
import { bytesOf } from './support.js';

const MIB = 1024 * 1024;
const ONE = 'k'.repeat(26);
const TWO = 'm'.repeat(26);
let folder: string;

beforeEach(() => {
  const made = mkdtempSync(join(tmpdir(), 'cellseal-members-'));
  folder = made;
  onTestFinished(() => rmSync(made, { recursive: true, force: true }));
});

const path = (name: string): string => join(folder, name);
const names = (): string[] => readdirSync(folder).sort();
const mode = (of: string): string => (statSync(of).mode & 0o777).toString(8);

describe('the files of fileKeyring', () => {
  it('stand beside the documents, readable by their owner alone, whatever the umask', async () => {
    const before = process.umask(0);
    onTestFinished(() => {
      process.umask(before);
    });
    const { pages, processes, usage } = fileKeyring(folder);
    await pages.write(ONE, bytesOf('the page\n'));
    await processes.announce({ id: TWO, entry: '{"revision":1}' });
    await usage.add(ONE, 12);
    expect(names()).toEqual([`page.${ONE}.json`, `process.${TWO}.json`, 'usage.log']);
    for (const name of names()) expect(mode(path(name))).toBe('600');
    expect(readFileSync(path(`page.${ONE}.json`), 'utf8')).toBe('the page\n');
    expect(readFileSync(path(`process.${TWO}.json`), 'utf8')).toBe('{"revision":1}');
    expect(readFileSync(path('usage.log'), 'utf8')).toBe(`\n${ONE} 12.\n`);
  });

  it('are made in a folder that is not there yet, and reading makes none', async () => {
    const { pages, processes, usage } = fileKeyring(path('inner/keyring'));
    expect(await pages.read(ONE, MIB)).toBeUndefined();
    await pages.remove([ONE]);
    expect(await processes.list()).toEqual([]);
    await processes.forget(ONE);
    expect(await usage.totals()).toEqual({});
    expect(names()).toEqual([]);
    await usage.add(ONE, 1);
    expect(mode(path('inner/keyring'))).toBe('700');
    expect(mode(path('inner'))).toBe('700');
  });

  it('are none of them there where only documents were written', async () => {
    const store = fileKeyring(folder);
    for (let revision = 1; revision <= 3; revision++)
      await store.write({ revision, document: bytesOf('document') });
    expect(await store.processes.list()).toEqual([]);
    expect(await store.usage.totals()).toEqual({});
    expect(names()).toEqual(['keyring.1.json', 'keyring.2.json', 'keyring.3.json']);
  });

  it('become none, whatever name is asked for', async () => {
    const inside = join(folder, 'keyring');
    const { pages, processes } = fileKeyring(inside);
    writeFileSync(path('secret.json'), 'secret');
    const wrong = [
      '/../../secret',
      '../secret',
      `x/../../secret${'k'.repeat(13)}`,
      `${ONE}\0`,
      `${ONE}.json`,
    ];
    for (const name of wrong) {
      await expect(pages.read(name, MIB)).rejects.toBeInstanceOf(StoreUnfitError);
      await expect(pages.write(name, bytesOf('page'))).rejects.toBeInstanceOf(StoreUnfitError);
      await expect(pages.remove([name])).rejects.toBeInstanceOf(StoreUnfitError);
      await expect(processes.announce({ id: name, entry: '{}' })).rejects.toBeInstanceOf(StoreUnfitError);
      await expect(processes.forget(name)).rejects.toBeInstanceOf(StoreUnfitError);
    }
    expect(names()).toEqual(['secret.json']);
  });

  it('that a crash left half written are removed once they are ten minutes old, pages of that age are not', async () => {
    const store = fileKeyring(folder);
    await store.pages.write(ONE, bytesOf('page'));
    await store.processes.announce({ id: ONE, entry: '1' });
    writeFileSync(path('.keyring.0123456789abcdef.tmp'), 'half a pa');
    for (const name of names()) utimesSync(path(name), 0, 0);
    await store.write({ revision: 1, document: bytesOf('first') });
    expect(names()).toEqual(['keyring.1.json', `page.${ONE}.json`, `process.${ONE}.json`]);
  });
});

describe('a page', () => {
  it('of 1 GiB is refused unread', async () => {
    writeFileSync(path(`page.${ONE}.json`), '');
    truncateSync(path(`page.${ONE}.json`), 2 ** 30);
    await expect(fileKeyring(folder).pages.read(ONE, MIB)).rejects.toBeInstanceOf(KeyringLimitError);
  });

  it('stays as it was where its write fails', async () => {
    const { pages } = fileKeyring(folder);
    mkdirSync(path(`page.${ONE}.json`));
    await expect(pages.write(ONE, bytesOf('page'))).rejects.toThrow(/EISDIR|ENOTEMPTY|EEXIST|EPERM/);
    expect(names()).toEqual([`page.${ONE}.json`]);
  });
});

describe('the list of processes', () => {
  it('leaves out what is no entry: empty, half, zeros, no UTF-8, too long, a folder, a link to nothing', async () => {
    const { processes } = fileKeyring(folder);
    await processes.announce({ id: ONE, entry: '{"revision":1}' });
    const file = (i: number): string => path(`process.${'a'.repeat(25)}${'abcdefghij'[i]}.json`);
    const damaged = [
      '',
      '{"revision":',
      '\0'.repeat(14),
      Uint8Array.of(0x22, 0xff, 0x22),
      `"${'a'.repeat(1023)}"`,
    ];
    for (const [i, content] of damaged.entries()) writeFileSync(file(i), content);
    mkdirSync(file(5));
    symlinkSync(path('nothing'), file(6));
    expect(await processes.list()).toEqual([{ id: ONE, entry: '{"revision":1}' }]);
    await processes.forget(`${'a'.repeat(25)}b`);
    await processes.announce({ id: `${'a'.repeat(26)}`, entry: '2' });
    expect(await processes.list()).toHaveLength(2);
  });

  it('leaves out files of other names, and forgetting touches none of them', async () => {
    const others = [
      'process.json',
      `process.${ONE.slice(1)}.json`,
      `process.${ONE}k.json`,
      `process.${ONE}.json.bak`,
      `my-process.${ONE}.json`,
      `.process.${ONE}.json`,
      `process.${ONE.toUpperCase()}.json`,
      `page.${ONE}.json`,
    ];
    for (const name of others) writeFileSync(path(name), '{"revision":1}');
    const { processes } = fileKeyring(folder);
    expect(await processes.list()).toEqual([]);
    await processes.announce({ id: ONE, entry: '2' });
    await processes.forget(ONE);
    expect(names()).toEqual([...others].sort());
  });
});

describe('the log of usage', () => {
  const keyId = fc.constantFrom(ONE, TWO, '2'.repeat(26));

  it('that a crash cut off anywhere has every add before the last, and all that come after', async () => {
    const adds = fc.array(fc.tuple(keyId, fc.integer({ min: 1, max: 2 ** 40 })), {
      minLength: 1,
      maxLength: 4,
    });
    await fc.assert(
      fc.asyncProperty(adds, adds, fc.nat(), async (before, after, cut) => {
        rmSync(path('usage.log'), { force: true });
        const { usage } = fileKeyring(folder);
        for (const [id, cells] of before) await usage.add(id, cells);
        const { size } = statSync(path('usage.log'));
        const [lastId = '', lastCells = 0] = before.at(-1) ?? [];
        const lastLength = `\n${lastId} ${lastCells}.\n`.length;
        truncateSync(path('usage.log'), size - 2 - (cut % (lastLength - 1)));
        for (const [id, cells] of after) await usage.add(id, cells);
        expect(await usage.totals()).toEqual(sumOf([...before.slice(0, -1), ...after]));
      }),
      { numRuns: 60 },
    );
  });

  it('ignores every line that is none, and counts those around it', async () => {
    const { usage } = fileKeyring(folder);
    await usage.add(ONE, 3);
    const noLines = [
      'nonsense',
      `${ONE}.`,
      `${ONE} .`,
      `${ONE} 7`,
      `${ONE} 7..`,
      `${ONE} -1.`,
      `${ONE} 1.5.`,
      `${ONE} 1e3.`,
      `${ONE} 0x10.`,
      `${ONE} 007.`,
      `${ONE}  7.`,
      ` ${ONE} 7.`,
      `${ONE} 7. `,
      `${ONE} 7.\r`,
      `${ONE} ٧.`,
      `${ONE} ${'9'.repeat(17)}.`,
      `${ONE.toUpperCase()} 7.`,
      '__proto__ 7.',
      '\0'.repeat(40),
      '\u{1f511}',
    ];
    for (const line of noLines) appendFileSync(path('usage.log'), `\n${line}\n`);
    await usage.add(TWO, 4);
    expect(await usage.totals()).toEqual({ [ONE]: 3, [TWO]: 4 });
  });

  it('does not glue an add to zeros that a power failure left at its end', async () => {
    const { usage } = fileKeyring(folder);
    await usage.add(ONE, 3);
    appendFileSync(path('usage.log'), '\0'.repeat(30));
    expect(await usage.totals()).toEqual({ [ONE]: 3 });
    await usage.add(ONE, 4);
    expect(await usage.totals()).toEqual({ [ONE]: 7 });
  });

  it('does not count a line that is still being appended', async () => {
    const { usage } = fileKeyring(folder);
    await usage.add(ONE, 3);
    appendFileSync(path('usage.log'), `\n${ONE} 12`); // of 1234
    expect(await usage.totals()).toEqual({ [ONE]: 3 });
    appendFileSync(path('usage.log'), '34.\n');
    expect(await usage.totals()).toEqual({ [ONE]: 1237 });
  });

  function sumOf(adds: readonly (readonly [string, number])[]): Record<string, number> {
    const sums: Record<string, number> = {};
    for (const [id, cells] of adds) sums[id] = (sums[id] ?? 0) + cells;
    return sums;
  }
});

describe('restoring into files', () => {
  it('leaves an empty first revision before it, so that none is written twice', async () => {
    const store = fileKeyring(folder);
    expect(await store.restore({ revision: 7, document: bytesOf('restored') })).toBe(true);
    expect(names()).toEqual(['keyring.1.json', 'keyring.7.json']);
    expect(statSync(path('keyring.1.json')).size).toBe(0);
    expect(await store.write({ revision: 8, document: bytesOf('eighth') })).toBe(true);
    expect(statSync(path('keyring.7.json')).size).toBe(0);
  });

  it('is refused where nothing but emptied files is left of a keyring', async () => {
    writeFileSync(path('keyring.3.json'), '');
    expect(await fileKeyring(folder).restore({ revision: 7, document: bytesOf('restored') })).toBe(false);
    expect(names()).toEqual(['keyring.3.json']);
  });

  it('finds its pages, processes and usage where they were put before', async () => {
    const store = fileKeyring(folder);
    await store.pages.write(ONE, bytesOf('page'));
    await store.usage.add(ONE, 3);
    expect(await store.restore({ revision: 7, document: bytesOf('restored') })).toBe(true);
    expect(await store.pages.read(ONE, MIB)).toEqual(bytesOf('page'));
    expect(await store.usage.totals()).toEqual({ [ONE]: 3 });
  });
});
