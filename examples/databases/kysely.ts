/**
 * Kysely, here on PostgreSQL.
 *
 *     npx tsx examples/databases/kysely.ts
 *
 * POSTGRES_URL says where (default: postgres://root@127.0.0.1:5432/test). It makes a schema CELLSEAL_EXAMPLE (default:
 * cellseal_example) and drops it again; a schema that is there already is left alone.
 */
import { decryptRecord, encryptRecord } from 'cellseal';
import { type SqlExecutor, type SqlQueries, type SqlRow, postgresRecords } from 'cellseal/postgres';
import { CompiledQuery, Kysely, PostgresDialect } from 'kysely';
import pg from 'pg';
import { checkExecutor, keyring, members, people, rotateMembers } from './members.js';

interface Database {
  readonly members: {
    readonly id: string;
    readonly email: string;
    readonly notes: Uint8Array;
    readonly joined: number;
  };
}

/** Statements through Kysely. With its `MysqlDialect` it is the same, for `mysqlRecords`. */
function kyselyExecutor<DB>(db: Kysely<DB>): SqlExecutor {
  const over = (db: Kysely<DB>): SqlQueries => ({
    // As it stands: the template tag `sql` would write parameters of its own.
    query: async (sql, values) => (await db.executeQuery<SqlRow>(CompiledQuery.raw(sql, [...values]))).rows,
  });
  return {
    ...over(db),
    transaction: (work) => db.transaction().execute((transaction) => work(over(transaction))),
  };
}

const place = process.env['CELLSEAL_EXAMPLE'] ?? 'cellseal_example';
const pool = new pg.Pool({
  connectionString: process.env['POSTGRES_URL'] ?? 'postgres://root@127.0.0.1:5432/test',
  options: `-c search_path=${place}`,
});
const db = new Kysely<Database>({ dialect: new PostgresDialect({ pool }) });

try {
  await db.schema.createSchema(place).execute();
  try {
    await db.schema
      .createTable('members')
      .addColumn('id', 'uuid', (column) => column.primaryKey())
      .addColumn('email', 'text')
      .addColumn('notes', 'bytea')
      .addColumn('joined', 'integer')
      .execute();
    const executor = kyselyExecutor(db);
    await checkExecutor(executor, 'postgres');

    const rows = await Promise.all(people.map((person) => encryptRecord(members, person, keyring)));
    await db.insertInto('members').values(rows).execute();
    await rotateMembers(postgresRecords(executor));

    for (const row of await db.selectFrom('members').selectAll().orderBy('joined').execute()) {
      const { email, joined, notes } = await decryptRecord(members, row, keyring);
      console.log('read:', email, notes, joined);
    }
  } finally {
    await db.schema.dropSchema(place).cascade().execute();
  }
} finally {
  await db.destroy();
}
