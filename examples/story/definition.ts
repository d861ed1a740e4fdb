import { type Table, table, text, uuid } from 'cellseal';
import { people } from './people.js';
import type { Shape } from './records.js';

/** The library's highest limit: nobody knows what the user's columns hold. */
const MAX_VALUE_BYTES = 16 * 2 ** 20;

/** The table's definition: what is encrypted, how, and what it is bound to. */
export function definitionOf(shape: Shape): Table {
  if (shape.source === 'people') return people;
  return table('records', {
    record: shape.idType === 'uuid' ? uuid(shape.id) : text(shape.id),
    encrypt: Object.fromEntries(shape.encrypt.map((column) => [column, text({ maxBytes: MAX_VALUE_BYTES })])),
  });
}
