/** The blind indexes, said a second time, and what look-ups by them found, held against what writers have logged. */
import type { BlindIndex as TokenScope } from '../oracle/blind-index.js';
import type { Part } from '../oracle/context.js';
import { type Candidates, type LoggedDeed, type Values, recordName, replayed } from './model.js';
import type { TableName } from './world.js';

interface IndexShape extends TokenScope {
  readonly table: TableName;
  /** What is looked up by of a record's values; null where they have no token. */
  readonly of: (values: Values) => Part | readonly Part[] | null;
}

export const INDEXES: readonly IndexShape[] = [
  {
    table: 'people',
    name: 'email_domain',
    column: 'email',
    transform: 'email-domain-1',
    bits: 8,
    of: ({ email }) => (typeof email === 'string' ? (email.split('@')[1] ?? '').toLowerCase() : null),
  },
  {
    table: 'parcels',
    name: 'label_shelf',
    column: 'label,shelf',
    transform: 'exact-1',
    bits: 8,
    of: ({ label, shelf }) =>
      typeof label === 'string' && typeof shelf === 'number' ? [label, BigInt(shelf)] : null,
  },
];

/** One line of the log of look-ups: what was asked for, and what was left of the candidates; from before the keys were looked at until the database had answered. */
export interface QueryLine {
  readonly index: string;
  readonly values: Values;
  readonly from: number;
  readonly until: number;
  readonly found: readonly string[];
  /** Candidates that were not what was looked for. */
  readonly leftOut: number;
}

/** What look-ups did wrong. */
export interface JudgedQueries {
  /** Records found that had another value all the while. */
  readonly wrong: readonly string[];
  /** Records not found that had the value all the while. */
  readonly missing: readonly string[];
}

interface Version {
  readonly from: number;
  /** From when it was certain that the record is this. */
  readonly until: number;
  readonly states: Candidates;
}

/** Holds every answer against what each record may have been while it was looked for. */
export function judge(queries: Iterable<QueryLine>, deeds: Iterable<LoggedDeed>): JudgedQueries {
  const versions = new Map<string, Version[]>();
  /** By value: the records that had it at some time. */
  const holders = new Map<string, Set<string>>();
  for (const { deed, states } of replayed(deeds)) {
    const name = recordName(deed.table, deed.id);
    versions.set(name, [...(versions.get(name) ?? []), { from: deed.from, until: deed.until, states }]);
    for (const { of, name: index, table } of INDEXES) {
      if (table !== deed.table) continue;
      for (const state of states) {
        const value = valueIn(index, of, state);
        if (value !== undefined) holders.set(value, (holders.get(value) ?? new Set()).add(name));
      }
    }
  }
  const wrong: string[] = [];
  const missing: string[] = [];
  for (const { index, values, found, from, until } of queries) {
    const { of } = INDEXES.find(({ name }) => name === index) as IndexShape;
    const wanted = valueIn(index, of, values);
    const possible = (name: string): (string | undefined)[] =>
      statesBetween(versions.get(name) ?? [], from, until).map((state) => valueIn(index, of, state));
    const had = new Set(found);
    for (const name of had) if (!possible(name).includes(wanted)) wrong.push(`${name} by ${wanted}`);
    for (const name of holders.get(wanted ?? '') ?? [])
      if (!had.has(name) && possible(name).every((value) => value === wanted))
        missing.push(`${name} by ${wanted}`);
  }
  return { wrong, missing };
}

function statesBetween(versions: readonly Version[], from: number, until: number): Candidates {
  const settled = versions.findLast((version) => version.until < from);
  const meanwhile = versions.filter((version) => version.from <= until && version.until >= from);
  return [...(settled?.states ?? [null]), ...meanwhile.flatMap(({ states }) => states)];
}

function valueIn(index: string, of: IndexShape['of'], values: Values | null): string | undefined {
  const value = values && of(values);
  return value === null ? undefined : `${index} ${[value].flat().join(' ')}`;
}
