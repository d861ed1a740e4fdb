/**
 * The application: inserts, changes, deletes and brings back records that only it writes, and reads them again. What
 * it is about to do, and that it has done it, stands in a log outside the database, synced each time.
 */
import { type Keyring, decryptRecord, encryptRecord, lookup, watchKeyring } from '../../src/index.js';
import type { QueryLine } from './indexes.js';
import { openLog, readLog } from './log.js';
import {
  type Candidates,
  type Deed,
  type Values,
  type WriterLine,
  deedsOf,
  recordName,
  replay,
} from './model.js';
import { type End, Points, type WriterPoint } from './points.js';
import { randomFrom } from './random.js';
import {
  type Application,
  candidateRows,
  openApplication,
  openKeyringStore,
  pause,
  plainOf,
  valuesOf,
  viewed,
} from './stores.js';
import {
  POISONED,
  TABLES,
  type TableName,
  type World,
  parcels,
  people,
  queryLog,
  unlock,
  writerLog,
} from './world.js';

/** What a writer is told. */
export type WriterOrder =
  | { readonly end: End }
  /** Changes or deletes one of these records next. */
  | { readonly touch: readonly string[]; readonly kind: 'patch' | 'delete' }
  | { readonly stop: true };

/** What it says. */
export type WriterSaid =
  | { readonly ready: true; readonly processId: string | undefined }
  | { readonly touched: boolean }
  | { readonly stopped: true };

const PACE_MS = 12;
/** How many records a writer has, about. */
const RECORDS = 150;
/** So many e-mail domains, and labels of parcels, are there: what is looked up is found in several records. */
const DOMAINS = 16;
const LABELS = 30;
const SHELVES = 3;

class Writer {
  readonly #world: World;
  readonly #number: number;
  readonly #writers: number;
  readonly #port: number | undefined;
  readonly #points = new Points();
  readonly #random: (n: number) => number;
  readonly #log: (line: WriterLine) => void;
  readonly #logQuery: (line: QueryLine) => void;
  readonly #touches: { readonly touch: readonly string[]; readonly kind: 'patch' | 'delete' }[] = [];
  #records: Map<string, Candidates>;
  #intents: number;
  #nextId: number;
  #connections: number[];
  #isToStop = false;

  constructor(world: World, number: number, writers: number, port: number | undefined) {
    this.#world = world;
    this.#number = number;
    this.#writers = writers;
    this.#port = port;
    const path = writerLog(world, number);
    const lines = readLog<WriterLine>(path);
    const deeds = deedsOf(lines);
    this.#records = replay(deeds);
    this.#intents = deeds.length;
    this.#nextId = deeds.filter(({ kind }) => kind === 'insert').length;
    this.#connections = lines.flatMap((line) => ('connection' in line ? line.connection : []));
    this.#random = randomFrom(number * 7919 + deeds.length);
    this.#log = openLog(path, { isSynced: true });
    this.#logQuery = openLog(queryLog(world, number), { isSynced: false });
  }

  obey(order: WriterOrder): void {
    if ('end' in order) this.#points.endAt(order.end);
    else if ('touch' in order) this.#touches.push(order);
    else this.#isToStop = true;
  }

  async run(): Promise<void> {
    const held = await openKeyringStore(this.#world);
    const keyring = await unlock(held.value);
    const watch = await watchKeyring(keyring, { everyMs: 100, name: `writer ${this.#number}` });
    let application = await this.#connect();
    this.#log({ at: Date.now(), began: process.pid });
    say({ ready: true, processId: watch.processId });

    while (!this.#isToStop) {
      const touch = this.#touches.shift();
      const deed = touch ? this.#touching(touch) : this.#someDeed();
      let isOver = true;
      if (deed) isOver = await this.#do(deed, application, keyring);
      if (touch) say({ touched: deed !== undefined });
      if (!isOver) application = await this.#connect();
      if (this.#random(3) === 0) await this.#readOne(application, keyring);
      if (this.#random(2) === 0) await this.#lookUp(application, keyring);
      await pause(PACE_MS);
    }
    await application.close();
    await watch.stop();
    await held.close();
    say({ stopped: true });
    process.disconnect();
  }

  /** What an earlier connection was at is over before this one writes: else it might still land behind it. */
  async #connect(): Promise<Application> {
    for (;;) {
      try {
        const application = await openApplication(this.#world, this.#port);
        if (application.connection !== undefined)
          this.#log({ at: Date.now(), connection: application.connection });
        for (const earlier of this.#connections) await application.end(earlier);
        this.#connections = application.connection === undefined ? [] : [application.connection];
        return application;
      } catch (error) {
        if (!isConnectionLost(error)) throw error;
        await pause(20);
      }
    }
  }

  /** Records of which it is certain what they are. */
  #known(is: (values: Values | null) => boolean): string[] {
    return [...this.#records].flatMap(([name, candidates]) =>
      candidates.length === 1 && is(candidates[0] as Values | null) ? name : [],
    );
  }

  #touching({
    touch,
    kind,
  }: {
    readonly touch: readonly string[];
    readonly kind: 'patch' | 'delete';
  }): Deed | undefined {
    const known = new Set(this.#known((values) => values !== null));
    const name = touch.find((one) => known.has(one));
    return name === undefined ? undefined : this.#deed(kind, name);
  }

  #someDeed(): Deed | undefined {
    const dice = this.#random(10);
    const there = this.#known((values) => values !== null);
    if (there.length < RECORDS) return this.#deed('insert', this.#newName());
    if (dice === 2) {
      const gone = this.#known((values) => values === null);
      if (gone.length > 0) return this.#deed('insert', gone[this.#random(gone.length)] as string);
    }
    const name = there[this.#random(there.length)] as string;
    if (dice <= 4) return this.#deed('delete', name);
    return this.#deed(dice <= 6 ? 'update' : 'patch', name);
  }

  #newName(): string {
    const number = this.#nextId++ * this.#writers + this.#number;
    return this.#random(3) === 0
      ? recordName('parcels', `parcel-${(number * 7919) % 10_007}-${number}`)
      : recordName('people', number);
  }

  #deed(kind: Deed['kind'], name: string): Deed {
    const [table, spelled] = name.split('/') as [TableName, string];
    const id = table === 'people' ? Number(spelled) : spelled;
    return { kind, table, id, values: kind === 'delete' ? {} : this.#values(table, kind === 'patch') };
  }

  #values(table: TableName, isPatch: boolean): Values {
    const number = this.#intents;
    if (table === 'people') {
      const email = `mail-${this.#number}-${number}@${this.#someDomain()}`;
      if (isPatch) return { email };
      return { name: number % 7 === 0 ? null : `name ${number} Ω`, email, notes: { n: number } };
    }
    const content = Buffer.from(`${number} of ${this.#number}`.repeat(1 + (number % 5))).toString('hex');
    const place = { label: this.#someLabel(), shelf: number % 7 === 0 ? null : this.#random(SHELVES) };
    if (!isPatch) return { ...place, content };
    return this.#random(2) === 0 ? place : { content };
  }

  #someDomain(): string {
    const domain = `shop-${this.#random(DOMAINS)}.例え.jp`;
    return this.#random(2) === 0 ? domain.toUpperCase() : domain;
  }

  #someLabel(): string {
    return `parcel ${this.#random(LABELS)}`;
  }

  /** Does one thing to one record; whether the connection can still be used. */
  async #do(deed: Deed, application: Application, keyring: Keyring): Promise<boolean> {
    const intent = this.#intents++;
    const name = recordName(deed.table, deed.id);
    const before = this.#records.get(name) ?? [null];
    this.#log({ at: Date.now(), intent, deed });
    this.#reach('intent');
    const isCommitting = { yes: false };
    try {
      const row = deed.kind === 'delete' ? {} : await this.#seal(deed, keyring);
      this.#reach('sealed');
      const changed = await this.#transaction(application, isCommitting, () => write(application, deed, row));
      this.#reach('committed');
      if (changed !== 1)
        this.#log({ at: Date.now(), violation: `${deed.kind} of ${name} changed ${changed} records` });
    } catch (error) {
      // Until COMMIT is said the database undoes it, whatever becomes of the connection.
      if (!isCommitting.yes) {
        this.#log({ at: Date.now(), undone: intent });
        if (!isConnectionLost(error) && !application.isBusy(error)) {
          this.#log({ at: Date.now(), violation: `${deed.kind} of ${name} failed: ${String(error)}` });
          throw error;
        }
        return !isConnectionLost(error);
      }
      if (!isConnectionLost(error)) throw error;
      this.#records.set(name, [...before, ...this.#after(deed, before)]);
      return false;
    }
    this.#records.set(name, this.#after(deed, before));
    this.#log({ at: Date.now(), done: intent });
    this.#reach('done');
    return true;
  }

  #after(deed: Deed, before: Candidates): Candidates {
    const once = { ...deed, from: 0, until: 0, outcome: 'done' as const };
    const name = recordName(deed.table, deed.id);
    const [values] = before;
    const start = values ? [{ ...once, kind: 'insert' as const, values }] : [];
    return replay([...start, once]).get(name) ?? [null];
  }

  async #seal(deed: Deed, keyring: Keyring): Promise<Record<string, unknown>> {
    const plain = plainOf(deed.table, deed.id, deed.values);
    return (await encryptRecord(TABLES[deed.table], plain as never, keyring)) as Record<string, unknown>;
  }

  async #transaction<T>(
    application: Application,
    isCommitting: { yes: boolean },
    work: () => Promise<T>,
  ): Promise<T> {
    for (;;) {
      try {
        await application.run('BEGIN');
        const result = await work();
        this.#reach('written');
        isCommitting.yes = true;
        await application.run('COMMIT');
        return result;
      } catch (error) {
        if (!application.isBusy(error)) {
          if (!isConnectionLost(error)) await application.run('ROLLBACK').catch(() => undefined);
          throw error;
        }
        isCommitting.yes = false; // somebody else's lock: nothing came of it
        await application.run('ROLLBACK').catch(() => undefined);
        await pause(5);
      }
    }
  }

  /** An application's own look: what it was told is there is there, and can be read. */
  async #readOne(application: Application, keyring: Keyring): Promise<void> {
    const known = this.#known(() => true);
    const name = known[this.#random(known.length)];
    if (name === undefined) return;
    const [table, id] = name.split('/') as [TableName, string];
    const columns = ['id', ...Object.keys(TABLES[table].encrypt)].join(', ');
    try {
      const { rows } = await application.run(`SELECT ${columns} FROM ${table} WHERE id = ? LIMIT 1`, [
        table === 'people' ? Number(id) : id,
      ]);
      const row = rows[0] && viewed(rows[0]);
      const found = row
        ? valuesOf((await decryptRecord(TABLES[table], row as never, keyring)) as never)
        : null;
      const expected = this.#records.get(name)?.[0];
      if (!isSame(found, expected))
        this.#log({ at: Date.now(), violation: `${name} is not what was acknowledged` });
    } catch (error) {
      if (isConnectionLost(error) || application.isBusy(error)) return; // the next write will see to it
      this.#log({ at: Date.now(), violation: `${name} cannot be read: ${String(error)}` });
    }
  }

  /** Who has a value, also of those that others write: what was found is judged when all is known. */
  async #lookUp(application: Application, keyring: Keyring): Promise<void> {
    const isPeople = this.#random(2) === 0;
    const table = isPeople ? 'people' : 'parcels';
    const email = `somebody@${this.#someDomain()}`;
    const place = { label: this.#someLabel(), shelf: this.#random(SHELVES) };
    try {
      const from = Date.now();
      const asked = isPeople
        ? await lookup(people, 'email', email, keyring)
        : await lookup(parcels, 'label_shelf', place, keyring);
      const rows = await candidateRows(this.#world, application, table, asked);
      const until = Date.now();
      const found: string[] = [];
      for (const [name, row] of rows) {
        if (name === recordName('people', POISONED)) continue; // it cannot be read, now and then
        const record = await decryptRecord(TABLES[table], row as never, keyring);
        if (asked.matches(record as never)) found.push(name);
      }
      const index = isPeople ? 'email_domain' : 'label_shelf';
      const values = isPeople ? { email } : place;
      this.#logQuery({ index, values, from, until, found, leftOut: rows.size - found.length });
    } catch (error) {
      if (isConnectionLost(error) || application.isBusy(error)) return; // the next write will see to it
      this.#log({ at: Date.now(), violation: `a look-up in ${table} failed: ${String(error)}` });
    }
  }

  #reach(point: WriterPoint): void {
    this.#points.reach(point);
  }
}

async function write(application: Application, deed: Deed, row: Record<string, unknown>): Promise<number> {
  const columns = Object.keys(row).filter((column) => column !== 'id'); // with the tokens that go with them
  const values = columns.map((column) => bound(row[column]));
  if (deed.kind === 'delete') {
    return (await application.run(`DELETE FROM ${deed.table} WHERE id = ?`, [deed.id])).changed;
  }
  if (deed.kind === 'insert') {
    const sql = `INSERT INTO ${deed.table} (id, ${columns.join(', ')}) VALUES (?, ${columns.map(() => '?').join(', ')})`;
    return (await application.run(sql, [deed.id, ...values])).changed;
  }
  const set = columns.map((column) => `${column} = ?`).join(', ');
  return (await application.run(`UPDATE ${deed.table} SET ${set} WHERE id = ?`, [...values, deed.id]))
    .changed;
}

function bound(value: unknown): unknown {
  return value instanceof Uint8Array ? Buffer.from(value) : (value ?? null);
}

function isSame(found: unknown, expected: unknown): boolean {
  return JSON.stringify(sorted(found)) === JSON.stringify(sorted(expected));
}

function sorted(values: unknown): unknown {
  return values && Object.entries(values).sort(([a], [b]) => (a < b ? -1 : 1));
}

/** What the drivers say of a connection that is not there any more. */
function isConnectionLost(error: unknown): boolean {
  const { code, message } = error as { code?: unknown; message?: unknown };
  return (
    /^(ECONNRESET|ECONNREFUSED|EPIPE|PROTOCOL_CONNECTION_LOST|57P01|ER_CONNECTION_KILLED)$/.test(
      String(code),
    ) || /[Cc]onnection (terminated|ended|is closed|lost)|not queryable|closed state/.test(String(message))
  );
}

function say(said: WriterSaid): void {
  process.send?.(said);
}

const [world, number, writers, port] = JSON.parse(process.argv[2] ?? '[]') as [
  World,
  number,
  number,
  number | null,
];
const writer = new Writer(world, number, writers, port ?? undefined);
process.on('message', (order: WriterOrder) => writer.obey(order));
await writer.run();
