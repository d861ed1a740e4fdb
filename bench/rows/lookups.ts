/** Tokens that a database is asked for. */
import { createSecretKey, randomBytes, webcrypto } from 'node:crypto';
import { lookup, lookupSync, table, text, uuid } from 'cellseal';
import { besideFloors, cycle, nodeKeyring } from '../coders.js';
import { tokenWithNode, tokenWithSubtle } from '../floors.js';
import { type Effort, measure } from '../measure.js';
import { LOOKUP } from '../names.js';
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
  return measure(
    effort,
    { table: LOOKUP, of: 'one address' },
    besideFloors({
      node: () => tokenWithNode(nodeKey, next()),
      subtle: () => tokenWithSubtle(subtleKey, next()),
      cellseal: (keyring) => lookup(indexed, 'email', next(), keyring),
      synchronously: () => lookupSync(indexed, 'email', next(), nodeKeyring),
    }),
  );
}
