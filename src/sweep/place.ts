import type { Attribute } from '../attribute.js';
import { type CellPlace, cellPlace } from '../cell.js';
import type { ContextPart } from '../envelope/index.js';
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
  { id, formerId = id }: StoredRecord,
  tenant: ContextPart | undefined,
): CellPlace {
  const where = { table: definition.name, column };
  const bound =
    bindingOf(definition, attribute) === 'record' ? contextRecord(definition, id, where) : undefined;
  return withFormer(cellPlace(definition, column, attribute, bound, tenant), definition, formerId);
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
