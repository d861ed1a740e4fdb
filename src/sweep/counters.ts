/** What a sweep has counted. Counters only grow, and are committed with the work that they count. */
export interface SweepCounters {
  /** Records looked at, over all passes. */
  readonly scanned: number;
  /** Cells sealed anew, adopted and rebound ones among them. */
  readonly rewritten: number;
  /** Tokens of blind indexes made anew. */
  readonly tokens: number;
  /** Cells sealed in place of plaintext. */
  readonly adopted: number;
  /** Cells that opened in their former place only, sealed in their own. */
  readonly rebound: number;
  /** Cells found under their active key in the first pass. */
  readonly current: number;
  /** Swaps lost to somebody who wrote, or held, the record at the same moment. */
  readonly conflicts: number;
  /** Records left for the next pass after five lost swaps, or because they stayed locked. */
  readonly deferred: number;
  /** Cells that were refused in the first pass; `listQuarantine` has them all. */
  readonly quarantined: number;
  /** Tokens that the first pass has left: nothing in the value is indexed, or another record has the token in a column that is UNIQUE. Their cells can be read; `listQuarantine` has the first 1,000 of them. */
  readonly unindexed: number;
  /** Bytes of the cells sealed anew, as they are stored. */
  readonly bytes: number;
}

export const NO_COUNTS: SweepCounters = Object.freeze({
  scanned: 0,
  rewritten: 0,
  tokens: 0,
  adopted: 0,
  rebound: 0,
  current: 0,
  conflicts: 0,
  deferred: 0,
  quarantined: 0,
  unindexed: 0,
  bytes: 0,
});

/** The counters with `more` added. */
export function addCounters(counters: SweepCounters, more: Partial<SweepCounters>): SweepCounters {
  const sum = { ...counters };
  for (const name of Object.keys(NO_COUNTS) as (keyof SweepCounters)[]) sum[name] += more[name] ?? 0;
  return sum;
}
