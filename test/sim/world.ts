/** One simulated world: its stores, its processes, what goes wrong, and the record of all that. */

import type { Environment } from '../../src/keyring/index.js';
import { type Keyring, openKeyringIn } from '../../src/keyring/index.js';
import type { Clock } from '../../src/ports/clock.js';
import type { Engine } from '../../src/ports/engine.js';
import type { SweepEnvironment } from '../../src/sweep/index.js';
import { Database, FenceError } from './database.js';
import { History } from './history.js';
import { Invariants } from './invariants.js';
import { KeyringService } from './keyring-service.js';
import type { Knobs } from './knobs.js';
import type { Fault, Plan, Variant } from './plan.js';
import { LONGEST_PAUSE_MS, isHeld } from './plan.js';
import { Chance, hashOf } from './random.js';
import { type Process, Scheduler, Process as SimulatedProcess } from './scheduler.js';
import { type Beginning, RAW_KEY, engine, everything } from './tables.js';

/** What a store tells whose connection broke. */
export class SimulatedError extends Error {}

/** Older than this a keyring does not encrypt. */
export const MAX_STALE_MS = 2_000;
/** The clocks of those who change the keyring differ by less than this from one another. */
const ADMIN_SKEW_MS = 500;
const DAY_MS = 86_400_000;
const SHORTEST_PAUSE_MS = 2_200;
const LONGEST_FENCED_PAUSE_MS = 15_000;
const MOST_STEPS = 12_000;

export interface Violation {
  readonly invariant: string;
  readonly detail: string;
}

export type Actor = (world: World, process: Process) => Promise<void>;

export class World {
  readonly seed: number;
  readonly variant: Variant;
  readonly knobs: Knobs;
  readonly plan: Plan;
  readonly chance: Chance;
  readonly scheduler: Scheduler;
  readonly database: Database;
  readonly keyrings: KeyringService;
  readonly history = new History();
  readonly invariants: Invariants;
  readonly hits = new Map<string, number>();
  readonly processes: Process[] = [];
  readonly trace: ((line: string) => void) | undefined;
  violation: Violation | undefined;
  traceHash = hashOf('');
  /** The active keys to which somebody wants a sweep, and those to which one has ended. */
  readonly wanted = new Set<string>();
  readonly swept = new Set<string>();
  isAdministered = false;
  writtenValues = 0;
  nextKey = 100;
  readonly #bytes: Chance;
  readonly #faults: { readonly fault: Fault; isOver: boolean }[];
  readonly #met = new Map<string, number>();
  #running = 0;

  constructor(seed: number, plan: Plan, knobs: Knobs, beginning: Beginning, trace?: (line: string) => void) {
    this.seed = seed;
    this.plan = plan;
    this.variant = plan.variant;
    this.knobs = knobs;
    this.trace = trace;
    this.chance = new Chance(seed, 'world');
    this.#bytes = new Chance(seed, 'bytes');
    this.#faults = plan.faults.map((fault) => ({ fault, isOver: false }));
    this.scheduler = new Scheduler(new Chance(seed, 'schedule'));
    this.invariants = new Invariants(this);
    this.database = new Database(
      everything.tables.map(({ name }) => name),
      this.invariants,
    );
    this.keyrings = new KeyringService(this, beginning.keyring);
  }

  get isSweepWanted(): boolean {
    for (const keyId of this.wanted) if (!this.swept.has(keyId)) return true;
    return false;
  }

  /** Whether every writer that lives is written down: one that has opened its keyring and is not yet is waited for by nobody. */
  get areWritersKnown(): boolean {
    const known = new Set([...this.keyrings.registry.values()].map(({ process }) => process));
    return this.processes.every(
      (process) => process.role !== 'writer' || !this.#restarts.has(process) || known.has(process),
    );
  }

  // ── Processes ─────────────────────────────────────────────────────────────────────────────────────────────────────

  /** Starts a process; one that crashes is started again. */
  spawn(role: string, name: string, actor: Actor): void {
    const process = new SimulatedProcess(role, name);
    this.processes.push(process);
    this.#running++;
    const restart = (): void => {
      this.#running--;
      this.spawn(role, name, actor);
    };
    this.#restarts.set(process, restart);
    const run = async (): Promise<void> => {
      try {
        await actor(this, process);
      } catch (error) {
        if (process.isAlive) this.violate('unexpected error', `${name}: ${describe(error)}`);
      }
      if (!process.isAlive) return;
      this.#running--;
      this.#restarts.delete(process);
    };
    void run();
  }

  readonly #restarts = new Map<Process, () => void>();

  crash(process: Process): void {
    this.scheduler.kill(process);
    this.database.rollbackAll(process);
    const restart = this.#restarts.get(process);
    this.#restarts.delete(process);
    if (restart) this.scheduler.later(this.chance.between(50, 1_500), restart);
  }

  /** Until everybody has come to an end. */
  async run(): Promise<void> {
    while (this.#running > 0 && !this.violation) {
      this.database.step = this.scheduler.steps;
      if (!(await this.scheduler.step())) return this.violate('R3', 'everybody waits for ever');
      await this.invariants.check();
      if (this.scheduler.steps > MOST_STEPS) this.violate('R3', 'it does not come to an end');
    }
  }

  violate(invariant: string, detail: string): void {
    if (this.violation) return;
    this.violation = { invariant, detail };
    this.trace?.(`violation of ${invariant}: ${detail}`);
  }

  // ── Calls ─────────────────────────────────────────────────────────────────────────────────────────────────────────

  /** A request to a store: waits for its turn, and meets there what the plan has for it. */
  async call<T>(
    process: Process,
    point: string,
    act: () => T,
    options: { isLateSafe?: boolean } = {},
  ): Promise<T> {
    await this.scheduler.turn(process);
    this.database.step = this.scheduler.steps;
    const fault = this.#meet(process, point);
    switch (fault?.kind) {
      case 'error-before':
        throw new SimulatedError(point);
      case 'error-after':
        act();
        throw new SimulatedError(point);
      case 'crash':
        return this.#crashAt(process, fault, act);
      case 'pause':
        this.scheduler.freeze(process, this.#pauseMs(process), fault.isOther && !this.#isSetBack(process));
        await this.scheduler.turn(process);
        return act();
      case 'clock-jump':
        this.#setClock(process);
        return act();
      case 'duplicate':
        return this.#twice(fault, act, options.isLateSafe === true);
      default:
        return act();
    }
  }

  /** What the plan has for this point, if it is one of the kinds that a store answers by itself. */
  meet(process: Process, point: string, ...kinds: readonly Fault['kind'][]): Fault | undefined {
    const count = (this.#met.get(`${point}!`) ?? 0) + 1;
    this.#met.set(`${point}!`, count);
    return this.#take(process, point, count, (fault) => kinds.includes(fault.kind));
  }

  #meet(process: Process, point: string): Fault | undefined {
    const count = (this.#met.get(point) ?? 0) + 1;
    this.#met.set(point, count);
    const special = ['replay', 'garbage', 'older', 'ahead', 'swept', 'flip'];
    const fault = this.#take(process, point, count, ({ kind }) => !special.includes(kind));
    if (!fault) this.#note(process, point, '');
    return fault;
  }

  #take(process: Process, point: string, count: number, isFit: (fault: Fault) => boolean): Fault | undefined {
    const found = this.#faults.find(
      ({ fault, isOver }) => !isOver && fault.point === point && fault.nth <= count && isFit(fault),
    );
    if (!found) return undefined;
    found.isOver = true;
    const { kind } = found.fault;
    const name = `${point} × ${kind}`;
    this.hits.set(name, (this.hits.get(name) ?? 0) + 1);
    this.#note(process, point, kind);
    return found.fault;
  }

  #note(process: Process, point: string, what: string): void {
    const line = `${this.scheduler.nowMs} ms  ${process.name}  ${point}${what && `  ✗ ${what}`}`;
    this.traceHash = hashOf(line, this.traceHash);
    this.trace?.(line);
  }

  /** A line in the trace that is no injection point. */
  tell(text: string): void {
    this.traceHash = hashOf(text, this.traceHash);
    this.trace?.(`    ${text}`);
  }

  #crashAt<T>(process: Process, fault: Fault, act: () => T): Promise<T> {
    if (fault.isOther) {
      try {
        act();
      } catch {
        // it dies before it hears of that
      }
    }
    this.crash(process);
    return new Promise<T>(() => undefined);
  }

  #twice<T>(fault: Fault, act: () => T, isLateSafe: boolean): T {
    const first = act();
    if (!fault.isOther || !isLateSafe) return act();
    this.scheduler.later(this.chance.between(10, 3_000), () => {
      try {
        act();
      } catch {
        // nobody is there who could hear it
      }
    });
    return first;
  }

  #pauseMs({ role }: Process): number {
    const isBounded = role === 'writer' && isHeld(this.variant);
    return this.chance.between(SHORTEST_PAUSE_MS, isBounded ? LONGEST_PAUSE_MS : LONGEST_FENCED_PAUSE_MS);
  }

  /** A machine that is suspended and whose wall clock is set back shows no time at all: that nothing defends. */
  #isSetBack(process: Process): boolean {
    return process.wallOffsetMs < 0;
  }

  #setClock(process: Process): void {
    const most = process.role === 'admin' || process.role === 'operator' ? ADMIN_SKEW_MS : DAY_MS;
    const isStopped = process.stoppedMs + process.stopsMs > 0;
    process.wallOffsetMs = this.chance.between(isStopped ? 0 : -most, most);
  }

  // ── What a process computes with ──────────────────────────────────────────────────────────────────────────────────

  clockOf(process: Process): Clock {
    const clock = this.scheduler.clockOf(process);
    return this.knobs.clock?.(clock, process) ?? clock;
  }

  environmentOf(process: Process): Environment {
    return {
      engine: this.#engineOf(process),
      random: (count) => this.#bytes.bytes(count),
      clock: this.clockOf(process),
    };
  }

  sweepEnvironmentOf(process: Process): SweepEnvironment {
    return {
      clock: this.scheduler.clockOf(process),
      random: (count) => this.#bytes.bytes(count),
      observer: {
        before: async (step) => {
          if (step === 'chunk.rewrite')
            await this.call(process, `${process.role}.chunk.rewrite`, () => undefined);
        },
      },
      signal: undefined,
    };
  }

  /** Rotators compute on machines that flip a bit now and then. */
  #engineOf(process: Process): Engine {
    if (process.role !== 'rotator') return engine;
    const flipping: Engine = {
      ...engine,
      seal: (key, iv, aad, plaintext, head) => {
        const sealed = engine.seal(key, iv, aad, plaintext, head) as Uint8Array<ArrayBuffer>;
        const at = head?.length ?? 0;
        if (this.meet(process, 'rotator.engine.seal', 'flip')) sealed[at] = (sealed[at] as number) ^ 1;
        return sealed;
      },
    };
    return this.knobs.engine?.(flipping, process) ?? flipping;
  }

  /** Opens the keyring as a process does at its start; tries again where the store fails. */
  async openKeyring(process: Process): Promise<Keyring> {
    const store = this.keyrings.storeFor(process);
    const options = { rawKey: RAW_KEY, maxStaleMs: MAX_STALE_MS };
    const keyring = await this.insist(process, () =>
      openKeyringIn(this.environmentOf(process), store, options),
    );
    store.isOpened = true;
    return keyring;
  }

  /** Opens it once more, at a point where an older one may be given. */
  openKeyringAnew(process: Process): Promise<Keyring> {
    const store = this.keyrings.storeFor(process);
    store.isOpened = true;
    const options = { rawKey: RAW_KEY, maxStaleMs: MAX_STALE_MS };
    return this.insist(process, () => openKeyringIn(this.environmentOf(process), store, options));
  }

  /** Does something until it succeeds. What a store or a rule refuses is tried again; anything else is a violation. */
  async insist<T>(process: Process, work: () => Promise<T>): Promise<T> {
    const clock = this.scheduler.clockOf(process);
    for (;;) {
      try {
        return await work();
      } catch (error) {
        this.expect(process, error);
        await clock.sleep(this.chance.between(50, 400));
      }
    }
  }

  /** Holds an error to what may be told; what may not is thrown on. */
  expect(process: Process, error: unknown): void {
    this.tell(`${process.name} heard: ${describe(error)}`);
    if (error instanceof SimulatedError || error instanceof FenceError) return;
    const code = (error as { code?: unknown } | null)?.code;
    if (code === 'keyring-rolled-back' && process.wasMisled) return;
    if (typeof code === 'string' && EXPECTED.has(code)) return;
    throw error;
  }
}

/** What the protocol may say, so that somebody tries again. */
const EXPECTED: ReadonlySet<string> = new Set([
  'store-busy',
  'rotation-superseded',
  'rotation-blocked',
  'keyring-conflict',
  'keyring-stale',
  'not-acknowledged',
  'census-stale',
  'key-in-use',
  'hold',
  'key-state',
  'self-check',
]);

export function describe(error: unknown): string {
  const { code, message, stack } = (error ?? {}) as { code?: unknown; message?: unknown; stack?: unknown };
  if (typeof code === 'string') return code;
  if (error instanceof SimulatedError) return 'a broken connection';
  if (error instanceof FenceError) return 'refused by the fence';
  return String(stack ?? message ?? error);
}
