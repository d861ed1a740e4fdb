/**
 * A service that starts without a person: 32 random bytes in place of a passphrase, from wherever the platform keeps
 * secrets. Nothing is stretched, so it also opens at once.
 *
 *     npx tsx examples/raw-key.ts
 */
import {
  WrongSecretError,
  createKeyring,
  decryptRecord,
  encryptRecord,
  json,
  openKeyring,
  table,
  uuid,
} from 'cellseal';
import { memoryKeyring } from 'cellseal/memory';

const jobs = table('jobs', { record: uuid('id'), encrypt: { payload: json() } });
const store = memoryKeyring();

// Once: `openssl rand -base64 32`, into the secret manager. Whoever has it and the keyring document can read everything.
const secret = Buffer.from(crypto.getRandomValues(new Uint8Array(32))).toString('base64');
await createKeyring(store, { rawKey: rawKeyFrom(secret) });

// At every start.
const keyring = await openKeyring(store, { rawKey: rawKeyFrom(secret) });
const job = { id: crypto.randomUUID(), payload: { to: 'jane@example.com', template: 'welcome' } };
const queued = await encryptRecord(jobs, job, keyring);
const { payload } = await decryptRecord(jobs, queued, keyring);
console.log('payload:', payload);

try {
  await openKeyring(store, { rawKey: new Uint8Array(32) });
} catch (error) {
  if (!(error instanceof WrongSecretError)) throw error;
  console.log('another raw key:', error.code);
}

/** A secret that was cut short, or is not set, must stop the service here and say so. */
function rawKeyFrom(base64: string | undefined): Uint8Array {
  const bytes = Buffer.from(base64 ?? '', 'base64');
  if (bytes.length !== 32) throw new Error('The raw key is not 32 bytes in base64.');
  return bytes;
}
