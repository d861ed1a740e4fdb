import type { CellAddress, Disposition } from '../ports/job-store.js';

/** Each of the cells once. */
export function distinctCells<C extends CellAddress>(cells: readonly C[]): readonly C[] {
  return [...new Map(cells.map((cell) => [nameOfCell(cell), cell])).values()];
}

/** One text for each cell of each table. */
export function nameOfCell({ table, key, column }: CellAddress): string {
  return JSON.stringify([table, key, column]);
}

/** What stands in a table of ours; whatever else somebody has written there is not looked at yet. */
export function dispositionOf(stored: unknown): Disposition {
  return stored === 'abandoned' ? 'abandoned' : 'open';
}

export const OWN_TABLE_UNFIT =
  'A table of the library’s own lacks a column: another version has made it, or it was made by hand. Add the column, or name another table in the options.';
