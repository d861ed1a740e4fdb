import { settleAll } from './concurrency.js';
import { DefinitionError } from './errors.js';
import type { Keyring } from './keyring/index.js';
import { DEFAULT_CONCURRENCY, MAX_CONCURRENCY } from './limits.js';
import { openRecord, sealRecord } from './record.js';
import type {
  DecryptedRecord,
  EncryptedRecord,
  RecordArguments,
  RecordInput,
  StoredInput,
} from './record-types.js';
import type { Table } from './table.js';

/** The options of the functions that take many records. */
export interface ManyOptions {
  /** Records under way at once, 1 to 1,024. Default: 32. */
  readonly concurrency?: number;
}

/** Many records, a bounded number at once: an outcome each, in their order. One that fails leaves the others alone. */
export async function encryptRecords<T extends Table, R extends RecordInput<T>>(
  definition: T,
  records: Iterable<R>,
  keyring: Keyring,
  ...options: RecordArguments<T, ManyOptions>
): Promise<PromiseSettledResult<EncryptedRecord<T, R>>[]> {
  return settleAll([...records], concurrencyOf(options), async (record) =>
    sealRecord(definition, record, keyring, options),
  );
}

/** Many rows, a bounded number at once: an outcome each, in their order. One that fails leaves the others alone. */
export async function decryptRecords<T extends Table, R extends StoredInput<T>>(
  definition: T,
  rows: Iterable<R>,
  keyring: Keyring,
  ...options: RecordArguments<T, ManyOptions>
): Promise<PromiseSettledResult<DecryptedRecord<T, R>>[]> {
  return settleAll([...rows], concurrencyOf(options), async (row) =>
    openRecord(definition, row, keyring, options),
  );
}

function concurrencyOf(options: readonly unknown[]): number {
  const { concurrency = DEFAULT_CONCURRENCY } = (options[0] as ManyOptions | undefined) ?? {};
  if (Number.isInteger(concurrency) && concurrency >= 1 && concurrency <= MAX_CONCURRENCY) return concurrency;
  throw new DefinitionError('concurrency is a whole number from 1 to 1,024.');
}
