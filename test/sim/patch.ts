/** What a process writes of a record: whole, or a patch, with the tokens of what is in it. */
import { type Keyring, encryptRecord } from '../../src/index.js';
import type { Change } from './database.js';
import { type Cell, type Token, type definitionOf, idOf } from './tables.js';

type Definition = ReturnType<typeof definitionOf>;

/** All cells of a record. */
export function everyCell({ layout }: Definition): readonly number[] {
  return layout.cells.map((_, cell) => cell);
}

/** The cells that are written together with one: those of a compound index. */
export function cellsWith({ layout }: Definition, cell: number): readonly number[] {
  const over = (layout.tokens ?? []).filter(({ cells }) => cells.includes(cell));
  return [...new Set([cell, ...over.flatMap(({ cells }) => cells)])].sort();
}

/** The columns of tokens that are made from one of these cells. */
export function tokensOver({ layout }: Definition, written: readonly number[]): readonly number[] {
  const columns = [...(layout.tokens ?? []).entries()];
  return columns.filter(([, { cells }]) => cells.some((cell) => written.includes(cell))).map(([i]) => i);
}

/** Encrypts values for some cells of a record, and makes the tokens that go with them. */
export async function sealPatch(
  definition: Definition,
  key: number,
  cells: readonly number[],
  values: readonly (string | null)[],
  keyring: Keyring,
): Promise<Change> {
  const names = cells.map((cell) => definition.layout.cells[cell]?.attribute as string);
  const patch = {
    ...idOf(definition, key),
    ...Object.fromEntries(names.map((name, i) => [name, values[i]])),
  };
  const sealed: Record<string, unknown> = await encryptRecord(definition, patch as never, keyring);
  return {
    cells: cells.map((cell, i) => ({
      cell,
      fresh: sealed[names[i] as string] as Cell,
      truth: values[i] as string | null,
    })),
    tokens: tokensOver(definition, cells).map((token) => ({
      token,
      fresh: sealed[definition.layout.tokens?.[token]?.index as string] as Token,
    })),
  };
}
