// What the author of a keyring store supplies to the suite; here over the store that is in memory.
import type { KeyringStoreSubject } from 'cellseal/conformance';
import { memoryKeyring } from 'cellseal/memory';

export { keyringStoreCases } from 'cellseal/conformance';
export { it } from './record-store-cases.js';

export async function open(): Promise<KeyringStoreSubject> {
  return { store: memoryKeyring() };
}
