/**
 * MikroORM, here on PostgreSQL.
 *
 *     cd examples/orms && npm ci && npx tsx mikro-orm.ts
 *
 * POSTGRES_URL says where (default: postgres://root@127.0.0.1:5432/test). It makes a schema CELLSEAL_EXAMPLE (default:
 * cellseal_example) and drops it again; a schema that is there already is left alone.
 */
import { EntitySchema, MikroORM } from '@mikro-orm/postgresql';
import { decryptRecord, encryptRecord } from 'cellseal';
import { type SqlExecutor, type SqlQueries, type SqlRow, postgresRecords } from 'cellseal/postgres';
import { checkExecutor, keyring, members, people, rotateMembers } from '../databases/members.js';

interface Member {
  readonly id: string;
  readonly email: string;
  readonly notes: Uint8Array;
  readonly joined: number;
}

const Members = new EntitySchema<Member>({
  name: 'Member',
  tableName: 'members',
  properties: {
    id: { type: 'uuid', primary: true },
    email: { type: 'text' },
    notes: { type: 'blob' },
    joined: { type: 'integer' },
  },
});

/** Statements through MikroORM. It writes `$1` itself, out of `?`. */
function mikroExecutor(orm: MikroORM): SqlExecutor {
  const over = (em: MikroORM['em']): SqlQueries => ({
    query: (sql, values) =>
      em
        .getConnection()
        .execute<SqlRow[]>(sql.replaceAll(/\$\d+/g, '?'), [...values], 'all', em.getTransactionContext()),
  });
  return {
    query: (sql, values) => over(orm.em.fork()).query(sql, values),
    transaction: (work) => orm.em.fork().transactional((em) => work(over(em))),
  };
}

const place = process.env['CELLSEAL_EXAMPLE'] ?? 'cellseal_example';
const orm = await MikroORM.init({
  clientUrl: process.env['POSTGRES_URL'] ?? 'postgres://root@127.0.0.1:5432/test',
  schema: place,
  driverOptions: { connection: { options: `-c search_path=${place}` } },
  entities: [Members],
});
const connection = orm.em.getConnection();

try {
  await connection.execute(`CREATE SCHEMA ${place}`);
  try {
    await orm.schema.createSchema();
    const executor = mikroExecutor(orm);
    await checkExecutor(executor, 'postgres');

    const em = orm.em.fork();
    for (const person of people) {
      const row = await encryptRecord(members, person, keyring);
      em.create(Members, { ...row, notes: Buffer.from(row.notes) }); // bytes only as a Buffer
    }
    await em.flush();
    await rotateMembers(postgresRecords(executor));

    // A fresh identity map: another would still have the members as they were before the rotation.
    for (const row of await orm.em.fork().findAll(Members, { orderBy: { joined: 'asc' } })) {
      const { email, joined, notes } = await decryptRecord(members, row, keyring);
      console.log('read:', email, notes, joined);
    }
  } finally {
    await connection.execute(`DROP SCHEMA ${place} CASCADE`);
  }
} finally {
  await orm.close();
}
