/** An engine on node:crypto that answers at once: `KeyObject`s, and not one promise. */
import {
  type KeyObject,
  createCipheriv,
  createDecipheriv,
  createHash,
  createHmac,
  createSecretKey,
  hkdfSync,
  pbkdf2Sync,
  timingSafeEqual,
} from 'node:crypto';
import { type Bytes, concat } from '../../src/bytes.js';
import { AuthenticationError } from '../../src/errors.js';
import type { Engine, OpaqueKey } from '../../src/ports/engine.js';

const KEY_BYTES = 32;
const TAG_BYTES = 16;
const NOTHING = new Uint8Array(0);

export function syncEngine(): Engine {
  return {
    name: 'node-sync',

    stretch: (passphrase, salt, iterations) =>
      outside(wiped(pbkdf2Sync(passphrase, salt, iterations, KEY_BYTES, 'sha512'))),
    importKey: (bytes) => outside(createSecretKey(bytes)),
    unwrapKey: (key, iv, wrapped, aad) => outside(wiped(gcmOpen(inside(key), iv, aad, wrapped))),

    deriveBytes: (key, info, bytes) => hkdf(key, NOTHING, info, bytes),
    deriveAead: (key, salt, info) => outside(wiped(hkdf(key, salt, info))),
    deriveMac: (key, info) => outside(wiped(hkdf(key, NOTHING, info))),
    deriveStream: (key, info) => outside(wiped(hkdf(key, NOTHING, info))),

    seal(key, iv, aad, plaintext) {
      const cipher = createCipheriv('aes-256-gcm', inside(key), iv, { authTagLength: TAG_BYTES });
      cipher.setAAD(aad);
      return concat(cipher.update(plaintext), cipher.final(), cipher.getAuthTag());
    },
    open: (key, iv, aad, ciphertext) => gcmOpen(inside(key), iv, aad, ciphertext),

    mac: (key, data) => hmac(key, data),
    verifyMac(key, mac, data) {
      const expected = hmac(key, data);
      return mac.length === expected.length && timingSafeEqual(mac, expected);
    },
    applyStream(key, counterBlock, data) {
      const cipher = createCipheriv('aes-256-ctr', inside(key), counterBlock);
      return concat(cipher.update(data), cipher.final());
    },
    digest: (data) => new Uint8Array(createHash('sha256').update(data).digest()),
  };
}

function gcmOpen(key: KeyObject, iv: Bytes, aad: Bytes, ciphertext: Bytes): Bytes {
  if (ciphertext.length < TAG_BYTES) throw new AuthenticationError();
  const decipher = createDecipheriv('aes-256-gcm', key, iv, { authTagLength: TAG_BYTES });
  decipher.setAAD(aad);
  decipher.setAuthTag(ciphertext.subarray(-TAG_BYTES));
  const plaintext = decipher.update(ciphertext.subarray(0, -TAG_BYTES));
  try {
    return concat(plaintext, decipher.final());
  } catch {
    throw new AuthenticationError();
  } finally {
    plaintext.fill(0);
  }
}

function hkdf(key: OpaqueKey<string>, salt: Bytes, info: Bytes, bytes = KEY_BYTES): Bytes {
  return new Uint8Array(hkdfSync('sha256', inside(key), salt, info, bytes));
}

function hmac(key: OpaqueKey<string>, data: Bytes): Bytes {
  return new Uint8Array(createHmac('sha256', inside(key)).update(data).digest());
}

function wiped(bytes: Uint8Array): KeyObject {
  const key = createSecretKey(bytes);
  bytes.fill(0);
  return key;
}

function inside(key: OpaqueKey<string>): KeyObject {
  return key as unknown as KeyObject;
}

function outside<K extends OpaqueKey<string>>(key: KeyObject): K {
  return key as unknown as K;
}
