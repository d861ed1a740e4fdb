/** Processes of an application: writers, which log what they mean to do and what they were told, and a reader. */
import { type Keyring, decryptCell, watchKeyring } from '../../src/index.js';
import { closeKeyring, openedOf } from '../../src/keyring/index.js';
import { type Change, DuplicateKeyError, FenceError, type Truth } from './database.js';
import type { Answer, Write } from './history.js';
import { cellsWith, everyCell, sealPatch, tokensOver } from './patch.js';
import type { Process } from './scheduler.js';
import { type Cell, everything, idOf, type people } from './tables.js';
import { MAX_STALE_MS, SimulatedError, type World, describe } from './world.js';

type Definition = (typeof everything.tables)[number];

const MOST_WRITES = 26;
/** Where they write at short intervals. */
const MOST_HASTY_WRITES = 90;
const MOST_LOOKS = 7;
/** How long a late reader keeps what it has read: the key may have been suspended meanwhile. */
const LATE_READER_MS = [4_000, 14_000] as const;

/** Inserts, updates, careful updates, transactions and deletes, until the administrator is done. */
export async function writer(world: World, process: Process): Promise<void> {
  const keyring = await openWatched(world, process);
  const clock = world.scheduler.clockOf(process);
  const { haste } = world.variant;
  const most = haste ? MOST_HASTY_WRITES : MOST_WRITES;
  for (let writes = 0; writes < most && !world.isAdministered; writes++) {
    // In haste while a sweep is wanted: that is when writes and swaps meet.
    const isHasty = haste && world.isSweepWanted;
    await clock.sleep(isHasty ? world.chance.between(3, 40) : world.chance.between(20, 900));
    // Without a memory of its own a process believes whatever it is given, each time anew.
    const used = world.knobs.remembersRevision ? keyring : await world.openKeyringAnew(process);
    await write(world, process, used);
  }
  await closeKeyring(keyring).catch((error: unknown) => world.expect(process, error));
}

export async function openWatched(world: World, process: Process): Promise<Keyring> {
  const keyring = await openHeld(world, process);
  await watchKeyring(keyring, {
    everyMs: process.role === 'writer' ? WRITERS_WATCH_MS : WATCH_MS,
    name: process.name,
  });
  return keyring;
}

/** Opens the keyring, known to those who look. */
export async function openHeld(world: World, process: Process): Promise<Keyring> {
  const keyring = await world.openKeyring(process);
  world.knobs.opened?.(openedOf(keyring), process);
  world.invariants.watches(process, keyring);
  return keyring;
}

/** How often processes read the keyring: often enough that one who fails once is not stale. */
const WRITERS_WATCH_MS = 900;
export const WATCH_MS = 1_600;

async function write(world: World, process: Process, keyring: Keyring): Promise<void> {
  const { chance, variant } = world;
  const definition = chance.pick(everything.tables);
  const act = chance.pick([
    'insert',
    'update',
    'update',
    'update',
    'careful',
    'delete',
    'transaction',
  ] as const);
  if (act === 'insert') return insert(world, process, keyring, definition);
  const keys = world.database.table(definition.name).keys;
  if (keys.length === 0) return;
  const key = chance.pick(keys);
  if (act === 'delete') return remove(world, process, definition, key);
  if (act === 'careful') return updateCarefully(world, process, keyring, definition, key);
  if (act === 'transaction' && variant.appTransactions)
    return updateInTransaction(world, process, keyring, definition, key);
  return update(world, process, keyring, definition, key);
}

function newValue(world: World): string | null {
  world.writtenValues++;
  return world.chance.happens(0.1) ? null : `written ${world.writtenValues}`;
}

/**
 * A write, from its intent to its answer. `send` returns whether it found its record; `otherwise` is what it means if
 * not, for somebody whose request may have been delivered twice.
 */
async function logged(
  world: World,
  process: Process,
  write: Write,
  send: () => Promise<boolean>,
  otherwise: Answer = 'refused',
): Promise<void> {
  const step = (): number => world.scheduler.steps;
  try {
    world.history.answer(write, (await send()) ? 'acknowledged' : otherwise, step());
  } catch (error) {
    // Whoever hears of a broken connection knows nothing; what a rule refused was not done.
    const isUnknown = error instanceof SimulatedError || error instanceof DuplicateKeyError;
    world.history.answer(write, isUnknown ? 'unknown' : 'refused', step());
    if (error instanceof DuplicateKeyError) return world.tell(`${process.name} heard: it is there already`);
    world.expect(process, error);
    if (error instanceof FenceError)
      await openedOf(keyringsOf.get(process) as Keyring)
        .refresh()
        .catch(() => undefined);
  }
}

const keyringsOf = new WeakMap<Process, Keyring>();

/** Waits before the sealing; afterwards the values are what would be committed, however late. */
async function sealed(
  world: World,
  process: Process,
  keyring: Keyring,
  point: string,
  seal: () => Promise<Change>,
): Promise<Change> {
  keyringsOf.set(process, keyring);
  await world.call(process, point, () => undefined);
  const change = await seal();
  if (change.cells.some(({ fresh }) => fresh !== null)) assertFresh(world, process);
  return change;
}

/** R15: by the world's own time. */
export function assertFresh(world: World, process: Process): void {
  const ageMs = world.scheduler.nowMs - process.readKeyringMs;
  if (ageMs > MAX_STALE_MS + SLACK_MS)
    world.violate(
      'R15',
      `${process.name} encrypted, or looked up, with a keyring that it had read ${ageMs} ms before`,
    );
}

/** Turns of others between the look at the clock and the end of the sealing. */
const SLACK_MS = 100;

async function sealUpdate(
  world: World,
  process: Process,
  keyring: Keyring,
  { definition, key, cells, values }: Update,
): Promise<Change> {
  try {
    const change = await sealPatch(definition, key, cells, values, keyring);
    return world.knobs.patchesTokens ? change : { ...change, tokens: [] };
  } catch (error) {
    if (!world.knobs.writesPlaintext) throw error;
    world.expect(process, error);
    return {
      cells: cells.map((cell, i) => ({ cell, fresh: values[i] ?? null, truth: values[i] ?? null })),
      tokens: tokensOver(definition, cells).map((token) => ({ token, fresh: null })),
    };
  }
}

async function insert(
  world: World,
  process: Process,
  keyring: Keyring,
  definition: Definition,
): Promise<void> {
  const { database, scheduler } = world;
  const { name } = definition;
  const isNew = world.chance.happens(0.7);
  const key = isNew ? world.nextKey++ : world.chance.between(1, 20);
  if (database.table(name).rows.has(key)) return;
  const values = definition.layout.cells.map(() => newValue(world));
  const intent = world.history.intend({
    table: name,
    key,
    cells: undefined,
    values,
    beganAt: scheduler.steps,
  });
  await logged(world, process, intent, async () => {
    const record = await sealed(world, process, keyring, 'writer.insert.seal', () =>
      sealPatch(definition, key, everyCell(definition), values, keyring),
    );
    const send = (): boolean => {
      database.insert(name, key, record);
      return true;
    };
    return world.variant.inFlight ? world.call(process, 'writer.insert.commit', send) : send();
  });
}

/** New values for some cells of a record. */
interface Update {
  readonly definition: Definition;
  readonly key: number;
  readonly cells: readonly number[];
  readonly values: readonly (string | null)[];
  readonly intent: Write;
}

function newUpdate(world: World, definition: Definition, key: number): Update {
  const cells = cellsWith(definition, world.chance.below(definition.layout.cells.length));
  const values = cells.map(() => newValue(world));
  const beganAt = world.scheduler.steps;
  const intent = world.history.intend({ table: definition.name, key, cells, values, beganAt });
  return { definition, key, cells, values, intent };
}

async function update(
  world: World,
  process: Process,
  keyring: Keyring,
  definition: Definition,
  key: number,
): Promise<void> {
  const planned = newUpdate(world, definition, key);
  await logged(world, process, planned.intent, async () => {
    const change = await sealed(world, process, keyring, 'writer.update.seal', () =>
      sealUpdate(world, process, keyring, planned),
    );
    const send = (): boolean => world.database.update(definition.name, key, change);
    return world.variant.inFlight ? world.call(process, 'writer.update.commit', send) : send();
  });
}

/** Reads, and writes only if the cells are still what was read. */
async function updateCarefully(
  world: World,
  process: Process,
  keyring: Keyring,
  definition: Definition,
  key: number,
): Promise<void> {
  const { database, variant } = world;
  const { name } = definition;
  const planned = newUpdate(world, definition, key);
  await logged(
    world,
    process,
    planned.intent,
    async () => {
      const old = await world.call(process, 'writer.update.read', () => {
        const row = database.table(name).rows.get(key);
        return row && planned.cells.map((cell) => row.cells[cell] as Cell);
      });
      if (old === undefined) return false;
      const change = await sealed(world, process, keyring, 'writer.update.seal', () =>
        sealUpdate(world, process, keyring, planned),
      );
      const send = (): boolean => database.update(name, key, change, old);
      if (!variant.inFlight) return send();
      const isLateSafe = old.some((cell) => cell !== null);
      return world.call(process, 'writer.careful-update.commit', send, { isLateSafe });
    },
    'unknown',
  );
}

async function updateInTransaction(
  world: World,
  process: Process,
  keyring: Keyring,
  definition: Definition,
  key: number,
): Promise<void> {
  const { database } = world;
  const planned = newUpdate(world, definition, key);
  await logged(world, process, planned.intent, async () => {
    const change = await sealed(world, process, keyring, 'writer.update.seal', () =>
      sealUpdate(world, process, keyring, planned),
    );
    const transaction = database.begin(process, true);
    try {
      const isThere = await world.call(process, 'writer.transaction.write', () =>
        database.updateWithin(transaction, definition.name, key, change),
      );
      await world.call(process, 'writer.transaction.commit', () => database.commit(transaction));
      return isThere;
    } finally {
      if (process.isAlive) database.rollback(transaction);
    }
  });
}

async function remove(world: World, process: Process, definition: Definition, key: number): Promise<void> {
  const { database, scheduler } = world;
  const { name } = definition;
  const intent = world.history.intend({
    table: name,
    key,
    cells: undefined,
    values: undefined,
    beganAt: scheduler.steps,
  });
  await logged(
    world,
    process,
    intent,
    () => world.call(process, 'writer.delete.commit', () => database.remove(name, key)),
    'acknowledged',
  );
}

/** Reads whole tables, and decrypts what it has read, later. */
export async function reader(world: World, process: Process): Promise<void> {
  const keyring = await openWatched(world, process);
  const clock = world.scheduler.clockOf(process);
  for (let looks = 0; looks < MOST_LOOKS && !world.isAdministered; looks++) {
    // Who decrypts late reads early: while there are cells under the old key.
    const isEarly = world.variant.lateReader && looks === 0;
    await clock.sleep(isEarly ? world.chance.between(5, 150) : world.chance.between(200, 2_500));
    const definition = world.chance.pick(everything.tables);
    await look(world, process, keyring, definition).catch((error: unknown) => world.expect(process, error));
  }
  await closeKeyring(keyring).catch((error: unknown) => world.expect(process, error));
}

/** A cell that was read. */
export interface Seen {
  readonly key: number;
  readonly cell: number;
  readonly stored: Cell;
  readonly truth: Truth | undefined;
}

async function look(world: World, process: Process, keyring: Keyring, definition: Definition): Promise<void> {
  const { database } = world;
  const seen = await world.call(process, 'reader.page', (): Seen[] =>
    [...database.table(definition.name).rows].flatMap(([key, { cells, truth }]) =>
      cells.map((stored, cell) => ({ key, cell, stored, truth: truth[cell] })),
    ),
  );
  if (world.variant.lateReader)
    await world.scheduler.clockOf(process).sleep(world.chance.between(...LATE_READER_MS));
  for (const one of seen) {
    if (one.stored === null || typeof one.truth !== 'string') continue;
    const found = await opened(world, process, keyring, definition, one);
    if (found !== undefined && found !== one.truth)
      world.violate('R2', `${process.name} read ${found} where ${one.truth} was written`);
  }
}

/** The value; `undefined` where the keyring's store could not be asked, or the cell has changed since. */
export async function opened(
  world: World,
  process: Process,
  keyring: Keyring,
  definition: Definition,
  { key, cell, stored }: Seen,
): Promise<string | undefined> {
  const { attribute } = definition.layout.cells[cell] as { attribute: string };
  const decrypt = async (): Promise<string> =>
    (await decryptCell(
      definition as typeof people,
      attribute as 'name',
      stored as never,
      idOf(definition, key) as never,
      keyring,
    )) as string;
  try {
    return await decrypt();
  } catch (error) {
    world.tell(`${process.name} could not read: ${describe(error)}`);
  }
  try {
    await openedOf(keyring).refresh();
  } catch (error) {
    world.expect(process, error);
    return undefined;
  }
  const isStillThere = await world.call(
    process,
    `${process.role}.reread`,
    () => world.database.table(definition.name).rows.get(key)?.cells[cell] === stored,
  );
  if (!isStillThere) return undefined;
  try {
    return await decrypt();
  } catch (error) {
    const isGoneNow = world.database.table(definition.name).rows.get(key)?.cells[cell] !== stored;
    if (!isGoneNow) world.violate('R1', `${process.name} cannot read what is stored: ${describe(error)}`);
    return undefined;
  }
}
