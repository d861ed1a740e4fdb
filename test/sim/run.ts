/** One seed, one execution. */
import { type Keyring, decryptCell } from '../../src/index.js';
import { openKeyringIn } from '../../src/keyring/index.js';
import { reader, writer } from './application.js';
import { type Truth, sameCell } from './database.js';
import { type Configuration, boundsOf, knobsOf } from './defences.js';
import { administrator, operator, rotator } from './operators.js';
import { planOf } from './plan.js';
import { Chance, hashOf } from './random.js';
import { searcher } from './searcher.js';
import {
  type Beginning,
  type Cell,
  RAW_KEY,
  beginning,
  definitionOf,
  engine,
  everything,
  idOf,
  type people,
} from './tables.js';
import { type Violation, World } from './world.js';

export interface RunResult {
  readonly seed: number;
  readonly violation: Violation | undefined;
  /** How often each point met each fault. */
  readonly hits: ReadonlyMap<string, number>;
  readonly steps: number;
  readonly writes: number;
  /** Equal for equal executions. */
  readonly traceHash: number;
}

export async function runSeed(
  seed: number,
  configuration: Configuration,
  trace?: (line: string) => void,
): Promise<RunResult> {
  const first = await beginning();
  const plan = planOf(seed, boundsOf(configuration));
  const world = new World(seed, plan, knobsOf(configuration), first, trace);
  trace?.(`seed ${seed}: ${JSON.stringify(plan)}`);
  populate(world, first);
  const { variant } = plan;
  world.spawn('admin', 'administrator', administrator);
  for (let i = 1; i <= variant.rotators; i++) world.spawn('rotator', `rotator ${i}`, rotator);
  for (let i = 1; i <= variant.writers; i++) world.spawn('writer', `writer ${i}`, writer);
  world.spawn('reader', 'reader', reader);
  world.spawn('searcher', 'searcher', searcher);
  if (variant.operator.length > 0) world.spawn('operator', 'operator', operator);
  await world.run();
  if (!world.violation) await checkEnd(world);
  const { violation, hits, traceHash, scheduler, history } = world;
  const end = hashOf(spelled(world), traceHash);
  return { seed, violation, hits, steps: scheduler.steps, writes: history.writes.length, traceHash: end };
}

function populate(world: World, { records }: Beginning): void {
  const { variant, database, history } = world;
  const sizes = [variant.people, variant.notes];
  for (const [i, { name }] of everything.tables.entries()) {
    for (const [j, { cells, tokens, values }] of (records.get(name) ?? []).slice(0, sizes[i]).entries()) {
      const key = j + 1;
      database.table(name).put(key, {
        cells: [...cells],
        tokens: [...tokens],
        truth: [...values],
        writtenAt: cells.map(() => -1),
        lockedBy: undefined,
      });
      const write = history.intend({ table: name, key, cells: undefined, values, beganAt: -1 });
      history.answer(write, 'acknowledged', -1);
    }
  }
  const chance = new Chance(world.seed, 'poison');
  for (let i = 0; i < variant.poison; i++) breakCell(world, chance);
  for (const { name } of everything.tables)
    for (const [key, row] of database.table(name).rows) world.invariants.adopt(name, key, row);
}

/** A bit that flipped, a cell of another record, or something that was never a cell. */
function breakCell({ database }: World, chance: Chance): void {
  const { name } = chance.pick(everything.tables);
  const { rows } = database.table(name);
  const key = chance.pick([...rows.keys()]);
  const row = rows.get(key);
  const cell = chance.below(row?.cells.length ?? 1);
  const stored = row?.cells[cell] ?? null;
  const value = row?.truth[cell];
  if (!row || stored === null || typeof value !== 'string') return;
  const other = [...rows.values()].find(
    (candidate) => candidate !== row && typeof candidate.truth[cell] === 'string',
  );
  const isMoved = chance.happens(0.4) && other;
  const bytes = isMoved ? (other.cells[cell] as Cell) : damaged(stored, chance);
  if (sameCell(bytes, stored)) return;
  row.cells[cell] = bytes;
  row.truth[cell] = { bytes, value: isMoved ? (other.truth[cell] as string) : value };
}

function damaged(stored: Exclude<Cell, null>, chance: Chance): Cell {
  if (typeof stored === 'string') {
    const at = stored.length - 6;
    if (chance.happens(0.2)) return 'never a cell';
    return `${stored.slice(0, at)}${stored[at] === 'A' ? 'B' : 'A'}${stored.slice(at + 1)}`;
  }
  const copy = Uint8Array.from(stored);
  copy[copy.length - 5] = (copy[copy.length - 5] as number) ^ 1;
  return copy;
}

/** What must hold when everybody has come to an end, found out without anything that was kept meanwhile. */
async function checkEnd(world: World): Promise<void> {
  const { database, history, keyrings } = world;
  const environment = {
    engine,
    random: (count: number) => new Uint8Array(count),
    clock: { wallMs: () => 0, monotonicMs: () => 0, sleep: () => Promise.resolve() },
  };
  const keyring = await openKeyringIn(environment, keyrings.inspected, {
    rawKey: RAW_KEY,
    maxStaleMs: Number.POSITIVE_INFINITY,
  });
  for (const { name } of everything.tables) {
    const keys = new Set([
      ...database.table(name).rows.keys(),
      ...history.writes.filter(({ table }) => table === name).map(({ key }) => key),
    ]);
    for (const key of keys) {
      const row = database.table(name).rows.get(key);
      const isBroken = row?.truth.some((truth) => typeof truth === 'object' && truth !== null);
      if (isBroken) continue;
      const found = row && (await valuesOf(name, key, row.cells, keyring));
      const contradiction = history.contradiction(name, key, found);
      if (contradiction) return world.violate('R2', `${name} ${key}: ${contradiction}`);
    }
  }
}

async function valuesOf(
  name: string,
  key: number,
  cells: readonly Cell[],
  keyring: Keyring,
): Promise<(string | null)[]> {
  const definition = definitionOf(name);
  const values: (string | null)[] = [];
  for (const [i, { attribute }] of definition.layout.cells.entries()) {
    const cell = cells[i] ?? null;
    const id = idOf(definition, key) as never;
    const value: unknown =
      cell === null
        ? null
        : await decryptCell(definition as typeof people, attribute as 'name', cell as never, id, keyring);
    values.push(value as string | null);
  }
  return values;
}

/** All that is stored, as text. */
function spelled({ database, keyrings }: World): string {
  const spell = (truth: Truth | undefined): unknown => (typeof truth === 'object' ? truth?.value : truth);
  const rows = [...database.tables].map(([name, { rows }]) => [
    name,
    [...rows].map(([key, { cells, tokens, truth }]) => [key, cells.map(String), tokens, truth.map(spell)]),
  ]);
  return JSON.stringify([rows, keyrings.durable.revision, [...database.jobs]]);
}
