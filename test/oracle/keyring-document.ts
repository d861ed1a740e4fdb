/** Keyring documents, written and read as keyring-format.md has them. */
import { createHash } from 'node:crypto';
import { base32, base64url, fromBase64url, fromUtf8, hex, utf8 } from './bytes.js';
import { type KeyKind, type KeyState, keyCommitment } from './cell.js';
import { MAX_FIELD_BYTES, type Part } from './context.js';
import { type Json, depthOf, hasName, isList, isObject, isSpelled, parseJson, spell } from './json-text.js';
import {
  type Slot,
  keyringMac,
  normaliseOpaque1,
  passphraseSecret,
  slotCommitment,
  unwrapKey,
  unwrapRootKey,
  wrapKey,
  wrapRootKey,
} from './keyring.js';

/** What unlocks: exactly one of the two. */
export interface Unlock {
  readonly passphrase?: string;
  readonly rawKey?: Uint8Array;
}

/** A slot to write; `salt` and `iterations` where it is opened by a passphrase. */
export interface SlotSpec {
  readonly id: string;
  readonly passphrase?: string;
  readonly rawKey?: Uint8Array;
  readonly salt?: Uint8Array;
  readonly iterations?: number;
  /** Instead of the derived one, which would take too long. */
  readonly secret?: Uint8Array;
  readonly iv: Uint8Array;
}

/** A key to write; a destroyed one still stands here with its bytes, from which its commitment is taken. */
export interface KeySpec {
  readonly kind: KeyKind;
  readonly tenant?: Part;
  readonly key: Uint8Array;
  readonly iv: Uint8Array;
  readonly state: KeyState;
  readonly createdAt: string;
  /** Instead of the key's own, where the document is to lie. */
  readonly commitment?: Uint8Array;
}

/** A document to write. */
export interface DocumentSpec {
  readonly keyringId: string;
  readonly revision: number;
  readonly previous?: Uint8Array;
  readonly rootKey: Uint8Array;
  readonly slots: readonly SlotSpec[];
  readonly keys: readonly KeySpec[];
  /** JSON text. */
  readonly extensions?: string;
}

/** A key as it was read. `key` is there where its wrapping and its commitment verify. */
export interface ReadKey {
  readonly keyId: string;
  readonly kind: KeyKind;
  readonly tenant?: Part;
  readonly state: KeyState;
  readonly createdAt: string;
  readonly commitment: Uint8Array;
  readonly key?: Uint8Array;
}

/** A document as it was read. */
export interface ReadDocument {
  readonly keyringId: string;
  readonly revision: number;
  readonly previous?: Uint8Array;
  readonly rootKey: Uint8Array;
  readonly payload: Uint8Array;
  readonly slots: readonly Slot[];
  readonly keys: readonly ReadKey[];
  readonly extensions: string;
}

/** The refusals, and that there is none. */
export type DocumentCode =
  | 'success'
  | 'keyring-damaged'
  | 'keyring-format'
  | 'keyring-limit'
  | 'invalid-passphrase'
  | 'wrong-secret';

export type DocumentOutcome =
  | { readonly code: Exclude<DocumentCode, 'success'> }
  | { readonly code: 'success'; readonly document: ReadDocument };

const MAX_DOCUMENT_BYTES = 1024 * 1024;
const MAX_DEPTH = 64;
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
const SLOT_MEMBERS = ['id', 'type', 'norm', 'kdf', 'iterations', 'salt', 'commitment', 'wrapped'];
const KEY_MEMBERS = ['kind', 'tenant', 'commitment', 'state', 'createdAt', 'wrapped'];
const STATES: readonly string[] = [
  'pre-active',
  'active',
  'deactivated',
  'suspended',
  'compromised',
  'destroyed',
];

// ── Writing ─────────────────────────────────────────────────────────────────────────────────────────────────────────

/** The whole document. */
export function writeDocument(spec: DocumentSpec): string {
  return sealPayload(spec.rootKey, spec.keyringId, utf8(payloadText(spec)));
}

/** The document of a payload, whatever it says. */
export function sealPayload(rootKey: Uint8Array, keyringId: string, payload: Uint8Array): string {
  return joinDocument(payload, keyringMac(rootKey, keyringId, payload));
}

/** The document of a payload and a MAC, whether it is its own or not. */
export function joinDocument(payload: Uint8Array, mac: Uint8Array): string {
  return `{"payload":"${Buffer.from(payload).toString('base64url')}","mac":"${base64url(mac)}"}`;
}

/** The payload's text. */
export function payloadText(spec: DocumentSpec): string {
  const { keyringId, revision, previous, slots, keys, extensions = '{}' } = spec;
  return [
    `{"format":1,"keyringId":"${keyringId}","revision":${revision}`,
    `"previous":${previous === undefined ? 'null' : `"${base64url(previous)}"`}`,
    `"slots":[${slots.map((slot) => slotText(spec, slot)).join(',')}]`,
    `"keys":[${keys.map((key) => keyText(spec, key)).join(',')}]`,
    `"policy":{},"extensions":${extensions}}`,
  ].join(',');
}

/** SHA-256 of a payload's bytes: what the next revision names. */
export function payloadHash(payload: Uint8Array): Uint8Array {
  return Uint8Array.from(createHash('sha256').update(payload).digest());
}

/** The text of one slot. */
export function slotText({ keyringId, rootKey }: DocumentSpec, spec: SlotSpec): string {
  const slot = slotOf(keyringId, spec);
  const secret = spec.secret ?? secretOf(slot, spec);
  const sealed =
    `"commitment":"${base64url(slotCommitment(secret, slot))}",` +
    `"wrapped":"${base64url(wrapRootKey(secret, slot, rootKey, spec.iv))}"`;
  if (slot.type !== 'passphrase') return `{"id":"${spec.id}","type":"raw",${sealed}}`;
  const { norm, kdf, iterations, salt } = slot;
  return (
    `{"id":"${spec.id}","type":"passphrase","norm":"${norm}","kdf":"${kdf}","iterations":${iterations},` +
    `"salt":"${base64url(salt)}",${sealed}}`
  );
}

/** The text of one key. */
export function keyText({ keyringId, rootKey }: DocumentSpec, spec: KeySpec): string {
  const { kind, tenant, key, iv, state, createdAt } = spec;
  const commitment = spec.commitment ?? keyCommitment(kind, key);
  const description = { keyringId, kind, ...(tenant !== undefined && { tenant }) };
  const wrapped = wrapKey(rootKey, description, key, iv, commitment);
  return [
    `{"kind":"${kind}"`,
    ...(tenant === undefined ? [] : [`"tenant":${tenantText(tenant)}`]),
    `"commitment":"${base64url(commitment)}"`,
    `"state":"${state}"`,
    `"createdAt":"${createdAt}"${state === 'destroyed' ? '}' : ''}`,
    ...(state === 'destroyed' ? [] : [`"wrapped":"${base64url(wrapped)}"}`]),
  ].join(',');
}

/** The text of a tenant. */
export function tenantText(tenant: Part): string {
  if (typeof tenant === 'string') return spell(tenant);
  return typeof tenant === 'bigint' ? `{"integer":"${tenant}"}` : `{"bytes":"${base64url(tenant)}"}`;
}

function slotOf(keyringId: string, spec: SlotSpec): Slot {
  const { id: slotId, rawKey, salt, iterations } = spec;
  if (rawKey !== undefined) return { type: 'raw', keyringId, slotId };
  if (salt === undefined || iterations === undefined)
    throw new Error('a passphrase slot has salt and iterations');
  return {
    type: 'passphrase',
    keyringId,
    slotId,
    norm: 'opaque-1',
    kdf: 'PBKDF2-HMAC-SHA-512',
    iterations,
    salt,
  };
}

function secretOf(slot: Slot, { passphrase, rawKey }: Unlock): Uint8Array {
  if (slot.type !== 'passphrase') return rawKey as Uint8Array;
  return passphraseSecret(normaliseOpaque1(passphrase as string), slot.salt, slot.iterations);
}

// ── Reading ─────────────────────────────────────────────────────────────────────────────────────────────────────────

class Refused extends Error {
  readonly code: Exclude<DocumentCode, 'success'>;

  constructor(code: Exclude<DocumentCode, 'success'>) {
    super(code);
    this.code = code;
  }
}

interface StoredSlot {
  readonly slot: Slot;
  readonly commitment: Uint8Array;
  readonly wrapped: Uint8Array;
}

interface StoredKey {
  readonly kind: KeyKind;
  readonly tenant?: Part;
  readonly commitment: Uint8Array;
  readonly state: KeyState;
  readonly createdAt: string;
  readonly wrapped?: Uint8Array;
}

/** Reads a document that a store keeps under `revision`, in the order of keyring-format.md §6. */
export function readDocument(document: Uint8Array, revision: number, unlock: Unlock): DocumentOutcome {
  try {
    return { code: 'success', document: read(document, revision, unlock) };
  } catch (error) {
    if (error instanceof Refused) return { code: error.code };
    throw error;
  }
}

function read(document: Uint8Array, storedRevision: number, unlock: Unlock): ReadDocument {
  if ((unlock.passphrase === undefined) === (unlock.rawKey === undefined)) refuse('invalid-passphrase');
  if (unlock.rawKey !== undefined && unlock.rawKey.length !== 32) refuse('invalid-passphrase');
  if (document.length > MAX_DOCUMENT_BYTES) refuse('keyring-limit');
  const outer = /^\{"payload":"([A-Za-z0-9_-]+)","mac":"([A-Za-z0-9_-]+)"\}(?:\n|\r\n|\r)?$/.exec(
    fromUtf8(document) ?? '',
  );
  const payload = exactBase64url(outer?.[1]) ?? refuse('keyring-damaged');
  const mac = exactBase64url(outer?.[2], 32) ?? refuse('keyring-damaged');

  const text = fromUtf8(payload) ?? refuse('keyring-damaged');
  const json = parseJson(text);
  if (!isObject(json)) refuse('keyring-damaged');
  const format = memberOf(json, 'format');
  if (isNumber(format) && Number(format.number) !== 1) refuse('keyring-format');
  if (!isNumber(format)) refuse('keyring-damaged');
  const found = members(json, PAYLOAD_MEMBERS);

  const keyringId = idOf(found['keyringId']);
  const revision = integerOf(found['revision']);
  if (revision < 1) refuse('keyring-damaged');
  const previous = found['previous'] === null ? undefined : bytesOf(found['previous'], 32);
  const slotList = listOf(found['slots']);
  if (slotList.length > 16) refuse('keyring-limit');
  const slots = slotList.map((slot) => readSlot(slot, keyringId));
  const keys = listOf(found['keys']).map(readKey);
  const { extensions, policy } = found;
  if (!isObject(extensions) || hasName(extensions, '__proto__')) refuse('keyring-damaged');
  if (depthOf(extensions) > MAX_DEPTH) refuse('keyring-limit');
  members(policy, []);
  if ((revision === 1) !== (previous === undefined)) refuse('keyring-damaged');
  if (!isSpelled(text, json) || !isInOrder(json, found)) refuse('keyring-damaged');

  const rootKey = rootKeyOf(slots, unlock);
  if (hex(keyringMac(rootKey, keyringId, payload)) !== hex(mac)) refuse('keyring-damaged');
  if (revision !== storedRevision) refuse('keyring-damaged');
  refuseContradictions(keys);
  return {
    keyringId,
    revision,
    ...(previous !== undefined && { previous }),
    rootKey,
    payload,
    slots: slots.map(({ slot }) => slot),
    keys: keys.map((key) => opened(key, rootKey, keyringId)),
    extensions: spell(extensions),
  };
}

function readSlot(json: Json, keyringId: string): StoredSlot {
  const type = isObject(json) ? memberOf(json, 'type') : undefined;
  if (typeof type !== 'string') refuse('keyring-damaged');
  if (type !== 'passphrase' && type !== 'raw') refuse('keyring-format');
  const isDerivation = (name: string): boolean => ['norm', 'kdf', 'iterations', 'salt'].includes(name);
  const found = members(
    json,
    SLOT_MEMBERS.filter((name) => type === 'passphrase' || !isDerivation(name)),
  );
  const slotId = idOf(found['id']);
  const commitment = bytesOf(found['commitment'], 32);
  const wrapped = bytesOf(found['wrapped'], 60);
  if (type === 'raw') return { slot: { type, keyringId, slotId }, commitment, wrapped };
  const { norm, kdf } = found;
  if (norm !== 'opaque-1' || kdf !== 'PBKDF2-HMAC-SHA-512') refuse('keyring-format');
  const iterations = integerOf(found['iterations']);
  if (iterations < 1000 || iterations > 10_000_000) refuse('keyring-limit');
  const salt = bytesOf(found['salt'], 32);
  return { slot: { type, keyringId, slotId, norm, kdf, iterations, salt }, commitment, wrapped };
}

function readKey(json: Json): StoredKey {
  if (!isObject(json)) refuse('keyring-damaged');
  const has = (name: string): boolean => memberOf(json, name) !== undefined;
  const isOptional = (name: string): boolean => name === 'tenant' || name === 'wrapped';
  const found = members(
    json,
    KEY_MEMBERS.filter((name) => has(name) || !isOptional(name)),
  );
  const { kind, state } = found;
  if (kind !== 'data' && kind !== 'index') refuse('keyring-damaged');
  if (typeof state !== 'string' || !STATES.includes(state)) refuse('keyring-damaged');
  if ((state === 'destroyed') === has('wrapped')) refuse('keyring-damaged');
  const tenant = has('tenant') ? tenantOf(found['tenant']) : undefined;
  const commitment = bytesOf(found['commitment'], 32);
  const createdAt = timeOf(found['createdAt']);
  return {
    kind,
    ...(tenant !== undefined && { tenant }),
    commitment,
    state: state as KeyState,
    createdAt,
    ...(state !== 'destroyed' && { wrapped: bytesOf(found['wrapped'], 60) }),
  };
}

function tenantOf(json: Json | undefined): Part {
  if (typeof json === 'string') {
    if (json === '' || /\p{Cs}/u.test(json) || utf8(json).length > MAX_FIELD_BYTES) refuse('keyring-damaged');
    return json;
  }
  // The last of doubled members counts here too: the spelling is held against the document later.
  const names = isObject(json) ? [...new Set(json.members.map(([name]) => name))] : [];
  const value = isObject(json) && names.length === 1 ? memberOf(json, names[0] as string) : undefined;
  if (typeof value !== 'string') refuse('keyring-damaged');
  if (names[0] === 'integer') {
    if (!/^(0|-?[1-9][0-9]*)$/.test(value) || value.length > MAX_FIELD_BYTES) refuse('keyring-damaged');
    return BigInt(value);
  }
  const bytes = names[0] === 'bytes' ? fromBase64url(value) : undefined;
  if (bytes === undefined || bytes.length === 0 || bytes.length > MAX_FIELD_BYTES) refuse('keyring-damaged');
  return bytes;
}

function rootKeyOf(slots: readonly StoredSlot[], unlock: Unlock): Uint8Array {
  const type = unlock.rawKey === undefined ? 'passphrase' : 'raw';
  for (const { slot, commitment, wrapped } of slots.filter((stored) => stored.slot.type === type)) {
    const secret = knownSecret(slot, unlock);
    if (hex(slotCommitment(secret, slot)) !== hex(commitment)) continue;
    return unwrapRootKey(secret, slot, wrapped) ?? refuse('keyring-damaged');
  }
  return refuse('wrong-secret');
}

function knownSecret(slot: Slot, unlock: Unlock): Uint8Array {
  try {
    return secretOf(slot, unlock);
  } catch {
    return refuse('invalid-passphrase'); // ill-formed, or too long
  }
}

function refuseContradictions(keys: readonly StoredKey[]): void {
  const ids = keys.map(({ commitment }) => base32(commitment.subarray(0, 16)));
  const prefixes = ids.filter((_, position) => keys[position]?.kind === 'index').map((id) => id.slice(0, 8));
  const active = keys
    .filter(({ state }) => state === 'active')
    .map(({ kind, tenant }) => `${kind} ${tenant === undefined ? '' : tenantText(tenant)}`);
  for (const names of [ids, prefixes, active])
    if (new Set(names).size < names.length) refuse('keyring-damaged');
}

function opened(stored: StoredKey, rootKey: Uint8Array, keyringId: string): ReadKey {
  const { wrapped, ...rest } = stored;
  const keyId = base32(stored.commitment.subarray(0, 16));
  if (wrapped === undefined) return { ...rest, keyId };
  const { kind, tenant, commitment } = stored;
  const description = { keyringId, kind, ...(tenant !== undefined && { tenant }) };
  const key = unwrapKey(rootKey, description, commitment, wrapped);
  const isItself = key !== undefined && hex(keyCommitment(kind, key)) === hex(commitment);
  return { ...rest, keyId, ...(isItself && { key }) };
}

/** Whether the members of payload, slots and keys stand in the order of keyring-format.md §3 to §5. */
function isInOrder(payload: Json, { slots, keys }: Record<string, Json>): boolean {
  const follows = (json: Json, order: readonly string[]): boolean => {
    const places = isObject(json) ? json.members.map(([name]) => order.indexOf(name)) : [];
    return places.every((place, position) => position === 0 || place > (places[position - 1] as number));
  };
  return (
    follows(payload, PAYLOAD_MEMBERS) &&
    listOf(slots).every((slot) => follows(slot, SLOT_MEMBERS)) &&
    listOf(keys).every((key) => follows(key, KEY_MEMBERS))
  );
}

/** The members by name, where they are these and no others; the last of doubled ones counts. */
function members(json: Json | undefined, names: readonly string[]): Record<string, Json> {
  if (!isObject(json)) refuse('keyring-damaged');
  const found = new Map(json.members);
  if (found.size !== names.length || !names.every((name) => found.has(name))) refuse('keyring-damaged');
  return Object.fromEntries(found);
}

function memberOf(json: Json, name: string): Json | undefined {
  return isObject(json) ? new Map(json.members).get(name) : undefined;
}

function isNumber(json: Json | undefined): json is { readonly number: string } {
  return typeof json === 'object' && json !== null && 'number' in json;
}

function listOf(json: Json | undefined): readonly Json[] {
  return isList(json) ? json.items : refuse('keyring-damaged');
}

function integerOf(json: Json | undefined): number {
  if (!isNumber(json) || !Number.isSafeInteger(Number(json.number))) refuse('keyring-damaged');
  return Number(json.number);
}

function idOf(json: Json | undefined): string {
  return typeof json === 'string' && /^[A-Za-z0-9_-]{1,64}$/.test(json) ? json : refuse('keyring-damaged');
}

function bytesOf(json: Json | undefined, length: number): Uint8Array {
  const bytes = typeof json === 'string' ? fromBase64url(json) : undefined;
  return bytes?.length === length ? bytes : refuse('keyring-damaged');
}

function timeOf(json: Json | undefined): string {
  const shape = /^(?:[0-9]{4}|[-+][0-9]{6})-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z$/;
  if (typeof json !== 'string' || !shape.test(json)) refuse('keyring-damaged');
  const time = new Date(json);
  if (Number.isNaN(time.getTime()) || time.toISOString() !== json) refuse('keyring-damaged');
  return json;
}

function exactBase64url(text: string | undefined, length?: number): Uint8Array | undefined {
  const bytes = Uint8Array.from(Buffer.from(text ?? '', 'base64url'));
  if (Buffer.from(bytes).toString('base64url') !== text) return undefined;
  return length === undefined || bytes.length === length ? bytes : undefined;
}

function refuse(code: Exclude<DocumentCode, 'success'>): never {
  throw new Refused(code);
}
