import type { AdoptingRule, Attribute } from './attribute.js';
import { type Bytes, decodeUtf8, isUint8Array } from './bytes.js';
import type { ValueSpec, ValueTypeName } from './codec/index.js';
import { NotAdoptableError, type Where } from './errors.js';
import { refusePromise } from './maybe.js';
import { looksLikeCell, looksLikeTextCell, plainForm } from './plaintext.js';

/** An attribute while plaintext may still stand in for its cells. */
export type AdoptingAttribute = Attribute & { readonly adopting: AdoptingRule };

/** Whether plaintext may still stand in for the attribute's cells. */
export function isAdopting(attribute: Attribute): attribute is AdoptingAttribute {
  return attribute.adopting !== undefined;
}

/**
 * Whether what stands in the column of an attribute that is adopted in place is plaintext. Decided by its shape alone,
 * before anything is decrypted: what looks like a cell must open as one, and a failure is never followed by adoption.
 */
export function isPlaintextInPlace({ adopting }: Attribute, stored: unknown): boolean {
  if (adopting === undefined || adopting.from !== undefined) return false;
  const plain = plainForm(stored);
  if (plain === null) return false;
  return plain === undefined || !looksLikeCell(plain);
}

/**
 * The value that a plaintext stands for. The attribute's `parse` comes before the table below.
 *
 * @throws NotAdoptableError if it stands for none of the attribute's type.
 */
export function parsePlaintext({ spec, adopting }: Attribute, stored: unknown, where: Where): unknown {
  const plain = plainForm(stored);
  if (plain === null || plain === undefined || isCellBeside(adopting, plain))
    throw new NotAdoptableError(where);
  const parse = adopting?.parse ?? ((value: string | Bytes) => parsed(spec, value));
  let value: unknown;
  try {
    value = refusePromise(parse(plain));
  } catch {
    throw new NotAdoptableError(where); // what the parser threw may quote the plaintext
  }
  if (value === undefined || (value === null && !spec.hideNull && spec.type !== 'json'))
    throw new NotAdoptableError(where);
  return value;
}

/**
 * In a column beside the cells there are none: still, text that looks like one is not sealed into another. Bytes may look
 * like one by chance; of them only those are refused, at encryption, that name a key of the keyring.
 */
function isCellBeside(adopting: AdoptingRule | undefined, plain: string | Bytes): boolean {
  if (adopting?.from === undefined) return false;
  return typeof plain === 'string' ? looksLikeCell(plain) : looksLikeTextCell(plain);
}

function parsed(spec: ValueSpec, plain: string | Bytes): unknown {
  if (spec.type === 'bytes') return isUint8Array(plain) ? plain : undefined;
  const text = isUint8Array(plain) ? decodeUtf8(plain) : plain;
  return text === undefined ? undefined : PARSERS[spec.type](text, spec);
}

const INTEGER = /^(0|-?[1-9][0-9]*)$/;
const FLOAT = /^[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)(e[-+]?[0-9]+)?$/i;
const NO_NUMBERS: ReadonlyMap<string, number> = new Map([
  ['NaN', Number.NaN],
  ['Infinity', Number.POSITIVE_INFINITY],
  ['-Infinity', Number.NEGATIVE_INFINITY],
]);
const BOOLEANS: ReadonlyMap<string, boolean> = new Map([
  ['true', true],
  ['t', true],
  ['1', true],
  ['false', false],
  ['f', false],
  ['0', false],
]);
const TIMESTAMP =
  /^([0-9]{4}-[0-9]{2}-[0-9]{2})[T ]([0-9]{2}:[0-9]{2})(:[0-9]{2})?(?:\.([0-9]+))? ?(?:(Z)|([-+][0-9]{2}):?([0-9]{2})?)?$/;

/** One row a type: the value that a text stands for, `undefined` where it is none. What is of no type is refused at encoding. */
const PARSERS: Readonly<Record<Exclude<ValueTypeName, 'bytes'>, (text: string, spec: ValueSpec) => unknown>> =
  Object.freeze({
    text: (text) => text,
    json: parseJson,
    integer: (text, { integers }) => {
      if (!INTEGER.test(text)) return undefined;
      return integers === 'bigint' ? BigInt(text) : Number(text);
    },
    float: parseFloat64,
    boolean: (text) => BOOLEANS.get(text.toLowerCase()),
    timestamp: parseTimestamp,
    decimal: (text) => text,
    date: (text) => text,
  });

/** What would become infinite is no value; what a double holds less exactly is. */
function parseFloat64(text: string): number | undefined {
  const value = NO_NUMBERS.get(text);
  if (value !== undefined) return value;
  return FLOAT.test(text) && Number.isFinite(Number(text)) ? Number(text) : undefined;
}

/** ISO 8601, and as databases print it; without a time zone it is UTC. Beyond milliseconds digits are cut off. */
function parseTimestamp(text: string): Date | undefined {
  const match = TIMESTAMP.exec(text);
  if (!match) return undefined;
  const [, day = '', minutes = '', seconds = ':00', fraction = '', , hour = '+00', minute = '00'] = match;
  const local = `${day}T${minutes}${seconds}.${fraction.slice(0, 3).padEnd(3, '0')}`;
  const naive = new Date(`${local}Z`);
  // A day that does not exist would roll over into the next month.
  if (Number.isNaN(naive.getTime()) || !naive.toISOString().startsWith(day)) return undefined;
  const value = new Date(`${local}${hour}:${minute}`);
  return Number.isNaN(value.getTime()) ? undefined : value;
}

const JSON_STRING = /"[^"\\]*(?:\\.[^"\\]*)*"/g;
const JSON_NUMBER = /-?[0-9]+(?:\.[0-9]+)?(?:e[-+]?[0-9]+)?/gi;

/** A number that a double does not hold would come back as another one. */
function parseJson(text: string): unknown {
  const value: unknown = JSON.parse(text);
  const numbers = text.replaceAll(JSON_STRING, '').match(JSON_NUMBER) ?? [];
  return numbers.every((digits) => canonicalNumber(digits) === canonicalNumber(String(Number(digits))))
    ? value
    : undefined;
}

/** A decimal number as its digits without zeros at either end, and an exponent: equal for equal numbers. */
export function canonicalNumber(text: string): string {
  const match = /^([-+]?)([0-9]*)\.?([0-9]*)(?:e([-+]?[0-9]+))?$/i.exec(text);
  if (!match) return text;
  const [, sign = '', whole = '', fraction = '', exponent = '0'] = match;
  const digits = `${whole}${fraction}`.replace(/^0+/, '');
  const significant = digits.replace(/0+$/, '');
  if (significant === '') return '0';
  const power = Number(exponent) - fraction.length + digits.length - significant.length;
  return `${sign === '-' ? '-' : ''}${significant}e${power}`;
}
