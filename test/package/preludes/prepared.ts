// The application of installation.ts, prepared as docs/disaster.md says: a second slot, copies, a pin.
import { mkdir, writeFile } from 'node:fs/promises';
import { addSlot, describeKeyring, exportKeyring } from 'cellseal';
import { db, keyring, passphrase } from './installation.js';

export {
  addCustomer,
  customers,
  db,
  everything,
  keyring,
  passphrase,
  readCustomers,
  records,
} from './installation.js';

export const spare = 'the one in the safe';
const current = { passphrase };
await addSlot(keyring, { current, passphrase: spare, label: 'safe', iterations: 1_000 });
const copy = await exportKeyring(keyring, { passphrase: spare, label: 'export', iterations: 1_000 });
await mkdir('backup');
await writeFile('backup/keyring.export', copy);
db.exec("VACUUM INTO 'backup/app.db'");
export const { pin } = describeKeyring(keyring);
