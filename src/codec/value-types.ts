import { type Bytes, copyBytes, decodeUtf8, hex, isUint8Array, isWellFormed, utf8 } from '../bytes.js';
import { BrokenFrameError, NotOfTypeError } from './failures.js';
import { assertJson } from './json.js';

/** The names of the value types (docs/format.md §5). */
export type ValueTypeName =
  | 'bytes'
  | 'text'
  | 'json'
  | 'integer'
  | 'float'
  | 'boolean'
  | 'timestamp'
  | 'decimal'
  | 'date';

/** How an `integer` attribute is declared: a safe `number`, or a `bigint`. */
export type IntegerForm = 'number' | 'bigint';

interface ValueType {
  readonly id: number;
  readonly encode: (value: unknown, integers: IntegerForm) => Bytes;
  readonly decode: (bytes: Bytes, integers: IntegerForm) => unknown;
}

/** Type 8: nothing, where an attribute hides its nulls. */
export const NULL_TYPE_ID = 8;

const DECIMAL = /^-?(0|[1-9][0-9]*)(\.[0-9]+)?$/;
const DATE = /^([0-9]{4})-([0-9]{2})-([0-9]{2})$/;
const MAX_TIME_MS = 8.64e15;
const CANONICAL_NAN = 0x7ff8000000000000n;
const DAYS = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] as const;

/** One row a type: what is stored for a value, and back. */
export const VALUE_TYPES: Readonly<Record<ValueTypeName, ValueType>> = Object.freeze({
  bytes: {
    id: 0,
    encode: (value) => copyBytes(wanted(value, isUint8Array, 'A bytes attribute takes a Uint8Array.')),
    decode: (bytes) => bytes.slice(),
  },
  text: {
    id: 1,
    encode: (value) => encodeText(wanted(value, isString, 'A text attribute takes a string.')),
    decode: decodeText,
  },
  json: {
    id: 2,
    encode: encodeJson,
    decode: decodeJson,
  },
  integer: {
    id: 3,
    encode: (value, integers) => encodeInteger(integerOf(value, integers)),
    decode: (bytes, integers) => integerAs(decodeInteger(bytes), integers),
  },
  float: {
    id: 4,
    encode: (value) => encodeFloat(wanted(value, isNumber, 'A float attribute takes a number.')),
    decode: decodeFloat,
  },
  boolean: {
    id: 5,
    encode: (value) =>
      Uint8Array.of(wanted(value, isBoolean, 'A boolean attribute takes true or false.') ? 1 : 0),
    decode: decodeBoolean,
  },
  timestamp: {
    id: 6,
    encode: (value) =>
      encodeTimestamp(wanted(value, isDate, 'A timestamp attribute takes a Date that is valid.')),
    decode: decodeTimestamp,
  },
  decimal: {
    id: 7,
    encode: (value) => utf8(wanted(value, isDecimal, 'A decimal attribute takes a string such as "-12.50".')),
    decode: (bytes) => asWritten(bytes, isDecimal),
  },
  date: {
    id: 9,
    encode: (value) =>
      utf8(wanted(value, isDate10, 'A date attribute takes a string YYYY-MM-DD, of a day that exists.')),
    decode: (bytes) => asWritten(bytes, isDate10),
  },
} satisfies Record<ValueTypeName, ValueType>);

function wanted<T>(value: unknown, is: (value: unknown) => value is T, rule: string): T {
  if (!is(value)) throw new NotOfTypeError(rule);
  return value;
}

function kept<T>(value: T | undefined): T {
  if (value === undefined) throw new BrokenFrameError();
  return value;
}

const isString = (value: unknown): value is string => typeof value === 'string';
const isNumber = (value: unknown): value is number => typeof value === 'number';
const isBoolean = (value: unknown): value is boolean => typeof value === 'boolean';
const isDecimal = (value: unknown): value is string => isString(value) && DECIMAL.test(value);
const isDate10 = (value: unknown): value is string => isString(value) && dayExists(value);

/** Also for a Date of another realm (a test runner's sandbox). */
function isDate(value: unknown): value is Date {
  if (Object.prototype.toString.call(value) !== '[object Date]') return false;
  return !Number.isNaN((value as Date).getTime());
}

function encodeText(text: string): Bytes {
  if (!isWellFormed(text)) throw new NotOfTypeError('The text is ill-formed: it contains a lone surrogate.');
  return utf8(text);
}

function decodeText(bytes: Bytes): string {
  return kept(decodeUtf8(bytes));
}

function encodeJson(value: unknown): Bytes {
  try {
    assertJson(value);
    return utf8(JSON.stringify(value));
  } catch (error) {
    if (error instanceof NotOfTypeError) throw error;
    throw new NotOfTypeError('The value nests too deeply for JSON, or contains itself.');
  }
}

function decodeJson(bytes: Bytes): unknown {
  const text = decodeText(bytes);
  try {
    return JSON.parse(text) as unknown;
  } catch {
    throw new BrokenFrameError(); // the parser's message quotes the text
  }
}

function integerOf(value: unknown, integers: IntegerForm): bigint {
  if (integers === 'bigint') {
    if (typeof value === 'bigint') return value;
    throw new NotOfTypeError("An integer attribute declared as: 'bigint' takes a bigint.");
  }
  if (Number.isSafeInteger(value)) return BigInt(value as number);
  throw new NotOfTypeError(
    "An integer attribute takes a safe integer; declare as: 'bigint' for larger ones.",
  );
}

function integerAs(value: bigint, integers: IntegerForm): number | bigint {
  if (integers === 'bigint') return value;
  const number = Number(value);
  if (!Number.isSafeInteger(number)) throw new BrokenFrameError();
  return number;
}

/** Two's complement, shortest. A negative number has the inverted bytes of its complement, which is not negative. */
function encodeInteger(value: bigint): Bytes {
  if (value < 0n) return encodeInteger(~value).map((byte) => byte ^ 0xff);
  let digits = value.toString(16);
  if (digits.length % 2 === 1) digits = `0${digits}`;
  if (Number.parseInt(digits.slice(0, 2), 16) >= 0x80) digits = `00${digits}`;
  const bytes = new Uint8Array(digits.length / 2);
  for (let i = 0; i < bytes.length; i++) bytes[i] = Number.parseInt(digits.slice(2 * i, 2 * i + 2), 16);
  return bytes;
}

function decodeInteger(bytes: Bytes): bigint {
  const first = kept(bytes[0]);
  const negative = first >= 0x80;
  if (bytes.length > 1) {
    const sign = negative ? 0xff : 0;
    const redundant = first === sign && (bytes[1] as number) >= 0x80 === negative;
    if (redundant) throw new BrokenFrameError();
  }
  return negative ? ~BigInt(`0x${hex(bytes.map((byte) => byte ^ 0xff))}`) : BigInt(`0x${hex(bytes)}`);
}

function encodeFloat(value: number): Bytes {
  const bytes = new Uint8Array(8);
  const view = new DataView(bytes.buffer);
  if (Number.isNaN(value)) view.setBigUint64(0, CANONICAL_NAN);
  else view.setFloat64(0, value);
  return bytes;
}

function decodeFloat(bytes: Bytes): number {
  const view = eightBytes(bytes);
  const value = view.getFloat64(0);
  if (Number.isNaN(value) && view.getBigUint64(0) !== CANONICAL_NAN) throw new BrokenFrameError();
  return value;
}

function decodeBoolean(bytes: Bytes): boolean {
  if (bytes.length !== 1 || (bytes[0] as number) > 1) throw new BrokenFrameError();
  return bytes[0] === 1;
}

function encodeTimestamp(value: Date): Bytes {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigInt64(0, BigInt(value.getTime()));
  return bytes;
}

function decodeTimestamp(bytes: Bytes): Date {
  const ms = Number(eightBytes(bytes).getBigInt64(0));
  if (Math.abs(ms) > MAX_TIME_MS) throw new BrokenFrameError();
  return new Date(ms);
}

function eightBytes(bytes: Bytes): DataView {
  if (bytes.length !== 8) throw new BrokenFrameError();
  return new DataView(bytes.buffer, bytes.byteOffset, 8);
}

function asWritten(bytes: Bytes, is: (value: unknown) => value is string): string {
  const text = decodeText(bytes);
  if (!is(text)) throw new BrokenFrameError();
  return text;
}

/** Proleptic Gregorian, years 0000 to 9999. */
function dayExists(text: string): boolean {
  const match = DATE.exec(text);
  if (!match) return false;
  const [year, month, day] = match.slice(1).map(Number) as [number, number, number];
  const leap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
  const days = month === 2 && leap ? 29 : (DAYS[month - 1] ?? 0);
  return day >= 1 && day <= days;
}
