import { type Bytes, publicBytes } from '../bytes.js';
import { AuthenticationError } from '../errors.js';
import type { AeadKey, DerivationKey, Engine, MacKey, OpaqueKey, StreamKey } from '../ports/engine.js';
import { SUITE_1 } from '../suite.js';

type Subtle = typeof globalThis.crypto.subtle;
type WebCryptoKey = Awaited<ReturnType<Subtle['importKey']>>;

const NOTHING = new Uint8Array(0);
const KEY_BITS = SUITE_1.keyBytes * 8;
const TAG_BITS = SUITE_1.tagBytes * 8;
const HKDF_USES = ['deriveBits', 'deriveKey'] as const;

/**
 * The engine on WebCrypto, the default everywhere. Keys are non-extractable `CryptoKey`s; the bytes of an unwrapped key
 * never reach JavaScript.
 *
 * @internal `subtle` is an argument so that a test can count its calls.
 */
export function webCryptoEngine(subtle: Subtle = globalThis.crypto.subtle): Engine {
  const derive = (
    key: DerivationKey,
    salt: Bytes,
    info: Bytes,
    into: object,
    uses: Uses,
  ): Promise<WebCryptoKey> =>
    subtle.deriveKey({ name: 'HKDF', hash: 'SHA-256', salt, info }, inside(key), into as never, false, [
      ...uses,
    ]);

  const soon = inBursts();

  const engine: Engine = {
    name: 'webcrypto',

    async stretch(passphrase, salt, iterations) {
      const key = await subtle.importKey('raw', passphrase, 'PBKDF2', false, ['deriveBits']);
      const parameters = { name: 'PBKDF2', hash: 'SHA-512', salt, iterations };
      // deriveKey cannot make an HKDF key of these bits: they pass through here and are wiped.
      const secret = new Uint8Array(await subtle.deriveBits(parameters, key, KEY_BITS));
      try {
        return await engine.importKey(secret);
      } finally {
        secret.fill(0);
      }
    },

    async importKey(bytes) {
      return outside<DerivationKey>(await subtle.importKey('raw', bytes, 'HKDF', false, [...HKDF_USES]));
    },

    async unwrapKey(key, iv, wrapped, aad) {
      const unwrapping = subtle.unwrapKey('raw', wrapped, inside(key), gcm(iv, aad), 'HKDF', false, [
        ...HKDF_USES,
      ]);
      return outside<DerivationKey>(await unwrapping.catch(refused));
    },

    async deriveBytes(key, info, bytes) {
      const parameters = { name: 'HKDF', hash: 'SHA-256', salt: NOTHING, info };
      return new Uint8Array(await subtle.deriveBits(parameters, inside(key), bytes * 8));
    },

    async deriveAead(key, salt, info) {
      const into = { name: 'AES-GCM', length: KEY_BITS };
      return outside<AeadKey>(await derive(key, salt, info, into, ['encrypt', 'decrypt', 'unwrapKey']));
    },

    async deriveMac(key, info) {
      // Without `length` WebCrypto would make 64 bytes (docs/format.md).
      const into = { name: 'HMAC', hash: 'SHA-256', length: KEY_BITS };
      return outside<MacKey>(await derive(key, NOTHING, info, into, ['sign', 'verify']));
    },

    async deriveStream(key, info) {
      const into = { name: 'AES-CTR', length: KEY_BITS };
      return outside<StreamKey>(await derive(key, NOTHING, info, into, ['encrypt', 'decrypt']));
    },

    seal(key, iv, aad, plaintext, head = NOTHING) {
      return soon(() => subtle.encrypt(gcm(iv, aad), inside(key), plaintext)).then((sealed) => {
        const joined = publicBytes(head.length + sealed.byteLength);
        joined.set(head);
        joined.set(plain(sealed), head.length);
        return joined;
      });
    },

    open(key, iv, aad, sealed, headBytes = 0) {
      return soon(() => subtle.decrypt(gcm(iv, aad), inside(key), sealed.subarray(headBytes))).then(
        plain,
        refused,
      );
    },

    async mac(key, data) {
      return new Uint8Array(await subtle.sign('HMAC', inside(key), data));
    },

    verifyMac(key, mac, data) {
      return subtle.verify('HMAC', inside(key), mac, data);
    },

    async applyStream(key, counter, data) {
      const parameters = { name: 'AES-CTR', counter, length: SUITE_1.counterBits };
      return new Uint8Array(await subtle.encrypt(parameters, inside(key), data));
    },

    async digest(data) {
      return new Uint8Array(await subtle.digest('SHA-256', data));
    },
  };
  return engine;
}

/**
 * Makes calls that are begun side by side right behind one another, once all of them are begun: in between the platform's
 * threads would fall asleep, and waking one costs as much as the rest of the call.
 */
function inBursts(): <T>(call: () => Promise<T>) => Promise<T> {
  let waiting: (() => void)[] = [];
  const make = (): void => {
    const all = waiting;
    waiting = [];
    for (const call of all) call();
  };
  return (call) =>
    new Promise((resolve, reject) => {
      const begun = waiting.push(() => {
        try {
          call().then(resolve, reject);
        } catch (error) {
          reject(error);
        }
      });
      if (begun === 1) void Promise.resolve().then(make);
    });
}

type Uses = readonly ('encrypt' | 'decrypt' | 'unwrapKey' | 'sign' | 'verify')[];

function gcm(iv: Bytes, additionalData: Bytes) {
  return { name: 'AES-GCM', iv, additionalData, tagLength: TAG_BITS };
}

function inside(key: OpaqueKey<string>): WebCryptoKey {
  return key as WebCryptoKey;
}

function outside<K extends OpaqueKey<string>>(key: WebCryptoKey): K {
  return key as unknown as K;
}

function plain(buffer: ArrayBuffer): Bytes {
  return new Uint8Array(buffer);
}

/** WebCrypto says OperationError where a tag does not verify; anything else is a fault of its own. */
function refused(error: unknown): never {
  throw (error as { name?: unknown } | undefined)?.name === 'OperationError'
    ? new AuthenticationError()
    : error;
}
