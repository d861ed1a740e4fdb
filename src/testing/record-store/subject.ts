import type { MaybePromise, Table } from '../../index.js';
import type { RecordStore } from '../../rotation/index.js';

/** A column of a table that the cases want. */
export interface CaseColumn {
  /** What a row calls it. */
  readonly name: string;
  /** Its name in the database. Some contain spaces, quotes, capitals or reserved words. */
  readonly column: string;
  /** What it holds: `integer` has 64 bits, `text` and `bytes` are kept and compared byte by byte. */
  readonly type: 'uuid' | 'text' | 'integer' | 'bytes';
  /** Part of the primary key, in the order of the columns. What is no part of it may be null. */
  readonly isKey: boolean;
  /** Only for tokens of a blind index: the cases put no longer text there, so that it may be a `varchar` of this length. */
  readonly maxCharacters?: number;
}

/** A table that a case wants. */
export interface CaseTable {
  /** Its definition. `definition.layout.from` is its path in the database. */
  readonly definition: Table;
  /** All of its columns, one that the definition does not know (`note`) among them. */
  readonly columns: readonly CaseColumn[];
}

/**
 * A row of a {@link CaseTable}, by its columns' `name`. The cases give a UUID as lower-case text, an integer as bigint,
 * text as string, bytes as Uint8Array, and null; they take whatever a driver makes of them: an integer as number,
 * bigint or digits, a UUID as text or as 16 bytes.
 */
export type CaseRow = Readonly<Record<string, unknown>>;

/** What the author of an adapter supplies for each case: a store over empty tables, and what an application does beside it. */
export interface RecordStoreSubject {
  /** The store that is tested. */
  readonly store: RecordStore;
  /** Adds a row. A column that the row does not name is null. */
  insert(into: CaseTable, row: CaseRow): MaybePromise<unknown>;
  /** Changes columns of the row with this id. */
  update(where: CaseTable, id: CaseRow, changes: CaseRow): MaybePromise<unknown>;
  /** Removes the row with this id. */
  remove(from: CaseTable, id: CaseRow): MaybePromise<unknown>;
  /** All rows as they are stored, in any order. */
  rows(of: CaseTable): MaybePromise<readonly CaseRow[]>;
  /** Called once, when the case is over. */
  close(): MaybePromise<unknown>;
}

/** Makes the tables anew, empty, and a store over them with neither jobs nor quarantine. */
export type OpenRecordStore = (tables: readonly CaseTable[]) => MaybePromise<RecordStoreSubject>;

/** What a record store need not have. */
export type RecordStoreMember = 'describe' | 'findCells';

/** What depends on the database. */
export interface RecordStoreCasesOptions {
  /** A schema in which tables may be made (`main`, `public`): adds cases with `from: [schema, table]`. */
  readonly schemaName?: string;
  /** What the store has beside what every store has: each adds its cases, and that there are no others is a case too. `findCells` wants `describe`. Default: none. */
  readonly members?: readonly RecordStoreMember[];
}

/** A case before it has a subject. */
export interface StoreCase {
  readonly name: string;
  /** An ability without which a store never meets such a table: a rotation refuses it. */
  readonly wants?: 'adopting' | 'tokens';
  readonly tables: readonly CaseTable[];
  test(subject: RecordStoreSubject, ...tables: readonly CaseTable[]): Promise<void>;
}
