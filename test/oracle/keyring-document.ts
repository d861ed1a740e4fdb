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
import { type GeneratedNorm, kdfInput } from './passphrase.js';
import type { GeneratedVectors } from './passphrase-vectors.js';
import { readVectors } from './vectors.js';

/** What unlocks: exactly one of the three. */
export interface Unlock {
  readonly passphrase?: string;
  readonly rawKey?: Uint8Array;
  /** A key management service: all that it unwraps. Anything else it refuses. */
  readonly kms?: readonly KmsEntry[];
}

/** Something that a key management service has wrapped. */
export interface KmsEntry {
  readonly keyringId: string;
  readonly slotId: string;
  readonly wrapped: Uint8Array;
  readonly secret: Uint8Array;
}

/** A slot to write: `salt` and `iterations` where a passphrase opens it, `wrappedSecret` and `secret` where a service does. */
export interface SlotSpec {
  readonly id: string;
  readonly label: string;
  readonly createdAt: string;
  readonly passphrase?: string;
  readonly rawKey?: Uint8Array;
  readonly norm?: string;
  readonly salt?: Uint8Array;
  readonly iterations?: number;
  readonly keyName?: string;
  readonly wrappedSecret?: Uint8Array;
  /** Of a passphrase: instead of the derived one, which would take too long. */
  readonly secret?: Uint8Array;
  readonly iv: Uint8Array;
}

/** What an entry may say beside its state: three times, and a line for people. */
export interface Marks {
  readonly compromisedAt?: string;
  readonly emptySince?: string;
  readonly destroyAfter?: string;
  readonly destroyReason?: string;
}

/** A key to write; a destroyed one still stands here with its bytes, from which its commitment is taken. */
export interface KeySpec {
  readonly kind: KeyKind;
  readonly tenant?: Part;
  readonly key: Uint8Array;
  readonly iv: Uint8Array;
  readonly state: KeyState;
  readonly createdAt: string;
  readonly addedIn: number;
  readonly marks?: Marks;
  /** Instead of the key's own, where the document is to lie. */
  readonly commitment?: Uint8Array;
}

/** A page of tenants' keys as the payload names it. */
export interface PageReference {
  readonly name: string;
  readonly hash: Uint8Array;
  readonly from: number;
}

/** A change of the root key that is not finished. */
export interface RootChange {
  readonly revision: number;
  readonly startedAt: string;
  /** Names of pages under the root key before; not there where there are none. */
  readonly pages?: readonly string[];
}

/** A document to write. */
export interface DocumentSpec {
  readonly keyringId: string;
  readonly revision: number;
  readonly previous?: Uint8Array;
  readonly rootKey: Uint8Array;
  readonly slots: readonly SlotSpec[];
  readonly keys: readonly KeySpec[];
  readonly pages?: readonly PageReference[];
  readonly change?: RootChange;
  /** JSON text. */
  readonly policy?: string;
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
  readonly addedIn: number;
  readonly marks: Marks;
  readonly commitment: Uint8Array;
  readonly key?: Uint8Array;
}

/** What a slot says for people. */
export interface SlotNote {
  readonly label: string;
  readonly createdAt: string;
  readonly keyName?: string;
}

/** A document as it was read. */
export interface ReadDocument {
  readonly keyringId: string;
  readonly revision: number;
  readonly previous?: Uint8Array;
  readonly rootKey: Uint8Array;
  readonly payload: Uint8Array;
  readonly slots: readonly (Slot & SlotNote)[];
  readonly keys: readonly ReadKey[];
  readonly pages: readonly PageReference[];
  readonly change?: RootChange;
  readonly policy: Readonly<Record<string, number>>;
  readonly extensions: string;
  /** The slot that was opened, and what opened it. */
  readonly opened: OpenedSlot;
}

/** What a process keeps of the slot that it has opened. */
export interface OpenedSlot {
  readonly slotId: string;
  readonly secret: Uint8Array;
}

/** The refusals, and that there is none. */
export type DocumentCode =
  | 'success'
  | 'keyring-damaged'
  | 'keyring-format'
  | 'keyring-limit'
  | 'invalid-passphrase'
  | 'passphrase-damaged'
  | 'wrong-secret';

/** What comes of reading a keyring again. */
export type RefreshCode = DocumentCode | 'wrong-keyring' | 'keyring-rolled-back' | 'keyring-rekeyed';

/** What comes of asking for a data key. */
export type UseCode =
  | 'success'
  | 'keyring-damaged'
  | 'keyring-format'
  | 'unknown-key'
  | 'key-of-another-tenant'
  | 'suspended-key'
  | 'destroyed-key';

/** A refusal. */
export type Refusal = Exclude<DocumentCode, 'success'>;

export type DocumentOutcome =
  | { readonly code: Refusal }
  | { readonly code: 'success'; readonly document: ReadDocument };

const MAX_DOCUMENT_BYTES = 1024 * 1024;
const MAX_DEPTH = 64;
const MAX_PAGES = 4096;
const BUCKETS = 65_536;
/** What damage is, the vectors of passphrases list: no rule says it, and another implementation need not tell. */
const DAMAGED = new Set(
  readVectors<GeneratedVectors>('passphrases.json').refused.map(({ passphrase }) => passphrase),
);
const NORMS: readonly string[] = ['opaque-1', 'crockford-1', 'cjk-1', 'words-1'];
const POLICY: Readonly<Record<string, readonly [least: number, most: number]>> = {
  maxStaleMs: [1000, 2_592_000_000],
  maxCellsPerKey: [65_536, 2 ** 48],
  cryptoperiodDays: [1, 36_500],
  holdMs: [0, 31_536_000_000],
};
const PAYLOAD_MEMBERS = [
  'format',
  'keyringId',
  'revision',
  'previous',
  'slots',
  'keys',
  'pages',
  'change',
  'policy',
  'extensions',
];
/** Of every type, and of one. */
const SLOT_MEMBERS: readonly (readonly [name: string, type?: Slot['type']])[] = [
  ['id'],
  ['type'],
  ['label'],
  ['createdAt'],
  ['norm', 'passphrase'],
  ['kdf', 'passphrase'],
  ['iterations', 'passphrase'],
  ['salt', 'passphrase'],
  ['keyName', 'kms'],
  ['wrappedSecret', 'kms'],
  ['commitment'],
  ['wrapped'],
];
/** Which states an entry may say it in. */
const MARKS: Readonly<Record<keyof Marks, readonly string[]>> = {
  compromisedAt: ['compromised', 'suspended', 'destroyed'],
  emptySince: ['deactivated', 'compromised', 'suspended'],
  destroyAfter: ['suspended'],
  destroyReason: ['suspended', 'destroyed'],
};
const MARK_NAMES = Object.keys(MARKS) as (keyof Marks)[];
const KEY_MEMBERS = [
  'kind',
  'tenant',
  'commitment',
  'state',
  'createdAt',
  'addedIn',
  ...MARK_NAMES,
  'wrapped',
];
const PAGE_MEMBERS = ['name', 'hash', 'from'];
const CHANGE_MEMBERS = ['revision', 'startedAt', 'pages'];
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
  const { keyringId, revision, previous, slots, keys, pages = [], change } = spec;
  const { policy = '{}', extensions = '{}' } = spec;
  return [
    `{"format":1,"keyringId":"${keyringId}","revision":${revision}`,
    `"previous":${previous === undefined ? 'null' : `"${base64url(previous)}"`}`,
    `"slots":[${slots.map((slot) => slotText(spec, slot)).join(',')}]`,
    `"keys":[${keys.map((key) => keyText(spec, key)).join(',')}]`,
    `"pages":[${pages.map(pageText).join(',')}]`,
    `"change":${change ? changeText(change) : 'null'}`,
    `"policy":${policy},"extensions":${extensions}}`,
  ].join(',');
}

/** A page: the JSON list of its keys. */
export function writePage(spec: DocumentSpec, keys: readonly KeySpec[]): string {
  return `[${keys.map((key) => keyText(spec, key)).join(',')}]`;
}

function changeText({ revision, startedAt, pages }: RootChange): string {
  const named = pages ? `,"pages":[${pages.map((name) => `"${name}"`).join(',')}]` : '';
  return `{"revision":${revision},"startedAt":"${startedAt}"${named}}`;
}

/** How the payload names a page. */
export function pageText({ name, hash, from }: PageReference): string {
  return `{"name":"${name}","hash":"${base64url(hash)}","from":${from}}`;
}

/** The bucket of a tenant: the first two bytes of a hash over its spelling without its type. */
export function bucketOf(tenant: Part): number {
  const spelled =
    typeof tenant === 'string'
      ? tenant.replace(/-/g, '').replace(/[A-Z]/g, (letter) => letter.toLowerCase())
      : typeof tenant === 'bigint'
        ? String(tenant)
        : hex(tenant);
  return createHash('sha256').update(utf8(spelled)).digest().readUInt16BE(0);
}

/** SHA-256 of a payload's bytes: what the next revision names. */
export function payloadHash(payload: Uint8Array): Uint8Array {
  return Uint8Array.from(createHash('sha256').update(payload).digest());
}

/** The text of one slot. */
export function slotText({ keyringId, rootKey }: DocumentSpec, spec: SlotSpec): string {
  const slot = slotOf(keyringId, spec);
  const secret = spec.secret ?? secretOf(slot, spec);
  const members = [
    `{"id":"${spec.id}","type":"${slot.type}"`,
    `"label":${spell(spec.label)},"createdAt":"${spec.createdAt}"`,
    ...ownMembers(slot, spec),
    `"commitment":"${base64url(slotCommitment(secret, slot))}"`,
    `"wrapped":"${base64url(wrapRootKey(secret, slot, rootKey, spec.iv))}"}`,
  ];
  return members.join(',');
}

function ownMembers(slot: Slot, { keyName = '', wrappedSecret = new Uint8Array() }: SlotSpec): string[] {
  if (slot.type === 'passphrase') {
    const { norm, kdf, iterations, salt } = slot;
    return [`"norm":"${norm}","kdf":"${kdf}","iterations":${iterations},"salt":"${base64url(salt)}"`];
  }
  return slot.type === 'raw'
    ? []
    : [`"keyName":${spell(keyName)},"wrappedSecret":"${base64url(wrappedSecret)}"`];
}

/** The text of one key. */
export function keyText({ keyringId, rootKey }: DocumentSpec, spec: KeySpec): string {
  const { kind, tenant, key, iv, state, createdAt, addedIn, marks = {} } = spec;
  const commitment = spec.commitment ?? keyCommitment(kind, key);
  const description = { keyringId, kind, ...(tenant !== undefined && { tenant }) };
  const wrapped = wrapKey(rootKey, description, key, iv, commitment);
  return [
    `{"kind":"${kind}"`,
    ...(tenant === undefined ? [] : [`"tenant":${tenantText(tenant)}`]),
    `"commitment":"${base64url(commitment)}"`,
    `"state":"${state}"`,
    `"createdAt":"${createdAt}"`,
    `"addedIn":${addedIn}`,
    ...MARK_NAMES.filter((name) => marks[name] !== undefined).map(
      (name) => `"${name}":${spell(marks[name] as string)}`,
    ),
    ...(state === 'destroyed' ? [] : [`"wrapped":"${base64url(wrapped)}"`]),
  ]
    .join(',')
    .concat('}');
}

/** The text of a tenant. */
export function tenantText(tenant: Part): string {
  if (typeof tenant === 'string') return spell(tenant);
  return typeof tenant === 'bigint' ? `{"integer":"${tenant}"}` : `{"bytes":"${base64url(tenant)}"}`;
}

function slotOf(keyringId: string, spec: SlotSpec): Slot {
  const { id: slotId, rawKey, wrappedSecret, salt, iterations, norm = 'opaque-1' } = spec;
  if (rawKey !== undefined) return { type: 'raw', keyringId, slotId };
  if (wrappedSecret !== undefined) return { type: 'kms', keyringId, slotId };
  if (salt === undefined || iterations === undefined)
    throw new Error('a passphrase slot has salt and iterations');
  return { type: 'passphrase', keyringId, slotId, norm, kdf: 'PBKDF2-HMAC-SHA-512', iterations, salt };
}

function secretOf(slot: Slot, { passphrase, rawKey }: SlotSpec): Uint8Array {
  if (slot.type === 'raw') return rawKey as Uint8Array;
  const normalised = slot.type === 'passphrase' ? normalise(slot.norm, passphrase as string) : undefined;
  if (slot.type !== 'passphrase' || normalised === undefined) throw new Error('the secret is not known');
  return passphraseSecret(normalised, slot.salt, slot.iterations);
}

/** What goes into the key derivation; undefined where the norm refuses it. Throws where every norm does. */
function normalise(norm: string, passphrase: string): Uint8Array | undefined {
  if (norm === 'opaque-1') return normaliseOpaque1(passphrase);
  utf8(passphrase); // throws where it is ill-formed
  try {
    return kdfInput(norm as GeneratedNorm, passphrase);
  } catch {
    return undefined;
  }
}

// ── Reading ─────────────────────────────────────────────────────────────────────────────────────────────────────────

class Refused extends Error {
  readonly code: Refusal;

  constructor(code: Refusal) {
    super(code);
    this.code = code;
  }
}

interface StoredSlot {
  readonly slot: Slot & SlotNote;
  readonly wrappedSecret?: Uint8Array;
  readonly commitment: Uint8Array;
  readonly wrapped: Uint8Array;
}

interface StoredKey {
  readonly kind: KeyKind;
  readonly tenant?: Part;
  readonly commitment: Uint8Array;
  readonly state: KeyState;
  readonly createdAt: string;
  readonly addedIn: number;
  readonly marks: Marks;
  readonly wrapped?: Uint8Array;
}

interface Payload {
  readonly bytes: Uint8Array;
  readonly mac: Uint8Array;
  readonly keyringId: string;
  readonly revision: number;
  readonly previous?: Uint8Array;
  readonly slots: readonly StoredSlot[];
  readonly keys: readonly StoredKey[];
  readonly pages: readonly PageReference[];
  readonly change?: RootChange;
  readonly policy: Readonly<Record<string, number>>;
  readonly extensions: string;
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
  refuseSecret(unlock);
  const payload = readPayload(...split(document));
  const [stored, slot] = foundSlot(payload, unlock);
  return proven(payload, storedRevision, rootKeyIn(stored, slot), slot);
}

/** Reads the keyring again, having read `seen`; `renew` where a secret is asked for (keyring-format.md §7). */
export function readAgain(
  seen: ReadDocument,
  document: Uint8Array,
  storedRevision: number,
  renew?: Unlock,
): RefreshCode {
  try {
    const [bytes, mac] = split(document);
    const isSameRoot = hex(keyringMac(seen.rootKey, seen.keyringId, bytes)) === hex(mac);
    const payload = readPayload(bytes, mac);
    if (isSameRoot) return follows(seen, proven(payload, storedRevision, seen.rootKey, seen.opened));
    if (payload.keyringId !== seen.keyringId) return 'wrong-keyring';
    if (payload.revision < seen.revision) return 'keyring-rolled-back';
    const kept = keptSlot(payload, seen.opened);
    if (!kept && renew === undefined) return 'keyring-rekeyed';
    if (!kept) refuseSecret(renew as Unlock);
    const [stored, slot] = kept ?? foundSlot(payload, renew as Unlock);
    if (rootRevisionOf(slot.slotId) < rootRevisionOf(seen.opened.slotId)) return 'keyring-rolled-back';
    return follows(seen, proven(payload, storedRevision, rootKeyIn(stored, slot), slot));
  } catch (error) {
    if (error instanceof Refused) return error.code;
    throw error;
  }
}

/** What the slot that was opened before has become, where its secret is the same. */
function keptSlot({ slots }: Payload, { slotId, secret }: OpenedSlot): [StoredSlot, OpenedSlot] | undefined {
  const stored = slots.find(({ slot }) => nameOf(slot.slotId) === nameOf(slotId));
  if (!stored || hex(slotCommitment(secret, stored.slot)) !== hex(stored.commitment)) return undefined;
  return [stored, { slotId: stored.slot.slotId, secret }];
}

/** A slot's id without its end, which says what root key it wraps. */
function nameOf(slotId: string): string {
  return slotId.slice(0, slotId.length - endOf(slotId).length);
}

/** The revision that brought the root key that a slot wraps. */
function rootRevisionOf(slotId: string): number {
  const end = endOf(slotId);
  return end === '' ? 1 : Number(end.slice(1));
}

function endOf(slotId: string): string {
  return /_[1-9][0-9]{0,15}$/.exec(slotId)?.[0] ?? '';
}

function follows(seen: ReadDocument, found: ReadDocument): RefreshCode {
  const hash = hex(payloadHash(seen.payload));
  const isOlder = found.revision < seen.revision;
  const isAnother = found.revision === seen.revision && hex(payloadHash(found.payload)) !== hash;
  const isNoSuccessor =
    found.revision === seen.revision + 1 && (!found.previous || hex(found.previous) !== hash);
  return isOlder || isAnother || isNoSuccessor ? 'keyring-rolled-back' : 'success';
}

/** Step 1. */
function refuseSecret({ passphrase, rawKey, kms }: Unlock): void {
  const given = [passphrase, rawKey, kms].filter((secret) => secret !== undefined);
  if (given.length !== 1 || (rawKey !== undefined && rawKey.length !== 32)) refuse('invalid-passphrase');
}

/** Steps 3 and 4. */
function split(document: Uint8Array): [payload: Uint8Array, mac: Uint8Array] {
  if (document.length > MAX_DOCUMENT_BYTES) refuse('keyring-limit');
  const outer = /^\{"payload":"([A-Za-z0-9_-]+)","mac":"([A-Za-z0-9_-]+)"\}(?:\n|\r\n|\r)?$/.exec(
    fromUtf8(document) ?? '',
  );
  const payload = exactBase64url(outer?.[1]) ?? refuse('keyring-damaged');
  return [payload, exactBase64url(outer?.[2], 32) ?? refuse('keyring-damaged')];
}

/** Steps 5 to 8. */
function readPayload(bytes: Uint8Array, mac: Uint8Array): Payload {
  const text = fromUtf8(bytes) ?? refuse('keyring-damaged');
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
  const pages = readPages(found['pages']);
  const change = found['change'] === null ? undefined : readChange(found['change']);
  const policy = readPolicy(found['policy']);
  const { extensions } = found;
  if (!isObject(extensions) || hasName(extensions, '__proto__')) refuse('keyring-damaged');
  if (depthOf(extensions) > MAX_DEPTH) refuse('keyring-limit');

  if ((revision === 1) !== (previous === undefined)) refuse('keyring-damaged');
  if (new Set(slots.map(({ slot }) => slot.slotId)).size < slots.length) refuse('keyring-damaged');
  if (keys.some(({ addedIn }) => addedIn > revision)) refuse('keyring-damaged');
  if (change && change.revision > revision) refuse('keyring-damaged');
  if (pages.length > 0 && keys.some(({ tenant }) => tenant !== undefined)) refuse('keyring-damaged');
  if (!isSpelled(text, json) || !isInOrder(json, found)) refuse('keyring-damaged');
  return {
    bytes,
    mac,
    keyringId,
    revision,
    ...(previous !== undefined && { previous }),
    slots,
    keys,
    pages,
    ...(change !== undefined && { change }),
    policy,
    extensions: spell(extensions),
  };
}

/** Steps 11 to 13. */
function proven(
  payload: Payload,
  storedRevision: number,
  rootKey: Uint8Array,
  opened: OpenedSlot,
): ReadDocument {
  const { bytes, mac, slots, keys, ...rest } = payload;
  if (hex(keyringMac(rootKey, rest.keyringId, bytes)) !== hex(mac)) refuse('keyring-damaged');
  if (rest.revision !== storedRevision) refuse('keyring-damaged');
  refuseContradictions(keys);
  return {
    ...rest,
    rootKey,
    payload: bytes,
    slots: slots.map(({ slot }) => slot),
    keys: keys.map((key) => unwrapped(key, rootKey, rest.keyringId)),
    opened,
  };
}

function readSlot(json: Json, keyringId: string): StoredSlot {
  const type = isObject(json) ? memberOf(json, 'type') : undefined;
  if (typeof type !== 'string') refuse('keyring-damaged');
  if (type !== 'passphrase' && type !== 'raw' && type !== 'kms') refuse('keyring-format');
  const own = SLOT_MEMBERS.filter(([, only]) => only === undefined || only === type);
  const found = members(
    json,
    own.map(([name]) => name),
  );
  const slotId = idOf(found['id']);
  const [label, createdAt] = [lineOf(found['label'], 0, 128), timeOf(found['createdAt'])];
  const commitment = bytesOf(found['commitment'], 32);
  const wrapped = bytesOf(found['wrapped'], 60);
  const common = { keyringId, slotId, label, createdAt };
  if (type === 'raw') return { slot: { ...common, type }, commitment, wrapped };
  if (type === 'kms') {
    const keyName = lineOf(found['keyName'], 1, 512);
    const wrappedSecret = bytesOf(found['wrappedSecret']);
    if (wrappedSecret.length < 1 || wrappedSecret.length > 8192) refuse('keyring-damaged');
    return { slot: { ...common, type, keyName }, wrappedSecret, commitment, wrapped };
  }
  const { norm, kdf } = found;
  if (typeof norm !== 'string' || !NORMS.includes(norm)) refuse('keyring-format');
  if (kdf !== 'PBKDF2-HMAC-SHA-512') refuse('keyring-format');
  const iterations = integerOf(found['iterations']);
  if (iterations < 1000 || iterations > 10_000_000) refuse('keyring-limit');
  const salt = bytesOf(found['salt'], 32);
  return { slot: { ...common, type, norm, kdf, iterations, salt }, commitment, wrapped };
}

function readPages(json: Json | undefined): PageReference[] {
  const list = listOf(json);
  if (list.length > MAX_PAGES) refuse('keyring-limit');
  const pages = list.map((page) => {
    const { name, hash, from } = members(page, PAGE_MEMBERS);
    return { name: idOf(name), hash: bytesOf(hash, 32), from: boundedOf(from, 0, BUCKETS - 1) };
  });
  const starts = pages.map(({ from }) => from);
  if (starts.length > 0 && starts[0] !== 0) refuse('keyring-damaged');
  if (starts.some((from, place) => place > 0 && from <= (starts[place - 1] as number)))
    refuse('keyring-damaged');
  return pages;
}

function readChange(json: Json | undefined): RootChange {
  const hasPages = isObject(json) && memberOf(json, 'pages') !== undefined;
  const { revision, startedAt, pages } = members(
    json,
    CHANGE_MEMBERS.filter((name) => hasPages || name !== 'pages'),
  );
  const change = {
    revision: boundedOf(revision, 1, Number.MAX_SAFE_INTEGER),
    startedAt: timeOf(startedAt),
  };
  if (!hasPages) return change;
  const names = listOf(pages).map(idOf);
  if (names.length < 1 || names.length > MAX_PAGES) refuse('keyring-damaged');
  return { ...change, pages: names };
}

function readPolicy(json: Json | undefined): Record<string, number> {
  if (!isObject(json)) refuse('keyring-damaged');
  const found = new Map(json.members);
  if (![...found.keys()].every((name) => Object.hasOwn(POLICY, name))) refuse('keyring-format');
  const rules = [...found].map(([name, value]) => {
    const [least, most] = POLICY[name] as readonly [number, number];
    return [name, boundedOf(value, least, most)] as const;
  });
  return Object.fromEntries(rules);
}

function readKey(json: Json): StoredKey {
  if (!isObject(json)) refuse('keyring-damaged');
  const has = (name: string): boolean => memberOf(json, name) !== undefined;
  const isOptional = (name: string): boolean => ['tenant', 'wrapped', ...MARK_NAMES].includes(name);
  const found = members(
    json,
    KEY_MEMBERS.filter((name) => has(name) || !isOptional(name)),
  );
  const { kind, state } = found;
  if (typeof kind !== 'string') refuse('keyring-damaged');
  if (kind !== 'data' && kind !== 'index') refuse('keyring-format');
  if (typeof state !== 'string') refuse('keyring-damaged');
  if (!STATES.includes(state)) refuse('keyring-format');
  if ((state === 'destroyed') === has('wrapped')) refuse('keyring-damaged');
  const named = MARK_NAMES.filter(has);
  if (!named.every((name) => MARKS[name].includes(state))) refuse('keyring-damaged');
  if (state === 'suspended' && has('destroyReason') && !has('destroyAfter')) refuse('keyring-damaged');
  const tenant = has('tenant') ? tenantOf(found['tenant']) : undefined;
  const commitment = bytesOf(found['commitment'], 32);
  const createdAt = timeOf(found['createdAt']);
  const addedIn = boundedOf(found['addedIn'], 1, Number.MAX_SAFE_INTEGER);
  const marks = named.map((name) => [
    name,
    name === 'destroyReason' ? lineOf(found[name], 1, 128) : timeOf(found[name]),
  ]);
  return {
    kind,
    ...(tenant !== undefined && { tenant }),
    commitment,
    state: state as KeyState,
    createdAt,
    addedIn,
    marks: Object.fromEntries(marks) as Marks,
    ...(state !== 'destroyed' && { wrapped: bytesOf(found['wrapped'], 60) }),
  };
}

// ── Asking for a key ────────────────────────────────────────────────────────────────────────────────────────────────

/** Asks an open document for a data key; `pages` is all that the store keeps (keyring-format.md §5 and §6). */
export function useKey(
  document: ReadDocument,
  pages: ReadonlyMap<string, Uint8Array>,
  keyId: string,
  tenant?: Part,
): UseCode {
  try {
    const key = findKey(document, pages, keyId, tenant);
    if (key?.kind !== 'data') return 'unknown-key';
    if (key.tenant !== undefined && (tenant === undefined || tenantText(key.tenant) !== tenantText(tenant)))
      return 'key-of-another-tenant';
    if (key.state === 'suspended') return 'suspended-key';
    if (key.state === 'destroyed') return 'destroyed-key';
    return key.key ? 'success' : 'keyring-damaged';
  } catch (error) {
    if (error instanceof Refused) return error.code as UseCode;
    throw error;
  }
}

function findKey(
  document: ReadDocument,
  pages: ReadonlyMap<string, Uint8Array>,
  keyId: string,
  tenant: Part | undefined,
): ReadKey | undefined {
  const isIt = (key: ReadKey): boolean => key.keyId === keyId;
  const own =
    tenant === undefined ? [] : document.pages.filter(({ from }) => from <= bucketOf(tenant)).slice(-1);
  const there = document.keys.find(isIt);
  if (there) return there;
  for (const reference of [...own, ...document.pages]) {
    const found = readPage(document, pages.get(reference.name), reference).find(isIt);
    if (found) return found;
  }
  return undefined;
}

function readPage(
  { rootKey, keyringId }: ReadDocument,
  page: Uint8Array | undefined,
  { hash }: PageReference,
): ReadKey[] {
  if (page === undefined || page.length > MAX_DOCUMENT_BYTES) refuse('keyring-damaged');
  if (hex(payloadHash(page)) !== hex(hash)) refuse('keyring-damaged');
  const text = fromUtf8(page) ?? refuse('keyring-damaged');
  const json = parseJson(text) ?? refuse('keyring-damaged');
  const keys = listOf(json).map(readKey);
  if (keys.some(({ tenant }) => tenant === undefined)) refuse('keyring-damaged');
  if (!isSpelled(text, json) || !listOf(json).every((key) => isSorted(key, KEY_MEMBERS)))
    refuse('keyring-damaged');
  refuseContradictions(keys);
  return keys.map((key) => unwrapped(key, rootKey, keyringId));
}

// ── Parts ───────────────────────────────────────────────────────────────────────────────────────────────────────────

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

/** Steps 9 and 10, but for the tag. */
function foundSlot({ slots }: Payload, unlock: Unlock): [StoredSlot, OpenedSlot] {
  const { passphrase, rawKey } = unlock;
  const type = passphrase !== undefined ? 'passphrase' : rawKey !== undefined ? 'raw' : 'kms';
  for (const stored of slots.filter(({ slot }) => slot.type === type)) {
    const { slot, commitment } = stored;
    const secret = knownSecret(stored, unlock);
    if (secret?.length !== 32 || hex(slotCommitment(secret, slot)) !== hex(commitment)) continue;
    return [stored, { slotId: slot.slotId, secret }];
  }
  const hasGenerated = slots.some(({ slot }) => slot.type === 'passphrase' && slot.norm !== 'opaque-1');
  return refuse(
    hasGenerated && passphrase !== undefined && DAMAGED.has(passphrase)
      ? 'passphrase-damaged'
      : 'wrong-secret',
  );
}

function rootKeyIn({ slot, wrapped }: StoredSlot, { secret }: OpenedSlot): Uint8Array {
  return unwrapRootKey(secret, slot, wrapped) ?? refuse('keyring-damaged');
}

/** S; undefined where what was given cannot be this slot's. */
function knownSecret({ slot, wrappedSecret }: StoredSlot, unlock: Unlock): Uint8Array | undefined {
  if (slot.type === 'raw') return unlock.rawKey;
  if (slot.type !== 'passphrase') {
    const { keyringId, slotId } = slot;
    return unlock.kms?.find(
      (entry) =>
        entry.keyringId === keyringId &&
        entry.slotId === slotId &&
        hex(entry.wrapped) === hex(wrappedSecret as Uint8Array),
    )?.secret;
  }
  let normalised: Uint8Array | undefined;
  try {
    normalised = normalise(slot.norm, unlock.passphrase as string);
  } catch {
    return refuse('invalid-passphrase'); // ill-formed, or too long
  }
  return normalised && passphraseSecret(normalised, slot.salt, slot.iterations);
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

function unwrapped(stored: StoredKey, rootKey: Uint8Array, keyringId: string): ReadKey {
  const { wrapped, ...rest } = stored;
  const keyId = base32(stored.commitment.subarray(0, 16));
  if (wrapped === undefined) return { ...rest, keyId };
  const { kind, tenant, commitment } = stored;
  const description = { keyringId, kind, ...(tenant !== undefined && { tenant }) };
  const key = unwrapKey(rootKey, description, commitment, wrapped);
  const isItself = key !== undefined && hex(keyCommitment(kind, key)) === hex(commitment);
  return { ...rest, keyId, ...(isItself && { key }) };
}

/** Whether the members of the payload and of all that it holds stand in the order of keyring-format.md §3 to §5. */
function isInOrder(payload: Json, { slots, keys, pages, change, policy }: Record<string, Json>): boolean {
  const slotMembers = SLOT_MEMBERS.map(([name]) => name);
  return (
    isSorted(payload, PAYLOAD_MEMBERS) &&
    listOf(slots).every((slot) => isSorted(slot, slotMembers)) &&
    listOf(keys).every((key) => isSorted(key, KEY_MEMBERS)) &&
    listOf(pages).every((page) => isSorted(page, PAGE_MEMBERS)) &&
    isSorted(change as Json, CHANGE_MEMBERS) &&
    isSorted(policy as Json, Object.keys(POLICY))
  );
}

function isSorted(json: Json, order: readonly string[]): boolean {
  const places = isObject(json) ? json.members.map(([name]) => order.indexOf(name)) : [];
  return places.every((place, position) => position === 0 || place > (places[position - 1] as number));
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

function boundedOf(json: Json | undefined, least: number, most: number): number {
  const value = integerOf(json);
  return value >= least && value <= most ? value : refuse('keyring-damaged');
}

/** Text for people, of so many UTF-16 units. */
function lineOf(json: Json | undefined, least: number, most: number): string {
  if (typeof json !== 'string' || json.length < least || json.length > most) refuse('keyring-damaged');
  return /[\p{Cc}\p{Cs}]/u.test(json) ? refuse('keyring-damaged') : json;
}

function idOf(json: Json | undefined): string {
  return typeof json === 'string' && /^[A-Za-z0-9_-]{1,64}$/.test(json) ? json : refuse('keyring-damaged');
}

function bytesOf(json: Json | undefined, length?: number): Uint8Array {
  const bytes = typeof json === 'string' ? fromBase64url(json) : undefined;
  if (bytes === undefined || (length !== undefined && bytes.length !== length)) refuse('keyring-damaged');
  return bytes;
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

function refuse(code: Refusal): never {
  throw new Refused(code);
}
