import { isWellFormed } from '../../bytes.js';
import { DefinitionError } from '../../errors.js';
import type { CellForm } from '../../ports/record-store.js';

/** A column of cells or tokens, and what a fence thinks of the tags that they begin with. */
export interface FencedCell {
  /** The name in the database. */
  readonly column: string;
  readonly form: CellForm;
  /** What is refused: whatever has none of these tags, or, while plaintext is adopted, only what has one of them. */
  readonly refuses: 'others' | 'these';
  /** Tags as they stand in the column, all of one length: text, or bytes in hexadecimal. */
  readonly tags: readonly string[];
  /** Their characters, or bytes. */
  readonly tagLength: number;
  /** Characters, or bytes, of the shortest value that passes. */
  readonly shortest: number;
}

/** A table of the database, whatever the number of definitions that have cells in it. */
export interface FencedTable {
  readonly from: readonly string[];
  /** What its triggers are called, but for their endings: ASCII, the same for every fence of this table. */
  readonly name: string;
  readonly cells: readonly FencedCell[];
}

/** Statements, one each, in the order in which they are run. */
export interface FenceSql {
  /** Raises the fence, or puts it in place of an earlier one. */
  readonly up: string[];
  /** Removes it; harmless where there is none. */
  readonly down: string[];
}

/** A database's way to say it: the parts of a fence over several tables. */
export interface FenceWriter {
  /** How long a table's path may be. */
  readonly maxParts: number;
  /** The path by which two definitions are known to name one table. */
  normalPath(from: readonly string[]): readonly string[];
  write(tables: readonly FencedTable[], lockTimeoutMs: number): FenceSql;
}

/** An identifier between these marks, which are doubled inside. */
export function quoted(mark: '"' | '`', identifier: string): string {
  if (identifier.includes('\0') || !isWellFormed(identifier))
    throw new DefinitionError('A name in the database is well-formed text without a NUL character.');
  return `${mark}${identifier.replaceAll(mark, mark + mark)}${mark}`;
}

/** The last part of a path: the table's own name. */
export function ownName(from: readonly string[]): string {
  return from.at(-1) as string;
}
