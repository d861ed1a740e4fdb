import { isAdopting, isPlaintextInPlace } from '../adopting.js';
import { Rebound, openRebinding } from '../cell.js';
import { settleAll } from '../concurrency.js';
import { StoreUnfitError } from '../errors.js';
import type { OpenedKeyring } from '../keyring/index.js';
import { DEFAULT_CHUNK_BYTES, DEFAULT_CHUNK_RECORDS, DEFAULT_CONCURRENCY } from '../limits.js';
import type { RecordStore, StoredRecord } from '../ports/record-store.js';
import { contextTenant } from '../record-id.js';
import type { Schema } from '../schema.js';
import type { Table } from '../table.js';
import { assertHeeds } from './definition.js';
import { isRefusal, placeInRecord } from './place.js';
import { type SweepEnvironment, step } from './steps.js';

/** What the cells of a table are bound to, found out by opening every one of them. */
export interface BindingCount {
  /** The table's name in its definition. */
  readonly table: string;
  /** Cells that open in their place. */
  readonly bound: number;
  /** Cells that open in their former place only. */
  readonly former: number;
  /** Values that open in neither, and are no plaintext that may stand there. */
  readonly refused: number;
  /** Plaintext that stands in a column of cells, where it may. */
  readonly plaintext: number;
}

type Found = 'bound' | 'former' | 'refused' | 'plaintext';

/** Opens every cell and changes none: the one way to know what a cell is bound to, which its tag does not say. */
export async function countBindings(
  environment: SweepEnvironment,
  opened: OpenedKeyring,
  schema: Schema,
  records: RecordStore,
): Promise<readonly BindingCount[]> {
  assertHeeds(schema, records);
  await step(environment, 'keyring.refresh', () => opened.refresh());
  const counts: BindingCount[] = [];
  for (const definition of schema.tables)
    counts.push(await countTable(environment, opened, definition, records));
  return Object.freeze(counts);
}

async function countTable(
  environment: SweepEnvironment,
  opened: OpenedKeyring,
  definition: Table,
  records: RecordStore,
): Promise<BindingCount> {
  const counts = { table: definition.name, bound: 0, former: 0, refused: 0, plaintext: 0 };
  const limits = { maxRecords: DEFAULT_CHUNK_RECORDS, maxBytes: DEFAULT_CHUNK_BYTES };
  let after: string | undefined;
  for (;;) {
    const page = await step(environment, 'page', () => records.page(definition.layout, { after, ...limits }));
    const outcomes = await settleAll(page.records, DEFAULT_CONCURRENCY, (record) =>
      lookAt(opened, definition, record),
    );
    for (const outcome of outcomes) {
      if (outcome.status === 'rejected') throw outcome.reason;
      for (const found of outcome.value) counts[found]++;
    }
    if (page.done) return Object.freeze(counts);
    if (page.next === undefined || page.next === after)
      throw new StoreUnfitError('The store gave a page that ends where it began.', {
        table: definition.name,
      });
    after = page.next;
  }
}

async function lookAt(opened: OpenedKeyring, definition: Table, record: StoredRecord): Promise<Found[]> {
  const found: Found[] = [];
  for (const [position, [column, attribute]] of Object.entries(definition.encrypt).entries()) {
    const stored = record.cells[position] ?? null;
    if (stored === null) continue;
    if (isAdopting(attribute) && isPlaintextInPlace(attribute, stored)) {
      found.push('plaintext');
      continue;
    }
    const where = { table: definition.name, column };
    try {
      const tenant = contextTenant(definition, record.tenant, where);
      const place = placeInRecord(definition, column, attribute, record, tenant);
      const result = await openRebinding(opened, place, stored);
      found.push(result instanceof Rebound ? 'former' : 'bound');
      (result instanceof Rebound ? result.framed : result).fill(0);
    } catch (error) {
      if (!isRefusal(error)) throw error;
      found.push('refused');
    }
  }
  return found;
}
