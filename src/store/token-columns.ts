import type { TableLayout, TokenColumn } from '../ports/record-store.js';

/** The column of tokens at this position. */
export function tokenColumn({ tokens = [] }: TableLayout, position: number): TokenColumn {
  return tokens[position] as TokenColumn;
}

/** The columns that must have something for a token to be missing: the one that it follows, or those of its cells. */
export function predecessors(layout: TableLayout, { cells, follows }: TokenColumn): readonly string[] {
  if (follows !== undefined) return [tokenColumn(layout, follows).column];
  return cells.flatMap((cell) => layout.cells[cell]?.column ?? []);
}
