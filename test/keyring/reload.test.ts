/** Cells under a key that is not known: the keyring is read again, once for all who ask, and not too often. */
import { describe, expect, it } from 'vitest';
import { UnknownKeyError } from '../../src/errors.js';
import type { Keyring, KeyringEvent } from '../../src/keyring/index.js';
import { addKey, openedOf, refreshKeyring } from '../../src/keyring/index.js';
import type { KeyringStore, StoredKeyring } from '../../src/ports/keyring-store.js';
import { memoryKeyring } from '../../src/store/memory.js';
import {
  type FakeClock,
  type GatedStore,
  type Known,
  codeOf,
  fakeClock,
  gatedStore,
  knownKeyring,
  reopened,
  settle,
  stored,
  until,
} from './support.js';

const SECOND_MS = 1000;

/** A key id that no keyring has; as many as one likes. */
const unknownId = (i = 0): string =>
  `${'abcdefghij'[i % 10]}${'klmnopqrst'[Math.trunc(i / 10) % 10]}`.padEnd(26, 'a');

interface Watched {
  readonly known: Known;
  readonly keyring: Keyring;
  readonly store: GatedStore;
  readonly clock: FakeClock;
  /** Asks for a key as a cell does. */
  ask(keyId: string): Promise<unknown>;
  /** Adds a key as another process does. */
  addElsewhere(): Promise<string>;
  /** Reads of the store since the keyring was opened. */
  reads(): number;
}

async function watched(): Promise<Watched> {
  const inner = memoryKeyring();
  const known = await knownKeyring(undefined, inner);
  const [store, clock] = [gatedStore(inner), fakeClock()];
  const keyring = await reopened({ ...known, store }, { clock });
  const before = store.reads;
  const opened = openedOf(keyring);
  return {
    known,
    keyring,
    store,
    clock,
    ask: (keyId) => codeOf(async () => opened.openingKey(keyId, undefined, { keyId })),
    addElsewhere: () => addKey(known.keyring),
    reads: () => store.reads - before,
  };
}

describe('a cell under an unknown key', () => {
  it('makes the keyring be read once, and is then refused', async () => {
    const { ask, reads } = await watched();
    expect(await ask(unknownId())).toBe('unknown-key');
    expect(reads()).toBe(1);
  });

  it('is refused with an error that says where', async () => {
    const { keyring } = await watched();
    const where = { table: 'customers', column: 'email', keyId: unknownId() };
    const asking = (async () => openedOf(keyring).openingKey(unknownId(), undefined, where))();
    await expect(asking).rejects.toBeInstanceOf(UnknownKeyError);
    await expect(asking).rejects.toMatchObject(where);
  });

  it('is read where another process has added the key', async () => {
    const { ask, reads, addElsewhere, keyring } = await watched();
    const keyId = await addElsewhere();
    expect(await ask(keyId)).toBe('success');
    expect([reads(), keyring.revision]).toEqual([1, 2]);
    expect(await ask(keyId)).toBe('success');
    expect(reads()).toBe(1);
  });

  it('is not what a cell under a known key is: nothing is read for that', async () => {
    const { ask, reads, keyring } = await watched();
    expect(await ask((await openedOf(keyring).sealingKeyId(undefined)) ?? '')).toBe('success');
    expect(reads()).toBe(0);
  });

  it("is refused where its key is an index key's", async () => {
    const { ask, known } = await watched();
    const keyId = await addKey(known.keyring, { kind: 'index' });
    expect(await ask(keyId)).toBe('unknown-key');
  });

  it('a hundred at once share one reload', async () => {
    const { ask, reads } = await watched();
    const outcomes = await Promise.all(Array.from({ length: 100 }, (_, i) => ask(unknownId(i))));
    expect(new Set(outcomes)).toEqual(new Set(['unknown-key']));
    expect(reads()).toBe(1);
  });

  it('a hundred at once under one new key share one reload, and all are read', async () => {
    const { ask, reads, addElsewhere } = await watched();
    const keyId = await addElsewhere();
    const outcomes = await Promise.all(Array.from({ length: 100 }, () => ask(keyId)));
    expect(new Set(outcomes)).toEqual(new Set(['success']));
    expect(reads()).toBe(1);
  });
});

describe('a reload under way', () => {
  it('is not joined by who comes later: what it has read may be older than the cell', async () => {
    const { ask, reads, addElsewhere, store, clock } = await watched();
    store.close();
    const early = ask(unknownId());
    await until(() => reads() === 1); // has looked into the store, and waits
    const keyId = await addElsewhere();
    const late = ask(keyId);
    store.open();
    expect(await early).toBe('unknown-key');
    await until(() => clock.sleepers === 1);
    clock.advance(SECOND_MS);
    expect(await late).toBe('success');
    expect(reads()).toBe(2);
  });

  it('is followed by one more for all who come while it is under way', async () => {
    const { ask, reads, store, clock } = await watched();
    store.close();
    const early = ask(unknownId());
    await until(() => reads() === 1);
    const late = Array.from({ length: 50 }, (_, i) => ask(unknownId(i)));
    store.open();
    await early;
    await until(() => clock.sleepers === 1);
    clock.advance(SECOND_MS);
    expect(new Set(await Promise.all(late))).toEqual(new Set(['unknown-key']));
    expect(reads()).toBe(2);
  });

  it('that fails fails for those who asked for it, and for nobody after them', async () => {
    const inner = memoryKeyring();
    const known = await knownKeyring(undefined, inner);
    let isAway = false;
    const store: KeyringStore = {
      read: (maxBytes) => {
        if (isAway) throw new RangeError('the database is away');
        return inner.read(maxBytes);
      },
      write: inner.write,
    };
    const clock = fakeClock();
    const opened = openedOf(await reopened({ ...known, store }, { clock }));
    const ask = () => codeOf(async () => opened.openingKey(unknownId(), undefined, {}));
    isAway = true;
    const failed = await Promise.all([ask(), ask()]);
    for (const error of failed) expect(error).toEqual(new RangeError('the database is away'));
    isAway = false;
    clock.advance(SECOND_MS);
    expect(await ask()).toBe('unknown-key');
  });
});

describe('reloads', () => {
  it('begin at most once a second', async () => {
    const { ask, reads, clock } = await watched();
    expect(await ask(unknownId())).toBe('unknown-key');
    for (let round = 2; round <= 5; round++) {
      const asking = ask(unknownId(round));
      await until(() => clock.sleepers === 1);
      clock.advance(SECOND_MS - 1);
      await settle();
      expect(reads()).toBe(round - 1);
      clock.advance(1);
      expect(await asking).toBe('unknown-key');
      expect(reads()).toBe(round);
    }
  });

  it('begin at once where the last one is a second ago', async () => {
    const { ask, reads, clock } = await watched();
    await ask(unknownId());
    clock.advance(SECOND_MS);
    await ask(unknownId(1));
    expect([reads(), clock.sleepers]).toEqual([2, 0]);
  });

  it('are not waited for again under a key that one has missed within the last second', async () => {
    const { ask, reads, clock } = await watched();
    await ask(unknownId());
    clock.advance(SECOND_MS - 1);
    expect(await ask(unknownId())).toBe('unknown-key'); // at once: nobody moves the clock
    expect([reads(), clock.sleepers]).toEqual([1, 0]);
    clock.advance(1);
    await ask(unknownId());
    expect(reads()).toBe(2);
  });

  it('find a key that one has missed, once a second is over', async () => {
    const inner = memoryKeyring();
    const known = await knownKeyring(undefined, inner);
    let behind: StoredKeyring | undefined = await stored(inner); // as a replica may be
    const store: KeyringStore = { read: (maxBytes) => behind ?? inner.read(maxBytes), write: inner.write };
    const clock = fakeClock();
    const opened = openedOf(await reopened({ ...known, store }, { clock }));
    const keyId = await addKey(known.keyring);
    const ask = () => codeOf(async () => opened.openingKey(keyId, undefined, {}));
    expect(await ask()).toBe('unknown-key');
    behind = undefined;
    clock.advance(SECOND_MS);
    expect(await ask()).toBe('success');
  });

  it('leave cells under known keys as quick as they were', async () => {
    const { ask, keyring, clock, reads } = await watched();
    await ask(unknownId());
    const waiting = ask(unknownId(1));
    await until(() => clock.sleepers === 1);
    expect(await ask((await openedOf(keyring).sealingKeyId(undefined)) ?? '')).toBe('success');
    expect(reads()).toBe(1);
    clock.advance(SECOND_MS);
    await waiting;
  });

  it('do not hold up refreshKeyring, which somebody asked for', async () => {
    const { ask, keyring, reads, clock } = await watched();
    await ask(unknownId());
    await refreshKeyring(keyring);
    await refreshKeyring(keyring);
    expect([reads(), clock.sleepers]).toEqual([3, 0]);
  });
});

describe('a value that only looks like a cell, perhaps', () => {
  it('is answered for by one reload a second, however many there are and whatever they name', async () => {
    const { keyring, reads, clock } = await watched();
    const opened = openedOf(keyring);
    const together = await Promise.all(Array.from({ length: 50 }, (_, i) => opened.hasKey(unknownId(i))));
    expect([new Set(together), reads()]).toEqual([new Set([false]), 1]);
    clock.advance(SECOND_MS - 1);
    for (let i = 0; i < 50; i++) expect(await opened.hasKey(unknownId(50 + i))).toBe(false); // at once: nobody moves the clock
    expect(reads()).toBe(1);
    clock.advance(1);
    expect([await opened.hasKey(unknownId()), reads()]).toEqual([false, 2]);
  });

  it('is one under a key that another process has added, at the latest a second later', async () => {
    const { keyring, clock, addElsewhere } = await watched();
    const opened = openedOf(keyring);
    expect(await opened.hasKey(await addElsewhere())).toBe(true);
    const next = await addElsewhere();
    clock.advance(SECOND_MS);
    expect(await opened.hasKey(next)).toBe(true);
  });

  it('waits for a reload that is under way, and not for the next one', async () => {
    const { keyring, reads, store } = await watched();
    const opened = openedOf(keyring);
    store.close();
    const early = opened.hasKey(unknownId());
    await until(() => reads() === 1);
    const late = opened.hasKey(unknownId(1));
    store.open();
    expect([await early, await late, reads()]).toEqual([false, false, 1]); // nobody has moved the clock
  });

  it('is judged by what the process knows where its keyring cannot be read, and an event tells of that', async () => {
    const inner = memoryKeyring();
    const known = await knownKeyring(undefined, inner);
    const error = new RangeError('the database is away');
    let isAway = false;
    const store: KeyringStore = {
      ...inner,
      read: (maxBytes) => {
        if (isAway) throw error;
        return inner.read(maxBytes);
      },
    };
    const events: KeyringEvent[] = [];
    const clock = fakeClock();
    const keyring = await reopened({ ...known, store }, { clock, onEvent: (event) => events.push(event) });
    const opened = openedOf(keyring);
    isAway = true;
    expect(await opened.hasKey(unknownId())).toBe(false);
    expect(await opened.hasKey(unknownId(1))).toBe(false);
    expect(await opened.hasKey((await opened.sealingKeyId(undefined)) ?? '')).toBe(true);
    expect(events).toEqual([{ type: 'read-failed', error }]);
  });
});
