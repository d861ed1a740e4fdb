import {
  type KeyObject,
  createCipheriv,
  createDecipheriv,
  createHash,
  createHmac,
  createSecretKey,
  hkdfSync,
  pbkdf2,
  pbkdf2Sync,
  timingSafeEqual,
} from 'node:crypto';
import { type Bytes, concat, publicBytes } from '../bytes.js';
import { AuthenticationError, DefinitionError } from '../errors.js';
import { MAX_THREADS, THREAD_POOL_BYTES } from '../limits.js';
import type { AeadKey, OpaqueKey, SynchronousEngine } from '../ports/engine.js';
import { SUITE_1 } from '../suite.js';
import { threadPool } from './threads/pool.js';
import { giveThreads } from './threads/registry.js';
import { webCryptoEngine } from './webcrypto.js';

/** The options of {@link nodeEngine}. */
export interface NodeEngineOptions {
  /** From how many bytes on a value goes to the thread pool, so that the event loop does not wait for it. `Infinity`: never. The functions whose names end in `Sync` never use it. Default: 262,144 (256 KiB). */
  readonly threadPoolBytes?: number;
  /**
   * Threads beside the calling one, for the cells of rotations, and of `encryptRecords` and `decryptRecords` with 500
   * records or more: 0 to 64. They start with the first such work (until they are there it is done without them), are
   * given keys as `KeyObject`s, and keep no process alive while they have nothing to do. Closing a keyring has them
   * forget its keys, and does not end them: that is `close`. One for each core but the first is as many as can help.
   * Default: 0.
   */
  readonly threads?: number;
}

/** The engine on `node:crypto`. */
export interface NodeEngine extends SynchronousEngine {
  /** Ends its threads, once they have done what they have. The engine works on in the calling thread alone. */
  close(): Promise<void>;
}

const NOTHING = new Uint8Array(0);
const BLOCK_BYTES = 16;
/** In a counter block, what counts stands behind so many bytes. */
const FIXED_BYTES = BLOCK_BYTES - SUITE_1.counterBits / 8;
const GCM = { authTagLength: SUITE_1.tagBytes };

/**
 * The engine on `node:crypto`, which answers at once: several times as fast as WebCrypto for the values that records are
 * made of, and what the functions whose names end in `Sync` need. It makes the same cells, byte for byte. Keys are
 * `KeyObject`s; the bytes that they are made of, and those that go to the thread pool's own keys, are wiped at once.
 *
 * Passphrases are stretched, and large values sealed and opened, on the thread pool, unless a function ends in `Sync`.
 */
export function nodeEngine({
  threadPoolBytes = THREAD_POOL_BYTES,
  threads: threadCount = 0,
}: NodeEngineOptions = {}): NodeEngine {
  if (!(threadPoolBytes >= 0))
    throw new DefinitionError('threadPoolBytes is a number of bytes, 0 or more, or Infinity.');
  if (!Number.isInteger(threadCount) || threadCount < 0 || threadCount > MAX_THREADS)
    throw new DefinitionError('threads is a whole number from 0 to 64.');
  const threads = threadCount > 0 ? threadPool(threadCount) : undefined;
  const pool = webCryptoEngine();
  const pooled = new WeakMap<KeyObject, Promise<AeadKey>>();
  let callsAtOnce = 0;
  const isForPool = (bytes: Bytes): boolean => bytes.length >= threadPoolBytes && callsAtOnce === 0;

  /** The same key where the thread pool finds it, by way of its bytes: `KeyObject.from` leads the other way, and only from a `CryptoKey` that is extractable, which none is to be. */
  const inPool = (key: AeadKey): Promise<AeadKey> => {
    const known = pooled.get(inside(key));
    if (known !== undefined) return known;
    const bytes = inside(key).export();
    const importing = globalThis.crypto.subtle
      .importKey('raw', bytes, 'AES-GCM', false, ['encrypt', 'decrypt'])
      .then(
        (imported) => imported as unknown as AeadKey,
        (error): never => {
          pooled.delete(inside(key)); // the next one tries again
          throw error;
        },
      )
      .finally(() => bytes.fill(0));
    pooled.set(inside(key), importing);
    return importing;
  };

  const engine: NodeEngine = {
    name: 'node',
    atOnce(work) {
      callsAtOnce++;
      try {
        return work();
      } finally {
        callsAtOnce--;
      }
    },

    stretch(passphrase, salt, iterations) {
      if (callsAtOnce > 0) return wiped(pbkdf2Sync(passphrase, salt, iterations, SUITE_1.keyBytes, 'sha512'));
      return new Promise((resolve, reject) => {
        pbkdf2(passphrase, salt, iterations, SUITE_1.keyBytes, 'sha512', (error, secret) => {
          if (error) reject(error);
          else resolve(wiped(secret));
        });
      });
    },
    importKey: (bytes) => outside(createSecretKey(bytes)),
    unwrapKey: (key, iv, wrapped, aad) => wiped(open(key, iv, aad, wrapped)),

    deriveBytes: (key, info, bytes) => hkdf(key, NOTHING, info, bytes),
    deriveAead: (key, salt, info) => wiped(hkdf(key, salt, info)),
    deriveMac: (key, info) => wiped(hkdf(key, NOTHING, info)),
    deriveStream: (key, info) => wiped(hkdf(key, NOTHING, info)),

    seal(key, iv, aad, plaintext, head = NOTHING) {
      if (isForPool(plaintext))
        return inPool(key).then((pooledKey) => pool.seal(pooledKey, iv, aad, plaintext, head));
      const cipher = createCipheriv('aes-256-gcm', inside(key), iv, GCM);
      cipher.setAAD(aad);
      const ciphertext = cipher.update(plaintext);
      cipher.final(); // GCM leaves nothing to the end
      const end = head.length + ciphertext.length;
      const sealed = publicBytes(end + SUITE_1.tagBytes);
      sealed.set(head);
      sealed.set(ciphertext, head.length);
      sealed.set(cipher.getAuthTag(), end);
      return sealed;
    },
    open(key, iv, aad, sealed, headBytes = 0) {
      if (isForPool(sealed))
        return inPool(key).then((pooledKey) => pool.open(pooledKey, iv, aad, sealed, headBytes));
      return open(key, iv, aad, sealed, headBytes);
    },

    mac: hmac,
    verifyMac(key, mac, data) {
      const expected = hmac(key, data);
      return mac.length === expected.length && timingSafeEqual(mac, expected);
    },
    applyStream(key, counterBlock, data) {
      const most = bytesBeforeOverflow(counterBlock);
      if (data.length <= most) return stream(key, counterBlock, data);
      const again = concat(counterBlock.subarray(0, FIXED_BYTES), new Uint8Array(BLOCK_BYTES - FIXED_BYTES));
      return concat(
        stream(key, counterBlock, data.subarray(0, most)),
        stream(key, again, data.subarray(most)),
      );
    },
    digest: (data) => view(createHash('sha256').update(data).digest()),

    close: async () => threads?.close(),
  };
  if (!threads) return engine;
  giveThreads(engine, threads);
  return Object.freeze(engine); // what is changed in it would not be changed in its threads
}

function open(key: AeadKey, iv: Bytes, aad: Bytes, sealed: Bytes, headBytes = 0): Bytes {
  const end = sealed.length - SUITE_1.tagBytes;
  if (end < headBytes) throw new AuthenticationError();
  const decipher = createDecipheriv('aes-256-gcm', inside(key), iv, GCM);
  decipher.setAAD(aad);
  decipher.setAuthTag(sealed.subarray(end));
  const plaintext = view(decipher.update(sealed.subarray(headBytes, end)));
  try {
    decipher.final();
  } catch {
    plaintext.fill(0); // not to be seen by anybody: nothing has verified it
    throw new AuthenticationError();
  }
  return plaintext;
}

/** The port's counter has 64 bits, and begins again at 0; OpenSSL's has all 128, and would carry over. */
function bytesBeforeOverflow(counterBlock: Bytes): number {
  let blocks = 1; // 2^64 less the counter, digit by digit: exact where it is small enough to matter
  for (const byte of counterBlock.subarray(FIXED_BYTES)) blocks = blocks * 256 - byte;
  return blocks * BLOCK_BYTES;
}

function stream(key: OpaqueKey<string>, counterBlock: Bytes, data: Bytes): Bytes {
  const cipher = createCipheriv('aes-256-ctr', inside(key), counterBlock);
  return view(cipher.update(data)); // a stream cipher leaves nothing to the end
}

function hkdf(key: OpaqueKey<string>, salt: Bytes, info: Bytes, bytes: number = SUITE_1.keyBytes): Bytes {
  return new Uint8Array(hkdfSync('sha256', inside(key), salt, info, bytes));
}

function hmac(key: OpaqueKey<string>, data: Bytes): Bytes {
  return view(createHmac('sha256', inside(key)).update(data).digest());
}

/** As plain bytes: a `Buffer` has methods that do something else. */
function view(buffer: Uint8Array<ArrayBufferLike>): Bytes {
  return new Uint8Array(buffer.buffer as ArrayBuffer, buffer.byteOffset, buffer.byteLength);
}

/** The key of these bytes, which are wiped. */
function wiped<K extends OpaqueKey<string>>(bytes: Uint8Array): K {
  try {
    return outside<K>(createSecretKey(bytes));
  } finally {
    bytes.fill(0);
  }
}

function inside(key: OpaqueKey<string>): KeyObject {
  return key as unknown as KeyObject;
}

function outside<K extends OpaqueKey<string>>(key: KeyObject): K {
  return key as unknown as K;
}
