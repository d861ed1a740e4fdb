import type { ColumnKind } from '../../ports/table-description.js';
import { type Catalog, type CatalogColumn, assemble, lengthOf, textOf } from './catalog.js';
import type { SqlQueries, SqlRow } from './executor.js';

const KINDS: readonly (readonly [types: readonly string[], kind: ColumnKind])[] = [
  [['char', 'varchar', 'tinytext', 'text', 'mediumtext', 'longtext'], 'text'],
  [['binary', 'varbinary', 'tinyblob', 'blob', 'mediumblob', 'longblob'], 'bytes'],
  [['tinyint', 'smallint', 'mediumint', 'int', 'bigint', 'decimal', 'float', 'double'], 'number'],
  [['date', 'time', 'datetime', 'timestamp', 'year'], 'time'],
  [['enum', 'set', 'bit'], 'choice'],
];

// Constants on both sides: without them the server opens every table that it has.
const COLUMNS = `
  SELECT c.table_name AS tbl, t.table_type AS kind, c.column_name AS name, c.data_type AS type, c.column_type AS whole,
         c.character_maximum_length AS characters, c.character_octet_length AS octets, c.character_set_name AS charset,
         c.collation_name AS collation, c.is_nullable AS nullable, c.extra AS extra, c.privileges AS privileges
    FROM information_schema.columns c
    JOIN information_schema.tables t ON t.table_schema = c.table_schema AND t.table_name = c.table_name
   WHERE c.table_schema = ? AND t.table_schema = ?`;
const KEYS = `
  SELECT table_name AS tbl, index_name AS idx, column_name AS name, CASE WHEN nullable = 'YES' THEN 1 ELSE 0 END AS nullable
    FROM information_schema.statistics WHERE non_unique = 0 AND table_schema = ?`;

/** What MariaDB and MySQL say of their tables. */
export const MYSQL_CATALOG: Catalog = {
  async locate(queries, from) {
    const [table = '', schema] = [...from].reverse();
    return { schema: schema ?? (await ownSchema(queries)), table };
  },
  async tables(queries, schema, table) {
    const one = table === undefined ? [] : [table];
    const columns = await queries.query(
      `${COLUMNS}${table === undefined ? '' : ' AND c.table_name = ? AND t.table_name = ?'} ORDER BY c.table_name, c.ordinal_position`,
      [schema, schema, ...one, ...one],
    );
    const keys = await queries.query(
      `${KEYS}${table === undefined ? '' : ' AND table_name = ?'} ORDER BY table_name, index_name <> 'PRIMARY', index_name, seq_in_index`,
      [schema, ...one],
    );
    return assemble(columns, keys, columnOf, kindOf);
  },
  async truncates(queries) {
    const [row] = await queries.query('SELECT @@sql_mode AS mode', []);
    return !/STRICT_(TRANS|ALL)_TABLES/.test(textOf(row?.['mode']));
  },
};

async function ownSchema(queries: SqlQueries): Promise<string> {
  const [row] = await queries.query('SELECT DATABASE() AS own', []);
  return textOf(row?.['own'] ?? '');
}

function kindOf(row: SqlRow): 'table' | 'view' | 'other' {
  const kind = textOf(row['kind']).toUpperCase();
  if (kind === 'BASE TABLE' || kind === 'SYSTEM VERSIONED') return 'table';
  return kind.endsWith('VIEW') ? 'view' : 'other';
}

function columnOf(row: SqlRow): CatalogColumn {
  const [name, type, whole] = [
    textOf(row['name']),
    textOf(row['type']).toLowerCase(),
    textOf(row['whole']).toLowerCase(),
  ];
  const charset = row['charset'] === null ? undefined : textOf(row['charset']);
  const collation = row['collation'] === null ? undefined : textOf(row['collation']);
  const kind = KINDS.find(([types]) => types.includes(type))?.[1] ?? 'other';
  const isString = kind === 'text' || kind === 'bytes';
  return {
    name,
    type: whole,
    holds: whole === 'tinyint(1)' ? 'choice' : kind,
    maxCharacters: kind === 'text' ? lengthOf(row['characters']) : undefined,
    maxBytes: isString ? lengthOf(row['octets']) : undefined,
    isNullable: textOf(row['nullable']) === 'YES',
    isRewritten: /on update|generated|virtual|persistent/i.test(textOf(row['extra'])),
    isReadable: /select/i.test(textOf(row['privileges'])),
    isInherited: false,
    declared: { name, type: whole.includes('unsigned') ? `${type} unsigned` : type, charset, collation },
  };
}
