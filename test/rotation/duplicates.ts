/** What a rotation makes of tokens that a UNIQUE constraint refuses, over any database. */
import { inspect } from 'node:util';
import { beforeEach, describe, expect, it } from 'vitest';
import {
  DuplicateTokenError,
  type Keyring,
  activateKey,
  addKey,
  createKeyring,
  encryptRecord,
  integer,
  schema,
  table,
  text,
} from '../../src/index.js';
import {
  type RecordStore,
  type RotationCounters,
  census,
  listQuarantine,
  planPartitions,
  retryQuarantined,
  rotate,
  rotatePartition,
  rotationStatus,
} from '../../src/rotation/index.js';
import { memoryKeyring } from '../../src/store/memory.js';

/** A database with tables that the suite makes. */
export interface UniqueDatabase {
  readonly name: string;
  /** How a column of tokens is declared. */
  readonly type: string;
  /** An empty schema, and the table's name with it. */
  prepare(): Promise<string>;
  /** Parameters are `?`. */
  run(sql: string, values?: readonly unknown[]): Promise<readonly Readonly<Record<string, unknown>>[]>;
  records(): RecordStore;
  /** Behind a column: ways to have it unique. */
  readonly constraints: readonly string[];
}

const RECORDS = 12;
/** The records that have the value of the one before them. */
const TWINS = [3, 4, 9];

export function describeDuplicates(database: UniqueDatabase): void {
  describe.each(database.constraints)(`values that %s refuses in ${database.name}`, (unique) => {
    let keyring: Keyring;
    let name: string;
    let errors: unknown[];
    const definition = () =>
      table('accounts', {
        from: name,
        record: integer('id'),
        encrypt: {
          email: text({ index: { bits: 128, unique: true, transform: 'email-1', next: 'email_next' } }),
          phone: text({ adopting: true, index: { bits: 16 } }),
        },
      });
    const ownerOf = (id: number): number => (TWINS.includes(id) ? ownerOf(id - 1) : id);

    /** The store, with what its commits have thrown. */
    const records = (): RecordStore => {
      const store = database.records();
      return {
        ...store,
        async commit(layout, chunk) {
          try {
            return await store.commit(layout, chunk);
          } catch (error) {
            errors.push(error);
            throw error;
          }
        },
      };
    };

    async function row(id: number): Promise<Record<string, unknown>> {
      const values = { id: BigInt(id), email: `p${ownerOf(id)}@example.org`, phone: `${id}` };
      return encryptRecord(definition(), values, keyring);
    }

    beforeEach(async () => {
      name = await database.prepare();
      errors = [];
      const { type } = database;
      await database.run(
        `CREATE TABLE ${name} (id BIGINT PRIMARY KEY, email TEXT, phone TEXT, email_index ${type} ${unique}, email_next ${type} ${unique}, phone_index ${type})`,
      );
      keyring = await createKeyring(memoryKeyring(), { rawKey: new Uint8Array(32).fill(5) });
      await addKey(keyring, { kind: 'index' });
      for (let id = 1; id <= RECORDS; id++) {
        const { email, phone, email_index, phone_index } = await row(id);
        // A version of the application that knew nothing of the indexes, nor of encrypting phones, wrote the twins.
        const isTwin = TWINS.includes(id);
        await database.run(
          `INSERT INTO ${name} (id, email, phone, email_index, phone_index) VALUES (?, ?, ?, ?, ?)`,
          isTwin ? [id, email, `${id}`, null, null] : [id, email, phone, email_index, phone_index],
        );
      }
      for (const kind of ['data', 'index'] as const)
        await activateKey(keyring, await addKey(keyring, { kind }));
    });

    async function mustBeDone(counters: RotationCounters): Promise<void> {
      const { adopted, quarantined, unindexed, rewritten } = counters;
      const everything = schema([definition()]);
      const where = { keyring, records: records() };
      expect([quarantined, unindexed]).toEqual([0, 2 * TWINS.length]);
      expect([rewritten, adopted]).toEqual([2 * RECORDS, TWINS.length]);
      const { cells, tables } = await census(everything, where);
      expect(Object.values(cells)).toEqual([2 * RECORDS]);
      const counted = tables[0]?.indexes?.map(({ tokens }) => Object.values(tokens));
      expect(counted).toEqual([[RECORDS - TWINS.length], [RECORDS - TWINS.length], [RECORDS]]);
      const listed = await listQuarantine(where);
      expect(listed.map(({ code, column }) => `${code} ${column}`).sort()).toEqual([
        ...TWINS.map(() => 'duplicate email_index'),
        ...TWINS.map(() => 'duplicate email_next'),
      ]);
      expect((await rotationStatus(everything, where)).quarantine).toMatchObject({ notes: 2 * TWINS.length });
      // Nothing of what the database says of a token is passed on.
      expect(errors.length).toBeGreaterThan(TWINS.length);
      for (const error of errors) {
        expect(error).toBeInstanceOf(DuplicateTokenError);
        expect(inspect(error, { depth: 9, showHidden: true })).not.toMatch(/[0-9a-f]{32}/);
      }
    }

    it('are noted, and everything else goes on', async () => {
      let counters: RotationCounters | undefined;
      const where = { keyring, records: records(), maxQuarantined: 0, chunkRecords: 7 };
      for await (const progress of rotate(schema([definition()]), where)) counters = progress.counters;
      await mustBeDone(counters as RotationCounters);
    });

    it('are noted by partitions, too', async () => {
      const everything = schema([definition()]);
      const where = { keyring, records: records() };
      const [partition] = await planPartitions(everything, where);
      const done = await rotatePartition(everything, partition, { ...where, maxQuarantined: 0 });
      await mustBeDone(done.counters);
    });

    it('leave the quarantine when they are mended, and not before', async () => {
      const everything = schema([definition()]);
      const where = { keyring, records: records() };
      for await (const _ of rotate(everything, where));
      expect(await retryQuarantined(everything, where)).toEqual({ settled: 0, refused: 6 });
      const { email } = await encryptRecord(
        definition(),
        { id: 9n, email: 'another@example.org', phone: '9' },
        keyring,
      );
      await database.run(`UPDATE ${name} SET email = ? WHERE id = 9`, [email]);
      expect(await retryQuarantined(everything, where)).toEqual({ settled: 2, refused: 4 });
      await database.run(`DELETE FROM ${name} WHERE id = 3`);
      await database.run(`DELETE FROM ${name} WHERE id = 2`); // the one whose value they had
      expect(await retryQuarantined(everything, where)).toEqual({ settled: 4, refused: 0 });
      expect(await listQuarantine(where)).toEqual([]);
    });
  });
}
