/** Values as vector files write them (bytes and floats in hex, integers and timestamps as digits), and as JavaScript has them. */
import {
  type Attribute,
  type AttributeOptions,
  boolean,
  bytes,
  date,
  decimal,
  float,
  integer,
  json,
  text,
  timestamp,
} from '../../src/attribute.js';
import { decodeHex, hex, isUint8Array } from '../../src/bytes.js';
import { type VectorAttribute, VectorFault, type VectorType } from './layout.js';

interface TypeRow {
  readonly attribute: (options: AttributeOptions) => Attribute;
  /** `undefined` where the JSON does not spell a value of the type. */
  readonly read: (json: unknown) => unknown;
  readonly write: (value: unknown) => unknown;
}

const asIs = (json: unknown): unknown => json;
const ifText =
  (pattern: RegExp, read: (text: string) => unknown) =>
  (json: unknown): unknown =>
    typeof json === 'string' && pattern.test(json) ? read(json) : undefined;
const HEX = /^([0-9a-f]{2})*$/;
const EIGHT_BYTES = /^[0-9a-f]{16}$/;
const INTEGER = /^(0|-?[1-9][0-9]*)$/;

const TYPES: Readonly<Record<VectorType, TypeRow>> = {
  bytes: {
    attribute: bytes,
    read: ifText(HEX, decodeHex),
    write: (value) => (isUint8Array(value) ? hex(value) : value),
  },
  text: { attribute: (options) => text(options), read: ifText(/^/, asIs), write: asIs },
  json: { attribute: (options) => json(options), read: asIs, write: asIs },
  integer: {
    attribute: (options) => integer({ ...options, as: 'bigint' }),
    read: ifText(INTEGER, BigInt),
    write: String,
  },
  float: {
    attribute: float,
    read: ifText(EIGHT_BYTES, (text) => new DataView(decodeHex(text).buffer).getFloat64(0)),
    write: (value) => {
      const eight = new Uint8Array(8);
      new DataView(eight.buffer).setFloat64(0, value as number);
      return hex(eight);
    },
  },
  boolean: {
    attribute: boolean,
    read: (json) => (typeof json === 'boolean' ? json : undefined),
    write: asIs,
  },
  timestamp: {
    attribute: timestamp,
    read: ifText(INTEGER, (text) => new Date(Number(text))),
    write: (value) => String((value as Date).getTime()),
  },
  decimal: { attribute: decimal, read: ifText(/^/, asIs), write: asIs },
  date: { attribute: date, read: ifText(/^/, asIs), write: asIs },
  // The hidden null: of an attribute of any type that hides its nulls.
  null: {
    attribute: (options) => text({ ...options, hideNull: true }),
    read: (json) => (json === null ? null : undefined),
    write: asIs,
  },
};

/** The attribute that a case declares. */
export function attributeOf(declared: VectorAttribute, more: AttributeOptions = {}): Attribute {
  const { type, pad, hideNull, maxFramedBytes, context } = declared;
  return TYPES[type].attribute({
    ...more,
    bind: context.record === undefined ? 'column' : 'record',
    ...(pad !== undefined && { pad }),
    ...(hideNull && { hideNull }),
    ...(maxFramedBytes !== undefined && { maxBytes: maxFramedBytes }),
  });
}

/** The JavaScript value that a case's JSON spells. */
export function javaScriptOf(type: VectorType, json: unknown): unknown {
  const value = TYPES[type].read(json);
  if (value === undefined) throw new VectorFault(`value is not spelled as a ${type}`);
  return value;
}

/** The JSON that spells a JavaScript value: the reverse of {@link javaScriptOf}. */
export function jsonOf(type: VectorType, value: unknown): unknown {
  return value === null ? null : TYPES[type].write(value);
}
