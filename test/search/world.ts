/** What a run of look-ups is about: people with an e-mail address, one column with cells, one with tokens, one in the clear to compare with. */
import { integer, schema, table, text } from '../../src/index.js';

export const people = table('people', {
  from: 'cellseal_search_people',
  record: integer('id'),
  encrypt: { email: text({ index: { bits: 32, transform: 'email-1', column: 'email_token' } }) },
});
export const everything = schema([people]);

export const RAW_KEY = new Uint8Array(32).fill(21);

/** One in twenty shares its address with somebody. */
export function emailOf(id: number, version = 0): string {
  const owner = id % 20 === 0 ? id - 1 : id;
  return version === 0 ? `Person-${owner}@example.org` : `person-${owner}.v${version}@example.org`;
}
