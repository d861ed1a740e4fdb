// An open keyring, as every start of an application leaves it.
import { createKeyring } from 'cellseal';
import { memoryKeyring } from 'cellseal/memory';

export const keyring = await createKeyring(memoryKeyring(), {
  passphrase: 'only for the documents',
  iterations: 1_000,
});
