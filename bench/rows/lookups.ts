/** Tokens that a database is asked for. */
import { createSecretKey, randomBytes, webcrypto } from 'node:crypto';
import { lookup, table, text, uuid } from 'cellseal';
import { cycle, nodeKeyring, webCryptoKeyring } from '../coders.js';
import { synchronous } from '../engines.js';
import { tokenWithNode, tokenWithSubtle } from '../floors.js';
import { type Effort, measure } from '../measure.js';
import { LOOKUP, NODE_ENGINE, NODE_FLOOR, NODE_SYNC, SUBTLE_FLOOR, WEBCRYPTO } from '../names.js';
import type { Row } from '../report.js';

const indexed = table('indexed', {
  record: uuid('id'),
  encrypt: { email: text({ index: { bits: 256, transform: 'email-1' } }) },
});

export async function lookupRows(effort: Effort): Promise<Row[]> {
  const bytes = randomBytes(32);
  const nodeKey = createSecretKey(bytes);
  const algorithm = { name: 'HMAC', hash: 'SHA-256' };
  const subtleKey = await webcrypto.subtle.importKey('raw', bytes, algorithm, false, ['sign']);
  const next = cycle(Array.from({ length: 64 }, (_, i) => `Jane.Doe-${i}@example.org`));
  const functions = synchronous;
  return measure(effort, { table: LOOKUP, of: 'one address' }, [
    { name: NODE_FLOOR, call: () => tokenWithNode(nodeKey, next()) },
    { name: SUBTLE_FLOOR, call: () => tokenWithSubtle(subtleKey, next()) },
    ...(functions
      ? [
          {
            name: NODE_SYNC,
            floor: NODE_FLOOR,
            call: () => functions.lookupSync(indexed, 'email', next(), nodeKeyring),
          },
        ]
      : []),
    { name: NODE_ENGINE, floor: NODE_FLOOR, call: () => lookup(indexed, 'email', next(), nodeKeyring) },
    { name: WEBCRYPTO, floor: SUBTLE_FLOOR, call: () => lookup(indexed, 'email', next(), webCryptoKeyring) },
  ]);
}
