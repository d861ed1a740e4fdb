import { settleAll, settleEach, settled } from './concurrency.js';
import { helpersOf } from './elsewhere.js';
import { DefinitionError } from './errors.js';
import { type Keyring, openedOf } from './keyring/index.js';
import { DEFAULT_CONCURRENCY, MAX_CONCURRENCY, MIN_SHARED_RECORDS } from './limits.js';
import type { MaybePromise } from './maybe.js';
import type { Clock } from './ports/clock.js';
import { openRecord, sealRecord } from './record.js';
import type {
  DecryptedRecord,
  EncryptedRecord,
  RecordArguments,
  RecordInput,
  StoredInput,
} from './record-types.js';
import { shareOut } from './share-out.js';
import type { Table } from './table.js';

/** The options of the functions that take many records. */
export interface ManyOptions {
  /** Records under way at once, 1 to 1,024, beside those that are with other threads; for {@link encryptEach} and {@link decryptEach} those too whose outcomes were not taken yet. Default: 32. */
  readonly concurrency?: number;
}

/**
 * Many records, a bounded number at once: an outcome each, in their order, as `Promise.allSettled` gives them. One that
 * fails (with whatever `encryptRecord` throws) leaves the others alone. The records are read at once, and all outcomes
 * are held in memory: for more of them than that may have, {@link encryptEach}.
 *
 * With an engine that answers at once the event loop turns every 10 milliseconds. Where it has `threads`, they share 500
 * records and more; a record that is with one that ends fails with `ThreadFailedError`.
 *
 * @throws DefinitionError: `concurrency` or the keyring is none. And what reading `records` throws.
 */
export async function encryptRecords<T extends Table, R extends RecordInput<T>>(
  definition: T,
  records: Iterable<R>,
  keyring: Keyring,
  ...options: RecordArguments<T, ManyOptions>
): Promise<PromiseSettledResult<EncryptedRecord<T, R>>[]> {
  return settleMany(keyring, [...records], concurrencyOf(options), (record) =>
    sealRecord(definition, record, keyring, options),
  );
}

/** Many rows, a bounded number at once: the reverse of {@link encryptRecords}. */
export async function decryptRecords<T extends Table, R extends StoredInput<T>>(
  definition: T,
  rows: Iterable<R>,
  keyring: Keyring,
  ...options: RecordArguments<T, ManyOptions>
): Promise<PromiseSettledResult<DecryptedRecord<T, R>>[]> {
  return settleMany(keyring, [...rows], concurrencyOf(options), (row) =>
    openRecord(definition, row, keyring, options),
  );
}

/**
 * {@link encryptRecords} for as many records as there are: from a database's cursor, a file that is parsed, a generator.
 * Gives the outcomes as they come, in the records' order, and reads at most `concurrency` records beyond those whose
 * outcomes were taken, so that memory is bounded and a source that is quicker waits.
 *
 * Who leaves the loop early, or throws in it, has the source closed (its `return` is called and awaited). What the source
 * throws is thrown after the outcomes of the records before it.
 *
 * @throws DefinitionError at once: `concurrency` or the keyring is none.
 */
export function encryptEach<T extends Table, R extends RecordInput<T>>(
  definition: T,
  records: Iterable<R> | AsyncIterable<R>,
  keyring: Keyring,
  ...options: RecordArguments<T, ManyOptions>
): AsyncGenerator<PromiseSettledResult<EncryptedRecord<T, R>>, void, undefined> {
  return settleEach(
    records,
    concurrencyOf(options),
    (record) => sealRecord(definition, record, keyring, options),
    clockOf(keyring),
  );
}

/** {@link decryptRecords} for as many rows as there are: the reverse of {@link encryptEach}, and read as that does. */
export function decryptEach<T extends Table, R extends StoredInput<T>>(
  definition: T,
  rows: Iterable<R> | AsyncIterable<R>,
  keyring: Keyring,
  ...options: RecordArguments<T, ManyOptions>
): AsyncGenerator<PromiseSettledResult<DecryptedRecord<T, R>>, void, undefined> {
  return settleEach(
    rows,
    concurrencyOf(options),
    (row) => openRecord(definition, row, keyring, options),
    clockOf(keyring),
  );
}

/** Shared out between threads, where the engine has others and there is enough to share. */
function settleMany<T, U>(
  keyring: Keyring,
  items: readonly T[],
  limit: number,
  work: (item: T) => MaybePromise<U>,
): Promise<PromiseSettledResult<U>[]> {
  const opened = openedOf(keyring);
  const { clock } = opened.environment;
  const helpers = items.length < MIN_SHARED_RECORDS ? undefined : helpersOf(opened, 'coding');
  if (!helpers) return settleAll(items, limit, work, clock);
  return shareOut(items, limit, (item) => settled(() => work(item)), helpers, clock);
}

function concurrencyOf(options: readonly unknown[]): number {
  const { concurrency = DEFAULT_CONCURRENCY } = (options[0] as ManyOptions | undefined) ?? {};
  if (Number.isInteger(concurrency) && concurrency >= 1 && concurrency <= MAX_CONCURRENCY) return concurrency;
  throw new DefinitionError('concurrency is a whole number from 1 to 1,024.');
}

function clockOf(keyring: Keyring): Clock {
  return openedOf(keyring).environment.clock;
}
