/** What must hold after every step (R1 to R16 of docs/rotation.md), looked at from outside with the keyring as it is persisted. */
import type { Bytes } from '../../src/bytes.js';
import { type Keyring, decryptCell, listKeys } from '../../src/index.js';
import { decodePayload, splitDocument } from '../../src/keyring/document.js';
import { openKeyringIn, openedOf } from '../../src/keyring/index.js';
import { keyIdOf as keyIdOfEntry } from '../../src/keyring/keys.js';
import { KEY_STATES, type KeyState } from '../../src/keyring/states.js';
import type { StoredKeyring } from '../../src/ports/keyring-store.js';
import type { RotationJob } from '../../src/rotation/job.js';
import { decodeJob } from '../../src/rotation/job.js';
import { type DatabaseListener, type Row, keyIdOfCell, sameCell } from './database.js';
import type { Process } from './scheduler.js';
import { type Cell, RAW_KEY, engine, everything, idOf, type people } from './tables.js';
import { MAX_STALE_MS, type World } from './world.js';

export class Invariants implements DatabaseListener {
  readonly #world: World;
  #keyring: Keyring | undefined;
  #states: ReadonlyMap<string, KeyState> = new Map();
  /** Cells by the key that they name. */
  readonly #underKey = new Map<string, Set<string>>();
  readonly #keyOf = new Map<string, string>();
  /** When each process last read a page, by table. */
  readonly #pages = new Map<Process, Map<string, number>>();
  readonly #openings = new Map<string, { readonly stored: Cell; readonly value: string }>();
  readonly #documents = new Map<number, StoredKeyring>();
  #hasNewKeyring = true;
  readonly #jobs: string[] = [];
  #isPaused = false;
  /** The step in which each key came to be persisted. */
  readonly #addedAt = new Map<string, number>();

  constructor(world: World) {
    this.#world = world;
  }

  // ── Heard while it happens ────────────────────────────────────────────────────────────────────────────────────────

  swapped(table: string, key: number, cell: number, old: Cell, fresh: Cell): void {
    const [from, to] = [keyIdOfCell(old), keyIdOfCell(fresh)];
    // R7: what is under the key already is not written again.
    if (from !== undefined && from === to)
      this.#world.violate('R7', `${table} ${key}.${cell} was rewritten from a key to itself`);
    if (this.#isPaused && this.#world.variant.transactions && !this.#world.variant.partitions)
      this.#world.violate('R13', `${table} ${key}.${cell} was rewritten while the rotation was paused`);
  }

  pageRead(process: Process, table: string): void {
    const pages = this.#pages.get(process) ?? new Map<string, number>();
    this.#pages.set(process, pages);
    pages.set(table, this.#world.scheduler.steps);
  }

  /** A job record that was replaced long ago. */
  get olderJob(): string | undefined {
    return this.#jobs[0];
  }

  /** A record that is there at the beginning. */
  adopt(table: string, key: number, row: Row): void {
    for (const [cell, stored] of row.cells.entries())
      this.#note(`${table} ${key}.${cell}`, stored, row, cell);
  }

  jobWritten(process: Process | undefined, previous: string | undefined, next: string): void {
    const job = decodeJob(next);
    const before = decodeJob(previous);
    this.#jobs.push(next);
    this.#isPaused = job?.state === 'paused';
    if (!process || !job) return;
    if (before && before.startedAtMs === job.startedAtMs) this.#assertMonotone(before, job);
    if (before && before.run === job.run) this.#assertNotAhead(process, before, job);
  }

  /** R12. */
  #assertMonotone(before: RotationJob, job: RotationJob): void {
    for (const [name, count] of Object.entries(before.counters)) {
      if (job.counters[name as keyof typeof job.counters] < count)
        this.#world.violate('R12', `the counter ${name} went back`);
    }
    if (job.revision !== before.revision + 1)
      this.#world.violate('R12', `the job's revision went from ${before.revision} to ${job.revision}`);
  }

  /**
   * R5: every record between the place where the checkpoint was and the one where it is has been dealt with: it is under
   * a key that seals, was refused or deferred, or an application has written it since the page was read.
   */
  #assertNotAhead(process: Process, before: RotationJob, job: RotationJob): void {
    if (
      this.#world.knobs.paging === 'offset' ||
      job.passDeferred > before.passDeferred ||
      job.pass > before.pass
    )
      return;
    if (
      before.state !== 'sweeping' ||
      (job.table === before.table && job.cursor === before.cursor && job.state === before.state)
    )
      return;
    const definition = everything.tables[before.table];
    if (!definition) return;
    const from = before.cursor === null ? Number.NEGATIVE_INFINITY : Number(before.cursor);
    const isSameTable = job.table === before.table && job.state !== 'swept';
    // Paused, or at another pace, where it stood.
    if (isSameTable && job.cursor === before.cursor) return;
    const to = isSameTable && job.cursor !== null ? Number(job.cursor) : Number.POSITIVE_INFINITY;
    const readAt = this.#pages.get(process)?.get(definition.name) ?? 0;
    const check = (): void => {
      for (const [key, row] of this.#world.database.table(definition.name).rows) {
        if (key <= from || key > to) continue;
        for (const [cell, stored] of row.cells.entries()) {
          const isBroken = typeof row.truth[cell] === 'object' && row.truth[cell] !== null;
          if (stored === null || isBroken || (row.writtenAt[cell] ?? 0) >= readAt) continue;
          const state = this.#states.get(keyIdOfCell(stored) ?? '');
          if (state === 'deactivated' && !job.isBehind && !this.#hasNewKeyring && !this.#isBehindNow(process))
            this.#world.violate(
              'R5',
              `${definition.name} ${key}.${cell} is behind the checkpoint under an old key`,
            );
        }
      }
    };
    this.#after.push(check);
  }

  readonly #after: (() => void)[] = [];

  /** Whether a rotation does not know yet which key is active: it takes that up with its next chunk. */
  #isBehindNow(process: Process): boolean {
    return (this.#opened.get(process)?.() ?? 0) < this.#world.keyrings.durable.revision;
  }

  readonly #opened = new Map<Process, () => number>();

  /** How to see which revision a process holds. */
  watches(process: Process, keyring: Keyring): void {
    this.#opened.set(process, () => openedOf(keyring).document.revision);
  }

  revisionHeldBy(process: Process): number | undefined {
    return this.#opened.get(process)?.();
  }

  /** R11: each revision is written once, and names its predecessor. */
  keyringWritten(stored: StoredKeyring): void {
    const known = this.#documents.get(stored.revision);
    if (known && !sameCell(known.document, stored.document as Cell))
      this.#world.violate('R11', `revision ${stored.revision} of the keyring was written twice`);
    this.#documents.set(stored.revision, stored);
    this.#hasNewKeyring = true;
  }

  // ── Looked at after every step ────────────────────────────────────────────────────────────────────────────────────

  async check(): Promise<void> {
    const { database } = this.#world;
    for (const assert of this.#after.splice(0)) assert();
    if (this.#hasNewKeyring) await this.#readKeyring();
    if (database.changed.size === 0) return;
    const changed = [...database.changed.values()];
    database.changed.clear();
    for (const [table, key] of changed) await this.#checkRecord(table, key);
  }

  async #readKeyring(): Promise<void> {
    this.#hasNewKeyring = false;
    const world = this.#world;
    try {
      const payload = decodePayload(splitDocument(world.keyrings.durable.document).payload);
      const before = this.#states;
      this.#states = new Map(payload.keys.map((entry) => [keyIdOf(entry.commitment), entry.state]));
      for (const [keyId, state] of this.#states) {
        if (!this.#addedAt.has(keyId)) this.#addedAt.set(keyId, world.scheduler.steps);
        if (state === 'active' && before.get(keyId) !== undefined && before.get(keyId) !== 'active')
          this.#assertIntroduced(
            keyId,
            payload.keys.find((entry) => keyIdOf(entry.commitment) === keyId)?.addedIn ?? 0,
          );
      }
      await this.#assertChained(payload.previous, payload.revision);
      if (this.#keyring) await openedOf(this.#keyring).refresh();
      else this.#keyring = await this.#open();
      if (listKeys(this.#keyring).length === 0) world.violate('R1', 'the keyring has no key');
    } catch (error) {
      world.violate(
        'R11',
        `the persisted keyring cannot be opened: ${String((error as { code?: unknown }).code)}`,
      );
      return;
    }
    for (const [keyId, cells] of this.#underKey)
      if (cells.size > 0) this.#assertKeyOpens(keyId, [...cells][0] as string);
  }

  #open(): Promise<Keyring> {
    const { scheduler, keyrings } = this.#world;
    const environment = {
      engine,
      random: (count: number) => new Uint8Array(count),
      clock: scheduler.clockOf(OUTSIDE),
    };
    return openKeyringIn(environment, keyrings.inspected, {
      rawKey: RAW_KEY,
      maxStaleMs: Number.POSITIVE_INFINITY,
    });
  }

  /** R11: the document names the one before it. */
  async #assertChained(previous: Bytes | undefined, revision: number): Promise<void> {
    const before = this.#documents.get(revision - 1);
    if (!before) return;
    const hash = await engine.digest(splitDocument(before.document).payload);
    if (!previous || !sameCell(previous, hash))
      this.#world.violate('R11', `revision ${revision} of the keyring does not follow the one before it`);
  }

  /** Before a key is made active, whoever is written down, alive and not stale has read it. */
  #assertIntroduced(keyId: string, addedIn: number): void {
    const { keyrings, scheduler } = this.#world;
    for (const { process, since } of keyrings.registry.values()) {
      const isCounted =
        process.isAlive &&
        scheduler.nowMs - process.readKeyringMs <= MAX_STALE_MS &&
        since < (this.#addedAt.get(keyId) ?? 0) &&
        process.frozenUntilMs <= scheduler.nowMs;
      const revision = this.#opened.get(process)?.();
      if (isCounted && revision !== undefined && revision < addedIn)
        this.#world.violate('introduction', `${process.name} has not read the key that was made active`);
    }
  }

  #assertKeyOpens(keyId: string, where: string): void {
    const state = this.#states.get(keyId);
    if (state === undefined)
      this.#world.violate('R1', `${where} is under a key that the persisted keyring does not have`);
    else if (!KEY_STATES[state].opens) this.#world.violate('R4', `${where} is under a key that is ${state}`);
  }

  async #checkRecord(table: string, key: number): Promise<void> {
    const row = this.#world.database.table(table).rows.get(key);
    const columns = everything.tables.find(({ name }) => name === table)?.layout.cells ?? [];
    for (const [cell, { attribute }] of columns.entries()) {
      const where = `${table} ${key}.${cell}`;
      const stored = row?.cells[cell] ?? null;
      this.#note(where, stored, row, cell);
      if (row) await this.#checkCell(where, table, key, attribute, stored, row, cell);
    }
  }

  #note(where: string, stored: Cell, row: Row | undefined, cell: number): void {
    const known = this.#keyOf.get(where);
    if (known !== undefined) this.#underKey.get(known)?.delete(where);
    this.#keyOf.delete(where);
    const truth = row?.truth[cell];
    const keyId = keyIdOfCell(stored);
    if (keyId === undefined || (typeof truth === 'object' && truth !== null)) return;
    this.#keyOf.set(where, keyId);
    const cells = this.#underKey.get(keyId) ?? new Set<string>();
    this.#underKey.set(keyId, cells.add(where));
  }

  async #checkCell(
    where: string,
    table: string,
    key: number,
    attribute: string,
    stored: Cell,
    row: Row,
    cell: number,
  ): Promise<void> {
    const world = this.#world;
    const truth = row.truth[cell];
    if (truth === undefined)
      return world.violate('R2', `${where} is in a record that was deleted, and is back`);
    if (truth === null || stored === null) {
      if (truth !== stored) world.violate('R2', `${where} should be ${truth === null ? 'null' : 'there'}`);
      return;
    }
    if (typeof truth === 'object') {
      if (!sameCell(stored, truth.bytes))
        world.violate('R8', `${where} does not authenticate, and was changed`);
      return;
    }
    const keyId = keyIdOfCell(stored);
    if (keyId === undefined) return world.violate('R9', `${where} is stored as it is, without encryption`);
    this.#assertKeyOpens(keyId, where);
    if (world.violation || !this.#keyring) return;
    // What was opened once under a key that still opens is not opened again.
    const known = this.#openings.get(where);
    if (known && sameCell(known.stored, stored) && known.value === truth) return;
    const definition = everything.tables.find(
      ({ name }) => name === table,
    ) as (typeof everything.tables)[number];
    try {
      const found = await decryptCell(
        definition as typeof people,
        attribute as 'name',
        stored as never,
        idOf(definition, key) as never,
        this.#keyring,
      );
      this.#openings.set(where, { stored, value: found as string });
      if (found !== truth)
        world.violate('R2', `${where} holds ${String(found)}, and ${truth} was acknowledged`);
    } catch (error) {
      world.violate(
        'R1',
        `${where} cannot be decrypted: ${String((error as { code?: unknown }).code ?? error)}`,
      );
    }
  }
}

/** Who looks from outside has clocks that nothing happens to. */
const OUTSIDE = {
  role: 'outside',
  name: 'outside',
  isAlive: true,
  frozenUntilMs: 0,
  wallOffsetMs: 0,
  stoppedMs: 0,
  stopsMs: 0,
  label: '',
  readKeyringMs: 0,
  wasMisled: false,
} as Process;

function keyIdOf(commitment: Uint8Array<ArrayBuffer>): string {
  return keyIdOfEntry({ commitment });
}
