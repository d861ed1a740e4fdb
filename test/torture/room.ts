/** A rotation in SQLite that has no room left, cannot write, or may not: it says so, loses nothing, and goes on later. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type Keyring,
  activateKey,
  addKey,
  createKeyring,
  decryptRecord,
  encryptRecords,
  listKeys,
  suspendKeys,
} from '../../src/index.js';
import { census, rotate } from '../../src/rotation/index.js';
import { sqliteRecords } from '../../src/store/sqlite.js';
import { TOKEN_PREFIX_CHARACTERS } from '../../src/token-form.js';
import { type Connection, DRIVERS, type Driver } from '../stores/sqlite-drivers.js';
import { bundleScripts } from './children.js';
import { sqliteCode } from './sqlite-code.js';
import { openKeyringStore, valuesOf } from './stores.js';
import { CHUNK_RECORDS, RAW_KEY, type World, everything, people } from './world.js';

/** What came of it. */
export interface RoomReport {
  readonly name: string;
  /** What the rotation was stopped by, each time. */
  readonly stoppedBy: readonly string[];
  /** Records that were looked at, in all runs together. */
  readonly scanned: number;
  readonly records: number;
  /** Records that did not read as they should, at any time. */
  readonly lost: number;
  /** Cells and tokens that were changed by a run that was not allowed to write. */
  readonly changed: number;
  readonly underOldKeys: number;
}

/** Whether it is as it must be: it was stopped, lost nothing, and came to its end without looking at anything twice. */
export function isSoundRoom({
  stoppedBy,
  scanned,
  records,
  lost,
  changed,
  underOldKeys,
}: RoomReport): boolean {
  return stoppedBy.length > 0 && scanned === records && lost + changed + underOldKeys === 0;
}

const RECORDS = 600;
const MORE_PAGES = 5;
/** An end to a rotation that never ends. */
const MAX_STOPS = 100;

/** `PRAGMA max_page_count` is the disk; a history that a trigger keeps fills it. */
export async function diskIsFull(driver: Driver = newest()): Promise<RoomReport> {
  return inRoom('the disk is full', driver, async (room) => {
    room.database.exec('CREATE TABLE history (id INTEGER, email TEXT)');
    room.database.exec(
      'CREATE TRIGGER keep AFTER UPDATE ON people BEGIN INSERT INTO history VALUES (old.id, old.email); END',
    );
    let pages = room.number('PRAGMA page_count'); // not one for the table of the job
    while (room.stoppedBy.length < MAX_STOPS) {
      room.database.exec(`PRAGMA max_page_count = ${pages}`);
      if (await room.rotates()) return;
      await room.look();
      pages += MORE_PAGES;
    }
  });
}

/** A limit on the length of files, set by the shell: a write beyond it fails as on a broken disk. */
export async function writesFail(driver: Driver = newest()): Promise<RoomReport> {
  return inRoom('writing fails', driver, async (room) => {
    const scripts = await bundleScripts(['rotate-once']);
    try {
      let blocks = Math.ceil((room.number('PRAGMA page_count') * room.number('PRAGMA page_size')) / 512);
      room.database.close(); // what a process leaves in the log is brought in when the next one opens
      while (room.stoppedBy.length < MAX_STOPS) {
        const args = [scripts.path('rotate-once'), JSON.stringify(room.world), driver.name];
        // POSIX counts this limit in blocks of 512 bytes.
        const child = spawn(
          '/bin/sh',
          ['-c', `ulimit -f ${blocks}; exec "$0" "$@"`, process.execPath, ...args],
          {
            stdio: ['ignore', 'pipe', 'inherit'],
          },
        );
        let said = '';
        child.stdout.on('data', (bytes) => {
          said += String(bytes);
        });
        await once(child, 'close');
        const { error, scanned } = JSON.parse(said) as { error?: string; scanned: number };
        room.scanned = Math.max(room.scanned, scanned);
        room.reopen();
        await room.look();
        if (error === undefined) return;
        room.stoppedBy.push(error);
        room.database.close();
        blocks += 64;
      }
    } finally {
      scripts.close();
    }
  });
}

/** A connection that may only read, from the beginning and in the middle. */
export async function isReadOnly(driver: Driver = newest()): Promise<RoomReport> {
  return inRoom('the database is read-only', driver, async (room) => {
    const before = room.cells();
    room.reopen({ readonly: true });
    await room.rotates();
    room.changed += room.cells() === before ? 0 : 1;
    room.reopen();
    for (let chunks = 3; room.stoppedBy.length < MAX_STOPS; chunks++) {
      room.database.exec('PRAGMA query_only = 0');
      if (await room.rotates(chunks)) return;
      const middle = room.cells();
      room.database.exec('PRAGMA query_only = 1');
      await room.rotates();
      room.changed += room.cells() === middle ? 0 : 1;
      await room.look();
    }
  });
}

/** The three of them. */
export const ROOMS = [diskIsFull, writesFail, isReadOnly] as const;

function newest(): Driver {
  const driver = DRIVERS.at(-1);
  if (!driver) throw new Error('This Node has no SQLite driver.');
  return driver;
}

async function inRoom(
  name: string,
  driver: Driver,
  work: (room: Room) => Promise<void>,
): Promise<RoomReport> {
  const folder = mkdtempSync(join(tmpdir(), 'cellseal-room-'));
  const world: World = { store: 'sqlite', keyringIn: 'files', schema: '', folder };
  const { value } = await openKeyringStore(world);
  const keyring = await createKeyring(value, { rawKey: RAW_KEY });
  const room = new Room(world, driver, keyring);
  try {
    await room.fill();
    for (const kind of ['data', 'index'] as const)
      await activateKey(keyring, await addKey(keyring, { kind }));
    await work(room);
    await room.look();
    return await room.report(name);
  } finally {
    room.database.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

class Room {
  readonly world: World;
  readonly stoppedBy: string[] = [];
  scanned = 0;
  changed = 0;
  database: Connection;
  readonly #driver: Driver;
  readonly #keyring: Keyring;
  #lost = 0;

  constructor(world: World, driver: Driver, keyring: Keyring) {
    this.world = world;
    this.#driver = driver;
    this.#keyring = keyring;
    this.database = this.#open();
  }

  async fill(): Promise<void> {
    this.database.exec(
      'CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT, email TEXT, notes TEXT, email_domain TEXT); CREATE TABLE parcels (id TEXT PRIMARY KEY, label TEXT, shelf TEXT, content BLOB, label_shelf TEXT)',
    );
    const insert = this.database.prepare('INSERT INTO people VALUES (?, ?, ?, ?, ?)');
    this.database.exec('BEGIN');
    for (const outcome of await encryptRecords(
      people,
      Array.from({ length: RECORDS }, (_, id) => person(id)),
      this.#keyring,
    )) {
      if (outcome.status === 'rejected') throw outcome.reason;
      const { id, name, email, notes, email_domain } = outcome.value;
      insert.run(id, name, email, notes, email_domain ?? null);
    }
    this.database.exec('COMMIT');
  }

  /** Whether it came to its end; not, where it was stopped by an error or after so many chunks. */
  async rotates(chunks = Number.POSITIVE_INFINITY): Promise<boolean> {
    const options = {
      keyring: this.#keyring,
      records: sqliteRecords(this.database),
      chunkRecords: CHUNK_RECORDS,
    };
    try {
      for await (const { counters } of rotate(everything, options)) {
        this.scanned = Math.max(this.scanned, counters.scanned);
        if (--chunks === 0) return false;
      }
      return true;
    } catch (error) {
      this.stoppedBy.push(sqliteCode(error));
      return false;
    }
  }

  /** Reads every record. */
  async look(): Promise<void> {
    const rows = this.database.prepare('SELECT id, name, email, notes FROM people').all() as { id: number }[];
    this.#lost += RECORDS - rows.length;
    for (const row of rows) {
      const found = await decryptRecord(people, { ...row } as never, this.#keyring).catch(() => undefined);
      const { id: _, ...wanted } = person(row.id);
      if (!found || JSON.stringify(valuesOf(found as never)) !== JSON.stringify(wanted)) this.#lost++;
    }
  }

  cells(): string {
    return JSON.stringify(this.database.prepare('SELECT * FROM people ORDER BY id').all());
  }

  number(pragma: string): number {
    return Number(Object.values(this.database.prepare(pragma).all()[0] as object)[0]);
  }

  reopen(options: { readonly readonly?: boolean } = {}): void {
    try {
      this.database.close();
    } catch {
      // it was closed
    }
    this.database = this.#open(options);
  }

  async report(name: string): Promise<RoomReport> {
    const records = sqliteRecords(this.database);
    const count = await census(everything, { keyring: this.#keyring, records });
    const old = listKeys(this.#keyring)
      .filter(({ state }) => state === 'deactivated')
      .map(({ keyId }) => keyId);
    const counted = { ...count.cells, ...count.tokens };
    const underOldKeys = old.reduce(
      (sum, keyId) => sum + (counted[keyId] ?? 0) + (counted[keyId.slice(0, TOKEN_PREFIX_CHARACTERS)] ?? 0),
      0,
    );
    if (underOldKeys === 0) await suspendKeys(this.#keyring, old, count, { withoutHold: true });
    await this.look(); // with the old key suspended
    const { stoppedBy, scanned, changed } = this;
    return { name, stoppedBy, scanned, records: RECORDS, lost: this.#lost, changed, underOldKeys };
  }

  #open(options: { readonly readonly?: boolean } = {}): Connection {
    const connection = this.#driver.open(join(this.world.folder, 'records.db'), options);
    if (!options.readonly) connection.exec('PRAGMA journal_mode = WAL');
    return connection;
  }
}

function person(id: number) {
  return { id, name: id % 7 === 0 ? null : `name ${id} Ω`, email: `${id}@example.com`, notes: { n: id } };
}
