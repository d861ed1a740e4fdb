/** The cache of derived cell keys, and the salt that they are derived with (docs/format.md §3). */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Bytes } from '../../src/bytes.js';
import { CellKeys, type DataKey, Lru, type Scope } from '../../src/cipher/index.js';
import { nodeEngine } from '../../src/engine/node.js';
import { encodeContext } from '../../src/envelope/index.js';
import { AuthenticationError } from '../../src/errors.js';
import { CELLS_PER_SALT } from '../../src/limits.js';
import type { MaybePromise } from '../../src/maybe.js';
import type { AeadKey, Engine } from '../../src/ports/engine.js';

const dataKey = (fill: number): DataKey => ({
  keyId: String.fromCharCode(0x61 + fill).repeat(26),
  keyIdBytes: new Uint8Array(16).fill(fill),
  prefix: new Uint8Array(18).fill(fill),
  key: nodeEngine().importKey(new Uint8Array(32).fill(fill)) as DataKey['key'],
});
const scope = (table: string): Scope => {
  const context = encodeContext('scope', { table });
  return { id: String.fromCharCode(...context), context };
};
const saltOf = (number: number): Bytes =>
  Uint8Array.of(0, 0, 0, 0, number >>> 24, number >>> 16, number >>> 8, number);

const KEY = dataKey(1);
const SCOPE = scope('customers');
const noRandom = (): never => {
  throw new Error('no randomness was to be drawn');
};
/** What the Node engine answers. */
const atOnce = <T>(answer: MaybePromise<T>): T => answer as T;
const succeed = (key: AeadKey): AeadKey => key;
const fail = (): never => {
  throw new AuthenticationError();
};

/** Counts derivations; what derives is an argument. */
function counting(derive: Engine['deriveAead'] = nodeEngine().deriveAead) {
  const counted = { derivations: 0 };
  const engine: Engine = {
    ...nodeEngine(),
    deriveAead: (...args) => {
      counted.derivations++;
      return derive(...args);
    },
  };
  return { counted, keys: (capacity?: number) => new CellKeys(engine, noRandom, capacity) };
}

describe('a cell key', () => {
  it('is derived once, and kept after its work has succeeded', () => {
    const { counted, keys } = counting();
    const cellKeys = keys();
    const first = cellKeys.use(KEY, SCOPE, saltOf(1), succeed);
    expect(cellKeys.use(KEY, SCOPE, saltOf(1), succeed)).toBe(first);
    expect(counted.derivations).toBe(1);
  });

  it('is not kept where its work has failed', async () => {
    const { counted, keys } = counting();
    const cellKeys = keys();
    for (let i = 0; i < 3; i++)
      expect(() => cellKeys.use(KEY, SCOPE, saltOf(1), fail)).toThrow(AuthenticationError);
    expect(counted.derivations).toBe(3);
    await expect(cellKeys.use(KEY, SCOPE, saltOf(1), async () => fail())).rejects.toThrow(
      AuthenticationError,
    );
    expect(counted.derivations).toBe(4);
  });

  it('stays where its later work fails: one forged cell does not make the genuine ones cold', () => {
    const { counted, keys } = counting();
    const cellKeys = keys();
    atOnce(cellKeys.use(KEY, SCOPE, saltOf(1), succeed));
    expect(() => cellKeys.use(KEY, SCOPE, saltOf(1), fail)).toThrow(AuthenticationError);
    atOnce(cellKeys.use(KEY, SCOPE, saltOf(1), succeed));
    expect(counted.derivations).toBe(1);
  });

  it('is not pushed out by any number of forged salts', () => {
    const { counted, keys } = counting();
    const cellKeys = keys(2);
    atOnce(cellKeys.use(KEY, SCOPE, saltOf(1), succeed));
    atOnce(cellKeys.use(KEY, SCOPE, saltOf(2), succeed));
    for (let forged = 100; forged < 200; forged++) {
      expect(() => cellKeys.use(KEY, SCOPE, saltOf(forged), fail)).toThrow(AuthenticationError);
    }
    counted.derivations = 0;
    atOnce(cellKeys.use(KEY, SCOPE, saltOf(1), succeed));
    atOnce(cellKeys.use(KEY, SCOPE, saltOf(2), succeed));
    expect(counted.derivations).toBe(0);
  });

  it('is not pushed out by forged salts that are all under way at once', async () => {
    const { counted, keys } = counting(async (...args) => nodeEngine().deriveAead(...args));
    const cellKeys = keys(1);
    await cellKeys.use(KEY, SCOPE, saltOf(1), succeed);
    const forged = Array.from({ length: 50 }, (_, i) =>
      Promise.resolve(cellKeys.use(KEY, SCOPE, saltOf(100 + i), async () => fail())),
    );
    const outcomes = await Promise.allSettled(forged);
    expect(outcomes.every(({ status }) => status === 'rejected')).toBe(true);
    counted.derivations = 0;
    await cellKeys.use(KEY, SCOPE, saltOf(1), succeed);
    expect(counted.derivations).toBe(0);
  });

  it('is pushed out by genuine ones, the least recently used first', () => {
    const { counted, keys } = counting();
    const cellKeys = keys(2);
    const use = (salt: number): number => {
      const before = counted.derivations;
      atOnce(cellKeys.use(KEY, SCOPE, saltOf(salt), succeed));
      return counted.derivations - before;
    };
    expect([1, 2, 1, 3, 1, 2].map(use)).toEqual([1, 1, 0, 1, 0, 1]);
  });

  it('is another one for another data key, scope or salt', () => {
    const { counted, keys } = counting();
    const cellKeys = keys();
    const uses = [
      [KEY, SCOPE, saltOf(1)],
      [dataKey(2), SCOPE, saltOf(1)],
      [KEY, scope('clients'), saltOf(1)],
      [KEY, SCOPE, saltOf(2)],
    ] as const;
    const found = uses.map((use) => cellKeys.use(...use, succeed));
    expect(counted.derivations).toBe(uses.length);
    expect(new Set(found).size).toBe(uses.length);
    expect(uses.map((use) => cellKeys.use(...use, succeed))).toEqual(found);
    expect(counted.derivations).toBe(uses.length);
  });

  it('that many want at once is derived once', async () => {
    const { counted, keys } = counting(async (...args) => nodeEngine().deriveAead(...args));
    const cellKeys = keys();
    const all = await Promise.all(
      Array.from({ length: 30 }, () => cellKeys.use(KEY, SCOPE, saltOf(1), async (key) => key)),
    );
    expect(counted.derivations).toBe(1);
    expect(new Set(all).size).toBe(1);
  });

  it('that many want at once is kept where only one of them succeeds', async () => {
    const { counted, keys } = counting(async (...args) => nodeEngine().deriveAead(...args));
    const cellKeys = keys();
    await Promise.allSettled(
      [fail, succeed, fail].map((work) =>
        Promise.resolve(cellKeys.use<AeadKey>(KEY, SCOPE, saltOf(1), async (key) => work(key))),
      ),
    );
    await cellKeys.use(KEY, SCOPE, saltOf(1), succeed);
    expect(counted.derivations).toBe(1);
  });

  it.each<[string, Engine['deriveAead']]>([
    [
      'throws',
      () => {
        throw new TypeError('the platform');
      },
    ],
    ['rejects', () => Promise.reject(new TypeError('the platform'))],
  ])('whose derivation %s is not kept, and the next one derives anew', async (_, faulty) => {
    let broken = true;
    const { counted, keys } = counting((...args) =>
      broken ? faulty(...args) : nodeEngine().deriveAead(...args),
    );
    const cellKeys = keys();
    const use = async (): Promise<AeadKey> => cellKeys.use(KEY, SCOPE, saltOf(1), succeed);
    const failing = await Promise.allSettled([use(), use(), use()]);
    expect(failing.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected']);
    await expect(use()).rejects.toThrow('the platform');
    broken = false;
    counted.derivations = 0;
    await use();
    await use();
    expect(counted.derivations).toBe(1);
  });
});

describe('the salt', () => {
  function drawing() {
    const draws: number[] = [];
    const cellKeys = new CellKeys(nodeEngine(), (bytes) => {
      draws.push(bytes);
      return new Uint8Array(bytes).fill(draws.length);
    });
    return { cellKeys, draws };
  }

  it('is not drawn before it is used: a snapshot of a process that has sealed nothing has none', () => {
    const { cellKeys, draws } = drawing();
    atOnce(cellKeys.use(KEY, SCOPE, saltOf(1), succeed));
    expect(draws).toEqual([]);
    expect(cellKeys.nextSalt()).toEqual(new Uint8Array(8).fill(1));
    expect(draws).toEqual([8]);
  });

  it('is renewed after exactly 2^16 cells', () => {
    const { cellKeys, draws } = drawing();
    const first = cellKeys.nextSalt();
    for (let cell = 2; cell <= 65_536; cell++) {
      if (cellKeys.nextSalt() !== first) throw new Error(`another salt for cell ${cell}`);
    }
    expect(draws).toHaveLength(1);
    expect(cellKeys.nextSalt()).not.toEqual(first);
    for (let cell = 2; cell <= 65_536; cell++) cellKeys.nextSalt();
    expect(draws).toHaveLength(2);
    cellKeys.nextSalt();
    expect(draws).toHaveLength(3);
    expect(CELLS_PER_SALT).toBe(65_536);
  });
});

describe('the cache', () => {
  it('holds what a list of the same length would, in the order of use', () => {
    const act = fc.tuple(fc.boolean(), fc.constantFrom(...'abcdef'));
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 4 }), fc.array(act, { maxLength: 40 }), (capacity, acts) => {
        const lru = new Lru<string>(capacity);
        let model: string[] = [];
        for (const [writes, key] of acts) {
          if (!writes) expect(lru.get(key)).toBe(model.includes(key) ? `${key}!` : undefined);
          if (writes) lru.set(key, `${key}!`);
          if (writes || model.includes(key))
            model = [...model.filter((other) => other !== key), key].slice(-capacity);
          expect(lru.size).toBe(model.length);
        }
      }),
    );
  });
});
