/** Context encoding (format.md §2). */
import { ascii, concat, uint, utf8 } from './bytes.js';

/** Text, an integer, or bytes. */
export type Part = string | bigint | Uint8Array;
/** A context field's value: a part, or a tuple of parts. */
export type ContextValue = Part | readonly Part[];

/** Where a cell lives; an absent field is left out, which is not the same as an empty one. */
export interface Context {
  readonly tenant?: Part;
  readonly table: string;
  readonly column: string;
  readonly record?: ContextValue;
}

/** Every field of §2, in tag order, with the purpose; each purpose uses some of them. */
export interface Fields {
  readonly tenant?: Part;
  readonly table?: string;
  readonly column?: string;
  readonly record?: ContextValue;
  readonly extra?: ContextValue;
}

/** HKDF infos are at most so long, label included (format.md, before §1). */
export const MAX_INFO_BYTES = 1024;
/** A context field's value is at most so long (§8); taken as the bytes of its item. */
export const MAX_FIELD_BYTES = 1024;

const TAGS = { tenant: 1, table: 2, column: 3, record: 4, extra: 5 } as const;

/** item(tag, value) = u8 tag ‖ u8 type ‖ u32 length ‖ bytes (§2). */
export function item(tag: number, value: ContextValue): Uint8Array {
  const [type, bytes] = typeAndBytes(value);
  return concat(uint(tag, 1), uint(type, 1), uint(bytes.length, 4), bytes);
}

/** context(purpose, fields) (§2); throws on what §2 and §8 refuse. */
export function encodeContext(purpose: string, fields: Fields): Uint8Array {
  const names = (['tenant', 'table', 'column', 'record', 'extra'] as const).filter(
    (name) => fields[name] !== undefined,
  );
  const items = names.map((name) => {
    const value = fields[name];
    if (value === undefined) throw new Error('absent');
    if (name === 'table' || name === 'column') {
      if (typeof value !== 'string') throw new Error(`${name} must be text`);
    }
    if (name === 'tenant' && Array.isArray(value)) throw new Error('a tenant is not a tuple');
    if (name !== 'extra') refuseEmpty(value);
    if (typeAndBytes(value)[1].length > MAX_FIELD_BYTES) throw new Error(`${name} is too long`);
    return item(TAGS[name], value);
  });
  return concat(
    ascii('cellseal/context'),
    Uint8Array.of(0, 1),
    item(0, purpose),
    uint(items.length, 1),
    ...items,
  );
}

/** label ‖ 0x00 ‖ rest, at most 1,024 bytes (format.md, before §1). */
export function encodeInfo(label: string, ...rest: readonly Uint8Array[]): Uint8Array {
  const info = concat(ascii(label), Uint8Array.of(0), ...rest);
  if (info.length > MAX_INFO_BYTES) throw new Error('the HKDF info is too long');
  return info;
}

function typeAndBytes(value: ContextValue): readonly [number, Uint8Array] {
  if (value instanceof Uint8Array) return [1, value];
  if (typeof value === 'string') return [2, utf8(value)];
  if (typeof value === 'bigint') return [3, ascii(value.toString())];
  if (value.length < 1 || value.length > 255) throw new Error('a tuple has 1 to 255 parts');
  if (value.some((part) => Array.isArray(part))) throw new Error('a tuple is not nested');
  return [4, concat(uint(value.length, 1), ...value.map((part, position) => item(position, part)))];
}

function refuseEmpty(value: ContextValue): void {
  if (typeof value === 'bigint') return;
  if (value.length === 0) throw new Error('an empty context field or part');
  if (typeof value !== 'string' && !(value instanceof Uint8Array)) value.forEach(refuseEmpty);
}
