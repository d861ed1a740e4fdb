/** What the tests of the cell path share: keyrings, a clock that does not wait, and definitions of every shape. */
import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { expect } from 'vitest';
import {
  type Attribute,
  type AttributeOptions,
  type IdPart,
  boolean,
  bytes,
  date,
  decimal,
  float,
  integer,
  json,
  text,
  timestamp,
  uuid,
} from '../../src/attribute.js';
import type { Bytes } from '../../src/bytes.js';
import { webCryptoEngine } from '../../src/engine/index.js';
import type { ContextPart, ContextValue } from '../../src/envelope/index.js';
import { CellsealError } from '../../src/errors.js';
import { type Keyring, createKeyringIn, openKeyringIn } from '../../src/keyring/index.js';
import { platformRandom } from '../../src/platform.js';
import type { Clock } from '../../src/ports/clock.js';
import type { Engine, RandomSource } from '../../src/ports/engine.js';
import type { KeyringStore } from '../../src/ports/keyring-store.js';
import type { CellForm } from '../../src/ports/record-store.js';
import { decryptCell, encryptCell } from '../../src/record.js';
import { memoryKeyring } from '../../src/store/memory.js';
import { type Table, table } from '../../src/table.js';
import type { Value, ValueType } from '../oracle/frame.js';

// ── Keyrings ────────────────────────────────────────────────────────────────────────────────────────────────────────

/** Time that passes only when somebody sleeps, and then at once. */
export function patientClock(): Clock {
  let now = 0;
  return {
    wallMs: () => 1_700_000_000_000 + now,
    monotonicMs: () => now,
    sleep: async (ms) => {
      now += ms;
    },
  };
}

export interface Outside {
  readonly engine?: Engine;
  readonly random?: RandomSource;
  readonly store?: KeyringStore;
}

const rawKey = new Uint8Array(32).fill(11);

/** A new keyring: its data and index key are active. */
export function newKeyring({ engine, random, store }: Outside = {}): Promise<Keyring> {
  return createKeyringIn(environment(engine, random), store ?? memoryKeyring(), { rawKey });
}

/** The same keyring as another process has it. */
export function reopened(store: KeyringStore, { engine, random }: Outside = {}): Promise<Keyring> {
  return openKeyringIn(environment(engine, random), store, { rawKey });
}

function environment(engine: Engine = webCryptoEngine(), random: RandomSource = platformRandom) {
  return { engine, random, clock: patientClock() };
}

/** Bytes that are given first, by their length; then the platform's. */
export function givenRandom(...given: readonly Uint8Array[]): RandomSource & { readonly left: () => number } {
  const queue = [...given];
  const source = (length: number): Bytes => {
    const position = queue.findIndex((candidate) => candidate.length === length);
    const [next] = position < 0 ? [] : queue.splice(position, 1);
    return next === undefined ? platformRandom(length) : new Uint8Array(next);
  };
  return Object.assign(source, { left: () => queue.length });
}

// ── Values of every type ────────────────────────────────────────────────────────────────────────────────────────────

export interface TypeUnderTest {
  readonly type: ValueType;
  readonly attribute: (options?: AttributeOptions) => Attribute;
  readonly values: fc.Arbitrary<unknown>;
  /** Values that chance would hardly find. */
  readonly corners: readonly unknown[];
  /** The value as the oracle has it. */
  readonly forOracle: (value: unknown) => Value;
  /** What decryption gives for it. */
  readonly read: (value: unknown) => unknown;
}

const asIs = (value: unknown): Value => value;
const BIGGEST = 2n ** 4096n;
const LAST_MS = 8.64e15;

/** Well-formed text of any code points. */
export const wellFormed = fc.string({ unit: 'binary', maxLength: 60 });

const decimalText = fc
  .tuple(fc.boolean(), fc.bigInt({ min: 0n, max: 10n ** 40n }), fc.option(fc.stringMatching(/^[0-9]{1,30}$/)))
  .map(([minus, whole, part]) => `${minus ? '-' : ''}${whole}${part === null ? '' : `.${part}`}`);

const dateText = fc
  .date({ min: new Date('0000-01-01T00:00:00Z'), max: new Date('9999-12-31T00:00:00Z'), noInvalidDate: true })
  .map((day) => day.toISOString().slice(0, 10));

/** All ten: the nine that attributes declare, and the hidden null. */
export const TYPES: readonly TypeUnderTest[] = [
  {
    type: 'bytes',
    attribute: bytes,
    values: fc.uint8Array({ maxLength: 80 }),
    corners: [new Uint8Array(0), Uint8Array.of(0), Uint8Array.of(0x80, 0, 0), Buffer.from('pooled')],
    forOracle: asIs,
    read: (value) => new Uint8Array(value as Uint8Array),
  },
  {
    type: 'text',
    attribute: (options) => text(options),
    values: wellFormed,
    corners: [
      '',
      '\u{feff}first',
      '\u{1f469}\u{200d}\u{1f680}',
      '\u{10ffff}',
      '\0',
      'é',
      'e\u{301}',
      'a\r\n ',
    ],
    forOracle: asIs,
    read: asIs,
  },
  {
    type: 'json',
    attribute: (options) => json(options),
    values: fc.jsonValue({ stringUnit: 'binary' }),
    corners: [
      null,
      JSON.parse('{"__proto__":{"admin":true},"a":1}'),
      { constructor: 'x', toString: 1 },
      [],
      {},
      '\ud800',
      [[[[]]]],
      1e308,
    ],
    forOracle: asIs,
    read: (value) => JSON.parse(JSON.stringify(value)) as unknown,
  },
  {
    type: 'integer',
    attribute: (options) => integer({ ...options, as: 'bigint' }),
    values: fc.oneof(
      fc.bigInt(),
      fc.bigInt({ min: -BIGGEST, max: BIGGEST }),
      fc.bigInt({ min: -300n, max: 300n }),
    ),
    corners: [0n, -1n, 127n, 128n, -128n, -129n, BIGGEST, -BIGGEST, BIGGEST - 1n, 2n ** 53n + 1n],
    forOracle: asIs,
    read: asIs,
  },
  {
    type: 'float',
    attribute: float,
    values: fc.double(),
    corners: [
      0,
      -0,
      Number.NaN,
      Number.POSITIVE_INFINITY,
      Number.NEGATIVE_INFINITY,
      5e-324,
      1.7976931348623157e308,
    ],
    forOracle: asIs,
    read: asIs,
  },
  {
    type: 'boolean',
    attribute: boolean,
    values: fc.boolean(),
    corners: [true, false],
    forOracle: asIs,
    read: asIs,
  },
  {
    type: 'timestamp',
    attribute: timestamp,
    values: fc.date({ noInvalidDate: true }),
    corners: [new Date(0), new Date(-1), new Date(LAST_MS), new Date(-LAST_MS)],
    forOracle: (value) => BigInt((value as Date).getTime()),
    read: asIs,
  },
  {
    type: 'decimal',
    attribute: decimal,
    values: decimalText,
    corners: ['0', '-0', '0.00', '-12.3400', '1'.repeat(400)],
    forOracle: asIs,
    read: asIs,
  },
  {
    type: 'date',
    attribute: date,
    values: dateText,
    corners: ['0000-01-01', '0000-02-29', '2000-02-29', '9999-12-31'],
    forOracle: asIs,
    read: asIs,
  },
  {
    type: 'null',
    attribute: (options) => text({ pad: 16, ...options, hideNull: true }),
    values: fc.constant(null),
    corners: [null],
    forOracle: asIs,
    read: asIs,
  },
];

/** −0 and 0 differ, NaN is NaN, and an array of bytes is one whatever it is a view on. */
export function expectSame(found: unknown, expected: unknown): void {
  if (!isDeepStrictEqual(found, expected)) expect(found).toStrictEqual(expected);
}

// ── Places ──────────────────────────────────────────────────────────────────────────────────────────────────────────

/** A part of an id or a tenant, as the definition declares it and the application gives it. */
export interface GivenPart {
  readonly type: 'uuid' | 'text' | 'integer' | 'bytes';
  readonly given: string | number | bigint | Uint8Array;
  /** What it is bound as. */
  readonly bound: ContextPart;
}

/** Everything that a cell is bound to or written by. */
export interface Place {
  readonly table: string;
  readonly column: string;
  readonly form: CellForm;
  readonly pad: number | undefined;
  readonly id: readonly GivenPart[];
  /** One part alone, or a tuple (which may have one part). */
  readonly isTuple: boolean;
  readonly bind: 'record' | 'column';
  readonly tenant: GivenPart | undefined;
}

const part: fc.Arbitrary<GivenPart> = fc.oneof(
  fc.uuid().map((given) => ({
    type: 'uuid' as const,
    given,
    bound: new Uint8Array(Buffer.from(given.replaceAll('-', ''), 'hex')),
  })),
  fc
    .string({ unit: 'binary', minLength: 1, maxLength: 20 })
    .map((given) => ({ type: 'text' as const, given, bound: given })),
  fc.bigInt().map((given) => ({ type: 'integer' as const, given, bound: given })),
  fc.maxSafeInteger().map((given) => ({ type: 'integer' as const, given, bound: BigInt(given) })),
  fc.bigInt().map((bound) => ({ type: 'integer' as const, given: String(bound), bound })),
  fc
    .uint8Array({ minLength: 1, maxLength: 20 })
    .map((given) => ({ type: 'bytes' as const, given, bound: new Uint8Array(given) })),
);

const name = fc
  .string({ unit: 'binary', minLength: 1, maxLength: 12 })
  .filter((given) => !given.includes(',') && given !== '__proto__');

/** Places of every shape. */
export const places: fc.Arbitrary<Place> = fc
  .record({
    table: name,
    column: name,
    form: fc.constantFrom<CellForm>('text', 'binary'),
    pad: fc.constantFrom(undefined, 2, 7, 16, 4096),
    id: fc.array(part, { minLength: 1, maxLength: 4 }),
    isTuple: fc.boolean(),
    bind: fc.constantFrom<Place['bind']>('record', 'column'),
    tenant: fc.option(part, { nil: undefined }),
  })
  .map((place) => ({ ...place, isTuple: place.isTuple || place.id.length > 1 }));

const PART_MAKERS = {
  uuid,
  text: (n: string) => text(n),
  integer: (n: string) => integer(n),
  bytes: (n: string) => bytes(n),
};

/** The definition of a place. Its id parts have names that no generated column has. */
export function definitionOf(place: Place, attribute: TypeUnderTest['attribute']): Table {
  const partOf = ({ type }: GivenPart, partName: string): IdPart =>
    PART_MAKERS[type](`${place.column},${partName}`);
  const ids = place.id.map((given, position) => partOf(given, String(position)));
  return table(place.table, {
    record: place.isTuple ? (ids as [IdPart, ...IdPart[]]) : (ids[0] as IdPart),
    bind: place.bind,
    ...(place.tenant && { tenant: partOf(place.tenant, 'tenant') }),
    encrypt: {
      [place.column]: attribute({ form: place.form, ...(place.pad !== undefined && { pad: place.pad }) }),
    },
  }) as Table;
}

/** The properties that identify the record. */
export function idOf(place: Place): Record<string, unknown> {
  return Object.fromEntries(place.id.map(({ given }, position) => [`${place.column},${position}`, given]));
}

/** What the cell is bound to, as the format has it. */
export function contextOf(place: Place): {
  tenant?: ContextPart;
  table: string;
  column: string;
  record?: ContextValue;
} {
  const bound = place.id.map((given) => given.bound);
  return {
    table: place.table,
    column: place.column,
    ...(place.tenant && { tenant: place.tenant.bound }),
    ...(place.bind === 'record' && { record: place.isTuple ? bound : (bound[0] as ContextPart) }),
  };
}

/** Seals one value there. */
export function seal(
  keyring: Keyring,
  place: Place,
  definition: Table,
  value: unknown,
): Promise<string | Bytes> {
  return encryptCell(definition, place.column, value, idOf(place), keyring, ...tenantOf(place));
}

/** Opens one cell there. */
export function open(
  keyring: Keyring,
  place: Place,
  definition: Table,
  cell: string | Uint8Array,
): Promise<unknown> {
  return decryptCell(definition, place.column, cell, idOf(place), keyring, ...tenantOf(place));
}

function tenantOf({ tenant }: Place): [{ tenant: never }] | [] {
  return tenant ? [{ tenant: tenant.given as never }] : [];
}

// ── Refusals ────────────────────────────────────────────────────────────────────────────────────────────────────────

/** The code of the error of cellseal that comes of it; anything else is thrown, and so is a value. */
export async function codeOf(work: () => unknown): Promise<string> {
  try {
    await work();
  } catch (error) {
    if (error instanceof CellsealError) return error.code;
    throw error;
  }
  throw new Error('It was not refused.');
}

/** The error of cellseal that comes of it. */
export async function errorOf(work: () => unknown): Promise<CellsealError> {
  try {
    await work();
  } catch (error) {
    if (error instanceof CellsealError) return error;
    throw error;
  }
  throw new Error('It was not refused.');
}
