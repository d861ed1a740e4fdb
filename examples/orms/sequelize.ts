/**
 * Sequelize, here on MariaDB.
 *
 *     cd examples/orms && npm ci && npx tsx sequelize.ts
 *
 * MARIADB_URL says where (default: mysql://root@127.0.0.1:3306). It makes a database CELLSEAL_EXAMPLE (default:
 * cellseal_example) and drops it again; a database that is there already is left alone.
 */
import { decryptRecord, encryptRecord } from 'cellseal';
import { type SqlExecutor, type SqlQueries, type SqlRow, mysqlRecords } from 'cellseal/mysql';
import { DataTypes, type Model, Sequelize, type Transaction } from 'sequelize';
import { checkExecutor, keyring, members, people, rotateMembers } from '../databases/members.js';

interface Member {
  readonly id: string;
  readonly email: string;
  readonly notes: Uint8Array;
  readonly joined: number;
}

/** Statements through Sequelize on MariaDB or MySQL. */
function sequelizeExecutor(sequelize: Sequelize): SqlExecutor {
  const over = (transaction?: Transaction): SqlQueries => ({
    async query(sql, values) {
      const [rows] = await sequelize.query(sql, {
        replacements: [...values],
        ...(transaction && { transaction }),
      });
      return Array.isArray(rows) ? (rows as SqlRow[]) : [];
    },
  });
  return {
    ...over(),
    transaction: (work) => sequelize.transaction((transaction) => work(over(transaction))),
  };
}

const place = process.env['CELLSEAL_EXAMPLE'] ?? 'cellseal_example';
const url = new URL(process.env['MARIADB_URL'] ?? 'mysql://root@127.0.0.1:3306');
const admin = new Sequelize(url.href, { dialect: 'mysql', logging: false });

try {
  await admin.query(`CREATE DATABASE ${place} CHARACTER SET utf8mb4`);
  url.pathname = place;
  const sequelize = new Sequelize(url.href, { dialect: 'mysql', logging: false });
  try {
    const Members = sequelize.define<Model<Member, Member>>(
      'members',
      {
        id: { type: 'CHAR(36) CHARACTER SET ascii COLLATE ascii_bin', primaryKey: true },
        email: DataTypes.TEXT,
        notes: DataTypes.BLOB,
        joined: DataTypes.INTEGER,
      },
      { timestamps: false },
    );
    await sequelize.sync();
    const executor = sequelizeExecutor(sequelize);
    await checkExecutor(executor, 'mysql');

    for (const person of people) {
      const row = await encryptRecord(members, person, keyring);
      // Bytes only as a Buffer: of another Uint8Array it would write the numbers, as text.
      await Members.create({ ...row, notes: Buffer.from(row.notes) });
    }
    await rotateMembers(mysqlRecords(executor));

    for (const model of await Members.findAll({ order: ['joined'] })) {
      const { email, joined, notes } = await decryptRecord(members, model.get(), keyring);
      console.log('read:', email, notes, joined);
    }
  } finally {
    await sequelize.close();
    await admin.query(`DROP DATABASE ${place}`);
  }
} finally {
  await admin.close();
}
