import { describe, expect, it } from 'vitest';
import { KeyInUseError, encryptRecord, listKeys, suspendKey } from '../../src/index.js';
import { openedOf } from '../../src/keyring/index.js';
import { census, listQuarantine } from '../../src/rotation/index.js';
import { type World, everything, keysInUse, newKey, newWorld, people, rotateAll } from './support.js';

function cellOf(world: World, id: number, column: 'name' | 'seen'): string {
  return world.records.get(people, { id })?.[column] as string;
}

function put(world: World, id: number, column: 'name' | 'seen', stored: unknown): void {
  world.records.update(people, { id }, { [column]: stored });
}

describe('a cell that is refused', () => {
  it.each([
    [
      'authentication',
      'altered',
      (world: World) =>
        `${cellOf(world, 1, 'seen').slice(0, -1)}${cellOf(world, 1, 'seen').endsWith('A') ? 'Q' : 'A'}`,
    ],
    ['authentication', 'moved from another record', (world: World) => cellOf(world, 2, 'seen')],
    ['authentication', 'moved from another column', (world: World) => cellOf(world, 1, 'name')],
    ['not-a-cell', 'plaintext', () => '2026-11-23'],
    ['not-a-cell', 'a number', () => 17],
    ['too-short', 'truncated to its head', (world: World) => cellOf(world, 1, 'seen').slice(0, 60)],
    [
      'unknown-key',
      'under a key that the keyring lacks',
      (world: World) => cellOf(world, 1, 'seen').replace(/^cs1r\.../, 'cs1r.aa'),
    ],
    [
      'unknown-suite',
      'of a suite to come',
      (world: World) => cellOf(world, 1, 'seen').replace(/^cs1/, 'cs2'),
    ],
    ['mode', 'deterministic', (world: World) => cellOf(world, 1, 'seen').replace(/^cs1r/, 'cs1d')],
  ] as const)(
    'is listed as %s when it is %s; its bytes stay, the others are done',
    async (code, _what, spoil) => {
      const world = await newWorld(5);
      const spoiled = spoil(world);
      put(world, 1, 'seen', spoiled);
      const target = await newKey(world);
      const yielded = await rotateAll(world);

      expect(yielded.at(-1)).toMatchObject({ state: 'swept', counters: { quarantined: 1 } });
      const [entry, ...others] = await listQuarantine(world);
      expect(others).toEqual([]);
      expect(entry).toMatchObject({ table: 'people', column: 'seen', code });
      expect(cellOf(world, 1, 'seen')).toBe(spoiled);
      const count = await census(everything, world);
      expect(count.cells[target]).toBe(5 - 2 + 5 - 1 + 5);
    },
  );

  it('keeps its key from being suspended, and leaves the list once it has been mended', async () => {
    const world = await newWorld(5);
    const old = listKeys(world.keyring)[0]?.keyId as string;
    const genuine = cellOf(world, 1, 'seen');
    put(world, 1, 'seen', cellOf(world, 2, 'seen'));
    await newKey(world);
    await rotateAll(world);
    await expect(
      suspendKey(world.keyring, old, await census(everything, world), { withoutHold: true }),
    ).rejects.toBeInstanceOf(KeyInUseError);

    put(world, 1, 'seen', genuine);
    await rotateAll(world);
    expect(await listQuarantine(world)).toEqual([]);
    await suspendKey(world.keyring, old, await census(everything, world), { withoutHold: true });
  });

  it('is noted too where it is met at a second look, after a lost swap', async () => {
    const world = await newWorld(5);
    await newKey(world);
    let writes = 0;
    const observer = {
      async before(step: string) {
        if (step !== 'chunk.commit' || writes++ > 0) return;
        const { name } = await encryptRecord(people, { id: 1, name: 'new' }, world.keyring);
        world.records.update(people, { id: 1 }, { name, seen: 'plaintext' });
      },
    };
    await rotateAll(world, { observer });
    expect(await listQuarantine(world)).toMatchObject([{ column: 'seen', code: 'not-a-cell' }]);
  });
});

describe('a new cell that does not open again', () => {
  it('is never written: the rotation stops with an error of its own', async () => {
    const world = await newWorld(3);
    const [old] = await keysInUse(world);
    await newKey(world);
    const { engine } = openedOf(world.keyring).environment;
    const { seal } = engine;
    engine.seal = async (...args) => (await seal(...args)).map((byte) => byte ^ 1);
    await expect(rotateAll(world)).rejects.toMatchObject({ code: 'self-check' });
    engine.seal = seal;
    expect(await keysInUse(world)).toEqual([old]);
    expect(await listQuarantine(world)).toEqual([]);
  });
});
