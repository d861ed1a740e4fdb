import {
  type Engine,
  type Keyring,
  KeyringExistsError,
  type KeyringStore,
  type SynchronousKeyring,
  type SynchronousOptions,
  createKeyring,
  openKeyring,
} from '../index.js';
import { memoryKeyring } from '../store/memory.js';

/** What {@link testKeyring} takes. */
export interface TestKeyringOptions {
  /** Where the keyring is: the same store again is the same keyring, as another process would open it. Default: a new one in memory. */
  readonly store?: KeyringStore;
  /** What opens it, 32 bytes: to be named where another store object leads to the same keyring. Default: random, remembered for the store. */
  readonly rawKey?: Uint8Array;
  /** As in `createKeyring`. Default: WebCrypto. */
  readonly engine?: Engine;
}

/** The raw keys that were drawn, by the store that they are for. */
const drawn = new WeakMap<KeyringStore, Uint8Array>();

/**
 * A keyring for a test, which costs no key derivation: an active data key and an active index key, in memory, under 32
 * random bytes. Made where the store is empty, opened where it is not.
 *
 * ```ts
 * const store = memoryKeyring();
 * const here = await testKeyring({ store });
 * const there = await testKeyring({ store }); // another process with the same keyring
 * console.log(here.id === there.id, here === there); // → true false
 * ```
 *
 * @throws WrongSecretError if there is a keyring in the store already, and another raw key opens it.
 */
export function testKeyring(options: TestKeyringOptions & SynchronousOptions): Promise<SynchronousKeyring>;
export function testKeyring(options?: TestKeyringOptions): Promise<Keyring>;
export async function testKeyring({
  store = memoryKeyring(),
  ...options
}: TestKeyringOptions = {}): Promise<Keyring> {
  const secret = { ...options, rawKey: options.rawKey ?? drawnFor(store) };
  try {
    return await createKeyring(store, secret);
  } catch (error) {
    // There already, or another test was quicker.
    if (error instanceof KeyringExistsError) return openKeyring(store, secret);
    throw error;
  }
}

function drawnFor(store: KeyringStore): Uint8Array {
  const known = drawn.get(store);
  if (known) return known;
  const fresh = globalThis.crypto.getRandomValues(new Uint8Array(32));
  drawn.set(store, fresh);
  return fresh;
}
