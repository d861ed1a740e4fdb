/** What is kept of a context is kept for one column and one binding, whatever the names are. */
import { expect, it } from 'vitest';
import { decryptCell, encryptCell, integer, table, text } from '../../src/index.js';
import { newKeyring } from './support.js';

it('is the same in a definition that was used in another order', async () => {
  const define = () =>
    table('people', { record: integer('id'), encrypt: { a: text(), 'a\0': text({ bind: 'column' }) } });
  const keyring = await newKeyring();
  const [first, other] = [define(), define()];
  await encryptCell(first, 'a', 'x', { id: 1 }, keyring);
  const cell = await encryptCell(first, 'a\0', 'y', {}, keyring);
  expect(await decryptCell(other, 'a\0', cell, {}, keyring)).toBe('y');
});
