import { DefinitionError, SchemaMismatchError } from '../errors.js';
import { parseKeyTag } from '../key-tag.js';
import { type Keyring, listMissingKeys } from '../keyring/index.js';
import { DEFAULT_CHUNK_BYTES, DEFAULT_LOOK_RECORDS } from '../limits.js';
import type { RecordStore, TableLayout, TokenColumn } from '../ports/record-store.js';
import type {
  ColumnPlace,
  FoundCells,
  StoreDescription,
  TableDescription,
} from '../ports/table-description.js';
import type { Schema } from '../schema.js';
import { sensitivityOf } from '../sensitive-names.js';
import type { Table } from '../table.js';
import { tokenPrefixOf } from '../token-form.js';
import { cellLength, framedBytesIn, leastFramedBytes, mostFramedBytes, valueBytes } from './column-width.js';
import { columnOf, coverageFaults } from './coverage.js';
import { type FindingPlace, type SchemaFinding, finding, spellFinding } from './schema-findings.js';

/** What {@link checkSchema} takes beside the schema. */
export interface CheckSchemaOptions {
  /** The store that holds the tables. */
  readonly records: RecordStore;
  /** With it, cells under keys that it lacks are found. Default: none, and nothing is said of keys. */
  readonly keyring?: Keyring;
  /** What becomes of columns whose names look sensitive and that are not encrypted: a warning, a fault, or nothing. Default: `'warn'`. */
  readonly sensitive?: 'warn' | 'error' | 'ignore';
  /** Whether names of contact data (e-mail address, telephone, address, names of persons) count as sensitive, too. Default: `false`. */
  readonly contacts?: boolean;
  /** Columns whose names mislead: `'users.user_name'`, or `'crm.users.user_name'` with the schema. Default: none. */
  readonly allow?: readonly string[];
  /** Columns, as in `allow`, or tables, in which cells stand that no definition names: a key that only they need can be suspended and destroyed. Default: none. */
  readonly allowStrayCells?: readonly string[];
  /** Looks at every record of every table, not only at 1,000 of each, half from its beginning and half from its end. Default: `false`. */
  readonly thorough?: boolean;
}

/** What a check of the schema found. A plain value: print it, send it, keep it. */
export interface SchemaReport {
  /** What must be mended before anything is relied on. */
  readonly faults: readonly SchemaFinding[];
  /** What should be looked at. */
  readonly warnings: readonly SchemaFinding[];
  /** Whether there are no faults. */
  readonly isSound: boolean;
  /** Whether every record was looked at, or some of each table. */
  readonly looked: 'everything' | 'sample';
}

/**
 * Compares definitions with the live database, and looks into it: for tables and columns that are missing, too narrow or
 * of a wrong kind, a record id that is not unique, cells in columns that no definition names, cells under keys that the
 * keyring lacks, values in encrypted attributes that are no cells, and columns that look sensitive and are not encrypted.
 * For the start of an application: it reads the catalog and at most 1,000 records of each table, and changes nothing.
 *
 * It takes the tables of the schemas (or files) in which those of the definitions are; what it cannot find says
 * docs/schema-check.md.
 */
export async function checkSchema(schema: Schema, options: CheckSchemaOptions): Promise<SchemaReport> {
  const { records, sensitive = 'warn', thorough = false } = options;
  if (!['warn', 'error', 'ignore'].includes(sensitive))
    throw new DefinitionError("sensitive is 'warn', 'error' or 'ignore'.");
  const layouts = schema.tables.map(({ layout }) => layout);
  const description = await records.describe?.(layouts, { withOthers: true });
  const check = new Check(schema, options, description);
  if (description) {
    check.structure(description);
    if (sensitive !== 'ignore') check.names(description, sensitive === 'error');
  }
  if (!description || !records.findCells) check.warn('not-described', {});
  const found = await check.look(description);
  await check.keys(found);
  check.allowances();
  const { faults, warnings } = check;
  return Object.freeze({
    faults: Object.freeze(faults),
    warnings: Object.freeze(warnings),
    isSound: faults.length === 0,
    looked: thorough || !records.findCells ? 'everything' : 'sample',
  });
}

/**
 * {@link checkSchema} that does not let faults pass.
 *
 * @throws SchemaMismatchError where there are faults; otherwise the report, with its warnings, comes back.
 */
export async function assertSchema(schema: Schema, options: CheckSchemaOptions): Promise<SchemaReport> {
  const report = await checkSchema(schema, options);
  if (!report.isSound) throw new SchemaMismatchError(report.faults.map(spellFinding));
  return report;
}

/** Cells that were found somewhere, by the ids of their keys. */
interface Seen {
  readonly place: FindingPlace;
  readonly byKey: Readonly<Record<string, number>>;
  /** Bytes in a column that no definition names: they may be anything that begins alike. */
  readonly stray: 'text' | 'binary' | undefined;
}

class Check {
  readonly faults: SchemaFinding[] = [];
  readonly warnings: SchemaFinding[] = [];
  readonly #schema: Schema;
  readonly #options: CheckSchemaOptions;
  /** Tables that can be read, so that a look at them does not fail. */
  readonly #sound: readonly Table[];
  readonly #allowed: Allowances;
  readonly #allowedStrays: Allowances;

  constructor(schema: Schema, options: CheckSchemaOptions, description: StoreDescription | undefined) {
    this.#schema = schema;
    this.#options = options;
    this.#allowed = new Allowances(options.allow ?? [], false);
    this.#allowedStrays = new Allowances(options.allowStrayCells ?? [], true);
    this.#sound = schema.tables.filter(
      (table, i) => !description || coverageFaults(table, description.tables[i]).every(canBeCounted),
    );
  }

  warn(...args: Parameters<typeof finding>): void {
    this.warnings.push(finding(...args));
  }

  #fault(...args: Parameters<typeof finding>): void {
    this.faults.push(finding(...args));
  }

  /** Tables, columns, keys; and how wide columns are. */
  structure(description: StoreDescription): void {
    for (const [i, table] of this.#schema.tables.entries()) {
      const described = description.tables[i];
      const faults = coverageFaults(table, described);
      this.faults.push(...faults);
      if (described?.kind !== 'table') continue;
      for (const { attribute, column } of table.layout.cells) {
        if (!faults.some((one) => one.column === attribute))
          this.#width(table, described, attribute, column, description.truncates);
      }
      this.#unique(table, described);
    }
  }

  /** Of unique indexes. The column that takes the place of one is made unique when it is filled. */
  #unique({ layout, name }: Table, described: TableDescription): void {
    for (const { column, follows, index, isUnique } of layout.tokens ?? []) {
      if (!isUnique || !columnOf(described, column)) continue;
      const fitting = [column, layout.tenant?.column];
      const isHeld = described.keys.some(
        ({ columns }) => columns.includes(column) && columns.every((part) => fitting.includes(part)),
      );
      const place = { path: described.path, physical: column, table: name, column: index };
      if (!isHeld && follows === undefined) this.#fault('index-not-unique', place);
      else if (!isHeld) this.warn('next-not-unique', place);
    }
  }

  #width(
    table: Table,
    described: TableDescription,
    attribute: string,
    physical: string,
    truncates: boolean,
  ): void {
    const declared = columnOf(described, physical);
    const { form, spec } = table.encrypt[attribute] as Table['encrypt'][string];
    const characters = form === 'text' ? declared?.maxCharacters : undefined;
    const room = Math.min(
      characters ?? Number.POSITIVE_INFINITY,
      declared?.maxBytes ?? Number.POSITIVE_INFINITY,
    );
    const needsForAll = cellLength(form, mostFramedBytes(spec));
    if (room >= needsForAll) return;
    const place = { path: described.path, physical, table: table.name, column: attribute };
    const needs = cellLength(form, leastFramedBytes(spec));
    if (room < needs) {
      this.#fault('column-too-narrow', place, { room, needs, needsForAll });
      return;
    }
    const fitsFramedBytes = framedBytesIn(form, room, spec);
    const facts = { room, needsForAll, fitsBytes: valueBytes(fitsFramedBytes, spec), fitsFramedBytes };
    if (truncates) this.#fault('column-truncates', place, facts);
    else this.warn('column-narrow', place, facts);
  }

  /** Columns that no definition encrypts, by their names. */
  names(description: StoreDescription, isFault: boolean): void {
    for (const { column, table, owner } of uncovered(this.#schema, description)) {
      const found = sensitivityOf(column.name, column.holds);
      if (!found || (found.tier === 'contact' && !this.#options.contacts)) continue;
      // What identifies a record or its tenant has to be readable.
      if (owner && [...owner.layout.key, owner.layout.tenant].some((part) => part?.column === column.name))
        continue;
      if (this.#allowed.take(table.path, column.name)) continue;
      const place = { path: table.path, physical: column.name, table: owner?.name };
      const facts = { concept: found.concept, tier: found.tier };
      if (isFault) this.#fault('unencrypted-sensitive', place, facts);
      else this.warn('unencrypted-sensitive', place, facts);
    }
  }

  /** Cells in the definitions' own columns, and in all others. */
  async look(description: StoreDescription | undefined): Promise<readonly Seen[]> {
    const { records, thorough = false } = this.#options;
    const own =
      description && records.findCells && !thorough ? await this.#sample(description) : await this.#count();
    return description && records.findCells ? [...own, ...(await this.#strays(description))] : own;
  }

  async #sample(description: StoreDescription): Promise<Seen[]> {
    const places = this.#sound.flatMap((table) => {
      const { path } = description.tables[this.#schema.tables.indexOf(table)] as TableDescription;
      return table.layout.cells.map(({ attribute, column, form }) => ({
        attribute,
        column,
        form,
        path,
        table,
      }));
    });
    const found = await this.#find(places);
    for (const table of this.#sound) await this.#tokens(table, description);
    return places.map(({ attribute, column, form, path, table }, i): Seen => {
      const place = { path, physical: column, table: table.name, column: attribute };
      const { notCells, tags } = found[i] as FoundCells;
      const others = Object.values(tags[form === 'text' ? 'binary' : 'text']);
      this.#notCells(
        place,
        others.reduce((sum, cells) => sum + cells, notCells),
      );
      return { place, byKey: byKeyId(tags[form]), stray: undefined };
    });
  }

  /** The census, table by table of the store's own count: every record. */
  async #count(): Promise<Seen[]> {
    const layouts = this.#sound.map(({ layout }) => layout);
    const counts = layouts.length === 0 ? [] : await this.#options.records.census(layouts);
    return counts.map(({ notCells, tags, tokens = [] }, i): Seen => {
      const { layout, name } = this.#sound[i] as Table;
      const place = { path: layout.from, table: name };
      this.#notCells(place, notCells);
      for (const [token, { notTokens }] of tokens.entries()) this.#notTokens(place, layout, token, notTokens);
      return { place, byKey: byKeyId(tags), stray: undefined };
    });
  }

  #notCells(place: FindingPlace, values: number): void {
    if (values === 0) return;
    const { layout } = this.#schema.tables.find(({ name }) => name === place.table) as Table;
    const ofPlace = layout.cells.filter(({ attribute }) => (place.column ?? attribute) === attribute);
    const isAdopting = ofPlace.some(({ adopting }) => adopting === 'in-place');
    if (isAdopting) this.warn('not-cells', place, { values });
    else this.#fault('not-cells', place, { values });
  }

  /** The beginning of a table shows what its columns of tokens are for. */
  async #tokens({ layout, name }: Table, description: StoreDescription): Promise<void> {
    const { records } = this.#options;
    if (!layout.tokens || records.abilities.tokens !== true) return;
    const request = { after: undefined, maxRecords: DEFAULT_LOOK_RECORDS / 2, maxBytes: DEFAULT_CHUNK_BYTES };
    const page = await records.page(layout, request);
    const table = this.#schema.tables.findIndex((one) => one.layout === layout);
    const place = { path: (description.tables[table] as TableDescription).path, table: name };
    for (const token of layout.tokens.keys()) {
      const values = page.records.map(({ tokens = [] }) => tokens[token] ?? null);
      const strays = values.filter((value) => value !== null && tokenPrefixOf(value) === undefined);
      this.#notTokens(place, layout, token, strays.length);
    }
  }

  #notTokens(place: FindingPlace, { tokens = [] }: TableLayout, token: number, values: number): void {
    const { column, index } = tokens[token] as TokenColumn;
    if (values > 0) this.#fault('not-tokens', { ...place, physical: column, column: index }, { values });
  }

  async #strays(description: StoreDescription): Promise<Seen[]> {
    const places = uncovered(this.#schema, description);
    for (const { column, owner, table } of places) {
      if (!owner && !column.isReadable)
        this.warn('column-unreadable', { path: table.path, physical: column.name });
    }
    const readable = places.filter(({ column }) => column.isReadable);
    const found = await this.#find(
      readable.map(({ column, table }) => ({ path: table.path, column: column.name })),
    );
    return readable.flatMap(({ column, owner, table }, i): Seen[] => {
      const { tags } = found[i] as FoundCells;
      const place = { path: table.path, physical: column.name, table: owner?.name };
      return (['text', 'binary'] as const).flatMap((form): Seen[] =>
        Object.keys(tags[form]).length === 0 ? [] : [{ place, byKey: byKeyId(tags[form]), stray: form }],
      );
    });
  }

  async #find(places: readonly ColumnPlace[]): Promise<readonly FoundCells[]> {
    const { records, thorough = false } = this.#options;
    if (places.length === 0) return [];
    const wanted = places.map(({ column, path }) => ({ column, path }));
    return (await records.findCells?.(wanted, thorough ? {} : { maxRecords: DEFAULT_LOOK_RECORDS })) ?? [];
  }

  /** What the keyring knows of the keys; looked up behind the cells, so that none is younger than what was read of it. */
  async keys(seen: readonly Seen[]): Promise<void> {
    const { keyring } = this.#options;
    const cells = addUp(seen.map(({ byKey }) => byKey));
    const missing = keyring ? await listMissingKeys(keyring, { cells }) : [];
    const states = new Map(missing.map(({ keyId, state }) => [keyId, state]));
    for (const { byKey, place, stray } of seen) {
      if (stray) this.#stray(place, stray, byKey, (keyId) => !keyring || states.get(keyId) === 'unknown');
      else this.#missing(place, byKey, states);
    }
  }

  #stray(
    place: FindingPlace,
    form: 'text' | 'binary',
    byKey: Seen['byKey'],
    isUnknown: (keyId: string) => boolean,
  ): void {
    if (this.#allowedStrays.take(place.path ?? [], String(place.physical))) return;
    // Text of a cell's shape is one; two bytes and a length are a cell only where the key is known.
    const isSure = (keyId: string): boolean => form === 'text' || !isUnknown(keyId);
    const entries = Object.entries(byKey);
    const sure = sumOf(entries.filter(([keyId]) => isSure(keyId)));
    const unsure = sumOf(entries.filter(([keyId]) => !isSure(keyId)));
    if (sure > 0) this.#fault('stray-cells', place, { cells: sure });
    if (unsure > 0) this.warn('stray-bytes', place, { values: unsure });
  }

  #missing(
    place: FindingPlace,
    byKey: Seen['byKey'],
    states: ReadonlyMap<string, 'unknown' | 'suspended' | 'destroyed'>,
  ): void {
    for (const [keyId, cells] of Object.entries(byKey)) {
      const state = states.get(keyId);
      if (state === 'destroyed') this.warn('destroyed-key', place, { keyId, cells });
      else if (state) this.#fault(`${state}-key`, place, { keyId, cells });
    }
  }

  /** Entries that nothing came of hide a typing error. */
  allowances(): void {
    const unused = this.#options.sensitive === 'ignore' ? [] : this.#allowed.unused();
    for (const entry of [...unused, ...this.#allowedStrays.unused()])
      this.warn('unused-allowance', { path: [entry] });
  }
}

/** A table whose records can be counted: what is wrong with it does not keep anybody from reading. */
function canBeCounted({ code }: SchemaFinding): boolean {
  return COUNTABLE.includes(code);
}

const COUNTABLE: readonly SchemaFinding['code'][] = [
  'key-not-unique',
  'key-nullable',
  'column-rewritten',
  'index-too-narrow',
];

interface Uncovered {
  readonly table: TableDescription;
  readonly column: TableDescription['columns'][number];
  /** The first definition over this table, if there is one. */
  readonly owner: Table | undefined;
}

/** Every column that no definition encrypts or keeps tokens in, of all tables; two definitions may share one. */
function uncovered({ tables }: Schema, description: StoreDescription): readonly Uncovered[] {
  const byPath = new Map<string, { described: TableDescription; owner: Table; covered: Set<string> }>();
  for (const [i, owner] of tables.entries()) {
    const described = description.tables[i];
    if (described?.kind !== 'table') continue;
    const key = JSON.stringify(described.path);
    const entry = byPath.get(key) ?? { described, owner, covered: new Set() };
    for (const { adopting, column } of owner.layout.cells) {
      entry.covered.add(column);
      // Plaintext that the definition knows of, and that is on its way to become cells.
      if (typeof adopting === 'object') entry.covered.add(adopting.column);
    }
    for (const { column } of owner.layout.tokens ?? []) entry.covered.add(column);
    byPath.set(key, entry);
  }
  return [
    ...[...byPath.values()].flatMap(({ covered, described, owner }) =>
      described.columns
        .filter(({ name }) => !covered.has(name))
        .map((column) => ({ table: described, column, owner })),
    ),
    ...description.others.flatMap((table) =>
      table.columns.map((column) => ({ table, column, owner: undefined })),
    ),
  ];
}

/** Entries such as `users.user_name`, with or without the schema, in any case; and whether they were of use. */
class Allowances {
  readonly #entries: ReadonlyMap<string, string>;
  readonly #takesTables: boolean;
  readonly #used = new Set<string>();

  constructor(entries: readonly string[], takesTables: boolean) {
    this.#takesTables = takesTables;
    this.#entries = new Map(entries.map((entry) => [entry.toLowerCase(), entry]));
  }

  take(path: readonly string[], column: string): boolean {
    const table = path.at(-1) ?? '';
    const columns = [
      [...path, column],
      [table, column],
    ];
    const names = this.#takesTables ? [...columns, path, [table]] : columns;
    const hits = names.map((name) => name.join('.').toLowerCase()).filter((name) => this.#entries.has(name));
    for (const hit of hits) this.#used.add(hit);
    return hits.length > 0;
  }

  unused(): string[] {
    return [...this.#entries].filter(([name]) => !this.#used.has(name)).map(([, entry]) => entry);
  }
}

function byKeyId(tags: Readonly<Record<string, number>>): Readonly<Record<string, number>> {
  return addUp(
    Object.entries(tags).map(([tag, cells]) => {
      const parsed = parseKeyTag(tag);
      if (!parsed) throw new TypeError('A record store counted under something that is no key tag.');
      return { [parsed.keyId]: cells };
    }),
  );
}

function addUp(counts: readonly Readonly<Record<string, number>>[]): Record<string, number> {
  const totals: Record<string, number> = {};
  for (const [keyId, cells] of counts.flatMap((count) => Object.entries(count)))
    totals[keyId] = (totals[keyId] ?? 0) + cells;
  return totals;
}

function sumOf(entries: readonly (readonly [string, number])[]): number {
  return entries.reduce((sum, [, cells]) => sum + cells, 0);
}
