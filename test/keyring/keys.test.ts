/** Keys as they are listed and added. */
import { describe, expect, it } from 'vitest';
import { activateKey, addKey, listKeys, openedOf } from '../../src/keyring/index.js';
import { knownKeyring, reopened } from './support.js';

describe('listKeys', () => {
  it('hands out a copy of a tenant of bytes, so that nobody changes the document through it', async () => {
    const known = await knownKeyring();
    const { keyring } = known;
    const keyId = await addKey(keyring, { tenant: Uint8Array.of(1, 2, 3) });
    const listed = listKeys(keyring).find((key) => key.keyId === keyId)?.tenant as Uint8Array;
    listed.fill(9);
    await activateKey(keyring, keyId);
    const again = openedOf(await reopened(known));
    expect(await again.openingKey(keyId, Uint8Array.of(1, 2, 3), {})).toMatchObject({ keyId });
  });
});

describe('addKey', () => {
  it('takes the tenant as it was when it was called', async () => {
    const { keyring } = await knownKeyring();
    const tenant = Uint8Array.of(1, 2, 3);
    const adding = addKey(keyring, { tenant });
    tenant.fill(9);
    const keyId = await adding;
    expect(listKeys(keyring).find((key) => key.keyId === keyId)?.tenant).toEqual(Uint8Array.of(1, 2, 3));
  });
});
