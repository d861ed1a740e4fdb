import type { CellForm } from './cell-form.js';

/** What a column can hold, as far as names and cells are concerned; `choice`: a boolean or an enumeration; `time`: a date or a time. */
export type ColumnKind = 'text' | 'bytes' | 'number' | 'time' | 'choice' | 'other';

/** A column as the database declares it. */
export interface ColumnDescription {
  /** The name in the database; where a layout names the column, as the layout spells it. */
  readonly name: string;
  /** In the database's own words. */
  readonly type: string;
  /** What it can hold. */
  readonly holds: ColumnKind;
  /** Characters that fit, at most; `undefined`: not limited. */
  readonly maxCharacters: number | undefined;
  /** Bytes that fit, at most; `undefined`: not limited. */
  readonly maxBytes: number | undefined;
  /** Whether it may be null. */
  readonly isNullable: boolean;
  /** Whether the database writes it by itself: a computed column, or one that is set anew with every update. */
  readonly isRewritten: boolean;
  /** Whether the store may read it. */
  readonly isReadable: boolean;
}

/** Columns whose values together name one record at most. */
export interface UniqueKey {
  /** Their names in the database. */
  readonly columns: readonly string[];
  /** Whether one of them may be null, so that records escape it. SQLite, whose primary keys allow nulls, says whether there is one. */
  readonly mayBeNull: boolean;
}

/** Why a table, or a column of a layout, cannot be used: in constant words of the store. */
export interface UnfitPlace {
  /** The attribute, the index, or the part of the record's id, by its name in the definition; `undefined`: the table as a whole. */
  readonly column?: string;
  /** What is wrong, and what to do. */
  readonly rule: string;
}

/** A table as the database declares it. */
export interface TableDescription {
  /** Its path in the database, its schema included where there are schemas. */
  readonly path: readonly string[];
  /** `other`: what is neither a table of its own nor a view, such as a foreign table. */
  readonly kind: 'table' | 'view' | 'other';
  /** Its columns; those that the database does not show to this role are missing. */
  readonly columns: readonly ColumnDescription[];
  /** Primary key and unique indexes, but for partial ones and those of expressions. */
  readonly keys: readonly UniqueKey[];
  /** What of its layout cannot be used, in the store's own words; empty for tables that no layout names. */
  readonly unfit: readonly UnfitPlace[];
}

/** What is in a database beside and under the layouts of a schema. */
export interface StoreDescription {
  /** For each layout, in their order, its table; `undefined` where there is none. */
  readonly tables: readonly (TableDescription | undefined)[];
  /** Every other table, no views, of the schemas (for SQLite: the files) in which those of the layouts are. */
  readonly others: readonly TableDescription[];
  /** Whether this connection cuts off what is too long instead of refusing it. */
  readonly truncates: boolean;
}

/** Which tables are to be described. */
export interface DescribeOptions {
  /** Also the tables that no layout names. Default: `false`, which is quick. */
  readonly withOthers?: boolean;
}

/** A column of the database. */
export interface ColumnPlace {
  /** The table's path, as its description has it. */
  readonly path: readonly string[];
  /** The name in the database. */
  readonly column: string;
}

/** How much is looked at. */
export interface FindOptions {
  /** Records of each table: half of them from its beginning, half from its end, in the order of a unique key. Default: all. */
  readonly maxRecords?: number;
}

/** What was found in a column. Nothing but counts: no plaintext comes back. */
export interface FoundCells {
  /** Cells by their 32-character key tag, by the form in which they are stored. */
  readonly tags: Readonly<Record<CellForm, Readonly<Record<string, number>>>>;
  /** Values, not null, that begin with no key tag of this format. */
  readonly notCells: number;
}
