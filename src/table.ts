import { type Attribute, type Binding, type IdPart, assertBinding } from './attribute.js';
import {
  type BlindIndex,
  type CompoundIndexOptions,
  assertTakes,
  blindIndex,
  entropyWarning,
  tokenCharacters,
  tokenScope,
} from './blind-index/index.js';
import { isWellFormed, utf8 } from './bytes.js';
import { assertScopeFits } from './cipher/index.js';
import { encodeContext } from './envelope/index.js';
import { CellsealError, DefinitionError, type Where } from './errors.js';
import { MAX_CONTEXT_FIELD_BYTES } from './limits.js';
import { warnOnce } from './platform.js';
import type { CellColumn, KeyColumn, TableLayout, TokenColumn } from './ports/record-store.js';

declare const compoundIndexes: unique symbol;

/** The attributes of a table, by name. */
export type Attributes = Readonly<Record<string, Attribute>>;
/** The id of a table's records: one part, or several in an order that never changes. */
export type RecordId = IdPart | readonly [IdPart, ...IdPart[]];
/** Indexes over several attributes, by name. */
export type CompoundIndexes<Name extends string = string> = Readonly<
  Record<string, CompoundIndexOptions<Name>>
>;

/** What {@link table} takes. */
export interface TableOptions<
  Id extends RecordId,
  A extends Attributes,
  Tenant extends IdPart | undefined,
  Bind extends Binding,
  Indexes extends CompoundIndexes = CompoundIndexes,
> {
  /** The table in the database, for record stores: `'clients'` or `'crm.clients'`; an array where a name contains a dot. Default: the table's name. */
  readonly from?: string | readonly string[];
  /** What identifies a record: {@link uuid}, {@link text}, {@link integer} or {@link bytes} with a name, or several of them. */
  readonly record: Id;
  /** For tables whose records belong to tenants: the type of a tenant, and the column in which a sweep finds it. Default: none. */
  readonly tenant?: Tenant;
  /** What cells are bound to. `'column'`, where the database assigns the id, lets a cell be moved to another record unnoticed. Default: `'record'`. */
  readonly bind?: Bind;
  /** The attributes that are encrypted, by name. The names are bound into every cell: they stay when a column is renamed. */
  readonly encrypt: A;
  /** Blind indexes over several attributes, by name; those of one attribute are its `index`. Default: none. */
  readonly indexes?: Indexes;
  /** What cells were bound to before one of these names, or the record's id, was changed. Default: the same as now. */
  readonly rebinding?: RebindingOptions<A>;
}

/**
 * What cells were bound to before. While it stands, a cell that does not authenticate in its place is tried once more in
 * its former one, and a rotation seals it anew in its place. Name only what was another: for so long it is accepted, too.
 */
export interface RebindingOptions<A extends Attributes = Attributes> {
  /** The table's former name. */
  readonly table?: string;
  /** Attributes' former names. */
  readonly columns?: { readonly [K in keyof A]?: string };
  /** The former record id, which has to be in the row still, beside the present one. */
  readonly record?: RecordId;
  /** What the cells were bound to. */
  readonly bind?: Binding;
}

/** {@link RebindingOptions}, looked at. */
export interface Rebinding {
  /** The table as it was. */
  readonly definition: Table;
  /** The former name of every attribute. */
  readonly columns: Readonly<Record<string, string>>;
}

/** A table's definition: what is encrypted, how, and what it is bound to. It decides; a cell never does. */
export interface Table<
  Id extends RecordId = RecordId,
  A extends Attributes = Attributes,
  Tenant extends IdPart | undefined = IdPart | undefined,
  Bind extends Binding = Binding,
  Indexes = unknown,
> {
  /** Never there: it carries the compound indexes. */
  readonly [compoundIndexes]?: Indexes;
  /** The stable name that is bound into every cell. */
  readonly name: string;
  /** What identifies its records. */
  readonly record: Id;
  /** Where a sweep finds a record's tenant; `undefined` where the table has none. */
  readonly tenant: Tenant;
  /** What its cells are bound to, unless an attribute says otherwise. */
  readonly bind: Bind;
  /** Its encrypted attributes, by name. */
  readonly encrypt: A;
  /** Its blind indexes, of one attribute and of several. */
  readonly indexes: readonly BlindIndex[];
  /** What record stores need to know of it. */
  readonly layout: TableLayout;
  /** What its cells were bound to before, while some may be still. */
  readonly rebinding: Rebinding | undefined;
}

/**
 * Defines a table. `name` and the attributes' names are bound into every cell: choose them once; what the database
 * calls its table and columns goes into `from` and `column`, and may change.
 *
 * @throws DefinitionError for a name that is empty, too long, doubled or contains a comma, and for options that contradict each other.
 */
export function table<
  const Id extends RecordId,
  const A extends Attributes,
  const Tenant extends IdPart | undefined = undefined,
  const Bind extends Binding = 'record',
  const Indexes extends CompoundIndexes<keyof A & string> = Record<never, never>,
>(name: string, options: TableOptions<Id, A, Tenant, Bind, Indexes>): Table<Id, A, Tenant, Bind, Indexes> {
  const { record, encrypt, bind = 'record' as Bind } = options;
  const where = { table: name };
  assertName(name, where);
  assertBinding(bind);
  const key = idParts(record).map(keyColumn);
  const attributes = Object.entries(encrypt);
  if (attributes.length === 0) throw new DefinitionError('A table encrypts at least one attribute.', where);
  for (const [column, attribute] of attributes) {
    assertName(column, { ...where, column });
    if (typeof attribute?.spec !== 'object') {
      throw new DefinitionError(
        'An attribute is made by text(), json(), integer() and the like, without a name.',
        { ...where, column },
      );
    }
  }
  const indexes = Object.freeze(blindIndexes(name, encrypt, options.indexes ?? {}));
  const rebinding = options.rebinding && formerTable(name, options, options.rebinding);
  const layout: TableLayout = Object.freeze({
    name,
    from: physicalPath(options.from ?? [name], where),
    key,
    ...(options.tenant ? { tenant: keyColumn(options.tenant) } : {}),
    cells: attributes.map(
      ([attribute, { column, form, adopting }]): CellColumn => ({
        attribute,
        column: column ?? attribute,
        form,
        ...(adopting ? { adopting: adopting.from ?? 'in-place' } : {}),
      }),
    ),
    ...(indexes.length > 0 ? { tokens: tokenColumns(indexes, Object.keys(encrypt)) } : {}),
    ...(rebinding && options.rebinding?.record ? { formerKey: rebinding.definition.layout.key } : {}),
  });
  assertDistinct(layout);
  assertFitsInfo(name);
  return Object.freeze({
    name,
    record,
    tenant: options.tenant as Tenant,
    bind,
    encrypt: Object.freeze({ ...encrypt }),
    indexes,
    layout,
    rebinding,
  });
}

/** The definition under which the cells were sealed that are to be bound anew. */
function formerTable(
  name: string,
  options: Omit<TableOptions<RecordId, Attributes, IdPart | undefined, Binding>, 'rebinding'>,
  { table: formerName = name, columns = {}, record = options.record, bind }: RebindingOptions,
): Rebinding {
  const where = { table: name };
  assertBinding(bind);
  const stray = Object.keys(columns).find((column) => !Object.hasOwn(options.encrypt, column));
  if (stray !== undefined)
    throw new DefinitionError('rebinding names an attribute that the table does not have.', {
      ...where,
      column: stray,
    });
  const names = Object.keys(options.encrypt).map((column): [string, string] => [
    column,
    columns[column] ?? column,
  ]);
  if (new Set(names.map(([, former]) => former)).size !== names.length)
    throw new DefinitionError(
      'By rebinding two attributes had one name: their cells could not be told apart.',
      where,
    );
  const isSame = formerName === name && bind === undefined && record === options.record;
  if (isSame && names.every(([column, former]) => column === former))
    throw new DefinitionError('rebinding says what was another: table, columns, record or bind.', where);
  const encrypt = names.map(([column, former]): [string, Attribute] => {
    const attribute = options.encrypt[column] as Attribute;
    // A name that was not given was the former attribute's.
    const index = attribute.index.map((one) => ({ ...one, name: one.name ?? indexNameOf(former) }));
    const changes = {
      column: attribute.column ?? column,
      bind: bind ?? attribute.bind,
      adopting: undefined,
      index,
    };
    return [former, Object.freeze({ ...attribute, ...changes })];
  });
  const definition = table(formerName, {
    ...(options.from === undefined ? {} : { from: options.from }),
    ...(options.tenant === undefined ? {} : { tenant: options.tenant }),
    ...(options.bind === undefined ? {} : { bind: options.bind }),
    record,
    encrypt: Object.fromEntries(encrypt),
    indexes: Object.fromEntries(
      Object.entries(options.indexes ?? {}).map(([index, compound]) => {
        const attributes = compound.attributes.map((column) => columns[column] ?? column);
        return [index, { ...compound, attributes: attributes as [string, string, ...string[]] }];
      }),
    ),
  });
  return Object.freeze({ definition, columns: Object.freeze(Object.fromEntries(names)) });
}

/** The name of an attribute's index that was given none. */
function indexNameOf(attribute: string): string {
  return `${attribute}_index`;
}

function blindIndexes(table: string, encrypt: Attributes, compound: CompoundIndexes): BlindIndex[] {
  const single = Object.entries(encrypt).flatMap(([column, { index }]) =>
    index.map(({ name = indexNameOf(column), ...options }) => {
      const made = blindIndex(name, [column], options, { table, column });
      const few = options.fewValues
        ? undefined
        : entropyWarning((encrypt[column] as Attribute).spec.type, made.transform.name);
      if (few !== undefined)
        warnOnce(`The index ${name} of ${table}.${column}: ${few} If it is meant, say fewValues: true.`);
      return made;
    }),
  );
  const several = Object.entries(compound).map(([name, { attributes, ...options }]) => {
    const where = { table, column: name };
    if (!Array.isArray(attributes) || attributes.length < 2 || new Set(attributes).size < attributes.length)
      throw new DefinitionError(
        'A compound index names two attributes or more, each once. An index over one is its index option.',
        where,
      );
    const stray = attributes.find((attribute) => !Object.hasOwn(encrypt, attribute));
    if (stray !== undefined)
      throw new DefinitionError('A compound index names an attribute that the table does not encrypt.', {
        table,
        column: stray,
      });
    return blindIndex(name, attributes, options, where);
  });
  for (const { name, attributes, transform, bits } of [...single, ...several]) {
    const where = { table, column: attributes.join(',') };
    for (const column of attributes) {
      const { spec } = encrypt[column] as Attribute;
      assertTakes(transform, spec.type, { table, column });
      if (spec.hideNull)
        throw new DefinitionError(
          'hideNull and an index contradict each other: a token that is null would show it.',
          { table, column },
        );
    }
    assertName(name, { table });
    assertFits(
      () => tokenScope({ table, column: where.column, name, transform: transform.name, bits }),
      'The names of the table, its attributes and the index are too long together: with its label a key derivation takes 1,024 bytes.',
      where,
    );
  }
  return [...single, ...several];
}

/** A column for each index; of a unique one that changes its key, a second one behind it. */
function tokenColumns(indexes: readonly BlindIndex[], attributes: readonly string[]): readonly TokenColumn[] {
  const columns: TokenColumn[] = [];
  for (const index of indexes) {
    const { name, column, isUnique, next } = index;
    const shared = {
      cells: index.attributes.map((attribute) => attributes.indexOf(attribute)),
      characters: tokenCharacters(index),
      ...(isUnique ? { isUnique } : {}),
    };
    columns.push({ index: name, column, ...shared });
    if (next !== undefined)
      columns.push({ index: next, column: next, ...shared, follows: columns.length - 1 });
  }
  return Object.freeze(columns);
}

/** What an attribute's cells are bound to. */
export function bindingOf(definition: Table, attribute: Attribute): Binding {
  return attribute.bind ?? definition.bind;
}

/** The parts of a record's id, in order. */
function idParts(record: RecordId): readonly IdPart[] {
  return 'type' in record ? [record] : record;
}

function keyColumn({ name, column, type }: IdPart): KeyColumn {
  if (type === undefined)
    throw new DefinitionError('A record id is uuid(name), text(name), integer(name) or bytes(name).');
  return { name, column, type };
}

function physicalPath(from: string | readonly string[], where: { table: string }): readonly string[] {
  const path = typeof from === 'string' ? from.split('.') : [...from];
  if (path.length === 0 || path.some((part) => part === '')) {
    throw new DefinitionError('from is a table, or a schema and a table: no part is empty.', where);
  }
  return Object.freeze(path);
}

function assertName(name: string, where: { table: string; column?: string }): void {
  const fits =
    typeof name === 'string' &&
    name !== '' &&
    isWellFormed(name) &&
    utf8(name).length <= MAX_CONTEXT_FIELD_BYTES;
  if (!fits) throw new DefinitionError('A name is well-formed text of 1 to 1,024 bytes.', where);
  if (where.column?.includes(',') || name === '__proto__') {
    throw new DefinitionError(
      'An attribute has no comma in its name (compound indexes join names with commas), and is not __proto__.',
      where,
    );
  }
}

/** One property and one column for each thing. */
function assertDistinct({ name, key, tenant, cells, tokens = [] }: TableLayout): void {
  // A tenant may be a part of the record's id: then it is that part, declared alike.
  const isPart = key.some(
    (part) => part.name === tenant?.name && part.column === tenant.column && part.type === tenant.type,
  );
  const others = tenant && !isPart ? [tenant] : [];
  const names = [
    ...[...key, ...others].map((part) => part.name),
    ...cells.map((cell) => cell.attribute),
    ...tokens.map((token) => token.index),
  ];
  const columns = [...key, ...others, ...cells, ...tokens].map((part) => part.column);
  for (const list of [names, columns]) {
    const doubled = list.find((item, position) => list.indexOf(item) !== position);
    if (doubled !== undefined) {
      throw new DefinitionError(
        'Two attributes, indexes, parts of the record id or the tenant have one name or one column.',
        {
          table: name,
          column: doubled,
        },
      );
    }
  }
  for (const { attribute, adopting } of cells) {
    if (typeof adopting !== 'object') continue;
    if (
      names.includes(adopting.name) ||
      [...cells, ...tokens].some(({ column }) => column === adopting.column)
    )
      throw new DefinitionError(
        'adopting: from is a property and a column of its own: not those of an attribute, nor of the record id or the tenant.',
        { table: name, column: attribute },
      );
  }
}

/** A name that is too long for a key derivation is refused here, not at the first encryption (a tenant: when it is given). */
function assertFitsInfo(name: string): void {
  assertFits(
    () => assertScopeFits(encodeContext('scope', { table: name })),
    'The table name is too long: with its label a key derivation takes 1,024 bytes.',
    { table: name },
  );
}

function assertFits(derive: () => unknown, rule: string, where: Where): void {
  try {
    derive();
  } catch (error) {
    if (!(error instanceof CellsealError)) throw error;
    throw new DefinitionError(rule, where);
  }
}
