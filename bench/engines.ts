/** The engine that answers at once, and what the package has for it. */
import * as cellseal from 'cellseal';
import { syncEngine } from '../test/cells/sync-engine.js';

export const nodeEngine: cellseal.Engine = syncEngine();

/** The functions that give values instead of promises, as far as benchmarks call them. */
interface Synchronous {
  encryptCellSync(definition: object, attribute: string, value: string, id: object, keyring: object): string;
  decryptCellSync(definition: object, attribute: string, cell: string, id: object, keyring: object): string;
  encryptRecordSync(definition: object, record: object, keyring: object): object;
  decryptRecordSync(definition: object, row: object, keyring: object): object;
  lookupSync(definition: object, name: string, value: string, keyring: object): object;
}

/** `undefined` where the package has no such functions. */
export const synchronous: Synchronous | undefined =
  'encryptCellSync' in cellseal ? (cellseal as unknown as Synchronous) : undefined;
