/**
 * The smallest record store that is right, over an ordered key-value store: here a `Map` whose keys are sorted when they
 * are read. Then the suite that says whether it is right, which yours has to pass as well.
 *
 *     npx tsx examples/own-adapter.ts
 */
import { InvalidCursorError, StoreUnfitError, keyTagOf } from 'cellseal';
import { type CaseRow, type CaseTable, recordStoreCases } from 'cellseal/conformance';
import type {
  CellAddress,
  JobWrite,
  QuarantineEntry,
  RecordKey,
  RecordStore,
  StoredRecord,
  TableLayout,
} from 'cellseal/rotation';

type Row = Readonly<Record<string, unknown>>;
type Rows = Map<RecordKey, Row>;

/** The database: rows by table and key. A rotation only ever changes rows that are there. */
class Database {
  readonly tables = new Map<string, Rows>();

  rows({ from }: TableLayout): Rows {
    const path = JSON.stringify(from);
    const rows = this.tables.get(path) ?? new Map();
    this.tables.set(path, rows);
    return rows;
  }
}

/** What `cellseal` asks of a database. Rows have the layout's `column` names, as they would in one. */
function ownRecords(db: Database): RecordStore {
  const jobs = new Map<string, string>();
  const quarantines = new Map<string, Map<string, QuarantineEntry>>();

  const quarantineOf = (id: string): Map<string, QuarantineEntry> => {
    const entries = quarantines.get(id) ?? new Map();
    quarantines.set(id, entries);
    return entries;
  };

  const writeJob = ({ id, previous, next, forgetQuarantine }: JobWrite): boolean => {
    if (jobs.get(id) !== previous) return false;
    jobs.set(id, next);
    // What an operator has looked at stays where it is.
    if (forgetQuarantine)
      for (const [cell, entry] of quarantineOf(id))
        if (entry.disposition === 'open') quarantineOf(id).delete(cell);
    return true;
  };

  return {
    // Nothing else runs between the lines of a synchronous function: that is this store's transaction.
    abilities: { compareAndSwap: true, transactions: true, snapshotCensus: true },

    page(layout, { after, maxBytes, maxRecords, until }) {
      // Cursors come back from a job record, which somebody may have damaged.
      for (const place of [after, until])
        if (place !== undefined && !isKey(layout, place))
          throw new InvalidCursorError({ table: layout.name });
      const rows = db.rows(layout);
      // By key, after the last one: an offset would skip records when others are removed.
      const keys = [...rows.keys()]
        .sort()
        .filter((key) => (after === undefined || key > after) && (until === undefined || key <= until));
      const records: StoredRecord[] = [];
      let bytes = 0;
      for (const key of keys.slice(0, maxRecords)) {
        const record = storedRecord(layout, key, rows.get(key) as Row);
        for (const cell of record.cells) bytes += sizeOf(cell);
        // One record always comes, however large it is: otherwise a rotation would stand still.
        if (records.length > 0 && bytes > maxBytes) break;
        records.push(record);
      }
      return { records, next: records.at(-1)?.key, done: records.length === keys.length };
    },

    boundaries: (layout, everyRecords) =>
      [...db.rows(layout).keys()]
        .sort()
        .slice(0, -1)
        .filter((_, i) => (i + 1) % everyRecords === 0),

    reread(layout, keys) {
      const rows = db.rows(layout);
      return keys
        .filter((key) => rows.has(key))
        .map((key) => storedRecord(layout, key, rows.get(key) as Row));
    },

    commit(layout, { id, job, quarantine, swaps }) {
      const rows = db.rows(layout);
      // Compare: exactly the bytes that were read, in every cell that is to change.
      const swapped = swaps.map(({ cells, key }) => {
        const row = rows.get(key);
        return row !== undefined && cells.every(({ cell, old }) => isSame(row[columnOf(layout, cell)], old));
      });
      // The checkpoint goes with the work, or neither is written.
      if (job && !writeJob(job(swapped))) return { committed: false };
      swaps.forEach(({ cells, key }, i) => {
        if (!swapped[i]) return;
        const changes = cells.map((cell) => [columnOf(layout, cell.cell), cell.new]);
        rows.set(key, { ...rows.get(key), ...Object.fromEntries(changes) });
      });
      const entries = quarantineOf(id);
      for (const cell of quarantine) {
        const disposition = entries.get(nameOf(cell))?.disposition ?? 'open';
        entries.set(nameOf(cell), { ...cell, disposition });
      }
      return { committed: true, swapped };
    },

    census: (layouts) =>
      layouts.map((layout) => {
        const rows = [...db.rows(layout).values()];
        const tags: Record<string, number> = {};
        let notCells = 0;
        for (const value of rows.flatMap((row) => layout.cells.map(({ column }) => row[column] ?? null))) {
          if (value === null) continue;
          const tag = keyTagOf(value);
          // Of what is no cell, nothing is told but that it is there: it may be plaintext.
          if (tag === undefined) notCells++;
          else tags[tag] = (tags[tag] ?? 0) + 1;
        }
        return { table: layout.name, records: rows.length, tags, notCells };
      }),

    estimate: (layout) => ({ records: db.rows(layout).size, source: 'count' }),
    readJob: (id) => jobs.get(id),
    writeJob,
    listQuarantine: (id) => [...quarantineOf(id).values()],
    settleQuarantine(id, cells, to) {
      const entries = quarantineOf(id);
      const names = new Set(cells.map(nameOf).filter((name) => entries.has(name)));
      for (const name of names) {
        if (to === 'gone') entries.delete(name);
        else entries.set(name, { ...(entries.get(name) as QuarantineEntry), disposition: to });
      }
      return names.size;
    },
  };
}

const nameOf = ({ column, key, table }: CellAddress): string => JSON.stringify([table, key, column]);

function storedRecord({ cells, key: parts, tenant }: TableLayout, key: RecordKey, row: Row): StoredRecord {
  return {
    key,
    id: parts.map(({ column }) => row[column]),
    ...(tenant && { tenant: row[tenant.column] }),
    cells: cells.map(({ column }) => row[column] ?? null),
  };
}

function columnOf({ cells }: TableLayout, cell: number): string {
  const { column } = cells[cell] ?? {};
  if (column === undefined) throw new RangeError('The layout has no such cell.');
  return column;
}

function sizeOf(cell: unknown): number {
  return typeof cell === 'string' || cell instanceof Uint8Array ? cell.length : 0;
}

function isSame(found: unknown, old: string | Uint8Array | null): boolean {
  if (typeof old === 'string') return found === old;
  if (old === null) return false; // only where an adapter says that it adopts plaintext
  return found instanceof Uint8Array && Buffer.compare(found, old) === 0;
}

/** A key that sorts as the database would: integers by value, everything else by its bytes. */
function keyOf(layout: TableLayout, row: Row): RecordKey {
  const parts = layout.key.map(({ column, type }) => {
    const value = row[column];
    if (type === 'integer') return (BigInt(value as bigint) + 2n ** 63n).toString(16).padStart(16, '0');
    if (value instanceof Uint8Array) return Buffer.from(value).toString('hex');
    if (typeof value === 'string') return Buffer.from(value).toString('hex');
    throw new StoreUnfitError('A row has no id.', { table: layout.name });
  });
  return parts.join('.');
}

/** Whether a text is what {@link keyOf} makes for this table. */
function isKey({ key }: TableLayout, text: string): boolean {
  const parts = key.map(({ type }) => (type === 'integer' ? '[0-9a-f]{16}' : '(?:[0-9a-f]{2})*'));
  return new RegExp(`^${parts.join('\\.')}$`).test(text);
}

// What an application does to the same rows, by the names of the definition: the suite does it in between.
const columns = ({ columns: all }: CaseTable, row: CaseRow): Row =>
  Object.fromEntries(
    all.filter(({ name }) => row[name] !== undefined).map(({ column, name }) => [column, row[name]]),
  );
const names = ({ columns: all }: CaseTable, row: Row): CaseRow =>
  Object.fromEntries(all.map(({ column, name }) => [name, row[column] ?? null]));

const cases = recordStoreCases(() => {
  const db = new Database();
  const rowsOf = ({ definition }: CaseTable): Rows => db.rows(definition.layout);
  const key = (table: CaseTable, id: CaseRow): RecordKey =>
    keyOf(table.definition.layout, columns(table, id));
  return {
    store: ownRecords(db),
    insert: (table, row) => rowsOf(table).set(key(table, row), columns(table, row)),
    update(table, id, changes) {
      const row = rowsOf(table).get(key(table, id));
      if (row) rowsOf(table).set(key(table, id), { ...row, ...columns(table, changes) });
    },
    remove: (table, id) => rowsOf(table).delete(key(table, id)),
    rows: (table) => [...rowsOf(table).values()].map((row) => names(table, row)),
    close: () => db.tables.clear(),
  };
});

// A test runner would have: for (const { name, run } of cases) it(name, run);
let failed = 0;
for (const { name, run } of cases) {
  await run().catch((error: unknown) => {
    failed++;
    console.error(`not so: ${name}\n `, error);
  });
}
console.log(failed === 0 ? 'every case of the suite passed' : `${failed} of ${cases.length} cases failed`);
process.exitCode = failed === 0 ? 0 : 1;
