/** The conformance suite of keyring stores, over those of the package; and that it catches what does not conform. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { KeyringStore, StoredKeyring } from '../../src/ports/keyring-store.js';
import { environmentKeyring } from '../../src/store/environment-keyring.js';
import { fileKeyring } from '../../src/store/file-keyring.js';
import { memoryKeyring } from '../../src/store/memory.js';
import { sqliteKeyring } from '../../src/store/sqlite.js';
import {
  type KeyringStoreSubject,
  type OpenReadOnlyKeyring,
  keyringStoreCases,
  readOnlyKeyringCases,
} from '../../src/testing/conformance.js';
import { type Connection, DRIVERS, type Driver } from '../stores/sqlite-drivers.js';

const EVERYTHING = { members: ['restore', 'pages', 'processes', 'usage'] } as const;

async function openMemory(): Promise<KeyringStoreSubject> {
  const store = memoryKeyring();
  return { store, another: () => store };
}

async function openFiles(): Promise<KeyringStoreSubject> {
  const folder = mkdtempSync(join(tmpdir(), 'cellseal-keyring-'));
  const directory = join(folder, 'not', 'there', 'yet');
  return {
    store: fileKeyring(directory),
    another: () => fileKeyring(directory),
    close: async () => rmSync(folder, { recursive: true }),
  };
}

/** A file, and a connection of its own for every store. */
function openSqlite(driver: Driver, journal: string, table?: string): () => Promise<KeyringStoreSubject> {
  return async () => {
    const folder = mkdtempSync(join(tmpdir(), 'cellseal-keyring-'));
    const connections: Connection[] = [];
    const another = (): KeyringStore => {
      const connection = driver.open(join(folder, 'keyring.db'));
      connection.exec('PRAGMA busy_timeout = 5000');
      connection.exec(`PRAGMA journal_mode = ${journal}`);
      connections.push(connection);
      return sqliteKeyring(connection, table === undefined ? {} : { table });
    };
    return {
      store: another(),
      another,
      async close() {
        for (const connection of connections) connection.close();
        rmSync(folder, { recursive: true });
      },
    };
  };
}

const STORES: readonly (readonly [name: string, open: () => Promise<KeyringStoreSubject>])[] = [
  ['memoryKeyring', openMemory],
  ['fileKeyring', openFiles],
  ...DRIVERS.flatMap((driver) => [
    [`sqliteKeyring over ${driver.name}, write-ahead log`, openSqlite(driver, 'WAL')] as const,
    [
      `sqliteKeyring over ${driver.name}, rollback journal, a table of another name`,
      openSqlite(driver, 'DELETE', 'main.an "odd" keyring; --'),
    ] as const,
  ]),
];

describe.each(STORES)('%s', (_, open) => {
  for (const { name, run } of keyringStoreCases(open, EVERYTHING)) it(name, run);
});

describe('environmentKeyring', () => {
  const open: OpenReadOnlyKeyring = (held) => {
    const text = held && Buffer.from(held.document).toString('latin1');
    return { store: environmentKeyring('KEYRING', { OTHER: '{}', ...(text ? { KEYRING: text } : {}) }) };
  };
  for (const { name, run } of readOnlyKeyringCases(open)) it(name, run);
});

describe('keyringStoreCases', () => {
  const copy = ({ revision, document }: StoredKeyring): StoredKeyring => ({
    revision,
    document: Uint8Array.from(document),
  });
  const limit = (): Error => Object.assign(new Error('too long'), { code: 'keyring-limit' });

  /** A store that conforms, from which each faulty one differs in one thing. */
  function sound(): KeyringStore & { newest: StoredKeyring | undefined } {
    return {
      newest: undefined,
      read(maxBytes) {
        if (this.newest && this.newest.document.length > maxBytes) throw limit();
        return this.newest && copy(this.newest);
      },
      write(next) {
        if (next.revision !== (this.newest?.revision ?? 0) + 1) return false;
        this.newest = copy(next);
        return true;
      },
    };
  }

  const FAULTY: readonly (readonly [fault: string, open: () => KeyringStore])[] = [
    ['writes whatever revision it is given', () => ({ ...sound(), write: overwrite(() => true) })],
    [
      'writes a revision twice',
      () => ({ ...sound(), write: overwrite((next, seen) => next === seen || next === seen + 1) }),
    ],
    ['skips revisions', () => ({ ...sound(), write: overwrite((next, seen) => next > seen) })],
    ['goes back', () => ({ ...sound(), write: overwrite((next, seen) => next <= seen + 1) })],
    [
      'begins with any revision',
      () => ({ ...sound(), write: overwrite((next, seen) => seen === 0 || next === seen + 1) }),
    ],
    ['never writes', () => ({ ...sound(), write: () => false })],
    ['says nothing of what it wrote', () => ({ ...sound(), write: overwriteQuietly })],
    ['knows no limit', () => ({ ...sound(), read: unlimited })],
    [
      'has another error for the limit',
      () => ({
        ...sound(),
        read: withLimit(
          (length, most) => length > most,
          () => new RangeError('too long'),
        ),
      }),
    ],
    [
      'refuses what is exactly as long as it may be',
      () => ({ ...sound(), read: withLimit((length, most) => length >= most, limit) }),
    ],
    ['cuts off what is too long', () => ({ ...sound(), read: cutting })],
    ["keeps the writer's own buffer", () => ({ ...sound(), write: keeping })],
    ['gives readers its own buffer', () => ({ ...sound(), read: giving })],
    ['keeps text', () => ({ ...sound(), write: asText })],
    ['keeps the whole buffer behind a part', () => ({ ...sound(), write: wholeBuffer })],
    ['looks, waits, and writes', () => ({ ...sound(), write: slowly })],
    ['orders revisions as text', orderedAsText],
    ['adds a newline', () => ({ ...sound(), write: withNewline })],
    ['trims the end', () => ({ ...sound(), write: trimmed })],
  ];

  type Sound = ReturnType<typeof sound>;

  function overwrite(accepts: (next: number, seen: number) => boolean) {
    return function (this: Sound, next: StoredKeyring): boolean {
      if (!accepts(next.revision, this.newest?.revision ?? 0)) return false;
      this.newest = copy(next);
      return true;
    };
  }
  function overwriteQuietly(this: Sound, next: StoredKeyring): boolean {
    if (next.revision === (this.newest?.revision ?? 0) + 1) this.newest = copy(next);
    return undefined as unknown as boolean;
  }
  function unlimited(this: Sound) {
    return this.newest && copy(this.newest);
  }
  function withLimit(isOver: (length: number, most: number) => boolean, error: () => Error) {
    return function (this: Sound, most: number) {
      if (this.newest && isOver(this.newest.document.length, most)) throw error();
      return this.newest && copy(this.newest);
    };
  }
  function cutting(this: Sound, most: number) {
    return this.newest && { ...this.newest, document: this.newest.document.slice(0, most) };
  }
  function keeping(this: Sound, next: StoredKeyring): boolean {
    if (next.revision !== (this.newest?.revision ?? 0) + 1) return false;
    this.newest = next;
    return true;
  }
  function giving(this: Sound, most: number) {
    if (this.newest && this.newest.document.length > most) throw limit();
    return this.newest;
  }
  function changed(change: (document: Uint8Array<ArrayBuffer>) => Uint8Array) {
    return function (this: Sound, next: StoredKeyring): boolean {
      if (next.revision !== (this.newest?.revision ?? 0) + 1) return false;
      this.newest = { ...next, document: Uint8Array.from(change(next.document)) };
      return true;
    };
  }
  const asText = changed((document) => new TextEncoder().encode(new TextDecoder().decode(document)));
  const wholeBuffer = changed((document) => new Uint8Array(document.buffer));
  const withNewline = changed((document) => Uint8Array.of(...document.subarray(0, 1024), 10));
  const trimmed = changed((document) =>
    Buffer.from(Buffer.from(document).toString('latin1').trimEnd(), 'latin1'),
  );
  async function slowly(this: Sound, next: StoredKeyring): Promise<boolean> {
    const seen = this.newest?.revision ?? 0;
    await Promise.resolve();
    if (next.revision !== seen + 1) return false;
    this.newest = copy(next);
    return true;
  }
  function orderedAsText(): KeyringStore {
    const all = new Map<string, StoredKeyring>();
    const newest = (): StoredKeyring | undefined => all.get([...all.keys()].sort().at(-1) ?? '');
    return {
      read(most) {
        const found = newest();
        if (found && found.document.length > most) throw limit();
        return found && copy(found);
      },
      write(next) {
        if (next.revision !== (newest()?.revision ?? 0) + 1) return false;
        all.set(String(next.revision), copy(next));
        return true;
      },
    };
  }

  /** The name of the first case that rejects. */
  async function failure(open: () => KeyringStore): Promise<string | undefined> {
    for (const { name, run } of keyringStoreCases(async () => ({ store: open() }))) {
      const passed = await run().then(
        () => true,
        () => false,
      );
      if (!passed) return name;
    }
    return undefined;
  }

  it('passes a store that conforms and has no other beside it', async () => {
    expect(await failure(sound)).toBeUndefined();
  });

  it.each(FAULTY)('catches a store that %s', async (_, open) => {
    expect(await failure(open)).toBeDefined();
  });

  it('closes the subject of a case that fails, and of one that does not', async () => {
    for (const store of [sound(), { ...sound(), write: () => false }]) {
      let closed = 0;
      const cases = keyringStoreCases(async () => ({
        store,
        close: async () => {
          closed++;
        },
      }));
      await cases[1]?.run().catch(() => undefined);
      expect(closed).toBe(1);
    }
  });

  it('gives every case a name of its own', () => {
    const cases = [...keyringStoreCases(openMemory, EVERYTHING), ...readOnlyKeyringCases(openMemory)];
    const names = cases.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
  });
});
