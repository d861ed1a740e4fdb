import { FenceRefusedError } from '../../errors.js';
import { type Keyring, refreshKeyring } from '../../keyring/index.js';
import type { MaybePromise } from '../../maybe.js';

/** What the database says of a refusal: constant, at most 128 characters (MySQL), no quotes. */
export const FENCE_MESSAGE =
  'cellseal-fence: what was to be written is no cell or token under a key of this fence. Read the keyring again.';
/** In PostgreSQL. ISO 9075-2 §24.1 leaves classes that begin with I to Z to implementations. */
export const FENCE_SQLSTATE = 'ZCS01';
/** In MySQL and MariaDB: unhandled user-defined exception. */
export const SIGNAL_SQLSTATE = '45000';

/** Where drivers and ORMs keep what they wrap. */
const WRAPPERS = ['cause', 'original', 'parent', 'driverError', 'nativeError'] as const;
const MAX_WRAPPED = 8;

/**
 * Whether an error is a fence's refusal of a cell or token ({@link fenceSql}), as `pg`, `postgres`, `mysql2`, `mariadb`,
 * `node:sqlite` and `libsql` tell it, or an ORM that wraps what they throw (as `cause`, `original`, `parent`,
 * `driverError` or `nativeError`, up to eight deep).
 */
export function isFenceRefusal(error: unknown): boolean {
  const seen = new Set<unknown>();
  let layer = [error];
  for (let depth = 0; depth <= MAX_WRAPPED && layer.length > 0; depth++) {
    const objects = layer.filter((item): item is Readonly<Record<string, unknown>> => {
      const isNew = typeof item === 'object' && item !== null && !seen.has(item);
      seen.add(item);
      return isNew;
    });
    if (objects.some(saysRefused)) return true;
    layer = objects.flatMap((object) => WRAPPERS.map((name) => object[name]));
  }
  return false;
}

function saysRefused({ code, sqlState, sqlMessage, message }: Readonly<Record<string, unknown>>): boolean {
  if (code === FENCE_SQLSTATE) return true;
  // mariadb's message repeats the statement, which may be the very one that was to raise the fence.
  const said = typeof sqlMessage === 'string' ? sqlMessage : message;
  if (typeof sqlState === 'string' && sqlState !== SIGNAL_SQLSTATE) return false;
  return typeof said === 'string' && said.includes(FENCE_MESSAGE);
}

/**
 * Runs a transaction; where a fence refuses a cell in it, reads the keyring again and runs it once more. Every other
 * error passes.
 *
 * `transaction` is a whole one, from BEGIN to COMMIT or ROLLBACK: a refusal has made an end of it in PostgreSQL, and
 * what else it has done is undone. **It encrypts, too**: a cell that was made before it would be refused again. It may
 * run twice, so what it does outside the database (a mail, a counter) belongs behind it.
 *
 * ```ts no-run
 * import { type Keyring, encryptRecord, table, text, uuid } from 'cellseal';
 * import type { PgPool } from 'cellseal/postgres';
 * import { withKeyRefresh } from 'cellseal/rotation';
 *
 * const people = table('people', { record: uuid('id'), encrypt: { name: text() } });
 * declare const keyring: Keyring;
 * declare const pool: PgPool;
 *
 * await withKeyRefresh(keyring, async () => {
 *   const { id, name } = await encryptRecord(people, { id: crypto.randomUUID(), name: 'Jane' }, keyring);
 *   await pool.query('INSERT INTO people (id, name) VALUES ($1, $2)', [id, name]);
 * });
 * ```
 *
 * @throws FenceRefusedError if the second run is refused too. What {@link refreshKeyring} throws, where the keyring
 * cannot be read.
 */
export async function withKeyRefresh<T>(keyring: Keyring, transaction: () => MaybePromise<T>): Promise<T> {
  try {
    return await transaction();
  } catch (error) {
    if (!isFenceRefusal(error)) throw error;
  }
  await refreshKeyring(keyring);
  try {
    return await transaction();
  } catch (error) {
    throw isFenceRefusal(error) ? new FenceRefusedError() : error;
  }
}
