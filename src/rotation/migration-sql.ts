import type { Attribute } from '../attribute.js';
import { DefinitionError } from '../errors.js';
import type { TokenColumn } from '../ports/record-store.js';
import type { Table } from '../table.js';
import { tokenPlaces } from '../tokens.js';
import { type ValueSize, cellWidth } from './cell-width.js';

/** A database that {@link migrationSql} writes for; `'mysql'` for MariaDB, too. */
export type SqlDialect = 'postgres' | 'mysql' | 'sqlite';

/** One statement of a migration. */
export interface MigrationStatement {
  /** Without a semicolon. */
  readonly sql: string;
  /**
   * `'before'` anything is adopted, or a column of tokens filled; `'after'` a census has found no plaintext. Of unique
   * indexes: `'handover'`, when a census says `missing: 0` of the column; `'last'`, when no process writes the first one.
   */
  readonly when: 'before' | 'after' | 'handover' | 'last';
  /** What to know before it is run. */
  readonly warning?: string;
}

/** What {@link migrationSql} takes. */
export interface MigrationOptions {
  /** The database. */
  readonly dialect: SqlDialect;
  /** How long values become, by attribute, where that bounds a column's width (MySQL, MariaDB). Default: a type without a width. */
  readonly sizes?: Readonly<Record<string, ValueSize>>;
}

const NO_WAY_BACK =
  'There is no way back but a backup. The plaintext remains in backups, logs, replicas and free pages. Run it when census().unadopted is 0, a rotation without `newer` has refused nothing, and no process reads or writes the column.';
const WIDENED =
  'MODIFY keeps neither NOT NULL, nor DEFAULT, nor COMMENT of the column: cells want none of them but perhaps NOT NULL; add it again. An index on the column has to go first.';
const HANDED_OVER =
  "Run it when a census says missing: 0 of the column, and of a second one finishRotation says the step 'contract'. It is refused where two records have one value. Of a second column: drop the first one's UNIQUE afterwards, by its name; its tokens are not changed any more by who has the next definition, and would refuse values that nobody has. In PostgreSQL CONCURRENTLY lets writers on.";
const LAST =
  'Run it when every process has the definition that names the other column alone. SQLite wants its indexes dropped first, and a new table where UNIQUE stands in CREATE TABLE.';
const NARROWED = 'Run it when census().notCells is 0: characters that ASCII lacks would be refused or lost.';

/**
 * The statements around an adoption, for the attributes of a table that are `adopting`: columns that are widened in
 * place, or added beside the plaintext; and afterwards the plaintext column dropped. For indexes over them, and those
 * that are `filling`, the column of tokens with its index; for a unique index with `next` its second column, from
 * adding it to dropping the first one. To read, and to put into the migrations of the application: nothing here runs
 * them. Not in it: indexes, triggers, views and generated columns over the plaintext, which have to go.
 *
 * @throws DefinitionError for a name with a NUL character, and for sizes as {@link cellWidth} says.
 */
export function migrationSql(
  table: Table,
  { dialect, sizes = {} }: MigrationOptions,
): readonly MigrationStatement[] {
  const { encrypt, layout } = table;
  const writer = WRITERS[dialect];
  if (!writer) throw new DefinitionError("dialect is 'postgres', 'mysql' or 'sqlite'.");
  const path = layout.from.map(writer.quote).join('.');
  const cells = Object.entries(encrypt).flatMap(([name, attribute]) => {
    if (!attribute.adopting) return [];
    const column = writer.quote(attribute.column ?? name);
    const { from } = attribute.adopting;
    return from
      ? beside(writer, path, column, writer.quote(from.column), attribute, sizes[name])
      : writer.inPlace(path, column, attribute, sizes[name]);
  });
  return [...cells, ...tokenStatements(table, writer, path)];
}

function tokenStatements(table: Table, writer: Writer, path: string): MigrationStatement[] {
  const { from, tokens = [] } = table.layout;
  return tokenPlaces(table).flatMap(({ index }, i) => {
    const { characters, column, follows } = tokens[i] as TokenColumn;
    const { attributes, isFilling, isUnique } = index;
    const isAdopted = attributes.some((attribute) => table.encrypt[attribute]?.adopting);
    if (follows === undefined && !isFilling && !isAdopted) return [];
    const name = writer.quote(column);
    const first = follows === undefined ? undefined : writer.quote(tokens[follows]?.column ?? '');
    const made: MigrationStatement = {
      when: isUnique ? 'handover' : 'before',
      sql: writer.index(from, column, isUnique),
      ...(isUnique ? { warning: HANDED_OVER } : {}),
    };
    return [
      { when: 'before', sql: `ALTER TABLE ${path} ADD COLUMN ${name} ${writer.token(characters)}` },
      made,
      ...(first === undefined
        ? []
        : [{ when: 'last', sql: `ALTER TABLE ${path} DROP COLUMN ${first}`, warning: LAST } as const]),
    ];
  });
}

function beside(
  { type }: Writer,
  path: string,
  column: string,
  source: string,
  attribute: Attribute,
  size: ValueSize | undefined,
): MigrationStatement[] {
  return [
    { when: 'before', sql: `ALTER TABLE ${path} ADD COLUMN ${column} ${type(attribute, size, true)}` },
    { when: 'after', sql: `ALTER TABLE ${path} DROP COLUMN ${source}`, warning: NO_WAY_BACK },
  ];
}

/** What differs between databases. */
interface Writer {
  quote(identifier: string): string;
  /** A column type; `cellsOnly`: no plaintext will stand in it. */
  type(attribute: Attribute, size: ValueSize | undefined, cellsOnly: boolean): string;
  /** A column type for tokens of this length. */
  token(characters: number): string;
  /** An index over one column. */
  index(from: readonly string[], column: string, isUnique: boolean): string;
  inPlace(
    path: string,
    column: string,
    attribute: Attribute,
    size: ValueSize | undefined,
  ): MigrationStatement[];
}

/** A row of MariaDB has 65,535 bytes, all columns together: beyond a few thousand a text column does not count. */
const WIDEST_VARCHAR_CHARACTERS = 4_096;

const WRITERS: Readonly<Record<SqlDialect, Writer>> = Object.freeze({
  postgres: {
    quote: quotedBy('"'),
    type: ({ form }) => (form === 'text' ? 'text' : 'bytea'),
    token: (characters) => `varchar(${characters}) COLLATE "C"`,
    index: (from, column, isUnique) =>
      `CREATE ${unique(isUnique)}INDEX ON ${from.map(quotedBy('"')).join('.')} (${quotedBy('"')(column)})`,
    inPlace(path, column, { form }) {
      const using = form === 'text' ? ` USING ${column}::text` : '';
      const type = form === 'text' ? 'text' : 'bytea';
      return [{ when: 'before', sql: `ALTER TABLE ${path} ALTER COLUMN ${column} TYPE ${type}${using}` }];
    },
  },
  mysql: {
    quote: quotedBy('`'),
    type: mysqlType,
    token: (characters) => `VARCHAR(${characters}) CHARACTER SET ascii COLLATE ascii_bin`,
    index: (from, column, isUnique) =>
      `ALTER TABLE ${from.map(quotedBy('`')).join('.')} ADD ${unique(isUnique)}INDEX (${quotedBy('`')(column)})`,
    inPlace(path, column, attribute, size) {
      const modify = (cellsOnly: boolean): string =>
        `ALTER TABLE ${path} MODIFY COLUMN ${column} ${mysqlType(attribute, size, cellsOnly)}`;
      const [wide, narrow] = [modify(false), modify(true)];
      return [
        { when: 'before', sql: wide, warning: WIDENED },
        ...(wide === narrow ? [] : [{ when: 'after', sql: narrow, warning: NARROWED } as const]),
      ];
    },
  },
  sqlite: {
    quote: quotedBy('"'),
    type: ({ form }) => (form === 'text' ? 'TEXT' : 'BLOB'),
    token: () => 'TEXT',
    // It stands in the file of its table, which is named before the index.
    index(from, column, isUnique) {
      const [quote, own] = [quotedBy('"'), from.at(-1) as string];
      const name = [...from.slice(0, -1), `${own}_${column}`].map(quote).join('.');
      return `CREATE ${unique(isUnique)}INDEX ${name} ON ${quote(own)} (${quote(column)})`;
    },
    // A column takes whatever it is given, unless its table is STRICT.
    inPlace: () => [],
  },
});

function unique(isUnique: boolean): string {
  return isUnique ? 'UNIQUE ' : '';
}

function mysqlType(attribute: Attribute, size: ValueSize | undefined, cellsOnly: boolean): string {
  const width = size && cellWidth(attribute, size);
  const isBounded = width !== undefined && width <= WIDEST_VARCHAR_CHARACTERS;
  if (attribute.form === 'binary') return isBounded ? `VARBINARY(${width})` : 'LONGBLOB';
  const charset = cellsOnly
    ? 'CHARACTER SET ascii COLLATE ascii_bin'
    : 'CHARACTER SET utf8mb4 COLLATE utf8mb4_bin';
  return `${isBounded ? `VARCHAR(${width})` : 'LONGTEXT'} ${charset}`;
}

function quotedBy(mark: string): (identifier: string) => string {
  return (identifier) => {
    if (identifier.includes('\0')) throw new DefinitionError('A name in the database has no NUL character.');
    return `${mark}${identifier.replaceAll(mark, mark + mark)}${mark}`;
  };
}
