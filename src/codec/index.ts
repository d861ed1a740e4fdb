export { BrokenFrameError } from './failures.js';
export { type ValueSpec, assertOfType, decodeFramed, encodeFramed, framedBytes } from './framed-value.js';
export type { JsonValue } from './json.js';
export { type IntegerForm, VALUE_TYPES, type ValueTypeName } from './value-types.js';
