import { isUint8Array, viewBytes } from '../../bytes.js';
import type { CellForm, TableLayout } from '../../ports/record-store.js';
import type {
  ColumnDescription,
  ColumnKind,
  ColumnPlace,
  DescribeOptions,
  FindOptions,
  FoundCells,
  StoreDescription,
  TableDescription,
  UnfitPlace,
  UniqueKey,
} from '../../ports/table-description.js';
import { spellTag, tagWhen } from './census.js';
import type { Row, SqliteClient } from './client.js';
import { type SqlitePath, columnOf, pathOf, quoted } from './sql.js';

/** The tables of the layouts, and on request the others in the same files. */
export function describeTables(
  client: SqliteClient,
  layouts: readonly TableLayout[],
  { withOthers = false }: DescribeOptions,
): StoreDescription {
  const tables = layouts.map((layout) => describeLayout(client, layout));
  const named = new Set(tables.flatMap((table) => (table ? [spell(table.path)] : [])));
  const schemas = new Set(layouts.map(({ from }) => pathOf(from).schema));
  const others = withOthers
    ? [...schemas]
        .flatMap((schema) => listTables(client, schema))
        .map((path) => describeTable(client, path))
        .filter(({ kind, path }) => kind === 'table' && !named.has(spell(path)))
    : [];
  return { tables, others, truncates: false };
}

/** Names are told apart without letter case here. */
function spell(path: readonly string[]): string {
  return JSON.stringify(path).toLowerCase();
}

function listTables(client: SqliteClient, schema: string): SqlitePath[] {
  const rows = client
    .prepare(
      `SELECT name FROM ${quoted(schema)}.sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY name`,
    )
    .all() as Row[];
  return rows.map((row) => ({ schema, name: String(row['name']) }));
}

interface Listed {
  readonly name: string;
  readonly type: string;
  readonly isStrict: boolean;
}

function describeLayout(client: SqliteClient, layout: TableLayout): TableDescription | undefined {
  const path = pathOf(layout.from);
  const listed = readListed(client, path);
  if (!listed) return undefined;
  const { columns, ...table } = describeTable(client, path, listed);
  const { cells, formerKey = [], key, tenant, tokens = [] } = layout;
  const sources = cells.flatMap(({ adopting }) => (typeof adopting === 'object' ? adopting : []));
  const spelling = new Map(
    [...key, ...formerKey, ...(tenant ? [tenant] : []), ...cells, ...tokens, ...sources].map(
      ({ column }) => [column.toLowerCase(), column] as const,
    ),
  );
  const spelled = columns.map((column) => ({
    ...column,
    name: spelling.get(column.name.toLowerCase()) ?? column.name,
  }));
  const unfit = [
    ...cells.flatMap(({ attribute, column, form }) =>
      listed.isStrict ? unfitIn(attribute, typeOf(spelled, column), STRICT[form]) : [],
    ),
    ...tokens.flatMap(({ column, index }) =>
      unfitIn(index, typeOf(spelled, column), listed.isStrict ? STRICT.text : TOKEN),
    ),
  ];
  return {
    ...table,
    columns: spelled,
    keys: table.keys.map((key) => ({
      ...key,
      columns: key.columns.map((column) => spelling.get(column.toLowerCase()) ?? column),
    })),
    unfit,
  };
}

/** Which types hold what is put there, and what to say of the others. */
interface Fit {
  readonly holds: RegExp;
  readonly rule: string;
}

const STRICT_RULE =
  'In a STRICT table cells in text form, and tokens, want a column of type TEXT, cells in binary form one of type BLOB; ANY holds both.';
/** Only a STRICT table holds its columns to their types; elsewhere text and blobs stay what they are, under any type. */
const STRICT: Readonly<Record<CellForm, Fit>> = {
  text: { holds: /^(TEXT|ANY)$/i, rule: STRICT_RULE },
  binary: { holds: /^(BLOB|ANY)$/i, rule: STRICT_RULE },
};
/** A token may consist of digits and one dot, and be a number to a column of such an affinity. */
const TOKEN: Fit = {
  holds: /^(?!.*int).*(char|clob|text|blob)|^$/i,
  rule: 'Tokens want a column of type TEXT: in one of a numeric type a token of digits becomes a number.',
};

function unfitIn(name: string, type: string | undefined, { holds, rule }: Fit): UnfitPlace[] {
  return type === undefined || holds.test(type) ? [] : [{ column: name, rule }];
}

function typeOf(columns: readonly ColumnDescription[], column: string): string | undefined {
  return columns.find(({ name }) => name === column)?.type;
}

function readListed(client: SqliteClient, { schema, name }: SqlitePath): Listed | undefined {
  const rows = client
    .prepare(
      'SELECT name, type, strict FROM pragma_table_list WHERE schema = ? COLLATE NOCASE AND name = ? COLLATE NOCASE',
    )
    .all(schema, name) as Row[];
  const [row] = rows;
  return (
    row && { name: String(row['name']), type: String(row['type']), isStrict: Number(row['strict']) === 1 }
  );
}

function describeTable(
  client: SqliteClient,
  { schema, name }: SqlitePath,
  listed = readListed(client, { schema, name }),
): TableDescription {
  const rows = client
    .prepare('SELECT name, type, "notnull", pk, hidden FROM pragma_table_xinfo(?, ?)')
    .all(name, schema) as Row[];
  return {
    path: [schema, listed?.name ?? name],
    kind: listed?.type === 'table' ? 'table' : listed?.type === 'view' ? 'view' : 'other',
    columns: rows.map(columnFrom),
    keys: listed?.type === 'table' ? keysOf(client, { schema, name }, rows) : [],
    unfit: [],
  };
}

function columnFrom(row: Row): ColumnDescription {
  const type = String(row['type']);
  return {
    name: String(row['name']),
    type,
    holds: kindOf(type),
    maxCharacters: undefined, // VARCHAR(20) is a word here, no limit
    maxBytes: undefined,
    isNullable: Number(row['notnull']) === 0,
    isRewritten: Number(row['hidden']) > 1,
    isReadable: true,
  };
}

/** As SQLite itself finds a column's affinity: by parts of the declared type. */
function kindOf(type: string): ColumnKind {
  if (/bool/i.test(type)) return 'choice';
  if (/char|clob|text/i.test(type)) return 'text';
  if (/date|time/i.test(type)) return 'time';
  if (/int|real|floa|doub|num|dec/i.test(type)) return 'number';
  return /blob|binary/i.test(type) ? 'bytes' : 'other';
}

function keysOf(client: SqliteClient, path: SqlitePath, columns: readonly Row[]): UniqueKey[] {
  const primary = columns
    .filter((row) => Number(row['pk']) > 0)
    .sort((left, right) => Number(left['pk']) - Number(right['pk']))
    .map((row) => String(row['name']));
  const parts = client
    .prepare(
      'SELECT l.name AS idx, x.name AS name FROM pragma_index_list(?, ?) AS l, pragma_index_xinfo(l.name, ?) AS x WHERE l."unique" = 1 AND l.partial = 0 AND l.origin <> \'pk\' AND x.key = 1 ORDER BY l.seq, x.seqno',
    )
    .all(path.name, path.schema, path.schema) as Row[];
  const indexes = new Map<string, (string | undefined)[]>();
  for (const { idx, name } of parts) {
    const columns = indexes.get(String(idx)) ?? [];
    indexes.set(String(idx), [...columns, name === null ? undefined : String(name)]);
  }
  const whole = [...indexes.values()].filter((names): names is string[] =>
    names.every((name) => name !== undefined),
  );
  return [...(primary.length > 0 ? [primary] : []), ...whole].map((names) => ({
    columns: names,
    mayBeNull: names.some((name) => mayBeNull(client, path, columns, names, name)),
  }));
}

/** A primary key here allows nulls unless it says otherwise, and a column that is added later must allow them: so it is looked whether there is one. */
function mayBeNull(
  client: SqliteClient,
  path: SqlitePath,
  columns: readonly Row[],
  key: readonly string[],
  name: string,
): boolean {
  const column = columns.find((row) => row['name'] === name);
  if (Number(column?.['notnull']) === 1) return false;
  const isRowId =
    Number(column?.['pk']) !== 0 && key.length === 1 && String(column?.['type']).toUpperCase() === 'INTEGER';
  if (isRowId) return false;
  return (
    client.prepare(`SELECT 1 FROM ${nameOf(path)} WHERE ${columnOf(name)} IS NULL LIMIT 1`).all().length > 0
  );
}

function nameOf({ schema, name }: SqlitePath): string {
  return `${quoted(schema)}.${quoted(name)} AS t`;
}

// ── Cells in any column ─────────────────────────────────────────────────────────────────────────────────────────────

/** Counts cells in columns that need be in no layout, in either form: a column here holds what it is given. */
export function findCells(
  client: SqliteClient,
  places: readonly ColumnPlace[],
  { maxRecords }: FindOptions,
): readonly FoundCells[] {
  const sources = new Map<string, { readonly columns: ReadonlySet<string>; from(select: string): string }>();
  return places.map(({ column, path }) => {
    const key = JSON.stringify(path);
    const source = sources.get(key) ?? sourceOf(client, pathOf(path), maxRecords);
    sources.set(key, source);
    return source.columns.has(column.toLowerCase())
      ? countTags(client, columnOf(column), source.from)
      : { tags: { text: {}, binary: {} }, notCells: 0 };
  });
}

/** Records to look at, as what stands behind FROM: all, or both ends of the table. */
function sourceOf(
  client: SqliteClient,
  path: SqlitePath,
  maxRecords: number | undefined,
): { readonly columns: ReadonlySet<string>; from(select: string): string } {
  const listed = readListed(client, path);
  const table = listed && describeTable(client, path, listed);
  const columns = new Set(table?.columns.map(({ name }) => name.toLowerCase()));
  const from = `FROM ${nameOf(path)}`;
  if (maxRecords === undefined) return { columns, from: (select) => `(SELECT ${select} ${from})` };
  const order = table?.keys[0]?.columns.map(columnOf) ?? ['t.rowid'];
  const half = Math.ceil(maxRecords / 2);
  const own = order.map((column, i) => `${column} AS x${i}`).join(', ');
  const end = (select: string, direction: string): string =>
    `SELECT * FROM (SELECT ${own}, ${select} ${from} ORDER BY ${order.map((one) => `${one} ${direction}`).join(', ')} LIMIT ${half})`;
  // With the key among the columns UNION lets no record count twice where the ends meet.
  return { columns, from: (select) => `(${end(select, 'ASC')} UNION ${end(select, 'DESC')})` };
}

function countTags(client: SqliteClient, name: string, from: (select: string) => string): FoundCells {
  const tags: Record<CellForm, Record<string, number>> = { text: {}, binary: {} };
  let notCells = 0;
  const select = `CASE ${tagWhen(name, 'text')} ${tagWhen(name, 'binary')} END AS tag, ${name} IS NOT NULL AS there`;
  const rows = client
    .prepare(`SELECT tag, COUNT(*) AS cells FROM ${from(select)} WHERE there GROUP BY tag`)
    .all() as Row[];
  for (const row of rows) {
    const [tag, cells] = [viewBytes(row['tag']), Number(row['cells'])];
    const text = spellTag(tag);
    const ofForm = tags[isUint8Array(tag) ? 'binary' : 'text'];
    if (text === undefined) notCells += cells;
    else ofForm[text] = (ofForm[text] ?? 0) + cells;
  }
  return { tags, notCells };
}
