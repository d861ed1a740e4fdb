import { keyTagOf } from '../key-tag.js';
import type { CellForm, TableLayout } from '../ports/record-store.js';
import type { FoundCells, TableDescription } from '../ports/table-description.js';

type Row = Readonly<Record<string, unknown>>;

/** A table in memory has the columns of its layout, and whatever its rows have besides. */
export function describeRows(layout: TableLayout, rows: readonly Row[]): TableDescription {
  const key = layout.key.map(({ column }) => column);
  const names = layoutNames(layout);
  const [own, properties] = [names.values(), names];
  const more = new Set(rows.flatMap((row) => Object.keys(row)).filter((name) => !properties.has(name)));
  return {
    path: [layout.name],
    kind: 'table',
    columns: [...new Set([...own, ...more])].map((name) => ({
      name,
      type: 'any',
      holds: 'other' as const,
      maxCharacters: undefined,
      maxBytes: undefined,
      isNullable: !key.includes(name),
      isRewritten: false,
      isReadable: true,
    })),
    keys: [
      { columns: key, mayBeNull: false },
      // Rows are not compared here: what a definition calls unique is taken for it.
      ...(layout.tokens ?? []).flatMap(({ column, isUnique }) =>
        isUnique ? [{ columns: [column], mayBeNull: true }] : [],
      ),
    ],
    unfit: [],
  };
}

/** What a row calls a column, by name: rows have the definition's names. */
function layoutNames({ cells, formerKey = [], key, tenant, tokens = [] }: TableLayout): Map<string, string> {
  const sources = cells.flatMap(({ adopting }) => (typeof adopting === 'object' ? adopting : []));
  const parts = [...key, ...formerKey, ...(tenant ? [tenant] : []), ...sources];
  return new Map([
    ...parts.map(({ column, name }) => [name, column] as const),
    ...cells.map(({ attribute, column }) => [attribute, column] as const),
    ...tokens.map(({ index, column }) => [index, column] as const),
  ]);
}

/** Counts the cells in one column of these rows. */
export function findInRows(
  layout: TableLayout | undefined,
  rows: readonly Row[],
  column: string,
): FoundCells {
  const names = layout ? [...layoutNames(layout)] : [];
  const property = names.find(([, one]) => one === column)?.[0] ?? column;
  const tags: Record<CellForm, Record<string, number>> = { text: {}, binary: {} };
  let notCells = 0;
  for (const row of rows) {
    const value = row[property] ?? null;
    if (value === null) continue;
    const tag = keyTagOf(value);
    const ofForm = tags[typeof value === 'string' ? 'text' : 'binary'];
    if (tag === undefined) notCells++;
    else ofForm[tag] = (ofForm[tag] ?? 0) + 1;
  }
  return { tags, notCells };
}

/** Half of the rows from each end; each once. */
export function bothEnds<T>(rows: readonly T[], most: number | undefined): readonly T[] {
  if (most === undefined || rows.length <= most) return rows;
  const half = Math.ceil(most / 2);
  return [...rows.slice(0, half), ...rows.slice(-half)];
}
