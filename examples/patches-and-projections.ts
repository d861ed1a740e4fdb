/**
 * A patch is a record with some of its attributes, a projection a row with some of its columns. Both work as they are,
 * and their types say what is in them.
 *
 *     npx tsx examples/patches-and-projections.ts
 */
import {
  MissingRecordIdError,
  NotACellError,
  boolean,
  createKeyring,
  decryptRecord,
  encryptRecord,
  table,
  text,
  uuid,
} from 'cellseal';
import { memoryKeyring } from 'cellseal/memory';

const customers = table('customers', {
  record: uuid('id'),
  encrypt: {
    email: text(),
    phone: text(),
    // Sealed like a value: nobody sees who has answered. Padding, because otherwise the length would tell.
    consent: boolean({ pad: 16, hideNull: true }),
  },
});
const keyring = await createKeyring(memoryKeyring(), { passphrase: 'only for this example' });
const id = crypto.randomUUID();

const row = await encryptRecord(
  customers,
  { id, email: 'jane@example.com', phone: '555-0100', consent: null, plan: 'pro' },
  keyring,
);

// undefined and absent: not touched. null: cleared. Whatever is no attribute passes through.
const patch = await encryptRecord(customers, { id, email: undefined, phone: null, plan: 'free' }, keyring);
const changes = Object.entries(patch).filter(([name, value]) => name !== 'id' && value !== undefined);
console.log('UPDATE sets:', changes.map(([column, value]) => `${column} = ${value}`).join(', '));

// A projection: SELECT id, email, consent. The id is always among the columns, because the cells are bound to it.
const { consent, email } = row;
const projection = await decryptRecord(customers, { id, email, consent }, keyring);
console.log('projection:', projection.email, projection.consent, 'phone' in projection);

// The compiler asks for the id. Rows of a database driver may be typed more loosely: then the library does.
const driverRow: { [column: string]: unknown } = { email: row.email };
try {
  await decryptRecord(customers, driverRow, keyring);
} catch (error) {
  if (!(error instanceof MissingRecordIdError)) throw error;
  console.log('without its id:', error.code, error.part);
}

// A value that is no cell is never handed back as if it had been decrypted.
try {
  await decryptRecord(customers, { id, phone: '555-0100' }, keyring);
} catch (error) {
  if (!(error instanceof NotACellError)) throw error;
  console.log('plaintext in the database:', error.code, error.column);
}
