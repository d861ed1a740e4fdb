/**
 * PostgreSQL over `postgres` (Postgres.js).
 *
 *     npx tsx examples/databases/postgres-js.ts
 *
 * POSTGRES_URL says where (default: postgres://root@127.0.0.1:5432/test). It makes a schema CELLSEAL_EXAMPLE (default:
 * cellseal_example) and drops it again; a schema that is there already is left alone.
 */
import { decryptRecord, encryptRecord } from 'cellseal';
import { postgresExecutor, postgresRecords } from 'cellseal/postgres';
import postgres from 'postgres';
import { checkExecutor, keyring, members, people, rotateMembers } from './members.js';

interface Row {
  readonly id: string;
  readonly email: string;
  readonly notes: Uint8Array;
  readonly joined: number;
}

const place = process.env['CELLSEAL_EXAMPLE'] ?? 'cellseal_example';
const sql = postgres(process.env['POSTGRES_URL'] ?? 'postgres://root@127.0.0.1:5432/test', {
  connection: { search_path: place, statement_timeout: 60_000 },
  onnotice: () => {}, // it would print that the schema's tables go with it
});

try {
  await sql`CREATE SCHEMA ${sql(place)}`;
  try {
    await sql`CREATE TABLE members (id uuid PRIMARY KEY, email text, notes bytea, joined integer)`;
    const executor = postgresExecutor(sql);
    await checkExecutor(executor, 'postgres');

    for (const person of people) {
      const row = await encryptRecord(members, person, keyring);
      await sql`INSERT INTO members ${sql(row, 'id', 'email', 'notes', 'joined')}`;
    }
    await rotateMembers(postgresRecords(executor));

    const rows = await sql<Row[]>`SELECT id, email, notes, joined FROM members ORDER BY joined`;
    for (const row of rows) {
      const { email, joined, notes } = await decryptRecord(members, row, keyring);
      console.log('read:', email, notes, joined);
    }
  } finally {
    await sql`DROP SCHEMA ${sql(place)} CASCADE`;
  }
} finally {
  await sql.end();
}
