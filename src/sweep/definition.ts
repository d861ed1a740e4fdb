import { StoreUnfitError } from '../errors.js';
import type { RecordStore } from '../ports/record-store.js';
import type { Schema } from '../schema.js';
import type { Table } from '../table.js';

/** Refuses a store that would not see the plaintext, the former ids or the tokens that the definitions speak of. */
export function assertHeeds({ tables }: Schema, { abilities }: RecordStore): void {
  const indexed = tables.find(({ indexes }) => indexes.length > 0);
  if (indexed && abilities.tokens !== true)
    throw new StoreUnfitError('The store knows nothing of the tokens of blind indexes.', {
      table: indexed.name,
    });
  if (abilities.adopting === true) return;
  const table = tables.find(
    ({ layout }) => layout.formerKey ?? layout.cells.some(({ adopting }) => adopting),
  );
  if (!table) return;
  throw new StoreUnfitError('The store neither adopts plaintext nor reads former record ids.', {
    table: table.name,
  });
}

/** What of a table a checkpoint is good for. A table that is neither adopting nor rebinding says its name and layout. */
export function sweepScope({ name, layout, encrypt, indexes, rebinding }: Table): readonly unknown[] {
  const newer = Object.values(encrypt).map(({ adopting }) => adopting?.newer ?? null);
  const former = rebinding && [
    rebinding.definition.name,
    rebinding.definition.layout,
    rebinding.columns,
    Object.values(rebinding.definition.encrypt).map(({ bind }) => bind ?? rebinding.definition.bind),
  ];
  const made = indexes.map(({ bits, generation, isFilling, nextGeneration, transform }) => [
    transform.name,
    bits,
    generation,
    nextGeneration,
    isFilling,
  ]);
  const isPlain = newer.every((one) => one === null) && !former && made.length === 0;
  return isPlain ? [name, layout] : [name, layout, newer, former ?? null, made];
}
