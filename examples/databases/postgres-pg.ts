/**
 * PostgreSQL over `pg`.
 *
 *     npx tsx examples/databases/postgres-pg.ts
 *
 * POSTGRES_URL says where (default: postgres://root@127.0.0.1:5432/test). It makes a schema CELLSEAL_EXAMPLE (default:
 * cellseal_example) and drops it again; a schema that is there already is left alone.
 */
import { decryptRecord, encryptRecord } from 'cellseal';
import { pgExecutor, postgresRecords } from 'cellseal/postgres';
import pg from 'pg';
import { checkExecutor, keyring, members, people, rotateMembers } from './members.js';

const place = process.env['CELLSEAL_EXAMPLE'] ?? 'cellseal_example';
const pool = new pg.Pool({
  connectionString: process.env['POSTGRES_URL'] ?? 'postgres://root@127.0.0.1:5432/test',
  options: `-c search_path=${place}`,
  statement_timeout: 60_000, // a query that never ends would hold up a rotation for ever
});

try {
  await pool.query(`CREATE SCHEMA ${place}`);
  try {
    await pool.query('CREATE TABLE members (id uuid PRIMARY KEY, email text, notes bytea, joined integer)');
    const executor = pgExecutor(pool);
    await checkExecutor(executor, 'postgres');

    for (const person of people) {
      const { email, id, joined, notes } = await encryptRecord(members, person, keyring);
      await pool.query('INSERT INTO members (id, email, notes, joined) VALUES ($1, $2, $3, $4)', [
        id,
        email,
        notes,
        joined,
      ]);
    }
    await rotateMembers(postgresRecords(executor));

    const { rows } = await pool.query('SELECT id, email, notes, joined FROM members ORDER BY joined');
    for (const row of rows) {
      const { email, joined, notes } = await decryptRecord(members, row, keyring);
      console.log('read:', email, notes, joined);
    }
  } finally {
    await pool.query(`DROP SCHEMA ${place} CASCADE`);
  }
} finally {
  await pool.end();
}
