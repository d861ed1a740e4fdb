// Run against the packed package, under flags that forbid things: every public path once. Prints `done`.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import {
  activateKey,
  addKey,
  boolean,
  bytes,
  createKeyring,
  date,
  decimal,
  decryptCell,
  decryptEach,
  decryptRecord,
  decryptRecords,
  encryptCell,
  encryptEach,
  encryptRecord,
  encryptRecords,
  float,
  integer,
  json,
  listKeys,
  openKeyring,
  schema,
  suspendKey,
  table,
  text,
  timestamp,
  uuid,
} from 'cellseal';
import { fileKeyring, writePassphraseFile } from 'cellseal/file';
import { memoryRecords } from 'cellseal/memory';
import {
  checkPassphrase,
  estimateStrength,
  generatePassphrase,
  readPassphraseFile,
} from 'cellseal/passphrase';
import { census, rotate } from 'cellseal/rotation';

const everything = table('everything', {
  record: [uuid('id'), integer('no')],
  tenant: text('owner'),
  encrypt: {
    text: text({ pad: 64, hideNull: true }),
    bytes: bytes({ form: 'binary' }),
    json: json(),
    integer: integer({ as: 'bigint' }),
    float: float(),
    boolean: boolean(),
    timestamp: timestamp(),
    decimal: decimal(),
    date: date(),
  },
});
const tenant = { tenant: 'acme' };
const secret = { passphrase: 'a passphrase of the package tests' };

await createKeyring(fileKeyring('keyring'), { ...secret, iterations: 1_000 });
const keyring = await openKeyring(fileKeyring('keyring'), secret);

const record = (no: number) => ({
  id: '5f0c1e9a-7b1d-4c5e-9f3a-2b8d6e4c1a00',
  no,
  owner: 'acme',
  text: null,
  bytes: Uint8Array.of(1, 2, 3),
  json: { a: [1, null, 'ü'] },
  integer: 2n ** 70n,
  float: -0,
  boolean: true,
  timestamp: new Date(0),
  decimal: '-12.3400',
  date: '1985-02-28',
});
const row = await encryptRecord(everything, record(1), keyring, tenant);
assert.deepEqual(await decryptRecord(everything, row, keyring, tenant), record(1));

const outcomes = await encryptRecords(everything, [record(2), record(3)], keyring, {
  ...tenant,
  concurrency: 2,
});
const rows = outcomes.map(settled);
const opened = await decryptRecords(everything, rows, keyring, tenant);
assert.deepEqual(opened.map(settled), [record(2), record(3)]);

async function* cursor() {
  for await (const outcome of encryptEach(everything, [record(2), record(3)], keyring, tenant))
    yield settled(outcome);
}
let no = 2;
for await (const outcome of decryptEach(everything, cursor(), keyring, { ...tenant, concurrency: 1 }))
  assert.deepEqual(settled(outcome), record(no++));
assert.equal(no, 4);

const id = { id: record(4).id, no: 4 };
const cell = await encryptCell(everything, 'date', '2000-02-29', id, keyring, tenant);
assert.equal(await decryptCell(everything, 'date', cell, id, keyring, tenant), '2000-02-29');
await assert.rejects(decryptRecord(everything, { ...row, no: 2 }, keyring, tenant), {
  code: 'authentication',
});

const records = memoryRecords();
for (const stored of [row, ...rows]) records.insert(everything, stored);
const all = schema([everything]);
const [old] = listKeys(keyring);
await activateKey(keyring, await addKey(keyring));
for await (const { state } of rotate(all, { keyring, records, chunkRecords: 2 })) assert.match(state, /^swe/);
assert(old);
await suspendKey(keyring, old.keyId, await census(all, { keyring, records }), { withoutHold: true });
for (const stored of records.rows(everything)) await decryptRecord(everything, stored, keyring, tenant);

for (const style of ['base32', 'unicode', 'words'] as const) {
  const passphrase = await generatePassphrase({ style });
  await writePassphraseFile('passphrase.txt', passphrase, { encoding: 'utf-16le', overwrite: true });
  assert.equal(readPassphraseFile(readFileSync('passphrase.txt')).passphrase, passphrase);
  assert(checkPassphrase(passphrase.slice(0, -1)).damage);
  assert(estimateStrength(passphrase).bits >= 128);
}

console.log('done');

function settled<T>(outcome: PromiseSettledResult<T>): T {
  assert(outcome.status === 'fulfilled');
  return outcome.value;
}
