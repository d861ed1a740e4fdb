/** What must be in the tables, after what the writers have logged. */
import type { JsonValue } from '../../src/index.js';
import type { TableName } from './world.js';

/** A record's values without its id. Bytes are written in hexadecimal. */
export type Values = Readonly<Record<string, JsonValue>>;

/** What a writer is about to do to one record. */
export interface Deed {
  readonly kind: 'insert' | 'update' | 'patch' | 'delete';
  readonly table: TableName;
  readonly id: number | string;
  /** All of them; of a patch, some. Of a deletion, none. */
  readonly values: Values;
}

/** One line of a writer's log; `at` is in milliseconds since 1970. */
export type WriterLine = { readonly at: number } & (
  | { readonly began: number }
  /** A process of the server that works for this writer. */
  | { readonly connection: number }
  | { readonly intent: number; readonly deed: Deed }
  /** Acknowledged: committed, and the application was told so. */
  | { readonly done: number }
  /** It is certain that nothing came of it. */
  | { readonly undone: number }
  | { readonly violation: string }
);

/** What a record may be: any of several where a write ended without an answer. `null`: not there. */
export type Candidates = readonly (Values | null)[];

/** An intent, and from when it was over; never, where there was no answer. */
export interface LoggedDeed extends Deed {
  readonly from: number;
  readonly until: number;
  readonly outcome: 'done' | 'undone' | 'unknown';
}

export const recordName = (table: TableName, id: number | string): string => `${table}/${id}`;

/** The deeds of a writer in their order. */
export function deedsOf(lines: readonly WriterLine[]): LoggedDeed[] {
  const ends = new Map<number, { at: number; outcome: 'done' | 'undone' }>();
  for (const line of lines) {
    if ('done' in line) ends.set(line.done, { at: line.at, outcome: 'done' });
    if ('undone' in line) ends.set(line.undone, { at: line.at, outcome: 'undone' });
  }
  return lines.flatMap((line): LoggedDeed[] => {
    if (!('intent' in line)) return [];
    const end = ends.get(line.intent);
    return [
      {
        ...line.deed,
        from: line.at,
        until: end?.at ?? Number.POSITIVE_INFINITY,
        outcome: end?.outcome ?? 'unknown',
      },
    ];
  });
}

/** What every record may be after these deeds; each record is written by one writer only, so their order is known. */
export function replay(deeds: Iterable<LoggedDeed>): Map<string, Candidates> {
  const records = new Map<string, Candidates>();
  for (const { deed, states } of replayed(deeds)) records.set(recordName(deed.table, deed.id), states);
  return records;
}

/** After each of these deeds, but for those of which nothing came: what its record may be. */
export function* replayed(
  deeds: Iterable<LoggedDeed>,
): Generator<{ readonly deed: LoggedDeed; readonly states: Candidates }> {
  const records = new Map<string, Candidates>();
  for (const deed of deeds) {
    if (deed.outcome === 'undone') continue;
    const name = recordName(deed.table, deed.id);
    const before = records.get(name) ?? [null];
    const after = before.map((values) => apply(values, deed));
    const states = deed.outcome === 'done' ? after : [...before, ...after];
    records.set(name, states);
    yield { deed, states };
  }
}

function apply(before: Values | null, { kind, values }: Deed): Values | null {
  if (kind === 'delete') return null;
  if (kind === 'insert') return values;
  return before === null ? null : { ...before, ...values };
}
