import { SchemaMismatchError } from '../errors.js';
import type { RecordStore, TableLayout, TokenColumn } from '../ports/record-store.js';
import type { ColumnDescription, StoreDescription, TableDescription } from '../ports/table-description.js';
import type { Schema } from '../schema.js';
import type { Table } from '../table.js';
import { type SchemaFinding, finding, spellFinding } from './schema-findings.js';

/**
 * Refuses to begin where definitions and the live schema disagree (a table or a column is missing, is of a wrong kind,
 * or nothing makes the record id unique): a sweep would pass cells over. Asks the catalog only, no record is read. A
 * store that cannot describe its tables is relied on to throw by itself.
 *
 * @throws SchemaMismatchError, with everything that is wrong.
 */
export async function assertCovered(records: RecordStore, schema: Schema): Promise<void> {
  const description = await records.describe?.(schema.tables.map(({ layout }) => layout));
  if (!description) return;
  const faults = schema.tables.flatMap((table, i) => coverageFaults(table, description.tables[i]));
  if (faults.length > 0) throw new SchemaMismatchError(faults.map(spellFinding));
}

/** Where one definition and its table disagree, so that a sweep could not do its work. */
export function coverageFaults(
  { layout, name }: Table,
  described: StoreDescription['tables'][number],
): SchemaFinding[] {
  if (!described) return [finding('table-missing', { path: layout.from, table: name })];
  const { path, unfit } = described;
  if (described.kind !== 'table') return [finding('not-a-table', { path, table: name })];
  const wanted = wantedColumns(layout);
  const missing = wanted.filter(({ column }) => !columnOf(described, column));
  return [
    ...missing.map(({ column, name: attribute }) =>
      finding('column-missing', { path, physical: column, table: name, column: attribute }),
    ),
    ...unfit.map(({ column, rule }) => {
      const physical = wanted.find((one) => one.name === column)?.column;
      return finding(
        column === undefined ? 'table-unfit' : 'column-kind',
        { path, physical, table: name, column },
        { rule },
      );
    }),
    ...writtenColumns(layout).flatMap(({ column, name: attribute }) =>
      columnOf(described, column)?.isRewritten
        ? [finding('column-rewritten', { path, physical: column, table: name, column: attribute })]
        : [],
    ),
    ...wanted.flatMap(({ column, name: attribute }) =>
      columnOf(described, column)?.isReadable === false
        ? [finding('column-unreadable', { path, physical: column, table: name, column: attribute })]
        : [],
    ),
    ...(layout.tokens ?? []).flatMap((token) => widthFault(layout, described, token)),
    ...keyFaults(layout, described),
  ];
}

/** Tokens of an index have one length, so that a column holds all of them or none. */
function widthFault(
  { name }: TableLayout,
  described: TableDescription,
  { characters: needs, column, index }: TokenColumn,
): SchemaFinding[] {
  const { maxBytes, maxCharacters } = columnOf(described, column) ?? {};
  const room = Math.min(maxCharacters ?? Number.POSITIVE_INFINITY, maxBytes ?? Number.POSITIVE_INFINITY);
  if (room >= needs) return [];
  const place = { path: described.path, physical: column, table: name, column: index };
  return [finding('index-too-narrow', place, { room, needs })];
}

/** Of a part of the key alone unique, the whole is. */
function keyFaults(layout: TableLayout, { keys, path }: TableDescription): SchemaFinding[] {
  const columns = layout.key.map(({ column }) => column);
  const fitting = keys.filter((key) => key.columns.every((column) => columns.includes(column)));
  if (fitting.some(({ mayBeNull }) => !mayBeNull)) return [];
  const code = fitting.length > 0 ? 'key-nullable' : 'key-not-unique';
  return [finding(code, { path, table: layout.name }, { key: columns.join(', ') })];
}

/** A column, and what the definition calls it. */
interface NamedColumn {
  readonly name: string;
  readonly column: string;
}

/** Where a sweep writes. */
function writtenColumns({ cells, tokens = [] }: TableLayout): NamedColumn[] {
  return [
    ...cells.map(({ attribute, column }) => ({ name: attribute, column })),
    ...tokens.map(({ index, column }) => ({ name: index, column })),
  ];
}

function wantedColumns(layout: TableLayout): NamedColumn[] {
  const { cells, formerKey = [], key, tenant } = layout;
  const tenantPart = tenant && !key.some(({ column }) => column === tenant.column) ? [tenant] : [];
  const sources = cells.flatMap(({ adopting }) => (typeof adopting === 'object' ? adopting : []));
  return [...key, ...formerKey, ...tenantPart, ...writtenColumns(layout), ...sources];
}

/** A column by its name in the database. */
export function columnOf({ columns }: TableDescription, name: string): ColumnDescription | undefined {
  return columns.find((column) => column.name === name);
}
