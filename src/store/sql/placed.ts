import { StoreUnfitError } from '../../errors.js';
import type { CellColumn, KeyColumn, TableLayout } from '../../ports/record-store.js';
import type { DeclaredColumn, Dialect, Placed } from './dialect.js';
import type { SqlQueries } from './executor.js';

/** A table, with what the database has declared of its columns. */
export interface PlacedLayout {
  readonly dialect: Dialect;
  readonly layout: TableLayout;
  /** Quoted, with its schema. */
  readonly table: string;
  readonly key: readonly Placed<KeyColumn>[];
  readonly tenant: Placed<KeyColumn> | undefined;
  readonly cells: readonly Placed<CellColumn>[];
  /** The columns from which cells are adopted, in the order of the cells; `undefined` where there is none. */
  readonly sources: readonly (DeclaredColumn | undefined)[];
  /** The columns of tokens: text, compared and written as cells in text form are. */
  readonly tokens: readonly Placed<CellColumn>[];
  readonly formerKey: readonly Placed<KeyColumn>[];
  /** What {@link Dialect.lookUp} gave. */
  readonly lookUp: string;
  /** Columns, quoted, that an UPDATE would set anew by itself. */
  readonly touched: readonly string[];
}

export async function place(
  dialect: Dialect,
  queries: SqlQueries,
  layout: TableLayout,
): Promise<PlacedLayout> {
  const declared = await dialect.declaredColumns(queries, layout.from);
  const where = { table: layout.name };
  if (declared.length === 0) throw new StoreUnfitError('There is no such table in the database.', where);
  const unfit = await dialect.tableFault(queries, layout.from);
  if (unfit) throw new StoreUnfitError(unfit, where);
  const found = <C extends KeyColumn | CellColumn>(column: C): Placed<C> => {
    const match = declared.find(({ name }) => name === column.column);
    if (!match) {
      throw new StoreUnfitError('The table lacks a column that the definition names.', {
        ...where,
        column: 'attribute' in column ? column.attribute : column.name,
      });
    }
    return { column, declared: match };
  };
  const key = layout.key.map(found);
  const tenant = layout.tenant && found(layout.tenant);
  const cells = layout.cells.map(found);
  const tokens = tokenCells(layout).map(found);
  const formerKey = (layout.formerKey ?? []).map(found);
  const sources = layout.cells.map(({ attribute, adopting }) => {
    if (typeof adopting !== 'object') return undefined;
    const match = declared.find(({ name }) => name === adopting.column);
    if (match) return match;
    throw new StoreUnfitError('The table lacks the column that plaintext is adopted from.', {
      ...where,
      column: attribute,
    });
  });
  for (const part of [...key, ...formerKey, ...(tenant ? [tenant] : [])]) {
    const fault = dialect.keyFault(part);
    if (fault) throw new StoreUnfitError(fault, { ...where, column: part.column.name });
  }
  for (const cell of [...cells, ...tokens]) {
    const fault = dialect.cellFault(cell);
    if (fault) throw new StoreUnfitError(fault, { ...where, column: cell.column.attribute });
  }
  return {
    dialect,
    layout,
    table: layout.from.map(dialect.quote).join('.'),
    key,
    tenant,
    cells,
    sources,
    tokens,
    formerKey,
    lookUp: await dialect.lookUp(
      queries,
      layout.from,
      layout.key.map(({ column }) => column),
    ),
    touched: declared.filter(({ isTouched }) => isTouched).map(({ name }) => dialect.quote(name)),
  };
}

/** The columns of tokens as a store handles them: like those of cells in text form. */
export function tokenCells({ tokens = [] }: TableLayout): CellColumn[] {
  return tokens.map(({ index, column }) => ({ attribute: index, column, form: 'text' }));
}
