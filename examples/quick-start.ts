/**
 * The first steps: a keyring, a table, a record in, the record out.
 *
 *     npx tsx examples/quick-start.ts
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  AuthenticationError,
  createKeyring,
  date,
  decryptRecord,
  encryptRecord,
  json,
  openKeyring,
  table,
  text,
  uuid,
} from 'cellseal';
import { fileKeyring } from 'cellseal/file';

// Names that are bound into every cell: choose them once. What the database calls its columns is another matter.
const customers = table('customers', {
  record: uuid('id'),
  encrypt: { email: text(), born: date(), notes: json({ pad: 256 }) },
});

// An application has no default here: without its passphrase it must not start.
const passphrase = process.env['CELLSEAL_PASSPHRASE'] ?? 'only for this example';
const folder = await mkdtemp(join(tmpdir(), 'cellseal-quick-start-'));

try {
  // Once, when the application is installed. A second call throws: a new keyring could not read the old one's cells.
  await createKeyring(fileKeyring(folder), { passphrase });
  // At every start. It never makes a keyring, so a wrong folder is an error and not a fresh, empty beginning.
  const keyring = await openKeyring(fileKeyring(folder), { passphrase });

  // The id must be known before encryption, because every cell is bound to it.
  const person = {
    id: crypto.randomUUID(),
    email: 'jane@example.com',
    born: '1985-02-28',
    notes: { vip: true },
    plan: 'pro',
  };
  const row = await encryptRecord(customers, person, keyring);
  console.log(`stored: ${row.email.slice(0, 5)}… and ${row.plan} as it is`);

  const jane = await decryptRecord(customers, row, keyring);
  console.log('read:', jane.email, jane.born, jane.notes, jane.plan);

  // What somebody with write access to the database might try: Jane's e-mail address under another customer's id.
  try {
    await decryptRecord(customers, { id: crypto.randomUUID(), email: row.email }, keyring);
  } catch (error) {
    if (!(error instanceof AuthenticationError)) throw error;
    console.log('moved to another record:', error.code, `(${error.table}.${error.column})`);
  }
} finally {
  await rm(folder, { recursive: true });
}
