import type { Attribute } from '../attribute.js';
import { DefinitionError } from '../errors.js';
import type { Table } from '../table.js';
import { type ValueSize, cellWidth } from './cell-width.js';

/** A database that {@link migrationSql} writes for; `'mysql'` for MariaDB, too. */
export type SqlDialect = 'postgres' | 'mysql' | 'sqlite';

/** One statement of a migration. */
export interface MigrationStatement {
  /** Without a semicolon. */
  readonly sql: string;
  /** `'before'` anything is adopted, or `'after'` a census has found no plaintext. */
  readonly when: 'before' | 'after';
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
const NARROWED = 'Run it when census().notCells is 0: characters that ASCII lacks would be refused or lost.';

/**
 * The statements around an adoption, for the attributes of a table that are `adopting`: columns that are widened in
 * place, or added beside the plaintext; and afterwards the plaintext column dropped. To read, and to put into the
 * migrations of the application: nothing here runs them. Not in it: indexes, triggers, views and generated columns over
 * the plaintext, which have to go.
 *
 * @throws DefinitionError for a name with a NUL character, and for sizes as {@link cellWidth} says.
 */
export function migrationSql(
  { encrypt, layout }: Table,
  { dialect, sizes = {} }: MigrationOptions,
): readonly MigrationStatement[] {
  const writer = WRITERS[dialect];
  if (!writer) throw new DefinitionError("dialect is 'postgres', 'mysql' or 'sqlite'.");
  const path = layout.from.map(writer.quote).join('.');
  return Object.entries(encrypt).flatMap(([name, attribute]) => {
    if (!attribute.adopting) return [];
    const column = writer.quote(attribute.column ?? name);
    const { from } = attribute.adopting;
    return from
      ? beside(writer, path, column, writer.quote(from.column), attribute, sizes[name])
      : writer.inPlace(path, column, attribute, sizes[name]);
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
    inPlace(path, column, { form }) {
      const using = form === 'text' ? ` USING ${column}::text` : '';
      const type = form === 'text' ? 'text' : 'bytea';
      return [{ when: 'before', sql: `ALTER TABLE ${path} ALTER COLUMN ${column} TYPE ${type}${using}` }];
    },
  },
  mysql: {
    quote: quotedBy('`'),
    type: mysqlType,
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
    // A column takes whatever it is given, unless its table is STRICT.
    inPlace: () => [],
  },
});

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
