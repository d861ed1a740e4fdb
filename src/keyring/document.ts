import {
  type Bytes,
  base64url,
  concat,
  decodeBase64url,
  decodeUtf8,
  equalBytes,
  isWellFormed,
  utf8,
} from '../bytes.js';
import type { ContextPart } from '../envelope/index.js';
import { KeyringDamagedError, KeyringFormatError, KeyringLimitError } from '../errors.js';
import {
  MAX_CONTEXT_FIELD_BYTES,
  MAX_ID_CHARACTERS,
  MAX_ITERATIONS,
  MAX_KEYRING_BYTES,
  MAX_SLOTS,
  MIN_ITERATIONS,
} from '../limits.js';
import { type Norm, isNorm } from '../passphrase/index.js';
import { SUITE_1 } from '../suite.js';
import { KEY_STATES, type KeyKind, type KeyState } from './states.js';

/** The keyring document, as docs/keyring-format.md has it, with its bytes decoded. */
export interface KeyringDocument {
  readonly keyringId: string;
  /** Counts from 1; one more at every change. */
  readonly revision: number;
  /** SHA-256 of the previous payload; `undefined` in revision 1. */
  readonly previous: Bytes | undefined;
  readonly slots: readonly Slot[];
  readonly keys: readonly KeyEntry[];
  /** Kept as it is, and not looked at. */
  readonly extensions: Readonly<Record<string, unknown>>;
}

/** One way to unlock the keyring. */
export type Slot = PassphraseSlot | RawSlot;

interface SlotBase {
  readonly id: string;
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

export interface KeyEntry {
  readonly kind: KeyKind;
  readonly tenant: ContextPart | undefined;
  readonly commitment: Bytes;
  readonly state: KeyState;
  /** ISO 8601, UTC, with milliseconds. */
  readonly createdAt: string;
  /** IV ‖ sealed key; `undefined` once it is destroyed. */
  readonly wrapped: Bytes | undefined;
}

/** The one key derivation of passphrase slots. */
export const KDF = 'PBKDF2-HMAC-SHA-512';
/** Bytes of a slot's salt. */
export const SLOT_SALT_BYTES = 32;

const FORMAT = 1;
/** Without it the runtime's stack would decide: what opens on one would be damaged on another. */
const MAX_EXTENSION_DEPTH = 64;
const MAC_BYTES = 32;
const HASH_BYTES = 32;
const WRAPPED_BYTES = SUITE_1.ivBytes + SUITE_1.keyBytes + SUITE_1.tagBytes;

// Matched whole, so the outer object needs no parser: no duplicate, no unknown member, no escape. Editors add the newline.
const OUTER = /^\{"payload":"([A-Za-z0-9_-]+)","mac":"([A-Za-z0-9_-]+)"\}\r?\n?$/;
const ID = new RegExp(`^[A-Za-z0-9_-]{1,${MAX_ID_CHARACTERS}}$`);
const INTEGER = /^(0|-?[1-9][0-9]*)$/;

/** The outer document, taken apart: the payload's bytes are what the MAC is over. */
export function splitDocument(bytes: Bytes): { payload: Bytes; mac: Bytes } {
  if (bytes.length > MAX_KEYRING_BYTES) throw new KeyringLimitError('A keyring document has at most 1 MiB.');
  const match = OUTER.exec(decodeUtf8(bytes) ?? '');
  const payload = decodeBase64url(match?.[1] ?? '');
  const mac = decodeBase64url(match?.[2] ?? '');
  if (!match || !payload || mac?.length !== MAC_BYTES) throw damaged('It is not {"payload":…,"mac":…}.');
  return { payload, mac };
}

/** The outer document, put together. */
export function joinDocument(payload: Bytes, mac: Bytes): Bytes {
  const document = concat(
    utf8('{"payload":"'),
    utf8(base64url(payload)),
    utf8('","mac":"'),
    utf8(base64url(mac)),
    utf8('"}'),
  );
  if (document.length > MAX_KEYRING_BYTES)
    throw new KeyringLimitError('A keyring document has at most 1 MiB.');
  return document;
}

/** The payload's bytes: JSON with the members in this order, without white space, as `JSON.stringify` writes it. */
export function encodePayload(document: KeyringDocument): Bytes {
  const payload = {
    format: FORMAT,
    keyringId: document.keyringId,
    revision: document.revision,
    previous: document.previous ? base64url(document.previous) : null,
    slots: document.slots.map(encodeSlot),
    keys: document.keys.map(encodeKey),
    policy: {},
    extensions: document.extensions,
  };
  return utf8(JSON.stringify(payload));
}

/**
 * Reads a payload. Bounds come first, so that a forged document costs nothing; then everything is closed: a member too
 * many, missing, doubled or in another order is refused, because the payload must be what {@link encodePayload} writes.
 */
export function decodePayload(bytes: Bytes): KeyringDocument {
  const payload = parseJson(bytes);
  if (!isObject(payload)) throw damaged('The payload is no object.');
  if (payload['format'] !== FORMAT) {
    if (typeof payload['format'] === 'number') throw new KeyringFormatError();
    throw damaged('The payload names no format.');
  }
  const document = closed(payload, PAYLOAD_MEMBERS, 'payload');
  const decoded: KeyringDocument = {
    keyringId: id(document['keyringId']),
    revision: revision(document['revision']),
    previous: document['previous'] === null ? undefined : fixedBytes(document['previous'], HASH_BYTES),
    slots: list(document['slots'], MAX_SLOTS).map(decodeSlot),
    keys: list(document['keys']).map(decodeKey),
    extensions: extensions(document['extensions']),
  };
  closed(document['policy'], [], 'policy');
  if ((decoded.revision === 1) !== (decoded.previous === undefined))
    throw damaged('The first revision has no predecessor, and every other one has.');
  assertCanonical(decoded, bytes);
  return decoded;
}

const PAYLOAD_MEMBERS = [
  'format',
  'keyringId',
  'revision',
  'previous',
  'slots',
  'keys',
  'policy',
  'extensions',
];
const SLOT_MEMBERS = {
  passphrase: ['id', 'type', 'norm', 'kdf', 'iterations', 'salt', 'commitment', 'wrapped'],
  raw: ['id', 'type', 'commitment', 'wrapped'],
};

function encodeSlot(slot: Slot): object {
  const { id, type } = slot;
  const sealed = { commitment: base64url(slot.commitment), wrapped: base64url(slot.wrapped) };
  if (slot.type === 'raw') return { id, type, ...sealed };
  const { norm, kdf, iterations } = slot;
  return { id, type, norm, kdf, iterations, salt: base64url(slot.salt), ...sealed };
}

function decodeSlot(value: unknown): Slot {
  const type = isObject(value) ? value['type'] : undefined;
  if (type !== 'passphrase' && type !== 'raw') {
    if (typeof type === 'string') throw new KeyringFormatError();
    throw damaged('A slot has no type.');
  }
  const slot = closed(value, SLOT_MEMBERS[type], 'slot');
  const base = {
    id: id(slot['id']),
    commitment: fixedBytes(slot['commitment'], SUITE_1.commitmentBytes),
    wrapped: fixedBytes(slot['wrapped'], WRAPPED_BYTES),
  };
  if (type === 'raw') return { ...base, type };
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

function encodeKey(key: KeyEntry): object {
  return {
    kind: key.kind,
    ...(key.tenant === undefined ? {} : { tenant: encodeTenant(key.tenant) }),
    commitment: base64url(key.commitment),
    state: key.state,
    createdAt: key.createdAt,
    ...(key.wrapped === undefined ? {} : { wrapped: base64url(key.wrapped) }),
  };
}

function decodeKey(value: unknown): KeyEntry {
  const key = isObject(value) ? value : {};
  const members = ['kind', 'tenant', 'commitment', 'state', 'createdAt', 'wrapped'];
  const { kind, state } = closed(
    key,
    members.filter((name) => Object.hasOwn(key, name) || (name !== 'tenant' && name !== 'wrapped')),
    'key',
  );
  if (kind !== 'data' && kind !== 'index') throw damaged('A key has no kind.');
  if (typeof state !== 'string' || !Object.hasOwn(KEY_STATES, state)) throw damaged('A key has no state.');
  const row = KEY_STATES[state as KeyState];
  if (row.holdsBytes !== Object.hasOwn(key, 'wrapped'))
    throw damaged('A key is there and destroyed, or neither.');
  return {
    kind,
    tenant: Object.hasOwn(key, 'tenant') ? decodeTenant(key['tenant']) : undefined,
    commitment: fixedBytes(key['commitment'], SUITE_1.commitmentBytes),
    state: state as KeyState,
    createdAt: time(key['createdAt']),
    wrapped: row.holdsBytes ? fixedBytes(key['wrapped'], WRAPPED_BYTES) : undefined,
  };
}

function encodeTenant(tenant: ContextPart): unknown {
  if (typeof tenant === 'string') return tenant;
  return typeof tenant === 'bigint' ? { integer: tenant.toString() } : { bytes: base64url(tenant) };
}

function decodeTenant(value: unknown): ContextPart {
  if (typeof value === 'string') {
    if (value === '' || !isWellFormed(value) || utf8(value).length > MAX_CONTEXT_FIELD_BYTES)
      throw damaged('A tenant is no tenant.');
    return value;
  }
  const [name, ...others] = isObject(value) ? Object.keys(value) : [];
  const inner = isObject(value) && name !== undefined ? value[name] : undefined;
  if (others.length > 0 || typeof inner !== 'string' || inner.length > 2 * MAX_CONTEXT_FIELD_BYTES)
    throw damaged('A tenant is no tenant.');
  if (name === 'integer' && inner.length <= MAX_CONTEXT_FIELD_BYTES && INTEGER.test(inner))
    return BigInt(inner);
  const bytes = name === 'bytes' ? decodeBase64url(inner) : undefined;
  if (!bytes || bytes.length === 0 || bytes.length > MAX_CONTEXT_FIELD_BYTES)
    throw damaged('A tenant is no tenant.');
  return bytes;
}

function parseJson(bytes: Bytes): unknown {
  try {
    return JSON.parse(decodeUtf8(bytes) ?? '') as unknown;
  } catch {
    throw damaged('The payload is no JSON.');
  }
}

/** `JSON.parse` lets the last of doubled members win; written again, such a document is another one. */
function assertCanonical(document: KeyringDocument, bytes: Bytes): void {
  if (!equalBytes(encodePayload(document), bytes)) {
    throw damaged('The payload is not spelled as the format has it: members doubled, reordered or spaced.');
  }
}

function closed(value: unknown, members: readonly string[], what: string): Record<string, unknown> {
  if (!isObject(value)) throw damaged(`The ${what} is no object.`);
  const found = Object.keys(value);
  if (found.length !== members.length || !members.every((name) => Object.hasOwn(value, name))) {
    throw damaged(`The ${what} has a member too many or too few.`);
  }
  return value;
}

function list(value: unknown, most?: number): unknown[] {
  if (!Array.isArray(value)) throw damaged('A list is no list.');
  if (most !== undefined && value.length > most)
    throw new KeyringLimitError('A keyring has at most 16 slots.');
  return value;
}

function id(value: unknown): string {
  if (typeof value !== 'string' || !ID.test(value)) throw damaged('An id is no id.');
  return value;
}

function revision(value: unknown): number {
  if (!Number.isSafeInteger(value) || (value as number) < 1) throw damaged('The revision is no revision.');
  return value as number;
}

function iterations(value: unknown): number {
  if (!Number.isSafeInteger(value)) throw damaged('An iteration count is no integer.');
  if ((value as number) < MIN_ITERATIONS || (value as number) > MAX_ITERATIONS) {
    throw new KeyringLimitError('A passphrase slot has 1,000 to 10,000,000 iterations.');
  }
  return value as number;
}

function fixedBytes(value: unknown, bytes: number): Bytes {
  const decoded = typeof value === 'string' ? decodeBase64url(value) : undefined;
  if (decoded?.length !== bytes) throw damaged('A byte string has not its length.');
  return decoded;
}

function time(value: unknown): string {
  const ms = typeof value === 'string' ? Date.parse(value) : Number.NaN;
  if (Number.isNaN(ms) || new Date(ms).toISOString() !== value) throw damaged('A time is no time.');
  return value;
}

function extensions(value: unknown): Record<string, unknown> {
  if (!isObject(value)) throw damaged('The extensions are no object.');
  assertSound(value);
  return value;
}

function assertSound(extensions: object): void {
  const open: (readonly [value: unknown, depth: number])[] = [[extensions, 1]];
  for (let next = open.pop(); next; next = open.pop()) {
    const [value, depth] = next;
    if (typeof value !== 'object' || value === null) continue;
    if (Object.hasOwn(value, '__proto__')) throw damaged('A member is named __proto__.');
    if (depth > MAX_EXTENSION_DEPTH) throw new KeyringLimitError('Extensions are nested at most 64 deep.');
    for (const member of Object.values(value)) open.push([member, depth + 1]);
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function damaged(rule: string): KeyringDamagedError {
  return new KeyringDamagedError(rule);
}
