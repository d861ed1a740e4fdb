import { NotOfTypeError } from './failures.js';

/** What a `json` attribute holds. */
export type JsonValue =
  | string
  | number
  | boolean
  | null
  | readonly JsonValue[]
  | { readonly [name: string]: JsonValue };

const RULE =
  'A json attribute takes strings, finite numbers, booleans, null, arrays without holes and plain objects of these: what JSON would drop or change is refused.';

/** Refuses what `JSON.stringify` would drop or change without a word. */
export function assertJson(value: unknown): asserts value is JsonValue {
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return;
  if (typeof value === 'number' && Number.isFinite(value)) return;
  if (typeof value !== 'object' || !isWhole(value)) throw new NotOfTypeError(RULE);
  if (Array.isArray(value)) {
    for (let i = 0; i < value.length; i++) assertJson(value[i]);
    return;
  }
  for (const member of Object.values(value)) assertJson(member);
}

/** No class of its own, and no member that JSON passes over: a hidden toJSON, a name that is a symbol. */
function isWhole(value: object): boolean {
  const isArray = Array.isArray(value);
  const members = isArray ? value.length + 1 : Object.keys(value).length; // an array's length is a member too
  return Reflect.ownKeys(value).length === members && isPlain(isArray ? Object.getPrototypeOf(value) : value);
}

/** Of this realm or another: a test runner's sandbox has an Object of its own. */
function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}
