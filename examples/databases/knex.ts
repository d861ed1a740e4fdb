/**
 * Knex, here on MariaDB.
 *
 *     npx tsx examples/databases/knex.ts
 *
 * MARIADB_URL says where (default: mysql://root@127.0.0.1:3306). It makes a database CELLSEAL_EXAMPLE (default:
 * cellseal_example) and drops it again; a database that is there already is left alone.
 */
import { decryptRecord, encryptRecord } from 'cellseal';
import { type SqlExecutor, type SqlQueries, type SqlRow, mysqlRecords } from 'cellseal/mysql';
import createKnex, { type Knex } from 'knex';
import { checkExecutor, keyring, members, people, rotateMembers } from './members.js';

interface Row {
  readonly id: string;
  readonly email: string;
  readonly notes: Buffer;
  readonly joined: number;
}

/**
 * Statements through Knex on MariaDB or MySQL. On PostgreSQL Knex writes `$1` itself, out of `?`:
 * `(await knex.raw(sql.replaceAll(/\$\d+/g, '?'), [...values])).rows`.
 */
function knexExecutor(knex: Knex): SqlExecutor {
  const over = (knex: Knex): SqlQueries => ({
    async query(sql, values) {
      // The driver gives [rows, fields]; where there are no rows, a summary instead of them.
      const [rows] = await knex.raw<[unknown]>(sql, [...values]);
      return Array.isArray(rows) ? (rows as SqlRow[]) : [];
    },
  });
  return { ...over(knex), transaction: (work) => knex.transaction((transaction) => work(over(transaction))) };
}

const place = process.env['CELLSEAL_EXAMPLE'] ?? 'cellseal_example';
const uri = process.env['MARIADB_URL'] ?? 'mysql://root@127.0.0.1:3306';
const admin = createKnex({ client: 'mysql2', connection: { uri } });

try {
  await admin.raw('CREATE DATABASE ?? CHARACTER SET utf8mb4', [place]);
  const knex = createKnex({
    client: 'mysql2',
    connection: { uri, database: place, charset: 'utf8mb4' },
    pool: { min: 0, max: 5 },
  });
  try {
    await knex.schema.createTable('members', (table) => {
      table.string('id', 36).collate('ascii_bin').primary();
      table.text('email');
      table.binary('notes');
      table.integer('joined');
    });
    const executor = knexExecutor(knex);
    await checkExecutor(executor, 'mysql');

    const rows = await Promise.all(people.map((person) => encryptRecord(members, person, keyring)));
    await knex('members').insert(rows);
    await rotateMembers(mysqlRecords(executor));

    for (const row of await knex<Row>('members').orderBy('joined')) {
      const { email, joined, notes } = await decryptRecord(members, row, keyring);
      console.log('read:', email, notes, joined);
    }
  } finally {
    await knex.destroy();
    await admin.raw('DROP DATABASE ??', [place]);
  }
} finally {
  await admin.destroy();
}
