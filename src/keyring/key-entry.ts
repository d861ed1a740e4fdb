import { type Bytes, base64url, decodeBase64url, isWellFormed, utf8 } from '../bytes.js';
import type { ContextPart } from '../envelope/index.js';
import { KeyringFormatError } from '../errors.js';
import { MAX_CONTEXT_FIELD_BYTES } from '../limits.js';
import { SUITE_1 } from '../suite.js';
import { closed, damaged, fixedBytes, integer, isObject, time } from './checks.js';
import { WRAPPED_BYTES } from './slot-entry.js';
import { KEY_STATES, type KeyKind, type KeyState } from './states.js';

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
  /** IV ‖ sealed key; `undefined` once it is destroyed. */
  readonly wrapped: Bytes | undefined;
}

const MEMBERS = ['kind', 'tenant', 'commitment', 'state', 'createdAt', 'addedIn', 'wrapped'];
const OPTIONAL = ['tenant', 'wrapped'];
const INTEGER = /^(0|-?[1-9][0-9]*)$/;

export function encodeKey(key: KeyEntry): object {
  return {
    kind: key.kind,
    ...(key.tenant === undefined ? {} : { tenant: encodeTenant(key.tenant) }),
    commitment: base64url(key.commitment),
    state: key.state,
    createdAt: key.createdAt,
    addedIn: key.addedIn,
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
  return {
    kind,
    tenant: Object.hasOwn(key, 'tenant') ? decodeTenant(key['tenant']) : undefined,
    commitment: fixedBytes(key['commitment'], SUITE_1.commitmentBytes),
    state,
    createdAt: time(key['createdAt']),
    addedIn: integer(key['addedIn'], 1, Number.MAX_SAFE_INTEGER),
    wrapped: row.holdsBytes ? fixedBytes(key['wrapped'], WRAPPED_BYTES) : undefined,
  };
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
