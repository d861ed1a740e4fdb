/** Cells under each key are counted by all processes together: near enough, with few words, and a limit that holds. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type Keyring,
  type KeyringEvent,
  activateKey,
  addKey,
  addTenants,
  closeKeyring,
  listKeyUsage,
  listKeys,
  openedOf,
  setPolicy,
} from '../../src/keyring/index.js';
import { UsageMeter } from '../../src/keyring/usage.js';
import type { KeyringStore, UsageLog } from '../../src/ports/keyring-store.js';
import { memoryKeyring } from '../../src/store/memory.js';
import { type Known, codeOf, environment, fakeClock, knownKeyring, reopened, settle } from './support.js';

const FIRST_CELLS = 65_536;
const UNIT_CELLS = 1_024;
/** Sealed without a pause in which the log could be told. */
const SLICE_CELLS = 10_000;
const KEY = 'k'.repeat(26);

interface Log extends UsageLog {
  readonly added: number[];
  readonly total: number;
  /** From now on additions fail. */
  isAway: boolean;
}

function usageLog(): Log {
  const added: number[] = [];
  const log = {
    added,
    isAway: false,
    get total() {
      return added.reduce((sum, cells) => sum + cells, 0);
    },
    async add(_keyId: string, cells: number) {
      if (log.isAway) throw new RangeError('the log is away');
      added.push(cells);
    },
    totals: async () => (added.length === 0 ? {} : { [KEY]: log.total }),
  };
  return log;
}

function meter(log: UsageLog | undefined, maxCells = 2 ** 48): { meter: UsageMeter; events: KeyringEvent[] } {
  const events: KeyringEvent[] = [];
  const onEvent = (event: KeyringEvent): number => events.push(event);
  return { meter: new UsageMeter(environment({ onEvent }), log, () => maxCells), events };
}

function count(counter: UsageMeter, cells: number): void {
  for (let i = 0; i < cells; i++) counter.count(KEY);
}

/** A few turns: nothing here waits for more than promises that are resolved. */
const told = (): Promise<void> => settle();

describe('the total of several processes', () => {
  it('is right to within what each has not told, and once all are closed to within their last units', async () => {
    const burst = fc.record({ process: fc.nat({ max: 3 }), cells: fc.nat({ max: 150_000 }) });
    await fc.assert(
      fc.asyncProperty(fc.array(burst, { minLength: 1, maxLength: 20 }), async (bursts) => {
        const log = usageLog();
        const meters = Array.from({ length: 4 }, () => meter(log).meter);
        let cells = 0;
        for (const { process, cells: more } of bursts) {
          for (let left = more; left > 0; left -= SLICE_CELLS) {
            count(meters[process] as UsageMeter, Math.min(left, SLICE_CELLS));
            await told();
          }
          cells += more;
          const untold = 4 * (Math.max(FIRST_CELLS, cells / 256) + SLICE_CELLS);
          expect(log.total).toBeLessThanOrEqual(cells);
          expect(log.total).toBeGreaterThanOrEqual(cells - untold);
          for (const { cells: known } of await Promise.all(
            meters.map(async (one) => {
              await one.refresh();
              return { cells: one.cells(KEY) };
            }),
          )) {
            expect(known).toBeLessThanOrEqual(cells);
            expect(known).toBeGreaterThanOrEqual(cells - untold);
          }
        }
        for (const one of meters) await one.close();
        expect(Math.abs(log.total - cells)).toBeLessThan(4 * UNIT_CELLS);
      }),
      { numRuns: 20 },
    );
  }, 60_000);

  it('grows by few words: 256 to the first 16 million cells, and then ever rarer', async () => {
    const log = usageLog();
    const { meter: one } = meter(log);
    const adds: number[] = [];
    for (let cells = FIRST_CELLS / 2; cells <= 2 ** 25; cells += FIRST_CELLS / 2) {
      count(one, FIRST_CELLS / 2);
      await new Promise<void>((resolve) => setImmediate(resolve));
      if (cells === 2 ** 24 || cells === 2 ** 25) {
        await told();
        adds.push(log.added.length);
      }
    }
    const [first = 0, second = 0] = adds;
    expect(first).toBeGreaterThanOrEqual(250);
    expect(first).toBeLessThanOrEqual(256);
    expect(second - first).toBeLessThanOrEqual(200); // 256 · ln 2 is 177; without growth 256
    expect(second - first).toBeGreaterThan(100);
  }, 60_000);

  it('is never counted twice while it is being told, however the log and a look at it cross', async () => {
    const inner = usageLog();
    let open: (() => void) | undefined;
    const log: UsageLog = {
      totals: () => inner.totals(),
      async add(keyId, cells) {
        await inner.add(keyId, cells); // is there, and nobody has been told
        await new Promise<void>((go) => {
          open = go;
        });
      },
    };
    const { meter: one } = meter(log);
    count(one, FIRST_CELLS);
    await told();
    expect(inner.total).toBe(FIRST_CELLS);
    await one.refresh();
    expect(one.cells(KEY)).toBe(FIRST_CELLS);
    count(one, 10);
    open?.();
    await told();
    expect(one.cells(KEY)).toBe(FIRST_CELLS + 10);
  });

  it('is known to a process from its first cell on', async () => {
    const log = usageLog();
    const { meter: one } = meter(log);
    count(one, FIRST_CELLS);
    await told();
    const { meter: other } = meter(log);
    expect(other.cells(KEY)).toBe(0);
    count(other, 1);
    await told();
    expect(other.cells(KEY)).toBe(FIRST_CELLS + 1);
  });

  it('is known to a process again each time that it has told its own', async () => {
    const log = usageLog();
    const { meter: one } = meter(log);
    count(one, 1);
    await told();
    await log.add(KEY, 5 * FIRST_CELLS); // another process
    expect(one.cells(KEY)).toBe(1);
    count(one, FIRST_CELLS - 1);
    await told();
    expect(one.cells(KEY)).toBe(6 * FIRST_CELLS);
  });
});

describe('what is left when a process ends', () => {
  it('is rounded so that a million short processes are counted right, and write few lines', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 3 * UNIT_CELLS }),
        fc.noShrink(fc.integer()),
        async (cells, seed) => {
          const processes = 2_000;
          const log = usageLog();
          let state = seed | 0;
          const random = (bytes: number): Uint8Array<ArrayBuffer> =>
            Uint8Array.from({ length: bytes }, () => {
              // mulberry32: the sum must be right for any seed that a failure names
              state = (state + 0x6d2b79f5) | 0;
              let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
              mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
              return ((mixed ^ (mixed >>> 14)) >>> 16) & 0xff;
            });
          const made = environment({ random });
          for (let i = 0; i < processes; i++) {
            const one = new UsageMeter(made, log, () => undefined);
            count(one, cells);
            await one.close();
          }
          // Of a binomial with 2,000 trials six standard deviations are never left by chance.
          const share = (cells % UNIT_CELLS) / UNIT_CELLS;
          const deviation = UNIT_CELLS * Math.sqrt(processes * share * (1 - share));
          expect(Math.abs(log.total - processes * cells)).toBeLessThanOrEqual(6 * deviation);
          expect(log.added.every((added) => added % UNIT_CELLS === 0 && added > 0)).toBe(true);
          if (cells < UNIT_CELLS) expect(log.added.length).toBeLessThan(processes);
        },
      ),
      { numRuns: 8 },
    );
  }, 60_000);

  it('waits for what is under way, and counts that once', async () => {
    const inner = usageLog();
    let open: (() => void) | undefined;
    const log: UsageLog = {
      totals: () => inner.totals(),
      async add(keyId, cells) {
        if (!open)
          await new Promise<void>((go) => {
            open = go;
          });
        await inner.add(keyId, cells);
      },
    };
    const { meter: one } = meter(log);
    count(one, FIRST_CELLS);
    await told();
    count(one, 5 * UNIT_CELLS);
    const closing = one.close();
    await told();
    expect(inner.total).toBe(0);
    open?.();
    await closing;
    expect(inner.total).toBe(FIRST_CELLS + 5 * UNIT_CELLS);
  });
});

describe('a log that fails', () => {
  it('stops nothing, is told of, is not asked at every cell, and hears of everything once it is back', async () => {
    const log = usageLog();
    const { meter: one, events } = meter(log);
    log.isAway = true;
    for (let round = 0; round < 40; round++) {
      count(one, FIRST_CELLS / 4);
      await told();
    }
    const failures = events.filter(({ type }) => type === 'usage-failed');
    expect(failures.length).toBe(10); // one for each 65,536 cells
    expect(failures[0]).toEqual({ type: 'usage-failed', error: new RangeError('the log is away') });
    expect(one.cells(KEY)).toBe(10 * FIRST_CELLS);
    log.isAway = false;
    count(one, FIRST_CELLS);
    await told();
    expect(log.total).toBe(11 * FIRST_CELLS);
    expect(one.cells(KEY)).toBe(11 * FIRST_CELLS);
  });

  it('when it is read is told of, and read at the next occasion', async () => {
    const log = usageLog();
    let isAway = true;
    const { meter: one, events } = meter({
      add: log.add,
      totals: async () => {
        if (isAway) throw new RangeError('the log is away');
        return log.totals();
      },
    });
    count(one, 1);
    await told();
    expect(events).toEqual([{ type: 'usage-failed', error: new RangeError('the log is away') }]);
    isAway = false;
    await log.add(KEY, 7 * FIRST_CELLS);
    await one.refresh();
    expect(one.cells(KEY)).toBe(7 * FIRST_CELLS + 1);
  });

  it('is none where the store keeps none: each process counts its own', async () => {
    const { meter: one } = meter(undefined, FIRST_CELLS);
    count(one, FIRST_CELLS);
    await one.refresh();
    expect(one.cells(KEY)).toBe(FIRST_CELLS);
    expect(() => one.count(KEY)).toThrow(expect.objectContaining({ code: 'key-exhausted' }));
    await one.close();
  });
});

// ── A keyring that counts ───────────────────────────────────────────────────────────────────────────────────────────

async function counted(
  maxCellsPerKey = FIRST_CELLS,
): Promise<Known & { events: KeyringEvent[]; store: Required<KeyringStore> }> {
  const events: KeyringEvent[] = [];
  const store = memoryKeyring();
  const known = await knownKeyring(undefined, store, { onEvent: (event) => events.push(event) });
  await setPolicy(known.keyring, { maxCellsPerKey });
  events.length = 0;
  return { ...known, store, events };
}

async function seal(keyring: Keyring, cells: number): Promise<void> {
  const opened = openedOf(keyring);
  for (let i = 0; i < cells; i++) {
    const key = opened.sealingKey(undefined, {});
    if (key instanceof Promise) await key;
  }
}

describe('a key', () => {
  it('seals as many cells as the policy allows, and not one more; its successor seals on', async () => {
    const { keyring } = await counted();
    await seal(keyring, FIRST_CELLS);
    const opened = openedOf(keyring);
    const keyId = opened.sealingKeyId(undefined) as string;
    const refused = expect.objectContaining({ code: 'key-exhausted', maxCells: FIRST_CELLS, keyId });
    for (let times = 0; times < 3; times++) expect(() => opened.sealingKey(undefined, {})).toThrow(refused);
    expect(await codeOf(async () => opened.openingKey(keyId, undefined, {}))).toBe('success');
    await activateKey(keyring, await addKey(keyring));
    await seal(keyring, 1);
  });

  it('is warned of once, at three quarters', async () => {
    const { keyring, events } = await counted();
    await seal(keyring, 0.75 * FIRST_CELLS - 1);
    expect(events).toEqual([]);
    await seal(keyring, 1);
    const keyId = openedOf(keyring).sealingKeyId(undefined);
    const warning = { type: 'key-usage', keyId, cells: 0.75 * FIRST_CELLS, maxCells: FIRST_CELLS };
    expect(events).toEqual([warning]);
    await seal(keyring, 0.25 * FIRST_CELLS);
    expect(events).toEqual([warning]);
  });

  it('is used up by all processes together, as far as they have told', async () => {
    const known = await counted(2 * FIRST_CELLS);
    const other = await reopened(known, { onEvent: undefined });
    await seal(known.keyring, FIRST_CELLS);
    await settle();
    await seal(other, 1);
    await settle();
    await seal(other, FIRST_CELLS - 1);
    expect(await codeOf(seal(other, 1))).toBe('key-exhausted');
    await settle();
    expect(await codeOf(seal(known.keyring, FIRST_CELLS + 1))).toBe('key-exhausted');
  });

  it('whose limit is raised seals on', async () => {
    const { keyring } = await counted();
    await seal(keyring, FIRST_CELLS);
    await setPolicy(keyring, { maxCellsPerKey: FIRST_CELLS + 10 });
    await seal(keyring, 10);
    expect(await codeOf(seal(keyring, 1))).toBe('key-exhausted');
  });
});

describe('listKeyUsage', () => {
  it('tells of each active data key what all processes have sealed, and its age', async () => {
    const clock = fakeClock();
    const store = memoryKeyring();
    const known = await knownKeyring(undefined, store, { clock });
    await addTenants(known.keyring, ['acme']);
    await addKey(known.keyring);
    const other = await reopened(known);
    await seal(known.keyring, 3);
    await seal(other, FIRST_CELLS);
    await settle();
    clock.advance(36 * 3_600_000);
    const [data, , acme] = listKeys(known.keyring);
    expect(await listKeyUsage(known.keyring)).toEqual([
      { key: data, cells: FIRST_CELLS + 3, maxCells: 2 ** 48, ageDays: 1, cryptoperiodDays: undefined },
      { key: acme, cells: 0, maxCells: 2 ** 48, ageDays: 1, cryptoperiodDays: undefined },
    ]);
    await setPolicy(known.keyring, { maxCellsPerKey: 10 * FIRST_CELLS, cryptoperiodDays: 90 });
    expect((await listKeyUsage(known.keyring))[0]).toMatchObject({
      maxCells: 10 * FIRST_CELLS,
      cryptoperiodDays: 90,
    });
  });

  it('knows after a process was closed what it had sealed', async () => {
    const known = await knownKeyring(undefined, memoryKeyring());
    const other = await reopened(known);
    await seal(other, 4 * UNIT_CELLS);
    await closeKeyring(other);
    expect((await listKeyUsage(known.keyring))[0]?.cells).toBe(4 * UNIT_CELLS);
  });
});
