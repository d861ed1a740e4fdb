import {
  type AttributeName,
  type CellForm,
  CellRefusedError,
  type Keyring,
  type RecordArguments,
  type RecordIdOf,
  type Table,
  type TableLayout,
  decryptCell,
  keyTagOf,
} from '../index.js';

/** What {@link expectSealed} and {@link expectOpens} take besides. */
export interface ExpectSealedOptions {
  /** Every encrypted attribute must be there, in every row. Default: `false`, one that was not selected is not looked at. */
  readonly whole?: boolean;
}

/** `not-sealed`: what {@link expectSealed} or {@link expectOpens} has found. No value is in it. */
export class NotSealedError extends Error {
  /** Stable. */
  readonly code = 'not-sealed';
  /** The table's name in its definition. */
  readonly table: string;
  /** The attributes that are not as they should be, each once. */
  readonly columns: readonly string[];
  /** For each of them, in the same order, what is wrong in the first row that shows it: a few words, or the code of the error with which its cell was refused. */
  readonly faults: readonly string[];
  /** Which of the rows are concerned, counted from 0. */
  readonly rows: readonly number[];

  /** @internal */
  constructor(table: string, what: string, found: readonly Found[] = []) {
    const columns = [...new Set(found.map(({ column }) => column))];
    const faults = columns.map((one) => (found.find(({ column }) => column === one) as Found).fault);
    const rows = [...new Set(found.map(({ row }) => row))];
    // A test runner shows the message, so where it happened stands there too: names of the definition, never a value.
    const list = columns.map((column, i) => `${column} (${faults[i]})`).join(', ');
    super(`${table}: ${what}${list && `: ${list}; ${told(rows)}`}.`);
    this.name = new.target.name;
    Object.defineProperty(this, 'name', { enumerable: false });
    this.table = table;
    this.columns = columns;
    this.faults = faults;
    this.rows = rows;
  }
}

interface Found {
  readonly row: number;
  readonly column: string;
  readonly fault: string;
}

/** A value that stands in a row for an attribute. */
interface Stored {
  readonly row: number;
  readonly column: string;
  readonly value: unknown;
}

const ROWS_TOLD = 5;

/**
 * Throws unless every encrypted attribute that a row has is a cell, in the attribute's stored form: for rows as the
 * database gives them, and for any test runner. Takes one row, or an array of them. A null stays a null, unless the
 * attribute hides its nulls. An attribute is looked for under its name and under its column's.
 *
 * Nothing is decrypted, so this needs no key, and proves no more than the form: {@link expectOpens} does. No row, a row
 * without any of the attributes, and nothing but nulls prove nothing, and are errors.
 *
 * @throws NotSealedError: it names the table and the attributes, and never a value.
 */
export function expectSealed(definition: Table, rows: unknown, options: ExpectSealedOptions = {}): void {
  const { name } = definition;
  const stored = storedIn(definition, rows, options);
  const found = stored.flatMap(({ row, column, value }): Found[] => {
    const fault = value === undefined ? 'missing' : faultOf(definition, column, value);
    return fault === undefined ? [] : [{ row, column, fault }];
  });
  if (found.length > 0) throw new NotSealedError(name, 'not sealed', found);
  if (stored.every(({ value }) => value === null))
    throw new NotSealedError(name, 'the rows have nothing but nulls, which proves nothing');
}

/**
 * Does what {@link expectSealed} does, then opens every cell: each must authenticate for its row, under a key of this
 * keyring. The rows need their ids; where the table has tenants, say whose rows they are.
 *
 * @throws NotSealedError as {@link expectSealed}, or with the codes of the errors with which cells were refused.
 * @throws MissingRecordIdError, MissingTenantError, InvalidContextError: what the cells are bound to is missing or is none.
 */
export async function expectOpens<T extends Table>(
  definition: T,
  rows: unknown,
  keyring: Keyring,
  ...options: RecordArguments<T, ExpectSealedOptions>
): Promise<void> {
  const given: ExpectSealedOptions = options[0] ?? {};
  expectSealed(definition, rows, given);
  const found: Found[] = [];
  for (const { row, column, value } of storedIn(definition, rows, given)) {
    if (value === null) continue;
    try {
      await decryptCell(
        definition,
        column as AttributeName<T>,
        value as string | Uint8Array,
        idOf(definition.layout, listOf(rows)[row]) as Partial<RecordIdOf<T>>,
        keyring,
        ...(options as unknown as RecordArguments<T>),
      );
    } catch (error) {
      if (!(error instanceof CellRefusedError)) throw error; // not about the cell: it says itself what to do
      found.push({ row, column, fault: error.code });
    }
  }
  if (found.length > 0) throw new NotSealedError(definition.name, 'does not open', found);
}

/** What stands in the rows for encrypted attributes; `undefined` for one that is missing and should not be. */
function storedIn({ name, layout }: Table, rows: unknown, { whole = false }: ExpectSealedOptions): Stored[] {
  const list = listOf(rows);
  if (list.length === 0) throw new NotSealedError(name, 'there is no row, which proves nothing');
  return list.flatMap((fields, row) => {
    const stored = layout.cells.flatMap(({ attribute, column }) => {
      // A column may be called like another attribute: then that is what stands there.
      const isOwn = column !== attribute && layout.cells.every((other) => other.attribute !== column);
      const values = [attribute, ...(isOwn ? [column] : [])].map((property) => valueIn(fields, property));
      const present = values.filter((value) => value !== undefined);
      const all = present.length > 0 || !whole ? present : [undefined];
      return all.map((value) => ({ row, column: attribute, value }));
    });
    if (stored.some(({ value }) => value !== undefined)) return stored;
    throw new NotSealedError(name, `row ${row} has none of the encrypted attributes, which proves nothing`);
  });
}

function listOf(rows: unknown): readonly unknown[] {
  if (rows === undefined || rows === null) return []; // what drivers give where nothing was found
  return Array.isArray(rows) ? rows : [rows];
}

function valueIn(fields: unknown, property: string): unknown {
  const isThere = typeof fields === 'object' && fields !== null && Object.hasOwn(fields, property);
  return isThere ? Reflect.get(fields, property) : undefined;
}

function idOf({ key }: TableLayout, fields: unknown): object {
  return Object.fromEntries(
    key.map(({ name, column }) => [name, valueIn(fields, name) ?? valueIn(fields, column)]),
  );
}

function faultOf({ encrypt, layout }: Table, column: string, stored: unknown): string | undefined {
  if (stored === null)
    return encrypt[column]?.spec.hideNull ? 'null, though its nulls are hidden' : undefined;
  const form = layout.cells.find(({ attribute }) => attribute === column)?.form;
  const found = formOf(stored);
  if (found === undefined) return 'no cell';
  if (found === form) return undefined;
  return found === 'text'
    ? 'a cell as text, though its form is binary'
    : 'a cell as bytes, though its form is text';
}

/** base64url without padding, and no stray bit in its last character: a cell has one spelling. */
const BASE64URL = /^(?:[\w-]{4})*(?:[\w-][AQgw]|[\w-]{2}[AEIMQUYcgkosw048])?$/;

/** In which form it is a cell; `undefined` where it is none. */
function formOf(stored: unknown): CellForm | undefined {
  // Some drivers give bytes as an ArrayBuffer.
  const isBuffer = Object.prototype.toString.call(stored) === '[object ArrayBuffer]';
  const tag = keyTagOf(isBuffer ? new Uint8Array(stored as ArrayBuffer) : stored);
  if (tag === undefined) return undefined;
  if (typeof stored !== 'string') return 'binary';
  return BASE64URL.test(stored.slice(tag.length)) ? 'text' : undefined;
}

function told(rows: readonly number[]): string {
  const first = rows.slice(0, ROWS_TOLD).join(', ');
  const more = rows.length - ROWS_TOLD;
  return `${rows.length === 1 ? 'row' : 'rows'} ${first}${more > 0 ? ` and ${more} more` : ''}`;
}
