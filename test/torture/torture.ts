/** Kills, stops and cuts off rotators and writers over one database, and then looks at what is there. */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type KeyKind,
  type Keyring,
  awaitAcknowledgement,
  createKeyring,
  decryptRecord,
  encryptRecord,
  forgetProcess,
  lookup,
  refreshKeyring,
  setPolicy,
  watchKeyring,
} from '../../src/index.js';
import { finishRotation, pauseRotation, resumeRotation, rotationStatus } from '../../src/rotation/index.js';
import { type Child, type Children, prepareChildren, untilStopped } from './children.js';
import type { Fault } from './faults.js';
import { openLog } from './log.js';
import type { Values, WriterLine } from './model.js';
import { type End, WRITER_POINTS, rotatorPoints } from './points.js';
import { type Cut, type CuttingProxy, startProxy } from './proxy.js';
import { randomFrom } from './random.js';
import type { RotatorOrder, RotatorSaid } from './rotator.js';
import { Statements } from './statements.js';
import {
  type Application,
  PORTS,
  type Row,
  dropTables,
  openApplication,
  openKeyringStore,
  openRecords,
  pause,
  prepareTables,
  storedRows,
  valuesOf,
} from './stores.js';
import { type Findings, faultsIn, verify } from './verify.js';
import {
  MAX_STALE_MS,
  POISONED,
  RAW_KEY,
  type StoreName,
  TABLES,
  type TableName,
  type World,
  everything,
  parcels,
  people,
  writerLog,
} from './world.js';
import type { WriterOrder, WriterSaid } from './writer.js';

/** What a torture takes. */
export interface TortureOptions {
  readonly store: StoreName;
  /** At least so many processes are killed. */
  readonly kills: number;
  /** At least so often at every named point of a rotator. */
  readonly each: number;
  /** So often each other thing is done, and at every named point of a writer. Default: as `each`. */
  readonly others?: number;
  /** Where the keyring is. Default: in files. */
  readonly keyringIn?: World['keyringIn'];
  readonly seed: number;
  /** The named points. Default: all. */
  readonly points?: readonly string[];
  /** What writers do to a record of every chunk that is about to be swapped. Default: something to some. */
  readonly meets?: 'patch' | 'delete';
  /** Planted into every rotator. */
  readonly fault?: Fault;
  /** Keys of this kind only are changed. Default: data keys, index keys and both, in turn. */
  readonly only?: KeyKind;
  /** The schema or database on a server. */
  readonly schema: string;
  /** Told now and then how far it is. */
  readonly onProgress?: (done: number, of: number) => void;
}

/** What came of it. */
export interface Report {
  readonly options: TortureOptions;
  /** By point: processes that ended there by SIGKILL. */
  readonly kills: Readonly<Record<string, number>>;
  /** By name: what else was done to them. */
  readonly other: Readonly<Record<string, number>>;
  readonly seconds: number;
  readonly findings: Findings;
  /** None where everything holds. */
  readonly faults: readonly string[];
}

const WRITERS = 2;
const RECORDS = 260;
/** No point is further away than this. */
const PATIENCE_MS = 25_000;
const LONGEST_LIFE_MS = 500;
const LOOKS_A_ROUND = 6;

export async function torture(options: TortureOptions): Promise<Report> {
  const children = await prepareChildren();
  const run = new Torture(options, children);
  try {
    return await run.all();
  } finally {
    await children.close();
    await run.close();
  }
}

/** A thing to do to a rotator. */
type Round =
  | { readonly kind: 'point'; readonly point: string; readonly tries: number }
  | { readonly kind: 'random' }
  | { readonly kind: 'stop' }
  | { readonly kind: 'pause' }
  | { readonly kind: 'terminate' }
  | { readonly kind: 'cut'; readonly cut: Cut };

/** A thing to do to a writer. */
type WriterRound =
  | { readonly kind: 'point'; readonly point: string }
  | { readonly kind: 'freeze' }
  | { readonly kind: 'stop' }
  | { readonly kind: 'cut'; readonly cut: Cut };

interface WriterAtWork {
  readonly child: Child<WriterSaid>;
  readonly processId: string | undefined;
}

class Torture {
  readonly #options: TortureOptions;
  readonly #children: Children;
  readonly #world: World;
  readonly #random: (n: number) => number;
  readonly #kills: Record<string, number> = {};
  readonly #other: Record<string, number> = {};
  readonly #faults: string[] = [];
  readonly #writers: WriterAtWork[] = [];
  #waiting: Promise<Child<RotatorSaid>> | undefined;
  #application!: Application;
  #keyring!: Keyring;
  #log: ((line: WriterLine) => void) | undefined;
  #intents = 0;
  #keyringStore!: Awaited<ReturnType<typeof openKeyringStore>>;
  #rotatorProxy: CuttingProxy | undefined;
  #writerProxies: CuttingProxy[] = [];
  /** A writer that is to be frozen, with a cell in hand, when a key is made active. */
  #freeze: ((activated: Promise<unknown>) => Promise<void>) | undefined;
  #activated: () => void = () => undefined;

  constructor(options: TortureOptions, children: Children) {
    this.#options = options;
    this.#children = children;
    this.#random = randomFrom(options.seed);
    const folder = mkdtempSync(join(tmpdir(), 'cellseal-torture-'));
    mkdirSync(join(folder, 'keyring'));
    const { store, keyringIn = 'files', schema } = options;
    this.#world = { store, keyringIn, schema, folder };
  }

  async all(): Promise<Report> {
    const startedAt = Date.now();
    await this.#prepare();
    const rotators = this.#rotatorRounds();
    const writers = this.#writerRounds();
    const all = rotators.length + writers.length;
    let done = 0;
    const tell = (): void => this.#options.onProgress?.(++done, all);
    const whenWritersAreDone = this.#tortureWriters(writers, tell);
    let isDone = false;
    void whenWritersAreDone.finally(() => {
      isDone = true;
    });
    while (rotators.length > 0 || !isDone) {
      const round = rotators.shift() ?? { kind: 'random' };
      const again = await this.#tortureRotator(round);
      if (again) rotators.push(again);
      else tell();
      await this.#lookAround();
      if (this.#faults.length > 0) break;
    }
    await whenWritersAreDone;
    await this.#finish();
    const findings = await verify(this.#world, WRITERS + 1);
    return {
      options: this.#options,
      kills: this.#kills,
      other: this.#other,
      seconds: (Date.now() - startedAt) / 1000,
      findings,
      faults: [...this.#faults, ...faultsIn(findings)],
    };
  }

  async close(): Promise<void> {
    await this.#application?.close();
    await this.#keyringStore?.close();
    for (const proxy of [this.#rotatorProxy, ...this.#writerProxies]) proxy?.close();
    await dropTables(this.#world);
    if (process.env['CELLSEAL_KEEP'] === '1') console.error(this.#world.folder);
    else rmSync(this.#world.folder, { recursive: true, force: true });
  }

  // ── What is done ─────────────────────────────────────────────────────────────

  #rotatorRounds(): Round[] {
    const { store, kills, each, others = each } = this.#options;
    const { points: named = rotatorPoints(store) } = this.#options;
    const points = named.flatMap((point) => times(each, (): Round => ({ kind: 'point', point, tries: 0 })));
    const atWriters = WRITER_POINTS.length * others;
    const random = Math.max(Math.ceil(kills / 10), kills - points.length - atWriters);
    const cuts = (['before', 'after'] as const).flatMap((cut) =>
      times(others, (): Round => ({ kind: 'cut', cut })),
    );
    return this.#shuffled([
      ...points,
      ...times(random, (): Round => ({ kind: 'random' })),
      ...times(others * 2, (): Round => ({ kind: 'stop' })),
      ...times(others, (): Round => ({ kind: 'pause' })),
      ...times(others, (): Round => ({ kind: 'terminate' })),
      ...(store === 'sqlite' ? [] : cuts),
    ]);
  }

  #writerRounds(): WriterRound[] {
    const { store, each, others = each } = this.#options;
    const cuts = (['before', 'after'] as const).flatMap((cut) =>
      times(others, (): WriterRound => ({ kind: 'cut', cut })),
    );
    return this.#shuffled([
      ...WRITER_POINTS.flatMap((point) => times(others, (): WriterRound => ({ kind: 'point', point }))),
      ...times(others, (): WriterRound => ({ kind: 'freeze' })),
      ...times(others, (): WriterRound => ({ kind: 'stop' })),
      ...(store === 'sqlite' ? [] : cuts),
    ]);
  }

  #shuffled<T>(list: readonly T[]): T[] {
    const drawn = list.map((one) => [this.#random(2 ** 30), one] as const);
    return drawn.sort(([a], [b]) => a - b).map(([, one]) => one);
  }

  // ── Before and after ─────────────────────────────────────────────────────────

  async #prepare(): Promise<void> {
    const { store } = this.#options;
    await prepareTables(this.#world);
    this.#keyringStore = await openKeyringStore(this.#world);
    this.#keyring = await createKeyring(this.#keyringStore.value, { rawKey: RAW_KEY });
    await setPolicy(this.#keyring, { maxStaleMs: MAX_STALE_MS });
    this.#application = await openApplication(this.#world);
    if (store !== 'sqlite') {
      this.#rotatorProxy = await startProxy(PORTS[store]);
      this.#writerProxies = await Promise.all(times(WRITERS, () => startProxy(PORTS[store])));
    }
    await Promise.all(times(WRITERS, (i) => this.#startWriter(i)));
    const counted = async (): Promise<number> => {
      const { rows } = await this.#application.run(
        'SELECT (SELECT COUNT(*) FROM people) + (SELECT COUNT(*) FROM parcels) AS n',
      );
      return Number(rows[0]?.['n']);
    };
    while ((await counted()) < RECORDS) await pause(50); // the writers have begun
    await watchKeyring(this.#keyring, { everyMs: 500, name: 'torture' });
    this.#log = openLog(writerLog(this.#world, WRITERS), { isSynced: true });
    await this.#write('insert');
  }

  /** Writers end, and a rotator that nobody disturbs comes to an end. */
  async #finish(): Promise<void> {
    await Promise.all(
      this.#writers.map(async ({ child }) => {
        child.send({ stop: true } satisfies WriterOrder);
        await child.ended;
      }),
    );
    await this.#mend();
    const last = await (this.#waiting ?? this.#startRotator());
    this.#waiting = undefined;
    const { fault } = this.#options;
    last.process.on('message', (said: RotatorSaid) => void this.#answer(last, said));
    last.send({
      meets: undefined,
      isHasty: false,
      isPartitioned: false,
      isLast: true,
      fault,
    } satisfies RotatorOrder);
    await last.ended;
    await this.#suspendOld();
  }

  /** Nobody writes any more: nothing that is stored needs a key that was replaced, and what is left is read without them. */
  async #suspendOld(): Promise<void> {
    const held = await openRecords(this.#world, new Statements(() => undefined));
    try {
      await awaitAcknowledgement(this.#keyring, undefined, { timeoutMs: PATIENCE_MS });
      const { inUse, isFinished, census } = await finishRotation(everything, {
        keyring: this.#keyring,
        records: held.value,
        withoutHold: true,
      });
      if (!isFinished) this.#faults.push(`old keys are in use at the end: ${JSON.stringify(inUse)}`);
      for (const { index, missing, notTokens } of census.tables.flatMap(({ indexes = [] }) => indexes))
        if (missing + notTokens > 0)
          this.#faults.push(
            `${index}: ${missing} records without a token, ${notTokens} values that are none`,
          );
    } finally {
      await held.close();
    }
  }

  // ── Rotators ─────────────────────────────────────────────────────────────────

  /** One that is ready; the next one is started meanwhile. */
  async #nextRotator(): Promise<Child<RotatorSaid>> {
    const next = await (this.#waiting ?? this.#startRotator());
    this.#waiting = this.#startRotator();
    return next;
  }

  async #startRotator(): Promise<Child<RotatorSaid>> {
    const child = this.#children.start<RotatorSaid>('rotator', [JSON.stringify(this.#world)]);
    await child.hear((said): said is { readonly ready: true } => 'ready' in said);
    void child.ended.then(({ code }) => {
      if (code) this.#faults.push(`a rotator ended with code ${code}`);
    });
    return child;
  }

  async #order(child: Child<RotatorSaid>, order: Partial<RotatorOrder>): Promise<void> {
    const port = this.#rotatorProxy?.port;
    child.process.on('message', (said: RotatorSaid) => void this.#answer(child, said));
    const kind = this.#random(2) === 0 ? 'patch' : 'delete';
    child.send({
      meets: this.#options.meets ?? (this.#random(3) === 0 ? kind : undefined),
      isHasty: this.#random(2) === 0,
      isPartitioned: this.#random(6) === 0,
      isLast: false,
      ...(port === undefined ? {} : { port }),
      fault: this.#options.fault,
      only: this.#options.only,
      ...order,
    } satisfies RotatorOrder);
  }

  async #answer(child: Child<RotatorSaid>, said: RotatorSaid): Promise<void> {
    if ('meet' in said) await this.#touch(said.meet, said.kind);
    if ('refused' in said) await this.#mend();
    if ('activating' in said) {
      await this.#freeze?.(new Promise<void>((resolve) => (this.#activated = resolve)));
      this.#freeze = undefined;
      setTimeout(() => this.#activated(), 100); // it is active by then, or its rotator is dead
    }
    child.send({ goOn: true });
  }

  /** Has a writer change or delete one of these records now. */
  async #touch(records: readonly string[], kind: 'patch' | 'delete'): Promise<void> {
    const writer = this.#writers[this.#random(this.#writers.length)];
    if (!writer || records.length === 0) return;
    const touched = writer.child.hear((said): said is { readonly touched: boolean } => 'touched' in said);
    writer.child.send({ touch: records, kind } satisfies WriterOrder);
    await Promise.race([touched, pause(1_000)]); // it may be stopped, or dead
  }

  /** Gives back the round, where it is to be done again. */
  async #tortureRotator(round: Round): Promise<Round | undefined> {
    const child = await this.#nextRotator();
    if (round.kind === 'point') return this.#killAt(child, round);
    if (round.kind === 'stop') return this.#stopAndReplace(child);
    if (round.kind === 'cut') return this.#cut(child, round.cut);
    if (round.kind === 'pause') return this.#pauseAndKill(child);
    if (round.kind === 'terminate') return this.#terminate(child);
    await this.#order(child, {});
    await this.#killAtRandom(child);
    return undefined;
  }

  async #killAt(
    child: Child<RotatorSaid>,
    round: Extract<Round, { kind: 'point' }>,
  ): Promise<Round | undefined> {
    const isRare = /key\.|keyring\.change|coverage|job\.|estimate|census|boundaries|quarantine|reread/.test(
      round.point,
    );
    const meets = round.point.endsWith('chunk.reread') ? 'patch' : undefined;
    const isPartitioned = round.point.endsWith('boundaries');
    const isJob = /job|coverage|estimate|chunk.reread|quarantine.read/.test(round.point);
    if (round.point.endsWith('quarantine.settle')) await this.#poison();
    const end: End = { point: round.point, nth: isRare ? 1 : 1 + this.#random(5), how: 'SIGKILL' };
    await this.#order(child, {
      end,
      ...(meets ? { meets } : {}),
      ...(isPartitioned || isJob ? { isPartitioned } : {}),
    });
    const ending = await Promise.race([child.ended, pause(PATIENCE_MS)]);
    if (ending?.signal === 'SIGKILL') {
      this.#count(this.#kills, round.point);
      return undefined;
    }
    await this.#killAtRandom(child, 0);
    this.#count(this.#other, `not reached in ${PATIENCE_MS / 1000} s, tried again: ${round.point}`);
    if (process.env['CELLSEAL_KEEP'] === '1') console.error(`not reached: ${round.point}`);
    if (round.tries === 4) this.#faults.push(`${round.point} was never reached`);
    return round.tries === 4 ? undefined : { ...round, tries: round.tries + 1 };
  }

  async #killAtRandom(child: Child<RotatorSaid>, longest = LONGEST_LIFE_MS): Promise<void> {
    await Promise.race([child.ended, pause(this.#random(longest))]);
    child.kill('SIGKILL');
    const { signal } = await child.ended;
    if (signal === 'SIGKILL') this.#count(this.#kills, 'random (rotator)');
  }

  /** Stops one wherever it is, lets another take over, and continues it. */
  async #stopAndReplace(child: Child<RotatorSaid>): Promise<undefined> {
    const points = rotatorPoints(this.#options.store);
    const point = points[this.#random(points.length)] as string;
    await this.#order(child, { end: { point, nth: 1 + this.#random(3), how: 'SIGSTOP' } });
    await Promise.race([child.ended, untilStopped(child), pause(3_000)]);
    child.kill('SIGSTOP'); // wherever it is, if it did not come there
    this.#count(this.#other, 'stopped and replaced (rotator)');
    const other = await this.#nextRotator();
    await this.#order(other, {});
    await pause(200 + this.#random(800));
    child.kill('SIGCONT');
    await pause(this.#random(300));
    await Promise.all([this.#killAtRandom(child), this.#killAtRandom(other)]);
    return undefined;
  }

  async #cut(child: Child<RotatorSaid>, cut: Cut): Promise<Round | undefined> {
    await this.#order(child, {});
    const callOff = Promise.race([child.ended, pause(PATIENCE_MS)]);
    const isCut = await this.#rotatorProxy?.cutNext(cut, callOff);
    if (isCut) this.#count(this.#other, `cut ${cut} COMMIT (rotator)`);
    await this.#killAtRandom(child);
    return isCut ? undefined : { kind: 'cut', cut };
  }

  /** Pauses it, kills it, sees that the next one stays paused, and resumes. */
  async #pauseAndKill(child: Child<RotatorSaid>): Promise<Round | undefined> {
    const held = await openRecords(this.#world, new Statements(() => undefined));
    const options = { keyring: this.#keyring, records: held.value };
    try {
      await this.#order(child, { isPartitioned: false });
      let isPaused = false;
      for (let tries = 0; tries < 200 && !isPaused; tries++) {
        await pause(20);
        isPaused = await pauseRotation({ ...options, reason: 'torture' });
      }
      await this.#killAtRandom(child);
      if (!isPaused) return { kind: 'pause' };
      const before = await rotationStatus(everything, options);
      const other = await this.#nextRotator();
      await this.#order(other, { isPartitioned: false });
      await pause(LONGEST_LIFE_MS);
      const after = await rotationStatus(everything, options);
      await this.#killAtRandom(other, 0);
      const [was, is] = [before.sweep, after.sweep];
      if (is?.state !== 'paused' || is.counters.scanned !== was?.counters.scanned)
        this.#faults.push(`a paused rotation went on: ${JSON.stringify([was, is])}`);
      await resumeRotation(options);
      this.#count(this.#other, 'paused, killed and resumed (rotator)');
      return undefined;
    } finally {
      await held.close();
    }
  }

  /** Asks it to end, as a service manager does. */
  async #terminate(child: Child<RotatorSaid>): Promise<undefined> {
    await this.#order(child, {});
    await Promise.race([child.ended, pause(this.#random(LONGEST_LIFE_MS * 2))]);
    child.kill('SIGTERM');
    const ending = await Promise.race([child.ended, pause(PATIENCE_MS)]);
    if (ending?.code === 0) this.#count(this.#other, 'ended by SIGTERM (rotator)');
    else this.#faults.push(`a rotator did not end when it was asked to: ${JSON.stringify(ending ?? null)}`);
    child.kill('SIGKILL');
    return undefined;
  }

  // ── A record that cannot be read for a while ─────────────────────────────────

  /** One of its cells is another record's. */
  async #poison(): Promise<void> {
    await this.#application.run(
      this.#options.store === 'mariadb'
        ? 'UPDATE people p JOIN (SELECT MIN(id) AS id FROM people) m JOIN people o ON o.id = m.id SET p.email = o.email WHERE p.id = ?'
        : 'UPDATE people SET email = (SELECT o.email FROM people o WHERE o.id = (SELECT MIN(m.id) FROM people m)) WHERE id = ?',
      [POISONED],
    );
  }

  /** Puts its own cell there again. */
  async #mend(): Promise<void> {
    if (this.#log) await this.#write('patch');
  }

  async #write(kind: 'insert' | 'patch'): Promise<void> {
    const email = 'poisoned@example.com';
    const notes = { n: POISONED };
    const values = kind === 'insert' ? { name: null, email, notes } : { email };
    const intent = this.#intents++;
    this.#log?.({ at: Date.now(), intent, deed: { kind, table: 'people', id: POISONED, values } });
    const row: Row = (await encryptRecord(
      people,
      { id: POISONED, name: null, email, notes },
      this.#keyring,
    )) as never;
    if (kind === 'insert') {
      await this.#application.run('INSERT INTO people (id, email, notes, email_domain) VALUES (?, ?, ?, ?)', [
        POISONED,
        row['email'],
        row['notes'],
        row['email_domain'],
      ]);
    } else {
      await this.#application.run('UPDATE people SET email = ?, email_domain = ? WHERE id = ?', [
        row['email'],
        row['email_domain'],
        POISONED,
      ]);
    }
    this.#log?.({ at: Date.now(), done: intent });
  }

  // ── Writers ──────────────────────────────────────────────────────────────────

  async #startWriter(i: number): Promise<void> {
    const args = [this.#world, i, WRITERS, this.#writerProxies[i]?.port ?? null];
    const child = this.#children.start<WriterSaid>('writer', [JSON.stringify(args)]);
    type Ready = Extract<WriterSaid, { readonly ready: true }>;
    const ready = await child.hear((said): said is Ready => 'ready' in said);
    if (!ready) this.#faults.push('a writer did not begin');
    void child.ended.then(({ code }) => {
      if (code) this.#faults.push(`a writer ended with code ${code}`);
    });
    this.#writers[i] = { child, processId: ready?.processId };
  }

  async #tortureWriters(rounds: WriterRound[], tell: () => void): Promise<void> {
    for (const round of rounds) {
      if (this.#faults.length > 0) return;
      const i = this.#random(WRITERS);
      if (round.kind === 'point') await this.#killWriter(i, round.point);
      else if (round.kind === 'freeze') await this.#freezeWriter(i);
      else if (round.kind === 'stop') await this.#stopWriter(i);
      else {
        const callOff = pause(PATIENCE_MS);
        const isCut = await this.#writerProxies[i]?.cutNext(round.cut, callOff);
        if (isCut) this.#count(this.#other, `cut ${round.cut} COMMIT (writer)`);
      }
      tell();
      await pause(50 + this.#random(300));
    }
  }

  async #killWriter(i: number, point: string): Promise<void> {
    const { child, processId } = this.#writers[i] as WriterAtWork;
    child.send({ end: { point, nth: 1 + this.#random(5), how: 'SIGKILL' } } satisfies WriterOrder);
    const ending = await Promise.race([child.ended, pause(PATIENCE_MS)]);
    if (ending?.signal !== 'SIGKILL') {
      this.#faults.push(`a writer did not come to ${point}`);
      return;
    }
    this.#count(this.#kills, `${point} (writer)`);
    if (processId) await forgetProcess(this.#keyring, processId);
    await this.#startWriter(i);
  }

  /** Stops it with a cell in hand while a key is made active, and for longer than it may be stale. */
  async #freezeWriter(i: number): Promise<void> {
    const { child } = this.#writers[i] as WriterAtWork;
    await new Promise<void>((resolve) => {
      this.#freeze = async (activated) => {
        child.send({ end: { point: 'sealed', nth: 1, how: 'SIGSTOP' } } satisfies WriterOrder);
        await Promise.race([untilStopped(child), pause(1_000)]);
        void activated
          .then(() => pause(this.#random(MAX_STALE_MS * 2)))
          .then(() => {
            child.kill('SIGCONT');
            this.#count(this.#other, 'frozen with a cell in hand while a key is made active (writer)');
            resolve();
          });
      };
    });
  }

  async #stopWriter(i: number): Promise<void> {
    const { child } = this.#writers[i] as WriterAtWork;
    child.kill('SIGSTOP');
    await pause(this.#random(MAX_STALE_MS * 2));
    child.kill('SIGCONT');
    this.#count(this.#other, 'stopped at random (writer)');
  }

  // ── At every instant ─────────────────────────────────────────────────────────

  /** With the keyring as it is stored now, what is in the tables can be read, and would be found by a look-up. */
  async #lookAround(): Promise<void> {
    await refreshKeyring(this.#keyring);
    const table = (Object.keys(TABLES) as TableName[])[this.#random(2)] as TableName;
    const rows = [...(await storedRows(this.#application, table))].filter(
      ([name]) => !name.endsWith(String(POISONED)),
    );
    for (let looks = 0; looks < LOOKS_A_ROUND && rows.length > 0; looks++) {
      const [name, row] = rows[this.#random(rows.length)] as (typeof rows)[number];
      try {
        const record = await decryptRecord(TABLES[table], row as never, this.#keyring);
        if (!(await this.#isFindable(table, row, valuesOf(record as never))))
          this.#faults.push(`${name} has a token that no look-up asks for`);
      } catch (error) {
        this.#faults.push(`${name} cannot be read: ${String(error)}`);
      }
    }
  }

  async #isFindable(table: TableName, row: Row, { email, label, shelf }: Values): Promise<boolean> {
    if (table === 'people') {
      const { tokens } = await lookup(people, 'email', email as string, this.#keyring);
      return tokens.includes(row['email_domain'] as string);
    }
    if (shelf === null) return row['label_shelf'] === null;
    const place = { label: label as string, shelf: shelf as number };
    const { tokens } = await lookup(parcels, 'label_shelf', place, this.#keyring);
    return tokens.includes(row['label_shelf'] as string);
  }

  #count(counts: Record<string, number>, name: string): void {
    counts[name] = (counts[name] ?? 0) + 1;
  }
}

function times<T>(n: number, make: (i: number) => T): T[] {
  return Array.from({ length: n }, (_, i) => make(i));
}
