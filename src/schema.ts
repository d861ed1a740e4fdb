import { DefinitionError } from './errors.js';
import type { Table } from './table.js';

/** Every table whose cells are under one keyring: what a rotation sweeps and a census counts. */
export interface Schema {
  /** In the order in which they are swept. */
  readonly tables: readonly Table[];
}

/**
 * Lists the tables of a keyring. All of them: a table that is missing here is neither rotated nor counted, and a census
 * without it would let a key be suspended that its cells still need.
 *
 * @throws DefinitionError where it is empty, or two tables have one name, or share a column in the database.
 */
export function schema(tables: readonly Table[]): Schema {
  if (tables.length === 0) throw new DefinitionError('A schema has at least one table.');
  const names = new Set<string>();
  const columns = new Set<string>();
  for (const { name, layout } of tables) {
    if (names.has(name)) throw new DefinitionError('Two tables have one name.', { table: name });
    names.add(name);
    for (const { column } of [...layout.cells, ...(layout.tokens ?? [])]) {
      const place = JSON.stringify([...layout.from, column]);
      if (columns.has(place))
        throw new DefinitionError('Two tables use one column of the database.', { table: name, column });
      columns.add(place);
    }
  }
  return Object.freeze({ tables: Object.freeze([...tables]) });
}
