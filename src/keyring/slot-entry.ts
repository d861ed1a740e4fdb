import { type Bytes, base64url, decodeBase64url } from '../bytes.js';
import { KeyringFormatError, KeyringLimitError } from '../errors.js';
import {
  MAX_ITERATIONS,
  MAX_KEY_NAME_CHARACTERS,
  MAX_LABEL_CHARACTERS,
  MAX_WRAPPED_SECRET_BYTES,
  MIN_ITERATIONS,
} from '../limits.js';
import { type Norm, isNorm } from '../passphrase/index.js';
import { SUITE_1 } from '../suite.js';
import { closed, damaged, fixedBytes, id, isObject, line, time } from './checks.js';

/** One way to unlock the keyring. */
export type Slot = PassphraseSlot | RawSlot | KmsSlot;

interface SlotBase {
  readonly id: string;
  /** For people; may be empty. */
  readonly label: string;
  /** ISO 8601, UTC, with milliseconds. */
  readonly createdAt: string;
  readonly commitment: Bytes;
  /** IV ‖ sealed root key. */
  readonly wrapped: Bytes;
}
export interface PassphraseSlot extends SlotBase {
  readonly type: 'passphrase';
  readonly norm: Norm;
  readonly kdf: typeof KDF;
  readonly iterations: number;
  readonly salt: Bytes;
}
export interface RawSlot extends SlotBase {
  readonly type: 'raw';
}
export interface KmsSlot extends SlotBase {
  readonly type: 'kms';
  /** What the service calls the key that wraps; for people. */
  readonly keyName: string;
  /** The slot's secret as the service wrapped it. */
  readonly wrappedSecret: Bytes;
}

/** The one key derivation of passphrase slots. */
export const KDF = 'PBKDF2-HMAC-SHA-512';
/** Bytes of a slot's salt. */
export const SLOT_SALT_BYTES = 32;

/** IV, 32 sealed bytes, tag. */
export const WRAPPED_BYTES = SUITE_1.ivBytes + SUITE_1.keyBytes + SUITE_1.tagBytes;

const BEFORE = ['id', 'type', 'label', 'createdAt'];
const AFTER = ['commitment', 'wrapped'];
const MEMBERS: Readonly<Record<Slot['type'], readonly string[]>> = {
  passphrase: [...BEFORE, 'norm', 'kdf', 'iterations', 'salt', ...AFTER],
  raw: [...BEFORE, ...AFTER],
  kms: [...BEFORE, 'keyName', 'wrappedSecret', ...AFTER],
};

export function encodeSlot(slot: Slot): object {
  const { id, type, label, createdAt } = slot;
  return {
    id,
    type,
    label,
    createdAt,
    ...encodeOwn(slot),
    commitment: base64url(slot.commitment),
    wrapped: base64url(slot.wrapped),
  };
}

function encodeOwn(slot: Slot): object {
  if (slot.type === 'raw') return {};
  if (slot.type === 'kms') return { keyName: slot.keyName, wrappedSecret: base64url(slot.wrappedSecret) };
  const { norm, kdf, iterations } = slot;
  return { norm, kdf, iterations, salt: base64url(slot.salt) };
}

export function decodeSlot(value: unknown): Slot {
  const type = isObject(value) ? value['type'] : undefined;
  if (typeof type !== 'string') throw damaged('A slot has no type.');
  if (!isType(type)) throw new KeyringFormatError();
  const slot = closed(value, MEMBERS[type], 'slot');
  const base = {
    id: id(slot['id']),
    label: line(slot['label'], 0, MAX_LABEL_CHARACTERS),
    createdAt: time(slot['createdAt']),
    commitment: fixedBytes(slot['commitment'], SUITE_1.commitmentBytes),
    wrapped: fixedBytes(slot['wrapped'], WRAPPED_BYTES),
  };
  if (type === 'raw') return { ...base, type };
  if (type === 'kms') {
    const keyName = line(slot['keyName'], 1, MAX_KEY_NAME_CHARACTERS);
    return { ...base, type, keyName, wrappedSecret: wrappedSecret(slot['wrappedSecret']) };
  }
  const { norm, kdf } = slot;
  if (typeof norm !== 'string' || !isNorm(norm) || kdf !== KDF) throw new KeyringFormatError();
  return {
    ...base,
    type,
    norm,
    kdf: KDF,
    iterations: iterations(slot['iterations']),
    salt: fixedBytes(slot['salt'], SLOT_SALT_BYTES),
  };
}

function isType(type: string): type is Slot['type'] {
  return Object.hasOwn(MEMBERS, type);
}

function iterations(value: unknown): number {
  if (!Number.isSafeInteger(value)) throw damaged('An iteration count is no integer.');
  assertIterations(value as number);
  return value as number;
}

/** The bounds that a document is held to, and what is asked of a new slot. */
export function assertIterations(iterations: number): void {
  if (!Number.isSafeInteger(iterations) || iterations < MIN_ITERATIONS || iterations > MAX_ITERATIONS) {
    throw new KeyringLimitError('A passphrase slot has 1,000 to 10,000,000 iterations.');
  }
}

function wrappedSecret(value: unknown): Bytes {
  const decoded = typeof value === 'string' ? decodeBase64url(value) : undefined;
  if (!decoded || decoded.length === 0 || decoded.length > MAX_WRAPPED_SECRET_BYTES)
    throw damaged('A wrapped secret has not its length.');
  return decoded;
}
