/** What must hold after every step (R1 to R16 of docs/rotation.md), looked at from outside with the keyring as it is persisted. */
import type { Bytes } from '../../src/bytes.js';
import { type Keyring, decryptCell, listKeys, lookup } from '../../src/index.js';
import { decodePayload, splitDocument } from '../../src/keyring/document.js';
import { openKeyringIn, openedOf } from '../../src/keyring/index.js';
import { keyIdOf as keyIdOfEntry } from '../../src/keyring/keys.js';
import { KEY_STATES, type KeyState } from '../../src/keyring/states.js';
import type { StoredKeyring } from '../../src/ports/keyring-store.js';
import type { TokenColumn } from '../../src/ports/record-store.js';
import type { RotationJob } from '../../src/rotation/job.js';
import { decodeJob } from '../../src/rotation/job.js';
import { TOKEN_PREFIX_CHARACTERS, tokenPrefixOf } from '../../src/token-form.js';
import { type DatabaseListener, type Row, type Truth, keyIdOfCell, sameCell } from './database.js';
import type { Process } from './scheduler.js';
import {
  type Cell,
  RAW_KEY,
  type Token,
  definitionOf,
  engine,
  everything,
  idOf,
  type people,
} from './tables.js';
import { MAX_STALE_MS, type World } from './world.js';

export class Invariants implements DatabaseListener {
  readonly #world: World;
  #keyring: Keyring | undefined;
  #states: ReadonlyMap<string, KeyState> = new Map();
  /** Of index keys, by what tokens name them by. */
  #indexKeys: ReadonlyMap<string, string> = new Map();
  /** Cells and tokens by the key that they name. */
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
    this.#assertNotPaused(`${table} ${key}.${cell}`);
  }

  tokenSwapped(table: string, key: number, token: number, old: Token, fresh: Token): void {
    const { index, cells } = tokenColumns(table)[token] as TokenColumn;
    const where = `${table} ${key}.${index}`;
    const [from, to] = [tokenPrefixOf(old), tokenPrefixOf(fresh)];
    if (from !== undefined && from === to)
      this.#world.violate('R7', `${where} was rewritten from a key to itself`);
    // R8: beside a cell that does not open, its token stays.
    const truth = this.#world.database.table(table).rows.get(key)?.truth;
    if (cells.some((cell) => isBroken(truth?.[cell])))
      this.#world.violate('R8', `${where} belongs to a cell that does not authenticate, and was changed`);
    this.#assertNotPaused(where);
  }

  #assertNotPaused(where: string): void {
    if (this.#isPaused && this.#world.variant.transactions && !this.#world.variant.partitions)
      this.#world.violate('R13', `${where} was rewritten while the rotation was paused`);
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
      this.#noteCell(`${table} ${key}.${cell}`, stored, row, cell);
    for (const [token, column] of tokenColumns(table).entries())
      this.#noteToken(`${table} ${key}.${column.index}`, row, token, column);
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
          if (stored === null || isBroken(row.truth[cell]) || (row.writtenAt[cell] ?? 0) >= readAt) continue;
          assertNew(keyIdOfCell(stored), `${definition.name} ${key}.${cell}`);
        }
        for (const [token, { index, cells }] of tokenColumns(definition.name).entries()) {
          const isLeft = (cell: number): boolean =>
            isBroken(row.truth[cell]) || (row.writtenAt[cell] ?? 0) >= readAt;
          if (cells.some(isLeft)) continue;
          assertNew(this.#indexKeyOf(row.tokens[token] ?? null), `${definition.name} ${key}.${index}`);
        }
      }
    };
    const assertNew = (keyId: string | undefined, where: string): void => {
      const state = this.#states.get(keyId ?? '');
      if (state === 'deactivated' && !job.isBehind && !this.#hasNewKeyring && !this.#isBehindNow(process))
        this.#world.violate('R5', `${where} is behind the checkpoint under an old key`);
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
      const ofIndexes = payload.keys.filter(({ kind }) => kind === 'index');
      this.#indexKeys = new Map(
        ofIndexes
          .map(({ commitment }) => keyIdOf(commitment))
          .map((keyId) => [keyId.slice(0, TOKEN_PREFIX_CHARACTERS), keyId]),
      );
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

  /** When the key of a token came to be persisted. */
  indexKeyAddedAt(token: Token): number | undefined {
    return this.#addedAt.get(this.#indexKeyOf(token) ?? '');
  }

  #indexKeyOf(token: Token): string | undefined {
    return this.#indexKeys.get(tokenPrefixOf(token) ?? '');
  }

  /** @param keyId - or what a token has of it */
  #assertKeyOpens(keyId: string, where: string): void {
    const state = this.#states.get(this.#indexKeys.get(keyId) ?? keyId);
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
      this.#noteCell(where, stored, row, cell);
      if (row) await this.#checkCell(where, table, key, attribute, stored, row, cell);
    }
    for (const [token, column] of tokenColumns(table).entries()) {
      const where = `${table} ${key}.${column.index}`;
      this.#noteToken(where, row, token, column);
      if (row) await this.#checkToken(where, table, row, token, column);
    }
  }

  #noteCell(where: string, stored: Cell, row: Row | undefined, cell: number): void {
    this.#note(where, isBroken(row?.truth[cell]) ? undefined : keyIdOfCell(stored));
  }

  /** Beside a cell that does not open nobody needs it. */
  #noteToken(where: string, row: Row | undefined, token: number, { cells }: TokenColumn): void {
    const isNeeded = row !== undefined && !cells.some((cell) => isBroken(row.truth[cell]));
    this.#note(where, isNeeded ? tokenPrefixOf(row.tokens[token]) : undefined);
  }

  #note(where: string, keyId: string | undefined): void {
    const known = this.#keyOf.get(where);
    if (known !== undefined) this.#underKey.get(known)?.delete(where);
    this.#keyOf.delete(where);
    if (keyId === undefined) return;
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
    const definition = definitionOf(table);
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

  /** A token is that of the cells beside it, under a key that look-ups ask for; where one of them is null there is none. */
  async #checkToken(
    where: string,
    table: string,
    { truth, tokens }: Row,
    token: number,
    { index, cells }: TokenColumn,
  ): Promise<void> {
    const world = this.#world;
    const values = cells.map((cell) => truth[cell] ?? null);
    if (world.violation || !this.#keyring || values.some(isBroken)) return;
    const found = tokens[token] ?? null;
    if (found === null || values.includes(null)) {
      if (found !== null || !values.includes(null))
        world.violate('token', `${where} should be ${found === null ? 'there' : 'null'}`);
      return;
    }
    const prefix = tokenPrefixOf(found);
    if (prefix === undefined) return world.violate('token', `${where} holds what is no token`);
    this.#assertKeyOpens(prefix, where);
    const known = this.#lookups.get(where);
    const value = values.join(', ');
    if (world.violation || (known?.found === found && known.value === value)) return;
    const { layout } = definitionOf(table);
    const record = cells.map((cell, i) => [layout.cells[cell]?.attribute as string, values[i]] as const);
    const wanted = cells.length > 1 ? Object.fromEntries(record) : values[0];
    const asked = await lookup(
      definitionOf(table) as typeof people,
      index as 'name',
      wanted as never,
      this.#keyring,
    );
    this.#lookups.set(where, { found, value });
    if (!asked.tokens.includes(found)) world.violate('token', `${where} is not the token of ${value}`);
  }

  readonly #lookups = new Map<string, { readonly found: string; readonly value: string }>();
}

function tokenColumns(table: string): readonly TokenColumn[] {
  return definitionOf(table).layout.tokens ?? [];
}

function isBroken(truth: Truth | undefined): boolean {
  return typeof truth === 'object' && truth !== null;
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
