/** No secret comes out of what changes a keyring's slots, its key or its copies, and none stays in memory. */
import { describe, expect, it } from 'vitest';
import type { Bytes } from '../../src/bytes.js';
import { webCryptoEngine } from '../../src/engine/index.js';
import {
  type Environment,
  type Keyring,
  type KeyringEvent,
  type UnlockSecret,
  addKey,
  addSlot,
  addTenants,
  awaitAcknowledgement,
  changeKey,
  changePassphrase,
  closeKeyring,
  createKeyringIn,
  describeKeyring,
  exportKeyring,
  importKeyring,
  keyringArchive,
  listKeyUsage,
  listKeys,
  listProcesses,
  listSlots,
  listTenantKeys,
  openKeyringIn,
  openedOf,
  refreshKeyring,
  removeSlot,
  restoreKey,
  setPolicy,
  verifyCopy,
  watchKeyring,
} from '../../src/keyring/index.js';
import type { Clock } from '../../src/ports/clock.js';
import type { Engine } from '../../src/ports/engine.js';
import type { KeyManagement } from '../../src/ports/key-management.js';
import type { KeyringStore } from '../../src/ports/keyring-store.js';
import { memoryKeyring } from '../../src/store/memory.js';
import { fakeKeyManagement } from '../../src/testing/testing.js';
import { ITERATIONS, codeOf, environment, fakeClock, recordingRandom, stored } from './support.js';
import { spellings, visible, visibleError } from './visible.js';

const bytesLike = (start: number): Bytes =>
  Uint8Array.from({ length: 32 }, (_, i) => (start + 11 * i) & 0xff);
const RAW = bytesLike(3);
const KMS_KEY = bytesLike(90);
const [FIRST, SECOND, EXPORTED, LAST] = ['one', 'two', 'three', 'four'].map(
  (word) => `CANARY ${word} qzvxkj`,
) as [string, string, string, string];
const iterations = ITERATIONS;
const NOBODYS = ['a'.repeat(26)];

/** A clock whose sleepers wait for nothing but their signal. */
function sleepyClock(): Clock {
  return {
    ...fakeClock(),
    sleep: (_, signal) =>
      new Promise((_resolve, reject) => signal?.addEventListener('abort', () => reject(signal.reason))),
  };
}

/** A store that keeps everything that was ever written to it. */
function remembering(inner = memoryKeyring()) {
  const written: Bytes[] = [];
  const entries: string[] = [];
  const store = {
    ...inner,
    write: (next) => {
      written.push(next.document.slice());
      return inner.write(next);
    },
    pages: {
      ...inner.pages,
      write: (name, page) => {
        written.push(page.slice());
        return inner.pages.write(name, page);
      },
    },
    processes: {
      ...inner.processes,
      announce: (process) => {
        entries.push(`${process.id} ${process.entry}`);
        return inner.processes.announce(process);
      },
    },
  } satisfies KeyringStore;
  return { store, written, entries };
}

/** All that a stored text says, its encoded parts included. */
function decoded(bytes: Uint8Array): string {
  const text = Buffer.from(bytes).toString('latin1');
  const inner = [...text.matchAll(/"([A-Za-z0-9_-]{40,})"/g)].map(([, encoded]) =>
    Buffer.from(encoded as string, 'base64url'),
  );
  return [text, ...inner.map((part) => decoded(part))].join('\n');
}

describe('the life of a keyring', () => {
  it('shows no secret: not in what is given back, told, written, exported or written down of a process', async () => {
    const { random, given } = recordingRandom();
    const events: KeyringEvent[] = [];
    const { store, written, entries } = remembering();
    const made = environment({ random, clock: sleepyClock(), onEvent: (event) => events.push(event) });
    const kms = fakeKeyManagement({ key: KMS_KEY });
    const shown: unknown[] = [];

    const keyring = await createKeyringIn(made, store, { passphrase: FIRST, iterations, label: 'first' });
    const current = { passphrase: FIRST };
    shown.push(await addSlot(keyring, { rawKey: RAW, label: 'service', current }));
    shown.push(await addSlot(keyring, { keyManagement: kms, label: 'cloud', current }));
    shown.push(await changePassphrase(keyring, { current: FIRST, next: SECOND, iterations }));
    shown.push(await setPolicy(keyring, { maxStaleMs: 60_000, cryptoperiodDays: 1 }));
    shown.push(await addTenants(keyring, ['acme', 7n]), await listTenantKeys(keyring, 'acme'));
    const watch = await watchKeyring(keyring, { name: 'host' });
    shown.push(watch, await listProcesses(keyring), await verifyCopy(keyring, { passphrase: SECOND }));
    await awaitAcknowledgement(keyring);
    const copy = await exportKeyring(keyring, { passphrase: EXPORTED, iterations });
    const archive = keyringArchive(copy);
    shown.push(archive, await restoreKey(keyring, { archive, passphrase: EXPORTED, keyIds: NOBODYS }));
    const imported = await importKeyring(memoryKeyring(), archive, { passphrase: EXPORTED });
    shown.push(imported, describeKeyring(imported));
    await watch.stop();
    const keep: readonly UnlockSecret[] = [{ rawKey: RAW }, { keyManagement: kms }];
    shown.push(await changeKey(keyring, { passphrase: LAST, iterations, keep }));
    const other = await openKeyringIn(made, store, { keyManagement: kms });
    shown.push(other, await restoreKey(other, { archive, passphrase: EXPORTED, keyIds: NOBODYS }));
    const raw = listSlots(keyring).find(({ type }) => type === 'raw');
    shown.push(await removeSlot(other, raw?.slotId ?? ''));
    shown.push(
      keyring,
      describeKeyring(keyring),
      listSlots(keyring),
      listKeys(keyring),
      await listKeyUsage(keyring),
    );
    shown.push(await closeKeyring(keyring), keyring, ...events);

    // Salts are random too, and are meant to be seen: in the document, and nowhere else.
    const texts = [...written, copy].map(decoded);
    const drawn = given.map(({ was }) => was).filter(({ length }) => length === 32);
    const isWritten = (secret: Uint8Array): boolean =>
      texts.some((text) => spellings(secret).some((spelled) => text.includes(spelled)));
    const salts = drawn.filter(isWritten);
    expect(salts).toHaveLength(4); // one for each passphrase
    expect(
      salts.every((salt) =>
        texts.some((text) => text.includes(`"salt":"${Buffer.from(salt).toString('base64url')}"`)),
      ),
    ).toBe(true);
    // Root keys, the copy's among them, the service's secret, keys of both kinds, all tenants' and their successors.
    expect(drawn.length - salts.length).toBe(3 + 1 + 6 + 6);

    const secrets = [
      ...drawn,
      RAW,
      KMS_KEY,
      ...[FIRST, SECOND, EXPORTED, LAST].map((text) => Buffer.from(text)),
    ];
    const needles = ['CANARY', 'qzvxkj', ...secrets.flatMap(spellings)];
    for (const [place, thing] of [...shown, ...entries].entries()) {
      const text = isCloneable(thing) ? visible(thing) : visibleError(Object.assign(new Error(), { thing }));
      expect([place, needles.filter((needle) => text.includes(needle))]).toEqual([place, []]);
    }
    const hidden = [
      'CANARY',
      'qzvxkj',
      ...secrets.filter((secret) => !salts.includes(secret as Bytes)).flatMap(spellings),
    ];
    for (const text of texts) expect(hidden.filter((needle) => text.includes(needle))).toEqual([]);
    expect(entries.length).toBeGreaterThan(0);
    expect(new Set(events.map(({ type }) => type))).toContain('changed');
  });

  function isCloneable(thing: unknown): boolean {
    try {
      structuredClone(thing);
      return true;
    } catch {
      return false; // it has functions
    }
  }
});

describe('errors of what changes a keyring', () => {
  it('carry no secret and no cause', async () => {
    const kms = fakeKeyManagement({ key: KMS_KEY });
    const { store } = remembering();
    const made = environment({ clock: sleepyClock() });
    const keyring = await createKeyringIn(made, store, { passphrase: FIRST, iterations });
    await addSlot(keyring, { rawKey: RAW, current: { passphrase: FIRST } });
    const copy = await exportKeyring(keyring, { passphrase: EXPORTED, iterations });
    const archive = keyringArchive(copy);
    const spoiled = Uint8Array.from(copy);
    spoiled[200] = 0x21;
    const conflicted = await openKeyringIn(made, { ...store, write: () => false }, { rawKey: RAW });
    const wrong = { passphrase: `${LAST} wrong` };
    const current = { passphrase: FIRST };
    const service = (more: Partial<KeyManagement>): KeyManagement => ({
      keyName: 'k',
      wrap: (secret) => kms.wrap(secret, { keyringId: 'k', slotId: 's' }),
      unwrap: (wrapped) => kms.unwrap(wrapped, { keyringId: 'k', slotId: 's' }),
      ...more,
    });
    const expectations: readonly (readonly [code: string, () => unknown])[] = [
      ['wrong-secret', () => addSlot(keyring, { rawKey: bytesLike(1), current: wrong })],
      ['definition', () => addSlot(keyring, { rawKey: bytesLike(1), label: 'a\nCANARY', current })],
      ['definition', () => addSlot(keyring, { keyManagement: service({ keyName: 'a\nCANARY' }), current })],
      [
        'definition',
        () => addSlot(keyring, { keyManagement: service({ wrap: () => new Uint8Array(9000) }), current }),
      ],
      [
        'definition',
        () => addSlot(keyring, { keyManagement: service({ wrap: () => new Uint8Array() }), current }),
      ],
      ['invalid-passphrase', () => addSlot(keyring, { passphrase: `${LAST}\n`, current })],
      ['invalid-passphrase', () => addSlot(keyring, { passphrase: LAST, rawKey: RAW, current })],
      ['keyring-limit', () => addSlot(keyring, { passphrase: LAST, iterations: 1, current })],
      ['keyring-conflict', () => addSlot(conflicted, { passphrase: LAST, iterations, current })],
      [
        'wrong-secret',
        () => changePassphrase(keyring, { current: `${LAST} wrong`, next: `${LAST} next`, iterations }),
      ],
      ['invalid-passphrase', () => changePassphrase(keyring, { current: FIRST, next: FIRST, iterations })],
      ['invalid-passphrase', () => changePassphrase(keyring, { current: FIRST, next: `${LAST}\ud800` })],
      ['keyring-conflict', () => changePassphrase(conflicted, { current: FIRST, next: LAST, iterations })],
      ['unknown-slot', () => removeSlot(keyring, `sl_CANARY`.slice(0, 3))],
      ['invalid-passphrase', () => verifyCopy(keyring, { passphrase: `${LAST}\ud800` })],
      ['invalid-passphrase', () => exportKeyring(keyring, { passphrase: `${LAST}\u200b`, iterations })],
      ['wrong-secret', () => restoreKey(keyring, { archive, keyIds: NOBODYS, ...wrong })],
      [
        'invalid-passphrase',
        () => restoreKey(keyring, { archive, keyIds: NOBODYS, rawKey: RAW, passphrase: LAST }),
      ],
      ['keyring-damaged', () => keyringArchive(spoiled)],
      ['keyring-damaged', () => keyringArchive(Buffer.from(LAST))],
      ['wrong-secret', () => importKeyring(memoryKeyring(), archive, wrong)],
      ['keyring-exists', () => importKeyring(store, archive, { passphrase: EXPORTED })],
      ['invalid-passphrase', () => changeKey(keyring, { passphrase: FIRST, iterations })],
      ['invalid-passphrase', () => changeKey(keyring, { rawKey: RAW })],
      ['wrong-secret', () => changeKey(keyring, { passphrase: LAST, iterations, keep: [wrong] })],
      ['keyring-conflict', () => changeKey(conflicted, { passphrase: LAST, iterations })],
      ['definition', () => watchKeyring(keyring, { name: 'a\nCANARY' })],
      ['keyring-limit', () => setPolicy(keyring, { maxStaleMs: 1 })],
    ];
    for (const [code, provoke] of expectations) await assertSilent(code, provoke);

    // Another process changes the key: this one has lost its slot.
    const other = await openKeyringIn(made, store, { rawKey: RAW });
    await changeKey(other, { passphrase: LAST, iterations });
    await assertSilent('keyring-rekeyed', () => refreshKeyring(keyring));
    await assertSilent('wrong-secret', () => refreshKeyring(keyring, wrong));
    await assertSilent('wrong-secret', () => refreshKeyring(keyring, { rawKey: RAW }));
    await assertSilent('key-change-under-way', () =>
      changeKey(other, { passphrase: `${LAST} again`, iterations }),
    );
  });

  const needles = ['CANARY', 'qzvxkj', ...[RAW, KMS_KEY, Buffer.from(LAST)].flatMap(spellings)];

  async function assertSilent(code: string, provoke: () => unknown): Promise<void> {
    let caught: unknown;
    try {
      await provoke();
    } catch (error) {
      caught = error;
    }
    expect((caught as { code?: unknown } | undefined)?.code).toBe(code);
    const text = visibleError(caught);
    expect(needles.filter((needle) => text.includes(needle))).toEqual([]);
    expect((caught as Error).cause).toBeUndefined();
  }
});

/** Everything secret that passes through: as it was, and the buffer that it was in. */
interface Passing {
  readonly what: string;
  readonly buffer: Uint8Array;
  readonly was: Uint8Array;
}

interface WatchingEngine {
  readonly engine: Engine;
  /** From now on every secret in the clear is kept, and the call with this number fails; 0: none. */
  arm(failing: number): void;
  readonly passing: Passing[];
  /** What it was given to stretch a passphrase with: random, and no secret. */
  readonly salts: ReadonlySet<unknown>;
}

function watchingEngine(): WatchingEngine {
  const inner = webCryptoEngine();
  const [passing, salts] = [[] as Passing[], new Set<unknown>()];
  let [isArmed, left] = [false, 0];
  const keep = (what: string, buffer: unknown): void => {
    if (!isArmed) return;
    passing.push({ what, buffer: buffer as Uint8Array, was: Uint8Array.from(buffer as Uint8Array) });
  };
  const engine = new Proxy(inner, {
    get(target, method: keyof Engine) {
      return async (...given: unknown[]): Promise<unknown> => {
        if (method === 'stretch' || method === 'importKey') keep(method, given[0]);
        if (method === 'stretch') salts.add(given[1]);
        if (method === 'seal') keep(method, given[3]);
        if (isArmed && --left === 0) throw new RangeError('the module is away');
        const result = await (target[method] as (...given: unknown[]) => unknown)(...given);
        if (method === 'open') keep(method, result);
        return result;
      };
    },
  });
  const arm = (failing: number): void => {
    isArmed = true;
    left = failing;
  };
  return { engine, arm, passing, salts };
}

/** A service that keeps the buffers that secrets are in on their way through it. */
function watchingService(passing: Passing[]): KeyManagement {
  const kms = fakeKeyManagement({ key: KMS_KEY });
  return {
    keyName: kms.keyName,
    wrap: (secret, context) => {
      passing.push({ what: 'wrap', buffer: secret, was: Uint8Array.from(secret) });
      return kms.wrap(secret, context);
    },
    unwrap: async (wrapped, context) => {
      const secret = await kms.unwrap(wrapped, context);
      passing.push({ what: 'unwrap', buffer: secret, was: Uint8Array.from(secret) });
      return secret;
    },
  };
}

describe('the bytes of keys and secrets', () => {
  type Act = (keyring: Keyring, environment: Environment, kms: KeyManagement) => Promise<unknown>;
  let copy: Bytes;
  let inCopy: string;
  const ACTS: readonly (readonly [what: string, act: Act, secrets: readonly string[]])[] = [
    [
      'addSlot with a passphrase',
      (keyring) => addSlot(keyring, { passphrase: SECOND, iterations, current: { rawKey: RAW } }),
      ['stretch', 'importKey', 'open', 'seal'],
    ],
    [
      'addSlot with a raw key',
      (keyring) => addSlot(keyring, { rawKey: bytesLike(1), current: { passphrase: FIRST } }),
      ['stretch', 'importKey', 'open', 'seal'],
    ],
    [
      'addSlot with a key management service',
      (keyring, _, kms) => addSlot(keyring, { keyManagement: kms, current: { rawKey: RAW } }),
      ['importKey', 'open', 'seal', 'unwrap', 'wrap'],
    ],
    [
      'addSlot with what a service unwraps',
      (keyring, _, kms) => addSlot(keyring, { rawKey: bytesLike(1), current: { keyManagement: kms } }),
      ['importKey', 'open', 'seal', 'unwrap'],
    ],
    [
      'changePassphrase',
      (keyring) => changePassphrase(keyring, { current: FIRST, next: SECOND, iterations }),
      ['stretch', 'open', 'seal'],
    ],
    ['verifyCopy', (keyring) => verifyCopy(keyring, { passphrase: FIRST }), ['stretch']],
    [
      'exportKeyring',
      (keyring) => exportKeyring(keyring, { passphrase: EXPORTED, iterations }),
      ['importKey', 'stretch', 'open', 'seal'],
    ],
    [
      'restoreKey',
      (keyring) =>
        restoreKey(keyring, { archive: keyringArchive(copy), passphrase: EXPORTED, keyIds: [inCopy] }),
      ['stretch', 'importKey', 'open', 'seal'],
    ],
    [
      'changeKey',
      (keyring, _, kms) =>
        changeKey(keyring, { passphrase: LAST, iterations, keep: [{ rawKey: RAW }, { keyManagement: kms }] }),
      ['stretch', 'importKey', 'open', 'seal', 'unwrap', 'wrap'],
    ],
    ['addTenants', (keyring) => addTenants(keyring, ['acme', 'umbrella']), ['importKey', 'seal']],
    [
      'openKeyring',
      (keyring, made, kms) => openKeyringIn(made, openedOf(keyring).newest.store, { keyManagement: kms }),
      ['importKey', 'unwrap'],
    ],
  ];

  /** A keyring with a slot of each type; one of its keys is only in a copy of it. */
  async function prepared(): Promise<Awaited<ReturnType<typeof stored>>> {
    const store = memoryKeyring();
    const made = environment({ clock: sleepyClock() });
    const keyring = await createKeyringIn(made, store, { passphrase: FIRST, iterations });
    await addSlot(keyring, { rawKey: RAW, current: { passphrase: FIRST } });
    await addSlot(keyring, { keyManagement: fakeKeyManagement({ key: KMS_KEY }), current: { rawKey: RAW } });
    const newest = await stored(store);
    inCopy = await addKey(keyring);
    copy = await exportKeyring(keyring, { passphrase: EXPORTED, iterations });
    return newest;
  }

  it.each(ACTS)(
    'are wiped after %s, wherever it fails',
    async (_, act, secrets) => {
      const newest = await prepared();
      let [failing, isDone] = [0, false];
      // The first time nothing fails, to see what passes; then one call after the other, until there are no more.
      for (; !isDone; failing++) {
        const store = memoryKeyring();
        await store.restore(newest);
        const { random, given } = recordingRandom();
        const { engine, arm, passing, salts } = watchingEngine();
        const made = environment({ random, engine, clock: sleepyClock() });
        const keyring = await openKeyringIn(made, store, { rawKey: RAW });
        arm(failing);
        const outcome = await codeOf(act(keyring, made, watchingService(passing)));
        if (failing === 0)
          expect([...new Set(passing.map(({ what }) => what))].sort()).toEqual([...secrets].sort());
        isDone = failing > 0 && outcome === 'success';
        if (failing === 0 || isDone) expect(outcome).toBe('success');
        else expect(outcome).toBeInstanceOf(RangeError);
        const drawn = given.filter(({ was, buffer }) => was.length === 32 && !salts.has(buffer));
        for (const { what, buffer, was } of [
          ...passing,
          ...drawn.map((each) => ({ ...each, what: 'drawn' })),
        ]) {
          expect([what, was.some((byte) => byte !== 0)]).toEqual([what, true]);
          expect([what, failing, buffer.every((byte) => byte === 0)]).toEqual([what, failing, true]);
        }
      }
      expect(failing).toBeGreaterThan(4);
    },
    120_000,
  );
});
