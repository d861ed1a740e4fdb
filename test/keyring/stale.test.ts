/** A keyring that was not read for too long decrypts and does not encrypt; by either clock. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type Keyring,
  type OpenOptions,
  activateKey,
  addKey,
  describeKeyring,
  openKeyringIn,
  openedOf,
  refreshKeyring,
  setPolicy,
} from '../../src/keyring/index.js';
import { MAX_STORE_WAIT_MS } from '../../src/limits.js';
import type { KeyringStore } from '../../src/ports/keyring-store.js';
import { memoryKeyring } from '../../src/store/memory.js';
import {
  type FakeClock,
  type Known,
  RAW_KEY,
  codeOf,
  environment,
  fakeClock,
  knownKeyring,
  settableStore,
  settle,
  stored,
  until,
} from './support.js';

const LIMIT_MS = 10_000;
const SECOND_MS = 1_000;

interface Held {
  /** Changes the keyring as another process does. */
  readonly known: Known;
  readonly keyring: Keyring;
  readonly clock: FakeClock;
  reads(): number;
  /** From now on reads of this process fail, wait, or succeed again. */
  store: 'there' | 'away' | 'silent';
}

async function held(options: Partial<OpenOptions> = { maxStaleMs: LIMIT_MS }): Promise<Held> {
  const inner = memoryKeyring();
  const known = await knownKeyring(undefined, inner);
  const clock = fakeClock();
  let reads = 0;
  const store: KeyringStore = {
    ...inner,
    read(maxBytes) {
      reads++;
      if (given.store === 'away') throw new RangeError('the database is away');
      if (given.store === 'silent') return new Promise(() => undefined);
      return inner.read(maxBytes);
    },
  };
  const given: Held = {
    known,
    clock,
    keyring: undefined as unknown as Keyring,
    reads: () => reads,
    store: 'there',
  };
  const keyring = await openKeyringIn(environment({ clock }), store, { rawKey: RAW_KEY, ...options });
  reads = 0;
  return Object.assign(given, { keyring });
}

const seal = (keyring: Keyring): Promise<unknown> =>
  codeOf(async () => openedOf(keyring).sealingKey(undefined, {}));
const open = (keyring: Keyring, keyId: string): Promise<unknown> =>
  codeOf(async () => openedOf(keyring).openingKey(keyId, undefined, {}));
const sealedWith = async (keyring: Keyring): Promise<string> =>
  (await openedOf(keyring).sealingKey(undefined, {})).keyId;

describe('a keyring that was read within its limit', () => {
  it('seals at once, without a promise and without a read', async () => {
    const { keyring, clock, reads } = await held();
    clock.advance(LIMIT_MS);
    expect(openedOf(keyring).sealingKey(undefined, {})).not.toBeInstanceOf(Promise);
    expect(reads()).toBe(0);
  });

  it('is fresh again for as long after each read, also of a document that has not changed', async () => {
    const { keyring, clock, reads } = await held();
    for (let round = 1; round <= 5; round++) {
      clock.advance(LIMIT_MS);
      await refreshKeyring(keyring);
      expect(describeKeyring(keyring).isStale).toBe(false);
    }
    clock.advance(LIMIT_MS);
    expect([await seal(keyring), reads()]).toEqual(['success', 5]);
  });

  it('counts from when a read began: what it saw may be as old', async () => {
    const inner = memoryKeyring();
    await knownKeyring(undefined, inner);
    const clock = fakeClock();
    let slowMs = 0;
    const store: KeyringStore = {
      ...inner,
      read(maxBytes) {
        clock.advance(slowMs);
        return inner.read(maxBytes);
      },
    };
    const keyring = await openKeyringIn(environment({ clock }), store, {
      rawKey: RAW_KEY,
      maxStaleMs: LIMIT_MS,
    });
    slowMs = LIMIT_MS;
    await refreshKeyring(keyring);
    expect(describeKeyring(keyring).isStale).toBe(false);
    clock.advance(1);
    expect(describeKeyring(keyring).isStale).toBe(true);
  });
});

describe('a keyring is stale', () => {
  it('if either clock says so, whatever they do', async () => {
    const step = fc.oneof(
      fc.record({ what: fc.constant('pass' as const), ms: fc.nat({ max: LIMIT_MS }) }),
      fc.record({
        what: fc.constant('set' as const),
        ms: fc.integer({ min: -3 * LIMIT_MS, max: 3 * LIMIT_MS }),
      }),
      fc.record({ what: fc.constant('read' as const), ms: fc.constant(0) }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 12 }), async (steps) => {
        const { keyring, clock } = await held();
        let [monotonic, wall] = [0, 0]; // since the last read
        for (const { what, ms } of steps) {
          if (what === 'read') {
            await refreshKeyring(keyring);
            [monotonic, wall] = [0, 0];
          } else if (what === 'pass') {
            clock.advance(ms);
            [monotonic, wall] = [monotonic + ms, wall + ms];
          } else {
            clock.setWall(ms);
            wall += ms;
          }
          expect(describeKeyring(keyring).isStale).toBe(monotonic > LIMIT_MS || wall > LIMIT_MS);
        }
      }),
    );
  });

  it('if the wall clock alone has moved on: the machine was suspended', async () => {
    const { keyring, clock } = await held();
    clock.setWall(LIMIT_MS + 1);
    const now = await held();
    now.store = 'away';
    now.clock.setWall(LIMIT_MS + 1);
    expect([await seal(keyring), await seal(now.keyring)]).toEqual(['success', 'keyring-stale']);
  });

  it('if the monotonic clock alone has moved on: somebody has set the other one back', async () => {
    const given = await held();
    given.store = 'away';
    given.clock.setWall(-2 * LIMIT_MS);
    given.clock.advance(LIMIT_MS);
    expect(await seal(given.keyring)).toBe('success');
    given.clock.advance(1);
    expect(await seal(given.keyring)).toBe('keyring-stale');
  });
});

describe('a stale keyring', () => {
  it('is read again by the first who seals, once for all who seal, and then seals', async () => {
    const { keyring, clock, reads } = await held();
    clock.advance(LIMIT_MS + 1);
    const outcomes = await Promise.all(Array.from({ length: 100 }, () => seal(keyring)));
    expect(new Set(outcomes)).toEqual(new Set(['success']));
    expect(reads()).toBe(1);
    expect(await seal(keyring)).toBe('success');
    expect(reads()).toBe(1);
  });

  it('never seals under a key that was replaced meanwhile', async () => {
    const given = await held();
    const { keyring, known, clock } = given;
    const old = await sealedWith(keyring);
    const next = await addKey(known.keyring);
    await activateKey(known.keyring, next);
    expect(await sealedWith(keyring)).toBe(old); // nobody has told it
    clock.advance(LIMIT_MS + 1);
    given.store = 'away';
    expect(await seal(keyring)).toBe('keyring-stale');
    given.store = 'there';
    clock.advance(SECOND_MS);
    expect(await sealedWith(keyring)).toBe(next);
  });

  it('opens cells on, though its store is away', async () => {
    const given = await held();
    const { keyring, clock } = given;
    const keyId = await sealedWith(keyring);
    given.store = 'away';
    clock.advance(1_000 * LIMIT_MS);
    expect(await seal(keyring)).toBe('keyring-stale');
    expect(await open(keyring, keyId)).toBe('success');
    const fresh = await held();
    fresh.store = 'away';
    fresh.clock.advance(LIMIT_MS + 1);
    const own = openedOf(fresh.keyring).sealingKeyId(undefined) as string;
    expect(await open(fresh.keyring, own)).toBe('success'); // and keys that nobody has used yet
  });

  it('asks its store once a second at most while that is away', async () => {
    const given = await held();
    const { keyring, clock, reads } = given;
    clock.advance(LIMIT_MS + 1);
    given.store = 'away';
    expect(await seal(keyring)).toBe('keyring-stale');
    const waiting = Array.from({ length: 20 }, () => seal(keyring));
    await settle();
    expect(reads()).toBe(1);
    clock.advance(SECOND_MS);
    expect(new Set(await Promise.all(waiting))).toEqual(new Set(['keyring-stale']));
    expect(reads()).toBe(2);
  });

  it('does not wait for ever for a store that does not answer', async () => {
    const given = await held();
    const { keyring, clock } = given;
    clock.advance(LIMIT_MS + 1);
    given.store = 'silent';
    const sealing = seal(keyring);
    await until(() => given.reads() === 1 && clock.sleepers > 0);
    clock.advance(MAX_STORE_WAIT_MS);
    expect(await sealing).toBe('keyring-stale');
  });

  it('says what else is wrong where it is that: its store was rolled back', async () => {
    const store = settableStore();
    const known = await knownKeyring(undefined, store);
    const first = await stored(store);
    await addKey(known.keyring);
    const clock = fakeClock();
    const keyring = await openKeyringIn(environment({ clock }), store, {
      rawKey: RAW_KEY,
      maxStaleMs: LIMIT_MS,
    });
    store.set(first);
    clock.advance(LIMIT_MS + 1);
    expect(await seal(keyring)).toBe('keyring-rolled-back');
  });
});

describe('the limit', () => {
  const isStaleAfter = ({ keyring, clock }: Held, ms: number): boolean => {
    clock.advance(ms);
    const { isStale } = describeKeyring(keyring);
    clock.advance(1);
    return isStale === false && describeKeyring(keyring).isStale;
  };

  it('is 15 minutes unless told otherwise, and none where it is infinite', async () => {
    expect(isStaleAfter(await held({}), 900_000)).toBe(true);
    const given = await held({ maxStaleMs: Number.POSITIVE_INFINITY });
    given.clock.advance(1e12);
    given.store = 'away';
    expect(await seal(given.keyring)).toBe('success');
  });

  it('is the stricter one of what the process and the policy ask for', async () => {
    for (const [own, policy] of [
      [10_000, 20_000],
      [20_000, 10_000],
      [Number.POSITIVE_INFINITY, 10_000],
    ] as const) {
      const given = await held({ maxStaleMs: own });
      await setPolicy(given.known.keyring, { maxStaleMs: policy });
      await refreshKeyring(given.keyring);
      expect(isStaleAfter(given, 10_000)).toBe(true);
    }
  });

  it('of a policy holds for a process once that has read it, and for who has set it at once', async () => {
    const given = await held({ maxStaleMs: 100_000 });
    await setPolicy(given.known.keyring, { maxStaleMs: LIMIT_MS });
    given.clock.advance(LIMIT_MS + 1);
    expect(describeKeyring(given.keyring).isStale).toBe(false);
    await refreshKeyring(given.keyring);
    given.clock.advance(LIMIT_MS + 1);
    expect(describeKeyring(given.keyring).isStale).toBe(true);
    const setter = await held({ maxStaleMs: 100_000 });
    await setPolicy(setter.keyring, { maxStaleMs: LIMIT_MS });
    setter.clock.advance(LIMIT_MS + 1);
    expect(describeKeyring(setter.keyring).isStale).toBe(true);
  });

  it('has bounds', async () => {
    for (const maxStaleMs of [999, 0, -1, 1_000.5, Number.NaN, 30 * 86_400_000 + 1])
      expect(await codeOf(held({ maxStaleMs }))).toBe('keyring-limit');
    for (const maxStaleMs of [1_000, 30 * 86_400_000])
      expect(await codeOf(held({ maxStaleMs }))).toBe('success');
  });
});
