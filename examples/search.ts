/**
 * Search on encrypted attributes in SQLite: how wide an index may be, look-ups by e-mail address and by two attributes
 * together, a UNIQUE one, and a new index key while look-ups go on.
 *
 *     npx tsx examples/search.ts
 */
import {
  NotAskableError,
  activateKey,
  addKey,
  assertAskable,
  createKeyring,
  decryptRecord,
  encryptRecord,
  integer,
  listKeys,
  lookup,
  schema,
  table,
  text,
} from 'cellseal';
import { memoryKeyring } from 'cellseal/memory';
import { planIndex } from 'cellseal/planner';
import { finishRotation, rotate } from 'cellseal/rotation';
import { sqliteRecords, sqliteWhere } from 'cellseal/sqlite';
import Database from 'libsql';

// How many bits for an e-mail address, in a table of a million people?
const { recommended = 14, safe, lookup: cost } = planIndex({ records: 1_000_000, values: 'email' });
console.log(
  `safe: ${safe?.from} to ${safe?.to} bits; with ${recommended} a look-up decrypts ${Math.round(cost.candidates)}`,
);

const people = table('people', {
  record: integer('id'),
  encrypt: {
    email: text({ index: { transform: 'email-1', bits: recommended } }),
    surname: text(),
    city: text(),
    badge: text({ index: { transform: 'exact-1', bits: 128, unique: true } }),
  },
  indexes: { surname_city: { attributes: ['surname', 'city'], transform: 'lower-1', bits: 12 } },
});
const everything = schema([people]);

const keyring = await createKeyring(memoryKeyring(), { passphrase: 'only for this example' });
const db = new Database(':memory:');
db.exec(`CREATE TABLE people (id INTEGER PRIMARY KEY, email TEXT, surname TEXT, city TEXT, badge TEXT,
  email_index TEXT, surname_city TEXT, badge_index TEXT UNIQUE);
  CREATE INDEX people_email ON people (email_index); CREATE INDEX people_surname_city ON people (surname_city)`);

async function insert(person: { id: number; email: string; surname: string; city: string; badge: string }) {
  const row = await encryptRecord(people, person, keyring); // with the tokens: INSERT them, too
  db.prepare(
    `INSERT INTO people (id, email, surname, city, badge, email_index, surname_city, badge_index)
     VALUES (:id, :email, :surname, :city, :badge, :email_index, :surname_city, :badge_index)`,
  ).run(row);
}
await insert({ id: 1, email: 'Jane@Example.com', surname: 'Doe', city: 'Bonn', badge: 'A-17' });
await insert({ id: 2, email: 'joe@example.com', surname: 'Doe', city: 'Bonn', badge: 'A-18' });
await insert({ id: 3, email: 'ada@example.com', surname: 'Doe', city: 'Kiel', badge: 'A-19' });

/** What the database finds are candidates: values share tokens. Decrypted, they are told apart. */
async function find(asked: Awaited<ReturnType<typeof lookup>>): Promise<string> {
  const { sql, values } = sqliteWhere(asked);
  const rows = db.prepare(`SELECT * FROM people WHERE ${sql} ORDER BY id`).all(...values) as {
    id: number;
    email: string;
    surname: string;
    city: string;
  }[];
  const candidates = await Promise.all(rows.map((row) => decryptRecord(people, row, keyring)));
  const found = candidates.filter((person) => asked.matches(person));
  return found.map(({ email }) => email).join(', ') || 'nobody';
}
const byEmail = async () => find(await lookup(people, 'email', ' jane@EXAMPLE.com', keyring));

console.log('by e-mail address:', await byEmail());
console.log(
  'one of two:',
  await find(await lookup(people, 'email', ['joe@example.com', 'who@example.com'], keyring)),
);
console.log(
  'by both:',
  await find(await lookup(people, 'surname_city', { surname: 'DOE', city: 'Bonn' }, keyring)),
);

try {
  await insert({ id: 4, email: 'eve@example.com', surname: 'Doe', city: 'Ulm', badge: 'A-17' });
} catch (error) {
  console.log('a badge that somebody has:', (error as Error).message);
}
try {
  assertAskable(people, 'email', 'like');
} catch (error) {
  if (!(error instanceof NotAskableError)) throw error;
  console.log('LIKE:', error.code);
}

// A new index key: look-ups ask for the tokens of both until the last is made anew.
await activateKey(keyring, await addKey(keyring, { kind: 'index' }));
const records = sqliteRecords(db);
for await (const { done, expected } of rotate(everything, { keyring, records, chunkRecords: 2 }))
  console.log(`${done} of ${expected} records; by e-mail address: ${await byEmail()}`);
const { uniqueIndexes } = await finishRotation(everything, { keyring, records, withoutHold: true });
console.log(
  `index keys: ${listKeys(keyring)
    .filter(({ kind }) => kind === 'index')
    .map(({ state }) => state)
    .join(', ')}`,
);
console.log(`the UNIQUE index: next is to ${uniqueIndexes[0]?.step} (docs/search.md)`);
