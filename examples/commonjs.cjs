/**
 * From CommonJS: require() of an ES module works on Node 20.19 and later, without a flag.
 *
 *     npm run build && node examples/commonjs.cjs
 */
const { createKeyring, decryptRecord, encryptRecord, NotACellError, table, text, uuid } = require('cellseal');
const { memoryKeyring } = require('cellseal/memory');

const customers = table('customers', { record: uuid('id'), encrypt: { email: text() } });

async function main() {
  const keyring = await createKeyring(memoryKeyring(), { passphrase: 'only for this example' });
  const id = crypto.randomUUID();
  const row = await encryptRecord(customers, { id, email: 'jane@example.com' }, keyring);
  const { email } = await decryptRecord(customers, row, keyring);
  console.log('read:', email);

  // The classes are the same that `import` gives: there is one package, not one for each module system.
  const imported = await import('cellseal');
  await decryptRecord(customers, { id, email: 'jane@example.com' }, keyring).catch((error) => {
    if (!(error instanceof NotACellError)) throw error;
    console.log('plaintext:', error.code, error instanceof imported.NotACellError);
  });
}

main().catch((error) => {
  console.error(error);
  process.exitCode = 1;
});
