/** A keyring that is read at intervals, and the registry in which its processes write themselves down. */
import { afterEach, describe, expect, it } from 'vitest';
import {
  type Keyring,
  type KeyringEvent,
  type KeyringWatch,
  type WatchOptions,
  addKey,
  closeKeyring,
  forgetProcess,
  listProcesses,
  openedOf,
  setPolicy,
  watchKeyring,
} from '../../src/keyring/index.js';
import { MAX_STORE_WAIT_MS } from '../../src/limits.js';
import type { KeyringStore, ProcessRegistry } from '../../src/ports/keyring-store.js';
import { memoryKeyring } from '../../src/store/memory.js';
import {
  type FakeClock,
  type Known,
  codeOf,
  fakeClock,
  gatedStore,
  knownKeyring,
  reopened,
  settle,
  until,
} from './support.js';

const EVERY_MS = 5_000;

interface Watched {
  readonly known: Known;
  readonly keyring: Keyring;
  readonly watch: KeyringWatch;
  readonly clock: FakeClock;
  readonly registry: ProcessRegistry;
  /** What the registry was told, in order. */
  readonly announced: string[];
  readonly events: KeyringEvent[];
  /** The calls of the store that fail from now on. */
  readonly away: Set<'read' | 'announce' | 'totals'>;
  reads(): number;
  /** Lets so much time pass, and everything that follows from it happen. */
  pass(ms: number): Promise<void>;
  /** The same where nothing is to happen. */
  rest(ms: number): Promise<void>;
}

let watches: KeyringWatch[] = [];
afterEach(async () => {
  await Promise.all(watches.map((watch) => watch.stop()));
  watches = [];
});

async function watched(options: WatchOptions = { everyMs: EVERY_MS }): Promise<Watched> {
  const inner = memoryKeyring();
  const known = await knownKeyring(undefined, inner);
  const clock = fakeClock();
  const announced: string[] = [];
  const events: KeyringEvent[] = [];
  const away = new Set<'read' | 'announce' | 'totals'>();
  const unless = <T>(what: 'read' | 'announce' | 'totals', work: () => T): T => {
    if (away.has(what)) throw new RangeError('the store is away');
    return work();
  };
  let reads = 0;
  const store: KeyringStore = {
    ...inner,
    read: (maxBytes) =>
      unless('read', () => {
        reads++;
        return inner.read(maxBytes);
      }),
    processes: {
      ...inner.processes,
      announce: (process) =>
        unless('announce', () => {
          announced.push(process.entry);
          return inner.processes.announce(process);
        }),
    },
    usage: { ...inner.usage, totals: () => unless('totals', () => inner.usage.totals()) },
  };
  const keyring = await reopened({ ...known, store }, { clock, onEvent: (event) => events.push(event) });
  const watch = await watchKeyring(keyring, options);
  watches.push(watch);
  return {
    known,
    keyring,
    watch,
    clock,
    registry: inner.processes,
    announced,
    events,
    away,
    reads: () => reads,
    async rest(ms) {
      clock.advance(ms);
      await settle();
    },
    async pass(ms) {
      clock.advance(ms);
      await until(() => clock.sleepers > 0); // its turn is over, and it sleeps again
      await settle();
    },
  };
}

describe('a keyring that is watched', () => {
  it('is read at once, and again after each interval, no sooner', async () => {
    const { keyring, known, reads, pass } = await watched();
    expect(reads()).toBe(2); // opening, and the first turn
    await addKey(known.keyring);
    await pass(EVERY_MS - 1);
    expect([reads(), keyring.revision]).toEqual([2, 1]);
    await pass(1);
    expect([reads(), keyring.revision]).toEqual([3, 2]);
    for (let turn = 1; turn <= 5; turn++) await pass(EVERY_MS);
    expect(reads()).toBe(8);
  });

  it('writes down what it has read, with a beat that goes on', async () => {
    const { known, watch, pass, keyring } = await watched({ everyMs: EVERY_MS, name: 'web-1 «ä»' });
    const own = { processId: watch.processId, name: 'web-1 «ä»', everyMs: EVERY_MS, maxStaleMs: 900_000 };
    const [first] = await listProcesses(keyring);
    expect(first).toEqual({ ...own, revision: 1, beat: 1 });
    await setPolicy(known.keyring, { maxStaleMs: 60_000 });
    await pass(EVERY_MS);
    const [second] = await listProcesses(known.keyring);
    expect(second).toMatchObject({ ...own, revision: 2, maxStaleMs: 60_000 });
    await pass(EVERY_MS);
    const [third] = await listProcesses(known.keyring);
    expect(third?.beat).toBe((second?.beat ?? 0) + 1);
  });

  it('writes down at once what it has changed itself', async () => {
    const { keyring } = await watched();
    await addKey(keyring);
    await settle();
    expect(await listProcesses(keyring)).toMatchObject([{ revision: 2 }]);
  });

  it('never writes an older revision over a newer one', async () => {
    const { announced, keyring, known, pass } = await watched();
    for (let round = 0; round < 10; round++) {
      await Promise.all([addKey(keyring).catch(() => undefined), pass(EVERY_MS)]);
      await addKey(known.keyring).catch(() => undefined);
    }
    await settle();
    const told = announced.map((entry) => JSON.parse(entry) as { revision: number; beat: number });
    expect(told.length).toBeGreaterThan(15);
    for (const [i, { revision, beat }] of told.entries()) {
      expect(beat).toBeGreaterThanOrEqual(told[i - 1]?.beat ?? 0);
      expect(revision).toBeGreaterThanOrEqual(told[i - 1]?.revision ?? 0);
    }
  });

  it('goes on after a read that failed, and says so each time', async () => {
    const { known, keyring, away, events, announced, pass } = await watched();
    away.add('read');
    await addKey(known.keyring);
    await pass(EVERY_MS);
    await pass(EVERY_MS);
    expect(events).toEqual([
      { type: 'read-failed', error: new RangeError('the store is away') },
      { type: 'read-failed', error: new RangeError('the store is away') },
    ]);
    // It is there, and its beat stands still: it has read nothing.
    expect(new Set(announced).size).toBe(1);
    away.clear();
    await pass(EVERY_MS);
    expect(keyring.revision).toBe(2);
    expect(await listProcesses(keyring)).toMatchObject([{ revision: 2 }]);
  });

  it('goes on where the first turn failed', async () => {
    const inner = memoryKeyring();
    const known = await knownKeyring(undefined, inner);
    const clock = fakeClock();
    let isAway = false;
    const store: KeyringStore = {
      ...inner,
      read(maxBytes) {
        if (isAway) throw new RangeError('the store is away');
        return inner.read(maxBytes);
      },
    };
    const keyring = await reopened({ ...known, store }, { clock });
    isAway = true;
    watches.push(await watchKeyring(keyring, { everyMs: EVERY_MS }));
    // It is there, and must be waited for; it has read nothing yet.
    expect(await listProcesses(keyring)).toMatchObject([{ revision: 1, beat: 0 }]);
    await addKey(known.keyring);
    isAway = false;
    clock.advance(EVERY_MS);
    await until(() => keyring.revision === 2);
    await settle();
    expect(await listProcesses(keyring)).toMatchObject([{ revision: 2, beat: 1 }]);
  });

  it('acknowledges where only its log of usage fails', async () => {
    const { known, keyring, away, events, pass } = await watched();
    away.add('totals');
    await addKey(known.keyring);
    await pass(EVERY_MS);
    expect(events.map(({ type }) => type)).toEqual(['changed', 'read-failed']);
    expect(await listProcesses(keyring)).toMatchObject([{ revision: 2 }]);
  });

  it('says that it could not write itself down, and does at its next turn', async () => {
    const { known, away, events, keyring, pass } = await watched();
    away.add('announce');
    await addKey(known.keyring);
    await pass(EVERY_MS);
    expect(events.map(({ type }) => type)).toContain('read-failed');
    expect([keyring.revision, (await listProcesses(keyring))[0]?.revision]).toEqual([2, 1]);
    away.clear();
    await pass(EVERY_MS);
    expect((await listProcesses(keyring))[0]?.revision).toBe(2);
  });

  it('is read also where its store keeps no registry', async () => {
    const inner = memoryKeyring();
    const known = await knownKeyring(undefined, inner);
    const { processes: _, ...store } = inner;
    const clock = fakeClock();
    const keyring = await reopened({ ...known, store }, { clock });
    const watch = await watchKeyring(keyring, { everyMs: EVERY_MS });
    watches.push(watch);
    expect(watch.processId).toBeUndefined();
    await addKey(known.keyring);
    clock.advance(EVERY_MS);
    await until(() => keyring.revision === 2);
    for (const work of [listProcesses(keyring), forgetProcess(keyring, 'a'.repeat(26))])
      expect(await codeOf(work)).toBe('store-unfit');
  });

  it('wants an interval and a name within bounds', async () => {
    const { keyring } = await knownKeyring();
    const bad: WatchOptions[] = [
      ...[0, 99, -1, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 31, 150.5].map((everyMs) => ({ everyMs })),
      { name: 'x'.repeat(129) },
      { name: 'two\nlines' },
      { name: '\ud800' },
    ];
    for (const options of bad) expect(await codeOf(watchKeyring(keyring, options))).toBe('definition');
    for (const options of [{ everyMs: 100 }, { everyMs: 2 ** 31 - 1 }, { name: '"\\€'.repeat(42) }]) {
      const watch = await watchKeyring(keyring, options);
      watches.push(watch);
      // Whatever it may call itself, it is read back as one that is waited for.
      expect((await listProcesses(keyring)).some(({ processId }) => processId === watch.processId)).toBe(
        true,
      );
    }
  });
});

describe('a watch that is stopped', () => {
  it('strikes its process off, reads no more, and writes nothing down any more', async () => {
    const { keyring, watch, reads, announced, rest, known } = await watched();
    await watch.stop();
    const before = [reads(), announced.length];
    expect(await listProcesses(keyring)).toEqual([]);
    await addKey(known.keyring);
    for (let turn = 0; turn < 5; turn++) await rest(EVERY_MS);
    await addKey(keyring);
    await settle();
    expect(announced).toHaveLength(before[1] as number);
    expect(await listProcesses(keyring)).toEqual([]);
    await watch.stop(); // safe to repeat
  });

  it('in the middle of a turn writes nothing down behind its back', async () => {
    const inner = memoryKeyring();
    const known = await knownKeyring(undefined, inner);
    const gate = gatedStore(inner);
    const clock = fakeClock();
    const keyring = await reopened({ ...known, store: { ...inner, read: gate.read } }, { clock });
    const watch = await watchKeyring(keyring, { everyMs: EVERY_MS });
    gate.close();
    clock.advance(EVERY_MS);
    await settle(); // has looked, and waits
    const stopping = watch.stop();
    gate.open();
    await stopping;
    await settle();
    expect(inner.processes.list()).toEqual([]);
  });
});

describe('a store that does not answer', () => {
  it('keeps no watch from ending, and finds nothing written down when it answers after all', async () => {
    const inner = memoryKeyring();
    const known = await knownKeyring(undefined, inner);
    const gate = gatedStore(inner);
    const clock = fakeClock();
    const keyring = await reopened({ ...known, store: { ...inner, read: gate.read } }, { clock });
    const watch = await watchKeyring(keyring, { everyMs: EVERY_MS });
    gate.close();
    clock.advance(EVERY_MS);
    await settle(); // has looked, and waits
    const stopping = watch.stop();
    await until(() => clock.sleepers > 0);
    clock.advance(MAX_STORE_WAIT_MS);
    await stopping;
    expect(inner.processes.list()).toEqual([]);
    gate.open();
    await settle();
    expect(inner.processes.list()).toEqual([]);
  });
});

describe('closing a keyring', () => {
  it('ends its watches, strikes them off, and is said to whoever uses it', async () => {
    const { keyring, rest, known, announced, events } = await watched();
    const second = await watchKeyring(keyring, { everyMs: EVERY_MS });
    expect(await listProcesses(known.keyring)).toHaveLength(2);
    await closeKeyring(keyring);
    expect(await listProcesses(known.keyring)).toEqual([]);
    const told = [announced.length, events.length];
    await rest(EVERY_MS);
    await rest(EVERY_MS);
    expect([announced.length, events.length]).toEqual(told);
    await closeKeyring(keyring);
    await second.stop();
    for (const work of [
      () => openedOf(keyring).sealingKey(undefined, {}),
      () => openedOf(keyring).openingKey('a'.repeat(26), undefined, {}),
      () => addKey(keyring),
      () => watchKeyring(keyring),
    ])
      expect(await codeOf(async () => work())).toBe('keyring-closed');
  });

  it('while a watch begins leaves no watch behind', async () => {
    const inner = memoryKeyring();
    const known = await knownKeyring(undefined, inner);
    const gate = gatedStore(inner);
    const clock = fakeClock();
    const events: KeyringEvent[] = [];
    const keyring = await reopened(
      { ...known, store: { ...inner, read: gate.read } },
      { clock, onEvent: (event) => events.push(event) },
    );
    gate.close();
    const watching = watchKeyring(keyring, { everyMs: EVERY_MS });
    await settle();
    const closing = closeKeyring(keyring);
    gate.open();
    await Promise.all([watching, closing]);
    for (let turn = 0; turn < 3; turn++) {
      clock.advance(EVERY_MS);
      await settle();
    }
    expect([inner.processes.list(), events]).toEqual([[], []]);
  });

  it('forgets its keys also where its process cannot be struck off, and says that', async () => {
    const inner = memoryKeyring();
    const known = await knownKeyring(undefined, inner);
    const forget = (): never => {
      throw new RangeError('the store is away');
    };
    const store: KeyringStore = { ...inner, processes: { ...inner.processes, forget } };
    const keyring = await reopened({ ...known, store }, { clock: fakeClock() });
    const opened = openedOf(keyring);
    let closed = 0;
    const close = opened.cellKeys.close.bind(opened.cellKeys);
    opened.cellKeys.close = () => {
      closed++;
      close();
    };
    await watchKeyring(keyring, { everyMs: EVERY_MS });
    await expect(closeKeyring(keyring)).rejects.toThrow(RangeError);
    expect(closed).toBe(1);
    expect(await codeOf(addKey(keyring))).toBe('keyring-closed');
  });
});

describe('the registry', () => {
  it('is not believed: what no process of ours wrote is waited for, as one that has read nothing', async () => {
    const { known, registry, watch } = await watched();
    const sound = { name: '', revision: 1, everyMs: 100, maxStaleMs: null, beat: 0 };
    const rubbish: readonly unknown[] = [
      null,
      7,
      'text',
      [],
      {},
      { ...sound, name: 7 },
      { ...sound, name: 'two\nlines' },
      { ...sound, name: 'x'.repeat(129) },
      { ...sound, revision: '1' },
      { ...sound, revision: -1 },
      { ...sound, revision: 1.5 },
      { ...sound, everyMs: null },
      { ...sound, beat: 2 ** 60 },
      { ...sound, maxStaleMs: 0 },
      { ...sound, maxStaleMs: -1 },
      { ...sound, maxStaleMs: '1000' },
      { ...sound, maxStaleMs: undefined },
      { name: '', revision: 1, everyMs: 100, maxStaleMs: null },
    ];
    for (const [i, entry] of rubbish.entries())
      await registry.announce({
        id: `r${String.fromCharCode(97 + i)}`.padEnd(26, 'a'),
        entry: JSON.stringify(entry),
      });
    const lying: KeyringStore = {
      ...known.store,
      processes: {
        ...registry,
        list: async () => [
          ...(await registry.list()),
          { id: 'b'.repeat(26), entry: 'no JSON' },
          { id: 'c'.repeat(26), entry: '' },
          { id: 'd'.repeat(26), entry: `${JSON.stringify(sound).slice(0, -1)},"x":"${'y'.repeat(1_024)}"}` },
        ],
      },
    };
    const reader = await reopened({ ...known, store: lying });
    const listed = await listProcesses(reader);
    expect(listed).toHaveLength(1 + rubbish.length + 3);
    const unreadable = { name: '', revision: 0, everyMs: 0, maxStaleMs: undefined, beat: 0 };
    for (const { processId, ...entry } of listed)
      if (processId !== watch.processId) expect(entry).toEqual(unreadable);
    // The same entry, sound, is read: it was its fault, not its place.
    const processId = 'ra'.padEnd(26, 'a');
    await registry.announce({ id: processId, entry: JSON.stringify(sound) });
    const found = (await listProcesses(reader)).find((entry) => entry.processId === processId);
    expect(found).toEqual({ processId, ...sound, maxStaleMs: undefined });
    expect(found?.revision).toBe(1);
  });

  it('forgets a process that is gone; one that is alive writes itself down again', async () => {
    const { keyring, watch, pass, known } = await watched();
    const processId = watch.processId as string;
    await forgetProcess(known.keyring, processId);
    expect(await listProcesses(known.keyring)).toEqual([]);
    await pass(EVERY_MS);
    expect(await listProcesses(keyring)).toMatchObject([{ processId }]);
  });

  it('has nothing in it that is secret', async () => {
    const { announced, known } = await watched({ everyMs: EVERY_MS, name: 'web-1' });
    for (const entry of announced)
      expect(Object.keys(JSON.parse(entry) as object)).toEqual([
        'name',
        'revision',
        'everyMs',
        'maxStaleMs',
        'beat',
      ]);
    expect(announced.join()).not.toContain(known.keyring.id);
  });
});
