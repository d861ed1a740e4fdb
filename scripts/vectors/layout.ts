/** The layout of a vector file. What it does not know is refused, never passed over: it might change a case's meaning. */
import { type Bytes, decodeHex } from '../../src/bytes.js';
import { VALUE_TYPES, type ValueTypeName } from '../../src/codec/index.js';
import type { ContextPart, ContextValue } from '../../src/envelope/index.js';
import type { Mode } from '../../src/suite.js';

/** What is wrong with a file or a case, in one line. */
export class VectorFault extends Error {}

/** A type of the format: those that attributes declare, and the hidden null. */
export type VectorType = ValueTypeName | 'null';

/** Where a case's cell lives. */
export interface VectorContext {
  readonly tenant: ContextPart | undefined;
  readonly table: string;
  readonly column: string;
  readonly record: ContextValue | undefined;
}

/** What the definition says of the case's attribute. */
export interface VectorAttribute {
  readonly context: VectorContext;
  readonly mode: Mode;
  readonly type: VectorType;
  readonly pad: number | undefined;
  readonly hideNull: boolean;
  readonly maxFramedBytes: number | undefined;
}

/** The members of a cell that are computed and compared, in this order. */
export const COMPARED = ['commitment', 'keyId', 'framed', 'scope', 'cellKey', 'aad', 'cell', 'text'] as const;

/** A known answer. What is to be compared stands in `expected` as the file has it. */
export interface CellCase extends VectorAttribute {
  readonly place: string;
  readonly dataKey: Bytes;
  readonly value: unknown;
  readonly salt: Bytes | undefined;
  readonly iv: Bytes | undefined;
  readonly expected: Readonly<Partial<Record<(typeof COMPARED)[number], string>>>;
}

/** A key of the keyring that reads. */
export interface VectorKey {
  readonly key: Bytes;
  readonly tenant: ContextPart | undefined;
  readonly state: VectorKeyState;
}

const KEY_STATES = ['pre-active', 'active', 'deactivated', 'suspended', 'compromised', 'destroyed'] as const;
type VectorKeyState = (typeof KEY_STATES)[number];

const EXPECTATIONS = [
  'success',
  'not-a-cell',
  'unknown-suite',
  'mode',
  'too-short',
  'too-long',
  'unknown-key',
  'key-of-another-tenant',
  'suspended-key',
  'destroyed-key',
  'authentication',
] as const;

/** A cell that is read, and what comes of it. */
export interface RefusedCase extends VectorAttribute {
  readonly place: string;
  readonly expect: (typeof EXPECTATIONS)[number];
  readonly keys: readonly VectorKey[];
  /** The tenant's first rotation has finished. */
  readonly tenantRotated: boolean;
  readonly forms: readonly { readonly form: 'text' | 'cell'; readonly stored: string | Bytes }[];
  /** What stands inside, where the case says it. */
  readonly framed: string | undefined;
  /** The value that is read, where the case says it. */
  readonly value: { readonly json: unknown } | undefined;
}

const TRANSFORMS = ['exact-1', 'lower-1', 'email-1', 'email-domain-1', 'digits-1', 'last4-1'];
/** A user's own transform is named and versioned likewise; another version of one of ours is not known. */
const TRANSFORM = /^([a-z][a-z0-9]*(?:-[a-z0-9]+)*)-[1-9][0-9]*$/;

/** A value to index: null, or with null parts, it has no token. */
export type VectorIndexed = ContextPart | null | readonly (ContextPart | null)[];

/** A token, from a value that is transformed already. */
export interface IndexCase {
  readonly place: string;
  readonly indexKey: Bytes;
  readonly tenant: ContextPart | undefined;
  readonly table: string;
  readonly column: string;
  readonly name: string;
  readonly transform: string;
  readonly bits: number;
  readonly value: VectorIndexed;
  readonly token: string | null;
}

/** A file's cases; a list that is not there is an empty one. */
export interface VectorFile {
  readonly cells: readonly CellCase[];
  readonly refused: readonly RefusedCase[];
  readonly indexes: readonly IndexCase[];
  /** Lists of the file that this layout does not know. */
  readonly others: readonly string[];
}

const LISTS = ['cells', 'refused', 'indexes'] as const;
const TYPES = [...Object.keys(VALUE_TYPES), 'null'] as VectorType[];
// docs/format.md §4: equal values of these may have unequal frames, or the mode would show which are null.
const NEVER_DETERMINISTIC: readonly VectorType[] = ['json', 'decimal', 'float', 'null'];
const MODES: readonly Mode[] = ['randomized', 'deterministic'];

/** Reads a file's text. */
export function parseVectors(text: string): VectorFile {
  let file: unknown;
  try {
    file = JSON.parse(text);
  } catch {
    throw new VectorFault('The file is no JSON.');
  }
  if (!isObject(file)) throw new VectorFault('The file is no JSON object.');
  if (LISTS.every((list) => !Object.hasOwn(file, list))) {
    throw new VectorFault('The file has none of the lists cells, refused and indexes.');
  }
  return {
    cells: parseList(file, 'cells', parseCellCase),
    refused: parseList(file, 'refused', parseRefusedCase),
    indexes: parseList(file, 'indexes', parseIndexCase),
    others: Object.keys(file).filter(
      (name) => Array.isArray(file[name]) && !(LISTS as readonly string[]).includes(name),
    ),
  };
}

/** Every case of one list. */
export function parseList<T>(
  file: Readonly<Record<string, unknown>>,
  list: string,
  parse: (members: Members) => T,
  within = '',
): readonly T[] {
  const cases = Object.hasOwn(file, list) ? file[list] : [];
  if (!Array.isArray(cases)) throw new VectorFault(`${within}${list} is no list`);
  return cases.map((one: unknown, position) => parse(new Members(`${within}${list}[${position}]`, one)));
}

function parseCellCase(members: Members): CellCase {
  members.closed([
    'name',
    'mode',
    'dataKey',
    'context',
    'type',
    'value',
    'pad',
    'salt',
    'iv',
    'maxFramedBytes',
    ...COMPARED,
  ]);
  const attribute = parseAttribute(members);
  const isRandomized = attribute.mode === 'randomized';
  if (!isRandomized) members.without(['salt', 'iv', 'scope', 'cellKey', 'aad'], 'of a deterministic cell');
  if (!members.has('cell') && !members.has('text')) throw members.fault('neither cell nor text is there');
  return {
    ...attribute,
    hideNull: attribute.type === 'null',
    place: members.place,
    dataKey: members.bytes('dataKey', 32),
    value: members.value('value'),
    salt: isRandomized ? members.bytes('salt', 8) : undefined,
    iv: isRandomized ? members.bytes('iv', 12) : undefined,
    expected: Object.fromEntries(
      COMPARED.filter((name) => members.has(name)).map((name) => [name, members.text(name)]),
    ),
  };
}

/** A case of `refused` and of lists laid out like it. */
export function parseRefusedCase(members: Members): RefusedCase {
  members.closed([
    'name',
    'expect',
    'dataKey',
    'keys',
    'tenantRotated',
    'context',
    'mode',
    'type',
    'pad',
    'hideNull',
    'maxFramedBytes',
    'framed',
    'value',
    'cell',
    'appendZeros',
    'text',
  ]);
  const keys = members.has('keys')
    ? parseList({ keys: members.value('keys') }, 'keys', parseKey, `${members.place}: `)
    : [{ key: members.bytes('dataKey', 32), tenant: undefined, state: 'active' as const }];
  const forms: RefusedCase['forms'] = [
    ...(members.has('text') ? [{ form: 'text' as const, stored: members.text('text') }] : []),
    ...(members.has('cell') ? [{ form: 'cell' as const, stored: members.binaryCell() }] : []),
  ];
  if (forms.length === 0) throw members.fault('neither cell nor text is there');
  if (members.has('appendZeros') && !members.has('cell')) throw members.fault('appendZeros without a cell');
  return {
    ...parseAttribute(members),
    place: members.place,
    expect: members.oneOf('expect', EXPECTATIONS),
    keys,
    tenantRotated: members.flag('tenantRotated'),
    forms,
    framed: members.has('framed') ? members.text('framed') : undefined,
    value: members.has('value') ? { json: members.value('value') } : undefined,
  };
}

function parseKey(members: Members): VectorKey {
  members.closed(['key', 'tenant', 'state']);
  return {
    key: members.bytes('key', 32),
    tenant: members.has('tenant') ? members.part('tenant') : undefined,
    state: members.has('state') ? members.oneOf('state', KEY_STATES) : 'active',
  };
}

function parseIndexCase(members: Members): IndexCase {
  members.closed([...INDEX_MEMBERS, 'token']);
  const token = members.value('token');
  if (token !== null && typeof token !== 'string') throw members.fault('token is neither text nor null');
  return { ...parseIndex(members), token };
}

const INDEX_MEMBERS = ['name', 'indexKey', 'tenant', 'table', 'column', 'transform', 'bits', 'value'];

/** What an index case says, its token left out. */
export function parseIndex(members: Members): Omit<IndexCase, 'token'> {
  return {
    place: members.place,
    indexKey: members.bytes('indexKey', 32),
    tenant: members.has('tenant') ? members.part('tenant') : undefined,
    table: members.text('table'),
    column: members.text('column'),
    name: members.text('name'),
    transform: members.transform('transform'),
    bits: members.number('bits'),
    value: members.indexed('value'),
  };
}

/** What a case says of its attribute. */
export function parseAttribute(members: Members): VectorAttribute {
  const mode = members.oneOf('mode', MODES);
  const type = members.oneOf('type', TYPES);
  const context = members.context('context');
  if (mode === 'deterministic' && NEVER_DETERMINISTIC.includes(type)) {
    throw members.fault(`type ${type} has no deterministic cells`);
  }
  if (mode === 'deterministic' && context.record !== undefined) {
    throw members.fault('a deterministic cell is bound to its column, and the context names a record');
  }
  return {
    mode,
    context,
    type,
    pad: members.has('pad') ? members.number('pad') : undefined,
    hideNull: members.flag('hideNull'),
    maxFramedBytes: members.has('maxFramedBytes') ? members.number('maxFramedBytes') : undefined,
  };
}

/** The members of one case, taken one by one; what a member must be is said where it is taken. */
export class Members {
  readonly place: string;
  readonly #members: Readonly<Record<string, unknown>>;

  constructor(position: string, value: unknown) {
    if (!isObject(value)) throw new VectorFault(`${position}: is no object`);
    this.#members = value;
    const name = value['name'];
    this.place = typeof name === 'string' ? `${position} ${JSON.stringify(name)}` : position;
  }

  fault(what: string): VectorFault {
    return new VectorFault(`${this.place}: ${what}`);
  }

  closed(known: readonly string[]): void {
    const unknown = Object.keys(this.#members).find((name) => !known.includes(name) && !PROSE.includes(name));
    if (unknown !== undefined) {
      throw this.fault(
        `the member ${JSON.stringify(unknown)} is not known here, so the case is not verified`,
      );
    }
  }

  without(names: readonly string[], why: string): void {
    const found = names.find((name) => this.has(name));
    if (found !== undefined) throw this.fault(`${found} is no member ${why}`);
  }

  has(name: string): boolean {
    return Object.hasOwn(this.#members, name);
  }

  value(name: string): unknown {
    if (!this.has(name)) throw this.fault(`${name} is missing`);
    return this.#members[name];
  }

  text(name: string): string {
    const value = this.value(name);
    if (typeof value !== 'string') throw this.fault(`${name} is no text`);
    return value;
  }

  number(name: string): number {
    const value = this.value(name);
    if (typeof value !== 'number') throw this.fault(`${name} is no number`);
    return value;
  }

  flag(name: string): boolean {
    if (!this.has(name)) return false;
    const value = this.value(name);
    if (typeof value !== 'boolean') throw this.fault(`${name} is neither true nor false`);
    return value;
  }

  oneOf<const T extends string>(name: string, known: readonly T[]): T {
    const value = this.text(name);
    if (!(known as readonly string[]).includes(value)) {
      throw this.fault(`${name} is ${JSON.stringify(value)}, which is not known`);
    }
    return value as T;
  }

  transform(name: string): string {
    const value = this.text(name);
    const family = TRANSFORM.exec(value)?.[1];
    const isOurs = TRANSFORMS.some((ours) => TRANSFORM.exec(ours)?.[1] === family);
    if (family === undefined || (isOurs && !TRANSFORMS.includes(value))) {
      throw this.fault(`${name} is ${JSON.stringify(value)}, which is not known`);
    }
    return value;
  }

  bytes(name: string, length?: number): Bytes {
    const bytes = this.#hex(name, this.text(name));
    if (length !== undefined && bytes.length !== length) throw this.fault(`${name} has not ${length} bytes`);
    return bytes;
  }

  binaryCell(): Bytes {
    const zeros = this.has('appendZeros') ? this.number('appendZeros') : 0;
    if (!Number.isSafeInteger(zeros) || zeros < 0) throw this.fault('appendZeros is no count');
    const given = this.bytes('cell');
    const cell = new Uint8Array(given.length + zeros);
    cell.set(given);
    return cell;
  }

  context(name: string): VectorContext {
    const context = new Members(`${this.place}: ${name}`, this.value(name));
    context.closed(['tenant', 'table', 'column', 'record']);
    return {
      tenant: context.has('tenant') ? context.part('tenant') : undefined,
      table: context.text('table'),
      column: context.text('column'),
      record: context.has('record') ? context.part('record', true) : undefined,
    };
  }

  part(name: string): ContextPart;
  part(name: string, orTuple: true): ContextValue;
  part(name: string, orTuple = false): ContextValue {
    const value = this.value(name);
    const parts = orTuple ? tupleOf(value) : undefined;
    return parts ? parts.map((part) => this.#part(name, part)) : this.#part(name, value);
  }

  indexed(name: string): VectorIndexed {
    const value = this.value(name);
    if (value === null) return null;
    const parts = tupleOf(value);
    if (!parts) return this.#part(name, value);
    return parts.map((part) => (part === null ? null : this.#part(name, part)));
  }

  #part(name: string, value: unknown): ContextPart {
    if (typeof value === 'string') return value;
    const [only, ...others] = isObject(value) ? Object.entries(value) : [];
    const [kind, inner] = only && others.length === 0 ? only : [];
    if (kind === 'bytes' && typeof inner === 'string') return this.#hex(name, inner);
    if (kind === 'integer' && typeof inner === 'string' && /^(0|-?[1-9][0-9]*)$/.test(inner))
      return BigInt(inner);
    throw this.fault(`${name} is neither text nor {"integer"}, {"bytes"} or {"tuple"}`);
  }

  #hex(name: string, text: string): Bytes {
    if (!/^([0-9a-f]{2})*$/.test(text)) throw this.fault(`${name} is not bytes in lower-case hex`);
    return decodeHex(text);
  }
}

/** Members that say nothing which could be verified. */
const PROSE = ['name', 'description', 'comment', 'note', 'source'];

function tupleOf(value: unknown): readonly unknown[] | undefined {
  if (!isObject(value) || Object.keys(value).length !== 1) return undefined;
  return Array.isArray(value['tuple']) ? value['tuple'] : undefined;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
