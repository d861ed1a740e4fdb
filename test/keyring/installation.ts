/** A keyring as an installation has it: slots of every type, tenants with keys of their own, cells; also with pages. */
import { createHash, randomBytes } from 'node:crypto';
import type { Bytes } from '../../src/bytes.js';
import {
  type Keyring,
  type UnlockSecret,
  activateKey,
  addKey,
  addSlot,
  addTenants,
  decryptRecord,
  encryptRecord,
  integer,
  listKeys,
  openKeyring,
  schema,
  table,
  text,
} from '../../src/index.js';
import type { KeyringStore } from '../../src/ports/keyring-store.js';
import { type MemoryRecords, memoryKeyring, memoryRecords } from '../../src/store/memory.js';
import { fakeKeyManagement } from '../../src/testing/testing.js';
import { base32 } from '../oracle/bytes.js';
import {
  ITERATIONS,
  PASSPHRASE,
  type Payload,
  RAW_KEY,
  codeOf,
  forge,
  knownKeyring,
  payloadOf,
  payloadTextOf,
  stored,
} from './support.js';

export const people = table('people', { record: integer('id'), encrypt: { name: text() } });
export const accounts = table('accounts', {
  record: integer('id'),
  tenant: text('owner'),
  encrypt: { iban: text() },
});
export const everything = schema([people, accounts]);

/** Each has a data and an index key of its own. Their buckets fall on both sides of {@link CUT}. */
export const TENANTS = ['acme', 'globex', 'initech', 'umbrella'];
/** Where the pages of {@link install} are cut. */
const CUT = 0x8000;

const services = fakeKeyManagement({ key: RAW_KEY.map((byte) => byte ^ 0xff) });
/** Secrets of the tests: the first three open the keyring of {@link install}, the others open nothing yet. */
export const SECRETS = {
  person: { passphrase: PASSPHRASE },
  service: { rawKey: RAW_KEY },
  cloud: { keyManagement: services },
  next: { passphrase: 'the passphrase that comes after' },
  other: { passphrase: 'of somebody else altogether' },
  robot: { rawKey: RAW_KEY.map((byte) => byte ^ 0x55) },
} as const satisfies Record<string, UnlockSecret>;
export type SecretName = keyof typeof SECRETS;

/** Everything that a test starts from. Copied, never changed. */
export interface Installation {
  readonly keyrings: Required<KeyringStore>;
  readonly records: MemoryRecords;
  readonly rootKey: Bytes;
  /** What the records say. */
  readonly contents: Contents;
  /** The ids of all keys, tenants' too. */
  readonly keyIds: readonly string[];
  /** Added, and never used. */
  readonly preActive: string;
  readonly hasPages: boolean;
}
export interface Contents {
  readonly people: readonly unknown[];
  readonly accounts: readonly unknown[];
}

/**
 * Slots `person`, `service` and `cloud`; shared data keys of which one is deactivated, one active and one pre-active; an
 * index key; the tenants' keys, in the document or, if asked for, in two pages; records under every data key but the
 * pre-active one.
 */
export async function install({ pages: hasPages }: { readonly pages: boolean }): Promise<Installation> {
  const keyrings = memoryKeyring();
  const { keyring, rootKey } = await knownKeyring({ ...SECRETS.person, label: 'a person' }, keyrings);
  const current = SECRETS.person;
  await addSlot(keyring, { ...SECRETS.service, current, label: 'a service' });
  await addSlot(keyring, { ...SECRETS.cloud, current });

  const records = memoryRecords();
  const person = (id: number) => encryptRecord(people, { id, name: `person ${id}` }, keyring);
  records.insert(people, await person(0));
  await activateKey(keyring, await addKey(keyring));
  records.insert(people, await person(1));
  await addTenants(keyring, TENANTS);
  for (const [id, owner] of [...TENANTS, 'without keys of its own'].entries())
    records.insert(accounts, await account(keyring, { id, owner, iban: `iban ${id}` }));
  const preActive = await addKey(keyring);
  const keyIds = listKeys(keyring).map(({ keyId }) => keyId);
  if (hasPages) await moveIntoPages(keyrings, rootKey);
  const contents = await contentsOf(records, keyring);
  return { keyrings, records, rootKey, contents, keyIds, preActive, hasPages };
}

/** A row of {@link accounts}. */
export function account(
  keyring: Keyring,
  row: { readonly id: number; readonly owner: string; readonly iban: string },
) {
  return encryptRecord(accounts, row, keyring, { tenant: row.owner });
}

/** The same once more, to be changed. */
export async function copyOf(from: Installation): Promise<Installation> {
  const records = memoryRecords();
  for (const each of [people, accounts])
    for (const row of from.records.rows(each)) records.insert(each, { ...row });
  return { ...from, keyrings: await copied(from.keyrings, memoryKeyring()), records };
}

/** The newest document and its pages, put into an empty store. */
export async function copied<Store extends Required<KeyringStore>>(
  from: KeyringStore,
  into: Store,
): Promise<Store> {
  const newest = await stored(from);
  for (const { name } of payloadOf(newest.document).pages as { name: string }[]) {
    const page = await from.pages?.read(name, 1024 * 1024);
    if (!page) throw new Error('a page is missing');
    await into.pages.write(name, page);
  }
  if (!(await into.restore(newest))) throw new Error('the store is not empty');
  return into;
}

/** Makes a revision whose tenants' keys stand in two pages, as if they had been too many for the document. */
export async function moveIntoPages(store: KeyringStore, rootKey: Uint8Array): Promise<void> {
  const { document, revision } = await stored(store);
  const payload = payloadOf(document);
  const [own, shared] = [true, false].map((isOwn) =>
    payload.keys.filter((key: Payload) => Object.hasOwn(key, 'tenant') === isOwn),
  ) as [Payload[], Payload[]];
  const pages = [];
  for (const [from, end] of [
    [0, CUT],
    [CUT, 0x10000],
  ] as const) {
    const keys = own.filter(({ tenant }) => bucketOf(tenant) >= from && bucketOf(tenant) < end);
    if (keys.length === 0) throw new Error('a page would be empty');
    const page = new TextEncoder().encode(JSON.stringify(keys));
    const name = base32(randomBytes(16));
    await store.pages?.write(name, page);
    pages.push({ name, hash: sha256(page).toString('base64url'), from });
  }
  const previous = sha256(payloadTextOf(document)).toString('base64url');
  const next = { ...payload, revision: revision + 1, previous, keys: shared, pages };
  await store.write({ revision: revision + 1, document: forge(rootKey, next) });
}

/** docs/keyring-format.md §5, for text. */
function bucketOf(tenant: string): number {
  return sha256(tenant.replaceAll('-', '').toLowerCase()).readUInt16BE(0);
}

function sha256(of: string | Uint8Array): Buffer {
  return createHash('sha256').update(of).digest();
}

/** Which of the secrets open what the store holds now, in their order. */
export async function openersOf(store: KeyringStore): Promise<SecretName[]> {
  const opens: SecretName[] = [];
  for (const [name, secret] of Object.entries(SECRETS)) {
    const code = await codeOf(openKeyring(store, secret));
    if (code === 'success') opens.push(name as SecretName);
    else if (code !== 'wrong-secret') throw new Error(`the keyring does not open: ${String(code)}`);
  }
  return opens;
}

/** Every record decrypted. */
export async function contentsOf(records: MemoryRecords, keyring: Keyring): Promise<Contents> {
  const all = [];
  for (const row of records.rows(people)) all.push(await decryptRecord(people, row, keyring));
  const owned = [];
  for (const row of records.rows(accounts))
    owned.push(await decryptRecord(accounts, row, keyring, { tenant: row['owner'] as string }));
  return { people: all, accounts: owned };
}

/** The new secret of a change, with few iterations. */
export const few = <Secret extends UnlockSecret>(secret: Secret) => ({ ...secret, iterations: ITERATIONS });
