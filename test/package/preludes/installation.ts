// An application on its first day, in the folder in which the block runs: the keyring in keyring/, three customers in app.db.
import {
  type Keyring,
  createKeyring,
  date,
  decryptRecord,
  encryptRecord,
  json,
  schema,
  table,
  text,
  uuid,
} from 'cellseal';
import { fileKeyring } from 'cellseal/file';
import { sqliteRecords } from 'cellseal/sqlite';
import { fakeKeyManagement } from 'cellseal/testing';
import Database from 'libsql';

export const customers = table('customers', {
  record: uuid('id'),
  encrypt: { email: text(), born: date(), notes: json({ pad: 256 }) },
});
export const everything = schema([customers]);

export const passphrase = 'the one of every day';
export const keyring = await createKeyring(fileKeyring('keyring'), {
  passphrase,
  label: 'every day',
  iterations: 1_000,
});

export const kms = fakeKeyManagement();
export const serviceKey = crypto.getRandomValues(new Uint8Array(32));

export const db = new Database('app.db');
db.exec('CREATE TABLE customers (id TEXT NOT NULL PRIMARY KEY, email TEXT, born TEXT, notes TEXT)');
export const records = sqliteRecords(db);
for (const name of ['jane', 'joe', 'ada']) await addCustomer(name, keyring);

export async function addCustomer(name: string, under: Keyring): Promise<void> {
  const person = {
    id: crypto.randomUUID(),
    email: `${name}@example.com`,
    born: '1985-02-28',
    notes: { name },
  };
  const { born, email, id, notes } = await encryptRecord(customers, person, under);
  db.prepare('INSERT INTO customers (id, email, born, notes) VALUES (?, ?, ?, ?)').run(
    id,
    email,
    born,
    notes,
  );
}

/** The e-mail addresses of all customers, in the order in which they came. */
export async function readCustomers(under: Keyring, from = db): Promise<string[]> {
  const rows = from.prepare('SELECT id, email FROM customers ORDER BY rowid').all() as {
    id: string;
    email: string;
  }[];
  const read = await Promise.all(rows.map((row) => decryptRecord(customers, row, under)));
  return read.map(({ email }) => email);
}
