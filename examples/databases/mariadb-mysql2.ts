/**
 * MariaDB over `mysql2`.
 *
 *     npx tsx examples/databases/mariadb-mysql2.ts
 *
 * MARIADB_URL says where (default: mysql://root@127.0.0.1:3306). It makes a database CELLSEAL_EXAMPLE (default:
 * cellseal_example) and drops it again; a database that is there already is left alone.
 */
import { decryptRecord, encryptRecord } from 'cellseal';
import { mysql2Executor, mysqlRecords } from 'cellseal/mysql';
import mysql2, { type RowDataPacket } from 'mysql2/promise';
import { checkExecutor, keyring, members, people, rotateMembers } from './members.js';

interface Row extends RowDataPacket {
  readonly id: string;
  readonly email: string;
  readonly notes: Buffer;
  readonly joined: number;
}

const place = process.env['CELLSEAL_EXAMPLE'] ?? 'cellseal_example';
const uri = process.env['MARIADB_URL'] ?? 'mysql://root@127.0.0.1:3306';
const admin = await mysql2.createConnection({ uri });

try {
  await admin.query(`CREATE DATABASE ${place} CHARACTER SET utf8mb4`);
  const pool = mysql2.createPool({ uri, database: place, charset: 'utf8mb4' });
  try {
    await pool.query(
      'CREATE TABLE members (id CHAR(36) CHARACTER SET ascii COLLATE ascii_bin PRIMARY KEY, email TEXT, notes BLOB, joined INT)',
    );
    const executor = mysql2Executor(pool);
    await checkExecutor(executor, 'mysql');

    for (const person of people) {
      const { email, id, joined, notes } = await encryptRecord(members, person, keyring);
      await pool.query('INSERT INTO members (id, email, notes, joined) VALUES (?, ?, ?, ?)', [
        id,
        email,
        notes,
        joined,
      ]);
    }
    await rotateMembers(mysqlRecords(executor));

    const [rows] = await pool.query<Row[]>('SELECT id, email, notes, joined FROM members ORDER BY joined');
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
