import { type CellPlace, cellPlace } from './cell.js';
import type { ContextPart } from './envelope/index.js';
import { contextRecord } from './record-id.js';
import { type Table, bindingOf } from './table.js';

/**
 * The place with its former one behind it, where the definition is rebinding and that is another.
 *
 * @param formerId - the values of the former record id; `undefined` where it is the present one's
 */
export function withFormer(place: CellPlace, { rebinding }: Table, formerId: readonly unknown[]): CellPlace {
  if (!rebinding) return place;
  const { definition, columns } = rebinding;
  const column = columns[place.where.column as string] as string;
  const former = (): CellPlace => formerPlace(place, definition, column, place.tenant, formerId);
  return { ...place, former };
}

function formerPlace(
  { attribute, where }: CellPlace,
  definition: Table,
  column: string,
  tenant: ContextPart | undefined,
  formerId: readonly unknown[],
): CellPlace {
  const binding = bindingOf(definition, definition.encrypt[column] ?? attribute);
  const record = binding === 'record' ? contextRecord(definition, formerId, where) : undefined;
  return { ...cellPlace(definition, column, attribute, record, tenant), where };
}
