/** scheduleDestruction, destroyKey, withdrawKey, markCompromised: what ends a key, what undoes it, and what is left of it. */
import { describe, expect, it } from 'vitest';
import {
  DefinitionError,
  HoldError,
  KeyChangeUnderWayError,
  KeyInUseError,
  type KeyInfo,
  KeyStateError,
  type Keyring,
  KeyringConflictError,
  type KeyringEvent,
  KeyringLimitError,
  activateKey,
  addKey,
  cancelDestruction,
  changeKey,
  decryptCell,
  destroyKey,
  encryptRecord,
  exportKeyring,
  keyringArchive,
  listKeys,
  listMissingKeys,
  listTenantKeys,
  markCompromised,
  noteCensus,
  refreshKeyring,
  restoreKey,
  resumeKey,
  scheduleDestruction,
  suspendKey,
  table,
  text,
  uuid,
  withdrawKey,
} from '../../src/index.js';
import type { KeyringStore } from '../../src/ports/keyring-store.js';
import { memoryKeyring } from '../../src/store/memory.js';
import { crashEverywhere } from './crashes.js';
import { DAY, type Retiring, counted, infoOf, retiring, thrownBy } from './end-of-life.js';
import { type Meddle, type Shelf, copyOf, openShelf, shelfStore, shelvedKeyring } from './paged.js';
import { ITERATIONS, RAW_KEY, codeOf, fakeClock, payloadOf, reopened, stored } from './support.js';

const people = table('people', { record: uuid('id'), encrypt: { email: text() } });
const ID = '8a1901e4-671b-431a-871c-eadb2942e9ee';
const NOW = { withoutHold: true } as const;

/** The old key suspended. */
async function suspended(store?: KeyringStore): Promise<Retiring> {
  const world = await retiring(store);
  await suspendKey(world.keyring, world.old, world.count(), NOW);
  return world;
}

/** The old key's entry as the document has it. */
async function entryOf({ store }: Retiring): Promise<Record<string, unknown>> {
  return payloadOf((await stored(store)).document).keys[0];
}

describe('scheduleDestruction', () => {
  it('gives 30 days, or what is asked for, and keeps the reason', async () => {
    const world = await suspended();
    const { keyring, old, clock } = world;
    await scheduleDestruction(keyring, old);
    expect(world.info()).toMatchObject({
      state: 'suspended',
      destroyAfter: new Date(clock.wallMs() + 30 * DAY),
      destroyReason: undefined,
    });
    await scheduleDestruction(keyring, old, { delayMs: 90 * DAY, reason: 'customer left' });
    expect(world.info()).toMatchObject({
      destroyAfter: new Date(clock.wallMs() + 90 * DAY),
      destroyReason: 'customer left',
    });
    await scheduleDestruction(keyring, old, { withoutDelay: true });
    expect(world.info()).toMatchObject({
      destroyAfter: new Date(clock.wallMs()),
      destroyReason: undefined,
    });
  });

  it('refuses less than a day unless it is said to be none, more than ten years, and a reason that is no line', async () => {
    const { keyring, old } = await suspended();
    const bad = (options: object) => thrownBy(scheduleDestruction(keyring, old, options));
    for (const delayMs of [0, -1, DAY - 1, DAY + 0.5, 3_650 * DAY + 1, Number.NaN, '86400000', null])
      expect(await bad({ delayMs })).toBeInstanceOf(KeyringLimitError);
    expect(await bad({ delayMs: DAY, withoutDelay: true })).toBeInstanceOf(DefinitionError);
    for (const reason of ['', 'a\nb', '\ud800', 'x'.repeat(129), 7, null])
      expect(await bad({ reason })).toBeInstanceOf(DefinitionError);
    expect(infoOf(keyring, old).destroyAfter).toBeUndefined();
    for (const delayMs of [DAY, 3_650 * DAY]) expect(await bad({ delayMs })).toBeUndefined();
  });

  it('is not shortened by a clock that was set back', async () => {
    const world = await suspended();
    const { createdAt } = world.info();
    world.clock.setWall(-10_000 * DAY);
    await scheduleDestruction(world.keyring, world.old);
    expect(world.info().destroyAfter).toEqual(new Date(createdAt.getTime() + 30 * DAY));
  });

  it('is told to every process, once for each moment', async () => {
    const world = await suspended();
    const { keyring, old } = world;
    const heard: KeyringEvent[] = [];
    const onEvent = (event: KeyringEvent) => event.type === 'destruction-scheduled' && heard.push(event);
    const other = await reopened(world, { onEvent });
    await scheduleDestruction(keyring, old, { reason: 'customer left' });
    expect(heard).toEqual([]);
    for (let i = 0; i < 3; i++) await refreshKeyring(other);
    const [first] = heard;
    expect(heard).toEqual([
      {
        type: 'destruction-scheduled',
        keyId: old,
        destroyAfter: world.info().destroyAfter,
        reason: 'customer left',
      },
    ]);
    await scheduleDestruction(keyring, old, { delayMs: 2 * DAY });
    await refreshKeyring(other);
    expect(heard).toEqual([first, expect.objectContaining({ keyId: old, reason: undefined })]);
  });
});

describe('cancelDestruction and resumeKey', () => {
  it('take it back, and the key with them', async () => {
    const world = await suspended();
    const { keyring, old, count } = world;
    await scheduleDestruction(keyring, old, { withoutDelay: true, reason: 'too early' });
    await cancelDestruction(keyring, old);
    const { revision } = keyring;
    await cancelDestruction(keyring, old);
    expect(keyring.revision).toBe(revision);
    expect(world.info()).toMatchObject({
      state: 'suspended',
      destroyAfter: undefined,
      destroyReason: undefined,
    });
    await expect(destroyKey(keyring, old, count())).rejects.toBeInstanceOf(KeyStateError);
    await scheduleDestruction(keyring, old, { withoutDelay: true });
    await resumeKey(keyring, old);
    expect(world.info()).toMatchObject({ state: 'deactivated', destroyAfter: undefined });
    await suspendKey(keyring, old, count(), NOW);
    expect(world.info().destroyAfter).toBeUndefined();
  });
});

describe('destroyKey', () => {
  it('waits until the delay is over, and not for a clock that was set back', async () => {
    const world = await suspended();
    const { keyring, old, clock, count } = world;
    await scheduleDestruction(keyring, old);
    const until = world.info().destroyAfter?.toISOString();
    clock.advance(30 * DAY - 1);
    const early = await thrownBy(destroyKey(keyring, old, count()));
    expect(early).toBeInstanceOf(HoldError);
    expect(early).toMatchObject({ keyId: old, until });
    clock.advance(1);
    clock.setWall(-DAY);
    await expect(destroyKey(keyring, old, count())).rejects.toBeInstanceOf(HoldError);
    clock.setWall(DAY);
    await destroyKey(keyring, old, count());
    expect(world.info().state).toBe('destroyed');
  });

  it('takes no census that was counted before the delay was over: records may have come back from a backup', async () => {
    const world = await suspended();
    const { keyring, old, clock, count } = world;
    await scheduleDestruction(keyring, old);
    clock.advance(30 * DAY - 1);
    const early = count();
    clock.advance(2);
    expect(await codeOf(destroyKey(keyring, old, early))).toBe('census-stale');
    expect(world.info().state).toBe('suspended');
    await destroyKey(keyring, old, count());
    expect(world.info().state).toBe('destroyed');
  });

  it('takes the bytes away, and leaves what an error needs to say so', async () => {
    const world = await retiring();
    const { keyring, old, next, count } = world;
    await activateKey(keyring, old);
    const row = await encryptRecord(people, { id: ID, email: 'jane@example.org' }, keyring);
    await activateKey(keyring, next);
    await suspendKey(keyring, old, count(), NOW);
    await scheduleDestruction(keyring, old, { withoutDelay: true, reason: 'customer left' });
    const before = await entryOf(world);
    const watcher = await reopened(world);
    await destroyKey(keyring, old, count());
    const { kind, commitment, createdAt, addedIn, wrapped } = before;
    expect(wrapped).toMatch(/^[\w-]{80}$/);
    expect(await entryOf(world)).toEqual({
      ...{ kind, commitment, createdAt, addedIn },
      state: 'destroyed',
      destroyReason: 'customer left',
    });
    expect(Buffer.from((await stored(world.store)).document).toString()).not.toContain(wrapped);
    await refreshKeyring(watcher);
    for (const reader of [keyring, watcher, await reopened(world)]) {
      const reading = () => decryptCell(people, 'email', row.email, { id: ID }, reader);
      expect(await codeOf(reading)).toBe('destroyed-key');
    }
  });

  it('gives a receipt of what was counted, and of what it cannot know', async () => {
    const world = await suspended();
    const { keyring, old, clock, count } = world;
    await scheduleDestruction(keyring, old, { withoutDelay: true });
    const census = count({ [old]: 2 });
    const countedAt = new Date(clock.wallMs());
    clock.advance(5);
    const receipt = await destroyKey(keyring, old, census, { abandon: 2 });
    expect(receipt).toEqual({
      keyringId: keyring.id,
      revision: keyring.revision,
      keyId: old,
      tenant: undefined,
      createdAt: world.info().createdAt,
      destroyedAt: new Date(clock.wallMs()),
      countedAt,
      tables: ['people'],
      records: 5,
      cells: 2,
      abandoned: 2,
      pagesLeft: [],
      cannotKnow: ['keyring-copies', 'database-copies', 'other-tables', 'processes', 'values'],
    });
  });

  it('wants a current census without cells, but for those that are given up', async () => {
    const world = await suspended();
    const { keyring, old, clock, count } = world;
    await scheduleDestruction(keyring, old, { withoutDelay: true });
    const early = count();
    await addKey(keyring);
    expect(await codeOf(destroyKey(keyring, old, early))).toBe('census-stale');
    expect(await codeOf(destroyKey(keyring, old, { ...count() }))).toBe('census-stale');
    const behind = counted(keyring, clock.wallMs(), {}, { behind: ['web-1 (1)'] });
    expect(await codeOf(destroyKey(keyring, old, behind))).toBe('not-acknowledged');
    for (const abandon of [0, 1, 3]) {
      const destroying = destroyKey(keyring, old, count({ [old]: 2 }), { abandon });
      await expect(destroying).rejects.toBeInstanceOf(KeyInUseError);
    }
    await expect(destroyKey(keyring, old, count(), { abandon: -1 })).rejects.toBeInstanceOf(DefinitionError);
    expect(world.info().state).toBe('suspended');
  });

  it('is undone from an older copy of the keyring, and only where the key is named', async () => {
    const world = await suspended();
    const { keyring, old, count } = world;
    const archive = keyringArchive(await exportKeyring(keyring, { rawKey: RAW_KEY }));
    await scheduleDestruction(keyring, old, { withoutDelay: true });
    await destroyKey(keyring, old, count());
    const census = count({ [old]: 1 });
    expect(await listMissingKeys(keyring, census)).toEqual([
      { kind: 'data', keyId: old, cells: 1, state: 'destroyed' },
    ]);
    const unnamed = await restoreKey(keyring, { archive, rawKey: RAW_KEY, census });
    expect(unnamed.missing).toEqual({ [old]: 1 });
    await restoreKey(keyring, { archive, rawKey: RAW_KEY, keyIds: [old] });
    expect(world.info()).toMatchObject({ state: 'deactivated', destroyAfter: undefined });
  });

  it('and a schedule are carried over to a new root key', async () => {
    const world = await suspended();
    const { keyring, old, next, count } = world;
    await activateKey(keyring, await addKey(keyring));
    await suspendKey(keyring, next, count(), NOW);
    await scheduleDestruction(keyring, next, { withoutDelay: true });
    await destroyKey(keyring, next, count());
    await scheduleDestruction(keyring, old, { reason: 'customer left' });
    const [before, gone] = [world.info(), infoOf(keyring, next)];
    await changeKey(keyring, { passphrase: 'another one', iterations: ITERATIONS });
    expect([world.info(), infoOf(keyring, next)]).toEqual([before, gone]);
    await resumeKey(keyring, old); // it was wrapped anew
  });
});

describe('two administrators', () => {
  const RIVALS: Readonly<Record<string, (keyring: Keyring, world: Retiring) => Promise<unknown>>> = {
    cancels: (keyring, { old }) => cancelDestruction(keyring, old),
    resumes: (keyring, { old }) => resumeKey(keyring, old),
    'marks it as compromised': (keyring, { old }) => markCompromised(keyring, old),
  };

  it.each(Object.entries(RIVALS))(
    'of whom one destroys and one %s: one of them is told, and does nothing',
    async (_, rival) => {
      const world = await suspended();
      const { old, clock } = world;
      await scheduleDestruction(world.keyring, old, { withoutDelay: true });
      const first = await reopened(world);
      let done = '';
      const store = {
        read: world.store.read,
        write: async (next: Parameters<KeyringStore['write']>[0]) => {
          await rival(first, world);
          done = JSON.stringify(listKeys(first));
          return world.store.write(next);
        },
      };
      const second = await reopened({ ...world, store });
      const destroying = destroyKey(second, old, counted(second, clock.wallMs()));
      await expect(destroying).rejects.toBeInstanceOf(KeyringConflictError);
      expect(JSON.stringify(listKeys(await reopened(world)))).toBe(done);
    },
  );
});

describe('two administrators who destroy alike', () => {
  it('write the same document, which stands once', async () => {
    const world = await suspended();
    const { old, clock } = world;
    await scheduleDestruction(world.keyring, old, { withoutDelay: true });
    const both = [await reopened(world), await reopened(world)] as const;
    const destroying = both.map((keyring) => destroyKey(keyring, old, counted(keyring, clock.wallMs())));
    const outcomes = await Promise.all(destroying.map(codeOf));
    expect(outcomes).toContain('success');
    const { revision } = await reopened(world);
    expect(revision).toBe(both[0].revision);
  });
});

describe('who crashes while a key is destroyed', () => {
  it('leaves it suspended or destroyed, and never a key that is active or lost', async () => {
    const seen = new Set<string>();
    const calls = await crashEverywhere(
      async () => {
        const keyrings = memoryKeyring();
        return { ...(await suspended(keyrings)), keyrings };
      },
      async ({ keyrings, old, clock, environment }) => {
        const keyring = await reopened({ store: keyrings, environment } as never);
        await scheduleDestruction(keyring, old, { withoutDelay: true });
        await destroyKey(keyring, old, counted(keyring, clock.wallMs()));
      },
      async ({ world, crash, call }) => {
        const keyring = await reopened(world);
        const { state, destroyAfter } = infoOf(keyring, world.old);
        seen.add(destroyAfter ? `${state}, scheduled` : state);
        if (state === 'destroyed') return;
        await scheduleDestruction(keyring, world.old, { withoutDelay: true });
        const census = counted(keyring, world.clock.wallMs());
        expect(await codeOf(destroyKey(keyring, world.old, census)), `${crash} at ${call}`).toBe('success');
      },
    );
    expect(calls.filter((call) => call === 'write')).toHaveLength(2);
    expect([...seen].sort()).toEqual(['destroyed', 'suspended', 'suspended, scheduled']);
  });
});

describe('withdrawKey', () => {
  it('takes a key back that was never active, and keeps its id', async () => {
    const world = await retiring();
    const { keyring, count } = world;
    const keyId = await addKey(keyring);
    const { wrapped } = payloadOf((await stored(world.store)).document).keys.at(-1);
    await expect(withdrawKey(keyring, keyId, count({ [keyId]: 1 }))).rejects.toBeInstanceOf(KeyInUseError);
    const early = count();
    await addKey(keyring);
    expect(await codeOf(withdrawKey(keyring, keyId, early))).toBe('census-stale');
    await withdrawKey(keyring, keyId, count());
    expect(infoOf(keyring, keyId).state).toBe('destroyed');
    expect(Buffer.from((await stored(world.store)).document).toString()).not.toContain(wrapped);
    await expect(activateKey(keyring, keyId)).rejects.toBeInstanceOf(KeyStateError);
    await reopened(world);
  });

  it('takes no successor away from a change of the key', async () => {
    const world = await retiring();
    const { keyring, count } = world;
    const rival = await reopened(world);
    let writes = 0;
    const store: KeyringStore = {
      read: world.store.read,
      write: (next) => {
        if (++writes === 2) throw new RangeError('the store is away');
        return world.store.write(next);
      },
    };
    const changing = await reopened({ ...world, store });
    const secret = { passphrase: 'another one', iterations: ITERATIONS, keep: [{ rawKey: RAW_KEY }] };
    await expect(changeKey(changing, secret)).rejects.toThrow(RangeError);
    await refreshKeyring(keyring);
    await refreshKeyring(rival);
    const successors = listKeys(keyring).filter(
      ({ kind, state }) => kind === 'data' && state === 'pre-active',
    );
    expect(successors).toHaveLength(1);
    const [successor] = successors;
    const withdrawing = withdrawKey(keyring, String(successor?.keyId), count());
    await expect(withdrawing).rejects.toBeInstanceOf(KeyChangeUnderWayError);
    const own = await addKey(keyring); // somebody's own, beside the change
    await withdrawKey(keyring, own, count());
  });

  it('takes index keys that no token is under', async () => {
    const { keyring, count } = await retiring();
    const keyId = await addKey(keyring, { kind: 'index' });
    await withdrawKey(keyring, keyId, count());
    expect(infoOf(keyring, keyId).state).toBe('destroyed');
  });
});

describe('markCompromised', () => {
  it('warns whoever reads, and keeps the key from being active', async () => {
    const world = await retiring();
    const { keyring, old, next, clock } = world;
    await activateKey(keyring, old);
    const row = await encryptRecord(people, { id: ID, email: 'jane@example.org' }, keyring);
    await activateKey(keyring, next);
    await expect(markCompromised(keyring, next)).rejects.toBeInstanceOf(KeyStateError);
    await markCompromised(keyring, old);
    const marked = world.info();
    expect(marked).toMatchObject({ state: 'compromised', compromisedAt: new Date(clock.wallMs()) });
    clock.advance(DAY);
    const { revision } = keyring;
    await markCompromised(keyring, old);
    expect([world.info(), keyring.revision]).toEqual([marked, revision]);
    await expect(activateKey(keyring, old)).rejects.toBeInstanceOf(KeyStateError);
    const heard: KeyringEvent[] = [];
    const reader = await reopened(world, { onEvent: (event) => heard.push(event) });
    await decryptCell(people, 'email', row.email, { id: ID }, reader);
    expect(heard).toContainEqual({ type: 'compromised-key', keyId: old });
  });

  it.each([
    ['before it was suspended', true],
    ['while it was suspended', false],
  ])('%s: it comes back as compromised', async (_, isBefore) => {
    const world = await retiring();
    const { keyring, old, count } = world;
    if (isBefore) await markCompromised(keyring, old);
    await suspendKey(keyring, old, count(), NOW);
    if (!isBefore) await markCompromised(keyring, old);
    expect(world.info().state).toBe('suspended');
    await resumeKey(keyring, old);
    expect(world.info()).toMatchObject({ state: 'compromised', compromisedAt: expect.any(Date) });
  });

  it('outlives destruction, also where a copy from before brings the key back', async () => {
    const world = await suspended();
    const { keyring, old, count } = world;
    const archive = keyringArchive(await exportKeyring(keyring, { rawKey: RAW_KEY }));
    await markCompromised(keyring, old);
    await scheduleDestruction(keyring, old, { withoutDelay: true });
    await destroyKey(keyring, old, count());
    await restoreKey(keyring, { archive, rawKey: RAW_KEY, keyIds: [old] });
    expect(world.info()).toMatchObject({ state: 'compromised', compromisedAt: expect.any(Date) });
  });
});

describe('keys of tenants in pages', () => {
  /** A shelf with a suspended key of one tenant, due. */
  async function due(): Promise<{ shelf: Shelf; keyId: string; tenant: string }> {
    const { keyring, tenants, shelf } = await shelvedKeyring(300);
    const [tenant = ''] = tenants;
    const own = async () => (await listTenantKeys(keyring, tenant)).filter(({ kind }) => kind === 'data');
    const [{ keyId } = {} as KeyInfo] = await own();
    await activateKey(keyring, await addKey(keyring, { tenant }));
    await noteCensus(keyring, counted(keyring, 0));
    await suspendKey(keyring, keyId, counted(keyring, 0), NOW);
    await scheduleDestruction(keyring, keyId, { withoutDelay: true });
    return { shelf, keyId, tenant };
  }
  const clock = fakeClock();
  const census = (keyring: Keyring) => counted(keyring, clock.wallMs());
  const openLate = (shelf: Shelf, meddle?: Meddle) => {
    const later = fakeClock();
    later.advance(DAY);
    return openShelf(shelfStore(shelf, meddle), { clock: later });
  };

  /** A store that bears with pages that are lost. */
  const unguarded = (shelf: Shelf): KeyringStore => ({
    read: () => shelf.newest,
    write: (next) => {
      shelf.newest = next;
      return true;
    },
    pages: {
      read: (name) => shelf.pages.get(name),
      write: (name, page) => void shelf.pages.set(name, page),
      remove: (names) => names.forEach((name) => void shelf.pages.delete(name)),
    },
  });

  it('are destroyed and withdrawn in their page', async () => {
    const { shelf, keyId, tenant } = await due();
    const keyring = await openLate(shelf);
    const receipt = await destroyKey(keyring, keyId, census(keyring));
    expect(receipt).toMatchObject({ tenant, pagesLeft: [] });
    expect(receipt.cannotKnow).toContain('lost-pages');
    const added = await addKey(keyring, { tenant });
    await withdrawKey(keyring, added, census(keyring));
    const keys = await listTenantKeys(await openLate(shelf), tenant);
    const states = new Map(keys.map((key) => [key.keyId, key.state]));
    expect([states.get(keyId), states.get(added)]).toEqual(['destroyed', 'destroyed']);
  });

  it('that are salvaged from an old copy are neither empty nor to be destroyed: much may have happened since', async () => {
    const { shelf, keyId, tenant } = await due();
    const keyring = await openLate(shelf);
    await addKey(keyring, { tenant });
    await markCompromised(keyring, keyId);
    const old = copyOf(shelf);
    await cancelDestruction(keyring, keyId);
    for (const name of shelf.pages.keys()) if (!old.pages.has(name)) shelf.pages.delete(name);
    const store = unguarded(shelf);
    const fresh = await openShelf(store);
    await restoreKey(fresh, { archive: shelfStore(old), rawKey: RAW_KEY, salvage: true });
    const keys = await listTenantKeys(await openShelf(store), tenant);
    expect(keys.find((key) => key.keyId === keyId)).toMatchObject({
      state: 'suspended',
      compromisedAt: expect.any(Date),
      emptySince: undefined,
      destroyAfter: undefined,
    });
  });

  it('whose page the store does not remove: the receipt names it', async () => {
    const { shelf, keyId } = await due();
    const before = new Set(shelf.pages.keys());
    const keyring = await openLate(copyOf(shelf), (call, perform) => {
      if (call === 'pages.remove') throw new RangeError('the store is away');
      return perform();
    });
    const { pagesLeft } = await destroyKey(keyring, keyId, census(keyring));
    expect(pagesLeft).toHaveLength(1);
    expect(before).toContain(pagesLeft[0]);
  });
});
