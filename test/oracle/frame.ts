/** Framed values (format.md §5). */
import { ascii, concat, fromUtf8, hex, uint, unhex, utf8 } from './bytes.js';

/** The ten types; `null` only where an attribute hides its nulls. */
export type ValueType =
  | 'bytes'
  | 'text'
  | 'json'
  | 'integer'
  | 'float'
  | 'boolean'
  | 'timestamp'
  | 'decimal'
  | 'null'
  | 'date';

/**
 * What a frame carries: bytes → Uint8Array; text, decimal, date → string; json → a JSON value; integer → bigint;
 * float → number; boolean → boolean; timestamp → milliseconds as bigint; null → null.
 */
export type Value = unknown;

/** What the attribute declares of its frames. */
export interface Attribute {
  readonly type: ValueType;
  readonly pad?: number;
  readonly hideNull?: boolean;
}

const NUMBERS: Readonly<Record<ValueType, number>> = {
  bytes: 0,
  text: 1,
  json: 2,
  integer: 3,
  float: 4,
  boolean: 5,
  timestamp: 6,
  decimal: 7,
  null: 8,
  date: 9,
};
const MAX_TIMESTAMP_MS = 8_640_000_000_000_000n;

/** The framed value of a type and value, padded when a block is given; throws on a value that is refused. */
export function encodeFrame(type: ValueType, value: Value, pad?: number): Uint8Array {
  if (type === 'null' && pad === undefined) throw new Error('a hidden null is padded');
  return encodeRawFrame(NUMBERS[type], encodeValue(type, value), pad);
}

/** u8 frame ‖ value ‖ padding, whatever the value's bytes: for frames with a fault. */
export function encodeRawFrame(frameNumber: number, value: Uint8Array, pad?: number): Uint8Array {
  if (pad === undefined) return concat(uint(frameNumber, 1), value);
  if (!Number.isInteger(pad) || pad < 2 || pad > 4096) throw new Error('a block is 2 to 4,096 bytes');
  const padded = [frameNumber | 0x80, ...value, 0x80];
  while (padded.length % pad !== 0) padded.push(0);
  return Uint8Array.from(padded);
}

/** The type and value of a framed value, or undefined for anything that the decoder refuses. */
export function decodeFrame(
  framed: Uint8Array,
  attribute: Attribute,
): { readonly type: ValueType; readonly value: Value } | undefined {
  const [frame, ...rest] = framed;
  if (frame === undefined) return undefined;
  if ((frame & 0x60) !== 0) return undefined;
  if (((frame & 0x80) !== 0) !== (attribute.pad !== undefined)) return undefined;
  const type = (Object.keys(NUMBERS) as ValueType[]).find((name) => NUMBERS[name] === (frame & 0x1f));
  if (type === undefined) return undefined;
  const hiddenNull = type === 'null' && attribute.hideNull === true && attribute.pad !== undefined;
  if (type === 'null' ? !hiddenNull : type !== attribute.type) return undefined;
  if (attribute.pad !== undefined) {
    if (framed.length % attribute.pad !== 0) return undefined;
    while (rest.at(-1) === 0) rest.pop();
    if (rest.pop() !== 0x80) return undefined;
  }
  const value = decodeValue(type, Uint8Array.from(rest));
  return value === undefined ? undefined : { type, value };
}

function encodeValue(type: ValueType, value: Value): Uint8Array {
  switch (type) {
    case 'bytes':
      if (!(value instanceof Uint8Array)) throw new Error('not bytes');
      return value;
    case 'text':
      if (typeof value !== 'string') throw new Error('not text');
      return utf8(value);
    case 'json':
      refuseNotJson(value);
      return utf8(JSON.stringify(value));
    case 'integer':
      if (typeof value !== 'bigint') throw new Error('not an integer');
      return encodeInteger(value);
    case 'float':
      if (typeof value !== 'number') throw new Error('not a float');
      return encodeFloat(value);
    case 'boolean':
      if (typeof value !== 'boolean') throw new Error('not a boolean');
      return Uint8Array.of(value ? 1 : 0);
    case 'timestamp':
      if (typeof value !== 'bigint' || !isTimestamp(value)) throw new Error('not a timestamp');
      return uint(BigInt.asUintN(64, value), 8);
    case 'decimal':
      if (typeof value !== 'string' || !isDecimal(value)) throw new Error('not a decimal');
      return ascii(value);
    case 'null':
      if (value !== null) throw new Error('not null');
      return new Uint8Array();
    case 'date':
      if (typeof value !== 'string' || !isDate(value)) throw new Error('not a date');
      return ascii(value);
  }
}

function decodeValue(type: ValueType, bytes: Uint8Array): Value | undefined {
  const text = fromUtf8(bytes);
  switch (type) {
    case 'bytes':
      return bytes;
    case 'text':
      return text;
    case 'json':
      return text === undefined ? undefined : parseJson(text);
    case 'integer':
      return decodeInteger(bytes);
    case 'float':
      return decodeFloat(bytes);
    case 'boolean':
      return hex(bytes) === '00' ? false : hex(bytes) === '01' ? true : undefined;
    case 'timestamp': {
      if (bytes.length !== 8) return undefined;
      const milliseconds = BigInt.asIntN(64, BigInt(`0x${hex(bytes)}`));
      return isTimestamp(milliseconds) ? milliseconds : undefined;
    }
    case 'decimal':
      return text !== undefined && isDecimal(text) ? text : undefined;
    case 'null':
      return bytes.length === 0 ? null : undefined;
    case 'date':
      return text !== undefined && isDate(text) ? text : undefined;
  }
}

function encodeInteger(value: bigint): Uint8Array {
  let bytes = 1;
  while (BigInt.asIntN(8 * bytes, value) !== value) bytes += 1;
  return uint(BigInt.asUintN(8 * bytes, value), bytes);
}

function decodeInteger(bytes: Uint8Array): bigint | undefined {
  if (bytes.length === 0) return undefined;
  const value = BigInt.asIntN(8 * bytes.length, BigInt(`0x${hex(bytes)}`));
  return hex(encodeInteger(value)) === hex(bytes) ? value : undefined;
}

function encodeFloat(value: number): Uint8Array {
  if (Number.isNaN(value)) return unhex('7ff8000000000000');
  const view = new DataView(new ArrayBuffer(8));
  view.setFloat64(0, value);
  return new Uint8Array(view.buffer);
}

function decodeFloat(bytes: Uint8Array): number | undefined {
  if (bytes.length !== 8) return undefined;
  const value = new DataView(Uint8Array.from(bytes).buffer).getFloat64(0);
  return hex(encodeFloat(value)) === hex(bytes) ? value : undefined;
}

function isTimestamp(milliseconds: bigint): boolean {
  return milliseconds >= -MAX_TIMESTAMP_MS && milliseconds <= MAX_TIMESTAMP_MS;
}

function isDecimal(text: string): boolean {
  return /^-?(0|[1-9][0-9]*)(\.[0-9]+)?$/.test(text);
}

function isDate(text: string): boolean {
  const match = /^([0-9]{4})-([0-9]{2})-([0-9]{2})$/.exec(text);
  if (match === null) return false;
  const [year, month, day] = [Number(match[1]), Number(match[2]), Number(match[3])];
  const leap = (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0;
  const days = [31, leap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31][month - 1] ?? 0;
  return day >= 1 && day <= days;
}

function parseJson(text: string): Value | undefined {
  try {
    return JSON.parse(text) as Value;
  } catch {
    return undefined;
  }
}

function refuseNotJson(value: unknown): void {
  if (value === null || typeof value === 'boolean' || typeof value === 'string') return;
  if (typeof value === 'number' && Number.isFinite(value)) return;
  if (typeof value !== 'object') throw new Error('not a JSON value');
  Object.values(value).forEach(refuseNotJson);
}
