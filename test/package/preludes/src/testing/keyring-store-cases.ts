// What the author of a keyring store supplies to the suite; here of a store that has what it must.
import type { KeyringStoreSubject } from 'cellseal/conformance';
import { memoryKeyring } from 'cellseal/memory';

export { keyringStoreCases } from 'cellseal/conformance';
export { it } from './record-store-cases.js';

export async function open(): Promise<KeyringStoreSubject> {
  const { read, write } = memoryKeyring();
  return { store: { read, write } };
}
