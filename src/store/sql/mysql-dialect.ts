import { StoreUnfitError } from '../../errors.js';
import {
  KEY_TAG_BYTES,
  KEY_TAG_CHARACTERS,
  LONGEST_CELL_BYTES,
  LONGEST_CELL_CHARACTERS,
  SHORTEST_CELL_BYTES,
  SHORTEST_CELL_CHARACTERS,
} from '../../key-tag.js';
import { NO_PLAINTEXT, NO_PLAINTEXT_HEX } from '../../plaintext.js';
import type { CellColumn } from '../../ports/record-store.js';
import {
  LONGEST_TOKEN_CHARACTERS,
  SHORTEST_TOKEN_CHARACTERS,
  TOKEN_PREFIX_CHARACTERS,
} from '../../token-form.js';
import {
  type DeclaredColumn,
  type Dialect,
  LOCK_WAIT_SECONDS,
  type OwnColumn,
  type Placed,
  UNCOMMITTED_UNFIT,
} from './dialect.js';
import { isDriverError } from './driver-error.js';
import { MYSQL_CATALOG } from './mysql-catalog.js';

const TEXT_TYPES = ['char', 'varchar', 'tinytext', 'text', 'mediumtext', 'longtext'];
const BINARY_TYPES = ['binary', 'varbinary', 'tinyblob', 'blob', 'mediumblob', 'longblob'];
const INTEGER_TYPES = ['tinyint', 'smallint', 'mediumint', 'int', 'bigint'];
const KEY_TYPES: Readonly<Record<string, readonly string[]>> = {
  uuid: ['uuid', ...TEXT_TYPES, ...BINARY_TYPES],
  text: [...TEXT_TYPES, ...BINARY_TYPES],
  integer: INTEGER_TYPES,
  bytes: BINARY_TYPES,
};
const BYTE_WISE = 'CHARACTER SET utf8mb4 COLLATE utf8mb4_bin';
const OWN_TYPES: Readonly<Record<OwnColumn['type'], string>> = {
  name: 'VARBINARY(255)', // as text, trailing spaces would not count
  text: `LONGTEXT ${BYTE_WISE}`,
  bytes: 'LONGBLOB',
  integer: 'BIGINT',
};
/** In these a character of ASCII is one byte, the same one. */
const ASCII_CHARSETS = ['ascii', 'latin1', 'utf8', 'utf8mb3', 'utf8mb4'];
/** Each server reads one of the comments: MariaDB 10 does not know the name that MySQL 8 has. */
const SEES_UNCOMMITTED = "/*M! @@tx_isolation *//*!80000 @@transaction_isolation */ = 'READ-UNCOMMITTED'";
// `$` would let a line break follow: here nothing may, neither a dot nor anything else.
const TOKEN = '^[a-z2-7]{8}[.]([0-9a-f]{2}){1,32}(?![.]|[^.])';
const TEXT_CELL = '^cs1[rd][.][a-z2-7]{26}[.]';

/** MariaDB 10.6 and MySQL 8.0, and later: JSON_TABLE, window functions and SKIP LOCKED. */
export const MYSQL: Dialect = {
  catalog: MYSQL_CATALOG,
  quote: quoted,
  maxParameters: 65_535,
  parameter: () => '?',

  async declaredColumns(queries, from) {
    const [schema, table] = pathOf(from);
    const rows = await queries.query(
      `SELECT column_name AS name, data_type AS type, column_type AS whole, character_set_name AS charset, collation_name AS collation, extra AS extra
         FROM information_schema.columns WHERE table_schema = ${schema === undefined ? 'DATABASE()' : '?'} AND table_name = ?`,
      schema === undefined ? [table] : [schema, table],
    );
    return rows.map((row): DeclaredColumn => {
      const type = textOf(row['type']).toLowerCase();
      return {
        name: textOf(row['name']),
        type: /unsigned/i.test(textOf(row['whole'])) ? `${type} unsigned` : type,
        charset: row['charset'] === null ? undefined : textOf(row['charset']),
        collation: row['collation'] === null ? undefined : textOf(row['collation']),
        isTouched: /on update/i.test(textOf(row['extra'])),
      };
    });
  },
  async tableFault(queries, from) {
    const [schema, table] = pathOf(from);
    const [row] = await queries.query(
      `SELECT engine AS engine, @@sql_mode AS mode, ${SEES_UNCOMMITTED} AS dirty FROM information_schema.tables WHERE table_schema = ${schema === undefined ? 'DATABASE()' : '?'} AND table_name = ?`,
      schema === undefined ? [table] : [schema, table],
    );
    if (textOf(row?.['engine']).toLowerCase() !== 'innodb')
      return 'The table is not in InnoDB: nothing else here swaps and rolls back.';
    if (Number(row?.['dirty']) === 1) return UNCOMMITTED_UNFIT;
    if (textOf(row?.['mode']).includes('NO_BACKSLASH_ESCAPES'))
      return 'The SQL mode NO_BACKSLASH_ESCAPES is set, under which drivers that escape values themselves do it wrong. Clear it for this connection.';
    return undefined;
  },
  // InnoDB locks all that a statement looks at: scanning a small table, a chunk would wait for whoever has locked any of it.
  async lookUp(queries, from, columns) {
    const [schema, table] = pathOf(from);
    const rows = await queries.query(
      `SELECT index_name AS name, column_name AS part FROM information_schema.statistics WHERE table_schema = ${schema === undefined ? 'DATABASE()' : '?'} AND table_name = ? AND non_unique = 0`,
      schema === undefined ? [table] : [schema, table],
    );
    const indexes = new Map<string, string[]>();
    for (const row of rows) {
      const name = textOf(row['name']);
      indexes.set(name, [...(indexes.get(name) ?? []), textOf(row['part']).toLowerCase()]);
    }
    const wanted = columns.map((column) => column.toLowerCase());
    const fitting = [...indexes].find(
      ([, parts]) => parts.length === wanted.length && wanted.every((column) => parts.includes(column)),
    );
    return fitting ? ` FORCE INDEX (${quoted(fitting[0])})` : '';
  },
  keyFault: ({ column, declared }) =>
    KEY_TYPES[column.type]?.includes(bare(declared.type))
      ? undefined
      : 'The column of a record id or tenant is not of a type that the definition’s fits: uuid, char, varchar, text, binary or blob for uuid; those but uuid for text; an integer type for integer; binary or blob for bytes.',
  cellFault({ column, declared }) {
    if (column.form === 'binary') {
      // BINARY(n) pads what is shorter: no cell would be what it was.
      return BINARY_TYPES.slice(1).includes(declared.type)
        ? undefined
        : 'Cells in binary form want a column of type varbinary or blob.';
    }
    const isFit = TEXT_TYPES.includes(declared.type) && ASCII_CHARSETS.includes(declared.charset ?? '');
    return isFit
      ? undefined
      : 'Cells in text form want a column of type varchar or text in ascii, latin1, utf8mb3 or utf8mb4.';
  },

  selectKey: (sql, { declared }) =>
    isBinary(declared) ? sql : `CAST(${sql} AS CHAR ${BYTE_WISE.replace(' COLLATE utf8mb4_bin', '')})`,
  keyValue(text, { declared }) {
    if (isBinary(declared)) return `UNHEX(${text})`;
    if (bare(declared.type) === 'uuid') return `CAST(${text} AS UUID)`;
    if (INTEGER_TYPES.includes(bare(declared.type)))
      return `CAST(${text} AS ${declared.type.endsWith('unsigned') ? 'UNSIGNED' : 'SIGNED'})`;
    // In the column's own character set and collation, or its index could not be used.
    return `CONVERT(${text} USING ${declared.charset}) COLLATE ${declared.collation}`;
  },
  isBehind: (columns, value) => beside(columns, ['>', '>'], value),
  isUpTo: (columns, value) => beside(columns, ['<', '<='], value),

  selectCell: (sql, cell) =>
    isText(cell)
      ? `CASE WHEN ${sql} IS NULL THEN NULL WHEN LENGTH(${sql}) <= ${LONGEST_CELL_CHARACTERS} THEN ${sql} ELSE '${cell.column.adopting === 'in-place' ? NO_PLAINTEXT : ''}' END`
      : `CASE WHEN ${sql} IS NULL THEN NULL WHEN LENGTH(${sql}) <= ${LONGEST_CELL_BYTES} THEN ${sql} ELSE X'${cell.column.adopting === 'in-place' ? NO_PLAINTEXT_HEX : ''}' END`,
  byteLength: (sql) => `LENGTH(${sql})`,
  cellValue: (text, cell) => (isText(cell) ? text : `UNHEX(${text})`),
  // Bytes decide: under a collation without letter case another cell would look the same.
  isSameCell: (sql, text, cell) =>
    isText(cell)
      ? `CAST(${sql} AS BINARY) = CAST(${text} AS BINARY) AND LENGTH(${sql}) = LENGTH(${text})`
      : `${sql} = UNHEX(${text})`,
  selectTag: (sql, cell) =>
    isText(cell)
      ? `CASE WHEN LENGTH(${sql}) >= ${SHORTEST_CELL_CHARACTERS} AND CAST(LEFT(${sql}, ${KEY_TAG_CHARACTERS}) AS CHAR CHARACTER SET utf8mb4) COLLATE utf8mb4_bin REGEXP '${TEXT_CELL}' THEN LEFT(${sql}, ${KEY_TAG_CHARACTERS}) COLLATE ${cell.declared.charset}_bin END`
      : `CASE WHEN LENGTH(${sql}) >= ${SHORTEST_CELL_BYTES} AND LEFT(${sql}, 2) IN (X'0100', X'0101') THEN LOWER(HEX(LEFT(${sql}, ${KEY_TAG_BYTES}))) END`,
  selectTokenPrefix: (sql, { declared }) =>
    `CASE WHEN LENGTH(${sql}) BETWEEN ${SHORTEST_TOKEN_CHARACTERS} AND ${LONGEST_TOKEN_CHARACTERS} AND CAST(${sql} AS CHAR CHARACTER SET utf8mb4) COLLATE utf8mb4_bin REGEXP '${TOKEN}' THEN LEFT(${sql}, ${TOKEN_PREFIX_CHARACTERS}) COLLATE ${declared.charset}_bin END`,

  selectPlaintext(sql, declared) {
    if (isBinary(declared)) {
      return `CASE WHEN ${sql} IS NULL THEN NULL WHEN LENGTH(${sql}) <= ${LONGEST_CELL_CHARACTERS} THEN ${sql} ELSE X'${NO_PLAINTEXT_HEX}' END`;
    }
    const text = `CONVERT(${plaintextOf(sql, bare(declared.type))} USING utf8mb4)`;
    return `CASE WHEN ${sql} IS NULL THEN NULL WHEN LENGTH(${text}) <= ${LONGEST_CELL_CHARACTERS} THEN ${text} ELSE '${NO_PLAINTEXT}' END`;
  },
  isBinary,
  isSamePlaintext: (plaintext, text) =>
    `CAST(${plaintext} AS BINARY) = CAST(${text} AS BINARY) AND LENGTH(${plaintext}) = LENGTH(${text})`,
  bytesOf: (text) => `UNHEX(${text})`,

  jsonRows: (parameter, columns) =>
    `JSON_TABLE(${parameter}, '$[*]' COLUMNS (i INT PATH '$.i', ${columns.map((name) => `${name} LONGTEXT ${BYTE_WISE} PATH '$.${name}'`).join(', ')})) v`,
  lockWhatIsFree: 'FOR UPDATE SKIP LOCKED',
  joinTo: (table, lookUp, rows, on) => `${rows} STRAIGHT_JOIN ${table} t${lookUp} ON ${on}`,
  update: ({ table, lookUp, rows, on, set }) =>
    `UPDATE ${rows} STRAIGHT_JOIN ${table} t${lookUp} ON ${on} SET ${set.map(([column, value]) => `t.${column} = ${value}`).join(', ')}`,

  createTable: (table, columns, primaryKey) =>
    `CREATE TABLE IF NOT EXISTS ${table} (${columns.map(({ name, type }) => `${quoted(name)} ${OWN_TYPES[type]} NOT NULL`).join(', ')}${primaryKey ? `, PRIMARY KEY (${quoted(primaryKey)})` : ''}) ENGINE = InnoDB`,
  insertIfAbsent: (table, columns, values) =>
    `INSERT IGNORE INTO ${table} (${columns.join(', ')}) VALUES (${values.join(', ')})`,
  insertOrUpdate: (table, _key, columns, values, change) =>
    `INSERT INTO ${table} (${columns.join(', ')}) VALUES (${values.join(', ')}) ON DUPLICATE KEY UPDATE ${change(
      (column) => column,
    )
      .map(([column, value]) => `${column} = ${value}`)
      .join(', ')}`,
  async change(queries, sql, values) {
    await queries.query(sql, values);
    const [row] = await queries.query('SELECT ROW_COUNT() AS changed', []);
    return Number(row?.['changed']);
  },
  bytesValue: (parameter) => `UNHEX(${parameter})`,
  selectName: (sql) => `CONVERT(${sql} USING utf8mb4)`,
  // ER_NO_SUCH_TABLE
  isTableMissing: (error) => hasNumber(error, [1146]),
  // ER_BAD_FIELD_ERROR
  isColumnMissing: (error) => hasNumber(error, [1054]),
  digest: (parameter) => `SHA2(${parameter}, 256)`,
  hasNul: true,
  isSameText: (sql, parameter) => `CAST(${sql} AS BINARY) = CAST(${parameter} AS BINARY)`,
  // Whatever the isolation: a plain SELECT would look at a snapshot, and the snapshot would stand from then on.
  seeWhatIsNow: 'FOR UPDATE',
  beginWriting: [],
  // For one statement: set for the session, it would go back to the pool with the connection. MySQL reads a comment.
  waitingBriefly: (sql) =>
    `/*M! SET STATEMENT innodb_lock_wait_timeout = ${LOCK_WAIT_SECONDS}, lock_wait_timeout = ${LOCK_WAIT_SECONDS} FOR */ ${sql}`,
  seesUncommitted: SEES_UNCOMMITTED,
  async believedRecords(queries, from) {
    const [schema, table] = pathOf(from);
    const [row] = await queries.query(
      `SELECT table_rows AS records FROM information_schema.tables WHERE table_schema = ${schema === undefined ? 'DATABASE()' : '?'} AND table_name = ?`,
      schema === undefined ? [table] : [schema, table],
    );
    const records = Number(row?.['records'] ?? 0);
    return records >= BELIEVABLE_RECORDS ? records : undefined;
  },
  // ER_DUP_ENTRY, ER_DUP_ENTRY_WITH_KEY_NAME
  isDuplicate: (error) => hasNumber(error, [1062, 1586]),
  isBusy: (error) => hasNumber(error, BUSY),
};

/** What a CAST to text would round, take from the session's time zone, or give as bits. */
function plaintextOf(sql: string, type: string): string {
  if (TEXT_TYPES.includes(type)) return sql;
  if (type === 'float') return `CAST(${sql} + 0e0 AS CHAR)`;
  if (type === 'bit') return `CAST(${sql} + 0 AS CHAR)`;
  if (type !== 'timestamp') return `CAST(${sql} AS CHAR)`;
  // A date of zeros counts as 1970 there.
  return `CASE WHEN CAST(${sql} AS CHAR) LIKE '0000%' THEN CAST(${sql} AS CHAR) ELSE CONCAT(CAST(DATE_ADD('1970-01-01 00:00:00.000000', INTERVAL UNIX_TIMESTAMP(${sql}) SECOND) AS CHAR), 'Z') END`;
}

/** InnoDB's guess is off by half at times: small tables are counted. */
const BELIEVABLE_RECORDS = 10_000;
/** ER_LOCK_WAIT_TIMEOUT, ER_LOCK_DEADLOCK, ER_CHECKREAD (the record has changed since the snapshot). */
const BUSY = [1205, 1213, 1020];

/** Row constructors are not looked up in an index here: the first column bounds the range. */
function beside(
  columns: readonly string[],
  [before, last]: readonly ['>', '>'] | readonly ['<', '<='],
  value: (column: number) => string,
): string {
  if (columns.length === 1) return `${columns[0]} ${last} ${value(0)}`;
  const bound = `${columns[0]} ${before}= ${value(0)}`;
  const steps = columns.map((column, i) => {
    const equal = columns.slice(0, i).map((other, j) => `${other} = ${value(j)}`);
    const side = i === columns.length - 1 ? last : before;
    return [...equal, `${column} ${side} ${value(i)}`].join(' AND ');
  });
  return `${bound} AND ((${steps.join(') OR (')}))`;
}

/** Drivers have the server's number as `errno`. */
function hasNumber(error: unknown, numbers: readonly number[]): boolean {
  return isDriverError(error, ({ errno }) => numbers.includes(Number(errno)));
}

function isText({ column }: Placed<CellColumn>): boolean {
  return column.form === 'text';
}

function isBinary({ type }: DeclaredColumn): boolean {
  return BINARY_TYPES.includes(type);
}

function bare(type: string): string {
  return type.replace(' unsigned', '');
}

/** Some servers give names in information_schema as bytes. */
function textOf(value: unknown): string {
  return value instanceof Uint8Array ? new TextDecoder().decode(value) : String(value);
}

function pathOf(from: readonly string[]): [schema: string | undefined, table: string] {
  const [first = '', second] = from;
  return second === undefined ? [undefined, first] : [first, second];
}

function quoted(identifier: string): string {
  if (identifier.includes('\0'))
    throw new StoreUnfitError('A name in the database contains a NUL character.');
  return `\`${identifier.replaceAll('`', '``')}\``;
}
