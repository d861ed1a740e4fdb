// Compiled, never run: a consumer that touches the types of every entry, where the compiler has next to nothing besides.
import {
  type BinaryCell,
  type Cell,
  type Census,
  type Engine,
  type KeyringStore,
  NotACellError,
  type RecordOf,
  type StandardSchema,
  type StoredOf,
  activateKey,
  addKey,
  boolean,
  bytes,
  createKeyring,
  decryptEach,
  decryptRecord,
  decryptRecords,
  encryptCell,
  encryptRecord,
  integer,
  json,
  openKeyring,
  schema,
  suspendKey,
  table,
  text,
  timestamp,
  uuid,
} from 'cellseal';
import { type ConformanceCase, keyringStoreCases, recordStoreCases } from 'cellseal/conformance';
import { environmentKeyring } from 'cellseal/environment';
import { fileKeyring, writePassphraseFile } from 'cellseal/file';
import { memoryKeyring, memoryRecords } from 'cellseal/memory';
import { type PassphraseFile, generatePassphrase, readPassphraseFile } from 'cellseal/passphrase';
import { type RecordStore, type RotationProgress, census, listQuarantine, rotate } from 'cellseal/rotation';
import { type SqliteClient, sqliteKeyring, sqliteRecords } from 'cellseal/sqlite';
import {
  type FakeKeyManagement,
  type NotSealedError,
  expectOpens,
  expectSealed,
  fakeKeyManagement,
  testKeyring,
} from 'cellseal/testing';

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
function is<_T extends true>(): void {}

interface Address {
  readonly street: string;
}
declare const address: StandardSchema<unknown, Address>;
declare const client: SqliteClient;
declare const engine: Engine;

const customers = table('customers', {
  record: uuid('id'),
  encrypt: {
    email: text(),
    photo: bytes({ form: 'binary' }),
    visits: integer({ as: 'bigint' }),
    seen: timestamp(),
    active: boolean({ pad: 2, hideNull: true }),
    address: json(address),
  },
});
const invoices = table('invoices', {
  record: [text('region'), integer('no')],
  tenant: text('owner'),
  bind: 'column',
  encrypt: { iban: text() },
});

is<Equal<RecordOf<typeof customers>['address'], Address | null>>();
is<Equal<RecordOf<typeof customers>['visits'], bigint | null>>();
is<Equal<StoredOf<typeof customers>['photo'], BinaryCell | null>>();
is<Equal<StoredOf<typeof customers>['active'], Cell>>();

export async function tests(rows: unknown[]): Promise<string> {
  const service: FakeKeyManagement = fakeKeyManagement({ key: new Uint8Array(32) });
  const store = memoryKeyring();
  await createKeyring(store, { keyManagement: service });
  expectSealed(customers, rows, { whole: true });
  await expectOpens(customers, rows, await testKeyring({ store }));
  await expectOpens(invoices, rows, await testKeyring(), { tenant: 'acme' });
  // @ts-expect-error: the tenant is wanted
  await expectOpens(invoices, rows, await testKeyring());
  return ({} as NotSealedError).columns.join(service.keyName);
}

export async function everything(id: string, passphrase: string | undefined): Promise<Census> {
  const store: KeyringStore = memoryKeyring();
  await createKeyring(store, { passphrase, iterations: 1_000, engine });
  await openKeyring(environmentKeyring('KEYRING', { KEYRING: undefined }), { passphrase });
  const keyring = await openKeyring(fileKeyring('keyring'), { passphrase });

  const row = await encryptRecord(customers, { id, email: 'jane', seen: new Date(), plan: 'pro' }, keyring);
  is<Equal<typeof row.email, Cell>>();
  const jane = await decryptRecord(customers, row, keyring);
  is<Equal<typeof jane.email, string>>();
  is<Equal<typeof jane.seen, Date>>();
  const plan: string = jane.plan;

  // @ts-expect-error: a table with tenants wants one
  await encryptRecord(invoices, { iban: plan }, keyring);
  // @ts-expect-error: a cell that is bound to its record wants the record's id
  await encryptRecord(customers, { email: plan }, keyring);
  // @ts-expect-error: an e-mail address is text
  await encryptRecord(customers, { id, email: 7 }, keyring);
  await encryptCell(invoices, 'iban', 'DE02', {}, keyring, { tenant: 'acme' });
  for (const outcome of await decryptRecords(customers, [row], keyring, { concurrency: 8 })) {
    if (outcome.status === 'rejected') throw outcome.reason;
    is<Equal<typeof outcome.value.email, string>>();
  }

  for await (const outcome of decryptEach(customers, [row], keyring))
    if (outcome.status === 'fulfilled') is<Equal<typeof outcome.value.email, string>>();

  const all = schema([customers, invoices]);
  const records: RecordStore = sqliteRecords(client, { jobTable: 'jobs' });
  memoryRecords().insert(customers, row);
  await activateKey(keyring, await addKey(keyring, { tenant: 7n }));
  let last: RotationProgress | undefined;
  for await (const progress of rotate(all, { keyring, records })) last = progress;
  const refused = await listQuarantine({ keyring, records });
  if (refused.length > 0 || last?.state !== 'swept') throw new NotACellError();
  const cases: readonly ConformanceCase[] = recordStoreCases(() => ({
    store: records,
    insert: () => undefined,
    update: () => undefined,
    remove: () => undefined,
    rows: () => [],
    close: () => undefined,
  }));
  const ofKeyrings = keyringStoreCases(async () => ({ store: sqliteKeyring(client, { table: 'keyring' }) }), {
    members: ['restore', 'pages', 'processes', 'usage'],
  });
  for (const { run } of [...cases, ...ofKeyrings]) await run();

  const { encoding, style }: PassphraseFile = readPassphraseFile(new Uint8Array(8));
  is<Equal<typeof style, 'base32' | 'unicode' | 'words' | 'own'>>();
  if (encoding !== 'utf-16be')
    await writePassphraseFile('file', await generatePassphrase({ style: 'words', words: 24 }), { encoding });

  const count = await census(all, { keyring, records });
  await suspendKey(keyring, 'id', count, { withoutHold: true });
  return count;
}
