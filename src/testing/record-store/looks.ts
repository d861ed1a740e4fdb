import type { MaybePromise } from '../../index.js';
import type {
  Page,
  PageRequest,
  RecordKey,
  RecordStore,
  RecordSwap,
  StoredRecord,
  TableLayout,
} from '../../rotation/index.js';
import type { CaseColumn, CaseRow, CaseTable, RecordStoreSubject } from './subject.js';

export function must(holds: boolean, sentence: string): void {
  if (!holds) throw new Error(sentence);
}

export function mustEqual(found: unknown, wanted: unknown, what: string): void {
  if (JSON.stringify(found) === JSON.stringify(wanted)) return;
  if (!Array.isArray(found) || !Array.isArray(wanted)) {
    throw new Error(`${what}: found ${short(found)}, wanted ${short(wanted)}`);
  }
  const place = [...found, ...wanted].findIndex(
    (_, i) => JSON.stringify(found[i]) !== JSON.stringify(wanted[i]),
  );
  const counts = `${found.length} found, ${wanted.length} wanted`;
  throw new Error(
    `${what} (${counts}): at ${place} found ${short(found[place])}, wanted ${short(wanted[place])}`,
  );
}

const LONGEST = 400;

function short(value: unknown): string {
  const text = JSON.stringify(value) ?? 'nothing';
  return text.length > LONGEST ? `${text.slice(0, LONGEST)} … (${text.length} characters)` : text;
}

export async function mustFail(what: string, work: () => MaybePromise<unknown>): Promise<unknown> {
  try {
    await work();
  } catch (error) {
    return error;
  }
  throw new Error(what);
}

export function spell(type: CaseColumn['type'], value: unknown): string {
  if (value === null || value === undefined) return 'null';
  if (type === 'integer' && ['number', 'bigint', 'string'].includes(typeof value)) {
    return BigInt(value as number | bigint | string).toString();
  }
  if (type === 'uuid') {
    return typeof value === 'string' ? value.toLowerCase().replaceAll('-', '') : hexOf(value);
  }
  return type === 'bytes' ? hexOf(value) : typeof value === 'string' ? `"${value}"` : `a ${typeof value}`;
}

export function hexOf(value: unknown): string {
  const isBytes =
    ArrayBuffer.isView(value) && Object.prototype.toString.call(value) === '[object Uint8Array]';
  if (!isBytes) return `no bytes: a ${typeof value}`;
  return [...(value as Uint8Array)].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}

function spellRow({ columns }: CaseTable, row: CaseRow): string {
  return JSON.stringify(columns.map(({ name, type }) => [name, spell(type, row[name])]));
}

/** What a page says of a record, for what `row` says of it: the id, the tenant, the cells. */
export function spellSeen({ definition, columns }: CaseTable, row: CaseRow): string {
  const { key, tenant, cells } = definition.layout;
  const seen = [...key.map(({ name }) => name), ...(tenant ? [tenant.name] : [])];
  const all = [...seen, ...cells.map(({ attribute }) => attribute)];
  const typeOf = (name: string) => columns.find((column) => column.name === name)?.type as CaseColumn['type'];
  return JSON.stringify(all.map((name) => [name, spell(typeOf(name), row[name])]));
}

export function spellRecord(of: CaseTable, record: StoredRecord): string {
  const { key, tenant, cells } = of.definition.layout;
  mustEqual(record.id.length, key.length, 'values in the id of a record');
  mustEqual(record.cells.length, cells.length, 'cells of a record');
  for (const cell of record.cells) must(cell !== undefined, 'a cell of a record is undefined');
  return spellSeen(of, {
    ...Object.fromEntries(key.map(({ name }, i) => [name, record.id[i]])),
    ...(tenant ? { [tenant.name]: record.tenant } : {}),
    ...Object.fromEntries(cells.map(({ attribute }, i) => [attribute, record.cells[i]])),
  });
}

async function spellRows(subject: RecordStoreSubject, of: CaseTable): Promise<string[]> {
  return (await subject.rows(of)).map((row) => spellRow(of, row)).sort();
}

export async function mustHold(
  subject: RecordStoreSubject,
  of: CaseTable,
  rows: readonly CaseRow[],
  what: string,
) {
  mustEqual(await spellRows(subject, of), rows.map((row) => spellRow(of, row)).sort(), what);
}

export const NO_LIMIT = 1_000_000_000;

/** All pages from `after` on. Stops where there are more than there can be. */
export async function pagesOf(
  store: RecordStore,
  layout: TableLayout,
  maxRecords: number,
  { after, until, maxBytes = NO_LIMIT }: Partial<PageRequest> = {},
): Promise<Page[]> {
  const pages: Page[] = [];
  let place = after;
  for (;;) {
    const page = await store.page(layout, { after: place, until, maxRecords, maxBytes });
    pages.push(page);
    must(page.records.length <= maxRecords, 'a page has more records than were asked for');
    must(
      (page.next === undefined) === (page.records.length === 0),
      'a page has a next place if it has records, and only then',
    );
    if (page.done) return pages;
    must(page.records.length > 0, 'a page is empty, and the table does not end there');
    must(pages.length <= 200, 'the pages do not end');
    place = page.next;
  }
}

export async function recordsOf(store: RecordStore, { definition }: CaseTable): Promise<StoredRecord[]> {
  const pages = await pagesOf(store, definition.layout, 10_000);
  return pages.flatMap(({ records }) => records);
}

/** The key of the record with this id. */
export async function keyOf(store: RecordStore, of: CaseTable, id: CaseRow): Promise<RecordKey> {
  const { key } = of.definition.layout;
  const wanted = key.map(({ name, type }) => spell(type, id[name])).join();
  const found = (await recordsOf(store, of)).find(
    (record) => key.map(({ type }, i) => spell(type, record.id[i])).join() === wanted,
  );
  if (!found) throw new Error('no page has a record that is in the table');
  return found.key;
}

/** Commits swaps under a job of its own, written for the first time. */
export async function commitSwaps(
  store: RecordStore,
  { definition }: CaseTable,
  swaps: readonly RecordSwap[],
  job = 'swaps',
): Promise<readonly boolean[]> {
  const previous = await store.readJob(job);
  const outcome = await store.commit(definition.layout, {
    id: job,
    swaps,
    quarantine: [],
    job: () => ({ id: job, previous, next: `${previous ?? ''}.` }),
  });
  if (!outcome.committed) throw new Error('a commit whose job record is the expected one was not made');
  mustEqual(outcome.swapped.length, swaps.length, 'answers of a commit, one for each swap');
  return outcome.swapped;
}
