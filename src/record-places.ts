import type { Attribute } from './attribute.js';
import type { Bytes } from './bytes.js';
import { type CellPlace, cellPlace } from './cell.js';
import type { Scope } from './cipher/index.js';
import type { ContextPart } from './envelope/index.js';
import { DefinitionError, type Where } from './errors.js';
import { withFormer } from './former.js';
import { contextRecord, contextTenant, idValues } from './record-id.js';
import { type Table, bindingOf } from './table.js';

/** What is the same for all records of a definition. */
interface Plan {
  readonly attributes: readonly PlannedAttribute[];
  readonly strays: readonly Stray[];
  /** The places of one record's cells, by the attributes' positions: those of the next differ in its part of the context. */
  readonly places: WeakMap<Scope, CellPlace[]>;
}

interface PlannedAttribute {
  readonly column: string;
  readonly attribute: Attribute;
  readonly isBoundToRecord: boolean;
  readonly where: Where;
}

/** A column that is called otherwise than its attribute, and like no other property of a record. */
interface Stray {
  readonly column: string;
  readonly where: Where;
}

const plans = new WeakMap<Table, Plan>();

/** The places of the attributes that are in a record. Every place is known, and every argument refused, before the first value is touched. */
export function presentPlaces(
  definition: Table,
  record: object,
  tenant: ContextPart | undefined,
): readonly CellPlace[] {
  const { attributes, strays, places } = planOf(definition);
  const values = idValues(definition, record);
  if (strays.length > 0) assertNamedByAttribute(strays, record);
  const present: CellPlace[] = [];
  let known: CellPlace[] | undefined;
  let ofRecord: Bytes | undefined;
  for (let i = 0; i < attributes.length; i++) {
    const { column, attribute, isBoundToRecord, where } = attributes[i] as PlannedAttribute;
    if (!Object.hasOwn(record, column) || (record as Record<string, unknown>)[column] === undefined) continue;
    let place = known?.[i];
    if (!place || (isBoundToRecord && !ofRecord)) {
      const bound = isBoundToRecord ? contextRecord(definition, values, where) : undefined;
      place = cellPlace(definition, column, attribute, bound, tenant);
      known ??= placesIn(places, place.scope);
      known[i] = place;
      ofRecord ??= place.context.record;
    } else if (isBoundToRecord) {
      place = { ...place, context: { before: place.context.before, record: ofRecord } };
    }
    present.push(rebindable(definition, place, record));
  }
  return present;
}

/** The place of one attribute in the record that `id` names. */
export function placeOf(definition: Table, column: string, id: object, tenantGiven: unknown): CellPlace {
  const where = { table: definition.name, column };
  const attribute = Object.hasOwn(definition.encrypt, column) ? definition.encrypt[column] : undefined;
  if (!attribute) throw new DefinitionError('The table encrypts no attribute of this name.', where);
  const tenant = contextTenant(definition, tenantGiven, where);
  const record =
    bindingOf(definition, attribute) === 'record'
      ? contextRecord(definition, idValues(definition, id), where)
      : undefined;
  return rebindable(definition, cellPlace(definition, column, attribute, record, tenant), id);
}

function rebindable(definition: Table, place: CellPlace, record: object): CellPlace {
  const { rebinding } = definition;
  return rebinding ? withFormer(place, definition, idValues(rebinding.definition, record)) : place;
}

/** A value under its column's name would pass through: plaintext on its way in, a cell that is not opened on its way out. */
function assertNamedByAttribute(strays: readonly Stray[], record: object): void {
  const stray = strays.find(({ column }) => Object.hasOwn(record, column));
  if (!stray) return;
  throw new DefinitionError(
    'The record has a property that is called like the column of an attribute. Records are named as in the definition: rename it to the attribute, in the SELECT for instance.',
    stray.where,
  );
}

function planOf(definition: Table): Plan {
  let plan = plans.get(definition);
  if (!plan) {
    plan = planned(definition);
    plans.set(definition, plan);
  }
  return plan;
}

function planned(definition: Table): Plan {
  const { name: table, layout, encrypt } = definition;
  const attributes = Object.entries(encrypt).map(([column, attribute]) => ({
    column,
    attribute,
    isBoundToRecord: bindingOf(definition, attribute) === 'record',
    where: { table, column },
  }));
  const { key, tenant, cells } = layout;
  const names = new Set([...key, ...(tenant ? [tenant] : [])].map(({ name }) => name));
  const strays = cells
    .filter(({ column }) => !names.has(column) && !Object.hasOwn(encrypt, column))
    .map(({ attribute, column }) => ({ column, where: { table, column: attribute } }));
  return { attributes, strays, places: new WeakMap() };
}

function placesIn(all: Plan['places'], scope: Scope): CellPlace[] {
  let places = all.get(scope);
  if (!places) {
    places = [];
    all.set(scope, places);
  }
  return places;
}
