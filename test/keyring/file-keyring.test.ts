/** The keyring in a folder of files: what stands there, and what is done about what should not. */
import {
  chmodSync,
  existsSync,
  linkSync,
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
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { KeyringDamagedError, KeyringRolledBackError } from '../../src/errors.js';
import { addKey, createKeyringIn, openKeyringIn, refreshKeyring } from '../../src/keyring/index.js';
import { fileKeyring } from '../../src/store/file-keyring.js';
import { RAW_KEY, bytesOf, codeOf, environment, knownKeyring } from './support.js';

const MIB = 1024 * 1024;
let folder: string;

beforeEach(() => {
  const made = mkdtempSync(join(tmpdir(), 'cellseal-files-'));
  folder = made;
  onTestFinished(() => rmSync(made, { recursive: true, force: true }));
});

const path = (name: string): string => join(folder, name);
const names = (): string[] => readdirSync(folder).sort();
const sizes = (): Record<string, number> =>
  Object.fromEntries(names().map((name) => [name, statSync(path(name)).size]));
const mode = (of: string): string => (statSync(of).mode & 0o777).toString(8);

/** Runs as somebody whom permissions hold, where the tests run as root. */
async function unprivileged<T>(work: () => Promise<T>): Promise<T> {
  const isRoot = process.geteuid?.() === 0;
  if (isRoot) process.seteuid?.(65534);
  try {
    return await work();
  } finally {
    if (isRoot) process.seteuid?.(0);
  }
}

describe('the files of fileKeyring', () => {
  it('are called keyring.<revision>.json and hold the document as it is', async () => {
    const store = fileKeyring(folder);
    await store.write({ revision: 1, document: bytesOf('the first\n') });
    expect(names()).toEqual(['keyring.1.json']);
    expect(readFileSync(path('keyring.1.json'), 'utf8')).toBe('the first\n');
  });

  it('are emptied once a newer one is there, and stay', async () => {
    const store = fileKeyring(folder);
    for (let revision = 1; revision <= 12; revision++)
      await store.write({ revision, document: bytesOf('document') });
    const older = Array.from({ length: 11 }, (_, i) => [`keyring.${i + 1}.json`, 0]);
    expect(sizes()).toEqual(Object.fromEntries([...older, ['keyring.12.json', 8]]));
  });

  it('are emptied too where a crash had left them full', async () => {
    const store = fileKeyring(folder);
    writeFileSync(path('keyring.1.json'), 'first');
    writeFileSync(path('keyring.2.json'), 'second');
    await store.write({ revision: 3, document: bytesOf('third') });
    expect(sizes()).toEqual({ 'keyring.1.json': 0, 'keyring.2.json': 0, 'keyring.3.json': 5 });
  });

  it('are readable by their owner alone, whatever the umask, and so is a folder that was made for them', async () => {
    const before = process.umask(0);
    onTestFinished(() => {
      process.umask(before);
    });
    const store = fileKeyring(path('inner/keyring'));
    await store.write({ revision: 1, document: bytesOf('first') });
    await store.write({ revision: 2, document: bytesOf('second') });
    expect(mode(path('inner/keyring/keyring.1.json'))).toBe('600');
    expect(mode(path('inner/keyring/keyring.2.json'))).toBe('600');
    expect(mode(path('inner/keyring'))).toBe('700');
    expect(mode(path('inner'))).toBe('700');
  });

  it('stand beside files of other names, which are neither read nor touched', async () => {
    const others = [
      'keyring.json',
      'keyring.0.json',
      'keyring.09.json',
      'keyring.-9.json',
      'keyring.9.json.bak',
      'keyring.9.jso',
      'keyring.9.5.json',
      'keyring.9e1.json',
      'keyring. 9.json',
      'Keyring.9.json',
      'my-keyring.9.json',
      '.keyring.9.json',
      'keyring.٩.json',
    ];
    for (const name of others) writeFileSync(path(name), 'not mine');
    const store = fileKeyring(folder);
    expect(await store.read(MIB)).toBeUndefined();
    expect(await store.write({ revision: 1, document: bytesOf('first') })).toBe(true);
    expect(await store.write({ revision: 2, document: bytesOf('second') })).toBe(true);
    for (const name of others) expect(readFileSync(path(name), 'utf8')).toBe('not mine');
  });

  it('are found behind a folder that is a symbolic link', async () => {
    mkdirSync(path('real'));
    symlinkSync(path('real'), path('link'), 'dir');
    const linked = fileKeyring(path('link'));
    await linked.write({ revision: 1, document: bytesOf('first') });
    await fileKeyring(path('real')).write({ revision: 2, document: bytesOf('second') });
    expect(await linked.read(MIB)).toEqual({ revision: 2, document: bytesOf('second') });
    expect(readdirSync(path('real')).sort()).toEqual(['keyring.1.json', 'keyring.2.json']);
  });
});

describe('what a crash left behind', () => {
  const OLD = new Date(Date.now() - 11 * 60 * 1000);
  const RECENT = new Date(Date.now() - 9 * 60 * 1000);

  function leftover(name: string, when: Date): void {
    writeFileSync(path(name), 'half a docu');
    utimesSync(path(name), when, when);
  }

  it('goes, too, where it is a second name of the document that the write empties', async () => {
    const known = await knownKeyring(undefined, fileKeyring(folder));
    linkSync(path('keyring.1.json'), path('.keyring.0123456789abcdef.tmp'));
    utimesSync(path('keyring.1.json'), OLD, OLD);
    await addKey(known.keyring);
    expect(names().filter((name) => name.endsWith('.tmp'))).toEqual([]);
    expect(sizes()['keyring.1.json']).toBe(0);
  });

  it('is removed at the next write once it is ten minutes old', async () => {
    leftover('.keyring.0123456789abcdef.tmp', OLD);
    leftover('.keyring.fedcba9876543210.tmp', RECENT);
    await fileKeyring(folder).write({ revision: 1, document: bytesOf('first') });
    expect(names()).toEqual(['.keyring.fedcba9876543210.tmp', 'keyring.1.json']);
  });

  it('is not taken for a keyring', async () => {
    leftover('.keyring.0123456789abcdef.tmp', OLD);
    expect(await fileKeyring(folder).read(MIB)).toBeUndefined();
  });

  it('is told from what somebody else keeps there', async () => {
    const others = ['.keyring.tmp', '.keyring.xyz.tmp', 'keyring.00.tmp', '.keyring.00.tmp.gpg'];
    for (const name of others) leftover(name, OLD);
    await fileKeyring(folder).write({ revision: 1, document: bytesOf('first') });
    expect(names()).toEqual([...others, 'keyring.1.json'].sort());
  });

  it('is nothing where a write was merely refused', async () => {
    const store = fileKeyring(folder);
    await store.write({ revision: 1, document: bytesOf('first') });
    const race = Array.from({ length: 8 }, () => store.write({ revision: 2, document: bytesOf('second') }));
    await Promise.all(race);
    await store.write({ revision: 2, document: bytesOf('another') });
    await store.write({ revision: 9, document: bytesOf('ninth') });
    expect(names()).toEqual(['keyring.1.json', 'keyring.2.json']);
  });
});

describe('a newest file that is', () => {
  it('empty is damage, and never a reason to make a new keyring', async () => {
    const store = fileKeyring(folder);
    await knownKeyring(undefined, store);
    truncateSync(path('keyring.1.json'));
    const made = environment();
    await expect(store.read(MIB)).rejects.toBeInstanceOf(KeyringDamagedError);
    await expect(openKeyringIn(made, store, { rawKey: RAW_KEY })).rejects.toBeInstanceOf(KeyringDamagedError);
    await expect(createKeyringIn(made, store, { rawKey: RAW_KEY })).rejects.toBeInstanceOf(
      KeyringDamagedError,
    );
    expect(sizes()).toEqual({ 'keyring.1.json': 0 });
  });

  it.each([
    ['half a document', (text: string) => text.slice(0, text.length / 2)],
    ['a document with something after it', (text: string) => `${text}\n${text}`],
    ['filled with zeros, as a file system may leave it', (text: string) => '\0'.repeat(text.length)],
  ])('%s is damage', async (_, spoil) => {
    const store = fileKeyring(folder);
    await knownKeyring(undefined, store);
    const text = readFileSync(path('keyring.1.json'), 'utf8');
    writeFileSync(path('keyring.1.json'), spoil(text));
    expect(await codeOf(openKeyringIn(environment(), store, { rawKey: RAW_KEY }))).toBe('keyring-damaged');
  });

  it('a copy under a higher number is damage', async () => {
    const store = fileKeyring(folder);
    const { keyring } = await knownKeyring(undefined, store);
    writeFileSync(path('keyring.7.json'), readFileSync(path('keyring.1.json')));
    expect(await codeOf(openKeyringIn(environment(), store, { rawKey: RAW_KEY }))).toBe('keyring-damaged');
    expect(await codeOf(addKey(keyring))).toBe('keyring-damaged');
  });

  it('a link to nothing is damage', async () => {
    symlinkSync(path('nothing'), path('keyring.3.json'));
    await expect(fileKeyring(folder).read(MIB)).rejects.toBeInstanceOf(KeyringDamagedError);
  });

  it('of a number too large to be exact is damage', async () => {
    writeFileSync(path('keyring.9007199254740993.json'), 'document');
    await expect(fileKeyring(folder).read(MIB)).rejects.toBeInstanceOf(KeyringDamagedError);
  });

  it('older than what a process has seen is a rollback to that process', async () => {
    const store = fileKeyring(folder);
    const { keyring } = await knownKeyring(undefined, store);
    const backup = readFileSync(path('keyring.1.json'));
    await addKey(keyring);
    rmSync(path('keyring.2.json'));
    writeFileSync(path('keyring.1.json'), backup);
    await expect(refreshKeyring(keyring)).rejects.toBeInstanceOf(KeyringRolledBackError);
    await expect(addKey(keyring)).rejects.toBeInstanceOf(KeyringRolledBackError);
    expect(names()).toEqual(['keyring.1.json']);
  });
});

describe("the system's own error is passed on where", () => {
  it('the folder may not be read', async () => {
    mkdirSync(path('locked'));
    writeFileSync(path('locked/keyring.1.json'), 'document');
    chmodSync(path('locked'), 0o000);
    onTestFinished(() => chmodSync(path('locked'), 0o700));
    const store = fileKeyring(path('locked'));
    expect(await unprivileged(() => codeOf(() => store.read(MIB)))).toBe('EACCES');
  });

  it('the file may not be read', async () => {
    chmodSync(folder, 0o755);
    writeFileSync(path('keyring.1.json'), 'document');
    chmodSync(path('keyring.1.json'), 0o000);
    expect(await unprivileged(() => codeOf(() => fileKeyring(folder).read(MIB)))).toBe('EACCES');
  });

  it('the folder may not be written, and nothing is left there', async () => {
    mkdirSync(path('fixed'));
    chmodSync(folder, 0o755);
    chmodSync(path('fixed'), 0o555);
    const store = fileKeyring(path('fixed'));
    const writing = () => store.write({ revision: 1, document: bytesOf('first') });
    expect(await unprivileged(() => codeOf(writing))).toBe('EACCES');
    expect(readdirSync(path('fixed'))).toEqual([]);
  });

  it('the folder is a file', async () => {
    writeFileSync(path('file'), '');
    const store = fileKeyring(path('file'));
    expect(await codeOf(() => store.read(MIB))).toBe('ENOTDIR');
    expect(await codeOf(() => store.write({ revision: 1, document: bytesOf('first') }))).toBe('EEXIST');
  });

  it('the newest file is a folder', async () => {
    mkdirSync(path('keyring.1.json'));
    expect(await codeOf(() => fileKeyring(folder).read(MIB))).toBe('EISDIR');
  });

  it('the folder is a link to itself', async () => {
    symlinkSync(path('loop'), path('loop'));
    expect(await codeOf(() => fileKeyring(path('loop')).read(MIB))).toBe('ELOOP');
  });
});

describe('reading', () => {
  it('makes no folder', async () => {
    const store = fileKeyring(path('absent'));
    expect(await store.read(MIB)).toBeUndefined();
    expect(await codeOf(openKeyringIn(environment(), store, { rawKey: RAW_KEY }))).toBe('keyring-not-found');
    expect(existsSync(path('absent'))).toBe(false);
  });
});
