import { KeyExhaustedError } from '../errors.js';
import { CELLS_PER_SALT, MAX_CELLS_PER_KEY } from '../limits.js';
import type { UsageLog } from '../ports/keyring-store.js';
import type { Environment } from './environment.js';
import { tell } from './events.js';

/** From this share of the limit on there is a warning. */
const WARNING_SHARE = 0.75;
/** A log's total is off by at most this share while a process has not said what it has done since. */
const UNTOLD_SHARE = 1 / 256;
/** What is left at the end is told in units of this, rounded by chance so that the sum is right: a million short processes do not write a million lines. */
const LAST_UNIT_CELLS = 1_024;

interface Count {
  /** As the log has it, or as far as this process knows. */
  told: number;
  /** Sealed here since. */
  untold: number;
  /** The next addition to the log is due at so many that are not told. */
  due: number;
  /** Under way. */
  telling: Promise<void> | undefined;
  warned: boolean;
}

/** Cells sealed under each key, by all processes together: approximate, because each tells the store's log only now and then. */
export class UsageMeter {
  readonly #environment: Environment;
  readonly #log: UsageLog | undefined;
  readonly #maxCells: () => number | undefined;
  readonly #counts = new Map<string, Count>();
  #hasRead = false;

  constructor(environment: Environment, log: UsageLog | undefined, maxCells: () => number | undefined) {
    this.#environment = environment;
    this.#log = log;
    this.#maxCells = maxCells;
  }

  /** One more cell under this key. Throws `KeyExhaustedError` where it would be one too many. */
  count(keyId: string): void {
    // With its first cell a process learns what the others have sealed: one that lives shortly comes to no other reason.
    if (!this.#hasRead) void this.#read();
    const count = this.#count(keyId);
    const cells = count.told + count.untold + 1;
    const maxCells = this.#maxCells() ?? MAX_CELLS_PER_KEY;
    if (cells > maxCells) throw new KeyExhaustedError(maxCells, { keyId });
    count.untold++;
    if (!count.warned && cells >= maxCells * WARNING_SHARE) {
      count.warned = true;
      tell(this.#environment.onEvent, { type: 'key-usage', keyId, cells, maxCells });
    }
    if (this.#log && !count.telling && count.untold >= Math.max(count.due, count.told * UNTOLD_SHARE))
      void this.#tell(keyId, count, count.untold).then(() => this.#read());
  }

  /** Cells under each key, as far as this process knows. */
  cells(keyId: string): number {
    const count = this.#counts.get(keyId);
    return count ? count.told + count.untold : 0;
  }

  /** Takes over what the other processes have told. */
  async refresh(): Promise<void> {
    if (!this.#log) return;
    this.#hasRead = true;
    for (const [keyId, told] of Object.entries(await this.#log.totals())) {
      const count = this.#count(keyId);
      // The total may have what is being told already: it would be counted twice.
      if (!count.telling) count.told = Math.max(count.told, told);
    }
  }

  async #read(): Promise<void> {
    this.#hasRead = true;
    try {
      await this.refresh();
    } catch (error) {
      tell(this.#environment.onEvent, { type: 'usage-failed', error });
    }
  }

  /** Tells what has not been told. */
  async close(): Promise<void> {
    if (!this.#log) return;
    for (const [keyId, count] of this.#counts) {
      await count.telling;
      const units = count.untold / LAST_UNIT_CELLS;
      const whole = Math.floor(units) + (this.#chance() < units % 1 ? 1 : 0);
      if (whole > 0) await this.#tell(keyId, count, whole * LAST_UNIT_CELLS);
      count.untold = 0;
    }
  }

  #tell(keyId: string, count: Count, cells: number): Promise<void> {
    count.telling = this.#add(keyId, count, cells).finally(() => {
      count.telling = undefined;
    });
    return count.telling;
  }

  async #add(keyId: string, count: Count, cells: number): Promise<void> {
    try {
      await this.#log?.add(keyId, cells);
      count.told += cells;
      count.untold = Math.max(0, count.untold - cells);
      count.due = CELLS_PER_SALT;
    } catch (error) {
      count.due = count.untold + CELLS_PER_SALT; // a log that fails is not asked again for every cell
      tell(this.#environment.onEvent, { type: 'usage-failed', error });
    }
  }

  #count(keyId: string): Count {
    let count = this.#counts.get(keyId);
    if (!count) {
      count = { told: 0, untold: 0, due: CELLS_PER_SALT, telling: undefined, warned: false };
      this.#counts.set(keyId, count);
    }
    return count;
  }

  /** 0 to 1. */
  #chance(): number {
    const [high, low] = this.#environment.random(2) as unknown as [number, number];
    return ((high << 8) | low) / 2 ** 16;
  }
}
