/**
 * Drizzle, here on PostgreSQL.
 *
 *     npx tsx examples/databases/drizzle.ts
 *
 * POSTGRES_URL says where (default: postgres://root@127.0.0.1:5432/test). It makes a schema CELLSEAL_EXAMPLE (default:
 * cellseal_example) and drops it again; a schema that is there already is left alone.
 */
import { decryptRecord, encryptRecord } from 'cellseal';
import { pgExecutor, postgresRecords } from 'cellseal/postgres';
import { sql } from 'drizzle-orm';
import { drizzle } from 'drizzle-orm/node-postgres';
import { customType, integer, pgTable, text, uuid } from 'drizzle-orm/pg-core';
import pg from 'pg';
import { checkExecutor, keyring, members, people, rotateMembers } from './members.js';

const bytea = customType<{ data: Uint8Array }>({ dataType: () => 'bytea' });
const membersTable = pgTable('members', {
  id: uuid().primaryKey(),
  email: text().notNull(),
  notes: bytea().notNull(),
  joined: integer().notNull(),
});

const place = process.env['CELLSEAL_EXAMPLE'] ?? 'cellseal_example';
const pool = new pg.Pool({
  connectionString: process.env['POSTGRES_URL'] ?? 'postgres://root@127.0.0.1:5432/test',
  options: `-c search_path=${place}`,
});
const db = drizzle(pool);

try {
  await db.execute(sql`CREATE SCHEMA ${sql.identifier(place)}`);
  try {
    await db.execute(
      sql`CREATE TABLE members (id uuid PRIMARY KEY, email text, notes bytea, joined integer)`,
    );
    // Drizzle takes no text with parameters, only its own `sql` objects: the driver's pool under it does (db.$client).
    const executor = pgExecutor(db.$client);
    await checkExecutor(executor, 'postgres');

    const rows = await Promise.all(people.map((person) => encryptRecord(members, person, keyring)));
    await db.insert(membersTable).values(rows);
    await rotateMembers(postgresRecords(executor));

    for (const row of await db.select().from(membersTable).orderBy(membersTable.joined)) {
      const { email, joined, notes } = await decryptRecord(members, row, keyring);
      console.log('read:', email, notes, joined);
    }
  } finally {
    await db.execute(sql`DROP SCHEMA ${sql.identifier(place)} CASCADE`);
  }
} finally {
  await pool.end();
}
