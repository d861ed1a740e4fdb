import { type Bytes, base64url, decodeBase64url, isWellFormed, utf8 } from '../bytes.js';
import type { ContextPart } from '../envelope/index.js';
import { KeyringFormatError } from '../errors.js';
import { MAX_CONTEXT_FIELD_BYTES, MAX_LABEL_CHARACTERS } from '../limits.js';
import { SUITE_1 } from '../suite.js';
import { closed, damaged, fixedBytes, integer, isObject, line, time } from './checks.js';
import { WRAPPED_BYTES } from './slot-entry.js';
import { KEY_STATES, type KeyKind, type KeyMark, type KeyState } from './states.js';

/** A key of the keyring, as the document or a page has it. */
export interface KeyEntry {
  readonly kind: KeyKind;
  readonly tenant: ContextPart | undefined;
  readonly commitment: Bytes;
  readonly state: KeyState;
  /** ISO 8601, UTC, with milliseconds. */
  readonly createdAt: string;
  /** The revision that brought it. */
  readonly addedIn: number;
  /** When it was marked as compromised; ISO 8601, as all times here. A suspended key that has it comes back as compromised. */
  readonly compromisedAt?: string;
  /** When a census began that found nothing under it, and none since has found anything. */
  readonly emptySince?: string;
  /** Its bytes are destroyed at this moment at the earliest. */
  readonly destroyAfter?: string;
  /** Why, for people. */
  readonly destroyReason?: string;
  /** IV ‖ sealed key; `undefined` once it is destroyed. */
  readonly wrapped: Bytes | undefined;
}

const MARKS = ['compromisedAt', 'emptySince', 'destroyAfter', 'destroyReason'] as const;
const MEMBERS = ['kind', 'tenant', 'commitment', 'state', 'createdAt', 'addedIn', ...MARKS, 'wrapped'];
const OPTIONAL: readonly string[] = ['tenant', ...MARKS, 'wrapped'];
const INTEGER = /^(0|-?[1-9][0-9]*)$/;

export function encodeKey(key: KeyEntry): object {
  return {
    kind: key.kind,
    ...(key.tenant === undefined ? {} : { tenant: encodeTenant(key.tenant) }),
    commitment: base64url(key.commitment),
    state: key.state,
    createdAt: key.createdAt,
    addedIn: key.addedIn,
    ...Object.fromEntries(marksOf(key)),
    ...(key.wrapped === undefined ? {} : { wrapped: base64url(key.wrapped) }),
  };
}

export function decodeKey(value: unknown): KeyEntry {
  const key = isObject(value) ? value : {};
  const expected = MEMBERS.filter((name) => Object.hasOwn(key, name) || !OPTIONAL.includes(name));
  const { kind, state } = closed(value, expected, 'key');
  if (typeof kind !== 'string') throw damaged('A key has no kind.');
  if (!isKind(kind)) throw new KeyringFormatError();
  if (typeof state !== 'string') throw damaged('A key has no state.');
  if (!isState(state)) throw new KeyringFormatError();
  const row = KEY_STATES[state];
  if (row.holdsBytes !== Object.hasOwn(key, 'wrapped'))
    throw damaged('A key is there and destroyed, or neither.');
  if (MARKS.some((mark) => Object.hasOwn(key, mark) && !row.marks.includes(mark)))
    throw damaged('A key’s state contradicts what is said of it.');
  if (state === 'suspended' && Object.hasOwn(key, 'destroyReason') && !Object.hasOwn(key, 'destroyAfter'))
    throw damaged('A key is to be destroyed, and no moment is named.');
  return {
    kind,
    tenant: Object.hasOwn(key, 'tenant') ? decodeTenant(key['tenant']) : undefined,
    commitment: fixedBytes(key['commitment'], SUITE_1.commitmentBytes),
    state,
    createdAt: time(key['createdAt']),
    addedIn: integer(key['addedIn'], 1, Number.MAX_SAFE_INTEGER),
    ...decodeMarks(key),
    wrapped: row.holdsBytes ? fixedBytes(key['wrapped'], WRAPPED_BYTES) : undefined,
  };
}

/** The key in another state: what its entry may not say there is dropped. */
export function inState(key: KeyEntry, state: KeyState): KeyEntry {
  const dropped = MARKS.filter((mark) => !KEY_STATES[state].marks.includes(mark));
  return { ...without(key, ...dropped), state };
}

/** The key without some of what its entry may say. */
export function without(key: KeyEntry, ...marks: readonly KeyMark[]): KeyEntry {
  const left = { ...key };
  for (const mark of marks) delete left[mark];
  return left;
}

function marksOf(key: KeyEntry): [KeyMark, string][] {
  return MARKS.flatMap((mark): [KeyMark, string][] => (key[mark] === undefined ? [] : [[mark, key[mark]]]));
}

function decodeMarks(key: Record<string, unknown>): Partial<Record<KeyMark, string>> {
  return Object.fromEntries(
    MARKS.filter((mark) => Object.hasOwn(key, mark)).map((mark) => [
      mark,
      mark === 'destroyReason' ? line(key[mark], 1, MAX_LABEL_CHARACTERS) : time(key[mark]),
    ]),
  );
}

function isKind(kind: string): kind is KeyKind {
  return kind === 'data' || kind === 'index';
}

function isState(state: string): state is KeyState {
  return Object.hasOwn(KEY_STATES, state);
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
