import { type Bytes, base64url, concat, decodeBase64url, decodeUtf8, equalBytes, utf8 } from '../bytes.js';
import { KeyringFormatError, KeyringLimitError } from '../errors.js';
import { MAX_KEYRING_BYTES, MAX_PAGES, MAX_PAGE_BUCKETS, MAX_SLOTS } from '../limits.js';
import { closed, damaged, fixedBytes, id, integer, isObject, list, time } from './checks.js';
import { type KeyEntry, decodeKey, encodeKey } from './key-entry.js';
import { type KeyringPolicy, decodePolicy, encodePolicy } from './policy.js';
import { type Slot, decodeSlot, encodeSlot } from './slot-entry.js';

/** The keyring document, as docs/keyring-format.md has it, with its bytes decoded. */
export interface KeyringDocument {
  readonly keyringId: string;
  /** Counts from 1; one more at every change. */
  readonly revision: number;
  /** SHA-256 of the previous payload; `undefined` in revision 1. */
  readonly previous: Bytes | undefined;
  readonly slots: readonly Slot[];
  readonly keys: readonly KeyEntry[];
  /** Where the tenants' keys are, once they no longer fit in `keys`. */
  readonly pages: readonly PageReference[];
  /** A change of the root key whose old data keys are not suspended yet. */
  readonly change: RootChange | undefined;
  readonly policy: KeyringPolicy;
  /** Kept as it is, and not looked at. */
  readonly extensions: Readonly<Record<string, unknown>>;
}

/** A page of tenants' keys (docs/keyring-format.md §6). */
export interface PageReference {
  /** The page's name in the store. */
  readonly name: string;
  /** SHA-256 of its bytes. */
  readonly hash: Bytes;
  /** The first bucket whose tenants it holds; the last is the one before the next page's. */
  readonly from: number;
}

/** What `changeKey` has begun. */
export interface RootChange {
  /** The revision that brought the new root key; keys that came before it are being replaced. */
  readonly revision: number;
  /** ISO 8601, UTC, with milliseconds. */
  readonly startedAt: string;
  /** Pages under the old root key, for processes that have not followed; removed at the end. */
  readonly pages: readonly string[];
}

const FORMAT = 1;
/** Without it the runtime's stack would decide: what opens on one would be damaged on another. */
const MAX_EXTENSION_DEPTH = 64;
const MAC_BYTES = 32;
const HASH_BYTES = 32;

// Matched whole, so the outer object needs no parser: no duplicate, no unknown member, no escape. Editors add the newline.
const OUTER = /^\{"payload":"([A-Za-z0-9_-]+)","mac":"([A-Za-z0-9_-]+)"\}\r?\n?$/;

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
  const { change } = document;
  const payload = {
    format: FORMAT,
    keyringId: document.keyringId,
    revision: document.revision,
    previous: document.previous ? base64url(document.previous) : null,
    slots: document.slots.map(encodeSlot),
    keys: document.keys.map(encodeKey),
    pages: document.pages.map(({ name, hash, from }) => ({ name, hash: base64url(hash), from })),
    change: change ? encodeChange(change) : null,
    policy: encodePolicy(document.policy),
    extensions: document.extensions,
  };
  return utf8(JSON.stringify(payload));
}

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
  const members = closed(payload, PAYLOAD_MEMBERS, 'payload');
  const { previous } = members;
  const document: KeyringDocument = {
    keyringId: id(members['keyringId']),
    revision: integer(members['revision'], 1, Number.MAX_SAFE_INTEGER),
    previous: previous === null ? undefined : fixedBytes(previous, HASH_BYTES),
    slots: decodeSlots(members['slots']),
    keys: list(members['keys']).map(decodeKey),
    pages: decodePages(members['pages']),
    change: decodeChange(members['change']),
    policy: decodePolicy(members['policy']),
    extensions: decodeExtensions(members['extensions']),
  };
  assertConsistent(document);
  assertCanonical(encodePayload(document), bytes);
  return document;
}

/** Members that are right alone and contradict each other. */
function assertConsistent({ revision, previous, slots, keys, pages, change }: KeyringDocument): void {
  if ((revision === 1) !== (previous === undefined))
    throw damaged('The first revision has no predecessor, and every other one has.');
  if (new Set(slots.map((slot) => slot.id)).size < slots.length) throw damaged('Two slots have one id.');
  if (keys.some(({ addedIn }) => addedIn > revision) || (change && change.revision > revision))
    throw damaged('Something came with a revision that is still to come.');
  // A change would look for them in their page, and write that without them.
  if (pages.length > 0 && keys.some(({ tenant }) => tenant !== undefined))
    throw damaged('A tenant’s key stands beside the pages.');
}

/** `JSON.parse` lets the last of doubled members win; written again, such bytes are others. */
export function assertCanonical(written: Bytes, bytes: Bytes): void {
  if (!equalBytes(written, bytes)) {
    throw damaged('It is not spelled as the format has it: members doubled, reordered or spaced.');
  }
}

/** The value, or a `KeyringDamagedError`. */
export function parseJson(bytes: Bytes): unknown {
  try {
    return JSON.parse(decodeUtf8(bytes) ?? '') as unknown;
  } catch {
    throw damaged('It is no JSON.');
  }
}

function decodeSlots(value: unknown): readonly Slot[] {
  const slots = list(value);
  if (slots.length > MAX_SLOTS) throw new KeyringLimitError('A keyring has at most 16 slots.');
  return slots.map(decodeSlot);
}

function decodePages(value: unknown): readonly PageReference[] {
  const values = list(value);
  if (values.length > MAX_PAGES) throw new KeyringLimitError('A keyring has at most 4,096 pages.');
  const pages = values.map((value) => {
    const page = closed(value, ['name', 'hash', 'from'], 'page');
    return {
      name: id(page['name']),
      hash: fixedBytes(page['hash'], HASH_BYTES),
      from: integer(page['from'], 0, MAX_PAGE_BUCKETS - 1),
    };
  });
  const isAscending = pages.every(({ from }, i) =>
    i === 0 ? from === 0 : from > (pages[i - 1] as PageReference).from,
  );
  if (!isAscending) throw damaged('The pages are not in their order.');
  return pages;
}

function encodeChange({ revision, startedAt, pages }: RootChange): object {
  return { revision, startedAt, ...(pages.length === 0 ? {} : { pages }) };
}

function decodeChange(value: unknown): RootChange | undefined {
  if (value === null) return undefined;
  const hasPages = isObject(value) && Object.hasOwn(value, 'pages');
  const change = closed(value, ['revision', 'startedAt', ...(hasPages ? ['pages'] : [])], 'change');
  const pages = hasPages ? list(change['pages']).map(id) : [];
  if (hasPages && (pages.length === 0 || pages.length > MAX_PAGES)) throw damaged('A list is no list.');
  return {
    revision: integer(change['revision'], 1, Number.MAX_SAFE_INTEGER),
    startedAt: time(change['startedAt']),
    pages,
  };
}

function decodeExtensions(value: unknown): Record<string, unknown> {
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
