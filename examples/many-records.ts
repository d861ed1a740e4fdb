/**
 * Many records at once: an outcome for each, so that one bad row neither hides the good ones nor gets lost among them.
 *
 *     npx tsx examples/many-records.ts
 */
import {
  CellsealError,
  createKeyring,
  decryptRecords,
  encryptEach,
  encryptRecords,
  integer,
  table,
  text,
} from 'cellseal';
import { memoryKeyring } from 'cellseal/memory';

const accounts = table('accounts', { record: integer('no'), encrypt: { iban: text(), visits: integer() } });
const keyring = await createKeyring(memoryKeyring(), { passphrase: 'only for this example' });

const people = Array.from({ length: 1_000 }, (_, no) => ({
  no,
  iban: `DE${no}`,
  visits: no === 700 ? 0.5 : no,
}));

// `concurrency` bounds what is under way at once. The outcomes come in the records' order.
const sealed = await encryptRecords(accounts, people, keyring, { concurrency: 64 });
const rows = sealed.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []));
console.log(`encrypted: ${rows.length} of ${people.length}`);
report(sealed);

// Somebody wrote past cellseal: plaintext in one row, one row's cell copied into another.
const stored = rows.map((row) => ({ ...row, iban: row.iban as string }));
const [first, second, third] = stored;
if (first && second && third) {
  second.iban = 'DE00';
  third.iban = first.iban;
}

const opened = await decryptRecords(accounts, stored, keyring);
console.log(`decrypted: ${opened.filter(({ status }) => status === 'fulfilled').length} of ${stored.length}`);
report(opened);

// As many as you like: a cursor or a file is read no further ahead than `concurrency` records, and closed at the end.
async function* manyMore() {
  for (let no = 0; no < 10_000; no++) yield { no, iban: `DE${no}`, visits: no };
}
let written = 0;
for await (const outcome of encryptEach(accounts, manyMore(), keyring, { concurrency: 64 })) {
  if (outcome.status === 'rejected') throw outcome.reason;
  written++; // INSERT outcome.value
}
console.log(`one after another: ${written}`);

/** What to do with a failure depends on its code. What is no error of cellseal is a fault of the program: it is thrown. */
function report(outcomes: readonly PromiseSettledResult<unknown>[]): void {
  outcomes.forEach((outcome, i) => {
    if (outcome.status === 'fulfilled') return;
    if (!(outcome.reason instanceof CellsealError)) throw outcome.reason;
    console.log(`  record at ${i}: ${outcome.reason.code} (${outcome.reason.column})`);
  });
}
