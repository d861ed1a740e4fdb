/** The states of keys, against a model; and what suspending wants. */
import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import type { Bytes } from '../../src/bytes.js';
import { CensusStaleError, KeyInUseError, KeyStateError, KeyringConflictError } from '../../src/errors.js';
import {
  type Census,
  type KeyState,
  type Keyring,
  activateKey,
  addKey,
  cancelDestruction,
  decryptCell,
  destroyKey,
  encryptRecord,
  listKeys,
  markCompromised,
  noteCensus,
  refreshKeyring,
  resumeKey,
  scheduleDestruction,
  schema,
  suspendKey,
  table,
  text,
  uuid,
  withdrawKey,
} from '../../src/index.js';
import { issueCensus, openKeyringIn } from '../../src/keyring/index.js';
import { census } from '../../src/rotation/index.js';
import { type MemoryRecords, memoryKeyring, memoryRecords } from '../../src/store/memory.js';
import { readDocument } from '../oracle/keyring-document.js';
import {
  type Known,
  RAW_KEY,
  codeOf,
  environment,
  forge,
  knownKeyring,
  payloadOf,
  reopened,
  settableStore,
  stored,
} from './support.js';

const people = table('people', { record: uuid('id'), encrypt: { email: text() } });
const other = table('other', { record: uuid('id'), encrypt: { note: text() } });
const everything = schema([people, other]);
const ID = '8a1901e4-671b-431a-871c-eadb2942e9ee';

const count = (keyring: Keyring, records: MemoryRecords = memoryRecords()): Promise<Census> =>
  census(everything, { keyring, records });
const stateOf = (keyring: Keyring, keyId: string): KeyState | undefined =>
  listKeys(keyring).find((key) => key.keyId === keyId)?.state;

// ── The model ───────────────────────────────────────────────────────────────────────────────────────────────────────

type Tenant = string | bigint | Bytes | undefined;

interface ModelKey {
  readonly keyId: string;
  readonly kind: 'data' | 'index';
  readonly tenant: Tenant;
  state: KeyState;
  compromised: boolean;
  empty: boolean;
  scheduled: boolean;
  reason: string | undefined;
}

interface Model {
  keys: ModelKey[];
  revision: number;
}

interface Real {
  readonly known: Known;
  /** The one that commands act through; the other one sees what a second process sees. */
  keyring: Keyring;
  readonly watcher: Keyring;
}

/** SP 800-57 as this version has it: from which states each act starts, and what it says elsewhere. */
const STARTS = {
  activate: ['pre-active', 'deactivated'],
  suspend: ['deactivated', 'compromised'],
  resume: ['suspended'],
  compromise: ['deactivated', 'suspended', 'compromised'],
  schedule: ['suspended'],
  cancel: ['suspended'],
  destroy: ['suspended'],
  withdraw: ['pre-active'],
} as const satisfies Readonly<Record<string, readonly KeyState[]>>;
type ActName = keyof typeof STARTS;

const REASON = 'customer left';

const ACTS: Readonly<Record<ActName, (keyring: Keyring, keyId: string) => Promise<unknown>>> = {
  activate: activateKey,
  suspend: async (keyring, keyId) => suspendKey(keyring, keyId, await count(keyring), { withoutHold: true }),
  resume: resumeKey,
  compromise: markCompromised,
  schedule: (keyring, keyId) => scheduleDestruction(keyring, keyId, { withoutDelay: true, reason: REASON }),
  cancel: cancelDestruction,
  destroy: async (keyring, keyId) => destroyKey(keyring, keyId, await count(keyring)),
  withdraw: async (keyring, keyId) => withdrawKey(keyring, keyId, await count(keyring)),
};

/** What each makes of a key that it takes: whether the document changes. */
const EFFECTS: Readonly<Record<ActName, (key: ModelKey) => boolean>> = {
  activate: (key) => become(key, { state: 'active', empty: false }),
  suspend: (key) => become(key, { state: 'suspended' }),
  resume: (key) =>
    become(key, {
      state: key.compromised ? 'compromised' : 'deactivated',
      ...{ empty: false, scheduled: false, reason: undefined },
    }),
  compromise: (key) =>
    !key.compromised &&
    become(key, { state: key.state === 'suspended' ? 'suspended' : 'compromised', compromised: true }),
  schedule: (key) => become(key, { scheduled: true, reason: REASON }),
  cancel: (key) => key.scheduled && become(key, { scheduled: false, reason: undefined }),
  destroy: (key) => become(key, { state: 'destroyed', empty: false, scheduled: false }),
  withdraw: (key) => become(key, { state: 'destroyed' }),
};

function become(key: ModelKey, next: Partial<ModelKey>): boolean {
  Object.assign(key, next);
  return true;
}

function isTaken(act: ActName, { state, scheduled }: ModelKey): boolean {
  if (act === 'destroy' && !scheduled) return false;
  return (STARTS[act] as readonly KeyState[]).includes(state);
}

const roleOf = ({ kind, tenant }: ModelKey): string =>
  `${kind} ${typeof tenant} ${typeof tenant === 'object' ? [...tenant] : tenant}`;

type Command = fc.AsyncCommand<Model, Real>;

/** What holds after every command, in the process that acted, in another one, and in the document itself. */
async function assertAlike(model: Model, { known, keyring, watcher }: Real): Promise<void> {
  const { document, revision } = await stored(known.store);
  const outcome = readDocument(document, revision, { rawKey: RAW_KEY });
  if (outcome.code !== 'success') throw new Error(`the oracle says ${outcome.code}`);
  const expected = model.keys.map(({ keyId, kind, tenant, state }) => ({ keyId, kind, tenant, state }));
  await refreshKeyring(watcher);
  for (const view of [listKeys(keyring), listKeys(watcher), outcome.document.keys]) {
    const seen = view.map(({ keyId, kind, tenant, state }) => ({ keyId, kind, tenant, state }));
    expect(seen).toEqual(expected);
  }
  const said = model.keys.map(({ compromised, empty, scheduled, reason }) => [
    ...[compromised, empty, scheduled],
    reason,
  ]);
  const oracles = outcome.document.keys.map(({ marks }) => marks);
  for (const view of [listKeys(keyring), listKeys(watcher), oracles]) {
    const seen = view.map(({ compromisedAt, emptySince, destroyAfter, destroyReason }) => [
      ...[compromisedAt, emptySince, destroyAfter].map((at) => at !== undefined),
      destroyReason,
    ]);
    expect(seen).toEqual(said);
  }
  expect([keyring.revision, watcher.revision, revision]).toEqual(Array(3).fill(model.revision));
  const active = model.keys.filter(({ state }) => state === 'active').map(roleOf);
  expect(new Set(active).size).toBe(active.length);
  for (const kind of ['data', 'index']) expect(active).toContain(`${kind} undefined undefined`);
}

const NEW = {
  state: 'pre-active',
  compromised: false,
  empty: false,
  scheduled: false,
  reason: undefined,
} as const satisfies Partial<ModelKey>;

class Add implements Command {
  readonly #kind: 'data' | 'index';
  readonly #tenant: Tenant;
  constructor(kind: 'data' | 'index', tenant: Tenant) {
    this.#kind = kind;
    this.#tenant = tenant;
  }
  check = (): boolean => true;
  async run(model: Model, real: Real): Promise<void> {
    const [kind, tenant] = [this.#kind, this.#tenant];
    const keyId = await addKey(real.keyring, { kind, ...(tenant !== undefined && { tenant }) });
    model.keys.push({ keyId, kind, tenant, ...NEW });
    model.revision++;
    await assertAlike(model, real);
  }
  toString = (): string => `add(${this.#kind}, ${String(this.#tenant)})`;
}

class Act implements Command {
  readonly #act: ActName;
  readonly #place: number;
  constructor(act: ActName, place: number) {
    this.#act = act;
    this.#place = place;
  }
  check = (): boolean => true;
  async run(model: Model, real: Real): Promise<void> {
    const chosen = model.keys[this.#place % model.keys.length] as ModelKey;
    const { keyId, state } = chosen;
    const acting = () => ACTS[this.#act](real.keyring, keyId);
    if (!isTaken(this.#act, chosen)) {
      const error: unknown = await acting().catch((caught: unknown) => caught);
      expect(error).toBeInstanceOf(KeyStateError);
      expect(error).toMatchObject({ keyId, state });
    } else {
      await acting();
      if (this.#act === 'activate') {
        const before = model.keys.find((key) => key.state === 'active' && roleOf(key) === roleOf(chosen));
        if (before) before.state = 'deactivated';
      }
      if (EFFECTS[this.#act](chosen)) model.revision++;
    }
    await assertAlike(model, real);
  }
  toString = (): string => `${this.#act}(${this.#place})`;
}

/** Marks what a census finds empty, but for one key that it finds a cell, or a token, under. */
class Note implements Command {
  readonly #place: number;
  constructor(place: number) {
    this.#place = place;
  }
  check = (): boolean => true;
  async run(model: Model, real: Real): Promise<void> {
    const full = model.keys[this.#place % model.keys.length] as ModelKey;
    const { id: keyringId, revision } = real.keyring;
    const { clock } = real.known.environment;
    const cells = full.kind === 'data' ? { [full.keyId]: 1 } : {};
    const countedAt = new Date(clock.wallMs());
    const tokens = full.kind === 'index' ? { [full.keyId.slice(0, 8)]: 1 } : {};
    const none = { tables: [], records: 0, tokens, notCells: 0, behind: [] };
    const marked = await noteCensus(
      real.keyring,
      issueCensus({ keyringId, revision, countedAt, cells, ...none }),
    );
    let isNew = false;
    for (const key of model.keys) {
      const isRetired = key.state === 'deactivated' || key.state === 'compromised';
      const empty = key !== full && (key.empty || isRetired);
      if (key.empty === empty) continue;
      key.empty = empty;
      isNew = true;
    }
    if (isNew) model.revision++;
    expect(marked.map(({ keyId }) => keyId)).toEqual(
      model.keys.filter(({ empty }) => empty).map(({ keyId }) => keyId),
    );
    await assertAlike(model, real);
  }
  toString = (): string => `note(${this.#place})`;
}

class Reopen implements Command {
  check = (): boolean => true;
  async run(model: Model, real: Real): Promise<void> {
    real.keyring = await reopened(real.known);
    await assertAlike(model, real);
  }
  toString = (): string => 'reopen()';
}

class ActOnNothing implements Command {
  check = (): boolean => true;
  async run(model: Model, real: Real): Promise<void> {
    const keyId = 'a'.repeat(26);
    for (const acting of Object.values(ACTS)) {
      expect(await codeOf(acting(real.keyring, keyId))).toBe('unknown-key');
    }
    await assertAlike(model, real);
  }
  toString = (): string => 'actOnNothing()';
}

describe('the states of keys', () => {
  it('follow the model, whatever is done in whatever order', async () => {
    const tenant = fc.constantFrom<Tenant>(undefined, undefined, 'acme', '7', 7n, Uint8Array.of(0x37));
    const place = fc.nat({ max: 11 });
    const commands = fc.commands(
      [
        fc.tuple(fc.constantFrom('data', 'index'), tenant).map(([kind, of]) => new Add(kind, of)),
        place.map((at) => new Act('activate', at)),
        place.map((at) => new Act('activate', at)),
        place.map((at) => new Act('suspend', at)),
        fc.tuple(fc.constantFrom(...(Object.keys(STARTS) as ActName[])), place).map((of) => new Act(...of)),
        fc.tuple(fc.constantFrom(...(Object.keys(STARTS) as ActName[])), place).map((of) => new Act(...of)),
        place.map((at) => new Note(at)),
        fc.constant(new Reopen()),
        fc.constant(new ActOnNothing()),
      ],
      { maxCommands: 40, size: 'max' }, // long ones: a key's siblings must come into every state
    );
    await fc.assert(
      fc.asyncProperty(commands, async (given) => {
        await fc.asyncModelRun(async () => {
          const known = await knownKeyring();
          const keys = listKeys(known.keyring).map(({ keyId, kind, tenant: of, state }) => ({
            keyId,
            kind,
            tenant: of,
            ...NEW,
            state,
          }));
          const real: Real = { known, keyring: known.keyring, watcher: await reopened(known) };
          return { model: { keys, revision: 1 }, real };
        }, given);
      }),
      { numRuns: 40 },
    );
  }, 60_000);

  const STATES: readonly KeyState[] = [
    'pre-active',
    'active',
    'deactivated',
    'suspended',
    'compromised',
    'destroyed',
  ];

  /** A keyring with one more data key, in this state. */
  async function withKeyIn(state: KeyState): Promise<{ keyring: Keyring; keyId: string }> {
    const known = await knownKeyring();
    const keyId = await addKey(known.keyring, { tenant: 'acme' });
    const newest = await stored(known.store);
    const payload = payloadOf(newest.document);
    payload.keys[2].state = state;
    if (state === 'destroyed') payload.keys[2].wrapped = undefined;
    const store = settableStore();
    store.set({ revision: newest.revision, document: forge(known.rootKey, payload) });
    return { keyring: await openKeyringIn(environment(), store, { rawKey: RAW_KEY }), keyId };
  }

  it.each(STATES)('from %s lead where SP 800-57 lets them, and nowhere else', async (state) => {
    const after: Readonly<Record<ActName, KeyState>> = {
      activate: 'active',
      suspend: 'suspended',
      resume: 'deactivated',
      compromise: state === 'suspended' ? 'suspended' : 'compromised',
      schedule: 'suspended',
      cancel: 'suspended',
      destroy: 'destroyed',
      withdraw: 'destroyed',
    };
    for (const act of Object.keys(STARTS) as ActName[]) {
      const { keyring, keyId } = await withKeyIn(state);
      if (act === 'destroy' && state === 'suspended')
        await scheduleDestruction(keyring, keyId, { withoutDelay: true });
      const outcome = await codeOf(ACTS[act](keyring, keyId));
      const isAllowed = (STARTS[act] as readonly KeyState[]).includes(state);
      expect([act, outcome]).toEqual([act, isAllowed ? 'success' : 'key-state']);
      expect(stateOf(keyring, keyId)).toBe(isAllowed ? after[act] : state);
    }
  });

  it('decide what is opened: all but suspended and destroyed', async () => {
    const cell = async (keyring: Keyring): Promise<string> =>
      (await encryptRecord(people, { id: ID, email: 'jane@example.org' }, keyring)).email as string;
    const known = await knownKeyring();
    const sealed = await cell(known.keyring);
    const open = (keyring: Keyring) => codeOf(decryptCell(people, 'email', sealed, { id: ID }, keyring));
    const payload = payloadOf((await stored(known.store)).document);
    const expected: Readonly<Partial<Record<KeyState, string>>> = {
      suspended: 'suspended-key',
      destroyed: 'destroyed-key',
    };
    for (const state of STATES) {
      payload.keys[0].state = state;
      const { wrapped, ...rest } = payload.keys[0];
      const keys = [state === 'destroyed' ? rest : { ...rest, wrapped }, payload.keys[1]];
      const store = settableStore();
      store.set({ revision: 1, document: forge(known.rootKey, { ...payload, keys }) });
      const keyring = await openKeyringIn(environment(), store, { rawKey: RAW_KEY });
      expect(await open(keyring)).toBe(expected[state] ?? 'success');
    }
  });
});

describe('activateKey', () => {
  it('deactivates the predecessor of the same kind and tenant, and no other key', async () => {
    const { keyring } = await knownKeyring();
    const add = async (options: Parameters<typeof addKey>[1]): Promise<string> => {
      const keyId = await addKey(keyring, options);
      await activateKey(keyring, keyId);
      return keyId;
    };
    const [data, index] = listKeys(keyring).map(({ keyId }) => keyId) as [string, string];
    const acme = await add({ tenant: 'acme' });
    const seven = await add({ tenant: 7n });
    const text7 = await add({ tenant: '7' });
    const acmeIndex = await add({ tenant: 'acme', kind: 'index' });
    const next = await add({ tenant: 'acme' });
    const states = Object.fromEntries(listKeys(keyring).map(({ keyId, state }) => [keyId, state]));
    expect(states).toEqual({
      [data]: 'active',
      [index]: 'active',
      [acme]: 'deactivated',
      [seven]: 'active',
      [text7]: 'active',
      [acmeIndex]: 'active',
      [next]: 'active',
    });
  });

  it('leaves the keys of its role that were not active in their states', async () => {
    const known = await knownKeyring();
    for (let i = 0; i < 5; i++) await addKey(known.keyring);
    const newest = await stored(known.store);
    const payload = payloadOf(newest.document);
    const states = ['pre-active', 'deactivated', 'suspended', 'compromised', 'destroyed'];
    for (const [i, state] of states.entries()) payload.keys[2 + i].state = state;
    payload.keys[6].wrapped = undefined;
    const store = settableStore();
    store.set({ revision: newest.revision, document: forge(known.rootKey, payload) });
    const keyring = await openKeyringIn(environment(), store, { rawKey: RAW_KEY });
    await activateKey(keyring, await addKey(keyring));
    const seen = listKeys(keyring).map(({ state }) => state);
    expect(seen).toEqual(['deactivated', 'active', ...states, 'active']);
  });

  it('undoes a rotation: the key before is made active again', async () => {
    const { keyring } = await knownKeyring();
    const before = listKeys(keyring)[0]?.keyId ?? '';
    const next = await addKey(keyring);
    await activateKey(keyring, next);
    await activateKey(keyring, before);
    expect([stateOf(keyring, before), stateOf(keyring, next)]).toEqual(['active', 'deactivated']);
  });
});

describe('suspendKey', () => {
  let known: Known;
  let keyring: Keyring;
  let records: MemoryRecords;
  let keyId: string;

  /** A keyring whose first key has a successor, and records with one cell under the first. */
  beforeEach(async () => {
    known = await knownKeyring(undefined, memoryKeyring());
    keyring = known.keyring;
    records = memoryRecords();
    keyId = listKeys(keyring)[0]?.keyId ?? '';
    records.insert(people, await encryptRecord(people, { id: ID, email: 'jane@example.org' }, keyring));
    await activateKey(keyring, await addKey(keyring));
  });

  it('suspends a key that nothing is under, and refuses its cells until it is resumed', async () => {
    const cell = records.get(people, { id: ID })?.['email'] as string;
    records.remove(people, { id: ID });
    await suspendKey(keyring, keyId, await count(keyring, records), { withoutHold: true });
    const open = () => codeOf(decryptCell(people, 'email', cell, { id: ID }, keyring));
    expect([stateOf(keyring, keyId), await open()]).toEqual(['suspended', 'suspended-key']);
    await resumeKey(keyring, keyId);
    expect([stateOf(keyring, keyId), await open()]).toEqual(['deactivated', 'success']);
  });

  it('refuses while cells are under the key, and says how many', async () => {
    const error: unknown = await suspendKey(keyring, keyId, await count(keyring, records), {
      withoutHold: true,
    }).catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(KeyInUseError);
    expect(error).toMatchObject({ keyId, cells: 1 });
    expect(stateOf(keyring, keyId)).toBe('deactivated');
  });

  it('counts the cells of every table', async () => {
    const cell = records.get(people, { id: ID })?.['email'];
    records.remove(people, { id: ID });
    records.insert(other, { id: ID, note: cell });
    expect(
      await codeOf(suspendKey(keyring, keyId, await count(keyring, records), { withoutHold: true })),
    ).toBe('key-in-use');
  });

  it('refuses a census that looks like one', async () => {
    const genuine = await count(keyring);
    const imitations: unknown[] = [
      { ...genuine },
      structuredClone(genuine),
      JSON.parse(JSON.stringify(genuine)),
      Object.create(genuine),
      new Proxy(genuine, {}),
      { keyringId: keyring.id, revision: keyring.revision, cells: {} },
      undefined,
      null,
      'census',
    ];
    for (const imitation of imitations)
      await expect(
        suspendKey(keyring, keyId, imitation as Census, { withoutHold: true }),
      ).rejects.toBeInstanceOf(CensusStaleError);
    expect(stateOf(keyring, keyId)).toBe('deactivated');
    await suspendKey(keyring, keyId, genuine, { withoutHold: true });
  });

  it('refuses a census of another keyring', async () => {
    const elsewhere = await knownKeyring();
    while (elsewhere.keyring.revision < keyring.revision) await addKey(elsewhere.keyring);
    const counted = await count(elsewhere.keyring);
    expect(counted.revision).toBe(keyring.revision);
    await expect(suspendKey(keyring, keyId, counted, { withoutHold: true })).rejects.toBeInstanceOf(
      CensusStaleError,
    );
  });

  it('refuses a census of another revision, whoever made the change since', async () => {
    const own = await count(keyring);
    await addKey(keyring);
    await expect(suspendKey(keyring, keyId, own, { withoutHold: true })).rejects.toBeInstanceOf(
      CensusStaleError,
    );
    const before = await count(keyring);
    await addKey(await reopened(known)); // unseen here until suspendKey looks
    expect(before.revision).toBe(keyring.revision);
    await expect(suspendKey(keyring, keyId, before, { withoutHold: true })).rejects.toBeInstanceOf(
      CensusStaleError,
    );
    await suspendKey(keyring, keyId, await count(keyring), { withoutHold: true });
  });

  it('takes a census of the same keyring that another object counted', async () => {
    const counted = await count(await reopened(known));
    await suspendKey(keyring, keyId, counted, { withoutHold: true });
    expect(stateOf(keyring, keyId)).toBe('suspended');
  });

  it('takes no census twice: its own change makes it stale', async () => {
    const second = await addKey(keyring);
    await activateKey(keyring, second);
    const [, , third] = listKeys(keyring);
    const counted = await count(keyring);
    await suspendKey(keyring, keyId, counted, { withoutHold: true });
    await expect(
      suspendKey(keyring, third?.keyId ?? '', counted, { withoutHold: true }),
    ).rejects.toBeInstanceOf(CensusStaleError);
  });

  it('cannot be talked into anything by changing a census afterwards', async () => {
    const counted = await count(keyring, records);
    for (const tampering of [
      () => Object.assign(counted, { cells: {} }),
      () => Object.assign(counted.cells, { [keyId]: 0 }),
      () => Object.assign(counted, { revision: 1 }),
      () => Reflect.deleteProperty(counted.cells, keyId) || fail(),
    ]) {
      expect(tampering).toThrow();
    }
    expect(await codeOf(suspendKey(keyring, keyId, counted, { withoutHold: true }))).toBe('key-in-use');
  });

  it('refuses the active key, though nothing is under it', async () => {
    const active = listKeys(keyring).find(({ kind, state }) => kind === 'data' && state === 'active');
    const error: unknown = await suspendKey(keyring, active?.keyId ?? '', await count(keyring), {
      withoutHold: true,
    }).catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(KeyStateError);
    expect(error).toMatchObject({ state: 'active' });
  });

  it('refuses an index key that tokens are under, whichever cells there are, and takes it without', async () => {
    await activateKey(keyring, await addKey(keyring, { kind: 'index' }));
    const index = listKeys(keyring).find(({ kind, state }) => kind === 'index' && state === 'deactivated');
    const old = index?.keyId ?? '';
    const counted = await count(keyring);
    const used = issueCensus({ ...counted, tokens: { [old.slice(0, 8)]: 3 } });
    const suspending = suspendKey(keyring, old, used, { withoutHold: true });
    await expect(suspending).rejects.toMatchObject({ code: 'key-in-use', cells: 3 });
    await suspendKey(keyring, old, issueCensus({ ...counted, cells: { [old]: 3 } }), { withoutHold: true });
    expect(stateOf(keyring, old)).toBe('suspended');
  });

  it('loses to a change that is made at the same moment', async () => {
    const counted = await count(keyring);
    const rival = await reopened(known);
    let isFirst = true;
    const store = {
      read: known.store.read,
      write: async (next: Parameters<typeof known.store.write>[0]) => {
        if (isFirst) await addKey(rival);
        isFirst = false;
        return known.store.write(next);
      },
    };
    const suspending = suspendKey(await reopened({ ...known, store }), keyId, counted, { withoutHold: true });
    await expect(suspending).rejects.toBeInstanceOf(KeyringConflictError);
    await refreshKeyring(keyring);
    expect(stateOf(keyring, keyId)).toBe('deactivated');
  });
});

function fail(): never {
  throw new Error('not frozen');
}
