import { type Table, table, text, uuid } from 'cellseal';
import { makePerson, people } from './people.js';
import { randomRecord } from './random-record.js';

/** A record or a row, by column. */
export type Row = Readonly<Record<string, unknown>>;

/** What the records are: plain, so that the child processes can be told. */
export interface Shape {
  readonly source: 'people' | 'csv';
  readonly id: string;
  readonly idType: 'uuid' | 'text';
  /** All of them, in their order. */
  readonly columns: readonly string[];
  readonly encrypt: readonly string[];
}

/** The records of a story, and what they are. */
export interface Records {
  readonly shape: Shape;
  /** One line that says where they come from. */
  readonly origin: string;
  readonly rows: readonly Row[];
  /** How a message names the record at this place: by its line, where it comes from a file. */
  nameOf(index: number): string;
}

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

/** Makes one more record of this shape, with an id of its own. */
export function anotherRecord(shape: Shape): Row {
  return shape.source === 'people' ? makePerson() : randomRecord(shape);
}

/** The id of a record: a text in all shapes. */
export function idOf(shape: Shape, row: Row): string {
  return String(row[shape.id]);
}
