import {
  type Abandoned,
  type Census,
  type HoldChoice,
  KEY_STATES,
  type KeyInfo,
  type Keyring,
  countUnderKey,
  holdOf,
  keyInfo,
  noteCensus,
  openedOf,
  suspendKeys,
} from '../keyring/index.js';
import type { RecordStore } from '../ports/record-store.js';
import type { Schema } from '../schema.js';
import { type SweepEnvironment, countCells, step } from '../sweep/index.js';
import { TOKEN_PREFIX_CHARACTERS } from '../token-form.js';
import { CELLS_LEFT } from './job.js';
import { type RecordsOptions, type StopOptions, environmentOf } from './options.js';
import { type RotationWorld, changeJob, scopeOf } from './run.js';
import { type UniqueIndexStatus, uniqueIndexes } from './unique-indexes.js';

/** What {@link finishRotation} takes. */
export interface FinishOptions extends RecordsOptions, StopOptions, HoldChoice {
  /** Cells that are given up, by the id of their key: exactly so many as are counted. Default: none. */
  readonly abandon?: Abandoned;
}

/** What {@link finishRotation} has done, and what is left. */
export interface FinishOutcome {
  /** Whether every older key is suspended: nothing that is stored needs one. */
  readonly isFinished: boolean;
  /** Keys that this call has suspended. */
  readonly suspended: readonly string[];
  /** Keys that were counted empty, and must be counted again when their hold is over. */
  readonly held: readonly HeldKey[];
  /** Cells, or tokens, by the id of the older key that they are still under: rotate again, or look at the quarantine. */
  readonly inUse: Readonly<Record<string, number>>;
  /** Each unique index of the schema, and what is next for it: an index key that one follows stays in `inUse`, whatever was counted. */
  readonly uniqueIndexes: readonly UniqueIndexStatus[];
  /** The last count. */
  readonly census: Census;
}

/** A key that was counted empty. */
export interface HeldKey {
  /** The key's id. */
  readonly keyId: string;
  /** A count that begins before this suspends it not yet. */
  readonly until: Date;
}

/** A count that marks and one that suspends, and once more where somebody else changed the keyring in between. */
const MAX_COUNTS = 4;

/**
 * Ends a rotation as far as it can be ended now: counts the cells and tokens under every older key; writes down which keys
 * have none (the first count); and suspends those that were empty for their hold, and still are (the second). Call it
 * when `rotate` is done, and again after the hold, from a schedule if you like: it is safe to repeat at any time, and
 * gives back what is left to wait for. With `withoutHold`, where a fence stands or a single process writes, one call
 * does it all.
 *
 * What it knows stands in the keyring, under its MAC, and not in the job record.
 *
 * @throws NotAcknowledgedError if a process that is written down had not read the keyring's newest revision when the count began. Wait with `awaitAcknowledgement`.
 * @throws KeyringConflictError if somebody else changed the keyring at the same moment. Call it again.
 */
export async function finishRotation(schema: Schema, options: FinishOptions): Promise<FinishOutcome> {
  const { keyring, records, signal, observer, ...choice } = options;
  return runFinish({ environment: environmentOf(options), keyring, schema, records }, choice);
}

/** The core of it: nothing in it reads a global. */
export async function runFinish(
  world: {
    readonly environment: SweepEnvironment;
    readonly keyring: Keyring;
    readonly schema: Schema;
    readonly records: RecordStore;
  },
  choice: Omit<FinishOptions, keyof RecordsOptions | keyof StopOptions>,
): Promise<FinishOutcome> {
  const { environment, keyring, schema, records } = world;
  const { abandon = {}, ...hold } = choice;
  const opened = openedOf(keyring);
  const suspended: string[] = [];
  holdOf({}, hold); // refused before anything is counted
  for (let counts = 1; ; counts++) {
    const count = await countCells(environment, opened, schema, records);
    const older = await olderKeys(world);
    const isEmpty = ({ keyId, kind }: KeyInfo): boolean => {
      const cells = countUnderKey(count, { keyId, kind });
      if (count.needed?.includes(keyId)) return false;
      return cells === 0 || (Object.hasOwn(abandon, keyId) && cells === abandon[keyId]);
    };
    const empty = older.filter(isEmpty);
    const holdMs = holdOf(opened.document.policy, hold);
    const untilMs = ({ emptySince }: KeyInfo): number =>
      holdMs === undefined ? 0 : emptySince ? emptySince.getTime() + holdMs : Number.POSITIVE_INFINITY;
    const due = empty.filter((key) => untilMs(key) <= count.countedAt.getTime()).map(({ keyId }) => keyId);
    if (due.length > 0 && counts < MAX_COUNTS) {
      await step(environment, 'keyring.change', () => suspendKeys(keyring, due, count, { ...hold, abandon }));
      suspended.push(...due);
      if (due.length < older.length) continue; // the keyring has another revision now, and this count is of the one before
      return outcome(world, suspended, [], [], count);
    }
    const marked = await step(environment, 'keyring.change', () => noteCensus(keyring, count, { abandon }));
    const held = marked
      .filter(({ keyId }) => empty.some((key) => key.keyId === keyId))
      .map((key) => ({ keyId: key.keyId, until: new Date(untilMs(key)) }));
    const inUse = older.filter((key) => !isEmpty(key));
    if (!inUse.every((key) => isOfUnique(schema, count, key)))
      await noteCellsLeft({ environment, opened, schema, records });
    return outcome(world, suspended, held, inUse, count);
  }
}

/** Whether only unique indexes still need the key: another sweep changes nothing about that. */
function isOfUnique({ tables }: Schema, count: Census, key: KeyInfo): boolean {
  if (key.kind === 'data') return false;
  const prefix = key.keyId.slice(0, TOKEN_PREFIX_CHARACTERS);
  const others = tables.flatMap(({ layout }, i) =>
    (layout.tokens ?? []).map(({ isUnique }, j) =>
      isUnique ? 0 : (count.tables[i]?.indexes?.[j]?.tokens[prefix] ?? 0),
    ),
  );
  return others.every((tokens) => tokens === 0);
}

/** A sweep that was through has to be done again: who asks for the next step is told so. */
async function noteCellsLeft(world: RotationWorld): Promise<void> {
  const scope = await scopeOf(world);
  await changeJob(world, (job) =>
    job.state === 'swept' && job.scope === scope ? { state: 'blocked', reason: CELLS_LEFT } : undefined,
  );
}

/** Every key that decrypts, or makes tokens to look for, only, those of tenants that stand in pages too. */
async function olderKeys({
  environment,
  keyring,
}: Parameters<typeof runFinish>[0]): Promise<readonly KeyInfo[]> {
  const { keys } = await step(environment, 'keyring.refresh', () => openedOf(keyring).newest.look('all'));
  return keys.filter(({ state }) => KEY_STATES[state].canSuspend).map(keyInfo);
}

function outcome(
  { keyring, schema }: Parameters<typeof runFinish>[0],
  suspended: readonly string[],
  held: readonly HeldKey[],
  inUse: readonly KeyInfo[],
  census: Census,
): FinishOutcome {
  return {
    isFinished: held.length === 0 && inUse.length === 0,
    suspended,
    held,
    inUse: Object.fromEntries(inUse.map((key) => [key.keyId, countUnderKey(census, key)])),
    uniqueIndexes: uniqueIndexes(schema, keyring, (table, token, keyId) => {
      const { missing, tokens = {} } = census.tables[table]?.indexes?.[token] ?? {};
      const prefix = keyId.slice(0, TOKEN_PREFIX_CHARACTERS);
      return (
        missing === 0 && Object.entries(tokens).every(([other, found]) => other === prefix || found === 0)
      );
    }),
    census,
  };
}
