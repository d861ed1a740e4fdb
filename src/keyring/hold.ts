import { DefinitionError, HoldError, KeyInUseError, KeyringLimitError } from '../errors.js';
import { DEFAULT_HOLD_MS, MAX_HOLD_MS } from '../limits.js';
import { TOKEN_PREFIX_CHARACTERS } from '../token-form.js';
import { type Census, assertCurrentCensus } from './census.js';
import type { KeyringDocument } from './document.js';
import type { KeyEntry } from './key-entry.js';
import { keyIdOf } from './keys.js';
import type { KeyringPolicy } from './policy.js';
import { roleOf } from './roster.js';
import type { KeyKind } from './states.js';

/** How long a key must have been empty before it is suspended. */
export interface HoldChoice {
  /** From the beginning of the count that found it empty first (`noteCensus`) to the beginning of the one that is handed in: longer than a process is ever frozen between encrypting and writing. 0 to 31,536,000,000 (365 days). Default: the policy's `holdMs`, or else 24 hours. */
  readonly holdMs?: number;
  /** One count is enough: where a fence in the database refuses cells under the key, or where a single process writes and it is this one. */
  readonly withoutHold?: true;
}

/** Cells that are given up, by the id of their key. */
export type Abandoned = Readonly<Record<string, number>>;

/** What is held against keys that are to be suspended. */
export interface EmptinessProof {
  readonly census: Census;
  /** When its count began. */
  readonly countedAtMs: number;
  /** `undefined`: one count is enough. */
  readonly holdMs: number | undefined;
  readonly abandon: Abandoned;
  /** Before which no key is taken for empty. */
  readonly bounds: ReadonlyMap<KeyEntry, number>;
}

/** The latest moment of a `Date`. */
const MAX_TIME_MS = 8.64e15;

/** Throws `KeyringLimitError` and `DefinitionError`. */
export function assertHoldChoice({ holdMs, withoutHold }: HoldChoice): void {
  if (holdMs === undefined) return;
  if (withoutHold) throw new DefinitionError('Either holdMs or withoutHold, not both.');
  if (!Number.isSafeInteger(holdMs) || holdMs < 0 || holdMs > MAX_HOLD_MS)
    throw new KeyringLimitError('holdMs is 0 to 31,536,000,000.');
}

/** Throws `DefinitionError`. */
export function assertAbandoned(abandon: Abandoned): void {
  if (!Object.values(abandon).every((cells) => Number.isSafeInteger(cells) && cells >= 0))
    throw new DefinitionError('Cells to abandon are given as a number, counted exactly.');
}

/** How long a key must have been empty; `undefined` where one count is enough. Throws as {@link assertHoldChoice} does. */
export function holdOf(policy: KeyringPolicy, choice: HoldChoice): number | undefined {
  assertHoldChoice(choice);
  const { holdMs = policy.holdMs ?? DEFAULT_HOLD_MS, withoutHold } = choice;
  return withoutHold ? undefined : holdMs;
}

/** Throws `CensusStaleError` and `NotAcknowledgedError` where the census proves nothing about this document. */
export function proofOf(
  { keyringId, revision, policy, keys }: KeyringDocument,
  census: Census,
  choice: HoldChoice,
  abandon: Abandoned,
): EmptinessProof {
  return {
    census,
    countedAtMs: assertCurrentCensus(census, keyringId, revision),
    holdMs: holdOf(policy, choice),
    abandon,
    bounds: emptinessBounds(keys),
  };
}

/** What of a census depends on a key: cells, or for an index key tokens, which name it by the beginning of its id. */
export function countUnderKey(
  { cells, tokens }: Pick<Census, 'cells' | 'tokens'>,
  { keyId, kind }: { readonly keyId: string; readonly kind: KeyKind },
): number {
  return (kind === 'data' ? cells[keyId] : tokens[keyId.slice(0, TOKEN_PREFIX_CHARACTERS)]) ?? 0;
}

/** Throws `KeyInUseError` for the first key with cells that were not given up, then `HoldError` for the one that takes longest. */
export function assertEmpty(keys: readonly KeyEntry[], proof: EmptinessProof): void {
  for (const key of keys) assertUnused(key, proof);
  const { holdMs, countedAtMs } = proof;
  if (holdMs === undefined) return;
  const early = keys
    .filter((key) => !(countedAtMs - markMs(key) >= Math.max(holdMs, 0)))
    .map((key) => ({ key, untilMs: emptyFromMs(key, proof) + holdMs }))
    .sort((left, right) => right.untilMs - left.untilMs);
  if (!early[0]) return;
  throw new HoldError(
    'The key has not been found empty for long enough. Note this census with noteCensus, wait, and count again; or say withoutHold where a fence stands or no other process writes.',
    keyIdOf(early[0].key),
    isoTime(early[0].untilMs),
  );
}

/** Cells, or tokens, under the key. Throws `KeyInUseError` unless there are none, or exactly those that were given up. */
export function assertUnused(
  entry: KeyEntry,
  { census, abandon }: Pick<EmptinessProof, 'census' | 'abandon'>,
): number {
  const keyId = keyIdOf(entry);
  const cells = countUnderKey(census, { keyId, kind: entry.kind });
  if (census.needed?.includes(keyId)) throw new KeyInUseError(cells, { keyId }, 'tokens');
  if (cells > 0 && cells !== (abandon[keyId] ?? 0))
    throw new KeyInUseError(cells, { keyId }, entry.kind === 'index' ? 'tokens' : 'cells');
  return cells;
}

/** Since when the key is empty, by this census: the mark that it has, if it can be true, or else the beginning of the count. */
export function emptyFromMs(
  key: KeyEntry,
  { countedAtMs, bounds }: Pick<EmptinessProof, 'countedAtMs' | 'bounds'>,
): number {
  const now = Math.max(countedAtMs, bounds.get(key) ?? Number.NEGATIVE_INFINITY);
  // A mark that is still to come was made by a clock that is wrong.
  return key.emptySince === undefined ? now : Math.min(markMs(key), now);
}

/**
 * Before which no key can have been empty: until it was made, and until the next of its kind and tenant was, it was
 * written with. A clock that was set back would make it look empty for longer.
 */
export function emptinessBounds(keys: readonly KeyEntry[]): ReadonlyMap<KeyEntry, number> {
  const bounds = new Map<KeyEntry, number>();
  const latest = new Map<string, KeyEntry>();
  for (const key of keys) {
    const createdMs = Date.parse(key.createdAt);
    bounds.set(key, createdMs);
    const before = latest.get(roleOf(key));
    if (before) bounds.set(before, Math.max(bounds.get(before) as number, createdMs));
    latest.set(roleOf(key), key);
  }
  return bounds;
}

/** ISO 8601; what no `Date` can say becomes the latest that one can. */
export function isoTime(ms: number): string {
  return new Date(Math.min(ms, MAX_TIME_MS)).toISOString();
}

/** `NaN` where there is none, for which no comparison holds. */
function markMs({ emptySince }: KeyEntry): number {
  return emptySince === undefined ? Number.NaN : Date.parse(emptySince);
}
