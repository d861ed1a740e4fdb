/** What is encrypted in a simulated world, and the keyring with which each begins: made once, the same for all. */
import { type Keyring, type Table, encryptRecord, integer, schema, table, text } from '../../src/index.js';
import { createKeyringIn } from '../../src/keyring/index.js';
import type { Clock } from '../../src/ports/clock.js';
import type { StoredKeyring } from '../../src/ports/keyring-store.js';
import { quickEngine } from './quick-engine.js';
import { Chance } from './random.js';

/** Every value of a simulated world ends with a digit: several records share one, and its token. */
const lastDigit = { name: 'last-digit-1', apply: (value: unknown) => String(value).slice(-1) };

export const people = table('people', {
  record: integer('id'),
  encrypt: {
    name: text({ index: { bits: 8, transform: lastDigit } }),
    note: text({ form: 'binary' }),
  },
});
export const notes = table('notes', {
  record: [text('owner'), integer('no')],
  encrypt: { title: text(), body: text() },
  indexes: { title_body: { attributes: ['title', 'body'], bits: 40 } },
});
export const everything = schema([people, notes]);

export const engine = quickEngine();
export const RAW_KEY = Uint8Array.from({ length: 32 }, (_, i) => (11 * i + 3) & 0xff);

export type Cell = string | Uint8Array<ArrayBuffer> | null;
export type Token = string | null;

export function definitionOf(name: string): (typeof everything.tables)[number] {
  return everything.tables.find(
    (definition) => definition.name === name,
  ) as (typeof everything.tables)[number];
}

/** The values of a record's id, in the definition's order, from the one number that a simulated record has. */
export function idValuesOf(definition: Table, key: number): readonly unknown[] {
  return definition.name === people.name ? [BigInt(key)] : [`owner ${key % 3}`, BigInt(key)];
}

/** The id as properties. */
export function idOf(definition: Table, key: number): Record<string, unknown> {
  const values = idValuesOf(definition, key);
  return Object.fromEntries(definition.layout.key.map(({ name }, i) => [name, values[i]]));
}

/** A record that is there at the beginning. */
export interface FirstRecord {
  readonly cells: readonly Cell[];
  readonly tokens: readonly Token[];
  readonly values: readonly (string | null)[];
}

export interface Beginning {
  readonly keyring: StoredKeyring;
  readonly records: ReadonlyMap<string, readonly FirstRecord[]>;
}

const MOST_RECORDS = 40;
const still: Clock = {
  wallMs: () => Date.UTC(2026, 0, 1),
  monotonicMs: () => 0,
  sleep: () => Promise.resolve(),
};

let made: Promise<Beginning> | undefined;

export function beginning(): Promise<Beginning> {
  made ??= makeBeginning();
  return made;
}

async function makeBeginning(): Promise<Beginning> {
  const chance = new Chance(0, 'beginning');
  let stored: StoredKeyring | undefined;
  const store = {
    read: () => stored,
    write(next: StoredKeyring) {
      stored = next;
      return true;
    },
  };
  const environment = { engine, random: (count: number) => chance.bytes(count), clock: still };
  const keyring = await createKeyringIn(environment, store, { rawKey: RAW_KEY });
  const records = new Map<string, FirstRecord[]>();
  for (const definition of everything.tables) {
    const list: FirstRecord[] = [];
    for (let key = 1; key <= MOST_RECORDS; key++) list.push(await firstRecord(definition, key, keyring));
    records.set(definition.name, list);
  }
  return { keyring: stored as unknown as StoredKeyring, records };
}

async function firstRecord(definition: Table, key: number, keyring: Keyring): Promise<FirstRecord> {
  const names = Object.keys(definition.encrypt);
  const values = names.map((name, i) => ((key + i) % 5 === 0 ? null : `first ${name} ${key}`));
  const row = { ...idOf(definition, key), ...Object.fromEntries(names.map((name, i) => [name, values[i]])) };
  const sealed: Record<string, unknown> = await encryptRecord(definition, row as never, keyring);
  const tokens = definition.layout.tokens ?? [];
  return {
    cells: names.map((name) => sealed[name] as Cell),
    tokens: tokens.map(({ index }) => sealed[index] as Token),
    values,
  };
}
