import { randomInt, randomUUID } from 'node:crypto';
import { makePerson } from './invented-people.js';
import type { Row, Shape } from './records.js';

const WORDS = ['sail', 'κύμα', '海', 'берег', 'بحر', 'Öl', '', '"quoted"', '🌊'];

/** Makes one more record of this shape, with an id of its own. */
export function anotherRecord(shape: Shape): Row {
  return shape.source === 'people' ? makePerson() : randomRecord(shape);
}

/** For a table that the user brought, any text will do in the columns that are encrypted. */
function randomRecord({ id, columns, encrypt }: Shape): Row {
  return Object.fromEntries(
    columns.map((column) => {
      if (column === id) return [column, randomUUID()];
      return [column, encrypt.includes(column) ? randomText() : ''];
    }),
  );
}

function randomText(): string {
  return Array.from({ length: randomInt(4) }, () => WORDS[randomInt(WORDS.length)]).join(' ');
}
