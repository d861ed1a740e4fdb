/** Tables drawn at random, from a seed: what the planner foretells is counted in them. */

/** Numbers from 0 to 1, the same for the same seed (mulberry32). */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** What was counted in one table. */
export interface Counted {
  /** Of a look-up by the value of a record, on average over the records: those with the value, and those with its token. */
  readonly matches: number;
  readonly candidates: number;
  readonly groups: number;
  /** Records that have the first value, and records that have its token. */
  readonly top: number;
  readonly topGroup: number;
  /** Records of other values than the first, squared, summed over the tokens; and the tokens that there are of them. */
  readonly otherSquares: number;
  readonly otherGroups: number;
  /** The probability that the best guess is right, for who knows all values, their shares and tokens. */
  readonly guessed: number;
}

/** Draws `records` values by their shares, gives every value a random token of so many bits, and counts. */
export function countedTable(
  random: () => number,
  shares: readonly number[],
  records: number,
  bits: number,
): Counted {
  const tokenOf = shares.map(() => Math.floor(random() * 2 ** bits));
  const drawn = drawnFrom(random, shares, records);
  const sizes = new Map<number, number>();
  const others = new Map<number, number>();
  const best = new Map<number, number>();
  for (const [value, token] of tokenOf.entries()) {
    const count = drawn[value] as number;
    best.set(token, Math.max(best.get(token) ?? 0, shares[value] as number));
    if (count === 0) continue;
    sizes.set(token, (sizes.get(token) ?? 0) + count);
    if (value > 0) others.set(token, (others.get(token) ?? 0) + count);
  }
  return {
    matches: sum(drawn.map((count) => count ** 2)) / records,
    candidates: sum([...sizes.values()].map((size) => size ** 2)) / records,
    groups: sizes.size,
    top: drawn[0] as number,
    topGroup: sizes.get(tokenOf[0] as number) ?? 0,
    otherSquares: sum([...others.values()].map((size) => size ** 2)),
    otherGroups: others.size,
    guessed: sum([...best.values()]),
  };
}

/** How many records have each value. */
function drawnFrom(random: () => number, shares: readonly number[], records: number): number[] {
  let total = 0;
  const upTo = shares.map((share) => {
    total += share;
    return total;
  });
  const drawn = shares.map(() => 0);
  for (let record = 0; record < records; record++) {
    const at = random() * total;
    let [low, high] = [0, upTo.length - 1];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((upTo[middle] as number) > at) high = middle;
      else low = middle + 1;
    }
    drawn[low] = (drawn[low] as number) + 1;
  }
  return drawn;
}

/** The mean of what was counted, and by how much it may be off: five standard errors, from its own variance. */
export function mean(values: readonly number[]): { readonly mean: number; readonly error: number } {
  const average = sum(values) / values.length;
  const variance = sum(values.map((value) => (value - average) ** 2)) / (values.length - 1);
  return { mean: average, error: 5 * Math.sqrt(variance / values.length) };
}

export function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
