import type { Attribute, Binding, IdPart } from './attribute.js';
import type { IndexOptions } from './blind-index/index.js';
import type { Bytes } from './bytes.js';
import type { CellForm } from './ports/record-store.js';
import type { Attributes, RecordId, Table } from './table.js';

declare const sealed: unique symbol;

/** Keeps a string that is no cell from being taken for one at compile time. */
export interface Sealed {
  /** Never there. */
  readonly [sealed]: 'cell';
}

/** A cell as text. Store it as it is. */
export type Cell = string & Sealed;
/** A cell as bytes. */
export type BinaryCell = Bytes & Sealed;

type CellOf<Form extends CellForm> = Form extends 'binary' ? BinaryCell : Cell;

/** The TypeScript type of an attribute's value. */
export type ValueOf<A> = A extends Attribute<infer Value, CellForm, boolean> ? Value : never;
type FormOf<A> = A extends Attribute<unknown, infer Form, boolean> ? Form : never;
type HidesNull<A> = A extends Attribute<unknown, CellForm, infer Hides> ? Hides : never;

type PartsOf<Id extends RecordId> = Id extends readonly IdPart[] ? Id[number] : Id;
type PartValue<P> = P extends IdPart<string, infer Value> ? Value : never;
type IdOf<Id extends RecordId> = {
  readonly [P in PartsOf<Id> as P extends IdPart<infer Name> ? Name : never]: PartValue<P>;
};

/** Whether any attribute of the table is bound to its record: then an id is wanted at compile time. */
type WantsId<T extends Table> =
  T extends Table<RecordId, infer A, IdPart | undefined, infer Bind>
    ? {
        [K in keyof A]: A[K] extends Attribute<unknown, CellForm, boolean, infer B>
          ? B extends undefined
            ? Bind
            : B
          : Bind;
      }[keyof A] extends 'column'
      ? false
      : true
    : true;

/** The properties that identify a record of the table. */
export type RecordIdOf<T extends Table> = T extends Table<infer Id> ? IdOf<Id> : never;
type AttributesOf<T extends Table> = T extends Table<RecordId, infer A> ? A : Attributes;

// ── Blind indexes ───────────────────────────────────────────────────────────────────────────────────────────────────

type IndexOf<A> =
  A extends Attribute<unknown, CellForm, boolean, Binding | undefined, infer Index> ? Index : never;
/** The name of an attribute's index. */
type OwnName<K extends string, Index> = Index extends { readonly name: infer Name extends string }
  ? Literal<Name>
  : Index extends Pick<IndexOptions, 'bits'>
    ? `${K}_index`
    : never;
type NextName<Index> = Index extends { readonly next: infer Name extends string } ? Literal<Name> : never;
/** A name that is only known to be one would stand for every property. */
type Literal<Name extends string> = string extends Name ? never : Name;
/** The properties of a record that hold tokens of one attribute's indexes. */
type TokenNames<K extends string, A> = OwnName<K, IndexOf<A>> | NextName<IndexOf<A>>;

type CompoundOf<T extends Table> =
  T extends Table<RecordId, Attributes, IdPart | undefined, Binding, infer Indexes>
    ? unknown extends Indexes
      ? Record<never, never>
      : Indexes
    : Record<never, never>;
type CompoundAttributes<Index> = Index extends { readonly attributes: readonly (infer Name)[] }
  ? Name
  : never;

/** The properties of a record that hold tokens. */
type TokenName<T extends Table> =
  | { [K in keyof AttributesOf<T> & string]: TokenNames<K, AttributesOf<T>[K]> }[keyof AttributesOf<T> &
      string]
  | (keyof CompoundOf<T> & string)
  | NextName<CompoundOf<T>[keyof CompoundOf<T>]>;

type TokenOf<V> = string | null | (undefined extends V ? undefined : never);

/** The tokens that come with what a record or a patch has: of a compound index where all of its attributes are there. */
type TokensOf<T extends Table, R> = {
  [K in keyof AttributesOf<T> & keyof R & string as TokenNames<K, AttributesOf<T>[K]>]: TokenOf<R[K]>;
} & {
  [N in keyof CompoundOf<T> & string as CompoundAttributes<CompoundOf<T>[N]> extends keyof R
    ? N | NextName<CompoundOf<T>[N]>
    : never]: TokenOf<R[CompoundAttributes<CompoundOf<T>[N]> & keyof R]>;
};

/** What `lookup` is asked by: an index's name, or the name of an attribute that has one. */
export type LookupName<T extends Table> = string extends keyof AttributesOf<T>
  ? string
  :
      | {
          [K in keyof AttributesOf<T> & string]: [OwnName<K, IndexOf<AttributesOf<T>[K]>>] extends [never]
            ? never
            : K | OwnName<K, IndexOf<AttributesOf<T>[K]>>;
        }[keyof AttributesOf<T> & string]
      | (keyof CompoundOf<T> & string);

/** What is looked up: the attribute's value, or an object of all attributes' values for a compound index. */
export type LookupValue<T extends Table, N> = string extends keyof AttributesOf<T>
  ? unknown
  : N extends keyof CompoundOf<T>
    ? {
        readonly [K in CompoundAttributes<CompoundOf<T>[N]> & keyof AttributesOf<T>]: ValueOf<
          AttributesOf<T>[K]
        >;
      }
    : {
        [K in keyof AttributesOf<T> & string]: N extends K | OwnName<K, IndexOf<AttributesOf<T>[K]>>
          ? ValueOf<AttributesOf<T>[K]>
          : never;
      }[keyof AttributesOf<T> & string];

// ── Records ─────────────────────────────────────────────────────────────────────────────────────────────────────────

/** What `encryptRecord` takes: the record's id, any of the attributes, and anything else beside them. */
export type RecordInput<T extends Table> = {
  readonly [K in keyof AttributesOf<T>]?: ValueOf<AttributesOf<T>[K]> | null | undefined;
} & (WantsId<T> extends true ? RecordIdOf<T> : Partial<RecordIdOf<T>>);

/** What `encryptRecord` gives back for a record of type `R`: cells in place of the attributes' values, the tokens of their indexes, the rest as it was. */
export type EncryptedRecord<T extends Table, R> = {
  [K in keyof R as K extends TokenName<T> ? never : K]: K extends keyof AttributesOf<T>
    ? EncryptedValue<AttributesOf<T>[K], R[K]>
    : R[K];
} & {
  [K in Unnamed<T, R>]: EncryptedValue<AttributesOf<T>[K], unknown> | undefined;
} & TokensOf<T, R>;

type EncryptedValue<A, V> =
  | ([V] extends [null | undefined] ? IfUnknown<V, CellOf<FormOf<A>>> : CellOf<FormOf<A>>)
  | (null extends V ? (HidesNull<A> extends true ? CellOf<FormOf<A>> : null) : never)
  | IfKnown<V, Extract<V, undefined>>;

/** What `decryptRecord` takes: a row as the database gives it, or a projection of one. */
export type StoredInput<T extends Table> = {
  readonly [K in keyof AttributesOf<T>]?: unknown;
};

/** What `decryptRecord` gives back for a row of type `R`: the declared types in place of the cells, the rest as it was. */
export type DecryptedRecord<T extends Table, R> = {
  [K in keyof R]: K extends keyof AttributesOf<T> ? DecryptedValue<AttributesOf<T>[K], R[K]> : R[K];
} & {
  [K in Unnamed<T, R>]: DecryptedValue<AttributesOf<T>[K], unknown> | undefined;
};

type DecryptedValue<A, V> =
  | ([V] extends [null | undefined] ? IfUnknown<V, ValueOf<A>> : ValueOf<A>)
  | (null extends V ? null : HidesNull<A> extends true ? null : never)
  | IfKnown<V, Extract<V, undefined>>;

/** The attributes of a row that is only known to have names: `Record<string, unknown>`, or `any`. */
type Unnamed<T extends Table, R> = string extends keyof R ? keyof AttributesOf<T> : never;

/** For `unknown` and `any`: `any` would answer every other question with yes. */
type IfUnknown<V, Then> = unknown extends V ? Then : never;
type IfKnown<V, Then> = unknown extends V ? never : Then;

/** A record of the table as the application sees it, with every attribute. */
export type RecordOf<T extends Table> = RecordIdOf<T> & {
  readonly [K in keyof AttributesOf<T>]: ValueOf<AttributesOf<T>[K]> | null;
};

/** A record of the table as the database holds it, with every attribute. */
export type StoredOf<T extends Table> = RecordIdOf<T> & {
  readonly [K in keyof AttributesOf<T>]:
    | CellOf<FormOf<AttributesOf<T>[K]>>
    | (HidesNull<AttributesOf<T>[K]> extends true ? never : null);
} & {
  readonly [N in TokenName<T>]: string | null;
};

/** The attributes' names. */
export type AttributeName<T extends Table> = keyof AttributesOf<T> & string;
/** An attribute of the table, by its name. */
export type AttributeNamed<T extends Table, K extends AttributeName<T>> = AttributesOf<T>[K];
/** The stored form of one of its cells. */
export type CellNamed<T extends Table, K extends AttributeName<T>> = CellOf<FormOf<AttributesOf<T>[K]>>;

/** The last argument of the functions over records: `{ tenant }` is wanted where the definition has one, and only there. */
export type RecordArguments<T extends Table, More = unknown> =
  T extends Table<RecordId, Attributes, infer Tenant>
    ? [Tenant] extends [IdPart]
      ? [options: TenantOptions<Tenant> & More]
      : [Tenant] extends [undefined]
        ? unknown extends More
          ? []
          : [options?: More]
        : [options?: Partial<TenantOptions> & More]
    : never;

/** Whose records they are. */
export interface TenantOptions<Tenant = IdPart> {
  /** From the authenticated caller, never from the row. */
  readonly tenant: PartValue<Tenant>;
}
