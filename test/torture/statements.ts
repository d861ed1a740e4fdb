/** The statements of a rotator's transactions, by name. */

/** What a transaction that writes consists of, in its order. */
export const STATEMENTS = ['BEGIN', 'lock', 'swap', 'job', 'COMMIT'] as const;
export type StatementName = (typeof STATEMENTS)[number];

/** Told of each statement around it. */
export class Statements {
  readonly #reach: (point: string) => void;
  /** In SQLite pages are read in transactions, too: those write nothing. */
  #isReading = false;

  constructor(reach: (point: string) => void) {
    this.#reach = reach;
  }

  async around<T>(sql: string, run: () => Promise<T>): Promise<T> {
    const name = nameOf(sql);
    if (name === undefined) return run();
    this.#reach(`before ${name}`);
    const running = run();
    if (name === 'COMMIT') setImmediate(() => this.#reach('during COMMIT')); // it is on its way now
    const result = await running;
    this.#reach(`after ${name}`);
    return result;
  }

  aroundSync<T>(sql: string, run: () => T): T {
    if (sql.startsWith('BEGIN')) this.#isReading = sql === 'BEGIN';
    const name = this.#isReading ? undefined : nameOf(sql);
    if (name === undefined) return run();
    this.#reach(`before ${name}`);
    const result = run();
    this.#reach(`after ${name}`);
    return result;
  }
}

function nameOf(said: string): StatementName | undefined {
  const sql = said.replace(/^\/\*M! .* FOR \*\/ /, ''); // how MariaDB is told to wait briefly
  if (sql.startsWith('BEGIN')) return 'BEGIN';
  if (sql === 'COMMIT') return 'COMMIT';
  if (sql.includes('cellseal_quarantine')) return undefined;
  if (sql.startsWith('UPDATE')) return sql.includes('cellseal_job') ? 'job' : 'swap';
  return sql.includes('FOR UPDATE') && !sql.includes('cellseal_job') ? 'lock' : undefined;
}
