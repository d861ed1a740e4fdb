import type { IndexOptions } from './blind-index/index.js';
import type { Bytes } from './bytes.js';
import type { IntegerForm, JsonValue, ValueSpec, ValueTypeName } from './codec/index.js';
import { DefinitionError } from './errors.js';
import { DEFAULT_FRAMED_BYTES, MAX_FRAMED_BYTES, MAX_PAD_BYTES, MIN_PAD_BYTES } from './limits.js';
import type { CellForm, KeyColumn, PlaintextColumn } from './ports/record-store.js';
import { type StandardSchema, isStandardSchema } from './standard-schema.js';

declare const valueType: unique symbol;
declare const formOf: unique symbol;
declare const hidesNull: unique symbol;
declare const bindingOf: unique symbol;
declare const indexesOf: unique symbol;

/** What a cell is bound to: its record (and column, table, tenant), or only its column (and table, tenant). */
export type Binding = 'record' | 'column';

/** How plaintext becomes cells ({@link AttributeOptions.adopting}). */
export interface AdoptingOptions {
  /** The property, and the column, in which the plaintext stands until it is dropped. Default: in place, in the attribute's own column. */
  readonly from?: string;
  /** With `from`: that column's name in the database, where it is another. */
  readonly column?: string;
  /** The value that a stored plaintext stands for: it comes as text or bytes. Answers at once: what it throws, `undefined` and a promise are `NotAdoptableError`. Default: as docs/adopting.md says for each type. */
  readonly parse?: (stored: string | Bytes) => unknown;
  /** With `from`: which one counts where a record has both and they differ. Default: neither, the record is refused (`adoption-conflict`). */
  readonly newer?: 'plaintext' | 'cell';
  /** When it should be over. It only warns (`overdueAdoptions` in `cellseal/rotation`): nothing begins to fail by a clock. */
  readonly until?: Date;
}

/** {@link AdoptingOptions}, looked at. */
export interface AdoptingRule {
  /** Where the plaintext stands; `undefined`: in place. */
  readonly from: PlaintextColumn | undefined;
  /** The value that a stored plaintext stands for. */
  readonly parse: ((stored: string | Bytes) => unknown) | undefined;
  /** Which one counts where cell and plaintext differ. */
  readonly newer: 'plaintext' | 'cell' | undefined;
  /** When it should be over, in milliseconds since 1970. */
  readonly untilMs: number | undefined;
}

/** An attribute's options. */
export interface AttributeOptions {
  /** The column's name in the database, for record stores. Default: the attribute's name. */
  readonly column?: string;
  /** Whether cells are stored as text (7-bit characters) or as bytes (a quarter shorter). Default: `'text'`. */
  readonly form?: CellForm;
  /** Pads values to multiples of this many bytes, 2 to 4,096, so that their length tells less. Default: not padded. */
  readonly pad?: number;
  /** Seals null like a value, so that nobody sees which records have none. Wants `pad`. Default: `false`, null stays null. */
  readonly hideNull?: boolean;
  /** `'column'` lets a cell be moved to another record unnoticed. Default: the table's `bind`, which is `'record'`. */
  readonly bind?: Binding;
  /** The longest framed value in bytes, frame byte and padding included, up to 16 MiB. Default: 1 MiB. */
  readonly maxBytes?: number;
  /**
   * While it stands, plaintext may stand in for cells: it is handed back by decryption, and sealed by a rotation.
   * Whoever can write to the database can then put values there that nobody sealed. Default: none may.
   */
  readonly adopting?: true | AdoptingOptions;
  /** What it can be looked up by: one blind index or several (docs/search.md). Default: nothing. */
  readonly index?: IndexOptions | readonly IndexOptions[];
}

/** The options of an `integer` attribute. */
export interface IntegerOptions extends AttributeOptions {
  /** What decryption gives: a safe `number`, or a `bigint` of any size. Default: `'number'`. */
  readonly as?: IntegerForm;
}

/** An attribute that is encrypted: made by {@link text}, {@link json}, {@link integer} and the others. */
export interface Attribute<
  Value = unknown,
  Form extends CellForm = CellForm,
  HidesNull extends boolean = boolean,
  Bind extends Binding | undefined = Binding | undefined,
  Index = unknown,
> {
  /** Never there: it carries the type of the value. */
  readonly [valueType]?: Value;
  /** Never there: it carries the stored form. */
  readonly [formOf]?: Form;
  /** Never there: it carries whether nulls are hidden. */
  readonly [hidesNull]?: HidesNull;
  /** Never there: it carries the binding. */
  readonly [bindingOf]?: Bind;
  /** Never there: it carries what its indexes were given. */
  readonly [indexesOf]?: Index;
  /** @internal */
  readonly spec: ValueSpec;
  /** How its cells are stored. */
  readonly form: CellForm;
  /** The column's name in the database, where it is not the attribute's. */
  readonly column: string | undefined;
  /** What its cells are bound to, where it is not what the table says. */
  readonly bind: Binding | undefined;
  /** Validates before encryption. */
  readonly schema: StandardSchema | undefined;
  /** How plaintext becomes cells, while it may. */
  readonly adopting: AdoptingRule | undefined;
  /** Its blind indexes, as they were given. */
  readonly index: readonly IndexOptions[];
}

/** A part of a record's id: made by {@link uuid}, {@link text}, {@link integer} and {@link bytes} with a name. */
export interface IdPart<Name extends string = string, Value = unknown> {
  /** Never there: it carries the type of the value. */
  readonly [valueType]?: Value;
  /** The property of a record that holds it. */
  readonly name: Name;
  /** The column's name in the database. */
  readonly column: string;
  /** What it is bound as. */
  readonly type: KeyColumn['type'];
}

/** The options of an id part. */
export interface IdOptions {
  /** The column's name in the database, for record stores. Default: the part's name. */
  readonly column?: string;
}

type FormOf<O> = O extends { readonly form: infer F extends CellForm } ? F : 'text';
type HideOf<O> = O extends { readonly hideNull: infer H extends boolean } ? H : false;
type BindOf<O> = O extends { readonly bind: infer B extends Binding } ? B : undefined;
type IndexOf<O> = O extends { readonly index: infer I }
  ? I extends readonly (infer Each)[]
    ? Each
    : I
  : never;
type AttributeOf<Value, O> = Attribute<Value, FormOf<O>, HideOf<O>, BindOf<O>, IndexOf<O>>;
type IntegerOf<O> = O extends { readonly as: 'bigint' } ? bigint : number;

/** What identifies a UUID: the text in either case, or its 16 bytes. */
export type UuidValue = string | Uint8Array;
/** What identifies by an integer: drivers give 64-bit integers as number, bigint or text. */
export type IntegerId = number | bigint | string;

/** A record id that is a UUID. It is bound as its 16 bytes, however it is spelled. */
export function uuid<const Name extends string>(
  name: Name,
  options: IdOptions = {},
): IdPart<Name, UuidValue> {
  return idPart('uuid', name, options);
}

/** Text: well-formed, any length up to the limit, never normalised. With a name: a part of a record's id. */
export function text<const Name extends string>(name: Name, options?: IdOptions): IdPart<Name, string>;
export function text<const O extends AttributeOptions>(options?: O): AttributeOf<string, O>;
export function text(first?: string | AttributeOptions, options?: IdOptions): unknown {
  return typeof first === 'string' ? idPart('text', first, options) : attribute('text', first);
}

/** Bytes as they are. With a name: a part of a record's id. */
export function bytes<const Name extends string>(name: Name, options?: IdOptions): IdPart<Name, Uint8Array>;
export function bytes<const O extends AttributeOptions>(options?: O): AttributeOf<Bytes, O>;
export function bytes(first?: string | AttributeOptions, options?: IdOptions): unknown {
  return typeof first === 'string' ? idPart('bytes', first, options) : attribute('bytes', first);
}

/** An integer: a safe `number`, or with `as: 'bigint'` of any size. With a name: a part of a record's id. */
export function integer<const Name extends string>(name: Name, options?: IdOptions): IdPart<Name, IntegerId>;
export function integer<const O extends IntegerOptions>(options?: O): AttributeOf<IntegerOf<O>, O>;
export function integer(first?: string | IntegerOptions, options?: IdOptions): unknown {
  return typeof first === 'string'
    ? idPart('integer', first, options)
    : attribute('integer', first, first?.as);
}

/**
 * Any JSON value. What JSON would silently drop or change (undefined, functions, bigint, NaN, class instances) is
 * refused; −0 becomes 0, as in JSON. With a Standard Schema (zod, valibot, arktype …): encryption validates, and stores
 * what the schema gives back; decryption gives its output type and does not validate again. A schema may validate with a
 * promise (not for functions whose names end in `Sync`): it sees the value itself, so change nothing in that meanwhile.
 */
export function json<Output, const O extends AttributeOptions>(
  schema: StandardSchema<unknown, Output>,
  options?: O,
): AttributeOf<Output, O>;
export function json<const O extends AttributeOptions>(options?: O): AttributeOf<JsonValue, O>;
export function json(first?: StandardSchema | AttributeOptions, options?: AttributeOptions): unknown {
  if (!isStandardSchema(first)) return attribute('json', first);
  return Object.freeze({ ...attribute('json', options), schema: first });
}

/** A double: −0, the infinities and NaN (one of them) are kept. */
export function float<const O extends AttributeOptions>(options?: O): AttributeOf<number, O> {
  return attribute('float', options);
}

/** `true` or `false`. */
export function boolean<const O extends AttributeOptions>(options?: O): AttributeOf<boolean, O> {
  return attribute('boolean', options);
}

/** An instant, in milliseconds: a `Date`. */
export function timestamp<const O extends AttributeOptions>(options?: O): AttributeOf<Date, O> {
  return attribute('timestamp', options);
}

/** A decimal number as a string, kept as it is written: `'-12.3400'`. */
export function decimal<const O extends AttributeOptions>(options?: O): AttributeOf<string, O> {
  return attribute('decimal', options);
}

/** A calendar day as a string, `'1985-02-28'`: years 0000 to 9999. */
export function date<const O extends AttributeOptions>(options?: O): AttributeOf<string, O> {
  return attribute('date', options);
}

function attribute<Value, O>(
  type: ValueTypeName,
  options: AttributeOptions = {},
  integers: IntegerForm = 'number',
): AttributeOf<Value, O> {
  const { column, form = 'text', pad, hideNull = false, bind, maxBytes = DEFAULT_FRAMED_BYTES } = options;
  const { adopting, index = [] } = options;
  if (pad !== undefined && !isWithin(pad, MIN_PAD_BYTES, MAX_PAD_BYTES)) {
    throw new DefinitionError('pad is a whole number of bytes from 2 to 4,096.');
  }
  if (hideNull && pad === undefined) {
    throw new DefinitionError('hideNull wants pad: without padding a hidden null is told by its length.');
  }
  if (!isWithin(maxBytes, pad ?? 1, MAX_FRAMED_BYTES)) {
    throw new DefinitionError('maxBytes is a whole number of bytes up to 16 MiB, and not less than pad.');
  }
  if (form !== 'text' && form !== 'binary') throw new DefinitionError("form is 'text' or 'binary'.");
  if (integers !== 'number' && integers !== 'bigint')
    throw new DefinitionError("as is 'number' or 'bigint'.");
  assertBinding(bind);
  if (column === '') throw new DefinitionError('column is the name of a column: not empty.');
  const spec: ValueSpec = Object.freeze({ type, integers, pad, hideNull, maxBytes });
  const indexes = Object.freeze(Array.isArray(index) ? [...index] : [index]) as readonly IndexOptions[];
  if (indexes.some((one) => typeof one !== 'object' || one === null))
    throw new DefinitionError('index is { bits, … }, or several of them.');
  return Object.freeze({
    spec,
    form,
    column,
    bind,
    schema: undefined,
    adopting: adoptingRule(adopting),
    index: indexes,
  });
}

function adoptingRule(adopting: true | AdoptingOptions | undefined): AdoptingRule | undefined {
  if (adopting === undefined) return undefined;
  const isSound = adopting === true || (typeof adopting === 'object' && adopting !== null);
  const { from, column = from, parse, newer, until } = isSound && adopting !== true ? adopting : {};
  if (!isSound || (parse !== undefined && typeof parse !== 'function'))
    throw new DefinitionError('adopting is true, or { from, column, parse, newer, until }.');
  if (from === '' || column === '' || (from === undefined && (column ?? newer) !== undefined))
    throw new DefinitionError(
      'adopting: from is the property that holds the plaintext, not empty; column and newer go with it.',
    );
  if (newer !== undefined && newer !== 'plaintext' && newer !== 'cell')
    throw new DefinitionError("adopting: newer is 'plaintext' or 'cell'.");
  const untilMs = until?.getTime();
  if (Number.isNaN(untilMs)) throw new DefinitionError('adopting: until is a Date that is valid.');
  const source = from === undefined ? undefined : Object.freeze({ name: from, column: column as string });
  return Object.freeze({ from: source, parse, newer, untilMs });
}

/** Refuses what is no binding: a typing error must not weaken one. */
export function assertBinding(bind: Binding | undefined): void {
  if (bind !== undefined && bind !== 'record' && bind !== 'column') {
    throw new DefinitionError("bind is 'record' or 'column'.");
  }
}

function idPart<Name extends string, Value>(
  type: KeyColumn['type'],
  name: Name,
  { column = name }: IdOptions = {},
): IdPart<Name, Value> {
  if (name === '' || column === '')
    throw new DefinitionError('A part of a record id has a name that is not empty.');
  return Object.freeze({ type, name, column });
}

function isWithin(value: number, least: number, most: number): boolean {
  return Number.isInteger(value) && value >= least && value <= most;
}
