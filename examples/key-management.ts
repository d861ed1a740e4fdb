/**
 * A keyring that a key management service opens: the secret of its slot is wrapped under a key that never leaves the
 * service. Here AWS KMS, asked for by the two calls that are made of it, so that any client of this shape fits:
 *
 *     const service = awsKeyManagement(new KMS(), 'arn:aws:kms:eu-central-1:111122223333:key/…');   // @aws-sdk/client-kms
 *
 * What runs below is a double of those two calls. It behaves as the API reference says; before you trust the mapping of
 * errors, run the suite against your own key as well.
 *
 *     npx tsx examples/key-management.ts
 */
import {
  type KeyManagement,
  KeyManagementRefusedError,
  WrongSecretError,
  addSlot,
  createKeyring,
  decryptRecord,
  encryptRecord,
  listSlots,
  openKeyring,
  table,
  text,
  uuid,
} from 'cellseal';
import { keyManagementCases } from 'cellseal/conformance';
import { memoryKeyring } from 'cellseal/memory';

/** The part of `KMS` of `@aws-sdk/client-kms` that is called. */
interface KmsClient {
  encrypt(input: {
    KeyId: string;
    Plaintext: Uint8Array;
    EncryptionContext: Record<string, string>;
  }): Promise<{ CiphertextBlob?: Uint8Array | undefined }>;
  decrypt(input: {
    KeyId: string;
    CiphertextBlob: Uint8Array;
    EncryptionContext: Record<string, string>;
  }): Promise<{ Plaintext?: Uint8Array | undefined }>;
}

/** What AWS KMS says where the bytes are at fault, and not the network, the permission or the key's state. */
const REFUSALS: readonly unknown[] = ['InvalidCiphertextException', 'IncorrectKeyException'];
/** Decrypt takes 1 to 6,144 bytes; outside of that it is a ValidationException, which may be many other things. */
const MAX_BLOB_BYTES = 6144;

function awsKeyManagement(client: KmsClient, keyArn: string): KeyManagement {
  return {
    keyName: keyArn,

    async wrap(secret, { keyringId, slotId }) {
      const { CiphertextBlob } = await client.encrypt({
        KeyId: keyArn,
        Plaintext: secret,
        EncryptionContext: { keyringId, slotId },
      });
      if (!CiphertextBlob) throw new Error('AWS KMS gave no ciphertext.');
      return CiphertextBlob;
    },

    async unwrap(wrapped, { keyringId, slotId }) {
      if (wrapped.length < 1 || wrapped.length > MAX_BLOB_BYTES) throw new KeyManagementRefusedError();
      try {
        // With KeyId: without it AWS KMS would decrypt under whichever key the blob names.
        const { Plaintext } = await client.decrypt({
          KeyId: keyArn,
          CiphertextBlob: wrapped,
          EncryptionContext: { keyringId, slotId },
        });
        if (!Plaintext) throw new Error('AWS KMS gave no plaintext.');
        // A buffer of its own: the client's may be a part of Node's pool, which others look into.
        const secret = new Uint8Array(Plaintext);
        Plaintext.fill(0);
        return secret;
      } catch (error) {
        if (REFUSALS.includes((error as { name?: unknown }).name)) throw new KeyManagementRefusedError();
        throw error; // no network, no permission, a disabled key: whoever opens the keyring has to know
      }
    },
  };
}

const KEY = 'arn:aws:kms:eu-central-1:111122223333:key/example';
const service = awsKeyManagement(await double(KEY), KEY);
const other = awsKeyManagement(await double(`${KEY}-2`), `${KEY}-2`);

// The suite says whether it is right.
const cases = keyManagementCases(() => ({ service, underAnotherKey: () => other }));
for (const { run } of cases) await run();
console.log('every case of the suite passed');

// Once. A second slot, for the day on which the service is gone: in a safe, not in the application.
const store = memoryKeyring();
const created = await createKeyring(store, { keyManagement: service, label: 'AWS KMS, Frankfurt' });
await addSlot(created, {
  passphrase: 'for this example alone: generate yours',
  iterations: 1_000, // only to be quick here: leave it out
  label: 'in the safe',
  current: { keyManagement: service },
});
for (const { keyName, label, type } of listSlots(created))
  console.log('slot:', label, type, keyName ?? '(no service)');

// At every start: one call of the service, and no secret in the application's configuration.
const keyring = await openKeyring(store, { keyManagement: service });
const customers = table('customers', { record: uuid('id'), encrypt: { email: text() } });
const jane = { id: crypto.randomUUID(), email: 'jane@example.com' };
const { email } = await decryptRecord(customers, await encryptRecord(customers, jane, keyring), keyring);
console.log('read:', email);

try {
  await openKeyring(store, { keyManagement: other });
} catch (error) {
  if (!(error instanceof WrongSecretError)) throw error;
  console.log('under another key of the service:', error.code);
}
try {
  await openKeyring(store, { keyManagement: awsKeyManagement(await double(KEY, 'TimeoutError'), KEY) });
} catch (error) {
  console.log('while the service is down:', (error as Error).name);
}

/** Two calls of AWS KMS in this process, with a key that lasts as long as it. With `failure`, every call fails so. */
async function double(arn: string, failure?: string): Promise<KmsClient> {
  const { subtle } = crypto;
  const key = await subtle.generateKey({ name: 'AES-GCM', length: 256 }, false, ['encrypt', 'decrypt']);
  const failed = (name: string): Error => Object.assign(new Error(name), { name });
  const gcm = (iv: Uint8Array<ArrayBuffer>, context: Record<string, string>) => ({
    name: 'AES-GCM',
    iv,
    additionalData: new TextEncoder().encode(JSON.stringify(Object.entries(context).sort())),
  });
  const assertUp = (keyId: string): void => {
    if (failure !== undefined) throw failed(failure);
    if (keyId !== arn) throw failed('NotFoundException');
  };

  return {
    async encrypt({ EncryptionContext, KeyId, Plaintext }) {
      assertUp(KeyId);
      const iv = crypto.getRandomValues(new Uint8Array(12));
      const sealed = await subtle.encrypt(gcm(iv, EncryptionContext), key, new Uint8Array(Plaintext));
      return { CiphertextBlob: new Uint8Array([...iv, ...new Uint8Array(sealed)]) };
    },
    async decrypt({ CiphertextBlob, EncryptionContext, KeyId }) {
      assertUp(KeyId);
      if (CiphertextBlob.length < 1 || CiphertextBlob.length > 6144) throw failed('ValidationException');
      const blob = new Uint8Array(CiphertextBlob);
      try {
        const iv = blob.slice(0, 12);
        const opened = await subtle.decrypt(gcm(iv, EncryptionContext), key, blob.slice(12));
        return { Plaintext: Buffer.from(opened).subarray() };
      } catch {
        throw failed('InvalidCiphertextException');
      }
    },
  };
}
