import type { Attribute } from '../attribute.js';
import type { Bytes } from '../bytes.js';
import { type CellPlace, cellPlaceBoundTo } from '../cell.js';
import { type ContextPart, encodeRecord } from '../envelope/index.js';
import { CellRefusedError, CellsealError } from '../errors.js';
import { withFormer } from '../former.js';
import type { RefusedCell } from '../ports/job-store.js';
import type { StoredRecord } from '../ports/record-store.js';
import { contextRecord } from '../record-id.js';
import { type Table, bindingOf } from '../table.js';

/** The place of an attribute's cell in a record: from the definition and the scan, never from the cell. */
export function placeInRecord(
  definition: Table,
  column: string,
  attribute: Attribute,
  record: StoredRecord,
  tenant: ContextPart | undefined,
): CellPlace {
  return new RecordPlaces(definition, record).of(column, attribute, tenant);
}

/** {@link placeInRecord} for all cells of a record: its part of their contexts is encoded once. */
export class RecordPlaces {
  readonly #definition: Table;
  readonly #record: StoredRecord;
  #encoded: Bytes | undefined;

  constructor(definition: Table, record: StoredRecord) {
    this.#definition = definition;
    this.#record = record;
  }

  of(column: string, attribute: Attribute, tenant: ContextPart | undefined): CellPlace {
    const definition = this.#definition;
    const { id, formerId = id } = this.#record;
    const bound = bindingOf(definition, attribute) === 'record' ? this.#bound(column) : undefined;
    const place = cellPlaceBoundTo(definition, column, attribute, bound, tenant);
    return withFormer(place, definition, formerId);
  }

  #bound(column: string): Bytes {
    const where = { table: this.#definition.name, column };
    this.#encoded ??= encodeRecord(contextRecord(this.#definition, this.#record.id, where), where);
    return this.#encoded;
  }
}

/**
 * Whether what is listed is a note: a token that was left, of a record whose cells can be read. It stops no rotation,
 * however many there are.
 */
export function isNote({ code }: Pick<RefusedCell, 'code'>): boolean {
  return NOTES.includes(code);
}

const NOTES = ['not-indexable', 'duplicate'];

/**
 * A cell that is refused, a plaintext that no cell can be made of, or a record whose id or tenant has no place in a
 * context: this record's trouble, not the rotation's.
 */
export function isRefusal(error: unknown): error is CellsealError {
  if (error instanceof CellRefusedError) return true;
  return error instanceof CellsealError && REFUSALS.includes(error.code);
}

const REFUSALS = [
  'invalid-context',
  'missing-record-id',
  'missing-tenant',
  'value-too-long',
  'already-a-cell',
  'not-indexable',
];
