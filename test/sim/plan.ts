/** What a seed stands for: a world, and what goes wrong in it. */
import type { KeyKind } from '../../src/keyring/states.js';
import { AIMS, type Aim, type FaultKind, type OperatorAct, aimName } from './points.js';
import { Chance } from './random.js';

/** The longest pause of a writer where a hold is to outlast it. */
export const LONGEST_PAUSE_MS = 4_500;
/** Longer than that and the time for which a keyring encrypts together, as the rule wants it. */
export const HOLD_MS = 7_500;

/** Dangers that a world can be spared. */
export const DANGERS = ['in-flight', 'replay', 'poison', 'forgery', 'flip', 'undo'] as const;
export type Danger = (typeof DANGERS)[number];

/** How a world is. */
export interface Variant {
  readonly people: number;
  readonly notes: number;
  readonly chunkRecords: number;
  readonly writers: number;
  readonly rotators: number;
  readonly rounds: number;
  /** The kinds of keys that are replaced. */
  readonly rotates: readonly KeyKind[];
  /** Whether the record store commits a chunk in one transaction. */
  readonly transactions: boolean;
  /** Whether a row that is locked is passed over by a swap, or makes the request fail. */
  readonly skipLocked: boolean;
  /** Whether pages may hold fewer records than asked for. */
  readonly shortPages: boolean;
  /** Whether the last page says so, or an empty one after it. */
  readonly lateDone: boolean;
  readonly snapshotCensus: boolean;
  /** What keeps stale writers out. */
  readonly guard: 'fence' | 'hold';
  /** Whether time may pass between a writer's sealing and its commit. */
  readonly inFlight: boolean;
  /** Whether writers use transactions of several statements. */
  readonly appTransactions: boolean;
  readonly usage: boolean;
  /** Whether writers cannot reach the keyring's store for a time. */
  readonly outage: boolean;
  /** Whether rotators sweep ranges of keys without a job record. */
  readonly partitions: boolean;
  /** Whether suspended keys are destroyed at the end. */
  readonly destroys: boolean;
  /** Whether writers write at short intervals. */
  readonly haste: boolean;
  /** Whether readers decrypt what they read long before. */
  readonly lateReader: boolean;
  /** Cells that do not open. */
  readonly poison: number;
  readonly operator: readonly OperatorAct[];
}

/** One thing that goes wrong: the `nth` time that a point is reached. */
export interface Fault {
  readonly point: string;
  readonly kind: FaultKind;
  readonly nth: number;
  /** Which of two ways: a crash after the request was applied; a duplicate that is late; a pause that stops the monotonic clock. */
  readonly isOther: boolean;
}

export interface Plan {
  readonly variant: Variant;
  readonly faults: readonly Fault[];
}

/** How far a plan is bound by what is turned off. */
export interface PlanBounds {
  readonly spared: readonly Danger[];
  /** `undefined`: whichever the seed says. */
  readonly guard?: Variant['guard'] | 'none' | undefined;
  readonly pinned?: Partial<Variant>;
  /** Pairs of which each plan has some, as {@link aimName} spells them. Default: any. */
  readonly aims?: readonly string[];
}

const MOST_FAULTS = 5;
const MOST_TIMES = 4;
/** A rotator that has read a page waits, while writers write. */
const MEETING: Fault = { point: 'rotator.chunk.rewrite', kind: 'pause', nth: 1, isOther: false };
/** How many more of a plant's own faults there are, and how late they come. */
const MORE_AIMED = 3;
const MOST_AIMED_AT = 12;

const ROTATIONS_OF_DATA: readonly (readonly KeyKind[])[] = [['data'], ['data', 'index']];
const ROTATIONS: readonly (readonly KeyKind[])[] = [...ROTATIONS_OF_DATA, ['index']];

/** The plan of a seed. Its first fault goes round all pairs of point and kind, so that a few hundred seeds meet each. */
export function planOf(seed: number, bounds: PlanBounds): Plan {
  const chance = new Chance(seed, 'plan');
  const aims = AIMS.filter((aim) => isPossible(aim, bounds));
  const chosen = bounds.aims
    ? aims.filter(({ point, kind }) => bounds.aims?.includes(aimName(point.name, kind)))
    : aims;
  const first = chosen[seed % chosen.length] as Aim;
  const variant = variantFor(first, chance, bounds);
  // Every other round aims at the first time that the point is reached: many are reached once only.
  const isFirstTime = Math.floor(seed / chosen.length) % 2 === 0 && bounds.aims === undefined;
  const faults: Fault[] = [
    { ...faultAt(first, chance, bounds.aims && MOST_AIMED_AT), ...(isFirstTime ? { nth: 1 } : {}) },
  ];
  if (first.point.needs.haste) faults.push(MEETING);
  for (let more = bounds.aims ? MORE_AIMED : 0; more > 0; more--) {
    const aim = chance.pick(chosen);
    if (fits(aim, variant) && !isOnePauseTooMany(aim, faults, variant))
      faults.push(faultAt(aim, chance, MOST_AIMED_AT));
  }
  for (let more = chance.below(MOST_FAULTS); more > 0; more--) {
    const aim = chance.pick(aims);
    if (fits(aim, variant) && !isOnePauseTooMany(aim, faults, variant)) faults.push(faultAt(aim, chance));
  }
  return { variant, faults };
}

function faultAt({ point, kind }: Aim, chance: Chance, mostTimes = MOST_TIMES): Fault {
  const nth = chance.happens(0.5) ? 1 : chance.between(1, mostTimes);
  return { point: point.name, kind, nth, isOther: chance.happens(0.5) };
}

/** A hold outlasts one longest pause, not two in a row. */
function isOnePauseTooMany({ point, kind }: Aim, faults: readonly Fault[], variant: Variant): boolean {
  const isOfWriter = (name: string, what: FaultKind): boolean =>
    what === 'pause' && name.startsWith('writer.');
  return (
    isHeld(variant) &&
    isOfWriter(point.name, kind) &&
    faults.some((fault) => isOfWriter(fault.point, fault.kind))
  );
}

/** Whether something is suspended after a hold: behind a fence, too, index keys are. */
export function isHeld({ guard, rotates }: Pick<Variant, 'guard' | 'rotates'>): boolean {
  return guard === 'hold' || rotates.includes('index');
}

function isPossible({ point, kind }: Aim, { spared, guard, pinned = {} }: PlanBounds): boolean {
  const { needs } = point;
  if (spared.includes('replay') && kind === 'replay') return false;
  if (spared.includes('flip') && kind === 'flip') return false;
  if (spared.includes('poison') && needs.poison) return false;
  if (spared.includes('forgery') && needs.operator === 'forge') return false;
  if (spared.includes('undo') && needs.operator === 'undo') return false;
  if (spared.includes('in-flight') && needs.appTransactions) return false;
  if (needs.dataKey && pinned.rotates?.includes('data') === false) return false;
  if (guard !== undefined && needs.guard !== undefined && needs.guard !== guard) return false;
  return Object.entries(pinned).every(
    ([name, value]) => !(name in needs) || Boolean(needs[name as keyof typeof needs]) === Boolean(value),
  );
}

function fits({ point: { needs } }: Aim, variant: Variant): boolean {
  const {
    transactions,
    guard,
    operator,
    poison,
    appTransactions,
    usage,
    partitions,
    destroys,
    haste,
    lateReader,
    dataKey,
  } = needs;
  return (
    (transactions === undefined || transactions === variant.transactions) &&
    (guard === undefined || guard === variant.guard) &&
    (operator === undefined || variant.operator.includes(operator)) &&
    (!poison || variant.poison > 0) &&
    (!appTransactions || variant.appTransactions) &&
    (!usage || variant.usage) &&
    (!destroys || variant.destroys) &&
    (!haste || variant.haste) &&
    (!lateReader || variant.lateReader) &&
    (!dataKey || variant.rotates.includes('data')) &&
    (partitions === undefined || partitions === variant.partitions)
  );
}

function variantFor({ point: { needs } }: Aim, chance: Chance, bounds: PlanBounds): Variant {
  const { spared, guard: wanted, pinned } = bounds;
  const isSpared = (danger: Danger): boolean => spared.includes(danger);
  const isFenced = chance.happens(0.5);
  // Behind a fence keys are suspended soon: before a late reader decrypts.
  const drawn = isFenced || needs.lateReader ? 'fence' : 'hold';
  const guard = needs.guard ?? (wanted === 'none' ? 'hold' : (wanted ?? drawn));
  const inFlight = !isSpared('in-flight');
  const acts: OperatorAct[] = [];
  if (needs.operator) acts.push(needs.operator);
  const partitions = needs.partitions ?? pinned?.partitions ?? chance.happens(0.2);
  for (const act of ['policy', 'spare', 'undo', 'pause', 'forge'] as const) {
    const isUnfit =
      (act === 'undo' && (guard === 'fence' || isSpared('undo'))) ||
      (act === 'forge' && (partitions || isSpared('forgery'))) ||
      (act === 'pause' && partitions);
    if (act !== needs.operator && !isUnfit && chance.happens(0.2)) acts.push(act);
  }
  return {
    // Some of the cells that do not open are to be there when it is counted.
    people: needs.poison ? 14 : chance.between(3, 14),
    notes: chance.between(2, 8),
    chunkRecords: chance.between(3, 8),
    writers: needs.haste ? 2 : chance.between(1, 2),
    rotators: needs.haste ? 1 : chance.between(1, 2),
    rounds: chance.happens(0.2) ? 2 : 1,
    rotates: chance.pick(needs.dataKey ? ROTATIONS_OF_DATA : ROTATIONS),
    transactions: needs.transactions ?? chance.happens(0.7),
    skipLocked: chance.happens(0.5),
    shortPages: chance.happens(0.25),
    lateDone: chance.happens(0.3),
    snapshotCensus: chance.happens(0.7),
    guard,
    inFlight,
    appTransactions: inFlight && (needs.appTransactions ?? chance.happens(0.3)),
    partitions,
    outage: chance.happens(0.2),
    destroys: needs.destroys ?? chance.happens(0.2),
    usage: needs.usage ?? chance.happens(0.2),
    haste: needs.haste ?? chance.happens(0.15),
    lateReader: needs.lateReader ?? chance.happens(0.1),
    poison: isSpared('poison') ? 0 : needs.poison ? chance.between(2, 4) : chance.happens(0.25) ? 1 : 0,
    operator: acts,
    ...pinned,
  };
}
