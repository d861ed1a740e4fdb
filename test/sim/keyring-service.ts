/** Where the keyring of a simulated world lives: its document, its registry of processes, its usage log. */
import type { Bytes } from '../../src/bytes.js';
import type { KeyringStore, RegisteredProcess, StoredKeyring } from '../../src/ports/keyring-store.js';
import type { Process } from './scheduler.js';
import { SimulatedError, type World } from './world.js';

/** A keyring store as one process has it. */
export interface ProcessKeyringStore extends KeyringStore {
  /** Whether the keyring was opened: what is read before has other names. */
  isOpened: boolean;
}

export interface Registered {
  readonly process: Process;
  readonly entry: string;
  /** The step in which it was written down first. */
  readonly since: number;
}

/** How long a store that only says so takes to be durable. */
const FLUSH_MS = 4_000;
/** Writers cannot read from the first to the end of the second, again and again. */
const OUTAGE_FROM_MS = 3_000;
const OUTAGE_EVERY_MS = 7_000;

export class KeyringService {
  readonly #world: World;
  /** What survives a power cut. */
  durable: StoredKeyring;
  /** What readers are given. */
  #visible: StoredKeyring;
  readonly past: StoredKeyring[] = [];
  readonly registry = new Map<string, Registered>();
  readonly #usage = new Map<string, number>();

  constructor(world: World, first: StoredKeyring) {
    this.#world = world;
    this.durable = first;
    this.#visible = first;
    this.past.push(first);
  }

  storeFor(process: Process): ProcessKeyringStore {
    const world = this.#world;
    const { role } = process;
    const store: ProcessKeyringStore = {
      isOpened: false,
      read: () => {
        const point = `${role}.keyring.${store.isOpened ? 'read' : 'open'}`;
        return world.call(process, point, () => {
          if (store.isOpened && this.#isOut(process)) throw new SimulatedError(point);
          return this.#read(process, store.isOpened ? point : undefined);
        });
      },
      write: (next) =>
        world.call(process, `${role}.${process.label}.keyring.write`, () => this.#write(next), {
          isLateSafe: true,
        }),
      processes: {
        announce: (registered) =>
          world.call(process, `${role}.registry.announce`, () => this.#announce(process, registered), {
            isLateSafe: true,
          }),
        list: () =>
          world.call(process, `${role}.registry.list`, () =>
            [...this.registry].map(([id, { entry }]) => ({ id, entry })),
          ),
        forget: async (id) => void this.registry.delete(id),
      },
      ...(world.variant.usage
        ? {
            usage: {
              add: async (keyId: string, cells: number) =>
                void this.#usage.set(keyId, (this.#usage.get(keyId) ?? 0) + cells),
              totals: () =>
                world.call(process, `${role}.usage.totals`, () => Object.fromEntries(this.#usage)),
            },
          }
        : {}),
    };
    return store;
  }

  /** The step in which a process was written down first. */
  writtenDownAt(process: Process): number | undefined {
    return [...this.registry.values()].find((registered) => registered.process === process)?.since;
  }

  /** For looks from outside, which nothing disturbs. */
  get inspected(): KeyringStore {
    return { read: () => this.durable, write: () => false };
  }

  /** Writers are cut off from the store for a while, in some worlds. */
  #isOut({ role }: Process): boolean {
    const { variant, scheduler } = this.#world;
    const inOutageMs = scheduler.nowMs % OUTAGE_EVERY_MS;
    return variant.outage && role === 'writer' && inOutageMs >= OUTAGE_FROM_MS;
  }

  #read(process: Process, point: string | undefined): StoredKeyring {
    // Nobody can tell a store that lags from one where nothing has changed: only what is older than what it holds.
    const held = this.#world.invariants.revisionHeldBy(process) ?? 0;
    const past = this.past.filter(({ revision }) => revision < held);
    const replay = point && past.length > 0 ? this.#world.meet(process, point, 'replay') : undefined;
    const older = replay && past.at(replay.isOther ? 0 : -1);
    if (older) {
      process.wasMisled = true;
      this.#world.tell(`${process.name} is given revision ${older.revision}`);
      return copyOf(older);
    }
    process.readKeyringMs = this.#world.scheduler.nowMs;
    return copyOf(this.#visible);
  }

  #write(next: StoredKeyring): boolean {
    const { keyringStore } = this.#world.knobs;
    const isNext = next.revision === this.#visible.revision + 1;
    if (!isNext && keyringStore !== 'last-write-wins') return false;
    const written = copyOf(next);
    this.#visible = written;
    this.#world.tell(`the keyring has revision ${next.revision}`);
    if (keyringStore === 'write-behind') this.#world.scheduler.later(FLUSH_MS, () => this.#keep(written));
    else this.#keep(written);
    return true;
  }

  #keep(written: StoredKeyring): void {
    this.durable = written;
    this.past.push(written);
    this.#world.invariants.keyringWritten(written);
  }

  #announce(process: Process, { id, entry }: RegisteredProcess): void {
    const since = this.registry.get(id)?.since ?? this.#world.scheduler.steps;
    this.registry.set(id, { process, entry, since });
  }
}

function copyOf({ revision, document }: StoredKeyring): StoredKeyring {
  return { revision, document: document.slice() as Bytes };
}
