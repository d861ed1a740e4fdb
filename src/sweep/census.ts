import { parseKeyTag } from '../key-tag.js';
import {
  type Census,
  type IndexCensus,
  type OpenedKeyring,
  type TableCensus,
  issueCensus,
  keyIdOf,
  processesBehind,
} from '../keyring/index.js';
import type { RecordStore, TableCount, TokenCount } from '../ports/record-store.js';
import type { Schema } from '../schema.js';
import type { Table } from '../table.js';
import { tokenPlaces } from '../tokens.js';
import { assertHeeds } from './definition.js';
import { type SweepEnvironment, step } from './steps.js';

/** Counts the cells of every table by key: the authority, whatever a checkpoint says. */
export async function countCells(
  environment: SweepEnvironment,
  opened: OpenedKeyring,
  schema: Schema,
  records: RecordStore,
): Promise<Census> {
  assertHeeds(schema, records);
  await step(environment, 'keyring.refresh', () => opened.refresh());
  const { keyringId, revision } = opened.document;
  // Before the count: who reads the keyring while it is under way may have written just before.
  const behind = await step(environment, 'keyring.refresh', () => processesBehind(opened));
  // Before it, too: whether a key was empty long enough is measured from one beginning to the other.
  const countedAt = new Date(environment.clock.wallMs());
  const layouts = schema.tables.map(({ layout }) => layout);
  const counts = await step(environment, 'census', () => records.census(layouts));
  const tables = counts.map((count, i) => tableCensus(count, schema.tables[i] as Table));
  const adopting = tables.flatMap(({ unadopted }) => unadopted ?? []);
  return issueCensus({
    keyringId,
    revision,
    countedAt,
    behind,
    tables,
    records: sum(tables.map((table) => table.records)),
    cells: addUp(tables.flatMap((table) => Object.entries(table.cells))),
    tokens: addUp(
      tables.flatMap(({ indexes = [] }) => indexes.flatMap(({ tokens }) => Object.entries(tokens))),
    ),
    needed: neededKeys(opened, schema),
    notCells: sum(tables.map((table) => table.notCells)),
    ...(adopting.length === 0 ? {} : { unadopted: sum(adopting) }),
  });
}

function tableCensus(
  { table, records, tags, notCells, tokens, unadopted }: TableCount,
  { layout }: Table,
): TableCensus {
  const byKey = Object.entries(tags).map(([tag, cells]): [string, number] => {
    const parsed = parseKeyTag(tag);
    if (!parsed) throw new TypeError('A record store counted under something that is no key tag.');
    return [parsed.keyId, cells];
  });
  return Object.freeze({
    table,
    records,
    cells: addUp(byKey),
    notCells,
    ...(layout.tokens
      ? { indexes: layout.tokens.map(({ index }, i) => indexCensus(index, tokens?.[i])) }
      : {}),
    ...(unadopted === undefined ? {} : { unadopted }),
  });
}

/** The index keys that unique indexes write with, also while nothing is under them. */
function neededKeys({ document }: OpenedKeyring, { tables }: Schema): readonly string[] {
  const shared = document.keys.filter(({ kind, tenant }) => kind === 'index' && tenant === undefined);
  const generations = tables.flatMap((table) =>
    tokenPlaces(table).flatMap(({ key }) => (key === 'active' ? [] : key)),
  );
  return Object.freeze([...new Set(generations)].flatMap((one) => shared[one - 1] ?? []).map(keyIdOf));
}

/** A store that was asked for tokens and says nothing of them must not make a key look empty. */
function indexCensus(index: string, count: TokenCount | undefined): IndexCensus {
  if (!count) throw new TypeError('A record store has not counted the tokens of an index.');
  const { missing, notTokens, prefixes } = count;
  return Object.freeze({ index, tokens: addUp(Object.entries(prefixes)), notTokens, missing });
}

function addUp(entries: readonly (readonly [string, number])[]): Readonly<Record<string, number>> {
  const totals: Record<string, number> = {};
  for (const [keyId, cells] of entries) totals[keyId] = (totals[keyId] ?? 0) + cells;
  return Object.freeze(totals);
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
