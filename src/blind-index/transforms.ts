import { copyBytes, isUint8Array, isWellFormed } from '../bytes.js';
import { type ValueSpec, type ValueTypeName, assertOfType } from '../codec/index.js';
import type { ContextPart } from '../envelope/index.js';
import { DefinitionError, NotIndexableError, type Where } from '../errors.js';
import { MAX_TRANSFORM_CHARACTERS } from '../limits.js';
import { refusePromise } from '../maybe.js';

/** What a blind index makes of a value before it is hashed (docs/format.md §7). */
export interface Transform {
  /** Its name with its version: part of every token. */
  readonly name: string;
  /** The value types that it takes. */
  readonly takes: readonly ValueTypeName[];
  /** Whether it gives null for nothing but null. */
  readonly isTotal: boolean;
  /**
   * The transformed value. Null gives null, and so does a value in which there is nothing to index.
   *
   * @throws InvalidValueError: the value is not of its attribute's type.
   * @throws NotIndexableError: it is, and the transform refuses it.
   */
  readonly apply: (value: unknown, spec: ValueSpec, where?: Where) => ContextPart | null;
}

/** A transform of the application's own. What it gives must never change under one name: change the number with it. */
export interface OwnTransform<Value = never> {
  /** Small letters, digits and hyphens, with the version at the end, up to 64 characters: `soundex-1`. Not a built-in one's name in any version. */
  readonly name: string;
  /** What is indexed of a value that is not null: text, a whole number or bytes; null where there is nothing to index. Answers at once, without a promise. What it throws is not passed on. */
  readonly apply: (value: Value) => string | number | bigint | Uint8Array | null;
}

type IndexableType = Exclude<ValueTypeName, 'json' | 'float'>;

/** `exact-1`, by type; with it, the types that can be indexed at all. */
const EXACT: Readonly<Record<IndexableType, (value: never) => ContextPart>> = Object.freeze({
  text: (value: string) => value,
  integer: (value: number | bigint) => BigInt(value),
  bytes: (value: Uint8Array) => copyBytes(value),
  boolean: (value: boolean) => (value ? 1n : 0n),
  timestamp: (value: Date) => BigInt(value.getTime()),
  date: (value: string) => value,
  decimal: (value: string) => value,
});

interface TextTransform {
  readonly isTotal: boolean;
  /** The transformed text, null where there is nothing to index, or `undefined` where the text is refused. */
  readonly apply: (text: string) => string | null | undefined;
  /** Why it is refused. */
  readonly rule?: string;
}

const NO_AT = 'An index by e-mail address takes text with an @ in it.';

/** The transforms that take text alone. */
const OF_TEXT: Readonly<Record<string, TextTransform>> = Object.freeze({
  'lower-1': { isTotal: true, apply: lower },
  'email-1': { isTotal: true, apply: email, rule: NO_AT },
  'email-domain-1': { isTotal: true, apply: emailDomain, rule: NO_AT },
  'digits-1': { isTotal: false, apply: digits },
  'last4-1': { isTotal: false, apply: last4 },
});

const NAME = /^[a-z][a-z0-9-]*-[0-9]+$/;
const VERSION = /-[0-9]+$/;

// A newer runtime may give them another lower case or composition, and so another token (docs/format.md §7).
const UNASSIGNED = /\p{Cn}/u;

/**
 * A built-in transform by its name, or one of the application's own.
 *
 * @throws DefinitionError: there is none of this name, or the application's own is not one.
 */
export function transformOf(given: string | OwnTransform, where: Where = {}): Transform {
  if (typeof given !== 'string') return ownTransform(given, where);
  if (given === 'exact-1') return transform(given, indexableTypes(), true, exact);
  const found = Object.hasOwn(OF_TEXT, given) ? OF_TEXT[given] : undefined;
  if (found) return transform(given, ['text'], found.isTotal, ofText(given, found));
  throw new DefinitionError(
    `There is no such transform. The built-in ones are ${builtInNames().join(', ')}; your own is { name, apply }.`,
    where,
  );
}

/** Refuses an attribute that the transform cannot take. */
export function assertTakes({ name, takes }: Transform, type: ValueTypeName, where: Where = {}): void {
  if (takes.includes(type)) return;
  const rule =
    type === 'json' || type === 'float'
      ? `A ${type} attribute cannot be indexed: equal values are not always written alike.`
      : `The transform ${name} takes ${takes.join(', ')}, and the attribute is ${type}.`;
  throw new DefinitionError(rule, where);
}

type Apply = (value: never, spec: ValueSpec, where: Where) => ContextPart | null;

/** Checks what goes in, once for all of them. */
function transform(name: string, takes: readonly ValueTypeName[], isTotal: boolean, apply: Apply): Transform {
  return Object.freeze({
    name,
    takes: Object.freeze(takes),
    isTotal,
    apply: (value: unknown, spec: ValueSpec, where: Where = {}) => {
      if (value === null) return null;
      assertOfType(spec, value, where);
      if (typeof value === 'string' && UNASSIGNED.test(value)) {
        throw new NotIndexableError(
          'The text has a character that this runtime does not know: a newer one might index it otherwise. Leave it out, or update the runtime everywhere.',
          name,
          where,
        );
      }
      return apply(value as never, spec, where);
    },
  });
}

function ownTransform(given: OwnTransform, where: Where): Transform {
  const { name, apply } = given ?? {};
  const isNamed = typeof name === 'string' && name.length <= MAX_TRANSFORM_CHARACTERS && NAME.test(name);
  if (!isNamed || typeof apply !== 'function') {
    throw new DefinitionError(
      'A transform is the name of a built-in one, or { name, apply }, where name is small letters, digits and hyphens with a version at the end, up to 64 characters: soundex-1.',
      where,
    );
  }
  const family = name.replace(VERSION, '');
  if (builtInNames().some((builtIn) => builtIn.replace(VERSION, '') === family)) {
    throw new DefinitionError('The name of a built-in transform is taken, in every version.', where);
  }
  return transform(name, indexableTypes(), false, (value, _spec, at) =>
    partOf(called(given, value, at), name, at),
  );
}

/** What it throws may quote the value, so nothing of it is passed on; nor of what it may reject with. */
function called(own: OwnTransform, value: never, where: Where): unknown {
  try {
    return refusePromise(own.apply(copied(value) as never)); // it must not change what is encrypted afterwards
  } catch {
    throw new NotIndexableError(
      'The transform threw an error, which is not passed on, or gave back a promise: it answers at once.',
      own.name,
      where,
    );
  }
}

function copied(value: unknown): unknown {
  if (isUint8Array(value)) return copyBytes(value);
  return typeof value === 'object' ? new Date((value as Date).getTime()) : value;
}

function partOf(given: unknown, name: string, where: Where): ContextPart | null {
  if (given === null || typeof given === 'bigint') return given;
  if (typeof given === 'string' && isWellFormed(given)) return given;
  if (Number.isSafeInteger(given)) return BigInt(given as number);
  if (isUint8Array(given)) return copyBytes(given);
  throw new NotIndexableError(
    'The transform gave back something else than well-formed text, a whole number, bytes or null.',
    name,
    where,
  );
}

function exact(value: never, { type }: ValueSpec): ContextPart {
  return EXACT[type as IndexableType](value);
}

function ofText(name: string, { apply, rule = '' }: TextTransform): Apply {
  return (text, _spec, where) => {
    const transformed = apply(text);
    if (transformed === undefined) throw new NotIndexableError(rule, name, where);
    return transformed;
  };
}

/** The second NFC is not idle: U+004A U+030C has no composed form, its lower case U+01F0 is one. */
function lower(text: string): string {
  return text.normalize('NFC').toLowerCase().normalize('NFC');
}

function email(text: string): string | undefined {
  return text.includes('@') ? lower(trimmed(text)) : undefined;
}

function emailDomain(text: string): string | undefined {
  const address = email(text);
  return address?.slice(address.lastIndexOf('@') + 1);
}

function digits(text: string): string | null {
  return text.replace(/[^0-9]+/g, '') || null;
}

function last4(text: string): string | null {
  const all = digits(text) ?? '';
  return all.length < 4 ? null : all.slice(-4);
}

/** Not by a pattern, which would take long for long white space in the middle; not by `trim`, which takes more than ASCII. */
function trimmed(text: string): string {
  let start = 0;
  let end = text.length;
  while (start < end && isWhiteSpace(text.charCodeAt(start))) start++;
  while (end > start && isWhiteSpace(text.charCodeAt(end - 1))) end--;
  return text.slice(start, end);
}

/** U+0009 to U+000D, and U+0020. */
function isWhiteSpace(code: number): boolean {
  return (code >= 0x09 && code <= 0x0d) || code === 0x20;
}

function indexableTypes(): ValueTypeName[] {
  return Object.keys(EXACT) as IndexableType[];
}

function builtInNames(): string[] {
  return ['exact-1', ...Object.keys(OF_TEXT)];
}
