/** Rules that hold for every process: their bounds, how they are set, and those that a newer version wrote. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type KeyringPolicy,
  addKey,
  describeKeyring,
  openKeyringIn,
  refreshKeyring,
  setPolicy,
} from '../../src/keyring/index.js';
import { memoryKeyring } from '../../src/store/memory.js';
import {
  type Payload,
  RAW_KEY,
  codeOf,
  environment,
  forge,
  holding,
  knownKeyring,
  payloadOf,
  payloadTextOf,
  reopened,
  stored,
} from './support.js';

const BOUNDS = {
  maxStaleMs: [1_000, 2_592_000_000],
  maxCellsPerKey: [65_536, 2 ** 48],
  cryptoperiodDays: [1, 36_500],
  holdMs: [0, 31_536_000_000],
} as const;
type Rule = keyof typeof BOUNDS;
const RULES = Object.keys(BOUNDS) as Rule[];

/** A rule, or its absence. */
const rule = (name: Rule): fc.Arbitrary<number | undefined> => {
  const [min, max] = BOUNDS[name];
  return fc.option(
    fc.oneof(
      fc.constantFrom(min, max),
      fc.maxSafeInteger().map((n) => min + (Math.abs(n) % (max - min))),
    ),
    {
      nil: undefined,
    },
  );
};
const policy: fc.Arbitrary<KeyringPolicy> = fc
  .shuffledSubarray(RULES)
  .chain((names) =>
    fc
      .tuple(...names.map(rule))
      .map((values) => Object.fromEntries(names.map((name, i) => [name, values[i]]))),
  );

describe('setPolicy', () => {
  it('sets what is named, takes away what is undefined, and leaves the rest; in the order of the format', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(policy, { minLength: 1, maxLength: 5 }), async (given) => {
        const known = await knownKeyring();
        let model: Record<string, number | undefined> = {};
        for (const next of given) {
          await setPolicy(known.keyring, next);
          model = { ...model, ...next };
          const left = Object.fromEntries(
            RULES.filter((name) => model[name] !== undefined).map((name) => [name, model[name]]),
          );
          expect(describeKeyring(known.keyring).policy).toEqual(left);
          const text = payloadTextOf((await stored(known.store)).document);
          expect(text).toContain(`"policy":${JSON.stringify(left)},`);
        }
        const reader = await reopened(known);
        expect(describeKeyring(reader).policy).toEqual(describeKeyring(known.keyring).policy);
      }),
      { numRuns: 40 },
    );
  });

  it('refuses what is outside the bounds, and changes nothing', async () => {
    const known = await knownKeyring();
    await setPolicy(known.keyring, { cryptoperiodDays: 90 });
    for (const name of RULES) {
      const [least, most] = BOUNDS[name];
      for (const value of [
        least - 1,
        most + 1,
        ...(least > 0 ? [0] : []),
        -1,
        least + 0.5,
        Number.NaN,
        Number.POSITIVE_INFINITY,
        '1000',
        null,
        5_000n,
      ]) {
        const bad = { maxStaleMs: 5_000, [name]: value } as KeyringPolicy;
        expect([name, value, await codeOf(setPolicy(known.keyring, bad))]).toEqual([
          name,
          value,
          'keyring-limit',
        ]);
      }
      for (const value of [least, most])
        expect(await codeOf(setPolicy(known.keyring, { [name]: value }))).toBe('success');
    }
    expect(known.keyring.revision).toBe(2 + 2 * RULES.length);
  });

  it('is a conflict where somebody else changes the keyring at the same moment, and then sets nothing', async () => {
    const store = memoryKeyring();
    const known = await knownKeyring(undefined, store);
    const meddling = {
      ...store,
      write: async (next: Parameters<typeof store.write>[0]) => {
        await addKey(known.keyring);
        return store.write(next);
      },
    };
    const keyring = await openKeyringIn(environment(), meddling, { rawKey: RAW_KEY });
    expect(await codeOf(setPolicy(keyring, { cryptoperiodDays: 90 }))).toBe('keyring-conflict');
    await refreshKeyring(keyring);
    expect(describeKeyring(keyring).policy).toEqual({});
  });
});

describe('a policy that is read', () => {
  /** What comes of opening, and of refreshing to, a document with this policy under its own MAC. */
  async function outcomes(edit: (payload: Payload) => unknown): Promise<unknown[]> {
    const known = await knownKeyring();
    const payload = payloadOf((await stored(known.store)).document);
    edit(payload);
    const opening = await codeOf(
      openKeyringIn(environment(), holding(forge(known.rootKey, payload)), { rawKey: RAW_KEY }),
    );
    const reader = await reopened(known);
    await setPolicy(known.keyring, {});
    const next = payloadOf((await stored(known.store)).document);
    edit(next);
    const refreshed = await openKeyringIn(environment(), known.store, { rawKey: RAW_KEY });
    const store = holding(forge(known.rootKey, next), 2);
    // The reader's store gives the forged revision from now on.
    Object.assign(known.store, { read: store.read });
    return [opening, await codeOf(refreshKeyring(reader)), refreshed.revision];
  }

  it('with a rule that this version does not know is refused: it would break it', async () => {
    for (const name of ['minimumVersion', 'maxStaleMS', '', 'toString', '__proto__']) {
      const edit = (payload: Payload): void => {
        payload.policy = JSON.parse(`{"maxStaleMs":5000,${JSON.stringify(name)}:1}`);
      };
      expect([name, ...(await outcomes(edit))]).toEqual([name, 'keyring-format', 'keyring-format', 2]);
    }
  });

  it('outside its bounds, or no policy, is damage', async () => {
    const bad: unknown[] = RULES.flatMap((name) => [
      { [name]: BOUNDS[name][0] - 1 },
      { [name]: BOUNDS[name][1] + 1 },
      { [name]: String(BOUNDS[name][0]) },
      { [name]: null },
    ]);
    bad.push(null, [], 'none', { cryptoperiodDays: 90, maxStaleMs: 5_000 });
    for (const value of bad) {
      const edit = (payload: Payload): void => {
        payload.policy = value;
      };
      expect([value, ...(await outcomes(edit))]).toEqual([value, 'keyring-damaged', 'keyring-damaged', 2]);
    }
  });
});
