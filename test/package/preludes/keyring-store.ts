// What the author of a keyring store supplies to the suite; here over the one that is in memory.
import type { KeyringStoreSubject } from 'cellseal/conformance';
import { memoryKeyring } from 'cellseal/memory';

export async function open(): Promise<KeyringStoreSubject> {
  return { store: memoryKeyring() };
}
