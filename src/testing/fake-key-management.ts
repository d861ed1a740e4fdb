import {
  type Bytes,
  type KeyManagement,
  type KeyManagementContext,
  KeyManagementRefusedError,
} from '../index.js';

/** What {@link fakeKeyManagement} takes. */
export interface FakeKeyManagementOptions {
  /** The key that wraps, 32 bytes: the same for fakes that play several processes. Default: random. */
  readonly key?: Uint8Array;
  /** Stands behind the word FAKE in `keyName`, at most 400 characters. Default: `for tests only`. */
  readonly name?: string;
}

/** A key management service that is none: it runs in this process and keeps nothing safe. */
export interface FakeKeyManagement extends KeyManagement {
  /** Begins with `FAKE`. */
  readonly keyName: string;
  /** How often each of the two was called, calls that failed or were refused included. */
  readonly calls: Readonly<Record<'wrap' | 'unwrap', number>>;
  /** From now on every call fails with `error`, as without a network. Default: an error that says that a test asked for it. */
  startOutage(error?: Error): void;
  /** From now on calls succeed again. */
  endOutage(): void;
}

const KEY_BYTES = 32;
const IV_BYTES = 12;
const TAG_BYTES = 16;
const MAX_NAME_CHARACTERS = 400;

/**
 * A fake key management service for tests, which says that it is one: AES-256-GCM in this process, with keyring id and
 * slot id as additional data. It passes `keyManagementCases`, counts its calls, and can be told to be down. Never
 * protect anything with it: whoever can read this process has its key.
 *
 * @throws RangeError if `key` has not 32 bytes, or `name` is too long.
 */
export function fakeKeyManagement(options: FakeKeyManagementOptions = {}): FakeKeyManagement {
  const { subtle } = globalThis.crypto;
  const { key = randomBytes(KEY_BYTES), name = 'for tests only' } = options;
  if (key.length !== KEY_BYTES) throw new RangeError('The key of a fake has exactly 32 bytes.');
  if (name.length > MAX_NAME_CHARACTERS)
    throw new RangeError('The name of a fake has at most 400 characters.');
  const imported = subtle.importKey('raw', new Uint8Array(key), 'AES-GCM', false, ['encrypt', 'decrypt']);
  const calls = { wrap: 0, unwrap: 0 };
  let outage: Error | undefined;

  const answer = (call: 'wrap' | 'unwrap'): void => {
    calls[call]++;
    if (outage) throw outage;
  };

  return {
    keyName: `FAKE ${name}`,
    calls,
    startOutage(error = new Error('The fake key management service is down, as a test has asked.')) {
      outage = error;
    },
    endOutage() {
      outage = undefined;
    },

    async wrap(secret, context) {
      answer('wrap');
      const iv = randomBytes(IV_BYTES);
      const sealed = await subtle.encrypt(gcm(iv, context), await imported, secret);
      const wrapped = new Uint8Array(IV_BYTES + sealed.byteLength);
      wrapped.set(iv);
      wrapped.set(new Uint8Array(sealed), IV_BYTES);
      return wrapped;
    },

    async unwrap(wrapped, context) {
      answer('unwrap');
      // What is shorter WebCrypto refuses with other errors.
      if (wrapped.length < IV_BYTES + TAG_BYTES) throw new KeyManagementRefusedError();
      const iv = wrapped.slice(0, IV_BYTES);
      try {
        return new Uint8Array(
          await subtle.decrypt(gcm(iv, context), await imported, wrapped.slice(IV_BYTES)),
        );
      } catch (error) {
        if ((error as { name?: unknown }).name === 'OperationError') throw new KeyManagementRefusedError();
        throw error;
      }
    },
  };
}

/** Ids have no slash: no two contexts are spelled alike. */
function gcm(iv: Bytes, { keyringId, slotId }: KeyManagementContext) {
  const additionalData = new TextEncoder().encode(`cellseal/fake/${keyringId}/${slotId}`);
  return { name: 'AES-GCM', iv, additionalData, tagLength: TAG_BYTES * 8 };
}

function randomBytes(length: number): Bytes {
  return globalThis.crypto.getRandomValues(new Uint8Array(length));
}
