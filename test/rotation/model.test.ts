import fc from 'fast-check';
import { expect, it } from 'vitest';
import { decryptRecord, encryptRecord } from '../../src/index.js';
import { census } from '../../src/rotation/index.js';
import {
  Interruption,
  type World,
  contents,
  everything,
  newKey,
  newWorld,
  people,
  reopened,
  rotateAll,
} from './support.js';

const RECORDS = 8;

/** What the application, an administrator or an accident does at a moment of a rotation. */
type Act =
  | { readonly act: 'patch'; readonly id: number; readonly name: string | null }
  | { readonly act: 'put'; readonly id: number; readonly name: string }
  | { readonly act: 'remove'; readonly id: number }
  | { readonly act: 'new key' }
  | { readonly act: 'interrupt' };

interface Person {
  readonly id: number;
  readonly name: string | null;
  readonly seen: Date;
}

const id = fc.nat({ max: RECORDS + 3 });
const name: fc.Arbitrary<string | null> = fc.option(fc.string({ unit: 'grapheme' }), { nil: null });
const act: fc.Arbitrary<Act> = fc.oneof(
  fc.record({ act: fc.constant('patch' as const), id, name }),
  fc.record({ act: fc.constant('put' as const), id, name: fc.string() }),
  fc.record({ act: fc.constant('remove' as const), id }),
  fc.constant({ act: 'new key' as const }),
  fc.constant({ act: 'interrupt' as const }),
);
/** Acts by the number of the moment at which they happen, counted over all runs. */
const schedule = fc.array(fc.record({ moment: fc.nat({ max: 120 }), act }), { maxLength: 25 });

it('keeps what a plaintext model says, whatever happens at whatever moment, and can be read at every instant', async () => {
  await fc.assert(
    fc.asyncProperty(schedule, async (planned) => {
      const world = await newWorld(RECORDS);
      const model = new Map(
        (await contents(world)).people.map((person) => [(person as Person).id, person as Person]),
      );
      await newKey(world);
      let moment = 0;
      const meet = async (): Promise<void> => {
        const now = moment++;
        let isInterrupted = false;
        for (const { act: what } of planned.filter((plan) => plan.moment === now)) {
          if (what.act === 'interrupt') isInterrupted = true;
          else await perform(world, model, what);
        }
        if (now % 7 === 0) expect((await contents(world)).people).toEqual(inOrder(model));
        if (isInterrupted) throw new Interruption();
      };
      const observer = { before: meet, after: meet };
      for (let runs = 0; runs < 30; runs++) {
        const isDone = await rotateAll(await reopened(world), { observer }).then(
          () => true,
          (error: unknown) => {
            if (error instanceof Interruption) return false;
            throw error;
          },
        );
        if (isDone) break;
      }

      const last = await reopened(world);
      await rotateAll(last); // nobody writes now
      expect((await contents(world)).people).toEqual(inOrder(model));
      expect(Object.keys((await census(everything, last)).cells)).toHaveLength(1);
    }),
    { numRuns: 60 },
  );
}, 120_000);

/** As an application does it: by the database, never reading what it writes over. */
async function perform(
  world: World,
  model: Map<number, Person>,
  what: Exclude<Act, { act: 'interrupt' }>,
): Promise<void> {
  const { keyring } = await reopened(world);
  if (what.act === 'new key') {
    await newKey({ keyring });
  } else if (what.act === 'remove') {
    expect(world.records.remove(people, what)).toBe(model.delete(what.id));
  } else if (what.act === 'patch') {
    const { name } = await encryptRecord(people, { id: what.id, name: what.name }, keyring);
    const known = model.get(what.id);
    expect(world.records.update(people, what, { name })).toBe(known !== undefined);
    if (known) model.set(what.id, { ...known, name: what.name });
  } else {
    const person = { id: what.id, name: what.name, seen: new Date(what.id * 1_000) };
    const row = await encryptRecord(people, person, keyring);
    world.records.remove(people, what);
    world.records.insert(people, row);
    model.set(what.id, person);
    expect(await decryptRecord(people, row, keyring)).toEqual(person);
  }
}

function inOrder(model: ReadonlyMap<number, Person>): Person[] {
  return [...model.values()].sort((left, right) => left.id - right.id);
}
