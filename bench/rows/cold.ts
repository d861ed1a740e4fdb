/** Cells of many writers, each under a salt of its own, whose keys are all derived anew. */
import { webcrypto } from 'node:crypto';
import { type Keyring, decryptRecords, encryptRecord } from 'cellseal';
import { itemsOf, nodeKey, openWithNodeEngine, openWithWebCrypto, people } from '../coders.js';
import {
  atOnce,
  deriveWithNode,
  deriveWithSubtle,
  openWithNode,
  openWithSubtle,
  sealWithNode,
} from '../floors.js';
import { type Effort, measure } from '../measure.js';
import { COLD, NODE_ENGINE, NODE_FLOOR, SUBTLE_FLOOR, WEBCRYPTO } from '../names.js';
import { fulfilled } from '../outcomes.js';
import type { Row } from '../report.js';

const CONCURRENCY = 64;

export async function coldRows(effort: Effort, count: number): Promise<Row[]> {
  const items = itemsOf(64, count);
  const subtleKey = await webcrypto.subtle.importKey('raw', nodeKey.export(), 'HKDF', false, ['deriveKey']);
  const sealed = items.map(({ value, place }) => {
    const salt = webcrypto.getRandomValues(new Uint8Array(8));
    return { cell: sealWithNode(deriveWithNode(nodeKey, salt), value, place), salt, place };
  });
  const stored: object[] = [];
  // A keyring that is opened anew draws a salt of its own.
  for (const { id, value } of items)
    stored.push(await encryptRecord(people, { id, email: value }, await openWithNodeEngine()));

  fulfilled(await decryptRecords(people, stored as never[], await openWithNodeEngine()));
  let fresh: Keyring;
  const decrypting = (name: string, floor: string, open: () => Promise<Keyring>) => ({
    name,
    floor,
    before: async () => {
      fresh = await open();
    },
    call: () => decryptRecords(people, stored as never[], fresh, { concurrency: CONCURRENCY }),
  });
  const nothing = () => undefined;
  return measure(effort, { table: COLD, of: `${count.toLocaleString('en')} cells`, operations: count }, [
    {
      name: NODE_FLOOR,
      before: nothing,
      call: () =>
        sealed.map(({ cell, salt, place }) => openWithNode(deriveWithNode(nodeKey, salt), cell, place)),
    },
    {
      name: SUBTLE_FLOOR,
      before: nothing,
      call: () =>
        atOnce(CONCURRENCY, sealed, async ({ cell, salt, place }) =>
          openWithSubtle(await deriveWithSubtle(subtleKey, salt), cell, place),
        ),
    },
    decrypting(NODE_ENGINE, NODE_FLOOR, openWithNodeEngine),
    decrypting(WEBCRYPTO, SUBTLE_FLOOR, openWithWebCrypto),
  ]);
}
