/** Waiting until every process has read the keyring: for exactly those that have not, and no longer than they can write. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { NotAcknowledgedError } from '../../src/errors.js';
import {
  type Keyring,
  type KeyringWatch,
  activateKey,
  addKey,
  awaitAcknowledgement,
  forgetProcess,
  openKeyringIn,
  openedOf,
  watchKeyring,
} from '../../src/keyring/index.js';
import type { KeyringStore } from '../../src/ports/keyring-store.js';
import { memoryKeyring } from '../../src/store/memory.js';
import {
  type FakeClock,
  type Known,
  RAW_KEY,
  codeOf,
  environment,
  fakeClock,
  knownKeyring,
  settle,
  until,
} from './support.js';

const EVERY_MS = 1_000;
const MAX_STALE_MS = 5_000;
/** Two clocks run at slightly different rates: what the waiting process allows for. */
const MARGIN_MS = 0.01 * MAX_STALE_MS;
const LOOK_MS = 250;

interface Waiting {
  readonly known: Known;
  /** The clock of the process that waits. */
  readonly clock: FakeClock;
  readonly store: Required<KeyringStore>;
}

async function waiting(): Promise<Waiting> {
  const clock = fakeClock();
  const store = memoryKeyring();
  return { known: await knownKeyring(undefined, store, { clock }), clock, store };
}

interface Member {
  readonly keyring: Keyring;
  readonly clock: FakeClock;
  readonly watch: KeyringWatch;
  /** Its time goes on until it has read. */
  turn(): Promise<void>;
}

async function member({ store }: Waiting, name: string, maxStaleMs = MAX_STALE_MS): Promise<Member> {
  const clock = fakeClock();
  const keyring = await openKeyringIn(environment({ clock }), store, { rawKey: RAW_KEY, maxStaleMs });
  const watch = await watchKeyring(keyring, { name, everyMs: EVERY_MS });
  return {
    keyring,
    clock,
    watch,
    async turn() {
      await until(() => clock.sleepers > 0);
      clock.advance(EVERY_MS);
      await until(() => clock.sleepers > 0);
      await settle();
    },
  };
}

/** What a promise has come to, looked at whenever one likes. */
function followed(work: Promise<unknown>): { outcome: unknown } {
  const state: { outcome: unknown } = { outcome: 'waiting' };
  void codeOf(work).then((outcome) => {
    state.outcome = outcome;
  });
  return state;
}

/** Lets time pass by the clock of who waits, look by look. */
async function pass(clock: FakeClock, ms: number): Promise<void> {
  for (let left = ms; left > 0; left -= LOOK_MS) {
    await settle();
    clock.advance(Math.min(LOOK_MS, left));
  }
  await settle();
}

describe('awaitAcknowledgement', () => {
  it('waits for exactly those that have not read the revision', async () => {
    const name = (i: number): string => `p${'abcdefghijklmnop'[i]}`.padEnd(26, 'a');
    const entry = fc.record({
      revision: fc.nat({ max: 6 }),
      maxStaleMs: fc.constantFrom(null, MAX_STALE_MS),
      beat: fc.nat({ max: 3 }),
    });
    await fc.assert(
      fc.asyncProperty(
        fc.array(entry, { maxLength: 8 }),
        fc.integer({ min: 1, max: 6 }),
        async (entries, revision) => {
          const { known, store } = await waiting();
          for (const [i, given] of entries.entries())
            await store.processes.announce({
              id: name(i),
              entry: JSON.stringify({ name: `n${i}`, everyMs: 100, ...given }),
            });
          const error: unknown = await awaitAcknowledgement(known.keyring, revision, { timeoutMs: 0 }).catch(
            (caught: unknown) => caught,
          );
          const behind = entries.flatMap(({ revision: read }, i) =>
            read < revision ? [`n${i} (revision ${read})`] : [],
          );
          if (behind.length === 0) {
            expect(error).toBeUndefined();
            return;
          }
          expect(error).toBeInstanceOf(NotAcknowledgedError);
          expect(error).toMatchObject({ code: 'not-acknowledged', revision, waitingFor: behind });
        },
      ),
    );
  });

  it('ends when the last of them has read, and not before', async () => {
    const given = await waiting();
    const [one, other] = [await member(given, 'one'), await member(given, 'other')];
    await addKey(given.known.keyring);
    const wait = followed(awaitAcknowledgement(given.known.keyring));
    await pass(given.clock, 1_000);
    await one.turn();
    await pass(given.clock, 1_000);
    expect(wait.outcome).toBe('waiting');
    await other.turn();
    await pass(given.clock, LOOK_MS);
    expect(wait.outcome).toBe('success');
  });

  it('waits for the revision that this process holds unless told otherwise, and for none that is read', async () => {
    const given = await waiting();
    await member(given, 'one');
    await addKey(given.known.keyring);
    expect(await codeOf(awaitAcknowledgement(given.known.keyring, 1))).toBe('success');
    expect(await codeOf(awaitAcknowledgement(given.known.keyring, undefined, { timeoutMs: 0 }))).toBe(
      'not-acknowledged',
    );
  });

  it('does not wait for its own process', async () => {
    const { known } = await waiting();
    await watchKeyring(known.keyring, { everyMs: 3_600_000 });
    await settle();
    expect(await codeOf(awaitAcknowledgement(known.keyring, 7, { timeoutMs: 0 }))).toBe('success');
  });

  it('waits for nobody where the store keeps no registry', async () => {
    const { processes: _, ...store } = memoryKeyring();
    const { keyring } = await knownKeyring(undefined, store);
    expect(await codeOf(awaitAcknowledgement(keyring, 7, { timeoutMs: 0 }))).toBe('success');
  });

  it('ends when its time is over, and names who is missing', async () => {
    const given = await waiting();
    await member(given, 'web-1', Number.POSITIVE_INFINITY);
    const nameless = await member(given, '', Number.POSITIVE_INFINITY);
    await addKey(given.known.keyring);
    const wait = awaitAcknowledgement(given.known.keyring, undefined, { timeoutMs: 3_000 });
    const caught = wait.catch((error: unknown) => error);
    await pass(given.clock, 3_000 + LOOK_MS);
    expect(await caught).toMatchObject({
      waitingFor: ['web-1 (revision 1)', `${nameless.watch.processId} (revision 1)`],
    });
  });

  it('ends when who was waited for is struck off', async () => {
    const given = await waiting();
    const gone = await member(given, 'gone', Number.POSITIVE_INFINITY);
    await addKey(given.known.keyring);
    const wait = followed(awaitAcknowledgement(given.known.keyring));
    await pass(given.clock, 10 * MAX_STALE_MS);
    expect(wait.outcome).toBe('waiting');
    await forgetProcess(given.known.keyring, gone.watch.processId as string);
    await pass(given.clock, LOOK_MS);
    expect(wait.outcome).toBe('success');
  });

  it("ends with its signal's own reason, at once", async () => {
    const given = await waiting();
    await member(given, 'one', Number.POSITIVE_INFINITY);
    await addKey(given.known.keyring);
    const reason = new Error('the deployment was called off');
    const control = new AbortController();
    const { signal } = control;
    const wait = awaitAcknowledgement(given.known.keyring, undefined, { signal });
    const caught = wait.catch((error: unknown) => error);
    await until(() => given.clock.sleepers === 1);
    control.abort(reason); // nobody moves the clock
    expect(await caught).toBe(reason);
    await expect(awaitAcknowledgement(given.known.keyring, undefined, { signal })).rejects.toBe(reason);
  });
});

describe('a process whose beat stands still', () => {
  it('is passed over once it cannot encrypt any more by the clock of who waits, and not before', async () => {
    const given = await waiting();
    const frozen = await member(given, 'frozen');
    const old = (await openedOf(frozen.keyring).sealingKey(undefined, {})).keyId;
    const next = await addKey(given.known.keyring);
    const wait = followed(awaitAcknowledgement(given.known.keyring, undefined, { timeoutMs: 60_000 }));
    await pass(given.clock, MAX_STALE_MS + MARGIN_MS);
    expect(wait.outcome).toBe('waiting');
    await pass(given.clock, LOOK_MS);
    expect(wait.outcome).toBe('success');
    // From here on nobody writes under the old key: when it goes on, it reads first.
    await activateKey(given.known.keyring, next);
    frozen.clock.advance(MAX_STALE_MS + MARGIN_MS);
    const sealed = (await openedOf(frozen.keyring).sealingKey(undefined, {})).keyId;
    expect([sealed, sealed === old]).toEqual([next, false]);
  });

  it('is waited for again when its beat goes on with an older revision', async () => {
    const given = await waiting();
    const { keyring } = given.known;
    const id = 'a'.repeat(26);
    const announce = (beat: number): unknown =>
      given.store.processes.announce({
        id,
        entry: JSON.stringify({ name: 'behind', revision: 1, everyMs: 100, maxStaleMs: MAX_STALE_MS, beat }),
      });
    announce(0);
    await addKey(keyring);
    const wait = followed(awaitAcknowledgement(keyring, undefined, { timeoutMs: 60_000 }));
    for (let beat = 1; beat <= 4; beat++) {
      await pass(given.clock, MAX_STALE_MS - LOOK_MS);
      announce(beat); // a replica that lags, say
    }
    await pass(given.clock, MAX_STALE_MS - LOOK_MS);
    expect(wait.outcome).toBe('waiting');
    await pass(given.clock, 3 * LOOK_MS + MARGIN_MS);
    expect(wait.outcome).toBe('success');
  });

  it('without a limit is waited for, however long', async () => {
    const given = await waiting();
    await member(given, 'frozen', Number.POSITIVE_INFINITY);
    await addKey(given.known.keyring);
    const wait = followed(awaitAcknowledgement(given.known.keyring, undefined, { timeoutMs: 1e12 }));
    await settle();
    given.clock.advance(1e10); // four months
    await settle();
    expect(wait.outcome).toBe('waiting');
  });

  it('is measured from when it was first looked at, also by an earlier wait', async () => {
    const given = await waiting();
    await member(given, 'frozen');
    await addKey(given.known.keyring);
    const { keyring } = given.known;
    expect(await codeOf(awaitAcknowledgement(keyring, undefined, { timeoutMs: 0 }))).toBe('not-acknowledged');
    given.clock.advance(MAX_STALE_MS + MARGIN_MS);
    expect(await codeOf(awaitAcknowledgement(keyring, undefined, { timeoutMs: 0 }))).toBe('not-acknowledged');
    given.clock.advance(1);
    expect(await codeOf(awaitAcknowledgement(keyring, undefined, { timeoutMs: 0 }))).toBe('success');
  });
});
