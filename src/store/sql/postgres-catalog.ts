import type { ColumnKind } from '../../ports/table-description.js';
import { type Catalog, type CatalogColumn, assemble, isTrue, lengthOf, textOf } from './catalog.js';
import type { SqlRow } from './executor.js';

const TEXT_TYPES = ['text', 'character varying', 'character', 'citext', 'name'];
/** By pg_type.typcategory: numbers, dates and times, spans of time, booleans, enumerations. */
const KINDS: Readonly<Record<string, ColumnKind>> = {
  N: 'number',
  D: 'time',
  T: 'time',
  B: 'choice',
  E: 'choice',
};
/** The length modifier of `varchar(n)` and `char(n)` counts its own four bytes. */
const MODIFIER_BYTES = 4;

// Each parameter stands once, in order, for clients that number by place; and no type is left that only the catalog has.
// A domain stands for the type below it: `b`, with the modifier that the domain gives it.
const COLUMNS = `
  SELECT c.relname::text AS tbl, c.relkind::text AS kind, a.attname::text AS name,
         format_type(b.oid, NULL) AS type, format_type(a.atttypid, a.atttypmod) AS whole,
         CASE WHEN t.typbasetype <> 0 THEN t.typtypmod ELSE a.atttypmod END AS modifier, b.typcategory::text AS category,
         CASE WHEN a.attnotnull OR t.typnotnull THEN 0 ELSE 1 END AS nullable,
         CASE WHEN a.attgenerated = '' AND a.attidentity <> 'a' THEN 0 ELSE 1 END AS rewritten,
         CASE WHEN has_column_privilege(c.oid, a.attnum, 'SELECT') THEN 1 ELSE 0 END AS readable,
         CASE WHEN a.attinhcount > 0 THEN 1 ELSE 0 END AS inherited
    FROM pg_class c
    JOIN pg_namespace n ON n.oid = c.relnamespace
    JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    JOIN pg_type t ON t.oid = a.atttypid
    JOIN pg_type b ON b.oid = COALESCE(NULLIF(t.typbasetype, 0), t.oid)
   WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND n.nspname = $1 AND c.relname = COALESCE(CAST($2 AS text), c.relname)
   ORDER BY c.relname, a.attnum`;
// Partial indexes, those of expressions, and those that are not valid yet leave records out.
const KEYS = `
  SELECT c.relname::text AS tbl, i.indexrelid::text AS idx, a.attname::text AS name, CASE WHEN a.attnotnull THEN 0 ELSE 1 END AS nullable
    FROM pg_index i
    JOIN pg_class c ON c.oid = i.indrelid
    JOIN pg_namespace n ON n.oid = c.relnamespace
   CROSS JOIN LATERAL unnest(i.indkey) WITH ORDINALITY AS k(attnum, place)
    JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.attnum
   WHERE i.indisunique AND i.indisvalid AND i.indpred IS NULL AND i.indexprs IS NULL AND k.place <= i.indnkeyatts
     AND n.nspname = $1 AND c.relname = COALESCE(CAST($2 AS text), c.relname)
   ORDER BY c.relname, NOT i.indisprimary, i.indexrelid, k.place`;

/** What PostgreSQL says of its tables. */
export const POSTGRES_CATALOG: Catalog = {
  async locate(queries, from) {
    const [table = '', schema] = [...from].reverse();
    if (schema !== undefined) return { schema, table };
    const path = `"${table.replaceAll('"', '""')}"`;
    const [row] = await queries.query(
      'SELECT COALESCE((SELECT n.nspname::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = to_regclass($1)), current_schema()::text) AS schema',
      [path],
    );
    return { schema: textOf(row?.['schema'] ?? 'public'), table };
  },
  async tables(queries, schema, table) {
    const values = [schema, table ?? null];
    return assemble(
      await queries.query(COLUMNS, values),
      await queries.query(KEYS, values),
      columnOf,
      kindOf,
    );
  },
  truncates: async () => false,
};

function kindOf(row: SqlRow): 'table' | 'view' | 'other' {
  const kind = textOf(row['kind']);
  if (kind === 'r' || kind === 'p') return 'table';
  return kind === 'v' || kind === 'm' ? 'view' : 'other';
}

function columnOf(row: SqlRow): CatalogColumn {
  const [name, type] = [textOf(row['name']), textOf(row['type'])];
  const modifier = Number(row['modifier']);
  const isText = TEXT_TYPES.includes(type);
  return {
    name,
    type: textOf(row['whole']),
    holds: isText ? 'text' : type === 'bytea' ? 'bytes' : (KINDS[textOf(row['category'])] ?? 'other'),
    maxCharacters: isText && modifier >= MODIFIER_BYTES ? lengthOf(modifier - MODIFIER_BYTES) : undefined,
    maxBytes: undefined,
    isNullable: isTrue(row['nullable']),
    isRewritten: isTrue(row['rewritten']),
    isReadable: isTrue(row['readable']),
    isInherited: isTrue(row['inherited']),
    declared: { name, type },
  };
}
