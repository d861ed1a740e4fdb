/**
 * Changing the key, from the first line to the last: a new passphrase, a new root key, new data keys, every record under
 * them. What an old copy of the keyring still opens is shown before and after.
 *
 *     npx tsx examples/change-key.ts
 */
import {
  UnknownKeyError,
  WrongSecretError,
  changeKey,
  createKeyring,
  decryptRecord,
  describeKeyring,
  encryptRecord,
  exportKeyring,
  finishKeyChange,
  integer,
  keyringArchive,
  listKeys,
  openKeyring,
  schema,
  table,
  text,
} from 'cellseal';
import { memoryKeyring, memoryRecords } from 'cellseal/memory';
import { generatePassphrase } from 'cellseal/passphrase';
import { census, rotate } from 'cellseal/rotation';

const members = table('members', { record: integer('no'), encrypt: { name: text(), phone: text() } });
const everything = schema([members]); // every table under this keyring

const store = memoryKeyring();
const passphrase = 'only for this example';
const keyring = await createKeyring(store, { passphrase, label: 'operations' });

const records = memoryRecords();
for (const [no, name] of ['Ada', 'Ben', 'Cleo', 'Dan', 'Eve'].entries()) {
  records.insert(members, await encryptRecord(members, { no, name, phone: `555-010${no}` }, keyring));
}

// What may have got out: a copy of the keyring, with a passphrase that opens it.
const leaked = await exportKeyring(keyring, { passphrase });
const thief = await openKeyring(keyringArchive(leaked), { passphrase });
console.log('the old copy reads:', await nameOf(0, thief));

// Saved before it is used: once changeKey has begun, only this one opens the keyring.
const next = await generatePassphrase();
console.log(`the new passphrase: ${next.slice(0, 5)}-… (${next.length} characters)`);

// With several processes this waits until all that watch write with the new keys.
await changeKey(keyring, { passphrase: next, label: 'operations' });
console.log('after changeKey:', states());
console.log('new members are under the new key; old ones still read:', await nameOf(0, keyring));

// Stop it, kill it, call it again: it goes on where it was.
for await (const { done, expected } of rotate(everything, { keyring, records, chunkRecords: 2 })) {
  console.log(`rotation: ${done} of ${expected} records`);
}

// Refused while one cell is under a replaced key. Nobody else writes here; with other processes: noteCensus, wait, count again.
await finishKeyChange(keyring, await census(everything, { keyring, records }), { withoutHold: true });
console.log('finished:', states());
console.log('under way:', describeKeyring(keyring).changeSince !== undefined);

console.log('members:', (await Promise.all([0, 1, 2, 3, 4].map((no) => nameOf(no, keyring)))).join(', '));
try {
  await nameOf(0, thief);
} catch (error) {
  if (!(error instanceof UnknownKeyError)) throw error;
  console.log('the old copy reads:', error.code);
}
try {
  await openKeyring(store, { passphrase });
} catch (error) {
  if (!(error instanceof WrongSecretError)) throw error;
  console.log('the old passphrase:', error.code);
}

async function nameOf(no: number, under: typeof keyring): Promise<string | null | undefined> {
  const row = records.get(members, { no }) as { no: number; name: string };
  return (await decryptRecord(members, row, under)).name;
}

function states(): string {
  return listKeys(keyring)
    .map(({ kind, state }) => `${kind} ${state}`)
    .join(', ');
}
