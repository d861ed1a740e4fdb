// A keyring in a store that several processes share; each block opens it as they would.
import { createKeyring, table, text, uuid } from 'cellseal';
import { memoryKeyring } from 'cellseal/memory';

export const customers = table('customers', { record: uuid('id'), encrypt: { email: text() } });
export const store = memoryKeyring();
export const passphrase = 'only for the documents';
await createKeyring(store, { passphrase, iterations: 1_000 });
