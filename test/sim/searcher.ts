/** A process that looks records up by their tokens, and holds each answer to what applications know to be stored. */
import { type Keyring, lookup } from '../../src/index.js';
import { closeKeyring } from '../../src/keyring/index.js';
import { tokenPrefixOf } from '../../src/token-form.js';
import { assertFresh, openWatched, opened } from './application.js';
import type { Truth } from './database.js';
import type { Process } from './scheduler.js';
import { type Cell, type Token, definitionOf, everything, type people } from './tables.js';
import { MAX_STALE_MS, type World } from './world.js';

const MOST_SEARCHES = 24;

const INDEXES = everything.tables.flatMap(({ name, indexes, layout }) =>
  indexes.map(({ name: index, attributes }, position) => ({
    table: name,
    index,
    attributes,
    position,
    cells: layout.tokens?.[position]?.cells ?? [],
  })),
);
type Index = (typeof INDEXES)[number];
type Values = Readonly<Record<string, unknown>>;

/** Makes a look-up for each query, often while tokens are made anew, until the administrator is done. */
export async function searcher(world: World, process: Process): Promise<void> {
  const keyring = await openWatched(world, process);
  const { chance, scheduler } = world;
  for (let searches = 0; searches < MOST_SEARCHES && !world.isAdministered; searches++) {
    await scheduler
      .clockOf(process)
      .sleep(world.isSweepWanted ? chance.between(5, 150) : chance.between(100, 1_500));
    await search(world, process, keyring).catch((error: unknown) => world.expect(process, error));
  }
  await closeKeyring(keyring).catch((error: unknown) => world.expect(process, error));
}

/** A record at the moment of the query. */
interface Found {
  readonly key: number;
  readonly cells: readonly Cell[];
  readonly truth: readonly Truth[];
  readonly token: Token;
}

async function search(world: World, process: Process, keyring: Keyring): Promise<void> {
  const { chance, database, knobs, scheduler } = world;
  const index = chance.pick(INDEXES);
  const sought = Array.from({ length: chance.happens(0.3) ? 2 : 1 }, () => valuesOf(world, index)).filter(
    (values) => values !== undefined,
  );
  if (sought.length === 0) return;
  const asked = await lookup(
    definitionOf(index.table) as typeof people,
    index.index as 'name',
    sought.map((values) => (index.attributes.length > 1 ? values : Object.values(values)[0])) as never,
    keyring,
  );
  assertFresh(world, process);
  const lookedMs = scheduler.nowMs;
  const tokens = knobs.asks?.(asked.tokens, JSON.stringify([index.table, sought]), process) ?? asked.tokens;
  const found = await world.call(process, 'searcher.query', (): Found[] =>
    [...database.table(index.table).rows].map(([key, { cells, truth, tokens: all }]) => {
      return { key, cells: [...cells], truth: [...truth], token: all[index.position] ?? null };
    }),
  );
  const isLate = scheduler.nowMs - lookedMs > MAX_STALE_MS;
  for (const one of found) {
    const known = index.cells.map((cell) => one.truth[cell] ?? null);
    // What does not open is in nobody's answer.
    if (known.some((truth) => typeof truth === 'object' && truth !== null)) continue;
    const isWanted = asked.matches(record(index, known));
    const where = `${index.table} ${one.key}`;
    if (one.token === null || !tokens.includes(one.token)) {
      const isPromised = knowsKeyOf(asked.tokens, one.token) || !(isLate || isNew(world, process, one.token));
      if (isWanted && isPromised) world.violate('search', `${process.name} did not find ${where}`);
      continue;
    }
    const values = await decrypted(world, process, keyring, index, one);
    if (!values) continue;
    const isAnswer = !knobs.filters || asked.matches(values);
    if (isAnswer !== isWanted)
      world.violate('search', `${process.name} ${isAnswer ? 'found' : 'left out'} ${where}`);
  }
}

/** Values that stand in a record, or have stood there. */
function valuesOf({ chance, database, history }: World, index: Index): Values | undefined {
  const rows = [...database.table(index.table).rows.values()].map(({ truth }) => truth);
  const past = history.writes.filter(({ table, values }) => table === index.table && values !== undefined);
  const list: readonly (readonly Truth[])[] = chance.happens(0.7)
    ? rows.map((truth) => index.cells.map((cell) => truth[cell] ?? null))
    : past.map(({ cells, values }) =>
        index.cells.map((cell) => values?.[cells === undefined ? cell : cells.indexOf(cell)] ?? null),
      );
  const whole = list.filter((values) => values.every((value) => typeof value === 'string'));
  return whole.length === 0 ? undefined : record(index, chance.pick(whole));
}

function record({ attributes }: Index, values: readonly unknown[]): Values {
  return Object.fromEntries(attributes.map((attribute, i) => [attribute, values[i]]));
}

function knowsKeyOf(tokens: readonly string[], token: Token): boolean {
  return tokens.some((asked) => tokenPrefixOf(asked) === tokenPrefixOf(token));
}

/** Whether a process was written down only after the key was there: nobody has waited for it to read it. */
function isNew({ invariants, keyrings }: World, process: Process, token: Token): boolean {
  const since = keyrings.writtenDownAt(process);
  const addedAt = invariants.indexKeyAddedAt(token);
  return since === undefined || addedAt === undefined || since >= addedAt;
}

async function decrypted(
  world: World,
  process: Process,
  keyring: Keyring,
  index: Index,
  { key, cells, truth }: Found,
): Promise<Values | undefined> {
  const values: (string | undefined)[] = [];
  for (const cell of index.cells) {
    const seen = { key, cell, stored: cells[cell] ?? null, truth: truth[cell] };
    values.push(await opened(world, process, keyring, definitionOf(index.table), seen));
  }
  return values.includes(undefined) ? undefined : record(index, values);
}
