import { describe, expect, it } from 'vitest';
import { HoldError, addKey, noteCensus, suspendKey } from '../../src/index.js';
import { DAY, HOUR, type Retiring, infoOf, retiring, thrownBy } from './end-of-life.js';

/** Marks the old key as empty, now. */
const note = ({ keyring, count }: Retiring) => noteCensus(keyring, count());
const suspend = ({ keyring, old, count }: Retiring, options = {}) =>
  suspendKey(keyring, old, count(), options);

describe('noteCensus', () => {
  it('marks the deactivated and compromised data keys that nothing is under, and no other', async () => {
    const world = await retiring();
    const { keyring, old, next, clock } = world;
    const idle = await addKey(keyring);
    const marked = await note(world);
    expect(marked.map(({ keyId }) => keyId)).toEqual([old]);
    expect(marked[0]?.emptySince).toEqual(new Date(clock.wallMs()));
    expect(world.info().emptySince).toEqual(new Date(clock.wallMs()));
    expect(infoOf(keyring, next).emptySince).toBeUndefined();
    expect(infoOf(keyring, idle).emptySince).toBeUndefined();
  });

  it('keeps an earlier mark, without another revision', async () => {
    const world = await retiring();
    await note(world);
    const { emptySince } = world.info();
    const { revision } = world.keyring;
    world.clock.advance(HOUR);
    const marked = await note(world);
    expect(marked.map((key) => key.emptySince)).toEqual([emptySince]);
    expect([world.info().emptySince, world.keyring.revision]).toEqual([emptySince, revision]);
  });

  it('takes the mark away where cells were found again, and marks anew when they are gone', async () => {
    const world = await retiring();
    await note(world);
    world.clock.advance(HOUR);
    expect(await noteCensus(world.keyring, world.count({ [world.old]: 1 }))).toEqual([]);
    expect(world.info().emptySince).toBeUndefined();
    const { revision } = world.keyring;
    await noteCensus(world.keyring, world.count({ [world.old]: 1 }));
    expect(world.keyring.revision).toBe(revision);
    await note(world);
    expect(world.info().emptySince).toEqual(new Date(world.clock.wallMs()));
  });
});

describe('suspendKey', () => {
  it('wants a mark, and the hold behind it', async () => {
    const world = await retiring();
    const { clock, keyring, old } = world;
    const from = clock.wallMs();
    expect(await thrownBy(suspend(world))).toMatchObject({
      code: 'hold',
      keyId: old,
      until: new Date(from + DAY).toISOString(),
    });
    await note(world);
    clock.advance(DAY - 1);
    const early = await thrownBy(suspend(world));
    expect(early).toBeInstanceOf(HoldError);
    expect(early).toMatchObject({ until: new Date(from + DAY).toISOString() });
    clock.advance(1);
    await suspend(world);
    expect(infoOf(keyring, old)).toMatchObject({ state: 'suspended', emptySince: new Date(from) });
  });
});
