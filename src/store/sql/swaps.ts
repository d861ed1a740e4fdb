import { type Bytes, hex } from '../../bytes.js';
import { DuplicateTokenError, StoreUnfitError } from '../../errors.js';
import type { CellColumn, Chunk, ChunkOutcome, RecordSwap } from '../../ports/record-store.js';
import type { DeclaredColumn, Placed } from './dialect.js';
import type { SqlExecutor, SqlQueries } from './executor.js';
import type { SqlJobs } from './jobs.js';
import { columnOf, isKey, keyFields, keyNames } from './keys.js';
import type { PlacedLayout } from './placed.js';
import { writing } from './transactions.js';

/** What a chunk's work throws to have its transaction rolled back. */
class RollBack extends Error {}

export async function commitChunk(
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
    // The database's own words may have the token in them.
    if (placed.dialect.isDuplicate(error)) throw new DuplicateTokenError({ table: placed.layout.name });
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
