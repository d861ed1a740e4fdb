import { decodeHex } from '../../bytes.js';
import { StoreUnfitError } from '../../errors.js';
import { keyTagOfBytes, parseKeyTag } from '../../key-tag.js';
import type { TableCount } from '../../ports/record-store.js';
import { tokenPrefixOf } from '../../token-form.js';
import { predecessors, tokenColumn } from '../token-columns.js';
import { type Dialect, UNCOMMITTED_UNFIT } from './dialect.js';
import type { SqlQueries } from './executor.js';
import type { PlacedLayout } from './placed.js';

interface Count {
  records: number;
  readonly tags: Record<string, number>;
  notCells: number;
  unadopted?: number;
  readonly tokens: { readonly prefixes: Record<string, number>; notTokens: number; missing: number }[];
}

/** From here on forms are those of tokens, two for each: its prefixes, and where it is missing. */
const TOKEN_FORMS = 10;

/**
 * One statement over all tables, so that it sees one instant. Only what has the shape of a cell is grouped by its
 * beginning: of a plaintext that strayed there, nothing is read out.
 */
export async function countTables(
  queries: SqlQueries,
  dialect: Dialect,
  tables: readonly PlacedLayout[],
): Promise<readonly TableCount[]> {
  const selects = tables.flatMap(({ layout, table, cells, sources, tokens }, place) => [
    `SELECT ${place} AS place, 0 AS form, NULL AS tag, COUNT(*) AS cells FROM ${table} t`,
    ...cells.map((cell) => {
      const column = `t.${dialect.quote(cell.column.column)}`;
      const form = cell.column.form === 'text' ? 1 : 2;
      // Grouped in a subquery: MySQL would take the alias for a column of the table's own.
      return `SELECT ${place}, ${form}, g.tag, COUNT(*) FROM (SELECT ${dialect.selectTag(column, cell)} AS tag FROM ${table} t WHERE ${column} IS NOT NULL) g GROUP BY g.tag`;
    }),
    ...cells.flatMap(({ column }, i) => {
      const source = sources[i];
      if (!source) return [];
      return `SELECT ${place}, 3, NULL, COUNT(*) FROM ${table} t WHERE t.${dialect.quote(source.name)} IS NOT NULL AND t.${dialect.quote(column.column)} IS NULL`;
    }),
    ...tokens.flatMap((token, i) => {
      const column = `t.${dialect.quote(token.column.column)}`;
      const form = TOKEN_FORMS + 2 * i;
      const beside = predecessors(layout, tokenColumn(layout, i)).map(
        (name) => `t.${dialect.quote(name)} IS NOT NULL`,
      );
      return [
        `SELECT ${place}, ${form}, g.tag, COUNT(*) FROM (SELECT ${dialect.selectTokenPrefix(column, token)} AS tag FROM ${table} t WHERE ${column} IS NOT NULL) g GROUP BY g.tag`,
        `SELECT ${place}, ${form + 1}, NULL, COUNT(*) FROM ${table} t WHERE ${column} IS NULL AND ${beside.join(' AND ')}`,
      ];
    }),
  ]);
  if (selects.length === 0) return [];
  // The connection may be another one than the one that was asked when the table was placed.
  const dirty = `SELECT -1, 0, NULL, COUNT(*) FROM (SELECT 1 AS one) d WHERE ${dialect.seesUncommitted}`;
  const rows = await queries.query([...selects, dirty].join(' UNION ALL '), []);
  if (rows.some((row) => Number(row['place']) === -1 && Number(row['cells']) > 0))
    throw new StoreUnfitError(UNCOMMITTED_UNFIT);
  const counts = tables.map(
    ({ tokens }): Count => ({
      records: 0,
      tags: {},
      notCells: 0,
      tokens: tokens.map(() => ({ prefixes: {}, notTokens: 0, missing: 0 })),
    }),
  );
  for (const row of rows) {
    const count = counts[Number(row['place'])];
    if (!count) continue;
    const [form, cells] = [Number(row['form']), Number(row['cells'])];
    if (form >= TOKEN_FORMS) {
      addTokens(count, form, row['tag'], cells);
      continue;
    }
    const tag = form === 0 || form === 3 ? undefined : spellTag(form, row['tag']);
    if (form === 0) count.records = cells;
    else if (form === 3) count.unadopted = (count.unadopted ?? 0) + cells;
    else if (tag === undefined) count.notCells += cells;
    else count.tags[tag] = (count.tags[tag] ?? 0) + cells;
  }
  return tables.map(({ layout }, i) => {
    const { tokens, ...count } = counts[i] as Count;
    return { table: layout.name, ...count, ...(layout.tokens ? { tokens } : {}) };
  });
}

function addTokens({ tokens }: Count, form: number, tag: unknown, found: number): void {
  const count = tokens[(form - TOKEN_FORMS) >> 1];
  if (!count) return;
  const prefix = tokenPrefixOf(`${String(tag)}.00`);
  if ((form - TOKEN_FORMS) % 2 === 1) count.missing = found;
  else if (prefix === undefined) count.notTokens += found;
  else count.prefixes[prefix] = (count.prefixes[prefix] ?? 0) + found;
}

function spellTag(form: number, tag: unknown): string | undefined {
  if (typeof tag !== 'string') return undefined;
  if (form === 2) return keyTagOfBytes(decodeHex(tag));
  return parseKeyTag(tag) ? tag : undefined;
}
