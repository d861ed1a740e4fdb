/**
 * A table in SQLite: insert, select, then a new key for every record, and the proof that the old one can go.
 *
 *     npx tsx examples/sqlite.ts
 *
 * With Node 22.13 and later, `new DatabaseSync(':memory:')` of `node:sqlite` does as well as `libsql`.
 */
import {
  KeyInUseError,
  SuspendedKeyError,
  activateKey,
  addKey,
  createKeyring,
  decryptRecord,
  encryptRecord,
  listKeys,
  schema,
  suspendKey,
  table,
  text,
  uuid,
} from 'cellseal';
import { memoryKeyring } from 'cellseal/memory';
import { census, rotate } from 'cellseal/rotation';
import { sqliteRecords } from 'cellseal/sqlite';
import Database from 'libsql';

const patients = table('patients', {
  from: 'clinic_patients', // the table's name in the database
  record: uuid('id'),
  encrypt: { name: text(), diagnosis: text({ column: 'diagnosis_enc', pad: 64 }) },
});

const keyring = await createKeyring(memoryKeyring(), { passphrase: 'only for this example' });
const db = new Database(':memory:');
db.exec(
  'CREATE TABLE clinic_patients (id TEXT NOT NULL PRIMARY KEY, name TEXT, diagnosis_enc TEXT, ward TEXT)',
);

// Insert: encryptRecord gives properties by the definition's names; the statement says which column each goes to.
const insert = db.prepare('INSERT INTO clinic_patients (id, name, diagnosis_enc, ward) VALUES (?, ?, ?, ?)');
for (const name of ['Ada', 'Ben', 'Cleo', 'Dan', 'Eve']) {
  const patient = {
    id: crypto.randomUUID(),
    name,
    diagnosis: name === 'Dan' ? null : 'influenza',
    ward: 'B',
  };
  const row = await encryptRecord(patients, patient, keyring);
  insert.run(row.id, row.name, row.diagnosis, row.ward);
}

// Select: aliases give the row the definition's names again. The id must be among the columns.
const SELECT = 'SELECT id, name, diagnosis_enc AS diagnosis, ward FROM clinic_patients ORDER BY rowid';
const readAll = async (): Promise<string[]> => {
  const rows = db.prepare(SELECT).all() as {
    id: string;
    name: string;
    diagnosis: string | null;
    ward: string;
  }[];
  const read = await Promise.all(rows.map((row) => decryptRecord(patients, row, keyring)));
  return read.map(({ diagnosis, name }) => `${name}: ${diagnosis ?? 'none'}`);
};
console.log('patients:', (await readAll()).join(', '));

const { name: fromBackup } = db.prepare('SELECT name FROM clinic_patients').get() as { name: string };

// Everything under this keyring: a table that is missing here would be neither rotated nor counted.
const everything = schema([patients]);
const records = sqliteRecords(db);
const [old] = listKeys(keyring).filter((key) => key.kind === 'data' && key.state === 'active');
if (!old) throw new Error('A new keyring has an active data key.');

// From here on new cells are under the new key, and the old ones can still be read.
await activateKey(keyring, await addKey(keyring));

// Too early: five names and four diagnoses need the old key. The count says so, and the library holds to it.
try {
  await suspendKey(keyring, old.keyId, await census(everything, { keyring, records }), { withoutHold: true });
} catch (error) {
  if (!(error instanceof KeyInUseError)) throw error;
  console.log('before the rotation:', error.code, error.cells, 'cells');
}

// Leave the loop, or kill the process, whenever you like: the next call goes on where this one stopped.
for await (const { done, expected, state } of rotate(everything, { keyring, records, chunkRecords: 2 })) {
  console.log(`rotation: ${done} of ${expected} records, ${state}`);
}

// No other process writes here. Otherwise: noteCensus, wait a day, count again.
await suspendKey(keyring, old.keyId, await census(everything, { keyring, records }), { withoutHold: true });
console.log('the old key:', listKeys(keyring).find(({ keyId }) => keyId === old.keyId)?.state);
console.log('patients:', (await readAll()).join(', '));

// A cell that is still under the old key, from a backup for instance, is told apart from a damaged one.
try {
  await decryptRecord(patients, { id: crypto.randomUUID(), name: fromBackup }, keyring);
} catch (error) {
  if (!(error instanceof SuspendedKeyError)) throw error;
  console.log('a cell under the old key:', error.code);
}
db.close();
