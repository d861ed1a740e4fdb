// The README's customers, in a database, under an open keyring.
import { createKeyring, date, encryptRecord, json, table, text, uuid } from 'cellseal';
import { memoryKeyring } from 'cellseal/memory';
import Database from 'libsql';

export const customers = table('customers', {
  record: uuid('id'),
  encrypt: { email: text(), born: date(), notes: json({ pad: 256 }) },
});

export const keyring = await createKeyring(memoryKeyring(), {
  passphrase: 'only for the documents',
  iterations: 1_000,
});

export const db = new Database(':memory:');
db.exec(
  'CREATE TABLE customers (id TEXT NOT NULL PRIMARY KEY, email TEXT, born TEXT, notes TEXT, plan TEXT)',
);
const insert = db.prepare('INSERT INTO customers (id, email, born, notes, plan) VALUES (?, ?, ?, ?, ?)');
for (const name of ['jane', 'joe', 'ada']) {
  const person = {
    id: crypto.randomUUID(),
    email: `${name}@example.com`,
    born: '1985-02-28',
    notes: { name },
  };
  const { born, email, id, notes } = await encryptRecord(customers, person, keyring);
  insert.run(id, email, born, notes, 'pro');
}
