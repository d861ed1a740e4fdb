/** What a check of the schema tells, and what is to be done about it: one constant message for each code. */
const MESSAGES = {
  'table-missing':
    'The database has no such table, or does not show it to this role. Correct `from` in the definition, or make the table.',
  'not-a-table':
    'This is a view or a foreign table: records are swapped in tables. Name the table itself in `from`.',
  'table-unfit': 'The table cannot be swept; `rule` says why.',
  'column-missing':
    'The table lacks a column that the definition names, or does not show it to this role. Correct `column` in the definition, or add the column.',
  'column-kind': 'The column cannot hold what the definition puts there; `rule` says what it should be.',
  'column-rewritten':
    'The database writes this column by itself (it is computed, or set anew with every update), so no cell stays there. Use another column.',
  'column-unreadable': 'This role may not read the column, so nothing can be said of it. Grant SELECT on it.',
  'column-too-narrow':
    'The column is too narrow for any cell of this attribute. Make it wide enough: `needs` says how wide at least, `needsForAll` for its longest value.',
  'column-truncates':
    'This connection cuts off what is too long instead of refusing it, and not every value of this attribute fits into the column. Set a strict SQL mode (STRICT_TRANS_TABLES), or widen the column to `needsForAll`, or lower maxBytes in the definition to `fitsFramedBytes`.',
  'column-narrow':
    'Values of more than `fitsBytes` bytes do not fit into this column: the database refuses them. If there are such values, widen it to `needsForAll`; if not, set maxBytes in the definition to `fitsFramedBytes`, so that encryption refuses them first.',
  'index-too-narrow':
    'The column is too narrow for the tokens of this index, which all have one length. Make it `needs` characters wide.',
  'index-not-unique':
    'The index is called unique in its definition, and nothing makes it so: no primary key and no unique index over its column, alone or with the tenant’s, but for partial ones. Add a unique index, or take `unique` out of the definition.',
  'next-not-unique':
    'Nothing makes the column unique that takes the place of a unique index. Once it is filled (rotate), and before the definition names it as the index’s column, add a unique index.',
  'key-not-unique':
    'Nothing makes the record id unique: no primary key, and no unique index over its columns. Records with one id would share cells, and pages would pass some over. Make it the primary key, or add a unique index.',
  'key-nullable':
    'The record id can be null, so records can be without one: they are never swept. Declare its columns NOT NULL.',
  'stray-cells':
    'There are cells in a column that no definition names: they are never rotated and no census counts them, so that a key that they need could be suspended. Add the column to its definition, or clear it.',
  'stray-bytes':
    'There are bytes that begin like cells in a column that no definition names; without the keyring, or without such a key in it, nobody can tell. Pass the keyring, or look at them.',
  'unknown-key':
    'There are cells under a key that the keyring does not have. Is this the keyring that belongs to this database? An older copy may have the key: restoreKey.',
  'suspended-key':
    'There are cells under a key that is suspended: they cannot be read. resumeKey, rotate, and count before suspending it again.',
  'destroyed-key':
    'There are cells under a key that was destroyed: they cannot be read again. If that is meant (a tenant was shredded), remove them in time.',
  'not-cells':
    'An encrypted attribute holds values that are no cells: plaintext, perhaps. Find what writes past cellseal, and encrypt them.',
  'not-tokens':
    'The column of an index holds values that are no tokens: another column’s data, perhaps, or plaintext. They are never overwritten, and no look-up finds their records. Correct `column` in the definition of the index, or set these values to null, and rotate.',
  'unencrypted-sensitive':
    'The name says that the column holds something sensitive, and it is not encrypted. Encrypt it, or list it in `allow` if the name misleads.',
  'unused-allowance':
    'An entry of `allow` or `allowStrayCells` names nothing that would have been reported. Remove it, or correct its spelling.',
  'not-described':
    'The store cannot describe its tables, or not look into columns, so only the definitions’ own columns were counted.',
} as const;

/** What a finding is about. Match on it: messages may be reworded. */
export type SchemaFindingCode = keyof typeof MESSAGES;

/** One thing that a check of the schema found. Names and counts only: no value. */
export interface SchemaFinding {
  /** Stable, in kebab-case. */
  readonly code: SchemaFindingCode;
  /** What it means and what to do; constant for each code. */
  readonly message: string;
  /** Where in the database: `crm.clients.mail_enc`. Empty where it is nowhere in particular. */
  readonly place: string;
  /** The table's name in its definition, where one names it. */
  readonly table: string | undefined;
  /** The attribute's or index's name in the definition, or the database's name of a column that no definition names. */
  readonly column: string | undefined;
  /** Numbers and words that belong to it: what fits, how many cells, which key. */
  readonly facts: Readonly<Record<string, string | number>>;
}

/** Where a finding is. */
export interface FindingPlace {
  readonly path?: readonly string[];
  /** The column's name in the database. */
  readonly physical?: string | undefined;
  readonly table?: string | undefined;
  readonly column?: string | undefined;
}

/** A finding with its message. */
export function finding(
  code: SchemaFindingCode,
  { column, path = [], physical, table }: FindingPlace,
  facts: SchemaFinding['facts'] = {},
): SchemaFinding {
  const place = [...path, ...(physical === undefined ? [] : [physical])].join('.');
  return Object.freeze({
    code,
    message: MESSAGES[code],
    place,
    table,
    column: column ?? physical,
    facts: Object.freeze(facts),
  });
}

/** As an error lists it: public names only. */
export function spellFinding({ code, place, facts }: SchemaFinding): string {
  const more = typeof facts['keyId'] === 'string' ? ` (key ${facts['keyId']})` : '';
  return `${code}: ${place}${more}`;
}
