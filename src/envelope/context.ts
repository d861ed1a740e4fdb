import { type Bytes, concat, isUint8Array, isWellFormed, utf8 } from '../bytes.js';
import { InvalidContextError, type Where } from '../errors.js';
import {
  MAX_CONTEXT_FIELD_BYTES,
  MAX_FRAMED_BYTES,
  MAX_HKDF_INFO_BYTES,
  MAX_TUPLE_PARTS,
} from '../limits.js';

/** A value in a context: text, an integer, bytes, or (a record) a tuple of these. The JavaScript type decides: `42n` and `"42"` differ. */
export type ContextValue = ContextPart | readonly ContextPart[];
/** What a tuple is made of. */
export type ContextPart = string | bigint | Bytes;

/** Where a cell lives. */
export interface ContextFields {
  readonly tenant?: ContextPart | undefined;
  readonly table: string;
  readonly column?: string | undefined;
  readonly record?: ContextValue | undefined;
  readonly extra?: readonly ContextPart[] | undefined;
}

/** What a context is for; keeps the bytes of one purpose from serving another. */
export type Purpose = 'scope' | 'cell' | 'det-scope' | 'cell-det' | 'index';

const TYPE_BYTES = 1;
const TYPE_TEXT = 2;
const TYPE_INTEGER = 3;
const TYPE_TUPLE = 4;

const RECORD_TAG = 4;

/** The order of the encoding, tag by tag; 6 is reserved. */
const FIELD_TAGS = [
  ['tenant', 1],
  ['table', 2],
  ['column', 3],
  ['record', RECORD_TAG],
  ['extra', 5],
] as const;

const NUL = Uint8Array.of(0);
/** u8 tag ‖ u8 type ‖ u32 length */
const ITEM_HEAD_BYTES = 6;

/** "cellseal/context" ‖ 0x00 ‖ 0x01 ‖ item(0, purpose), for each purpose. */
const HEADS: Readonly<Record<Purpose, Bytes>> = Object.freeze({
  scope: head('scope'),
  cell: head('cell'),
  'det-scope': head('det-scope'),
  'cell-det': head('cell-det'),
  index: head('index'),
});

/** `u8 tag ‖ u8 type ‖ u32 length ‖ bytes` (docs/format.md §2). Empty values are the caller's to refuse. */
export function encodeItem(tag: number, value: ContextValue, where: Where = {}): Bytes {
  return item(tag, value, MAX_CONTEXT_FIELD_BYTES, where);
}

/** item(0, value) of a value that is indexed, or of a tuple of them: it may be empty, and as long as values are. */
export function encodeIndexed(value: ContextValue): Bytes {
  return item(0, value, MAX_FRAMED_BYTES, {});
}

/** Where a cell lives, as unambiguous bytes. */
export function encodeContext(purpose: Purpose, fields: ContextFields, where: Where = {}): Bytes {
  const parts: Bytes[] = [];
  for (const [name, tag] of FIELD_TAGS) {
    const value = fields[name];
    if (value === undefined) continue;
    if (name !== 'extra') assertNotEmpty(value, where);
    parts.push(item(tag, value, MAX_CONTEXT_FIELD_BYTES, where));
  }
  return concat(HEADS[purpose], Uint8Array.of(parts.length), ...parts);
}

/** {@link encodeContext} of `fields` with a record, as far as to it; the record's own part is {@link encodeRecord}. */
export function encodeContextBefore(purpose: Purpose, fields: ContextFields, where: Where): Bytes {
  const before = encodeContext(purpose, fields, where);
  const count = HEADS[purpose].length;
  before[count] = (before[count] as number) + 1;
  return before;
}

/** A record's part of a context. */
export function encodeRecord(record: ContextValue, where: Where): Bytes {
  assertNotEmpty(record, where);
  return encodeItem(RECORD_TAG, record, where);
}

/** `label ‖ 0x00 ‖ …`: an HKDF info, held to the 1,024 bytes that every WebCrypto takes. */
export function hkdfInfo(label: string, ...parts: readonly Uint8Array[]): Bytes {
  const info = parts.length === 0 ? utf8(label) : concat(utf8(label), NUL, ...parts);
  if (info.length > MAX_HKDF_INFO_BYTES) {
    throw new InvalidContextError(
      'Table, column and tenant are together too long for a key derivation (1,024 bytes).',
    );
  }
  return info;
}

function head(purpose: Purpose): Bytes {
  return concat(utf8('cellseal/context'), Uint8Array.of(0x00, 0x01), encodeItem(0, purpose));
}

function item(tag: number, value: ContextValue, maxBytes: number, where: Where): Bytes {
  const [type, bytes] = typedBytes(value, maxBytes, where);
  const { length } = bytes;
  if (length > maxBytes) {
    throw new InvalidContextError('A record id, tenant or name is longer than 1,024 bytes.', where);
  }
  const encoded = new Uint8Array(ITEM_HEAD_BYTES + length);
  encoded[0] = tag;
  encoded[1] = type;
  encoded[2] = length >>> 24;
  encoded[3] = length >>> 16;
  encoded[4] = length >>> 8;
  encoded[5] = length;
  encoded.set(bytes, ITEM_HEAD_BYTES);
  return encoded;
}

function typedBytes(value: ContextValue, maxBytes: number, where: Where): [type: number, bytes: Bytes] {
  if (typeof value === 'string') {
    if (!isWellFormed(value)) {
      throw new InvalidContextError(
        'A record id, tenant or name is ill-formed text: it contains a lone surrogate.',
        where,
      );
    }
    return [TYPE_TEXT, utf8(value)];
  }
  if (typeof value === 'bigint') return [TYPE_INTEGER, utf8(value.toString())];
  if (isUint8Array(value)) return [TYPE_BYTES, value];
  return [TYPE_TUPLE, tuple(value as readonly ContextPart[], maxBytes, where)];
}

function tuple(parts: readonly ContextPart[], maxBytes: number, where: Where): Bytes {
  if (parts.length === 0 || parts.length > MAX_TUPLE_PARTS) {
    throw new InvalidContextError('A composite record id has 1 to 255 parts.', where);
  }
  return concat(
    Uint8Array.of(parts.length),
    ...parts.map((part, position) => item(position, part, maxBytes, where)),
  );
}

function assertNotEmpty(value: ContextValue, where: Where): void {
  const isTuple = typeof value === 'object' && !isUint8Array(value);
  const parts = isTuple ? (value as readonly ContextPart[]) : [value as ContextPart];
  for (const part of parts) {
    if (typeof part !== 'bigint' && part.length === 0) {
      throw new InvalidContextError(
        'A record id, tenant or name is empty: absent and empty differ, and empty is refused.',
        where,
      );
    }
  }
}
