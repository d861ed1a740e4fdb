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
  if (Array.isArray(value)) {
    for (let i = 0; i < value.length; i++) assertJson(value[i]);
    return;
  }
  if (typeof value !== 'object' || !isPlain(value)) throw new NotOfTypeError(RULE);
  for (const member of Object.values(value)) assertJson(member);
}

/** Of this realm or another: a test runner's sandbox has an Object of its own. */
function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}
