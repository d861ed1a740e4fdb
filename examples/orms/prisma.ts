/**
 * Prisma, here on PostgreSQL.
 *
 *     cd examples/orms && npm ci && npm run generate && npx tsx prisma.ts
 *
 * Generating downloads an engine that it does not need; PRISMA_SCHEMA_ENGINE_BINARY=/bin/true before it does without.
 *
 * POSTGRES_URL says where (default: postgres://root@127.0.0.1:5432/test). It makes a schema CELLSEAL_EXAMPLE (default:
 * cellseal_example) and drops it again; a schema that is there already is left alone.
 */
import { PrismaPg } from '@prisma/adapter-pg';
import { decryptRecord, encryptRecord } from 'cellseal';
import { type SqlExecutor, type SqlQueries, type SqlRow, postgresRecords } from 'cellseal/postgres';
import { checkExecutor, keyring, members, people, rotateMembers } from '../databases/members.js';
import { PrismaClient } from './generated/client.js';

/** Statements through Prisma. */
function prismaExecutor(prisma: PrismaClient): SqlExecutor {
  const over = (client: Pick<PrismaClient, '$queryRawUnsafe'>): SqlQueries => ({
    // "Unsafe" where values are put into the text: here they are parameters.
    query: (sql, values) => client.$queryRawUnsafe<SqlRow[]>(sql, ...values),
  });
  return {
    ...over(prisma),
    // The default of five seconds would end a chunk that had to wait for its disk.
    transaction: (work) => prisma.$transaction((transaction) => work(over(transaction)), { timeout: 60_000 }),
  };
}

const place = process.env['CELLSEAL_EXAMPLE'] ?? 'cellseal_example';
const adapter = new PrismaPg(
  {
    connectionString: process.env['POSTGRES_URL'] ?? 'postgres://root@127.0.0.1:5432/test',
    options: `-c search_path=${place}`,
  },
  { schema: place },
);
const prisma = new PrismaClient({ adapter });

try {
  await prisma.$executeRawUnsafe(`CREATE SCHEMA ${place}`);
  try {
    await prisma.$executeRawUnsafe(
      'CREATE TABLE members (id uuid PRIMARY KEY, email text NOT NULL, notes bytea NOT NULL, joined integer NOT NULL)',
    );
    const executor = prismaExecutor(prisma);
    await checkExecutor(executor, 'postgres');

    const data = await Promise.all(people.map((person) => encryptRecord(members, person, keyring)));
    await prisma.member.createMany({ data });
    await rotateMembers(postgresRecords(executor));

    for (const row of await prisma.member.findMany({ orderBy: { joined: 'asc' } })) {
      const { email, joined, notes } = await decryptRecord(members, row, keyring);
      console.log('read:', email, notes, joined);
    }
  } finally {
    await prisma.$executeRawUnsafe(`DROP SCHEMA ${place} CASCADE`);
  }
} finally {
  await prisma.$disconnect();
}
