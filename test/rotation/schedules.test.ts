import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Keyring, Table } from '../../src/index.js';
import { Stopped, atEveryMoment } from './stopping.js';
import {
  PLACES,
  type Place,
  type Row,
  World,
  note,
  notes,
  people,
  person,
  populate,
  spell,
} from './world.js';

const PEOPLE = 9;
const NOTES = 4;
const CHUNK = 3;

/** What an application, an administrator or an accident does at a moment of a rotation. */
type Act =
  | { readonly does: 'insert'; readonly id: number }
  | { readonly does: 'delete'; readonly id: number }
  | { readonly does: 'encrypt again'; readonly id: number }
  | { readonly does: 'patch'; readonly id: number; readonly value: number | null; readonly column: string }
  | { readonly does: 'patch a note'; readonly id: number; readonly value: number }
  | { readonly does: 'introduce a key' }
  | { readonly does: 'stop' };

interface Plan {
  /** At the n-th moment, or the n-th time that a chunk has been looked at and is to be written; over all runs. */
  readonly when: 'moment' | 'commit';
  readonly nth: number;
  readonly act: Act;
  /** Whether a process acts that has not read the keyring again since the beginning. */
  readonly isStale: boolean;
}

const actsOn = (id: fc.Arbitrary<number>): fc.Arbitrary<Act> =>
  fc.oneof(
    { weight: 2, arbitrary: fc.record({ does: fc.constant('insert'), id }) },
    { weight: 2, arbitrary: fc.record({ does: fc.constant('delete'), id }) },
    { weight: 2, arbitrary: fc.record({ does: fc.constant('encrypt again'), id }) },
    {
      weight: 4,
      arbitrary: fc.record({
        does: fc.constant('patch'),
        id,
        value: fc.option(fc.nat(99)),
        column: fc.constantFrom('email', 'phone', 'photo'),
      }),
    },
    {
      weight: 1,
      arbitrary: fc.record({
        does: fc.constant('patch a note'),
        id: fc.integer({ min: 1, max: NOTES }),
        value: fc.nat(99),
      }),
    },
    { weight: 1, arbitrary: fc.constant({ does: 'introduce a key' }) },
    { weight: 1, arbitrary: fc.constant({ does: 'stop' }) },
  ) as fc.Arbitrary<Act>;

const anywhere = fc.record({
  when: fc.constant('moment' as const),
  nth: fc.nat({ max: 120 }),
  act: actsOn(fc.integer({ min: 1, max: PEOPLE + 3 })),
  isStale: fc.boolean(),
});
/** On one of the records that the first pass has just looked at. */
const betweenLookAndSwap = fc.nat({ max: PEOPLE / CHUNK - 1 }).chain((nth) =>
  fc.record({
    when: fc.constant('commit' as const),
    nth: fc.constant(nth),
    act: actsOn(fc.integer({ min: CHUNK * nth + 1, max: CHUNK * nth + CHUNK })),
    isStale: fc.boolean(),
  }),
);
const plans: fc.Arbitrary<readonly Plan[]> = fc.array(fc.oneof(anywhere, betweenLookAndSwap), {
  maxLength: 40,
});

/** What an application knows to be there: rows in plain, by the words for their ids. */
class Model {
  readonly #rows = new Map<string, readonly [Table, Row]>();

  get(definition: Table, row: Row): Row | undefined {
    return this.#rows.get(idOf(definition, row))?.[1];
  }
  set(definition: Table, row: Row): void {
    this.#rows.set(idOf(definition, row), [definition, row]);
  }
  delete(definition: Table, row: Row): void {
    this.#rows.delete(idOf(definition, row));
  }
  spelled(): string[] {
    return [...this.#rows.values()].map(([definition, row]) => spell(definition, row)).sort();
  }
}

function idOf({ name, layout }: Table, row: Row): string {
  return JSON.stringify([name, ...layout.key.map((part) => String(row[part.name]))]);
}

async function perform(world: World, model: Model, what: Act, keyring: Keyring): Promise<void> {
  if (what.does === 'introduce a key') {
    await world.newKey();
  } else if (what.does === 'patch a note') {
    const changed = { ...note(what.id), body: { changed: what.value } };
    const { body } = await world.sealed(notes, changed, keyring);
    await world.change(notes, note(what.id), { body });
    model.set(notes, changed);
  } else if (what.does !== 'stop') {
    await performOnPerson(world, model, what, keyring);
  }
}

async function performOnPerson(
  world: World,
  model: Model,
  what: Exclude<Act, { does: 'introduce a key' | 'stop' | 'patch a note' }>,
  keyring: Keyring,
): Promise<void> {
  const who = { id: BigInt(what.id) };
  const known = model.get(people, who);
  if (what.does === 'delete') {
    await world.remove(people, who);
    model.delete(people, who);
  } else if (what.does === 'insert') {
    if (known) return;
    await world.insert(people, person(what.id), keyring);
    model.set(people, person(what.id));
  } else if (what.does === 'encrypt again') {
    if (!known) return;
    await world.change(people, who, await world.sealed(people, known, keyring));
  } else {
    const value = plainOf(what.column, what.value);
    const sealed = await world.sealed(people, { ...who, [what.column]: value }, keyring);
    await world.change(people, who, { [what.column]: sealed[what.column] }); // whether there is one or not
    if (known) model.set(people, { ...known, [what.column]: value });
  }
}

function plainOf(column: string, value: number | null): unknown {
  if (value === null) return null;
  return column === 'photo' ? Uint8Array.of(value) : `value ${value}`;
}

async function follow(place: Place, planned: readonly Plan[]): Promise<void> {
  const world = await World.make(place);
  const model = new Model();
  await populate(world, PEOPLE, NOTES);
  for (let i = 1; i <= PEOPLE; i++) model.set(people, person(i));
  for (let i = 1; i <= NOTES; i++) model.set(notes, note(i));
  const stale = await world.keyring();
  await world.newKey();

  let moments = 0;
  let commits = 0;
  const observer = () =>
    atEveryMoment(async ({ side, step }) => {
      const isCommit = side === 'before' && step === 'chunk.commit';
      const due = planned.filter(({ when, nth }) =>
        when === 'moment' ? nth === moments : isCommit && nth === commits,
      );
      moments++;
      if (isCommit) commits++;
      for (const { act: what, isStale } of due) {
        await perform(world, model, what, isStale ? stale : await world.keyring());
      }
      // R1, R2: with the keyring as it is stored at this instant, every cell opens to what was written last.
      expect(await world.contents()).toEqual(model.spelled());
      if (due.some(({ act: what }) => what.does === 'stop')) throw new Stopped();
    });
  let isDone = false;
  while (!isDone) {
    isDone = await world.rotated({ observer: observer(), chunkRecords: CHUNK }).then(
      () => true,
      (error: unknown) => {
        if (error instanceof Stopped) return false;
        throw error;
      },
    );
  }

  await world.rotated(); // nobody writes now
  expect(await world.contents()).toEqual(model.spelled());
  const { cells, notCells } = await world.census();
  expect(Object.keys(cells)).toEqual([await world.activeKey()]);
  expect(notCells).toBe(0);
  world.close();
}

describe.each(PLACES)('a rotation over $name', (place) => {
  it('keeps what a model in plain says, under any schedule of writes, keys and stops, at every moment', async () => {
    const numRuns = place.name === 'memoryRecords' ? 40 : 15;
    await fc.assert(
      fc.asyncProperty(plans, (planned) => follow(place, planned)),
      { numRuns },
    );
  }, 180_000);
});
