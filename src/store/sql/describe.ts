import { decodeHex } from '../../bytes.js';
import { KEY_TAG_BYTES, keyTagOfBytes, parseKeyTag } from '../../key-tag.js';
import type { CellColumn, CellForm, KeyColumn, TableLayout } from '../../ports/record-store.js';
import type {
  ColumnPlace,
  DescribeOptions,
  FindOptions,
  FoundCells,
  StoreDescription,
  TableDescription,
  UnfitPlace,
} from '../../ports/table-description.js';
import type { CatalogColumn, CatalogTable, Located } from './catalog.js';
import type { Dialect } from './dialect.js';
import type { SqlQueries, SqlRow } from './executor.js';
import { tokenCells } from './placed.js';

/** The tables of the layouts as the catalog has them, with what the dialect cannot use of them. */
export async function describeTables(
  queries: SqlQueries,
  dialect: Dialect,
  layouts: readonly TableLayout[],
  { withOthers = false }: DescribeOptions,
): Promise<StoreDescription> {
  const { catalog } = dialect;
  const schemas = new Map<string, readonly CatalogTable[]>();
  const named = new Set<string>();
  const tables: (TableDescription | undefined)[] = [];
  for (const layout of layouts) {
    const located = await catalog.locate(queries, layout.from);
    const { schema, table: name } = located;
    if (withOthers && !schemas.has(schema)) schemas.set(schema, await catalog.tables(queries, schema));
    const found = schemas.get(schema) ?? (await catalog.tables(queries, schema, name));
    const table = found.find((one) => one.name === name);
    named.add(JSON.stringify([schema, name]));
    tables.push(table && described(located, table, await unfitIn(queries, dialect, layout, table)));
  }
  const others = [...schemas].flatMap(([schema, all]) =>
    all
      .filter(({ kind, name }) => kind === 'table' && !named.has(JSON.stringify([schema, name])))
      .map((table) => described({ schema, table: table.name }, withoutInherited(table), [])),
  );
  return { tables, others, truncates: await catalog.truncates(queries) };
}

function described(
  { schema, table }: Located,
  { columns, keys, kind }: CatalogTable,
  unfit: readonly UnfitPlace[],
): TableDescription {
  return {
    path: [schema, table],
    kind,
    columns: columns.map(({ declared: _, isInherited: __, ...column }) => column),
    keys,
    unfit,
  };
}

/** A partition's records are its table's, too. */
function withoutInherited(table: CatalogTable): CatalogTable {
  return { ...table, columns: table.columns.filter(({ isInherited }) => !isInherited) };
}

async function unfitIn(
  queries: SqlQueries,
  dialect: Dialect,
  layout: TableLayout,
  table: CatalogTable,
): Promise<UnfitPlace[]> {
  if (table.kind !== 'table') return [];
  const whole = await dialect.tableFault(queries, layout.from);
  const { formerKey = [], key, tenant } = layout;
  const keys = [...key, ...formerKey, ...(tenant ? [tenant] : [])];
  return [
    ...(whole === undefined ? [] : [{ rule: whole }]),
    ...faults(table, keys, dialect.keyFault, ({ name }) => name),
    ...faults(
      table,
      [...layout.cells, ...tokenCells(layout)],
      dialect.cellFault,
      ({ attribute }) => attribute,
    ),
  ];
}

function faults<C extends KeyColumn | CellColumn>(
  { columns }: CatalogTable,
  wanted: readonly C[],
  faultOf: (placed: { column: C; declared: CatalogColumn['declared'] }) => string | undefined,
  nameOf: (column: C) => string,
): UnfitPlace[] {
  return wanted.flatMap((column): UnfitPlace[] => {
    const found = columns.find(({ name }) => name === column.column);
    const rule = found && faultOf({ column, declared: found.declared });
    return rule === undefined ? [] : [{ column: nameOf(column), rule }];
  });
}

// ── Cells in any column ─────────────────────────────────────────────────────────────────────────────────────────────

/** Counts cells in columns that need be in no layout: one statement a table. */
export async function findCells(
  queries: SqlQueries,
  dialect: Dialect,
  places: readonly ColumnPlace[],
  { maxRecords }: FindOptions,
): Promise<readonly FoundCells[]> {
  const found = places.map((): Found => ({ tags: { text: {}, binary: {} }, notCells: 0 }));
  const paths = new Map<string, number[]>();
  for (const [i, { path }] of places.entries()) {
    const key = JSON.stringify(path);
    paths.set(key, [...(paths.get(key) ?? []), i]);
  }
  for (const members of paths.values()) {
    const { path } = places[members[0] as number] as ColumnPlace;
    const { schema, table: name } = await dialect.catalog.locate(queries, path);
    const [table] = await dialect.catalog.tables(queries, schema, name);
    if (!table) continue;
    const source = sampleOf(dialect, path, table, maxRecords);
    const selects = members.flatMap((i) => {
      const column = table.columns.find((one) => one.name === (places[i] as ColumnPlace).column);
      return column?.isReadable && formOf(column) ? [selectTags(dialect, source, i, column)] : [];
    });
    if (selects.length === 0) continue;
    for (const row of await queries.query(selects.join(' UNION ALL '), []))
      add(found[Number(row['place'])] as Found, row);
  }
  return found;
}

interface Found {
  readonly tags: Record<CellForm, Record<string, number>>;
  notCells: number;
}

function formOf({ holds }: CatalogColumn): CellForm | undefined {
  if (holds === 'text') return 'text';
  return holds === 'bytes' ? 'binary' : undefined;
}

/** Records to look at, as what stands behind FROM: all, or both ends of the table. */
function sampleOf(
  { quote }: Dialect,
  path: readonly string[],
  { keys }: CatalogTable,
  maxRecords: number | undefined,
): (select: string) => string {
  const from = `FROM ${path.map(quote).join('.')} t`;
  if (maxRecords === undefined) return (select) => `(SELECT ${select} ${from}) g`;
  // Without a key there is no end that could be found without reading everything.
  const [key] = keys;
  if (!key) return (select) => `(SELECT ${select} ${from} LIMIT ${Math.ceil(maxRecords)}) g`;
  const half = Math.ceil(maxRecords / 2);
  const columns = key.columns.map((column) => `t.${quote(column)}`);
  const own = columns.map((column, i) => `${column} AS x${i}`).join(', ');
  const end = (select: string, direction: string, alias: string): string => {
    const order = columns.map((column) => `${column} ${direction}`).join(', ');
    return `SELECT * FROM (SELECT ${own}, ${select} ${from} ORDER BY ${order} LIMIT ${half}) ${alias}`;
  };
  // With the key among the columns UNION lets no record count twice where the ends meet.
  return (select) => `(${end(select, 'ASC', 'a')} UNION ${end(select, 'DESC', 'z')}) g`;
}

/** Only what has the shape of a cell is told, by its beginning: of a plaintext nothing is read out. */
function selectTags(
  dialect: Dialect,
  source: (select: string) => string,
  place: number,
  { declared, holds, name }: CatalogColumn,
): string {
  const sql = `t.${dialect.quote(name)}`;
  const form = holds === 'text' ? 'text' : 'binary';
  const tag = dialect.selectTag(sql, { column: { attribute: name, column: name, form }, declared });
  const select = `${tag} AS tag, CASE WHEN ${sql} IS NULL THEN 0 ELSE 1 END AS there`;
  return `SELECT ${place} AS place, ${form === 'text' ? 1 : 2} AS form, ${dialect.selectName('g.tag')} AS tag, COUNT(*) AS cells FROM ${source(select)} WHERE g.there = 1 GROUP BY g.tag`;
}

function add(found: Found, row: SqlRow): void {
  const form = Number(row['form']) === 1 ? 'text' : 'binary';
  const tag = spellTag(form, row['tag']);
  if (tag === undefined) found.notCells += Number(row['cells']);
  else found.tags[form][tag] = (found.tags[form][tag] ?? 0) + Number(row['cells']);
}

function spellTag(form: CellForm, tag: unknown): string | undefined {
  if (typeof tag !== 'string') return undefined;
  if (form === 'text') return parseKeyTag(tag) ? tag : undefined;
  return tag.length === 2 * KEY_TAG_BYTES ? keyTagOfBytes(decodeHex(tag)) : undefined;
}
