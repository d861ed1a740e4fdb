/**
 * Records, or a keyring, in an SQLite file.
 *
 * @packageDocumentation
 */
import { DuplicateTokenError } from '../errors.js';
import type {
  Chunk,
  ChunkOutcome,
  Page,
  RecordStore,
  TableCount,
  TableLayout,
} from '../ports/record-store.js';
import type { TokenLookup } from '../ports/token-lookup.js';
import { type LookupWhere, type LookupWhereOptions, lookupWhere } from './lookup-where.js';
import { countTable } from './sqlite/census.js';
import type { Row, SqliteClient } from './sqlite/client.js';
import { describeTables, findCells } from './sqlite/describe.js';
import { SqliteJobs } from './sqlite/jobs.js';
import { readBoundaries, readPage, rereadRecords, swapRecords } from './sqlite/records.js';
import { ROLL_BACK, guarded, inTransaction, isDuplicate, pathOf, quoted, tableName } from './sqlite/sql.js';

export type { LookupWhere, LookupWhereOptions } from './lookup-where.js';
export type { SqliteChanges, SqliteClient, SqliteStatement, SqliteValue } from './sqlite/client.js';
export { type SqliteKeyringOptions, sqliteKeyring } from './sqlite/keyring.js';

/** The options of {@link sqliteRecords}. */
export interface SqliteOptions {
  /** Where jobs keep their checkpoint; made when a rotation begins. In the same database file as the records: for an attached one `'crm.cellseal_job'`. Default: `cellseal_job`. */
  readonly jobTable?: string;
  /** Where cells that could not be read are listed; made when a rotation begins. In the same database file too. Default: `cellseal_quarantine`. */
  readonly quarantineTable?: string;
}

/**
 * Records in SQLite, through a client that the application has opened.
 *
 * Give it a connection of its own: each chunk is one `BEGIN IMMEDIATE … COMMIT`, which fails inside a transaction that
 * somebody else has open on the same connection. With other writers, `PRAGMA journal_mode = WAL` and
 * `PRAGMA busy_timeout = 1000` let both wait; what is still locked then is told as `StoreBusyError`, and a rotation
 * tries again.
 */
export function sqliteRecords(client: SqliteClient, options: SqliteOptions = {}): RecordStore {
  const { jobTable = 'cellseal_job', quarantineTable = 'cellseal_quarantine' } = options;
  const jobs = new SqliteJobs(client, jobTable, quarantineTable);

  return {
    abilities: {
      compareAndSwap: true,
      transactions: true,
      snapshotCensus: true,
      adopting: true,
      tokens: true,
    },

    page: (layout, request) =>
      inTransaction(client, 'BEGIN', () => readPage(client, layout, request)) as Page,

    boundaries: (layout, everyRecords) => guarded(() => readBoundaries(client, layout, everyRecords)),

    reread: (layout, keys) => guarded(() => rereadRecords(client, layout, keys)),

    commit: (layout, { id, swaps, quarantine, job }: Chunk): ChunkOutcome => {
      jobs.assertBeside(layout);
      try {
        return (
          inTransaction(client, 'BEGIN IMMEDIATE', () => {
            jobs.ensureTables();
            const swapped = swapRecords(client, layout, swaps);
            if (job && !jobs.write(job(swapped))) return ROLL_BACK;
            jobs.quarantine(id, quarantine);
            return { committed: true, swapped };
          }) ?? { committed: false }
        );
      } catch (error) {
        throw isDuplicate(error) ? new DuplicateTokenError({ table: layout.name }) : error;
      }
    },

    census: (layouts) =>
      // The snapshot of each attached file begins at its first read: over several nobody writes meanwhile.
      inTransaction(client, filesOf(layouts) > 1 ? 'BEGIN IMMEDIATE' : 'BEGIN', () =>
        layouts.map((layout) => countTable(client, layout)),
      ) as TableCount[],

    estimate: (layout) =>
      guarded(() => {
        const [row] = client.prepare(`SELECT COUNT(*) AS records FROM ${tableName(layout)}`).all();
        return { records: Number((row as Row)['records']), source: 'count' };
      }),

    describe: (layouts, request = {}) => guarded(() => describeTables(client, layouts, request)),
    findCells: (places, request = {}) => guarded(() => findCells(client, places, request)),

    readJob: (id) => guarded(() => jobs.read(id)),
    writeJob: (write) =>
      inTransaction(client, 'BEGIN IMMEDIATE', () => {
        jobs.ensureTables();
        return jobs.write(write) || ROLL_BACK;
      }) ?? false,
    listQuarantine: (id) => guarded(() => jobs.quarantined(id)),
    settleQuarantine: (id, cells, to) =>
      inTransaction(client, 'BEGIN IMMEDIATE', () => {
        jobs.ensureTables();
        return jobs.settle(id, cells, to);
      }) as number,
  };
}

/** In how many database files tables are. */
function filesOf(layouts: readonly TableLayout[]): number {
  return new Set(layouts.map(({ from }) => pathOf(from).schema)).size;
}

/**
 * A look-up as a condition for a statement of the application's own: `WHERE ${sql}`, with the values of its parameters.
 * The index of the token's column serves it. What it finds are candidates: decrypt them, and keep what `matches`.
 *
 * @throws NotAskableError if it has more tokens than a statement takes parameters, 32,766.
 */
export function sqliteWhere(lookup: TokenLookup, options: LookupWhereOptions = {}): LookupWhere {
  return lookupWhere(lookup, options, { quote: quoted, parameter: () => '?', maxParameters: 32_766 });
}
