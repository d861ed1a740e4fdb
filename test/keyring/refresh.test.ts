/** Reading the keyring again: what is newer is taken over, what is older or another one is refused. */
import { describe, expect, it } from 'vitest';
import { KeyringDamagedError } from '../../src/errors.js';
import { refreshKeyring } from '../../src/keyring/index.js';
import { knownKeyring, settableStore, stored } from './support.js';

describe('refreshKeyring', () => {
  it('refuses the document that it knows under a revision that is not its own', async () => {
    const store = settableStore();
    const { keyring } = await knownKeyring(undefined, store);
    const { document } = await stored(store);
    store.set({ revision: 2, document });
    await expect(refreshKeyring(keyring)).rejects.toBeInstanceOf(KeyringDamagedError);
    store.set({ revision: 1, document });
    await refreshKeyring(keyring);
  });
});
