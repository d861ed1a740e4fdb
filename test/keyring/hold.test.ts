/** noteCensus and suspendKey: two counts with a hold between them, by clocks that may be wrong. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  DefinitionError,
  HoldError,
  KeyInUseError,
  type KeyInfo,
  KeyStateError,
  KeyringConflictError,
  KeyringLimitError,
  activateKey,
  addKey,
  addTenants,
  changeKey,
  exportKeyring,
  finishKeyChange,
  keyringArchive,
  listKeys,
  listTenantKeys,
  noteCensus,
  openKeyring,
  resumeKey,
  schema,
  setPolicy,
  suspendKey,
  suspendKeys,
  table,
  text,
  uuid,
} from '../../src/index.js';
import { openedOf } from '../../src/keyring/index.js';
import { memoryKeyring, memoryRecords } from '../../src/store/memory.js';
import { countCells } from '../../src/sweep/index.js';
import { crashEverywhere } from './crashes.js';
import { DAY, HOUR, type Retiring, counted, infoOf, retiring, thrownBy } from './end-of-life.js';
import { openShelf, shelfStore, shelvedKeyring } from './paged.js';
import { ITERATIONS, RAW_KEY, codeOf, fakeClock, forge, payloadOf, reopened, stored } from './support.js';

const people = table('people', { record: uuid('id'), encrypt: { email: text() } });

/** Marks the old key as empty, now. */
const note = ({ keyring, count }: Retiring) => noteCensus(keyring, count());
const suspend = ({ keyring, old, count }: Retiring, options = {}) =>
  suspendKey(keyring, old, count(), options);

describe('noteCensus', () => {
  it('marks the deactivated and compromised keys that nothing is under, and no other', async () => {
    const world = await retiring();
    const { keyring, old, next, clock } = world;
    const idle = await addKey(keyring);
    const oldIndex = listKeys(keyring).find(({ kind }) => kind === 'index')?.keyId;
    await activateKey(keyring, await addKey(keyring, { kind: 'index' }));
    const marked = await note(world);
    expect(marked.map(({ keyId }) => keyId).sort()).toEqual([old, oldIndex].sort());
    expect(marked[0]?.emptySince).toEqual(new Date(clock.wallMs()));
    expect(world.info().emptySince).toEqual(new Date(clock.wallMs()));
    for (const { keyId, emptySince } of listKeys(keyring))
      if (keyId !== old && keyId !== oldIndex) expect(emptySince).toBeUndefined();
    expect([infoOf(keyring, next).state, infoOf(keyring, idle).state]).toEqual(['active', 'pre-active']);
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

  it('takes it away from a suspended key, too', async () => {
    const world = await retiring();
    await note(world);
    await suspend(world, { holdMs: 0 });
    await noteCensus(world.keyring, world.count({ [world.old]: 1 }));
    expect(world.info()).toMatchObject({ state: 'suspended', emptySince: undefined });
  });

  it('takes a key for empty that has exactly the cells that were given up', async () => {
    const { keyring, old, count } = await retiring();
    const some = () => count({ [old]: 3 });
    for (const abandoned of [0, 2, 4])
      expect(await noteCensus(keyring, some(), { abandon: { [old]: abandoned } })).toEqual([]);
    expect(await noteCensus(keyring, some(), { abandon: { toString: 3 } as never })).toEqual([]);
    const marked = await noteCensus(keyring, some(), { abandon: { [old]: 3 } });
    expect(marked).toHaveLength(1);
    await expect(suspendKey(keyring, old, some(), { holdMs: 0 })).rejects.toBeInstanceOf(KeyInUseError);
    await suspendKey(keyring, old, some(), { holdMs: 0, abandon: 3 });
  });

  it('wants a census of this keyring, of this revision, without anybody behind, counted by a clock that tells a time', async () => {
    const world = await retiring();
    const { keyring, clock } = world;
    const elsewhere = await retiring();
    const early = world.count();
    await addKey(keyring);
    await addKey(elsewhere.keyring);
    const timeless = counted(keyring, Number.NaN);
    for (const census of [early, elsewhere.count(), { ...world.count() }, timeless])
      expect(await codeOf(noteCensus(keyring, census))).toBe('census-stale');
    const behind = counted(keyring, clock.wallMs(), {}, { behind: ['web-1 (1)'] });
    expect(await codeOf(noteCensus(keyring, behind))).toBe('not-acknowledged');
    expect(world.info().emptySince).toBeUndefined();
    expect(await note(world)).toHaveLength(1);
  });

  it('goes by the time at which the census was issued, whatever becomes of its date', async () => {
    const world = await retiring();
    world.clock.advance(HOUR);
    const census = world.count();
    census.countedAt.setTime(0);
    await noteCensus(world.keyring, census);
    expect(world.info().emptySince).toEqual(new Date(world.clock.wallMs()));
  });

  it('loses to a change that is made at the same moment', async () => {
    const world = await retiring();
    const rival = await reopened(world);
    const store = {
      read: world.store.read,
      write: async (next: Parameters<typeof world.store.write>[0]) => {
        await addKey(rival);
        return world.store.write(next);
      },
    };
    const keyring = await reopened({ ...world, store });
    const noting = noteCensus(keyring, counted(keyring, world.clock.wallMs()));
    await expect(noting).rejects.toBeInstanceOf(KeyringConflictError);
  });
});

describe('suspendKey', () => {
  it('wants a mark, and the hold behind it', async () => {
    const world = await retiring();
    const { clock, keyring, old } = world;
    const from = clock.wallMs();
    const until = new Date(from + DAY).toISOString();
    expect(await thrownBy(suspend(world))).toMatchObject({ code: 'hold', keyId: old, until });
    await note(world);
    clock.advance(DAY - 1);
    const early = await thrownBy(suspend(world));
    expect(early).toBeInstanceOf(HoldError);
    expect(early).toMatchObject({ until });
    clock.advance(1);
    await suspend(world);
    expect(infoOf(keyring, old)).toMatchObject({ state: 'suspended', emptySince: new Date(from) });
  });

  it('goes by the mark that another process has made', async () => {
    const world = await retiring();
    await note(world);
    world.clock.advance(DAY);
    const keyring = await reopened(world);
    await suspendKey(keyring, world.old, counted(keyring, world.clock.wallMs()));
    expect(infoOf(keyring, world.old).state).toBe('suspended');
  });

  it('wants the hold that the call asks for, or else the policy', async () => {
    const world = await retiring();
    await note(world);
    world.clock.advance(2 * HOUR);
    await expect(suspend(world, { holdMs: 2 * HOUR + 1 })).rejects.toBeInstanceOf(HoldError);
    await setPolicy(world.keyring, { holdMs: 3 * HOUR });
    await expect(suspend(world)).rejects.toBeInstanceOf(HoldError);
    await setPolicy(world.keyring, { holdMs: 2 * HOUR });
    await suspend(world);
    const longer = await retiring();
    await note(longer);
    await setPolicy(longer.keyring, { holdMs: 365 * DAY });
    longer.clock.advance(364 * DAY);
    await expect(suspend(longer)).rejects.toBeInstanceOf(HoldError);
    await suspend(longer, { holdMs: DAY });
  });

  it('wants two counts also where the hold is nothing, and one where there is none', async () => {
    const world = await retiring();
    await expect(suspend(world, { holdMs: 0 })).rejects.toBeInstanceOf(HoldError);
    const first = world.count();
    await noteCensus(world.keyring, first);
    expect(await codeOf(suspendKey(world.keyring, world.old, first, { holdMs: 0 }))).toBe('census-stale');
    await suspend(world, { holdMs: 0 });
    await resumeKey(world.keyring, world.old);
    await suspend(world, { withoutHold: true });
    expect(world.info()).toMatchObject({ state: 'suspended', emptySince: undefined });
  });

  it('says that cells are there before it says that it is early', async () => {
    const { keyring, old, count } = await retiring();
    expect(await codeOf(suspendKey(keyring, old, count({ [old]: 1 })))).toBe('key-in-use');
  });

  it('gives up exactly as many cells as it is told', async () => {
    const { keyring, old, count } = await retiring();
    const given = (abandon: number, cells: number) =>
      thrownBy(suspendKey(keyring, old, count({ [old]: cells }), { withoutHold: true, abandon }));
    for (const abandon of [0, 1, 2, 4, 5]) {
      const error = await given(abandon, 3);
      expect(error).toBeInstanceOf(KeyInUseError);
      expect(error).toMatchObject({ cells: 3, keyId: old });
    }
    expect(await given(3, 3)).toBeUndefined();
    await resumeKey(keyring, old);
    expect(await given(3, 0)).toBeUndefined(); // nothing is there that would have to be given up
  });

  it('refuses options that cannot be, before it looks at anything', async () => {
    const { keyring, old } = await retiring();
    const bad = (options: object) => thrownBy(suspendKey(keyring, old, undefined as never, options));
    for (const holdMs of [-1, 0.5, 365 * DAY + 1, Number.NaN, Number.POSITIVE_INFINITY, '1', null])
      expect(await bad({ holdMs })).toBeInstanceOf(KeyringLimitError);
    expect(await bad({ holdMs: 1, withoutHold: true })).toBeInstanceOf(DefinitionError);
    for (const abandon of [-1, 0.5, Number.NaN, '1', null])
      expect(await bad({ abandon })).toBeInstanceOf(DefinitionError);
  });

  it('begins anew where the key was made active again meanwhile', async () => {
    const world = await retiring();
    const { keyring, old, next, clock } = world;
    await note(world);
    await activateKey(keyring, old);
    expect(world.info().emptySince).toBeUndefined();
    await activateKey(keyring, next);
    clock.advance(DAY);
    await expect(suspend(world)).rejects.toBeInstanceOf(HoldError);
    await note(world);
    clock.advance(DAY);
    await suspend(world);
  });

  it('begins anew where the key was resumed', async () => {
    const world = await retiring();
    await note(world);
    world.clock.advance(DAY);
    await suspend(world);
    await resumeKey(world.keyring, world.old);
    expect(world.info()).toMatchObject({ state: 'deactivated', emptySince: undefined });
    await expect(suspend(world)).rejects.toBeInstanceOf(HoldError);
  });
});

describe('suspendKeys', () => {
  it('suspends several after one count, or none of them', async () => {
    const world = await retiring();
    const { keyring, clock, old, next, count } = world;
    await note(world);
    clock.advance(HOUR);
    await activateKey(keyring, await addKey(keyring));
    const since = clock.wallMs();
    await note(world);
    clock.advance(DAY - HOUR);
    const both = [old, next];
    const states = () => both.map((keyId) => infoOf(keyring, keyId).state);
    // The one whose hold ends last is the one that is named.
    expect(await thrownBy(suspendKeys(keyring, both, count()))).toMatchObject({
      code: 'hold',
      keyId: next,
      until: new Date(since + DAY).toISOString(),
    });
    clock.advance(HOUR);
    expect(await codeOf(suspendKeys(keyring, both, count({ [next]: 1 })))).toBe('key-in-use');
    expect(await codeOf(suspendKeys(keyring, [...both, 'a'.repeat(26)], count()))).toBe('unknown-key');
    const active = listKeys(keyring).find(({ kind, state }) => kind === 'data' && state === 'active');
    await expect(suspendKeys(keyring, [...both, String(active?.keyId)], count())).rejects.toBeInstanceOf(
      KeyStateError,
    );
    expect(states()).toEqual(['deactivated', 'deactivated']);
    const { revision } = keyring;
    await suspendKeys(keyring, [...both, old], count({ [old]: 2 }), { abandon: { [old]: 2 } });
    expect(states()).toEqual(['suspended', 'suspended']);
    expect(keyring.revision).toBe(revision + 1);
    await suspendKeys(keyring, [], count());
    expect(keyring.revision).toBe(revision + 1);
  });

  it('reaches the keys of tenants, in pages too', async () => {
    const { keyring, tenants, shelf } = await shelvedKeyring(300);
    const clock = fakeClock();
    const census = () => counted(keyring, clock.wallMs());
    const some = tenants.slice(0, 3);
    const dataKey = async (tenant: string, state: string): Promise<KeyInfo> => {
      const found = (await listTenantKeys(keyring, tenant)).find(
        (key) => key.kind === 'data' && key.state === state,
      );
      if (!found) throw new Error('there is no such key');
      return found;
    };
    for (const tenant of some) await activateKey(keyring, await addKey(keyring, { tenant }));
    const old = await Promise.all(some.map((tenant) => dataKey(tenant, 'deactivated')));
    const ids = old.map(({ keyId }) => keyId);
    const named = (keys: readonly KeyInfo[]) => keys.map(({ keyId }) => keyId).sort();
    expect(named(await noteCensus(keyring, census()))).toEqual([...ids].sort());
    const { revision } = keyring;
    const pages = new Set(shelf.pages.keys());
    await noteCensus(keyring, census());
    expect([keyring.revision, new Set(shelf.pages.keys())]).toEqual([revision, pages]);
    clock.advance(DAY);
    await suspendKeys(keyring, ids, census());
    const reader = await openShelf(shelfStore(shelf));
    for (const tenant of some)
      expect((await listTenantKeys(reader, tenant)).map(({ state }) => state).sort()).toEqual([
        ...['active', 'active', 'suspended'],
      ]);
  });
});

describe('a clock that is wrong', () => {
  it('and was set back never shortens the hold: whatever is done, so much time has passed', async () => {
    const step = fc.oneof(
      fc.record({ act: fc.constant('advance' as const), ms: fc.integer({ min: HOUR, max: 60 * HOUR }) }),
      fc.record({ act: fc.constant('set back' as const), ms: fc.integer({ min: 0, max: 20 * HOUR }) }),
      fc.record({
        act: fc.constantFrom('note', 'note', 'note', 'suspend', 'suspend', 'find cells', 'swap'),
        ms: fc.constant(0),
      }),
    );
    let suspensions = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 10, maxLength: 40, size: 'max' }), async (steps) => {
        const world = await retiring();
        const { clock, keyring, old, next } = world;
        let emptyFrom: number | undefined;
        for (const { act, ms } of steps) {
          if (act === 'advance') clock.advance(ms);
          if (act === 'set back') clock.setWall(-ms);
          if (act === 'note') {
            await note(world);
            emptyFrom ??= clock.monotonicMs();
          }
          if (act === 'find cells') {
            await noteCensus(keyring, world.count({ [old]: 1 }));
            emptyFrom = undefined;
          }
          if (act === 'swap') {
            await activateKey(keyring, old);
            await activateKey(keyring, next);
            emptyFrom = undefined;
          }
          if (act !== 'suspend') continue;
          const error = await thrownBy(suspend(world));
          if (error !== undefined) {
            expect(error).toBeInstanceOf(HoldError);
            expect(Date.parse((error as HoldError).until)).toBeGreaterThan(clock.wallMs());
            continue;
          }
          suspensions++;
          expect(clock.monotonicMs() - Number(emptyFrom)).toBeGreaterThanOrEqual(DAY);
          await resumeKey(keyring, old);
          emptyFrom = undefined;
        }
      }),
      { numRuns: 150 },
    );
    expect(suspensions).toBeGreaterThan(10);
  }, 120_000);

  it('ends the hold when it says, where it goes right', async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat({ max: 3 * DAY }), fc.nat({ max: 3 * DAY }), async (waited, holdMs) => {
        const world = await retiring();
        await note(world);
        world.clock.advance(waited);
        const error = await thrownBy(suspend(world, { holdMs }));
        expect(error === undefined).toBe(waited >= holdMs);
        if (error === undefined) return;
        world.clock.advance(Date.parse((error as HoldError).until) - world.clock.wallMs());
        await suspend(world, { holdMs });
      }),
      { numRuns: 60 },
    );
  });

  it('in the future made a mark that is not believed, and is replaced by the next one', async () => {
    const world = await retiring();
    world.clock.setWall(10 * DAY);
    await note(world);
    world.clock.setWall(-10 * DAY);
    const until = new Date(world.clock.wallMs() + DAY).toISOString();
    expect(await thrownBy(suspend(world))).toMatchObject({ code: 'hold', until });
    await note(world);
    expect(world.info().emptySince).toEqual(new Date(world.clock.wallMs()));
    world.clock.advance(DAY);
    await suspend(world);
  });

  it('in the past makes no mark from before the successor was there', async () => {
    const world = await retiring();
    world.clock.setWall(-10_000 * DAY); // a machine that has forgotten the time
    await note(world);
    const made = infoOf(world.keyring, world.next).createdAt;
    expect(world.info().emptySince).toEqual(made);
    world.clock.setWall(10_000 * DAY);
    expect(await thrownBy(suspend(world))).toMatchObject({
      code: 'hold',
      until: new Date(made.getTime() + DAY).toISOString(),
    });
  });

  it('at the end of time is refused, and not a date that cannot be', async () => {
    const world = await retiring();
    const late = counted(world.keyring, 8.64e15 - 1);
    expect(await thrownBy(suspendKey(world.keyring, world.old, late))).toMatchObject({
      code: 'hold',
      until: '+275760-09-13T00:00:00.000Z',
    });
  });
});

describe('a count that takes its time', () => {
  it('is of the moment at which it began: what was written meanwhile may have been missed', async () => {
    const { keyring, clock } = await retiring();
    const began = clock.wallMs();
    const store = memoryRecords();
    const records = {
      ...store,
      census: async (layouts: Parameters<typeof store.census>[0]) => {
        const counts = await store.census(layouts);
        clock.advance(20 * HOUR);
        return counts;
      },
    };
    const environment = { clock, random: () => new Uint8Array(1), observer: {}, signal: undefined };
    const census = await countCells(environment, openedOf(keyring), schema([people]), records);
    expect(census.countedAt).toEqual(new Date(began));
  });
});

describe('a copy of the keyring', () => {
  it('that was exported says of no key that it is empty: nobody has counted since', async () => {
    const world = await retiring();
    await note(world);
    const archive = keyringArchive(await exportKeyring(world.keyring, { rawKey: RAW_KEY }));
    const copy = await openKeyring(archive, { rawKey: RAW_KEY });
    expect(infoOf(copy, world.old)).toMatchObject({ state: 'deactivated', emptySince: undefined });
  });

  it('under a new root key says what was said before', async () => {
    const world = await retiring();
    await note(world);
    const { emptySince } = world.info();
    await changeKey(world.keyring, { passphrase: 'another one', iterations: ITERATIONS });
    expect(world.info().emptySince).toEqual(emptySince);
  });
});

describe('finishKeyChange', () => {
  /** A change of the key whose successors are active. */
  async function changed(): Promise<Retiring & { readonly replaced: readonly string[] }> {
    const world = await retiring();
    await addTenants(world.keyring, ['acme']);
    await changeKey(world.keyring, { passphrase: 'another one', iterations: ITERATIONS });
    const replaced = listKeys(world.keyring)
      .filter(({ kind, state }) => kind === 'data' && state === 'deactivated')
      .map(({ keyId }) => keyId);
    expect(replaced).toHaveLength(3);
    return { ...world, replaced };
  }
  const statesOf = ({ keyring }: Retiring, keyIds: readonly string[]) =>
    new Set(keyIds.map((keyId) => infoOf(keyring, keyId).state));

  it('wants the hold for every key that was replaced', async () => {
    const world = await changed();
    const { keyring, clock, count, replaced } = world;
    await expect(finishKeyChange(keyring, count())).rejects.toBeInstanceOf(HoldError);
    await noteCensus(keyring, count({ [String(replaced[1])]: 1 }));
    clock.advance(HOUR);
    await noteCensus(keyring, count());
    clock.advance(DAY - HOUR);
    expect(await thrownBy(finishKeyChange(keyring, count()))).toMatchObject({
      code: 'hold',
      keyId: replaced[1],
      until: new Date(clock.wallMs() + HOUR).toISOString(),
    });
    expect(statesOf(world, replaced)).toEqual(new Set(['deactivated']));
    clock.advance(HOUR);
    await finishKeyChange(keyring, count());
    expect(statesOf(world, replaced)).toEqual(new Set(['suspended']));
  });

  it('takes another hold, none, and cells that are given up key by key', async () => {
    const world = await changed();
    const { keyring, count, replaced } = world;
    const [one = '', two = ''] = replaced;
    await noteCensus(keyring, count({ [one]: 2 }), { abandon: { [one]: 2 } });
    const some = () => count({ [one]: 2, [two]: 1 });
    expect(await codeOf(finishKeyChange(keyring, some(), { holdMs: 0, abandon: { [one]: 2 } }))).toBe(
      'key-in-use',
    );
    const abandon = { [one]: 2, [two]: 1 };
    await expect(finishKeyChange(keyring, some(), { abandon })).rejects.toBeInstanceOf(HoldError);
    await expect(finishKeyChange(keyring, some(), { holdMs: 1, withoutHold: true })).rejects.toBeInstanceOf(
      DefinitionError,
    );
    await finishKeyChange(keyring, some(), { holdMs: 0, abandon });
    expect(statesOf(world, replaced)).toEqual(new Set(['suspended']));
    const other = await changed();
    await finishKeyChange(other.keyring, other.count(), { withoutHold: true });
    expect(statesOf(other, other.replaced)).toEqual(new Set(['suspended']));
  });
});

describe('who crashes between the counts', () => {
  it('leaves a mark or none, and goes on from there', async () => {
    const seen = new Set<string>();
    const calls = await crashEverywhere(
      async () => {
        const keyrings = memoryKeyring();
        const world = await retiring(keyrings);
        return { ...world, keyrings };
      },
      async ({ keyrings, clock, old, environment }) => {
        const keyring = await reopened({ store: keyrings, environment } as never);
        await noteCensus(keyring, counted(keyring, clock.wallMs()));
        clock.advance(DAY);
        await suspendKey(keyring, old, counted(keyring, clock.wallMs()));
      },
      async ({ world, crash, call }) => {
        const where = `${crash} at ${call}`;
        const keyring = await reopened(world);
        const { state, emptySince } = infoOf(keyring, world.old);
        seen.add(`${state} ${emptySince ? 'marked' : 'not marked'}`);
        if (state === 'suspended') return;
        const again = () => counted(keyring, world.clock.wallMs());
        await noteCensus(keyring, again());
        world.clock.advance(DAY);
        expect(await codeOf(suspendKey(keyring, world.old, again())), where).toBe('success');
      },
    );
    expect(calls.filter((call) => call === 'write')).toHaveLength(2);
    expect([...seen].sort()).toEqual(['deactivated marked', 'deactivated not marked', 'suspended marked']);
  });
});

describe('a mark that somebody forged', () => {
  it('is refused with the document: it stands under the MAC', async () => {
    const world = await retiring();
    const { document, revision } = await stored(world.store);
    const payload = payloadOf(document);
    payload.keys[0].addedIn = 1;
    const { wrapped, ...key } = payload.keys[0];
    payload.keys[0] = { ...key, emptySince: '2020-01-01T00:00:00.000Z', wrapped };
    const forged = forge(new Uint8Array(32), payload);
    const store = { read: () => ({ revision, document: forged }), write: () => false };
    expect(await codeOf(reopened({ ...world, store }))).toBe('keyring-damaged');
    const genuine = {
      read: () => ({ revision, document: forge(world.rootKey, payload) }),
      write: () => false,
    };
    expect(infoOf(await reopened({ ...world, store: genuine }), world.old).emptySince).toEqual(
      new Date('2020-01-01T00:00:00.000Z'),
    );
  });
});
