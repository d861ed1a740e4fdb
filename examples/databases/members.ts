/** What the programs beside this one have in common: what is encrypted, and a rotation. */
import {
  type Keyring,
  activateKey,
  addKey,
  createKeyring,
  json,
  listKeys,
  schema,
  table,
  text,
  uuid,
} from 'cellseal';
import { sqlExecutorCases } from 'cellseal/conformance';
import { memoryKeyring } from 'cellseal/memory';
import type { SqlExecutor } from 'cellseal/postgres';
import { type RecordStore, census, rotate } from 'cellseal/rotation';

/** One cell in text form, and one in binary form: columns of type text and bytea, or text and blob. */
export const members = table('members', {
  record: uuid('id'),
  encrypt: { email: text(), notes: json({ form: 'binary' }) },
});

export const keyring: Keyring = await createKeyring(memoryKeyring(), { passphrase: 'only for this example' });

/** Before they are encrypted. Their ids are known by then, because every cell is bound to one. */
export const people = [
  { id: crypto.randomUUID(), email: 'ada@example.com', notes: { drinks: 'tea' }, joined: 2019 },
  { id: crypto.randomUUID(), email: 'ben@example.com', notes: { drinks: 'coffee' }, joined: 2021 },
  { id: crypto.randomUUID(), email: 'cleo@example.com', notes: { drinks: 'water' }, joined: 2024 },
];

/** A new key, every cell under it, and a count that says so. */
export async function rotateMembers(records: RecordStore): Promise<void> {
  const everything = schema([members]);
  const [old] = listKeys(keyring);
  const fresh = await addKey(keyring);
  await activateKey(keyring, fresh);
  for await (const { done, expected } of rotate(everything, { keyring, records, chunkRecords: 2 })) {
    console.log(`rotation: ${done} of ${expected} records`);
  }
  const { cells, notCells } = await census(everything, { keyring, records });
  const [now, before] = [cells[fresh] ?? 0, cells[String(old?.keyId)] ?? 0];
  console.log(
    `census: ${now} cells under the new key, ${before} under the old one, ${notCells} that are none`,
  );
}

/** The suite for executors: run it in your own tests, over your own. */
export async function checkExecutor(executor: SqlExecutor, dialect: 'postgres' | 'mysql'): Promise<void> {
  for (const { name, run } of sqlExecutorCases(executor, dialect)) {
    await run().catch((cause: unknown) => {
      throw new Error(`The executor breaks a rule: ${name}.`, { cause });
    });
  }
  console.log('executor: every rule kept');
}
