/**
 * MariaDB over `mariadb`, its own connector.
 *
 *     npx tsx examples/databases/mariadb-connector.ts
 *
 * MARIADB_URL says where (default: mariadb://root@127.0.0.1:3306). It makes a database CELLSEAL_EXAMPLE (default:
 * cellseal_example) and drops it again; a database that is there already is left alone.
 */
import { decryptRecord, encryptRecord } from 'cellseal';
import { mariadbExecutor, mysqlRecords } from 'cellseal/mysql';
import mariadb from 'mariadb';
import { checkExecutor, keyring, members, people, rotateMembers } from './members.js';

interface Row {
  readonly id: string;
  readonly email: string;
  readonly notes: Buffer;
  readonly joined: number;
}

const place = process.env['CELLSEAL_EXAMPLE'] ?? 'cellseal_example';
// It takes URLs that begin with mariadb: only.
const url = new URL(
  (process.env['MARIADB_URL'] ?? 'mariadb://root@127.0.0.1:3306').replace(/^mysql:/, 'mariadb:'),
);
const server = {
  host: url.hostname,
  port: Number(url.port || 3306),
  user: decodeURIComponent(url.username),
  password: decodeURIComponent(url.password),
};
const admin = await mariadb.createConnection(server);

try {
  await admin.query(`CREATE DATABASE ${place} CHARACTER SET utf8mb4`);
  const pool = mariadb.createPool({ ...server, database: place, charset: 'utf8mb4', connectionLimit: 5 });
  try {
    await pool.query(
      'CREATE TABLE members (id CHAR(36) CHARACTER SET ascii COLLATE ascii_bin PRIMARY KEY, email TEXT, notes BLOB, joined INT)',
    );
    const executor = mariadbExecutor(pool);
    await checkExecutor(executor, 'mysql');

    for (const person of people) {
      const { email, id, joined, notes } = await encryptRecord(members, person, keyring);
      // Bytes only as a Buffer: of another Uint8Array it would write the numbers, as JSON.
      await pool.query('INSERT INTO members (id, email, notes, joined) VALUES (?, ?, ?, ?)', [
        id,
        email,
        Buffer.from(notes),
        joined,
      ]);
    }
    await rotateMembers(mysqlRecords(executor));

    const rows = await pool.query<Row[]>('SELECT id, email, notes, joined FROM members ORDER BY joined');
    for (const row of rows) {
      const { email, joined, notes } = await decryptRecord(members, row, keyring);
      console.log('read:', email, notes, joined);
    }
  } finally {
    await pool.end();
    await admin.query(`DROP DATABASE ${place}`);
  }
} finally {
  await admin.end();
}
