import { KeyringFormatError, KeyringLimitError } from '../errors.js';
import { CELLS_PER_SALT, MAX_CELLS_PER_KEY, MAX_HOLD_MS } from '../limits.js';
import { damaged, isObject } from './checks.js';

/** What holds for every process that uses the keyring. It stands inside the MAC; `setPolicy` changes it. */
export interface KeyringPolicy {
  /** A keyring that has not been read for this long decrypts but does not encrypt, unless reading it succeeds first. 1,000 to 2,592,000,000 (30 days). Default: no such limit. */
  readonly maxStaleMs?: number | undefined;
  /** Cells that are encrypted under one data key, at most: from three quarters on there is a warning; what goes beyond is refused. 65,536 to 2^48. Default: 2^48. */
  readonly maxCellsPerKey?: number | undefined;
  /** How long a key is to be active, in days, 1 to 36,500: from nine tenths on there is a warning, and nothing is refused. Default: no such limit. */
  readonly cryptoperiodDays?: number | undefined;
  /** How long a key must have been empty, between one count and another, before it is suspended: longer than a process is ever frozen between encrypting and writing. 0 to 31,536,000,000 (365 days). Default: 86,400,000 (24 hours). */
  readonly holdMs?: number | undefined;
}

const DAY_MS = 86_400_000;
const BOUNDS: Readonly<Record<keyof KeyringPolicy, readonly [least: number, most: number]>> = Object.freeze({
  maxStaleMs: [1_000, 30 * DAY_MS],
  maxCellsPerKey: [CELLS_PER_SALT, MAX_CELLS_PER_KEY],
  cryptoperiodDays: [1, 36_500],
  holdMs: [0, MAX_HOLD_MS],
});
const MEMBERS = Object.keys(BOUNDS) as (keyof KeyringPolicy)[];

/** Members that are set, in the format's order. */
export function encodePolicy(policy: KeyringPolicy): object {
  return Object.fromEntries(
    MEMBERS.filter((name) => policy[name] !== undefined).map((name) => [name, policy[name]]),
  );
}

export function decodePolicy(value: unknown): KeyringPolicy {
  if (!isObject(value)) throw damaged('The policy is no object.');
  // A rule that this version does not know is one that it would break.
  if (!Object.keys(value).every((name) => Object.hasOwn(BOUNDS, name))) throw new KeyringFormatError();
  for (const name of MEMBERS) {
    if (Object.hasOwn(value, name) && !isWithin(name, value[name]))
      throw damaged('A policy is outside its bounds.');
  }
  return value as KeyringPolicy;
}

/** Throws `KeyringLimitError`. */
export function assertPolicy(policy: KeyringPolicy): void {
  for (const name of MEMBERS) {
    if (policy[name] !== undefined && !isWithin(name, policy[name])) {
      throw new KeyringLimitError(
        'maxStaleMs is 1,000 to 2,592,000,000, maxCellsPerKey 65,536 to 2^48, cryptoperiodDays 1 to 36,500, holdMs 0 to 31,536,000,000.',
      );
    }
  }
}

function isWithin(name: keyof KeyringPolicy, value: unknown): boolean {
  const [least, most] = BOUNDS[name];
  return Number.isSafeInteger(value) && (value as number) >= least && (value as number) <= most;
}
