import { date, json, table, text, uuid } from 'cellseal';
import type { Shape } from './records.js';

/** What is encrypted of a person. `plan` and `language` pass through as they are. */
export const people = table('people', {
  record: uuid('id'),
  encrypt: {
    name: text(),
    email: text(),
    phone: text(),
    card: text(),
    born: date(),
    notes: json({ pad: 256 }),
  },
});

export const PEOPLE: Shape = {
  source: 'people',
  id: 'id',
  idType: 'uuid',
  columns: ['id', 'plan', 'language', ...Object.keys(people.encrypt)],
  encrypt: Object.keys(people.encrypt),
};
