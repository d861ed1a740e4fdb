import { isPlaintextInPlace, parsePlaintext } from './adopting.js';
import type { Attribute } from './attribute.js';
import { type Bytes, copyBytes, publicBytes, viewBytes } from './bytes.js';
import {
  type CellContext,
  type DataKey,
  Lru,
  type Scope,
  assertScopeFits,
  openRandomized,
  sealRandomized,
} from './cipher/index.js';
import { BrokenFrameError, assertOfType, decodeFramed, encodeFramed } from './codec/index.js';
import {
  type ContextPart,
  type ContextValue,
  type Envelope,
  cellTextOf,
  encodeContext,
  encodeContextBefore,
  encodeRecord,
  keyIdIfCell,
  parseCell,
  saltOf,
} from './envelope/index.js';
import {
  AlreadyACellError,
  AuthenticationError,
  CellsealError,
  InvalidValueError,
  NotACellError,
  NotAdoptableError,
  SelfCheckError,
  type Where,
} from './errors.js';
import { type Keyring, type OpenedKeyring, openedOf } from './keyring/index.js';
import { MAX_IVS_AT_ONCE } from './limits.js';
import { type MaybePromise, andThen, isPromise, rescue } from './maybe.js';
import type { AeadKey } from './ports/engine.js';
import type { Sent } from './sent.js';
import type { StandardResult, StandardSchema } from './standard-schema.js';
import { HEADER_BYTES, SUITE_1 } from './suite.js';
import type { Table } from './table.js';

/** The one place of a value: what its cell is bound to, and how it is written. Built from the definition, never from a cell. */
export interface CellPlace {
  readonly attribute: Attribute;
  readonly tenant: ContextPart | undefined;
  readonly context: CellContext;
  readonly scope: Scope;
  readonly where: Where;
  /** Where the cell may have been sealed, if the definition is rebinding; throws where the record lacks its former id. */
  readonly former?: (() => CellPlace) | undefined;
}

/** A cell as it is stored. */
export type StoredCell = string | Bytes;

const TENANTS_A_TABLE = 1_024;
const places = new WeakMap<Table, Lru<PlacesOf>>();

/** @param record - what the record is bound by; `undefined` where the attribute is bound to its column */
export function cellPlace(
  definition: Table,
  column: string,
  attribute: Attribute,
  record: ContextValue | undefined,
  tenant: ContextPart | undefined,
): CellPlace {
  const encoded = record === undefined ? undefined : encodeRecord(record, { table: definition.name, column });
  return cellPlaceBoundTo(definition, column, attribute, encoded, tenant);
}

/** {@link cellPlace} of a record whose part of the context is there: all cells of a record have the same. */
export function cellPlaceBoundTo(
  definition: Table,
  column: string,
  attribute: Attribute,
  record: Bytes | undefined,
  tenant: ContextPart | undefined,
): CellPlace {
  const { scope, ofColumn, ofRecord } = partOf(definition, tenant);
  const columns = record === undefined ? ofColumn : ofRecord;
  let known = columns.get(column);
  if (!known) {
    known = columnPlace(definition, column, tenant, record !== undefined);
    columns.set(column, known);
  }
  const { before, where } = known;
  return { attribute, tenant, context: { before, record }, scope, where, former: undefined };
}

// ── Other threads ───────────────────────────────────────────────────────────────────────────────────────────────────

/** Takes cells of a keyring to other threads. What it has no method for is done here, and where one gives `undefined`. */
export interface Elsewhere {
  readonly opened: OpenedKeyring;
  /** framed value → cell */
  seal?(place: CellPlace, framed: Bytes, dataKey: DataKey): Sent<StoredCell> | undefined;
  /** cell → value */
  open?(place: CellPlace, stored: unknown): Sent<unknown> | undefined;
  /** cell → cell under the active key, opened once as a reader will */
  renew?(place: CellPlace, stored: unknown): Sent<StoredCell> | undefined;
}

/**
 * Where cells go that are met now. It is set while a function runs to its end; what runs meanwhile is that function, and
 * code of the application's own that it calls, which may do anything but wait.
 */
let elsewhereNow: Elsewhere | undefined;

/** Does `begin`; what it seals and opens of this keyring goes elsewhere, as far as it can. */
export function withElsewhere(elsewhere: Elsewhere, begin: () => void): void {
  const outer = elsewhereNow;
  elsewhereNow = elsewhere;
  try {
    begin();
  } finally {
    elsewhereNow = outer;
  }
}

/** Where cells of this keyring go now. Nowhere for a caller who cannot wait: code of the application's own may be one. */
export function elsewhereOf(opened: OpenedKeyring): Elsewhere | undefined {
  return elsewhereNow?.opened === opened && !opened.answersAtOnce ? elsewhereNow : undefined;
}

// ── IVs ─────────────────────────────────────────────────────────────────────────────────────────────────────────────

/** IVs for the cells of one record. */
interface IvReserve {
  readonly opened: OpenedKeyring;
  /** How many more may be wanted. */
  left: number;
  /** Of those, drawn already: where the next one begins in `drawn`. */
  drawn: Bytes | undefined;
  next: number;
}

/** It is there while a function runs to its end (see {@link elsewhereNow}): what is left is forgotten then. */
let reserveNow: IvReserve | undefined;

/** Does `work`, in which so many cells of this keyring are sealed at once: a call of the generator costs as much for all their IVs as for one. */
export function withIvs<T>(opened: OpenedKeyring, count: number, work: () => T): T {
  if (count < 2) return work();
  const outer = reserveNow;
  reserveNow = { opened, left: count, drawn: undefined, next: 0 };
  try {
    return work();
  } finally {
    reserveNow = outer;
  }
}

function nextIv(opened: OpenedKeyring): Bytes {
  const { random } = opened.environment;
  const { ivBytes } = SUITE_1;
  const reserve = reserveNow;
  if (reserve?.opened !== opened || reserve.left === 0) return random(ivBytes, publicBytes(ivBytes));
  if (!reserve.drawn || reserve.next === reserve.drawn.length) {
    const length = ivBytes * Math.min(reserve.left, MAX_IVS_AT_ONCE);
    reserve.drawn = random(length, publicBytes(length));
    reserve.next = 0;
  }
  const iv = reserve.drawn.subarray(reserve.next, reserve.next + ivBytes);
  reserve.next += ivBytes;
  reserve.left--;
  return iv;
}

// ── The path of a value, once in order and once in reverse ──────────────────────────────────────────────────────────

/** value → framed value → cell */
export function sealValue(keyring: Keyring, place: CellPlace, value: unknown): MaybePromise<StoredCell> {
  const opened = openedOf(keyring);
  if (!place.attribute.schema || value === null) return sealValid(opened, place, value);
  const valid = validated(place, place.attribute.schema, value);
  if (!isPromise(valid)) return sealValid(opened, place, valid.value);
  opened.assertMayAwait(valid, place.where);
  return valid.then((awaited) => sealValid(opened, place, awaited.value));
}

function sealValid(opened: OpenedKeyring, place: CellPlace, value: unknown): MaybePromise<StoredCell> {
  const framed = encodeFramed(place.attribute.spec, value, place.where);
  const asking = assertNotACell(opened, place, value);
  return asking !== undefined
    ? asking.then(() => sealFramed(opened, place, framed))
    : sealFramed(opened, place, framed);
}

/** cell → framed value → value */
export function openValue(keyring: Keyring, place: CellPlace, stored: unknown): MaybePromise<unknown> {
  if (isPlaintextInPlace(place.attribute, stored)) return openAdopted(keyring, place, stored);
  return openStored(openedOf(keyring), place, stored);
}

/** {@link openValue} of what is no plaintext. */
export function openStored(opened: OpenedKeyring, place: CellPlace, stored: unknown): MaybePromise<unknown> {
  const sent = elsewhereOf(opened)?.open?.(place, stored);
  if (sent) return sent;
  const framed = place.former ? openRebinding(opened, place, stored) : openFramed(opened, place, stored);
  return isPromise(framed)
    ? framed.then((awaited) => decoded(place, stored, awaited))
    : decoded(place, stored, framed);
}

/** A framed value that opened in its former place. */
export class Rebound {
  readonly framed: Bytes;
  constructor(framed: Bytes) {
    this.framed = framed;
  }
}

/**
 * {@link openFramed}, and in the former place what does not authenticate in its own: nothing else is tried twice, and
 * what fails in both fails as in its own.
 */
export function openRebinding(
  opened: OpenedKeyring,
  place: CellPlace,
  stored: unknown,
): MaybePromise<Bytes | Rebound> {
  const inPlace = rescue<Bytes, CellsealError>(
    () => openFramed(opened, place, stored),
    (error) => {
      if (error instanceof AuthenticationError && place.former) return error;
      throw error;
    },
  );
  return andThen(inPlace, (result) => {
    if (!(result instanceof CellsealError)) return result;
    const inFormer = rescue(
      () => openFramed(opened, (place.former as () => CellPlace)(), stored),
      (error): never => {
        throw error instanceof AuthenticationError ? result : error;
      },
    );
    return andThen(inFormer, (framed) => new Rebound(framed));
  });
}

/** plaintext → value, for a reader. */
export function openAdopted(keyring: Keyring, place: CellPlace, stored: unknown): MaybePromise<unknown> {
  const value = adoptedValue(place, stored);
  if (isPromise(value)) openedOf(keyring).assertMayAwait(value, place.where);
  return value;
}

/** plaintext → value, as the definition has it while the attribute is adopting. Throws `NotAdoptableError`. */
export function adoptedValue(place: CellPlace, stored: unknown): MaybePromise<unknown> {
  const refused = (error: unknown): never => {
    throw error instanceof InvalidValueError ? new NotAdoptableError(place.where) : error;
  };
  const { schema, spec } = place.attribute;
  // So that a reader refuses what a rotation will: both hand over values of the attribute's type only.
  const ofType = (value: unknown): unknown => {
    if (value !== null) assertOfType(spec, value, place.where);
    return value;
  };
  return rescue(() => {
    const parsed = parsePlaintext(place.attribute, stored, place.where);
    if (!schema || parsed === null) return ofType(parsed);
    return andThen(validated(place, schema, parsed), ({ value }) => ofType(value));
  }, refused);
}

/** value → framed value, of a value that was adopted: validated already. */
export function adoptedFramed(opened: OpenedKeyring, place: CellPlace, value: unknown): MaybePromise<Bytes> {
  const framed = encodeFramed(place.attribute.spec, value, place.where);
  return andThen(assertNotACell(opened, place, value), () => framed);
}

/** framed value → encryption → envelope → stored form */
export function sealFramed(opened: OpenedKeyring, place: CellPlace, framed: Bytes): MaybePromise<StoredCell> {
  const dataKey = opened.sealingKey(place.tenant, place.where);
  return isPromise(dataKey)
    ? dataKey.then((known) => sealUnder(opened, place, framed, known))
    : sealUnder(opened, place, framed, dataKey);
}

function sealUnder(
  opened: OpenedKeyring,
  place: CellPlace,
  framed: Bytes,
  dataKey: DataKey,
): MaybePromise<StoredCell> {
  const sent = elsewhereOf(opened)?.seal?.(place, framed, dataKey);
  if (sent) return sent;
  const { engine } = opened.environment;
  const { cellKeys } = opened;
  const salt = cellKeys.nextSalt();
  const iv = nextIv(opened);
  const seal = (key: AeadKey): MaybePromise<Bytes> =>
    sealRandomized(engine, key, dataKey.prefix, salt, iv, place.context, framed);
  const cell = cellKeys.use(dataKey, place.scope, salt, seal);
  return isPromise(cell)
    ? cell.then((sealed) => storedForm(place, dataKey, framed.length, sealed))
    : storedForm(place, dataKey, framed.length, cell);
}

/** The form in which a cell is stored. Throws `SelfCheckError` for what is too long or short to be one. */
export function storedForm(
  { attribute, where }: CellPlace,
  { keyId }: DataKey,
  framedBytes: number,
  cell: Bytes,
): StoredCell {
  // An engine that knows of no head would give a cell that nobody can read.
  if (cell.length !== HEADER_BYTES + framedBytes + SUITE_1.tagBytes) throw new SelfCheckError(where);
  return attribute.form === 'text' ? cellTextOf(keyId, cell) : copyBytes(cell);
}

/** stored form → envelope → decryption → framed value */
export function openFramed(opened: OpenedKeyring, place: CellPlace, stored: unknown): MaybePromise<Bytes> {
  const envelope = envelopeIn(place, stored);
  const where = whereIsCell(place, envelope);
  const dataKey = opened.openingKey(envelope.keyId, place.tenant, where);
  return isPromise(dataKey)
    ? dataKey.then((known) => openUnder(opened, place, envelope, known, where))
    : openUnder(opened, place, envelope, dataKey, where);
}

/** What a stored cell says of itself. */
export function envelopeIn({ attribute, where }: CellPlace, stored: unknown): Envelope {
  const cell = viewBytes(stored);
  if ((typeof cell === 'string') !== (attribute.form === 'text')) throw new NotACellError(where);
  return parseCell(cell, 'randomized', attribute.spec.maxBytes, where);
}

/** Where a cell is, for errors. */
export function whereIsCell({ where: { table, column } }: CellPlace, { keyId }: Envelope): Where {
  return { table, column, keyId };
}

function openUnder(
  { environment: { engine }, cellKeys }: OpenedKeyring,
  { scope, context }: CellPlace,
  { bytes }: Envelope,
  dataKey: DataKey,
  where: Where,
): MaybePromise<Bytes> {
  const refused = (error: unknown): never => {
    throw error instanceof AuthenticationError ? new AuthenticationError(where) : error;
  };
  try {
    const framed = cellKeys.use(dataKey, scope, saltOf(bytes), (key) =>
      openRandomized(engine, key, context, bytes),
    );
    return isPromise(framed) ? framed.then(undefined, refused) : framed;
  } catch (error) {
    return refused(error);
  }
}

/** framed value → value, of a cell that has opened. */
export function decoded(place: CellPlace, stored: unknown, opened: Bytes | Rebound): unknown {
  try {
    return decodeFramed(place.attribute.spec, opened instanceof Rebound ? opened.framed : opened);
  } catch (error) {
    if (!(error instanceof BrokenFrameError)) throw error;
    throw new AuthenticationError({ ...place.where, keyId: keyIdIfCell(viewBytes(stored)) });
  }
}

/** What a schema has given back for a value that it takes. */
interface Valid {
  readonly value: unknown;
}

/** What a schema says or throws may quote the value, so none of it is passed on, nor what a getter of its result throws. */
function validated({ where }: CellPlace, schema: StandardSchema, value: unknown): MaybePromise<Valid> {
  const refused = (): never => {
    throw new InvalidValueError('The value does not satisfy its schema.', { ...where, expected: 'json' });
  };
  const checked = (result: StandardResult<unknown>): Valid =>
    result.issues ? refused() : { value: result.value };
  return rescue(() => andThen(schema['~standard'].validate(value), checked), refused);
}

/**
 * Nothing is encrypted twice (docs/format.md §8, and what §10 says of it). Bytes may look like a cell by chance, so they
 * must name a key of ours, which another process may have added meanwhile.
 */
function assertNotACell(
  opened: OpenedKeyring,
  { where }: CellPlace,
  value: unknown,
): PromiseLike<void> | undefined {
  const keyId = keyIdIfCell(value);
  if (keyId === undefined) return undefined;
  const refuse = (isCell: boolean): void => {
    if (isCell) throw new AlreadyACellError(where);
  };
  const isCell = typeof value === 'string' || opened.hasKey(keyId);
  return isPromise(isCell) ? isCell.then(refuse) : (refuse(isCell) as undefined);
}

interface ColumnPlace {
  readonly before: Bytes;
  readonly where: Where;
}

/** What the places of a table and tenant have in common. */
interface PlacesOf {
  readonly scope: Scope;
  /** Of cells bound to their column, and of those bound to their record: by column. */
  readonly ofColumn: Map<string, ColumnPlace>;
  readonly ofRecord: Map<string, ColumnPlace>;
}

function partOf(definition: Table, tenant: ContextPart | undefined): PlacesOf {
  let ofTable = places.get(definition);
  if (!ofTable) {
    ofTable = new Lru(TENANTS_A_TABLE);
    places.set(definition, ofTable);
  }
  const id = tenant === undefined ? '' : `${typeof tenant}:${String(tenant)}`;
  const known = ofTable.get(id);
  if (known) return known;
  const context = encodeContext('scope', { tenant, table: definition.name });
  assertScopeFits(context);
  const scope = { id: String.fromCharCode(...context), context };
  const made = { scope, ofColumn: new Map(), ofRecord: new Map() };
  ofTable.set(id, made);
  return made;
}

function columnPlace(
  definition: Table,
  column: string,
  tenant: ContextPart | undefined,
  hasRecord: boolean,
): ColumnPlace {
  const where = Object.freeze({ table: definition.name, column });
  const encode = hasRecord ? encodeContextBefore : encodeContext;
  return { before: encode('cell', { tenant, table: definition.name, column }, where), where };
}
