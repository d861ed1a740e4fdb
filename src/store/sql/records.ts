import { type Bytes, decodeHex, hex, isUint8Array, viewBytes } from '../../bytes.js';
import { InvalidCursorError, StoreUnfitError } from '../../errors.js';
import type {
  CellColumn,
  Chunk,
  ChunkOutcome,
  Cursor,
  KeyColumn,
  Page,
  PageRequest,
  RecordEstimate,
  RecordKey,
  RecordStore,
  RecordSwap,
  StoredRecord,
  TableLayout,
} from '../../ports/record-store.js';
import { countTables } from './census.js';
import { describeTables, findCells } from './describe.js';
import type { DeclaredColumn, Dialect, Placed } from './dialect.js';
import type { SqlExecutor, SqlQueries, SqlRow } from './executor.js';
import { guarded } from './guarded.js';
import { SqlJobs } from './jobs.js';
import { type PlacedLayout, place } from './placed.js';
import { writing } from './transactions.js';

/** Where the tables of jobs are. */
export interface SqlRecordsOptions {
  /** Where jobs keep their checkpoint; made when a rotation begins. With a schema: `'crm.cellseal_job'`. Default: `cellseal_job`. */
  readonly jobTable?: string;
  /** Where cells that could not be read are listed; made when a rotation begins. Default: `cellseal_quarantine`. */
  readonly quarantineTable?: string;
}

/** What a chunk's work throws to have its transaction rolled back. */
class RollBack extends Error {}

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

// ── Keys ────────────────────────────────────────────────────────────────────────────────────────────────────────────

/** A key's part as a cursor has it: text, or bytes in hexadecimal. */
type KeyPart = readonly [form: 't' | 'b', text: string];

function keyPart(value: unknown): KeyPart {
  return isUint8Array(value) ? ['b', hex(value)] : ['t', String(value)];
}

function readKey({ key }: PlacedLayout, row: SqlRow): KeyPart[] {
  return key.map((_, i) => keyPart(viewBytes(row[`k${i}`])));
}

function idValue([form, text]: KeyPart): unknown {
  return form === 'b' ? decodeHex(text) : text;
}

function tenantValue(value: unknown): unknown {
  return value === null || value === undefined ? null : idValue(keyPart(value));
}

/** Cursors come from a job record, which may be damaged: what the database would refuse is refused here. */
function parseKey({ layout, key, dialect }: PlacedLayout, text: string): readonly KeyPart[] {
  let parts: unknown;
  try {
    parts = JSON.parse(text);
  } catch {
    // not even JSON
  }
  const isSound =
    Array.isArray(parts) &&
    parts.length === key.length &&
    parts.every((part, i) => isKeyPart(part, key[i] as Placed<KeyColumn>, dialect.hasNul));
  if (!isSound) throw new InvalidCursorError({ table: layout.name });
  return parts as readonly KeyPart[];
}

function isKeyPart(part: unknown, { column, declared }: Placed<KeyColumn>, hasNul: boolean): part is KeyPart {
  if (!Array.isArray(part) || part.length !== 2) return false;
  const [form, text] = part as unknown[];
  if (typeof text !== 'string' || (!hasNul && text.includes('\0'))) return false;
  if (form === 'b') return /^([0-9a-f]{2})*$/.test(text);
  if (form !== 't') return false;
  if (column.type === 'integer') return /^-?[0-9]{1,30}$/.test(text);
  return declared.type !== 'uuid' || /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(text);
}

function columnOf({ dialect }: PlacedLayout, { column }: KeyColumn | CellColumn): string {
  return `t.${dialect.quote(column)}`;
}

function keyColumns(placed: PlacedLayout): string[] {
  return placed.key.map(({ column }) => columnOf(placed, column));
}

function keyNames({ key }: PlacedLayout): string[] {
  return key.map((_, i) => `k${i}`);
}

function keyFields(placed: PlacedLayout, key: RecordKey): Record<string, string> {
  return Object.fromEntries(parseKey(placed, key).map(([, text], i) => [`k${i}`, text]));
}

/** The condition that brings a row of `v` and its record together. */
function isKey(placed: PlacedLayout): string {
  return placed.key
    .map((part, i) => `${columnOf(placed, part.column)} = ${placed.dialect.keyValue(`v.k${i}`, part)}`)
    .join(' AND ');
}

// ── Swaps ───────────────────────────────────────────────────────────────────────────────────────────────────────────

async function commitChunk(
  executor: SqlExecutor,
  placed: PlacedLayout,
  jobs: SqlJobs,
  { id, swaps, quarantine, job }: Chunk,
): Promise<ChunkOutcome> {
  try {
    return await writing(executor, placed.dialect, async (queries) => {
      const swapped = await swapRecords(queries, placed, swaps);
      if (job && !(await jobs.write(queries, job(swapped)))) throw new RollBack();
      await jobs.quarantine(queries, id, quarantine);
      return { committed: true, swapped };
    });
  } catch (error) {
    if (error instanceof RollBack) return { committed: false };
    throw error;
  }
}

/** One column of a record that is swapped, or must only be as it was read. */
interface ColumnSwap {
  readonly column: Placed<CellColumn>;
  readonly old: string | Bytes | null;
  readonly new: string | Bytes | null;
  /** The column that its new value was made from, too, and what was read there. */
  readonly source?: { readonly declared: DeclaredColumn; readonly plaintext: string | Bytes | null };
}

function columnSwaps(placed: PlacedLayout, { cells, tokens = [] }: RecordSwap): ColumnSwap[] {
  return [
    ...cells.map(({ cell, plaintext, ...swap }) => {
      const column = placed.cells[cell] as Placed<CellColumn>;
      if (plaintext === undefined) return { column, ...swap };
      const declared = placed.sources[cell];
      if (!declared)
        throw new StoreUnfitError('There is no column to adopt from here.', { table: placed.layout.name });
      return { column, ...swap, source: { declared, plaintext } };
    }),
    ...tokens.map(({ token, ...swap }) => ({ column: placed.tokens[token] as Placed<CellColumn>, ...swap })),
  ];
}

/** Swaps of the same columns go together in one statement. */
async function swapRecords(
  queries: SqlQueries,
  placed: PlacedLayout,
  swaps: readonly RecordSwap[],
): Promise<boolean[]> {
  const swapped = swaps.map(() => false);
  const groups = new Map<string, number[]>();
  const all = swaps.map((swap) => columnSwaps(placed, swap));
  for (const [i, columns] of all.entries()) {
    const name = JSON.stringify(
      columns.map(({ column, source, ...swap }) => [
        column.column.column,
        shapeOf(swap.old),
        isKept(swap) ? 'kept' : shapeOf(swap.new),
        shapeOf(source?.plaintext),
      ]),
    );
    groups.set(name, [...(groups.get(name) ?? []), i]);
  }
  for (const members of groups.values()) {
    const records = members.map((i) => ({
      i,
      key: keyFields(placed, (swaps[i] as RecordSwap).key),
      columns: all[i] as readonly ColumnSwap[],
    }));
    for (const i of await swapGroup(queries, placed, records)) swapped[i] = true;
  }
  return swapped;
}

/** Records whose swaps read alike. */
interface SwapMember {
  readonly i: number;
  readonly key: Readonly<Record<string, string>>;
  readonly columns: readonly ColumnSwap[];
}

/** Whether the column only has to be as it was read. */
function isKept(swap: Pick<ColumnSwap, 'old' | 'new'>): boolean {
  return swap.new === swap.old;
}

/**
 * First the records are locked that still hold the old bytes and that nobody else has locked: a rotation never waits
 * for an application's lock, so no deadlock is ever solved at an application's cost. Then exactly those are updated.
 */
async function swapGroup(
  queries: SqlQueries,
  placed: PlacedLayout,
  members: readonly SwapMember[],
): Promise<readonly number[]> {
  const { dialect, table } = placed;
  const { columns } = members[0] as SwapMember;
  const rows = members.map(({ i, key, columns }) => {
    const old = columns.flatMap(({ old, source }, c) => [
      [`o${c}`, textOf(old)] as const,
      ...(source ? [[`p${c}`, textOf(source.plaintext)] as const] : []),
    ]);
    return { i, ...key, ...Object.fromEntries(old) };
  });
  const isUnchanged = columns.flatMap((swap, c) => [
    isOldCell(placed, swap, `v.o${c}`),
    ...(swap.source ? [isOldPlaintext(placed, swap.source, `v.p${c}`)] : []),
  ]);
  const source = dialect.jsonRows(dialect.parameter(1), [
    ...keyNames(placed),
    ...columns.flatMap(({ source }, c) => (source ? [`o${c}`, `p${c}`] : [`o${c}`])),
  ]);
  const locked = await queries.query(
    `SELECT v.i AS i FROM ${dialect.joinTo(table, placed.lookUp, source, isKey(placed))} WHERE ${isUnchanged.join(' AND ')} ${dialect.lockWhatIsFree}`,
    [JSON.stringify(rows)],
  );
  const free = new Set(locked.map((row) => Number(row['i'])));
  if (free.size === 0) return [];

  const news = members
    .filter(({ i }) => free.has(i))
    .map(({ i, key, columns }) => ({
      i,
      ...key,
      ...Object.fromEntries(columns.map((swap, c) => [`n${c}`, textOf(swap.new)])),
    }));
  const written = columns.flatMap((swap, c) => (isKept(swap) ? [] : [[swap, c] as const]));
  if (written.length === 0) return [...free];
  const set = written.map(
    ([{ column }, c]) => [dialect.quote(column.column.column), dialect.cellValue(`v.n${c}`, column)] as const,
  );
  const fresh = dialect.jsonRows(dialect.parameter(1), [
    ...keyNames(placed),
    ...written.map(([, c]) => `n${c}`),
  ]);
  await queries.query(
    dialect.update({
      table,
      lookUp: placed.lookUp,
      rows: fresh,
      on: isKey(placed),
      set: [...set, ...placed.touched.map((column) => [column, `t.${column}`] as const)],
    }),
    [JSON.stringify(news)],
  );
  // A column that is too narrow, or a trigger, may have made something else of it: then nothing of this chunk is kept.
  const isWritten = written.map(([swap, c]) => {
    const sql = columnOf(placed, swap.column.column);
    return swap.new === null ? `${sql} IS NULL` : dialect.isSameCell(sql, `v.n${c}`, swap.column);
  });
  const found = await queries.query(
    `SELECT v.i AS i FROM ${dialect.joinTo(table, placed.lookUp, fresh, isKey(placed))} WHERE ${isWritten.join(' AND ')} ${dialect.seeWhatIsNow}`,
    [JSON.stringify(news)],
  );
  if (new Set(found.map((row) => Number(row['i']))).size !== free.size) {
    throw new StoreUnfitError(
      'A cell or token is not in the database as it was written: its column is too narrow, or a trigger changes it. Nothing was kept of this chunk.',
      { table: placed.layout.name },
    );
  }
  return [...free];
}

/** Swaps go together whose conditions read alike. */
function shapeOf(value: string | Bytes | null | undefined): string {
  return value === null ? 'null' : typeof value;
}

/** The condition that a cell or token is as it was read. */
function isOldCell(placed: PlacedLayout, { column, old }: ColumnSwap, text: string): string {
  const { dialect } = placed;
  const sql = columnOf(placed, column.column);
  if (old === null) return `${sql} IS NULL`;
  // A plaintext may have characters whose bytes are others in the column's character set.
  if (column.column.adopting === 'in-place' && !dialect.isBinary(column.declared))
    return dialect.isSamePlaintext(dialect.selectPlaintext(sql, column.declared), text);
  return dialect.isSameCell(sql, text, column);
}

/** The condition that the plaintext a cell is made of is as it was read. */
function isOldPlaintext(
  { dialect }: PlacedLayout,
  { declared, plaintext }: NonNullable<ColumnSwap['source']>,
  text: string,
): string {
  const sql = `t.${dialect.quote(declared.name)}`;
  if (plaintext === null) return `${sql} IS NULL`;
  return dialect.isBinary(declared)
    ? `${sql} = ${dialect.bytesOf(text)}`
    : dialect.isSamePlaintext(dialect.selectPlaintext(sql, declared), text);
}

/** As JSON can carry it. */
function textOf(cell: string | Bytes | null): string | null {
  return typeof cell === 'string' || cell === null ? cell : hex(cell);
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
