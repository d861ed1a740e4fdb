/** Slots, wrapped keys, the document's MAC and the passphrase norm `opaque-1` (keyring.md §1, §2, §6). */
import { createCipheriv, createDecipheriv, pbkdf2Sync } from 'node:crypto';
import { ascii, concat, utf8 } from './bytes.js';
import { type KeyKind, hkdf, hmac, keyCommitment } from './cell.js';
import { type Part, encodeInfo, item } from './context.js';

/** A slot as its description D states it; raw and kms slots have no KDF. */
export type Slot =
  | { readonly type: 'raw'; readonly keyringId: string; readonly slotId: string }
  | { readonly type: 'kms'; readonly keyringId: string; readonly slotId: string }
  | {
      readonly type: 'passphrase';
      readonly keyringId: string;
      readonly slotId: string;
      readonly norm: string;
      readonly kdf: string;
      readonly iterations: number;
      readonly salt: Uint8Array;
    };

/** A data or index key as its wrapping's associated data states it. */
export interface KeyDescription {
  readonly keyringId: string;
  readonly kind: KeyKind;
  readonly tenant?: Part;
}

const MAX_PASSPHRASE_BYTES = 1024;

/** The slot description D (keyring.md §1). */
export function slotDescription(slot: Slot): Uint8Array {
  const common = [item(1, slot.keyringId), item(2, slot.slotId), item(3, slot.type)];
  const start = concat(ascii('cellseal/slot'), Uint8Array.of(0, 1), ...common);
  if (slot.type !== 'passphrase') return start;
  const { norm, kdf, iterations, salt } = slot;
  return concat(start, item(4, norm), item(5, kdf), item(6, BigInt(iterations)), item(7, salt));
}

/** `opaque-1` at opening: every \p{Zs} becomes U+0020, NFC, UTF-8; ill-formed text throws (keyring.md §6). */
export function normaliseOpaque1(passphrase: string): Uint8Array {
  if (/\p{Cs}/u.test(passphrase)) throw new Error('ill-formed passphrase');
  const normalised = utf8(passphrase.replace(/\p{Zs}/gu, ' ').normalize('NFC'));
  if (normalised.length > MAX_PASSPHRASE_BYTES) throw new Error('the passphrase is too long');
  return normalised;
}

/** `opaque-1` at creation: as at opening, and the further refusals of keyring.md §6. */
export function createOpaque1(passphrase: string): Uint8Array {
  if (passphrase === '') throw new Error('empty passphrase');
  if (/[\p{Cc}\p{Cs}\p{Co}\p{Cn}\p{Default_Ignorable_Code_Point}]/u.test(passphrase)) {
    throw new Error('the passphrase holds a code point that is refused at creation');
  }
  return normaliseOpaque1(passphrase);
}

/** S of a passphrase slot: PBKDF2-HMAC-SHA-512, 32 bytes, of the normalised passphrase (keyring.md §1). */
export function passphraseSecret(normalised: Uint8Array, salt: Uint8Array, iterations: number): Uint8Array {
  return Uint8Array.from(pbkdf2Sync(normalised, salt, iterations, 32, 'sha512'));
}

/** The commitment to a slot's secret (keyring.md §1). */
export function slotCommitment(secret: Uint8Array, slot: Slot): Uint8Array {
  return hkdf(secret, new Uint8Array(), encodeInfo('cellseal/v1/slot-commitment', slotDescription(slot)));
}

/** IV ‖ AES-256-GCM(wrap key, IV, root key, AAD = D) (keyring.md §1). */
export function wrapRootKey(secret: Uint8Array, slot: Slot, rootKey: Uint8Array, iv: Uint8Array): Uint8Array {
  return seal(slotWrapKey(secret, slot), iv, rootKey, slotDescription(slot));
}

/** The root key, or undefined when the tag does not verify (keyring.md §1). */
export function unwrapRootKey(secret: Uint8Array, slot: Slot, wrapped: Uint8Array): Uint8Array | undefined {
  return unseal(slotWrapKey(secret, slot), wrapped, slotDescription(slot));
}

/** The associated data of a wrapped key (keyring.md §2). */
export function keyAad({ keyringId, kind, tenant }: KeyDescription, commitment: Uint8Array): Uint8Array {
  const tenantItem = tenant === undefined ? [] : [item(3, tenant)];
  const start = concat(ascii('cellseal/key'), Uint8Array.of(0, 1));
  return concat(start, item(1, keyringId), item(2, kind), ...tenantItem, item(4, commitment));
}

/** IV ‖ AES-256-GCM(key wrap, IV, key, AAD) (keyring.md §2); a commitment that is not the key's makes a lie. */
export function wrapKey(
  rootKey: Uint8Array,
  description: KeyDescription,
  key: Uint8Array,
  iv: Uint8Array,
  commitment = keyCommitment(description.kind, key),
): Uint8Array {
  const aad = keyAad(description, commitment);
  return seal(keyWrapKey(rootKey, description.keyringId), iv, key, aad);
}

/** The key, or undefined when the tag does not verify (keyring.md §2); its commitment is the caller's to check. */
export function unwrapKey(
  rootKey: Uint8Array,
  description: KeyDescription,
  commitment: Uint8Array,
  wrapped: Uint8Array,
): Uint8Array | undefined {
  return unseal(keyWrapKey(rootKey, description.keyringId), wrapped, keyAad(description, commitment));
}

/** HMAC-SHA-256(MAC key, JSON bytes) (keyring.md §2). */
export function keyringMac(rootKey: Uint8Array, keyringId: string, payload: Uint8Array): Uint8Array {
  const info = encodeInfo('cellseal/v1/keyring-mac', item(1, keyringId));
  return hmac(hkdf(rootKey, new Uint8Array(), info), payload);
}

function slotWrapKey(secret: Uint8Array, slot: Slot): Uint8Array {
  return hkdf(secret, new Uint8Array(), encodeInfo('cellseal/v1/slot-wrap', slotDescription(slot)));
}

function keyWrapKey(rootKey: Uint8Array, keyringId: string): Uint8Array {
  return hkdf(rootKey, new Uint8Array(), encodeInfo('cellseal/v1/key-wrap', item(1, keyringId)));
}

function seal(key: Uint8Array, iv: Uint8Array, plaintext: Uint8Array, aad: Uint8Array): Uint8Array {
  const cipher = createCipheriv('aes-256-gcm', key, iv, { authTagLength: 16 });
  cipher.setAAD(aad);
  return concat(iv, cipher.update(plaintext), cipher.final(), cipher.getAuthTag());
}

function unseal(key: Uint8Array, wrapped: Uint8Array, aad: Uint8Array): Uint8Array | undefined {
  const decipher = createDecipheriv('aes-256-gcm', key, wrapped.subarray(0, 12), { authTagLength: 16 });
  decipher.setAAD(aad);
  decipher.setAuthTag(wrapped.subarray(-16));
  try {
    return concat(decipher.update(wrapped.subarray(12, -16)), decipher.final());
  } catch {
    return undefined;
  }
}
