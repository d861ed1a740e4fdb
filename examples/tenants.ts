/**
 * Several tenants in one table, each with a key of its own: a cell of one is refused for the other, also by its key.
 *
 *     npx tsx examples/tenants.ts
 */
import {
  AuthenticationError,
  KeyOfAnotherTenantError,
  activateKey,
  addKey,
  createKeyring,
  decryptRecord,
  encryptRecord,
  integer,
  listKeys,
  table,
  tenantOf,
  text,
} from 'cellseal';
import { memoryKeyring } from 'cellseal/memory';

const invoices = table('invoices', {
  record: integer('no'),
  tenant: text('tenant_id'), // where a rotation finds the tenant of a record
  encrypt: { iban: text() },
});

const keyring = await createKeyring(memoryKeyring(), { passphrase: 'only for this example' });
for (const name of ['acme', 'globex']) {
  const tenant = tenantOf(invoices, name); // of the type that the definition declares
  await activateKey(keyring, await addKey(keyring, { tenant }));
}
const owners = listKeys(keyring).filter(({ kind, state }) => kind === 'data' && state === 'active');
console.log('data keys:', owners.map(({ tenant }) => tenant ?? 'shared').join(', '));

// The tenant comes from whoever is signed in, never from the row: a row is what an attacker may have changed.
const session = { tenant: 'acme' };
const row = await encryptRecord(
  invoices,
  { no: 7, tenant_id: session.tenant, iban: 'DE02' },
  keyring,
  session,
);
const invoice = await decryptRecord(invoices, row, keyring, session);
console.log('acme reads:', invoice.iban);

try {
  await decryptRecord(invoices, row, keyring, { tenant: 'globex' });
} catch (error) {
  if (!(error instanceof KeyOfAnotherTenantError)) throw error;
  console.log('globex asks for it:', error.code);
}

// Tenants without a key of their own share one. Their cells are still bound to the tenant.
const shared = await encryptRecord(invoices, { no: 8, iban: 'DE03' }, keyring, { tenant: 'initech' });
try {
  await decryptRecord(invoices, shared, keyring, { tenant: 'umbrella' });
} catch (error) {
  if (!(error instanceof AuthenticationError)) throw error;
  console.log('umbrella asks for what is of initech:', error.code);
}
