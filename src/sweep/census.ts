import { parseKeyTag } from '../key-tag.js';
import {
  type Census,
  type OpenedKeyring,
  type TableCensus,
  issueCensus,
  processesBehind,
} from '../keyring/index.js';
import type { RecordStore, TableCount } from '../ports/record-store.js';
import type { Schema } from '../schema.js';
import { assertAdopts } from './definition.js';
import { type SweepEnvironment, step } from './steps.js';

/** Counts the cells of every table by key: the authority, whatever a checkpoint says. */
export async function countCells(
  environment: SweepEnvironment,
  opened: OpenedKeyring,
  schema: Schema,
  records: RecordStore,
): Promise<Census> {
  assertAdopts(schema, records);
  await step(environment, 'keyring.refresh', () => opened.refresh());
  const { keyringId, revision } = opened.document;
  // Before the count: who reads the keyring while it is under way may have written just before.
  const behind = await step(environment, 'keyring.refresh', () => processesBehind(opened));
  // Before it, too: whether a key was empty long enough is measured from one beginning to the other.
  const countedAt = new Date(environment.clock.wallMs());
  const layouts = schema.tables.map(({ layout }) => layout);
  const counts = await step(environment, 'census', () => records.census(layouts));
  const tables = counts.map(tableCensus);
  const adopting = tables.flatMap(({ unadopted }) => unadopted ?? []);
  return issueCensus({
    keyringId,
    revision,
    countedAt,
    behind,
    tables,
    records: sum(tables.map((table) => table.records)),
    cells: addUp(tables.flatMap((table) => Object.entries(table.cells))),
    notCells: sum(tables.map((table) => table.notCells)),
    ...(adopting.length === 0 ? {} : { unadopted: sum(adopting) }),
  });
}

function tableCensus({ table, records, tags, notCells, unadopted }: TableCount): TableCensus {
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
    ...(unadopted === undefined ? {} : { unadopted }),
  });
}

function addUp(entries: readonly (readonly [string, number])[]): Readonly<Record<string, number>> {
  const totals: Record<string, number> = {};
  for (const [keyId, cells] of entries) totals[keyId] = (totals[keyId] ?? 0) + cells;
  return Object.freeze(totals);
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
