import { viewBytes } from '../../bytes.js';
import type {
  Cursor,
  KeyColumn,
  Page,
  PageRequest,
  RecordEstimate,
  RecordKey,
  RecordStore,
  StoredRecord,
  TableLayout,
} from '../../ports/record-store.js';
import { countTables } from './census.js';
import { describeTables, findCells } from './describe.js';
import type { Dialect, Placed } from './dialect.js';
import type { SqlExecutor, SqlQueries, SqlRow } from './executor.js';
import { guarded } from './guarded.js';
import { SqlJobs } from './jobs.js';
import {
  type KeyPart,
  columnOf,
  idValue,
  isKey,
  keyColumns,
  keyFields,
  keyNames,
  parseKey,
  readKey,
  tenantValue,
} from './keys.js';
import { type PlacedLayout, place } from './placed.js';
import { commitChunk } from './swaps.js';
import { writing } from './transactions.js';

/** Where the tables of jobs are. */
export interface SqlRecordsOptions {
  /** Where jobs keep their checkpoint; made when a rotation begins. With a schema: `'crm.cellseal_job'`. Default: `cellseal_job`. */
  readonly jobTable?: string;
  /** Where cells that could not be read are listed; made when a rotation begins. Default: `cellseal_quarantine`. */
  readonly quarantineTable?: string;
}

/** Records over one dialect: the only statements that touch users' tables. */
export function sqlRecords(executor: SqlExecutor, dialect: Dialect, options: SqlRecordsOptions): RecordStore {
  const { jobTable = 'cellseal_job', quarantineTable = 'cellseal_quarantine' } = options;
  const jobs = new SqlJobs(executor, dialect, jobTable, quarantineTable);
  const places = new Map<TableLayout, Promise<PlacedLayout>>();
  /** What the database says of the columns; asked once. */
  const placed = (layout: TableLayout): Promise<PlacedLayout> => {
    const known = places.get(layout) ?? place(dialect, executor, layout);
    places.set(layout, known);
    known.catch(() => places.delete(layout)); // its own caller hears of it; the next one asks again
    return known;
  };
  const guard = <T>(work: () => Promise<T>): Promise<T> => guarded(dialect, work);

  return {
    abilities: {
      compareAndSwap: true,
      transactions: true,
      snapshotCensus: true,
      adopting: true,
      tokens: true,
    },

    page: (layout, request) => guard(async () => readPage(executor, await placed(layout), request)),
    boundaries: (layout, everyRecords) =>
      guard(async () => readBoundaries(executor, await placed(layout), everyRecords)),
    reread: (layout, keys) => guard(async () => rereadRecords(executor, await placed(layout), keys)),
    commit: (layout, chunk) =>
      guard(async () => {
        const table = await placed(layout);
        await jobs.ensureTables();
        return commitChunk(executor, table, jobs, chunk);
      }),

    census: (layouts) =>
      guard(async () => countTables(executor, dialect, await Promise.all(layouts.map(placed)))),
    estimate: (layout) => guard(async () => estimateRecords(executor, await placed(layout))),

    describe: (layouts, request = {}) => guard(() => describeTables(executor, dialect, layouts, request)),
    findCells: (wanted, request = {}) => guard(() => findCells(executor, dialect, wanted, request)),

    readJob: (id) => guard(() => jobs.read(id)),
    writeJob: (write) =>
      guard(async () => {
        await jobs.ensureTables();
        return writing(executor, dialect, (queries) => jobs.write(queries, write));
      }),
    listQuarantine: (id) => guard(() => jobs.quarantined(id)),
    settleQuarantine: (id, cells, to) =>
      guard(async () => {
        await jobs.ensureTables();
        return writing(executor, dialect, (queries) => jobs.settle(queries, id, cells, to));
      }),
  };
}

// ── Pages ───────────────────────────────────────────────────────────────────────────────────────────────────────────

/**
 * One page in key order, in one statement, so that it sees one instant: as many records as the byte cap lets in, and
 * whether there are more.
 */
async function readPage(
  queries: SqlQueries,
  placed: PlacedLayout,
  { after, until, maxRecords, maxBytes }: PageRequest,
): Promise<Page> {
  const { dialect, table } = placed;
  const order = keyColumns(placed);
  const { where, values } = whereBetween(placed, after, until);
  const bytes = placed.cells.map(
    ({ column }) => `COALESCE(${dialect.byteLength(columnOf(placed, column))}, 0)`,
  );
  for (const { column } of placed.tokens)
    bytes.push(`COALESCE(${dialect.byteLength(columnOf(placed, column))}, 0)`);
  for (const [, source] of sourcesOf(placed)) bytes.push(`COALESCE(${dialect.byteLength(source)}, 0)`);
  const sized = `SELECT ${[...recordColumns(placed), `${bytes.join(' + ')} AS bytes`, ...order.map((column, i) => `${column} AS o${i}`)].join(', ')} FROM ${table} t${where} ORDER BY ${order.join(', ')} LIMIT ${maxRecords + 1}`;
  const window = `ORDER BY ${order.map((_, i) => `o${i}`).join(', ')}`;
  const summed = `SELECT s.*, ROW_NUMBER() OVER (${window}) AS place, SUM(bytes) OVER (${window} ROWS UNBOUNDED PRECEDING) AS running, COUNT(*) OVER () AS total FROM (${sized}) s`;
  const rows = await queries.query(
    `SELECT ${recordNames(placed).join(', ')}, total FROM (${summed}) p WHERE place <= ${maxRecords} AND (place = 1 OR running <= ${Math.floor(maxBytes)}) ORDER BY place`,
    values,
  );
  const records = rows.map((row) => storedRecord(placed, row));
  const total = rows[0] ? Number(rows[0]['total']) : 0;
  return { records, next: records.at(-1)?.key, done: records.length === total };
}

/** From one place to the next, in a statement each: none of them takes long, however large the table is. */
async function readBoundaries(
  queries: SqlQueries,
  placed: PlacedLayout,
  everyRecords: number,
): Promise<Cursor[]> {
  const found: Cursor[] = [];
  for (;;) {
    const next = await readBoundary(queries, placed, found.at(-1), everyRecords);
    if (next === undefined) return found;
    found.push(next);
  }
}

/** The place so many records on; `undefined` where no record comes behind it. */
async function readBoundary(
  queries: SqlQueries,
  placed: PlacedLayout,
  after: Cursor | undefined,
  everyRecords: number,
): Promise<Cursor | undefined> {
  const { dialect, table, key } = placed;
  const order = keyColumns(placed);
  const { where, values } = whereBetween(placed, after, undefined);
  const columns = [
    ...key.map((part, i) => `${dialect.selectKey(columnOf(placed, part.column), part)} AS k${i}`),
    ...order.map((column, i) => `${column} AS o${i}`),
  ];
  const ahead = `SELECT ${columns.join(', ')} FROM ${table} t${where} ORDER BY ${order.join(', ')} LIMIT ${everyRecords + 1}`;
  const counted = `SELECT s.*, ROW_NUMBER() OVER (ORDER BY ${order.map((_, i) => `o${i}`).join(', ')}) AS place FROM (${ahead}) s`;
  const rows = await queries.query(
    `SELECT ${keyNames(placed).join(', ')} FROM (${counted}) p WHERE place >= ${everyRecords} ORDER BY place`,
    values,
  );
  return rows.length === 2 ? JSON.stringify(readKey(placed, rows[0] as SqlRow)) : undefined;
}

/** The condition for what comes behind one place and not behind the other. */
function whereBetween(
  placed: PlacedLayout,
  after: Cursor | undefined,
  until: Cursor | undefined,
): { where: string; values: string[] } {
  const { dialect, key } = placed;
  const order = keyColumns(placed);
  const values: string[] = [];
  const valuesOf = (cursor: Cursor): ((column: number) => string) => {
    const place = parseKey(placed, cursor);
    return (column) => {
      values.push((place[column] as KeyPart)[1]);
      return dialect.keyValue(dialect.parameter(values.length), key[column] as Placed<KeyColumn>);
    };
  };
  const bounds = [
    ...(after === undefined ? [] : [dialect.isBehind(order, valuesOf(after))]),
    ...(until === undefined ? [] : [dialect.isUpTo(order, valuesOf(until))]),
  ];
  return { where: bounds.length === 0 ? '' : ` WHERE ${bounds.join(' AND ')}`, values };
}

async function rereadRecords(
  queries: SqlQueries,
  placed: PlacedLayout,
  keys: readonly RecordKey[],
): Promise<StoredRecord[]> {
  if (keys.length === 0) return [];
  const { dialect } = placed;
  const rows = keys.map((key, i) => ({ i, ...keyFields(placed, key) }));
  const source = dialect.jsonRows(dialect.parameter(1), keyNames(placed));
  const found = await queries.query(
    `SELECT ${recordColumns(placed).join(', ')} FROM ${dialect.joinTo(placed.table, placed.lookUp, source, isKey(placed))} ORDER BY v.i`,
    [JSON.stringify(rows)],
  );
  return found.map((row) => storedRecord(placed, row));
}

function recordColumns(placed: PlacedLayout): string[] {
  const { dialect, key, tenant, cells, tokens, formerKey } = placed;
  return [
    ...key.map((part, i) => `${dialect.selectKey(columnOf(placed, part.column), part)} AS k${i}`),
    ...(tenant ? [`${dialect.selectKey(columnOf(placed, tenant.column), tenant)} AS tenant`] : []),
    ...cells.map((cell, i) => `${dialect.selectCell(columnOf(placed, cell.column), cell)} AS c${i}`),
    ...sourcesOf(placed).map(([i, source]) => `${source} AS p${i}`),
    ...tokens.map((token, i) => `${dialect.selectCell(columnOf(placed, token.column), token)} AS w${i}`),
    ...formerKey.map((part, i) => `${dialect.selectKey(columnOf(placed, part.column), part)} AS f${i}`),
  ];
}

function recordNames(placed: PlacedLayout): string[] {
  const { key, tenant, cells, tokens, formerKey } = placed;
  return [
    ...key.map((_, i) => `k${i}`),
    ...(tenant ? ['tenant'] : []),
    ...cells.map((_, i) => `c${i}`),
    ...sourcesOf(placed).map(([i]) => `p${i}`),
    ...tokens.map((_, i) => `w${i}`),
    ...formerKey.map((_, i) => `f${i}`),
  ];
}

/** The plaintexts that cells are adopted from, to select, by the cells' positions. */
function sourcesOf({ dialect, sources }: PlacedLayout): [position: number, sql: string][] {
  return sources.flatMap((source, i): [number, string][] =>
    source ? [[i, dialect.selectPlaintext(`t.${dialect.quote(source.name)}`, source)]] : [],
  );
}

function storedRecord(placed: PlacedLayout, row: SqlRow): StoredRecord {
  const id = readKey(placed, row);
  return {
    key: JSON.stringify(id),
    id: id.map(idValue),
    ...(placed.tenant ? { tenant: tenantValue(viewBytes(row['tenant'])) } : {}),
    cells: placed.cells.map((_, i) => viewBytes(row[`c${i}`]) ?? null),
    ...(placed.sources.some((source) => source)
      ? { plaintexts: placed.sources.map((_, i) => viewBytes(row[`p${i}`]) ?? null) }
      : {}),
    ...(placed.layout.tokens ? { tokens: placed.tokens.map((_, i) => row[`w${i}`] ?? null) } : {}),
    ...(placed.layout.formerKey
      ? { formerId: placed.formerKey.map((_, i) => tenantValue(viewBytes(row[`f${i}`]))) }
      : {}),
  };
}

async function estimateRecords(
  queries: SqlQueries,
  { dialect, layout, table }: PlacedLayout,
): Promise<RecordEstimate> {
  const believed = await dialect.believedRecords(queries, layout.from);
  if (believed !== undefined) return { records: believed, source: 'statistics' };
  const [row] = await queries.query(`SELECT COUNT(*) AS records FROM ${table}`, []);
  return { records: Number((row as SqlRow)['records']), source: 'count' };
}
