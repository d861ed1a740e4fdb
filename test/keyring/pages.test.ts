/** Keys of many tenants stand in pages: a keyring with them is the same keyring, whatever fails on the way. */
import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import type { Bytes } from '../../src/bytes.js';
import type { ContextPart } from '../../src/envelope/index.js';
import { KeyringConflictError, StoreBusyError } from '../../src/errors.js';
import {
  type Census,
  type Keyring,
  activateKey,
  addKey,
  addTenants,
  cancelDestruction,
  describeKeyring,
  destroyKey,
  issueCensus,
  listKeys,
  listTenantKeys,
  markCompromised,
  noteCensus,
  openedOf,
  refreshKeyring,
  resumeKey,
  scheduleDestruction,
  setPolicy,
  suspendKey,
  withdrawKey,
} from '../../src/keyring/index.js';
import { PAGE_CACHE_ENTRIES } from '../../src/limits.js';
import type { KeyringStore, StoredKeyring } from '../../src/ports/keyring-store.js';
import {
  type Call,
  type Meddle,
  type Shelf,
  type ShelfStore,
  type Shelved,
  assertSound,
  copyOf,
  emptyShelf,
  forgePage,
  longTenant,
  namedPages,
  openShelf,
  shelfStore,
  shelvedKeyring,
  shuffled,
} from './paged.js';
import {
  codeOf,
  countingEngine,
  fakeClock,
  forge,
  knownKeyring,
  payloadOf,
  settle,
  until,
} from './support.js';

const TENANTS = 300;
const SPLIT_BYTES = 256 * 1024;
const SECOND_MS = 1_000;

/** Pages, and the same keyring's like without any. */
let paged: Shelved;
let unpaged: Shelved;
beforeAll(async () => {
  [paged, unpaged] = await bothWays(TENANTS);
});

async function bothWays(tenants: number): Promise<[Shelved, Shelved]> {
  const inPages = await shelvedKeyring(tenants);
  const shelf = emptyShelf();
  const { pages: _, ...store } = shelfStore(shelf);
  const known = await knownKeyring(undefined, store);
  await addTenants(known.keyring, inPages.tenants);
  return [inPages, { ...known, shelf, tenants: inPages.tenants }];
}

const kindsAndStates = (keys: readonly { kind: string; state: string }[]): string[] =>
  keys.map(({ kind, state }) => `${kind} ${state}`);

/** All keys, tenant by tenant. */
async function everyKey(keyring: Keyring, tenants: readonly ContextPart[]): Promise<string[]> {
  const own = await Promise.all(tenants.map((tenant) => listTenantKeys(keyring, tenant)));
  const shared = listKeys(keyring).filter(({ tenant }) => tenant === undefined);
  return [...shared, ...own.flat()].map(({ keyId, kind, state }) => `${keyId} ${kind} ${state}`);
}

const calls = ({ calls }: ShelfStore, what: Call): number => calls.filter((call) => call === what).length;

async function sealWith(keyring: Keyring, tenant: ContextPart | undefined): Promise<string> {
  return (await openedOf(keyring).sealingKey(tenant, {})).keyId;
}

function openWith(keyring: Keyring, keyId: string, tenant?: ContextPart): Promise<unknown> {
  return codeOf(async () => openedOf(keyring).openingKey(keyId, tenant, {}));
}

describe('a keyring with keys of many tenants', () => {
  it('keeps their keys in pages, none too long, and the document small', () => {
    const { newest, pages } = paged.shelf;
    expect(namedPages(paged.shelf).length).toBeGreaterThanOrEqual(3);
    expect([...pages.keys()].sort()).toEqual(
      namedPages(paged.shelf)
        .map(({ name }) => name)
        .sort(),
    );
    for (const page of pages.values()) expect(page.length).toBeLessThanOrEqual(SPLIT_BYTES);
    expect(newest?.document.length).toBeLessThan(4_096);
    expect(unpaged.shelf.newest?.document.length).toBeGreaterThan(800_000);
    expect(unpaged.shelf.pages.size).toBe(0);
  });

  it('stays in one document up to 256 KiB, and has pages from there on', async () => {
    const { shelf, keyring } = await shelvedKeyring(0);
    let tenants = 0;
    while (namedPages(shelf).length === 0) {
      expect(payloadOf((shelf.newest as StoredKeyring).document).keys).toHaveLength(2 + 2 * tenants);
      await addTenants(
        keyring,
        Array.from({ length: 10 }, () => longTenant(tenants++)),
      );
    }
    expect([tenants, payloadOf((shelf.newest as StoredKeyring).document).keys.length]).toEqual([130, 2]);
    for (let i = 0; i < tenants; i++) expect(await listTenantKeys(keyring, longTenant(i))).toHaveLength(2);
  });

  it('is opened without its pages, and with as few keys unwrapped as any other', async () => {
    const opening = async (store: ShelfStore): Promise<readonly (number | Call[])[]> => {
      const { engine, calls } = countingEngine();
      await openShelf(store, { engine });
      const of = ['unwrapKey', 'deriveBytes', 'deriveAead', 'open', 'digest', 'verifyMac'] as const;
      return [store.calls, ...of.map(calls)];
    };
    const one = await shelvedKeyring(1);
    const few = await opening(shelfStore(one.shelf));
    expect(few[0]).toEqual(['read']);
    expect(few[1]).toBe(3); // the root key, the shared data key, the shared index key
    expect(await opening(shelfStore(paged.shelf))).toEqual(few);
    // As many pages as a document may name.
    const most = copyOf(paged.shelf);
    const { document, revision } = most.newest as StoredKeyring;
    const payload = payloadOf(document);
    const [page] = payload.pages;
    payload.pages = Array.from({ length: 4_096 }, (_, i) => ({ ...page, from: 16 * i }));
    most.newest = { revision, document: forge(paged.rootKey, payload) };
    expect(most.newest.document.length).toBeLessThan(1024 * 1024);
    expect(await opening(shelfStore(most))).toEqual(few);
  });

  it('reads one page, and unwraps one key, for the first cell of a tenant; nothing for the next', async () => {
    const store = shelfStore(paged.shelf);
    const { engine, calls: engineCalls } = countingEngine();
    const keyring = await openShelf(store, { engine });
    const before = engineCalls('unwrapKey');
    const keyId = await sealWith(keyring, longTenant(7));
    expect(calls(store, 'pages.read')).toBe(1);
    expect(engineCalls('unwrapKey') - before).toBe(1);
    expect(await openWith(keyring, keyId, longTenant(7))).toBe('success');
    expect(await sealWith(keyring, longTenant(7))).toBe(keyId);
    expect(store.calls).toEqual(['read', 'pages.read']);
    expect(engineCalls('unwrapKey') - before).toBe(1);
  });

  it('reads a page once for all who want it at once', async () => {
    const store = shelfStore(paged.shelf);
    const keyring = await openShelf(store);
    const keyIds = await Promise.all(Array.from({ length: 50 }, () => sealWith(keyring, longTenant(3))));
    expect(new Set(keyIds).size).toBe(1);
    expect(calls(store, 'pages.read')).toBe(1);
  });

  it('seals under the shared key for a tenant without one, and refuses one of another type', async () => {
    const { shelf, keyring } = await shelvedKeyring(140);
    await addTenants(keyring, [7n, Uint8Array.of(1, 2, 3)]);
    expect(namedPages(shelf).length).toBeGreaterThan(1);
    const shared = listKeys(keyring).find(({ kind }) => kind === 'data')?.keyId;
    expect(await sealWith(keyring, 'nobody')).toBe(shared);
    expect(await sealWith(keyring, 7n)).not.toBe(shared);
    for (const tenant of ['7', '010203', Uint8Array.of(7)].slice(0, 2))
      expect(await codeOf(sealWith(keyring, tenant))).toBe('invalid-context');
    expect(await sealWith(keyring, longTenant(1).toUpperCase())).toBe(shared);
  });

  it('changes one page for one tenant, and leaves the others as they are', async () => {
    const shelf = copyOf(paged.shelf);
    const store = shelfStore(shelf);
    const keyring = await openShelf(store);
    const before = namedPages(shelf).map(({ name }) => name);
    await addTenants(keyring, ['one more']);
    const after = namedPages(shelf).map(({ name }) => name);
    expect(before.filter((name) => !after.includes(name))).toHaveLength(1);
    expect([calls(store, 'pages.read'), calls(store, 'pages.write'), calls(store, 'pages.remove')]).toEqual([
      1, 1, 1,
    ]);
    expect([...shelf.pages.keys()].sort()).toEqual([...after].sort());
  });

  it('leaves a page as it is that it has looked into and has nothing to change in', async () => {
    const shelf = copyOf(paged.shelf);
    const store = shelfStore(shelf);
    await addTenants(await openShelf(store), [...paged.tenants, 'one more']);
    expect(calls(store, 'pages.read')).toBe(namedPages(paged.shelf).length);
    expect(calls(store, 'pages.write')).toBe(1);
  });

  it('writes nothing, and no page, for tenants that have keys already', async () => {
    const store = shelfStore(copyOf(paged.shelf));
    const keyring = await openShelf(store);
    await addTenants(keyring, [longTenant(1), longTenant(2), longTenant(1)]);
    expect(calls(store, 'write') + calls(store, 'pages.write')).toBe(0);
    await addTenants(keyring, ['twice', 'twice']);
    expect(kindsAndStates(await listTenantKeys(keyring, 'twice'))).toEqual(['data active', 'index active']);
  });
});

// ── The same keyring ────────────────────────────────────────────────────────────────────────────────────────────────

type Act =
  | { readonly act: 'addKey'; readonly kind: 'data' | 'index'; readonly tenant: number }
  | { readonly act: 'addTenants'; readonly tenants: readonly number[] }
  | { readonly act: 'renew'; readonly tenant: number }
  | { readonly act: 'activate' | 'suspend' | 'resume'; readonly key: number }
  | { readonly act: 'end'; readonly how: keyof typeof ENDS; readonly key: number }
  | { readonly act: 'policy'; readonly days: number }
  | { readonly act: 'reopen' };

/** What ends a key, and what takes that back; with a census that finds nothing. */
const ENDS = {
  note: (keyring, _keyId, census) => noteCensus(keyring, census),
  compromise: (keyring, keyId) => markCompromised(keyring, keyId),
  schedule: (keyring, keyId) => scheduleDestruction(keyring, keyId, { withoutDelay: true }),
  cancel: (keyring, keyId) => cancelDestruction(keyring, keyId),
  destroy: (keyring, keyId, census) => destroyKey(keyring, keyId, census),
  withdraw: (keyring, keyId, census) => withdrawKey(keyring, keyId, census),
} as const satisfies Readonly<
  Record<string, (keyring: Keyring, keyId: string, census: Census) => Promise<unknown>>
>;

/** Existing tenants, new ones, types of their own, and nobody. */
function tenantOf(i: number): ContextPart | undefined {
  const others: readonly (ContextPart | undefined)[] = [
    undefined,
    7n,
    Uint8Array.of(7),
    'Ünïcode',
    '-7',
    'a new one',
  ];
  return i < others.length ? others[i] : longTenant(i - others.length);
}
const FEWER = 170;
const MOST = FEWER + 6 + 20;
const tenant = fc.nat({ max: MOST - 1 });
// Most acts concern a few tenants, so that they meet.
const fewTenants = fc.oneof(fc.nat({ max: 9 }), tenant);
const acts: fc.Arbitrary<Act> = fc.oneof(
  fc.record({
    act: fc.constant('addKey' as const),
    kind: fc.constantFrom('data' as const, 'index' as const),
    tenant: fewTenants,
  }),
  fc.record({
    act: fc.constant('addTenants' as const),
    tenants: fc.array(
      fewTenants.filter((i) => i > 0),
      { maxLength: 20 },
    ),
  }),
  fc.record({ act: fc.constant('renew' as const), tenant: fewTenants }),
  fc.record({
    act: fc.constantFrom('activate' as const, 'suspend' as const, 'resume' as const),
    key: fc.oneof(fc.nat({ max: 4 }), fc.nat({ max: 400 })),
  }),
  fc.record({
    act: fc.constant('end' as const),
    how: fc.constantFrom(...(Object.keys(ENDS) as (keyof typeof ENDS)[])),
    key: fc.oneof(fc.nat({ max: 4 }), fc.nat({ max: 400 })),
  }),
  fc.record({ act: fc.constant('policy' as const), days: fc.integer({ min: 0, max: 40_000 }) }),
  fc.constant({ act: 'reopen' as const }),
);

/** Every act once at least, each done and refused. */
const EACH: Act[] = [
  { act: 'renew', tenant: 20 },
  { act: 'suspend', key: 0 },
  { act: 'activate', key: 0 },
  { act: 'resume', key: 0 },
  { act: 'suspend', key: 1 },
  { act: 'addKey', kind: 'index', tenant: 1 },
  { act: 'activate', key: 0 },
  { act: 'reopen' },
  { act: 'renew', tenant: 20 },
  { act: 'end', how: 'note', key: 0 },
  { act: 'end', how: 'compromise', key: 0 },
  { act: 'suspend', key: 0 },
  { act: 'end', how: 'destroy', key: 0 },
  { act: 'end', how: 'schedule', key: 0 },
  { act: 'end', how: 'cancel', key: 0 },
  { act: 'end', how: 'schedule', key: 0 },
  { act: 'end', how: 'destroy', key: 0 },
  { act: 'addKey', kind: 'data', tenant: 20 },
  { act: 'end', how: 'withdraw', key: 0 },
  { act: 'addTenants', tenants: [1, 2, 3, 4, 5, 6, 190] },
  { act: 'policy', days: 0 },
  { act: 'policy', days: 90 },
];

/** One of the two keyrings, with its keys in the order in which they came. */
class Side {
  readonly #store: KeyringStore;
  keyring!: Keyring;
  /** Newest first: acts choose among those that came last more often. */
  readonly #keyIds: string[] = [];
  readonly #known = new Set<string>();

  constructor(store: KeyringStore) {
    this.#store = store;
  }

  async open(): Promise<void> {
    this.keyring = await openShelf(this.#store);
  }

  async learn(tenants: readonly number[]): Promise<void> {
    for (const i of tenants) {
      for (const { keyId } of await this.keys(i)) {
        if (this.#known.has(keyId)) continue;
        this.#known.add(keyId);
        this.#keyIds.unshift(keyId);
      }
    }
  }

  async keys(i: number) {
    const own = tenantOf(i);
    if (own !== undefined) return listTenantKeys(this.keyring, own);
    return listKeys(this.keyring).filter((key) => key.tenant === undefined);
  }

  async act(given: Act): Promise<unknown> {
    const { keyring } = this;
    if (given.act === 'reopen') return this.open();
    if (given.act === 'policy') return codeOf(setPolicy(keyring, { cryptoperiodDays: given.days }));
    if (given.act === 'addTenants') {
      const outcome = await codeOf(addTenants(keyring, given.tenants.map(tenantOf) as ContextPart[]));
      await this.learn(given.tenants);
      return outcome;
    }
    if (given.act === 'addKey') {
      const own = tenantOf(given.tenant);
      const outcome = await codeOf(
        addKey(keyring, { kind: given.kind, ...(own !== undefined && { tenant: own }) }),
      );
      await this.learn([given.tenant]);
      return outcome;
    }
    if (given.act === 'renew') return this.#renew(given.tenant);
    const keyId = this.#keyIds[given.key] ?? 'a'.repeat(26);
    if (given.act === 'activate') return codeOf(activateKey(keyring, keyId));
    if (given.act === 'resume') return codeOf(resumeKey(keyring, keyId));
    const { id: keyringId, revision } = keyring;
    const isDestroying = given.act === 'end' && given.how === 'destroy'; // wants a count behind its delay
    const empty = {
      keyringId,
      revision,
      countedAt: new Date(isDestroying ? Date.now() : 0),
      tables: [],
      records: 0,
      cells: {},
      tokens: {},
      notCells: 0,
      behind: [],
    };
    const census = issueCensus(empty);
    if (given.act === 'end') return codeOf(ENDS[given.how](keyring, keyId, census));
    return codeOf(suspendKey(keyring, keyId, census, { withoutHold: true }));
  }

  async #renew(i: number): Promise<unknown> {
    const isActive = ({ kind, state }: { kind: string; state: string }) =>
      kind === 'data' && state === 'active';
    const before = (await this.keys(i)).find(isActive)?.keyId;
    const own = tenantOf(i);
    await activateKey(this.keyring, await addKey(this.keyring, own === undefined ? {} : { tenant: own }));
    await this.learn([i]);
    if (before === undefined) return 'first';
    this.#keyIds.splice(this.#keyIds.indexOf(before), 1);
    this.#keyIds.unshift(before);
    return 'renewed';
  }

  async all(): Promise<readonly string[][]> {
    return Promise.all(Array.from({ length: MOST }, async (_, i) => kindsAndStates(await this.keys(i))));
  }
}

describe('whatever is done, in whatever order', () => {
  it('gives the same keys in pages as in one document', async () => {
    const [inPages, inOne] = await bothWays(FEWER);
    const seen = new Set<unknown>();
    await fc.assert(
      fc.asyncProperty(fc.array(acts, { minLength: 4, maxLength: 14 }), async (given) => {
        const shelf = copyOf(inPages.shelf);
        const { pages: _, ...whole } = shelfStore(copyOf(inOne.shelf));
        const [one, other] = [new Side(shelfStore(shelf)), new Side(whole)];
        for (const side of [one, other]) {
          await side.open();
          await side.learn(Array.from({ length: MOST }, (_, i) => i));
        }
        for (const act of given) {
          const outcome = await one.act(act);
          seen.add(`${act.act === 'end' ? act.how : act.act} ${outcome}`);
          expect(outcome).toEqual(await other.act(act));
          expect(one.keyring.revision).toBe(other.keyring.revision);
        }
        expect(await one.all()).toEqual(await other.all());
        // Another process sees the same, and nothing is left behind.
        const reader = new Side(shelfStore(shelf));
        await reader.open();
        expect(await reader.all()).toEqual(await one.all());
        expect([...shelf.pages.keys()].sort()).toEqual(
          namedPages(shelf)
            .map(({ name }) => name)
            .sort(),
        );
        for (const page of shelf.pages.values()) expect(page.length).toBeLessThanOrEqual(SPLIT_BYTES);
      }),
      { numRuns: 20, examples: [[EACH]] },
    );
    // The property has met what it is about.
    for (const act of [
      'addKey success',
      'addTenants success',
      'renew renewed',
      'resume success',
      'activate success',
      'suspend success',
      'suspend key-state',
      'policy keyring-limit',
      ...Object.keys(ENDS).map((how) => `${how} success`),
      'destroy key-state',
    ])
      expect(seen).toContain(act);
  }, 120_000);

  it('holds for tenants that come one after the other, until pages are cut again and again', async () => {
    const { shelf, keyring, tenants } = await shelvedKeyring(125);
    const added: string[] = [...tenants];
    let cuts = 0;
    for (let i = 125; i < 400; i += 25) {
      const before = namedPages(shelf).length;
      const next = Array.from({ length: 25 }, (_, j) => longTenant(i + j));
      await addTenants(keyring, next);
      added.push(...next);
      if (namedPages(shelf).length > before) cuts++;
      assertSound(shelf);
    }
    expect(cuts).toBeGreaterThan(2);
    const reader = await openShelf(shelfStore(shelf));
    const keys = await everyKey(reader, added);
    expect(new Set(keys).size).toBe(2 + 2 * 400);
  });
});

// ── Faults ──────────────────────────────────────────────────────────────────────────────────────────────────────────

const away = (): RangeError => new RangeError('the store is away');

/** From the call with this number on, the store is away: the call itself is not made, or made and not answered. */
function dyingAt(at: number, when: 'before' | 'after'): Meddle {
  let made = 0;
  return async (_call, perform) => {
    if (made++ < at) return perform();
    if (made === at + 1 && when === 'after') await perform();
    throw away();
  };
}

const NEW = 'a tenant that is new';
const CHANGES: readonly {
  name: string;
  from: () => Shelf;
  change: (keyring: Keyring) => Promise<unknown>;
}[] = [
  {
    name: 'adding a tenant',
    from: () => copyOf(paged.shelf),
    change: (keyring) => addTenants(keyring, [NEW]),
  },
  {
    name: 'adding tenants to every page, which are cut',
    from: () => copyOf(paged.shelf),
    change: (keyring) =>
      addTenants(keyring, [NEW, ...Array.from({ length: 200 }, (_, i) => longTenant(1_000 + i))]),
  },
  {
    name: 'adding the tenants that no longer fit into the document',
    from: () => {
      const small = copyOf(unpaged.shelf);
      return small;
    },
    change: (keyring) => addTenants(keyring, [NEW]),
  },
  {
    name: "making a tenant's key active",
    from: () => copyOf(paged.shelf),
    change: async (keyring) => {
      const keyId = await addKey(keyring, { tenant: longTenant(5) });
      await activateKey(keyring, keyId);
    },
  },
  {
    name: 'changing the policy',
    from: () => copyOf(paged.shelf),
    change: (keyring) => setPolicy(keyring, { cryptoperiodDays: 90 }),
  },
];

describe('a process that ends in the middle of a change', () => {
  for (const { name, from, change } of CHANGES) {
    it(`${name}: loses nothing, and leaves a keyring that opens, whichever call of the store was its last`, async () => {
      const tenants = paged.tenants;
      const whole = shelfStore(from());
      const keyring = await openShelf(whole);
      const before = await everyKey(keyring, tenants);
      await change(keyring);
      const total = whole.calls.length;
      expect(total).toBeGreaterThan(2);
      let outcomes = '';
      for (let at = 1; at < total; at++) {
        for (const when of ['before', 'after'] as const) {
          const shelf = from();
          const dying = await openShelf(shelfStore(shelf, dyingAt(at, when)));
          const outcome = await codeOf(change(dying));
          assertSound(shelf);
          const next = await openShelf(shelfStore(shelf));
          const keyIds = new Set((await everyKey(next, tenants)).map((key) => key.split(' ')[0]));
          for (const key of before) expect(keyIds).toContain(key.split(' ')[0]);
          const has = (await listTenantKeys(next, NEW)).length;
          expect([0, 2]).toContain(has);
          // The call that was last may have been the document's: done, though nobody was told.
          outcomes += outcome === 'success' ? 's' : 'f';
          if (outcome !== 'success') expect(outcome).toEqual(away());
          await change(next);
          assertSound(shelf);
        }
      }
      expect(outcomes).toContain('f');
    }, 120_000);
  }

  it('leaves pages that nobody names, which harm nobody', async () => {
    const shelf = copyOf(paged.shelf);
    const lastWrite = async (): Promise<number> => {
      const store = shelfStore(copyOf(paged.shelf));
      await addTenants(await openShelf(store), [NEW]);
      return store.calls.indexOf('write');
    };
    const dying = await openShelf(shelfStore(shelf, dyingAt(await lastWrite(), 'before')));
    await expect(addTenants(dying, [NEW])).rejects.toThrow(RangeError);
    expect(shelf.pages.size).toBe(namedPages(shelf).length + 1);
    shelf.pages.set('a'.repeat(26), new Uint8Array(3) as Bytes);
    const keyring = await openShelf(shelfStore(shelf));
    await addTenants(keyring, [NEW]);
    expect(kindsAndStates(await listTenantKeys(keyring, NEW))).toEqual(['data active', 'index active']);
  });
});

describe('pages that cannot be removed', () => {
  it('are left where they are: the change stands', async () => {
    const shelf = copyOf(paged.shelf);
    const meddle: Meddle = (call, perform) => {
      if (call === 'pages.remove') throw away();
      return perform();
    };
    const keyring = await openShelf(shelfStore(shelf, meddle));
    await addTenants(keyring, [NEW]);
    expect(shelf.pages.size).toBe(namedPages(shelf).length + 1);
    expect(await listTenantKeys(await openShelf(shelfStore(shelf)), NEW)).toHaveLength(2);
  });
});

describe('a swap that is lost', () => {
  it('withdraws the pages that were written for it', async () => {
    const shelf = copyOf(paged.shelf);
    const other = await openShelf(shelfStore(shelf));
    const meddle: Meddle = async (call, perform) => {
      if (call === 'write') await setPolicy(other, { cryptoperiodDays: 90 });
      return perform();
    };
    const store = shelfStore(shelf, meddle);
    const keyring = await openShelf(store);
    await expect(addTenants(keyring, [NEW])).rejects.toBeInstanceOf(KeyringConflictError);
    expect(store.calls.slice(-4)).toEqual(['pages.write', 'write', 'read', 'pages.remove']);
    expect([...shelf.pages.keys()].sort()).toEqual([...paged.shelf.pages.keys()].sort());
    await refreshKeyring(keyring);
    expect(await listTenantKeys(keyring, NEW)).toEqual([]);
  });

  it('is a conflict too where a page is gone because another change was faster', async () => {
    const shelf = copyOf(paged.shelf);
    const other = await openShelf(shelfStore(shelf));
    let isFirst = true;
    const meddle: Meddle = async (call, perform) => {
      if (call === 'pages.read' && isFirst) {
        isFirst = false;
        await addTenants(other, [longTenant(900), longTenant(901), longTenant(902), NEW]);
      }
      return perform();
    };
    const keyring = await openShelf(shelfStore(shelf, meddle));
    await expect(addKey(keyring, { tenant: NEW })).rejects.toBeInstanceOf(KeyringConflictError);
    await addKey(keyring, { tenant: NEW });
    expect(kindsAndStates(await listTenantKeys(keyring, NEW))).toEqual([
      'data active',
      'index active',
      'data pre-active',
    ]);
  });
});

describe('two who change at once', () => {
  it('are told of every conflict, and lose nothing', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat({ max: 5 }), { minLength: 40, maxLength: 40 }), async (turns) => {
        const shelf = copyOf(paged.shelf);
        let turn = 0;
        const meddle = shuffled(() => turns[turn++ % turns.length] as number);
        const [one, other] = await Promise.all([
          openShelf(shelfStore(shelf, meddle)),
          openShelf(shelfStore(shelf, meddle)),
        ]);
        const added: string[] = [];
        let conflicts = 0;
        const add = async (keyring: Keyring, own: string): Promise<void> => {
          const outcome = await codeOf(addTenants(keyring, [own]));
          if (outcome === 'success') added.push(own);
          else conflicts++;
          expect(['success', 'keyring-conflict']).toContain(outcome);
        };
        for (let round = 0; round < 4; round++) {
          await Promise.all([add(one, `one ${round}`), add(other, `other ${round}`)]);
          assertSound(shelf);
        }
        expect(added.length).toBeGreaterThanOrEqual(4);
        expect(added.length + conflicts).toBe(8);
        const reader = await openShelf(shelfStore(shelf));
        for (const own of added) expect(await listTenantKeys(reader, own)).toHaveLength(2);
        expect(await everyKey(reader, paged.tenants)).toEqual(await everyKey(paged.keyring, paged.tenants));
        expect(shelf.pages.size).toBe(namedPages(shelf).length); // what lost was withdrawn
      }),
      { numRuns: 10 },
    );
  }, 60_000);
});

// ── Readers ─────────────────────────────────────────────────────────────────────────────────────────────────────────

describe('a reader with an older document', () => {
  it('meets a page that was replaced, and reads the keyring again', async () => {
    const shelf = copyOf(paged.shelf);
    const store = shelfStore(shelf);
    const reader = await openShelf(store);
    const writer = await openShelf(shelfStore(shelf));
    await activateKey(writer, await addKey(writer, { tenant: longTenant(5) }));
    const keyId = await sealWith(writer, longTenant(5));
    expect(reader.revision).toBeLessThan(writer.revision);
    expect(await sealWith(reader, longTenant(5))).toBe(keyId);
    expect(reader.revision).toBe(writer.revision);
    expect(calls(store, 'read')).toBe(2);
  });

  it('goes on with pages that it holds, or that were not replaced', async () => {
    const shelf = copyOf(paged.shelf);
    const store = shelfStore(shelf);
    const reader = await openShelf(store);
    const keyId = await sealWith(reader, longTenant(5));
    const writer = await openShelf(shelfStore(shelf));
    await activateKey(writer, await addKey(writer, { tenant: longTenant(5) }));
    expect(await sealWith(reader, longTenant(5))).toBe(keyId);
    expect(calls(store, 'read')).toBe(1);
  });

  it('of whom a hundred ask at once reads every page and document that it needs, and fails none', async () => {
    const shelf = copyOf(paged.shelf);
    const reader = await openShelf(shelfStore(shelf));
    const writer = await openShelf(shelfStore(shelf));
    await addTenants(
      writer,
      Array.from({ length: 40 }, (_, i) => `new ${i}`),
    );
    const asked = paged.tenants.slice(0, 100);
    const keyIds = await Promise.all(asked.map((own) => sealWith(reader, own)));
    expect(keyIds).toEqual(await Promise.all(asked.map((own) => sealWith(writer, own))));
  });

  it('is told that a page is damaged where it is gone and no document has followed', async () => {
    const shelf = copyOf(paged.shelf);
    const store = shelfStore(shelf);
    const keyring = await openShelf(store);
    shelf.pages.clear();
    expect(await codeOf(sealWith(keyring, longTenant(5)))).toBe('keyring-damaged');
    expect(calls(store, 'read')).toBeLessThanOrEqual(6);
    expect(await sealWith(keyring, undefined)).toBe(listKeys(keyring)[0]?.keyId); // what all share needs no page
  });
});

describe('a page', () => {
  const bitOff = (page: Bytes): Bytes => {
    const copy = page.slice();
    copy[100] = (copy[100] as number) ^ 1;
    return copy;
  };

  it('that is not the one that the document names is damage, one that is another of its own too', async () => {
    const [first, second] = namedPages(paged.shelf) as unknown as [{ name: string }, { name: string }];
    const page = (name: string): Bytes => paged.shelf.pages.get(name) as Bytes;
    const faults: readonly ((pages: Map<string, Bytes>) => unknown)[] = [
      (pages) => [...pages].map(([name, was]) => pages.set(name, bitOff(was))),
      (pages) =>
        [...pages.keys()].map((name) =>
          pages.set(name, page(name === first.name ? second.name : first.name)),
        ),
      (pages) => [...pages.keys()].map((name) => pages.set(name, new Uint8Array(0))),
      (pages) => [...pages].map(([name, was]) => pages.set(name, Uint8Array.from([...was, 10]))),
    ];
    for (const fault of faults) {
      const shelf = copyOf(paged.shelf);
      fault(shelf.pages);
      const keyring = await openShelf(shelfStore(shelf));
      expect(await codeOf(sealWith(keyring, longTenant(5)))).toBe('keyring-damaged');
      expect(await codeOf(listTenantKeys(keyring, longTenant(5)))).toBe('keyring-damaged');
      expect(await codeOf(addTenants(keyring, [longTenant(5)]))).toBe('keyring-damaged');
    }
  });

  it('that is damaged once and whole the next time is read then', async () => {
    const shelf = copyOf(paged.shelf);
    const keyring = await openShelf(shelfStore(shelf));
    for (const [name, page] of paged.shelf.pages) shelf.pages.set(name, bitOff(page));
    expect(await codeOf(sealWith(keyring, longTenant(5)))).toBe('keyring-damaged');
    for (const [name, page] of paged.shelf.pages) shelf.pages.set(name, page);
    expect(await codeOf(sealWith(keyring, longTenant(5)))).toBe('success');
  });

  it('whose keys contradict each other is damage, whoever vouches for it', async () => {
    const shelf = forgePage(paged.shelf, paged.rootKey, 0, ([key, ...keys]) => [key, key, ...keys]);
    const keyring = await openShelf(shelfStore(shelf));
    const outcomes = await Promise.all(
      paged.tenants.slice(0, 30).map((own) => codeOf(sealWith(keyring, own))),
    );
    expect(new Set(outcomes)).toEqual(new Set(['success', 'keyring-damaged']));
  });

  it('may have an index key with the token prefix of one in another page: adding to both is no damage', async () => {
    const commitment = Buffer.alloc(32, 9).toString('base64url');
    const destroyed = (own: string, last: number): unknown => ({
      kind: 'index',
      tenant: own,
      commitment: Buffer.from([...Buffer.from(commitment, 'base64url').subarray(0, 31), last]).toString(
        'base64url',
      ),
      state: 'destroyed',
      createdAt: '2026-01-01T00:00:00.000Z',
      addedIn: 1,
    });
    // The ids are told apart behind the prefix.
    const other = (own: string): unknown => {
      const bytes = Buffer.alloc(32, 9);
      bytes[12] = 1;
      return { ...(destroyed(own, 9) as object), commitment: bytes.toString('base64url') };
    };
    let shelf = forgePage(paged.shelf, paged.rootKey, 0, (keys) => [...keys, destroyed('first', 9)]);
    shelf = forgePage(shelf, paged.rootKey, 1, (keys) => [...keys, other('second')]);
    const keyring = await openShelf(shelfStore(shelf));
    await addTenants(
      keyring,
      Array.from({ length: 40 }, (_, i) => `everywhere ${i}`),
    );
    expect(kindsAndStates(await listTenantKeys(keyring, 'everywhere 0'))).toEqual([
      'data active',
      'index active',
    ]);
  });

  it('of a store that throws instead of giving a promise is asked for again', async () => {
    const shelf = copyOf(paged.shelf);
    const sound = shelfStore(shelf);
    let isBusy = true;
    const store: KeyringStore = {
      ...sound,
      pages: {
        ...sound.pages,
        read(name, maxBytes) {
          if (isBusy) throw new StoreBusyError();
          return sound.pages.read(name, maxBytes);
        },
      },
    };
    const keyring = await openShelf(store);
    expect(await codeOf(sealWith(keyring, longTenant(5)))).toBe('store-busy');
    isBusy = false;
    expect(await codeOf(sealWith(keyring, longTenant(5)))).toBe('success');
  });

  it('that the store lacks because it keeps none is its fault, and shared keys go on', async () => {
    const { pages: _, ...store } = shelfStore(copyOf(paged.shelf));
    const keyring = await openShelf(store);
    expect(await codeOf(sealWith(keyring, longTenant(5)))).toBe('store-unfit');
    expect(await codeOf(addTenants(keyring, [NEW]))).toBe('store-unfit');
    expect(await codeOf(sealWith(keyring, undefined))).toBe('success');
    await setPolicy(keyring, { cryptoperiodDays: 90 });
    await addKey(keyring);
    expect(describeKeyring(keyring).pages).toBe(namedPages(paged.shelf).length);
  });
});

// ── Keys that are not where they are looked for ─────────────────────────────────────────────────────────────────────

const unknownId = (i: number): string => `${'abcdefghij'[i % 10]}`.padEnd(26, 'a');

describe('a cell under a key', () => {
  it('of another tenant says so; the keyring is read again at the first such key, and not at the next', async () => {
    const store = shelfStore(copyOf(paged.shelf));
    const keyring = await openShelf(store);
    const keyIds = await Promise.all([5, 6, 7].map((i) => sealWith(paged.keyring, longTenant(i))));
    for (const keyId of keyIds) {
      expect(await openWith(keyring, keyId, longTenant(8))).toBe('key-of-another-tenant');
      expect(await openWith(keyring, keyId)).toBe('key-of-another-tenant');
    }
    expect(calls(store, 'read')).toBe(2);
    expect(calls(store, 'pages.read')).toBe(namedPages(paged.shelf).length);
  });

  it('that nobody has reads every page once, and none at the next unknown one', async () => {
    const clock = fakeClock();
    const store = shelfStore(copyOf(paged.shelf));
    const keyring = await openShelf(store, { clock });
    expect(await openWith(keyring, unknownId(0), longTenant(5))).toBe('unknown-key');
    expect([calls(store, 'read'), calls(store, 'pages.read')]).toEqual([2, namedPages(paged.shelf).length]);
    for (let round = 1; round < 5; round++) {
      clock.advance(SECOND_MS);
      expect(await openWith(keyring, unknownId(round), longTenant(round))).toBe('unknown-key');
    }
    expect([calls(store, 'read'), calls(store, 'pages.read')]).toEqual([6, namedPages(paged.shelf).length]);
  });

  it('that nobody has reads no page twice, though they are more than are held', async () => {
    const many = 3 * PAGE_CACHE_ENTRIES;
    const shelf = copyOf(paged.shelf);
    const { document, revision } = shelf.newest as StoredKeyring;
    const payload = payloadOf(document);
    const empty = new TextEncoder().encode('[]');
    const hash = createHash('sha256').update(empty).digest('base64url');
    payload.pages = Array.from({ length: many }, (_, i) => ({ name: `page-${i}`, hash, from: i }));
    for (const { name } of payload.pages) shelf.pages.set(name, empty);
    shelf.newest = { revision, document: forge(paged.rootKey, payload) };
    const clock = fakeClock();
    const store = shelfStore(shelf);
    const keyring = await openShelf(store, { clock });
    for (let round = 0; round < 3; round++) {
      expect(await openWith(keyring, unknownId(round))).toBe('unknown-key');
      clock.advance(SECOND_MS);
    }
    expect([calls(store, 'read'), calls(store, 'pages.read')]).toEqual([4, many]);
  });

  it('that nobody has shares one reload with a hundred others, and the next waits its second', async () => {
    const clock = fakeClock();
    const store = shelfStore(copyOf(paged.shelf));
    const keyring = await openShelf(store, { clock });
    const asking = Array.from({ length: 100 }, (_, i) => openWith(keyring, unknownId(i)));
    expect(new Set(await Promise.all(asking))).toEqual(new Set(['unknown-key']));
    expect(calls(store, 'read')).toBe(2);
    expect(calls(store, 'pages.read')).toBe(namedPages(paged.shelf).length);
    const late = openWith(keyring, 'z'.repeat(26));
    await until(() => clock.sleepers === 1);
    clock.advance(SECOND_MS - 1);
    await settle();
    expect(calls(store, 'read')).toBe(2);
    clock.advance(1);
    expect(await late).toBe('unknown-key');
    expect(calls(store, 'read')).toBe(3);
  });

  it('that a tenant got elsewhere is found with one document and its one page', async () => {
    const shelf = copyOf(paged.shelf);
    const store = shelfStore(shelf);
    const reader = await openShelf(store);
    await sealWith(reader, longTenant(5)); // has the page as it was
    const writer = await openShelf(shelfStore(shelf));
    await activateKey(writer, await addKey(writer, { tenant: longTenant(5) }));
    store.calls.length = 0;
    expect(await openWith(reader, await sealWith(writer, longTenant(5)), longTenant(5))).toBe('success');
    expect(store.calls).toEqual(['read', 'pages.read']);
  });

  it('that is in the state suspended is refused in a page as in the document', async () => {
    const shelf = copyOf(paged.shelf);
    const keyring = await openShelf(shelfStore(shelf));
    const keyId = await sealWith(keyring, longTenant(5));
    await activateKey(keyring, await addKey(keyring, { tenant: longTenant(5) }));
    const { id: keyringId, revision } = keyring;
    const empty = {
      keyringId,
      revision,
      countedAt: new Date(0),
      tables: [],
      records: 0,
      cells: {},
      tokens: {},
      notCells: 0,
      behind: [],
    };
    await suspendKey(keyring, keyId, issueCensus(empty), { withoutHold: true });
    expect(await openWith(keyring, keyId, longTenant(5))).toBe('suspended-key');
    expect(await openWith(await openShelf(shelfStore(shelf)), keyId, longTenant(5))).toBe('suspended-key');
  });
});
