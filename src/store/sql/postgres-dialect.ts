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
import { TOKEN_PREFIX_CHARACTERS } from '../../token-form.js';
import {
  type DeclaredColumn,
  type Dialect,
  LOCK_WAIT_SECONDS,
  type OwnColumn,
  type Placed,
} from './dialect.js';
import { isDriverError } from './driver-error.js';
import { POSTGRES_CATALOG } from './postgres-catalog.js';

const TEXT_TYPES = ['text', 'character varying', 'citext'];
const KEY_TYPES: Readonly<Record<string, readonly string[]>> = {
  uuid: ['uuid', 'bytea', ...TEXT_TYPES],
  text: TEXT_TYPES,
  integer: ['bigint', 'integer', 'smallint', 'numeric'],
  bytes: ['bytea'],
};
const OWN_TYPES: Readonly<Record<OwnColumn['type'], string>> = {
  name: 'text COLLATE "C"',
  text: 'text COLLATE "C"',
  bytes: 'bytea',
  integer: 'bigint',
};
const TOKEN = '^[a-z2-7]{8}\\.([0-9a-f]{2}){1,32}$';
const TEXT_CELL = '^cs1[rd]\\.[a-z2-7]{26}\\.';

/** PostgreSQL 12 and later. */
export const POSTGRES: Dialect = {
  catalog: POSTGRES_CATALOG,
  quote: quoted,
  maxParameters: 65_535,
  parameter: (place) => `$${place}`,

  async declaredColumns(queries, from) {
    const rows = await queries.query(
      `SELECT a.attname AS name, format_type(COALESCE(NULLIF(t.typbasetype, 0), a.atttypid), NULL) AS type
         FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
        WHERE a.attrelid = to_regclass($1) AND a.attnum > 0 AND NOT a.attisdropped`,
      [from.map(quoted).join('.')],
    );
    return rows.map((row): DeclaredColumn => ({ name: String(row['name']), type: String(row['type']) }));
  },
  async tableFault(queries, from) {
    const [row] = await queries.query('SELECT row_security_active(to_regclass($1)) AS filtered', [
      from.map(quoted).join('.'),
    ]);
    return row?.['filtered'] === true
      ? 'Row-level security hides records of this table from this role, so a rotation would pass them over and a census would not count them. Use a role with BYPASSRLS, or the owner.'
      : undefined;
  },
  lookUp: async () => '', // SKIP LOCKED and UPDATE lock what the whole condition is true for, and nothing else
  keyFault: ({ column, declared }) =>
    KEY_TYPES[column.type]?.includes(declared.type)
      ? undefined
      : 'The column of a record id or tenant is not of a type that the definition’s fits: uuid, text, varchar or bytea for uuid; text or varchar for text; bigint, integer, smallint or numeric for integer; bytea for bytes.',
  cellFault: ({ column, declared }) =>
    (column.form === 'text' ? TEXT_TYPES : ['bytea']).includes(declared.type)
      ? undefined
      : 'Cells in text form want a column of type text or varchar; cells in binary form one of type bytea.',

  selectKey: (sql, { declared }) => (declared.type === 'bytea' ? sql : `${sql}::text`),
  keyValue: (text, { declared }) =>
    declared.type === 'bytea' ? `decode(${text}, 'hex')` : `CAST(${text} AS ${declared.type})`,
  isBehind: (columns, value) => beside(columns, '>', value),
  isUpTo: (columns, value) => beside(columns, '<=', value),

  selectCell: (sql, cell) =>
    isText(cell)
      ? `CASE WHEN ${sql} IS NULL THEN NULL WHEN octet_length(${sql}) <= ${LONGEST_CELL_CHARACTERS} THEN ${sql}::text ELSE '${cell.column.adopting === 'in-place' ? NO_PLAINTEXT : ''}' END`
      : `CASE WHEN ${sql} IS NULL THEN NULL WHEN octet_length(${sql}) <= ${LONGEST_CELL_BYTES} THEN ${sql} ELSE '\\x${cell.column.adopting === 'in-place' ? NO_PLAINTEXT_HEX : ''}'::bytea END`,
  byteLength: (sql) => `octet_length(${sql})`,
  cellValue: (text, cell) => (isText(cell) ? text : `decode(${text}, 'hex')`),
  // Bytes decide: under a non-deterministic collation another cell would look the same.
  isSameCell: (sql, text, cell) =>
    isText(cell) ? `${sql}::text COLLATE "C" = ${text} COLLATE "C"` : `${sql} = decode(${text}, 'hex')`,
  selectTag: (sql, cell) =>
    isText(cell)
      ? `CASE WHEN ${sql}::text COLLATE "C" ~ '${TEXT_CELL}' AND octet_length(${sql}) >= ${SHORTEST_CELL_CHARACTERS} THEN left(${sql}::text, ${KEY_TAG_CHARACTERS}) END`
      : `CASE WHEN octet_length(${sql}) >= ${SHORTEST_CELL_BYTES} AND substring(${sql} FROM 1 FOR 2) IN ('\\x0100'::bytea, '\\x0101'::bytea) THEN encode(substring(${sql} FROM 1 FOR ${KEY_TAG_BYTES}), 'hex') END`,
  selectTokenPrefix: (sql) =>
    `CASE WHEN ${sql}::text COLLATE "C" ~ '${TOKEN}' THEN left(${sql}::text, ${TOKEN_PREFIX_CHARACTERS}) END`,

  selectPlaintext(sql, { type }) {
    const short = (text: string, stray: string): string =>
      `CASE WHEN ${sql} IS NULL THEN NULL WHEN octet_length(${text}) <= ${LONGEST_CELL_CHARACTERS} THEN ${text} ELSE ${stray} END`;
    if (type === 'bytea') return short(sql, `'\\x${NO_PLAINTEXT_HEX}'::bytea`);
    // JSON has ISO 8601 whatever the DateStyle, and the session's time zone only where the value has one.
    if (type === 'timestamp with time zone') return `(to_json(${sql} AT TIME ZONE 'UTC') #>> '{}') || 'Z'`;
    if (type === 'timestamp without time zone' || type === 'date') return `to_json(${sql}) #>> '{}'`;
    // Below 1 a session rounds what it prints.
    if (type === 'double precision' || type === 'real')
      return `CASE WHEN ${sql} IS NULL THEN NULL WHEN current_setting('extra_float_digits')::integer > 0 THEN ${sql}::text ELSE '${NO_PLAINTEXT}' END`;
    return short(`${sql}::text`, `'${NO_PLAINTEXT}'`);
  },
  isBinary: ({ type }) => type === 'bytea',
  isSamePlaintext: (plaintext, text) => `(${plaintext}) COLLATE "C" = ${text} COLLATE "C"`,
  bytesOf: (text) => `decode(${text}, 'hex')`,

  // Text first: a driver that is told of JSON would encode it once more.
  jsonRows: (parameter, columns) =>
    `json_to_recordset(CAST(CAST(${parameter} AS text) AS json)) AS v(i integer, ${columns.map((name) => `${name} text`).join(', ')})`,
  lockWhatIsFree: 'FOR UPDATE OF t SKIP LOCKED',
  joinTo: (table, _lookUp, rows, on) => `${rows} JOIN ${table} t ON ${on}`,
  update: ({ table, rows, on, set }) =>
    `UPDATE ${table} AS t SET ${assignments(set)} FROM ${rows} WHERE ${on}`,

  createTable: (table, columns, primaryKey) =>
    `CREATE TABLE IF NOT EXISTS ${table} (${columns.map(({ name, type }) => `${quoted(name)} ${OWN_TYPES[type]} NOT NULL`).join(', ')}${primaryKey ? `, PRIMARY KEY (${quoted(primaryKey)})` : ''})`,
  insertIfAbsent: (table, columns, values) =>
    `INSERT INTO ${table} (${columns.join(', ')}) VALUES (${values.join(', ')}) ON CONFLICT DO NOTHING`,
  insertOrUpdate: (table, key, columns, values, change) =>
    `INSERT INTO ${table} AS own (${columns.join(', ')}) VALUES (${values.join(', ')}) ON CONFLICT (${key}) DO UPDATE SET ${assignments(change((column) => `own.${column}`))}`,
  change: async (queries, sql, values) => (await queries.query(`${sql} RETURNING 1`, values)).length,
  bytesValue: (parameter) => `decode(${parameter}, 'hex')`,
  selectName: (sql) => sql,
  isSameText: (sql, parameter) => `${sql} = ${parameter}`,
  // UNDEFINED_TABLE
  isTableMissing: (error) => hasState(error, ['42P01']),
  // UNDEFINED_COLUMN
  isColumnMissing: (error) => hasState(error, ['42703']),
  digest: (parameter) => `encode(sha256(convert_to(${parameter}, 'UTF8')), 'hex')`,
  hasNul: false,
  seeWhatIsNow: '',
  waitingBriefly: (sql) => sql,
  seesUncommitted: 'FALSE',
  // Under REPEATABLE READ one conflict would end the whole chunk.
  beginWriting: [
    'SET TRANSACTION ISOLATION LEVEL READ COMMITTED',
    `SET LOCAL lock_timeout = '${LOCK_WAIT_SECONDS}s'`,
    // What is acknowledged must be there after a crash of the server.
    "SELECT set_config('synchronous_commit', 'on', true) WHERE current_setting('synchronous_commit') = 'off'",
  ],
  async believedRecords(queries, from) {
    const [row] = await queries.query(
      'SELECT reltuples AS records FROM pg_class WHERE oid = to_regclass($1)',
      [from.map(quoted).join('.')],
    );
    const records = Number(row?.['records'] ?? -1);
    return records > 0 ? Math.round(records) : undefined; // -1 or 0: never analysed
  },
  // UNIQUE_VIOLATION
  isDuplicate: (error) => hasState(error, ['23505']),
  isBusy: (error) => hasState(error, BUSY),
};

/** lock_not_available, deadlock_detected, serialization_failure. */
const BUSY = ['55P03', '40P01', '40001'];

function beside(columns: readonly string[], side: '>' | '<=', value: (column: number) => string): string {
  const values = columns.map((_, i) => value(i));
  return columns.length === 1
    ? `${columns[0]} ${side} ${values[0]}`
    : `(${columns.join(', ')}) ${side} (${values.join(', ')})`;
}

/** Drivers have an SQLSTATE as `code`; Prisma's adapter as `originalCode`. */
function hasState(error: unknown, states: readonly string[]): boolean {
  return isDriverError(error, ({ code, originalCode }) =>
    [code, originalCode].some((state) => states.includes(String(state))),
  );
}

function assignments(set: readonly (readonly [column: string, value: string])[]): string {
  return set.map(([column, value]) => `${column} = ${value}`).join(', ');
}

function isText({ column }: Placed<CellColumn>): boolean {
  return column.form === 'text';
}

function quoted(identifier: string): string {
  if (identifier.includes('\0'))
    throw new StoreUnfitError('A name in the database contains a NUL character.');
  return `"${identifier.replaceAll('"', '""')}"`;
}
