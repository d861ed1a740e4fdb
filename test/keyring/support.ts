/** What the tests of the keyring share: clocks and stores that a test controls, and documents forged with the right key. */
import { setImmediate } from 'node:timers/promises';
import type { Bytes } from '../../src/bytes.js';
import { webCryptoEngine } from '../../src/engine/index.js';
import type { Keyring } from '../../src/keyring/index.js';
import {
  type CreateOptions,
  type Environment,
  createKeyringIn,
  openKeyringIn,
} from '../../src/keyring/index.js';
import type { Clock } from '../../src/ports/clock.js';
import type { Engine, RandomSource } from '../../src/ports/engine.js';
import type { KeyringStore, StoredKeyring } from '../../src/ports/keyring-store.js';
import { memoryKeyring } from '../../src/store/memory.js';
import { sealPayload } from '../oracle/keyring-document.js';

/** PBKDF2 iterations in tests: the fewest that a document may have. */
export const ITERATIONS = 1000;
export const PASSPHRASE = 'correct horse battery staple';
export const RAW_KEY = Uint8Array.from({ length: 32 }, (_, i) => (7 * i + 1) & 0xff);

const WALL_MS = Date.UTC(2026, 0, 1);

/** A clock that moves when it is told. */
export interface FakeClock extends Clock {
  advance(ms: number): void;
  /** The wall clock alone jumps. */
  setWall(byMs: number): void;
  /** How many are asleep. */
  readonly sleepers: number;
}

export function fakeClock(): FakeClock {
  let nowMs = 0;
  let wallMs = WALL_MS;
  let asleep: { readonly untilMs: number; readonly wake: () => void }[] = [];
  return {
    wallMs: () => wallMs + nowMs,
    monotonicMs: () => nowMs,
    sleep: (ms, signal) =>
      new Promise((wake, refuse) => {
        const sleeper = { untilMs: nowMs + ms, wake };
        asleep.push(sleeper);
        signal?.addEventListener('abort', () => {
          asleep = asleep.filter((other) => other !== sleeper);
          refuse(signal.reason);
        });
      }),
    setWall(byMs) {
      wallMs += byMs;
    },
    advance(ms) {
      nowMs += ms;
      const due = asleep.filter(({ untilMs }) => untilMs <= nowMs);
      asleep = asleep.filter(({ untilMs }) => untilMs > nowMs);
      for (const { wake } of due) wake();
    },
    get sleepers() {
      return asleep.length;
    },
  };
}

/** A random source that keeps what it gave: the buffers themselves, and copies as they were. */
export interface RecordingRandom {
  readonly random: RandomSource;
  readonly given: { readonly buffer: Bytes; readonly was: Bytes }[];
}

export function recordingRandom(
  source: RandomSource = (bytes) => globalThis.crypto.getRandomValues(new Uint8Array(bytes)),
): RecordingRandom {
  const given: { buffer: Bytes; was: Bytes }[] = [];
  return {
    given,
    random(bytes) {
      const buffer = source(bytes);
      given.push({ buffer, was: Uint8Array.from(buffer) });
      return buffer;
    },
  };
}

/** The environment of a keyring; a fake clock unless told otherwise. */
export function environment(more: Partial<Environment> = {}): Environment {
  return { engine: webCryptoEngine(), random: recordingRandom().random, clock: fakeClock(), ...more };
}

/** An engine that counts the calls of each of its methods. */
export function countingEngine(inner: Engine = webCryptoEngine()): {
  readonly engine: Engine;
  readonly calls: (method: keyof Engine) => number;
} {
  const counts = new Map<PropertyKey, number>();
  const engine = new Proxy(inner, {
    get(target, method, receiver) {
      const value: unknown = Reflect.get(target, method, receiver);
      if (typeof value !== 'function') return value;
      return (...given: unknown[]): unknown => {
        counts.set(method, (counts.get(method) ?? 0) + 1);
        return Reflect.apply(value, target, given);
      };
    },
  });
  return { engine, calls: (method) => counts.get(method) ?? 0 };
}

/** A new keyring with a raw slot, together with the root key that only its creation saw. */
export interface Known {
  readonly store: KeyringStore;
  readonly keyring: Keyring;
  readonly rootKey: Bytes;
  readonly environment: Environment;
}

export async function knownKeyring(
  options: CreateOptions = { rawKey: RAW_KEY },
  store: KeyringStore = memoryKeyring(),
  more: Partial<Environment> = {},
): Promise<Known> {
  const { random, given } = recordingRandom(more.random);
  const made = environment(more);
  const keyring = await createKeyringIn({ ...made, random }, store, { iterations: ITERATIONS, ...options });
  const rootKey = given.find(({ buffer }) => buffer.length === 32)?.was;
  if (!rootKey) throw new Error('no root key was drawn');
  return { store, keyring, rootKey, environment: made };
}

/** Another object over the same keyring. */
export function reopened(
  { store, environment: made }: Known,
  more: Partial<Environment> = {},
): Promise<Keyring> {
  return openKeyringIn({ ...made, ...more }, store, { rawKey: RAW_KEY });
}

/** The newest document of a store. */
export async function stored(store: KeyringStore): Promise<StoredKeyring> {
  const newest = await store.read(1024 * 1024);
  if (!newest) throw new Error('the store is empty');
  return newest;
}

// What a test edits may become anything.
// biome-ignore lint/suspicious/noExplicitAny: a forged payload has no type
export type Payload = any;

/** The payload of a document, parsed. */
export function payloadOf(document: Uint8Array): Payload {
  return JSON.parse(payloadTextOf(document)) as Payload;
}

export function payloadTextOf(document: Uint8Array): string {
  const { payload } = JSON.parse(Buffer.from(document).toString('utf8')) as { payload: string };
  return Buffer.from(payload, 'base64url').toString('utf8');
}

/** A document with this payload, under its own MAC. */
export function forge(rootKey: Uint8Array, payload: Payload): Bytes {
  const text = typeof payload === 'string' ? payload : JSON.stringify(payload);
  const { keyringId } = JSON.parse(text) as { keyringId: string };
  return bytesOf(sealPayload(rootKey, keyringId, Buffer.from(text, 'utf8')));
}

/** UTF-8. */
export function bytesOf(text: string): Bytes {
  return new TextEncoder().encode(text);
}

/** A store that always gives this document. */
export function holding(document: Uint8Array, revision = 1): KeyringStore {
  return {
    read: () => ({ revision, document: Uint8Array.from(document) }),
    write: () => false,
  };
}

/** A store whose document can be put back, or replaced, behind its keyrings' backs. */
export interface SettableStore extends KeyringStore {
  set(next: StoredKeyring | undefined): void;
}

export function settableStore(): SettableStore {
  let newest: StoredKeyring | undefined;
  return {
    set(next) {
      newest = next;
    },
    read: () => newest && { ...newest, document: Uint8Array.from(newest.document) },
    write(next) {
      if (next.revision !== (newest?.revision ?? 0) + 1) return false;
      newest = { ...next, document: Uint8Array.from(next.document) };
      return true;
    },
  };
}

/** A store whose reads stop at a gate, each after it has looked. */
export interface GatedStore extends KeyringStore {
  /** Reads so far. */
  readonly reads: number;
  /** From now on reads wait, having looked. */
  close(): void;
  /** Lets the waiting reads, and all later ones, through. */
  open(): void;
}

export function gatedStore(inner: KeyringStore): GatedStore {
  let reads = 0;
  let waiting: (() => void)[] = [];
  let isOpen = true;
  return {
    get reads() {
      return reads;
    },
    close() {
      isOpen = false;
    },
    open() {
      isOpen = true;
      for (const go of waiting.splice(0)) go();
      waiting = [];
    },
    async read(maxBytes) {
      reads++;
      const seen = await inner.read(maxBytes);
      if (!isOpen) await new Promise<void>((go) => waiting.push(go));
      return seen;
    },
    write: (next) => inner.write(next),
  };
}

/** Waits until something is so. A test that waits in vain ends by its time limit. */
export async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await setImmediate();
}

/** Lets everything that can go on without a clock or a gate go on. */
export async function settle(): Promise<void> {
  for (let turns = 0; turns < 50; turns++) await setImmediate();
}

/** The code of the error that a promise ends in, or `success`. */
export async function codeOf(work: Promise<unknown> | (() => unknown)): Promise<unknown> {
  try {
    await (typeof work === 'function' ? work() : work);
    return 'success';
  } catch (error) {
    return (error as { code?: unknown }).code ?? error;
  }
}
