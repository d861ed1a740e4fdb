import type { Bytes, KeyManagement, KeyManagementContext, MaybePromise } from '../index.js';
import type { ConformanceCase } from './conformance-case.js';

/** A key management service to test. Every case gets one; all may share one key. */
export interface KeyManagementSubject {
  /** The implementation. */
  readonly service: KeyManagement;
  /** Gives another client of the same key, as another process would have it. Without it, `service` stands for both. */
  another?(): MaybePromise<KeyManagement>;
  /** Gives the same implementation under another key, whose wrapped secrets are foreign. Without it, only made-up bytes are. */
  underAnotherKey?(): MaybePromise<KeyManagement>;
  /** Called when the case is over, however it ended. */
  close?(): MaybePromise<void>;
}

interface Case {
  readonly name: string;
  test(service: KeyManagement, subject: KeyManagementSubject): Promise<void>;
}

const SECRET_BYTES = 32;
const MAX_WRAPPED_BYTES = 8192;
const MAX_KEY_NAME_CHARACTERS = 512;
/** Alterations and truncations of one wrapped secret: enough for every byte of a short one, and no flood of calls for a long one. */
const MAX_DAMAGES = 192;
/** Calls under way at once: services throttle. */
const AT_ONCE = 8;

const HERE: KeyManagementContext = Object.freeze({
  keyringId: 'kr_abcdefghijklmnopqrstuvwxyz',
  slotId: 'sl_abcdefghijklm',
});

/**
 * The cases that every key management service passes. They need no particular test runner:
 *
 * ```ts
 * for (const { name, run } of keyManagementCases(open)) it(name, run);
 * ```
 *
 * They make some 400 calls where a wrapped secret has 60 bytes, and some 800 where it has 200 or more, up to 32 of them
 * at once. Ids are drawn from those that a keyring can have: `[A-Za-z0-9_-]`, 1 to 64 characters.
 */
export function keyManagementCases(
  open: () => MaybePromise<KeyManagementSubject>,
): readonly ConformanceCase[] {
  return CASES.map(({ name, test }) => ({
    name,
    async run() {
      const subject = await open();
      try {
        await test(subject.service, subject);
      } finally {
        await subject.close?.();
      }
    },
  }));
}

// ── Round trips ─────────────────────────────────────────────────────────────────────────────────────────────────────

const ROUND_TRIPS: readonly Case[] = [
  {
    name: 'unwraps what it has wrapped, whatever the 32 bytes are',
    async test(service) {
      await eachOf(SECRETS, async (secret) => {
        await unwrapsTo(service, await wrapped(service, secret), HERE, secret);
      });
    },
  },
  {
    name: 'unwraps a wrapped secret as often as it is asked',
    async test(service) {
      const one = await wrapped(service, secretOf(1));
      const two = await wrapped(service, secretOf(2));
      for (let time = 0; time < 3; time++) {
        await unwrapsTo(service, one, HERE, secretOf(1));
        await unwrapsTo(service, two, HERE, secretOf(2));
      }
    },
  },
  {
    name: 'unwraps what another process has wrapped',
    async test(service, subject) {
      const other = (await subject.another?.()) ?? service;
      await unwrapsTo(other, await wrapped(service, secretOf(3)), HERE, secretOf(3));
      await unwrapsTo(service, await wrapped(other, secretOf(4)), HERE, secretOf(4));
    },
  },
  {
    name: 'takes the shortest and the longest ids',
    async test(service) {
      for (const characters of [1, 2, 63, 64]) {
        const context = { keyringId: 'k'.repeat(characters), slotId: '_'.repeat(characters) };
        await unwrapsTo(service, await wrapped(service, secretOf(5), context), context, secretOf(5));
      }
    },
  },
  {
    name: 'keeps calls apart that are under way at the same time',
    async test(service) {
      const jobs = Array.from({ length: 32 }, (_, i) => ({
        secret: secretOf(100 + i),
        context: { keyringId: HERE.keyringId, slotId: `sl_${i}` },
      }));
      const all = await allOf(jobs.map(({ secret, context }) => wrapped(service, secret, context)));
      const unwraps = ({ secret, context }: (typeof jobs)[number], i: number): Promise<unknown> =>
        unwrapsTo(service, all[i] as Bytes, context, secret);
      // One after the other first: calls that took one another's contexts on both ways would agree.
      for (const [i, job] of jobs.entries()) await unwraps(job, i);
      await allOf(jobs.map(unwraps));
    },
  },
  {
    name: 'refuses one call of many without harm to the others',
    async test(service) {
      const right = await wrapped(service, secretOf(6));
      const wrong = damaged(right, Math.floor(right.length / 2));
      const outcomes = await allOf(
        Array.from({ length: 16 }, (_, i) => outcomeOf(service, i % 2 ? wrong : right, HERE)),
      );
      outcomes.forEach((outcome, i) => {
        if (i % 2) assertRefused(outcome, 'An altered wrapped secret, beside others,');
        else assert(equal(outcome.secret, secretOf(6)), 'A call beside a refused one gave another secret.');
      });
      await unwrapsTo(service, right, HERE, secretOf(6));
    },
  },
];

// ── Context ─────────────────────────────────────────────────────────────────────────────────────────────────────────

const CONTEXTS: readonly (readonly [what: string, of: KeyManagementContext, asked: KeyManagementContext])[] =
  [
    ['another keyring', HERE, { ...HERE, keyringId: 'kr_bbcdefghijklmnopqrstuvwxyz' }],
    ['another slot', HERE, { ...HERE, slotId: 'sl_abcdefghijkln' }],
    ['a keyring whose id is longer', HERE, { ...HERE, keyringId: `${HERE.keyringId}2` }],
    ['a slot whose id is longer', HERE, { ...HERE, slotId: `${HERE.slotId}2` }],
    ['a slot whose id is shorter', HERE, { ...HERE, slotId: HERE.slotId.slice(0, -1) }],
    [
      'ids that have changed places',
      { keyringId: 'one', slotId: 'two' },
      { keyringId: 'two', slotId: 'one' },
    ],
    [
      'ids that differ in capitals alone',
      { keyringId: 'kr', slotId: 'sl_a' },
      { keyringId: 'kr', slotId: 'sl_A' },
    ],
    [
      'a keyring whose id differs in capitals alone',
      { keyringId: 'kr_a', slotId: 'sl' },
      { keyringId: 'kr_A', slotId: 'sl' },
    ],
    ...['', '-', '_', '--', '__'].map(
      (between) =>
        [
          `ids that look the same when they are joined by '${between}'`,
          { keyringId: 'a', slotId: `b${between}c` },
          { keyringId: `a${between}b`, slotId: 'c' },
        ] as const,
    ),
    [
      'a long keyring id that differs at its end',
      { keyringId: `${'k'.repeat(63)}a`, slotId: 'sl' },
      { keyringId: `${'k'.repeat(63)}b`, slotId: 'sl' },
    ],
    [
      'a long slot id that differs at its end',
      { keyringId: 'k'.repeat(64), slotId: `${'s'.repeat(63)}a` },
      { keyringId: 'k'.repeat(64), slotId: `${'s'.repeat(63)}b` },
    ],
  ];

const BINDINGS: readonly Case[] = CONTEXTS.map(([what, of, asked]) => ({
  name: `refuses a wrapped secret for ${what}`,
  async test(service) {
    const secret = secretOf(7);
    const there = await wrapped(service, secret, of);
    await refuses(service, there, asked, 'A secret that was wrapped for another context', secret);
    await unwrapsTo(service, there, of, secret); // it is the context that was refused
  },
}));

// ── What is no wrapped secret, or no longer ─────────────────────────────────────────────────────────────────────────

const REFUSALS: readonly Case[] = [
  {
    name: 'refuses a wrapped secret in which one bit was altered, whichever byte it is in',
    async test(service) {
      const secret = secretOf(8);
      const whole = await wrapped(service, secret);
      await eachOf(positions(whole.length), (at) =>
        refuses(service, damaged(whole, at), HERE, `A wrapped secret whose byte ${at} was altered`, secret),
      );
      await unwrapsTo(service, whole, HERE, secret);
    },
  },
  {
    name: 'refuses a wrapped secret that was cut off, at whichever byte',
    async test(service) {
      const secret = secretOf(9);
      const whole = await wrapped(service, secret);
      await eachOf(positions(whole.length), (at) =>
        refuses(service, whole.slice(0, at), HERE, `A wrapped secret cut off after ${at} bytes`, secret),
      );
    },
  },
  {
    name: 'refuses a wrapped secret whose beginning is gone',
    async test(service) {
      const secret = secretOf(10);
      const whole = await wrapped(service, secret);
      for (const at of [1, 2, 12, 16, whole.length - 1])
        await refuses(
          service,
          whole.slice(at),
          HERE,
          `A wrapped secret without its first ${at} bytes`,
          secret,
        );
    },
  },
  {
    name: 'refuses a wrapped secret with something added',
    async test(service) {
      const secret = secretOf(11);
      const whole = await wrapped(service, secret);
      const added: readonly (readonly [what: string, altered: Bytes])[] = [
        ['with a zero byte after it', joined(whole, Uint8Array.of(0))],
        ['with a newline after it', joined(whole, Uint8Array.of(10))],
        ['with 16 bytes after it', joined(whole, new Uint8Array(16).fill(16))],
        ['with a zero byte before it', joined(Uint8Array.of(0), whole)],
        ['twice', joined(whole, whole)],
      ];
      for (const [what, altered] of added)
        await refuses(service, altered, HERE, `A wrapped secret ${what}`, secret);
    },
  },
  {
    name: 'refuses no bytes at all',
    async test(service) {
      await refuses(service, new Uint8Array(0), HERE, 'An empty wrapped secret');
    },
  },
  {
    name: 'refuses what was never wrapped',
    async test(service) {
      const { length } = await wrapped(service, secretOf(12));
      const foreign: readonly (readonly [what: string, bytes: Bytes])[] = [
        ['One byte', Uint8Array.of(1)],
        ['32 bytes', secretOf(13)],
        ['Zeros, as many as a wrapped secret has,', new Uint8Array(length)],
        ['Bytes, as many as a wrapped secret has,', scrambled(14, length)],
        ['Text', ascii('not wrapped by anybody')],
        ['JSON', ascii('{"ciphertext":"AAAA","iv":"AAAA","tag":"AAAA"}')],
        ['8 KiB', scrambled(15, MAX_WRAPPED_BYTES)],
      ];
      for (const [what, bytes] of foreign) await refuses(service, bytes, HERE, what);
    },
  },
  {
    name: 'refuses what another key has wrapped',
    async test(service, subject) {
      const other = await subject.underAnotherKey?.();
      const secret = secretOf(16);
      // Without another key: what was put together of two wrapped secrets is of none.
      const one = await wrapped(service, secret);
      const two = await wrapped(service, secretOf(17));
      const half = Math.floor(one.length / 2);
      const foreign = other ? await wrapped(other, secret) : joined(one.slice(0, half), two.slice(half));
      await refuses(service, foreign, HERE, 'What another key has wrapped', secret);
      if (other) await refuses(other, one, HERE, 'What the first key has wrapped, for the other,', secret);
    },
  },
];

// ── Buffers ─────────────────────────────────────────────────────────────────────────────────────────────────────────

const BUFFERS: readonly Case[] = [
  {
    name: 'does not change what it is given',
    async test(service) {
      const secret = secretOf(18);
      const context = { ...HERE };
      const there = checkedWrapped(await service.wrap(secret, context));
      assert(equal(secret, secretOf(18)), 'wrap has changed the secret.');
      const copy = there.slice();
      await service.unwrap(there, context);
      assert(equal(there, copy), 'unwrap has changed the wrapped secret.');
      assert(
        context.keyringId === HERE.keyringId && context.slotId === HERE.slotId,
        'A call has changed its context.',
      );
      const altered = damaged(there, 0);
      const kept = altered.slice();
      await outcomeOf(service, altered, context);
      assert(equal(altered, kept), 'A refused unwrap has changed what it was given.');
    },
  },
  {
    name: 'keeps nothing that the caller changes later',
    async test(service) {
      const secret = secretOf(19);
      const context = { ...HERE };
      const there = checkedWrapped(await service.wrap(secret, context));
      const stored = there.slice();
      secret.fill(0); // as the caller does
      there.fill(0);
      context.slotId = 'sl_other';
      const first = await unwrapsTo(service, stored, HERE, secretOf(19));
      first.fill(0);
      await unwrapsTo(service, stored, HERE, secretOf(19));
    },
  },
  {
    name: 'takes a part of a buffer for that part',
    async test(service) {
      const around = new Uint8Array(SECRET_BYTES + 64).fill(0xee);
      around.set(secretOf(20), 32);
      const there = await wrapped(service, around.subarray(32, 32 + SECRET_BYTES));
      await unwrapsTo(service, there, HERE, secretOf(20));
      const shelf = new Uint8Array(there.length + 50).fill(0xdd);
      shelf.set(there, 25);
      await unwrapsTo(service, shelf.subarray(25, 25 + there.length), HERE, secretOf(20));
    },
  },
  {
    name: 'gives every result in a buffer of its own',
    async test(service) {
      const secret = secretOf(21);
      const there = checkedWrapped(await service.wrap(secret, HERE));
      const handed = there.slice();
      const one = await unwrapsTo(service, handed, HERE, secret);
      const two = await unwrapsTo(service, handed, HERE, secret);
      // Node's pool, for one, gives a piece of it to everybody who makes a small Buffer, and to all of them the whole.
      assert(
        one.buffer.byteLength === SECRET_BYTES,
        `The secret is a part of a buffer of ${one.buffer.byteLength} bytes, which others may share: copy it with new Uint8Array(secret), and wipe what you copied.`,
      );
      assert(one.buffer !== two.buffer, 'Two results are in one buffer.');
    },
  },
];

// ── The rest of the contract ────────────────────────────────────────────────────────────────────────────────────────

const MANNERS: readonly Case[] = [
  {
    name: 'has a name for its key, and it stays the same',
    async test(service, subject) {
      const name: unknown = service.keyName;
      assert(typeof name === 'string', 'keyName is no text.');
      assert(
        name.length >= 1 && name.length <= MAX_KEY_NAME_CHARACTERS,
        `keyName has ${name.length} characters, and not 1 to ${MAX_KEY_NAME_CHARACTERS}.`,
      );
      assert(name.isWellFormed() && !/\p{Cc}/u.test(name), 'keyName is not well-formed, or not one line.');
      const there = await wrapped(service, secretOf(22));
      await service.unwrap(there, HERE);
      await outcomeOf(service, damaged(there, 0), HERE);
      assert(service.keyName === name, 'keyName has changed.');
      const other = await subject.another?.();
      assert(other === undefined || other.keyName === name, 'Two clients of one key call it differently.');
    },
  },
  {
    name: 'shows nothing of the secret in what it wraps',
    async test(service) {
      for (const secret of [secretOf(23), ascii('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdef')]) {
        const there = await wrapped(service, secret);
        assert(
          !showsSecret(there, secret),
          'The wrapped secret holds the secret, as it is or in another spelling.',
        );
      }
    },
  },
  {
    name: 'shows nothing of the secret in an error',
    async test(service) {
      const secret = secretOf(24);
      const there = await wrapped(service, secret);
      const elsewhere = { keyringId: HERE.keyringId, slotId: 'sl_elsewhere' };
      const attempts: readonly (readonly [Bytes, KeyManagementContext])[] = [
        [there, elsewhere],
        [damaged(there, 0), HERE],
        [damaged(there, there.length - 1), HERE],
        [there.slice(0, -1), HERE],
        [joined(there, there), HERE],
      ];
      for (const [bytes, context] of attempts) {
        const outcome = await outcomeOf(service, bytes, context);
        assert('error' in outcome, 'What should be refused was unwrapped.');
        assert(!showsSecret(outcome.error, secret), 'An error shows the secret.');
      }
    },
  },
];

const CASES: readonly Case[] = [...ROUND_TRIPS, ...BINDINGS, ...REFUSALS, ...BUFFERS, ...MANNERS];

// ── Asking ──────────────────────────────────────────────────────────────────────────────────────────────────────────

/** The wrapped secret, in a buffer that nobody else has. */
async function wrapped(
  service: KeyManagement,
  secret: Bytes,
  context: KeyManagementContext = HERE,
): Promise<Bytes> {
  // A copy of each, so that nothing can go by identity.
  return checkedWrapped(await service.wrap(secret, { ...context })).slice();
}

function checkedWrapped(given: unknown): Bytes {
  assert(isBytes(given), 'wrap gave no Uint8Array.');
  assert(given.length > 0, 'wrap gave no bytes.');
  assert(
    given.length <= MAX_WRAPPED_BYTES,
    `The wrapped secret has ${given.length} bytes, which is over 8 KiB.`,
  );
  return given;
}

async function unwrapsTo(
  service: KeyManagement,
  bytes: Bytes,
  context: KeyManagementContext,
  secret: Bytes,
): Promise<Bytes> {
  const given: unknown = await service.unwrap(bytes, { ...context });
  assert(isBytes(given), 'unwrap gave no Uint8Array.');
  assert(given.length === SECRET_BYTES, `unwrap gave ${given.length} bytes, and not ${SECRET_BYTES}.`);
  assert(equal(given, secret), 'unwrap gave another secret than the one that was wrapped.');
  return given;
}

interface Outcome {
  readonly secret?: unknown;
  readonly error?: unknown;
}

async function outcomeOf(
  service: KeyManagement,
  bytes: Bytes,
  context: KeyManagementContext,
): Promise<Outcome> {
  try {
    return { secret: await service.unwrap(bytes, { ...context }) };
  } catch (error) {
    return { error };
  }
}

async function refuses(
  service: KeyManagement,
  bytes: Bytes,
  context: KeyManagementContext,
  what: string,
  secret?: Bytes,
): Promise<void> {
  const outcome = await outcomeOf(service, bytes, context);
  assertRefused(outcome, what);
  assert(
    !secret || !showsSecret(outcome.error, secret),
    `${what} was refused with an error that shows the secret.`,
  );
}

function assertRefused(outcome: Outcome, what: string): void {
  assert('error' in outcome, `${what} was unwrapped.`);
  const { code } = (outcome.error ?? {}) as { code?: unknown };
  assert(
    code === 'kms-refused',
    `${what} was refused with ${typeof code === 'string' ? `the code ${code}` : 'another error'}, and not with KeyManagementRefusedError.`,
  );
}

// ── Secrets, and finding them ───────────────────────────────────────────────────────────────────────────────────────

/** 32 bytes in which anything that is done to some values (trimming, padding, text) is done to one of them. */
const SECRETS: readonly Bytes[] = [
  new Uint8Array(SECRET_BYTES),
  new Uint8Array(SECRET_BYTES).fill(0xff),
  new Uint8Array(SECRET_BYTES).fill(0x20), // blanks; a whole block of padding too
  new Uint8Array(SECRET_BYTES).fill(0x10),
  // Every byte value there is, 32 at a time.
  ...Array.from({ length: 8 }, (_, part) =>
    Uint8Array.from({ length: SECRET_BYTES }, (_, i) => 32 * part + i),
  ),
  // What is trimmed, padded or taken for the end, at either end.
  ...[0x00, 0x01, 0x09, 0x0a, 0x0d, 0x20, 0x80, 0xff].flatMap((byte) => [
    withByte(secretOf(30), SECRET_BYTES - 1, byte),
    withByte(secretOf(31), 0, byte),
  ]),
  // What looks like text, in one spelling or another.
  ascii('0123456789abcdef0123456789abcdef'),
  ascii('QUJDREVGR0hJSktMTU5PUFFSU1RVVg=='),
  ascii('{"secret":"with 32 characters."}'),
  // A mark of a byte order.
  joined(Uint8Array.of(0xef, 0xbb, 0xbf), secretOf(32).slice(3)),
  joined(Uint8Array.of(0xff, 0xfe), secretOf(33).slice(2)),
  ...Array.from({ length: 8 }, (_, i) => secretOf(40 + i)),
];

/** 32 bytes without a pattern, the same at every run. */
function secretOf(seed: number): Bytes {
  return scrambled(seed, SECRET_BYTES);
}

/** Bytes that look random and are not: a case that fails fails again. */
function scrambled(seed: number, length: number): Bytes {
  let state = (seed + 1) * 0x9e3779b9;
  return Uint8Array.from({ length }, () => {
    state = (Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) + 0x6d2b79f5) | 0;
    return state >>> 24;
  });
}

function withByte(bytes: Bytes, at: number, byte: number): Bytes {
  const altered = bytes.slice();
  altered[at] = byte;
  return altered;
}

/** With one bit turned, another one at each place. */
function damaged(bytes: Bytes, at: number): Bytes {
  return withByte(bytes, at, (bytes[at] as number) ^ (1 << (at % 8)));
}

/** All places of a short text; of a long one many, its first and its last sixteen among them. */
function positions(length: number): readonly number[] {
  const step = Math.max(1, length / MAX_DAMAGES);
  const spread = Array.from({ length: Math.min(length, MAX_DAMAGES) }, (_, i) => Math.floor(i * step));
  const ends = Array.from({ length: Math.min(16, length) }, (_, i) => [i, length - 1 - i]).flat();
  return [...new Set([...spread, ...ends])].sort((left, right) => left - right);
}

/**
 * Whether the secret, or its first or last 16 bytes, stands in bytes, in text, or anywhere in an object: as it is, in
 * hexadecimal, in base64 at any of its three offsets, or as a list of numbers.
 */
function showsSecret(found: unknown, secret: Bytes, seen = new Set<unknown>()): boolean {
  const parts = [secret.slice(0, 16), secret.slice(16)];
  if (typeof found === 'string')
    return parts.some((part) => spellings(part).some((text) => found.includes(text)));
  if (isBytes(found)) {
    const text = latin1(found);
    return parts.some((part) =>
      [latin1(part), ...spellings(part)].some((spelling) => text.includes(spelling)),
    );
  }
  if ((typeof found !== 'object' && typeof found !== 'function') || found === null || seen.has(found))
    return false;
  seen.add(found);
  if (Array.isArray(found) && showsSecret(found.join(','), secret, seen)) return true;
  return Reflect.ownKeys(found).some(
    (name) => showsSecret(String(name), secret, seen) || showsSecret(propertyOf(found, name), secret, seen),
  );
}

/** Also what a getter gives: some engines keep an error's stack behind one. */
function propertyOf(holder: object, name: string | symbol): unknown {
  try {
    return Reflect.get(holder, name);
  } catch {
    return undefined; // what cannot be read shows nothing
  }
}

function spellings(part: Bytes): string[] {
  const hex = Array.from(part, (byte) => byte.toString(16).padStart(2, '0')).join('');
  const base64 = [0, 1, 2].map((skip) => {
    const whole = part.slice(skip, skip + 12); // three bytes are four characters: no bit of a neighbour is in them
    return base64Of(whole);
  });
  const url = base64.map((text) => text.replaceAll('+', '-').replaceAll('/', '_'));
  return [latin1(part), hex, hex.toUpperCase(), ...base64, ...url, part.join(','), part.join(', ')];
}

const BASE64 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';

/** Of a multiple of three bytes. */
function base64Of(bytes: Bytes): string {
  let text = '';
  for (let i = 0; i < bytes.length; i += 3) {
    const three = ((bytes[i] as number) << 16) | ((bytes[i + 1] as number) << 8) | (bytes[i + 2] as number);
    for (const shift of [18, 12, 6, 0]) text += BASE64[(three >>> shift) & 63];
  }
  return text;
}

function latin1(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => String.fromCharCode(byte)).join('');
}

function ascii(text: string): Bytes {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

function joined(...parts: readonly Bytes[]): Bytes {
  return Uint8Array.from(parts.flatMap((part) => [...part]));
}

function isBytes(value: unknown): value is Bytes {
  return ArrayBuffer.isView(value) && Object.prototype.toString.call(value) === '[object Uint8Array]';
}

function equal(left: unknown, right: Uint8Array): boolean {
  return isBytes(left) && left.length === right.length && left.every((byte, i) => byte === right[i]);
}

/** Does `work` on all, a few at once; the first failure ends it. */
async function eachOf<T>(items: readonly T[], work: (item: T) => Promise<unknown>): Promise<void> {
  for (let i = 0; i < items.length; i += AT_ONCE) await allOf(items.slice(i, i + AT_ONCE).map(work));
}

/** As `Promise.all`, but a failure waits for the others: no call is under way when a case is over. */
async function allOf<T>(running: readonly Promise<T>[]): Promise<T[]> {
  await Promise.allSettled(running);
  return Promise.all(running);
}

function assert(condition: boolean, fault: string): asserts condition {
  if (!condition) throw new Error(fault);
}
