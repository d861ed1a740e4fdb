import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { webCryptoEngine } from '../../src/engine/index.js';
import type { Bytes, Engine } from '../../src/index.js';
import { listQuarantine } from '../../src/rotation/index.js';
import { countingEngine } from '../keyring/support.js';
import { atEveryMoment } from './stopping.js';
import { PLACES, type Row, World, engine, memory, notes, people, person, populate } from './world.js';

const PEOPLE = 8;
const NOTES = 4;
const CELLS = PEOPLE * 3 - 2 - 2 + NOTES * 2 - 2;

let template: World;
let contents: readonly string[];

beforeAll(async () => {
  template = await World.make(memory);
  await populate(template, PEOPLE, NOTES);
  contents = await template.contents();
  await template.newKey();
});
afterAll(() => template.close());

/** What an engine that is broken makes of what it was to seal. */
const FAULTS: Readonly<Record<string, (plaintext: Bytes, seal: (other: Bytes) => Bytes) => Bytes>> = {
  'alters the first byte of a ciphertext': (plaintext, seal) => altered(seal(plaintext), 38),
  'alters the last byte of a ciphertext': (plaintext, seal) => altered(seal(plaintext), -17),
  'alters the last byte of a tag': (plaintext, seal) => altered(seal(plaintext), -1),
  'cuts off a tag': (plaintext, seal) => seal(plaintext).slice(0, -1),
  'gives back the plaintext': (plaintext) => plaintext.slice(),
  'gives back zeros': (plaintext, seal) => seal(plaintext).fill(0),
  'knows of no head': (plaintext, seal) => seal(plaintext).slice(38),
  'seals another value of the same length': (plaintext, seal) => seal(altered(plaintext, -1)),
  'seals a shorter value': (plaintext, seal) => seal(plaintext.slice(0, -1)),
  'seals nothing': (_plaintext, seal) => seal(new Uint8Array(0)),
  'wipes a value and then seals it': (plaintext, seal) => seal(new Uint8Array(plaintext.length)),
};

function altered(bytes: Bytes, at: number): Bytes {
  const other = bytes.slice();
  const place = at < 0 ? other.length + at : at;
  other[place] = (other[place] as number) ^ 0x40;
  return other;
}

describe.each(PLACES)('a rotation over $name with an engine that once', (place) => {
  it.each(Object.entries(FAULTS))(
    '%s: ends before that is written, and reads as before',
    async (_, fault) => {
      for (const nth of [0, 5, CELLS - 1]) {
        const world = await template.copy(place);
        let seals = 0;
        const broken: Engine = {
          ...engine,
          seal(key, iv, aad, plaintext, head) {
            const seal = (bytes: Bytes) => engine.seal(key, iv, aad, bytes, head) as Bytes;
            return seals++ === nth ? fault(plaintext, seal) : seal(plaintext);
          },
        };
        const before = await storedRows(world);
        let commits = 0;
        const observer = atEveryMoment(({ side, step }) => {
          if (side === 'before' && step === 'chunk.commit') commits++;
        });
        const keyring = await world.keyring({ engine: broken });
        await expect(world.rotated({ keyring, observer })).rejects.toMatchObject({ code: 'self-check' });
        expect(seals).toBeGreaterThan(nth);
        if (commits === 0) expect(await storedRows(world)).toEqual(before);
        expect(await world.contents()).toEqual(contents);
        expect(await world.leftBehindCheckpoint()).toEqual([]);
        const records = world.records.open();
        expect(await listQuarantine({ keyring, records })).toEqual([]);

        await world.rotated();
        expect(await world.contents()).toEqual(contents);
        expect(Object.keys((await world.census()).cells)).toEqual([await world.activeKey()]);
        world.close();
      }
    },
  );
});

async function storedRows(world: World): Promise<Row[]> {
  return [...(await world.stored(people)), ...(await world.stored(notes))];
}

describe('the calls of a rotation', () => {
  it('are one to open and one to seal for each cell, and one to open it again', async () => {
    const world = await template.copy();
    onTestFinished(() => world.close());
    const { engine: counting, calls } = countingEngine(engine);
    const keyring = await world.keyring({ engine: counting });
    await world.rotated({ keyring });
    expect([calls('seal'), calls('open')]).toEqual([CELLS, 2 * CELLS]);
  });

  it('seal nothing again but the record whose swap was lost', async () => {
    const world = await template.copy();
    onTestFinished(() => world.close());
    const { engine: counting, calls } = countingEngine(engine);
    const keyring = await world.keyring({ engine: counting });
    let changes = 0;
    const observer = atEveryMoment(async ({ side, step }) => {
      if (side !== 'before' || step !== 'chunk.commit' || changes++ > 0) return;
      const { email } = await world.sealed(people, person(1)); // by another keyring: under the new key
      await world.change(people, person(1), { email });
    });
    await world.rotated({ keyring, observer });
    expect(calls('seal')).toBe(CELLS + 2); // its phone and its photo once more; its e-mail is current
    expect(await world.contents()).toEqual(contents);
  });

  it('are none of SubtleCrypto for cells under the active key', async () => {
    const callsFor = async (peopleCount: number, noteCount: number): Promise<string[]> => {
      const world = await World.make(memory);
      onTestFinished(() => world.close());
      await populate(world, peopleCount, noteCount);
      const calls: string[] = [];
      const subtle = new Proxy(globalThis.crypto.subtle, {
        get:
          (target, name) =>
          (...given: never[]) => {
            calls.push(String(name));
            return (target[name as 'digest'] as (...given: never[]) => unknown).apply(target, given);
          },
      });
      const keyring = await world.keyring({ engine: webCryptoEngine(subtle) });
      calls.splice(0); // of opening the keyring
      const progress = await world.rotated({ keyring, chunkRecords: 1_000 });
      expect(progress.at(-1)?.counters).toMatchObject({ scanned: peopleCount + noteCount, rewritten: 0 });
      return calls;
    };
    const few = await callsFor(1, 1);
    expect(await callsFor(30, 10)).toEqual(few);
    expect(new Set(few)).toEqual(new Set(['digest'])); // what the checkpoint is for
  });
});
