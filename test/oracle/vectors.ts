/** The vector files' layout, and their JSON as the values that the oracle takes. */
import { readFileSync } from 'node:fs';
import { hex, unhex } from './bytes.js';
import type { DataKey, KeyKind, KeyState, Mode, Reading, RefusalCode } from './cell.js';
import type { Context, ContextValue, Part } from './context.js';
import type { Value, ValueType } from './frame.js';
import type { Slot } from './keyring.js';

export type JsonPart = string | { readonly integer: string } | { readonly bytes: string };
export type JsonContextValue = JsonPart | { readonly tuple: readonly JsonPart[] };

export interface JsonContext {
  readonly tenant?: JsonPart;
  readonly table: string;
  readonly column: string;
  readonly record?: JsonContextValue;
}

export interface CellCase {
  readonly name?: string;
  readonly mode: Mode;
  readonly dataKey: string;
  readonly keyId: string;
  readonly commitment: string;
  readonly context: JsonContext;
  readonly type: ValueType;
  readonly value: unknown;
  readonly pad?: number;
  readonly framed: string;
  readonly salt?: string;
  readonly iv?: string;
  readonly scope?: string;
  readonly cellKey?: string;
  readonly aad?: string;
  readonly cell: string;
  readonly text: string;
}

export interface RefusedCase {
  readonly name: string;
  readonly expect: RefusalCode | 'success';
  readonly dataKey: string;
  readonly keys?: readonly { readonly key: string; readonly tenant?: JsonPart; readonly state?: KeyState }[];
  readonly tenantRotated?: true;
  readonly context: JsonContext;
  readonly mode: Mode;
  readonly type: ValueType;
  readonly pad?: number;
  readonly hideNull?: true;
  readonly maxFramedBytes?: number;
  readonly framed?: string;
  readonly value?: unknown;
  readonly cell?: string;
  readonly appendZeros?: number;
  readonly text?: string;
}

export interface IndexCase {
  readonly name: string;
  readonly indexKey: string;
  readonly tenant?: JsonPart;
  readonly table: string;
  readonly column: string;
  readonly transform: string;
  readonly bits: number;
  readonly value: JsonContextValue | null | { readonly tuple: readonly (JsonPart | null)[] };
  readonly token: string | null;
}

export interface ContextCase {
  readonly name: string;
  readonly purpose: 'cell' | 'cell-det' | 'scope' | 'det-scope';
  readonly context: JsonContext;
  readonly encoded: string | null;
}

export interface UnencodableCase {
  readonly name: string;
  readonly mode: Mode;
  readonly type: ValueType;
  readonly value: unknown;
  readonly pad?: number;
}

export interface LargeCase {
  readonly name: string;
  readonly mode: Mode;
  readonly dataKey: string;
  readonly context: JsonContext;
  readonly type: 'text';
  readonly value: string;
  readonly times: number;
  readonly salt?: string;
  readonly iv?: string;
  readonly cellSha256: string;
  readonly textSha256: string;
}

export interface CellVectors {
  readonly description: string;
  readonly cells: readonly CellCase[];
  readonly refused: readonly RefusedCase[];
  readonly indexes: readonly IndexCase[];
}

export interface MoreCellVectors extends CellVectors {
  readonly order: readonly RefusedCase[];
  readonly refusedIndexes: readonly Omit<IndexCase, 'token'>[];
  readonly contexts: readonly ContextCase[];
  readonly unencodable: readonly UnencodableCase[];
  readonly large: readonly LargeCase[];
}

export interface SlotCase {
  readonly passphrase?: string;
  readonly keyringId: string;
  readonly slotId: string;
  readonly type: Slot['type'];
  readonly norm?: string;
  readonly kdf?: string;
  readonly iterations?: number;
  readonly salt?: string;
  readonly iv: string;
  readonly secret: string;
  readonly description: string;
  readonly commitment: string;
  readonly wrapped: string;
}

export interface KeyringVectors {
  readonly rootKey: string;
  readonly slots: readonly SlotCase[];
  readonly keys: readonly {
    readonly keyringId: string;
    readonly kind: KeyKind;
    readonly tenant?: JsonPart;
    readonly key: string;
    readonly iv: string;
    readonly commitment: string;
    readonly wrapped: string;
  }[];
  readonly mac: { readonly payload: string; readonly mac: string };
}

export interface PassphraseVectors {
  readonly description: string;
  readonly cases: readonly {
    readonly name: string;
    readonly passphrase: string;
    readonly normalised: string;
    readonly creation: 'accepted' | 'refused';
  }[];
}

/** A vector file beside this folder, parsed. */
export function readVectors<T>(name: string): T {
  return JSON.parse(readFileSync(new URL(`../vectors/${name}`, import.meta.url), 'utf8')) as T;
}

/** A context or index part of a vector. */
export function partOf(json: JsonPart): Part {
  if (typeof json === 'string') return json;
  return 'integer' in json ? BigInt(json.integer) : unhex(json.bytes);
}

/** A context value of a vector. */
export function contextValueOf(json: JsonContextValue): ContextValue {
  return typeof json === 'object' && 'tuple' in json ? json.tuple.map(partOf) : partOf(json);
}

/** An index value of a vector: as a context value, with nulls. */
export function indexValueOf(json: IndexCase['value']): Part | null | readonly (Part | null)[] {
  if (json === null) return null;
  if (typeof json !== 'object' || !('tuple' in json)) return partOf(json);
  return json.tuple.map((part) => (part === null ? null : partOf(part)));
}

/** The context of a vector. */
export function contextOf({ tenant, table, column, record }: JsonContext): Context {
  return {
    table,
    column,
    ...(tenant !== undefined && { tenant: partOf(tenant) }),
    ...(record !== undefined && { record: contextValueOf(record) }),
  };
}

/** The value of a vector: bytes and floats stand there in hex, integers and timestamps as decimal strings. */
export function valueFrom(type: ValueType, json: unknown): Value {
  if (typeof json !== 'string') return json;
  if (type === 'bytes') return unhex(json);
  if (type === 'integer' || type === 'timestamp') return BigInt(json);
  if (type === 'float') return new DataView(Uint8Array.from(unhex(json)).buffer).getFloat64(0);
  return json;
}

/** The inverse of `valueFrom`, for comparing. */
export function jsonOf(type: ValueType, value: Value): unknown {
  if (value instanceof Uint8Array) return hex(value);
  if (typeof value === 'bigint') return value.toString();
  if (type !== 'float' || typeof value !== 'number') return value;
  const view = new DataView(new ArrayBuffer(8));
  view.setFloat64(0, value);
  return hex(new Uint8Array(view.buffer));
}

/** What the reader of a refused case knows. */
export function readingOf(given: RefusedCase): Reading {
  const keys = given.keys ?? [{ key: given.dataKey }];
  return {
    mode: given.mode,
    type: given.type,
    context: contextOf(given.context),
    keys: keys.map(
      ({ key, tenant, state }): DataKey => ({
        key: unhex(key),
        ...(tenant !== undefined && { tenant: partOf(tenant) }),
        ...(state !== undefined && { state }),
      }),
    ),
    ...(given.pad !== undefined && { pad: given.pad }),
    ...(given.hideNull && { hideNull: true }),
    ...(given.maxFramedBytes !== undefined && { maxFramedBytes: given.maxFramedBytes }),
    ...(given.tenantRotated && { tenantRotated: true }),
  };
}

/** The cell of a refused case in each form that it gives. */
export function formsOf(given: RefusedCase): readonly (string | Uint8Array)[] {
  const text = given.text === undefined ? [] : [given.text];
  if (given.cell === undefined) return text;
  const cell = new Uint8Array(given.cell.length / 2 + (given.appendZeros ?? 0));
  cell.set(unhex(given.cell));
  return [...text, cell];
}
