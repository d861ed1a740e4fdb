/** What a keyring tells whoever asked to hear it: when, how often, and nothing secret. */
import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import {
  type KeyringEvent,
  type KeyringListener,
  activateKey,
  addKey,
  closeKeyring,
  listKeys,
  openKeyringIn,
  openedOf,
  refreshKeyring,
  setPolicy,
  watchKeyring,
} from '../../src/keyring/index.js';
import type { KeyringStore } from '../../src/ports/keyring-store.js';
import { memoryKeyring } from '../../src/store/memory.js';
import {
  PASSPHRASE,
  RAW_KEY,
  environment,
  fakeClock,
  forge,
  holding,
  knownKeyring,
  payloadOf,
  recordingRandom,
  reopened,
  settle,
  stored,
} from './support.js';

const DAY_MS = 86_400_000;

function listener(): { readonly events: KeyringEvent[]; readonly onEvent: KeyringListener } {
  const events: KeyringEvent[] = [];
  return { events, onEvent: (event) => events.push(event) };
}

describe('changed', () => {
  it('is told once for each document that is taken over or written, and for none that is known', async () => {
    const known = await knownKeyring();
    const { events, onEvent } = listener();
    const keyring = await reopened(known, { onEvent });
    await refreshKeyring(keyring);
    expect(events).toEqual([]);
    await addKey(known.keyring);
    await addKey(known.keyring);
    await refreshKeyring(keyring);
    await refreshKeyring(keyring);
    expect(events).toEqual([{ type: 'changed', revision: 3 }]);
    await addKey(keyring);
    expect(events.slice(1)).toEqual([{ type: 'changed', revision: 4 }]);
  });

  it('is told when the document holds already', async () => {
    const known = await knownKeyring();
    const seen: number[] = [];
    const keyring = await reopened(known, { onEvent: () => void seen.push(keyring.revision) });
    await addKey(known.keyring);
    await refreshKeyring(keyring);
    await addKey(keyring);
    expect(seen).toEqual([2, 3]);
  });
});

describe('key-age', () => {
  async function aged(days: number, cryptoperiodDays: number) {
    const clock = fakeClock();
    const known = await knownKeyring(undefined, undefined, { clock });
    await setPolicy(known.keyring, { cryptoperiodDays });
    clock.advance(days * DAY_MS);
    return { known, clock, ...listener() };
  }

  it('is told from nine tenths of the cryptoperiod on, for each active key, once for a process', async () => {
    const { known, clock, events, onEvent } = await aged(80, 90);
    const keyring = await reopened(known, { onEvent });
    clock.advance(DAY_MS - 1);
    await refreshKeyring(keyring);
    expect(events).toEqual([]);
    clock.advance(1);
    await refreshKeyring(keyring);
    const told = listKeys(keyring).map(({ keyId }) => ({
      type: 'key-age',
      keyId,
      ageDays: 81,
      cryptoperiodDays: 90,
    }));
    expect(told).toHaveLength(2);
    expect(events).toEqual(told);
    clock.advance(100 * DAY_MS);
    await refreshKeyring(keyring);
    expect(events).toEqual(told);
  });

  it('is told at opening too: many a process never reads its keyring again', async () => {
    const { known, events, onEvent } = await aged(200, 90);
    await reopened(known, { onEvent });
    expect(events.map(({ type }) => type)).toEqual(['key-age', 'key-age']);
    expect(events[0]).toMatchObject({ ageDays: 200 });
  });

  it('is told to who sets the policy, and not of keys that are not active', async () => {
    const clock = fakeClock();
    const { events, onEvent } = listener();
    const { keyring } = await knownKeyring(undefined, undefined, { clock, onEvent });
    clock.advance(50 * DAY_MS);
    await activateKey(keyring, await addKey(keyring));
    events.length = 0;
    await setPolicy(keyring, { cryptoperiodDays: 30 });
    const index = listKeys(keyring).find(({ kind }) => kind === 'index')?.keyId;
    expect(events.filter(({ type }) => type === 'key-age')).toEqual([
      { type: 'key-age', keyId: index, ageDays: 50, cryptoperiodDays: 30 },
    ]);
  });

  it('is told of nothing without a policy', async () => {
    const clock = fakeClock();
    const { events, onEvent } = listener();
    const { keyring } = await knownKeyring(undefined, undefined, { clock, onEvent });
    clock.advance(40_000 * DAY_MS);
    await refreshKeyring(keyring);
    expect(events).toEqual([]);
  });
});

describe('compromised-key', () => {
  it('is told when such a key is used to decrypt, once for a process', async () => {
    const known = await knownKeyring();
    const old = listKeys(known.keyring)[0]?.keyId as string;
    await activateKey(known.keyring, await addKey(known.keyring));
    const payload = payloadOf((await stored(known.store)).document);
    payload.keys[0].state = 'compromised';
    const { events, onEvent } = listener();
    const store = holding(forge(known.rootKey, payload), 3);
    const keyring = await openKeyringIn(environment({ onEvent }), store, { rawKey: RAW_KEY });
    const opened = openedOf(keyring);
    await opened.sealingKey(undefined, {});
    expect(events).toEqual([]);
    for (let times = 0; times < 3; times++) await opened.openingKey(old, undefined, {});
    expect(events).toEqual([{ type: 'compromised-key', keyId: old }]);
  });
});

/** A whole life, in which everything is told that there is to tell. */
async function live(onEvent: KeyringListener) {
  const clock = fakeClock();
  const { random, given } = recordingRandom();
  const inner = memoryKeyring();
  let isAway = false;
  const unlessAway = <T>(work: () => T): T => {
    if (isAway) throw new RangeError('the database is away');
    return work();
  };
  const store: KeyringStore = {
    ...inner,
    read: (maxBytes) => unlessAway(() => inner.read(maxBytes)),
    usage: { ...inner.usage, add: (keyId, cells) => unlessAway(() => inner.usage.add(keyId, cells)) },
  };
  const known = await knownKeyring({ rawKey: RAW_KEY }, store, { clock, onEvent, random });
  const { keyring } = known;
  await setPolicy(keyring, { cryptoperiodDays: 10, maxCellsPerKey: 80_000 });
  await activateKey(keyring, await addKey(keyring));
  clock.advance(11 * DAY_MS);
  const watch = await watchKeyring(keyring, { everyMs: 1_000 });
  const opened = openedOf(keyring);
  isAway = true;
  for (let cells = 0; cells < 66_000; cells++) opened.usage.count(listKeys(keyring)[0]?.keyId as string);
  clock.advance(1_000);
  await settle();
  isAway = false;
  await refreshKeyring(keyring);
  await opened.sealingKey(undefined, {});
  await watch.stop();
  await closeKeyring(keyring);
  return { known, secrets: [RAW_KEY, ...given.filter(({ was }) => was.length === 32).map(({ was }) => was)] };
}

describe('a listener', () => {
  it('hears of a whole life', async () => {
    const { events, onEvent } = listener();
    await live(onEvent);
    expect(new Set(events.map(({ type }) => type))).toEqual(
      new Set(['changed', 'key-age', 'key-usage', 'read-failed', 'usage-failed']),
    );
  });

  it('that throws, or whose promise fails, stops nothing', async () => {
    const fail = (): never => {
      throw new Error('the logger is full');
    };
    const listeners: readonly KeyringListener[] = [fail, async () => fail()];
    for (const onEvent of listeners) {
      let told = 0;
      const counted: KeyringListener = (event) => {
        told++;
        return onEvent(event);
      };
      await live(counted);
      expect(told).toBeGreaterThan(5);
    }
    await settle(); // a promise that nobody caught would end the test run
  });

  it('hears nothing secret', async () => {
    const { events, onEvent } = listener();
    const { secrets } = await live(onEvent);
    expect(secrets.length).toBeGreaterThan(3);
    const said =
      inspect(events, { depth: Number.POSITIVE_INFINITY, showHidden: true }) + JSON.stringify(events);
    for (const secret of secrets) {
      for (const spelling of ['hex', 'base64', 'base64url'] as const)
        expect(said).not.toContain(Buffer.from(secret).toString(spelling));
    }
    expect(said).not.toContain(PASSPHRASE);
    const members = new Set(events.flatMap((event) => Object.keys(event)));
    expect([...members].sort()).toEqual(
      ['ageDays', 'cells', 'cryptoperiodDays', 'error', 'keyId', 'maxCells', 'revision', 'type'].sort(),
    );
  });
});
