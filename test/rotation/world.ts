/** What the tests of a rotation share: a keyring, records in some store, and what an application knows to be in them. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { nodeEngine } from '../../src/engine/node.js';
import {
  type Census,
  type Keyring,
  type OpenOptions,
  type Table,
  activateKey,
  addKey,
  bytes,
  createKeyring,
  decryptRecord,
  encryptRecord,
  integer,
  json,
  keyTagOf,
  listKeys,
  openKeyring,
  schema,
  table,
  text,
} from '../../src/index.js';
import {
  type RecordStore,
  type RotateOptions,
  type RotationCounters,
  type RotationProgress,
  type StoredRecord,
  type TableLayout,
  census,
  rotate,
} from '../../src/rotation/index.js';
import { memoryRecords } from '../../src/store/memory.js';
import { sqliteRecords } from '../../src/store/sqlite.js';
import type { CaseColumn, CaseRow, CaseTable } from '../../src/testing/conformance.js';
import { type SettableStore, settableStore } from '../keyring/support.js';
import { DRIVERS, type Driver } from '../stores/sqlite-drivers.js';
import { type Application, applicationOf, createTable } from '../stores/subjects.js';

export const people = table('people', {
  record: integer('id'),
  encrypt: { email: text(), phone: text({ pad: 16 }), photo: bytes({ form: 'binary', column: 'c1' }) },
});
export const notes = table('notes', {
  record: [text('owner'), integer('number')],
  encrypt: { body: json(), mood: text({ bind: 'column', column: 'the mood' }) },
});
export const everything = schema([people, notes]);

export const RAW_KEY = Uint8Array.from({ length: 32 }, (_, i) => 255 - i);

export type Row = CaseRow;

// ── Places where records live ───────────────────────────────────────────────────────────────────────────────────────

/** Records beside the application that writes them. */
export interface Records extends Application {
  /** As another process would have them. */
  open(): RecordStore;
  close(): void;
}

export interface Place {
  readonly name: string;
  make(tables: readonly CaseTable[]): Records;
}

export const memory: Place = {
  name: 'memoryRecords',
  make() {
    const store = memoryRecords();
    return {
      open: () => ({ ...store }),
      insert: ({ definition }, row) => store.insert(definition, row),
      update: ({ definition }, id, changes) => store.update(definition, id, changes),
      remove: ({ definition }, id) => store.remove(definition, id),
      rows: ({ definition }) => store.rows(definition),
      close: () => undefined,
    };
  },
};

export const sqliteOver = (driver: Driver, name = `sqliteRecords over ${driver.name}`): Place => ({
  name,
  make(tables) {
    const folder = mkdtempSync(join(tmpdir(), 'cellseal-rotation-'));
    const connect = () => {
      const connection = driver.open(join(folder, 'records.db'));
      connection.exec('PRAGMA journal_mode = WAL');
      connection.exec('PRAGMA synchronous = OFF'); // nobody pulls the plug here
      return connection;
    };
    const application = connect();
    const connections = [application];
    for (const made of tables) application.exec(createTable(made));
    return {
      open() {
        const connection = connect();
        connections.push(connection);
        return sqliteRecords(connection);
      },
      ...applicationOf(application),
      close() {
        for (const connection of connections) connection.close();
        rmSync(folder, { recursive: true });
      },
    };
  },
});

export const sqlite = sqliteOver(DRIVERS[0] as Driver, 'sqliteRecords');

export const PLACES: readonly Place[] = [memory, sqlite];

export function caseTableOf(definition: Table): CaseTable {
  const { key, tenant, cells, tokens = [] } = definition.layout;
  const others = tenant && !key.some(({ column }) => column === tenant.column) ? [tenant] : [];
  const columns: CaseColumn[] = [
    ...key.map((part) => ({ ...part, isKey: true })),
    ...others.map((part) => ({ ...part, isKey: false })),
    ...cells.map(({ attribute, column, form }): CaseColumn => {
      return { name: attribute, column, type: form === 'text' ? 'text' : 'bytes', isKey: false };
    }),
    ...cells.flatMap(({ adopting }): CaseColumn[] =>
      typeof adopting === 'object' ? [{ ...adopting, type: 'text', isKey: false }] : [],
    ),
    ...tokens.map(({ column, index }): CaseColumn => ({ name: index, column, type: 'text', isKey: false })),
  ];
  const former = (definition.layout.formerKey ?? []).filter(
    ({ column }) => !columns.some((known) => known.column === column),
  );
  columns.push(...former.map((part) => ({ ...part, isKey: false })));
  return { definition, columns };
}

/** The part of a job record that the tests look at. */
export interface JobRecord {
  readonly state: string;
  readonly table: number;
  readonly cursor: string | null;
  readonly counters: RotationCounters;
}

// ── A keyring and records under it ──────────────────────────────────────────────────────────────────────────────────

export const engine = nodeEngine();

export class World {
  readonly records: Records;
  readonly keyringStore: SettableStore;
  readonly #place: Place;
  readonly #tables: ReadonlyMap<Table, CaseTable>;
  #inspector: RecordStore | undefined;

  private constructor(keyringStore: SettableStore, place: Place, tables: readonly Table[]) {
    this.keyringStore = keyringStore;
    this.#place = place;
    this.#tables = new Map(tables.map((definition) => [definition, caseTableOf(definition)]));
    this.records = place.make([...this.#tables.values()]);
  }

  static async make(place: Place, tables: readonly Table[] = [people, notes]): Promise<World> {
    const keyringStore = settableStore();
    await createKeyring(keyringStore, { rawKey: RAW_KEY, engine });
    return new World(keyringStore, place, tables);
  }

  /** Another world that begins as this one is now. */
  async copy(place: Place = this.#place): Promise<World> {
    const keyringStore = settableStore();
    keyringStore.set(await this.keyringStore.read(1_000_000));
    const copy = new World(keyringStore, place, [...this.#tables.keys()]);
    for (const definition of this.#tables.keys()) {
      for (const row of await this.stored(definition)) await copy.put(definition, row);
    }
    return copy;
  }

  close(): void {
    this.records.close();
  }

  /** For a look from outside. */
  get #inspected(): RecordStore {
    this.#inspector ??= this.records.open();
    return this.#inspector;
  }

  /** As another process would open it. */
  keyring(options: Partial<OpenOptions> = {}): Promise<Keyring> {
    return openKeyring(this.keyringStore, { rawKey: RAW_KEY, engine, ...options });
  }

  /** Adds a key and makes it active. */
  async newKey(tenant?: string | bigint): Promise<string> {
    const keyring = await this.keyring();
    const keyId = await addKey(keyring, tenant === undefined ? {} : { tenant });
    await activateKey(keyring, keyId);
    return keyId;
  }

  async activeKey(): Promise<string> {
    const keys = listKeys(await this.keyring());
    const active = keys.find(({ kind, state, tenant }) => kind === 'data' && state === 'active' && !tenant);
    if (!active) throw new Error('no data key is active');
    return active.keyId;
  }

  // ── as an application has it ──

  /** The rows as they are stored. */
  async stored(definition: Table): Promise<readonly Row[]> {
    return this.records.rows(this.#of(definition));
  }

  /** Writes a row as it is. */
  async put(definition: Table, row: Row): Promise<void> {
    await this.records.insert(this.#of(definition), row);
  }

  async insert(definition: Table, row: Row, keyring?: Keyring): Promise<void> {
    await this.put(definition, await this.sealed(definition, row, keyring));
  }

  /** Writes some columns of the row that has the id of `row`, as they are. */
  async change(definition: Table, row: Row, changes: Row): Promise<void> {
    await this.records.update(this.#of(definition), idOf(definition, row), changes);
  }

  async remove(definition: Table, row: Row): Promise<void> {
    await this.records.remove(this.#of(definition), idOf(definition, row));
  }

  async sealed(definition: Table, row: Row, keyring?: Keyring): Promise<Row> {
    const options = definition.tenant ? [{ tenant: row[definition.tenant.name] }] : [];
    return encryptRecord(definition, row as never, keyring ?? (await this.keyring()), ...(options as []));
  }

  /** One row, decrypted. */
  async opened(definition: Table, row: Row, keyring?: Keyring): Promise<Row> {
    const options = definition.tenant ? [{ tenant: row[definition.tenant.name] }] : [];
    return decryptRecord(definition, row as never, keyring ?? (await this.keyring()), ...(options as []));
  }

  /** All rows of all tables, decrypted with a keyring that is opened for it, in words that can be compared. */
  async contents(): Promise<string[]> {
    const keyring = await this.keyring();
    const found: string[] = [];
    for (const definition of this.#tables.keys()) {
      for (const row of await this.stored(definition)) {
        found.push(spell(definition, await this.opened(definition, row, keyring)));
      }
    }
    return found.sort();
  }

  // ── as somebody has it who rotates ──

  rotate(options: Partial<RotateOptions> & { readonly keyring: Keyring }) {
    return rotate(this.schema, { records: this.records.open(), chunkRecords: 3, ...options });
  }

  /** A rotation from where it stands to its end, with everything opened for it. */
  async rotated(options: Partial<RotateOptions> = {}): Promise<RotationProgress[]> {
    return all(this.rotate({ keyring: await this.keyring(), ...options }));
  }

  async census(keyring?: Keyring): Promise<Census> {
    return census(this.schema, { keyring: keyring ?? (await this.keyring()), records: this.#inspected });
  }

  get schema() {
    return schema([...this.#tables.keys()]);
  }

  /** The job record as it is stored. */
  async job(): Promise<string | undefined> {
    return this.#inspected.readJob(await this.jobId());
  }

  async jobId(): Promise<string> {
    return `rotation:${(await this.keyring()).id}`;
  }

  /** Puts another text in the place of the job record. */
  async setJob(next: string): Promise<void> {
    const store = this.#inspected;
    const id = await this.jobId();
    const written = await store.writeJob({ id, previous: await store.readJob(id), next });
    if (!written) throw new Error('the job record was not written');
  }

  async jobRecord(): Promise<JobRecord | undefined> {
    const job = await this.job();
    return job === undefined ? undefined : (JSON.parse(job) as JobRecord);
  }

  /**
   * Whether the checkpoint is ahead of what was written (R5): the records behind it that have a cell under a key that
   * seals no more.
   */
  async leftBehindCheckpoint(): Promise<string[]> {
    const job = await this.jobRecord();
    if (!job) return [];
    const active = await this.activeKey();
    const left: string[] = [];
    for (const [position, { layout }] of this.schema.tables.entries()) {
      const store = this.#inspected;
      const after = position === job.table ? (job.cursor ?? undefined) : undefined;
      const ahead =
        job.state !== 'sweeping' || position < job.table ? [] : await recordsAfter(store, layout, after);
      for (const { key, cells } of await recordsAfter(store, layout, undefined)) {
        const isOld = cells.some((cell) => cell !== null && keyTagOf(cell) !== `cs1r.${active}.`);
        if (isOld && !ahead.some((record) => record.key === key)) left.push(`${layout.name} ${key}`);
      }
    }
    return left;
  }

  #of(definition: Table): CaseTable {
    return this.#tables.get(definition) as CaseTable;
  }
}

async function recordsAfter(
  store: RecordStore,
  layout: TableLayout,
  after: string | undefined,
): Promise<readonly StoredRecord[]> {
  return (await store.page(layout, { after, maxRecords: 10_000, maxBytes: 1_000_000_000 })).records;
}

function idOf({ layout }: Table, row: Row): Row {
  return Object.fromEntries(layout.key.map(({ name }) => [name, row[name]]));
}

/** Everything that a generator yields. */
export async function all<T>(generator: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const one of generator) found.push(one);
  return found;
}

/** A row in words: its table, its id, its values. */
export function spell(definition: Table, row: Row): string {
  const { key, tenant, cells } = definition.layout;
  const parts = [...key, ...(tenant ? [tenant] : [])];
  const id = parts.map(({ name }) => [name, String(row[name])]);
  const values = cells.map(({ attribute }) => [attribute, plain(row[attribute])]);
  return JSON.stringify([definition.name, ...id, ...values]);
}

function plain(value: unknown): unknown {
  if (value instanceof Uint8Array) return `bytes ${Buffer.from(value).toString('hex')}`;
  return value ?? null;
}

/** A person whose every third phone and every fourth photo is missing. */
export function person(id: number): Row {
  return {
    id: BigInt(id),
    email: `p${id}@example.org`,
    phone: id % 3 === 0 ? null : `+49 30 ${id}`,
    photo: id % 4 === 0 ? null : Uint8Array.from({ length: 5 }, (_, i) => (id + i) & 0xff),
  };
}

export function note(number: number): Row {
  return {
    owner: `o'${number % 3}`,
    number: BigInt(number),
    body: { number, text: ['a note', null] },
    mood: number % 2 === 0 ? null : 'good',
  };
}

/** Fills a world with people and notes under its active key. */
export async function populate(world: World, peopleCount: number, noteCount: number): Promise<void> {
  const keyring = await world.keyring();
  for (let i = 1; i <= peopleCount; i++) await world.insert(people, person(i), keyring);
  for (let i = 1; i <= noteCount; i++) await world.insert(notes, note(i), keyring);
}
