import { type Bytes, copyBytes, hexByte, isUint8Array } from './bytes.js';
import type { ContextPart, ContextValue } from './envelope/index.js';
import { InvalidContextError, MissingRecordIdError, MissingTenantError, type Where } from './errors.js';
import type { KeyColumn } from './ports/record-store.js';
import type { Table } from './table.js';

const UUID_BYTES = 16;
const UUID_CHARACTERS = 36;
const HYPHEN = 0x2d;
const INTEGER = /^(0|-?[1-9][0-9]*)$/;

/** The property names of a record's id, and their values in `record`: own properties only. */
export function idValues(definition: Table, record: object): readonly unknown[] {
  return definition.layout.key.map(({ name }) =>
    Object.hasOwn(record, name) ? (record as Record<string, unknown>)[name] : undefined,
  );
}

/**
 * A tenant as the table's contexts have it, for `addKey(keyring, { tenant: tenantOf(table, tenant) })`: a UUID as its 16
 * bytes, an integer as a bigint. A key that was added under another type would never be used.
 *
 * @throws InvalidContextError if the table has no tenants, or this is none; MissingTenantError.
 */
export function tenantOf(definition: Table, tenant: unknown): ContextPart {
  const where = { table: definition.name };
  const part = contextTenant(definition, tenant, where);
  if (part === undefined) throw new InvalidContextError('This table has no tenant in its definition.', where);
  return part;
}

/**
 * What a record is bound to, from the values of its id in the definition's order, as the application or a driver spells
 * them: a UUID in either case or as bytes, an integer as number, bigint or text.
 */
export function contextRecord(definition: Table, values: readonly unknown[], where: Where): ContextValue {
  const parts = definition.layout.key.map((part, position) => idPart(part, values[position], where));
  return 'type' in definition.record ? (parts[0] as ContextPart) : parts;
}

/** The tenant that a context names; `undefined` for tables without tenants. */
export function contextTenant(definition: Table, tenant: unknown, where: Where): ContextPart | undefined {
  const { tenant: column } = definition.layout;
  if (!column) {
    if (tenant === undefined) return undefined;
    throw new InvalidContextError(
      'This table has no tenant in its definition, so the call names none either.',
      where,
    );
  }
  if (tenant === undefined || tenant === null) throw new MissingTenantError(where);
  return CONTEXT_PARTS[column.type](tenant, where);
}

function idPart({ name, type }: KeyColumn, value: unknown, where: Where): ContextPart {
  if (value === undefined || value === null) throw new MissingRecordIdError(name, where);
  return CONTEXT_PARTS[type](value, where);
}

/** One row a type of {@link KeyColumn}. The messages quote no value: ids may be personal. */
const CONTEXT_PARTS: Readonly<Record<KeyColumn['type'], (value: unknown, where: Where) => ContextPart>> =
  Object.freeze({
    uuid: (value, where) => {
      const bytes =
        typeof value === 'string' ? uuidBytes(value) : isUint8Array(value) ? copyBytes(value) : undefined;
      if (bytes?.length === UUID_BYTES) return bytes;
      throw new InvalidContextError(
        'The id is declared as a UUID and is none: 8-4-4-4-12 hexadecimal digits, or 16 bytes.',
        where,
      );
    },
    text: (value, where) => {
      if (typeof value === 'string') return value;
      throw new InvalidContextError(
        'The id is declared as text and is none. A number is not its digits: declare integer().',
        where,
      );
    },
    integer: (value, where) => {
      if (typeof value === 'bigint') return value;
      if (Number.isSafeInteger(value)) return BigInt(value as number);
      if (typeof value === 'string' && INTEGER.test(value)) return BigInt(value);
      throw new InvalidContextError(
        'The id is declared as an integer and is none: a safe number, a bigint, or its decimal digits.',
        where,
      );
    },
    bytes: (value, where) => {
      if (isUint8Array(value)) return copyBytes(value);
      throw new InvalidContextError('The id is declared as bytes and is none: a Uint8Array.', where);
    },
  });

function uuidBytes(text: string): Bytes | undefined {
  if (text.length !== UUID_CHARACTERS) return undefined;
  const bytes = new Uint8Array(UUID_BYTES);
  let at = 0;
  for (let i = 0; i < UUID_BYTES; i++) {
    const isBehindHyphen = i === 4 || i === 6 || i === 8 || i === 10;
    if (isBehindHyphen && text.charCodeAt(at++) !== HYPHEN) return undefined;
    const byte = hexByte(text, at);
    if (byte < 0) return undefined;
    bytes[i] = byte;
    at += 2;
  }
  return bytes;
}
