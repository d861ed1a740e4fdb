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

/** The id of a record: a text in all shapes. */
export function idOf(shape: Shape, row: Row): string {
  return String(row[shape.id]);
}
