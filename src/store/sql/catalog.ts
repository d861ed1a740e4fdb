import type { ColumnDescription, TableDescription, UniqueKey } from '../../ports/table-description.js';
import type { DeclaredColumn } from './declared-column.js';
import type { SqlQueries, SqlRow } from './executor.js';

/** Where a layout's table is, or would be. */
export interface Located {
  readonly schema: string;
  readonly table: string;
}

/** A column of the catalog, and what the dialect's other functions want to know of it. */
export interface CatalogColumn extends ColumnDescription {
  readonly declared: DeclaredColumn;
  /** It belongs to another table, of which this one is a part: what is in it is found there. */
  readonly isInherited: boolean;
}

/** A table of the catalog. */
export interface CatalogTable extends Pick<TableDescription, 'kind' | 'keys'> {
  readonly name: string;
  readonly columns: readonly CatalogColumn[];
}

/** What a database says of its own tables. */
export interface Catalog {
  /** The schema that a path leads to: the connection's own where the path names none. */
  locate(queries: SqlQueries, from: readonly string[]): Promise<Located>;
  /** The tables of a schema, or one of them, in the order of their names. */
  tables(queries: SqlQueries, schema: string, table?: string): Promise<readonly CatalogTable[]>;
  /** Whether this connection cuts off what is too long. */
  truncates(queries: SqlQueries): Promise<boolean>;
}

/** Columns, and columns of unique keys, each with the name of its table in `tbl`. */
export function assemble(
  columns: readonly SqlRow[],
  keys: readonly SqlRow[],
  column: (row: SqlRow) => CatalogColumn,
  kind: (row: SqlRow) => CatalogTable['kind'],
): readonly CatalogTable[] {
  const ofTable = groupBy(columns, 'tbl');
  const keysOfTable = groupBy(keys, 'tbl');
  return [...ofTable].map(([name, rows]) => ({
    name,
    kind: kind(rows[0] as SqlRow),
    columns: rows.map(column),
    keys: [...groupBy(keysOfTable.get(name) ?? [], 'idx').values()]
      .filter((parts) => parts.every((part) => part['name'] !== null))
      .map(
        (parts): UniqueKey => ({
          columns: parts.map((part) => textOf(part['name'])),
          mayBeNull: parts.some((part) => isTrue(part['nullable'])),
        }),
      ),
  }));
}

function groupBy(rows: readonly SqlRow[], column: string): Map<string, SqlRow[]> {
  const groups = new Map<string, SqlRow[]>();
  for (const row of rows) {
    const name = textOf(row[column]);
    groups.set(name, [...(groups.get(name) ?? []), row]);
  }
  return groups;
}

/** Some servers give what stands in a catalog as bytes. */
export function textOf(value: unknown): string {
  return value instanceof Uint8Array ? new TextDecoder().decode(value) : String(value);
}

/** Drivers give a condition as boolean, number or text. */
export function isTrue(value: unknown): boolean {
  return value === true || (value !== null && value !== undefined && Number(textOf(value)) === 1);
}

/** A length that may be missing, or too large to be one. */
export function lengthOf(value: unknown): number | undefined {
  if (value === null || value === undefined) return undefined;
  const length = Number(textOf(value));
  return Number.isFinite(length) && length >= 0 ? length : undefined;
}
