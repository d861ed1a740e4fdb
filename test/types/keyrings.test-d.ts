/** Which keyrings the functions take whose names end in `Sync`. Checked by `tsc`; nothing here is run. */
import { nodeEngine } from '../../src/engine/node.js';
import {
  type Engine,
  type Keyring,
  type KeyringStore,
  type SynchronousEngine,
  type SynchronousKeyring,
  createKeyring,
  encryptCellSync,
  importKeyring,
  openKeyring,
  table,
  text,
} from '../../src/index.js';
import { testKeyring } from '../../src/testing/testing.js';
import { type Equal, holds } from './equal.js';

declare const store: KeyringStore;
declare const engine: Engine;
declare const perhaps: { readonly engine?: SynchronousEngine };
const rawKey = new Uint8Array(32);
const people = table('people', { record: text('id'), encrypt: { name: text() } });

export async function openedWithTheNodeEngine(): Promise<void> {
  const options = { rawKey, engine: nodeEngine() };
  const keyrings = [
    await createKeyring(store, options),
    await openKeyring(store, { ...options, maxStaleMs: 60_000 }),
    await importKeyring(store, store, options),
    await testKeyring({ engine: nodeEngine() }),
  ] as const;
  holds<Equal<(typeof keyrings)[number], SynchronousKeyring>>();
  const keyring: Keyring = keyrings[0];
  // @ts-expect-error it may be any
  encryptCellSync(people, 'name', 'Jane', { id: '1' }, keyring);
  encryptCellSync(people, 'name', 'Jane', { id: '1' }, keyrings[2]);
}

export async function openedOtherwise(): Promise<void> {
  const keyrings = [
    await openKeyring(store, { rawKey }),
    await openKeyring(store, { rawKey, engine }),
    await openKeyring(store, { rawKey, ...perhaps }),
    await importKeyring(store, store, { rawKey }),
    await importKeyring(store, store, { rawKey, engine }),
    await createKeyring(store, { rawKey, engine: nodeEngine() as Engine }),
    await testKeyring(),
  ] as const;
  holds<Equal<(typeof keyrings)[number], Keyring>>();
  // @ts-expect-error its engine answers with promises, perhaps
  encryptCellSync(people, 'name', 'Jane', { id: '1' }, keyrings[2]);
}
