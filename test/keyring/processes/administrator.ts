/** A process with a keyring of its own, that does what it is told by messages: `fork(administrator.ts)`. */
import {
  type Keyring,
  activateKey,
  addKey,
  createKeyring,
  listKeys,
  openKeyring,
} from '../../../src/index.js';
import { fileKeyring } from '../../../src/store/file-keyring.js';

/** What to do, and not before when (milliseconds since 1970), so that several do it at once. */
export interface Order {
  readonly at: number;
  readonly folder: string;
  readonly rawKey: string;
  readonly act: 'create' | 'open' | 'add' | 'activate' | 'list';
  readonly keyId?: string;
}

/** What came of it. */
export type Report = { readonly done: unknown } | { readonly failed: unknown };

const ITERATIONS = 1000;
let keyring: Keyring | undefined;

async function obey({ act, folder, rawKey, keyId = '' }: Order): Promise<unknown> {
  const store = fileKeyring(folder);
  const unlock = { rawKey: Uint8Array.from(Buffer.from(rawKey, 'hex')) };
  if (act === 'create') {
    keyring = await createKeyring(store, { ...unlock, iterations: ITERATIONS });
    return keyring.id;
  }
  if (act === 'open') {
    keyring = await openKeyring(store, unlock);
    return keyring.id;
  }
  if (!keyring) throw new Error('open first');
  if (act === 'add') return addKey(keyring);
  if (act === 'activate') return activateKey(keyring, keyId);
  return listKeys(keyring).map((key) => key.keyId);
}

process.on('message', (order: Order) => {
  while (Date.now() < order.at); // a timer would wake the processes one after the other
  void obey(order)
    .then(
      (done): Report => ({ done }),
      (error: unknown): Report => ({ failed: (error as { code?: unknown }).code ?? String(error) }),
    )
    .then((report) => process.send?.(report));
});
process.send?.({ done: 'ready' } satisfies Report);
