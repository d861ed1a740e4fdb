import { type Bytes, decodeBase64url } from '../bytes.js';
import { KeyringDamagedError } from '../errors.js';
import { MAX_ID_CHARACTERS } from '../limits.js';

/** What decoding a document's members has in common: parsing is closed, and every refusal is typed. */

const ID = new RegExp(`^[A-Za-z0-9_-]{1,${MAX_ID_CHARACTERS}}$`);
const CONTROL = /\p{Cc}/u;

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** An object with exactly these members. */
export function closed(value: unknown, members: readonly string[], what: string): Record<string, unknown> {
  if (!isObject(value)) throw damaged(`The ${what} is no object.`);
  const found = Object.keys(value);
  if (found.length !== members.length || !members.every((name) => Object.hasOwn(value, name))) {
    throw damaged(`The ${what} has a member too many or too few.`);
  }
  return value;
}

export function list(value: unknown): unknown[] {
  if (!Array.isArray(value)) throw damaged('A list is no list.');
  return value;
}

export function id(value: unknown): string {
  if (typeof value !== 'string' || !ID.test(value)) throw damaged('An id is no id.');
  return value;
}

/** Text for people: well-formed, in one line. */
export function line(value: unknown, least: number, most: number): string {
  if (typeof value !== 'string' || !isLine(value, least, most)) throw damaged('A label is no label.');
  return value;
}

export function isLine(text: string, least: number, most: number): boolean {
  return text.length >= least && text.length <= most && text.isWellFormed() && !CONTROL.test(text);
}

export function integer(value: unknown, least: number, most: number): number {
  if (!Number.isSafeInteger(value) || (value as number) < least || (value as number) > most)
    throw damaged('A number is outside its bounds.');
  return value as number;
}

export function fixedBytes(value: unknown, bytes: number): Bytes {
  const decoded = typeof value === 'string' ? decodeBase64url(value) : undefined;
  if (decoded?.length !== bytes) throw damaged('A byte string has not its length.');
  return decoded;
}

export function time(value: unknown): string {
  const ms = typeof value === 'string' ? Date.parse(value) : Number.NaN;
  if (Number.isNaN(ms) || new Date(ms).toISOString() !== value) throw damaged('A time is no time.');
  return value;
}

export function damaged(rule: string): KeyringDamagedError {
  return new KeyringDamagedError(rule);
}
