/** Batches of records: `encryptRecords` and `decryptRecords` beside the shapes. */
import {
  type SynchronousKeyring,
  createKeyring,
  decryptRecordSync,
  decryptRecords,
  encryptRecordSync,
  encryptRecords,
  table,
  text,
  uuid,
} from 'cellseal';
import { memoryKeyring } from 'cellseal/memory';
import { encodeContextBefore } from '../../src/envelope/index.js';
import type { Effort } from '../measure.js';
import { bytesLabel } from '../names.js';
import { fulfilled } from '../outcomes.js';
import type { Row } from '../report.js';
import { tellingEngine } from './keys.js';
import { DECRYPTING, ENCRYPTING, LEAN, LEAN_DRAWING, SHIPPED } from './names.js';
import { type Fulfilled, TAG_CHARACTERS, opening, sealing } from './records.js';
import { type Staff, assertSame, employ, waysOf } from './staff.js';
import { type Contender, alternate } from './turns.js';

export interface Batch {
  readonly records: number;
  readonly attributes: number;
  readonly bytes: number;
}

type Plain = { readonly id: string } & Readonly<Record<string, string>>;

const COLUMNS = ['email', 'phone', 'notes'];
/** Of base64url: salt and IV, and a bit more. */
const SALT_AND_IV_CHARACTERS = 27;

const people = table('people', {
  record: uuid('id'),
  encrypt: { email: text(), phone: text(), notes: text() },
});

/** Tells the rows of each batch as soon as they are there. */
export async function batchRows(
  effort: Effort,
  batches: readonly Batch[],
  tell: (rows: readonly Row[]) => void,
): Promise<Row[]> {
  const { engine, newest } = tellingEngine();
  const rawKey = globalThis.crypto.getRandomValues(new Uint8Array(32));
  const keyring = await createKeyring(memoryKeyring(), { rawKey, engine });
  const tag = sealed(plainRecord(0, COLUMNS, 64), keyring)['email']?.slice(0, TAG_CHARACTERS) as string;
  const before = COLUMNS.map((column) => encodeContextBefore('cell', { table: people.name, column }, {}));
  const staff = employ({ keys: [newest()], before, ivsAtOnce: 1 });
  await assertRefusals(staff, tag, keyring);
  const rows: Row[] = [];
  for (const batch of batches) {
    const found = await rowsOf(effort, batch, tag, keyring, staff);
    tell(found);
    rows.push(...found);
  }
  await staff.close();
  return rows;
}

async function rowsOf(
  effort: Effort,
  { records, attributes, bytes }: Batch,
  tag: string,
  keyring: SynchronousKeyring,
  staff: Staff,
): Promise<Row[]> {
  const columns = COLUMNS.slice(0, attributes);
  const plain = Array.from({ length: records }, (_, i) => plainRecord(i, columns, bytes));
  const stored = fulfilled(await encryptRecords(people, plain, keyring));
  const seal = sealing(people, columns, tag, bytes);
  const open = opening(people, columns, tag, bytes);

  const encrypting: Contender[] = [
    { name: 'encryptRecords', run: () => encryptRecords(people, plain, keyring) },
    { name: 'encryptRecordSync', run: () => plain.map((row) => encryptRecordSync(people, row, keyring)) },
  ];
  for (const way of waysOf(staff, seal)) {
    await assertSealed(await way.do(seal, plain), plain, keyring);
    encrypting.push({ name: way.name, run: () => way.do(seal, plain) });
  }
  const decrypting: Contender[] = [
    { name: 'decryptRecords', run: () => decryptRecords(people, stored, keyring) },
    { name: 'decryptRecordSync', run: () => stored.map((row) => decryptRecordSync(people, row, keyring)) },
  ];
  for (const way of waysOf(staff, open)) {
    assertSame(fulfilled(await way.do(open, stored)), plain);
    decrypting.push({ name: way.name, run: () => way.do(open, stored) });
  }

  const of = `${records.toLocaleString('en')} × ${attributes} of ${bytesLabel(bytes)}`;
  const floors = (name: string): string[] => [SHIPPED[name] as string, LEAN];
  return [
    ...(await alternate(
      effort,
      { table: ENCRYPTING, of, records, floors: [...floors(ENCRYPTING), LEAN_DRAWING] },
      encrypting,
    )),
    ...(await alternate(effort, { table: DECRYPTING, of, records, floors: floors(DECRYPTING) }, decrypting)),
  ];
}

/** The package reads them, and no two have one IV. */
async function assertSealed(
  outcomes: readonly Fulfilled[],
  plain: readonly Plain[],
  keyring: SynchronousKeyring,
): Promise<void> {
  const records = fulfilled([...outcomes]) as { readonly id: string; readonly email: string }[];
  assertSame(fulfilled(await decryptRecords(people, records, keyring)), plain);
  const ivs = records.map(({ email }) =>
    email.slice(TAG_CHARACTERS, TAG_CHARACTERS + SALT_AND_IV_CHARACTERS),
  );
  if (new Set(ivs).size !== records.length) throw new Error('Two cells have one IV.');
}

/** A prototype that verified nothing would be fast, too. */
async function assertRefusals({ ways }: Staff, tag: string, keyring: SynchronousKeyring): Promise<void> {
  const [one, other] = [1, 2].map((i) => sealed(plainRecord(i, ['email'], 64), keyring)) as [Plain, Plain];
  const cell = one['email'] as string;
  const altered = cell.slice(0, 100) + (cell[100] === 'A' ? 'B' : 'A') + cell.slice(101);
  const open = opening(people, ['email'], tag, 64);
  for (const bad of [
    { ...one, email: altered },
    { ...one, id: other.id },
  ]) {
    for (const way of ways) {
      const [outcome] = await Promise.allSettled([(async () => way.do(open, [bad]))()]);
      if (outcome?.status !== 'rejected') throw new Error(`${way.name} has opened what it must not.`);
    }
  }
}

function plainRecord(i: number, columns: readonly string[], bytes: number): Plain {
  const id = `8a1901e4-671b-431a-871c-${i.toString(16).padStart(12, '0')}`;
  const texts = columns.map((column) => [
    column,
    `${column}-${i}@`.padEnd(bytes - 12, 'x').concat('.example.org'),
  ]);
  return { ...Object.fromEntries(texts), id };
}

function sealed(plain: Plain, keyring: SynchronousKeyring): Plain {
  return encryptRecordSync(people, plain, keyring) as Plain;
}
