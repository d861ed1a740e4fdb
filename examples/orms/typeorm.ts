/**
 * TypeORM, here on MariaDB.
 *
 *     cd examples/orms && npm ci && npx tsx typeorm.ts
 *
 * MARIADB_URL says where (default: mysql://root@127.0.0.1:3306). It makes a database CELLSEAL_EXAMPLE (default:
 * cellseal_example) and drops it again; a database that is there already is left alone.
 */
import { decryptRecord, encryptRecord } from 'cellseal';
import { type SqlExecutor, type SqlQueries, type SqlRow, mysqlRecords } from 'cellseal/mysql';
import { DataSource, EntitySchema, type QueryRunner } from 'typeorm';
import { checkExecutor, keyring, members, people, rotateMembers } from '../databases/members.js';

interface Member {
  readonly id: string;
  readonly email: string;
  readonly notes: Uint8Array;
  readonly joined: number;
}

const Members = new EntitySchema<Member>({
  name: 'members',
  columns: {
    id: { type: 'char', length: 36, collation: 'ascii_bin', charset: 'ascii', primary: true },
    email: { type: 'text' },
    notes: { type: 'blob' },
    joined: { type: 'int' },
  },
});

/** Statements through TypeORM, on any database. */
function typeormExecutor(source: DataSource): SqlExecutor {
  const over = (runner: QueryRunner): SqlQueries => ({
    async query(sql, values) {
      // Without `true` it gives for some statements rows, for others a summary, or on PostgreSQL a pair of both.
      const { records } = await runner.query(sql, [...values], true);
      return (records as SqlRow[] | undefined) ?? [];
    },
  });
  return {
    async query(sql, values) {
      const runner = source.createQueryRunner();
      try {
        return await over(runner).query(sql, values);
      } finally {
        await runner.release();
      }
    },
    transaction: (work) =>
      source.transaction(({ queryRunner }) => {
        if (!queryRunner) throw new Error('A transaction of TypeORM has a query runner.');
        return work(over(queryRunner));
      }),
  };
}

const place = process.env['CELLSEAL_EXAMPLE'] ?? 'cellseal_example';
const url = process.env['MARIADB_URL'] ?? 'mysql://root@127.0.0.1:3306';
const admin = await new DataSource({ type: 'mariadb', url }).initialize();

try {
  await admin.query(`CREATE DATABASE ${place} CHARACTER SET utf8mb4`);
  const source = new DataSource({
    type: 'mariadb',
    url,
    database: place,
    charset: 'utf8mb4',
    entities: [Members],
    synchronize: true,
  });
  try {
    await source.initialize();
    const executor = typeormExecutor(source);
    await checkExecutor(executor, 'mysql');

    const repository = source.getRepository(Members);
    await repository.save(await Promise.all(people.map((person) => encryptRecord(members, person, keyring))));
    await rotateMembers(mysqlRecords(executor));

    for (const row of await repository.find({ order: { joined: 'ASC' } })) {
      const { email, joined, notes } = await decryptRecord(members, row, keyring);
      console.log('read:', email, notes, joined);
    }
  } finally {
    if (source.isInitialized) await source.destroy();
    await admin.query(`DROP DATABASE ${place}`);
  }
} finally {
  await admin.destroy();
}
