import { DefinitionError } from '../errors.js';
import {
  HIGH_ENTROPY_BITS,
  LOW_ENTROPY_BITS,
  MAX_INDEX_BITS,
  MIN_INDEX_BITS,
  UNIQUE_INDEX_BITS,
} from '../limits.js';
import { type PossibleValues, type ValueClass, classesOf, countOf } from './distribution.js';

/** What {@link planIndex} wants to know. */
export interface PlanOptions {
  /** How many records the table will have: what the index is planned for. */
  readonly records: number;
  /** How many it has now. Default: as many. */
  readonly recordsNow?: number;
  /** The values that the attribute can have, after the transform; of a compound index, the combinations. */
  readonly values: PossibleValues;
  /** The other blind indexes of the same table. What two tell of one attribute is counted twice: the plan is then careful rather than exact. Default: none. */
  readonly others?: readonly OtherIndex[];
  /** Whether no two records have the same value, and a UNIQUE constraint on the tokens is to see to it. Only the number of `values` counts then. Default: `false`. */
  readonly unique?: boolean;
  /** A width to look at, 8 to 256 bits. Default: the recommended one. */
  readonly bits?: number;
}

/** Another blind index of the same table. */
export interface OtherIndex extends Pick<PlanOptions, 'values' | 'unique'> {
  /** Its width. */
  readonly bits: number;
}

/** What a warning of the planner is about. */
export type PlanWarningCode = keyof typeof MESSAGES;

/** Something to think about before an index is made. */
export interface PlanWarning {
  /** Stable, in kebab-case. */
  readonly code: PlanWarningCode;
  /** What it means and what to do; constant for each code. */
  readonly message: string;
}

/** From one number to another, both included. */
export interface Span {
  /** The least. */
  readonly from: number;
  /** The most. */
  readonly to: number;
}

/** How often two different values would share a token. */
export interface FalseCollisions {
  /** That any two do, 0 to 1. */
  readonly probability: number;
  /** Pairs that do, on average. */
  readonly expected: number;
}

/** What a width of a blind index costs, and what it gives away. Averages, for the number of records that was planned for. */
export interface IndexPlan {
  /** The widths that docs/format.md §7 allows, both ends included; `undefined` where none is. */
  readonly safe: Span | undefined;
  /** The safe width from which the table can grow or shrink most; for a unique value of high entropy 128. `undefined` where none is safe. */
  readonly recommended: number | undefined;
  /** The width that all else is about: the one asked for, the recommended one, or else 128 for a unique value and the least bad for another. */
  readonly bits: number;
  /** C of the rule: the records that all indexes of the table together do not tell apart. Safe from 2 to less than the square root of the records. */
  readonly coincidences: number;
  /** How many records the table may have for this width to be safe: as many as `from`, and fewer than `to`. `undefined` where it is for none, and for a unique attribute. */
  readonly safeRecords: Span | undefined;
  /** What a look-up reads. */
  readonly lookup: LookupCost;
  /** What is seen by who reads the database and has no key. */
  readonly observer: ObserverView;
  /** What is learned of a value by who can have values of his choice encrypted, or holds the index key. */
  readonly guesser: GuesserView;
  /** How often a UNIQUE constraint refuses a value that is new. `undefined` unless `unique`. */
  readonly falseCollisions: FalseCollisions | undefined;
  /** What to think about, the gravest first. */
  readonly warnings: readonly PlanWarning[];
}

/** What a look-up by the value of some record reads and decrypts. */
export interface LookupCost {
  /** Records that have the value. */
  readonly matches: number;
  /** Records that have another value and the same token: decrypted for nothing. */
  readonly others: number;
  /** Both together. */
  readonly candidates: number;
  /** Candidates where it is the most frequent value. */
  readonly atMost: number;
}

/** What the tokens show without a key: which are equal. */
export interface ObserverView {
  /** Different tokens. */
  readonly groups: number;
  /** Records that share one. */
  readonly recordsPerGroup: number;
  /** Records in the group of the most frequent value, where there is any. */
  readonly largestGroup: number;
  /** Whether that group stands out by its size: who knows which value is the most frequent knows who has it. */
  readonly skewShows: boolean;
}

/** How well a value can be guessed, in bits of min-entropy: with k bits the best guess is right once in 2^k times. */
export interface GuesserView {
  /** Without the token. */
  readonly bitsBefore: number;
  /** With the token, on average: 0 where it names the value. All of them where there are 80 or more: nobody can try so many values. */
  readonly bitsLeft: number;
}

const MESSAGES = Object.freeze({
  'no-safe-width':
    'No width is safe for this attribute in a table of this size: a token either tells records apart like the value itself, or hardly narrows a look-up. Index it together with another attribute (a compound index), or decrypt and filter.',
  'too-wide':
    'The width is over the safe ones: equal tokens mean equal values, and a guess is confirmed by a single record. Take a narrower one.',
  'too-narrow':
    'The width is under the safe ones: a look-up reads and decrypts more records than the square root of the table. Take a wider one.',
  guessable:
    'A UNIQUE constraint wants a wide token, and these values can be tried one after the other by whoever holds the index key: for that person the token is as good as the value. Without the key it shows nothing, as no two records share it. Where that is too much, take a narrow index and look for an equal value before inserting.',
  'false-collisions':
    'Two different values get the same token with a probability of more than one in a million: a UNIQUE constraint will then refuse a value that is new. Take 128 bits, or no constraint.',
  'low-entropy':
    'The attribute has fewer than a million possible values: whoever holds the index key, or can have values encrypted and look at the table, can try them all. No width prevents that; a narrower one leaves more doubt. Index it together with another attribute (a compound index), or decrypt and filter.',
  skew: 'The most frequent value shows: its group of equal tokens is larger than chance makes one. Who knows what the most frequent value is knows which records have it. No width hides that; a compound index does.',
  'several-indexes':
    'This index would be safe alone. Together with the others of the table, the tokens of a record tell it from nearly all others. Take a narrower one, or do without one of them.',
  'table-too-small':
    'The table is still too small for this width: until it has grown, equal tokens mean equal values. Begin with a narrower index, or search by decrypting while it is small.',
});

/** More than that, and it is a warning. */
const MAX_FALSE_COLLISION = 1e-6;
/** Standard deviations by which a group stands out. */
const STANDS_OUT = 3;

/**
 * How wide a blind index may be, what a look-up by it costs, and what it gives away. Nothing is read and nothing is
 * kept: it is arithmetic, and as good as what it is told of the values.
 *
 * @throws DefinitionError: what it is told cannot be.
 */
export function planIndex(options: PlanOptions): IndexPlan {
  const facts = factsOf(options);
  const { classes, records, unique } = facts;
  const safe = safeWidths(facts);
  const recommended = safe && (facts.isOpen ? UNIQUE_INDEX_BITS : middleOf(safe, facts));
  const bits = options.bits ?? recommended ?? (unique ? UNIQUE_INDEX_BITS : leastBad(facts));
  const observer = observerView(facts, bits);
  const falseCollisions = unique ? birthday(records, bits) : undefined;
  const codes = warningCodes({ facts, safe, bits, observer, falseCollisions });
  return {
    safe,
    recommended,
    bits,
    coincidences: records / apart(facts, bits),
    safeRecords: unique ? undefined : safeRecords(facts, bits),
    lookup: lookupCost(facts, bits),
    observer,
    guesser: guesserView(classes, bits),
    falseCollisions,
    warnings: codes.map((code) => ({ code, message: MESSAGES[code] })),
  };
}

interface PlanFacts {
  readonly records: number;
  readonly recordsNow: number;
  readonly classes: readonly ValueClass[];
  /** Possible values: 2^K. */
  readonly count: number;
  readonly unique: boolean;
  /** Unique, and nobody can try the values: any width from 128 bits gives nothing away. */
  readonly isOpen: boolean;
  /** What the other indexes of the table tell apart, all together. */
  readonly apartByOthers: number;
}

function factsOf(options: PlanOptions): PlanFacts {
  const { records, recordsNow = records, values, others = [], unique = false, bits } = options;
  if (!isCount(records) || records < 1 || !isCount(recordsNow)) {
    throw new DefinitionError('records and recordsNow are whole numbers; records is 1 or more.');
  }
  if (bits !== undefined) assertBits(bits);
  const given = classesOf(values);
  const count = countOf(given);
  if (unique && count < records) {
    throw new DefinitionError(
      'A unique attribute has at least as many possible values as there are records.',
    );
  }
  return {
    records,
    recordsNow,
    classes: unique ? [{ count, share: 1 }] : given,
    count,
    unique,
    isOpen: isOpen(count, unique),
    apartByOthers: others.reduce((product, other) => product * apartBy(other), 1),
  };
}

/** Of another index. One of unique values tells records apart, which their ids do already, and says nothing of what they share. */
function apartBy({ bits, values, unique = false }: OtherIndex): number {
  assertBits(bits);
  const count = countOf(classesOf(values));
  return isOpen(count, unique) ? 1 : Math.min(2 ** bits, count);
}

function isOpen(count: number, unique: boolean): boolean {
  return unique && count >= 2 ** HIGH_ENTROPY_BITS;
}

// ── The rule (docs/format.md §7): 2 ≤ C < √R ────────────────────────────────────────────────────────────────────────

/** 2^Σ min(L_i, K_i): what all indexes of the table tell apart. C is the records by this. */
function apart({ count, apartByOthers }: PlanFacts, bits: number): number {
  return apartByOthers * Math.min(2 ** bits, count);
}

/** As C falls with every bit, these widths follow one another. */
function safeWidths(facts: PlanFacts): IndexPlan['safe'] {
  if (facts.isOpen) return { from: UNIQUE_INDEX_BITS, to: MAX_INDEX_BITS };
  if (facts.unique) return undefined;
  const safe = allWidths().filter((bits) => !isTooWide(facts, bits) && !isTooNarrow(facts, bits));
  const [from, to] = [safe[0], safe.at(-1)];
  return from === undefined || to === undefined ? undefined : { from, to };
}

function isTooWide(facts: PlanFacts, bits: number): boolean {
  return facts.records < 2 * apart(facts, bits);
}

function isTooNarrow(facts: PlanFacts, bits: number): boolean {
  return facts.records >= apart(facts, bits) ** 2;
}

/** The rule the other way round. */
function safeRecords(facts: PlanFacts, bits: number): IndexPlan['safeRecords'] {
  const [from, to] = [2 * apart(facts, bits), apart(facts, bits) ** 2];
  return from < to ? { from: Math.ceil(from), to: Math.ceil(to) } : undefined;
}

/**
 * Both ends move by a bit where the table doubles: the middle stays safe longest. More bits than the values have
 * change nothing for the rule; fewer leave a doubt. Where it can, it is safe already for the records of now.
 */
function middleOf({ from, to }: { from: number; to: number }, facts: PlanFacts): number {
  const useful = Math.max(from, Math.min(to, usefulBits(facts)));
  const now = { ...facts, records: facts.recordsNow };
  const widths = allWidths().filter((bits) => bits >= from && bits <= useful);
  const already = widths.filter((bits) => !isTooWide(now, bits));
  const [first = from, last = first] = already.length > 0 ? [already[0], already.at(-1)] : [from, useful];
  return Math.floor((first + last) / 2);
}

/** Where no width is safe: the widest that leaves two coincidences and has no more bits than the values; 8 where none does. */
function leastBad(facts: PlanFacts): number {
  const widths = allWidths().filter((bits) => bits <= usefulBits(facts) && !isTooWide(facts, bits));
  return widths.at(-1) ?? MIN_INDEX_BITS;
}

// ── What it costs and shows ─────────────────────────────────────────────────────────────────────────────────────────

/** For the value of a record drawn from the table; the other R − 1 are drawn from the distribution. */
function lookupCost(facts: PlanFacts, bits: number): LookupCost {
  const { classes, records, unique } = facts;
  const same = unique ? 0 : collision(classes);
  const matches = 1 + (records - 1) * same;
  const others = ((records - 1) * (1 - same)) / 2 ** bits;
  return { matches, others, candidates: matches + others, atMost: topGroup(facts, bits) };
}

function observerView(facts: PlanFacts, bits: number): ObserverView {
  const { classes, records, unique } = facts;
  const groups = occupied(unique ? records : present(classes, records), bits);
  return {
    groups,
    recordsPerGroup: records / groups,
    largestGroup: topGroup(facts, bits),
    skewShows: standsOut(facts, bits),
  };
}

/** The records that share the token of one that has the most frequent value. */
function topGroup({ classes, records, unique }: PlanFacts, bits: number): number {
  const top = unique ? 0 : topShare(classes);
  return 1 + (records - 1) * (top + (1 - top) / 2 ** bits);
}

/**
 * Whether the group of the most frequent value is larger than other groups by more than chance would have it: than
 * three standard deviations of the difference, from the first two moments of both.
 */
function standsOut({ classes, records }: PlanFacts, bits: number): boolean {
  const top = topShare(classes);
  const rest = 1 - top;
  const same = collision(classes) - top ** 2;
  // Records of other values under one token. In pairs: of one value they are together, of two in one of 2^L tokens.
  const mean = (records * rest) / 2 ** bits;
  const pairs = records * (records - 1) * (same + (rest ** 2 - same) / 2 ** bits);
  const square = (records * rest + pairs) / 2 ** bits;
  // The same of the tokens that are there; those are so many of all.
  const there = occupied(present(classes, records) - appears(top, records), bits) / 2 ** bits;
  const excess = records * top + mean - mean / there;
  const variance = records * top * rest + square - mean ** 2 + square / there - (mean / there) ** 2;
  return excess > STANDS_OUT * Math.sqrt(Math.max(0, variance));
}

function guesserView(classes: readonly ValueClass[], bits: number): GuesserView {
  const bitsBefore = -Math.log2(topShare(classes));
  return { bitsBefore, bitsLeft: bitsBefore < HIGH_ENTROPY_BITS ? bitsLeft(classes, bits) : bitsBefore };
}

/**
 * The average min-entropy of a value whose token is known: of the values of one token, the most frequent is guessed.
 * The i-th most frequent is guessed where none of the i before it has its token: with probability (1 − 2^−L)^i.
 */
function bitsLeft(classes: readonly ValueClass[], bits: number): number {
  const miss = Math.log1p(-(2 ** -bits));
  let before = 0;
  let guessed = 0;
  for (const { count, share } of classes) {
    const first = Math.exp(before * miss) * -Math.expm1(count * miss) * 2 ** bits;
    guessed += (share / count) * first;
    before += count;
  }
  return Math.max(0, -Math.log2(guessed));
}

/** Two of n values that share a token: n(n − 1)/2 pairs, each with 2^−L. */
function birthday(values: number, bits: number): FalseCollisions {
  const expected = (values * (values - 1)) / 2 ** (bits + 1);
  return { probability: -Math.expm1(-expected), expected };
}

/** The probability that two records have the same value. */
function collision(classes: readonly ValueClass[]): number {
  return classes.reduce((sum, { count, share }) => sum + share ** 2 / count, 0);
}

/** Values that at least one record has. */
function present(classes: readonly ValueClass[], records: number): number {
  return classes.reduce((sum, { count, share }) => sum + count * appears(share / count, records), 0);
}

/** 1 − (1 − p)^R, exact for small p. */
function appears(share: number, records: number): number {
  return -Math.expm1(records * Math.log1p(-share));
}

/** Different tokens of so many values. */
function occupied(values: number, bits: number): number {
  return -Math.expm1(values * Math.log1p(-(2 ** -bits))) * 2 ** bits;
}

function topShare([first]: readonly ValueClass[]): number {
  return first === undefined ? 0 : first.share / first.count;
}

// ── Warnings ────────────────────────────────────────────────────────────────────────────────────────────────────────

interface Judged extends Pick<IndexPlan, 'safe' | 'bits' | 'observer' | 'falseCollisions'> {
  readonly facts: PlanFacts;
}

/** In the order of `MESSAGES`. */
function warningCodes({ facts, safe, bits, observer, falseCollisions }: Judged): PlanWarningCode[] {
  const { unique, isOpen, records, recordsNow, count } = facts;
  const isWide = !unique && isTooWide(facts, bits);
  const alone = { ...facts, apartByOthers: 1 };
  const fewest = Math.min(records, recordsNow);
  const holds: Readonly<Record<PlanWarningCode, boolean>> = {
    'no-safe-width': !unique && safe === undefined,
    'too-wide': isWide && safe !== undefined,
    'too-narrow': !unique && safe !== undefined && isTooNarrow(facts, bits),
    guessable: unique && !isOpen,
    'false-collisions': (falseCollisions?.probability ?? 0) > MAX_FALSE_COLLISION,
    'low-entropy': count < 2 ** LOW_ENTROPY_BITS,
    skew: observer.skewShows,
    'several-indexes': isWide && !isTooWide(alone, bits),
    'table-too-small':
      !unique &&
      isTooWide({ ...alone, records: fewest }, bits) &&
      (bits === MIN_INDEX_BITS || !isTooWide(alone, bits)),
  };
  return (Object.keys(MESSAGES) as PlanWarningCode[]).filter((code) => holds[code]);
}

/** As many as give every value a token of its own. */
function usefulBits({ count }: PlanFacts): number {
  return Math.ceil(Math.log2(count));
}

function allWidths(): number[] {
  return Array.from({ length: MAX_INDEX_BITS - MIN_INDEX_BITS + 1 }, (_, more) => MIN_INDEX_BITS + more);
}

function assertBits(bits: number): void {
  if (Number.isInteger(bits) && bits >= MIN_INDEX_BITS && bits <= MAX_INDEX_BITS) return;
  throw new DefinitionError('An index has 8 to 256 bits.');
}

function isCount(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0;
}
