/**
 * Stores in memory: for tests, for examples, and as the shortest complete adapter to read before writing one.
 *
 * @packageDocumentation
 */
import { type Bytes, equalBytes, hex, isUint8Array } from '../bytes.js';
import { InvalidCursorError, StoreUnfitError } from '../errors.js';
import { keyTagOf } from '../key-tag.js';
import { NO_PLAINTEXT, plainForm } from '../plaintext.js';
import type { JobWrite, QuarantineEntry } from '../ports/job-store.js';
import type {
  CellColumn,
  CellSwap,
  Chunk,
  ChunkOutcome,
  KeyColumn,
  Page,
  PageRequest,
  RecordKey,
  RecordStore,
  RecordSwap,
  StoredRecord,
  TableCount,
  TableLayout,
  TokenColumn,
  TokenCount,
} from '../ports/record-store.js';
import { tokenPrefixOf } from '../token-form.js';
import { bothEnds, describeRows, findInRows } from './memory-descriptions.js';
import { nameOfCell } from './quarantine.js';
import { tokenColumn } from './token-columns.js';

export { memoryKeyring } from './memory-keyring.js';

/** A row as the application writes it: properties by the names of the definition. */
export type MemoryRow = Readonly<Record<string, unknown>>;

/** A table's definition, as far as this store needs it. */
export interface MemoryTable {
  /** What `table()` made of it. */
  readonly layout: TableLayout;
}

/** Records in memory, with what an application does to them beside a rotation. All of it is synchronous. */
export interface MemoryRecords extends RecordStore {
  /** Adds a row. Throws `StoreUnfitError` if its id is missing or taken. */
  insert(table: MemoryTable, row: MemoryRow): void;
  /** Changes columns of the row with this id; returns whether there was one. */
  update(table: MemoryTable, id: MemoryRow, changes: MemoryRow): boolean;
  /** Removes the row with this id; returns whether there was one. */
  remove(table: MemoryTable, id: MemoryRow): boolean;
  /** The row with this id. */
  get(table: MemoryTable, id: MemoryRow): MemoryRow | undefined;
  /** All rows, in key order. */
  rows(table: MemoryTable): readonly MemoryRow[];
}

/** Makes an empty store. Tables need no declaration. */
export function memoryRecords(): MemoryRecords {
  const tables = new Map<string, MemoryRows>();
  const jobs = new Map<string, string>();
  const quarantine = new Map<string, Map<string, QuarantineEntry>>();

  const layouts = new Map<string, TableLayout>();

  const rowsOf = (layout: TableLayout): MemoryRows => {
    const { name } = layout;
    layouts.set(name, layout);
    const known = tables.get(name);
    if (known) return known;
    const rows = new MemoryRows();
    tables.set(name, rows);
    return rows;
  };

  const heldBy = (id: string): Map<string, QuarantineEntry> => {
    const held = quarantine.get(id) ?? new Map<string, QuarantineEntry>();
    quarantine.set(id, held);
    return held;
  };

  const writeJob = ({ id, previous, next, forgetQuarantine }: JobWrite): boolean => {
    if (jobs.get(id) !== previous) return false;
    jobs.set(id, next);
    if (forgetQuarantine)
      for (const [name, { disposition }] of heldBy(id)) if (disposition === 'open') heldBy(id).delete(name);
    return true;
  };

  const isCurrent = (layout: TableLayout, { key, cells, tokens = [] }: RecordSwap): boolean => {
    const row = rowsOf(layout).get(key);
    return (
      row !== undefined &&
      cells.every((swap) => isUnchanged(layout, row, swap)) &&
      tokens.every(({ token, old }) => (row[tokenColumn(layout, token).index] ?? null) === old)
    );
  };

  return {
    abilities: {
      compareAndSwap: true,
      transactions: true,
      snapshotCensus: true,
      adopting: true,
      tokens: true,
    },

    page(layout, request) {
      return rowsOf(layout).page(layout, request);
    },

    boundaries: (layout, everyRecords) => rowsOf(layout).boundaries(everyRecords),

    reread(layout, keys) {
      const rows = rowsOf(layout);
      return keys.flatMap((key) => {
        const row = rows.get(key);
        return row ? [storedRecord(layout, key, row)] : [];
      });
    },

    // Not one await: what is swapped, quarantined and checkpointed here is one step for everybody else.
    commit(layout: TableLayout, { id, swaps, quarantine: refused, job }: Chunk): ChunkOutcome {
      const swapped = swaps.map((swap) => isCurrent(layout, swap));
      if (job && !writeJob(job(swapped))) return { committed: false };
      swaps.forEach(({ key, cells, tokens = [] }, i) => {
        if (!swapped[i]) return;
        const changes = Object.fromEntries([
          ...cells.map(({ cell, new: fresh }) => [nameOf(layout, cell), fresh] as const),
          ...tokens.map(({ token, new: fresh }) => [tokenColumn(layout, token).index, fresh] as const),
        ]);
        rowsOf(layout).put(key, { ...rowsOf(layout).get(key), ...changes });
      });
      for (const cell of refused) {
        const disposition = heldBy(id).get(nameOfCell(cell))?.disposition ?? 'open';
        heldBy(id).set(nameOfCell(cell), { ...cell, disposition });
      }
      return { committed: true, swapped };
    },

    census(layouts) {
      return layouts.map((layout) => countTable(layout, rowsOf(layout)));
    },

    estimate(layout) {
      return { records: rowsOf(layout).size, source: 'count' };
    },

    describe(wanted, { withOthers = false } = {}) {
      const described = wanted.map((layout) => describeRows(layout, rowsOf(layout).all()));
      const names = new Set(wanted.map(({ name }) => name));
      const others = [...layouts.values()].filter(({ name }) => withOthers && !names.has(name));
      return {
        tables: described,
        others: others.map((layout) => describeRows(layout, rowsOf(layout).all())),
        truncates: false,
      };
    },
    findCells: (places, { maxRecords } = {}) =>
      places.map(({ column, path }) => {
        const layout = layouts.get(String(path[0]));
        const rows = (layout && tables.get(layout.name)?.all()) ?? [];
        return findInRows(layout, bothEnds(rows, maxRecords), column);
      }),

    readJob: (id) => jobs.get(id),
    writeJob,
    listQuarantine: (id) => [...heldBy(id).values()],
    settleQuarantine(id, cells, to) {
      const there = new Set(cells.map(nameOfCell).filter((name) => heldBy(id).has(name)));
      for (const name of there) {
        if (to === 'gone') heldBy(id).delete(name);
        else heldBy(id).set(name, { ...(heldBy(id).get(name) as QuarantineEntry), disposition: to });
      }
      return there.size;
    },

    insert({ layout }, row) {
      const key = keyOf(layout, row);
      if (rowsOf(layout).get(key))
        throw new StoreUnfitError('There is a record with this id already.', { table: layout.name });
      rowsOf(layout).put(key, { ...row });
    },
    update({ layout }, id, changes) {
      const key = keyOf(layout, id);
      const row = rowsOf(layout).get(key);
      if (row) rowsOf(layout).put(key, { ...row, ...changes });
      return row !== undefined;
    },
    remove: ({ layout }, id) => rowsOf(layout).remove(keyOf(layout, id)),
    get: ({ layout }, id) => rowsOf(layout).get(keyOf(layout, id)),
    rows: ({ layout }) => rowsOf(layout).all(),
  };
}

type KeyPart = string | bigint;

/** The rows of one table, in key order. */
class MemoryRows {
  readonly #rows = new Map<RecordKey, MemoryRow>();
  readonly #order: RecordKey[] = [];

  get size(): number {
    return this.#order.length;
  }

  get(key: RecordKey): MemoryRow | undefined {
    return this.#rows.get(key);
  }

  all(): MemoryRow[] {
    return this.#order.map((key) => this.#rows.get(key) as MemoryRow);
  }

  put(key: RecordKey, row: MemoryRow): void {
    if (!this.#rows.has(key)) this.#order.splice(this.#after(key), 0, key);
    this.#rows.set(key, row);
  }

  remove(key: RecordKey): boolean {
    if (!this.#rows.delete(key)) return false;
    this.#order.splice(this.#after(key) - 1, 1);
    return true;
  }

  page(layout: TableLayout, { after, until, maxRecords, maxBytes }: PageRequest): Page {
    const records: StoredRecord[] = [];
    let bytes = 0;
    for (const place of [after, until])
      if (place !== undefined && !isKey(layout, place)) throw new InvalidCursorError({ table: layout.name });
    const start = after === undefined ? 0 : this.#after(after);
    const end = until === undefined ? this.#order.length : this.#after(until);
    for (const key of this.#order.slice(start, Math.min(start + maxRecords, end))) {
      const record = storedRecord(layout, key, this.#rows.get(key) as MemoryRow);
      const values = [...record.cells, ...(record.plaintexts ?? []), ...(record.tokens ?? [])];
      bytes += values.reduce<number>((sum, value) => sum + sizeOf(value), 0);
      if (records.length > 0 && bytes > maxBytes) break;
      records.push(record);
    }
    return { records, next: records.at(-1)?.key, done: start + records.length >= end };
  }

  boundaries(everyRecords: number): RecordKey[] {
    return this.#order.slice(0, -1).filter((_, i) => (i + 1) % everyRecords === 0);
  }

  /** How many keys are not greater: the place after `key`, whether it is there or not. */
  #after(key: RecordKey): number {
    const wanted = decodeKey(key);
    let low = 0;
    let high = this.#order.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (compareKeys(decodeKey(this.#order[middle] as RecordKey), wanted) <= 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

function storedRecord(layout: TableLayout, key: RecordKey, row: MemoryRow): StoredRecord {
  return {
    key,
    id: layout.key.map(({ name }) => row[name]),
    ...(layout.tenant ? { tenant: row[layout.tenant.name] } : {}),
    cells: layout.cells.map((column) => cellOf(column, row)),
    ...(layout.cells.some(isFromColumn)
      ? { plaintexts: layout.cells.map((column) => plaintextOf(column, row)) }
      : {}),
    ...(layout.tokens ? { tokens: layout.tokens.map((column) => tokenOf(column, row)) } : {}),
    ...(layout.formerKey ? { formerId: layout.formerKey.map(({ name }) => row[name]) } : {}),
  };
}

/** In place of what is no text, a text that is no token. */
function tokenOf({ index }: TokenColumn, row: MemoryRow): string | null {
  const value = row[index] ?? null;
  return value === null || typeof value === 'string' ? value : '';
}

function cellOf({ attribute, adopting }: CellColumn, row: MemoryRow): unknown {
  const value = row[attribute] ?? null;
  if (adopting !== 'in-place' || value === null) return value;
  return plainForm(value) ?? NO_PLAINTEXT;
}

function isFromColumn({ adopting }: CellColumn): boolean {
  return typeof adopting === 'object';
}

function plaintextOf({ adopting }: CellColumn, row: MemoryRow): string | Bytes | null {
  if (typeof adopting !== 'object') return null;
  const value = row[adopting.name] ?? null;
  return value === null ? null : (plainForm(value) ?? NO_PLAINTEXT);
}

function isUnchanged(layout: TableLayout, row: MemoryRow, { cell, old, plaintext }: CellSwap): boolean {
  const column = layout.cells[cell] as CellColumn;
  if (!isSame(cellOf(column, row), old)) return false;
  return plaintext === undefined || isSame(plaintextOf(column, row), plaintext);
}

function nameOf(layout: TableLayout, cell: number): string {
  return (layout.cells[cell] as TableLayout['cells'][number]).attribute;
}

function isSame(found: unknown, old: string | Bytes | null): boolean {
  if (old === null || typeof old === 'string') return found === old;
  return isUint8Array(found) && equalBytes(found, old);
}

function sizeOf(cell: unknown): number {
  return typeof cell === 'string' || isUint8Array(cell) ? cell.length : 0;
}

function keyOf(layout: TableLayout, row: MemoryRow): RecordKey {
  const parts = layout.key.map((part) => keyPart(layout, part, row[part.name]));
  return JSON.stringify(
    parts.map((part) => (typeof part === 'bigint' ? { integer: part.toString() } : part)),
  );
}

function keyPart({ name: table }: TableLayout, { type }: KeyColumn, value: unknown): KeyPart {
  if (
    type === 'integer' &&
    (typeof value === 'number' || typeof value === 'bigint' || typeof value === 'string')
  )
    return BigInt(value);
  if (typeof value === 'string') return type === 'uuid' ? value.toLowerCase().replaceAll('-', '') : value;
  if (isUint8Array(value)) return hex(value);
  throw new StoreUnfitError('A row has no id, or one that is not as its table declares it.', { table });
}

function decodeKey(key: RecordKey): KeyPart[] {
  const parts = JSON.parse(key) as (string | { integer: string })[];
  return parts.map((part) => (typeof part === 'string' ? part : BigInt(part.integer)));
}

/** Cursors come from a job record, which may be damaged. */
function isKey(layout: TableLayout, text: string): boolean {
  try {
    return decodeKey(text).length === layout.key.length;
  } catch {
    return false;
  }
}

function compareKeys(left: readonly KeyPart[], right: readonly KeyPart[]): number {
  for (let i = 0; i < left.length; i++) {
    const [a, b] = [left[i] as KeyPart, right[i] as KeyPart];
    if (a !== b) return a < b ? -1 : 1;
  }
  return 0;
}

function countTable(layout: TableLayout, rows: MemoryRows): TableCount {
  const tags: Record<string, number> = {};
  let notCells = 0;
  for (const row of rows.all()) {
    for (const { attribute, form } of layout.cells) {
      const cell = row[attribute] ?? null;
      if (cell === null) continue;
      const tag = (typeof cell === 'string') === (form === 'text') ? keyTagOf(cell) : undefined;
      if (tag === undefined) notCells++;
      else tags[tag] = (tags[tag] ?? 0) + 1;
    }
  }
  const tokens = layout.tokens?.map((column) => countTokens(layout, column, rows.all()));
  const count = {
    table: layout.name,
    records: rows.size,
    tags,
    notCells,
    ...(tokens ? { tokens } : {}),
  };
  if (!layout.cells.some(isFromColumn)) return count;
  const unadopted = rows
    .all()
    .flatMap((row) =>
      layout.cells.filter(
        (column) => (row[column.attribute] ?? null) === null && plaintextOf(column, row) !== null,
      ),
    );
  return { ...count, unadopted: unadopted.length };
}

function countTokens(layout: TableLayout, column: TokenColumn, rows: readonly MemoryRow[]): TokenCount {
  const prefixes: Record<string, number> = {};
  let [notTokens, missing] = [0, 0];
  for (const row of rows) {
    const token = tokenOf(column, row);
    const prefix = tokenPrefixOf(token);
    if (prefix !== undefined) prefixes[prefix] = (prefixes[prefix] ?? 0) + 1;
    else if (token !== null) notTokens++;
    else if (hasPredecessor(layout, column, row)) missing++;
  }
  return { prefixes, notTokens, missing };
}

/** Whether there is what a token would go with. */
function hasPredecessor(layout: TableLayout, { cells, follows }: TokenColumn, row: MemoryRow): boolean {
  if (follows !== undefined) return tokenOf(tokenColumn(layout, follows), row) !== null;
  return cells.every((cell) => (row[nameOf(layout, cell)] ?? null) !== null);
}
