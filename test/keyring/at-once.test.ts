/** Keys for callers who cannot wait: what is read for them, what they hear meanwhile, and what they hear where that fails. */
import { describe, expect, it } from 'vitest';
import { nodeEngine } from '../../src/engine/node.js';
import {
  type Keyring,
  type KeyringEvent,
  activateKey,
  addKey,
  addTenants,
  openKeyringIn,
  openedOf,
  refreshKeyring,
} from '../../src/keyring/index.js';
import type { OpenedKeyring } from '../../src/keyring/opened.js';
import { MAX_STORE_WAIT_MS } from '../../src/limits.js';
import type { KeyringStore, StoredKeyring } from '../../src/ports/keyring-store.js';
import { memoryKeyring } from '../../src/store/memory.js';
import {
  type FakeClock,
  type Known,
  RAW_KEY,
  environment,
  fakeClock,
  knownKeyring,
  settle,
  stored,
} from './support.js';

const LIMIT_MS = 10_000;
const SECOND_MS = 1_000;
const UNKNOWN = 'a'.repeat(26);
const AWAY = new RangeError('the database is away');

interface Held {
  /** Changes the keyring as another process does. */
  readonly known: Known;
  readonly keyring: Keyring;
  readonly opened: OpenedKeyring;
  readonly clock: FakeClock;
  readonly events: KeyringEvent[];
  reads(): number;
  /** From now on reads of this process fail, wait, give this document, or succeed again. */
  store: 'there' | 'away' | 'silent' | StoredKeyring;
}

async function held(inner = memoryKeyring()): Promise<Held> {
  const known = await knownKeyring(undefined, inner);
  const [clock, events] = [fakeClock(), [] as KeyringEvent[]];
  let reads = 0;
  const given = { known, clock, events, store: 'there' as Held['store'], reads: () => reads };
  const store: KeyringStore = {
    ...inner,
    read(maxBytes) {
      reads++;
      if (given.store === 'away') throw AWAY;
      if (given.store === 'silent') return new Promise(() => undefined);
      return given.store === 'there' ? inner.read(maxBytes) : given.store;
    },
  };
  const onEvent = (event: KeyringEvent) => events.push(event);
  const made = environment({ clock, onEvent, engine: nodeEngine() });
  const keyring = await openKeyringIn(made, store, { rawKey: RAW_KEY, maxStaleMs: LIMIT_MS });
  reads = 0;
  return Object.assign(given, { keyring, opened: openedOf(keyring) });
}

/** The code of what a call that cannot wait throws, or `success`. */
const outcome = ({ opened }: Held, work: (opened: OpenedKeyring) => unknown): unknown => {
  try {
    expect(opened.atOnce({ atOnce: (inner) => inner() }, () => work(opened))).not.toBeInstanceOf(Promise);
    return 'success';
  } catch (error) {
    return (error as { code?: unknown }).code ?? error;
  }
};
const seal = (given: Held): unknown => outcome(given, (opened) => opened.sealingKey(undefined, {}));
const open = (given: Held, keyId: string, tenant?: string): unknown =>
  outcome(given, (opened) => opened.openingKey(keyId, tenant, {}));
const generation = (given: Held, choice: number): unknown =>
  outcome(given, (opened) => opened.tokenKey(undefined, choice, { option: 'generation' }));

describe('a stale keyring, for a caller who cannot wait', () => {
  it('is read, once for all who are refused meanwhile, and then seals', async () => {
    const given = await held();
    given.clock.advance(LIMIT_MS + 1);
    const refused = Array.from({ length: 100 }, () => seal(given));
    expect(new Set(refused)).toEqual(new Set(['not-synchronous']));
    await settle();
    expect([given.reads(), seal(given)]).toEqual([1, 'success']);
  });

  it('keeps nothing of the calls that it refuses: no count, no timer, no work for later', async () => {
    const given = await held();
    const keyId = (await given.opened.sealingKeyId(undefined)) as string;
    given.store = 'silent';
    given.clock.advance(LIMIT_MS + 1);
    for (let i = 0; i < 100; i++) {
      seal(given);
      await settle();
    }
    expect([given.opened.usage.cells(keyId), given.reads(), given.clock.sleepers]).toEqual([0, 1, 0]);
  }, 60_000);

  it('is refused by the cause once a read has failed, until one succeeds; and each failure is an event', async () => {
    const given = await held();
    given.store = 'away';
    given.clock.advance(LIMIT_MS + 1);
    expect(seal(given)).toBe('not-synchronous');
    await settle();
    expect([seal(given), seal(given)]).toEqual(['keyring-stale', 'keyring-stale']);
    given.clock.advance(SECOND_MS);
    await settle();
    expect(given.events).toEqual(Array.from({ length: 2 }, () => ({ type: 'read-failed', error: AWAY })));
    given.store = 'there';
    expect(seal(given)).toBe('keyring-stale');
    await settle();
    given.clock.advance(SECOND_MS);
    await settle();
    expect(seal(given)).toBe('success');
  });

  it('says nothing of a failure after which the keyring was read', async () => {
    const given = await held();
    given.store = 'away';
    given.clock.advance(LIMIT_MS + 1);
    seal(given);
    await settle();
    given.store = 'there';
    await refreshKeyring(given.keyring);
    given.clock.advance(LIMIT_MS + 1);
    expect(seal(given)).toBe('not-synchronous');
  });

  it('says what else is wrong where it is that: its store was rolled back', async () => {
    const given = await held();
    const first = await stored(given.known.store);
    await addKey(given.known.keyring);
    await refreshKeyring(given.keyring);
    given.store = first;
    given.clock.advance(LIMIT_MS + 1);
    expect(seal(given)).toBe('not-synchronous');
    await settle();
    expect(seal(given)).toBe('keyring-rolled-back');
  });

  it('does not say for ever that it is being read, where its store does not answer', async () => {
    const given = await held();
    given.store = 'silent';
    given.clock.advance(LIMIT_MS + 1);
    expect(seal(given)).toBe('not-synchronous');
    given.clock.advance(MAX_STORE_WAIT_MS);
    expect(seal(given)).toBe('not-synchronous');
    given.clock.advance(1);
    expect(seal(given)).toBe('keyring-stale');
  });

  it('has begun to be read at half of its time, so that it is not met', async () => {
    const given = await held();
    given.clock.advance(LIMIT_MS / 2 + 1);
    expect(seal(given)).toBe('success');
    await settle();
    given.clock.advance(LIMIT_MS / 2);
    expect([seal(given), given.reads()]).toEqual(['success', 1]);
  });
});

describe('a key that is not known, for a caller who cannot wait', () => {
  it('is waited for once, and then unknown', async () => {
    const given = await held();
    expect([open(given, UNKNOWN), open(given, UNKNOWN)]).toEqual(['not-synchronous', 'not-synchronous']);
    await settle();
    expect([open(given, UNKNOWN), given.reads()]).toEqual(['unknown-key', 1]);
  });

  it('stays unknown as long as the keyring does not change and is not stale', async () => {
    const given = await held();
    open(given, UNKNOWN);
    await settle();
    given.clock.advance(LIMIT_MS);
    expect(open(given, UNKNOWN)).toBe('unknown-key');
    await settle(); // it was read again
    given.clock.advance(LIMIT_MS);
    expect(open(given, UNKNOWN)).toBe('unknown-key');
    await settle();
    given.clock.advance(LIMIT_MS + 1);
    expect(open(given, UNKNOWN)).toBe('not-synchronous');
  });

  it('is found where another process has added it, also after it was unknown', async () => {
    const given = await held();
    const early = await addKey(given.known.keyring);
    expect(open(given, early)).toBe('not-synchronous');
    await settle();
    expect(open(given, early)).toBe('success');

    const behind = await stored(given.known.store); // as a replica may be
    const late = await addKey(given.known.keyring);
    given.store = behind;
    given.clock.advance(SECOND_MS);
    open(given, late);
    await settle();
    given.store = 'there';
    given.clock.advance(SECOND_MS);
    expect(open(given, late)).toBe('unknown-key'); // which has it read again
    await settle();
    expect(open(given, late)).toBe('success');
  });

  it('is not unknown where the keyring could not be read: that is told', async () => {
    const given = await held();
    given.store = 'away';
    expect(open(given, UNKNOWN)).toBe('not-synchronous');
    await settle();
    expect(open(given, UNKNOWN)).toBe(AWAY);
    given.store = 'there';
    given.clock.advance(SECOND_MS);
    await settle();
    expect(open(given, UNKNOWN)).toBe('unknown-key');
  });

  it('may be a tenant’s, or another one’s', async () => {
    const inner = memoryKeyring();
    const given = await held(inner);
    const tenants = Array.from({ length: 1_200 }, (_, i) => `tenant-${i}`);
    await addTenants(given.known.keyring, tenants);
    await refreshKeyring(given.keyring);
    expect(given.opened.document.pages.length).toBeGreaterThan(1);
    const keyId = (await openedOf(given.known.keyring).sealingKeyId('tenant-7')) as string;
    const everyPage = async (): Promise<unknown> => {
      for (let calls = 0; calls < 3; calls++) {
        open(given, keyId, 'tenant-8');
        given.clock.advance(SECOND_MS);
        await settle();
      }
      return open(given, keyId, 'tenant-8');
    };
    expect(await everyPage()).toBe('key-of-another-tenant');
    expect(open(given, keyId, 'tenant-7')).toBe('success');
  });

  it('is an index key of a number that is not there yet', async () => {
    const given = await held();
    expect(generation(given, 2)).toBe('not-synchronous');
    await settle();
    expect(generation(given, 2)).toBe('no-active-key');
    await activateKey(given.known.keyring, await addKey(given.known.keyring, { kind: 'index' }));
    given.clock.advance(SECOND_MS);
    expect(generation(given, 2)).toBe('no-active-key'); // which has it read again
    await settle();
    expect(generation(given, 2)).toBe('success');
  });
});
